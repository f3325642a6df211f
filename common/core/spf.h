/*
 * spf - check_host() as a machine that is fed answers, and what follows from
 * its result.
 *
 * The evaluator does no I/O: gp_spf_next() says which name and type it needs,
 * the shell finds the answer, gp_spf_feed() hands it in.  Once every bound of
 * RFC 7208 4.6.4 (and our own on the number of queries) is reached it ends
 * with permerror by itself.  The shell keeps the time: after the deadline it
 * calls gp_spf_abandon().
 *
 * Source:   RFC 7208; RFC 8616 section 4 (internationalised mail).
 * Purity:   pure.
 * Threads:  one evaluation, one thread at a time.
 */
#ifndef GP_CORE_SPF_H
#define GP_CORE_SPF_H

#include "base/arena.h"
#include "base/ip.h"
#include "core/addr.h"
#include "core/authres.h"
#include "core/dnsmsg.h"
#include "core/policy.h"
#include "core/spf_result.h"
#include "core/verdict.h"

/* One question of check_host(). */
struct gp_spf_query {
	struct gp_ip client;
	struct gp_str local;  /* local part of <sender>; empty: postmaster */
	const char *domain;   /* <domain>: normalised, or as received */
	const char *helo;     /* for %{h}; normalised or as received */
	const char *receiver; /* for %{r}: our own host name */
	int64_t now_s;        /* for %{t}: seconds since 1970 */
	unsigned max_terms;   /* normally GP_SPF_TERMS_MAX */
	unsigned max_voids;   /* normally GP_SPF_VOIDS_MAX */
	unsigned max_queries; /* normally GP_SPF_QUERIES_MAX */
};

struct gp_spf_outcome {
	enum gp_spf_result result;
	const char *reason;      /* one clause for A-R, log and `explain`: which
	                          * term matched in whose record, or what was
	                          * wrong; under 300 bytes, printable US-ASCII,
	                          * no double quote; never NULL */
	const char *explanation; /* with FAIL: the expanded exp= text, raw
	                          * US-ASCII, at most GP_SPF_EXPLAIN_MAX bytes;
	                          * NULL: no usable one was published */
	unsigned queries;        /* asked for in all */
	unsigned terms;          /* terms that query, RFC 7208 4.6.4 */
	unsigned voids;          /* of these, whose own look-up found nothing */
};

struct gp_spf_eval;

/*
 * gp_spf_eval_new - begin; everything it makes lives in `arena`.  The strings
 * of `q` are borrowed until the end of the evaluation, `q` itself is not.
 *
 * Where RFC 7208 leaves a choice:
 *  - a void is a term of those that query whose own look-up is answered by
 *    NXDOMAIN or NODATA.  The addresses of MX hosts and of the client's PTR
 *    names are no look-ups of a term; else a client could turn a fail into a
 *    permerror by PTR records of his own;
 *  - a mechanism with a <target-name> that can not be asked for (section 4.8)
 *    does not match; include and redirect of such a name are a permerror;
 *  - a domain that is no name of two labels, or an unknown client, is `none`;
 *  - RFC 8616: with a local part in UTF-8 a term with %{s} or %{l} does not
 *    match, and such a redirect or exp counts as not written.
 */
struct gp_spf_eval *
gp_spf_eval_new(struct gp_arena *arena, const struct gp_spf_query *q);

/*
 * gp_spf_next - true: `*question` must be answered by gp_spf_feed() before
 * the next call.  False: the evaluation has ended, see gp_spf_outcome().
 */
bool gp_spf_next(struct gp_spf_eval *e, struct gp_dns_question *question);

/* gp_spf_feed - the answer; copied where it must last. */
void gp_spf_feed(struct gp_spf_eval *e, const struct gp_dns_answer *answer);

/* gp_spf_abandon - the time is up: end with temperror (or, when only the
 * explanation was outstanding, with the result and no explanation). */
void gp_spf_abandon(struct gp_spf_eval *e);

/* gp_spf_outcome - valid once gp_spf_next() has returned false. */
const struct gp_spf_outcome *gp_spf_outcome(const struct gp_spf_eval *e);

#endif
