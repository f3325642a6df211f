/* The front of the stores, upon one that fails when it is told to. */
#include "io/store.h"

#include "base/xalloc.h"
#include "io/store_backend.h"
#include "io/store_local.h"
#include "io/thread.h"
#include "support/store_double.h"

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define ASSERT_NEAR(is, want) assert_true(fabs((is) - (want)) <= 1e-6)

static struct store_double *store;
static struct gp_store *front;
static struct gp_metrics *metrics;

static void
open_front(unsigned peers)
{
	struct gp_store_backend backend;

	atomic_store(&store_double_now_ms, 1000000);
	metrics = gp_metrics_new("rate");
	store = store_double_new(&backend);
	front = gp_store_upon(backend, peers, metrics, store_double_clock_ms);
}

static int
tear_down(void **state)
{
	(void)state;
	gp_store_unref(front);
	gp_metrics_free(metrics);
	front = NULL;
	metrics = NULL;
	return 0;
}

static struct gp_charge
counter(const char *key, double capacity)
{
	return (struct gp_charge){ .key = gp_str(key),
		.rule = { .capacity = capacity, .factor = 1, .share = 1 },
		.cost = 1,
		.keep_ms = 86400000,
		.mark_ms = 86400000 };
}

static enum gp_rc
charge(const struct gp_charge *c)
{
	struct gp_charged out;

	return gp_store_charge(front, c, 1, &out);
}

static void
pass(int64_t ms)
{
	atomic_fetch_add(&store_double_now_ms, ms);
}

/* times - how many of n charges were admitted */
static unsigned
times(const struct gp_charge *c, unsigned n)
{
	unsigned admitted = 0;

	while (n-- > 0)
		admitted += charge(c) == GP_OK;
	return admitted;
}

/* Three failures: from now on it is asked once in five seconds. */
static void
go_away(void)
{
	const struct gp_charge other = counter("other", 1e6);

	store_double_mood(store, STORE_REFUSES, 0);
	assert_int_equal(times(&other, 3), 3);
	store_double_clear_calls(store);
}

static void
come_back(void)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_str value;

	store_double_mood(store, STORE_ANSWERS, 0);
	pass(5000);
	assert_int_equal(gp_store_get(front, GP_STR("x"), arena, &value),
	    GP_NONE);
	gp_arena_free(arena);
}

static struct gp_buf
describe(void)
{
	struct gp_buf text;

	gp_buf_init(&text, 4096);
	gp_store_describe(front, &text);
	return text;
}

static void
assert_described(const char *line)
{
	struct gp_buf text = describe();

	if (strstr(gp_buf_cstr(&text), line) == NULL)
		fail_msg("no \"%s\" in \"%s\"", line, gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

/* -- as long as it answers ------------------------------------------------- */

static void
store_that_answers_is_asked_and_no_other(void **state)
{
	const struct gp_charge c = counter("a", 2);
	struct gp_charged out;

	(void)state;
	open_front(4);
	assert_int_equal(gp_store_peek(front, &c, 1, &out), GP_OK);
	assert_int_equal(gp_store_charge(front, &c, 1, &out), GP_OK);
	gp_store_refund(front, &c, 1, &out);
	assert_int_equal(times(&c, 4), 2);
	assert_string_equal(store_double_calls(store), "pcrcccc");
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_CALLS, 0), 3);
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_CALLS, 1), 2);
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_CALLS, 2), 0);
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_STATE, 0), 1);
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_STATE, 1), 0);
	assert_described("store double\nstate up for 0 s\n");
}

static bool
count_walk(void *arg, struct gp_str key, const struct gp_meter *m,
    int64_t now_ms)
{
	assert_true(gp_str_eq(key, GP_STR("a")));
	ASSERT_NEAR(m->level, 1);
	assert_int_equal(now_ms, store_double_clock_ms());
	++*(unsigned *)arg;
	return true;
}

