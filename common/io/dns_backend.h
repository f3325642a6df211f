/*
 * dns_backend - what stands behind the resolver's cache.  Internal to io/dns.
 *
 * A question that the cache can not answer becomes a flight.  The backend gets
 * the flight and finishes it, once, with an answer; all who asked the same
 * question meanwhile get that answer.
 *
 * Blocking: start() does not wait for the network.
 * Threads:  any thread starts; any thread finishes.
 */
#ifndef GP_IO_DNS_BACKEND_H
#define GP_IO_DNS_BACKEND_H

#include "core/dnsmsg.h"
#include "io/dns.h"

struct gp_dns_flight;

/* Why a stopped backend has no answer. */
#define GP_DNS_STOPPED "shutting down"

struct gp_dns_backend {
	/* start - ask; gp_dns_finish() is called once for each flight, maybe
	 * before start() returns. */
	void (*start)(struct gp_dns_backend *b, struct gp_dns_flight *f);
	/* stop - finish what is under way with GP_DNS_STOPPED and end the
	 * threads; a start() that comes later finishes so at once.  Called
	 * once. */
	void (*stop)(struct gp_dns_backend *b);
	void (*free)(struct gp_dns_backend *b); /* after stop */
};

/* gp_dns_new - a resolver in front of `b`, which it owns from now on. */
struct gp_dns *gp_dns_new(struct gp_dns_backend *b, int64_t cache_bytes,
    struct gp_metrics *metrics);

/* gp_dns_flight_question - what to ask; the name is in lower case.  Valid
 * until the flight is finished. */
const struct gp_dns_question *
gp_dns_flight_question(const struct gp_dns_flight *f);

/*
 * gp_dns_finish - the answer has come; everything is copied.  `alias`, when
 * not NULL, says that the answer ends in a CNAME whose target must be asked
 * for by itself; the answer then has no records and its ttl_s is that of the
 * chain.  `a->why` must be a string literal.
 */
void gp_dns_finish(struct gp_dns_flight *f, const struct gp_dns_answer *a,
    const char *alias);

/* gp_dns_finish_temp - finish with GP_TEMP and a reason, a string literal. */
void gp_dns_finish_temp(struct gp_dns_flight *f, const char *why);

#endif
