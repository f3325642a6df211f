/*
 * preflight_check - core/preflight with the DNS that receivers will ask.
 *
 * DMARC is evaluated by core/dmarc as a receiver would: the signatures of our
 * signer count as passing, MAIL FROM counts when every egress address passes
 * SPF for it (no `egress`: alignment alone is looked at).
 *
 * Source:   RFC 7208 section 4, RFC 9989 sections 4.4 and 4.10.
 * Blocking: DNS, until the scope's deadline.
 * Threads:  any.
 */
#ifndef GP_MTA_PREFLIGHT_CHECK_H
#define GP_MTA_PREFLIGHT_CHECK_H

#include "core/preflight.h"
#include "core/senders.h"
#include "io/dns.h"
#include "io/metrics.h"
#include "io/psl.h"

/* A message of ours; borrowed. */
struct gp_preflight_mail {
	const struct gp_header *header;
	const char *mail_from;  /* domain, normalised; NULL: null reverse-path,
	                         * then HELO stands for it */
	const char *local_part; /* of MAIL FROM; for %{l} */
	const char *helo;       /* the name our MTA greets with */
	bool bounce;            /* as in gp_sender_facts */
};

struct gp_preflight_checker {
	struct gp_arena *arena;
	const struct gp_config *config;
	struct gp_metrics *metrics; /* may be NULL */
	const struct gp_psl *psl;   /* NULL: discovery is treewalk */
};

/* What was found; zero: the Author Domain has no `preflight` block. */
struct gp_preflight_result {
	bool judged;
	const struct gp_preflight_policy *policy;
	struct gp_preflight found;
	struct gp_verdict verdict; /* `continue` unless judged */
};

struct gp_preflight_result
gp_preflight_check(const struct gp_preflight_checker *c,
    struct gp_dns_scope *scope, const struct gp_preflight_mail *mail);

#endif
