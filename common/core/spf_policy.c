/* See spf_policy.h. */
#include "core/spf_policy.h"

#include "core/domain.h"

#include <string.h>

/* -- whom to check ----------------------------------------------------- */

static struct gp_spf_identity
not_askable(const char *domain, const char *reason)
{
	return (struct gp_spf_identity){ .local = GP_STR("postmaster"),
		.domain = domain,
		.reason = reason };
}

static struct gp_spf_identity
postmaster_at(const char *helo, struct gp_arena *arena)
{
	char domain[GP_DOMAIN_TEXT];
	struct gp_str name = gp_str(helo);

	if (name.n == 0)
		return not_askable(NULL, "no HELO was given");
	if (name.p[0] == '[')
		return not_askable(name.n > GP_DOMAIN_MAX
				       ? NULL
				       : gp_arena_strdup(arena, helo),
		    "HELO is an address literal");
	if (name.n > GP_HELO_MAX ||
	    gp_domain_normalize(name, domain, NULL) != GP_OK)
		return not_askable(NULL, "HELO is no domain name");
	helo = gp_arena_strdup(arena, domain);
	if (gp_domain_labels(helo) < 2)
		return not_askable(helo, "HELO is a name of one label");
	return (struct gp_spf_identity){ .askable = true,
		.local = GP_STR("postmaster"),
		.domain = helo };
}

struct gp_spf_identity
gp_spf_identity_helo(const char *helo, struct gp_arena *arena)
{
	struct gp_spf_identity id = postmaster_at(helo, arena);

	id.is_helo = true;
	return id;
}

struct gp_spf_identity
gp_spf_identity_mail_from(const struct gp_addr *path, bool readable,
    const char *helo, struct gp_arena *arena)
{
	if (!readable)
		return not_askable(NULL, "MAIL FROM is no address");
	if (path->is_null)
		return postmaster_at(helo, arena);
	if (path->is_literal)
		return not_askable(NULL, "MAIL FROM has an address literal");
	if (path->domain == NULL)
		return not_askable(NULL, "MAIL FROM has no domain");
	if (gp_domain_labels(path->domain) < 2)
		return not_askable(path->domain,
		    "MAIL FROM has a domain of one label");
	return (struct gp_spf_identity){ .askable = true,
		.local = path->local.n > 0 ? path->local : GP_STR("postmaster"),
		.domain = path->domain };
}

/* -- what it means ----------------------------------------------------- */

/* One result under one option. */
struct judgement {
	const struct gp_spf_check_result *check;
	enum gp_disposition disposition;
	const char *why;
};

static const char *
option_name(enum gp_spf_result result)
{
	static const char *const names[GP_SPF_RESULTS] = {
		[GP_SPF_SKIPPED] = "spf.skipped",
		[GP_SPF_NONE] = "spf.none",
		[GP_SPF_NEUTRAL] = "spf.neutral",
		[GP_SPF_PASS] = "spf.pass",
		[GP_SPF_FAIL] = "spf.fail",
		[GP_SPF_SOFTFAIL] = "spf.softfail",
		[GP_SPF_TEMPERROR] = "spf.temperror",
		[GP_SPF_PERMERROR] = "spf.permerror",
	};

	return names[result];
}

static struct judgement
judge(const struct gp_spf_policy *policy, const struct gp_spf_message *spf)
{
	const struct gp_spf_check_result *helo =
	    spf->by_helo ? &spf->mail_from : &spf->helo;
	struct judgement j = { .check = &spf->mail_from,
		.disposition = policy->on[spf->mail_from.result],
		.why = option_name(spf->mail_from.result) };

	if (spf->mail_from.result == GP_SPF_SKIPPED)
		j.disposition = GP_DO_TAG;
	if (helo->result == GP_SPF_FAIL &&
	    gp_disposition_severity(policy->helo_fail) >
		gp_disposition_severity(j.disposition))
		j = (struct judgement){ .check = helo,
			.disposition = policy->helo_fail,
			.why = "spf.helo-fail" };
	return j;
}

static const char *
fail_text(const struct gp_spf_message *spf,
    const struct gp_spf_check_result *check, struct gp_arena *arena)
{
	char ip[GP_IP_TEXT];

	if (check->explanation != NULL)
		return gp_arena_printf(arena,
		    "SPF check of %s failed: %s explains: %s", check->domain,
		    check->domain, check->explanation);
	if (spf->explanation != NULL && spf->explanation[0] != '\0')
		return gp_arena_printf(arena, "SPF check of %s failed: %s",
		    check->domain, spf->explanation);
	return gp_arena_printf(arena,
	    "SPF check of %s failed: %s is not allowed to send mail for it",
	    check->domain, gp_ip_format(&spf->client, ip));
}

