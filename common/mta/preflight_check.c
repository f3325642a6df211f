/* See preflight_check.h. */
#include "mta/preflight_check.h"

#include "io/clock.h"
#include "mta/dmarc_check.h"
#include "mta/spf_check.h"

#include <string.h>

/* Bytes of the list of addresses that do not pass, in a clause. */
#define ADDRESSES_MAX 200

/* One message on its way through. */
struct flight {
	const struct gp_preflight_checker *c;
	struct gp_dns_scope *scope;
	const struct gp_preflight_mail *mail;
	const struct gp_policy *policy; /* the block */
	struct gp_author author;
	struct gp_preflight_header header;
	struct gp_preflight_facts facts;
	bool asked;                        /* what follows is set */
	struct gp_dmarc_outcome signed_by; /* evaluated with our signature */
};

static const struct gp_preflight_point met = { .state = GP_PREFLIGHT_MET };

static struct gp_preflight_point
open_for(const char *why)
{
	return (struct gp_preflight_point){ .state = GP_PREFLIGHT_OPEN,
		.why = why };
}

static struct gp_preflight_point
missing(const char *why)
{
	return (struct gp_preflight_point){ .state = GP_PREFLIGHT_MISSING,
		.why = why };
}

static bool requires(const struct flight *f, enum gp_preflight_need need)
{
	const struct gp_preflight_needs *all = &f->policy->preflight.require;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i] == need)
			return true;
	return false;
}

/* -- alignment --------------------------------------------------------- */

static struct gp_dmarc_outcome
evaluate(const struct flight *f, const char *spf, const char *dkim)
{
	const struct gp_globals *globals = gp_config_globals(f->c->config);
	const char *const dkims[] = { dkim };
	const struct gp_dmarc_query q = { .author = f->author.domain,
		.spf = spf,
		.n_dkim = dkim != NULL,
		.dkim = dkims,
		.discovery = globals->dmarc.discovery == GP_DMARC_PSL
		                 ? GP_DMARC_PSL
		                 : GP_DMARC_TREEWALK,
		.suffix = gp_psl_organization,
		.suffix_arg = f->c->psl };

	return gp_dmarc_evaluate(&q, f->scope, f->c->arena);
}

/* What the record says, asked once. */
static const struct gp_dmarc_outcome *
outcome(struct flight *f)
{
	if (!f->asked)
		f->signed_by = evaluate(f, NULL,
		    f->header.is_signed.state == GP_PREFLIGHT_MET
			? f->policy->domain
			: NULL);
	f->asked = true;
	return &f->signed_by;
}

/* Is `domain`, the only identifier of an outcome, aligned? */
static struct gp_preflight_point
aligned(const struct flight *f, const struct gp_dmarc_outcome *o,
    const char *what, const char *domain)
{
	switch (o->result) {
	case GP_DMARC_R_PASS:
		return met;
	case GP_DMARC_R_TEMPERROR:
		return open_for(o->reason);
	case GP_DMARC_R_NONE:
		return missing(gp_arena_printf(f->c->arena,
		    "%s %s is not From: %s, which has no DMARC record that "
		    "would relate them",
		    what, domain, f->author.domain));
	case GP_DMARC_R_FAIL:
	case GP_DMARC_R_PERMERROR:
	case GP_DMARC_RESULTS:
		break;
	}
	return missing(gp_arena_printf(f->c->arena,
	    "%s %s is not aligned with From: %s by the DMARC record of %s",
	    what, domain, f->author.domain, o->policy_domain));
}

static struct gp_preflight_point
check_dkim(struct flight *f)
{
	if (f->header.is_signed.state != GP_PREFLIGHT_MET)
		return f->header.is_signed;
	if (strcmp(f->policy->domain, f->author.domain) == 0)
		return met;
	return aligned(f, outcome(f), "the signing domain", f->policy->domain);
}

static struct gp_preflight_point
check_record(struct flight *f)
{
	const struct gp_dmarc_outcome *o = outcome(f);

	if (o->result == GP_DMARC_R_NONE)
		return missing(gp_arena_printf(f->c->arena,
		    "no DMARC record that can be used for %s: %s",
		    f->author.domain, o->reason));
	return o->policy_domain == NULL ? open_for(o->reason) : met;
}

/* -- SPF --------------------------------------------------------------- */

/* The addresses that do not pass, as they are found. */
struct egress {
	struct gp_buf names; /* "192.0.2.1 softfail, 192.0.2.2 fail" */
	size_t failed, unnamed;
	const char *trouble; /* of the first one that can not be told */
};

static void
add_failed(struct egress *e, const struct gp_ip *ip, enum gp_spf_result result)
{
	char text[GP_IP_TEXT];

	gp_buf_addf(&e->names, "%s%s %s", e->failed == 0 ? "" : ", ",
	    gp_ip_format(ip, text), gp_spf_result_name(result));
	e->failed++;
	e->unnamed += e->names.overflow;
}

