/*
 * Authentication-Results, the strict reader and the writer.  The examples of
 * RFC 8601 appendix B are here as facts, in a layout of our own.
 */
#include "core/authres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct row {
	const char *label;
	struct gp_str in;
	const char *canonical; /* what was read; NULL: nothing */
};

static const struct row readable[] = {
	/* RFC 8601 appendix B */
	{ "B.2 no results", GP_STR(" example.org 1; none"), "\"example.org\"" },
	{ "B.3 SPF",
	    GP_STR(" example.com;\r\n  spf=pass smtp.mailfrom=example.net"),
	    "\"example.com\";spf=pass smtp.mailfrom=\"example.net\"" },
	{ "B.4 SMTP AUTH and SPF",
	    GP_STR(" example.com;\r\n\tauth=pass (cram-md5) "
		   "smtp.auth=sender@example.net;\r\n"
		   "\tspf=pass smtp.mailfrom=example.net"),
	    "\"example.com\";auth=pass smtp.auth=\"sender@example.net\""
	    ";spf=pass smtp.mailfrom=\"example.net\"" },
	{ "B.5 Sender ID, another host",
	    GP_STR(" example.com; sender-id=fail header.from=example.com"),
	    "\"example.com\";sender-id=fail header.from=\"example.com\"" },
	{ "B.5 DKIM with an address",
	    GP_STR(" example.com; dkim=pass (good signature)\r\n"
		   "   header.d=example.com"),
	    "\"example.com\";dkim=pass header.d=\"example.com\"" },
	{ "B.6 list that broke a signature",
	    GP_STR(" example.com;\r\n dkim=pass reason=\"good signature\"\r\n"
		   "  header.i=@mail-router.example.net;\r\n"
		   " dkim=fail reason=\"bad signature\"\r\n"
		   "  header.i=@newyork.example.com"),
	    "\"example.com\""
	    ";dkim=pass reason=\"good signature\" "
	    "header.i=\"@mail-router.example.net\""
	    ";dkim=fail reason=\"bad signature\" "
	    "header.i=\"@newyork.example.com\"" },
	{ "B.7 comments everywhere",
	    GP_STR(" foo.example.net (foobar) 1 (baz);\r\n"
		   "    dkim (Because I like it) / 1 (One yay) = (wait for it) "
		   "fail\r\n"
		   "      policy (A dot can go here) . (like that) expired\r\n"
		   "      (this surprised me) = (as I wasn't expecting it) "
		   "1362471462"),
	    "\"foo.example.net\";dkim=fail policy.expired=\"1362471462\"" },

	{ "one line end behind", GP_STR("a.example; none\r\n"),
	    "\"a.example\"" },
	{ "folded by LF alone", GP_STR("a.example;\n\tspf=pass"),
	    "\"a.example\";spf=pass" },
	{ "folded to blank lines", GP_STR("a.example;\n \n \n spf=pass"),
	    "\"a.example\";spf=pass" },
	{ "no blank", GP_STR("a.example;spf=pass;dkim=none"),
	    "\"a.example\";spf=pass;dkim=none" },
	{ "upper-case keywords", GP_STR("A.Example; SPF=Pass SMTP.Helo=X.Y"),
	    "\"A.Example\";spf=pass smtp.helo=\"X.Y\"" },
	{ "quoted id", GP_STR("\"a \\\"b\\\\c\"; none"), "\"a \\\"b\\\\c\"" },
	{ "quoted id and version", GP_STR("\"a.example\" 1;none"),
	    "\"a.example\"" },
	{ "id of digits", GP_STR("1; none"), "\"1\"" },
	{ "version with zeros", GP_STR("a 001; none"), "\"a\"" },
	{ "NONE in any case", GP_STR("a;(x)NoNe(y)"), "\"a\"" },
	{ "a method that is called none", GP_STR("a; none=pass"),
	    "\"a\";none=pass" },
	{ "comment behind the id", GP_STR("a(b)1;none"), "\"a\"" },
	{ "nested comment", GP_STR("(a(b\\)(c))d)a.example; none"),
	    "\"a.example\"" },
	{ "comment that hides a semicolon", GP_STR("(a;b)c.example; none"),
	    "\"c.example\"" },
	{ "comment with quotes", GP_STR("(\")c.example(\"); none"),
	    "\"c.example\"" },
	{ "folded comment", GP_STR("(a\r\n b)c.example; none"),
	    "\"c.example\"" },
	{ "comments 32 deep",
	    GP_STR("((((((((((((((((((((((((((((((((x"
		   "))))))))))))))))))))))))))))))))a;none"),
	    "\"a\"" },
	{ "method version 1", GP_STR("a; spf/1=pass; dkim / 01 = pass"),
	    "\"a\";spf=pass;dkim=pass" },
	{ "unknown method version is left out",
	    GP_STR("a; spf/2=pass smtp.helo=x; dkim=pass"), "\"a\";dkim=pass" },
	{ "nothing but unknown method versions", GP_STR("a; spf/2=pass"),
	    "\"a\"" },
	{ "reason as a token", GP_STR("a; spf=fail reason=x"),
	    "\"a\";spf=fail reason=\"x\"" },
	{ "reason behind a comment", GP_STR("a; spf=fail(c)reason=\"x y\""),
	    "\"a\";spf=fail reason=\"x y\"" },
	{ "ptype that is called reason", GP_STR("a; spf=fail reason.x=y"),
	    "\"a\";spf=fail reason.x=\"y\"" },
	{ "empty values", GP_STR("a; x=y b.c=\"\" d.e=\"\""),
	    "\"a\";x=y b.c=\"\" d.e=\"\"" },
	{ "local part and domain",
	    GP_STR("a; x=y b.c=joe.d+e=f/g?@example.com"),
	    "\"a\";x=y b.c=\"joe.d+e=f/g?@example.com\"" },
	{ "quoted local part", GP_STR("a; x=y b.c=\"j; (s\"@example.com d.e=f"),
	    "\"a\";x=y b.c=\"j; (s@example.com\" d.e=\"f\"" },
	{ "domain after the at sign", GP_STR("a; x=y b.c=@example.com"),
	    "\"a\";x=y b.c=\"@example.com\"" },
	{ "every special of a token", GP_STR("a; x=y b.c=!#$%&'*+-.^_`{|}~"),
	    "\"a\";x=y b.c=\"!#$%&'*+-.^_`{|}~\"" },
	{ "specials in quotes", GP_STR("a; x=y b.c=\"()<>@,;:/[]?= \\\\\""),
	    "\"a\";x=y b.c=\"()<>@,;:/[]?= \\\\\"" },
	{ "quoted pairs", GP_STR("a; x=y b.c=\"\\a\\\"\\ \\(\""),
	    "\"a\";x=y b.c=\"a\\\" (\"" },
	{ "fold inside quotes", GP_STR("a; x=y b.c=\"d\r\n e\n\tf\""),
	    /* the tab makes it a value that is never written again */
	    "\"a\";x=y" },
	{ "fold of blanks inside quotes", GP_STR("a; x=y b.c=\"d\r\n e\""),
	    "\"a\";x=y b.c=\"d e\"" },
	{ "properties without a blank", GP_STR("a; x=y b.c=\"d\"e.f=g"),
	    "\"a\";x=y b.c=\"d\" e.f=\"g\"" },
	{ "blanks around all signs",
	    GP_STR("a ; x = y reason = z b . c = d (e)"),
	    "\"a\";x=y reason=\"z\" b.c=\"d\"" },
	{ "UTF-8 (RFC 6532)",
	    GP_STR("m\xc3\xbc.example; x=y b.c=j\xc3\xb6@m\xc3\xbc.example "
		   "d.e=\"\xe4\xb8\xad\\\xe5\x9b\xbd\" (\xc3\xa9)"),
	    "\"m\xc3\xbc.example\";x=y b.c=\"j\xc3\xb6@m\xc3\xbc.example\" "
	    "d.e=\"\xe4\xb8\xad\xe5\x9b\xbd\"" },
	{ "keyword that begins with a hyphen", GP_STR("a; -x=-y -z.-p=q"),
	    "\"a\";-x=-y -z.-p=\"q\"" },
	{ "same method twice", GP_STR("a; x=y; x=z"), "\"a\";x=y;x=z" },
};

