/*
 * dns_lab - the fixture of the resolver's tests: a server that misbehaves and
 * a resolver that asks it.  Failures end the test.
 */
#ifndef TESTS_DNS_LAB_H
#define TESTS_DNS_LAB_H

#include "io/clock.h"
#include "io/dns.h"
#include "support/dns_server.h"

#include <pthread.h>

#define DNS_LAB_SERVERS 3

struct dns_lab {
	struct dns_server *server;
	struct gp_metrics *metrics;
	struct gp_dns *dns;
	struct gp_arena *arena;
	struct gp_dns_scope scope;
	struct gp_dns_answer a; /* the last one */
};

/* For cmocka: the server runs, no resolver is open. */
int dns_lab_setup(void **state);
int dns_lab_teardown(void **state);

/* dns_lab_open - a resolver for the lab's server; or for n servers on these
 * ports of 127.0.0.1. */
void dns_lab_open(struct dns_lab *f, int64_t timeout_ms, unsigned tries);
void dns_lab_open_all(struct dns_lab *f, const unsigned *ports, size_t n,
    int64_t timeout_ms, unsigned tries);

/* dns_lab_ask - ask in a new scope, for 20 s at most or for `us`; the answer
 * is in f->a. */
enum gp_rc
dns_lab_ask(struct dns_lab *f, const char *name, enum gp_dns_type type);
enum gp_rc dns_lab_ask_within(struct dns_lab *f, const char *name,
    enum gp_dns_type type, int64_t us);

/* dns_lab_await - wait for a metric to reach a value, at most 10 s. */
void dns_lab_await(const struct dns_lab *f, enum gp_metric id, unsigned label,
    int64_t value);

/* One of several threads that ask for A. */
struct dns_asker {
	struct dns_lab *f;
	const char *prefix; /* first label, or its start */
	unsigned number;    /* 0: all ask for PREFIX.test */
	unsigned count;     /* questions */
	pthread_t thread;
	struct gp_arena *arena;
	struct gp_dns_answer a; /* the last one */
	unsigned temporary;     /* answers */
};

/* dns_askers_start - n threads that ask like->count times each, for distinct
 * names or all the same.  dns_askers_join returns how many answers were
 * temporary; then free them. */
void dns_askers_start(struct dns_asker *askers, unsigned n,
    const struct dns_asker *like, bool distinct);
unsigned dns_askers_join(struct dns_asker *askers, unsigned n);
void dns_askers_free(struct dns_asker *askers, unsigned n);

#endif
