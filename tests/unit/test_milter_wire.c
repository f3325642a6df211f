/* The MTA's end of the milter protocol: packets octet by octet, answers that
 * are right, and each way in which they are not. */
#include "core/milter_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static const struct gp_milter_agreed all = { .version = 6,
	.actions = GP_MILTER_ACTIONS,
	.steps = GP_MILTER_STEPS };

/* -- packets of the MTA ------------------------------------------------- */

static void
check_octets(struct gp_buf *out, const char *want, size_t n)
{
	assert_int_equal(out->n, n);
	assert_memory_equal(out->p, want, n);
	gp_buf_clear(out);
	gp_buf_init(out, 1024);
}

static void
milter_wire_packets_have_their_octets(void **state)
{
	const struct gp_str field[] = { GP_STR("Subject"), GP_STR(" hi") };
	const struct gp_str macro[] = { GP_STR("i"), GP_STR("4Q") };
	struct gp_ip v4, v6, none = { .family = GP_IP_UNKNOWN };
	struct gp_buf out;

	(void)state;
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1"), &v4), GP_OK);
	assert_int_equal(gp_ip_parse(GP_STR("2001:db8::1"), &v6), GP_OK);
	gp_buf_init(&out, 1024);
	gp_milter_put(&out, GP_MILTER_EOM, NULL, 0);
	check_octets(&out, "\0\0\0\1E", 5);
	gp_milter_put(&out, GP_MILTER_HEADER, field, 2);
	check_octets(&out, "\0\0\0\15LSubject\0 hi\0", 17);
	gp_milter_put_offer(&out);
	check_octets(&out, "\0\0\0\15O\0\0\0\6\0\0\1\xff\0\x1f\xff\xff", 17);
	gp_milter_put_macros(&out, GP_MILTER_EOM, macro, 2);
	check_octets(&out, "\0\0\0\7DEi\0004Q\0", 11);
	gp_milter_put_connect(&out, GP_STR("n"), &v4, 0x9c40);
	check_octets(&out,
	    "\0\0\0\20Cn\0004\x9c\x40"
	    "192.0.2.1\0",
	    20);
	gp_milter_put_connect(&out, GP_STR("n"), &v6, 1);
	check_octets(&out, "\0\0\0\27Cn\0006\0\1IPv6:2001:db8::1\0", 27);
	gp_milter_put_connect(&out, GP_STR("n"), &none, 1);
	check_octets(&out, "\0\0\0\4Cn\0U", 8);
	gp_milter_put_body(&out, GP_STR("a\0b"));
	check_octets(&out, "\0\0\0\4Ba\0b", 8);
	gp_buf_clear(&out);
}

static void
milter_wire_text_ends_at_its_nul(void **state)
{
	const struct gp_str texts[] = { GP_STR("a\0b") };
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 1024);
	gp_milter_put(&out, GP_MILTER_HELO, texts, 1);
	check_octets(&out, "\0\0\0\3Ha\0", 7);
	gp_buf_clear(&out);
}

static void
milter_wire_body_of_one_packet_is_bounded(void **state)
{
	char *big = calloc(1, 70000);
	struct gp_buf out;

	(void)state;
	assert_non_null(big);
	gp_buf_init(&out, 100000);
	gp_milter_put_body(&out, gp_str_n(big, 70000));
	assert_int_equal(out.n, 5 + 65535);
	assert_memory_equal(out.p, "\0\1\0\0B", 5);
	gp_buf_clear(&out);
	free(big);
}

static void
milter_wire_buffer_that_is_full_stays_so(void **state)
{
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 4);
	gp_milter_put_offer(&out);
	assert_true(out.overflow);
	gp_buf_clear(&out);
}

/* -- packets of the filter ---------------------------------------------- */

