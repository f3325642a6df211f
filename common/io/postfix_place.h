/*
 * postfix_place - can Postfix's processes reach a socket of ours, and what can
 * be done about it: membership in the sockets' group, a mount that shows the
 * sockets inside the root folder that smtpd and cleanup run in.
 *
 * Blocking: connects; runs gpasswd, systemctl.
 * Threads:  any.
 */
#ifndef GP_IO_POSTFIX_PLACE_H
#define GP_IO_POSTFIX_PLACE_H

#include "io/postfix_conf.h"

#define GP_POSTFIX_GROUP "_gatepost"

/*
 * gp_postfix_reach - as mail_owner; when services are chrooted, also from
 * there, and *inside tells that only this failed.  As gp_socket_try; not as
 * root we connect as ourselves, and GP_OK says no more than that.
 */
GP_MUST_USE enum gp_rc gp_postfix_reach(const struct gp_postfix *p,
    const char *socket, bool *inside, struct gp_err *err);

/*
 * gp_postfix_join - put mail_owner into the group.
 * GP_NONE  there is no such group, or he is in it already.
 */
GP_MUST_USE enum gp_rc
gp_postfix_join(const struct gp_postfix *p, struct gp_err *err);
GP_MUST_USE enum gp_rc
gp_postfix_leave(const struct gp_postfix *p, struct gp_err *err);

/*
 * gp_postfix_mount - show runtime_dir inside queue_dir, now and after each
 * start of the system; *unit, in p->arena, does it.  Where the unit that is
 * shipped is not for these folders, and nobody has made one, it is made.
 * GP_NONE  it is not for us to do: no systemd runs, or a folder has a strange
 *          name; err says what to do by hand.
 */
GP_MUST_USE enum gp_rc gp_postfix_mount(const struct gp_postfix *p,
    const char *runtime_dir, const char **unit, struct gp_err *err);

/* gp_postfix_unmount - what we have made is removed. */
GP_MUST_USE enum gp_rc gp_postfix_unmount(const struct gp_postfix *p,
    const char *unit, struct gp_err *err);

#endif
