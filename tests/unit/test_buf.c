/* A buffer never passes its maximum and always ends in a NUL. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
buf_fresh_is_empty_and_a_c_string(void **state)
{
	struct gp_buf b;

	(void)state;
	gp_buf_init(&b, 10);
	assert_string_equal(gp_buf_cstr(&b), "");
	assert_int_equal(gp_buf_str(&b).n, 0);
	assert_false(b.overflow);
	gp_buf_reset(&b);
	gp_buf_clear(&b);
	gp_buf_clear(&b); /* twice does no harm */
}

static void
buf_appends_all_kinds_in_order(void **state)
{
	struct gp_buf b;

	(void)state;
	gp_buf_init(&b, 100);
	gp_buf_add(&b, "a\0b", 3);
	gp_buf_addc(&b, 'c');
	gp_buf_adds(&b, "de");
	gp_buf_add_str(&b, GP_STR("fg"));
	gp_buf_add_str(&b, gp_str_n(NULL, 0));
	gp_buf_add(&b, NULL, 0);
	gp_buf_adds(&b, "");
	gp_buf_addf(&b, "%d%s", 42, "h");
	gp_buf_addf(&b, "%s", "");
	assert_true(gp_str_eq(gp_buf_str(&b), GP_STR("a\0bcdefg42h")));
	assert_int_equal(b.p[b.n], '\0');
	assert_false(b.overflow);
	gp_buf_clear(&b);
	assert_null(b.p);
	assert_int_equal(b.max, 100);
}

static void
buf_append_past_the_maximum_changes_nothing_and_sticks(void **state)
{
	struct gp_buf b;

	(void)state;
	gp_buf_init(&b, 5);
	gp_buf_adds(&b, "abc");
	gp_buf_adds(&b, "def");
	assert_true(b.overflow);
	assert_string_equal(gp_buf_cstr(&b), "abc");
	gp_buf_addc(&b, 'x'); /* would fit, but the text has a hole already */
	gp_buf_addf(&b, "y");
	assert_string_equal(gp_buf_cstr(&b), "abc");
	gp_buf_reset(&b);
	assert_false(b.overflow);
	assert_string_equal(gp_buf_cstr(&b), "");
	gp_buf_addf(&b, "%s", "12345");
	assert_false(b.overflow);
	assert_string_equal(gp_buf_cstr(&b), "12345");
	gp_buf_addf(&b, "%s", "6");
	assert_true(b.overflow);
	assert_string_equal(gp_buf_cstr(&b), "12345");
	gp_buf_clear(&b);
}

static void
buf_of_maximum_zero_takes_nothing(void **state)
{
	struct gp_buf b;

	(void)state;
	gp_buf_init(&b, 0);
	gp_buf_adds(&b, "");
	assert_false(b.overflow);
	gp_buf_addc(&b, 'a');
	assert_true(b.overflow);
	assert_string_equal(gp_buf_cstr(&b), "");
	gp_buf_clear(&b);
}

static void
buf_grows_to_its_maximum_exactly(void **state)
{
	enum { MAX = 10000 };
	struct gp_buf b;

	(void)state;
	gp_buf_init(&b, MAX);
	for (int i = 0; i < MAX; i++)
		gp_buf_addc(&b, (char)('a' + i % 26));
	assert_false(b.overflow);
	assert_int_equal(b.n, MAX);
	for (int i = 0; i < MAX; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
	assert_int_equal(b.p[MAX], '\0');
	gp_buf_addc(&b, 'x');
	assert_true(b.overflow);
	assert_int_equal(b.n, MAX);
	gp_buf_clear(&b);
}

static void
buf_size_that_would_wrap_is_an_overflow(void **state)
{
	struct gp_buf b;

	(void)state;
	gp_buf_init(&b, 100);
	gp_buf_adds(&b, "abc");
	gp_buf_add(&b, "x", SIZE_MAX);
	assert_true(b.overflow);
	assert_string_equal(gp_buf_cstr(&b), "abc");
	gp_buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_fresh_is_empty_and_a_c_string),
		cmocka_unit_test(buf_appends_all_kinds_in_order),
		cmocka_unit_test(
		    buf_append_past_the_maximum_changes_nothing_and_sticks),
		cmocka_unit_test(buf_of_maximum_zero_takes_nothing),
		cmocka_unit_test(buf_grows_to_its_maximum_exactly),
		cmocka_unit_test(buf_size_that_would_wrap_is_an_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