static void
milter_wire_packets_are_cut_off_one_by_one(void **state)
{
	struct gp_str in = GP_STR("\0\0\0\1c\0\0\0\5yabcd\0\0\0\2");
	struct gp_milter_packet p;
	struct gp_str rest;

	(void)state;
	assert_int_equal(gp_milter_take(&in, &p, NULL), GP_OK);
	assert_int_equal(p.command, 'c');
	assert_int_equal(p.data.n, 0);
	assert_int_equal(gp_milter_take(&in, &p, NULL), GP_OK);
	assert_int_equal(p.command, 'y');
	assert_true(gp_str_eq(p.data, GP_STR("abcd")));
	rest = in;
	assert_int_equal(gp_milter_take(&in, &p, NULL), GP_NONE);
	assert_ptr_equal(in.p, rest.p);
	assert_int_equal(in.n, 4);
}

static void
milter_wire_packet_of_no_or_too_many_octets_is_refused(void **state)
{
	static const struct {
		const char *octets;
		enum gp_rc rc;
	} rows[] = {
		{ "\0\0\0\0", GP_PERM },
		{ "\0\x10\0\1", GP_PERM }, /* one more than 1 MiB */
		{ "\0\x10\0\0", GP_NONE },
		{ "\xff\xff\xff\xff", GP_PERM },
	};
	struct gp_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_str in = gp_str_n(rows[i].octets, 4);
		struct gp_milter_packet p;

		assert_int_equal(gp_milter_take(&in, &p, &err), rows[i].rc);
	}
}

static void
milter_wire_offer_is_agreed_on_within_what_was_offered(void **state)
{
	static const struct {
		const char command;
		const char *p;
		size_t n;
		enum gp_rc rc;
	} rows[] = {
#define ROW(c, s, rc) { c, s, sizeof(s) - 1, rc }
		ROW('O', "\0\0\0\6\0\0\0\x31\0\x10\0\1", GP_OK),
		ROW('O', "\0\0\0\2\0\0\0\0\0\0\0\0", GP_OK),
		ROW('O',
		    "\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"
		    "\0\0\0\0j {v}\0\0\0\0\6\0",
		    GP_OK),
		ROW('O', "\0\0\0\1\0\0\0\0\0\0\0\0", GP_PERM),
		ROW('O', "\0\0\0\7\0\0\0\0\0\0\0\0", GP_PERM),
		ROW('O', "\0\0\0\6\0\0\2\0\0\0\0\0", GP_PERM),
		ROW('O', "\0\0\0\6\0\0\0\0\0\x20\0\0", GP_PERM),
		ROW('O', "\0\0\0\6\0\0\0\0\0\0\0", GP_PERM),
		ROW('O', "\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\0j", GP_PERM),
		ROW('O', "\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\7j\0", GP_PERM),
		ROW('O', "\0\0\0\6\0\0\0\0\0\0\0\0\0\0", GP_PERM),
		ROW('O', "", GP_PERM),
		ROW('c', "\0\0\0\6\0\0\0\0\0\0\0\0", GP_PERM),
#undef ROW
	};
	struct gp_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_milter_packet p = { .command = rows[i].command,
			.data = gp_str_n(rows[i].p, rows[i].n) };
		struct gp_milter_agreed a;

		if (gp_milter_agree(&p, &a, &err) != rows[i].rc)
			fail_msg("row %zu", i);
	}
}

/* -- answers ------------------------------------------------------------ */

