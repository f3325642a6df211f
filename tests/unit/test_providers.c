/* Providers by MX records: what is asked, what is remembered, how long. */
#include "mta/providers.h"

#include "base/xalloc.h"
#include "io/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define S        INT64_C(1000000) /* microseconds */
#define HOUR     (3600 * S)
#define DAY      (24 * HOUR)

#define LIST(...)                                                              \
	{                                                                      \
		.n = COUNT(((const char *const[]){ __VA_ARGS__ })),            \
		.v = (const char *const[])                                     \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}

static const struct gp_provider_policy blocks[] = {
	{ .name = "google",
	    .domains = LIST("gmail.test", "xn--bcher-kva.test"),
	    .mx = LIST("google.test") },
	{ .name = "micro", .mx = LIST("outlook.test") },
	{ .name = "slow", .transports = LIST("slow") },
};
static const struct gp_providers all = { COUNT(blocks), blocks };
/* without names of hosts nobody need be asked */
static const struct gp_providers local = { 1, blocks + 2 };

/* 235 octets; with ".test" and the name of one of Google's hosts, 255 */
#define LONG_LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG       LONG_LABEL "." LONG_LABEL "." LONG_LABEL "." LONG_LABEL

/* 15 hosts of nobody's */
#define H(domain, n) domain " MX " #n " h" #n ".test\n"
#define H5(domain, n)                                                          \
	H(domain, n##0)                                                        \
	H(domain, n##1) H(domain, n##2) H(domain, n##3) H(domain, n##4)
#define H15(domain) H5(domain, 1) H5(domain, 2) H5(domain, 3)

static const char zone[] =
    "own.test 60 MX 10 mx.google.test\n"
    "order.test MX 30 mx.outlook.test\n"
    "order.test MX 5 mx.nobody.test\n"
    "order.test MX 20 mx.google.test\n"
    "equal.test MX 10 mx.outlook.test\n"
    "equal.test MX 10 a.google.test\n"
    "null.test MX 0 .\n"
    "null-and.test MX 0 .\n"
    "null-and.test MX 10 mx.google.test\n"
    "implicit.google.test A 192.0.2.1\n"
    "implicit.test A 192.0.2.1\n"
    "alias.test CNAME own.test\n"
    "case.test MX 10 MX.Google.TEST\n"
    "evil.test MX 10 mx.evilgoogle.test\n"
    "blank.test MX 10 \"x mx.google.test\"\n"
    "blanks.test MX 10 \" mx.google.test\"\n"
    "octets.test MX 10 \"\\255\\001.google.test\"\n"
    "under.test MX 10 _mx.google.test\n"
    "long.test MX 1 " LONG ".test\n"
    "long.test MX 2 mx.google.test\n"
    "longer.test MX 1 " LONG ".testa\n"
    "longer.test MX 2 mx.google.test\n" H15(
	"many.test") "many.test MX 99 mx.google.test\n" H15("more.test")
	H("more.test", 90) "more.test MX 99 mx.google.test\n"
			   "short.test 1 MX 10 mx.google.test\n"
			   "hours.test 7200 MX 10 mx.google.test\n"
			   "week.test 604800 MX 10 mx.google.test\n"
			   "delay.test MX !DELAY 700ms\n"
			   "delay.test MX 10 mx.google.test\n"
			   "broken.test MX !SERVFAIL\n"
			   "*.flood.test MX 10 mx.outlook.test\n";

/* Nobody is there; two domains have ended. */
static const char away[] = "* MX !SERVFAIL\n"
			   "own.test MX !SERVFAIL\n";
static const char ended[] = "else.test A 192.0.2.1\n";

struct fixture {
	struct gp_provider_cache *cache;
	struct gp_metrics *metrics;
	struct gp_dns *dns, *away, *ended;
	int64_t now_us;
};

static struct gp_dns *
open_zone(const char *text, struct gp_metrics *metrics)
{
	struct gp_dns *dns;
	struct gp_err err;

	if (gp_dns_open_zone(gp_str(text), metrics, &dns, &err) != GP_OK)
		fail_msg("%s", err.msg);
	return dns;
}

static struct fixture
start(void)
{
	struct fixture f = { .cache = gp_provider_cache_new(),
		.metrics = gp_metrics_new("rate"),
		.now_us = gp_clock_us() };

	f.dns = open_zone(zone, f.metrics);
	f.away = open_zone(away, f.metrics);
	f.ended = open_zone(ended, f.metrics);
	return f;
}

static void
finish(struct fixture *f)
{
	gp_dns_close(f->dns);
	gp_dns_close(f->away);
	gp_dns_close(f->ended);
	gp_provider_cache_unref(f->cache);
	gp_metrics_free(f->metrics);
}

static struct gp_dns_scope
scope_of(struct gp_dns *dns)
{
	return (struct gp_dns_scope){ .dns = dns,
		.arena = gp_arena_new(),
		.deadline_us = gp_clock_us() + 20 * S,
		.budget = 4 };
}

/* In a message of its own, `later_us` after the start. */
static const char *
find(struct fixture *f, struct gp_dns *dns, const char *domain,
    int64_t later_us)
{
	struct gp_dns_scope scope = scope_of(dns);
	const char *name = gp_providers_find(f->cache, &all, &scope, NULL,
	    domain, f->now_us + later_us);

	gp_arena_free(scope.arena);
	return name;
}

/* Questions since the last time. */
static int64_t
questions(struct fixture *f)
{
	int64_t n = 0;

	for (unsigned i = 0; i < 3; i++) {
		int64_t v = gp_metrics_get(f->metrics, GP_M_DNS_CACHE, i);

		n += v;
		gp_metrics_add(f->metrics, GP_M_DNS_CACHE, i, -v);
	}
	return n;
}

/* -- what is asked ----------------------------------------------------- */

static void
providers_table_of_domains(void **state)
{
	static const struct {
		const char *transport, *domain, *name;
		int64_t questions;
	} rows[] = {
		{ "slow", "own.test", "slow", 0 },
		{ "slow", "gmail.test", "slow", 0 },
		{ "slow", "[192.0.2.1]", "slow", 0 },
		{ "smtp", "gmail.test", "google", 0 },
		{ "", "GMail.TEST", "google", 0 },
		{ NULL, "gmail.test.", "google", 0 },
		{ NULL,
		    "b\xc3\xbc"
		    "cher.test",
		    "google", 0 },
		{ NULL, "own.test", "google", 1 },
		{ NULL, "OWN.test", "google", 0 },
		{ NULL, "order.test", "google", 1 },
		{ NULL, "equal.test", "google", 1 },
		{ NULL, "null.test", "other", 1 },
		{ NULL, "null-and.test", "google", 1 },
		{ NULL, "implicit.google.test", "google", 1 },
		{ NULL, "implicit.test", "other", 1 },
		{ NULL, "gone.google.test", "other", 1 },
		{ NULL, "gone.test", "other", 1 },
		{ NULL, "gone.test", "other", 0 },
		{ NULL, "alias.test", "google", 1 },
		{ NULL, "case.test", "google", 1 },
		{ NULL, "evil.test", "other", 1 },
		{ NULL, "blank.test", "other", 1 },
		{ NULL, "blanks.test", "other", 1 },
		{ NULL, "octets.test", "other", 1 },
		{ NULL, "under.test", "google", 1 },
		{ NULL, "long.test", "google", 1 },
		{ NULL, "longer.test", "other", 1 },
		{ NULL, "many.test", "google", 1 },
		{ NULL, "more.test", "other", 1 },
		{ NULL, "broken.test", "other", 1 },
		{ NULL, "[192.0.2.1]", "other", 0 },
		{ NULL, "[IPv6:2001:db8::1]", "other", 0 },
		{ NULL, NULL, "other", 0 },
		{ NULL, "", "other", 0 },
		{ NULL, ".", "other", 0 },
		{ NULL, "a..test", "other", 0 },
		{ NULL, "a b.test", "other", 0 },
		{ NULL, "own.test\n", "other", 0 },
		{ NULL, "\xff.test", "other", 0 },
		{ NULL, LONG "." LONG, "other", 0 },
	};
	struct fixture f = start();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_dns_scope scope = scope_of(f.dns);
		const char *got = gp_providers_find(f.cache, &all, &scope,
		    rows[i].transport, rows[i].domain, f.now_us);
		int64_t asked = questions(&f);

		if (strcmp(got, rows[i].name) != 0 ||
		    asked != rows[i].questions)
			fail_msg("row %zu: %s after %lld questions", i, got,
			    (long long)asked);
		gp_arena_free(scope.arena);
	}
	finish(&f);
}

static void
providers_without_hosts_ask_nobody(void **state)
{
	static const struct gp_providers none = { 0, NULL };
	struct fixture f = start();
	struct gp_dns_scope scope = scope_of(f.dns);
	struct gp_dns_held *held = NULL;

	(void)state;
	assert_string_equal(gp_providers_find(f.cache, &local, &scope, NULL,
				"own.test", f.now_us),
	    "other");
	assert_string_equal(gp_providers_find(f.cache, &none, &scope, "slow",
				"own.test", f.now_us),
	    "other");
	gp_providers_prefetch(f.cache, &local, &scope, NULL, "own.test", &held);
	assert_null(held);
	assert_int_equal(questions(&f), 0);
	gp_arena_free(scope.arena);
	finish(&f);
}

/* -- for how long ------------------------------------------------------ */

static void
providers_ttl_is_one_to_24_hours(void **state)
{
	static const struct {
		const char *domain;
		int64_t most_us;
	} rows[] = {
		{ "short.test", HOUR },
		{ "own.test", HOUR },
		{ "null.test", HOUR },
		{ "gone.test", HOUR },
		{ "hours.test", 2 * HOUR },
		{ "week.test", DAY },
	};
	struct fixture f = start();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *name = find(&f, f.dns, rows[i].domain, 0);

		assert_int_equal(questions(&f), 1);
		/* a TTL in whole seconds may have lost one on its way */
		assert_string_equal(find(&f, f.away, rows[i].domain,
					rows[i].most_us - 2 * S),
		    name);
		if (questions(&f) != 0)
			fail_msg("%s: asked too early", rows[i].domain);
		assert_string_equal(find(&f, f.dns, rows[i].domain,
					rows[i].most_us),
		    name);
		if (questions(&f) != 1)
			fail_msg("%s: not asked", rows[i].domain);
	}
	finish(&f);
}

