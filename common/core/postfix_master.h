/*
 * postfix_master - the services of a master.cf, as postconf(1) lists them.
 *
 * Source:   postconf(1) -M and -P, master(5).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POSTFIX_MASTER_H
#define GP_CORE_POSTFIX_MASTER_H

#include "base/arena.h"

#define GP_POSTFIX_SERVICES_MAX 512 /* what is beyond is left out */

struct gp_postfix_override {
	const char *name, *value; /* -o name=value */
};

struct gp_postfix_service {
	const char *name;    /* "submission/inet", as -P calls it */
	const char *command; /* "smtpd" */
	char chroot;         /* 'y', 'n', '-' for the default */
	size_t n_overrides;
	struct gp_postfix_override *overrides;
};

struct gp_postfix_services {
	size_t n;
	struct gp_postfix_service *v;
};

/*
 * gp_postfix_services_read - `services` is what postconf -M prints, `overrides`
 * what -P prints; lines that are neither are left out.  All is in `arena`.
 */
void gp_postfix_services_read(struct gp_arena *arena, struct gp_str services,
    struct gp_str overrides, struct gp_postfix_services *out);

/* gp_postfix_override_of - what -o sets it to, or NULL. */
const char *
gp_postfix_override_of(const struct gp_postfix_service *s, const char *name);

/*
 * gp_postfix_chrooted - does a service that talks to milters (smtpd, cleanup)
 * run in the queue folder?  `level` is compatibility_level: below 1 a service
 * does unless told otherwise.
 */
bool
gp_postfix_chrooted(const struct gp_postfix_services *all, const char *level);

/*
 * What an smtpd is for: by its name (smtp, 25; submission, submissions, smtps,
 * 587, 465), else by what it asks for; a login, or ORIGINATING.
 */
enum gp_postfix_use {
	GP_POSTFIX_NO_SMTPD,
	GP_POSTFIX_OTHER,   /* of another port: a content filter's way back */
	GP_POSTFIX_INBOUND, /* port 25, also behind postscreen */
	GP_POSTFIX_SUBMISSION,
};
enum gp_postfix_use gp_postfix_use(const struct gp_postfix_service *s);

#endif