static void
store_notes_and_walks_are_temporary_while_it_is_away(void **state)
{
	const struct gp_charge c = counter("a", 2);
	struct gp_arena *arena = gp_arena_new();
	struct gp_str value;
	unsigned walked = 0;

	(void)state;
	open_front(1);
	assert_int_equal(charge(&c), GP_OK);
	gp_store_put(front, GP_STR("n"), GP_STR("text"), 3600000);
	assert_int_equal(gp_store_get(front, GP_STR("n"), arena, &value),
	    GP_OK);
	assert_true(gp_str_eq(value, GP_STR("text")));
	assert_int_equal(gp_store_get(front, GP_STR("o"), arena, &value),
	    GP_NONE);
	assert_int_equal(gp_store_walk(front, GP_STR("a"), 9, count_walk,
			     &walked),
	    GP_OK);
	assert_int_equal(walked, 1);
	go_away();
	gp_store_put(front, GP_STR("n"), GP_STR("lost"), 3600000);
	assert_int_equal(gp_store_get(front, GP_STR("n"), arena, &value),
	    GP_TEMP);
	assert_int_equal(gp_store_walk(front, GP_STR("a"), 9, count_walk,
			     &walked),
	    GP_TEMP);
	assert_string_equal(store_double_calls(store), "");
	come_back();
	assert_int_equal(gp_store_get(front, GP_STR("n"), arena, &value),
	    GP_OK);
	assert_true(gp_str_eq(value, GP_STR("text")));
	gp_arena_free(arena);
}

static void
store_opens_what_the_policy_names(void **state)
{
	const struct gp_charge c = counter("a", 1);
	struct gp_store_options o = { .where = "mem",
		.max_bytes = 1 << 20,
		.peers = 1,
		.timeout_ms = 50 };
	struct gp_store *s;
	struct gp_charged out;
	struct gp_err err;

	(void)state;
	assert_int_equal(gp_store_open(&o, &s, &err), GP_OK);
	assert_int_equal(gp_store_charge(s, &c, 1, &out), GP_OK);
	assert_int_equal(gp_store_charge(s, &c, 1, &out), GP_NONE);
	assert_ptr_equal(gp_store_ref(s), s);
	gp_store_unref(s);
	gp_store_sync(s);
	assert_int_equal(gp_store_peek(s, &c, 1, &out), GP_NONE);
	gp_store_unref(s);
	gp_store_unref(NULL);
	o.where = "sqlite";
	assert_int_equal(gp_store_open(&o, &s, &err), GP_PERM);
	assert_null(s);
	assert_non_null(strstr(err.msg, "redis://"));
	o.where = "lmdb";
	o.directory = "/nowhere/rate";
	assert_int_equal(gp_store_open(&o, &s, &err), GP_PERM);
	assert_non_null(strstr(err.msg, "/nowhere"));
	o.where = "redis://";
	assert_int_equal(gp_store_open(&o, &s, &err), GP_PERM);
	assert_null(s);
}

/* -- while it is away ------------------------------------------------------ */

static void
store_away_is_replaced_from_where_it_stopped(void **state)
{
	const struct gp_charge c = counter("a", 10);

	(void)state;
	open_front(1);
	assert_int_equal(times(&c, 4), 4);
	store_double_mood(store, STORE_REFUSES, 0);
	assert_int_equal(times(&c, 20), 6);
	ASSERT_NEAR(store_double_level(store, &c), 4);
	come_back();
	ASSERT_NEAR(store_double_level(store, &c), 10);
	assert_int_equal(times(&c, 5), 0);
}

static void
store_away_leaves_each_relay_its_share(void **state)
{
	static const struct {
		const char *label;
		unsigned peers;
		double capacity;
		unsigned before, admitted;
	} rows[] = {
		{ "all that is left, alone", 1, 10, 4, 6 },
		{ "half of what is left", 2, 10, 4, 3 },
		{ "half of all", 2, 10, 0, 5 },
		{ "nothing is left", 2, 10, 10, 0 },
		{ "never less than one", 10, 3, 0, 1 },
		{ "a part of one is none", 4, 10, 0, 2 },
		{ "what drains from one is none yet", 1000, 10, 9, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct gp_charge c = counter("a", rows[i].capacity);
		unsigned admitted;

		open_front(rows[i].peers);
		assert_int_equal(times(&c, rows[i].before), rows[i].before);
		go_away();
		admitted = times(&c, 20);
		if (admitted != rows[i].admitted)
			fail_msg("%s: %u", rows[i].label, admitted);
		come_back();
		ASSERT_NEAR(store_double_level(store, &c),
		    rows[i].before + admitted);
		(void)tear_down(NULL);
	}
}

static void
store_away_is_asked_once_a_second(void **state)
{
	const struct gp_charge c = counter("a", 1000);

	(void)state;
	open_front(1);
	store_double_mood(store, STORE_REFUSES, 0);
	assert_int_equal(times(&c, 9), 9);
	assert_string_equal(store_double_calls(store), "CNN");
	pass(999);
	assert_int_equal(times(&c, 9), 9);
	assert_string_equal(store_double_calls(store), "CNN");
	pass(1);
	assert_int_equal(times(&c, 9), 9);
	assert_string_equal(store_double_calls(store), "CNNN");
	assert_described("state local for 1 s\nowed 1\n");
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_STATE, 0), 0);
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_STATE, 1), 1);
	store_double_mood(store, STORE_ANSWERS, 0);
	pass(5000);
	assert_int_equal(times(&c, 2), 2);
	/* proof, what it knows, what is owed, and the charges */
	assert_string_equal(store_double_calls(store), "CNNNnpdcc");
	ASSERT_NEAR(store_double_level(store, &c), 29);
	assert_described("state up for 0 s\n");
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_STATE, 1), 0);
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_CALLS, 0), 29);
	assert_int_equal(gp_metrics_get(metrics, GP_M_STORE_CALLS, 2), 1);
}

