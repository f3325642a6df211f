/* policy_lint: who may send, what must be there before it leaves, and blocks
 * that stand in the light of others. */
#include "core/policy_lint_part.h"

#include "core/domain.h"

#include <stdio.h>
#include <string.h>

static void
add(const struct gp_lint *l, enum gp_light light, const char *topic,
    const struct gp_policy *block, const char *what)
{
	gp_findings_add(l->out, light, topic, block->domain, "%s", what);
}

/* -- senders -------------------------------------------------------------- */

#define SENDERS "domain/senders"

static void
lint_nobody(const struct gp_lint *l, const struct gp_policy *block)
{
	const struct gp_senders_policy *s = &block->senders;

	if (s->auth.n > 0 || s->clients.n > 0 || s->own_address)
		return;
	if (s->otherwise == GP_ELSE_UNSIGNED)
		add(l, GP_YELLOW, "senders", block,
		    "senders names nobody: no mail is signed");
	else
		add(l, GP_RED, "senders", block,
		    "senders names nobody: all mail is refused");
	gp_lint_where(l, gp_policy_where(block, SENDERS, "else"));
	gp_findings_remedy(l->out,
	    "senders { auth = { \"LOGIN\" } clients = { \"ADDRESS\" } }, or no "
	    "senders section");
}

static bool
is_within(const struct gp_prefix *p, const struct gp_prefixes *nets)
{
	for (size_t i = 0; i < nets->n; i++)
		if (p->bits >= nets->v[i].bits &&
		    gp_prefix_has(&nets->v[i], &p->ip))
			return true;
	return false;
}

static const char *
prefix_text(const struct gp_prefix *p, char *out, size_t room)
{
	char ip[GP_IP_TEXT];
	const unsigned all = p->ip.family == GP_IP_V4 ? 32 : 128;

	(void)gp_ip_format(&p->ip, ip);
	if (p->bits == all)
		(void)snprintf(out, room, "%s", ip);
	else
		(void)snprintf(out, room, "%s/%u", ip, (unsigned)p->bits);
	return out;
}

/* Mail of a client that is not trusted comes in: it is never signed. */
static void
lint_clients(const struct gp_lint *l, const struct gp_policy *block)
{
	const struct gp_prefixes *clients = &block->senders.clients;
	char text[GP_IP_TEXT + 8];

	for (size_t i = 0; i < clients->n; i++) {
		const struct gp_prefix *p = &clients->v[i];

		(void)prefix_text(p, text, sizeof(text));
		if (p->bits == 0) {
			add(l, GP_RED, "senders", block,
			    "senders.clients has every address");
			gp_findings_remedy(l->out,
			    "the addresses of your own hosts");
		} else if (!is_within(p, &l->globals->trust.clients)) {
			gp_findings_add(l->out, GP_YELLOW, "senders",
			    block->domain,
			    "%s is not in trust.clients: without a login its "
			    "mail is taken for inbound, and not signed, unless "
			    "it comes through a listener of trust.listeners",
			    text);
			gp_findings_remedy(l->out,
			    "trust { clients = { ..., \"%s\" } }", text);
		} else {
			continue;
		}
		gp_lint_where(l, gp_policy_where(block, SENDERS, "clients"));
	}
}

/* What stands behind the last "@"; empty: there is none. */
static struct gp_str
domain_of(const char *text)
{
	const char *at = strrchr(text, '@');

	return gp_str(at == NULL ? NULL : at + 1);
}

static bool
is_ours(const struct gp_policy *block, struct gp_str domain)
{
	char name[GP_DOMAIN_TEXT];

	if (gp_domain_normalize(domain, name, NULL) != GP_OK)
		return false;
	return strcmp(name, block->domain) == 0 ||
	       (block->subdomains && gp_domain_is_below(name, block->domain));
}

static bool
has_alias(const struct gp_policy *block, const char *login)
{
	const struct gp_aliases *aliases = &block->senders.aliases;

	for (size_t i = 0; i < aliases->n; i++)
		if (gp_str_eq_nocase(gp_str(aliases->v[i].login),
			gp_str(login)) &&
		    is_ours(block, domain_of(aliases->v[i].address)))
			return true;
	return false;
}

/* With own-address a login needs an address of the block. */
static void
lint_own_address(const struct gp_lint *l, const struct gp_policy *block)
{
	const struct gp_senders_policy *s = &block->senders;

	for (size_t i = 0; s->own_address && i < s->auth.n; i++) {
		const char *login = s->auth.v[i];

		if (strcmp(login, "*") == 0 ||
		    is_ours(block, domain_of(login)) || has_alias(block, login))
			continue;
		gp_findings_add(l->out, GP_YELLOW, "senders", block->domain,
		    "login \"%s\" has no address of this domain, and with "
		    "own-address may use no other",
		    login);
		gp_lint_where(l, gp_policy_where(block, SENDERS, "auth"));
		gp_findings_remedy(l->out, "aliases = { \"%s=LOCAL@%s\" }",
		    login, block->domain);
	}
	for (size_t i = 0; i < s->aliases.n; i++) {
		const struct gp_alias *a = &s->aliases.v[i];

		if (s->own_address && is_ours(block, domain_of(a->address)))
			continue;
		gp_findings_add(l->out, GP_YELLOW, "senders", block->domain,
		    "alias \"%s=%s\" does nothing: %s", a->login, a->address,
		    s->own_address ? "its address is of another domain"
				   : "own-address = no");
		gp_lint_where(l, gp_policy_where(block, SENDERS, "aliases"));
		gp_findings_remedy(l->out,
		    s->own_address ? "write it into the block of that domain"
				   : "own-address = yes, or take it out");
	}
}

