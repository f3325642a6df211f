/*
 * redis_wire - one connection to a Redis: commands out, replies in, each by a
 * deadline.
 *
 * The socket is ours, hiredis reads the protocol.  So a deadline holds for all
 * of a call however slowly octets come, and a connection on which anything
 * went wrong is closed: a late reply can not be taken for that of another
 * command.
 *
 * Source:   the Redis serialization protocol, version 2.
 * Blocking: until the deadline, a time of gp_clock_us().
 * Threads:  one connection, one thread at a time.
 */
#ifndef GP_IO_REDIS_WIRE_H
#define GP_IO_REDIS_WIRE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/redis_host.h"

/* Elements of one array, octets of one reply. */
#define GP_REDIS_ARRAY_MAX 65536
#define GP_REDIS_REPLY_MAX ((size_t)8 * 1024 * 1024)

enum gp_redis_kind {
	GP_REDIS_NIL,
	GP_REDIS_TEXT, /* a string or a status */
	GP_REDIS_ERROR,
	GP_REDIS_INTEGER,
	GP_REDIS_ARRAY,
};

struct gp_redis_reply {
	enum gp_redis_kind kind;
	struct gp_str text; /* of text and error; a NUL stands behind it */
	int64_t integer;
	struct gp_redis_reply **items; /* of an array; all are there */
	size_t n;
};

/* gp_redis_command - begin a command of `words` words in `out`;
 * gp_redis_word - one of them. */
void gp_redis_command(struct gp_buf *out, size_t words);
void gp_redis_word(struct gp_buf *out, struct gp_str word);

struct gp_redis_wire;

/* gp_redis_wire_open - connect; gp_redis_wire_close it.  GP_TEMP: err. */
GP_MUST_USE enum gp_rc gp_redis_wire_open(const struct gp_redis_address *to,
    int64_t deadline_us, struct gp_redis_wire **out, struct gp_err *err);
void gp_redis_wire_close(struct gp_redis_wire *w);

/* gp_redis_wire_is_quiet - is it still open, with nothing to read?  Between
 * commands it must be. */
bool gp_redis_wire_is_quiet(const struct gp_redis_wire *w);

/*
 * gp_redis_wire_ask - send one command and wait for its reply, which is in
 * `arena` and may be an error of the server.  GP_TEMP: no reply, the command
 * may have been carried out or not, the connection must be closed.
 */
GP_MUST_USE enum gp_rc gp_redis_wire_ask(struct gp_redis_wire *w,
    struct gp_str command, int64_t deadline_us, struct gp_arena *arena,
    const struct gp_redis_reply **out, struct gp_err *err);

#endif