static void
store_asks_again_when_the_clock_went_back(void **state)
{
	const struct gp_charge c = counter("a", 1000);

	(void)state;
	open_front(1);
	go_away();
	store_double_mood(store, STORE_ANSWERS, 0);
	pass(-500000);
	assert_int_equal(charge(&c), GP_OK);
	assert_string_equal(store_double_calls(store), "npdc");
}

static void
store_that_failed_once_is_settled_by_the_next_call(void **state)
{
	const struct gp_charge c = counter("a", 10);

	(void)state;
	open_front(1);
	store_double_mood(store, STORE_REFUSES, 2);
	assert_int_equal(times(&c, 3), 3);
	ASSERT_NEAR(store_double_level(store, &c), 2);
	assert_described("state up"); /* once is no state */
	store_double_mood(store, STORE_ANSWERS, 0);
	assert_int_equal(times(&c, 20), 7);
	ASSERT_NEAR(store_double_level(store, &c), 10);
}

static void
store_that_hangs_counts_twice_and_never_less(void **state)
{
	const struct gp_charge c = counter("a", 10);

	(void)state;
	open_front(1);
	store_double_mood(store, STORE_HANGS, 2);
	assert_int_equal(times(&c, 3), 3);
	store_double_mood(store, STORE_ANSWERS, 0);
	assert_int_equal(times(&c, 20), 6);
}

