/*
 * Leaky buckets: the arithmetic by example, and what must hold over any
 * history.  GP_SEED and GP_HISTORIES choose others than those of `make check`.
 */
#include "core/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define HISTORIES 100000
#define EVENTS    24

/* -- by example -------------------------------------------------------- */

static struct gp_meter_rule
rule(double capacity, double rate)
{
	return (struct gp_meter_rule){ .capacity = capacity,
		.rate = rate,
		.factor = 1,
		.share = 1 };
}

static void
meter_table_of_admissions(void **state)
{
	static const struct {
		const char *label;
		struct gp_meter_rule rule;
		double level, q;
		int64_t wait_ms; /* 0: it fits */
	} rows[] = {
		{ "empty", { 20, 1, 1, 1 }, 0, 1, 0 },
		{ "the last that fits", { 20, 1, 1, 1 }, 19, 1, 0 },
		{ "one too many", { 20, 1, 1, 1 }, 20, 1, 1000 },
		{ "a third of one too many", { 20, 3, 1, 1 }, 20, 1, 334 },
		{ "five too many at two a second", { 20, 2, 1, 1 }, 20, 5,
		    2500 },
		{ "a day's rate", { 1, 1 / 86400., 1, 1 }, 1, 1, 86400000 },
		{ "oversize, empty", { 100, 1, 1, 1 }, 0, 500, 0 },
		{ "oversize, not empty", { 100, 1, 1, 1 }, 1, 500, 1000 },
		{ "in debt", { 100, 1, 1, 1 }, 500, 1, 401000 },
		{ "in debt, oversize", { 100, 1, 1, 1 }, 500, 101, 500000 },
		{ "as large as the room", { 100, 1, 1, 1 }, 1, 100, 1000 },
		{ "half the speed, half the room", { 20, 1, .5, 1 }, 10, 1,
		    2000 },
		{ "the factor's room ends at a tenth", { 100, 1, .01, 1 }, 9, 1,
		    0 },
		{ "and its speed does not", { 100, 1, .01, 1 }, 10, 1, 100000 },
		{ "room for one is always", { 2, 1, .1, .1 }, 0, 1, 0 },
		{ "and not for two", { 2, 1, .1, .1 }, 1, 1, 10000 },
		{ "a share of the room", { 100, 1, 1, .8 }, 79, 1, 0 },
		{ "and no more", { 100, 1, 1, .8 }, 80, 1, 1000 },
		{ "share and factor", { 100, 1, .5, .5 }, 25, 1, 2000 },
		{ "share and a small factor", { 100, 1, .05, .5 }, 5, 1,
		    20000 },
		{ "a counter", { 20, 0, 1, 1 }, 19, 1, 0 },
		{ "a full counter", { 20, 0, 1, 1 }, 20, 1, GP_METER_NEVER },
		{ "an empty counter, oversize", { 20, 0, 1, 1 }, 0, 21, 0 },
		{ "longer than time", { 2, 1e-300, 1, 1 }, 2, 1,
		    GP_METER_NEVER },
		{ "no speed that has a number", { 2, DBL_MIN, DBL_MIN, 1 }, 2,
		    1, GP_METER_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_meter m = { .level = rows[i].level };
		int64_t got = gp_meter_wait_ms(&m, &rows[i].rule, rows[i].q);

		if (got != rows[i].wait_ms)
			fail_msg("%s: waits %lld ms", rows[i].label,
			    (long long)got);
		if (gp_meter_admits(&m, &rows[i].rule, rows[i].q) !=
		    (rows[i].wait_ms == 0))
			fail_msg("%s: admits", rows[i].label);
	}
}

static void
meter_drains_with_time_alone(void **state)
{
	static const struct {
		const char *label;
		struct gp_meter_rule rule;
		double level;
		int64_t at_ms, now_ms;
		double left;
	} rows[] = {
		{ "no time", { 20, 2, 1, 1 }, 8, 5000, 5000, 8 },
		{ "a second", { 20, 2, 1, 1 }, 8, 5000, 6000, 6 },
		{ "half a second", { 20, 2, 1, 1 }, 8, 5000, 5500, 7 },
		{ "all of it", { 20, 2, 1, 1 }, 8, 5000, 9000, 0 },
		{ "more", { 20, 2, 1, 1 }, 8, 5000, 999999, 0 },
		{ "the factor", { 20, 2, .25, 1 }, 8, 5000, 9000, 6 },
		{ "not the share", { 20, 2, 1, .25 }, 8, 5000, 6000, 6 },
		{ "a counter", { 20, 0, 1, 1 }, 8, 0, INT64_MAX, 8 },
		{ "back a little", { 20, 2, 1, 1 }, 8, 5000, 4999, 8 },
		{ "back to the beginning", { 20, 2, 1, 1 }, 8, INT64_MAX,
		    INT64_MIN, 8 },
		{ "all the time there is", { 20, 2, 1, 1 }, 8, INT64_MIN,
		    INT64_MAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_meter m = { .level = rows[i].level,
			.at_ms = rows[i].at_ms };

		gp_meter_drain(&m, &rows[i].rule, rows[i].now_ms);
		if (m.level != rows[i].left || m.at_ms != rows[i].now_ms)
			fail_msg("%s: %g", rows[i].label, m.level);
	}
}

static void
meter_refund_takes_back_and_not_more(void **state)
{
	struct gp_meter m = { .level = 3 };

	(void)state;
	gp_meter_commit(&m, 5);
	assert_true(m.level == 8);
	gp_meter_refund(&m, 5);
	assert_true(m.level == 3);
	gp_meter_refund(&m, 4);
	assert_true(m.level == 0);
}

/* What happened is counted, and is worked off within ten minutes. */
static void
meter_debit_ends_ten_minutes_above_the_capacity(void **state)
{
	const struct gp_meter_rule r = { 20, 2, .5, 1 };
	struct gp_meter m = { .level = 0 };

	(void)state;
	gp_meter_debit(&m, &r, 15);
	assert_true(m.level == 15);
	gp_meter_debit(&m, &r, 15);
	assert_true(m.level == 30);
	gp_meter_debit(&m, &r, 1e6);
	assert_true(m.level == 20 + 600);
	gp_meter_debit(&m, &r, 1);
	assert_true(m.level == 20 + 600);
	m.level = 10000; /* a debt of other origin stays what it is */
	gp_meter_debit(&m, &r, 1);
	assert_true(m.level == 10000);
}

static void
meter_rest_is_the_time_to_empty(void **state)
{
	const struct gp_meter_rule r = { 20, 2, .5, .1 };
	const struct gp_meter_rule counter = { 20, 0, 1, 1 };
	struct gp_meter m = { .level = 0 };

	(void)state;
	assert_int_equal(gp_meter_rest_ms(&m, &r), 0);
	assert_int_equal(gp_meter_rest_ms(&m, &counter), 0);
	m.level = 7.0005;
	assert_int_equal(gp_meter_rest_ms(&m, &r), 7001);
	assert_true(gp_meter_rest_ms(&m, &counter) == GP_METER_NEVER);
	gp_meter_drain(&m, &r, 7001);
	assert_true(m.level == 0);
}

/* -- over chance ------------------------------------------------------- */

static uint64_t dice; /* xorshift */

static uint64_t
roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice;
}

/* 0 up to 1 */
static double
chance(void)
{
	return (double)(roll() >> 11) * 0x1p-53;
}

static unsigned
below(unsigned n)
{
	return (unsigned)(roll() >> 33) % n;
}

/* 2^from to 2^to, each octave as likely as another */
static double
scale(int from, int to)
{
	int octave = from + (int)below((unsigned)(to - from));
	double v = 1 + chance();

	for (; octave > 0; octave--)
		v *= 2;
	for (; octave < 0; octave++)
		v /= 2;
	return v;
}

static unsigned long long
number(const char *name, unsigned long long fallback)
{
	const char *text = getenv(name);

	return text == NULL ? fallback : strtoull(text, NULL, 10);
}

/* One history: the dice begin anew with each, so that one can be repeated. */
static uint64_t history;

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what))                                                   \
			fail_msg("GP_SEED=%llu GP_HISTORIES=1: %s",            \
			    (unsigned long long)history, #what);               \
	} while (0)

