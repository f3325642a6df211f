/* What the signatures of a message come to together, and how it is told. */
#include "core/dkim_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CHECKS_MAX 4

/* Decided checks from a string: one letter each, upper case for a key that is
 * being tested. */
static struct gp_dkim_checks
checks(struct gp_arena *arena, const char *results)
{
	static const char letters[] = { [GP_DKIM_PASS] = 'p',
		[GP_DKIM_FAIL] = 'f',
		[GP_DKIM_POLICY] = 'o',
		[GP_DKIM_TEMPERROR] = 't',
		[GP_DKIM_PERMERROR] = 'e' };
	static const char *const domains[CHECKS_MAX] = { "a.example",
		"b.example", "c.example", "d.example" };
	struct gp_dkim_checks cs = { .n = strlen(results) };

	assert_true(cs.n <= CHECKS_MAX);
	if (cs.n == 0)
		return cs;
	cs.v = gp_arena_alloc(arena, cs.n * sizeof(*cs.v));
	for (size_t i = 0; i < cs.n; i++) {
		const char *at =
		    memchr(letters, gp_lower(results[i]), sizeof(letters));
		struct gp_dkim_check *c = &cs.v[i];

		assert_non_null(at);
		c->decided = true;
		c->result = (enum gp_dkim_result)(at - letters);
		c->reason = c->result == GP_DKIM_PASS ? NULL : "because";
		c->testing = gp_lower(results[i]) != results[i];
		c->sig.domain = domains[i];
		c->sig.selector = "sel";
		c->sig.a = GP_STR("rsa-sha256");
	}
	return cs;
}

/* -- one result ---------------------------------------------------------- */

