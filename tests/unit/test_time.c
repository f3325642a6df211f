/* Arithmetic of time never wraps. */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
time_sums_stop_at_the_ends(void **state)
{
	(void)state;
	assert_true(gp_time_add(1, 2) == 3);
	assert_true(gp_time_add(GP_NEVER_US, 1) == GP_NEVER_US);
	assert_true(gp_time_add(GP_NEVER_US, GP_NEVER_US) == GP_NEVER_US);
	assert_true(gp_time_add(GP_NEVER_US, -1) == INT64_MAX - 1);
	assert_true(gp_time_add(INT64_MIN, -1) == INT64_MIN);
	assert_true(gp_time_add(INT64_MIN, INT64_MAX) == -1);
}

static void
time_differences_stop_at_the_ends(void **state)
{
	(void)state;
	assert_true(gp_time_sub(5, 7) == -2);
	assert_true(gp_time_sub(INT64_MIN, 1) == INT64_MIN);
	assert_true(gp_time_sub(INT64_MAX, -1) == INT64_MAX);
	assert_true(gp_time_sub(0, INT64_MIN) == INT64_MAX);
	assert_true(gp_time_sub(-1, INT64_MIN) == INT64_MAX);
	assert_true(gp_time_sub(INT64_MAX, INT64_MAX) == 0);
}

static void
time_min_is_the_earlier(void **state)
{
	(void)state;
	assert_true(gp_time_min(1, 2) == 1);
	assert_true(gp_time_min(2, 1) == 1);
	assert_true(gp_time_min(GP_NEVER_US, -1) == -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_sums_stop_at_the_ends),
		cmocka_unit_test(time_differences_stop_at_the_ends),
		cmocka_unit_test(time_min_is_the_earlier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
