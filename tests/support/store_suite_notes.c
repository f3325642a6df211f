/* See store_suite.h; here are the small texts, and the walk. */
#include "support/store_suite_lab.h"

#include <stdio.h>
#include <string.h>

static void
put(const char *key, struct gp_str value)
{
	assert_int_equal(store_lab.store.ops->put(store_lab.store.self,
			     store_lab.now_ms, store_key("%s", key), value,
			     STORE_HOUR_MS),
	    GP_OK);
}

static enum gp_rc
get(const char *key, struct gp_str *value)
{
	*value = (struct gp_str){ 0 };
	return store_lab.store.ops->get(store_lab.store.self, store_lab.now_ms,
	    store_key("%s", key), store_lab.arena, value);
}

static void
assert_note(const char *key, struct gp_str want)
{
	struct gp_str value;

	assert_int_equal(get(key, &value), GP_OK);
	assert_int_equal(value.n, want.n);
	assert_memory_equal(value.p, want.p, want.n);
}

static void
note_is_there_as_it_was_put(void **state)
{
	struct gp_str value;

	(void)state;
	assert_int_equal(get("a", &value), GP_NONE);
	put("a", GP_STR("day=20412 n=3.5"));
	put("b", GP_STR("\"quoted\" and %s, {a}\r\n\tb \xc3\xa9"));
	assert_note("a", GP_STR("day=20412 n=3.5"));
	assert_note("b", GP_STR("\"quoted\" and %s, {a}\r\n\tb \xc3\xa9"));
	assert_int_equal(get("c", &value), GP_NONE);
}

static void
note_is_replaced_by_the_next(void **state)
{
	(void)state;
	put("a", GP_STR("a long one that goes"));
	put("a", GP_STR("short"));
	assert_note("a", GP_STR("short"));
	put("a", GP_STR("and one that is longer again"));
	assert_note("a", GP_STR("and one that is longer again"));
}

static void
longest_note_fits(void **state)
{
	char text[GP_STORE_NOTE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	put("a", gp_str_n(text, sizeof(text)));
	assert_note("a", gp_str_n(text, sizeof(text)));
}

/* -- the walk -------------------------------------------------------------- */

struct walked {
	unsigned calls;
	unsigned most; /* then it says false */
	unsigned met;  /* bits: by the last character of the key, from 'a' */
	double level[26];
};

static bool
walk_one(void *arg, struct gp_str key, const struct gp_meter *m, int64_t now_ms)
{
	struct walked *w = arg;
	const unsigned letter = (unsigned)(key.p[key.n - 1] - 'a');

	(void)now_ms;
	assert_true(letter < 26);
	assert_true(key.n > strlen(store_lab.word));
	assert_memory_equal(key.p, store_lab.word, strlen(store_lab.word));
	assert_int_equal(w->met & 1U << letter, 0); /* once each */
	w->met |= 1U << letter;
	w->level[letter] = m->level;
	return ++w->calls < w->most;
}

static struct walked
walk(const char *prefix, size_t most, unsigned ends_at)
{
	struct walked w = { .most = ends_at };

	assert_int_equal(store_lab.store.ops->walk(store_lab.store.self,
			     store_lab.now_ms, store_key("%s", prefix), most,
			     walk_one, &w),
	    GP_OK);
	return w;
}

static void
fill(const char *key, double cost)
{
	struct gp_charge c = store_counter(key, 100);
	struct gp_charged out;

	c.cost = cost;
	c.mark = store_key("mark-of-%s", key);
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
}

static void
walk_meets_meters_and_nothing_else(void **state)
{
	struct walked w;

	(void)state;
	w = walk("", 100, 100);
	assert_int_equal(w.calls, 0);
	fill("a", 1);
	fill("b", 2.5);
	put("n", GP_STR("a note"));
	w = walk("", 100, 100);
	assert_int_equal(w.met, 3);
	ASSERT_NEAR(w.level[0], 1, 1e-9);
	ASSERT_NEAR(w.level[1], 2.5, 1e-9);
}

static void
walk_keeps_to_its_prefix(void **state)
{
	(void)state;
	fill("login:a", 1);
	fill("login:b", 1);
	fill("login-c", 1);
	fill("log*n:d", 1);
	fill("log[i]n:e", 1);
	assert_int_equal(walk("login:", 100, 100).met, 3);
	assert_int_equal(walk("login", 100, 100).met, 7);
	assert_int_equal(walk("log*", 100, 100).met, 8);
	assert_int_equal(walk("log[i]", 100, 100).met, 16);
	assert_int_equal(walk("log?n", 100, 100).met, 0);
	assert_int_equal(walk("login:a", 100, 100).met, 1);
	assert_int_equal(walk("login:aa", 100, 100).met, 0);
	assert_int_equal(walk("log", 100, 100).met, 31);
}

static void
walk_ends_at_its_most_or_when_told(void **state)
{
	(void)state;
	for (int c = 'a'; c <= 'z'; c++)
		fill((char[]){ (char)c, '\0' }, 1);
	assert_int_equal(walk("", 1000, 1000).met, (1U << 26) - 1);
	assert_int_equal(walk("", 5, 1000).calls, 5);
	assert_int_equal(walk("", 1000, 7).calls, 7);
	assert_int_equal(walk("", 0, 1000).calls, 0);
}

static bool
charge_in_walk(void *arg, struct gp_str key, const struct gp_meter *m,
    int64_t now_ms)
{
	const struct gp_charge c = store_counter("b", 100);
	struct gp_charged out;

	(void)key;
	(void)m;
	(void)now_ms;
	assert_int_equal(store_apply(GP_STORE_CHARGE, &c, 1, &out), GP_OK);
	return ++*(unsigned *)arg < 50;
}

static void
store_may_be_used_in_a_walk(void **state)
{
	unsigned calls = 0;

	(void)state;
	fill("a", 1);
	assert_int_equal(store_lab.store.ops->walk(store_lab.store.self,
			     store_lab.now_ms, gp_str(store_lab.word), 100,
			     charge_in_walk, &calls),
	    GP_OK);
	assert_true(calls >= 1 && calls < 50);
}

const struct CMUnitTest store_suite_notes[STORE_SUITE_NOTE_TESTS] = {
	cmocka_unit_test(note_is_there_as_it_was_put),
	cmocka_unit_test(note_is_replaced_by_the_next),
	cmocka_unit_test(longest_note_fits),
	cmocka_unit_test(walk_meets_meters_and_nothing_else),
	cmocka_unit_test(walk_keeps_to_its_prefix),
	cmocka_unit_test(walk_ends_at_its_most_or_when_told),
	cmocka_unit_test(store_may_be_used_in_a_walk),
};
