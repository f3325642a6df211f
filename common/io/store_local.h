/*
 * store_local - meters in the store's place while it is away; for the front
 * alone.
 *
 * While the store answers, what it says of each meter is remembered.  When it
 * is away, a meter begins here at its share of that: level, capacity and rate
 * divided by the relays.  So all of them together go on where the store
 * stopped.  What is charged and refunded meanwhile is owed to the store, less
 * what drains; it is settled when the store is back.  If the store then knows
 * less of a meter than was heard of it before (it was started anew, and empty),
 * the difference is owed, too.
 *
 * In doubt too much is counted, never too little: a debit that was not
 * answered is made again, a refund is not.
 *
 * Bounded: 65,536 meters and marks; those used longest ago go first, and
 * those that owe last.
 *
 * Blocking: as the backend, where it gets one.
 * Threads:  any.
 */
#ifndef GP_IO_STORE_LOCAL_H
#define GP_IO_STORE_LOCAL_H

#include "io/store_backend.h"

#define GP_STORE_LOCAL_MOST 65536

struct gp_store_local;

/* `peers` relays share the store, 1 or more. */
struct gp_store_local *gp_store_local_new(unsigned peers);
void gp_store_local_free(struct gp_store_local *l); /* NULL is allowed */

/* gp_store_local_heard - what the store answered to a charge with `rc`. */
void gp_store_local_heard(struct gp_store_local *l, int64_t now_ms,
    const struct gp_charge *charges, size_t n, const struct gp_charged *out,
    enum gp_rc rc);

/* gp_store_local_refunded - the store has given back what `made` says. */
void gp_store_local_refunded(struct gp_store_local *l,
    const struct gp_charge *charges, size_t n, const struct gp_charged *made);

/* gp_store_local_apply - in the store's place; never GP_TEMP. */
GP_MUST_USE enum gp_rc gp_store_local_apply(struct gp_store_local *l,
    enum gp_store_how how, int64_t now_ms, const struct gp_charge *charges,
    size_t n, struct gp_charged *out);

/* gp_store_local_owed - meters that owe something. */
size_t gp_store_local_owed(struct gp_store_local *l);

/* gp_store_local_lost - meters that owed and had to go, so far. */
size_t gp_store_local_lost(struct gp_store_local *l);

/* gp_store_local_doubt - the store may have forgotten what it said. */
void gp_store_local_doubt(struct gp_store_local *l);

/*
 * gp_store_local_settle - give the store what is owed, until nothing is.
 * GP_TEMP: it is away again; the rest stays.
 */
GP_MUST_USE enum gp_rc gp_store_local_settle(struct gp_store_local *l,
    const struct gp_store_backend *store, int64_t now_ms);

/*
 * gp_store_local_remind - before these are charged: does the store still know
 * what is in doubt?  GP_TEMP as above.
 */
GP_MUST_USE enum gp_rc gp_store_local_remind(struct gp_store_local *l,
    const struct gp_store_backend *store, int64_t now_ms,
    const struct gp_charge *charges, size_t n);

#endif
