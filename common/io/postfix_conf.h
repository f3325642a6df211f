/*
 * postfix_conf - the configuration of one Postfix instance, by its own
 * postconf(1): we never read or write its files ourselves.
 *
 * Source:   postconf(1), postmulti(1).
 * Blocking: runs postconf.
 * Threads:  any.
 */
#ifndef GP_IO_POSTFIX_CONF_H
#define GP_IO_POSTFIX_CONF_H

#include "base/arena.h"
#include "base/err.h"

struct gp_postfix {
	struct gp_arena *arena; /* of what is returned */
	const char *config_dir; /* NULL: the default instance */
	const char *queue_dir;
	const char *mail_owner; /* "postfix" */
	const char *version;    /* "3.7.11" */
	bool chrooted;          /* smtpd or cleanup runs in queue_dir */
};

/* gp_postfix_open - GP_NONE: no Postfix here; GP_TEMP, GP_PERM as gp_run. */
GP_MUST_USE enum gp_rc gp_postfix_open(struct gp_arena *arena,
    const char *config_dir, struct gp_postfix *out, struct gp_err *err);

/* gp_postfix_get - a parameter of main.cf as it was written ("" when it is
 * empty), not expanded; GP_NONE: there is no such parameter. */
GP_MUST_USE enum gp_rc gp_postfix_get(const struct gp_postfix *p,
    const char *name, const char **value, struct gp_err *err);

#endif
