/* Two relays on a real Redis that is killed and started again between their
 * charges, with all that it had or with nothing. */
#include "io/store_backend.h"
#include "support/redis_lab.h"
#include "support/store_double.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

#define RELAYS     2
#define LIMIT      1000
#define TIMEOUT_MS 5000 /* the machine may be busy; a killed one is seen */

static struct redis_lab lab;
static struct gp_store *relay[RELAYS];

static void
open_relays(const char *options)
{
	redis_lab_open(&lab, options);
	atomic_store(&store_double_now_ms, 1000000);
	for (int i = 0; i < RELAYS; i++) {
		struct gp_store_backend redis;

		assert_int_equal(gp_store_redis_open(lab.url, NULL, TIMEOUT_MS,
				     &redis, NULL),
		    GP_OK);
		relay[i] =
		    gp_store_upon(redis, RELAYS, NULL, store_double_clock_ms);
	}
}

static int
tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < RELAYS; i++) {
		gp_store_unref(relay[i]);
		relay[i] = NULL;
	}
	redis_lab_close(&lab);
	return 0;
}

static struct gp_charge
limit(void)
{
	return (struct gp_charge){ .key = GP_STR("login:newsletter"),
		.rule = { .capacity = LIMIT, .factor = 1, .share = 1 },
		.cost = 1,
		.keep_ms = 3600000 };
}

/* charges - each relay in turn, so often; how many were admitted */
static unsigned
charges(unsigned each)
{
	const struct gp_charge c = limit();
	unsigned admitted = 0;

	for (unsigned n = 0; n < each; n++)
		for (int i = 0; i < RELAYS; i++) {
			struct gp_charged out;

			admitted +=
			    gp_store_charge(relay[i], &c, 1, &out) == GP_OK;
		}
	return admitted;
}

static void
killed_and_back(const char *options)
{
	unsigned admitted, away;

	open_relays(options);
	admitted = charges(300);
	assert_int_equal(admitted, 600);
	redis_lab_kill(&lab);
	away = charges(100);
	assert_int_equal(away, 200); /* nobody is refused for it */
	redis_lab_resume(&lab);
	atomic_fetch_add(&store_double_now_ms, 5000);
	admitted += away + charges(LIMIT);
	/* at most two of a hundred too many, and none too few but by so much */
	assert_in_range(admitted, LIMIT * 98 / 100, LIMIT * 102 / 100);
}

static void
store_redis_killed_with_all_it_had_is_settled(void **state)
{
	(void)state;
	killed_and_back("appendonly yes\nappendfsync always");
}

static void
store_redis_killed_and_empty_is_told(void **state)
{
	(void)state;
	killed_and_back("save \"\"\nappendonly no");
}

static void
store_redis_away_for_good_leaves_limits(void **state)
{
	unsigned admitted;

	(void)state;
	open_relays("");
	admitted = charges(100);
	redis_lab_kill(&lab);
	for (int i = 0; i < 10; i++) {
		admitted += charges(LIMIT / 5);
		atomic_fetch_add(&store_double_now_ms, 5000);
	}
	assert_in_range(admitted, LIMIT * 98 / 100, LIMIT);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(store_redis_killed_with_all_it_had_is_settled),
		TEST(store_redis_killed_and_empty_is_told),
		TEST(store_redis_away_for_good_leaves_limits),
	};

	if (!redis_lab_is_installed()) {
		(void)puts("1..0 # SKIP redis-server is not installed");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