static const struct row other_version[] = {
	{ "version 2", GP_STR("a 2; spf=pass"), NULL },
	{ "version 0", GP_STR("a 0; none"), NULL },
	{ "version above any number", GP_STR("a 99999999999999999999999; none"),
	    NULL },
	{ "version 2 of something else", GP_STR("a 2 x=y"), NULL },
};

static const struct row refused[] = {

	{ "empty", { NULL, 0 }, NULL },
	{ "blank", GP_STR(" \t "), NULL },
	{ "line end alone", GP_STR("\r\n"), NULL },
	{ "id alone", GP_STR("a.example"), NULL },
	{ "id and version alone", GP_STR("a 1"), NULL },
	{ "no id", GP_STR("; spf=pass"), NULL },
	{ "results without id", GP_STR("spf=pass smtp.helo=x"), NULL },
	{ "no result", GP_STR("a;"), NULL },
	{ "semicolon at the end", GP_STR("a; spf=pass;"), NULL },
	{ "two semicolons", GP_STR("a;; spf=pass"), NULL },
	{ "none behind a result", GP_STR("a; spf=pass; none"), NULL },
	{ "result behind none", GP_STR("a; none; spf=pass"), NULL },
	{ "none twice", GP_STR("a; none none"), NULL },
	{ "word behind none", GP_STR("a; none x"), NULL },
	{ "two ids", GP_STR("a b; none"), NULL },
	{ "quoted id and version without blank", GP_STR("\"a\"1; none"), NULL },
	{ "version with a tail", GP_STR("a 1x; none"), NULL },
	{ "id with a bracket", GP_STR("[a]; none"), NULL },
	{ "id with a slash", GP_STR("a/b; none"), NULL },
	{ "comment without end", GP_STR("(a; none"), NULL },
	{ "comment without beginning", GP_STR("a); none"), NULL },
	{ "comment with an escaped end", GP_STR("(a\\) b; none"), NULL },
	{ "comments 33 deep",
	    GP_STR("(((((((((((((((((((((((((((((((((x"
		   ")))))))))))))))))))))))))))))))))a;none"),
	    NULL },
	{ "quotes without end", GP_STR("\"a; none"), NULL },
	{ "quotes with an escaped end", GP_STR("\"a\\\"; none"), NULL },
	{ "backslash at the end", GP_STR("a; x=y b.c=\"d\\"), NULL },
	{ "backslash outside", GP_STR("a\\b; none"), NULL },
	{ "method without result", GP_STR("a; spf"), NULL },
	{ "method with equals sign alone", GP_STR("a; spf="), NULL },
	{ "result in quotes", GP_STR("a; spf=\"pass\""), NULL },
	{ "method with underscore", GP_STR("a; s_f=pass"), NULL },
	{ "method with final hyphen", GP_STR("a; spf-=pass"), NULL },
	{ "method version without number", GP_STR("a; spf/=pass"), NULL },
	{ "result with a tail", GP_STR("a; spf=pass_x"), NULL },
	{ "result with a dot", GP_STR("a; spf=pass.smtp"), NULL },
	{ "property without blank", GP_STR("a; spf=pass\"x\""), NULL },
	{ "reason twice", GP_STR("a; x=y reason=a reason=b"), NULL },
	{ "reason behind a property", GP_STR("a; x=y b.c=d reason=e"), NULL },
	{ "reason glued to a property", GP_STR("a; x=y reason=\"e\"b.c=d"),
	    NULL },
	{ "word that is no reason", GP_STR("a; x=y action=none"), NULL },
	{ "property without ptype", GP_STR("a; x=y .c=d"), NULL },
	{ "property without name", GP_STR("a; x=y b.=d"), NULL },
	{ "property without value", GP_STR("a; x=y b.c="), NULL },
	{ "property without value, more behind", GP_STR("a; x=y b.c=; z=y"),
	    NULL },
	{ "slash in a token", GP_STR("a; x=y b.c=d/e"), NULL },
	{ "equals sign in a token", GP_STR("a; x=y b.c=d=e"), NULL },
	{ "question mark in a token", GP_STR("a; x=y b.c=d?e"), NULL },
	{ "two at signs", GP_STR("a; x=y b.c=d@e@f.example"), NULL },
	{ "local part with two dots", GP_STR("a; x=y b.c=d..e@f.example"),
	    NULL },
	{ "local part alone", GP_STR("a; x=y b.c=d@"), NULL },
	{ "one label behind the at sign", GP_STR("a; x=y b.c=d@e"), NULL },
	{ "final dot behind the at sign", GP_STR("a; x=y b.c=d@e.f."), NULL },
	{ "quoted domain", GP_STR("a; x=y b.c=d@\"e.f\""), NULL },
	{ "blank at the at sign", GP_STR("a; x=y b.c=d @e.f"), NULL },
	{ "parenthesis in a value", GP_STR("a; x=y b.c=d(e"), NULL },
	{ "NUL", GP_STR("a; x=y b.c=\"d\0e\""), NULL },
	{ "NUL behind", GP_STR("a; none\0"), NULL },
	{ "control character", GP_STR("a; x=y b.c=\"d\x01\""), NULL },
	{ "DEL", GP_STR("a; x=y b.c=\"d\x7f\""), NULL },
	{ "bare CR", GP_STR("a;\r none"), NULL },
	{ "bare LF", GP_STR("a;\nnone"), NULL },
	{ "LF at the end of a fold", GP_STR("a; none\n\n"), NULL },
	{ "CR in quotes", GP_STR("\"a\rb\"; none"), NULL },
	{ "line end in quotes", GP_STR("\"a\r\nb\"; none"), NULL },
	{ "escaped line end", GP_STR("\"a\\\r\n b\"; none"), NULL },
	{ "escaped line end in a comment", GP_STR("(a\\\n b)c; none"), NULL },
	{ "line end in a comment", GP_STR("(a\nb)c; none"), NULL },
	{ "invalid UTF-8", GP_STR("a; x=y b.c=\"d\xff\""), NULL },
	{ "UTF-8 in a keyword", GP_STR("a; \xc3\xa9=y"), NULL },
};

