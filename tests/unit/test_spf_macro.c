/* Macro strings: what is one, and what becomes of it. */
#include "core/spf_macro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define L49 "a123456789012345678901234567890123456789012345678"
#define L50 L49 "9"

struct syntax_row {
	const char *label;
	struct gp_str s;
	bool in_record, in_text, domain_spec;
};

static const struct syntax_row syntax[] = {
	{ "plain name", GP_STR("example.com"), true, true, true },
	{ "empty", GP_STR(""), true, true, false },
	{ "macro alone", GP_STR("%{d}"), true, true, true },
	{ "all parts of a macro", GP_STR("%{L12R.-+,/_=}"), true, true, true },
	{ "percent, space, coded space", GP_STR("%%%_%-"), true, true, true },
	{ "final dot", GP_STR("example.com."), true, true, true },
	{ "final dot after a macro", GP_STR("%{d}."), true, true, false },
	{ "two final dots", GP_STR("example.com.."), true, true, false },
	{ "one label", GP_STR("com"), true, true, false },
	{ "one label with dot", GP_STR("com."), true, true, false },
	{ "dot and label", GP_STR(".com"), true, true, true },
	{ "macro then label", GP_STR("%{d}com"), true, true, false },
	{ "macro then dot and label", GP_STR("%{d}.com"), true, true, true },
	{ "numeric top label", GP_STR("a.123"), true, true, false },
	{ "address", GP_STR("192.0.2.1"), true, true, false },
	{ "digits and hyphen", GP_STR("a.1-2"), true, true, true },
	{ "A-label at the top", GP_STR("a.xn--zckzah"), true, true, true },
	{ "hyphen at its start", GP_STR("a.-com"), true, true, false },
	{ "hyphen at its end", GP_STR("a.com-"), true, true, false },
	{ "underscore at the top", GP_STR("a._tcp"), true, true, false },
	{ "odd but visible", GP_STR("a:b/c!.com"), true, true, true },
	{ "empty label within", GP_STR("a..com"), true, true, true },
	{ "space", GP_STR("a b.com"), false, true, false },
	{ "tab", GP_STR("a\tb.com"), false, false, false },
	{ "NUL", GP_STR("a\0b.com"), false, false, false },
	{ "8 bits", GP_STR("a\xc3\xa4.com"), false, false, false },
	{ "DEL", GP_STR("a\x7f.com"), false, false, false },
	{ "letters of explanations", GP_STR("%{c}%{R}%{t}"), false, true,
	    false },
	{ "unknown letter", GP_STR("%{x}"), false, false, false },
	{ "letter above 127", GP_STR("%{\xe4}"), false, false, false },
	{ "no letter", GP_STR("%{}"), false, false, false },
	{ "digit for letter", GP_STR("%{2}"), false, false, false },
	{ "zero parts", GP_STR("%{d0}"), false, false, false },
	{ "zero parts in more digits", GP_STR("%{d000}"), false, false, false },
	{ "leading zero", GP_STR("%{d02}"), true, true, true },
	{ "very many parts", GP_STR("%{d99999999999999999999}"), true, true,
	    true },
	{ "r before digits", GP_STR("%{dr2}"), false, false, false },
	{ "no delimiter", GP_STR("%{d:}"), false, false, false },
	{ "open", GP_STR("%{d"), false, false, false },
	{ "bare percent at the end", GP_STR("a.com%"), false, false, false },
	{ "percent and letter", GP_STR("%d.com"), false, false, false },
	{ "wrong bracket", GP_STR("%(d).com"), false, false, false },
	{ "space in a macro", GP_STR("%{ d}"), false, false, false },
};

static void
macro_syntax_table_is_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++) {
		const struct syntax_row *r = &syntax[i];
		struct gp_spf_uses uses;
		struct gp_err err = { "" };
		bool in_record = gp_spf_macro_check(r->s, GP_SPF_IN_RECORD,
				     &uses, NULL) == GP_OK;
		bool in_text = gp_spf_macro_check(r->s, GP_SPF_IN_TEXT, &uses,
				   NULL) == GP_OK;
		bool spec =
		    gp_spf_domain_spec_check(r->s, &uses, &err) == GP_OK;

		if (in_record != r->in_record || in_text != r->in_text ||
		    spec != r->domain_spec || spec != (err.msg[0] == '\0'))
			fail_msg("row: %s: %d %d %d %s", r->label, in_record,
			    in_text, spec, err.msg);
	}
}

static void
macro_uses_are_told(void **state)
{
	struct gp_spf_uses uses;

	(void)state;
	assert_int_equal(gp_spf_macro_check(GP_STR("%{d}%{i}"),
			     GP_SPF_IN_RECORD, &uses, NULL),
	    GP_OK);
	assert_false(uses.p);
	assert_false(uses.local);
	assert_int_equal(gp_spf_macro_check(GP_STR("a.%{P2}"), GP_SPF_IN_RECORD,
			     &uses, NULL),
	    GP_OK);
	assert_true(uses.p);
	assert_false(uses.local);
	assert_int_equal(gp_spf_macro_check(GP_STR("%{S}"), GP_SPF_IN_RECORD,
			     &uses, NULL),
	    GP_OK);
	assert_true(uses.local);
	assert_int_equal(gp_spf_macro_check(GP_STR("%{l1r-}.%{p}"),
			     GP_SPF_IN_RECORD, &uses, NULL),
	    GP_OK);
	assert_true(uses.local);
	assert_true(uses.p);
}