static void
providers_stale_is_good_for_seven_days(void **state)
{
	struct fixture f = start();

	(void)state;
	assert_string_equal(find(&f, f.dns, "own.test", 0), "google");
	(void)questions(&f);
	assert_string_equal(find(&f, f.away, "own.test", HOUR), "google");
	assert_int_equal(questions(&f), 1);
	/* not by each message: once in a minute */
	assert_string_equal(find(&f, f.away, "own.test", HOUR + 59 * S),
	    "google");
	assert_int_equal(questions(&f), 0);
	assert_string_equal(find(&f, f.away, "own.test", HOUR + 60 * S),
	    "google");
	assert_int_equal(questions(&f), 1);
	assert_string_equal(find(&f, f.away, "own.test", HOUR + 7 * DAY - S),
	    "google");
	assert_string_equal(find(&f, f.away, "own.test", HOUR + 7 * DAY + HOUR),
	    "other");
	assert_string_equal(find(&f, f.dns, "own.test", 8 * DAY), "google");
	finish(&f);
}

static void
providers_definite_absence_ends_what_was_known(void **state)
{
	struct fixture f = start();

	(void)state;
	assert_string_equal(find(&f, f.dns, "own.test", 0), "google");
	assert_string_equal(find(&f, f.ended, "own.test", HOUR), "other");
	assert_string_equal(find(&f, f.away, "own.test", 3 * HOUR), "other");
	finish(&f);
}

