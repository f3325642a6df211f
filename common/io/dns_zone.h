/*
 * dns_zone - a little DNS in a text, with faults; dns_zone.c says its syntax.
 * Internal to io/dns.
 *
 * Purity:   pure.
 * Threads:  a parsed zone is never changed.
 */
#ifndef GP_IO_DNS_ZONE_H
#define GP_IO_DNS_ZONE_H

#include "core/dnsmsg.h"

/* How long an injected !TIMEOUT lasts when the caller waits so long. */
#define GP_DNS_ZONE_TIMEOUT_US INT64_C(1000000)

struct gp_dns_zone;

struct gp_dns_zone_reply {
	struct gp_dns_answer answer; /* records belong to the zone */
	int64_t delay_us;            /* after which it comes */
};

/* gp_dns_zone_parse - GP_PERM: err has the line; else free *out. */
GP_MUST_USE enum gp_rc gp_dns_zone_parse(struct gp_str text,
    struct gp_dns_zone **out, struct gp_err *err);
void gp_dns_zone_free(struct gp_dns_zone *z); /* NULL is allowed */

/* gp_dns_zone_answer - what a resolver of this zone says; the name of `q` is
 * valid and in lower case. */
struct gp_dns_zone_reply gp_dns_zone_answer(const struct gp_dns_zone *z,
    const struct gp_dns_question *q);

/* gp_dns_zone_delays - is there any answer that comes late? */
bool gp_dns_zone_delays(const struct gp_dns_zone *z);

#endif
