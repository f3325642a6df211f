/*
 * control - the daemon's ear for its operator: a unix socket, mode 0600.
 *
 * A request is one line ("reload", "stats", "status", "ping"), the answer is
 * a first line "ok" or "error", then text, then the end of the connection.
 * One thread serves it; a client that says nothing is dropped after 5 s, and
 * a request is at most 1024 bytes of printable text.
 *
 * Blocking: its own thread.
 * Threads:  the callback runs in the control thread.
 */
#ifndef GP_IO_CONTROL_H
#define GP_IO_CONTROL_H

#include "base/buf.h"
#include "base/err.h"

struct gp_control;

/*
 * The server of requests: append the answer's text to `out`; true is "ok".
 * `request` is one trimmed line.
 */
typedef bool (
    *gp_control_fn)(void *arg, struct gp_str request, struct gp_buf *out);

/*
 * gp_control_open - listen on `path` and start the thread.  A stale socket is
 * replaced; anything else at that path is refused (GP_PERM).
 */
GP_MUST_USE enum gp_rc gp_control_open(const char *path, gp_control_fn fn,
    void *arg, struct gp_control **out, struct gp_err *err);

/* gp_control_close - stop the thread, remove the socket; NULL is allowed. */
void gp_control_close(struct gp_control *c);

#endif
