/*
 * providers - core/provider with the MX records of the recipient's domain.
 *
 * What DNS said is remembered by domain, for its TTL but 1 to 24 hours; where
 * it does not answer then, what was known stays for seven days more, and it is
 * asked again after a minute.  Of the hosts the first 16 by preference count,
 * as far as their names have room in 255 octets; without MX records the domain
 * is its own host.  Bounded to 65,536 domains, of which the one used least
 * makes room.
 *
 * Blocking: gp_providers_find: DNS, until the scope's deadline, for a domain
 *           that is not remembered.
 * Threads:  any.
 */
#ifndef GP_MTA_PROVIDERS_H
#define GP_MTA_PROVIDERS_H

#include "core/provider.h"
#include "io/dns.h"
#include "io/metrics.h"

struct gp_provider_cache; /* reference counted */

struct gp_provider_cache *gp_provider_cache_new(void);
struct gp_provider_cache *gp_provider_cache_ref(struct gp_provider_cache *c);
void gp_provider_cache_unref(struct gp_provider_cache *c);

/* gp_providers_prefetch - ask now for what gp_providers_find will need, if it
 * is not known; *held stays as it is otherwise. */
void gp_providers_prefetch(struct gp_provider_cache *c,
    const struct gp_providers *all, struct gp_dns_scope *scope,
    const char *transport, const char *domain, struct gp_dns_held **held);

/*
 * gp_providers_find - the provider's name, as long as `all` lives: "other"
 * where none matches, where DNS does not tell, and for literals.  `transport`
 * and `domain` may be NULL, and the domain anything.  `now_us` is of
 * gp_clock_us().
 */
const char *gp_providers_find(struct gp_provider_cache *c,
    const struct gp_providers *all, struct gp_dns_scope *scope,
    const char *transport, const char *domain, int64_t now_us);

#endif