static void
milter_wire_answers_are_read(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		enum gp_milter_event event;
		enum gp_milter_answer answer;
		uint32_t index;
		const char *name, *value;
	} rows[] = {
#define ROW(s, ...) { s, sizeof(s) - 1, __VA_ARGS__ }
		ROW("c", GP_MILTER_MAIL, GP_MILTER_CONTINUE, 0, "", ""),
		ROW("a", GP_MILTER_RCPT, GP_MILTER_ACCEPT, 0, "", ""),
		ROW("d", GP_MILTER_EOM, GP_MILTER_DISCARD, 0, "", ""),
		ROW("r", GP_MILTER_CONNECT, GP_MILTER_REJECT, 0, "", ""),
		ROW("t", GP_MILTER_HELO, GP_MILTER_TEMPFAIL, 0, "", ""),
		ROW("4", GP_MILTER_HELO, GP_MILTER_SHUTDOWN, 0, "", ""),
		ROW("s", GP_MILTER_BODY, GP_MILTER_SKIP, 0, "", ""),
		ROW("p", GP_MILTER_EOM, GP_MILTER_PROGRESS, 0, "", ""),
		ROW("y550 5.7.1 no\0", GP_MILTER_RCPT, GP_MILTER_REPLY, 0, "",
		    "550 5.7.1 no"),
		ROW("y451-a\r\n451 b\0", GP_MILTER_EOM, GP_MILTER_REPLY, 0, "",
		    "451-a\r\n451 b"),
		ROW("y450\0", GP_MILTER_EOM, GP_MILTER_REPLY, 0, "", "450"),
		ROW("hX-A\0 b\0", GP_MILTER_EOM, GP_MILTER_ADD, 0, "X-A", " b"),
		ROW("i\0\0\1\0X-A\0 b\n\tc\0", GP_MILTER_EOM, GP_MILTER_INSERT,
		    256, "X-A", " b\n\tc"),
		ROW("m\0\0\0\2X-A\0\0", GP_MILTER_EOM, GP_MILTER_CHANGE, 2,
		    "X-A", ""),
		ROW("qbad\0", GP_MILTER_EOM, GP_MILTER_HOLD, 0, "", "bad"),
		ROW("b\0\1\2", GP_MILTER_EOM, GP_MILTER_EDIT, 0, "", ""),
		ROW("+<a@b.example>\0", GP_MILTER_EOM, GP_MILTER_EDIT, 0, "",
		    ""),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_milter_packet p = { .command = rows[i].p[0],
			.data = gp_str_n(rows[i].p + 1, rows[i].n - 1) };
		struct gp_milter_reply r;
		struct gp_err err = { .msg = "" };

		if (gp_milter_read(&p, &all, rows[i].event, &r, &err) != GP_OK)
			fail_msg("row %zu: %s", i, err.msg);
		assert_int_equal(r.answer, rows[i].answer);
		assert_int_equal(r.index, rows[i].index);
		assert_true(gp_str_eq(r.name, gp_str(rows[i].name)));
		assert_true(gp_str_eq(r.value, gp_str(rows[i].value)));
	}
}

static void
milter_wire_answers_that_are_broken_are_refused(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		enum gp_milter_event event;
	} rows[] = {
#define ROW(s, event) { s, sizeof(s) - 1, event }
		ROW("z", GP_MILTER_EOM),
		ROW("\0", GP_MILTER_EOM),
		ROW("cx", GP_MILTER_EOM),
		ROW("ax", GP_MILTER_EOM),
		/* not an answer to that */
		ROW("s", GP_MILTER_EOM),
		ROW("p", GP_MILTER_RCPT),
		ROW("hX-A\0 b\0", GP_MILTER_BODY),
		ROW("qx\0", GP_MILTER_EOH),
		/* replies */
		ROW("y", GP_MILTER_EOM),
		ROW("y550 x", GP_MILTER_EOM),
		ROW("y250 ok\0", GP_MILTER_EOM),
		ROW("y55\0", GP_MILTER_EOM),
		ROW("y5x0 no\0", GP_MILTER_EOM),
		ROW("y550x\0", GP_MILTER_EOM),
		ROW("y550 no\0x", GP_MILTER_EOM),
		/* fields */
		ROW("h", GP_MILTER_EOM),
		ROW("hX-A\0", GP_MILTER_EOM),
		ROW("hX-A\0 b", GP_MILTER_EOM),
		ROW("hX-A\0 b\0c", GP_MILTER_EOM),
		ROW("h\0 b\0", GP_MILTER_EOM),
		ROW("hX A\0 b\0", GP_MILTER_EOM),
		ROW("hX:A\0 b\0", GP_MILTER_EOM),
		ROW("hX\xc3\xa4\0 b\0", GP_MILTER_EOM),
		ROW("i\0\0\0", GP_MILTER_EOM),
		ROW("m\0\0\0\1X-A\0", GP_MILTER_EOM),
		/* one that ends the header, or smuggles a field in */
		ROW("hX-A\0 b\nFrom: x\0", GP_MILTER_EOM),
		ROW("hX-A\0 b\n\0", GP_MILTER_EOM),
		ROW("hX-A\0 b\r\n\r\nbody\0", GP_MILTER_EOM),
		ROW("hX-A\0 b\rFrom: x\0", GP_MILTER_EOM),
		ROW("q", GP_MILTER_EOM),
		ROW("qx\0y", GP_MILTER_EOM),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_milter_packet p = { .command = rows[i].p[0],
			.data = gp_str_n(rows[i].p + 1, rows[i].n - 1) };
		struct gp_milter_reply r;
		struct gp_err err = { .msg = "" };

		if (gp_milter_read(&p, &all, rows[i].event, &r, &err) !=
			GP_PERM ||
		    err.msg[0] == '\0')
			fail_msg("row %zu was taken", i);
	}
}

