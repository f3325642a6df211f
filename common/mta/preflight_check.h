/*
 * preflight_check - core/preflight with the DNS that receivers will ask.
 *
 * Alignment is evaluated by core/dmarc as a receiver would: the signatures of
 * our signer count as passing, MAIL FROM counts when every egress address
 * passes SPF for it (no `egress`: alignment alone is looked at).  DNS is asked
 * for what is required and for nothing else.
 *
 * The block is that of the Author Domain; of a message that has no single one
 * it is that of MAIL FROM.
 *
 * Source:   RFC 7208 section 4, RFC 9989 sections 4.4 and 4.10.
 * Blocking: DNS, until the scope's deadline.
 * Threads:  any.
 */
#ifndef GP_MTA_PREFLIGHT_CHECK_H
#define GP_MTA_PREFLIGHT_CHECK_H

#include "core/addr.h"
#include "core/preflight.h"
#include "io/dns.h"
#include "io/metrics.h"
#include "io/psl.h"

/* A message of ours; borrowed. */
struct gp_preflight_mail {
	const struct gp_header *header;
	const struct gp_addr *sender; /* MAIL FROM; null: HELO stands for it */
	bool sender_readable;
	const char *helo; /* the name our MTA greets with; also our own */
	bool bounce;      /* as in gp_sender_facts */
};

struct gp_preflight_checker {
	struct gp_arena *arena;
	const struct gp_config *config;
	struct gp_metrics *metrics; /* may be NULL */
	const struct gp_psl *psl;   /* NULL: discovery is treewalk */
};

/* What was found; zero: the block has no `preflight` section. */
struct gp_preflight_result {
	bool judged;
	struct gp_preflight found;
	struct gp_verdict verdict; /* `continue` unless judged */
};

/* gp_preflight_check - strings of the result live in c->arena.  An address of
 * `egress` has the questions of a whole SPF check (GP_SPF_QUERIES_MAX), as
 * with the receivers; the scope's budget holds for all together. */
struct gp_preflight_result
gp_preflight_check(const struct gp_preflight_checker *c,
    struct gp_dns_scope *scope, const struct gp_preflight_mail *mail);

#endif
