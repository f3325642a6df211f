/*
 * dns - one resolver for SPF, DKIM and DMARC.
 *
 * In front a cache (sharded, bounded in bytes, negative answers too) with
 * de-duplication of equal questions in flight; behind it a backend: c-ares on
 * one pump thread, or a zone text for tests and `explain --zone`.
 *
 * A message has a scope: a deadline, a budget of questions, and a memory of
 * what it was told.  What it asks again costs nothing and has the same answer,
 * even when its TTL is 0; but a GP_TEMP is not remembered.
 *
 * A circuit breaker answers GP_TEMP at once while the servers answer nothing
 * at all.  It counts servers that are silent, never a dead name or zone: a
 * SERVFAIL is an answer.
 *
 * Source:   RFC 1035, RFC 2181, RFC 2308.
 * Blocking: gp_dns_query waits until the deadline at the latest.
 * Threads:  a resolver may be used by any number of threads; a scope belongs
 *           to one message.
 */
#ifndef GP_IO_DNS_H
#define GP_IO_DNS_H

#include "base/arena.h"
#include "core/dnsmsg.h"
#include "core/policy.h"
#include "io/metrics.h"

struct gp_dns;

/*
 * gp_dns_open - a resolver on c-ares.  Starts the pump thread: signals must
 * be blocked by then.  `metrics` may be NULL and is borrowed.
 * GP_PERM: a server can not be parsed or the system has none; err says so.
 */
GP_MUST_USE enum gp_rc gp_dns_open(const struct gp_resolver_policy *policy,
    struct gp_metrics *metrics, struct gp_dns **out, struct gp_err *err);

/*
 * gp_dns_open_zone - a resolver that answers from zone text (dns_zone.c says
 * its syntax; names not in it do not exist).  GP_PERM: bad text, err has the
 * line.
 */
GP_MUST_USE enum gp_rc gp_dns_open_zone(struct gp_str zone,
    struct gp_metrics *metrics, struct gp_dns **out, struct gp_err *err);

/*
 * gp_dns_close - ends the threads at once; who still waits in gp_dns_query
 * gets GP_TEMP "shutting down".  Nobody may call gp_dns_query from then on.
 */
void gp_dns_close(struct gp_dns *dns); /* NULL is allowed */

/* gp_dns_cancel - for a process that is about to end: questions under way and
 * all later ones get GP_TEMP "shutting down" at once.  From any thread. */
void gp_dns_cancel(struct gp_dns *dns);

/* One message's share of the resolver. */
struct gp_dns_scope {
	struct gp_dns *dns;
	struct gp_arena *arena;   /* answers live here */
	int64_t deadline_us;      /* by gp_clock_us(); nothing waits longer */
	unsigned budget;          /* questions left; 0: GP_TEMP "budget".
	                           * It counts what is asked, cached or not,
	                           * and each alias that must be asked for */
	struct gp_dns_memo *memo; /* private; NULL at the start */
	struct gp_dns_held *held; /* borrowed; NULL: nothing was prefetched */
};

/*
 * gp_dns_query - ask, or remember.  `name` without a final dot, any case; one
 * that can not exist (core/dnsmsg.h) is GP_NONE.
 * The answer's records live in scope->arena.  Never fails otherwise: what
 * goes wrong is GP_TEMP in out->rc with out->why.  Returns out->rc.
 */
enum gp_rc gp_dns_query(struct gp_dns_scope *scope, const char *name,
    enum gp_dns_type type, struct gp_dns_answer *out);

/*
 * gp_dns_prefetch - start asking and do not wait.  The answer is kept for
 * `*held` (NULL at the start), also one that may not be cached, such as that
 * there is none: a scope whose `held` this is finds it, or waits for the rest
 * of the time.  So questions that are prefetched together cost no more time
 * than the slowest, whatever becomes of it.  Needs neither scope->arena nor
 * its budget; not more than one for each question that is sure to be asked.
 */
void gp_dns_prefetch(struct gp_dns_scope *scope, const char *name,
    enum gp_dns_type type, struct gp_dns_held **held);

/* gp_dns_held_free - forget them, before gp_dns_close.  NULL is allowed. */
void gp_dns_held_free(struct gp_dns_held *held);

/* -- for who wants to see what is asked -------------------------------- */

enum gp_dns_from {
	GP_DNS_UNASKED, /* no time or no budget was left, or it can not be a
	                 * name */
	GP_DNS_SERVER,  /* some of it, where an alias was followed */
	GP_DNS_CACHE,
	GP_DNS_MEMO, /* this message had asked before */
};

/* Sees each answer of gp_dns_query, in the thread that asked; `name` as it was
 * asked for.  All of it is borrowed. */
typedef void (*gp_dns_seen_fn)(void *arg, const char *name,
    enum gp_dns_type type, const struct gp_dns_answer *a,
    enum gp_dns_from from);

/* gp_dns_observe - before the first question; NULL: nobody looks. */
void gp_dns_observe(struct gp_dns *dns, gp_dns_seen_fn fn, void *arg);

#endif
