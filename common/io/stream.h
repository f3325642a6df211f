/*
 * stream - a connection to a unix socket or a TCP port, with one deadline for
 * all that is done with it.
 *
 * Blocking: until the deadline at most; but a host name that is no address is
 *           looked up by the system, in its own time.
 * Threads:  a stream belongs to one thread at a time.
 */
#ifndef GP_IO_STREAM_H
#define GP_IO_STREAM_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct gp_stream {
	int fd; /* -1: closed */
	int64_t deadline_us;
};

/*
 * gp_stream_open - "unix:PATH", "local:PATH", "inet:PORT@HOST" or
 * "inet6:PORT@HOST"; nothing that is done with it takes longer than
 * `timeout_ms` from now.
 * GP_NONE  nobody listens there.
 * GP_TEMP  no connection in time, or none just now.
 * GP_PERM  no access, or not of that form.
 * Closed unless GP_OK; err names the socket.
 */
GP_MUST_USE enum gp_rc gp_stream_open(const char *socket, int64_t timeout_ms,
    struct gp_stream *out, struct gp_err *err);
void gp_stream_close(struct gp_stream *s);

/* gp_stream_send - all of it.  GP_TEMP: not in time, or the other side has
 * gone. */
GP_MUST_USE enum gp_rc
gp_stream_send(struct gp_stream *s, struct gp_str what, struct gp_err *err);

/* gp_stream_receive - append what there is, at least one octet, as much as fits
 * into `in`.  GP_NONE: the other side has closed; GP_TEMP: nothing in time;
 * GP_PERM: `in` is full. */
GP_MUST_USE enum gp_rc
gp_stream_receive(struct gp_stream *s, struct gp_buf *in, struct gp_err *err);

#endif