static void
check_row(const struct row *row, enum gp_rc want)
{
	struct gp_arena *arena = gp_arena_new();
	char *block = malloc(row->in.n == 0 ? 1 : row->in.n);
	struct gp_err err = { "" };
	struct gp_authres ar;
	struct gp_buf text;
	enum gp_rc rc;

	assert_non_null(block);
	if (row->in.n != 0)
		memcpy(block, row->in.p, row->in.n);
	rc = gp_authres_parse(gp_str_n(block, row->in.n), arena, &ar, &err);
	free(block); /* nothing of the result may still point there */
	if (rc != want)
		fail_msg("%s: %s: %s", row->label, gp_rc_name(rc), err.msg);
	gp_buf_init(&text, GP_FIELD_MAX);
	if (rc == GP_OK)
		gp_authres_canonical(&ar, &text);
	else if (ar.n != 0 || ar.id.n != 0 || err.msg[0] == '\0' ||
		 !gp_str_is_text(gp_str(err.msg)))
		fail_msg("%s: half a result, or a bad reason", row->label);
	if (rc == GP_OK && strcmp(gp_buf_cstr(&text), row->canonical) != 0)
		fail_msg("%s: %s", row->label, gp_buf_cstr(&text));
	gp_buf_clear(&text);
	gp_arena_free(arena);
}

