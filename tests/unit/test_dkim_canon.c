/* Canonical header fields and bodies: RFC 6376 sections 3.4, 3.7 and 5.4.2. */
#include "core/dkim_canon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
expect(const char *label, struct gp_str got, struct gp_str wanted)
{
	if (!gp_str_eq(got, wanted))
		fail_msg("row: %s: \"%.*s\", not \"%.*s\"", label,
		    GP_STR_ARG(got), GP_STR_ARG(wanted));
}

/* -- fields -------------------------------------------------------------- */

static const struct {
	const char *label;
	struct gp_str name, value, simple, relaxed;
} fields[] = {
	{ "RFC 6376 3.4.5, A", GP_STR("A"), GP_STR(" X"), GP_STR("A: X\r\n"),
	    GP_STR("a:X\r\n") },
	{ "RFC 6376 3.4.5, B", GP_STR("B "), GP_STR(" Y\t\r\n\tZ  "),
	    GP_STR("B : Y\t\r\n\tZ  \r\n"), GP_STR("b:Y Z\r\n") },
	{ "fold of a milter", GP_STR("Subject"), GP_STR(" a\n b\n\t c"),
	    GP_STR("Subject: a\r\n b\r\n\t c\r\n"),
	    GP_STR("subject:a b c\r\n") },
	{ "fold behind a blank", GP_STR("To"), GP_STR(" a,  \r\n  b"),
	    GP_STR("To: a,  \r\n  b\r\n"), GP_STR("to:a, b\r\n") },
	{ "folds of blanks alone", GP_STR("To"),
	    GP_STR("\r\n \r\n\t\n a\n \n "),
	    GP_STR("To:\r\n \r\n\t\r\n a\r\n \r\n \r\n"), GP_STR("to:a\r\n") },
	{ "no value", GP_STR("X-Empty"), GP_STR(""), GP_STR("X-Empty:\r\n"),
	    GP_STR("x-empty:\r\n") },
	{ "only blanks", GP_STR("X"), GP_STR(" \t "), GP_STR("X: \t \r\n"),
	    GP_STR("x:\r\n") },
	{ "no blank at its beginning", GP_STR("X"), GP_STR("a"),
	    GP_STR("X:a\r\n"), GP_STR("x:a\r\n") },
	{ "CR alone is an octet", GP_STR("X"), GP_STR(" a\rb\r c"),
	    GP_STR("X: a\rb\r c\r\n"), GP_STR("x:a\rb\r c\r\n") },
	{ "LF that folds nothing", GP_STR("X"), GP_STR(" a\nb"),
	    GP_STR("X: a\nb\r\n"), GP_STR("x:a\nb\r\n") },
	{ "CRLF that folds nothing", GP_STR("X"), GP_STR(" a\r\nb"),
	    GP_STR("X: a\r\nb\r\n"), GP_STR("x:a\r\nb\r\n") },
	{ "VT and FF are no white space", GP_STR("X"), GP_STR("\v a\f"),
	    GP_STR("X:\v a\f\r\n"), GP_STR("x:\v a\f\r\n") },
	{ "8-bit and NUL", GP_STR("X\xc3\x84"), GP_STR(" \xff\0 \0"),
	    GP_STR("X\xc3\x84: \xff\0 \0\r\n"),
	    GP_STR("x\xc3\x84:\xff\0 \0\r\n") },
};

static void
field_table_is_canonical_in_both_forms(void **state)
{
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(fields); i++) {
		struct gp_field f = { .name = fields[i].name,
			.value = fields[i].value };

		gp_buf_reset(&out);
		gp_dkim_canon_field(GP_DKIM_SIMPLE, &f, &out);
		expect(fields[i].label, gp_buf_str(&out), fields[i].simple);
		gp_buf_reset(&out);
		gp_dkim_canon_field(GP_DKIM_RELAXED, &f, &out);
		expect(fields[i].label, gp_buf_str(&out), fields[i].relaxed);
	}
	gp_buf_clear(&out);
}

static void
field_is_appended_to_what_is_there(void **state)
{
	struct gp_field f = { .name = GP_STR("FROM"),
		.value = GP_STR("  a\t") };
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 1000);
	gp_buf_adds(&out, "To: ");
	gp_dkim_canon_field(GP_DKIM_RELAXED, &f, &out);
	expect("behind", gp_buf_str(&out), GP_STR("To: from:a\r\n"));
	gp_buf_clear(&out);
}

