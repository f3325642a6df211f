/*
 * meter - how full a bucket is that leaks at a steady rate.
 *
 * A level, the time it was true, and a rule: what passes adds to the level,
 * time takes away from it, and more than the capacity does not fit.  So in any
 * window of time no more than capacity + rate x window passes (and one that is
 * larger than the capacity: it waits for an empty meter and leaves it in debt).
 *
 * A clock that goes back takes nothing away and gives nothing: the level stays
 * and counts from the new time on, so nobody is locked out.
 *
 *   drain   L := max(0, L - rate x factor x (now - at)),  at := now
 *   admit   L + q <= room, or L = 0;  room = max(1, capacity x share x
 *           max(factor, 1/10))
 *   wait    min(L + q - room, L) / (rate x factor)
 *   debit   L := max(L, min(L + q, capacity + 600 s x rate x factor))
 *
 * The same arithmetic, in doubles, stands in the script of io/store_redis; the
 * conformance suite of the stores holds them equal.
 *
 * Source:   outbound traffic shaping by leaky buckets; ITU-T I.371 (GCRA) is
 *           the same seen from the other side.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_METER_H
#define GP_CORE_METER_H

#include "base/err.h"
#include "base/str.h"

/* A wait without an end. */
#define GP_METER_NEVER INT64_MAX

/* Levels end here: up to 2^53 each single token counts. */
#define GP_METER_LEVEL_MAX 0x1p53

struct gp_meter_rule {
	double capacity; /* tokens, 1 to GP_METER_LEVEL_MAX */
	double rate;     /* tokens a second, to GP_METER_LEVEL_MAX; 0: it never
	                  * drains, and counts */
	double factor;   /* of rate and capacity, over 0 to 1 */
	double share;    /* of the capacity that may be filled by this charge,
	                  * over 0 to 1 */
};

/* Zero is the empty meter. */
struct gp_meter {
	double level;  /* tokens, 0 to GP_METER_LEVEL_MAX */
	int64_t at_ms; /* when it was that */
};

void gp_meter_drain(struct gp_meter *m, const struct gp_meter_rule *rule,
    int64_t now_ms);

/* gp_meter_admits - do `q` tokens fit?  For a meter that was drained to now,
 * as are all below. */
bool gp_meter_admits(const struct gp_meter *m, const struct gp_meter_rule *rule,
    double q);

void gp_meter_commit(struct gp_meter *m, double q);
void gp_meter_refund(struct gp_meter *m, double q); /* not below empty */

/* gp_meter_debit - count what has happened anyway: over the capacity, too, but
 * not beyond it by more than drains in ten minutes. */
void
gp_meter_debit(struct gp_meter *m, const struct gp_meter_rule *rule, double q);

/* gp_meter_wait_ms - milliseconds until `q` would fit, rounded up; 0: it does
 * now; GP_METER_NEVER: a counter that is full. */
int64_t gp_meter_wait_ms(const struct gp_meter *m,
    const struct gp_meter_rule *rule, double q);

/* gp_meter_rest_ms - until it is empty; GP_METER_NEVER: with rate 0, unless it
 * is empty. */
int64_t
gp_meter_rest_ms(const struct gp_meter *m, const struct gp_meter_rule *rule);

#endif