static void
authres_readable_table_gives_what_was_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(readable); i++)
		check_row(&readable[i], GP_OK);
}

static void
authres_refused_table_gives_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(refused); i++)
		check_row(&refused[i], GP_PERM);
	for (size_t i = 0; i < ROWS(other_version); i++)
		check_row(&other_version[i], GP_NONE);
}

/* `n` times `piece` behind `start`. */
static enum gp_rc
parse_repeated(const char *start, const char *piece, size_t n)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_authres ar;
	struct gp_buf text;
	enum gp_rc rc;

	gp_buf_init(&text, (size_t)4 * GP_FIELD_MAX);
	gp_buf_adds(&text, start);
	for (size_t i = 0; i < n; i++)
		gp_buf_adds(&text, piece);
	assert_false(text.overflow);
	rc = gp_authres_parse(gp_buf_str(&text), arena, &ar, NULL);
	assert_true(gp_arena_bytes(arena) < text.n + 16384);
	gp_buf_clear(&text);
	gp_arena_free(arena);
	return rc;
}

static void
authres_bounds_are_exact(void **state)
{
	(void)state;
	assert_int_equal(parse_repeated("a", ";x=y", GP_AUTHRES_RESULTS_MAX),
	    GP_OK);
	assert_int_equal(parse_repeated("a", ";x=y",
			     GP_AUTHRES_RESULTS_MAX + 1),
	    GP_PERM);
	assert_int_equal(parse_repeated("a", ";x/2=y",
			     GP_AUTHRES_RESULTS_MAX + 1),
	    GP_PERM);
	assert_int_equal(parse_repeated("a;x=y", " b.c=d",
			     GP_AUTHRES_PROPS_MAX),
	    GP_OK);
	assert_int_equal(parse_repeated("a;x=y", " b.c=d",
			     GP_AUTHRES_PROPS_MAX + 1),
	    GP_PERM);
	assert_int_equal(parse_repeated("a;none", " ", GP_FIELD_MAX - 6),
	    GP_OK);
	assert_int_equal(parse_repeated("a;none", " ", GP_FIELD_MAX - 5),
	    GP_PERM);
	assert_int_equal(parse_repeated("", "(", GP_FIELD_MAX), GP_PERM);
	assert_int_equal(parse_repeated("a;x=y b.c=", "\"", GP_FIELD_MAX - 10),
	    GP_PERM);
}

