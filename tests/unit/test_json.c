/* core/json: what is written is valid JSON, whatever the values are. */
#include "core/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *label;
	struct gp_str value;
	const char *want;
} strings[] = {
	{ "plain", GP_STR("mx.example"), "\"mx.example\"" },
	{ "empty", GP_STR(""), "\"\"" },
	{ "quote and backslash", GP_STR("a\"b\\c"), "\"a\\\"b\\\\c\"" },
	{ "line end and tab", GP_STR("a\nb\tc"), "\"a\\nb\\tc\"" },
	{ "control octets", GP_STR("\x01\x1b[31m\x7f"),
	    "\"\\u0001\\u001b[31m\\u007f\"" },
	{ "NUL inside", GP_STR("a\0b"), "\"a\\u0000b\"" },
	{ "UTF-8 of two, three and four octets",
	    GP_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xa7"),
	    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xa7\"" },
	{ "a lone continuation octet", GP_STR("a\x80z"), "\"a\\ufffdz\"" },
	{ "a sequence that is cut off", GP_STR("a\xe2\x82"),
	    "\"a\\ufffd\\ufffd\"" },
	{ "overlong and surrogate", GP_STR("\xc0\xaf\xed\xa0\x80"),
	    "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"" },
};

static void
json_string_is_escaped(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct gp_buf out;
		struct gp_json j;

		gp_buf_init(&out, 4096);
		gp_json_init(&j, &out);
		print_message("# %s\n", strings[i].label);
		gp_json_str(&j, NULL, strings[i].value);
		assert_string_equal(gp_buf_cstr(&out), strings[i].want);
		gp_buf_clear(&out);
	}
}

static void
json_members_have_commas_between_them(void **state)
{
	struct gp_buf out;
	struct gp_json j;

	(void)state;
	gp_buf_init(&out, 4096);
	gp_json_init(&j, &out);
	gp_json_object(&j, NULL);
	gp_json_int(&j, "n", INT64_MIN);
	gp_json_array(&j, "list");
	gp_json_string(&j, NULL, "a");
	gp_json_string(&j, NULL, NULL);
	gp_json_object(&j, NULL);
	gp_json_end(&j);
	gp_json_array(&j, NULL);
	gp_json_bool(&j, NULL, true);
	gp_json_end(&j);
	gp_json_end(&j);
	gp_json_null(&j, "a\"b");
	gp_json_bool(&j, "no", false);
	gp_json_end(&j);
	assert_string_equal(gp_buf_cstr(&out),
	    "{\"n\": -9223372036854775808, \"list\": [\"a\", null, {}, "
	    "[true]], \"a\\\"b\": null, \"no\": false}");
	assert_int_equal(j.depth, 0);
	gp_buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_string_is_escaped),
		cmocka_unit_test(json_members_have_commas_between_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
