/* What will be changed on its way: RFC 5322 sections 2.1.1, 2.2 and 3.4. */
#include "core/fragile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	LONG = 1 << GP_FRAGILE_LONG_LINE,
	CR = 1 << GP_FRAGILE_BARE_CR,
	LF = 1 << GP_FRAGILE_BARE_LF,
	BIT8 = 1 << GP_FRAGILE_8BIT_HEADER,
	REQUOTE = 1 << GP_FRAGILE_REQUOTE,
	CUT = 1 << GP_FRAGILE_CUT_FIELD,
	REWRITE = 1 << GP_FRAGILE_REWRITE,
};

static void
expect(const char *label, unsigned found, unsigned wanted)
{
	if (found != wanted)
		fail_msg("row: %s: found %#x, not %#x", label, found, wanted);
}

static unsigned
in_field(struct gp_str name, struct gp_str value)
{
	struct gp_fragile_scan s = { .found = 0 };
	struct gp_field f = { .name = name, .value = value };

	gp_fragile_field(&s, &f);
	gp_fragile_end(&s);
	return s.found;
}

/* -- fields -------------------------------------------------------------- */

static void
field_line_ends_table(void **state)
{
	static const struct {
		const char *label;
		struct gp_str value;
		unsigned found;
	} rows[] = {
		{ "plain", GP_STR(" text"), 0 },
		{ "empty", GP_STR(""), 0 },
		{ "fold", GP_STR(" a\n b\n\tc\r\n d\r\n\te"), 0 },
		{ "CR alone", GP_STR(" a\rb"), CR },
		{ "CR before white space", GP_STR(" a\r b"), CR },
		{ "CR at the end", GP_STR(" a\r"), CR },
		{ "CR before a fold", GP_STR(" a\r\r\n b"), CR },
		{ "LF that folds nothing", GP_STR(" a\nb"), LF },
		{ "CRLF that folds nothing", GP_STR(" a\r\nb"), LF },
		{ "LF at the end", GP_STR(" a\n"), LF },
		{ "LF before a fold", GP_STR(" a\n\n b"), LF },
		{ "LF and CR", GP_STR(" a\n\r b"), CR | LF },
		{ "UTF-8", GP_STR(" caf\xc3\xa9"), BIT8 },
		{ "octet 127", GP_STR(" \x7f"), 0 },
		{ "octet 128", GP_STR(" \x80"), BIT8 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		expect(rows[i].label, in_field(GP_STR("X"), rows[i].value),
		    rows[i].found);
	expect("8-bit name", in_field(GP_STR("X\xff"), GP_STR("")), BIT8);
}

/* `n` letters, with `tail` behind them, as the value of a field "Subject". */
static unsigned
with_value(size_t n, const char *tail)
{
	static char text[70000];

	memset(text, 'x', n);
	memcpy(text + n, tail, strlen(tail));
	return in_field(GP_STR("Subject"), gp_str_n(text, n + strlen(tail)));
}

static void
field_lines_count_with_the_name(void **state)
{
	(void)state;
	expect("998", with_value(990, ""), 0);
	expect("999", with_value(991, ""), LONG);
	expect("998 and LF", with_value(990, "\n x"), 0);
	expect("998 and CRLF", with_value(990, "\r\n x"), 0);
	expect("999 and CRLF", with_value(991, "\r\n x"), LONG);
	expect("998 in the next line",
	    with_value(0, "\n") | with_value(10, "\n x"), LF);
}

static void
field_of_60000_octets_is_cut(void **state)
{
	(void)state;
	expect("59999", with_value(59999 - 8, "") & CUT, 0);
	expect("60000", with_value(60000 - 8, "") & CUT, CUT);
}

static void
field_that_sendmail_rewrites_is_found_in_from(void **state)
{
	struct gp_field f = { .name = GP_STR("from"),
		.value = GP_STR(" a@b.example"),
		.unsettled = true };
	struct gp_fragile_scan s = { .found = 0 };

	(void)state;
	gp_fragile_field(&s, &f);
	expect("From", s.found, REWRITE);
	s.found = 0;
	f.name = GP_STR("To"); /* it is not signed then */
	gp_fragile_field(&s, &f);
	expect("To", s.found, 0);
}

static const struct {
	const char *label;
	struct gp_str value;
	bool requote;
} phrases[] = {
	{ "initial", GP_STR(" John Q. Public <a@b.example>"), true },
	{ "apostrophe", GP_STR(" Tim O'Reilly <a@b.example>"), true },
	{ "at sign", GP_STR(" a@b.example <a@b.example>"), true },
	{ "bracket", GP_STR(" [EXT] Joe <a@b.example>"), true },
	{ "closing parenthesis", GP_STR(" Joe) <a@b.example>"), true },
	{ "backslash", GP_STR(" Joe\\ <a@b.example>"), true },
	{ "folded", GP_STR(" John\n Q.\n\t <a@b.example>"), true },
	{ "no blank before the address", GP_STR("Dr.X<a@b.example>"), true },
	{ "second of two", GP_STR(" A <a@b.example>, B. <c@d.example>"), true },
	{ "within a group", GP_STR("friends: A <a@b.example>, B. <c@d>;"),
	    true },
	{ "encoded word with a dot", GP_STR(" =?utf-8?Q?J._X?= <a@b.example>"),
	    true },
	{ "dot behind quotes", GP_STR(" \"John\" Q. <a@b.example>"), true },
	{ "dot behind a comment", GP_STR(" (x) Q. <a@b.example>"), true },
	{ "quoted", GP_STR(" \"John Q. Public\" <a@b.example>"), false },
	{ "quoted with a quoted pair", GP_STR(" \"J \\\" Q.\" <a@b.example>"),
	    false },
	{ "dot in a comment", GP_STR(" John (Q. (R.) S.) <a@b.example>"),
	    false },
	{ "parenthesis in a comment", GP_STR(" (a\\) .) <a@b.example>"),
	    false },
	{ "comment that ends nowhere", GP_STR(" (a. <a@b.example>"), false },
	{ "quotes that end nowhere", GP_STR(" \"a. <a@b.example>"), false },
	{ "quoted pair at the end", GP_STR(" \"a\\"), false },
	{ "address alone", GP_STR(" a.b@c.example"), false },
	{ "addresses alone", GP_STR(" a.b@c.example, <d.e@f.example>"), false },
	{ "address in angles", GP_STR(" <o'hara.x@b.example>"), false },
	{ "words", GP_STR(" John Public <a.b@c.example>"), false },
	{ "encoded word", GP_STR(" =?utf-8?Q?J=2E_X?= <a@b.example>"), false },
	{ "comma ends it", GP_STR(" a.b@c.example, John <a@b.example>"),
	    false },
	{ "colon ends it", GP_STR(" a.b: John <a@b.example>;"), false },
	{ "behind the address", GP_STR(" <a@b.example> Q."), false },
	{ "angle within angles", GP_STR(" <a.b<c@d.example>"), false },
	{ "two without a comma", GP_STR(" <a.b@c> <d@e.example>"), false },
	{ "NUL", GP_STR(" a\0b <a@b.example>"), false },
	{ "empty", GP_STR(""), false },
};

static void
field_phrase_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(phrases); i++)
		expect(phrases[i].label,
		    in_field(GP_STR("From"), phrases[i].value) & REQUOTE,
		    phrases[i].requote ? REQUOTE : 0);
}

