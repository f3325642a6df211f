/*
 * control - the daemon's ear for its operator: a unix socket.
 *
 * A request is one line ("reload", "stats", "status", "ping"), the answer is
 * a first line "ok" or "error", then text, then the end of the connection.
 * One thread serves up to GP_CONTROL_CLIENTS clients beside each other, so
 * that a silent one keeps nobody waiting; it is dropped after 5 s.
 *
 * "tail" has an answer without an end: the lines of io/tail as they come, for
 * as long as the client wants them.  It may be silent, and read as slowly as
 * it likes; it then loses lines, and nobody waits for it.
 *
 * Blocking: its own thread.
 * Threads:  the callback runs in the control thread.
 */
#ifndef GP_IO_CONTROL_H
#define GP_IO_CONTROL_H

#include "base/buf.h"
#include "base/err.h"
#include "io/tail.h"

#include <sys/types.h>

#define GP_CONTROL_CLIENTS     8
#define GP_CONTROL_TAILS       6    /* of them; so questions find a place */
#define GP_CONTROL_REQUEST_MAX 1024 /* bytes of a request, with its newline */
#define GP_CONTROL_ANSWER_MAX  1048576

struct gp_control;

/*
 * The server of requests: append the answer's text to `out`; true is "ok".
 * `request` is one trimmed line of printable US-ASCII, never empty.
 */
typedef bool (
    *gp_control_fn)(void *arg, struct gp_str request, struct gp_buf *out);

struct gp_control_options {
	const char *path;
	mode_t mode; /* of the socket */
	gp_control_fn fn;
	void *arg;            /* borrowed until gp_control_close, ... */
	struct gp_tail *tail; /* ... and this; NULL: "tail" is for fn, too */
};

/*
 * gp_control_open - listen and start the thread.  A stale socket is
 * replaced.  GP_PERM: anything else is at that path, or nothing can be made
 * there (err as gp_daemon_clear_socket words it); GP_TEMP: no descriptor or
 * thread just now.
 */
GP_MUST_USE enum gp_rc gp_control_open(const struct gp_control_options *options,
    struct gp_control **out, struct gp_err *err);

/*
 * gp_control_close - stop the thread (after a callback that runs), drop the
 * clients, remove the socket if it is still ours; NULL is allowed.
 */
void gp_control_close(struct gp_control *c);

/*
 * gp_control_request - find the request in the bytes received so far; `ended`
 * says that no more will come.
 * GP_OK    *out is the first line, trimmed, within `received`
 * GP_NONE  not complete yet
 * GP_PERM  never a request: empty, too long, or not printable; err says which
 */
GP_MUST_USE enum gp_rc gp_control_request(struct gp_str received, bool ended,
    struct gp_str *out, struct gp_err *err);

#endif