static void
providers_unknown_is_asked_again_after_a_minute(void **state)
{
	struct fixture f = start();

	(void)state;
	assert_string_equal(find(&f, f.away, "own.test", 0), "other");
	assert_int_equal(questions(&f), 1);
	assert_string_equal(find(&f, f.dns, "own.test", 59 * S), "other");
	assert_int_equal(questions(&f), 0);
	assert_string_equal(find(&f, f.dns, "own.test", 60 * S), "google");
	finish(&f);
}

/* A message without time or questions left says nothing about the domain. */
static void
providers_question_without_a_chance_is_not_remembered(void **state)
{
	struct fixture f = start();
	struct gp_dns_scope scope = scope_of(f.dns);

	(void)state;
	scope.budget = 0;
	assert_string_equal(gp_providers_find(f.cache, &all, &scope, NULL,
				"own.test", f.now_us),
	    "other");
	scope.budget = 4;
	scope.deadline_us = gp_clock_us() - 1;
	assert_string_equal(gp_providers_find(f.cache, &all, &scope, NULL,
				"own.test", f.now_us),
	    "other");
	assert_string_equal(find(&f, f.dns, "own.test", 0), "google");
	/* and does not put off a question that has one */
	scope.budget = 0;
	assert_string_equal(gp_providers_find(f.cache, &all, &scope, NULL,
				"own.test", f.now_us + HOUR),
	    "google");
	(void)questions(&f);
	assert_string_equal(find(&f, f.ended, "own.test", HOUR), "other");
	assert_int_equal(questions(&f), 1);
	gp_arena_free(scope.arena);
	finish(&f);
}

