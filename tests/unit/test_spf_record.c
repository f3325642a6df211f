/* The record parser: RFC 7208 section 12, and back. */
#include "core/spf_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* `out` is the canonical spelling; NULL: a syntax error with `word` in it. */
static const struct {
	const char *label;
	struct gp_str in;
	const char *out, *word;
} records[] = {
	{ "empty", GP_STR("v=spf1"), "v=spf1", NULL },
	{ "version in any case", GP_STR("V=sPf1 -all"), "v=spf1 -all", NULL },
	{ "spaces between and at the end", GP_STR("v=spf1   a  -all   "),
	    "v=spf1 a -all", NULL },
	{ "names in any case", GP_STR("v=spf1 +A ?MX ~Ptr -All"),
	    "v=spf1 a ?mx ~ptr -all", NULL },
	{ "every mechanism",
	    GP_STR("v=spf1 a:b.com/24//64 mx/0//0 ptr:x.%{d} ip4:192.0.2.1/24 "
		   "ip6:2001:DB8::/32 exists:%{i}.b.com include:c.com all"),
	    "v=spf1 a:b.com/24//64 mx/0//0 ptr:x.%{d} ip4:192.0.2.1/24 "
	    "ip6:2001:db8::/32 exists:%{i}.b.com include:c.com all",
	    NULL },
	{ "whole lengths are left out",
	    GP_STR("v=spf1 a/32//128 ip4:1.2.3.4/32 ip6:::1/128"),
	    "v=spf1 a ip4:1.2.3.4 ip6:::1", NULL },
	{ "modifiers", GP_STR("v=spf1 redirect=a.com Exp=%{d} x-1.y_z=a:b/c="),
	    "v=spf1 redirect=a.com exp=%{d} x-1.y_z=a:b/c=", NULL },
	{ "modifier without value", GP_STR("v=spf1 foo= -all"),
	    "v=spf1 foo= -all", NULL },
	{ "modifier with a mechanism's name", GP_STR("v=spf1 all=x"),
	    "v=spf1 all=x", NULL },
	{ "colon and slash in a domain", GP_STR("v=spf1 a:foo:bar/b.com/8"),
	    "v=spf1 a:foo:bar/b.com/8", NULL },
	{ "IPv4 within IPv6 stays so", GP_STR("v=spf1 ip6:::FFFF:1.2.3.4"),
	    "v=spf1 ip6:::ffff:1.2.3.4", NULL },
	{ "unknown mechanism", GP_STR("v=spf1 foo -all"), NULL,
	    "unknown mechanism 'foo'" },
	{ "its bytes are escaped", GP_STR("v=spf1 \xff\"\n"), NULL,
	    "'\\xff\\x22\\x0a'" },
	{ "error behind all", GP_STR("v=spf1 -all moo"), NULL, "moo" },
	{ "qualifier alone", GP_STR("v=spf1 -"), NULL, "unknown" },
	{ "two qualifiers", GP_STR("v=spf1 --all"), NULL, "'-all'" },
	{ "qualifier before a modifier", GP_STR("v=spf1 -exp=a.com"), NULL,
	    "exp=a.com" },
	{ "NUL", GP_STR("v=spf1 a\0 -all"), NULL, "'a\\x00'" },
	{ "NUL first", GP_STR("v=spf1 \0"), NULL, "'\\x00'" },
	{ "tab is no space", GP_STR("v=spf1 a\t-all"), NULL, "x09" },
	{ "comma is no space", GP_STR("v=spf1 a,mx"), NULL, "a,mx" },
	{ "argument of all", GP_STR("v=spf1 all:x.com"), NULL,
	    "nothing may follow" },
	{ "prefix of all", GP_STR("v=spf1 all/8"), NULL, "nothing may" },
	{ "include of nothing", GP_STR("v=spf1 include"), NULL,
	    "a domain was expected in 'include'" },
	{ "include with colon", GP_STR("v=spf1 include:"), NULL, "missing" },
	{ "include with prefix", GP_STR("v=spf1 include:a.com/24"), NULL,
	    "top-level" },
	{ "exists of nothing", GP_STR("v=spf1 exists"), NULL, "expected" },
	{ "ptr with prefix", GP_STR("v=spf1 ptr/0"), NULL, "expected" },
	{ "a with empty domain", GP_STR("v=spf1 a:"), NULL, "missing" },
	{ "a with empty domain and prefix", GP_STR("v=spf1 a:/8"), NULL,
	    "missing" },
	{ "a of an address", GP_STR("v=spf1 a:192.0.2.1"), NULL,
	    "an address where a domain belongs" },
	{ "a of an address with prefix", GP_STR("v=spf1 a:192.0.2.1/24"), NULL,
	    "an address where a domain belongs" },
	{ "prefix of 33", GP_STR("v=spf1 a/33"), NULL, "out of range" },
	{ "prefix of 129", GP_STR("v=spf1 a//129"), NULL, "out of range" },
	{ "prefix with leading zero", GP_STR("v=spf1 a/08"), NULL,
	    "leading zero" },
	{ "huge prefix", GP_STR("v=spf1 a/99999999999999999999999"), NULL,
	    "out of range" },
	{ "prefix without digits", GP_STR("v=spf1 a/"), NULL, "expected" },
	{ "prefixes in the wrong order", GP_STR("v=spf1 a//64/24"), NULL,
	    "expected" },
	{ "three prefixes", GP_STR("v=spf1 a/24//64//64"), NULL, "range" },
	{ "ip4 of nothing", GP_STR("v=spf1 ip4"), NULL, "address" },
	{ "short ip4", GP_STR("v=spf1 ip4:1.2.3"), NULL, "no IPv4 network" },
	{ "leading zero in ip4", GP_STR("v=spf1 ip4:1.2.03.4"), NULL,
	    "no IPv4 network" },
	{ "ip4 with port", GP_STR("v=spf1 ip4:1.2.3.4:25"), NULL, "no IPv4" },
	{ "ip4 with two slashes", GP_STR("v=spf1 ip4:1.2.3.4//32"), NULL,
	    "no IPv4" },
	{ "ip6 in ip4", GP_STR("v=spf1 ip4:::1"), NULL, "no IPv4" },
	{ "ip4 in ip6", GP_STR("v=spf1 ip6:1.2.3.4"), NULL, "no IPv6" },
	{ "ip6 with zone", GP_STR("v=spf1 ip6:fe80::1%%eth0"), NULL,
	    "no IPv6" },
	{ "ip6 prefix", GP_STR("v=spf1 ip6:::1/129"), NULL, "out of range" },
	{ "redirect twice", GP_STR("v=spf1 redirect=a.com redirect=a.com"),
	    NULL, "given twice: 'redirect=a.com'" },
	{ "exp twice", GP_STR("v=spf1 exp=a.com EXP=b.com"), NULL, "twice" },
	{ "redirect of nothing", GP_STR("v=spf1 redirect="), NULL, "missing" },
	{ "redirect as mechanism", GP_STR("v=spf1 redirect:a.com"), NULL,
	    "unknown mechanism 'redirect'" },
	{ "exp of nothing", GP_STR("v=spf1 exp= -all"), NULL, "missing" },
	{ "modifier name begins with a digit", GP_STR("v=spf1 1up=foo"), NULL,
	    "unknown" },
	{ "modifier without name", GP_STR("v=spf1 =all"), NULL, "unknown" },
	{ "macro in an unknown modifier", GP_STR("v=spf1 foo=%abc"), NULL,
	    "% without a macro" },
};

