/* See policy_lint.h: what stands outside of domain blocks. */
#include "core/policy_lint_part.h"

#include "core/domain.h"
#include "core/policy_form.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DAY_S    INT64_C(86400)

/* An override that ends so soon is worth a word. */
#define SOON_DAYS 14

/* -- shared --------------------------------------------------------------- */

bool
gp_lint_signs(const struct gp_policy *block)
{
	for (size_t i = 0; i < block->n_keys; i++)
		if (block->keys[i].state == GP_KEY_ACTIVE ||
		    (block->keys[i].state == GP_KEY_STAGED &&
			block->keys[i].activate_after_s != 0))
			return true;
	return false;
}

void
gp_lint_where(const struct gp_lint *l, struct gp_origin where)
{
	l->out->v[l->out->n - 1].where = where;
}

const char *
gp_lint_date(int64_t s, char out[GP_LINT_DATE])
{
	struct gp_buf text;
	struct gp_str date;

	gp_buf_init(&text, GP_LINT_DATE);
	gp_form_write_date(s, &text);
	date = gp_buf_str(&text);
	if (date.n > 2) /* in quotes */
		date = gp_str_n(date.p + 1, date.n - 2);
	(void)snprintf(out, GP_LINT_DATE, "%.*s", GP_STR_ARG(date));
	gp_buf_clear(&text);
	return out;
}

/* An option of the top level's sections; built-in: no place. */
static struct gp_origin
where_of(const struct gp_lint *l, const char *section, const char *option)
{
	return gp_config_where(l->with->config, section, option);
}

static void
add(const struct gp_lint *l, enum gp_light light, const char *topic,
    struct gp_origin where, const char *what)
{
	gp_findings_add(l->out, light, topic, "", "%s", what);
	gp_lint_where(l, where);
}

/* -- trust, listen, store ------------------------------------------------- */

static bool
has_everybody(const struct gp_prefixes *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].bits == 0)
			return true;
	return false;
}

static void
lint_trust(const struct gp_lint *l)
{
	const struct gp_trust_policy *t = &l->globals->trust;

	if (has_everybody(&t->clients)) {
		add(l, GP_RED, "trust", where_of(l, "trust", "clients"),
		    "trust.clients has every address: all mail is taken for "
		    "ours, signed, and never checked");
		gp_findings_remedy(l->out, "the addresses of your own hosts");
	}
	if (has_everybody(&t->forwarders)) {
		add(l, GP_RED, "trust", where_of(l, "trust", "forwarders"),
		    "trust.forwarders has every address: DMARC refuses "
		    "nothing");
		gp_findings_remedy(l->out,
		    "the addresses of hosts that forward to you");
	}
}

static bool
is_open_socket(const char *socket)
{
	const char *host = strchr(socket, '@');
	struct gp_ip ip;

	if (strncmp(socket, "unix:", 5) == 0 || host == NULL)
		return false;
	if (gp_ip_parse(gp_str(host + 1), &ip) != GP_OK)
		return strcmp(host + 1, "localhost") != 0;
	return ip.family == GP_IP_V4
	           ? ip.b[0] != 127
	           : !gp_ip_eq(&ip, &(struct gp_ip){ .family = GP_IP_V6,
					.b = { [15] = 1 } });
}

static void
lint_listen(const struct gp_lint *l)
{
	static const char *const names[] = { "spf", "dkim", "dmarc", "rate" };

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *socket =
		    gp_config_listen(l->with->config, names[i]);

		for (size_t j = 0; j < i; j++) {
			if (strcmp(gp_config_listen(l->with->config, names[j]),
				socket) != 0)
				continue;
			gp_findings_add(l->out, GP_RED, "listen", names[i],
			    "gatepost-%s and gatepost-%s have one socket, %s",
			    names[j], names[i], socket);
			gp_lint_where(l, where_of(l, "listen", names[i]));
			gp_findings_remedy(l->out,
			    "%s = \"unix:/run/gatepost/%s/milter.sock\"",
			    names[i], names[i]);
		}
		if (!is_open_socket(socket))
			continue;
		gp_findings_add(l->out, GP_YELLOW, "listen", names[i],
		    "whoever reaches %s can pretend to be your MTA", socket);
		gp_lint_where(l, where_of(l, "listen", names[i]));
		gp_findings_remedy(l->out,
		    "an address of 127.0.0.0/8, unix:PATH, or a packet filter");
	}
}

static void
lint_store(const struct gp_lint *l)
{
	const struct gp_globals *g = l->globals;

	if (g->rate.peers < 2 ||
	    gp_str_starts_nocase(gp_str(g->store), GP_STR("redis")))
		return;
	add(l, GP_YELLOW, "store", where_of(l, "rate", "peers"),
	    "rate.peers does nothing with this store: each relay has meters "
	    "of its own");
	gp_findings_remedy(l->out, "store = \"redis://HOST:PORT/NUMBER\", or "
				   "no peers");
}