/* -- prefetching ------------------------------------------------------- */

static void
providers_prefetch_asks_for_what_is_not_known(void **state)
{
	struct fixture f = start();
	struct gp_dns_scope scope = scope_of(f.dns);
	struct gp_dns_held *held = NULL;

	(void)state;
	(void)find(&f, f.dns, "own.test", 0);
	(void)questions(&f);
	gp_providers_prefetch(f.cache, &all, &scope, NULL, "own.test", &held);
	gp_providers_prefetch(f.cache, &all, &scope, NULL, "gmail.test", &held);
	gp_providers_prefetch(f.cache, &all, &scope, "slow", "order.test",
	    &held);
	gp_providers_prefetch(f.cache, &all, &scope, NULL, "[192.0.2.1]",
	    &held);
	assert_null(held);
	assert_int_equal(questions(&f), 0);
	gp_providers_prefetch(f.cache, &all, &scope, NULL, "order.test", &held);
	assert_non_null(held);
	assert_int_equal(questions(&f), 1);
	scope.held = held;
	assert_string_equal(gp_providers_find(f.cache, &all, &scope, NULL,
				"Order.test", f.now_us),
	    "google");
	assert_int_equal(questions(&f), 0);
	gp_dns_held_free(held);
	gp_arena_free(scope.arena);
	finish(&f);
}

/* -- other blocks ------------------------------------------------------ */

/* A reload brings other blocks and frees the old ones; what DNS said stays. */
static void
providers_after_a_reload_are_those_of_the_new_blocks(void **state)
{
	struct fixture f = start();
	struct gp_provider_policy *old = gp_xcalloc(1, sizeof(*old));
	struct gp_provider_policy fresh[] = { blocks[1], blocks[0] };
	struct gp_providers was = { 1, old }, is = { 2, fresh };
	struct gp_dns_scope scope = scope_of(f.dns);
	char *name = gp_xstrdup("alphabet");

	(void)state;
	*old = blocks[0];
	old->name = name;
	fresh[1].name = "goog";
	assert_ptr_equal(gp_providers_find(f.cache, &was, &scope, NULL,
			     "own.test", f.now_us),
	    name);
	(void)questions(&f);
	free(old);
	free(name);
	assert_ptr_equal(gp_providers_find(f.cache, &is, &scope, NULL,
			     "own.test", f.now_us),
	    fresh[1].name);
	is.n = 1;
	assert_string_equal(gp_providers_find(f.cache, &is, &scope, NULL,
				"own.test", f.now_us),
	    "other");
	assert_int_equal(questions(&f), 0);
	gp_arena_free(scope.arena);
	finish(&f);
}