static void
each_history(void (*run)(void))
{
	const uint64_t first = number("GP_SEED", 20261122);
	const uint64_t n = number("GP_HISTORIES", HISTORIES);

	print_message("# GP_SEED=%llu GP_HISTORIES=%llu\n",
	    (unsigned long long)first, (unsigned long long)n);
	for (history = first; history < first + n; history++) {
		dice = history * UINT64_C(0x9E3779B97F4A7C15) + 1;
		run();
	}
}

static struct gp_meter_rule
some_rule(void)
{
	struct gp_meter_rule r = rule(scale(0, 20), scale(-18, 12));

	if (below(2) == 0)
		r.capacity = (double)(int64_t)r.capacity;
	if (below(8) == 0)
		r.rate = 0;
	if (below(2) == 0)
		r.factor = scale(-8, 0);
	if (below(2) == 0)
		r.share = scale(-4, 0);
	return r;
}

static double
some_cost(const struct gp_meter_rule *r)
{
	switch (below(4)) {
	case 0:
		return 1;
	case 1:
		return 1 + below(20);
	case 2:
		return r->capacity * chance() + DBL_MIN;
	default:
		return r->capacity * (.9 + .2 * chance());
	}
}

/* Now and then at once, else about as long as a few tokens need. */
static int64_t
some_ms(const struct gp_meter_rule *r)
{
	double ms;

	if (r->rate <= 0 || below(4) == 0)
		return below(3);
	ms = scale(-6, 6) * 1000 * (r->capacity < 64 ? 1 : r->capacity / 64) /
	     (r->rate * r->factor);
	return ms < 1e12 ? (int64_t)ms : 1000000000000;
}