/* Others are closed, and this one is open to all their logins. */
static void
lint_open(const struct gp_lint *l, const struct gp_policy *block)
{
	const struct gp_policy *closed = NULL;

	for (size_t i = 0; i < l->n_blocks && closed == NULL; i++)
		if (l->blocks[i].senders.given && gp_lint_signs(&l->blocks[i]))
			closed = &l->blocks[i];
	if (closed == NULL || !gp_lint_signs(block))
		return;
	gp_findings_add(l->out, GP_YELLOW, "senders", block->domain,
	    "everybody who may send at all is signed for here, also the "
	    "senders of %s",
	    closed->domain);
	gp_lint_where(l, block->origin);
	gp_findings_remedy(l->out,
	    "senders { auth = { \"LOGIN\" } clients = { \"ADDRESS\" } } in "
	    "this block");
}

void
gp_lint_senders(const struct gp_lint *l, const struct gp_policy *block)
{
	if (!block->senders.given) {
		lint_open(l, block);
		return;
	}
	lint_nobody(l, block);
	lint_clients(l, block);
	lint_own_address(l, block);
}

/* -- preflight ------------------------------------------------------------ */

static bool requires(const struct gp_policy *block, enum gp_preflight_need need)
{
	const struct gp_preflight_needs *all = &block->preflight.require;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i] == need)
			return true;
	return false;
}

/* What is refused now; in monitor mode it is what would be. */
static enum gp_light
refusal(const struct gp_preflight_policy *p)
{
	return p->mode == GP_ENFORCE && p->otherwise != GP_DO_TAG ? GP_RED
	                                                          : GP_YELLOW;
}

void
gp_lint_preflight(const struct gp_lint *l, const struct gp_policy *block)
{
	const struct gp_preflight_policy *p = &block->preflight;
	const struct gp_origin at =
	    gp_policy_where(block, "domain/preflight", "require");

	if (!p->given)
		return;
	if (!gp_lint_signs(block) && (requires(block, GP_NEED_ALIGNED_DKIM) ||
					 requires(block, GP_NEED_ONE_CLICK))) {
		add(l, refusal(p), "preflight", block,
		    "preflight requires a signature, and this block has no key "
		    "that signs");
		gp_lint_where(l, at);
		gp_findings_remedy(l->out,
		    "a key in this block, or `require` without aligned-dkim "
		    "and list-unsubscribe-oneclick");
	}
	if (p->egress.n == 0 && requires(block, GP_NEED_ALIGNED_SPF)) {
		add(l, GP_YELLOW, "preflight", block,
		    "no egress address is known: whether SPF passes is not "
		    "looked at");
		gp_lint_where(l, at);
		gp_findings_remedy(l->out, "egress = { \"ADDRESS\" }");
	}
	if (block->mail_class == GP_CLASS_BULK &&
	    !requires(block, GP_NEED_ONE_CLICK)) {
		add(l, GP_YELLOW, "preflight", block,
		    "bulk mail without one-click unsubscription, which the "
		    "large receivers demand, is not found");
		gp_lint_where(l, at);
		gp_findings_remedy(l->out,
		    "\"list-unsubscribe-oneclick\" in `require`");
	}
}

/* -- shadows -------------------------------------------------------------- */

/* The nearest block above whose `subdomains = yes` this one ends. */
static const struct gp_policy *
shadowed(const struct gp_lint *l, const struct gp_policy *block)
{
	const char *above = gp_domain_parent(block->domain);
	const struct gp_policy *p;

	if (above == NULL)
		return NULL;
	p = gp_policy_for(l->with->config, above);
	return p->domain != NULL && p->subdomains ? p : NULL;
}

void
gp_lint_shadow(const struct gp_lint *l, const struct gp_policy *block)
{
	const struct gp_policy *above = shadowed(l, block);

	if (above == NULL || gp_lint_signs(block) || !gp_lint_signs(above) ||
	    block->n_keys > 0)
		return;
	gp_findings_add(l->out, GP_YELLOW, "key", block->domain,
	    "mail from here leaves unsigned: the keys of %s, with subdomains = "
	    "yes, do not hold for a name that has a block of its own",
	    above->domain);
	gp_lint_where(l, block->origin);
	gp_findings_remedy(l->out, "gatepost key new %s", block->domain);
}