static void
milter_wire_edits_that_were_not_agreed_on_are_refused(void **state)
{
	static const struct {
		char command;
		const char *p;
		size_t n;
		uint32_t action;
	} rows[] = {
#define ROW(c, s, action) { c, s, sizeof(s) - 1, action }
		ROW('h', "A\0 b\0", GP_MILTER_ADD_HEADER),
		ROW('i', "\0\0\0\0A\0 b\0", GP_MILTER_ADD_HEADER),
		ROW('m', "\0\0\0\1A\0 b\0", GP_MILTER_CHANGE_HEADER),
		ROW('q', "x\0", GP_MILTER_QUARANTINE),
		ROW('b', "x", GP_MILTER_CHANGE_BODY),
		ROW('+', "x\0", GP_MILTER_ADD_RCPT),
		ROW('2', "x\0", GP_MILTER_ADD_RCPT_ARGS),
		ROW('-', "x\0", GP_MILTER_DELETE_RCPT),
		ROW('e', "x\0", GP_MILTER_CHANGE_FROM),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_milter_packet p = { .command = rows[i].command,
			.data = gp_str_n(rows[i].p, rows[i].n) };
		struct gp_milter_agreed a = all;
		struct gp_milter_reply r;

		assert_int_equal(gp_milter_read(&p, &a, GP_MILTER_EOM, &r,
				     NULL),
		    GP_OK);
		a.actions &= ~rows[i].action;
		assert_int_equal(gp_milter_read(&p, &a, GP_MILTER_EOM, &r,
				     NULL),
		    GP_PERM);
	}
}

static void
milter_wire_skip_needs_to_be_agreed_on(void **state)
{
	const struct gp_milter_packet p = { .command = 's' };
	struct gp_milter_agreed a = all;
	struct gp_milter_reply r;

	(void)state;
	a.steps &= ~(uint32_t)GP_MILTER_MAY_SKIP;
	assert_int_equal(gp_milter_read(&p, &a, GP_MILTER_BODY, &r, NULL),
	    GP_PERM);
}

/* -- edits -------------------------------------------------------------- */

/* Applies the edit to "A: 1", "B: 2", "a: 3" and shows the outcome. */
static void
check_edit(const struct gp_milter_reply *edit, bool leading, const char *want)
{
	struct gp_milter_agreed a = all;
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };
	size_t bytes = 0;
	char text[256] = "";

	if (!leading)
		a.steps &= ~(uint32_t)GP_MILTER_LEADING_SPACE;
	gp_header_add(&h, arena, GP_STR("A"), GP_STR(" 1"));
	gp_header_add(&h, arena, GP_STR("B"), GP_STR(" 2"));
	gp_header_add(&h, arena, GP_STR("a"), GP_STR(" 3"));
	gp_milter_edit(&h, arena, &a, edit);
	for (size_t i = 0; i < h.n; i++) {
		size_t n = strlen(text);

		bytes += h.v[i].name.n + h.v[i].value.n;
		snprintf(text + n, sizeof(text) - n, "%.*s:%.*s|",
		    GP_STR_ARG(h.v[i].name), GP_STR_ARG(h.v[i].value));
	}
	assert_string_equal(text, want);
	assert_int_equal(h.bytes, bytes);
	gp_arena_free(arena);
}

