/* Address fields as Sendmail 8.17 was seen to send them. */
#include "core/sendmail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct row {
	const char *label, *value;
	const char *sent; /* NULL: as it is */
};

/* What becomes of one field, in `arena`. */
static struct gp_field
sent(struct gp_arena *arena, const char *name, const char *value)
{
	struct gp_header h = { .n = 0 }, out;

	gp_header_add(&h, arena, gp_str(name), gp_str(value));
	gp_sendmail_header(&h, arena, &out);
	assert_int_equal(out.n, 1);
	assert_false(h.v[0].unsettled);
	assert_true(gp_str_eq(h.v[0].value, gp_str(value)));
	return out.v[0];
}

static void
expect(const struct row *r, bool unsettled)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_str want = gp_str(r->sent == NULL ? r->value : r->sent);
	struct gp_field got = sent(arena, "Cc", r->value);

	if (got.unsettled != unsettled || !gp_str_eq(got.value, want))
		fail_msg("row: %s: %s\"%.*s\"", r->label,
		    got.unsettled ? "unsettled " : "", GP_STR_ARG(got.value));
	gp_arena_free(arena);
}

static const struct row settled[] = {
	{ "one", " a@x.example", NULL },
	{ "a list without blanks", " a@x.example,b@x.example",
	    " a@x.example, b@x.example" },
	{ "blanks around commas", " a@x.example , \tb@x.example",
	    " a@x.example, b@x.example" },
	{ "a list on lines of its own", " a@x.example,\n\tb@x.example",
	    " a@x.example, b@x.example" },
	{ "a fold before the first", " \n a@x.example,b@x.example",
	    "   a@x.example, b@x.example" },
	{ "empty members", " ,a@x.example,,b@x.example,",
	    " a@x.example, b@x.example" },
	{ "names", " Ann <a@x.example>,Bob  <b@x.example>",
	    " Ann <a@x.example>, Bob  <b@x.example>" },
	{ "a fold within a member", " Ann\n <a@x.example>,b@x.example",
	    " Ann\n <a@x.example>, b@x.example" },
	{ "no blank behind a name", " Ann<a@x.example>", NULL },
	{ "blanks within angles", " Ann < a@x.example >",
	    " Ann <a@x.example>" },
	{ "nobody in angles", " Ann <>", NULL },
	{ "quoted name", " \"A, \\\"B\\\" (c\" <a@x.example>,b@x.example",
	    " \"A, \\\"B\\\" (c\" <a@x.example>, b@x.example" },
	{ "name that gets quotes", " Ann B. C <a@x.example>",
	    " \"Ann B. C\" <a@x.example>" },
	{ "the same without a blank", " Ann B. C<a@x.example>",
	    " \"Ann B. C\"<a@x.example>" },
	{ "apostrophe", " O'Neil <a@x.example>", " \"O'Neil\" <a@x.example>" },
	{ "address as a name", " a@x.example  <a@x.example>",
	    " \"a@x.example\"  <a@x.example>" },
	{ "brackets", " A [B] <a@x.example>", " \"A [B]\" <a@x.example>" },
	{ "encoded word with a dot", " =?utf-8?Q?J._P?= <a@x.example>",
	    " \"=?utf-8?Q?J._P?=\" <a@x.example>" },
	{ "dot in quotes of a name", " Ann \"B. C\" <a@x.example>", NULL },
	{ "UTF-8", " J\303\274rg <j\303\274rg@x.example>", NULL },
	{ "atoms", " A!#$%&*+-/=?^_`{|}~1 <a!#$%&'*+-/=?^_`{|}~@x.example>",
	    NULL },
	{ "comments", " (a) Ann (b. c) <a@x.example> (d)", NULL },
	{ "comment behind an address", " a@x.example(c)", " a@x.example (c)" },
	{ "the same, far away", " a@x.example   (c (d\\) e))",
	    " a@x.example (c (d\\) e))" },
	{ "comment before an address", " (c)a@x.example", " (c) a@x.example" },
	{ "comma in a comment", " a@x.example (a,b),c@x.example",
	    " a@x.example (a,b), c@x.example" },
	{ "comma in a local part", " \"a,b\"@x.example,c@x.example",
	    " \"a,b\"@x.example, c@x.example" },
	{ "literals", " a@[192.0.2.1],b@[IPv6:2001:db8::1]",
	    " a@[192.0.2.1], b@[IPv6:2001:db8::1]" },
	{ "odd hosts", " a@mx_1.example, b@1.2.3.4, .c..d@X.Example", NULL },
	{ "empty group", " undisclosed-recipients:;", NULL },
	{ "the same with a blank", " undisclosed-recipients: ;", NULL },
	{ "group", " Team:a@x.example,b@x.example;",
	    " Team:a@x.example, b@x.example;" },
	{ "group, a name with a dot",
	    " Team: Ann B. <a@x.example>;,c@x.example",
	    " Team: \"Ann B.\" <a@x.example>;, c@x.example" },
	{ "blank before the end of a group", " Team: a@x.example ;",
	    " Team: a@x.example;" },
	{ "group with a quoted name", " \"A: B\": <a@x.example>;", NULL },
	{ "two groups", " A: a@x.example;,B:;", " A: a@x.example;, B:;" },
	{ "nothing", "", NULL },
	{ "a blank", " ", NULL },
	{ "a fold", " \n ", NULL },
};

