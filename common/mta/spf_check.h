/*
 * spf_check - check_host() against the real world, by either engine.
 *
 *   builtin    core/spf, fed from io/dns
 *   libspf2    the library behind the same front: our parser reads every
 *              record before it does, our counters judge terms and voids
 *   compare    acts on builtin, runs libspf2 beside it, logs a difference
 *
 * Every failure is an SPF result, so a caller has no error branch to forget.
 *
 * Source:   RFC 7208.
 * Blocking: DNS, until the scope's deadline.
 * Threads:  any; one scope, one thread.
 */
#ifndef GP_MTA_SPF_CHECK_H
#define GP_MTA_SPF_CHECK_H

#include "core/spf.h"
#include "core/spf_policy.h"
#include "io/dns.h"
#include "io/metrics.h"

/* What a check is made with; borrowed. */
struct gp_spf_checker {
	struct gp_arena *arena; /* for what outlives the check */
	const struct gp_spf_checking *how;
	struct gp_metrics *metrics; /* may be NULL */
	const char *receiver;       /* our host name, for %{r} */
};

/*
 * gp_spf_check - check one identity.  `*queries_left` is the number of DNS
 * questions that this message may still ask for SPF (GP_SPF_QUERIES_MAX at
 * first); it is lowered.  Strings of the result live in c->arena; what the
 * check itself needed lives in scope->arena.
 */
struct gp_spf_check_result gp_spf_check(const struct gp_spf_checker *c,
    struct gp_dns_scope *scope, const struct gp_ip *client, const char *helo,
    const struct gp_spf_identity *id, unsigned *queries_left);

/*
 * gp_spf_libspf2 - the second engine alone: the same question, the outcome as
 * the builtin engine words it.  What the library can not be trusted with
 * (spf_front.h) is judged by the builtin engine, and the reason says so.
 */
void gp_spf_libspf2(const struct gp_spf_query *q, struct gp_dns_scope *scope,
    struct gp_spf_outcome *out);

/* gp_spf_builtin - the loop that feeds core/spf from io/dns. */
void gp_spf_builtin(const struct gp_spf_query *q, struct gp_dns_scope *scope,
    struct gp_spf_outcome *out);

#endif