static void
record_table_is_read_and_written(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_buf buf;

	(void)state;
	gp_buf_init(&buf, 2000);
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct gp_err err = { "" };
		struct gp_spf_record r;
		enum gp_rc rc;

		rc = gp_spf_record_parse(records[i].in, arena, &r, &err);
		gp_buf_reset(&buf);
		gp_spf_record_format(&r, true, &buf);
		if (records[i].out == NULL) {
			if (rc != GP_PERM ||
			    strstr(err.msg, records[i].word) == NULL)
				fail_msg("row: %s: %s", records[i].label,
				    err.msg);
		} else if (rc != GP_OK ||
			   strcmp(gp_buf_cstr(&buf), records[i].out) != 0) {
			fail_msg("row: %s: %s %s", records[i].label, err.msg,
			    gp_buf_cstr(&buf));
		}
		gp_arena_clear(arena);
	}
	gp_buf_clear(&buf);
	gp_arena_free(arena);
}

static void
record_claims_need_the_version_alone(void **state)
{
	static const char *const no[] = { "", "v=spf", "v=spf10 -all",
		"v=spf1\t-all", "v=spf1-all", " v=spf1", "spf2.0/pra -all",
		"v=DKIM1" };
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		assert_false(gp_spf_record_claims(gp_str(no[i])));
		assert_int_equal(gp_spf_record_parse(gp_str(no[i]), arena, &r,
				     NULL),
		    GP_NONE);
	}
	assert_true(gp_spf_record_claims(GP_STR("v=spf1")));
	assert_true(gp_spf_record_claims(GP_STR("v=spf1 anything \xff")));
	gp_arena_free(arena);
}

