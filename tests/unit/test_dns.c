/* The resolver's front: cache, sharing, the scope of a message. */
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/dns.h"
#include "io/dns_backend.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CACHE_BYTES 262144

/* Labels of the metrics. */
enum { HIT, MISS, SHARED };
enum { NODATA = 1, NXDOMAIN, TEMPORARY };

/*
 * A backend that answers by the first label: "nx", "nodata", "temp", "held"
 * (not before it is let go), "alias" (of target.test), "loop" (of itself),
 * "ttlN" (A, TTL N), "big" (16,000 bytes); else A with TTL 300.
 */
struct fake {
	struct gp_dns_backend base;
	atomic_uint started;
	pthread_mutex_t lock;
	struct gp_dns_flight *held;
	bool stopped;
};

static const struct gp_dns_rr rr_a = { .text = { "", 0 },
	.ip = { GP_IP_V4, { 192, 0, 2, 1 } } };
static const struct gp_dns_answer answer_a = { .rc = GP_OK,
	.ttl_s = 300,
	.n = 1,
	.rr = &rr_a };

static bool
starts(const char *name, const char *with)
{
	return gp_str_starts_nocase(gp_str(name), gp_str(with));
}

static void
fake_big(struct gp_dns_flight *f)
{
	static const char text[16000] = { 'x' };
	const struct gp_dns_rr rr = { .text = { text, sizeof(text) } };
	const struct gp_dns_answer a = { .rc = GP_OK,
		.ttl_s = 300,
		.n = 1,
		.rr = &rr };

	gp_dns_finish(f, &a, NULL);
}

static void
fake_start(struct gp_dns_backend *b, struct gp_dns_flight *f)
{
	struct fake *fake = (struct fake *)(void *)b;
	const char *name = gp_dns_flight_question(f)->name;
	const struct gp_dns_answer none = { .rc = GP_NONE,
		.nxdomain = starts(name, "nx"),
		.ttl_s = 60 };
	const struct gp_dns_answer alias = { .rc = GP_OK, .ttl_s = 90 };
	struct gp_dns_answer a = answer_a;

	atomic_fetch_add(&fake->started, 1);
	if (starts(name, "ttl"))
		a.ttl_s = (uint32_t)strtoul(name + 3, NULL, 10);
	if (starts(name, "held")) {
		pthread_mutex_lock(&fake->lock);
		assert_null(fake->held);
		fake->held = f;
		pthread_mutex_unlock(&fake->lock);
	} else if (starts(name, "nx") || starts(name, "nodata")) {
		gp_dns_finish(f, &none, NULL);
	} else if (starts(name, "temp")) {
		gp_dns_finish_temp(f, "SERVFAIL");
	} else if (starts(name, "big")) {
		fake_big(f);
	} else if (starts(name, "alias")) {
		gp_dns_finish(f, &alias, "Target.TEST");
	} else if (starts(name, "loop")) {
		gp_dns_finish(f, &alias, "loop.test");
	} else if (starts(name, "odd")) {
		gp_dns_finish(f, &alias, "double..dot");
	} else {
		gp_dns_finish(f, &a, NULL);
	}
}

static bool
fake_let_go(struct fake *fake)
{
	struct gp_dns_flight *f;

	pthread_mutex_lock(&fake->lock);
	f = fake->held;
	fake->held = NULL;
	pthread_mutex_unlock(&fake->lock);
	if (f != NULL)
		gp_dns_finish(f, &answer_a, NULL);
	return f != NULL;
}

static void
fake_stop(struct gp_dns_backend *b)
{
	struct fake *fake = (struct fake *)(void *)b;

	assert_false(fake->stopped);
	fake->stopped = true;
	pthread_mutex_lock(&fake->lock);
	if (fake->held != NULL)
		gp_dns_finish_temp(fake->held, GP_DNS_STOPPED);
	pthread_mutex_unlock(&fake->lock);
}

static void
fake_free(struct gp_dns_backend *b)
{
	struct fake *fake = (struct fake *)(void *)b;

	assert_true(fake->stopped);
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}

