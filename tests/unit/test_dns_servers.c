/* The resolver with several servers, with dead ones, and its circuit. */
#include "support/dns_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
servers_failing_server_is_passed_over_at_once(void **state)
{
	static const enum dns_server_mode modes[] = { DNS_SERVER_SERVFAIL,
		DNS_SERVER_REFUSED };
	struct dns_lab *f = *state;
	struct dns_server *other = dns_server_start(0);
	const unsigned ports[] = { dns_server_port(f->server),
		dns_server_port(other) };

	assert_non_null(other);
	for (size_t i = 0; i < 2; i++) {
		const int64_t start = gp_clock_us();

		dns_lab_open_all(f, ports, 2, 10000, 2);
		dns_server_mode(f->server, modes[i]);
		assert_int_equal(dns_lab_ask(f, "a.test", GP_DNS_A), GP_OK);
		assert_int_equal(dns_server_asked(other), i + 1);
		assert_true(gp_clock_us() - start < 5 * GP_US_PER_S);
		gp_dns_close(f->dns);
	}
	f->dns = NULL;
	dns_server_stop(other);
}

static void
servers_servfail_of_all_servers_is_the_answer(void **state)
{
	struct dns_lab *f = *state;
	struct dns_server *other = dns_server_start(0);
	const unsigned ports[] = { dns_server_port(f->server),
		dns_server_port(other) };
	const int64_t start = gp_clock_us();

	assert_non_null(other);
	dns_lab_open_all(f, ports, 2, 10000, 3);
	assert_int_equal(dns_lab_ask(f, "servfail.test", GP_DNS_A), GP_TEMP);
	assert_string_equal(f->a.why, "SERVFAIL");
	assert_true(gp_clock_us() - start < 5 * GP_US_PER_S);
	assert_int_equal(dns_server_asked(f->server), 1);
	assert_int_equal(dns_server_asked(other), 1);
	dns_server_stop(other);
}

static void
servers_closed_port_is_passed_over_at_once(void **state)
{
	struct dns_lab *f = *state;
	struct dns_server *other = dns_server_start(0);
	const unsigned ports[] = { dns_server_port(other),
		dns_server_port(f->server) };
	const int64_t start = gp_clock_us();

	assert_non_null(other);
	dns_server_stop(other);
	dns_lab_open_all(f, ports, 2, 10000, 2);
	assert_int_equal(dns_lab_ask(f, "a.test", GP_DNS_A), GP_OK);
	assert_true(gp_clock_us() - start < 5 * GP_US_PER_S);
}

/* FI18: hardly any question goes to the dead one. */
static void
servers_dead_server_is_asked_last(void **state)
{
	struct dns_lab *f = *state;
	struct dns_server *other = dns_server_start(0);
	const unsigned ports[] = { dns_server_port(f->server),
		dns_server_port(other) };
	const struct dns_asker like = { .f = f, .prefix = "a", .count = 50 };
	struct dns_asker askers[4];
	unsigned dead;

	assert_non_null(other);
	dns_lab_open_all(f, ports, 2, 200, 2);
	dns_server_mode(f->server, DNS_SERVER_SILENT);
	assert_int_equal(dns_lab_ask(f, "first.test", GP_DNS_A), GP_OK);
	dns_askers_start(askers, 4, &like, true);
	assert_int_equal(dns_askers_join(askers, 4), 0);
	dns_askers_free(askers, 4);
	dead = dns_server_asked(f->server) - dns_server_asked_root(f->server);
	assert_in_range(dead, 1, 10);
	assert_int_equal(dns_server_asked(other), 201);
	dns_server_stop(other);
}

/* Silent for one zone only: the probe says that it lives. */
static void
servers_server_with_a_dead_zone_stays_in_use(void **state)
{
	struct dns_lab *f = *state;
	struct dns_server *other = dns_server_start(0);
	const unsigned ports[] = { dns_server_port(f->server),
		dns_server_port(other) };
	const int64_t until = gp_clock_us() + 10 * GP_US_PER_S;
	char name[32];

	assert_non_null(other);
	dns_lab_open_all(f, ports, 2, 100, 1);
	assert_int_equal(dns_lab_ask(f, "silent.test", GP_DNS_A), GP_TEMP);
	for (unsigned i = 0;
	     dns_server_asked(f->server) - dns_server_asked_root(f->server) < 5;
	     i++) {
		(void)snprintf(name, sizeof(name), "a%u.test", i);
		assert_int_equal(dns_lab_ask(f, name, GP_DNS_A), GP_OK);
		assert_true(gp_clock_us() < until);
	}
	assert_in_range(dns_server_asked_root(f->server), 1, 3);
	dns_server_stop(other);
}