/* -- inbound -------------------------------------------------------------- */

/* Values of the top level or of a block. */
struct inbound {
	const struct gp_lint *l;
	const struct gp_policy *policy;
	const char *subject;
	const char *section; /* "spf" or "domain/spf" */
	const char *dmarc;
};

static void
add_inbound(const struct inbound *in, enum gp_light light,
    struct gp_origin where, const char *what, const char *remedy)
{
	gp_findings_add(in->l->out, light, "inbound", in->subject, "%s", what);
	gp_lint_where(in->l, where);
	gp_findings_remedy(in->l->out, "%s", remedy);
}

static struct gp_origin
inbound_where(const struct inbound *in, const char *section, const char *name)
{
	return gp_policy_where(in->policy, section, name);
}

static void
lint_spf(const struct inbound *in)
{
	const struct gp_spf_policy *p = &in->policy->spf;

	if (p->mode != GP_ENFORCE)
		return;
	if (p->on[GP_SPF_NONE] == GP_DO_REJECT ||
	    p->on[GP_SPF_NEUTRAL] == GP_DO_REJECT)
		add_inbound(in, GP_YELLOW,
		    inbound_where(in, in->section,
			p->on[GP_SPF_NONE] == GP_DO_REJECT ? "none"
							   : "neutral"),
		    "mail is refused of which SPF says nothing, also from "
		    "those who publish no record",
		    "none = tag, neutral = tag");
	if (in->policy->dmarc.mode == GP_ENFORCE &&
	    (p->on[GP_SPF_FAIL] == GP_DO_REJECT ||
		p->on[GP_SPF_SOFTFAIL] == GP_DO_REJECT))
		add_inbound(in, GP_YELLOW,
		    inbound_where(in, in->section,
			p->on[GP_SPF_FAIL] == GP_DO_REJECT ? "fail"
							   : "softfail"),
		    "SPF refuses forwarded mail before DMARC has seen its "
		    "signature",
		    "fail = tag, softfail = tag: dmarc { mode = enforce } "
		    "refuses what both fail");
}

static void
lint_dmarc(const struct inbound *in)
{
	const struct gp_dmarc_policy *p = &in->policy->dmarc;

	if (p->mode != GP_ENFORCE || p->reject != GP_DMARC_ALWAYS)
		return;
	add_inbound(in, GP_YELLOW, inbound_where(in, in->dmarc, "reject"),
	    "reject = always refuses mail of mailing lists whose authors have "
	    "p=reject",
	    "reject = corroborated");
}

static void
lint_dkim(const struct gp_lint *l)
{
	const struct gp_dkim_checking *p = &l->globals->dkim;

	if (p->mode != GP_ENFORCE)
		return;
	if (p->on[GP_DKIM_NONE] == GP_DO_REJECT) {
		add(l, GP_YELLOW, "inbound", where_of(l, "dkim", "none"),
		    "mail without a signature is refused");
		gp_findings_remedy(l->out, "none = tag");
	}
	if (p->on[GP_DKIM_FAIL] == GP_DO_REJECT) {
		add(l, GP_YELLOW, "inbound", where_of(l, "dkim", "fail"),
		    "a broken signature, which mailing lists leave behind, is "
		    "worse than none");
		gp_findings_remedy(l->out,
		    "fail = tag: a broken signature counts as none (RFC 6376 "
		    "6.1)");
	}
}

/* What a block has from above is said once, there. */
static bool
is_same(const struct gp_policy *a, const struct gp_policy *b)
{
	return memcmp(a->spf.on, b->spf.on, sizeof(a->spf.on)) == 0 &&
	       a->spf.mode == b->spf.mode && a->dmarc.mode == b->dmarc.mode &&
	       a->dmarc.reject == b->dmarc.reject;
}

static void
lint_inbound(const struct gp_lint *l)
{
	const struct gp_policy *base = gp_policy_for(l->with->config, NULL);
	struct inbound in = { .l = l,
		.policy = base,
		.subject = "",
		.section = "spf",
		.dmarc = "dmarc" };

	lint_spf(&in);
	lint_dmarc(&in);
	lint_dkim(l);
	in.section = "domain/spf";
	in.dmarc = "domain/dmarc";
	for (size_t i = 0; i < l->n_blocks; i++) {
		if (is_same(&l->blocks[i], base))
			continue;
		in.policy = &l->blocks[i];
		in.subject = in.policy->domain;
		lint_spf(&in);
		lint_dmarc(&in);
	}
}

/* -- overrides ------------------------------------------------------------ */

