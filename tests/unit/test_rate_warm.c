/* mta/rate_warm: what a day's use makes of the next day's cap. */
#include "core/policy.h"
#include "mta/rate_warm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY INT64_C(20000)

static const struct {
	const char *label;
	int64_t first_day;
	unsigned used;
	int64_t cap; /* of the next day, growth is 2 */
} rows[] = {
	{ "nothing was sent", 2, 0, 2 },
	{ "half of the cap was", 2, 1, 4 },
	{ "one less than half", 10, 4, 10 },
	{ "just half", 10, 5, 20 },
	{ "all of it", 10, 10, 20 },
	{ "a cap of one, unused", 1, 0, 1 },
	{ "a cap of one, used", 1, 1, 2 },
};

static int64_t
cap_after(struct gp_store *store, int64_t first_day, unsigned used)
{
	const struct gp_warmup_policy warmup = { .name = "all",
		.first_day = first_day,
		.grow = 2000,
		.plateau = 1000,
		.hours = 12 };
	const struct gp_policy block = { .domain = "news.test" };
	struct gp_arena *arena = gp_arena_new();
	struct gp_rate_warm warm =
	    gp_rate_warm_find(store, &block, &warmup, "google", DAY, arena);
	int64_t cap;

	assert_int_equal(warm.cap, first_day);
	for (unsigned i = 0; i < used; i++) {
		struct gp_charge c = gp_rate_day_charge("news.test", "google",
		    DAY, warm.cap, arena);
		struct gp_charged out;

		assert_int_equal(gp_store_charge(store, &c, 1, &out), GP_OK);
	}
	cap =
	    gp_rate_warm_find(store, &block, &warmup, "google", DAY + 1, arena)
		.cap;
	gp_arena_free(arena);
	return cap;
}

static void
rate_warm_next_day_follows_the_use_of_the_last(void **state)
{
	const struct gp_store_options o = { .where = "mem",
		.max_bytes = 1 << 20,
		.peers = 1,
		.timeout_ms = 50 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_store *store;
		struct gp_err err;

		print_message("# %s\n", rows[i].label);
		assert_int_equal(gp_store_open(&o, &store, &err), GP_OK);
		assert_int_equal(cap_after(store, rows[i].first_day,
				     rows[i].used),
		    rows[i].cap);
		gp_store_unref(store);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    rate_warm_next_day_follows_the_use_of_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
