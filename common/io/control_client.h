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

#endif