/* -- signature ----------------------------------------------------------- */

static const struct {
	const char *label;
	struct gp_str value, simple, relaxed; /* behind "DKIM-Signature:" */
} signatures[] = {
	{ "b last", GP_STR(" v=1; b=abc"), GP_STR(" v=1; b="),
	    GP_STR("v=1; b=") },
	{ "b first", GP_STR("b=abc; v=1"), GP_STR("b=; v=1"),
	    GP_STR("b=; v=1") },
	{ "b in the middle", GP_STR(" v=1;b=abc;bh=xyz="),
	    GP_STR(" v=1;b=;bh=xyz="), GP_STR("v=1;b=;bh=xyz=") },
	{ "folded value", GP_STR(" v=1;\n\tb=ab\n\t c=\r\n =;\n d=x"),
	    GP_STR(" v=1;\r\n\tb=;\r\n d=x"), GP_STR("v=1; b=; d=x") },
	{ "white space round the value", GP_STR(" b= \n abc \n ; d=x"),
	    GP_STR(" b=; d=x"), GP_STR("b=; d=x") },
	{ "white space round the name", GP_STR(" v=1;\n b\n\t =abc"),
	    GP_STR(" v=1;\r\n b\r\n\t ="), GP_STR("v=1; b =") },
	{ "white space at the end", GP_STR(" b=abc; "), GP_STR(" b=; "),
	    GP_STR("b=;") },
	{ "bh is not b", GP_STR(" bh=b; h=b; b =c"), GP_STR(" bh=b; h=b; b ="),
	    GP_STR("bh=b; h=b; b =") },
	{ "B is not b", GP_STR(" B=1; b=2"), GP_STR(" B=1; b="),
	    GP_STR("B=1; b=") },
	{ "b within a value", GP_STR(" n=x b=1 b=2; b=3"),
	    GP_STR(" n=x b=1 b=2; b="), GP_STR("n=x b=1 b=2; b=") },
	{ "a word before b", GP_STR(" x b=1; b=2"), GP_STR(" x b=1; b="),
	    GP_STR("x b=1; b=") },
	{ "equals signs in b", GP_STR(" b==a=; d=x"), GP_STR(" b=; d=x"),
	    GP_STR("b=; d=x") },
	{ "empty b", GP_STR(" b=; d=x"), GP_STR(" b=; d=x"),
	    GP_STR("b=; d=x") },
	{ "only the first b", GP_STR("b=1;b=2"), GP_STR("b=;b=2"),
	    GP_STR("b=;b=2") },
	{ "empty tags", GP_STR(" ;;b=1;;"), GP_STR(" ;;b=;;"),
	    GP_STR(";;b=;;") },
	{ "no b", GP_STR(" v=1; b; d=x "), GP_STR(" v=1; b; d=x "),
	    GP_STR("v=1; b; d=x") },
	{ "nothing", GP_STR(""), GP_STR(""), GP_STR("") },
};

static void
signature_table_has_no_b_and_no_line_end(void **state)
{
	struct gp_buf out, wanted;

	(void)state;
	gp_buf_init(&out, 1000);
	gp_buf_init(&wanted, 1000);
	for (size_t i = 0; i < COUNT(signatures); i++) {
		struct gp_field f = { .name = GP_STR("DKIM-Signature"),
			.value = signatures[i].value };

		gp_buf_reset(&out);
		gp_buf_reset(&wanted);
		gp_buf_adds(&wanted, "DKIM-Signature:");
		gp_buf_add_str(&wanted, signatures[i].simple);
		gp_dkim_canon_signature(GP_DKIM_SIMPLE, &f, &out);
		expect(signatures[i].label, gp_buf_str(&out),
		    gp_buf_str(&wanted));
		gp_buf_reset(&out);
		gp_buf_reset(&wanted);
		gp_buf_adds(&wanted, "dkim-signature:");
		gp_buf_add_str(&wanted, signatures[i].relaxed);
		gp_dkim_canon_signature(GP_DKIM_RELAXED, &f, &out);
		expect(signatures[i].label, gp_buf_str(&out),
		    gp_buf_str(&wanted));
	}
	gp_buf_clear(&out);
	gp_buf_clear(&wanted);
}

/* -- choice of fields ---------------------------------------------------- */

