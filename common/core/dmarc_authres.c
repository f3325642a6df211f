/* See dmarc_authres.h. */
#include "core/dmarc_authres.h"

static enum gp_dmarc_result
result_of(const struct gp_dmarc_case *c)
{
	return c->author == NULL ? GP_DMARC_R_PERMERROR : c->outcome->result;
}

static const char *
reason_of(const struct gp_dmarc_case *c)
{
	return c->author == NULL ? c->trouble : c->outcome->reason;
}

static bool
has_policy(const struct gp_dmarc_case *c)
{
	return result_of(c) == GP_DMARC_R_PASS ||
	       result_of(c) == GP_DMARC_R_FAIL;
}

/* The results of one method, or with an empty one those of all others. */
static void
copy_results(const struct gp_authres *fields, size_t n, bool of_spf,
    struct gp_authres *ar)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < fields[i].n; j++) {
			const struct gp_authres_result *r =
			    &fields[i].result[j];

			if (gp_str_eq_nocase(r->method, GP_STR("spf")) ==
				of_spf &&
			    ar->n < GP_AUTHRES_RESULTS_MAX - 1)
				ar->result[ar->n++] = *r;
		}
	}
}

static void
add_dmarc(const struct gp_dmarc_case *c, struct gp_arena *arena,
    struct gp_authres *ar)
{
	struct gp_authres_result *r = &ar->result[ar->n++];

	*r = (struct gp_authres_result){ .method = GP_STR("dmarc"),
		.result = gp_str(gp_dmarc_result_name(result_of(c))),
		.reason = gp_str(reason_of(c)),
		.prop = gp_arena_alloc(arena, 2 * sizeof(*r->prop)) };
	if (c->author != NULL)
		r->prop[r->n++] =
		    (struct gp_authres_prop){ .ptype = GP_STR("header"),
			    .property = GP_STR("from"),
			    .value = gp_str(c->author) };
	if (has_policy(c))
		r->prop[r->n++] =
		    (struct gp_authres_prop){ .ptype = GP_STR("policy"),
			    .property = GP_STR("dmarc"),
			    .value = gp_str(
				gp_dmarc_request_name(c->outcome->policy)) };
}

void
gp_dmarc_authres(const struct gp_authres *fields, size_t n,
    const struct gp_dmarc_case *c, struct gp_arena *arena,
    struct gp_authres *ar)
{
	ar->n = 0;
	ar->result =
	    gp_arena_alloc(arena, GP_AUTHRES_RESULTS_MAX * sizeof(*ar->result));
	copy_results(fields, n, true, ar);
	copy_results(fields, n, false, ar);
	add_dmarc(c, arena, ar);
}

void
gp_dmarc_describe(const struct gp_dmarc_case *c,
    const struct gp_dmarc_decision *d, struct gp_logline *line)
{
	gp_logline_adds(line, "dmarc", gp_dmarc_result_name(result_of(c)));
	if (c->author != NULL)
		gp_logline_adds(line, "header-from", c->author);
	if (has_policy(c)) {
		gp_logline_adds(line, "policy",
		    gp_dmarc_request_name(c->outcome->policy));
		gp_logline_adds(line, "policy-domain",
		    c->outcome->policy_domain);
	}
	if (reason_of(c) != NULL)
		gp_logline_adds(line, "reason", reason_of(c));
	if (result_of(c) != GP_DMARC_R_FAIL)
		return;
	gp_logline_adds(line, "applied", gp_dmarc_request_name(d->applied));
	if (d->reason != GP_DMARC_AS_ASKED)
		gp_logline_adds(line, "override",
		    gp_dmarc_reason_name(d->reason));
	gp_logline_adds(line, "comment", d->comment);
}
