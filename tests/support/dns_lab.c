/* See dns_lab.h. */
#include "support/dns_lab.h"

#include "base/xalloc.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void
dns_lab_open_all(struct dns_lab *f, const unsigned *ports, size_t n,
    int64_t timeout_ms, unsigned tries)
{
	char names[DNS_LAB_SERVERS][32];
	const char *servers[DNS_LAB_SERVERS];
	struct gp_resolver_policy policy = { .servers = { .v = servers,
						 .n = n },
		.timeout_ms = timeout_ms,
		.tries = tries,
		.cache_bytes = 1048576 };
	struct gp_err err;

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "127.0.0.1:%u",
		    ports[i]);
		servers[i] = names[i];
	}
	if (gp_dns_open(&policy, f->metrics, &f->dns, &err) != GP_OK)
		fail_msg("%s", err.msg);
}

void
dns_lab_open(struct dns_lab *f, int64_t timeout_ms, unsigned tries)
{
	const unsigned port = dns_server_port(f->server);

	dns_lab_open_all(f, &port, 1, timeout_ms, tries);
}

int
dns_lab_setup(void **state)
{
	struct dns_lab *f = gp_xcalloc(1, sizeof(*f));

	f->server = dns_server_start(0);
	f->metrics = gp_metrics_new("test");
	f->arena = gp_arena_new();
	assert_non_null(f->server);
	*state = f;
	return 0;
}

int
dns_lab_teardown(void **state)
{
	struct dns_lab *f = *state;

	gp_dns_close(f->dns);
	dns_server_stop(f->server);
	gp_metrics_free(f->metrics);
	gp_arena_free(f->arena);
	free(f);
	return 0;
}

enum gp_rc
dns_lab_ask_within(struct dns_lab *f, const char *name, enum gp_dns_type type,
    int64_t us)
{
	f->scope = (struct gp_dns_scope){ .dns = f->dns,
		.arena = f->arena,
		.deadline_us = gp_clock_us() + us,
		.budget = 64 };
	return gp_dns_query(&f->scope, name, type, &f->a);
}

enum gp_rc
dns_lab_ask(struct dns_lab *f, const char *name, enum gp_dns_type type)
{
	return dns_lab_ask_within(f, name, type, 20 * GP_US_PER_S);
}

static void *
asker_run(void *arg)
{
	struct dns_asker *k = arg;
	char name[64];

	for (unsigned i = 0; i < k->count; i++) {
		struct gp_dns_scope scope = { .dns = k->f->dns,
			.arena = k->arena,
			.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
			.budget = 4 };

		if (k->number == 0)
			(void)snprintf(name, sizeof(name), "%s.test",
			    k->prefix);
		else
			(void)snprintf(name, sizeof(name), "%s-%u-%u.test",
			    k->prefix, k->number, i);
		if (gp_dns_query(&scope, name, GP_DNS_A, &k->a) == GP_TEMP)
			k->temporary++;
	}
	return NULL;
}

void
dns_askers_start(struct dns_asker *askers, unsigned n,
    const struct dns_asker *like, bool distinct)
{
	for (unsigned i = 0; i < n; i++) {
		askers[i] = *like;
		askers[i].number = distinct ? i + 1 : 0;
		askers[i].arena = gp_arena_new();
		assert_int_equal(pthread_create(&askers[i].thread, NULL,
				     asker_run, &askers[i]),
		    0);
	}
}

unsigned
dns_askers_join(struct dns_asker *askers, unsigned n)
{
	unsigned temporary = 0;

	for (unsigned i = 0; i < n; i++) {
		pthread_join(askers[i].thread, NULL);
		temporary += askers[i].temporary;
	}
	return temporary;
}

void
dns_askers_free(struct dns_asker *askers, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		gp_arena_free(askers[i].arena);
}

void
dns_lab_await(const struct dns_lab *f, enum gp_metric id, unsigned label,
    int64_t value)
{
	const int64_t until = gp_clock_us() + 10 * GP_US_PER_S;

	while (gp_metrics_get(f->metrics, id, label) != value) {
		assert_true(gp_clock_us() < until);
		(void)sched_yield();
	}
}
