/*
 * How a young domain's daily cap grows, waits and falls.  GP_SEED and
 * GP_HISTORIES choose other random histories than those of `make check`.
 */
#include "core/warmup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define HISTORIES 100000
#define TODAY     20779 /* 2026-11-22 */

static const struct gp_warmup_policy unset;

static struct gp_warmup_rule
rule_of(const char *provider)
{
	return gp_warmup_rule_of(&unset, provider);
}

static struct gp_warmup_state
sending_day(double n)
{
	return (struct gp_warmup_state){ .day = TODAY,
		.n = n,
		.last_send = n > 1 ? TODAY : 0 };
}

/* -- the table --------------------------------------------------------- */

/* Its first two digits count, the rest is rounded away. */
static int64_t
digit_of(int64_t v)
{
	int64_t unit = 1;

	for (; v >= 100; v /= 10)
		unit *= 10;
	return unit;
}

static void
warmup_table_of_providers(void **state)
{
	static const unsigned days[] = { 1, 2, 3, 4, 5, 7, 10, 14, 17, 21, 25 };
	static const struct {
		const char *provider;
		int64_t plateau;
		unsigned plateau_day;
		int64_t caps[COUNT(days)]; /* 0: the plateau */
	} rows[] = {
		{ "google", 20000, 15,
		    { 200, 280, 390, 550, 770, 1500, 4100, 15900 } },
		{ "ms_consumer", 10000, 19,
		    { 100, 130, 170, 220, 290, 480, 1100, 3000, 6700 } },
		{ "ms_365", 10000, 17,
		    { 100, 140, 180, 250, 330, 610, 1500, 4900 } },
		{ "yahoo_aol", 10000, 17,
		    { 100, 140, 180, 250, 330, 610, 1500, 4900 } },
		{ "apple", 5000, 16,
		    { 100, 130, 170, 220, 290, 480, 1100, 3000 } },
		{ "unitedinternet", 5000, 22,
		    { 50, 62, 78, 97, 120, 190, 370, 910, 1800, 4300 } },
		{ "telekom", 3000, 20,
		    { 50, 62, 78, 97, 120, 190, 370, 910, 1800 } },
		{ "orange", 3000, 20,
		    { 50, 62, 78, 97, 120, 190, 370, 910, 1800 } },
		{ "laposte", 3000, 20, { 50, 62, 78 } },
		{ "free", 3000, 20, { 50, 62, 78 } },
		{ "sfr", 3000, 20, { 50, 62, 78 } },
		{ "comcast", 5000, 16,
		    { 100, 130, 170, 220, 290, 480, 1100, 3000 } },
		{ "charter", 5000, 16, { 100, 130, 170 } },
		{ "other", 2000, 11, { 50, 75, 110, 170, 250, 570, 1900 } },
		{ "example", 2000, 11, { 50, 75, 110, 170, 250, 570, 1900 } },
		{ "", 2000, 11, { 50 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_warmup_rule r = rule_of(rows[i].provider);

		assert_int_equal(r.plateau, rows[i].plateau);
		assert_int_equal(r.hours, 12);
		assert_int_equal(gp_warmup_forecast(&r, r.plateau),
		    rows[i].plateau_day);
		for (size_t d = 0; d < COUNT(days); d++) {
			struct gp_warmup_state s = sending_day(days[d]);
			int64_t cap = gp_warmup_cap(&s, &r);
			int64_t want = rows[i].caps[d];

			if (want == 0 && days[d] < rows[i].plateau_day)
				continue;
			if (want == 0)
				want = rows[i].plateau;
			if (llabs(cap - want) * 2 > digit_of(want) + 1)
				fail_msg("%s, day %u: %lld", rows[i].provider,
				    days[d], (long long)cap);
		}
	}
}

static void
warmup_caps_are_whole_and_exact(void **state)
{
	static const struct {
		struct gp_warmup_rule rule;
		double n;
		int64_t cap;
	} rows[] = {
		{ { 200, 1400, 20000, 12 }, 3, 392 },
		{ { 200, 1400, 20000, 12 }, 4, 549 },
		{ { 50, 1250, 5000, 12 }, 2, 63 },
		{ { 100, 4000, 100000, 12 }, 1.5, 200 },
		{ { 100, 2250, 100000, 12 }, 1.5, 150 },
		{ { 1, 1001, 10, 12 }, 1, 1 },
		{ { 1, 4000, 1000000000000, 24 }, 100000, 1000000000000 },
		{ { 1000000000, 1001, 1000000000000, 24 }, 2, 1001000000 },
		{ { 7, 2000, 7, 12 }, 9, 7 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_warmup_state s = sending_day(rows[i].n);
		int64_t cap = gp_warmup_cap(&s, &rows[i].rule);

		if (cap != rows[i].cap)
			fail_msg("row %zu: %lld", i, (long long)cap);
	}
}

/* -- policies ---------------------------------------------------------- */

static void
warmup_policy_fills_in_what_is_open(void **state)
{
	static const struct {
		const char *label;
		struct gp_warmup_policy w;
		struct gp_warmup_rule rule;
	} rows[] = {
		{ "nothing", { .name = "google" }, { 200, 1400, 20000, 12 } },
		{ "all of it",
		    { .first_day = 10,
			.grow = 2000,
			.plateau = 90,
			.hours = 24 },
		    { 10, 2000, 90, 24 } },
		{ "the growth", { .grow = 1100 }, { 200, 1100, 20000, 12 } },
		{ "a first day over the table's end", { .first_day = 30000 },
		    { 30000, 1400, 30000, 12 } },
		{ "an end below the table's first day", { .plateau = 80 },
		    { 80, 1400, 80, 12 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_warmup_rule r =
		    gp_warmup_rule_of(&rows[i].w, "google");

		if (r.first_day != rows[i].rule.first_day ||
		    r.grow != rows[i].rule.grow ||
		    r.plateau != rows[i].rule.plateau ||
		    r.hours != rows[i].rule.hours)
			fail_msg("%s", rows[i].label);
	}
}

static void
warmup_own_block_goes_before_all(void **state)
{
	const struct gp_warmup_policy blocks[] = { { .name = "all" },
		{ .name = "google" }, { .name = "other" }, { .name = "all" } };
	struct gp_policy p = { .n_warmups = COUNT(blocks), .warmups = blocks };

	(void)state;
	assert_ptr_equal(gp_warmup_find(&p, "google"), &blocks[1]);
	assert_ptr_equal(gp_warmup_find(&p, "other"), &blocks[2]);
	assert_ptr_equal(gp_warmup_find(&p, "apple"), &blocks[0]);
	p = (struct gp_policy){ .n_warmups = 1, .warmups = blocks + 1 };
	assert_ptr_equal(gp_warmup_find(&p, "google"), &blocks[1]);
	assert_null(gp_warmup_find(&p, "apple"));
	p.n_warmups = 0;
	assert_null(gp_warmup_find(&p, "google"));
}

/* -- days -------------------------------------------------------------- */

static void
warmup_day_end_table(void **state)
{
	static const struct {
		const char *label;
		double n;
		int64_t quiet; /* days since the last one with a fifth */
		double used;   /* of a cap of 100, 200, 400, ... 1600 */
		int64_t days;  /* to the next look */
		double next;
		int64_t last; /* days before that look; -1: never */
	} rows[] = {
		{ "all of it", 1, -1, 100, 1, 2, 1 },
		{ "half of it", 2, 0, 100, 1, 3, 1 },
		{ "more than allowed", 2, 0, 900, 1, 3, 1 },
		{ "just below half", 2, 0, 99, 1, 2, 1 },
		{ "a fifth", 2, 3, 40, 1, 2, 1 },
		{ "below a fifth", 2, 2, 39, 1, 2, 3 },
		{ "nothing on the first day", 1, -1, 0, 1, 1, -1 },
		{ "and nothing for a year", 1, -1, 0, 365, 1, -1 },
		{ "at the plateau", 5, 0, 1600, 1, 5, 1 },
		{ "above it", 9, 0, 1600, 1, 9, 1 },
		{ "a weekend away", 3, 0, 400, 3, 4, 3 },
		{ "four days away", 4, 0, 0, 4, 4 - 1 / 9., 4 },
		{ "twelve days away", 4, 0, 0, 12, 3, 12 },
		{ "twelve days away, from the plateau", 7, 0, 1600, 12, 4, 12 },
		{ "thirty days away", 5, 0, 1600, 30, 2, 30 },
		{ "not below the first day", 2, 0, 0, 30, 1, 30 },
		{ "31 days away", 5, 0, 1600, 31, 1, 31 },
		{ "thirteen days away after four", 4, 4, 0, 9, 3, 13 },
		{ "31 days away after thirty", 3, 30, 0, 1, 1, 31 },
		{ "ten days away, then half", 3, 10, 200, 1, 4, 1 },
		{ "today again", 3, 0, 400, 0, 3, 0 },
		{ "a day back", 3, 0, 400, -1, 3, -1 },
		{ "a century back", 3, 0, 400, -36500, 3, -36500 },
	};
	const struct gp_warmup_rule r = { 100, 2000, 1600, 12 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_warmup_state s = { .day = TODAY, .n = rows[i].n };
		struct gp_warmup_state next;
		int64_t today = TODAY + rows[i].days;

		if (rows[i].quiet >= 0)
			s.last_send = TODAY - rows[i].quiet;
		next = gp_warmup_next(&s, &r, rows[i].used, today);
		if (next.n < rows[i].next - 1e-6 ||
		    next.n > rows[i].next + 1e-6)
			fail_msg("%s: n is %.7f", rows[i].label, next.n);
		if (rows[i].days <= 0)
			assert_memory_equal(&next, &s, sizeof(s));
		else if (next.day != today ||
			 next.last_send !=
			     (rows[i].last < 0 ? 0 : today - rows[i].last))
			fail_msg("%s: day %lld, last %lld", rows[i].label,
			    (long long)next.day, (long long)next.last_send);
	}
}

/* Reference: 7 days 14,700 (day 13.8), 14 days 8,570, 30 days 2,500; then one,
 * three and seven days of sending to the plateau again. */
static void
warmup_pause_from_googles_plateau(void **state)
{
	static const struct {
		int64_t days, cap;
		double n;
		unsigned again;
	} rows[] = {
		{ 1, 20000, 15, 0 },
		{ 3, 20000, 15, 0 },
		{ 7, 14697, 13.77, 1 },
		{ 14, 8572, 12.17, 3 },
		{ 30, 2500, 8.51, 7 },
		{ 31, 200, 1, 14 },
	};
	const struct gp_warmup_rule r = rule_of("google");
	const struct gp_warmup_state full = sending_day(15);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_warmup_state s =
		    gp_warmup_next(&full, &r, 20000, TODAY + rows[i].days);
		int64_t cap = gp_warmup_cap(&s, &r);
		unsigned again = 0;

		if (llabs(cap - rows[i].cap) > 1 || s.n < rows[i].n - .005 ||
		    s.n > rows[i].n + .005)
			fail_msg("%lld days: %lld on day %.3f",
			    (long long)rows[i].days, (long long)cap, s.n);
		for (; gp_warmup_cap(&s, &r) < 20000; again++)
			s = gp_warmup_next(&s, &r,
			    (double)gp_warmup_cap(&s, &r), s.day + 1);
		assert_int_equal(again, rows[i].again);
	}
}

static void
warmup_forecast_is_the_day_that_reaches_it(void **state)
{
	const struct gp_warmup_rule google = rule_of("google");
	const struct gp_warmup_rule slow = { 1, 1001, 1000000000000, 12 };

	(void)state;
	assert_int_equal(gp_warmup_forecast(&google, 0), 1);
	assert_int_equal(gp_warmup_forecast(&google, 200), 1);
	assert_int_equal(gp_warmup_forecast(&google, 201), 2);
	assert_int_equal(gp_warmup_forecast(&google, 280), 2);
	assert_int_equal(gp_warmup_forecast(&google, 281), 3);
	assert_int_equal(gp_warmup_forecast(&google, 20000), 15);
	assert_int_equal(gp_warmup_forecast(&google, 20001), 0);
	assert_int_equal(gp_warmup_forecast(&google, INT64_MAX), 0);
	assert_int_equal(gp_warmup_forecast(&slow, slow.plateau), 27646);
}

static void
warmup_meters_of_a_day(void **state)
{
	const struct gp_warmup_rule google = rule_of("google");
	struct gp_meter_rule day = gp_warmup_day_rule(550);
	struct gp_meter_rule spread = gp_warmup_spread_rule(4320, &google);
	struct gp_meter m = { 0, 0 };

	(void)state;
	assert_true(day.capacity == 550 && day.rate == 0);
	assert_true(day.factor == 1 && day.share == 1);
	assert_true(gp_warmup_day_rule(0).capacity == 1);
	/* what has left at once is back after a hundredth of the hours */
	assert_true(spread.capacity == 43.2);
	assert_true(spread.factor == 1 && spread.share == 1);
	gp_meter_commit(&m, 4320);
	assert_int_equal(gp_meter_rest_ms(&m, &spread), 12 * 3600 * 1000);
	assert_true(gp_warmup_spread_rule(50, &google).capacity == 1);
}

/* -- text -------------------------------------------------------------- */

static void
warmup_text_is_read_back(void **state)
{
	static const struct {
		const char *text;
		struct gp_warmup_state s;
	} rows[] = {
		{ "1 20779 1000000 0", { 20779, 1, 0 } },
		{ "1 20779 13769541 20772", { 20779, 13.769541, 20772 } },
		{ "1 0 1000000 0", { 0, 1, 0 } },
		{ "1 100000000 100000000000 100000000",
		    { 100000000, 100000, 100000000 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_warmup_state s;
		char text[GP_WARMUP_TEXT];

		gp_warmup_format(&rows[i].s, text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(gp_warmup_parse(gp_str(text), &s), GP_OK);
		assert_memory_equal(&s, &rows[i].s, sizeof(s));
	}
}

static void
warmup_damaged_text_is_none(void **state)
{
	static const char *const rows[] = { "", " ", "1", "1 20779",
		"1 20779 1000000", "1 20779 1000000 ", "1 20779 1000000 0 ",
		"1 20779 1000000 0 0", " 1 20779 1000000 0",
		"1  20779 1000000 0", "1 20779\t1000000 0",
		"1 20779 1000000 0\n", "0 20779 1000000 0", "2 20779 1000000 0",
		"01 20779 1000000 0", "1 020779 1000000 0", "1 20779 999999 0",
		"1 20779 0 0", "1 20779 1000000 00", "1 20779 1000000 20780",
		"1 20779 2000000 0", "1 20779 100000000001 20779",
		"1 100000001 1000000 0", "1 -1 1000000 0", "1 +20779 1000000 0",
		"1 20779 nan 0", "1 20779 inf 0", "1 20779 1.5 20779",
		"1 20779 1e6 0", "1 20779 0x1p20 0",
		"1 20779 99999999999999999999999999 0",
		"1 18446744073709551617 1000000 0",
		"1 20779 1000000 18446744073709551616" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_warmup_state s;

		if (gp_warmup_parse(gp_str(rows[i]), &s) != GP_NONE)
			fail_msg("\"%s\"", rows[i]);
	}
	assert_int_equal(gp_warmup_parse(gp_str_n("1 1 1000000 0\0", 14),
			     &(struct gp_warmup_state){ 0 }),
	    GP_NONE);
}

/* Of a text that was cut, or that one octet was changed in, nothing comes but
 * a state whose text it is. */
static void
warmup_text_with_damage_is_none_or_itself(void **state)
{
	static const char good[] = "1 20779 13769541 20772";
	char text[sizeof(good)], again[GP_WARMUP_TEXT];
	struct gp_warmup_state s;

	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		for (unsigned c = 0; c < 256; c++) {
			memcpy(text, good, sizeof(good));
			text[n] = (char)c;
			if (gp_warmup_parse(gp_str_n(text, sizeof(good) - 1),
				&s) != GP_OK)
				continue;
			gp_warmup_format(&s, again);
			assert_string_equal(again, text);
		}
		if (gp_warmup_parse(gp_str_n(good, n), &s) == GP_OK)
			assert_true(s.last_send < TODAY - 7);
	}
}

/* -- over chance ------------------------------------------------------- */

static uint64_t dice;
static uint64_t history;

static uint64_t
roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice >> 16;
}

static unsigned long long
number(const char *name, unsigned long long fallback)
{
	const char *text = getenv(name);

	return text == NULL ? fallback : strtoull(text, NULL, 10);
}

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what))                                                   \
			fail_msg("GP_SEED=%llu GP_HISTORIES=1: %s",            \
			    (unsigned long long)history, #what);               \
	} while (0)

static struct gp_warmup_rule
some_rule(void)
{
	struct gp_warmup_rule r = {
		.first_day = 1 + (int64_t)(roll() % 1000),
		.grow = 1001 + (unsigned)(roll() % 3000),
		.hours = 1 + (unsigned)(roll() % 24),
	};

	r.plateau = r.first_day + (int64_t)(roll() % 10000000);
	return r;
}

/* Nobody's quiet days are counted twice: who looks each day and who looks at
 * the end see the same, but for the rounding of n. */
static void
check_quiet_days(const struct gp_warmup_state *s,
    const struct gp_warmup_rule *r)
{
	const int64_t days = 1 + (int64_t)(roll() % 35);
	const double used = (double)gp_warmup_cap(s, r);
	struct gp_warmup_state once = gp_warmup_next(s, r, used, s->day + days);
	struct gp_warmup_state daily = gp_warmup_next(s, r, used, s->day + 1);

	while (daily.day < once.day)
		daily = gp_warmup_next(&daily, r, 0, daily.day + 1);
	REQUIRE(daily.last_send == once.last_send);
	REQUIRE(daily.n < once.n + 1e-4 && daily.n > once.n - 1e-4);
}

static void
run_history(void)
{
	const struct gp_warmup_rule r = some_rule();
	struct gp_warmup_state s = gp_warmup_begin(TODAY);

	for (unsigned i = 0; i < 40; i++) {
		const int64_t cap = gp_warmup_cap(&s, &r);
		const double used = (double)(roll() % (uint64_t)(cap + 1));
		const int64_t days = roll() % 8 == 0 ? (int64_t)(roll() % 40)
		                                     : (int64_t)(roll() % 2);
		struct gp_warmup_state more, next, again;
		char text[GP_WARMUP_TEXT];

		next = gp_warmup_next(&s, &r, used, s.day + days);
		more = gp_warmup_next(&s, &r, used + 1, s.day + days);
		REQUIRE(cap >= 1 && cap <= r.plateau);
		REQUIRE(next.n >= 1 && next.n < s.n + 1 + 1e-9);
		REQUIRE(next.day >= next.last_send && next.day >= s.day);
		REQUIRE(more.n >= next.n); /* sending is never a loss */
		gp_warmup_format(&next, text);
		REQUIRE(gp_warmup_parse(gp_str(text), &again) == GP_OK);
		REQUIRE(memcmp(&again, &next, sizeof(next)) == 0);
		if (i == 20)
			check_quiet_days(&s, &r);
		s = next;
	}
}

static void
warmup_any_history_keeps_its_bounds(void **state)
{
	const uint64_t first = number("GP_SEED", 20261122);
	const uint64_t n = number("GP_HISTORIES", HISTORIES);

	(void)state;
	print_message("# GP_SEED=%llu GP_HISTORIES=%llu\n",
	    (unsigned long long)first, (unsigned long long)n);
	for (history = first; history < first + n; history++) {
		dice = history * UINT64_C(0x9E3779B97F4A7C15) + 1;
		run_history();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warmup_table_of_providers),
		cmocka_unit_test(warmup_caps_are_whole_and_exact),
		cmocka_unit_test(warmup_policy_fills_in_what_is_open),
		cmocka_unit_test(warmup_own_block_goes_before_all),
		cmocka_unit_test(warmup_day_end_table),
		cmocka_unit_test(warmup_pause_from_googles_plateau),
		cmocka_unit_test(warmup_forecast_is_the_day_that_reaches_it),
		cmocka_unit_test(warmup_meters_of_a_day),
		cmocka_unit_test(warmup_text_is_read_back),
		cmocka_unit_test(warmup_damaged_text_is_none),
		cmocka_unit_test(warmup_text_with_damage_is_none_or_itself),
		cmocka_unit_test(warmup_any_history_keeps_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
