/*
 * dmarc_authres - the one field that tells the reader everything.
 *
 * Source:   RFC 8601 sections 2.2 and 2.7; RFC 9989 section 9.2 (dmarc,
 *           header.from, policy.dmarc).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DMARC_AUTHRES_H
#define GP_CORE_DMARC_AUTHRES_H

#include "core/authres.h"
#include "core/dmarc_decide.h"
#include "core/logfmt.h"

/*
 * gp_dmarc_authres - the results of the sealed fields in their order, SPF
 * first, then the one of DMARC: header.from is the Author Domain, policy.dmarc
 * the effective policy where one was found; a reason stands with every result
 * but pass.  Memory from `arena`; ar->id is the caller's.  At most
 * GP_AUTHRES_RESULTS_MAX results, that of DMARC among them in any case.
 */
void gp_dmarc_authres(const struct gp_authres *fields, size_t n,
    const struct gp_dmarc_case *c, struct gp_arena *arena,
    struct gp_authres *ar);

/* gp_dmarc_describe - " dmarc=fail header.from=... policy=... " for the log. */
void gp_dmarc_describe(const struct gp_dmarc_case *c,
    const struct gp_dmarc_decision *d, struct gp_logline *line);

#endif