/* -- the circuit --------------------------------------------------------- */

static void
servers_circuit_opens_and_closes(void **state)
{
	struct dns_lab *f = *state;
	const struct dns_asker like = { .f = f, .prefix = "x", .count = 5 };
	struct dns_asker askers[10];
	int64_t start;

	dns_lab_open(f, 100, 1);
	assert_int_equal(dns_lab_ask(f, "cached.test", GP_DNS_A), GP_OK);
	dns_server_mode(f->server, DNS_SERVER_SILENT);
	dns_askers_start(askers, 10, &like, true);
	assert_int_equal(dns_askers_join(askers, 10), 50);
	dns_lab_await(f, GP_M_DNS_CIRCUIT, 0, 1);
	assert_int_equal(askers[0].a.rc, GP_TEMP);
	dns_askers_free(askers, 10);

	start = gp_clock_us();
	for (int i = 0; i < 100; i++) {
		assert_int_equal(dns_lab_ask(f, "new.test", GP_DNS_A), GP_TEMP);
		assert_string_equal(f->a.why, "circuit open");
	}
	assert_true(gp_clock_us() - start < 2 * GP_US_PER_S);
	assert_int_equal(dns_lab_ask(f, "cached.test", GP_DNS_A), GP_OK);

	/* SERVFAIL is an answer too; nobody asks, the probe finds out */
	dns_server_mode(f->server, DNS_SERVER_SERVFAIL);
	start = gp_clock_us();
	dns_lab_await(f, GP_M_DNS_CIRCUIT, 0, 0);
	assert_true(gp_clock_us() - start < 5 * GP_US_PER_S);
	dns_server_mode(f->server, DNS_SERVER_NORMAL);
	assert_int_equal(dns_lab_ask(f, "new.test", GP_DNS_A), GP_OK);
}

static void
servers_dead_zone_does_not_open_the_circuit(void **state)
{
	struct dns_lab *f = *state;
	const struct dns_asker like = { .f = f,
		.prefix = "silent",
		.count = 6 };
	struct dns_asker askers[10];

	dns_lab_open(f, 100, 1);
	dns_askers_start(askers, 10, &like, true);
	assert_int_equal(dns_askers_join(askers, 10), 60);
	for (unsigned i = 0; i < 10; i++)
		assert_string_equal(askers[i].a.why, "timeout");
	dns_askers_free(askers, 10);
	assert_int_equal(gp_metrics_get(f->metrics, GP_M_DNS_CIRCUIT, 0), 0);
	assert_int_equal(dns_lab_ask(f, "a.test", GP_DNS_A), GP_OK);
}

static void
servers_unreachable_server_opens_the_circuit(void **state)
{
	struct dns_lab *f = *state;
	struct dns_server *other = dns_server_start(0);
	const unsigned port = dns_server_port(other);
	const int64_t until = gp_clock_us() + 10 * GP_US_PER_S;

	assert_non_null(other);
	dns_server_stop(other);
	dns_lab_open_all(f, &port, 1, 200, 2);
	do {
		assert_int_equal(dns_lab_ask(f, "a.test", GP_DNS_A), GP_TEMP);
		assert_true(gp_clock_us() < until);
	} while (strcmp(f->a.why, "circuit open") != 0);
	/* the server comes back on its port */
	other = dns_server_start(port);
	assert_non_null(other);
	dns_lab_await(f, GP_M_DNS_CIRCUIT, 0, 0);
	assert_int_equal(dns_lab_ask(f, "a.test", GP_DNS_A), GP_OK);
	dns_server_stop(other);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, dns_lab_setup, dns_lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(servers_failing_server_is_passed_over_at_once),
		TEST(servers_servfail_of_all_servers_is_the_answer),
		TEST(servers_closed_port_is_passed_over_at_once),
		TEST(servers_dead_server_is_asked_last),
		TEST(servers_server_with_a_dead_zone_stays_in_use),
		TEST(servers_circuit_opens_and_closes),
		TEST(servers_dead_zone_does_not_open_the_circuit),
		TEST(servers_unreachable_server_opens_the_circuit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