/* -- many domains ------------------------------------------------------ */

#define ROOM    65536
#define FLOOD   100000
#define FRIENDS 20000

/* Asks for LETTERn.flood.test `times` times each; how many are known. */
static unsigned
find_many(struct fixture *f, char letter, unsigned n, unsigned times,
    int64_t later_us)
{
	struct gp_dns_scope scope = scope_of(f->dns);
	unsigned known = 0;
	char domain[40];

	for (unsigned i = 0; i < n * times; i++) {
		(void)snprintf(domain, sizeof(domain), "%c%u.flood.test",
		    letter, i / times);
		known += strcmp(gp_providers_find(f->cache, &all, &scope, NULL,
				    domain, f->now_us + later_us),
			     "micro") == 0;
		scope.memo = NULL;
		scope.budget = 4;
		gp_arena_clear(scope.arena);
	}
	gp_arena_free(scope.arena);
	return known;
}

/* Of these; but who is not remembered stays unknown. */
static unsigned
count_known(struct fixture *f, char letter, unsigned n, int64_t later_us)
{
	struct gp_dns_scope scope = scope_of(f->dns);
	unsigned known = 0;
	char domain[40];

	scope.budget = 0;
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(domain, sizeof(domain), "%c%u.flood.test",
		    letter, i);
		known += strcmp(gp_providers_find(f->cache, &all, &scope, NULL,
				    domain, f->now_us + later_us),
			     "micro") == 0;
	}
	gp_arena_free(scope.arena);
	print_message("# %u of %u %c known\n", known, n, letter);
	return known;
}

/* Domains of one burst, each with several recipients, push out one another. */
static void
providers_flood_forgets_itself(void **state)
{
	struct fixture f = start();
	unsigned known;

	(void)state;
	for (int64_t minute = 0; minute < 3; minute++)
		(void)find(&f, f.dns, "own.test", minute * 60 * S);
	(void)find_many(&f, 'a', FLOOD, 4, 121 * S);
	(void)questions(&f);
	assert_string_equal(find(&f, f.away, "own.test", 122 * S), "google");
	assert_int_equal(questions(&f), 0);
	known = count_known(&f, 'a', FLOOD, 122 * S);
	assert_true(known < ROOM && known > ROOM / 10 * 9);
	finish(&f);
}

static void
providers_fame_stays_in_a_flood_and_ends_with_time(void **state)
{
	struct fixture f = start();
	unsigned known;

	(void)state;
	(void)find_many(&f, 'a', FLOOD, 1, 0);
	known = count_known(&f, 'a', FLOOD, 60 * S);
	(void)count_known(&f, 'a', FLOOD, 120 * S);
	(void)find_many(&f, 'b', FLOOD, 4, 12 * HOUR);
	assert_true(count_known(&f, 'a', FLOOD, 12 * HOUR) > known / 100 * 86);
	/* which then have no more mail */
	(void)find_many(&f, 'c', FRIENDS, 1, 37 * HOUR);
	(void)find_many(&f, 'c', FRIENDS, 1, 37 * HOUR + 60 * S);
	assert_true(count_known(&f, 'c', FRIENDS, 37 * HOUR + 61 * S) >
		    FRIENDS / 100 * 98);
	finish(&f);
}

/* -- threads ----------------------------------------------------------- */

#define THREADS 6
#define ROUNDS  2000

