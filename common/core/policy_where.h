/*
 * policy_where - the line of the policy file that an option's value has.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_WHERE_H
#define GP_CORE_POLICY_WHERE_H

#include "core/policy.h"

/*
 * gp_origin_of - `origins` are those of a part (of a key, a limit ...) or of a
 * policy, `section` is the path in the table of options ("domain/preflight",
 * "domain/limit", "override" ...), `option` a name in it.  `otherwise` is
 * returned for a built-in default and for an option that is not there.
 */
struct gp_origin gp_origin_of(const struct gp_origin *origins,
    const char *section, const char *option, struct gp_origin otherwise);

/* gp_policy_where - of a block's own option, else the line it begins at. */
struct gp_origin gp_policy_where(const struct gp_policy *policy,
    const char *section, const char *option);

/* gp_config_where - of an option outside of blocks; file NULL: built in. */
struct gp_origin gp_config_where(const struct gp_config *config,
    const char *section, const char *option);

#endif