static void
record_terms_know_their_place(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_record r;

	(void)state;
	assert_int_equal(
	    gp_spf_record_parse(
		GP_STR("v=spf1  -mx:%{p}/24  exp=%{l}.x.com redirect=y.com ~a"),
		arena, &r, NULL),
	    GP_OK);
	assert_int_equal(r.n, 4);
	assert_int_equal(r.term[0].kind, GP_SPF_TERM_MX);
	assert_int_equal(r.term[0].at, 8);
	assert_true(gp_str_eq(r.term[0].text, GP_STR("-mx:%{p}/24")));
	assert_true(gp_str_eq(r.term[0].name, GP_STR("mx")));
	assert_true(gp_str_eq(r.term[0].spec, GP_STR("%{p}")));
	assert_int_equal(r.term[0].bits4, 24);
	assert_int_equal(r.term[0].bits6, 128);
	assert_true(r.term[0].uses.p);
	assert_int_equal(gp_spf_term_result(&r.term[0]), GP_SPF_FAIL);
	assert_ptr_equal(r.exp, &r.term[1]);
	assert_int_equal(r.exp->at, 21);
	assert_true(r.exp->uses.local);
	assert_ptr_equal(r.redirect, &r.term[2]);
	assert_null(r.term[3].spec.p);
	assert_int_equal(gp_spf_term_result(&r.term[3]), GP_SPF_SOFTFAIL);
	gp_arena_free(arena);
}

static void
record_is_written_without_exp(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_record r;
	struct gp_buf buf;

	(void)state;
	gp_buf_init(&buf, 1000);
	assert_int_equal(
	    gp_spf_record_parse(GP_STR("v=spf1 a exp=x.com exp2=z -all"), arena,
		&r, NULL),
	    GP_OK);
	gp_spf_record_format(&r, false, &buf);
	assert_string_equal(gp_buf_cstr(&buf), "v=spf1 a exp2=z -all");
	gp_buf_clear(&buf);
	gp_arena_free(arena);
}

static void
record_of_too_many_bytes_or_terms_is_refused(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	char text[GP_SPF_RECORD_MAX + 1];
	struct gp_spf_record r;
	struct gp_err err;
	size_t n = 6;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "v=spf1", 6);
	assert_int_equal(gp_spf_record_parse(gp_str_n(text, GP_SPF_RECORD_MAX),
			     arena, &r, &err),
	    GP_OK);
	assert_int_equal(gp_spf_record_parse(gp_str_n(text,
						 GP_SPF_RECORD_MAX + 1),
			     arena, &r, &err),
	    GP_PERM);
	assert_non_null(strstr(err.msg, "4096 bytes"));
	for (size_t i = 0; i < GP_SPF_RECORD_TERMS; i++, n += 2)
		text[n + 1] = 'a';
	assert_int_equal(gp_spf_record_parse(gp_str_n(text, n), arena, &r,
			     &err),
	    GP_OK);
	assert_int_equal(r.n, GP_SPF_RECORD_TERMS);
	text[n + 1] = 'a';
	assert_int_equal(gp_spf_record_parse(gp_str_n(text, n + 2), arena, &r,
			     &err),
	    GP_PERM);
	assert_non_null(strstr(err.msg, "256 terms"));
	gp_arena_free(arena);
}

static void
record_counts_the_terms_that_query(void **state)
{
	static const bool queries[] = {
		[GP_SPF_TERM_ALL] = false,
		[GP_SPF_TERM_INCLUDE] = true,
		[GP_SPF_TERM_A] = true,
		[GP_SPF_TERM_MX] = true,
		[GP_SPF_TERM_PTR] = true,
		[GP_SPF_TERM_IP4] = false,
		[GP_SPF_TERM_IP6] = false,
		[GP_SPF_TERM_EXISTS] = true,
		[GP_SPF_TERM_REDIRECT] = true,
		[GP_SPF_TERM_EXP] = false,
		[GP_SPF_TERM_UNKNOWN] = false,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		assert_int_equal(gp_spf_term_queries((enum gp_spf_term_kind)i),
		    queries[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_table_is_read_and_written),
		cmocka_unit_test(record_claims_need_the_version_alone),
		cmocka_unit_test(record_terms_know_their_place),
		cmocka_unit_test(record_is_written_without_exp),
		cmocka_unit_test(record_of_too_many_bytes_or_terms_is_refused),
		cmocka_unit_test(record_counts_the_terms_that_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