static void
store_that_fails_while_settling_gets_the_rest_later(void **state)
{
	const struct gp_charge c = counter("a", 10);
	static const struct {
		const char *label;
		enum store_double_mood mood;
		unsigned answers;
		double level;
	} rows[] = {
		{ "no proof", STORE_REFUSES, 0, 5 },
		{ "no levels", STORE_REFUSES, 1, 5 },
		{ "no debit", STORE_REFUSES, 2, 5 },
		{ "a debit without an answer counts twice", STORE_HANGS, 2, 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double level;

		open_front(1);
		assert_int_equal(times(&c, 3), 3);
		store_double_mood(store, STORE_REFUSES, 0);
		assert_int_equal(times(&c, 2), 2);
		store_double_mood(store, rows[i].mood, rows[i].answers);
		pass(5000);
		assert_int_equal(gp_store_peek(front, &c, 1,
				     &(struct gp_charged){ 0 }),
		    GP_OK);
		come_back();
		level = store_double_level(store, &c);
		if (fabs(level - rows[i].level) > 1e-6)
			fail_msg("%s: %g", rows[i].label, level);
		(void)tear_down(NULL);
	}
}

static void
store_settles_many_meters_in_parts(void **state)
{
	unsigned known = 0;
	char key[16];

	(void)state;
	open_front(1);
	go_away();
	for (unsigned i = 0; i < 1000; i++) {
		struct gp_charge c;

		(void)snprintf(key, sizeof(key), "k%u", i);
		c = counter(key, 10);
		c.cost = 3;
		assert_int_equal(charge(&c), GP_OK);
	}
	/* the second part fails */
	store_double_mood(store, STORE_REFUSES, 3);
	pass(5000);
	gp_store_put(front, GP_STR("x"), GP_STR("y"), 1000);
	come_back();
	for (unsigned i = 0; i < 1000; i++) {
		struct gp_charge c;

		(void)snprintf(key, sizeof(key), "k%u", i);
		c = counter(key, 10);
		known += fabs(store_double_level(store, &c) - 3) < 1e-6;
	}
	assert_int_equal(known, 1000);
}

static void
charge_three(void *arg)
{
	assert_int_equal(times(arg, 3), 3);
}

static void
store_counts_what_is_charged_while_it_settles(void **state)
{
	struct gp_charge c = counter("a", 100);

	(void)state;
	for (unsigned peers = 1; peers <= 3; peers++) {
		open_front(peers);
		assert_int_equal(times(&c, 21), 21);
		go_away();
		assert_int_equal(times(&c, 5), 5);
		store_double_during(store, 'd', charge_three, &c);
		come_back();
		if (fabs(store_double_level(store, &c) - 29) > 1e-6)
			fail_msg("%u relays: %g", peers,
			    store_double_level(store, &c));
		assert_described("state up");
		(void)tear_down(NULL);
	}
}

static void
store_away_knows_what_was_given_back(void **state)
{
	const struct gp_charge c = counter("a", 10);
	struct gp_charged out[8];

	(void)state;
	open_front(1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(gp_store_charge(front, &c, 1, &out[i]), GP_OK);
	for (int i = 0; i < 5; i++)
		gp_store_refund(front, &c, 1, &out[i]);
	go_away();
	assert_int_equal(times(&c, 20), 7);
}

static void
store_away_drains_and_owes_less(void **state)
{
	struct gp_charge c = counter("a", 10);

	(void)state;
	open_front(2);
	c.rule.rate = 1;
	assert_int_equal(times(&c, 20), 10);
	go_away();
	assert_int_equal(times(&c, 20), 0); /* 5 of 5 */
	pass(2000);
	assert_int_equal(times(&c, 20), 1); /* by half a token a second */
	/* 10 less 7 that drained in 7 s, and what is own: 1 */
	come_back();
	ASSERT_NEAR(store_double_level(store, &c), 4);
}

static void
store_away_keeps_marks_and_gives_them_back(void **state)
{
	struct gp_charge c = counter("a", 10);
	struct gp_charged first, second;

	(void)state;
	open_front(1);
	go_away();
	c.mark = GP_STR("seen");
	assert_int_equal(gp_store_charge(front, &c, 1, &first), GP_OK);
	assert_int_equal(gp_store_charge(front, &c, 1, &second), GP_OK);
	assert_true(!first.free && second.free);
	gp_store_refund(front, &c, 1, &second);
	gp_store_refund(front, &c, 1, &first);
	assert_int_equal(gp_store_charge(front, &c, 1, &first), GP_OK);
	assert_false(first.free);
	come_back();
	ASSERT_NEAR(store_double_level(store, &c), 1);
}

static void
store_away_keeps_so_many_meters_and_no_more(void **state)
{
	char key[24];

	(void)state;
	open_front(1);
	go_away();
	for (unsigned i = 0; i < GP_STORE_LOCAL_MOST + 10; i++) {
		struct gp_charge c;

		(void)snprintf(key, sizeof(key), "k%u", i);
		c = counter(key, 10);
		assert_int_equal(charge(&c), GP_OK);
	}
	(void)snprintf(key, sizeof(key), "owed %d\nlost 11\n",
	    GP_STORE_LOCAL_MOST);
	assert_described(key);
}

/* -- refunds --------------------------------------------------------------- */

static void
store_refund_finds_the_charge_wherever_it_was_made(void **state)
{
	enum when { UP, AWAY, UP_AGAIN };
	static const struct {
		const char *label;
		enum when charged, refunded;
	} rows[] = {
		{ "there, there", UP, UP },
		{ "there, here", UP, AWAY },
		{ "there, there later", UP, UP_AGAIN },
		{ "here, here", AWAY, AWAY },
		{ "here, there", AWAY, UP_AGAIN },
	};
	const struct gp_charge c = counter("a", 10);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_charged out[3];

		open_front(1);
		assert_int_equal(times(&c, 2), 2);
		for (int when = UP; when <= UP_AGAIN; when++) {
			if (when == AWAY)
				go_away();
			if (when == UP_AGAIN)
				come_back();
			for (int k = 0; k < 3; k++)
				if (when == (int)rows[i].charged)
					assert_int_equal(gp_store_charge(front,
							     &c, 1, &out[k]),
					    GP_OK);
			for (int k = 0; k < 3; k++)
				if (when == (int)rows[i].refunded)
					gp_store_refund(front, &c, 1, &out[k]);
		}
		if (fabs(store_double_level(store, &c) - 2) > 1e-6)
			fail_msg("%s: %g", rows[i].label,
			    store_double_level(store, &c));
		assert_int_equal(times(&c, 20), 8);
		(void)tear_down(NULL);
	}
}

static void
store_refund_is_never_made_twice(void **state)
{
	const struct gp_charge c = counter("a", 10);
	struct gp_charged out[2];

	(void)state;
	open_front(1);
	assert_int_equal(times(&c, 5), 5);
	assert_int_equal(gp_store_charge(front, &c, 1, &out[0]), GP_OK);
	assert_int_equal(gp_store_charge(front, &c, 1, &out[1]), GP_OK);
	store_double_mood(store, STORE_HANGS, 0);
	gp_store_refund(front, &c, 1, &out[0]);
	store_double_mood(store, STORE_ANSWERS, 0);
	come_back();
	ASSERT_NEAR(store_double_level(store, &c), 6);
	/* nor in the settlement */
	go_away();
	gp_store_refund(front, &c, 1, &out[1]);
	store_double_mood(store, STORE_HANGS, 2);
	pass(5000);
	assert_int_equal(gp_store_peek(front, &c, 1, &out[0]), GP_OK);
	come_back();
	assert_true(store_double_level(store, &c) >= 5);
}

/* -- a store that was killed ----------------------------------------------- */

static void
store_that_comes_back_empty_is_told_what_it_had(void **state)
{
	const struct gp_charge c = counter("a", 100);
	const struct gp_charge idle = counter("b", 100);

	(void)state;
	open_front(1);
	assert_int_equal(times(&c, 60), 60);
	assert_int_equal(times(&idle, 70), 70);
	store_double_forget(store);
	go_away();
	assert_int_equal(times(&c, 10), 10);
	come_back();
	ASSERT_NEAR(store_double_level(store, &c), 70);
	assert_int_equal(times(&c, 200), 30);
	/* the other had no charge meanwhile, and is told when it has */
	assert_int_equal(times(&idle, 200), 30);
}

static void
store_that_was_empty_unseen_is_told_by_the_next_call(void **state)
{
	const struct gp_charge c = counter("a", 100);

	(void)state;
	open_front(1);
	assert_int_equal(times(&c, 60), 60);
	store_double_forget(store);
	/* the call that finds out had been admitted already */
	assert_int_equal(times(&c, 200), 41);
	ASSERT_NEAR(store_double_level(store, &c), 100);
}

static void
store_that_fails_when_told_is_told_again(void **state)
{
	const struct gp_charge c = counter("a", 100);

	(void)state;
	open_front(1);
	assert_int_equal(times(&c, 60), 60);
	store_double_forget(store);
	assert_int_equal(charge(&c), GP_OK);
	store_double_mood(store, STORE_REFUSES, 1); /* the debit fails */
	assert_int_equal(charge(&c), GP_OK);
	store_double_mood(store, STORE_ANSWERS, 0);
	assert_in_range(times(&c, 200), 38, 39);
	ASSERT_NEAR(store_double_level(store, &c), 100);
}

static void
store_that_two_relays_tell_is_told_once(void **state)
{
	const struct gp_charge c = counter("a", 100);
	struct gp_store_backend backend;
	struct gp_store *other;
	struct gp_charged out;

	(void)state;
	open_front(2);
	store_double_share(store, &backend);
	other = gp_store_upon(backend, 2, NULL, store_double_clock_ms);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(gp_store_charge(other, &c, 1, &out), GP_OK);
		assert_int_equal(charge(&c), GP_OK);
	}
	store_double_forget(store);
	/* each finds out with its first call, and tells with the second what
	 * the other may have told before: those two calls and what was not
	 * heard of the other are lost */
	for (int i = 0; i < 5; i++) {
		assert_int_equal(gp_store_charge(other, &c, 1, &out), GP_OK);
		assert_int_equal(charge(&c), GP_OK);
	}
	assert_true(store_double_level(store, &c) >= 60 + 10 - 4);
	assert_true(store_double_level(store, &c) <= 60 + 10);
	gp_store_unref(other);
}