static struct gp_str
format(const struct gp_authres *ar, struct gp_buf *out)
{
	gp_buf_reset(out);
	gp_authres_format(ar, out);
	return gp_buf_str(out);
}

static void
authres_short_field_stays_on_one_line(void **state)
{
	struct gp_authres_prop prop = { GP_STR("smtp"), GP_STR("mailfrom"),
		GP_STR("a.example") };
	struct gp_authres_result res = { .method = GP_STR("spf"),
		.result = GP_STR("pass"),
		.n = 1,
		.prop = &prop };
	struct gp_authres ar = { GP_STR("mx.example"), 1, &res };
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 1000);
	assert_true(gp_str_eq(format(&ar, &out),
	    GP_STR("mx.example; spf=pass smtp.mailfrom=a.example")));
	ar.n = 0;
	assert_true(gp_str_eq(format(&ar, &out), GP_STR("mx.example; none")));
	gp_buf_clear(&out);
}

static void
authres_long_field_is_folded_at_results_and_columns(void **state)
{
	struct gp_authres_prop prop[] = {
		{ GP_STR("header"), GP_STR("d"), GP_STR("a.example") },
		{ GP_STR("header"), GP_STR("i"),
		    GP_STR("@news.department.a.example") },
		{ GP_STR("header"), GP_STR("b"), GP_STR("abc/def=") },
	};
	struct gp_authres_result res[] = {
		{ .method = GP_STR("spf"), .result = GP_STR("pass") },
		{ .method = GP_STR("dkim"),
		    .result = GP_STR("pass"),
		    .reason = GP_STR("ask@a.example"),
		    .n = 3,
		    .prop = prop },
	};
	struct gp_authres ar = { GP_STR("mx.receiver.example"), 2, res };
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 1000);
	assert_true(gp_str_eq(format(&ar, &out),
	    GP_STR("mx.receiver.example;\n\tspf=pass;\n"
		   "\tdkim=pass reason=\"ask@a.example\" header.d=a.example\n"
		   "\theader.i=@news.department.a.example "
		   "header.b=\"abc/def=\"")));
	gp_buf_clear(&out);
}

struct value_row {
	const char *label;
	struct gp_str value;
	const char *written; /* NULL: dropped with its property */
};

