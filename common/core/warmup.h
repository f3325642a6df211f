/*
 * warmup - how much a young domain may send to one provider today.
 *
 * Providers trust what has grown slowly: the first day has a small cap, each
 * day of real sending raises it, a pause lowers it, and after a long one it
 * begins again.  A day counts from midnight to midnight of the operator's
 * time; its cap leaves at an even rate over `hours`, so that no burst follows
 * midnight.
 *
 *   cap(n)    min(plateau, round(first_day x grow^(n - 1)))
 *   next day  n + 1 where at least half of the cap was used, else n stays
 *   pause     of p days (a day with a fifth of its cap counts as sending):
 *             p <= 3 nothing; p <= 30 the cap halves every nine days beyond
 *             the third; longer: n = 1
 *
 * The state of a domain and provider is one small text; several processes that
 * see the same day end come to the same next state.
 *
 * Source:   what mail services publish of their own warm-up schedules.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_WARMUP_H
#define GP_CORE_WARMUP_H

#include "base/err.h"
#include "base/str.h"
#include "core/meter.h"
#include "core/policy.h"

#define GP_WARMUP_TEXT 96 /* of a state, with the closing NUL */

/* A policy with nothing left open; each in the range that it has there. */
struct gp_warmup_rule {
	int64_t first_day; /* recipients, at least 1 */
	unsigned grow;     /* thousandths */
	int64_t plateau;   /* recipients, at least first_day */
	unsigned hours;    /* 1 to 24 */
};

struct gp_warmup_state {
	int64_t day;       /* days since 1970, operator's time, from 1; of
	                    * `n` */
	double n;          /* effective sending day, from 1, in millionths */
	int64_t last_send; /* last day with a fifth of its cap; 0: none yet */
};

/*
 * gp_warmup_rule_of - the policy's numbers; where they are 0, those of the
 * built-in table for this provider ("google" ..., else "other").  A number of
 * the policy is kept where one of the table does not go with it.
 */
struct gp_warmup_rule
gp_warmup_rule_of(const struct gp_warmup_policy *w, const char *provider);

/* gp_warmup_find - the block for this provider: its own, else "all"; NULL. */
const struct gp_warmup_policy *
gp_warmup_find(const struct gp_policy *p, const char *provider);

/* gp_warmup_begin - the first day ever. */
struct gp_warmup_state gp_warmup_begin(int64_t today);

/* gp_warmup_next - the state of `today`, from that of an earlier day on which
 * `used` recipients were sent to.  A day not later changes nothing. */
struct gp_warmup_state gp_warmup_next(const struct gp_warmup_state *s,
    const struct gp_warmup_rule *r, double used, int64_t today);

/* gp_warmup_cap - recipients of this day, at least 1. */
int64_t
gp_warmup_cap(const struct gp_warmup_state *s, const struct gp_warmup_rule *r);

/* gp_warmup_day_rule, gp_warmup_spread_rule - the meters of a day: a counter
 * that ends with it, and the even rate over its hours. */
struct gp_meter_rule gp_warmup_day_rule(int64_t cap);
struct gp_meter_rule
gp_warmup_spread_rule(int64_t cap, const struct gp_warmup_rule *r);

/* gp_warmup_format, gp_warmup_parse - a state as text and back.  GP_NONE: no
 * such text; it is as if there were none. */
void
gp_warmup_format(const struct gp_warmup_state *s, char out[GP_WARMUP_TEXT]);
GP_MUST_USE enum gp_rc
gp_warmup_parse(struct gp_str text, struct gp_warmup_state *out);

/*
 * gp_warmup_forecast - days of sending, each its whole cap, until the cap
 * first reaches `volume`; 0: never.  cap(1) ... are gp_warmup_cap of n.
 */
unsigned gp_warmup_forecast(const struct gp_warmup_rule *r, int64_t volume);

#endif