struct worker {
	pthread_t thread;
	struct fixture *f;
	unsigned number;
	unsigned wrong;
	atomic_bool done;
};

static void *
work(void *arg)
{
	static const struct {
		const char *domain, *name;
	} rows[] = {
		{ "own.test", "google" },
		{ "order.test", "google" },
		{ "gone.test", "other" },
		{ "a.flood.test", "micro" },
		{ "null.test", "other" },
	};
	struct worker *w = arg;
	struct gp_provider_cache *cache = gp_provider_cache_ref(w->f->cache);

	for (unsigned i = 0; i < ROUNDS; i++) {
		const size_t k = (i + w->number) % COUNT(rows);
		struct gp_dns_scope scope = scope_of(w->f->dns);
		struct gp_dns_held *held = NULL;
		int64_t now_us = w->f->now_us + (int64_t)i * 10 * 60 * S;

		gp_providers_prefetch(cache, &all, &scope, NULL, rows[k].domain,
		    &held);
		scope.held = held;
		w->wrong += strcmp(gp_providers_find(cache, &all, &scope, NULL,
				       rows[k].domain, now_us),
				rows[k].name) != 0;
		gp_dns_held_free(held);
		gp_arena_free(scope.arena);
	}
	gp_provider_cache_unref(cache);
	atomic_store(&w->done, true);
	return NULL;
}

static void
providers_many_threads_agree(void **state)
{
	struct worker workers[THREADS];
	struct fixture f = start();

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .f = &f, .number = i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
				     &workers[i]),
		    0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
	finish(&f);
}

static void *
ask_slowly(void *arg)
{
	struct worker *w = arg;

	w->wrong =
	    strcmp(find(w->f, w->f->dns, "delay.test", 0), "google") != 0;
	atomic_store(&w->done, true);
	return NULL;
}

static void
providers_nobody_waits_for_anothers_question(void **state)
{
	struct fixture f = start();
	struct worker w = { .f = &f };

	(void)state;
	assert_string_equal(find(&f, f.dns, "own.test", 0), "google");
	(void)questions(&f);
	assert_int_equal(pthread_create(&w.thread, NULL, ask_slowly, &w), 0);
	while (gp_metrics_get(f.metrics, GP_M_DNS_CACHE, 1) == 0)
		(void)sched_yield(); /* until the question is under way */
	assert_string_equal(find(&f, f.dns, "own.test", 0), "google");
	assert_false(atomic_load(&w.done));
	assert_int_equal(pthread_join(w.thread, NULL), 0);
	assert_int_equal(w.wrong, 0);
	finish(&f);
}

static void
providers_cache_is_counted(void **state)
{
	struct gp_provider_cache *c = gp_provider_cache_new();

	(void)state;
	assert_ptr_equal(gp_provider_cache_ref(c), c);
	gp_provider_cache_unref(c);
	gp_provider_cache_unref(c);
	gp_provider_cache_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(providers_table_of_domains),
		cmocka_unit_test(providers_without_hosts_ask_nobody),
		cmocka_unit_test(providers_ttl_is_one_to_24_hours),
		cmocka_unit_test(providers_stale_is_good_for_seven_days),
		cmocka_unit_test(
		    providers_definite_absence_ends_what_was_known),
		cmocka_unit_test(
		    providers_unknown_is_asked_again_after_a_minute),
		cmocka_unit_test(
		    providers_question_without_a_chance_is_not_remembered),
		cmocka_unit_test(providers_prefetch_asks_for_what_is_not_known),
		cmocka_unit_test(
		    providers_after_a_reload_are_those_of_the_new_blocks),
		cmocka_unit_test(providers_flood_forgets_itself),
		cmocka_unit_test(
		    providers_fame_stays_in_a_flood_and_ends_with_time),
		cmocka_unit_test(providers_many_threads_agree),
		cmocka_unit_test(providers_nobody_waits_for_anothers_question),
		cmocka_unit_test(providers_cache_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
