/* See store_suite.h; here are charges and marks, without time. */
#include "support/store_suite.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "support/store_suite_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHERS                                                                 \
	(STORE_SUITE_LOAD_TESTS + STORE_SUITE_NOTE_TESTS +                     \
	    STORE_SUITE_TIME_TESTS)

struct store_lab store_lab;

/* -- the lab --------------------------------------------------------------- */

struct gp_str
store_key(const char *fmt, ...)
{
	char tail[GP_CHARGE_KEY_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(tail, sizeof(tail), fmt, ap);
	va_end(ap);
	return gp_str(
	    gp_arena_printf(store_lab.arena, "%s%s", store_lab.word, tail));
}

struct gp_charge
store_counter(const char *key, double capacity)
{
	return (struct gp_charge){ .key = store_key("%s", key),
		.rule = { .capacity = capacity, .factor = 1, .share = 1 },
		.cost = 1,
		.keep_ms = STORE_HOUR_MS,
		.mark_ms = STORE_HOUR_MS };
}

enum gp_rc
store_apply(enum gp_store_how how, const struct gp_charge *charges, size_t n,
    struct gp_charged *out)
{
	return store_lab.store.ops->apply(store_lab.store.self, how,
	    store_lab.now_ms, charges, n, out);
}

double
store_level(const struct gp_charge *charge)
{
	struct gp_charge c = *charge;
	struct gp_charged out;

	c.mark = (struct gp_str){ 0 };
	c.watch = true;
	assert_int_equal(store_apply(GP_STORE_PEEK, &c, 1, &out), GP_OK);
	return out.fits ? out.level - c.cost : out.level;
}

static int
set_up(void **state)
{
	(void)state;
	store_lab.arena = gp_arena_new();
	store_lab.now_ms = INT64_C(1000000000);
	(void)snprintf(store_lab.word, sizeof(store_lab.word), "t%x-%x-%u-",
	    (unsigned)getpid(), (unsigned)gp_clock_us(), store_lab.tests++);
	store_lab.store = store_lab.suite->open();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_lab.store.ops->close(store_lab.store.self);
	gp_arena_free(store_lab.arena);
	return 0;
}

static enum gp_rc
charge(const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	return store_apply(GP_STORE_CHARGE, charges, n, out);
}

#define ASSERT_LEVEL(charge, want) ASSERT_NEAR(store_level(charge), want, 1e-6)

/* -- charges --------------------------------------------------------------- */

static void
meter_takes_its_capacity_and_no_more(void **state)
{
	const struct gp_charge c = store_counter("a", 3);
	struct gp_charged out;

	(void)state;
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(charge(&c, 1, &out), GP_OK);
		assert_true(out.fits && !out.free);
		ASSERT_NEAR(out.level, i, 1e-9);
		assert_int_equal(out.wait_ms, 0);
	}
	assert_int_equal(charge(&c, 1, &out), GP_NONE);
	assert_false(out.fits);
	ASSERT_NEAR(out.level, 3, 1e-9);
	assert_int_equal(out.wait_ms, GP_METER_NEVER);
	ASSERT_LEVEL(&c, 3);
}

static void
one_that_is_full_stops_all_others(void **state)
{
	struct gp_charge c[3] = { store_counter("a", 9), store_counter("b", 1),
		store_counter("c", 9) };
	struct gp_charged out[3];

	(void)state;
	assert_int_equal(charge(c, 3, out), GP_OK);
	assert_int_equal(charge(c, 3, out), GP_NONE);
	assert_true(out[0].fits && !out[1].fits && out[2].fits);
	ASSERT_LEVEL(&c[0], 1);
	ASSERT_LEVEL(&c[1], 1);
	ASSERT_LEVEL(&c[2], 1);
}

static void
same_key_is_charged_upon_what_was_before(void **state)
{
	struct gp_charge c[4] = { store_counter("a", 3), store_counter("a", 3),
		store_counter("a", 3), store_counter("a", 3) };
	struct gp_charged out[4];

	(void)state;
	assert_int_equal(charge(c, 4, out), GP_NONE);
	for (int i = 0; i < 3; i++) {
		assert_true(out[i].fits);
		ASSERT_NEAR(out[i].level, i + 1, 1e-9);
	}
	assert_false(out[3].fits);
	ASSERT_NEAR(out[3].level, 3, 1e-9);
	ASSERT_LEVEL(&c[0], 0);
	assert_int_equal(charge(c, 3, out), GP_OK);
	ASSERT_LEVEL(&c[0], 3);
}

