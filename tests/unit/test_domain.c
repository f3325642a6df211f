/* Domain names: one spelling for each, and no guessing. */
#include "core/domain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define L63  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define L61  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy"
#define U10  "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
#define U50  U10 U10 U10 U10 U10
#define N253 L63 "." L63 "." L63 "." L61

struct row {
	const char *label;
	struct gp_str in;
	const char *out; /* NULL: refused */
};

static const struct row rows[] = {
	{ "plain", GP_STR("example.com"), "example.com" },
	{ "upper case", GP_STR("EXAMPLE.Com"), "example.com" },
	{ "final dot", GP_STR("example.com."), "example.com" },
	{ "single label", GP_STR("localhost"), "localhost" },
	{ "single letter", GP_STR("a"), "a" },
	{ "digits only", GP_STR("192.0.2.1"), "192.0.2.1" },
	{ "underscores", GP_STR("_spf._x.a_b.example"), "_spf._x.a_b.example" },
	{ "hyphens inside", GP_STR("r3---sn-x.example"), "r3---sn-x.example" },
	{ "label of 63", GP_STR(L63 ".example"), L63 ".example" },
	{ "253 octets", GP_STR(N253), N253 },
	{ "253 octets and dot", GP_STR(N253 "."), N253 },

	{ "empty", { NULL, 0 }, NULL },
	{ "root", GP_STR("."), NULL },
	{ "two final dots", GP_STR("example.com.."), NULL },
	{ "leading dot", GP_STR(".example.com"), NULL },
	{ "empty label", GP_STR("example..com"), NULL },
	{ "label of 64", GP_STR(L63 "x.example"), NULL },
	{ "254 octets", GP_STR(N253 "x"), NULL },
	{ "leading hyphen", GP_STR("-a.example"), NULL },
	{ "trailing hyphen", GP_STR("a-.example"), NULL },
	{ "hyphen alone", GP_STR("-"), NULL },
	{ "space", GP_STR("exa mple.com"), NULL },
	{ "trailing space", GP_STR("example.com "), NULL },
	{ "NUL inside", GP_STR("example.com\0.evil.example"), NULL },
	{ "NUL at the end", GP_STR("example.com\0"), NULL },
	{ "CR LF", GP_STR("example.com\r\nX: y"), NULL },
	{ "DEL", GP_STR("exam\x7fple.com"), NULL },
	{ "quote", GP_STR("bank.example'a.attacker.example"), NULL },
	{ "parenthesis", GP_STR("bank.example(a.attacker.example"), NULL },
	{ "at sign", GP_STR("bank@example"), NULL },
	{ "semicolon", GP_STR("bank.example;x"), NULL },
	{ "backslash", GP_STR("a\\.b"), NULL },
	{ "literal", GP_STR("[192.0.2.1]"), NULL },
	{ "slash", GP_STR("a/b"), NULL },

	{ "U-label", GP_STR("m\xc3\xbcnchen.example"),
	    "xn--mnchen-3ya.example" },
	{ "upper-case U-label", GP_STR("M\xc3\x9cNCHEN.example"),
	    "xn--mnchen-3ya.example" },
	{ "decomposed U-label", GP_STR("mu\xcc\x88nchen.example"),
	    "xn--mnchen-3ya.example" },
	{ "sharp s stays",
	    GP_STR("stra\xc3\x9f"
		   "e.example"),
	    "xn--strae-oqa.example" },
	{ "Chinese top level", GP_STR("a.\xe4\xb8\xad\xe5\x9b\xbd"),
	    "a.xn--fiqs8s" },
	{ "full-width letter",
	    GP_STR("\xef\xbd\x82"
		   "ank.example"),
	    "bank.example" },
	{ "Kelvin sign", GP_STR("ban\xe2\x84\xaa.example"), "bank.example" },
	{ "soft hyphen vanishes", GP_STR("ba\xc2\xadnk.example"),
	    "bank.example" },
	{ "U-label with final dot", GP_STR("\xc3\xbc."), "xn--tda" },
	{ "underscore in U-label", GP_STR("_\xc3\xbc.example"),
	    "xn--_-eha.example" },

	{ "nothing but soft hyphens", GP_STR("\xc2\xad.example"), NULL },
	{ "ideographic full stop",
	    GP_STR("a\xe3\x80\x82"
		   "b"),
	    NULL },
	{ "full-width full stop",
	    GP_STR("a\xef\xbc\x8e"
		   "b"),
	    NULL },
	{ "maps to a slash", GP_STR("\xe2\x84\x80.example"), NULL },
	{ "maps to an at sign",
	    GP_STR("a\xef\xbc\xa0"
		   "b.example"),
	    NULL },
	{ "maps to a fake A-label", GP_STR("\xef\xbd\x98n--a.example"), NULL },
	{ "U-label with NUL", GP_STR("\xc3\xbc\0x.example"), NULL },
	{ "U-label with space", GP_STR("\xc3\xbc x.example"), NULL },
	{ "U-label too long in punycode",
	    GP_STR(
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"\xc3\xbc.example"),
	    NULL },
	{ "U-label that no A-label can hold",
	    GP_STR(U50 U50 U50 U50 U50 U50 ".example"), NULL },
	{ "leading combining mark",
	    GP_STR("\xcc\x80"
		   "a.example"),
	    NULL },
	{ "mixed directions",
	    GP_STR("\xd7\x90"
		   "a.example"),
	    NULL },
	{ "zero-width joiner", GP_STR("a\xe2\x80\x8d\xc3\xbc.example"), NULL },
	{ "bidi override",
	    GP_STR("a\xe2\x80\xae"
		   "b.example"),
	    NULL },
	{ "emoji as U-label", GP_STR("\xf0\x9f\x92\xa9.example"), NULL },
	{ "invalid UTF-8", GP_STR("a\xff.example"), NULL },
	{ "overlong UTF-8", GP_STR("a\xc0\xaf.example"), NULL },
	{ "surrogate in UTF-8", GP_STR("a\xed\xa0\x80.example"), NULL },
	{ "cut UTF-8", GP_STR("a.example\xc3"), NULL },

	{ "A-label", GP_STR("xn--mnchen-3ya.example"),
	    "xn--mnchen-3ya.example" },
	{ "upper-case A-label", GP_STR("XN--MNCHEN-3YA.Example"),
	    "xn--mnchen-3ya.example" },
	{ "emoji as A-label", GP_STR("xn--ls8h.example"), "xn--ls8h.example" },
	{ "A-label of nothing", GP_STR("xn--.example"), NULL },
	{ "A-label of ASCII", GP_STR("xn--bank-.example"), NULL },
	{ "A-label that overflows", GP_STR("xn--99999999.example"), NULL },
	{ "A-label of a mapped sign", GP_STR("xn--a-ecp.example"), NULL },
	{ "A-label, not composed", GP_STR("xn--u-ccb.example"), NULL },
	{ "A-label of an A-label", GP_STR("xn--xn---epa.example"), NULL },
};