static void
overall_is_the_best_that_may_yet_be(void **state)
{
	static const struct {
		const char *results;
		enum gp_dkim_result overall;
		int which; /* -1: none */
	} rows[] = {
		{ "", GP_DKIM_NONE, -1 },
		{ "p", GP_DKIM_PASS, 0 },
		{ "ftop", GP_DKIM_PASS, 3 },
		{ "epfp", GP_DKIM_PASS, 1 },
		{ "fte", GP_DKIM_TEMPERROR, 1 },
		{ "efo", GP_DKIM_POLICY, 2 },
		{ "eff", GP_DKIM_FAIL, 1 },
		{ "ee", GP_DKIM_PERMERROR, 0 },
		/* a key that is in use counts before one being tested */
		{ "Ff", GP_DKIM_FAIL, 1 },
		{ "EFF", GP_DKIM_FAIL, 1 },
		{ "Pp", GP_DKIM_PASS, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_arena *arena = gp_arena_new();
		const struct gp_dkim_checks cs = checks(arena, rows[i].results);
		const struct gp_dkim_check *which = NULL;
		const enum gp_dkim_result overall =
		    gp_dkim_overall(&cs, &which);

		if (overall != rows[i].overall ||
		    which != (rows[i].which < 0 ? NULL : &cs.v[rows[i].which]))
			fail_msg("row: \"%s\": %s", rows[i].results,
			    gp_dkim_result_name(overall));
		gp_arena_free(arena);
	}
}

/* -- the verdict ---------------------------------------------------------- */

static struct gp_dkim_checking
all(enum gp_mode mode, enum gp_disposition d)
{
	struct gp_dkim_checking how = { .mode = mode };

	for (unsigned i = 0; i < GP_DKIM_RESULTS; i++)
		how.on[i] = d;
	return how;
}

static void
decide_each_result_gets_its_reply(void **state)
{
	static const struct {
		const char *results, *why, *reject, *tempfail, *text;
	} rows[] = {
		{ "", "dkim.none", "5.7.20", "4.7.20",
		    "no DKIM signature, and one is required here" },
		{ "f", "dkim.fail", "5.7.20", "4.7.20",
		    "DKIM signature of a.example does not pass: because" },
		{ "o", "dkim.policy", "5.7.20", "4.7.20",
		    "DKIM signature of a.example does not pass: because" },
		{ "e", "dkim.permerror", "5.7.20", "4.7.20",
		    "DKIM signature of a.example does not pass: because" },
		{ "ft", "dkim.temperror", "5.7.20", "4.7.5",
		    "DKIM signature of b.example can not be checked now: "
		    "because" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_arena *arena = gp_arena_new();
		const struct gp_dkim_checks cs = checks(arena, rows[i].results);
		struct gp_dkim_checking how = all(GP_ENFORCE, GP_DO_REJECT);
		struct gp_verdict v = gp_dkim_decide(&cs, &how, arena);

		assert_int_equal(v.action, GP_REJECT);
		assert_int_equal(v.code, 550);
		assert_string_equal(v.xcode, rows[i].reject);
		assert_string_equal(v.text, rows[i].text);
		assert_string_equal(v.why, rows[i].why);
		how = all(GP_ENFORCE, GP_DO_TEMPFAIL);
		v = gp_dkim_decide(&cs, &how, arena);
		assert_int_equal(v.action, GP_TEMPFAIL);
		assert_int_equal(v.code, 451);
		assert_string_equal(v.xcode, rows[i].tempfail);
		assert_string_equal(v.text, rows[i].text);
		assert_string_equal(v.why, rows[i].why);
		assert_false(v.monitored);
		gp_arena_free(arena);
	}
}

static void
decide_only_the_option_of_the_result_counts(void **state)
{
	static const char *const results[GP_DKIM_RESULTS] = { "", "p", "f", "o",
		"t", "e" };
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (unsigned i = 0; i < GP_DKIM_RESULTS; i++)
		for (unsigned j = 0; j < GP_DKIM_RESULTS; j++) {
			const struct gp_dkim_checks cs =
			    checks(arena, results[i]);
			struct gp_dkim_checking how =
			    all(GP_ENFORCE, GP_DO_TAG);
			struct gp_verdict v;

			how.on[j] = GP_DO_REJECT;
			v = gp_dkim_decide(&cs, &how, arena);
			assert_int_equal(v.action, i == j && j != GP_DKIM_PASS
						       ? GP_REJECT
						       : GP_CONTINUE);
		}
	gp_arena_free(arena);
}

static void
decide_a_key_in_test_mode_is_only_tagged(void **state)
{
	static const struct {
		const char *results;
		enum gp_action action;
	} rows[] = {
		{ "F", GP_CONTINUE },
		{ "E", GP_CONTINUE },
		{ "O", GP_CONTINUE },
		{ "FE", GP_CONTINUE },
		{ "f", GP_REJECT },
		{ "Ff", GP_REJECT },
		{ "fF", GP_REJECT },
	};
	const struct gp_dkim_checking how = all(GP_ENFORCE, GP_DO_REJECT);
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_dkim_checks cs = checks(arena, rows[i].results);
		const struct gp_verdict v = gp_dkim_decide(&cs, &how, arena);

		if (v.action != rows[i].action || v.monitored)
			fail_msg("row: %s", rows[i].results);
	}
	gp_arena_free(arena);
}

static void
decide_monitor_only_remembers(void **state)
{
	const struct gp_dkim_checking how = all(GP_MONITOR, GP_DO_REJECT);
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_checks cs = checks(arena, "f");
	struct gp_verdict v = gp_dkim_decide(&cs, &how, arena);

	(void)state;
	assert_int_equal(v.action, GP_CONTINUE);
	assert_int_equal(v.code, 0);
	assert_int_equal(v.disposition, GP_DO_REJECT);
	assert_true(v.monitored);
	assert_string_equal(v.why, "dkim.fail");
	cs = checks(arena, "p");
	v = gp_dkim_decide(&cs, &how, arena);
	assert_int_equal(v.disposition, GP_DO_TAG);
	assert_false(v.monitored);
	assert_string_equal(v.why, "dkim.pass");
	gp_arena_free(arena);
}

static void
decide_unreadable_signature_has_a_text_too(void **state)
{
	const struct gp_dkim_checking how = all(GP_ENFORCE, GP_DO_REJECT);
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_checks cs = checks(arena, "e");

	(void)state;
	cs.v[0].sig.domain = NULL;
	assert_string_equal(gp_dkim_decide(&cs, &how, arena).text,
	    "no DKIM signature that passes: because");
	gp_arena_free(arena);
}

/* -- reports -------------------------------------------------------------- */

static void
check_prop(const struct gp_authres_result *r, const char *property,
    const char *value)
{
	const struct gp_authres_prop *p =
	    gp_authres_prop_find(r, "header", property);

	if (value == NULL) {
		assert_null(p);
		return;
	}
	assert_non_null(p);
	if (!gp_str_eq(p->value, gp_str(value)))
		fail_msg("header.%s=%.*s, not %s", property,
		    GP_STR_ARG(p->value), value);
}

static void
authres_reports_each_signature(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_checks cs = checks(arena, "pfe");
	struct gp_authres ar = { .n = 7 };

	(void)state;
	cs.v[0].sig.b = GP_STR("abcdefghijkl");
	cs.v[1].sig.b = GP_STR("AB==");
	cs.v[2].sig.selector = NULL;
	cs.v[2].sig.a = GP_STR("");
	gp_dkim_authres(&cs, arena, &ar);
	assert_int_equal(ar.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(gp_str_eq(ar.result[i].method, GP_STR("dkim")));
	assert_true(gp_str_eq(ar.result[0].result, GP_STR("pass")));
	assert_int_equal(ar.result[0].reason.n, 0);
	check_prop(&ar.result[0], "d", "a.example");
	check_prop(&ar.result[0], "s", "sel");
	check_prop(&ar.result[0], "a", "rsa-sha256");
	check_prop(&ar.result[0], "b", "abcdefgh");
	assert_int_equal(ar.result[0].n, 4);
	assert_true(gp_str_eq(ar.result[1].result, GP_STR("fail")));
	assert_true(gp_str_eq(ar.result[1].reason, GP_STR("because")));
	check_prop(&ar.result[1], "d", "b.example");
	check_prop(&ar.result[1], "b", "AB==");
	assert_true(gp_str_eq(ar.result[2].result, GP_STR("permerror")));
	check_prop(&ar.result[2], "d", "c.example");
	check_prop(&ar.result[2], "s", NULL);
	check_prop(&ar.result[2], "a", NULL);
	check_prop(&ar.result[2], "b", NULL);
	gp_arena_free(arena);
}

static void
authres_without_signatures_is_none(void **state)
{
	const struct gp_dkim_checks cs = { .n = 0 };
	struct gp_arena *arena = gp_arena_new();
	struct gp_authres ar = { .id = GP_STR("mx.example") };
	struct gp_buf out;

	(void)state;
	gp_dkim_authres(&cs, arena, &ar);
	gp_buf_init(&out, 1000);
	gp_authres_format(&ar, &out);
	assert_string_equal(gp_buf_cstr(&out), "mx.example; dkim=none");
	gp_buf_clear(&out);
	gp_arena_free(arena);
}

#define B40 "0123456789012345678901234567890123456789"

static void
authres_b_is_as_long_as_it_must_be(void **state)
{
	static const struct {
		const char *label, *b[3], *shown[3];
	} rows[] = {
		{ "different from the start",
		    { "abcdefghij", "bbcdefghij", "cbcdefghij" },
		    { "abcdefgh", "bbcdefgh", "cbcdefgh" } },
		{ "different in the eighth",
		    { "abcdefg1ij", "abcdefg2ij", "abcdefg3ij" },
		    { "abcdefg1", "abcdefg2", "abcdefg3" } },
		{ "different in the ninth", { "abcdefgh1j", "abcdefgh2j", "x" },
		    { "abcdefgh1", "abcdefgh2", "x" } },
		{ "each as long as it must be itself",
		    { "abcdefghijk1xyz", "abcdefghijk2xyz", "abcdefghZ23" },
		    { "abcdefghijk1", "abcdefghijk2", "abcdefghZ" } },
		{ "one begins with the other",
		    { "abcdefghij", "abcdefghijkl", "" },
		    { "abcdefghij", "abcdefghijk", NULL } },
		{ "the same and short", { "abcdefghijkl", "abcdefghijkl", "" },
		    { "abcdefghijkl", "abcdefghijkl", NULL } },
		{ "the same and long", { B40, B40, "x" },
		    { "01234567890123456789012345678901",
			"01234567890123456789012345678901", "x" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_dkim_checks cs = checks(arena, "ppp");
		struct gp_authres ar;

		for (size_t j = 0; j < 3; j++)
			cs.v[j].sig.b = gp_str(rows[i].b[j]);
		gp_dkim_authres(&cs, arena, &ar);
		for (size_t j = 0; j < 3; j++)
			check_prop(&ar.result[j], "b", rows[i].shown[j]);
		gp_arena_free(arena);
	}
}

static void
authres_odd_values_survive_the_field(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_checks cs = checks(arena, "e");
	struct gp_authres ar = { .id = GP_STR("mx.example") };
	struct gp_authres back;
	struct gp_buf out;

	(void)state;
	cs.v[0].sig.a = GP_STR("x; dkim=pass");
	cs.v[0].sig.b = GP_STR("a/b+c==\"");
	gp_dkim_authres(&cs, arena, &ar);
	gp_buf_init(&out, 2000);
	gp_authres_format(&ar, &out);
	assert_int_equal(gp_authres_parse(gp_buf_str(&out), arena, &back, NULL),
	    GP_OK);
	assert_int_equal(back.n, 1);
	check_prop(&back.result[0], "a", "x; dkim=pass");
	check_prop(&back.result[0], "b", "a/b+c==\"");
	gp_buf_clear(&out);
	gp_arena_free(arena);
}

static void
describe_tells_the_one_that_decides(void **state)
{
	static const struct {
		const char *results, *line;
		size_t ignored;
	} rows[] = {
		{ "", "Q: dkim=none", 0 },
		{ "fp", "Q: dkim=pass d=b.example s=sel signatures=2", 0 },
		{ "ef",
		    "Q: dkim=fail d=b.example s=sel reason=because "
		    "signatures=5",
		    3 },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_dkim_checks cs = checks(arena, rows[i].results);
		struct gp_logline line;

		cs.ignored = rows[i].ignored;
		gp_logline_start(&line, GP_STR("Q"));
		gp_dkim_describe(&cs, &line);
		assert_string_equal(line.text, rows[i].line);
	}
	gp_arena_free(arena);
}

static void
describe_leaves_out_what_could_not_be_read(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_checks cs = checks(arena, "e");
	struct gp_logline line;

	(void)state;
	cs.v[0].sig.domain = cs.v[0].sig.selector = NULL;
	gp_logline_start(&line, GP_STR("Q"));
	gp_dkim_describe(&cs, &line);
	assert_string_equal(line.text,
	    "Q: dkim=permerror reason=because signatures=1");
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overall_is_the_best_that_may_yet_be),
		cmocka_unit_test(decide_each_result_gets_its_reply),
		cmocka_unit_test(decide_only_the_option_of_the_result_counts),
		cmocka_unit_test(decide_a_key_in_test_mode_is_only_tagged),
		cmocka_unit_test(decide_monitor_only_remembers),
		cmocka_unit_test(decide_unreadable_signature_has_a_text_too),
		cmocka_unit_test(authres_reports_each_signature),
		cmocka_unit_test(authres_without_signatures_is_none),
		cmocka_unit_test(authres_b_is_as_long_as_it_must_be),
		cmocka_unit_test(authres_odd_values_survive_the_field),
		cmocka_unit_test(describe_tells_the_one_that_decides),
		cmocka_unit_test(describe_leaves_out_what_could_not_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
