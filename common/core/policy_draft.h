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

/* Keys and limits of one block together. */
#define GP_PARTS_MAX 100

/* A key, a limit or an override.  An origin without a file means: not written.
 */
struct gp_part {
	struct gp_part *next;
	const struct gp_section *section; /* its group says which it is */
	const char *name;
	struct gp_origin origin;
	struct gp_origin *at; /* by option number; in the snapshot's arena */
	struct gp_key_policy key;
	struct gp_limit_policy limit;
	struct gp_override_policy override;
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
	size_t n_parts;
};

struct gp_merge {
	struct gp_config *config; /* gets its `domains` */
	struct gp_value_context ctx;
	const struct gp_draft *top;
	const struct gp_draft *drafts; /* domains and profiles, in order */
	size_t n_drafts;
	const struct gp_index *profiles; /* struct gp_draft */
};

/* gp_part_target - the structure that holds the part's values. */
void *gp_part_target(struct gp_part *part, enum gp_target target);

/* gp_drafts_merge - what contradicts itself goes into the problems. */
void gp_drafts_merge(struct gp_merge *m);

#endif