static void
use_once(void *arg)
{
	const struct gp_charge c = counter("a", 100);
	struct gp_charged out;

	assert_int_equal(gp_store_charge(arg, &c, 1, &out), GP_OK);
}

static void
store_that_two_relays_tell_at_once_is_told_once(void **state)
{
	const struct gp_charge c = counter("a", 100);
	struct gp_store_backend backend;
	struct gp_store *other;

	(void)state;
	open_front(2);
	store_double_share(store, &backend);
	other = gp_store_upon(backend, 2, NULL, store_double_clock_ms);
	for (int i = 0; i < 30; i++) {
		use_once(other);
		assert_int_equal(charge(&c), GP_OK);
	}
	store_double_forget(store);
	store_double_mood(store, STORE_REFUSES, 0);
	use_once(other);
	assert_int_equal(charge(&c), GP_OK);
	/* when the one tells, it has asked and heard that nothing is there; but
	 * the other, which had not heard of the 60th, tells before it */
	store_double_during(store, 'd', use_once, other);
	come_back();
	assert_true(store_double_level(store, &c) >= 59 + 3);
	assert_true(store_double_level(store, &c) <= 60 + 3);
	gp_store_unref(other);
}

/* -- what the operator sees ------------------------------------------------ */

static char *
stderr_of(void (*fn)(void))
{
	char *text = gp_xcalloc(1, 4096);
	FILE *file = tmpfile();
	const int saved = dup(STDERR_FILENO);

	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	fn();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	assert_int_equal(close(saved), 0);
	rewind(file);
	assert_true(fread(text, 1, 4095, file) < 4095);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void
away_and_back(void)
{
	const struct gp_charge c = counter("a", 1000);

	go_away();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(times(&c, 5), 5);
		pass(5000);
	}
	come_back();
	assert_int_equal(times(&c, 5), 5);
}

