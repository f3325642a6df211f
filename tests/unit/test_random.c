/* Randomness. */
#include "io/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
random_bytes_fill_all_and_differ(void **state)
{
	uint8_t a[300] = { 0 };
	uint8_t b[300] = { 0 };
	size_t zeros = 0;

	(void)state;
	assert_int_equal(gp_random_bytes(a, sizeof(a)), GP_OK);
	assert_int_equal(gp_random_bytes(b, sizeof(b) - 1), GP_OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(b[sizeof(b) - 1], 0);
	/* 1.2 zeros are to be expected; 40 come in no lifetime */
	for (size_t i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	assert_true(zeros < 40);
	assert_int_equal(gp_random_bytes(NULL, 0), GP_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bytes_fill_all_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
