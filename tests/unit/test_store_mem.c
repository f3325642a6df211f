/* The bound of the store in memory: what goes, and what stays. */
#include "base/xalloc.h"
#include "io/store_backend.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define START_MS INT64_C(1000000000)
#define HOUR_MS  INT64_C(3600000)
#define KIBIBYTE INT64_C(1024)

static struct gp_store_backend mem;

static int
tear_down(void **state)
{
	(void)state;
	mem.ops->close(mem.self);
	return 0;
}

/* A meter that is empty `level / rate` seconds after it was charged. */
struct meter {
	double level, rate;
	int64_t keep_ms;
};

static void
apply(enum gp_store_how how, const char *kind, unsigned number,
    const struct meter *m, int64_t now_ms)
{
	char key[32];
	struct gp_charged out = { .fits = true };
	struct gp_charge c = { .rule = { .capacity = 1e6,
				   .rate = m->rate,
				   .factor = 1,
				   .share = 1 },
		.cost = m->level,
		.keep_ms = m->keep_ms };

	(void)snprintf(key, sizeof(key), "%s%06u", kind, number);
	c.key = gp_str(key);
	assert_int_equal(mem.ops->apply(mem.self, how, now_ms, &c, 1, &out),
	    GP_OK);
}

static void
fill(const char *kind, unsigned n, const struct meter *m, int64_t now_ms)
{
	for (unsigned i = 0; i < n; i++)
		apply(GP_STORE_CHARGE, kind, i, m, now_ms);
}

/* described - the number behind a word of the description */
static uint64_t
described(const char *word)
{
	struct gp_buf text;
	const char *at;
	uint64_t n;

	gp_buf_init(&text, 256);
	mem.ops->describe(mem.self, &text);
	at = strstr(gp_buf_cstr(&text), word);
	assert_non_null(at);
	n = strtoull(at + strlen(word), NULL, 10);
	gp_buf_clear(&text);
	return n;
}

static bool
count(void *arg, struct gp_str key, const struct gp_meter *m, int64_t now_ms)
{
	(void)key;
	(void)m;
	(void)now_ms;
	++*(unsigned *)arg;
	return true;
}

static unsigned
there(const char *kind, int64_t now_ms)
{
	unsigned n = 0;

	assert_int_equal(mem.ops->walk(mem.self, now_ms, gp_str(kind), SIZE_MAX,
			     count, &n),
	    GP_OK);
	return n;
}

static void
store_mem_holds_what_fits_into_its_bytes(void **state)
{
	const struct meter m = { 10, 0, HOUR_MS };

	(void)state;
	mem = gp_store_mem_open(KIBIBYTE * KIBIBYTE);
	for (unsigned i = 0; i < 50000; i++) {
		apply(GP_STORE_CHARGE, "k", i, &m, START_MS + i);
		assert_true(
		    (int64_t)described("bytes ") <= KIBIBYTE * KIBIBYTE);
	}
	assert_int_equal(described("keys "), there("k", START_MS + 50000));
	/* about 120 octets each */
	assert_in_range(described("keys "), 6000, 12000);
}

static void
store_mem_loses_first_what_is_worth_least(void **state)
{
	const struct meter old = { 10, 0, HOUR_MS };       /* forgotten then */
	const struct meter empty = { 10, 1, 9 * HOUR_MS }; /* in ten seconds */
	const struct meter soon = { 1000, 1, 9 * HOUR_MS };
	const struct meter late = { 30000, 1, 9 * HOUR_MS };
	const int64_t now = START_MS + HOUR_MS;
	const int64_t before = now - 20000; /* not in passing */

	(void)state;
	mem = gp_store_mem_open(130 * KIBIBYTE);
	fill("late", 200, &late, before);
	fill("soon", 200, &soon, before);
	fill("empty", 200, &empty, before);
	fill("old", 200, &old, before - HOUR_MS);
	assert_int_equal(described("keys "), 800);
	for (unsigned i = 0; there("new", now) < 1000; i++) {
		apply(GP_STORE_CHARGE, "new", i, &late, now);
		if (there("old", before) > 0)
			assert_int_equal(there("empty", now), 200);
		if (there("empty", now) > 0)
			assert_int_equal(there("soon", now), 200);
		if (there("soon", now) > 0)
			assert_int_equal(there("late", now), 200);
		if (there("late", now) < 200)
			break;
	}
	assert_int_equal(there("old", before), 0);
	assert_int_equal(there("empty", now), 0);
	assert_int_equal(there("soon", now), 0);
	assert_in_range(there("late", now), 190, 199);
}