static void
check_address(const struct flight *f, const struct gp_spf_identity *id,
    const struct gp_ip *ip, struct egress *e)
{
	struct gp_spf_checking how = gp_config_globals(f->c->config)->spf;
	const struct gp_spf_checker with = { .arena = f->c->arena,
		.how = &how,
		.receiver = f->mail->helo };
	unsigned queries = GP_SPF_QUERIES_MAX;
	struct gp_spf_check_result r;

	how.engine = GP_BUILTIN;
	r = gp_spf_check(&with, f->scope, ip, f->mail->helo, id, &queries);
	if (r.result == GP_SPF_TEMPERROR && e->trouble == NULL)
		e->trouble = r.reason;
	if (r.result != GP_SPF_PASS && r.result != GP_SPF_TEMPERROR)
		add_failed(e, ip, r.result);
}

static struct gp_preflight_point
check_egress(const struct flight *f, const struct gp_spf_identity *id)
{
	const struct gp_prefixes *all = &f->policy->preflight.egress;
	struct egress e = { .failed = 0 };
	struct gp_preflight_point out = met;

	gp_buf_init(&e.names, ADDRESSES_MAX);
	for (size_t i = 0; i < all->n; i++)
		check_address(f, id, &all->v[i].ip, &e);
	if (e.failed > 0)
		out = missing(gp_arena_printf(f->c->arena,
		    "the SPF record of %s does not let all addresses of "
		    "`egress` pass: %s%s",
		    id->domain, gp_buf_cstr(&e.names),
		    e.unnamed > 0 ? gp_arena_printf(f->c->arena,
					" and %zu more", e.unnamed)
				  : ""));
	else if (e.trouble != NULL)
		out = open_for(e.trouble);
	gp_buf_clear(&e.names);
	return out;
}

static struct gp_preflight_point
check_spf(struct flight *f)
{
	const struct gp_preflight_mail *mail = f->mail;
	const char *what = mail->sender->is_null ? "HELO" : "MAIL FROM";
	const struct gp_spf_identity id =
	    gp_spf_identity_mail_from(mail->sender, mail->sender_readable,
		mail->helo, f->c->arena);
	struct gp_dmarc_outcome o;
	struct gp_preflight_point point = met;

	if (!id.askable)
		return missing(id.reason);
	if (strcmp(id.domain, f->author.domain) != 0) {
		/* without the record nothing can be said, so ask no more */
		o = *outcome(f);
		if (o.result != GP_DMARC_R_TEMPERROR || o.policy_domain != NULL)
			o = evaluate(f, id.domain, NULL);
		point = aligned(f, &o, what, id.domain);
	}
	return point.state == GP_PREFLIGHT_MET ? check_egress(f, &id) : point;
}

/* -- together ---------------------------------------------------------- */

static void
find_facts(struct flight *f)
{
	const bool click = requires(f, GP_NEED_ONE_CLICK) &&
	                   f->header.one_click.state == GP_PREFLIGHT_MET &&
	                   f->header.covered.state == GP_PREFLIGHT_MET;
	struct gp_preflight_facts *facts = &f->facts;

	if (f->author.domain == NULL) {
		facts->dkim = facts->spf = facts->record = f->header.from_one;
		return;
	}
	if (click || requires(f, GP_NEED_ALIGNED_DKIM))
		facts->dkim = check_dkim(f);
	if (requires(f, GP_NEED_ALIGNED_SPF))
		facts->spf = check_spf(f);
	if (requires(f, GP_NEED_DMARC_RECORD))
		facts->record = check_record(f);
}

static void
count(struct gp_metrics *metrics, const struct gp_preflight *found)
{
	enum { PASS, OPEN, FAIL } outcome = PASS;

	if (found->missing > 0)
		outcome = FAIL;
	else if (found->open > 0)
		outcome = OPEN;
	gp_metrics_add(metrics, GP_M_PREFLIGHT, outcome, 1);
	for (size_t i = 0; i < found->n; i++)
		if (found->v[i].state == GP_PREFLIGHT_MISSING)
			gp_metrics_add(metrics, GP_M_PREFLIGHT_MISSING,
			    (unsigned)found->v[i].need, 1);
}

/* The block; *trouble: why there is no Author Domain. */
static void
find_block(struct flight *f, const char **trouble)
{
	struct gp_err err;
	const char *domain = f->mail->sender->domain;

	*trouble = NULL;
	if (gp_author_find(f->mail->header, f->c->arena, &f->author, &err) ==
	    GP_OK)
		domain = f->author.domain;
	else
		*trouble = gp_arena_strdup(f->c->arena, err.msg);
	f->policy = gp_policy_for(f->c->config, domain);
}

struct gp_preflight_result
gp_preflight_check(const struct gp_preflight_checker *c,
    struct gp_dns_scope *scope, const struct gp_preflight_mail *mail)
{
	struct flight f = { .c = c, .scope = scope, .mail = mail };
	struct gp_preflight_result out = { .verdict = gp_continue() };
	const struct gp_preflight_policy *policy;
	const char *trouble;

	find_block(&f, &trouble);
	policy = &f.policy->preflight;
	if (!policy->given)
		return out;
	gp_preflight_read(
	    &(const struct gp_preflight_message){ .header = mail->header,
		.author = &f.author,
		.trouble = trouble,
		.policy = f.policy,
		.now_s = gp_clock_wall_s() },
	    c->arena, &f.header);
	find_facts(&f);
	out.judged = true;
	gp_preflight_judge(policy, &f.header, &f.facts, &out.found);
	out.verdict =
	    gp_preflight_verdict(policy, &out.found, mail->bounce, c->arena);
	count(c->metrics, &out.found);
	return out;
}