struct fixture {
	struct fake *fake;
	struct gp_metrics *metrics;
	struct gp_dns *dns;
	struct gp_arena *arena;
	struct gp_dns_scope scope;
	struct gp_dns_held *held;
	struct gp_dns_answer a;
};

static void
scope_new(struct fixture *f)
{
	f->scope = (struct gp_dns_scope){ .dns = f->dns,
		.arena = f->arena,
		.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
		.budget = 1000000 };
}

static int
setup(void **state)
{
	struct fixture *f = gp_xcalloc(1, sizeof(*f));

	f->fake = gp_xcalloc(1, sizeof(*f->fake));
	f->fake->base = (struct gp_dns_backend){ .start = fake_start,
		.stop = fake_stop,
		.free = fake_free };
	pthread_mutex_init(&f->fake->lock, NULL);
	f->metrics = gp_metrics_new("test");
	f->dns = gp_dns_new(&f->fake->base, CACHE_BYTES, f->metrics);
	f->arena = gp_arena_new();
	scope_new(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	gp_dns_held_free(f->held);
	gp_dns_close(f->dns);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_CACHE_BYTES, 0),
	    0);
	gp_metrics_free(f->metrics);
	gp_arena_free(f->arena);
	free(f);
	return 0;
}

static unsigned
started(const struct fixture *f)
{
	return atomic_load(&f->fake->started);
}

/* Asks for A in a new scope. */
static enum gp_rc
ask(struct fixture *f, const char *name)
{
	scope_new(f);
	return gp_dns_query(&f->scope, name, GP_DNS_A, &f->a);
}

static void
dns_answer_is_kept_for_its_ttl_only(void **state)
{
	struct fixture *f = *state;
	const int64_t start = gp_clock_us();

	assert_int_equal(ask(f, "ttl1.test"), GP_OK);
	assert_int_equal(f->a.ttl_s, 1);
	assert_int_equal(ask(f, "TTL1.Test"), GP_OK);
	assert_int_equal(started(f), 1);
	while (started(f) == 1 && gp_clock_us() - start < 5 * GP_US_PER_S)
		assert_int_equal(ask(f, "ttl1.test"), GP_OK);
	assert_int_equal(started(f), 2);
	assert_true(gp_clock_us() - start >= GP_US_PER_S);
}

static void
dns_type_is_part_of_the_question(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "a.test"), GP_OK);
	assert_int_equal(gp_dns_query(&f->scope, "a.test", GP_DNS_TXT, &f->a),
	    GP_OK);
	assert_int_equal(started(f), 2);
}

static void
dns_negative_answer_is_kept_and_its_kind(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(f, "nx.test"), GP_NONE);
		assert_true(f->a.nxdomain);
		assert_int_equal(f->a.ttl_s, 60);
		assert_int_equal(ask(f, "nodata.test"), GP_NONE);
		assert_false(f->a.nxdomain);
	}
	assert_int_equal(started(f), 2);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_ANSWERS, NXDOMAIN),
	    1);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_ANSWERS, NODATA),
	    1);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_CACHE, HIT), 2);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_CACHE, MISS), 2);
}

static void
dns_temporary_answer_is_never_kept(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "temp.test"), GP_TEMP);
	assert_string_equal(f->a.why, "SERVFAIL");
	assert_int_equal(gp_dns_query(&f->scope, "temp.test", GP_DNS_A, &f->a),
	    GP_TEMP);
	assert_int_equal(ask(f, "temp.test"), GP_TEMP);
	assert_int_equal(started(f), 3);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_ANSWERS,
			     TEMPORARY),
	    3);
}

static void
dns_ttl_0_lives_as_long_as_its_message(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "ttl0.test"), GP_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(gp_dns_query(&f->scope, "Ttl0.test", GP_DNS_A,
				     &f->a),
		    GP_OK);
	assert_int_equal(f->a.n, 1);
	assert_int_equal(started(f), 1);
	assert_int_equal(ask(f, "ttl0.test"), GP_OK);
	assert_int_equal(started(f), 2);
}