static void
store_mem_knows_what_was_charged_again_or_given_back(void **state)
{
	const struct meter m = { 1000, 1, 9 * HOUR_MS };
	const struct meter more = { 9000, 1, 9 * HOUR_MS };
	const struct meter less = { 990, 1, 9 * HOUR_MS };

	(void)state;
	mem = gp_store_mem_open(40 * KIBIBYTE);
	fill("a", 100, &m, START_MS);
	fill("b", 100, &m, START_MS);
	/* half of each changes its place in the order */
	for (unsigned i = 0; i < 50; i++) {
		apply(GP_STORE_CHARGE, "a", i, &more, START_MS);
		apply(GP_STORE_REFUND, "b", i, &less, START_MS);
	}
	assert_int_equal(described("keys "), 200);
	for (unsigned i = 0; there("b", START_MS) == 100; i++)
		apply(GP_STORE_CHARGE, "new", i, &more, START_MS);
	for (unsigned i = 0; there("b", START_MS) > 50; i++) {
		apply(GP_STORE_CHARGE, "more", i, &more, START_MS);
		assert_int_equal(there("a", START_MS), 100);
	}
	assert_int_equal(there("b00000", START_MS), 0);
	assert_int_equal(there("b00005", START_MS), 10);
	for (unsigned i = 0; there("a", START_MS) > 50; i++)
		apply(GP_STORE_CHARGE, "most", i, &more, START_MS);
	assert_int_equal(there("a00004", START_MS), 10);
	assert_int_equal(there("a00005", START_MS), 0);
}

static void
store_mem_forgets_in_passing_what_is_long_worth_nothing(void **state)
{
	const struct meter m = { 10, 1, 9 * HOUR_MS };

	(void)state;
	mem = gp_store_mem_open(INT64_C(1) << 30);
	fill("a", 1000, &m, START_MS);
	fill("b", 500, &m, START_MS + 60000);
	/* a quarter of an hour: the clock may go back, too */
	assert_int_equal(described("keys "), 1500);
	fill("c", 500, &m, START_MS + HOUR_MS);
	assert_int_equal(described("keys "), 1000);
	assert_int_equal(there("a", START_MS), 0);
	fill("d", 500, &m, START_MS + HOUR_MS);
	assert_int_equal(described("keys "), 1000);
	assert_int_equal(there("c", START_MS), 500);
}

static void
store_mem_takes_a_call_that_is_larger_than_all_of_it(void **state)
{
	struct gp_charge *c = gp_xcalloc(GP_CHARGES_MAX, sizeof(*c));
	struct gp_charged *out = gp_xcalloc(GP_CHARGES_MAX, sizeof(*out));
	char(*keys)[16] = gp_xcalloc(GP_CHARGES_MAX, sizeof(*keys));

	(void)state;
	mem = gp_store_mem_open(4 * KIBIBYTE);
	for (unsigned i = 0; i < GP_CHARGES_MAX; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "k%u", i);
		c[i] = (struct gp_charge){ .key = gp_str(keys[i]),
			.mark = gp_str(keys[i]),
			.rule = { 10, 1, 1, 1 },
			.cost = 1 + i % 7,
			.keep_ms = HOUR_MS,
			.mark_ms = HOUR_MS };
	}
	for (int round = 0; round < 3; round++) {
		assert_int_equal(mem.ops->apply(mem.self, GP_STORE_CHARGE,
				     START_MS, c, GP_CHARGES_MAX, out),
		    GP_OK);
		assert_true((int64_t)described("bytes ") <= 4 * KIBIBYTE);
		assert_true(described("keys ") > 10);
		assert_int_equal(mem.ops->apply(mem.self, GP_STORE_REFUND,
				     START_MS, c, GP_CHARGES_MAX, out),
		    GP_OK);
	}
	/* a single item is kept even so */
	mem.ops->close(mem.self);
	mem = gp_store_mem_open(1);
	assert_int_equal(mem.ops->apply(mem.self, GP_STORE_CHARGE, START_MS, c,
			     1, out),
	    GP_OK);
	assert_int_equal(described("keys "), 1);
	free(keys);
	free(out);
	free(c);
}

static void
store_mem_counts_bytes_of_notes(void **state)
{
	static const char text[GP_STORE_NOTE_MAX];
	const uint64_t few = UINT64_C(10) * (GP_STORE_NOTE_MAX + 200);

	(void)state;
	mem = gp_store_mem_open(INT64_C(1) << 30);
	for (int i = 0; i < 10; i++) {
		const char key[] = { (char)('a' + i), '\0' };

		for (int k = 0; k < 3; k++)
			assert_int_equal(mem.ops->put(mem.self, START_MS,
					     gp_str(key),
					     gp_str_n(text,
						 sizeof(text) - (size_t)k),
					     HOUR_MS),
			    GP_OK);
	}
	assert_int_equal(described("keys "), 10);
	assert_in_range(described("bytes "), 10 * (GP_STORE_NOTE_MAX - 2), few);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(store_mem_holds_what_fits_into_its_bytes),
		TEST(store_mem_loses_first_what_is_worth_least),
		TEST(store_mem_knows_what_was_charged_again_or_given_back),
		TEST(store_mem_forgets_in_passing_what_is_long_worth_nothing),
		TEST(store_mem_takes_a_call_that_is_larger_than_all_of_it),
		TEST(store_mem_counts_bytes_of_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