static void
add(struct gp_header *h, struct gp_arena *arena, const char *name,
    const char *value)
{
	gp_header_add(h, arena, gp_str(name), gp_str(value));
}

/* The input for these names, of a header that has itself at number 3. */
static void
expect_input(const char *label, const char *const *names, const char *wanted)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };
	struct gp_str list[16];
	struct gp_field self;
	struct gp_buf out;
	size_t n = 0;

	add(&h, arena, "From", " one");
	add(&h, arena, "DKIM-Signature", " other");
	add(&h, arena, "To", " x");
	add(&h, arena, "DKIM-Signature", " b=self");
	add(&h, arena, "FROM", " two");
	add(&h, arena, "X-Empty", "");
	add(&h, arena, "from", " three");
	for (; names[n] != NULL; n++)
		list[n] = gp_str(names[n]);
	gp_buf_init(&out, 1000);
	gp_dkim_header_input(GP_DKIM_RELAXED, &h, list, n, &h.v[3], &out);
	expect(label, gp_buf_str(&out), gp_str(wanted));
	/* a copy of the field is the field */
	self = h.v[3];
	gp_buf_reset(&out);
	gp_dkim_header_input(GP_DKIM_RELAXED, &h, list, n, &self, &out);
	expect(label, gp_buf_str(&out), gp_str(wanted));
	gp_buf_clear(&out);
	gp_arena_free(arena);
}

