/*
 * policy_edit - change one option of one key in the text of a policy file.
 *
 * The text is the operator's: comments, blanks, line ends and everything that
 * is not the option itself stay as they are, byte for byte.
 *
 * The text must be one that the policy was read from without a problem; who
 * writes the result reads it first as the policy (io/policy_file).
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_EDIT_H
#define GP_CORE_POLICY_EDIT_H

#include "base/buf.h"

/* A key, as it stands in a file. */
struct gp_policy_key {
	struct gp_str text;   /* of the whole file */
	const char *domain;   /* normalised, as in the snapshot */
	const char *selector; /* likewise; NULL: the domain's block */
};

/*
 * gp_policy_edit_set - append the text with `name = value` in the key's block:
 * in the place of the value there, else as its last statement.  `value` is
 * written as it is: a word, or a text with its quotes.
 * gp_policy_edit_remove - append the text without that option; GP_OK also when
 * it is not there.
 * gp_policy_edit_add - append the text with `statement`, one line, behind the
 * last key of the domain's block, or at its end.
 *
 * GP_NONE: the block does not stand in this text; `out` is unchanged.
 */
GP_MUST_USE enum gp_rc gp_policy_edit_set(const struct gp_policy_key *key,
    const char *name, const char *value, struct gp_buf *out);
GP_MUST_USE enum gp_rc gp_policy_edit_remove(const struct gp_policy_key *key,
    const char *name, struct gp_buf *out);
GP_MUST_USE enum gp_rc gp_policy_edit_add(const struct gp_policy_key *key,
    const char *statement, struct gp_buf *out);

#endif