static void
field_phrases_are_read_where_addresses_are(void **state)
{
	static const char *const yes[] = { "From", "SENDER", "Reply-To", "to",
		"Cc", "Bcc", "Resent-From", "resent-sender", "Resent-Reply-To",
		"Resent-To", "Resent-Cc", "Resent-Bcc" };
	static const char *const no[] = { "Subject", "Fro", "Froms", "Resent-",
		"Resent-Subject", "Resent-Resent-To", "X-From", "" };
	struct gp_str value = GP_STR(" Q. <a@b.example>");

	(void)state;
	for (size_t i = 0; i < COUNT(yes); i++)
		expect(yes[i], in_field(gp_str(yes[i]), value), REQUOTE);
	for (size_t i = 0; i < COUNT(no); i++)
		expect(no[i], in_field(gp_str(no[i]), value), 0);
}

/* -- body ---------------------------------------------------------------- */

/* In pieces of `n` octets. */
static unsigned
in_body(struct gp_str s, size_t n)
{
	struct gp_fragile_scan scan = { .found = 0 };

	gp_fragile_body(&scan, gp_str_n(NULL, 0));
	for (size_t at = 0; at < s.n; at += n)
		gp_fragile_body(&scan,
		    gp_str_n(s.p + at, s.n - at < n ? s.n - at : n));
	gp_fragile_end(&scan);
	return scan.found;
}

