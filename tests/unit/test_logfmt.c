/* logfmt: what strangers write must never look like what we write. */
#include "core/logfmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct escape_row {
	const char *label;
	struct gp_str value;
	size_t size;
	const char *want;
};

static const struct escape_row escape_rows[] = {
	{ "plain", GP_STR("a@b.example"), 129, "a@b.example" },
	{ "all that may stand bare", GP_STR("!#$%&'()*+,-./:;<>?@[]^_`{|}~"),
	    129, "!#$%&'()*+,-./:;<>?@[]^_`{|}~" },
	{ "empty", GP_STR(""), 129, "\"\"" },
	{ "blank", GP_STR("a b"), 129, "\"a b\"" },
	{ "equals", GP_STR("spf=pass"), 129, "\"spf=pass\"" },
	{ "quote", GP_STR("a\"b"), 129, "\"a\\\"b\"" },
	{ "backslash", GP_STR("a\\x41"), 129, "\"a\\\\x41\"" },
	{ "newline", GP_STR("a\nfake: x=y"), 129, "\"a\\x0afake: x=y\"" },
	{ "return", GP_STR("\r"), 129, "\"\\x0d\"" },
	{ "NUL", GP_STR("a\0b"), 129, "\"a\\x00b\"" },
	{ "tab", GP_STR("\t"), 129, "\"\\x09\"" },
	{ "escape sequence", GP_STR("\033[2J"), 129, "\"\\x1b[2J\"" },
	{ "DEL", GP_STR("\177"), 129, "\"\\x7f\"" },
	{ "UTF-8", GP_STR("\303\274"), 129, "\"\\xc3\\xbc\"" },
	{ "C1 control", GP_STR("\233"), 129, "\"\\x9b\"" },
	{ "dots at the end are the value's", GP_STR("a..."), 129, "a..." },
	{ "fits to the byte", GP_STR("abcdefg"), 8, "abcdefg" },
	{ "one too long", GP_STR("abcdefgh"), 8, "\"ab\"..." },
	{ "quoted, fits to the byte", GP_STR("a cde"), 8, "\"a cde\"" },
	{ "quoted, one too long", GP_STR("a cdef"), 8, "\"a \"..." },
	{ "cut never splits an escape", GP_STR("ab\n def"), 10, "\"ab\"..." },
	{ "no room but for the marks", GP_STR("ab cd"), 6, "\"\"..." },
	{ "no room at all", GP_STR("ab cd"), 5, "" },
	{ "no room, bare", GP_STR("ab"), 3, "ab" },
};

static void
logfmt_escape_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(escape_rows) / sizeof(escape_rows[0]);
	     i++) {
		const struct escape_row *row = &escape_rows[i];
		char out[200];

		print_message("# %s\n", row->label);
		memset(out, '#', sizeof(out));
		assert_ptr_equal(gp_log_escape(row->value, out, row->size),
		    out);
		assert_string_equal(out, row->want);
		assert_int_equal(out[row->size], '#');
	}
}

static void
logfmt_escape_without_room_writes_nothing(void **state)
{
	char out[1] = { '#' };

	(void)state;
	(void)gp_log_escape(GP_STR("a"), out, 0);
	assert_int_equal(out[0], '#');
}

static void
logfmt_line_reads_as_documented(void **state)
{
	struct gp_logline l;

	(void)state;
	gp_logline_start(&l, GP_STR("4ABC"));
	gp_logline_adds(&l, "spf", "fail");
	gp_logline_add(&l, "from", GP_STR("a b@example.com"));
	gp_logline_addu(&l, "ms", UINT64_MAX);
	gp_logline_adds(&l, "helo", NULL);
	assert_string_equal(l.text, "4ABC: spf=fail from=\"a b@example.com\" "
				    "ms=18446744073709551615 helo=\"\"");
	assert_int_equal(l.n, strlen(l.text));
	assert_false(l.cut);
}

static void
logfmt_odd_ids_can_not_forge_fields(void **state)
{
	struct gp_logline l;

	(void)state;
	gp_logline_start(&l, GP_STR(""));
	assert_string_equal(l.text, "NOQUEUE:");
	gp_logline_start(&l, GP_STR("1: spf=pass"));
	assert_string_equal(l.text, "\"1: spf=pass\":");
}

static void
logfmt_value_longer_than_its_share_is_cut_and_marked(void **state)
{
	struct gp_logline l;
	char value[300];
	char want[300];

	(void)state;
	memset(value, 'x', sizeof(value));
	gp_logline_start(&l, GP_STR("Q"));
	gp_logline_add(&l, "a", gp_str_n(value, GP_LOG_VALUE_MAX));
	(void)snprintf(want, sizeof(want), "Q: a=%.*s", GP_LOG_VALUE_MAX,
	    value);
	assert_string_equal(l.text, want);

	gp_logline_start(&l, GP_STR("Q"));
	gp_logline_add(&l, "a", gp_str_n(value, GP_LOG_VALUE_MAX + 1));
	(void)snprintf(want, sizeof(want), "Q: a=\"%.*s\"...",
	    GP_LOG_VALUE_MAX - 5, value);
	assert_string_equal(l.text, want);
	assert_false(l.cut);
}

static void
logfmt_full_line_leaves_fields_out_whole(void **state)
{
	struct gp_logline l;
	char value[GP_LOG_VALUE_MAX];

	(void)state;
	memset(value, 'x', sizeof(value));
	gp_logline_start(&l, GP_STR("Q"));
	for (int i = 0; i < 3; i++)
		gp_logline_add(&l, "a", gp_str_n(value, sizeof(value)));
	assert_false(l.cut);
	gp_logline_add(&l, "gone", gp_str_n(value, sizeof(value)));
	assert_true(l.cut);
	assert_null(strstr(l.text, "gone"));
	assert_string_equal(l.text + l.n - 4, " ...");
	/* a smaller one still finds room, before the mark */
	gp_logline_adds(&l, "action", "reject");
	assert_string_equal(l.text + l.n - 18, " action=reject ...");
	assert_ptr_equal(strstr(l.text, " ..."), l.text + l.n - 4);
	assert_int_equal(l.n, strlen(l.text));
	assert_true(l.n <= GP_LOG_LINE_MAX);
}

static void
logfmt_line_fills_its_maximum_to_the_byte(void **state)
{
	struct gp_logline l;
	char value[GP_LOG_VALUE_MAX];

	(void)state;
	memset(value, 'x', sizeof(value));
	gp_logline_start(&l, GP_STR("Q")); /* 2 */
	for (int i = 0; i < 3; i++)        /* 3 * (3 + 128) = 393 */
		gp_logline_add(&l, "a", gp_str_n(value, sizeof(value)));
	gp_logline_add(&l, "b", gp_str_n(value, 110)); /* 113: 508 in all */
	assert_false(l.cut);
	assert_int_equal(l.n, GP_LOG_LINE_MAX - 4);
	gp_logline_adds(&l, "c", "1");
	assert_true(l.cut);
	assert_int_equal(l.n, GP_LOG_LINE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logfmt_escape_table),
		cmocka_unit_test(logfmt_escape_without_room_writes_nothing),
		cmocka_unit_test(logfmt_line_reads_as_documented),
		cmocka_unit_test(logfmt_odd_ids_can_not_forge_fields),
		cmocka_unit_test(
		    logfmt_value_longer_than_its_share_is_cut_and_marked),
		cmocka_unit_test(logfmt_full_line_leaves_fields_out_whole),
		cmocka_unit_test(logfmt_line_fills_its_maximum_to_the_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