static void
costs_are_parts_and_many(void **state)
{
	struct gp_charge c = store_counter("a", 1e9);
	struct gp_charged out;

	(void)state;
	c.cost = 0.125;
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	c.cost = 123456789;
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	ASSERT_NEAR(out.level, 123456789.125, 1e-9);
	ASSERT_LEVEL(&c, 123456789.125);
}

static void
larger_than_the_capacity_fits_an_empty_meter(void **state)
{
	struct gp_charge c = store_counter("a", 10);
	struct gp_charged out;

	(void)state;
	c.cost = 25;
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	ASSERT_NEAR(out.level, 25, 1e-9);
	c.cost = 1;
	assert_int_equal(charge(&c, 1, &out), GP_NONE);
	ASSERT_LEVEL(&c, 25);
}

static void
share_leaves_room_for_others(void **state)
{
	struct gp_charge bulk = store_counter("a", 10);
	struct gp_charge other = store_counter("a", 10);
	struct gp_charged out;

	(void)state;
	bulk.rule.share = 0.5;
	bulk.cost = 5;
	assert_int_equal(charge(&bulk, 1, &out), GP_OK);
	bulk.cost = 1;
	assert_int_equal(charge(&bulk, 1, &out), GP_NONE);
	other.cost = 5;
	assert_int_equal(charge(&other, 1, &out), GP_OK);
	other.cost = 1;
	assert_int_equal(charge(&other, 1, &out), GP_NONE);
}

static void
factor_makes_the_room_smaller(void **state)
{
	struct gp_charge c = store_counter("a", 10);
	struct gp_charged out;

	(void)state;
	c.rule.factor = 0.25;
	c.cost = 2;
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	c.cost = 1;
	assert_int_equal(charge(&c, 1, &out), GP_NONE);
	c.rule.factor = 1;
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	ASSERT_LEVEL(&c, 3);
}

static void
watched_limit_stops_nobody(void **state)
{
	struct gp_charge c[3] = { store_counter("a", 9), store_counter("b", 2),
		store_counter("c", 9) };
	struct gp_charged out[3];

	(void)state;
	c[1].watch = true;
	for (int i = 1; i <= 4; i++) {
		assert_int_equal(charge(c, 3, out), GP_OK);
		assert_true(out[0].fits && out[2].fits);
		assert_int_equal(out[1].fits, i <= 2);
	}
	assert_int_equal(out[1].wait_ms, GP_METER_NEVER);
	ASSERT_LEVEL(&c[0], 4);
	ASSERT_LEVEL(&c[1], 2);
	ASSERT_LEVEL(&c[2], 4);
	c[2].rule.capacity = 4;
	c[1].rule.capacity = 9;
	assert_int_equal(charge(c, 3, out), GP_NONE);
	ASSERT_LEVEL(&c[1], 2); /* all or none is for it, too */
}

static void
most_charges_of_a_call_are_made(void **state)
{
	struct gp_charge *c = gp_xcalloc(GP_CHARGES_MAX, sizeof(*c));
	struct gp_charged *out = gp_xcalloc(GP_CHARGES_MAX, sizeof(*out));

	(void)state;
	for (size_t i = 0; i < GP_CHARGES_MAX; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "%zu", i / 2 % 100);
		c[i] = store_counter(i % 2 == 0 ? "all" : key, 8191);
	}
	for (size_t i = 0; i < GP_CHARGES_MAX; i++)
		assert_true(c[i].key.n > 0);
	assert_int_equal(charge(c, GP_CHARGES_MAX, out), GP_OK);
	ASSERT_NEAR(out[GP_CHARGES_MAX - 2].level, GP_CHARGES_MAX / 2.0, 1e-9);
	assert_int_equal(charge(c, GP_CHARGES_MAX, out), GP_NONE);
	ASSERT_LEVEL(&c[0], GP_CHARGES_MAX / 2.0);
	ASSERT_LEVEL(&c[1], 41);
	assert_int_equal(store_apply(GP_STORE_PEEK, c, GP_CHARGES_MAX - 2, out),
	    GP_OK);
	for (size_t i = 0; i < GP_CHARGES_MAX; i++)
		out[i] = (struct gp_charged){ .fits = true };
	assert_int_equal(store_apply(GP_STORE_REFUND, c, GP_CHARGES_MAX, out),
	    GP_OK);
	ASSERT_LEVEL(&c[0], 0);
	ASSERT_LEVEL(&c[1], 0);
	free(c);
	free(out);
}

