/*
 * policy_lint_part - what the files of core/policy_lint share.  Internal to it.
 *
 * Purity:   pure.
 */
#ifndef GP_CORE_POLICY_LINT_PART_H
#define GP_CORE_POLICY_LINT_PART_H

#include "core/policy_lint.h"
#include "core/policy_where.h"

#define GP_DAY_MS (INT64_C(24) * 3600 * 1000)

struct gp_lint {
	const struct gp_policy_linting *with;
	const struct gp_globals *globals;
	size_t n_blocks;
	const struct gp_policy *blocks;
	struct gp_findings *out;
};

/* policy_lint_key.c, policy_lint_block.c, policy_lint_limit.c */
void gp_lint_keys(const struct gp_lint *l, const struct gp_policy *block,
    const struct gp_dkim_public *const *keys);
void gp_lint_senders(const struct gp_lint *l, const struct gp_policy *block);
void gp_lint_preflight(const struct gp_lint *l, const struct gp_policy *block);
void gp_lint_shadow(const struct gp_lint *l, const struct gp_policy *block);
void
gp_lint_block_limits(const struct gp_lint *l, const struct gp_policy *block);
void gp_lint_top_limits(const struct gp_lint *l);

/* gp_lint_signs - has the block a key that may sign, today or later? */
bool gp_lint_signs(const struct gp_policy *block);

/* gp_lint_where - of the finding that was added last. */
void gp_lint_where(const struct gp_lint *l, struct gp_origin where);

/* gp_lint_date - "2026-12-01" in `out`. */
#define GP_LINT_DATE 16
const char *gp_lint_date(int64_t s, char out[GP_LINT_DATE]);

#endif
