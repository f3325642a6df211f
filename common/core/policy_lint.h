/*
 * policy_lint - what a policy says that its author can hardly mean.
 *
 * A policy that could be built is free of contradictions; here stands what
 * makes mail leave unsigned, limits that never act, rules that let everybody
 * in, and the like: each with its line and what mends it.  Nothing is said
 * about the shipped policy.
 *
 * Source:   RFC 6376 section 3.5 (x=), RFC 8301 section 3.2, RFC 8463, RFC 9989
 *           section 7; core/meter for when one limit hides another.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_LINT_H
#define GP_CORE_POLICY_LINT_H

#include "core/dkim_key.h"
#include "core/finding.h"

struct gp_policy_linting {
	const struct gp_config *config;
	int64_t now_s;    /* wall clock */
	int64_t queue_ms; /* how long the MTA tries to deliver; 0: 5 days */
	/* The public half of each key of each block, in the order of the
	 * policy; NULL: it is not known.  NULL, 0: no one is. */
	const struct gp_dkim_public *const *keys;
	size_t n_keys;
};

/* gp_policy_lint - yellow and red findings; topics "key", "senders", "limit",
 * "warmup", "preflight", "trust", "listen", "store", "inbound", "override".
 * What one line of a profile means for several domains is said once. */
void
gp_policy_lint(const struct gp_policy_linting *with, struct gp_findings *out);

#endif
