/*
 * dns_authority - the name servers of a zone, and what each of them says.
 *
 * A resolver answers from its cache, or from whichever server it liked best.
 * Who wants to know whether a record is published asks them all.
 *
 * Source:   RFC 1034 section 4.2 (zones and their cuts).
 * Blocking: DNS, until the deadline.
 * Threads:  any; a thread of its own for each server while it is asked.
 */
#ifndef GP_IO_DNS_AUTHORITY_H
#define GP_IO_DNS_AUTHORITY_H

#include "io/dns.h"

#define GP_DNS_AUTHORITIES_MAX 32 /* addresses that are asked */

struct gp_dns_authorities {
	const char *name; /* what to ask for: the name, behind its aliases */
	const char *zone; /* where it lies */
	size_t n;         /* at least 1 */
	struct gp_dns_authority {
		const char *host;    /* "ns1.example.com" */
		const char *address; /* "192.0.2.53:53", "[2001:db8::53]:53" */
	} * v;
};

/*
 * gp_dns_authorities_find - by the resolver of `scope`; memory from its arena.
 * GP_NONE: no zone above the name has servers with an address.  GP_TEMP: DNS
 * does not tell; err says what.
 */
GP_MUST_USE enum gp_rc gp_dns_authorities_find(struct gp_dns_scope *scope,
    const char *name, struct gp_dns_authorities *out, struct gp_err *err);

/*
 * gp_dns_ask_each - the TXT records of `name` from each of `n` servers ("ADDR",
 * "ADDR:PORT"), at once; answers[i] is that of servers[i], its records lie in
 * `arena`.  A server has two tries of `timeout_ms`.
 */
void gp_dns_ask_each(const char *const *servers, size_t n, const char *name,
    int64_t timeout_ms, struct gp_arena *arena, struct gp_dns_answer *answers);

#endif
