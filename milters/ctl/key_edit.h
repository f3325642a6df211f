/*
 * key_edit - a policy file with one change, checked before it is written.
 */
#ifndef GP_CTL_KEY_EDIT_H
#define GP_CTL_KEY_EDIT_H

#include "core/policy_edit.h"
#include "ctl/key.h"

struct ctl_key_edit {
	struct ctl_key_call *call;
	const char *file;  /* the policy's file */
	bool is_new;       /* it is not there yet */
	struct gp_str was; /* its text; of a new file empty */
	struct gp_str text;
};

/* ctl_key_edit_begin - read the file of the call's block, or with `file` begin
 * a new one.  Returns 0, 75, 77 or 78, after having said why. */
int ctl_key_edit_begin(struct ctl_key_edit *e, struct ctl_key_call *call,
    const char *new_file);

/* ctl_key_edit_set - `value` NULL: remove the option.  Returns 0, or 78 when
 * the place is not found. */
int ctl_key_edit_set(struct ctl_key_edit *e, const char *selector,
    const char *name, const char *value);
int ctl_key_edit_add(struct ctl_key_edit *e, const char *statement);

/* ctl_key_edit_check - is the whole policy right with this text?  The problems
 * are said.  Returns 0 or 78. */
int ctl_key_edit_check(const struct ctl_key_edit *e);

/* ctl_key_edit_write - once it was checked.  Returns 0, 75 or 77; 75 also when
 * the file was changed meanwhile. */
int ctl_key_edit_write(const struct ctl_key_edit *e);

#endif