static const struct value_row values[] = {
	{ "name", GP_STR("a_b.example-1+x"), "a_b.example-1+x" },
	{ "empty", GP_STR(""), "\"\"" },
	{ "address", GP_STR("joe.smith+x@a.example"), "joe.smith+x@a.example" },
	{ "at sign and domain", GP_STR("@a.example"), "@a.example" },
	{ "address without a dot", GP_STR("joe@a"), "\"joe@a\"" },
	{ "two at signs", GP_STR("a@b@c.example"), "\"a@b@c.example\"" },
	{ "dots that are no dot-string", GP_STR(".a@b.example"),
	    "\".a@b.example\"" },
	{ "VERP", GP_STR("l=j@b.example"), "\"l=j@b.example\"" },
	{ "single quote (attack A04)", GP_STR("bank.example'a.example"),
	    "\"bank.example'a.example\"" },
	{ "parenthesis (attack A05)", GP_STR("bank.example(a.example"),
	    "\"bank.example(a.example\"" },
	{ "semicolon", GP_STR("a; spf=pass"), "\"a; spf=pass\"" },
	{ "quotes and backslash", GP_STR("a\"b\\"), "\"a\\\"b\\\\\"" },
	{ "blanks around", GP_STR(" a  b "), "\" a  b \"" },
	{ "UTF-8", GP_STR("m\xc3\xbc"), "\"m\xc3\xbc\"" },
	{ "base64", GP_STR("ab/d+e="), "\"ab/d+e=\"" },
	{ "CR LF", GP_STR("a\r\nX: y"), NULL },
	{ "fold", GP_STR("a\r\n b"), NULL },
	{ "HTAB", GP_STR("a\tb"), NULL },
	{ "NUL", GP_STR("a\0b"), NULL },
	{ "DEL", GP_STR("a\x7f"), NULL },
	{ "C1 control", GP_STR("a\xc2\x9b"), NULL },
	{ "invalid UTF-8", GP_STR("a\xff"), NULL },
};

static void
check_value(const struct value_row *row, struct gp_arena *arena)
{
	struct gp_authres_prop prop[] = {
		{ GP_STR("s"), GP_STR("f"), row->value },
		{ GP_STR("b"), GP_STR("c"), GP_STR("x") },
	};
	struct gp_authres_result res = { .method = GP_STR("spf"),
		.result = GP_STR("pass"),
		.n = 2,
		.prop = prop };
	struct gp_authres ar = { GP_STR("a"), 1, &res };
	struct gp_authres again;
	struct gp_buf out;
	char want[200];

	gp_buf_init(&out, 1000);
	(void)snprintf(want, sizeof(want), "a; spf=pass%s%s b.c=x",
	    row->written == NULL ? "" : " s.f=",
	    row->written == NULL ? "" : row->written);
	if (!gp_str_eq(format(&ar, &out), gp_str(want)))
		fail_msg("%s: %s", row->label, gp_buf_cstr(&out));
	if (gp_authres_parse(gp_buf_str(&out), arena, &again, NULL) != GP_OK)
		fail_msg("%s: can not be read back", row->label);
	if (row->written != NULL &&
	    !gp_str_eq(again.result[0].prop[0].value, row->value))
		fail_msg("%s: reads back as another value", row->label);
	gp_buf_clear(&out);
}

static void
authres_values_are_quoted_or_dropped(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < ROWS(values); i++)
		check_value(&values[i], arena);
	gp_arena_free(arena);
}