static const struct row unsettled[] = {
	{ "no domain", " ann", NULL },
	{ "no domain in angles", " Ann <ann>", NULL },
	{ "no domain in a list", " a@x.example, ann", NULL },
	{ "no domain in a group", " Team: ann;", NULL },
	{ "a short domain", " a@localhost", NULL },
	{ "a dot behind the domain", " a@x.example.", NULL },
	{ "UUCP", " a@b.UUCP", NULL },
	{ "route", " <@r.example:a@x.example>", NULL },
	{ "blanks around the at sign", " a @ x.example", NULL },
	{ "two without a comma", " a@x.example b@x.example", NULL },
	{ "semicolon between two", " a@x.example; b@x.example", NULL },
	{ "semicolon without a group", " a@x.example;", NULL },
	{ "group in a group", " A: B: a@x.example;", NULL },
	{ "group without a name", " :include:x", NULL },
	{ "a dot in the name of a group", " A.: a@x.example;", NULL },
	{ "quotes beside what needs them", " \"Ann\" B. C <a@x.example>",
	    NULL },
	{ "a comment beside it", " Ann B. (c) <a@x.example>", NULL },
	{ "a fold beside it", " Ann\n B. <a@x.example>", NULL },
	{ "backslash", " A\\B <a@x.example>", NULL },
	{ "parenthesis that closes nothing", " A) <a@x.example>", NULL },
	{ "comments around an address", " (a) c@x.example (b)", NULL },
	{ "two comments", " a@x.example (b) (c)", NULL },
	{ "text behind an address", " Ann <a@x.example> x", NULL },
	{ "two pairs of angles", " <a@x.example><b@x.example>", NULL },
	{ "angle that does not end", " Ann <a@x.example", NULL },
	{ "angle that ends nothing", " a@x.example>", NULL },
	{ "quotes that do not end", " \"Ann <a@x.example>", NULL },
	{ "comment that does not end", " (c a@x.example", NULL },
	{ "quotes as an address", " \"\" a@x.example", NULL },
	{ "commas only", " ,", NULL },
};

static void
sendmail_settled_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(settled); i++)
		expect(&settled[i], false);
}

static void
sendmail_unsettled_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unsettled); i++)
		expect(&unsettled[i], true);
}

/* -- folds --------------------------------------------------------------- */

#define NAME50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NEXT   ",\n        "

static const struct row folds[] = {
	{ "78 columns", " " NAME50 "aaaaa@x.example,b@xy.ex",
	    " " NAME50 "aaaaa@x.example, b@xy.ex" },
	{ "79 columns", " " NAME50 "aaaaaa@x.example,b@xy.ex",
	    " " NAME50 "aaaaaa@x.example" NEXT "b@xy.ex" },
	{ "the first is never on a line of its own",
	    " " NAME50 NAME50 "@x.example,b@x.example",
	    " " NAME50 NAME50 "@x.example" NEXT "b@x.example" },
	{ "the next line is counted from its blanks",
	    " a@x.example,Ann <" NAME50 "@x.example>,b@x.example,c@x.example",
	    " a@x.example" NEXT "Ann <" NAME50 "@x.example>" NEXT
	    "b@x.example, c@x.example" },
};

static void
sendmail_folds_at_78_columns(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(folds); i++)
		expect(&folds[i], false);
}

/* -- which --------------------------------------------------------------- */

static void
sendmail_rewrites_address_fields_only(void **state)
{
	static const char *const rewritten[] = { "From", "sender", "Reply-To",
		"TO", "cc", "Resent-From", "resent-to", "Resent-Reply-To",
		"Errors-To", "Apparently-To", "Disposition-Notification-To" };
	static const char *const kept[] = { "Subject", "X-To", "Message-ID",
		"List-Post", "Return-Receipt-To", "Mail-Followup-To", "Resent-",
		"Resent-Date", "" };
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rewritten); i++)
		assert_true(gp_str_eq(
		    sent(arena, rewritten[i], " a@x.example,b@x.example").value,
		    GP_STR(" a@x.example, b@x.example")));
	for (size_t i = 0; i < COUNT(kept); i++)
		assert_true(gp_str_eq(
		    sent(arena, kept[i], " a@x.example,b@x.example").value,
		    GP_STR(" a@x.example,b@x.example")));
	gp_arena_free(arena);
}

static void
sendmail_header_keeps_the_order(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 }, out;

	(void)state;
	gp_header_add(&h, arena, GP_STR("Subject"), GP_STR(" a,b"));
	gp_header_add(&h, arena, GP_STR("To"), GP_STR(" ann"));
	gp_header_add(&h, arena, GP_STR("To"), GP_STR(" a@b.c,d@e.f"));
	h.over = true;
	gp_sendmail_header(&h, arena, &out);
	assert_int_equal(out.n, 3);
	assert_true(out.over);
	assert_true(gp_str_eq(out.v[0].value, GP_STR(" a,b")));
	assert_true(out.v[1].unsettled && !out.v[2].unsettled);
	assert_true(gp_str_eq(out.v[2].value, GP_STR(" a@b.c, d@e.f")));
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sendmail_settled_table),
		cmocka_unit_test(sendmail_unsettled_table),
		cmocka_unit_test(sendmail_folds_at_78_columns),
		cmocka_unit_test(sendmail_rewrites_address_fields_only),
		cmocka_unit_test(sendmail_header_keeps_the_order),
	};

	return cmocka_run_group_tests_name("sendmail", tests, NULL, NULL);
}
