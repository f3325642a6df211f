/*
 * domain_check - is what DNS says of a sending domain what the policy needs?
 *
 * Published DKIM keys against the private ones, SPF of every egress address,
 * the DMARC record, names of the egress addresses, DNS block lists.  `gatepost
 * check --dns` and `gatepost doctor` ask here.
 *
 * Source:   RFC 6376 3.6, RFC 7208, RFC 9989 4.7; RFC 5782 (block lists).
 * Blocking: DNS, until the deadline.
 * Threads:  any; one list of findings, one thread.
 */
#ifndef GP_MTA_DOMAIN_CHECK_H
#define GP_MTA_DOMAIN_CHECK_H

#include "core/finding.h"
#include "io/dns.h"

struct gp_domain_checking {
	const struct gp_config *config;
	struct gp_dns *dns;
	struct gp_strings
	    blocklists;            /* zones, "zen.example.org"; may be none */
	struct gp_prefixes egress; /* addresses besides those of the policy
	                            * (preflight { egress }); may be none */
	int64_t timeout_ms;        /* of all questions for one domain */
	int64_t now_s;             /* wall clock */
};

/* gp_domain_check - of one domain block; a topic each: "dkim", "spf",
 * "dmarc", "name", "blocklist". */
void gp_domain_check(const struct gp_domain_checking *with,
    const struct gp_policy *block, struct gp_findings *out);

#endif