static void
keys_of_any_form_are_apart(void **state)
{
	static const char *const forms[] = { "a", "A", "a:b", "*", "[a]", "?",
		"\\", "\"", "'", "{a}", "a}b{", "$1", "%s",
		"~!@#^&()_+=;,.<>/|`", "0", "-1", "1e9" };
	const size_t n = sizeof(forms) / sizeof(forms[0]);
	struct gp_charge last;
	struct gp_charged out;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct gp_charge c = store_counter(forms[i], 100);

		c.cost = (double)i + 1;
		assert_int_equal(charge(&c, 1, &out), GP_OK);
	}
	for (size_t i = 0; i < n; i++) {
		struct gp_charge c = store_counter(forms[i], 100);

		ASSERT_LEVEL(&c, (double)i + 1);
	}
	last = store_counter("", 100);
	last.key =
	    gp_str(gp_arena_printf(store_lab.arena, "%s%0*d", store_lab.word,
		GP_CHARGE_KEY_MAX - (int)strlen(store_lab.word), 7));
	assert_int_equal(last.key.n, GP_CHARGE_KEY_MAX);
	assert_int_equal(charge(&last, 1, &out), GP_OK);
	ASSERT_LEVEL(&last, 1);
	last.key.n--;
	ASSERT_LEVEL(&last, 0);
}

/* -- marks ----------------------------------------------------------------- */

static struct gp_charge
marked(const char *key, const char *mark, double capacity)
{
	struct gp_charge c = store_counter(key, capacity);

	c.mark = store_key("%s", mark);
	return c;
}

static void
mark_that_is_kept_makes_it_free(void **state)
{
	const struct gp_charge c = marked("a", "m", 1);
	const struct gp_charge other = marked("a", "n", 1);
	struct gp_charged out;

	(void)state;
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	assert_true(out.fits && !out.free);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(charge(&c, 1, &out), GP_OK);
		assert_true(out.fits && out.free);
		ASSERT_NEAR(out.level, 1, 1e-9);
		assert_int_equal(out.wait_ms, 0);
	}
	assert_int_equal(charge(&other, 1, &out), GP_NONE);
	assert_false(out.free);
	assert_int_equal(charge(&other, 1, &out), GP_NONE); /* nor set */
	ASSERT_LEVEL(&c, 1);
}

static void
mark_set_in_a_call_holds_for_the_rest_of_it(void **state)
{
	struct gp_charge c[3] = { marked("a", "m", 1), marked("a", "m", 1),
		marked("b", "m", 1) };
	struct gp_charged out[3];

	(void)state;
	assert_int_equal(charge(c, 3, out), GP_OK);
	assert_true(!out[0].free && out[1].free && out[2].free);
	ASSERT_LEVEL(&c[0], 1);
	ASSERT_LEVEL(&c[2], 0);
}

static void
mark_is_set_with_its_charge_or_not_at_all(void **state)
{
	struct gp_charge c[2] = { marked("a", "m", 9), store_counter("b", 1) };
	struct gp_charge full = marked("c", "n", 1);
	struct gp_charged out[2];

	(void)state;
	assert_int_equal(charge(&c[1], 1, out), GP_OK);
	assert_int_equal(charge(c, 2, out), GP_NONE);
	assert_int_equal(store_apply(GP_STORE_PEEK, c, 1, out), GP_OK);
	assert_false(out[0].free);
	assert_int_equal(charge(c, 1, out), GP_OK);
	assert_false(out[0].free);
	/* nor by one that only watches, where it does not fit */
	full.watch = true;
	full.cost = 1;
	assert_int_equal(charge(&full, 1, out), GP_OK);
	full.mark = store_key("o");
	assert_int_equal(charge(&full, 1, out), GP_OK);
	assert_false(out[0].fits);
	full.rule.capacity = 2;
	assert_int_equal(charge(&full, 1, out), GP_OK);
	assert_true(out[0].fits && !out[0].free);
}

static void
refund_takes_the_mark_that_it_set(void **state)
{
	struct gp_charge c[2] = { marked("a", "m", 9), marked("a", "m", 9) };
	struct gp_charged first[2], second;

	(void)state;
	assert_int_equal(charge(c, 2, first), GP_OK);
	assert_int_equal(charge(c, 1, &second), GP_OK);
	assert_true(second.free);
	/* what was free takes nothing away */
	assert_int_equal(store_apply(GP_STORE_REFUND, c, 1, &second), GP_OK);
	assert_int_equal(charge(c, 1, &second), GP_OK);
	assert_true(second.free);
	ASSERT_LEVEL(c, 1);
	assert_int_equal(store_apply(GP_STORE_REFUND, c, 2, first), GP_OK);
	ASSERT_LEVEL(c, 0);
	assert_int_equal(charge(c, 1, &second), GP_OK);
	assert_false(second.free);
	ASSERT_LEVEL(c, 1);
}