static void
dns_budget_counts_questions_cached_or_not(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "a.test"), GP_OK);
	scope_new(f);
	f->scope.budget = 2;
	for (int i = 0; i < 5; i++)
		assert_int_equal(gp_dns_query(&f->scope, "a.test", GP_DNS_A,
				     &f->a),
		    GP_OK);
	assert_int_equal(f->scope.budget, 1);
	assert_int_equal(gp_dns_query(&f->scope, "b.test", GP_DNS_A, &f->a),
	    GP_OK);
	assert_int_equal(gp_dns_query(&f->scope, "c.test", GP_DNS_A, &f->a),
	    GP_TEMP);
	assert_string_equal(f->a.why, "budget");
	assert_int_equal(started(f), 2);
	/* what it knows, it still says */
	assert_int_equal(gp_dns_query(&f->scope, "b.test", GP_DNS_A, &f->a),
	    GP_OK);
}

static void
dns_alias_that_leads_out_is_asked_for(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "alias1.test"), GP_OK);
	assert_int_equal(f->a.n, 1);
	assert_int_equal(f->a.ttl_s, 90);
	assert_int_equal(f->scope.budget, 1000000 - 2);
	assert_int_equal(started(f), 2);
	/* another alias finds the target in the cache */
	assert_int_equal(ask(f, "alias2.test"), GP_OK);
	assert_int_equal(started(f), 3);
	assert_int_equal(ask(f, "loop.test"), GP_TEMP);
	assert_string_equal(f->a.why, "CNAME chain too long");
	assert_int_equal(ask(f, "odd.test"), GP_TEMP);
	assert_string_equal(f->a.why, "malformed");
}

static void
dns_name_that_can_not_exist_is_not_asked(void **state)
{
	struct fixture *f = *state;
	char label[65], name[300];

	memset(label, 'x', sizeof(label));
	label[64] = '\0';
	memset(name, 'a', sizeof(name));
	for (size_t i = 1; i < 254; i += 2)
		name[i] = '.';
	name[254] = '\0';
	assert_int_equal(ask(f, label), GP_NONE);
	assert_true(f->a.nxdomain);
	assert_int_equal(ask(f, name), GP_NONE);
	assert_int_equal(ask(f, "a..test"), GP_NONE);
	assert_int_equal(ask(f, ""), GP_NONE);
	assert_int_equal(started(f), 0);
	name[253] = '\0';
	assert_int_equal(ask(f, name), GP_OK);
	assert_int_equal(started(f), 1);
}

static void
dns_late_question_is_not_started(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "a.test"), GP_OK);
	scope_new(f);
	f->scope.deadline_us = gp_clock_us();
	assert_int_equal(gp_dns_query(&f->scope, "a.test", GP_DNS_A, &f->a),
	    GP_OK);
	assert_int_equal(gp_dns_query(&f->scope, "b.test", GP_DNS_A, &f->a),
	    GP_TEMP);
	assert_string_equal(f->a.why, "timeout");
	assert_int_equal(started(f), 1);
}

static void
dns_waiter_leaves_and_the_answer_is_kept(void **state)
{
	struct fixture *f = *state;
	const int64_t start = gp_clock_us();

	scope_new(f);
	f->scope.deadline_us = start + 30 * GP_US_PER_MS;
	assert_int_equal(gp_dns_query(&f->scope, "held.test", GP_DNS_A, &f->a),
	    GP_TEMP);
	assert_string_equal(f->a.why, "timeout");
	assert_true(gp_clock_us() - start >= 30 * GP_US_PER_MS);
	assert_true(fake_let_go(f->fake));
	assert_int_equal(ask(f, "held.test"), GP_OK);
	assert_int_equal(started(f), 1);
}

