/*
 * postfix - what the subcommands about one Postfix instance have in common.
 */
#ifndef GP_CTL_POSTFIX_H
#define GP_CTL_POSTFIX_H

#include "core/postfix_plan.h"
#include "ctl/ctl.h"
#include "io/postfix_conf.h"
#include "io/postfix_draft.h"
#include "io/postfix_memory.h"

struct ctl_postfix {
	const struct ctl *ctl;
	const struct ctl_args *args;
	struct gp_arena *arena;
	const char *asked; /* the folder that was asked for; NULL: none */
	struct gp_postfix p;
	struct gp_postfix_items main; /* what main.cf sets */
	struct gp_postfix_memory memory;
	struct gp_postfix_plan plan;
	struct gp_buf notes; /* of the plan */
};

/*
 * ctl_postfix_each - `one` for each instance that is meant: that of
 * --config-dir, with --all every one, else the default one (NULL).  It goes on
 * after a code that is not 0 when `on` is.  Returns the first of these codes.
 */
int ctl_postfix_each(const struct ctl_args *args, bool on,
    int (*one)(void *context, const char *dir), void *context);

/* ctl_postfix_open - the instance with this folder (NULL: the default one), and
 * what is remembered of it; close it, whatever is returned.  Returns 0, or the
 * code after having said why. */
int ctl_postfix_open(struct ctl_postfix *x, const struct ctl *ctl,
    const struct ctl_args *args, const char *dir);
void ctl_postfix_close(struct ctl_postfix *x);

/* ctl_postfix_now - for a plan; borrowed from x. */
struct gp_postfix_now ctl_postfix_now(const struct ctl_postfix *x);

/* ctl_postfix_instances - "/etc/postfix-out, ..." others than this one, by
 * postmulti; "" when there are none or this one was asked for. */
const char *ctl_postfix_instances(const struct ctl_postfix *x);

/* ctl_postfix_code - the exit code that says what `rc` says of a change. */
int ctl_postfix_code(enum gp_rc rc);

/* ctl_postfix_wish - --role, --only, --fail-open, --fail-closed, --force.
 * Returns 0, or 64. */
int ctl_postfix_wish(const struct ctl *ctl, const struct ctl_args *args,
    struct gp_postfix_wish *wish);

/* ctl_postfix_print_plan - the diff and the notes. */
int ctl_postfix_print_plan(const struct ctl_postfix *x,
    const struct gp_postfix_draft *d);

/* ctl_postfix_reload - when it runs; GP_NONE: it does not. */
GP_MUST_USE enum gp_rc
ctl_postfix_reload(const struct ctl_postfix *x, struct gp_err *err);

/* The subcommands. */
int ctl_postfix_enable(const struct ctl *ctl, const struct ctl_args *args);
int ctl_postfix_disable(const struct ctl *ctl, const struct ctl_args *args);
int ctl_postfix_status(const struct ctl *ctl, const struct ctl_args *args);
int ctl_sendmail_snippet(const struct ctl *ctl, const struct ctl_args *args);

#endif
