/*
 * rate_warm - what warm-up of a domain to a provider has come to today.
 *
 * The state is a note in the store; when a day has ended, the first message
 * of a new one makes the next state from it.  Whoever else does so at that
 * moment writes the same.
 *
 * Blocking: the store.
 * Threads:  any.
 */
#ifndef GP_MTA_RATE_WARM_H
#define GP_MTA_RATE_WARM_H

#include "core/rate.h"
#include "io/store.h"

/* gp_rate_warm_find - with the cap of `today`; that of the first day, and
 * nothing is written, while the store is away. */
struct gp_rate_warm gp_rate_warm_find(struct gp_store *store,
    const struct gp_policy *block, const struct gp_warmup_policy *warmup,
    const char *provider, int64_t today, struct gp_arena *arena);

#endif