static const char *
reply_text(const struct gp_spf_message *spf,
    const struct gp_spf_check_result *check, struct gp_arena *arena)
{
	char ip[GP_IP_TEXT];

	if (check->domain == NULL)
		return gp_arena_printf(arena, "SPF check not possible: %s",
		    check->reason);
	switch (check->result) {
	case GP_SPF_FAIL:
		return fail_text(spf, check, arena);
	case GP_SPF_SOFTFAIL:
		return gp_arena_printf(arena,
		    "SPF check of %s: %s is probably not allowed to send mail "
		    "for it",
		    check->domain, gp_ip_format(&spf->client, ip));
	case GP_SPF_TEMPERROR:
		return gp_arena_printf(arena,
		    "SPF check of %s not possible now: %s", check->domain,
		    check->reason);
	case GP_SPF_PERMERROR:
		return gp_arena_printf(arena,
		    "SPF record of %s can not be used: %s", check->domain,
		    check->reason);
	case GP_SPF_SKIPPED:
	case GP_SPF_NONE:
	case GP_SPF_NEUTRAL:
	case GP_SPF_PASS:
	case GP_SPF_RESULTS:
		break;
	}
	return gp_arena_printf(arena,
	    "SPF check of %s: result \"%s\" is not accepted here",
	    check->domain, gp_spf_result_name(check->result));
}

/* RFC 7372 section 3.2: .23 the check failed, .24 it could not be made; the
 * 4.4.3 of RFC 7208 section 8.6 says that it may be possible later. */
static struct gp_verdict
refuse(const struct gp_spf_message *spf, const struct judgement *j,
    struct gp_arena *arena)
{
	const char *text = reply_text(spf, j->check, arena);
	bool error = j->check->result == GP_SPF_PERMERROR ||
	             j->check->result == GP_SPF_TEMPERROR;

	if (j->disposition == GP_DO_REJECT)
		return gp_reject(error ? "5.7.24" : "5.7.23", text, j->why);
	if (j->check->result == GP_SPF_TEMPERROR)
		return gp_tempfail("4.4.3", text, j->why);
	return gp_tempfail(error ? "4.7.24" : "4.7.23", text, j->why);
}

struct gp_verdict
gp_spf_decide(const struct gp_spf_policy *policy,
    const struct gp_spf_message *spf, struct gp_arena *arena)
{
	struct judgement j = judge(policy, spf);
	struct gp_verdict verdict;

	if (policy->mode == GP_ENFORCE &&
	    (j.disposition == GP_DO_REJECT || j.disposition == GP_DO_TEMPFAIL))
		return refuse(spf, &j, arena);
	verdict = gp_continue();
	verdict.why = j.why;
	verdict.disposition = j.disposition;
	verdict.monitored =
	    policy->mode == GP_MONITOR && j.disposition != GP_DO_TAG;
	return verdict;
}

/* -- how it is reported ------------------------------------------------ */

static void
report(const struct gp_spf_check_result *check, const char *property,
    struct gp_arena *arena, struct gp_authres *ar)
{
	struct gp_authres_result *r = &ar->result[ar->n++];

	r->method = GP_STR("spf");
	r->result = gp_str(gp_spf_result_name(check->result));
	if (check->result != GP_SPF_PASS)
		r->reason = gp_str(check->reason);
	if (check->domain == NULL)
		return;
	r->n = 1;
	r->prop = gp_arena_alloc(arena, sizeof(*r->prop));
	r->prop[0] = (struct gp_authres_prop){ .ptype = GP_STR("smtp"),
		.property = gp_str(property),
		.value = gp_str(check->domain) };
}

void
gp_spf_authres(const struct gp_spf_message *spf, struct gp_arena *arena,
    struct gp_authres *ar)
{
	ar->n = 0;
	ar->result = gp_arena_alloc(arena, 2 * sizeof(*ar->result));
	if (spf->mail_from.result != GP_SPF_SKIPPED)
		report(&spf->mail_from, spf->by_helo ? "helo" : "mailfrom",
		    arena, ar);
	if (spf->helo.result != GP_SPF_SKIPPED)
		report(&spf->helo, "helo", arena, ar);
}

void
gp_spf_describe(const struct gp_spf_message *spf, struct gp_logline *line)
{
	const struct gp_spf_check_result *from = &spf->mail_from;

	if (from->result == GP_SPF_SKIPPED)
		return;
	gp_logline_adds(line, "spf", gp_spf_result_name(from->result));
	if (from->domain != NULL)
		gp_logline_adds(line, spf->by_helo ? "helo-domain" : "domain",
		    from->domain);
	gp_logline_adds(line, "reason", from->reason);
	if (spf->helo.result != GP_SPF_SKIPPED)
		gp_logline_adds(line, "helo-spf",
		    gp_spf_result_name(spf->helo.result));
}
