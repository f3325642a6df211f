/*
 * socket_try - would the MTA reach this socket?
 *
 * A child becomes what the MTA's process is (root folder, user, groups) and
 * connects, so that a chroot, a folder's mode and a missing group are found
 * before mail meets them.
 *
 * Blocking: until the time-out at most.
 * Threads:  any; it forks and the child calls what is safe then.
 */
#ifndef GP_IO_SOCKET_TRY_H
#define GP_IO_SOCKET_TRY_H

#include "base/err.h"

#include <stdint.h>

struct gp_socket_try {
	const char *socket; /* "unix:PATH", "inet:PORT@HOST" */
	const char *user;   /* with the groups the system gives him; NULL: us */
	const char *chroot; /* root folder; NULL: none */
	int64_t timeout_ms;
};

/*
 * gp_socket_try - err says in one clause what is in the way.
 * GP_OK    connected, and closed again.
 * GP_NONE  nothing is at that path (in that root), or nobody listens.
 * GP_PERM  no access for that user, or we may not become him.
 * GP_TEMP  no answer in time.
 */
GP_MUST_USE enum gp_rc
gp_socket_try(const struct gp_socket_try *t, struct gp_err *err);

#endif
