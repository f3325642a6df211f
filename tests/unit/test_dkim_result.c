/* The words of RFC 8601 section 2.7.1. */
#include "core/dkim_result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
dkim_result_names_are_those_of_rfc_8601(void **state)
{
	static const char *const names[GP_DKIM_RESULTS] = {
		[GP_DKIM_NONE] = "none",
		[GP_DKIM_PASS] = "pass",
		[GP_DKIM_FAIL] = "fail",
		[GP_DKIM_POLICY] = "policy",
		[GP_DKIM_TEMPERROR] = "temperror",
		[GP_DKIM_PERMERROR] = "permerror",
	};
	enum gp_dkim_result again;

	(void)state;
	for (unsigned i = 0; i < GP_DKIM_RESULTS; i++) {
		assert_string_equal(gp_dkim_result_name((enum gp_dkim_result)i),
		    names[i]);
		assert_int_equal(gp_dkim_result_parse(gp_str(names[i]), &again),
		    GP_OK);
		assert_int_equal(again, i);
	}
	assert_string_equal(gp_dkim_result_name(GP_DKIM_RESULTS), "unknown");
}

static void
dkim_result_parse_takes_words_in_any_case_only(void **state)
{
	static const char *const others[] = { "", "pas", "passed", "neutral",
		"softfail", "unknown", " pass" };
	enum gp_dkim_result out = GP_DKIM_NONE;

	(void)state;
	assert_int_equal(gp_dkim_result_parse(GP_STR("TempError"), &out),
	    GP_OK);
	assert_int_equal(out, GP_DKIM_TEMPERROR);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (gp_dkim_result_parse(gp_str(others[i]), &out) != GP_NONE)
			fail_msg("row: %s", others[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dkim_result_names_are_those_of_rfc_8601),
		cmocka_unit_test(
		    dkim_result_parse_takes_words_in_any_case_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