/* -- the other calls ------------------------------------------------------- */

static void
peek_answers_as_a_charge_and_does_nothing(void **state)
{
	struct gp_charge c[4] = { store_counter("a", 2), store_counter("a", 2),
		marked("b", "m", 5), marked("b", "m", 5) };
	struct gp_charged said[4], done[4];

	(void)state;
	for (int round = 0; round < 3; round++) {
		enum gp_rc rc = store_apply(GP_STORE_PEEK, c, 4, said);

		assert_int_equal(store_apply(GP_STORE_PEEK, c, 4, done), rc);
		assert_int_equal(charge(c, 4, done), rc);
		assert_int_equal(rc, round == 0 ? GP_OK : GP_NONE);
		for (int i = 0; i < 4; i++) {
			assert_int_equal(said[i].fits, done[i].fits);
			assert_int_equal(said[i].free, done[i].free);
			ASSERT_NEAR(said[i].level, done[i].level, 1e-9);
			assert_int_equal(said[i].wait_ms, done[i].wait_ms);
		}
	}
	ASSERT_LEVEL(&c[0], 2);
	ASSERT_LEVEL(&c[2], 1);
}

static void
refund_gives_back_what_was_made(void **state)
{
	struct gp_charge c[3] = { store_counter("a", 9), store_counter("b", 1),
		store_counter("c", 9) };
	struct gp_charged out[3];

	(void)state;
	c[1].watch = true;
	c[2].cost = 4;
	assert_int_equal(charge(c, 3, out), GP_OK);
	assert_int_equal(charge(c, 3, out), GP_OK);
	assert_false(out[1].fits);
	assert_int_equal(store_apply(GP_STORE_REFUND, c, 3, out), GP_OK);
	ASSERT_LEVEL(&c[0], 1);
	ASSERT_LEVEL(&c[1], 1); /* its charge had not been made */
	ASSERT_LEVEL(&c[2], 4);
	c[2].cost = 100;
	assert_int_equal(store_apply(GP_STORE_REFUND, c, 3, out), GP_OK);
	ASSERT_LEVEL(&c[2], 0);
}

/* What empties a meter for the operator (gp_store_empty). */
static void
refund_of_all_that_can_be_there_empties(void **state)
{
	const struct gp_charge full = store_counter("a", 3);
	const struct gp_charge other = store_counter("b", 3);
	struct gp_charge all = full;
	struct gp_charged out;

	(void)state;
	assert_int_equal(charge(&other, 1, &out), GP_OK);
	while (charge(&full, 1, &out) == GP_OK)
		continue;
	all.rule.capacity = 1;
	all.cost = GP_METER_LEVEL_MAX;
	out = (struct gp_charged){ .fits = true };
	assert_int_equal(store_apply(GP_STORE_REFUND, &all, 1, &out), GP_OK);
	ASSERT_LEVEL(&full, 0);
	ASSERT_LEVEL(&other, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(charge(&full, 1, &out), GP_OK);
	assert_int_equal(charge(&full, 1, &out), GP_NONE);
}

static void
refund_of_what_is_not_there_makes_no_debt(void **state)
{
	struct gp_charge c = marked("a", "m", 2);
	struct gp_charged out = { .fits = true };

	(void)state;
	assert_int_equal(store_apply(GP_STORE_REFUND, &c, 1, &out), GP_OK);
	ASSERT_LEVEL(&c, 0);
	c.mark.n = 0;
	c.cost = 2;
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	c.cost = 1;
	assert_int_equal(charge(&c, 1, &out), GP_NONE);
}

static void
debit_counts_what_would_not_fit(void **state)
{
	struct gp_charge c[2] = { marked("a", "m", 10), store_counter("b", 2) };
	struct gp_charged out[2];

	(void)state;
	/* it drains so little that no test sees it */
	c[0].rule.rate = 0.01;
	c[0].cost = 8;
	assert_int_equal(store_apply(GP_STORE_DEBIT, c, 2, NULL), GP_OK);
	assert_int_equal(store_apply(GP_STORE_DEBIT, c, 1, NULL), GP_OK);
	/* 16 are over the capacity by no more than ten minutes drain */
	ASSERT_NEAR(store_level(&c[0]), 16, 0.5);
	assert_int_equal(store_apply(GP_STORE_PEEK, c, 1, out), GP_NONE);
	assert_false(out[0].free); /* the mark was not set */
	c[0].cost = 1000;
	assert_int_equal(store_apply(GP_STORE_DEBIT, c, 1, NULL), GP_OK);
	ASSERT_NEAR(store_level(&c[0]), 16, 0.5);
	ASSERT_LEVEL(&c[1], 1);
}

static void
debit_raises_a_meter_that_has_less(void **state)
{
	struct gp_charge c = store_counter("a", 10);
	struct gp_charged out;

	(void)state;
	c.cost = 1;
	c.least = 5;
	assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL), GP_OK);
	ASSERT_LEVEL(&c, 6); /* 5 that it had, and 1 */
	assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL), GP_OK);
	ASSERT_LEVEL(&c, 7); /* it has more */
	c.cost = 0;
	assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL), GP_OK);
	ASSERT_LEVEL(&c, 7);
	c.least = 8;
	assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL), GP_OK);
	ASSERT_LEVEL(&c, 8);
	c.least = 100; /* bound as any debit is */
	assert_int_equal(store_apply(GP_STORE_DEBIT, &c, 1, NULL), GP_OK);
	ASSERT_LEVEL(&c, 10);
	c = store_counter("b", 10);
	c.least = 5; /* of a debit alone */
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	ASSERT_LEVEL(&c, 1);
}

