/* Who looks sees each answer, and where it came from. */
#include "io/clock.h"
#include "io/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const char zone[] = "a.test 60 A 192.0.2.1\n"
			   "b.test CNAME a.test\n"
			   "now.test 0 A 192.0.2.2\n"
			   "down.test * !SERVFAIL\n";

struct lab {
	struct gp_dns *dns;
	struct gp_arena *arena;
	char seen[512]; /* "NAME RC FROM" each, with ";" behind */
};

static void
note(void *arg, const char *name, enum gp_dns_type type,
    const struct gp_dns_answer *a, enum gp_dns_from from)
{
	static const char *const names[] = { "unasked", "server", "cache",
		"memo" };
	struct lab *lab = arg;
	const size_t n = strlen(lab->seen);

	assert_int_equal(type, GP_DNS_A);
	(void)snprintf(lab->seen + n, sizeof(lab->seen) - n, "%s %s %s;", name,
	    gp_rc_name(a->rc), names[from]);
}

static void
lab_open(struct lab *lab)
{
	struct gp_err err;

	*lab = (struct lab){ .arena = gp_arena_new() };
	assert_int_equal(gp_dns_open_zone(gp_str(zone), NULL, &lab->dns, &err),
	    GP_OK);
	gp_dns_observe(lab->dns, note, lab);
}

static void
lab_close(struct lab *lab)
{
	gp_dns_close(lab->dns);
	gp_arena_free(lab->arena);
}

static struct gp_dns_scope
scope_of(const struct lab *lab, unsigned budget)
{
	return (struct gp_dns_scope){ .dns = lab->dns,
		.arena = lab->arena,
		.deadline_us = gp_clock_us() + INT64_C(5000000),
		.budget = budget };
}

static void
dns_observer_is_told_where_it_came_from(void **state)
{
	static const char *const names[] = { "A.test", "a.test", "none.test",
		"down.test", "now.test", "x..test" };
	struct gp_dns_scope scope;
	struct gp_dns_answer a;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	scope = scope_of(&lab, 100);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)gp_dns_query(&scope, names[i], GP_DNS_A, &a);
	assert_string_equal(lab.seen,
	    "A.test ok server;a.test ok memo;none.test none server;"
	    "down.test temporary server;now.test ok server;"
	    "x..test none unasked;");
	lab.seen[0] = '\0';
	scope = scope_of(&lab, 2); /* another message */
	(void)gp_dns_query(&scope, "a.test", GP_DNS_A, &a);
	(void)gp_dns_query(&scope, "now.test", GP_DNS_A, &a);
	(void)gp_dns_query(&scope, "a.test", GP_DNS_A, &a);
	(void)gp_dns_query(&scope, "none.test", GP_DNS_A, &a);
	assert_string_equal(lab.seen,
	    "a.test ok cache;now.test ok server;a.test ok memo;"
	    "none.test temporary unasked;");
	lab_close(&lab);
}

static void
dns_observer_sees_an_alias_as_one_answer(void **state)
{
	struct gp_dns_scope scope;
	struct gp_dns_answer a;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	scope = scope_of(&lab, 100);
	(void)gp_dns_query(&scope, "a.test", GP_DNS_A, &a);
	(void)gp_dns_query(&scope, "b.test", GP_DNS_A, &a);
	assert_string_equal(lab.seen, "a.test ok server;b.test ok server;");
	lab_close(&lab);
}

static void
dns_observer_sees_what_was_prefetched_when_it_is_used(void **state)
{
	struct gp_dns_held *held = NULL;
	struct gp_dns_scope scope;
	struct gp_dns_answer a;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	scope = scope_of(&lab, 100);
	gp_dns_prefetch(&scope, "a.test", GP_DNS_A, &held);
	assert_string_equal(lab.seen, "");
	scope.held = held;
	(void)gp_dns_query(&scope, "a.test", GP_DNS_A, &a);
	assert_string_equal(lab.seen, "a.test ok server;");
	gp_dns_held_free(held);
	held = NULL;
	scope = scope_of(&lab, 100);
	gp_dns_prefetch(&scope, "a.test", GP_DNS_A, &held);
	scope.held = held;
	(void)gp_dns_query(&scope, "a.test", GP_DNS_A, &a);
	assert_string_equal(lab.seen, "a.test ok server;a.test ok cache;");
	gp_dns_held_free(held);
	lab_close(&lab);
}

static void
dns_observer_that_went_sees_nothing(void **state)
{
	struct gp_dns_scope scope;
	struct gp_dns_answer a;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	gp_dns_observe(lab.dns, NULL, NULL);
	scope = scope_of(&lab, 100);
	assert_int_equal(gp_dns_query(&scope, "a.test", GP_DNS_A, &a), GP_OK);
	assert_string_equal(lab.seen, "");
	lab_close(&lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dns_observer_is_told_where_it_came_from),
		cmocka_unit_test(dns_observer_sees_an_alias_as_one_answer),
		cmocka_unit_test(
		    dns_observer_sees_what_was_prefetched_when_it_is_used),
		cmocka_unit_test(dns_observer_that_went_sees_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
