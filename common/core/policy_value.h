/*
 * policy_value - one value of the policy file: from text, and back.
 *
 * Reading is strict and takes the whole text; what is written back reads
 * again as the same value.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_VALUE_H
#define GP_CORE_POLICY_VALUE_H

#include "core/policy_table.h"

/* Where values are kept and what they depend on. */
struct gp_value_context {
	struct gp_arena *arena;
	const char *directory; /* of relative paths; NULL or "": none */
	struct gp_problems *problems;
};

/*
 * gp_value_read - the values of `s` into the structure `target`.  What is
 * wrong goes into the problems, one for each wrong element; false then.
 * `kind` is the kind of the section, for the message.
 */
bool gp_value_read(const struct gp_option *o, const char *kind,
    const struct gp_setting *s, const struct gp_value_context *ctx,
    void *target);

/* gp_value_default - the built-in default, which must be readable. */
void gp_value_default(const struct gp_option *o,
    const struct gp_value_context *ctx, void *target);

/* gp_value_copy - from one structure to another; lists are shared. */
void gp_value_copy(const struct gp_option *o, const void *from, void *to);

/* gp_value_write - append it as it would stand in a file. */
void gp_value_write(const struct gp_option *o, const void *target,
    struct gp_buf *out);

#endif
