/*
 * policy_config - what a snapshot is made of; for policy.c and the builder.
 *
 * Threads:  read-only once built, but for the reference count.
 */
#ifndef GP_CORE_POLICY_CONFIG_H
#define GP_CORE_POLICY_CONFIG_H

#include "core/policy_index.h"
#include "core/policy_table.h"

#include <stdatomic.h>

struct gp_config {
	atomic_uint references;
	struct gp_arena *arena; /* holds everything, this structure too */
	uint64_t id;
	struct gp_globals globals;
	struct gp_origin origins[GP_GLOBALS_OPTIONS]; /* of the globals */
	struct gp_policy base;                        /* where no block holds */
	const struct gp_index *domains;               /* struct gp_policy */
	size_t n_blocks;
	const struct gp_policy *blocks; /* the same, in order of reading */
};

#endif
