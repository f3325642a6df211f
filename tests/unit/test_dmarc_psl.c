/*
 * DMARC by public suffix list (RFC 7489), and by kind where it and the tree
 * walk of RFC 9989 come to another end.
 */
#include "support/dmarc_zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct end {
	enum gp_dmarc_result result;
	const char *policy; /* NULL where no record applies */
};

struct row {
	const char *section, *label, *zone, *author, *dkim;
	struct end list, walk;
};

/* clang-format off */
#define A(s) "_dmarc.a.example " s "\n"
#define V    "v=DMARC1; "
#define P(policy) { GP_DMARC_R_PASS, policy }
#define F(policy) { GP_DMARC_R_FAIL, policy }
#define N         { GP_DMARC_R_NONE, NULL }
#define T         { GP_DMARC_R_TEMPERROR, NULL }
/* clang-format on */

static const struct row rows[] = {
	/* where they agree */
	{ "7489 6.6.3", "the author's record", A(V "p=reject"), "a.example", "",
	    F("reject"), F("reject") },
	{ "7489 6.6.3", "that of the registered domain: sp",
	    A(V "p=none; sp=reject"), "x.y.a.example", "", F("reject"),
	    F("reject") },
	{ "7489 6.6.3", "no sp: p", A(V "p=reject"), "x.y.a.example", "",
	    F("reject"), F("reject") },
	{ "7489 6.6.3", "no record", "", "a.example", "a.example", N, N },
	{ "7489 6.6.3", "the author is the suffix himself", "", "example", "",
	    N, N },
	{ "7489 6.6.3", "no answer from the author", A("!temp"), "a.example",
	    "a.example", T, T },
	{ "7489 6.6.3", "no answer from the registered domain", A("!temp"),
	    "m.a.example", "", T, T },
	{ "7489 6.6.3", "step 6: p no policy, with rua",
	    A(V "p=x; rua=mailto:x@y.z"), "a.example", "", F("none"),
	    F("none") },
	{ "7489 6.6.3", "step 6: sp no policy, without", A(V "p=reject; sp=x"),
	    "a.example", "", N, N },
	{ "7489 3.1", "siblings are aligned", A(V "p=reject"), "m.a.example",
	    "n.a.example", P("reject"), P("reject") },
	{ "7489 3.1", "the suffix itself is not", A(V "p=reject"), "a.example",
	    "example", F("reject"), F("reject") },
	{ "7489 3.1", "strict", A(V "p=reject; adkim=s"), "m.a.example",
	    "a.example", F("reject"), F("reject") },
	{ "7489 3.1", "customers of a suffix are not",
	    "_dmarc.a.co.uk " V "p=reject\n", "a.co.uk", "b.co.uk", F("reject"),
	    F("reject") },
	/* and where they do not, kind by kind */
	{ "9989 4.10", "several records at the author: the walk goes on",
	    "_dmarc.m.a.example " V "p=none\n_dmarc.m.a.example " V
	    "p=none\n" A(V "p=reject"),
	    "m.a.example", "", N, F("reject") },
	{ "9989 4.10", "several records at the organization",
	    A(V "p=none") A(V "p=none") "_dmarc.example " V "p=reject\n",
	    "m.a.example", "", N, F("reject") },
	{ "9989 4.10.2",
	    "a record only below the registered domain: its parent",
	    "_dmarc.m.a.example " V "p=reject\n", "m.a.example", "a.example",
	    P("reject"), F("reject") },
	{ "9989 4.10.2", "and its sibling",
	    "_dmarc.m.a.example " V "p=reject\n", "m.a.example", "n.a.example",
	    P("reject"), F("reject") },
	{ "9989 4.10.2", "a suffix without psd=y joins its customers",
	    "_dmarc.example " V "p=none\n" A(V "p=reject"), "a.example",
	    "b.example", F("reject"), P("reject") },
	{ "9989 4.10.2", "psd=n parts",
	    A(V "p=none") "_dmarc.m.a.example " V "p=reject; psd=n\n",
	    "m.a.example", "n.a.example", P("reject"), F("reject") },
	{ "9989 4.10.2", "psd=y below the registered domain parts as well",
	    "_dmarc.h.a.example " V "p=reject; psd=y\n_dmarc.c.h.a.example " V
	    "p=reject\n",
	    "c.h.a.example", "d.h.a.example", P("reject"), F("reject") },
	{ "9989 4.10.1", "the PSD's policy",
	    "_dmarc.bank " V "p=none; sp=reject; psd=y\na.bank .\n", "a.bank",
	    "", N, F("reject") },
	{ "9989 4.7", "np", A(V "p=none; sp=quarantine; np=reject"),
	    "m.a.example", "", F("quarantine"), F("reject") },
	{ "9989 4.10.1", "an invalid np, without rua", A(V "p=reject; np=x"),
	    "a.example", "", F("reject"), N },
	{ "9989 4.10.1", "an invalid np, with rua",
	    A(V "p=reject; np=x; rua=mailto:x@y.z"), "a.example", "",
	    F("reject"), F("none") },
	{ "9989 4.7", "p is optional: without rua", A(V "sp=reject"),
	    "m.a.example", "", N, F("reject") },
	{ "9989 4.7", "p is optional: with rua",
	    A(V "sp=reject; rua=mailto:x@y.z"), "m.a.example", "", F("none"),
	    F("reject") },
	{ "9989 4.10", "names above eight labels: one that is leapt over",
	    "_dmarc.h.g.f.e.d.c.a.example " V "p=reject; psd=n\n" A(V "p=none"),
	    "j.i.h.g.f.e.d.c.a.example", "", F("none"), F("none") },
	{ "9989 4.10", "names above eight labels: one that is not",
	    "_dmarc.e.d.c.a.example " V "p=reject; psd=n\n" A(V "p=none"),
	    "j.i.h.g.f.e.d.c.a.example", "", F("none"), F("reject") },
	{ "9989 4.10.1", "an intermediate record without psd",
	    "_dmarc.y.a.example " V "p=reject\n", "x.y.a.example", "", N,
	    F("reject") },
	{ "9989 A.6", "pct is ignored, t counts", A(V "p=reject; pct=0; t=y"),
	    "a.example", "", F("quarantine"), F("quarantine") },
};

