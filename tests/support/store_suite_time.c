/*
 * See store_suite.h; here is what time does.
 *
 * Upon a store with its own clock only the first tests run, which wait for
 * what must come, and do not ask how soon.
 */
#include "support/store_suite_lab.h"

#include "io/clock.h"

#define PATIENCE_US (20 * GP_US_PER_S)

#define NEEDS_OUR_CLOCK()                                                      \
	do {                                                                   \
		if (store_lab.suite->own_clock)                                \
			return;                                                \
	} while (0)

/* A meter of `capacity` that drains at `rate` a second. */
static struct gp_charge
draining(double capacity, double rate)
{
	struct gp_charge c = store_counter("a", capacity);

	c.rule.rate = rate;
	return c;
}

/* pass_until - until a call says `want`; by the tests' clock in steps. */
static struct gp_charged
pass_until(enum gp_store_how how, const struct gp_charge *c, enum gp_rc want)
{
	const int64_t deadline = gp_clock_us() + PATIENCE_US;
	struct gp_charged out;

	while (store_apply(how, c, 1, &out) != want) {
		assert_true(gp_clock_us() < deadline);
		store_lab.now_ms += 5;
	}
	return out;
}

static void
meter_drains_and_takes_more(void **state)
{
	struct gp_charge c = draining(4, 2);
	struct gp_charged out;

	(void)state;
	c.cost = 4;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
	c.cost = 2;
	assert_int_equal(store_apply(GP_STORE_PEEK, &c, 1, &out), GP_NONE);
	assert_true(out.wait_ms > 0 && out.wait_ms <= 1000);
	out = pass_until(GP_STORE_CHARGE, &c, GP_OK);
	assert_true(out.level <= 4);
}

static void
wait_is_what_is_over_by_the_rate(void **state)
{
	/* so slow that the time between the calls counts for nothing */
	struct gp_charge c = draining(10, 0.001);
	struct gp_charged out;

	(void)state;
	c.cost = 10;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
	c.cost = 4;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_NONE);
	assert_in_range(out.wait_ms, 4000000 - 20000, 4000000);
	c.rule.factor = 0.5; /* 9 are over, and it drains at half the rate */
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_NONE);
	assert_in_range(out.wait_ms, 18000000 - 20000, 18000000);
}

static void
what_is_not_used_is_forgotten(void **state)
{
	struct gp_charge c = store_counter("a", 1);
	struct gp_charged out;

	(void)state;
	c.keep_ms = 1000;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
	assert_int_equal(store_apply(GP_STORE_PEEK, &c, 1, &out), GP_NONE);
	out = pass_until(GP_STORE_PEEK, &c, GP_OK);
	ASSERT_NEAR(out.level, 1, 1e-9);
	c.keep_ms = STORE_HOUR_MS;
	c.mark = store_key("m");
	c.mark_ms = 1000;
	c.rule.capacity = 9;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
	c.rule.capacity = 1;
	out = pass_until(GP_STORE_PEEK, &c, GP_NONE);
	assert_false(out.free);
}

static void
note_is_kept_as_long_as_said(void **state)
{
	const struct gp_str key = store_key("a");
	const int64_t deadline = gp_clock_us() + PATIENCE_US;
	struct gp_str value;

	(void)state;
	assert_int_equal(store_lab.store.ops->put(store_lab.store.self,
			     store_lab.now_ms, key, GP_STR("x"), 300),
	    GP_OK);
	while (store_lab.store.ops->get(store_lab.store.self, store_lab.now_ms,
		   key, store_lab.arena, &value) == GP_OK) {
		assert_true(gp_clock_us() < deadline);
		store_lab.now_ms += 5;
	}
	assert_true(store_lab.suite->own_clock ||
		    store_lab.now_ms == INT64_C(1000000000) + 300);
}

static void
meter_is_kept_from_its_last_use(void **state)
{
	struct gp_charge c = store_counter("a", 9);
	struct gp_charged out;

	(void)state;
	NEEDS_OUR_CLOCK();
	c.keep_ms = 1000;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
	store_lab.now_ms += 999;
	ASSERT_NEAR(store_level(&c), 1, 1e-9); /* a peek is no use */
	assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL), GP_OK);
	store_lab.now_ms += 999;
	ASSERT_NEAR(store_level(&c), 2, 1e-9);
	assert_int_equal(store_apply(GP_STORE_REFUND, &c, 1, &out), GP_OK);
	store_lab.now_ms += 999;
	ASSERT_NEAR(store_level(&c), 1, 1e-9);
	store_lab.now_ms += 1;
	ASSERT_NEAR(store_level(&c), 0, 1e-9);
}

static void
clock_that_goes_back_gives_and_takes_nothing(void **state)
{
	struct gp_charge c = draining(4, 1);
	struct gp_charged out;

	(void)state;
	NEEDS_OUR_CLOCK();
	c.cost = 4;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
	c.cost = 1;
	store_lab.now_ms -= 500000000;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_NONE);
	assert_int_equal(out.wait_ms, 1000);
	ASSERT_NEAR(store_level(&c), 4, 1e-9);
	/* it counts from the new time when it is used */
	assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL), GP_OK);
	store_lab.now_ms += 2000;
	ASSERT_NEAR(store_level(&c), 3, 1e-9);
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
}

/* Threads and processes read the clock before they wait for the lock. */
static void
call_that_comes_late_sets_no_meter_back(void **state)
{
	struct gp_charge c = draining(100, 1);

	(void)state;
	NEEDS_OUR_CLOCK();
	c.cost = 50;
	assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL), GP_OK);
	c.cost = 1;
	for (int i = 0; i < 10; i++) {
		store_lab.now_ms -= 3000;
		assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL),
		    GP_OK);
		store_lab.now_ms += 3000;
		assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL),
		    GP_OK);
	}
	ASSERT_NEAR(store_level(&c), 70, 1e-9);
}

const struct CMUnitTest store_suite_time[STORE_SUITE_TIME_TESTS] = {
	cmocka_unit_test(meter_drains_and_takes_more),
	cmocka_unit_test(wait_is_what_is_over_by_the_rate),
	cmocka_unit_test(what_is_not_used_is_forgotten),
	cmocka_unit_test(note_is_kept_as_long_as_said),
	cmocka_unit_test(meter_is_kept_from_its_last_use),
	cmocka_unit_test(clock_that_goes_back_gives_and_takes_nothing),
	cmocka_unit_test(call_that_comes_late_sets_no_meter_back),
};
