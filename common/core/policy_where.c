/* See policy_where.h. */
#include "core/policy_where.h"

#include "core/policy_config.h"

#include <string.h>

static const struct gp_section *
find_section(const char *path)
{
	for (size_t i = 0; i < GP_SECTIONS; i++)
		if (strcmp(gp_sections[i].path, path) == 0)
			return &gp_sections[i];
	return NULL;
}

struct gp_origin
gp_origin_of(const struct gp_origin *origins, const char *section,
    const char *option, struct gp_origin otherwise)
{
	const struct gp_section *s = find_section(section);
	const struct gp_option_group *group;
	const struct gp_option *o =
	    s == NULL ? NULL : gp_section_option(s, option, &group);
	struct gp_origin found;

	if (o == NULL)
		return otherwise;
	found = origins[gp_option_number(group, o)];
	return found.file == NULL ? otherwise : found;
}

struct gp_origin
gp_policy_where(const struct gp_policy *policy, const char *section,
    const char *option)
{
	return gp_origin_of(policy->origins, section, option, policy->origin);
}

struct gp_origin
gp_config_where(const struct gp_config *config, const char *section,
    const char *option)
{
	return gp_origin_of(config->origins, section, option,
	    (struct gp_origin){ .file = NULL });
}
