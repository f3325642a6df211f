/* See explain_facts.h. */
#include "mta/explain_facts.h"

#include "mta/dkim_signer.h"
#include "mta/filter.h"
#include "mta/rate_gate.h"

#include <string.h>

/* -- rules -------------------------------------------------------------- */

struct gp_origin
gp_explain_rule(const struct gp_explain *x, const char *option,
    const char *domain)
{
	return gp_policy_origin(gp_policy_for(x->config, domain), option);
}

const char *
gp_explain_trust(const struct gp_explain *x, struct gp_origin *where)
{
	static const char *const options[][2] = {
		{ "authenticated", "trust.authenticated" },
		{ "certificate", "trust.client-certificates" },
		{ "trusted-client", "trust.clients" },
		{ "trusted-listener", "trust.listeners" },
		{ "inbound", "trust.clients" },
	};
	const struct gp_msg *m = x->filters[0].msg;

	*where = (struct gp_origin){ .file = NULL };
	for (size_t i = 0;
	     m != NULL && i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(options[i][0], m->direction_why) != 0)
			continue;
		*where = gp_explain_rule(x, options[i][1], NULL);
		return options[i][1];
	}
	return NULL;
}

const char *
gp_explain_domain(const struct gp_explain *x, size_t n)
{
	struct gp_addr addr;

	return gp_addr_parse(gp_str(x->rcpts[n].address), true, x->arena, &addr,
		   NULL) == GP_OK
	           ? addr.domain
	           : NULL;
}

const struct gp_policy *
gp_explain_sending(const struct gp_explain *x)
{
	const struct gp_msg *m = x->filters[GP_EXPLAIN_DKIM].msg;
	const struct gp_dkim_signer *signer =
	    m == NULL ? NULL : gp_filter_dkim_signer(m);
	const char *domain = NULL;

	if (signer != NULL)
		domain = gp_dkim_signer_plan(signer)->author.domain;
	if (domain == NULL && m != NULL)
		domain = m->sender.domain;
	return gp_policy_for(x->config, domain);
}

/* -- the answer --------------------------------------------------------- */

enum gp_disposition
gp_explain_done(const struct gp_verdict *v)
{
	if (v->action == GP_REJECT)
		return GP_DO_REJECT;
	return v->action == GP_TEMPFAIL ? GP_DO_TEMPFAIL : v->disposition;
}

static const char *
name_of(const struct gp_explain *x, int filter)
{
	return x->filters[filter].app.milter->name;
}

struct gp_explain_reply
gp_explain_reply(const struct gp_explain *x)
{
	struct gp_explain_reply r = { .filter = NULL };
	const struct gp_explain_rcpt *rcpt = &x->rcpts[0];

	if (x->accepted == 0) {
		r.filter = name_of(x, rcpt->refused_by);
		r.stage = "rcpt";
		r.verdict = &rcpt->by[rcpt->refused_by];
	} else if (x->refused_by >= 0) {
		r.filter = name_of(x, x->refused_by);
		r.stage = "end-of-message";
		r.verdict = &x->filters[x->refused_by].verdict;
	}
	return r;
}

const struct gp_verdict *
gp_explain_would(const struct gp_explain *x, size_t n, const char **filter)
{
	for (size_t f = 0; f < GP_EXPLAIN_FILTERS; f++) {
		*filter = x->filters[f].app.milter->name;
		for (size_t i = 0; i < x->mail->n_rcpts; i++)
			if (x->rcpts[i].by[f].monitored && n-- == 0)
				return &x->rcpts[i].by[f];
		if (x->filters[f].ended && x->filters[f].verdict.monitored &&
		    n-- == 0)
			return &x->filters[f].verdict;
	}
	return NULL;
}

/* -- header ------------------------------------------------------------- */

/* A field stays the same text in the same place from filter to filter. */
static bool
has(const struct gp_message *m, const struct gp_field *field)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->fields[i].value.p == field->value.p)
			return true;
	return false;
}

static struct gp_explain_fields
only_in(const struct gp_message *a, const struct gp_message *b,
    struct gp_arena *arena)
{
	struct gp_explain_fields out = { .n = 0 };

	out.v = gp_arena_alloc(arena, a->n * sizeof(const struct gp_field *));
	for (size_t i = 0; i < a->n; i++)
		if (!has(b, &a->fields[i]))
			out.v[out.n++] = &a->fields[i];
	return out;
}

struct gp_explain_fields
gp_explain_added(const struct gp_explain *x)
{
	return only_in(&x->after, x->mail->message, x->arena);
}

struct gp_explain_fields
gp_explain_removed(const struct gp_explain *x)
{
	return only_in(x->mail->message, &x->after, x->arena);
}

/* -- keys ---------------------------------------------------------------- */

const char *
gp_explain_unread(const struct gp_explain *x, const struct gp_key_policy *key)
{
	const struct gp_str place = gp_str(gp_arena_printf(x->arena,
	    "%s:%u: ", key->origin.file, key->origin.line));
	struct gp_str rest = gp_buf_str(&x->keys.text);

	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');

		if (gp_str_starts_nocase(line, place))
			return gp_arena_strndup(x->arena, line.p + place.n,
			    line.n - place.n);
	}
	return NULL;
}

/* -- charges ------------------------------------------------------------ */

static void
count_charge(void *arg, const struct gp_rate_item *item,
    const struct gp_charge *charge, const struct gp_charged *made)
{
	struct gp_explain_charges *all = arg;

	(void)item;
	(void)charge;
	(void)made;
	all->n++;
}

static void
keep_charge(void *arg, const struct gp_rate_item *item,
    const struct gp_charge *charge, const struct gp_charged *made)
{
	struct gp_explain_charges *all = arg;

	all->v[all->n++] = (struct gp_explain_charge){ item, charge, made };
}

struct gp_explain_charges
gp_explain_charges(const struct gp_explain *x)
{
	const struct gp_msg *m = x->filters[GP_EXPLAIN_RATE].msg;
	struct gp_explain_charges out = { .n = 0 };
	const struct gp_rate_gate *gate =
	    m == NULL ? NULL : gp_filter_rate_gate(m);

	if (gate == NULL)
		return out;
	gp_rate_gate_seen(gate, count_charge, &out);
	out.v = gp_arena_alloc(x->arena, out.n * sizeof(*out.v));
	out.n = 0;
	gp_rate_gate_seen(gate, keep_charge, &out);
	return out;
}

bool
gp_explain_levels(const struct gp_explain *x)
{
	return x->daemon->asked && !x->daemon->failed;
}

const char *
gp_explain_from(enum gp_dns_from from)
{
	static const char *const names[] = {
		[GP_DNS_UNASKED] = "not asked",
		[GP_DNS_SERVER] = "server",
		[GP_DNS_CACHE] = "cache",
		[GP_DNS_MEMO] = "remembered",
	};

	return names[from];
}