static void
input_takes_fields_from_the_bottom_up(void **state)
{
	static const struct {
		const char *label;
		const char *names[8];
		const char *wanted;
	} rows[] = {
		{ "none", { NULL }, "dkim-signature:b=" },
		{ "the last", { "From" }, "from:three\r\ndkim-signature:b=" },
		{ "upwards, and no more than there are",
		    { "from", "FROM", "x-empty", "From", "from", "from" },
		    "from:three\r\nfrom:two\r\nx-empty:\r\nfrom:one\r\n"
		    "dkim-signature:b=" },
		{ "absent, then present", { "Cc", "To", "To", "T" },
		    "to:x\r\ndkim-signature:b=" },
		{ "never itself", { "dkim-signature", "DKIM-Signature" },
		    "dkim-signature:other\r\ndkim-signature:b=" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		expect_input(rows[i].label, rows[i].names, rows[i].wanted);
}

static void
input_of_a_full_header_counts_each_field_once(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };
	struct gp_str names[GP_FIELDS_MAX + 2];
	struct gp_field self = { .name = GP_STR("DKIM-Signature"),
		.value = GP_STR("b=") };
	struct gp_buf out;

	(void)state;
	for (size_t i = 0; i < GP_FIELDS_MAX; i++)
		add(&h, arena, "A", "");
	for (size_t i = 0; i < COUNT(names); i++)
		names[i] = GP_STR("a");
	gp_buf_init(&out, 10000);
	gp_dkim_header_input(GP_DKIM_RELAXED, &h, names, COUNT(names), &self,
	    &out);
	assert_int_equal(out.n,
	    GP_FIELDS_MAX * 4 + strlen("dkim-signature:b="));
	gp_buf_clear(&out);
	gp_arena_free(arena);
}

/* -- body ---------------------------------------------------------------- */

static const struct {
	const char *label;
	struct gp_str in, simple, relaxed;
} bodies[] = {
	{ "RFC 6376 3.4.5", GP_STR(" C \r\nD \t E\r\n\r\n\r\n"),
	    GP_STR(" C \r\nD \t E\r\n"), GP_STR(" C\r\nD E\r\n") },
	{ "empty", GP_STR(""), GP_STR("\r\n"), GP_STR("") },
	{ "one empty line", GP_STR("\r\n"), GP_STR("\r\n"), GP_STR("") },
	{ "empty lines", GP_STR("\r\n\r\n\r\n"), GP_STR("\r\n"), GP_STR("") },
	{ "lines of blanks", GP_STR(" \r\n\t\r\n"), GP_STR(" \r\n\t\r\n"),
	    GP_STR("") },
	{ "no final CRLF", GP_STR("a"), GP_STR("a\r\n"), GP_STR("a\r\n") },
	{ "blanks at an open end", GP_STR("a \t"), GP_STR("a \t\r\n"),
	    GP_STR("a \r\n") },
	{ "only blanks at an open end", GP_STR("\t "), GP_STR("\t \r\n"),
	    GP_STR(" \r\n") },
	{ "CR at an open end", GP_STR("a\r\n\r"), GP_STR("a\r\n\r\r\n"),
	    GP_STR("a\r\n\r\r\n") },
	{ "blank and CR at an open end", GP_STR("a \r"), GP_STR("a \r\r\n"),
	    GP_STR("a \r\r\n") },
	{ "empty lines inside", GP_STR("\r\n\r\na\r\n\r\n\r\nb\r\n"),
	    GP_STR("\r\n\r\na\r\n\r\n\r\nb\r\n"),
	    GP_STR("\r\n\r\na\r\n\r\n\r\nb\r\n") },
	{ "lines of blanks inside", GP_STR("a\r\n \r\n\t\t\r\nb"),
	    GP_STR("a\r\n \r\n\t\t\r\nb\r\n"), GP_STR("a\r\n\r\n\r\nb\r\n") },
	{ "trailing lines of blanks", GP_STR("a\r\n \r\n\t \r\n\r\n"),
	    GP_STR("a\r\n \r\n\t \r\n"), GP_STR("a\r\n") },
	{ "tab between words", GP_STR("a\tb\r\n"), GP_STR("a\tb\r\n"),
	    GP_STR("a b\r\n") },
	{ "single blank", GP_STR(" a b\r\n"), GP_STR(" a b\r\n"),
	    GP_STR(" a b\r\n") },
	{ "blanks between words", GP_STR("a \t  b  c\r\n"),
	    GP_STR("a \t  b  c\r\n"), GP_STR("a b c\r\n") },
	{ "blank and tab at the end of a line", GP_STR("a \t\r\nb \r\n"),
	    GP_STR("a \t\r\nb \r\n"), GP_STR("a\r\nb\r\n") },
	{ "indented", GP_STR("\r\n\t\ta\r\n   b\r\n"),
	    GP_STR("\r\n\t\ta\r\n   b\r\n"), GP_STR("\r\n a\r\n b\r\n") },
	{ "CR and LF alone", GP_STR("a\rb\nc\r\r\nd\n\re\n\n"),
	    GP_STR("a\rb\nc\r\r\nd\n\re\n\n\r\n"),
	    GP_STR("a\rb\nc\r\r\nd\n\re\n\n\r\n") },
	{ "blanks at CR and LF alone", GP_STR("a \r b \n c \r\r\n \r \r\n"),
	    GP_STR("a \r b \n c \r\r\n \r \r\n"),
	    GP_STR("a \r b \n c \r\r\n \r\r\n") },
	{ "CR before the trailing lines", GP_STR("a\r\r\n\r\n"),
	    GP_STR("a\r\r\n"), GP_STR("a\r\r\n") },
	{ "NUL and 8-bit", GP_STR("\0 \xff\0\r\n\r\n"), GP_STR("\0 \xff\0\r\n"),
	    GP_STR("\0 \xff\0\r\n") },
	{ "VT and FF are no blanks", GP_STR("\v \f \v\r\n\f\r\n"),
	    GP_STR("\v \f \v\r\n\f\r\n"), GP_STR("\v \f \v\r\n\f\r\n") },
};

static void
append(void *arg, const char *p, size_t n)
{
	gp_buf_add(arg, p, n);
}

/* The body in three pieces, the first two ending at a and b. */
static uint64_t
in_pieces(enum gp_dkim_canon canon, uint64_t limit, struct gp_str s,
    const size_t cut[2], struct gp_buf *out)
{
	struct gp_dkim_body b;

	gp_buf_reset(out);
	gp_dkim_body_init(&b, canon, limit, append, out);
	gp_dkim_body_add(&b, gp_str_n(s.p, cut[0]));
	gp_dkim_body_add(&b, gp_str_n(s.p + cut[0], cut[1] - cut[0]));
	gp_dkim_body_add(&b, gp_str_n(s.p + cut[1], s.n - cut[1]));
	gp_dkim_body_end(&b);
	return b.total;
}

static void
expect_body(enum gp_dkim_canon canon, size_t row, struct gp_str wanted)
{
	struct gp_str in = bodies[row].in;
	struct gp_buf out;
	size_t cut[2];

	gp_buf_init(&out, 1000);
	for (cut[0] = 0; cut[0] <= in.n; cut[0]++)
		for (cut[1] = cut[0]; cut[1] <= in.n; cut[1]++) {
			uint64_t total =
			    in_pieces(canon, GP_DKIM_NO_LIMIT, in, cut, &out);

			expect(bodies[row].label, gp_buf_str(&out), wanted);
			assert_int_equal(total, wanted.n);
		}
	gp_buf_clear(&out);
}

static void
body_table_is_canonical_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		expect_body(GP_DKIM_SIMPLE, i, bodies[i].simple);
		expect_body(GP_DKIM_RELAXED, i, bodies[i].relaxed);
	}
}

