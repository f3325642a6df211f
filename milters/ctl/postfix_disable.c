/* gatepost postfix disable: the inverse of enable, whether or not the daemons
 * are still there. */
#include "ctl/postfix.h"
#include "io/postfix_place.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

struct undo {
	struct ctl_postfix *x;
	struct gp_postfix_draft draft;
	bool main_exact, master_exact; /* by the backup */
};

/* The backup, when nobody else has changed the file; else what the plan says.
 */
static enum gp_rc
draft_file(struct undo *u, struct gp_postfix_file *file,
    const struct gp_postfix_kept *kept, bool *exact, struct gp_err *err)
{
	enum gp_rc rc = gp_postfix_draft_restore(&u->draft, file, kept, err);

	*exact = rc == GP_OK;
	if (rc == GP_NONE)
		rc = gp_postfix_draft_apply(&u->draft, file, &u->x->plan.items,
		    err);
	return rc;
}

static enum gp_rc
make_draft(struct undo *u, struct gp_err *err)
{
	struct ctl_postfix *x = u->x;
	const struct gp_postfix_state *was = &x->memory.state;
	const struct gp_postfix_now now = ctl_postfix_now(x);
	enum gp_rc rc;

	gp_postfix_plan_disable(&now, ctl_option(x->args, "--force") != NULL,
	    x->arena, &x->plan);
	rc = gp_postfix_draft_open(&x->p, &u->draft, err);
	if (rc == GP_OK)
		rc = draft_file(u, &u->draft.main, &was->main, &u->main_exact,
		    err);
	if (rc == GP_OK)
		rc = draft_file(u, &u->draft.master, &was->master,
		    &u->master_exact, err);
	return rc;
}

/* The mount is of this instance alone, the group of all. */
static void
give_up_place(const struct ctl_postfix *x)
{
	const struct gp_postfix_state *was = &x->memory.state;
	struct gp_err err;
	enum gp_rc rc = GP_OK;

	if (was->mount != NULL &&
	    gp_postfix_unmount(&x->p, was->mount, &err) != GP_OK)
		(void)ctl_fail(0, "%s", err.msg);
	if (was->member != NULL)
		rc = gp_postfix_bequeath(&x->memory, &err);
	if (rc == GP_NONE)
		rc = gp_postfix_leave(&x->p, &err);
	if (rc != GP_OK)
		(void)ctl_fail(0, "%s", err.msg);
}

static enum gp_rc
install(struct undo *u, bool *reloaded, struct gp_err *err)
{
	enum gp_rc rc = gp_postfix_file_install(&u->draft, &u->draft.main, err);
	struct gp_err why;

	*reloaded = false;
	if (rc == GP_OK)
		rc = gp_postfix_file_install(&u->draft, &u->draft.master, err);
	if (rc != GP_OK) {
		if (gp_postfix_file_revert(&u->draft, &u->draft.main, &why) !=
		    GP_OK)
			(void)ctl_fail(0, "taking it back: %s", why.msg);
		return rc;
	}
	rc = ctl_postfix_reload(u->x, err);
	*reloaded = rc == GP_OK;
	return rc == GP_NONE ? GP_OK : rc;
}

static const char *
how(bool exact)
{
	return exact ? "as it was before enable"
	             : "without gatepost's lines; it was changed since enable";
}

static int
make_change(struct undo *u)
{
	struct ctl_postfix *x = u->x;
	struct gp_err err;
	bool reloaded;
	enum gp_rc rc = install(u, &reloaded, &err);

	if (rc != GP_OK)
		return ctl_fail(ctl_postfix_code(rc), "%s", err.msg);
	give_up_place(x);
	gp_postfix_forget(&x->memory);
	if (gp_postfix_file_changes(&u->draft.main))
		(void)printf("%s: %s\n", u->draft.main.path,
		    how(u->main_exact));
	if (gp_postfix_file_changes(&u->draft.master))
		(void)printf("%s: %s\n", u->draft.master.path,
		    how(u->master_exact));
	(void)puts(
	    reloaded ? "Postfix was reloaded" : "Postfix does not run now");
	return 0;
}

static int
disable(struct undo *u)
{
	struct ctl_postfix *x = u->x;
	const bool dry = ctl_option(x->args, "--dry-run") != NULL;
	struct gp_err err;
	enum gp_rc rc = GP_OK;
	int code;

	if (!dry && geteuid() != 0)
		return ctl_fail(EX_NOPERM,
		    "only root can change %s; --dry-run shows what would be",
		    x->p.config_dir);
	if (!dry)
		rc = gp_postfix_memory_hold(&x->memory, &err);
	/* what was never remembered can be taken back all the same */
	if (rc != GP_OK && rc != GP_NONE)
		return ctl_fail(rc == GP_TEMP ? EX_TEMPFAIL : EX_NOPERM, "%s",
		    err.msg);
	rc = make_draft(u, &err);
	if (rc != GP_OK)
		return ctl_fail(ctl_postfix_code(rc), "%s", err.msg);
	if (!gp_postfix_file_changes(&u->draft.main) &&
	    !gp_postfix_file_changes(&u->draft.master)) {
		ctl_print_text(gp_buf_str(&x->notes));
		(void)printf("disabled already in %s: nothing to change\n",
		    x->p.config_dir);
		if (!dry)
			gp_postfix_forget(&x->memory);
		return 0;
	}
	code = ctl_postfix_print_plan(x, &u->draft);
	return code != 0 || dry ? code : make_change(u);
}

struct asked {
	const struct ctl *ctl;
	const struct ctl_args *args;
};

static int
disable_one(void *context, const char *dir)
{
	const struct asked *a = context;
	struct ctl_postfix x;
	struct undo u = { .x = &x };
	int code = ctl_postfix_open(&x, a->ctl, a->args, dir);

	if (code == 0)
		code = disable(&u);
	gp_postfix_draft_close(&u.draft);
	ctl_postfix_close(&x);
	return code;
}

int
ctl_postfix_disable(const struct ctl *ctl, const struct ctl_args *args)
{
	struct asked a = { .ctl = ctl, .args = args };

	return ctl_postfix_each(args, true, disable_one, &a);
}
