/*
 * resolvers - which name servers a host asks, and are they everybody's?
 *
 * DNS block lists count questions by who asks: those that come through a
 * resolver that many share are refused, or answered wrongly.
 *
 * Source:   resolv.conf(5); the addresses that their operators publish.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_RESOLVERS_H
#define GP_CORE_RESOLVERS_H

#include "base/arena.h"
#include "core/policy.h"

#define GP_RESOLVERS_MAX 8 /* of a resolv.conf; what is beyond is left out */

/* gp_resolvers_read - the nameserver lines of a resolv.conf; from `arena`. */
void gp_resolvers_read(struct gp_str text, struct gp_arena *arena,
    struct gp_strings *out);

/* gp_resolver_public - whose public resolver is "ADDR", "ADDR:PORT" or
 * "[ADDR]:PORT"?  NULL: nobody's that is known. */
const char *gp_resolver_public(const char *server);

#endif
