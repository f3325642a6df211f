/* See senders.h. */
#include "core/senders.h"

#include "core/domain.h"

#include <string.h>

static const char not_in_auth[] = "login not listed in senders.auth";
static const char not_in_clients[] = "client not listed in senders.clients";
static const char not_own_address[] = "login may use its own address only";

/* -- logins ------------------------------------------------------------ */

/* LOCAL or LOCAL@DOMAIN */
struct login {
	struct gp_str local;
	struct gp_str domain; /* p is NULL when there is no "@" */
};

static struct login
split_at_last(struct gp_str s)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == '@')
			return (struct login){ gp_str_n(s.p, i - 1),
				gp_str_n(s.p + i, s.n - i) };
	return (struct login){ .local = s };
}

/* A "+" at the beginning is that of a telephone number and no tag. */
static struct gp_str
without_tag(struct gp_str local)
{
	for (size_t i = 1; i < local.n; i++)
		if (local.p[i] == '+')
			return gp_str_n(local.p, i);
	return local;
}

static struct login
read_login(const char *text)
{
	struct login l = split_at_last(gp_str(text));

	l.local = without_tag(l.local);
	return l;
}

const char *
gp_login_normalize(const char *login, struct gp_arena *arena)
{
	struct login l = read_login(login);
	char *out = gp_arena_printf(arena, "%.*s%s%.*s", GP_STR_ARG(l.local),
	    l.domain.p == NULL ? "" : "@", GP_STR_ARG(l.domain));

	for (char *p = out; *p != '\0'; p++)
		*p = gp_lower(*p);
	return out;
}

/* Realms that are no domain names are compared as they are. */
static bool
same_domain(struct gp_str a, struct gp_str b)
{
	char one[GP_DOMAIN_TEXT];
	char other[GP_DOMAIN_TEXT];

	if (a.p == NULL || b.p == NULL)
		return a.p == b.p;
	return gp_str_eq_nocase(a, b) ||
	       (gp_domain_normalize(a, one, NULL) == GP_OK &&
		   gp_domain_normalize(b, other, NULL) == GP_OK &&
		   strcmp(one, other) == 0);
}

static bool
same_login(const struct login *a, const struct login *b)
{
	return gp_str_eq_nocase(a->local, b->local) &&
	       same_domain(a->domain, b->domain);
}

/* -- lists ------------------------------------------------------------- */

static bool
in_auth(const struct gp_strings *auth, const struct login *login)
{
	for (size_t i = 0; i < auth->n; i++) {
		struct login entry = read_login(auth->v[i]);

		if (gp_str_eq(entry.local, GP_STR("*")) &&
		    (entry.domain.p == NULL ||
			same_domain(entry.domain, login->domain)))
			return true;
		if (same_login(&entry, login))
			return true;
	}
	return false;
}

static bool
in_clients(const struct gp_prefixes *clients, const struct gp_ip *client)
{
	for (size_t i = 0; i < clients->n; i++)
		if (gp_prefix_has(&clients->v[i], client))
			return true;
	return false;
}

/* -- own addresses ----------------------------------------------------- */

/* With or without the tag that its writer chose. */
static bool
is_address(const struct login *own, const struct gp_mailbox *address)
{
	return (gp_str_eq_nocase(own->local, address->local) ||
		   gp_str_eq_nocase(own->local, without_tag(address->local))) &&
	       same_domain(own->domain, gp_str(address->domain));
}

static bool
is_own_address(const struct gp_senders_policy *policy,
    const struct login *login, const struct gp_mailbox *address)
{
	if (is_address(login, address))
		return true;
	for (size_t i = 0; i < policy->aliases.n; i++) {
		const struct gp_alias *alias = &policy->aliases.v[i];
		struct login owner = read_login(alias->login);
		struct login other = split_at_last(gp_str(alias->address));

		if (same_login(&owner, login) && is_address(&other, address))
			return true;
	}
	return false;
}

/* -- the decision ------------------------------------------------------ */

static const char *
find_objection(const struct gp_senders_policy *policy,
    const struct gp_sender_facts *facts, const struct gp_mailbox *address,
    struct gp_arena *arena)
{
	bool known = facts->login != NULL && facts->login[0] != '\0';
	bool own_only = known && policy->own_address;
	struct login login =
	    read_login(gp_login_normalize(facts->login, arena));
	bool listed = (known && in_auth(&policy->auth, &login)) ||
	              in_clients(&policy->clients, &facts->client);

	if (own_only && policy->auth.n == 0)
		listed = true;
	if (!listed)
		return known ? not_in_auth : not_in_clients;
	if (own_only && !is_own_address(policy, &login, address))
		return not_own_address;
	return NULL;
}

bool
gp_senders_allow(const struct gp_senders_policy *policy,
    const struct gp_sender_facts *facts, const struct gp_mailbox *address,
    struct gp_arena *arena, const char **why)
{
	*why = policy->given ? find_objection(policy, facts, address, arena)
	                     : NULL;
	return *why == NULL;
}

static const char *
reply_text(const char *domain, const char *why, struct gp_arena *arena)
{
	if (strcmp(why, not_own_address) == 0)
		return gp_arena_printf(arena,
		    "mail From: %s may be sent with this login from its own "
		    "address only; correct the From address",
		    domain);
	if (strcmp(why, not_in_auth) == 0)
		return gp_arena_printf(arena,
		    "mail From: %s may not be sent with this login; use one "
		    "that may, or another From address",
		    domain);
	return gp_arena_printf(arena,
	    "mail From: %s may not be sent by this client without a login; "
	    "log in, or use another From address",
	    domain);
}

struct gp_verdict
gp_senders_refuse(const struct gp_senders_policy *policy,
    const struct gp_sender_facts *facts, const char *domain, const char *why,
    struct gp_arena *arena)
{
	struct gp_verdict verdict = gp_continue();

	verdict.why = "senders.else";
	if (facts->bounce)
		return verdict;
	switch (policy->otherwise) {
	case GP_ELSE_REJECT:
		return gp_reject("5.7.1", reply_text(domain, why, arena),
		    verdict.why);
	case GP_ELSE_TEMPFAIL:
		return gp_tempfail("4.7.1", reply_text(domain, why, arena),
		    verdict.why);
	case GP_ELSE_UNSIGNED:
		break;
	}
	return verdict;
}

struct gp_senders_finding
gp_senders_check(const struct gp_config *config,
    const struct gp_mailboxes *addresses, const struct gp_sender_facts *facts,
    struct gp_arena *arena)
{
	struct gp_senders_finding out = { .verdict = gp_continue() };

	for (size_t i = 0; i < addresses->n; i++) {
		const struct gp_mailbox *mailbox = &addresses->v[i];
		const struct gp_policy *p =
		    gp_policy_for(config, mailbox->domain);
		struct gp_verdict v;
		const char *why;

		if (p->domain == NULL ||
		    gp_senders_allow(&p->senders, facts, mailbox, arena, &why))
			continue;
		v = gp_senders_refuse(&p->senders, facts, mailbox->domain, why,
		    arena);
		if (out.policy == NULL ||
		    gp_disposition_severity(v.disposition) >
			gp_disposition_severity(out.verdict.disposition))
			out = (struct gp_senders_finding){ p, why, v };
	}
	return out;
}