/* A heap block of exactly the input's size: ASan sees one byte read too far. */
static enum gp_rc
normalize_exact(struct gp_str in, char out[GP_DOMAIN_TEXT], struct gp_err *err)
{
	char *block = malloc(in.n == 0 ? 1 : in.n);
	enum gp_rc rc;

	assert_non_null(block);
	if (in.n != 0)
		memcpy(block, in.p, in.n);
	rc = gp_domain_normalize(gp_str_n(block, in.n), out, err);
	free(block);
	return rc;
}

static void
domain_table_gives_the_one_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct gp_err err = { "" };
		char out[GP_DOMAIN_TEXT];
		char again[GP_DOMAIN_TEXT];
		enum gp_rc rc = normalize_exact(row->in, out, &err);

		if ((rc == GP_OK) != (row->out != NULL) ||
		    (rc != GP_OK && rc != GP_PERM))
			fail_msg("%s: %s %s", row->label, gp_rc_name(rc),
			    err.msg);
		assert_string_equal(out, row->out == NULL ? "" : row->out);
		if (rc != GP_OK) {
			assert_string_not_equal(err.msg, "");
			continue;
		}
		if (normalize_exact(gp_str(out), again, NULL) != GP_OK)
			fail_msg("%s: not idempotent", row->label);
		assert_string_equal(again, out);
	}
}

static void
domain_refused_name_does_not_reach_the_sentence(void **state)
{
	struct gp_err err;
	char out[GP_DOMAIN_TEXT];

	(void)state;
	assert_int_equal(gp_domain_normalize(GP_STR("a\r\nb"), out, &err),
	    GP_PERM);
	assert_null(strpbrk(err.msg, "\r\n"));
	assert_non_null(strstr(err.msg, "0x0d"));
}

static void
domain_is_below_needs_a_dot_between(void **state)
{
	(void)state;
	assert_true(gp_domain_is_below("a.example.com", "example.com"));
	assert_true(gp_domain_is_below("a.b.example.com", "example.com"));
	assert_true(gp_domain_is_below("example.com", "com"));
	assert_false(gp_domain_is_below("example.com", "example.com"));
	assert_false(gp_domain_is_below("notexample.com", "example.com"));
	assert_false(gp_domain_is_below("example.com", "a.example.com"));
	assert_false(gp_domain_is_below("example.com.evil", "example.com"));
	assert_false(gp_domain_is_below("com", "example.com"));
}

static void
domain_matches_itself_or_what_is_below(void **state)
{
	(void)state;
	assert_true(gp_domain_matches("example.com", "example.com"));
	assert_false(gp_domain_matches("a.example.com", "example.com"));
	assert_true(gp_domain_matches("a.example.com", "*.example.com"));
	assert_false(gp_domain_matches("example.com", "*.example.com"));
	assert_false(gp_domain_matches("notexample.com", "*.example.com"));
}

static void
domain_parent_and_labels_count_dots(void **state)
{
	(void)state;
	assert_string_equal(gp_domain_parent("a.b.example"), "b.example");
	assert_string_equal(gp_domain_parent("b.example"), "example");
	assert_null(gp_domain_parent("example"));
	assert_int_equal(gp_domain_labels("example"), 1);
	assert_int_equal(gp_domain_labels("a.b.example"), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domain_table_gives_the_one_spelling),
		cmocka_unit_test(
		    domain_refused_name_does_not_reach_the_sentence),
		cmocka_unit_test(domain_is_below_needs_a_dot_between),
		cmocka_unit_test(domain_matches_itself_or_what_is_below),
		cmocka_unit_test(domain_parent_and_labels_count_dots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
