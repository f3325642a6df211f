/*
 * rate_own - what the two halves of gatepost-rate share: what outlives a
 * message (rate_own.c), and one message (rate_gate.c).
 */
#ifndef GP_MTA_RATE_OWN_H
#define GP_MTA_RATE_OWN_H

#include "io/store.h"
#include "mta/rate_gate.h"

struct gp_rate_own {
	struct gp_store *store;
	struct gp_provider_cache *providers;
	bool wants_provider; /* some limit or warm-up asks who receives */
	char *where; /* the store's place in the policy that opened it */
};

/*
 * gp_rate_request_peek, gp_rate_request_note - answer what core/rate_peek
 * asks; `words` is what stands behind the first one.  A note that is not there
 * is an empty answer.
 */
bool gp_rate_request_peek(struct gp_rate_own *own, struct gp_str words,
    struct gp_buf *out);
bool gp_rate_request_note(struct gp_rate_own *own, struct gp_str key,
    struct gp_buf *out);

/* gp_rate_refusal_key - where the note of a refusal is kept. */
struct gp_str gp_rate_refusal_key(struct gp_str ref, struct gp_arena *arena);

/*
 * gp_rate_request_reset - what stands behind "reset": "show" lists meters,
 * "now" empties them, too: "meter KEY" (a last "*": all that begin so), "login
 * LOGIN", "domain DOMAIN" (of its block's limits).  More than a thousand are
 * refused.  Marks stay: a recipient that came is no new one.
 */
bool gp_rate_request_reset(struct gp_rate_own *own, struct gp_str words,
    struct gp_buf *out);

#endif