/* The values of RFC 7208 section 7.4. */
static struct gp_spf_values
example(const char *ip)
{
	struct gp_spf_values v = { .local = GP_STR("strong-bad"),
		.sender_domain = "email.example.com",
		.domain = "email.example.com",
		.helo = "mx.example.org",
		.validated = "mx.example.org",
		.receiver = "mail.receiver.example",
		.now_s = 1800000000 };

	assert_int_equal(gp_ip_parse(gp_str(ip), &v.client), GP_OK);
	return v;
}

#define V6 "2001:db8::cb01"
#define NIBBLES                                                                \
	"1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2"

static const struct {
	const char *ip, *in, *out;
} expansions[] = {
	/* RFC 7208 section 7.4 */
	{ "192.0.2.3", "%{s}", "strong-bad@email.example.com" },
	{ "192.0.2.3", "%{o}", "email.example.com" },
	{ "192.0.2.3", "%{d}", "email.example.com" },
	{ "192.0.2.3", "%{d4}", "email.example.com" },
	{ "192.0.2.3", "%{d3}", "email.example.com" },
	{ "192.0.2.3", "%{d2}", "example.com" },
	{ "192.0.2.3", "%{d1}", "com" },
	{ "192.0.2.3", "%{dr}", "com.example.email" },
	{ "192.0.2.3", "%{d2r}", "example.email" },
	{ "192.0.2.3", "%{l}", "strong-bad" },
	{ "192.0.2.3", "%{l-}", "strong.bad" },
	{ "192.0.2.3", "%{lr}", "strong-bad" },
	{ "192.0.2.3", "%{lr-}", "bad.strong" },
	{ "192.0.2.3", "%{l1r-}", "strong" },
	{ "192.0.2.3", "%{ir}.%{v}._spf.%{d2}",
	    "3.2.0.192.in-addr._spf.example.com" },
	{ "192.0.2.3", "%{lr-}.lp._spf.%{d2}",
	    "bad.strong.lp._spf.example.com" },
	{ "192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
	    "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
	{ "192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
	    "3.2.0.192.in-addr.strong.lp._spf.example.com" },
	{ "192.0.2.3", "%{d2}.trusted-domains.example.net",
	    "example.com.trusted-domains.example.net" },
	{ V6, "%{ir}.%{v}._spf.%{d2}", NIBBLES ".ip6._spf.example.com" },
	/* what stands beside them */
	{ "192.0.2.3", "", "" },
	{ "192.0.2.3", "a%%b%_c%-d", "a%b c%20d" },
	{ "192.0.2.3", "%{h} %{p} %{r} %{t}",
	    "mx.example.org mx.example.org mail.receiver.example 1800000000" },
	{ "192.0.2.3", "%{i} %{c}", "192.0.2.3 192.0.2.3" },
	{ V6, "%{c}", "2001:db8::cb01" },
	{ V6, "%{c1r:}", NULL },
	{ V6, "%{v}", "ip6" },
	{ "192.0.2.3", "%{i1}", "3" },
	{ "192.0.2.3", "%{i99}", "192.0.2.3" },
	{ "192.0.2.3", "%{d4294967297}", "email.example.com" },
	{ "192.0.2.3", "%{S}", "strong-bad%40email.example.com" },
	{ "192.0.2.3", "%{S-}", "strong.bad%40email.example.com" },
	{ "192.0.2.3", "%{s1-.}", "com" },
	{ "192.0.2.3", "%{s3r-.}", "example.bad@email.strong" },
	{ "192.0.2.3", "%{h/}", "mx.example.org" },
};

static void
macro_expansions_follow_the_examples(void **state)
{
	struct gp_buf buf;

	(void)state;
	gp_buf_init(&buf, 1000);
	for (size_t i = 0; i < sizeof(expansions) / sizeof(expansions[0]);
	     i++) {
		struct gp_spf_values v = example(expansions[i].ip);
		struct gp_str in = gp_str(expansions[i].in);
		struct gp_spf_uses uses;
		bool ok = gp_spf_macro_check(in, GP_SPF_IN_TEXT, &uses, NULL) ==
		          GP_OK;

		if (ok != (expansions[i].out != NULL))
			fail_msg("row: %s", expansions[i].in);
		if (!ok)
			continue;
		gp_buf_reset(&buf);
		gp_spf_macro_expand(in, &v, &buf);
		if (strcmp(gp_buf_cstr(&buf), expansions[i].out) != 0)
			fail_msg("row: %s: %s", expansions[i].in,
			    gp_buf_cstr(&buf));
	}
	gp_buf_clear(&buf);
}

static void
macro_odd_values_keep_their_parts(void **state)
{
	static const struct {
		const char *local, *in, *out;
	} rows[] = {
		{ "", "x%{l}y", "xy" },
		{ "-", "%{l-}", "." },
		{ "--a", "%{l-}", "..a" },
		{ "--a", "%{lr-}", "a.." },
		{ "a--", "%{l2-}", "." },
		{ "a-b+c-d", "%{l3r+-}", "c.b.a" },
		{ "a b", "%{L}", "a%20b" },
		{ "~a&=b", "%{L}", "~a%26%3Db" },
		{ "\xc3\xa4", "%{L}", "%C3%A4" },
		{ "\xc3\xa4", "%{l}", "\xc3\xa4" },
	};
	struct gp_buf buf;

	(void)state;
	gp_buf_init(&buf, 1000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_spf_values v = example("192.0.2.3");

		v.local = gp_str(rows[i].local);
		gp_buf_reset(&buf);
		gp_spf_macro_expand(gp_str(rows[i].in), &v, &buf);
		if (strcmp(gp_buf_cstr(&buf), rows[i].out) != 0)
			fail_msg("row: '%s' %s: %s", rows[i].local, rows[i].in,
			    gp_buf_cstr(&buf));
	}
	gp_buf_clear(&buf);
}

static void
target_name_table_is_expanded_and_bounded(void **state)
{
	static const struct {
		const char *label, *in, *out;
	} rows[] = {
		{ "plain", "a.example.com", "a.example.com" },
		{ "one final dot goes", "a.example.com.", "a.example.com" },
		{ "macro", "%{d2}", "example.com" },
		{ "labels go from the left",
		    L50 "." L50 "." L50 "." L50 "." L50 ".com",
		    L50 "." L50 "." L50 "." L50 ".com" },
		{ "no more of them than needed",
		    "x." L50 "." L50 "." L50 "." L50 "." L49,
		    L50 "." L50 "." L50 "." L50 "." L49 },
		{ "one byte too many", L50 "." L50 "." L50 "." L50 "." L50,
		    L50 "." L50 "." L50 "." L50 },
		{ "empty label", "a..%{d}", NULL },
		{ "leading dot", ".com", NULL },
		{ "label of 64", L50 "12345678901234.com", NULL },
		{ "nothing left", "%{l}", NULL },
	};
	char out[GP_DOMAIN_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_spf_values v = example("192.0.2.3");
		enum gp_rc rc;

		v.local = GP_STR("");
		rc = gp_spf_target_name(gp_str(rows[i].in), &v, out);
		if (rc != (rows[i].out != NULL ? GP_OK : GP_NONE) ||
		    (rc == GP_OK && strcmp(out, rows[i].out) != 0))
			fail_msg("row: %s", rows[i].label);
	}
}

static void
target_name_beyond_all_measure_is_none(void **state)
{
	struct gp_spf_values v = example("192.0.2.3");
	char helo[GP_HELO_MAX + 1];
	char spec[GP_SPF_RECORD_MAX];
	char out[GP_DOMAIN_TEXT];
	size_t n = 0;

	(void)state;
	/* what is left of the overflow would be a name */
	for (size_t i = 0; i < sizeof(helo) - 1; i++)
		helo[i] = i % 2 == 0 ? 'a' : '.';
	helo[sizeof(helo) - 2] = 'a';
	helo[sizeof(helo) - 1] = '\0';
	v.helo = helo;
	while (n + 4 <= sizeof(spec)) {
		memcpy(spec + n, "%{h}", 4);
		n += 4;
	}
	assert_int_equal(gp_spf_target_name(gp_str_n(spec, n), &v, out),
	    GP_NONE);
}

static void
show_table_is_printable_and_bounded(void **state)
{
	char out[GP_SPF_SHOW], text[500];

	(void)state;
	assert_string_equal(gp_spf_show(GP_STR("ip4:1.2.3.4"), out),
	    "ip4:1.2.3.4");
	assert_string_equal(gp_spf_show(GP_STR(""), out), "");
	assert_string_equal(gp_spf_show(GP_STR("a\"b\\c\n\0\xff"), out),
	    "a\\x22b\\x5cc\\x0a\\x00\\xff");
	memset(text, 'x', sizeof(text));
	assert_true(strlen(gp_spf_show(gp_str_n(text, sizeof(text)), out)) <
		    GP_SPF_SHOW);
	assert_string_equal(out + strlen(out) - 4, "x...");
	memset(text, 1, sizeof(text));
	assert_true(strlen(gp_spf_show(gp_str_n(text, sizeof(text)), out)) <
		    GP_SPF_SHOW);
	assert_string_equal(out + strlen(out) - 5, "01...");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(macro_syntax_table_is_judged),
		cmocka_unit_test(macro_uses_are_told),
		cmocka_unit_test(macro_expansions_follow_the_examples),
		cmocka_unit_test(macro_odd_values_keep_their_parts),
		cmocka_unit_test(target_name_table_is_expanded_and_bounded),
		cmocka_unit_test(target_name_beyond_all_measure_is_none),
		cmocka_unit_test(show_table_is_printable_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