static void
store_says_one_line_when_it_goes_and_one_when_it_is_back(void **state)
{
	char *text;

	(void)state;
	open_front(3);
	text = stderr_of(away_and_back);
	assert_string_equal(text,
	    "store: double does not answer; limits are local, divided by 3\n"
	    "store: double is back after 30 s; what was charged meanwhile "
	    "counts there\n");
	free(text);
}

static void
store_sync_settles_what_is_owed(void **state)
{
	const struct gp_charge c = counter("a", 1000);

	(void)state;
	open_front(1);
	go_away();
	assert_int_equal(times(&c, 5), 5);
	gp_store_sync(front); /* it does not answer: no harm */
	store_double_mood(store, STORE_ANSWERS, 0);
	gp_store_sync(front);
	ASSERT_NEAR(store_double_level(store, &c), 5);
}

/* -- threads --------------------------------------------------------------- */

#define THREADS 8
#define CALLS   3000

struct worker {
	pthread_t thread;
	uint64_t seed;
	struct gp_charge charge;
	bool refunds;
	unsigned charged;
	unsigned refunded;
};

static uint32_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) +
	        UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < CALLS; i++) {
		struct gp_charged out;

		pass(next(&w->seed) % 10);
		if (gp_store_charge(front, &w->charge, 1, &out) != GP_OK)
			continue;
		w->charged++;
		if (!w->refunds || next(&w->seed) % 8 != 0)
			continue;
		gp_store_refund(front, &w->charge, 1, &out);
		w->refunded++;
	}
	return NULL;
}

/* come_and_go - the store does, while they work; the sum of them. */
static struct worker
come_and_go(const struct gp_charge *c, bool refunds)
{
	static struct worker workers[THREADS];
	struct worker sum = { 0 };
	uint64_t seed = 7;

	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].seed = i;
		workers[i].charge = *c;
		workers[i].refunds = refunds;
		assert_int_equal(gp_thread_start(&workers[i].thread, work,
				     &workers[i], NULL),
		    GP_OK);
	}
	for (int i = 0; i < 300; i++) {
		store_double_mood(store,
		    next(&seed) % 2 == 0 ? STORE_REFUSES : STORE_ANSWERS,
		    next(&seed) % 50);
		assert_described("store double");
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		sum.charged += workers[i].charged;
		sum.refunded += workers[i].refunded;
	}
	come_back();
	assert_described("state up");
	return sum;
}

static void
store_that_comes_and_goes_counts_what_eight_threads_do(void **state)
{
	const struct gp_charge c = counter("a", 1e6);
	struct worker sum;
	double level;

	(void)state;
	open_front(1);
	sum = come_and_go(&c, true);
	assert_int_equal(sum.charged, THREADS * CALLS);
	/* refunds may be lost, charges never */
	level = store_double_level(store, &c);
	if (level < sum.charged - sum.refunded - 1e-6 ||
	    level > sum.charged + 1e-6)
		fail_msg("%u less %u, %g are counted", sum.charged,
		    sum.refunded, level);
}