static void
dns_too_large_an_answer_is_not_kept(void **state)
{
	struct fixture *f = *state;

	/* a shard has 16 KiB, an answer 16,000 bytes and its overhead */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(f, "big.test"), GP_OK);
		assert_int_equal(f->a.rr[0].text.n, 16000);
		assert_in_range(gp_metrics_get(f->metrics, GP_M_DNS_CACHE_BYTES,
				    0),
		    0, CACHE_BYTES);
	}
	assert_in_range(started(f), 1, 3);
}

/* FI50: a flood of names that are asked once; the names of daily mail are
 * asked now and then between them. */
static void
dns_flood_is_bounded_and_spares_the_good_names(void **state)
{
	struct fixture *f = *state;
	unsigned good = 0, asked_again = 0;
	char name[64];

	for (unsigned i = 0; i < 50000; i++) {
		(void)snprintf(name, sizeof(name), "flood%u.test", i);
		assert_int_equal(ask(f, name), GP_OK);
		if (i % 10 == 0) {
			const unsigned before = started(f);

			(void)snprintf(name, sizeof(name), "good%u.test",
			    good++ % 100);
			assert_int_equal(ask(f, name), GP_OK);
			asked_again += started(f) - before;
			gp_arena_clear(f->arena);
		}
	}
	assert_in_range(gp_metrics_get(f->metrics, GP_M_DNS_CACHE_BYTES, 0),
	    CACHE_BYTES / 2, CACHE_BYTES);
	print_message("# %u of %u good names were asked again\n", asked_again,
	    good);
	assert_in_range(asked_again, 100, good / 10);
}

struct asker {
	struct fixture *f;
	pthread_t thread;
	const char *name;
	struct gp_dns_answer a;
	struct gp_arena *arena;
};

static void *
run_one(void *arg)
{
	struct asker *asker = arg;
	struct gp_dns_scope scope = { .dns = asker->f->dns,
		.arena = asker->arena,
		.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
		.budget = 1 };

	(void)gp_dns_query(&scope, asker->name, GP_DNS_A, &asker->a);
	return NULL;
}

static void
askers_start(struct asker *askers, size_t n, struct fixture *f,
    const char *name)
{
	for (size_t i = 0; i < n; i++) {
		askers[i] = (struct asker){ .f = f,
			.name = name,
			.arena = gp_arena_new() };
		assert_int_equal(pthread_create(&askers[i].thread, NULL,
				     run_one, &askers[i]),
		    0);
	}
}

static void
askers_wait_shared(const struct fixture *f, int64_t n)
{
	const int64_t until = gp_clock_us() + 10 * GP_US_PER_S;

	while (gp_metrics_get(f->metrics, GP_M_DNS_CACHE, SHARED) +
		   gp_metrics_get(f->metrics, GP_M_DNS_CACHE, MISS) <
	       n) {
		assert_true(gp_clock_us() < until);
		(void)sched_yield();
	}
}

static void
askers_join(struct asker *askers, size_t n, enum gp_rc rc, const char *why)
{
	for (size_t i = 0; i < n; i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].a.rc, rc);
		if (why != NULL)
			assert_string_equal(askers[i].a.why, why);
		gp_arena_free(askers[i].arena);
	}
}

static void
dns_equal_questions_in_flight_share_one_query(void **state)
{
	struct fixture *f = *state;
	struct asker askers[16];

	askers_start(askers, 16, f, "held.test");
	askers_wait_shared(f, 16);
	assert_int_equal(started(f), 1);
	assert_true(fake_let_go(f->fake));
	askers_join(askers, 16, GP_OK, NULL);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_CACHE, SHARED),
	    15);
}

static void
dns_close_frees_those_who_wait(void **state)
{
	struct fixture *f = *state;
	const int64_t start = gp_clock_us();
	struct asker askers[8];

	askers_start(askers, 8, f, "held.test");
	askers_wait_shared(f, 8);
	gp_dns_close(f->dns);
	askers_join(askers, 8, GP_TEMP, GP_DNS_STOPPED);
	assert_true(gp_clock_us() - start < 10 * GP_US_PER_S);
	/* for the teardown */
	f->dns = NULL;
}

