/* See provider.h. */
#include "core/provider.h"

#include "core/domain.h"

#include <string.h>

static bool
has_word(const struct gp_strings *list, const char *word)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], word) == 0)
			return true;
	return false;
}

static bool
has_domain(const struct gp_strings *list, const char *domain)
{
	for (size_t i = 0; i < list->n; i++)
		if (gp_domain_matches(domain, list->v[i]))
			return true;
	return false;
}

static bool
has_host(const struct gp_strings *list, const char *host)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(host, list->v[i]) == 0 ||
		    gp_domain_is_below(host, list->v[i]))
			return true;
	return false;
}

const struct gp_provider_policy *
gp_provider_by_transport(const struct gp_providers *all, const char *transport)
{
	for (size_t i = 0; i < all->n; i++)
		if (transport != NULL &&
		    has_word(&all->v[i].transports, transport))
			return &all->v[i];
	return NULL;
}

const struct gp_provider_policy *
gp_provider_by_domain(const struct gp_providers *all, const char *domain)
{
	for (size_t i = 0; i < all->n; i++)
		if (has_domain(&all->v[i].domains, domain))
			return &all->v[i];
	return NULL;
}

const struct gp_provider_policy *
gp_provider_by_mx(const struct gp_providers *all, const char *const *mx,
    size_t n)
{
	for (size_t h = 0; h < n; h++)
		for (size_t i = 0; i < all->n; i++)
			if (has_host(&all->v[i].mx, mx[h]))
				return &all->v[i];
	return NULL;
}
