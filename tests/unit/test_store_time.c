/* The file's clock goes on, whatever the system's does. */
#include "io/store_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DAY_S  INT64_C(86400)
#define NOON_S INT64_C(1795000000)

/* Written at 5,000,000 of the system, 7,000,000 of the file, noon. */
struct row {
	const char *label;
	char was, is;     /* starts; 0: not known */
	int64_t now_ms;   /* of the system */
	int64_t passed_s; /* by the wall clock */
	int64_t file_ms;  /* expected */
};

static const struct row rows[] = {
	{ "the same start", 'a', 'a', 5003000, 3, 7003000 },
	{ "the same start, wall clock stepped", 'a', 'a', 5003000, -9999,
	    7003000 },
	{ "the same start, clock went back", 'a', 'a', 4000000, 0, 6000000 },
	{ "a new start", 'a', 'b', 20000, 100, 7100000 },
	{ "a new start after long", 'a', 'b', 9000000, 100, 7100000 },
	{ "a new start, wall clock before", 'a', 'b', 20000, -500, 7000000 },
	{ "a new start, wall clock of another age", 'a', 'b', 20000,
	    40 * 365 * DAY_S, 7000000 + 400 * DAY_S * 1000 },
	{ "unknown, time went on", 'a', 0, 5003000, 50, 7003000 },
	{ "unknown, time went back", 'a', 0, 20000, 100, 7000000 },
	{ "unknown before", 0, 'b', 20000, 100, 7000000 },
	{ "unknown both", 0, 0, 20000, 100, 7000000 },
};

static void
store_time_goes_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct gp_store_time t = {
			.shift_ms = 2000000,
			.last_ms = 7000000,
			.wall_s = NOON_S,
		};
		uint8_t boot[GP_STORE_BOOT_BYTES];
		int64_t file_ms;

		memset(t.boot, r->was, sizeof(t.boot));
		memset(boot, r->is, sizeof(boot));
		file_ms = gp_store_time_now(&t, boot, r->now_ms,
		    NOON_S + r->passed_s);
		if (file_ms != r->file_ms || t.last_ms != file_ms ||
		    t.shift_ms != file_ms - r->now_ms ||
		    memcmp(t.boot, boot, sizeof(boot)) != 0)
			fail_msg("%s: %lld", r->label, (long long)file_ms);
		/* and from there as the system's */
		assert_true(gp_store_time_now(&t, boot, r->now_ms + 10,
				NOON_S) == file_ms + 10 ||
			    r->is == 0);
	}
}

static void
store_time_of_a_new_file_is_the_systems(void **state)
{
	struct gp_store_time t = { .shift_ms = 0 };
	uint8_t boot[GP_STORE_BOOT_BYTES];

	(void)state;
	memset(boot, 'a', sizeof(boot));
	assert_true(gp_store_time_now(&t, boot, 12345, NOON_S) == 12345);
	memset(&t, 0, sizeof(t));
	memset(boot, 0, sizeof(boot));
	assert_true(gp_store_time_now(&t, boot, 12345, NOON_S) == 12345);
}

static void
store_time_boot_is_the_same_twice(void **state)
{
	static const uint8_t unknown[GP_STORE_BOOT_BYTES];
	uint8_t a[GP_STORE_BOOT_BYTES], b[GP_STORE_BOOT_BYTES];

	(void)state;
	gp_store_time_boot(a);
	gp_store_time_boot(b);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, unknown, sizeof(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(store_time_goes_on),
		cmocka_unit_test(store_time_of_a_new_file_is_the_systems),
		cmocka_unit_test(store_time_boot_is_the_same_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
