/*
 * rate_name - a meter's name, piece by piece; core/rate.h says its form.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_RATE_NAME_H
#define GP_CORE_RATE_NAME_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/charge.h"

#define GP_RATE_HASH_TEXT 33 /* 128 bits in hex, and the NUL */

/* gp_rate_name_begin - "KIND/BLOCK/" in `b`, which it makes; BLOCK is a domain
 * or "*". */
void gp_rate_name_begin(struct gp_buf *b, char kind, const char *block);

/* gp_rate_name_add - what a sender may have written, escaped. */
void gp_rate_name_add(struct gp_buf *b, struct gp_str value);

/* gp_rate_name_take - the name, at most GP_CHARGE_KEY_MAX octets; `b` is
 * cleared. */
struct gp_str gp_rate_name_take(struct gp_buf *b, struct gp_arena *arena);

void gp_rate_name_hash(struct gp_str s, char out[GP_RATE_HASH_TEXT]);

#endif