static void
check(const struct row *r, enum gp_dmarc_discovery how, const struct end *want)
{
	struct gp_arena *arena = gp_arena_new();
	struct dmarc_zone z = { .text = r->zone,
		.author = r->author,
		.dkim = r->dkim,
		.how = how };
	const struct gp_dmarc_outcome *o = dmarc_zone_evaluate(arena, &z);

	assert_string_equal(gp_dmarc_result_name(o->result),
	    gp_dmarc_result_name(want->result));
	if (want->policy != NULL)
		assert_string_equal(gp_dmarc_request_name(o->policy),
		    want->policy);
	/* author, registered domain */
	if (how == GP_DMARC_PSL)
		assert_true(z.asked <= 2);
	gp_arena_free(arena);
}

static void
dmarc_psl_table_beside_the_walk(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s: %s\n", rows[i].section, rows[i].label);
		check(&rows[i], GP_DMARC_PSL, &rows[i].list);
		check(&rows[i], GP_DMARC_TREEWALK, &rows[i].walk);
	}
}

/* Both mechanisms at once. */
static void
dmarc_psl_tells_every_mechanism(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct dmarc_zone z = { .text = A(V "p=reject; aspf=s"),
		.author = "a.example",
		.spf = "m.a.example",
		.dkim = "b.example n.a.example",
		.how = GP_DMARC_PSL,
		.every = true };
	const struct gp_dmarc_outcome *o = dmarc_zone_evaluate(arena, &z);

	(void)state;
	assert_int_equal(o->result, GP_DMARC_R_PASS);
	assert_true(o->dkim_aligned && !o->spf_aligned);
	assert_string_equal(o->aligned, "n.a.example");
	assert_string_equal(o->org_domain, "a.example");
	z.text = A(V "p=reject");
	z.asked = 0;
	o = dmarc_zone_evaluate(arena, &z);
	assert_true(o->dkim_aligned && o->spf_aligned);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_psl_table_beside_the_walk),
		cmocka_unit_test(dmarc_psl_tells_every_mechanism),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
