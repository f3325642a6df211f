/* The request for a look at a meter, and its answer, there and back. */
#include "core/rate_peek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
rate_peek_request_comes_back_as_it_was(void **state)
{
	static const struct gp_charge charges[] = {
		{ .key = GP_STR("m/a.example/l/60/auth=x"),
		    .rule = { 100, 100.0 / 60, 1, 1 },
		    .cost = 1 },
		{ .key = GP_STR("m/*/l/2678400/all"),
		    .rule = { 1e12, 1e12 / 2678400, 1, 0.9 },
		    .cost = 12345678901,
		    .mark = GP_STR("u/*/l/2678400/all/0123") },
		{ .key = GP_STR("d/a.example/other:b.example/20779"),
		    .rule = { GP_METER_LEVEL_MAX, 0, 1, 0.8 },
		    .cost = GP_METER_LEVEL_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(charges); i++) {
		const struct gp_charge *c = &charges[i];
		const struct gp_str word = GP_STR(GP_RATE_PEEK " ");
		struct gp_charge got;
		struct gp_buf b;

		gp_buf_init(&b, 1023);
		gp_rate_peek_write(c, &b);
		assert_false(b.overflow);
		assert_true(gp_str_starts_nocase(gp_buf_str(&b), word));
		assert_int_equal(gp_rate_peek_read(gp_str_n(b.p + word.n,
						       b.n - word.n),
				     &got),
		    GP_OK);
		assert_true(gp_str_eq(got.key, c->key));
		assert_true(gp_str_eq(got.mark, c->mark));
		assert_true(got.cost == c->cost);
		assert_true(got.rule.capacity == c->rule.capacity);
		assert_float_equal(got.rule.rate, c->rule.rate, 1e-9);
		assert_true(got.rule.factor == 1);
		assert_true(got.rule.share == c->rule.share);
		gp_buf_clear(&b);
	}
}

static void
rate_peek_other_words_are_refused(void **state)
{
	static const char *const bad[] = { "", "k", "k 1", "k 1 1", "k 1 1 0",
		"k 1 1 0 1 m x", "k 1 1 0 1 ", "k  1 1 0 1", " k 1 1 0 1",
		"k 0 1 0 1", "k -1 1 0 1", "k +1 1 0 1", "k 1 0 0 1",
		"k 1 0.9 0 1", "k 1 1 0 0", "k 1 1 0 1.1", "k 1 1 -1 1",
		"k 1e1 1 0 1", "k 0x1 1 0 1", "k inf 1 0 1", "k nan 1 0 1",
		"k 1. 1 0 1", "k .5 1 0 1", "k 1 9007199254740994 0 1",
		"k 1 99999999999999999 0 1", "k 1 999999999999999999 0 1",
		"k 1 1 0 0.1234567890123456", "k\t1 1 0 1", "k 1,0 1 0 1" };
	struct gp_charge c;
	char key[300];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (gp_rate_peek_read(gp_str(bad[i]), &c) != GP_PERM)
			fail_msg("\"%s\" was read", bad[i]);
	assert_int_equal(gp_rate_peek_read(GP_STR("k 1 1 0 1"), &c), GP_OK);
	assert_int_equal(gp_rate_peek_read(GP_STR("k 1 1 0 1 m"), &c), GP_OK);
	memset(key, 'k', sizeof(key));
	assert_true(gp_rate_peek_key(gp_str_n(key, GP_CHARGE_KEY_MAX)));
	assert_false(gp_rate_peek_key(gp_str_n(key, GP_CHARGE_KEY_MAX + 1)));
	assert_false(gp_rate_peek_key(GP_STR("a b")));
	assert_false(gp_rate_peek_key(GP_STR("a\x80")));
}

static void
rate_peek_answer_comes_back_as_it_was(void **state)
{
	static const struct gp_charged all[] = {
		{ .fits = true, .level = 12.5 },
		{ .fits = true, .free = true },
		{ .level = 100, .wait_ms = 1500 },
		{ .level = GP_METER_LEVEL_MAX, .wait_ms = GP_METER_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct gp_charged got;
		struct gp_buf b;

		gp_buf_init(&b, 200);
		gp_rate_peek_answer(&all[i], &b);
		assert_int_equal(gp_rate_peek_understand(gp_buf_str(&b), &got),
		    GP_OK);
		assert_int_equal(got.fits, all[i].fits);
		assert_int_equal(got.free, all[i].free);
		assert_true(got.level == all[i].level);
		assert_true(got.wait_ms == all[i].wait_ms);
		gp_buf_clear(&b);
	}
}

static void
rate_peek_other_answers_are_refused(void **state)
{
	static const char *const bad[] = { "", "fits 1",
		"fits 2 free 0 level 1 "
		"wait_ms 0",
		"fits 1 free 0 level x wait_ms 0",
		"fits 1 free 0 level 1 wait_ms -1",
		"fits 1 free 0 level 1 wait_ms 0 more",
		"free 0 fits 1 level 1 wait_ms 0",
		"fits 1 free 0 level 1 wait_ms 9223372036854775807",
		"fits 1 free 0 level 1 wait_ms" };
	struct gp_charged c;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (gp_rate_peek_understand(gp_str(bad[i]), &c) != GP_PERM)
			fail_msg("\"%s\" was understood", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_peek_request_comes_back_as_it_was),
		cmocka_unit_test(rate_peek_other_words_are_refused),
		cmocka_unit_test(rate_peek_answer_comes_back_as_it_was),
		cmocka_unit_test(rate_peek_other_answers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
