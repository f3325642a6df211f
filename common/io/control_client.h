/*
 * control_client - the operator's side of a daemon's control socket.
 *
 * Source:   io/control.
 * Blocking: until the deadline at most.
 * Threads:  any.
 */
#ifndef GP_IO_CONTROL_CLIENT_H
#define GP_IO_CONTROL_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define GP_CONTROL_ASKS_MAX 16

/*
 * gp_control_ask - send one line, append the answer's text to `out` (at most
 * GP_CONTROL_ANSWER_MAX octets are read).
 * GP_OK    the daemon says "ok".
 * GP_NONE  it says "error"; `out` has its reason.
 * GP_TEMP  nobody listens there, or no whole answer came within `timeout_ms`.
 * GP_PERM  no access, or that is no control socket.
 */
GP_MUST_USE enum gp_rc gp_control_ask(const char *path, const char *request,
    int64_t timeout_ms, struct gp_buf *out, struct gp_err *err);

/* One of several that are asked at once. */
struct gp_control_ask {
	const char *path;
	enum gp_rc rc;     /* as of gp_control_ask */
	int fd;            /* while it is asked; else -1 */
	struct gp_buf out; /* clear it */
	struct gp_buf got; /* while it is asked */
	struct gp_err err;
};

/* gp_control_ask_all - the same request to all, 1 to GP_CONTROL_ASKS_MAX, of
 * which only `path` is set; together they take no longer than one. */
void gp_control_ask_all(struct gp_control_ask *asks, size_t n,
    const char *request, int64_t timeout_ms);

/* gp_control_connect - a socket on which the request was sent and the answer
 * can be read, non-blocking; close it.  GP_TEMP, GP_PERM as above. */
GP_MUST_USE enum gp_rc gp_control_connect(const char *path, const char *request,
    int *fd, struct gp_err *err);

#endif
