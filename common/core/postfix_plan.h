/*
 * postfix_plan - what has to be set in main.cf and master.cf, so that Postfix
 * asks gatepost; and what, so that it no longer does.
 *
 * Three lists are parameters of ours in main.cf:
 *
 *   gatepost_inbound_milters     for smtpd, port 25
 *   gatepost_submission_milters  for ports by which our own mail comes
 *   gatepost_local_milters       for mail that is made on this host
 *
 * smtpd_milters and non_smtpd_milters refer to them in front of what others
 * have there.  A submission service takes the same smtpd_milters, with
 * "-o gatepost_inbound_milters=$gatepost_submission_milters"; only when it has
 * a list of its own, the reference goes in there.
 *
 * Taken back is only what is as gatepost wrote it; a value that somebody has
 * changed since is left, and a note says so.
 *
 * Source:   MILTER_README; postconf(5), "Per-Milter settings".
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POSTFIX_PLAN_H
#define GP_CORE_POSTFIX_PLAN_H

#include "base/buf.h"
#include "core/postfix_items.h"
#include "core/postfix_master.h"

#define GP_POSTFIX_DAEMONS 4
extern const char *const gp_postfix_daemons[GP_POSTFIX_DAEMONS];

#define GP_POSTFIX_INBOUND_LIST    "gatepost_inbound_milters"
#define GP_POSTFIX_SUBMISSION_LIST "gatepost_submission_milters"
#define GP_POSTFIX_LOCAL_LIST      "gatepost_local_milters"
#define GP_POSTFIX_SOCKET_DIR      "gatepost_socket_dir"

/* -- plans --------------------------------------------------------------- */

/* The present state.  `wrote` is what gatepost wrote when it was enabled
 * (service, name, after, old); empty: never, or forgotten. */
struct gp_postfix_now {
	const struct gp_postfix_items *main;
	const struct gp_postfix_services *services;
	const struct gp_postfix_items *wrote;
};

enum gp_postfix_failure {
	GP_POSTFIX_BY_TASK, /* who verifies lets mail pass, who signs or limits
	                     * what is ours defers it */
	GP_POSTFIX_OPEN,
	GP_POSTFIX_CLOSED,
};

struct gp_postfix_wish {
	bool mx, submission;
	bool daemons[GP_POSTFIX_DAEMONS]; /* those that are wanted */
	enum gp_postfix_failure failure;  /* while a daemon does not answer */
	const char *socket_dir; /* absolute, no blanks, no {}$, nor comma */
	bool force;             /* overwrite what somebody has changed since */
};

/* What to do: items with before, after and old, also those that stay as they
 * are.  `notes` are lines for the administrator; borrowed. */
struct gp_postfix_plan {
	struct gp_postfix_items items;
	struct gp_buf *notes;
};

/* gp_postfix_wish_has - is this daemon for a role that is wanted? */
bool gp_postfix_wish_has(const struct gp_postfix_wish *wish, size_t daemon);

/*
 * gp_postfix_plan_enable - GP_PERM: a value can not be read, or one of ours was
 * changed by somebody and `force` is not given; err says which.
 */
GP_MUST_USE enum gp_rc gp_postfix_plan_enable(const struct gp_postfix_now *now,
    const struct gp_postfix_wish *wish, struct gp_arena *arena,
    struct gp_postfix_plan *plan, struct gp_err *err);

/* gp_postfix_plan_disable - with `force` also what somebody has changed. */
void gp_postfix_plan_disable(const struct gp_postfix_now *now, bool force,
    struct gp_arena *arena, struct gp_postfix_plan *plan);

/* gp_postfix_attached - does this list of main.cf or of a service refer to one
 * of ours?  `value` may be NULL. */
bool gp_postfix_attached(const char *value);

#endif
