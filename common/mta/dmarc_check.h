/*
 * dmarc_check - core/dmarc against the real DNS, and what the filter keeps
 * besides the policy: the public suffix list, who sent aligned mail, records.
 *
 * discovery = both acts on the tree walk, evaluates by the public suffix list
 * beside it, logs and counts where they differ.
 *
 * Source:   RFC 9989 section 4.10; RFC 7489 section 3.2.
 * Blocking: gp_dmarc_check: DNS, until the scope's deadline.
 * Threads:  any.
 */
#ifndef GP_MTA_DMARC_CHECK_H
#define GP_MTA_DMARC_CHECK_H

#include "core/dmarc.h"
#include "core/dmarc_input.h"
#include "core/header.h"
#include "io/dns.h"
#include "io/psl.h"
#include "mta/dmarc_records.h"

/* What a check is made with; borrowed. */
struct gp_dmarc_checker {
	struct gp_arena *arena; /* of the message */
	const struct gp_dmarc_checking *how;
	struct gp_metrics *metrics; /* may be NULL */
	const struct gp_psl *psl;   /* NULL: discovery is treewalk */
};

/* gp_dmarc_evaluate - the loop that feeds core/dmarc from io/dns.  Strings of
 * the outcome live in `arena`, but those of its record in the scope. */
struct gp_dmarc_outcome gp_dmarc_evaluate(const struct gp_dmarc_query *q,
    struct gp_dns_scope *scope, struct gp_arena *arena);
/* What a message says of itself; borrowed. */
struct gp_dmarc_claims {
	const char *author; /* the Author Domain */
	const char *sender; /* domain of MAIL FROM, or of HELO with a null
	                     * reverse-path; normalised; NULL: none */
	const struct gp_header *header;
};

/* gp_dmarc_check - evaluate; strings of the outcome live in c->arena.  Where
 * an SPF or DKIM result of temperror could have made a pass of a fail, it is
 * temperror (RFC 9989 5.3.6). */
struct gp_dmarc_outcome
gp_dmarc_check(const struct gp_dmarc_checker *c, struct gp_dns_scope *scope,
    const char *author, const struct gp_dmarc_inputs *in);

/*
 * gp_dmarc_unheard - it failed, and a filter of ours gave no results.  Might it
 * have passed with them?  So it is when what only claims to be authenticated,
 * the sender or d= of a signature, is aligned, or when DNS does not say.
 * Returns whose results are missing, a clause; NULL: it would have failed.
 */
const char *
gp_dmarc_unheard(const struct gp_dmarc_checker *c, struct gp_dns_scope *scope,
    const struct gp_dmarc_claims *claims, const struct gp_dmarc_inputs *in);

/* -- clients that sent aligned mail ------------------------------------- */

struct gp_dmarc_known; /* reference counted, bounded, in memory */

struct gp_dmarc_known *gp_dmarc_known_new(void);
struct gp_dmarc_known *gp_dmarc_known_ref(struct gp_dmarc_known *k);
void gp_dmarc_known_unref(struct gp_dmarc_known *k); /* NULL is allowed */

/* gp_dmarc_known_add - this client (its /24 or /64) has sent mail that passed
 * for this domain; remembered for 30 days, or until 65,536 others came. */
void gp_dmarc_known_add(struct gp_dmarc_known *k, const struct gp_ip *client,
    const char *domain, int64_t now_s);
bool gp_dmarc_known_has(struct gp_dmarc_known *k, const struct gp_ip *client,
    const char *domain, int64_t now_s);

/* -- all of them, opened with the policy
 * ----------------------------------------- */

struct gp_dmarc_tables {
	struct gp_psl *psl; /* NULL: discovery is treewalk */
	struct gp_dmarc_known *known;
	bool preflight; /* some block has a `preflight` section */
	struct gp_dmarc_records *records; /* NULL: none are kept */
};

/* gp_dmarc_tables_open - with->old is one of these (NULL at the start): what
 * it knows of clients and its records are taken over.  An override without an
 * end is a warning in the log.  GP_PERM: there is no public suffix list; in
 * `problems`. */
GP_MUST_USE enum gp_rc gp_dmarc_tables_open(const struct gp_opening *with,
    struct gp_dmarc_tables **out, struct gp_problems *problems);
void gp_dmarc_tables_close(struct gp_dmarc_tables *t); /* NULL is allowed */

#endif
