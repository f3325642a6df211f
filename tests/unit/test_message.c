/* A message as a text: fields, folds, body, and what is none. */
#include "core/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Everything that was read, as "name|value/" and then the body. */
static void
show(const struct gp_message *m, struct gp_buf *out)
{
	for (size_t i = 0; i < m->n; i++)
		gp_buf_addf(out, "%.*s|%.*s/", GP_STR_ARG(m->fields[i].name),
		    GP_STR_ARG(m->fields[i].value));
	gp_buf_add_str(out, m->body);
}

struct row {
	const char *label;
	struct gp_str text;
	const char *want; /* NULL: refused, and ... */
	const char *err;  /* ... this says why */
};

static const struct row rows[] = {
	{ "LF becomes CRLF in the body, not in the header",
	    GP_STR("A: b\nC:d\n\nx\ny"), "A| b/C|d/x\r\ny", NULL },
	{ "CRLF stays", GP_STR("A: b\r\nC:d\r\n\r\nx\r\ny\r\n"),
	    "A| b/C|d/x\r\ny\r\n", NULL },
	{ "mixed line ends", GP_STR("A: b\r\nC:d\n\r\nx\n\r\n\n"),
	    "A| b/C|d/x\r\n\r\n\r\n", NULL },
	{ "a bare CR stays in the body", GP_STR("A: b\n\nx\ry\n"),
	    "A| b/x\ry\r\n", NULL },
	{ "folds are LF and keep their blanks",
	    GP_STR("A: b\r\n\t c \r\n d\nE:\n f\n\n"),
	    "A| b\n\t c \n d/E|\n f/", NULL },
	{ "a mailbox line is passed over",
	    GP_STR("From a@b Sat Nov 21\nA: b\n\nx"), "A| b/x", NULL },
	{ "but only the first one", GP_STR("A: b\nFrom x\n\n"),
	    "A| b/From x\r\n\r\n", NULL },
	{ "a line that is no field ends the header",
	    GP_STR("A: b\nno field\nC: d\n"), "A| b/no field\r\nC: d\r\n",
	    NULL },
	{ "blanks behind the name", GP_STR("From : a\n\n"), "From | a/", NULL },
	{ "no body", GP_STR("A: b"), "A| b/", NULL },
	{ "an empty value", GP_STR("A:\n\n"), "A|/", NULL },
	{ "octets over 127 stay", GP_STR("A: \303\274\n\n\377"),
	    "A| \303\274/\377", NULL },
	{ "nothing", GP_STR(""), NULL, "line 1: expected a header field" },
	{ "an empty line", GP_STR("\nA: b\n"), NULL, "line 1: expected" },
	{ "a blank before the first", GP_STR(" A: b\n"), NULL, "line 1:" },
	{ "a name without letters", GP_STR(": b\n"), NULL, "line 1:" },
	{ "a control character in the name", GP_STR("A\001: b\n"), NULL,
	    "line 1:" },
	{ "NUL in a value", GP_STR("A: b\nC: d\0e\n\n"), NULL,
	    "line 2: a NUL" },
	{ "NUL in a fold", GP_STR("A: b\n \0\n\n"), NULL, "line 1: a NUL" },
	{ "NUL in the name", GP_STR("A\0: b\n"), NULL, "line 1: expected" },
};

static void
message_any_text_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct gp_arena *arena = gp_arena_new();
		struct gp_message m;
		struct gp_err err = { "" };
		struct gp_buf got;
		enum gp_rc rc = gp_message_parse(row->text, arena, &m, &err);

		gp_buf_init(&got, SIZE_MAX);
		if (rc == GP_OK)
			show(&m, &got);
		if ((rc == GP_OK) != (row->want != NULL))
			fail_msg("%s: %s", row->label, err.msg);
		if (rc == GP_OK && strcmp(gp_buf_cstr(&got), row->want) != 0)
			fail_msg("%s: \"%s\"", row->label, gp_buf_cstr(&got));
		if (rc != GP_OK && strstr(err.msg, row->err) == NULL)
			fail_msg("%s: \"%s\"", row->label, err.msg);
		gp_buf_clear(&got);
		gp_arena_free(arena);
	}
}

/* `n` times `piece`, then `end`. */
static struct gp_str
repeated(struct gp_buf *b, const char *piece, size_t n, const char *end)
{
	gp_buf_init(b, SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		gp_buf_adds(b, piece);
	gp_buf_adds(b, end);
	return gp_buf_str(b);
}

static void
message_past_a_bound_is_refused(void **state)
{
	static const struct {
		const char *piece;
		size_t n;
		const char *end;
		const char *err;
	} cases[] = {
		{ "A:b\n", GP_MESSAGE_FIELDS_MAX + 1, "\n", "header fields" },
		{ "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "\n",
		    8400, "\n", "octets" },
		{ "A: b\n "
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    1, "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_message m;
		struct gp_err err = { "" };
		struct gp_buf text;
		enum gp_rc rc = gp_message_parse(repeated(&text, cases[i].piece,
						     cases[i].n, cases[i].end),
		    arena, &m, &err);

		assert_int_equal(rc, cases[i].err == NULL ? GP_OK : GP_PERM);
		if (cases[i].err != NULL)
			assert_non_null(strstr(err.msg, cases[i].err));
		gp_buf_clear(&text);
		gp_arena_free(arena);
	}
}

static void
message_one_field_past_the_bound_is_refused(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_message m;
	struct gp_err err = { "" };
	struct gp_buf text;

	(void)state;
	(void)repeated(&text, "", 0, "A: ");
	for (size_t i = 0; i < GP_MESSAGE_HEADER_MAX; i++)
		gp_buf_addc(&text, 'a');
	assert_int_equal(gp_message_parse(gp_buf_str(&text), arena, &m, &err),
	    GP_PERM);
	assert_non_null(strstr(err.msg, "octets"));
	gp_buf_clear(&text);
	gp_arena_free(arena);
}

static void
message_edits_are_those_of_an_mta(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_message m;
	struct gp_buf got;

	(void)state;
	assert_int_equal(gp_message_parse(GP_STR("A: 1\nB: 2\na : 3\nA: 4\n\n"),
			     arena, &m, NULL),
	    GP_OK);
	gp_message_delete(&m, GP_STR("a"), 2);
	gp_message_delete(&m, GP_STR("A"), 3); /* there is none */
	gp_message_delete(&m, GP_STR("C"), 1);
	gp_message_insert(&m, arena, GP_STR("C"), GP_STR(" 5"));
	gp_message_insert(&m, arena, GP_STR("A"), GP_STR(" 6"));
	gp_buf_init(&got, SIZE_MAX);
	show(&m, &got);
	assert_string_equal(gp_buf_cstr(&got), "A| 6/C| 5/A| 1/B| 2/A| 4/");
	assert_true(gp_str_eq(gp_message_find(&m, GP_STR("a")), GP_STR("6")));
	assert_null(gp_message_find(&m, GP_STR("D")).p);
	gp_buf_clear(&got);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_any_text_is_read_or_refused),
		cmocka_unit_test(message_past_a_bound_is_refused),
		cmocka_unit_test(message_one_field_past_the_bound_is_refused),
		cmocka_unit_test(message_edits_are_those_of_an_mta),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