struct event {
	double at_s;   /* of a clock that never steps */
	double tokens; /* admitted, or given back where negative */
};

/* The last in a window says how much there may be at its end: the room, or
 * itself, where it came to an empty meter. */
static void
check_windows(const struct event *e, size_t n, const struct gp_meter_rule *r)
{
	for (size_t from = 0; from < n; from++) {
		double sum = 0;

		for (size_t to = from; to < n; to++) {
			double most = e[to].tokens > r->capacity ? e[to].tokens
			                                         : r->capacity;

			sum += e[to].tokens;
			most += r->rate * (e[to].at_s - e[from].at_s);
			REQUIRE(sum <= most * (1 + 1e-9) + 1e-9);
		}
	}
}

static void
run_windows(void)
{
	struct gp_meter_rule r = some_rule();
	struct event events[2 * EVENTS];
	struct gp_meter m = { 0, 0 };
	int64_t clock_ms = 0;
	double now_s = 0;
	size_t n = 0;

	for (unsigned i = 0; i < EVENTS; i++) {
		int64_t ms = some_ms(&r);
		double q = some_cost(&r);

		now_s += (double)ms / 1000;
		/* a clock that is set back now and then */
		clock_ms += below(8) == 0 ? -some_ms(&r) : ms;
		gp_meter_drain(&m, &r, clock_ms);
		if (!gp_meter_admits(&m, &r, q))
			continue;
		gp_meter_commit(&m, q);
		events[n++] = (struct event){ now_s, q };
		if (below(6) > 0)
			continue;
		gp_meter_refund(&m, q);
		events[n++] = (struct event){ now_s, -q };
	}
	REQUIRE(n > 0);
	check_windows(events, n, &r);
}

static void
meter_never_admits_more_than_burst_and_rate(void **state)
{
	(void)state;
	each_history(run_windows);
}

/* What it says of waiting is true to the millisecond, but for rounding. */
static void
check_wait(struct gp_meter m, const struct gp_meter_rule *r, double q)
{
	const int64_t wait_ms = gp_meter_wait_ms(&m, r, q);
	struct gp_meter before = m;
	const double slack = 1e-9 * (1 + m.level + q);

	REQUIRE((wait_ms == 0) == gp_meter_admits(&m, r, q));
	if (wait_ms == 0)
		return;
	REQUIRE(wait_ms > 0);
	if (r->rate <= 0)
		REQUIRE(wait_ms == GP_METER_NEVER);
	if (wait_ms >= INT64_MAX / 2)
		return;
	gp_meter_drain(&m, r, m.at_ms + wait_ms);
	REQUIRE(gp_meter_admits(&m, r, q));
	gp_meter_drain(&before, r, before.at_ms + wait_ms - 1);
	before.level += slack;
	REQUIRE(!gp_meter_admits(&before, r, q));
}

static void
run_wait(void)
{
	struct gp_meter_rule r = some_rule();
	struct gp_meter m = { 0, (int64_t)below(100000) };

	for (unsigned i = 0; i < EVENTS; i++) {
		double q = some_cost(&r);

		gp_meter_drain(&m, &r, m.at_ms + some_ms(&r));
		check_wait(m, &r, q);
		if (below(4) > 0)
			gp_meter_commit(&m, q);
	}
}

static void
meter_wait_is_exact(void **state)
{
	(void)state;
	each_history(run_wait);
}

/* But for the rounding of each. */
static bool
not_longer(int64_t a_ms, int64_t b_ms)
{
	return a_ms <= b_ms || (double)a_ms <= (double)b_ms * (1 + 1e-9) + 1;
}

