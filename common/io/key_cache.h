/*
 * key_cache - public keys, decoded once for as long as they are in use.
 *
 * An RSA key that is new costs as much again as verifying with it (16 us for
 * 2048 bits).  The key of the cache is the public key itself as it stood in
 * DNS, so an entry is never out of date; how long a record is believed is the
 * resolver's business.
 *
 * Blocking: a lock, held for a look-up.
 * Threads:  any.
 */
#ifndef GP_IO_KEY_CACHE_H
#define GP_IO_KEY_CACHE_H

#include "io/crypto.h"
#include "io/metrics.h"

struct gp_key_cache; /* reference counted */

/* gp_key_cache_new - of at most `max` keys (1 to 65536); the one longest not
 * asked for goes first.  `metrics` may be NULL and is borrowed. */
struct gp_key_cache *gp_key_cache_new(unsigned max, struct gp_metrics *metrics);
struct gp_key_cache *gp_key_cache_ref(struct gp_key_cache *c);
void gp_key_cache_unref(struct gp_key_cache *c); /* NULL is allowed */

/* gp_key_cache_get - a reference to the decoded key; GP_PERM as
 * gp_public_key_new(), which is not remembered. */
GP_MUST_USE enum gp_rc
gp_key_cache_get(struct gp_key_cache *c, const struct gp_dkim_public *p,
    struct gp_public_key **out, struct gp_err *err);

#endif
