/*
 * dns_pump - the thread that asks the servers.  Internal to io/dns.
 *
 * A question is sent to the servers in turn.  A server has `timeout_ms` to
 * answer; within that time the question is sent three times, since datagrams
 * get lost, and an answer that comes while the next server is being asked
 * still counts.  A server that refuses, fails or talks nonsense is not asked
 * again for this question, and the next one is asked at once.
 *
 * A server that was silent once is probed with a question for the root's name
 * servers and until it answers is asked last; when the probe stays without
 * answer as well, it is down and is asked when no other is left.  So one dead
 * zone costs its own questions time, and one dead server costs hardly any.
 *
 * Threads:  its functions belong to the pump thread.
 */
#ifndef GP_IO_DNS_PUMP_H
#define GP_IO_DNS_PUMP_H

#include "base/arena.h"
#include "io/dns_backend.h"
#include "io/dns_breaker.h"
#include "io/dns_line.h"

#include <stdatomic.h>

enum gp_dns_server_state {
	GP_DNS_SERVER_UP,
	GP_DNS_SERVER_SUSPECT, /* silent once, not yet probed */
	GP_DNS_SERVER_DOWN,    /* the probe was silent too */
};

struct gp_dns_pump;

struct gp_dns_server {
	struct gp_dns_line_owner owner; /* first: the two are one address */
	struct gp_dns_pump *pump;
	struct gp_dns_line *line;
	char name[GP_DNS_SERVER_TEXT];
	enum gp_dns_server_state state;
	bool probing;
	int64_t probed_us; /* when last */
};

struct gp_dns_ask;

/* Questions that wait equally long: the first one is due first. */
struct gp_dns_waiting {
	struct gp_dns_ask *first;
	struct gp_dns_ask *last;
};

/* How long, in parts of the timeout. */
enum gp_dns_wait {
	GP_DNS_WAIT_NONE,
	GP_DNS_WAIT_QUARTER,
	GP_DNS_WAIT_HALF,
	GP_DNS_WAITS /* how many */
};

/* Why nothing is asked while no server answers. */
#define GP_DNS_CIRCUIT_OPEN "circuit open"

struct gp_dns_pump {
	struct gp_dns_server servers[GP_DNS_SERVERS_MAX];
	unsigned n_servers;
	unsigned tries; /* rounds over all servers */
	int64_t timeout_us;
	struct gp_dns_waiting waiting[GP_DNS_WAITS];
	struct gp_dns_breaker breaker;
	atomic_bool circuit_open;
	struct gp_arena *arena; /* of the answer at hand */
	struct gp_metrics *metrics;
};

/* gp_dns_pump_init - `servers` as of gp_dns_line.h, n of them, at least one;
 * the library is set up.  On failure nothing is left to clear. */
GP_MUST_USE enum gp_rc
gp_dns_pump_init(struct gp_dns_pump *p, const struct gp_resolver_policy *policy,
    const char servers[][GP_DNS_SERVER_TEXT], size_t n, struct gp_err *err);

/* gp_dns_pump_clear - finishes what is under way with GP_DNS_STOPPED. */
void gp_dns_pump_clear(struct gp_dns_pump *p);

/* gp_dns_pump_ask - a new flight. */
void gp_dns_pump_ask(struct gp_dns_pump *p, struct gp_dns_flight *f);

/* gp_dns_pump_run - do what is due; then wait until the time that it returns
 * at most (gp_clock_us), or until a line has something to read. */
int64_t gp_dns_pump_run(struct gp_dns_pump *p);

#endif