static void
store_that_comes_and_goes_admits_what_was_not_heard_of(void **state)
{
	const struct gp_charge c = counter("a", 5000);
	struct worker sum;
	unsigned failures;

	(void)state;
	open_front(1);
	sum = come_and_go(&c, false);
	failures = (unsigned)gp_metrics_get(metrics, GP_M_STORE_CALLS, 2);
	assert_true(sum.charged >= 5000);
	/* what was on its way there, each time that it went */
	if (sum.charged > 5000 + failures * THREADS)
		fail_msg("%u of 5000, and %u failures", sum.charged, failures);
	ASSERT_NEAR(store_double_level(store, &c), 5000);
}

static void
store_local_keeps_what_is_later_of_two_answers(void **state)
{
	const struct gp_charge c = counter("a", 5000);
	struct gp_store_local *l = gp_store_local_new(1);
	struct gp_charged out = { .fits = true, .level = 4000 };

	(void)state;
	gp_store_local_heard(l, 0, &c, 1, &out, GP_OK);
	out.level = 1000; /* overtaken by the other */
	gp_store_local_heard(l, 0, &c, 1, &out, GP_OK);
	assert_int_equal(gp_store_local_apply(l, GP_STORE_CHARGE, 0, &c, 1,
			     &out),
	    GP_OK);
	ASSERT_NEAR(out.level, 4000 + c.cost);
	gp_store_local_free(l);
}

/* -- for the operator ------------------------------------------------------ */

static void
store_empty_holds_where_it_is_away_then_too(void **state)
{
	const struct gp_charge c = counter("a", 3);
	const struct gp_charge other = counter("b", 3);
	const struct gp_str keys[] = { GP_STR("a"), GP_STR("absent") };

	(void)state;
	open_front(1);
	assert_int_equal(times(&c, 9), 3);
	assert_int_equal(times(&other, 9), 3);
	assert_int_equal(gp_store_empty(front, keys, 2), GP_OK);
	assert_int_equal(times(&c, 1), 1);
	assert_int_equal(gp_store_empty(front, keys, 2), GP_OK);
	go_away();
	/* the local meters go on from what was heard last */
	assert_int_equal(times(&c, 9), 3);
	assert_int_equal(times(&other, 9), 0);
	assert_int_equal(gp_store_empty(front, keys, 1), GP_TEMP);
	assert_int_equal(times(&c, 9), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(store_that_answers_is_asked_and_no_other),
		TEST(store_notes_and_walks_are_temporary_while_it_is_away),
		TEST(store_opens_what_the_policy_names),
		TEST(store_empty_holds_where_it_is_away_then_too),
		TEST(store_away_is_replaced_from_where_it_stopped),
		TEST(store_away_leaves_each_relay_its_share),
		TEST(store_away_is_asked_once_a_second),
		TEST(store_asks_again_when_the_clock_went_back),
		TEST(store_that_failed_once_is_settled_by_the_next_call),
		TEST(store_that_hangs_counts_twice_and_never_less),
		TEST(store_that_fails_while_settling_gets_the_rest_later),
		TEST(store_settles_many_meters_in_parts),
		TEST(store_counts_what_is_charged_while_it_settles),
		TEST(store_away_knows_what_was_given_back),
		TEST(store_away_drains_and_owes_less),
		TEST(store_away_keeps_marks_and_gives_them_back),
		TEST(store_away_keeps_so_many_meters_and_no_more),
		TEST(store_refund_finds_the_charge_wherever_it_was_made),
		TEST(store_refund_is_never_made_twice),
		TEST(store_that_comes_back_empty_is_told_what_it_had),
		TEST(store_that_was_empty_unseen_is_told_by_the_next_call),
		TEST(store_that_fails_when_told_is_told_again),
		TEST(store_that_two_relays_tell_is_told_once),
		TEST(store_that_two_relays_tell_at_once_is_told_once),
		TEST(store_says_one_line_when_it_goes_and_one_when_it_is_back),
		TEST(store_sync_settles_what_is_owed),
		TEST(store_that_comes_and_goes_counts_what_eight_threads_do),
		TEST(store_that_comes_and_goes_admits_what_was_not_heard_of),
		cmocka_unit_test(
		    store_local_keeps_what_is_later_of_two_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
