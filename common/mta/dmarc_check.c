/* See dmarc_check.h. */
#include "mta/dmarc_check.h"

#include "base/xalloc.h"
#include "core/dkim_sig.h"
#include "core/logfmt.h"
#include "core/preflight.h"
#include "io/clock.h"
#include "io/log.h"

#include <stdlib.h>
#include <string.h>

struct gp_dmarc_outcome
gp_dmarc_evaluate(const struct gp_dmarc_query *q, struct gp_dns_scope *scope,
    struct gp_arena *arena)
{
	struct gp_dmarc_eval *e = gp_dmarc_eval_new(arena, q);
	struct gp_dns_question question;

	while (gp_dmarc_next(e, &question)) {
		struct gp_dns_answer a;

		gp_dns_query(scope, question.name, question.type, &a);
		gp_dmarc_feed(e, &a);
	}
	return *gp_dmarc_outcome(e);
}

/* What the two ways of discovery can differ in. */
static bool
differ(const struct gp_dmarc_outcome *a, const struct gp_dmarc_outcome *b)
{
	if (a->result != b->result)
		return true;
	return (a->result == GP_DMARC_R_PASS || a->result == GP_DMARC_R_FAIL) &&
	       (a->policy != b->policy ||
		   strcmp(a->policy_domain, b->policy_domain) != 0);
}

static const char *
domain_text(const struct gp_dmarc_outcome *o)
{
	return o->policy_domain == NULL ? "" : o->policy_domain;
}

static void
log_difference(const char *author, const struct gp_dmarc_outcome *walk,
    const struct gp_dmarc_outcome *list)
{
	struct gp_logline line;

	gp_logline_start(&line, gp_str(""));
	gp_logline_adds(&line, "dmarc-discovery", "differs");
	gp_logline_adds(&line, "header-from", author);
	gp_logline_adds(&line, "treewalk", gp_dmarc_result_name(walk->result));
	gp_logline_adds(&line, "treewalk-domain", domain_text(walk));
	gp_logline_adds(&line, "treewalk-policy",
	    gp_dmarc_request_name(walk->policy));
	gp_logline_adds(&line, "psl", gp_dmarc_result_name(list->result));
	gp_logline_adds(&line, "psl-domain", domain_text(list));
	gp_logline_adds(&line, "psl-policy",
	    gp_dmarc_request_name(list->policy));
	gp_log(GP_LOG_INFO, "%s", line.text);
}

/* Trouble with the DNS is no difference between ways of discovery. */
static void
compare(const struct gp_dmarc_checker *c, struct gp_dns_scope *scope,
    struct gp_dmarc_query q, const struct gp_dmarc_outcome *acted)
{
	struct gp_dmarc_outcome other;

	q.discovery = GP_DMARC_PSL;
	other = gp_dmarc_evaluate(&q, scope, c->arena);
	if (acted->result == GP_DMARC_R_TEMPERROR ||
	    other.result == GP_DMARC_R_TEMPERROR || !differ(acted, &other))
		return;
	gp_metrics_add(c->metrics, GP_M_DMARC_DIFFERENCES, 0, 1);
	log_difference(q.author, acted, &other);
}

/* It failed.  Would it pass, had DNS answered to SPF and DKIM?  Then it can not
 * be said to fail (RFC 9989 5.3.6). */
static void
leave_open(struct gp_dmarc_query q, const struct gp_dmarc_inputs *in,
    struct gp_dns_scope *scope, struct gp_arena *arena,
    struct gp_dmarc_outcome *out)
{
	struct gp_dmarc_outcome other;

	q.spf = in->spf_open;
	q.n_dkim = in->n_dkim_open;
	q.dkim = in->dkim_open;
	other = gp_dmarc_evaluate(&q, scope, arena);
	if (other.result == GP_DMARC_R_PASS)
		other.reason = gp_arena_printf(arena,
		    "SPF or DKIM of %s could not be checked", other.aligned);
	else if (other.result != GP_DMARC_R_TEMPERROR)
		return;
	out->result = GP_DMARC_R_TEMPERROR;
	out->reason = other.reason;
}

/* Both mechanisms are looked at where a report will tell of both; that costs
 * look-ups only where the other one may still be aligned. */
static struct gp_dmarc_query
query(const struct gp_dmarc_checker *c, const char *author)
{
	return (struct gp_dmarc_query){ .author = author,
		.discovery = c->how->discovery == GP_DMARC_PSL
		                 ? GP_DMARC_PSL
		                 : GP_DMARC_TREEWALK,
		.suffix = gp_psl_organization,
		.suffix_arg = c->psl,
		.every = c->how->records };
}

