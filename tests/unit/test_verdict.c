/* Verdicts and the text of SMTP replies. */
#include "core/verdict.h"

#include "core/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
verdict_constructors_set_code_and_disposition(void **state)
{
	struct gp_verdict v;

	(void)state;
	v = gp_continue();
	assert_int_equal(v.action, GP_CONTINUE);
	assert_int_equal(v.code, 0);
	assert_int_equal(v.disposition, GP_DO_TAG);
	assert_false(v.monitored);
	assert_non_null(v.why);
	v = gp_accept("trusted");
	assert_int_equal(v.action, GP_ACCEPT);
	assert_int_equal(v.code, 0);
	assert_string_equal(v.why, "trusted");
	v = gp_reject("5.7.23", "no", "spf.fail");
	assert_int_equal(v.action, GP_REJECT);
	assert_int_equal(v.code, 550);
	assert_string_equal(v.xcode, "5.7.23");
	assert_string_equal(v.text, "no");
	assert_string_equal(v.why, "spf.fail");
	assert_int_equal(v.disposition, GP_DO_REJECT);
	v = gp_tempfail("4.4.3", "later", "spf.temperror");
	assert_int_equal(v.action, GP_TEMPFAIL);
	assert_int_equal(v.code, 451);
	assert_string_equal(v.xcode, "4.4.3");
	assert_int_equal(v.disposition, GP_DO_TEMPFAIL);
}

static void
verdict_names_are_those_of_the_policy_file(void **state)
{
	(void)state;
	assert_string_equal(gp_disposition_name(GP_DO_TAG), "tag");
	assert_string_equal(gp_disposition_name(GP_DO_REJECT), "reject");
	assert_string_equal(gp_disposition_name(GP_DO_TEMPFAIL), "tempfail");
	assert_string_equal(gp_disposition_name(GP_DO_HOLD), "hold");
	assert_string_equal(gp_action_name(GP_CONTINUE), "continue");
	assert_string_equal(gp_action_name(GP_ACCEPT), "accept");
	assert_string_equal(gp_action_name(GP_REJECT), "reject");
	assert_string_equal(gp_action_name(GP_TEMPFAIL), "tempfail");
}

static void
reply_text_table_is_one_clean_line(void **state)
{
	static const struct {
		const char *label, *in, *out;
	} rows[] = {
		{ "plain", "SPF check failed", "SPF check failed" },
		{ "empty", "", "" },
		{ "white space only", " \r\n\t ", "" },
		{ "a line end never passes", "no\r\n250 ok", "no 250 ok" },
		{ "runs are one space", "a \t\r\n  b", "a b" },
		{ "ends are trimmed", "  a  ", "a" },
		{ "controls and 8 bits", "a\x01\x7f\x80\xff z", "a???? z" },
		{ "UTF-8",
		    "b\xc3\xbc"
		    "cher",
		    "b??cher" },
		{ "percent stays", "100%s %n", "100%s %n" },
	};
	struct gp_buf buf;

	(void)state;
	gp_buf_init(&buf, 1000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gp_buf_reset(&buf);
		gp_reply_text(&buf, rows[i].in);
		if (strcmp(gp_buf_cstr(&buf), rows[i].out) != 0)
			fail_msg("row: %s: \"%s\"", rows[i].label,
			    gp_buf_cstr(&buf));
	}
	gp_buf_clear(&buf);
}

static void
reply_text_is_bounded_and_appends(void **state)
{
	char text[3 * GP_REPLY_TEXT_MAX];
	struct gp_buf buf;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	gp_buf_init(&buf, 2000);
	gp_buf_adds(&buf, "550 ");
	gp_reply_text(&buf, text);
	assert_int_equal(buf.n, 4 + GP_REPLY_TEXT_MAX);
	assert_memory_equal(buf.p, "550 xxx", 7);
	/* blanks that are squeezed out do not use up the room */
	memset(text, ' ', GP_REPLY_TEXT_MAX);
	text[0] = 'a';
	gp_buf_reset(&buf);
	gp_reply_text(&buf, text);
	assert_int_equal(buf.n, GP_REPLY_TEXT_MAX);
	assert_memory_equal(buf.p, "a xxx", 5);
	/* nor does the cut leave one at the end */
	memset(text, 'x', sizeof(text) - 1);
	text[GP_REPLY_TEXT_MAX - 1] = ' ';
	gp_buf_reset(&buf);
	gp_reply_text(&buf, text);
	assert_int_equal(buf.n, GP_REPLY_TEXT_MAX - 1);
	gp_buf_clear(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdict_constructors_set_code_and_disposition),
		cmocka_unit_test(verdict_names_are_those_of_the_policy_file),
		cmocka_unit_test(reply_text_table_is_one_clean_line),
		cmocka_unit_test(reply_text_is_bounded_and_appends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