static void
dns_cancel_answers_all_at_once(void **state)
{
	struct fixture *f = *state;
	struct asker askers[4];

	assert_int_equal(ask(f, "a.test"), GP_OK);
	askers_start(askers, 4, f, "held.test");
	askers_wait_shared(f, 5);
	gp_dns_cancel(f->dns);
	gp_dns_cancel(f->dns);
	askers_join(askers, 4, GP_TEMP, GP_DNS_STOPPED);
	assert_int_equal(ask(f, "a.test"), GP_TEMP);
	assert_string_equal(f->a.why, GP_DNS_STOPPED);
}

static void *
run_many(void *arg)
{
	struct asker *asker = arg;
	char name[64];

	for (unsigned i = 0; i < 3000; i++) {
		struct gp_dns_scope scope = { .dns = asker->f->dns,
			.arena = asker->arena,
			.deadline_us = GP_NEVER_US,
			.budget = 4 };
		enum gp_rc rc;
		const unsigned k = i % 7 == 0 ? i : i % 50;

		(void)snprintf(name, sizeof(name), "%s%u.test",
		    k % 5 == 0   ? "nx"
		    : k % 3 == 0 ? "alias"
				 : "ttl9-",
		    k);
		if (i % 2 == 0)
			gp_dns_prefetch(&scope, name, GP_DNS_A, &scope.held);
		rc = gp_dns_query(&scope, name, GP_DNS_A, &asker->a);
		gp_dns_held_free(scope.held);
		if (rc != (k % 5 == 0 ? GP_NONE : GP_OK))
			break;
		gp_arena_clear(asker->arena);
	}
	return NULL;
}

static void
dns_many_threads_agree(void **state)
{
	struct fixture *f = *state;
	struct asker askers[8];

	for (size_t i = 0; i < 8; i++) {
		askers[i] = (struct asker){ .f = f, .arena = gp_arena_new() };
		assert_int_equal(pthread_create(&askers[i].thread, NULL,
				     run_many, &askers[i]),
		    0);
	}
	for (size_t i = 0; i < 8; i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_not_equal(askers[i].a.rc, GP_TEMP);
		gp_arena_free(askers[i].arena);
	}
}

/* -- prefetch -------------------------------------------------------------- */

static void
prefetch(struct fixture *f, const char *name)
{
	scope_new(f);
	gp_dns_prefetch(&f->scope, name, GP_DNS_A, &f->held);
}

/* As ask(), by the message that has prefetched. */
static enum gp_rc
ask_held(struct fixture *f, const char *name)
{
	scope_new(f);
	f->scope.held = f->held;
	return gp_dns_query(&f->scope, name, GP_DNS_A, &f->a);
}

static void
forget(struct fixture *f)
{
	gp_dns_held_free(f->held);
	f->held = NULL;
}

static void
dns_prefetch_is_found_by_who_asks_later(void **state)
{
	struct fixture *f = *state;

	prefetch(f, "A.test");
	assert_int_equal(started(f), 1);
	prefetch(f, "a.test");
	assert_int_equal(ask_held(f, "a.TEST"), GP_OK);
	assert_int_equal(ask(f, "a.test"), GP_OK); /* another message */
	assert_int_equal(started(f), 1);
}

static void
dns_prefetch_takes_neither_budget_nor_arena(void **state)
{
	struct fixture *f = *state;

	scope_new(f);
	f->scope.budget = 0;
	f->scope.arena = NULL;
	gp_dns_prefetch(&f->scope, "a.test", GP_DNS_A, &f->held);
	gp_dns_prefetch(&f->scope, "double..dot", GP_DNS_A, &f->held);
	assert_int_equal(f->scope.budget, 0);
	assert_int_equal(started(f), 1);
	assert_int_equal(ask_held(f, "a.test"), GP_OK);
	/* asking for it does */
	scope_new(f);
	f->scope.held = f->held;
	f->scope.budget = 0;
	assert_int_equal(gp_dns_query(&f->scope, "a.test", GP_DNS_A, &f->a),
	    GP_TEMP);
	assert_string_equal(f->a.why, "budget");
	assert_int_equal(started(f), 1);
}

