/*
 * daemon - what a well-behaved Unix daemon does before and after its work.
 *
 * Blocking: yes, at start and stop only.
 * Threads:  the main thread, unless said otherwise.
 */
#ifndef GP_IO_DAEMON_H
#define GP_IO_DAEMON_H

#include "base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* gp_daemon_block_signals - block TERM, HUP, INT and USR1 in this thread and
 * all later ones, ignore PIPE.  Call before any thread exists. */
void gp_daemon_block_signals(void);

/*
 * gp_daemon_make_dir - make `path` (with `mode`, whatever the umask) and its
 * parents (0755) when it is not there; the last folder, when it was made,
 * belongs to `user` ("name" or "name:group"; NULL: us).  One that exists is
 * left as it is.  GP_PERM: not possible, err says the command that mends it;
 * GP_TEMP: no space or no memory just now.
 */
GP_MUST_USE enum gp_rc gp_daemon_make_dir(const char *path, mode_t mode,
    const char *user, struct gp_err *err);

/*
 * gp_daemon_lock - take the lock file `path` and write our pid into it.  The
 * lock goes with the process; the descriptor is returned in *fd and must
 * stay open.  The file stays behind, unlocked.  GP_TEMP: another instance
 * runs (err names its pid); GP_PERM: not a file that we can lock.
 */
GP_MUST_USE enum gp_rc
gp_daemon_lock(const char *path, int *fd, struct gp_err *err);

/*
 * gp_daemon_clear_socket - make `path` free for a new unix socket.
 * GP_OK: nothing is there (any more); a stale socket was removed.
 * GP_PERM: a live socket, a directory, a link, another kind of file, or the
 * folder is missing or not writable: err says which and what to do.
 */
GP_MUST_USE enum gp_rc
gp_daemon_clear_socket(const char *path, struct gp_err *err);

/*
 * gp_daemon_drop - become `user` ("name" or "name:group") with the groups the
 * system gives him.  GP_PERM: unknown user, or not permitted.
 */
GP_MUST_USE enum gp_rc gp_daemon_drop(const char *user, struct gp_err *err);

/*
 * gp_daemon_detach - into the background: fork and setsid, before any thread
 * exists; returns in the child.  The parent exits 0 once the child calls
 * gp_daemon_ready(), or with the child's exit code (70 when a signal ended
 * it).  Until then stderr stays where it was, so that the operator sees why
 * a start fails.  The working directory is kept: relative paths stay right.
 */
GP_MUST_USE enum gp_rc gp_daemon_detach(struct gp_err *err);

/* gp_daemon_ready - let the parent go, and make stdin, stdout and stderr
 * /dev/null; nothing when gp_daemon_detach() was not called. */
void gp_daemon_ready(void);

/* gp_daemon_notify - sd_notify(3) where systemd listens, else nothing. */
void gp_daemon_notify(const char *state);

#endif
