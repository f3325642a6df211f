/*
 * user_access - may that process read this file?
 *
 * A child takes on its user and groups and asks the system, so that lists of
 * access rights and the folders above count as they do for the process itself.
 *
 * Source:   proc(5), access(2).
 * Blocking: file I/O.
 * Threads:  any; it forks and the child calls what is safe then.
 */
#ifndef GP_IO_USER_ACCESS_H
#define GP_IO_USER_ACCESS_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

#define GP_USER_GROUPS_MAX 64 /* what is beyond is left out */

struct gp_user {
	uid_t uid;
	gid_t gid;
	size_t n;
	gid_t groups[GP_USER_GROUPS_MAX];
};

/* gp_user_of - whose process that is.  GP_NONE: there is no such process;
 * GP_PERM: the system does not tell. */
GP_MUST_USE enum gp_rc
gp_user_of(pid_t pid, struct gp_user *out, struct gp_err *err);

/* gp_user_group - the name of his own group, or its number; `out` has `size`
 * bytes. */
const char *gp_user_group(const struct gp_user *user, char *out, size_t size);

/*
 * gp_user_can_read - GP_OK, or with err:
 * GP_NONE  no such file.
 * GP_PERM  he may not; err says which part of the path is closed to him.
 * GP_TEMP  not to be found out: only root can try for somebody else.
 */
GP_MUST_USE enum gp_rc gp_user_can_read(const struct gp_user *user,
    const char *path, struct gp_err *err);

#endif
