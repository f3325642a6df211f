/*
 * provider - who receives the mail of a recipient's domain.
 *
 * The first that knows: the MTA's transport, the list of domains, the names of
 * the MX hosts.  Else it is "other".
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_PROVIDER_H
#define GP_CORE_PROVIDER_H

#include "core/policy.h"

#define GP_PROVIDER_OTHER "other"

/* By the MTA's {rcpt_mailer} (NULL: it gave none); by the domain, normalised.
 * NULL: none has it. */
const struct gp_provider_policy *
gp_provider_by_transport(const struct gp_providers *all, const char *transport);
const struct gp_provider_policy *
gp_provider_by_domain(const struct gp_providers *all, const char *domain);

/* gp_provider_by_mx - `mx` are the host names in order of preference: of the
 * first host that any provider has. */
const struct gp_provider_policy *
gp_provider_by_mx(const struct gp_providers *all, const char *const *mx,
    size_t n);

#endif