/* Later is emptier, and nearer to the next admission. */
static void
run_monotone(void)
{
	struct gp_meter_rule r = some_rule();
	struct gp_meter m = { r.capacity * 2 * chance(), 0 };
	double q = some_cost(&r);
	int64_t now_ms = 0;

	for (unsigned i = 0; i < EVENTS; i++) {
		struct gp_meter soon = m, late = m;

		now_ms += some_ms(&r);
		gp_meter_drain(&soon, &r, now_ms);
		gp_meter_drain(&late, &r, now_ms + some_ms(&r));
		REQUIRE(soon.level <= m.level && late.level <= soon.level);
		REQUIRE(not_longer(gp_meter_wait_ms(&late, &r, q),
		    gp_meter_wait_ms(&soon, &r, q)));
		REQUIRE(not_longer(gp_meter_rest_ms(&late, &r),
		    gp_meter_rest_ms(&soon, &r)));
		REQUIRE(!gp_meter_admits(&soon, &r, q) ||
			gp_meter_admits(&late, &r, q));
	}
}

static void
meter_is_monotone_in_the_clock(void **state)
{
	(void)state;
	each_history(run_monotone);
}

/* However far back: the wait is what it was, and is enough. */
static void
run_step_back(void)
{
	struct gp_meter_rule r = some_rule();
	struct gp_meter m = { r.capacity * 2 * chance(),
		(int64_t)(roll() >> 1) };
	double q = some_cost(&r);
	const int64_t wait_ms = gp_meter_wait_ms(&m, &r, q);
	int64_t now_ms = m.at_ms - (int64_t)(roll() >> 1);

	if (below(4) == 0)
		now_ms = INT64_MIN;
	gp_meter_drain(&m, &r, now_ms);
	REQUIRE(m.at_ms == now_ms);
	REQUIRE(gp_meter_wait_ms(&m, &r, q) == wait_ms);
	if (wait_ms == GP_METER_NEVER || now_ms > INT64_MAX - wait_ms)
		return;
	gp_meter_drain(&m, &r, now_ms + wait_ms);
	REQUIRE(gp_meter_admits(&m, &r, q));
}

static void
meter_clock_set_back_locks_nobody_out(void **state)
{
	(void)state;
	each_history(run_step_back);
}

/* Whatever is in range, nothing but numbers comes of it. */
static double
some_extreme(double least, double most)
{
	static const double all[] = { 0, DBL_TRUE_MIN, DBL_MIN, 1e-300, 1e-9,
		.1, .5, 1, 1.5, 2, 1e3, 1e9, GP_METER_LEVEL_MAX - 1,
		GP_METER_LEVEL_MAX, 1e300, DBL_MAX };
	double v = all[below(COUNT(all))];

	return v < least ? least : v > most ? most : v;
}

static void
run_extremes(void)
{
	const struct gp_meter_rule r = {
		.capacity = some_extreme(1, GP_METER_LEVEL_MAX),
		.rate = some_extreme(0, GP_METER_LEVEL_MAX),
		.factor = some_extreme(DBL_TRUE_MIN, 1),
		.share = some_extreme(DBL_TRUE_MIN, 1),
	};
	struct gp_meter m = { some_extreme(0, GP_METER_LEVEL_MAX),
		(int64_t)roll() };

	for (unsigned i = 0; i < EVENTS; i++) {
		double q = some_extreme(DBL_TRUE_MIN, DBL_MAX);

		gp_meter_drain(&m, &r, (int64_t)roll());
		REQUIRE(gp_meter_wait_ms(&m, &r, q) >= 0);
		REQUIRE(gp_meter_rest_ms(&m, &r) >= 0);
		REQUIRE((gp_meter_wait_ms(&m, &r, q) == 0) ==
			gp_meter_admits(&m, &r, q));
		switch (below(3)) {
		case 0:
			gp_meter_commit(&m, q);
			break;
		case 1:
			gp_meter_refund(&m, q);
			break;
		default:
			gp_meter_debit(&m, &r, q);
			break;
		}
		REQUIRE(m.level >= 0 && m.level <= GP_METER_LEVEL_MAX);
	}
}

static void
meter_levels_are_numbers_always(void **state)
{
	(void)state;
	each_history(run_extremes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meter_table_of_admissions),
		cmocka_unit_test(meter_drains_with_time_alone),
		cmocka_unit_test(meter_refund_takes_back_and_not_more),
		cmocka_unit_test(
		    meter_debit_ends_ten_minutes_above_the_capacity),
		cmocka_unit_test(meter_rest_is_the_time_to_empty),
		cmocka_unit_test(meter_never_admits_more_than_burst_and_rate),
		cmocka_unit_test(meter_wait_is_exact),
		cmocka_unit_test(meter_is_monotone_in_the_clock),
		cmocka_unit_test(meter_clock_set_back_locks_nobody_out),
		cmocka_unit_test(meter_levels_are_numbers_always),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