static void
dns_prefetch_under_way_is_shared(void **state)
{
	struct fixture *f = *state;
	struct asker askers[2];

	prefetch(f, "held.test"); /* returns, though there is no answer */
	askers_start(askers, 2, f, "held.test");
	askers_wait_shared(f, 3);
	assert_int_equal(started(f), 1);
	assert_true(fake_let_go(f->fake));
	askers_join(askers, 2, GP_OK, NULL);
	assert_int_equal(ask_held(f, "held.test"), GP_OK);
	assert_int_equal(started(f), 1);
}

static void
dns_prefetch_that_is_forgotten_is_kept(void **state)
{
	struct fixture *f = *state;

	prefetch(f, "held.test");
	forget(f);
	assert_true(fake_let_go(f->fake));
	assert_int_equal(ask(f, "held.test"), GP_OK);
	assert_int_equal(started(f), 1);
}

static void
dns_prefetch_after_cancel_starts_nothing(void **state)
{
	struct fixture *f = *state;

	gp_dns_cancel(f->dns);
	prefetch(f, "a.test");
	assert_null(f->held);
	assert_int_equal(started(f), 0);
}

static void
dns_prefetch_under_way_does_not_hinder_closing(void **state)
{
	struct fixture *f = *state;

	prefetch(f, "held.test");
	forget(f);
	gp_dns_close(f->dns);
	/* for the teardown */
	f->dns = NULL;
}

/* The selectors of a flood are fetched ahead and then asked for: that is
 * once, and does not make them names of daily mail. */
static void
dns_prefetch_flood_spares_the_good_names(void **state)
{
	struct fixture *f = *state;
	unsigned good = 0, asked_again = 0;
	char name[64];

	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "%s%u.test",
		    i % 400 == 0 ? "held" : "flood", i);
		prefetch(f, name);
		assert_int_equal(fake_let_go(f->fake), i % 400 == 0);
		assert_int_equal(ask_held(f, name), GP_OK);
		if (i % 10 == 0) {
			const unsigned before = started(f);

			(void)snprintf(name, sizeof(name), "good%u.test",
			    good++ % 100);
			prefetch(f, name);
			assert_int_equal(ask_held(f, name), GP_OK);
			asked_again += started(f) - before;
		}
		forget(f);
		gp_arena_clear(f->arena);
	}
	print_message("# %u of %u good names were asked again\n", asked_again,
	    good);
	assert_in_range(asked_again, 100, good / 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dns_answer_is_kept_for_its_ttl_only),
		TEST(dns_type_is_part_of_the_question),
		TEST(dns_negative_answer_is_kept_and_its_kind),
		TEST(dns_temporary_answer_is_never_kept),
		TEST(dns_ttl_0_lives_as_long_as_its_message),
		TEST(dns_budget_counts_questions_cached_or_not),
		TEST(dns_alias_that_leads_out_is_asked_for),
		TEST(dns_name_that_can_not_exist_is_not_asked),
		TEST(dns_late_question_is_not_started),
		TEST(dns_waiter_leaves_and_the_answer_is_kept),
		TEST(dns_too_large_an_answer_is_not_kept),
		TEST(dns_flood_is_bounded_and_spares_the_good_names),
		TEST(dns_equal_questions_in_flight_share_one_query),
		TEST(dns_close_frees_those_who_wait),
		TEST(dns_cancel_answers_all_at_once),
		TEST(dns_many_threads_agree),
		TEST(dns_prefetch_is_found_by_who_asks_later),
		TEST(dns_prefetch_takes_neither_budget_nor_arena),
		TEST(dns_prefetch_under_way_is_shared),
		TEST(dns_prefetch_that_is_forgotten_is_kept),
		TEST(dns_prefetch_after_cancel_starts_nothing),
		TEST(dns_prefetch_under_way_does_not_hinder_closing),
		TEST(dns_prefetch_flood_spares_the_good_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