static void
body_limit_cuts_what_is_emitted_not_the_total(void **state)
{
	struct gp_str in = GP_STR("ab  cd\r\n\r\n"), all = GP_STR("ab cd\r\n");
	const size_t cut[2] = { 3, 5 };
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 100);
	for (uint64_t limit = 0; limit <= all.n + 1; limit++) {
		assert_int_equal(in_pieces(GP_DKIM_RELAXED, limit, in, cut,
				     &out),
		    all.n);
		expect("limit", gp_buf_str(&out),
		    gp_str_n(all.p, limit < all.n ? limit : all.n));
	}
	gp_buf_clear(&out);
}

/* What is to change at every place of a long text, and none beside it. */
static void
body_change_is_found_at_any_place(void **state)
{
	static const char *const changes[][2] = { { "\t", " " }, { "  ", " " },
		{ " \t", " " }, { " \r\n", "\r\n" }, { "\t\r\n", "\r\n" },
		{ " ", " " }, { "\r\n", "\r\n" } };
	const size_t cut[2] = { 0, 0 };
	char text[300], wanted[300];
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 1000);
	for (size_t i = 0; i < COUNT(changes); i++)
		for (size_t at = 0; at < 200; at++) {
			int n = snprintf(text, sizeof(text), "%0*d%s%0*d",
			    (int)at + 1, 0, changes[i][0], (int)(200 - at), 0);
			int m = snprintf(wanted, sizeof(wanted),
			    "%0*d%s%0*d\r\n", (int)at + 1, 0, changes[i][1],
			    (int)(200 - at), 0);

			in_pieces(GP_DKIM_RELAXED, GP_DKIM_NO_LIMIT,
			    gp_str_n(text, (size_t)n), cut, &out);
			expect(changes[i][0], gp_buf_str(&out),
			    gp_str_n(wanted, (size_t)m));
		}
	gp_buf_clear(&out);
}

static void
count_call(void *arg, const char *p, size_t n)
{
	size_t *calls = arg;

	(void)p;
	assert_true(n > 0);
	++*calls;
}

static size_t
calls_for(enum gp_dkim_canon canon, struct gp_str s)
{
	struct gp_dkim_body b;
	size_t calls = 0;

	gp_dkim_body_init(&b, canon, GP_DKIM_NO_LIMIT, count_call, &calls);
	gp_dkim_body_add(&b, s);
	gp_dkim_body_end(&b);
	return calls;
}

static void
body_is_handed_on_in_long_runs(void **state)
{
	static char text[65536];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "all of it stays: here\r\n"[i % 23];
	assert_in_range(calls_for(GP_DKIM_SIMPLE, gp_str_n(text, sizeof(text))),
	    1, 3);
	assert_in_range(calls_for(GP_DKIM_RELAXED,
			    gp_str_n(text, sizeof(text))),
	    1, 3);
	/* short runs are handed on together */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "a  "[i % 3];
	assert_in_range(calls_for(GP_DKIM_RELAXED,
			    gp_str_n(text, sizeof(text))),
	    1, sizeof(text) / GP_DKIM_STAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(field_table_is_canonical_in_both_forms),
		cmocka_unit_test(field_is_appended_to_what_is_there),
		cmocka_unit_test(signature_table_has_no_b_and_no_line_end),
		cmocka_unit_test(input_takes_fields_from_the_bottom_up),
		cmocka_unit_test(input_of_a_full_header_counts_each_field_once),
		cmocka_unit_test(body_table_is_canonical_however_it_is_cut),
		cmocka_unit_test(body_limit_cuts_what_is_emitted_not_the_total),
		cmocka_unit_test(body_change_is_found_at_any_place),
		cmocka_unit_test(body_is_handed_on_in_long_runs),
	};

	return cmocka_run_group_tests_name("dkim_canon", tests, NULL, NULL);
}
