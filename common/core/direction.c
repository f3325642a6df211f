/* See direction.h. */
#include "core/direction.h"

static bool
listed(const struct gp_strings *list, const char *value)
{
	if (value == NULL)
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (gp_str_eq_nocase(gp_str(list->v[i]), gp_str(value)))
			return true;
	return false;
}

static bool
trusted(const struct gp_prefixes *clients, const struct gp_ip *ip)
{
	for (size_t i = 0; i < clients->n; i++)
		if (gp_prefix_has(&clients->v[i], ip))
			return true;
	return false;
}

enum gp_direction
gp_direction_decide(const struct gp_trust_policy *trust,
    const struct gp_direction_facts *facts, const char **why)
{
	*why = "inbound";
	if (facts->local)
		*why = "local";
	else if (trust->authenticated && facts->auth_login != NULL &&
		 facts->auth_login[0] != '\0')
		*why = "authenticated";
	else if (trust->client_certificates && facts->verified_cert)
		*why = "certificate";
	else if (trusted(&trust->clients, &facts->client))
		*why = "trusted-client";
	else if (listed(&trust->listeners, facts->daemon_name))
		*why = "trusted-listener";
	else
		return GP_INBOUND;
	return GP_OUTBOUND;
}
