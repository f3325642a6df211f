/*
 * rate_peek - what a meter would say to a charge, asked over a control socket.
 *
 *   peek KEY COST CAPACITY RATE SHARE [MARK]   one charge, and nothing is made
 *   peek-note KEY                              a small text of the store
 *
 * Numbers are decimal with at most 15 digits behind the point, so that the
 * rule that is asked about is the one that the store computes with.
 *
 * Source:   core/charge.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_RATE_PEEK_H
#define GP_CORE_RATE_PEEK_H

#include "base/buf.h"
#include "core/charge.h"

#define GP_RATE_PEEK      "peek"
#define GP_RATE_PEEK_NOTE "peek-note"

/* gp_rate_peek_write - append the request for this charge. */
void gp_rate_peek_write(const struct gp_charge *charge, struct gp_buf *out);

/* gp_rate_peek_read - what stands behind the word "peek"; keys are borrowed.
 * GP_PERM: not that, or out of the ranges of core/charge and core/meter. */
GP_MUST_USE enum gp_rc
gp_rate_peek_read(struct gp_str words, struct gp_charge *out);

/* gp_rate_peek_key - may this be the key of a meter, mark or note? */
bool gp_rate_peek_key(struct gp_str key);

/* The answer: "fits 1 free 0 level 12.5 wait_ms 0", with a line end. */
void gp_rate_peek_answer(const struct gp_charged *made, struct gp_buf *out);
GP_MUST_USE enum gp_rc
gp_rate_peek_understand(struct gp_str answer, struct gp_charged *out);

#endif
