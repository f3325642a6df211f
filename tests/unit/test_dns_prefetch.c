/* Questions asked ahead: none waits for another, none is asked twice. */
#include "support/dns_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS GP_US_PER_MS

/* A scope as one callback has it. */
static void
scope_open(struct dns_lab *f, struct gp_dns_held *held, int64_t us)
{
	f->scope = (struct gp_dns_scope){ .dns = f->dns,
		.arena = f->arena,
		.deadline_us = gp_clock_us() + us,
		.budget = 64,
		.held = held };
}

static void
prefetch_slow_names_take_the_time_of_one(void **state)
{
	struct dns_lab *f = *state;
	struct gp_dns_held *held = NULL;
	int64_t start_us;
	char name[64];

	dns_lab_open(f, 2000, 1);
	scope_open(f, NULL, 5000 * MS);
	start_us = gp_clock_us();
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(name, sizeof(name), "slow200-%u.test", i);
		gp_dns_prefetch(&f->scope, name, GP_DNS_TXT, &held);
	}
	assert_true(gp_clock_us() - start_us < 150 * MS);
	scope_open(f, held, 5000 * MS);
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(name, sizeof(name), "SLOW200-%u.test", i);
		assert_int_equal(gp_dns_query(&f->scope, name, GP_DNS_TXT,
				     &f->a),
		    GP_OK);
	}
	assert_true(gp_clock_us() - start_us < 1000 * MS);
	assert_int_equal(dns_server_asked(f->server), 8);
	gp_dns_held_free(held);
}

static void
prefetch_silent_names_hide_no_answer(void **state)
{
	struct dns_lab *f = *state;
	struct gp_dns_held *held = NULL;
	int64_t start_us;

	dns_lab_open(f, 300, 1);
	scope_open(f, NULL, 2000 * MS);
	gp_dns_prefetch(&f->scope, "silent.a.test", GP_DNS_TXT, &held);
	gp_dns_prefetch(&f->scope, "silent.b.test", GP_DNS_TXT, &held);
	gp_dns_prefetch(&f->scope, "silent.c.test", GP_DNS_TXT, &held);
	gp_dns_prefetch(&f->scope, "a.test", GP_DNS_TXT, &held);
	start_us = gp_clock_us();
	scope_open(f, held, 2000 * MS);
	assert_int_equal(gp_dns_query(&f->scope, "silent.a.test", GP_DNS_TXT,
			     &f->a),
	    GP_TEMP);
	assert_int_equal(gp_dns_query(&f->scope, "silent.b.test", GP_DNS_TXT,
			     &f->a),
	    GP_TEMP);
	assert_string_equal(f->a.why, "timeout");
	assert_int_equal(gp_dns_query(&f->scope, "silent.c.test", GP_DNS_TXT,
			     &f->a),
	    GP_TEMP);
	assert_true(gp_clock_us() - start_us < 800 * MS);
	/* also when there is no time left */
	scope_open(f, held, 0);
	assert_int_equal(gp_dns_query(&f->scope, "a.test", GP_DNS_TXT, &f->a),
	    GP_OK);
	gp_dns_held_free(held);
}

static void
prefetch_answer_that_is_not_cached_is_asked_once(void **state)
{
	static const char *const names[] = { "ttl0.test", "nx0.test",
		"servfail.test" };
	static const enum gp_rc want[] = { GP_OK, GP_NONE, GP_TEMP };
	struct dns_lab *f = *state;

	dns_lab_open(f, 1000, 1);
	for (size_t i = 0; i < 3; i++) {
		const unsigned before = dns_server_asked(f->server);
		struct gp_dns_held *held = NULL;

		scope_open(f, NULL, 2000 * MS);
		gp_dns_prefetch(&f->scope, names[i], GP_DNS_TXT, &held);
		gp_dns_prefetch(&f->scope, names[i], GP_DNS_TXT, &held);
		scope_open(f, held, 2000 * MS);
		for (unsigned again = 0; again < 2; again++)
			assert_int_equal(gp_dns_query(&f->scope, names[i],
					     GP_DNS_TXT, &f->a),
			    want[i]);
		assert_int_equal(dns_server_asked(f->server) - before, 1);
		gp_dns_held_free(held);
		/* who comes later asks for himself */
		assert_int_equal(dns_lab_ask(f, names[i], GP_DNS_TXT), want[i]);
		assert_int_equal(dns_server_asked(f->server) - before, 2);
	}
}

static void
prefetch_dropped_on_its_way_leaves_nothing(void **state)
{
	struct dns_lab *f = *state;
	struct gp_dns_held *held = NULL;

	dns_lab_open(f, 1000, 1);
	scope_open(f, NULL, 2000 * MS);
	gp_dns_prefetch(&f->scope, "slow100-x.test", GP_DNS_A, &held);
	gp_dns_prefetch(&f->scope, "silent.test", GP_DNS_A, &held);
	gp_dns_prefetch(&f->scope, "not..a.name", GP_DNS_A, &held);
	gp_dns_held_free(held);
	assert_int_equal(dns_lab_ask(f, "slow100-x.test", GP_DNS_A), GP_OK);
	assert_int_equal(dns_server_asked(f->server), 2);
}

static void
prefetch_too_late_asks_nothing(void **state)
{
	struct dns_lab *f = *state;
	struct gp_dns_held *held = NULL;

	dns_lab_open(f, 1000, 1);
	scope_open(f, NULL, -1);
	gp_dns_prefetch(&f->scope, "a.test", GP_DNS_A, &held);
	assert_null(held);
	assert_int_equal(dns_server_asked(f->server), 0);
}

static void
prefetch_of_what_was_told_already_asks_nothing(void **state)
{
	struct dns_lab *f = *state;
	struct gp_dns_held *held = NULL;

	dns_lab_open(f, 1000, 1);
	scope_open(f, NULL, 2000 * MS);
	assert_int_equal(gp_dns_query(&f->scope, "ttl0.test", GP_DNS_A, &f->a),
	    GP_OK);
	gp_dns_prefetch(&f->scope, "ttl0.test", GP_DNS_A, &held);
	assert_null(held);
	assert_int_equal(dns_server_asked(f->server), 1);
}

int
main(void)
{
#define IN_LAB(test)                                                           \
	cmocka_unit_test_setup_teardown(test, dns_lab_setup, dns_lab_teardown)
	const struct CMUnitTest tests[] = {
		IN_LAB(prefetch_slow_names_take_the_time_of_one),
		IN_LAB(prefetch_silent_names_hide_no_answer),
		IN_LAB(prefetch_answer_that_is_not_cached_is_asked_once),
		IN_LAB(prefetch_dropped_on_its_way_leaves_nothing),
		IN_LAB(prefetch_too_late_asks_nothing),
		IN_LAB(prefetch_of_what_was_told_already_asks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