static void
milter_wire_edits_are_applied_as_an_mta_does(void **state)
{
#define EDIT(a, i, n, v)                                                       \
	{                                                                      \
		.answer = (a), .index = (i), .name = GP_STR(n),                \
		.value = GP_STR(v)                                             \
	}
	static const struct {
		struct gp_milter_reply edit;
		const char *want;
	} rows[] = {
		{ EDIT(GP_MILTER_ADD, 0, "X", " y"), "A: 1|B: 2|a: 3|X: y|" },
		{ EDIT(GP_MILTER_INSERT, 0, "X", " y"),
		    "X: y|A: 1|B: 2|a: 3|" },
		{ EDIT(GP_MILTER_INSERT, 2, "X", " y"),
		    "A: 1|B: 2|X: y|a: 3|" },
		{ EDIT(GP_MILTER_INSERT, 9, "X", " y"),
		    "A: 1|B: 2|a: 3|X: y|" },
		{ EDIT(GP_MILTER_CHANGE, 1, "a", " y"), "a: y|B: 2|a: 3|" },
		{ EDIT(GP_MILTER_CHANGE, 0, "a", " y"), "a: y|B: 2|a: 3|" },
		{ EDIT(GP_MILTER_CHANGE, 2, "A", " y"), "A: 1|B: 2|A: y|" },
		{ EDIT(GP_MILTER_CHANGE, 3, "A", " y"),
		    "A: 1|B: 2|a: 3|A: y|" },
		{ EDIT(GP_MILTER_CHANGE, 1, "A", ""), "B: 2|a: 3|" },
		{ EDIT(GP_MILTER_CHANGE, 2, "A", ""), "A: 1|B: 2|" },
		{ EDIT(GP_MILTER_CHANGE, 3, "A", ""), "A: 1|B: 2|a: 3|" },
		{ EDIT(GP_MILTER_CHANGE, 1, "C", ""), "A: 1|B: 2|a: 3|" },
		{ EDIT(GP_MILTER_HOLD, 0, "X", " y"), "A: 1|B: 2|a: 3|" },
	};
	const struct gp_milter_reply bare = EDIT(GP_MILTER_ADD, 0, "X", "y");

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_edit(&rows[i].edit, true, rows[i].want);
	check_edit(&bare, true, "A: 1|B: 2|a: 3|X:y|");
	check_edit(&bare, false, "A: 1|B: 2|a: 3|X: y|");
}

static void
milter_wire_header_without_end_is_marked(void **state)
{
	const struct gp_milter_reply edit = { .answer = GP_MILTER_INSERT,
		.name = GP_STR("X"),
		.value = GP_STR(" y") };
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };

	(void)state;
	for (unsigned i = 0; i < GP_FIELDS_MAX + 1; i++)
		gp_milter_edit(&h, arena, &all, &edit);
	assert_int_equal(h.n, GP_FIELDS_MAX);
	assert_true(h.over);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(milter_wire_packets_have_their_octets),
		cmocka_unit_test(milter_wire_text_ends_at_its_nul),
		cmocka_unit_test(milter_wire_body_of_one_packet_is_bounded),
		cmocka_unit_test(milter_wire_buffer_that_is_full_stays_so),
		cmocka_unit_test(milter_wire_packets_are_cut_off_one_by_one),
		cmocka_unit_test(
		    milter_wire_packet_of_no_or_too_many_octets_is_refused),
		cmocka_unit_test(
		    milter_wire_offer_is_agreed_on_within_what_was_offered),
		cmocka_unit_test(milter_wire_answers_are_read),
		cmocka_unit_test(
		    milter_wire_answers_that_are_broken_are_refused),
		cmocka_unit_test(
		    milter_wire_edits_that_were_not_agreed_on_are_refused),
		cmocka_unit_test(milter_wire_skip_needs_to_be_agreed_on),
		cmocka_unit_test(milter_wire_edits_are_applied_as_an_mta_does),
		cmocka_unit_test(milter_wire_header_without_end_is_marked),
	};

	return cmocka_run_group_tests_name("milter_wire", tests, NULL, NULL);
}
