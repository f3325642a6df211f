/*
 * policy_draft - blocks as they were written, before they are merged.
 *
 * The builder makes a draft of every domain and profile (policy_build.c);
 * then domains, their profiles and the global values become the policies of
 * the snapshot (policy_merge.c).
 *
 * Purity:   pure.
 */
#ifndef GP_CORE_POLICY_DRAFT_H
#define GP_CORE_POLICY_DRAFT_H

#include "core/policy_config.h"
#include "core/policy_value.h"

/* A titled block but domains and profiles: a key, a limit ...  An origin
 * without a file means: not written. */
struct gp_part {
	struct gp_part *next;
	const struct gp_section *section; /* its group says which it is */
	const char *name;
	struct gp_origin origin;
	struct gp_origin *at; /* by option number; in the snapshot's arena */
	union {               /* by the target of the group */
		struct gp_key_policy key;
		struct gp_limit_policy limit;
		struct gp_override_policy override;
		struct gp_warmup_policy warmup;
		struct gp_provider_policy provider;
	};
};

/* A domain, a profile, or what stands outside of both. */
struct gp_draft {
	struct gp_draft *next;
	const struct gp_section *section;
	const char *name; /* NULL: nameless, its title can not be used */
	struct gp_origin origin;
	struct gp_origin opened[GP_SECTIONS];   /* sections without title */
	struct gp_origin at[GP_POLICY_OPTIONS]; /* by option number */
	struct gp_policy values;                /* where `at` has a file */
	struct gp_part *parts;                  /* in order of reading */
	struct gp_part **parts_end;
	size_t n_parts[GP_TARGETS];
};

struct gp_merge {
	struct gp_config *config; /* gets its `domains` */
	struct gp_value_context ctx;
	const struct gp_draft *top;
	const struct gp_draft *drafts; /* domains and profiles, in order */
	size_t n_drafts;
	const struct gp_index *profiles;  /* struct gp_draft */
	const struct gp_index *providers; /* struct gp_part */
};

/* gp_part_group - its options. */
const struct gp_option_group *gp_part_group(const struct gp_part *part);

/* gp_part_target - the structure that holds the part's values. */
void *gp_part_target(struct gp_part *part);

/* gp_part_is_written - stands one of these options in it? */
bool gp_part_is_written(const struct gp_part *part, const char *const *names,
    size_t n);

/* -- merging parts (policy_parts.c) ------------------------------------ */

/* gp_parts_of_domain - the keys, limits and warm-ups of a domain block and of
 * its profile (NULL: none) into the policy. */
void gp_parts_of_domain(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_draft *profile, struct gp_policy *p);

/* gp_parts_of_top - the overrides, limits and providers. */
void gp_parts_of_top(const struct gp_merge *m);

/* -- what options say together (policy_check.c) ------------------------ */

/* gp_check_parts - each part of the block that completes none of its
 * profile's: it must be complete itself. */
void gp_check_parts(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_draft *profile);

/* gp_check_merged - a part of a domain that completes one of its profile. */
void gp_check_merged(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_part *part, const struct gp_part *merged);

/* gp_check_globals - what no part has. */
void gp_check_globals(const struct gp_merge *m);

/* gp_part_find - NULL: none. */
struct gp_part *
gp_part_find(struct gp_part *parts, const char *kind, const char *name);

/* -- all of it --------------------------------------------------------- */

/* gp_drafts_merge - what contradicts itself goes into the problems. */
void gp_drafts_merge(struct gp_merge *m);

#endif
