/*
 * redis_call - calls of the script (io/redis_script.h), each within one
 * time-out whatever it takes: look-up, connection, login, loading the script.
 *
 *	gp_redis_call_start(&c, caller);
 *	rc = gp_redis_call_script(&c, 1, 2);
 *	gp_redis_call_key(&c, GP_REDIS_NOTES, key);
 *	gp_redis_call_operation(&c, "put", now_ms);
 *	...
 *	rc = gp_redis_call_ask(&c, &reply);
 *	return gp_redis_call_end(&c, rc);
 *
 * The trouble of the last call is kept for the operator, and logged at most
 * once in ten seconds.
 *
 * Blocking: at most the time-out.
 * Threads:  a caller any, a call one.
 */
#ifndef GP_IO_REDIS_CALL_H
#define GP_IO_REDIS_CALL_H

#include "core/redis_url.h"
#include "io/redis_wire.h"

struct gp_redis_caller;

/* gp_redis_caller_new - connects at the first call; gp_redis_caller_free it
 * when no call is under way. */
struct gp_redis_caller *
gp_redis_caller_new(const struct gp_redis_url *url, int64_t timeout_ms);
void gp_redis_caller_free(struct gp_redis_caller *s); /* NULL is allowed */

/* gp_redis_caller_use_callers_clock - for tests: the script gets now_ms. */
void gp_redis_caller_use_callers_clock(struct gp_redis_caller *s);

/* gp_redis_caller_restarts - grows when the server was started anew, or another
 * took its place: it had lost the script, or has another run id (where other
 * relays have loaded the script again). */
unsigned gp_redis_caller_restarts(struct gp_redis_caller *s);

/* gp_redis_caller_describe - "server URL", and "trouble SENTENCE" when there
 * is any, without the password. */
void gp_redis_caller_describe(struct gp_redis_caller *s, struct gp_buf *out);

struct gp_redis_call {
	struct gp_redis_caller *caller;
	int64_t deadline_us;
	struct gp_arena *arena; /* of the reply */
	struct gp_buf request;
	struct gp_err err; /* of what gave GP_TEMP */
};

/* gp_redis_call_start - gp_redis_call_end it, which returns `rc`. */
void gp_redis_call_start(struct gp_redis_call *c, struct gp_redis_caller *s);
enum gp_rc gp_redis_call_end(struct gp_redis_call *c, enum gp_rc rc);

/* gp_redis_call_again - the next command of the same call, with a time-out of
 * its own; what the arena holds is gone. */
void gp_redis_call_again(struct gp_redis_call *c);

/* gp_redis_call_script - what runs the script upon `keys` keys, which are
 * added next, then gp_redis_call_operation with `more` further words. */
GP_MUST_USE enum gp_rc
gp_redis_call_script(struct gp_redis_call *c, size_t keys, size_t more);
void
gp_redis_call_key(struct gp_redis_call *c, const char *prefix, struct gp_str k);
void gp_redis_call_operation(struct gp_redis_call *c, const char *operation,
    int64_t now_ms);
void gp_redis_call_text(struct gp_redis_call *c, struct gp_str text);
void gp_redis_call_integer(struct gp_redis_call *c, int64_t value);
void gp_redis_call_double(struct gp_redis_call *c, double value);
void gp_redis_call_keep(struct gp_redis_call *c, int64_t ms);

/* gp_redis_call_ask - send it; the reply is no error.  GP_TEMP: err. */
GP_MUST_USE enum gp_rc
gp_redis_call_ask(struct gp_redis_call *c, const struct gp_redis_reply **out);

/* gp_redis_call_odd - GP_TEMP, for an answer that the server never gives. */
enum gp_rc gp_redis_call_odd(struct gp_redis_call *c);

#endif