static void
authres_unwritable_parts_are_left_out_of_both_texts(void **state)
{
	static char big[1000];
	struct gp_authres_prop prop[] = {
		{ GP_STR("pol icy"), GP_STR("x"), GP_STR("1") },
		{ GP_STR("policy"), GP_STR("x;y"), GP_STR("2") },
		{ GP_STR("policy"), GP_STR(""), GP_STR("3") },
		{ GP_STR("policy"), GP_STR("long"), { big, 900 } },
		{ GP_STR("policy"), GP_STR("kept"), GP_STR("5") },
	};
	struct gp_authres_result res[] = {
		{ .method = GP_STR("sp f"), .result = GP_STR("pass") },
		{ .method = GP_STR("spf"), .result = GP_STR("pass;") },
		{ .method = GP_STR("spf"),
		    .result = GP_STR("fail"),
		    .reason = GP_STR("a\nb"),
		    .n = 5,
		    .prop = prop },
	};
	struct gp_authres ar = { GP_STR("a"), 3, res };
	struct gp_buf out;

	(void)state;
	memset(big, 'x', sizeof(big));
	gp_buf_init(&out, 10000);
	assert_true(
	    gp_str_eq(format(&ar, &out), GP_STR("a; spf=fail policy.kept=5")));
	gp_buf_reset(&out);
	gp_authres_canonical(&ar, &out);
	assert_string_equal(gp_buf_cstr(&out),
	    "\"a\";spf=fail policy.kept=\"5\"");
	ar.n = 2;
	assert_true(gp_str_eq(format(&ar, &out), GP_STR("a; none")));
	ar.id = GP_STR("a\r\nX-Evil: yes");
	assert_int_equal(format(&ar, &out).n, 0);
	gp_authres_canonical(&ar, &out);
	assert_int_equal(out.n, 0);
	gp_buf_clear(&out);
}

static void
authres_more_than_the_bounds_is_cut_to_what_can_be_read(void **state)
{
	struct gp_authres_prop prop[GP_AUTHRES_PROPS_MAX + 1];
	struct gp_authres_result res[GP_AUTHRES_RESULTS_MAX + 1];
	struct gp_arena *arena = gp_arena_new();
	struct gp_authres ar = { GP_STR("a"), ROWS(res), res };
	struct gp_authres again;
	struct gp_buf out;

	(void)state;
	for (size_t i = 0; i < ROWS(prop); i++)
		prop[i] = (struct gp_authres_prop){ GP_STR("b"), GP_STR("c"),
			GP_STR("d") };
	for (size_t i = 0; i < ROWS(res); i++)
		res[i] = (struct gp_authres_result){ .method = GP_STR("x"),
			.result = GP_STR("y"),
			.n = ROWS(prop),
			.prop = prop };
	gp_buf_init(&out, GP_FIELD_MAX);
	assert_int_equal(gp_authres_parse(format(&ar, &out), arena, &again,
			     NULL),
	    GP_OK);
	assert_int_equal(again.n, GP_AUTHRES_RESULTS_MAX);
	assert_int_equal(again.result[0].n, GP_AUTHRES_PROPS_MAX);
	gp_buf_clear(&out);
	gp_arena_free(arena);
}

static void
authres_prop_find_ignores_case_and_takes_the_first(void **state)
{
	struct gp_authres_prop prop[] = {
		{ GP_STR("smtp"), GP_STR("helo"), GP_STR("1") },
		{ GP_STR("SMTP"), GP_STR("MailFrom"), GP_STR("2") },
		{ GP_STR("smtp"), GP_STR("mailfrom"), GP_STR("3") },
	};
	struct gp_authres_result res = { .n = 3, .prop = prop };

	(void)state;
	assert_ptr_equal(gp_authres_prop_find(&res, "smtp", "mailfrom"),
	    &prop[1]);
	assert_ptr_equal(gp_authres_prop_find(&res, "smtp", "HELO"), &prop[0]);
	assert_null(gp_authres_prop_find(&res, "header", "helo"));
	assert_null(gp_authres_prop_find(&res, "smtp", "hel"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authres_readable_table_gives_what_was_meant),
		cmocka_unit_test(authres_refused_table_gives_nothing),
		cmocka_unit_test(authres_bounds_are_exact),
		cmocka_unit_test(authres_short_field_stays_on_one_line),
		cmocka_unit_test(
		    authres_long_field_is_folded_at_results_and_columns),
		cmocka_unit_test(authres_values_are_quoted_or_dropped),
		cmocka_unit_test(
		    authres_unwritable_parts_are_left_out_of_both_texts),
		cmocka_unit_test(
		    authres_more_than_the_bounds_is_cut_to_what_can_be_read),
		cmocka_unit_test(
		    authres_prop_find_ignores_case_and_takes_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
