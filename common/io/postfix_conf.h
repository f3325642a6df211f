/*
 * postfix_conf - the configuration of one Postfix instance, by its own
 * postconf(1): we never parse or edit its files ourselves.
 *
 * Source:   postconf(1), postfix(1).
 * Blocking: runs Postfix's programs.
 * Threads:  any.
 */
#ifndef GP_IO_POSTFIX_CONF_H
#define GP_IO_POSTFIX_CONF_H

#include "base/arena.h"
#include "base/err.h"
#include "core/policy.h"
#include "core/postfix_items.h"
#include "core/postfix_master.h"

struct gp_postfix {
	struct gp_arena *arena; /* of what is returned */
	const char *config_dir; /* absolute, also of the default instance */
	const char *queue_dir;
	const char *mail_owner; /* "postfix" */
	const char *version;    /* "3.7.11" */
	bool chrooted;          /* smtpd or cleanup runs in queue_dir */
	struct gp_postfix_services services;
};

/*
 * gp_postfix_open - of the instance with this folder; NULL: the default one.
 * GP_NONE  no Postfix here, or no main.cf.
 * GP_TEMP, GP_PERM  as gp_run; also what postconf complains of.
 */
GP_MUST_USE enum gp_rc gp_postfix_open(struct gp_arena *arena,
    const char *config_dir, struct gp_postfix *out, struct gp_err *err);

/* gp_postfix_instances - the folders of all instances, the default one first,
 * as postmulti(1) lists them; in `arena`. */
GP_MUST_USE enum gp_rc gp_postfix_instances(struct gp_arena *arena,
    struct gp_strings *out, struct gp_err *err);

/* gp_postfix_get - a parameter of main.cf as it was written ("" when it is
 * empty), or its default, not expanded, on one line; GP_NONE: there is no such
 * parameter. */
GP_MUST_USE enum gp_rc gp_postfix_get(const struct gp_postfix *p,
    const char *name, const char **value, struct gp_err *err);

/* gp_postfix_settings - all parameters that main.cf sets, as `before` of
 * `items`, also those that postconf calls unused. */
GP_MUST_USE enum gp_rc gp_postfix_settings(const struct gp_postfix *p,
    struct gp_postfix_items *items, struct gp_err *err);

/* gp_postfix_call - PROGRAM -c config_dir ARGS..., and what it prints, in
 * p->arena (out may be NULL).  GP_NONE: no such program; GP_PERM: it failed,
 * err has the last line that it said. */
GP_MUST_USE enum gp_rc
gp_postfix_call(const struct gp_postfix *p, const char *program,
    const char *const *args, const char **out, struct gp_err *err);

#endif