static void
lint_until(const struct gp_lint *l, const struct gp_override_policy *o)
{
	const int64_t left_s = o->until_s + DAY_S - l->with->now_s;
	char date[GP_LINT_DATE];

	if (o->until_s == 0 || left_s > SOON_DAYS * DAY_S)
		return;
	(void)gp_lint_date(o->until_s, date);
	gp_findings_add(l->out, GP_YELLOW, "override", o->name,
	    left_s <= 0 ? "ended on %s and does nothing" : "ends after %s",
	    date);
	gp_lint_where(l,
	    gp_origin_of(o->origins, "override", "until", o->origin));
	gp_findings_remedy(l->out,
	    left_s <= 0 ? "take it out, or another `until`"
			: "another `until`, if it is still needed");
}

/* The name of a block that the override lets anybody use. */
static const char *
own_domain(const struct gp_lint *l, const struct gp_override_policy *o)
{
	for (size_t i = 0; i < l->n_blocks; i++)
		for (size_t j = 0; j < o->from.n; j++)
			if (gp_domain_matches(l->blocks[i].domain,
				o->from.v[j]))
				return l->blocks[i].domain;
	return NULL;
}

static void
lint_open_override(const struct gp_lint *l, const struct gp_override_policy *o)
{
	const bool lets_in =
	    o->dmarc == GP_OVERRIDE_NONE || o->reject == GP_OVERRIDE_NEVER;
	const char *own = own_domain(l, o);

	if (!lets_in || (o->clients.n > 0 && !has_everybody(&o->clients)))
		return;
	if (own != NULL) {
		gp_findings_add(l->out, GP_YELLOW, "override", o->name,
		    "anybody may write as %s, which is yours", own);
		gp_findings_remedy(l->out, "clients = { \"ADDRESS\" } in it");
	} else if (o->from.n == 0) {
		gp_findings_add(l->out, GP_YELLOW, "override", o->name,
		    "%s: everybody can fulfil that",
		    o->header.n > 0 ? "asks for a header field alone"
				    : "has every address");
		gp_findings_remedy(l->out,
		    "clients = { \"ADDRESS\" } or from = { \"DOMAIN\" } in "
		    "it");
	} else {
		return;
	}
	gp_lint_where(l, o->origin);
}

static void
lint_overrides(const struct gp_lint *l)
{
	const struct gp_overrides *all = &l->globals->overrides;

	for (size_t i = 0; i < all->n; i++) {
		lint_until(l, &all->v[i]);
		lint_open_override(l, &all->v[i]);
	}
}

/* -- what a profile says of many ------------------------------------------ */

static bool
is_twin(const struct gp_finding *a, const struct gp_finding *b)
{
	return a->where.file != NULL && b->where.file != NULL &&
	       strcmp(a->where.file, b->where.file) == 0 &&
	       a->where.line == b->where.line && a->light == b->light &&
	       strcmp(a->topic, b->topic) == 0 && strcmp(a->what, b->what) == 0;
}

/* Findings from `first` on that differ in their domain alone become one. */
static void
join_twins(struct gp_findings *f, size_t first)
{
	size_t n = first;

	for (size_t i = first; i < f->n; i++) {
		size_t twins = 0;

		if (f->v[i].topic == NULL)
			continue;
		for (size_t j = i + 1; j < f->n; j++)
			if (f->v[j].topic != NULL &&
			    is_twin(&f->v[i], &f->v[j])) {
				f->v[j].topic = NULL;
				twins++;
			}
		f->v[n] = f->v[i];
		if (twins > 0)
			f->v[n].what = gp_arena_printf(f->arena,
			    "%s; also for %zu more", f->v[n].what, twins);
		n++;
	}
	f->n = n;
}

/* -- all of it ------------------------------------------------------------ */

void
gp_policy_lint(const struct gp_policy_linting *with, struct gp_findings *out)
{
	struct gp_lint l = { .with = with,
		.globals = gp_config_globals(with->config),
		.out = out };
	const size_t first = out->n;
	size_t key = 0;

	l.blocks = gp_config_domains(with->config, &l.n_blocks);
	lint_trust(&l);
	lint_listen(&l);
	lint_store(&l);
	lint_inbound(&l);
	lint_overrides(&l);
	gp_lint_top_limits(&l);
	for (size_t i = 0; i < l.n_blocks; i++) {
		const struct gp_policy *block = &l.blocks[i];
		const bool known =
		    with->keys != NULL && key + block->n_keys <= with->n_keys;

		gp_lint_keys(&l, block, known ? with->keys + key : NULL);
		gp_lint_shadow(&l, block);
		gp_lint_senders(&l, block);
		gp_lint_preflight(&l, block);
		gp_lint_block_limits(&l, block);
		key += block->n_keys;
	}
	join_twins(out, first);
}