static void
meters_marks_and_notes_are_apart(void **state)
{
	struct gp_charge c = store_counter("a", 1);
	struct gp_charged out;
	struct gp_str value;

	(void)state;
	c.mark = c.key;
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	assert_false(out.free);
	assert_int_equal(store_lab.store.ops->get(store_lab.store.self,
			     store_lab.now_ms, c.key, store_lab.arena, &value),
	    GP_NONE);
	assert_int_equal(store_lab.store.ops->put(store_lab.store.self,
			     store_lab.now_ms, c.key, GP_STR("text"),
			     STORE_HOUR_MS),
	    GP_OK);
	ASSERT_LEVEL(&c, 1);
	assert_int_equal(charge(&c, 1, &out), GP_OK);
	assert_true(out.free);
}

/* -- all of them ----------------------------------------------------------- */

static const struct CMUnitTest suite_tests[] = {
#define TEST(f) cmocka_unit_test(f)
	TEST(meter_takes_its_capacity_and_no_more),
	TEST(one_that_is_full_stops_all_others),
	TEST(same_key_is_charged_upon_what_was_before),
	TEST(costs_are_parts_and_many),
	TEST(larger_than_the_capacity_fits_an_empty_meter),
	TEST(share_leaves_room_for_others),
	TEST(factor_makes_the_room_smaller),
	TEST(watched_limit_stops_nobody),
	TEST(most_charges_of_a_call_are_made),
	TEST(keys_of_any_form_are_apart),
	TEST(mark_that_is_kept_makes_it_free),
	TEST(mark_set_in_a_call_holds_for_the_rest_of_it),
	TEST(mark_is_set_with_its_charge_or_not_at_all),
	TEST(refund_takes_the_mark_that_it_set),
	TEST(peek_answers_as_a_charge_and_does_nothing),
	TEST(refund_gives_back_what_was_made),
	TEST(refund_of_all_that_can_be_there_empties),
	TEST(refund_of_what_is_not_there_makes_no_debt),
	TEST(debit_counts_what_would_not_fit),
	TEST(debit_raises_a_meter_that_has_less),
	TEST(meters_marks_and_notes_are_apart),
};
#define OWN (sizeof(suite_tests) / sizeof(suite_tests[0]))

int
store_suite_run(const struct store_suite *suite)
{
	static struct CMUnitTest tests[OWN + OTHERS];
	static char names[OWN + OTHERS][128];
	size_t n = 0;

	for (size_t i = 0; i < OWN; i++)
		tests[n++] = suite_tests[i];
	for (size_t i = 0; i < STORE_SUITE_NOTE_TESTS; i++)
		tests[n++] = store_suite_notes[i];
	for (size_t i = 0; i < STORE_SUITE_TIME_TESTS; i++)
		tests[n++] = store_suite_time[i];
	for (size_t i = 0; i < STORE_SUITE_LOAD_TESTS; i++)
		tests[n++] = store_suite_load[i];
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "store_%s_%s",
		    suite->name, tests[i].name);
		tests[i].name = names[i];
		tests[i].setup_func = set_up;
		tests[i].teardown_func = tear_down;
	}
	store_lab.suite = suite;
	return _cmocka_run_group_tests(suite->name, tests, n, NULL, NULL);
}