static void
expect_body(const char *label, struct gp_str s, unsigned wanted)
{
	for (size_t n = 1; n <= s.n + 1; n += 1 + n / 20)
		expect(label, in_body(s, n), wanted);
}

static void
body_line_ends_table(void **state)
{
	static const struct {
		const char *label;
		struct gp_str text;
		unsigned found;
	} rows[] = {
		{ "empty", GP_STR(""), 0 },
		{ "lines", GP_STR("a\r\n\r\nb\r\n"), 0 },
		{ "open end", GP_STR("a\r\nb"), 0 },
		{ "8-bit", GP_STR("caf\xc3\xa9\r\n"), 0 },
		{ "CR alone", GP_STR("a\rb\r\n"), CR },
		{ "CR first", GP_STR("\ra\r\n"), CR },
		{ "CR last", GP_STR("a\r\n\r"), CR },
		{ "CR twice", GP_STR("a\r\r\n"), CR },
		{ "LF alone", GP_STR("a\nb\r\n"), LF },
		{ "LF first", GP_STR("\na\r\n"), LF },
		{ "LF last", GP_STR("a\n"), LF },
		{ "LF twice", GP_STR("a\r\n\nb"), LF },
		{ "LF and CR", GP_STR("a\n\rb"), CR | LF },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		expect_body(rows[i].label, rows[i].text, rows[i].found);
}

static void
body_bare_end_is_found_at_any_place(void **state)
{
	char text[300];

	(void)state;
	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'x', sizeof(text));
		text[at] = '\r';
		expect("CR", in_body(gp_str_n(text, sizeof(text)), 300), CR);
		text[at] = '\n';
		expect("LF", in_body(gp_str_n(text, sizeof(text)), 300), LF);
		if (at == 0)
			continue;
		text[at - 1] = '\r';
		expect("CRLF", in_body(gp_str_n(text, sizeof(text)), 300), 0);
	}
}

static void
body_lines_of_up_to_998_octets_pass(void **state)
{
	static const struct {
		const char *label;
		int first;
		const char *end;
		int second;
		unsigned found;
	} rows[] = {
		{ "998, CRLF", 998, "\r\n", 998, 0 },
		{ "999, CRLF", 999, "\r\n", 1, LONG },
		{ "998, LF", 998, "\n", 998, LF },
		{ "999, LF", 999, "\n", 1, LONG | LF },
		{ "open end of 999", 10, "\r\n", 999, LONG },
		{ "998 and CR", 998, "\r", 1, LONG | CR },
		{ "997 and CR", 997, "\r", 1, LONG | CR },
		{ "996 and CR", 996, "\r", 1, CR },
		{ "many lines", 100, "\r\n\r\n\r\n", 998, 0 },
		{ "2,000", 2000, "\r\n", 1, LONG },
	};
	char text[4000];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int n = snprintf(text, sizeof(text), "%0*d%s%0*d",
		    rows[i].first, 0, rows[i].end, rows[i].second, 0);

		expect_body(rows[i].label, gp_str_n(text, (size_t)n),
		    rows[i].found);
	}
}

/* -- words --------------------------------------------------------------- */

static void
every_finding_has_its_words(void **state)
{
	(void)state;
	for (int i = 0; i < GP_FRAGILES; i++) {
		const char *name = gp_fragile_name((enum gp_fragile)i);

		assert_non_null(name);
		assert_true(strlen(gp_fragile_text((enum gp_fragile)i)) > 10);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name,
			    gp_fragile_name((enum gp_fragile)j));
	}
	assert_string_equal(gp_fragile_name(GP_FRAGILE_LONG_LINE), "long-line");
	assert_string_equal(gp_fragile_text(GP_FRAGILE_LONG_LINE),
	    "a line has more than 998 octets");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(field_line_ends_table),
		cmocka_unit_test(field_lines_count_with_the_name),
		cmocka_unit_test(field_of_60000_octets_is_cut),
		cmocka_unit_test(field_that_sendmail_rewrites_is_found_in_from),
		cmocka_unit_test(field_phrase_table),
		cmocka_unit_test(field_phrases_are_read_where_addresses_are),
		cmocka_unit_test(body_line_ends_table),
		cmocka_unit_test(body_bare_end_is_found_at_any_place),
		cmocka_unit_test(body_lines_of_up_to_998_octets_pass),
		cmocka_unit_test(every_finding_has_its_words),
	};

	return cmocka_run_group_tests_name("fragile", tests, NULL, NULL);
}