struct gp_dmarc_outcome
gp_dmarc_check(const struct gp_dmarc_checker *c, struct gp_dns_scope *scope,
    const char *author, const struct gp_dmarc_inputs *in)
{
	const int64_t start_us = gp_clock_us();
	struct gp_dmarc_query q = query(c, author);
	struct gp_dmarc_outcome out;

	q.spf = in->spf_pass;
	q.n_dkim = in->n_dkim_pass;
	q.dkim = in->dkim_pass;
	out = gp_dmarc_evaluate(&q, scope, c->arena);
	if (out.record.rua.n > 0) /* an answer's, which the scope takes back */
		out.record.rua = gp_arena_dup(c->arena, out.record.rua);
	if (c->how->discovery == GP_DMARC_BOTH)
		compare(c, scope, q, &out);
	if (out.result == GP_DMARC_R_FAIL &&
	    (in->spf_open != NULL || in->n_dkim_open > 0))
		leave_open(q, in, scope, c->arena, &out);
	gp_metrics_add(c->metrics, GP_M_DMARC_RESULTS, (unsigned)out.result, 1);
	gp_metrics_observe(c->metrics, GP_M_DMARC_SECONDS,
	    gp_clock_us() - start_us);
	return out;
}

/* -- filters that said nothing ----------------------------------------- */

/* The d= of all signatures, whether they hold or not. */
static size_t
claimed_signers(const struct gp_header *header, struct gp_arena *arena,
    const char **domains)
{
	size_t n = 0;

	for (size_t i = 0; i < header->n && n < GP_DMARC_SIGNATURES_MAX; i++) {
		const struct gp_field *f = &header->v[i];
		struct gp_dkim_sig sig;

		if (gp_str_eq_nocase(f->name, GP_STR(GP_DKIM_SIGNATURE)) &&
		    gp_dkim_sig_parse(f->value, arena, &sig, NULL) == GP_OK)
			domains[n++] = sig.domain;
	}
	return n;
}

const char *
gp_dmarc_unheard(const struct gp_dmarc_checker *c, struct gp_dns_scope *scope,
    const struct gp_dmarc_claims *claims, const struct gp_dmarc_inputs *in)
{
	const char *const missing = gp_dmarc_inputs_missing(in);
	struct gp_dmarc_query q = query(c, claims->author);
	const char *signers[GP_DMARC_SIGNATURES_MAX];
	struct gp_dmarc_outcome out;

	if (missing == NULL)
		return NULL;
	q.every = false;
	q.spf = in->spf_seen ? NULL : claims->sender;
	q.dkim = signers;
	if (!in->dkim_seen)
		q.n_dkim = claimed_signers(claims->header, c->arena, signers);
	if (!in->dkim_seen && claims->header->over)
		return missing; /* there may be more of them */
	out = gp_dmarc_evaluate(&q, scope, c->arena);
	return out.result == GP_DMARC_R_FAIL ? NULL : missing;
}

/* -- opened with the policy -------------------------------------------- */

static void
warn_of_endless(const struct gp_overrides *overrides)
{
	for (size_t i = 0; i < overrides->n; i++) {
		const struct gp_override_policy *o = &overrides->v[i];

		if (o->until_s == 0)
			gp_log(GP_LOG_WARNING,
			    "%s:%u: override \"%s\" has no end: `until ="
			    " YYYY-MM-DD` is wanted",
			    o->origin.file, o->origin.line, o->name);
	}
}

enum gp_rc
gp_dmarc_tables_open(const struct gp_opening *with,
    struct gp_dmarc_tables **out, struct gp_problems *problems)
{
	const struct gp_globals *globals = gp_config_globals(with->config);
	const struct gp_dmarc_tables *old = with->old;
	struct gp_dmarc_tables *t = gp_xcalloc(1, sizeof(*t));
	struct gp_err err;

	*out = NULL;
	if (globals->dmarc.discovery != GP_DMARC_TREEWALK &&
	    gp_psl_load(NULL, &t->psl, &err) != GP_OK) {
		gp_problems_add(problems, (struct gp_origin){ .file = NULL },
		    "dmarc.discovery: %s", err.msg);
		gp_dmarc_tables_close(t);
		return GP_PERM;
	}
	warn_of_endless(&globals->overrides);
	t->preflight = gp_preflight_any(with->config);
	t->known =
	    old != NULL ? gp_dmarc_known_ref(old->known) : gp_dmarc_known_new();
	t->records =
	    gp_dmarc_records_open(with, old == NULL ? NULL : old->records);
	*out = t;
	return GP_OK;
}

void
gp_dmarc_tables_close(struct gp_dmarc_tables *t)
{
	if (t == NULL)
		return;
	gp_psl_free(t->psl);
	gp_dmarc_known_unref(t->known);
	gp_dmarc_records_close(t->records);
	free(t);
}
