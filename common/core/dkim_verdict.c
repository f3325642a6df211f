/* See dkim_verify.h: what the results of the signatures come to together, and
 * how they are told. */
#include "core/dkim_verify.h"

#include <string.h>

/* Characters of b= that are shown: at least (RFC 6008 section 4), and at most
 * when two signatures have the same. */
#define B_SHOWN_MIN  8
#define B_SHOWN_SAME 32

/* -- one result for the message ----------------------------------------- */

/* The first check of that result; one whose key is in use before one whose
 * key is being tested. */
static const struct gp_dkim_check *
first_of(const struct gp_dkim_checks *cs, enum gp_dkim_result result)
{
	const struct gp_dkim_check *found = NULL;

	for (size_t i = 0; i < cs->n; i++) {
		const struct gp_dkim_check *c = &cs->v[i];

		if (c->result != result)
			continue;
		if (!c->testing)
			return c;
		if (found == NULL)
			found = c;
	}
	return found;
}

enum gp_dkim_result
gp_dkim_overall(const struct gp_dkim_checks *cs,
    const struct gp_dkim_check **which)
{
	static const enum gp_dkim_result order[] = { GP_DKIM_PASS,
		GP_DKIM_TEMPERROR, GP_DKIM_POLICY, GP_DKIM_FAIL,
		GP_DKIM_PERMERROR };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		*which = first_of(cs, order[i]);
		if (*which != NULL)
			return order[i];
	}
	*which = NULL;
	return GP_DKIM_NONE;
}

/* -- the verdict --------------------------------------------------------- */

static const char *
option_name(enum gp_dkim_result result)
{
	static const char *const names[GP_DKIM_RESULTS] = {
		[GP_DKIM_NONE] = "dkim.none",
		[GP_DKIM_PASS] = "dkim.pass",
		[GP_DKIM_FAIL] = "dkim.fail",
		[GP_DKIM_POLICY] = "dkim.policy",
		[GP_DKIM_TEMPERROR] = "dkim.temperror",
		[GP_DKIM_PERMERROR] = "dkim.permerror",
	};

	return names[result];
}

static const char *
reply_text(const struct gp_dkim_check *c, struct gp_arena *arena)
{
	if (c == NULL)
		return "no DKIM signature, and one is required here";
	if (c->sig.domain == NULL)
		return gp_arena_printf(arena,
		    "no DKIM signature that passes: %s", c->reason);
	if (c->result == GP_DKIM_TEMPERROR)
		return gp_arena_printf(arena,
		    "DKIM signature of %s can not be checked now: %s",
		    c->sig.domain, c->reason);
	return gp_arena_printf(arena, "DKIM signature of %s does not pass: %s",
	    c->sig.domain, c->reason);
}

struct gp_verdict
gp_dkim_decide(const struct gp_dkim_checks *cs,
    const struct gp_dkim_checking *how, struct gp_arena *arena)
{
	const struct gp_dkim_check *which;
	const enum gp_dkim_result result = gp_dkim_overall(cs, &which);
	const char *why = option_name(result);
	enum gp_disposition d = how->on[result];
	struct gp_verdict verdict;

	if (result == GP_DKIM_PASS || (which != NULL && which->testing))
		d = GP_DO_TAG;
	if (how->mode == GP_ENFORCE && d == GP_DO_REJECT)
		return gp_reject("5.7.20", reply_text(which, arena), why);
	if (how->mode == GP_ENFORCE && d == GP_DO_TEMPFAIL)
		return gp_tempfail(result == GP_DKIM_TEMPERROR ? "4.7.5"
							       : "4.7.20",
		    reply_text(which, arena), why);
	verdict = gp_continue();
	verdict.why = why;
	verdict.disposition = d;
	verdict.monitored = how->mode == GP_MONITOR && d != GP_DO_TAG;
	return verdict;
}

/* -- how it is reported --------------------------------------------------- */

static size_t
common_prefix(struct gp_str a, struct gp_str b)
{
	const size_t n = a.n < b.n ? a.n : b.n;
	size_t i = 0;

	while (i < n && a.p[i] == b.p[i])
		i++;
	return i;
}

/* As much of b= as tells it from those of the other signatures. */
static struct gp_str
shown_b(const struct gp_dkim_checks *cs, size_t which)
{
	const struct gp_str b = cs->v[which].sig.b;
	size_t n = B_SHOWN_MIN;

	for (size_t i = 0; i < cs->n; i++) {
		const struct gp_str other = cs->v[i].sig.b;
		size_t need;

		if (i == which)
			continue;
		need = gp_str_eq(b, other) ? B_SHOWN_SAME
		                           : common_prefix(b, other) + 1;
		if (need > n)
			n = need;
	}
	return gp_str_n(b.p, b.n < n ? b.n : n);
}

static void
add_prop(struct gp_authres_result *r, const char *property, struct gp_str value)
{
	if (value.n > 0)
		r->prop[r->n++] =
		    (struct gp_authres_prop){ .ptype = GP_STR("header"),
			    .property = gp_str(property),
			    .value = value };
}

static void
report(const struct gp_dkim_checks *cs, size_t which, struct gp_arena *arena,
    struct gp_authres_result *r)
{
	const struct gp_dkim_check *c = &cs->v[which];

	r->method = GP_STR("dkim");
	r->result = gp_str(gp_dkim_result_name(c->result));
	r->reason = gp_str(c->reason);
	r->prop = gp_arena_alloc(arena, 4 * sizeof(*r->prop));
	add_prop(r, "d", gp_str(c->sig.domain));
	add_prop(r, "s", gp_str(c->sig.selector));
	add_prop(r, "a", c->sig.a);
	add_prop(r, "b", shown_b(cs, which));
}

void
gp_dkim_authres(const struct gp_dkim_checks *cs, struct gp_arena *arena,
    struct gp_authres *ar)
{
	ar->n = cs->n == 0 ? 1 : cs->n;
	ar->result = gp_arena_alloc(arena, ar->n * sizeof(*ar->result));
	if (cs->n == 0)
		ar->result[0] =
		    (struct gp_authres_result){ .method = GP_STR("dkim"),
			    .result = GP_STR("none") };
	for (size_t i = 0; i < cs->n; i++)
		report(cs, i, arena, &ar->result[i]);
}

void
gp_dkim_describe(const struct gp_dkim_checks *cs, struct gp_logline *line)
{
	const struct gp_dkim_check *which;

	gp_logline_adds(line, "dkim",
	    gp_dkim_result_name(gp_dkim_overall(cs, &which)));
	if (which == NULL)
		return;
	if (which->sig.domain != NULL)
		gp_logline_adds(line, "d", which->sig.domain);
	if (which->sig.selector != NULL)
		gp_logline_adds(line, "s", which->sig.selector);
	if (which->reason != NULL)
		gp_logline_adds(line, "reason", which->reason);
	gp_logline_addu(line, "signatures", cs->n + cs->ignored);
}
