/*
 * redis_pool - a Redis and the connections to it.
 *
 * Connections are opened and logged in on demand, at most
 * GP_REDIS_CONNECTIONS_MAX; who comes when all are in use waits for one.  A
 * connection that failed, or was closed by the server while nobody used it, is
 * thrown away, so a restart of the server costs no call.  When the server says
 * that it is not (or no longer) the one that takes writes, all connections are
 * and its name is looked up again.
 *
 * Blocking: until the deadline, a time of gp_clock_us(), whatever must be done
 *           for a command: look-up, connection, login and the command itself.
 * Threads:  any.
 */
#ifndef GP_IO_REDIS_POOL_H
#define GP_IO_REDIS_POOL_H

#include "core/redis_url.h"
#include "io/redis_wire.h"

#define GP_REDIS_CONNECTIONS_MAX 16

struct gp_redis_pool;

/* gp_redis_pool_new - connects to nothing yet; gp_redis_pool_free it when no
 * call is under way. */
struct gp_redis_pool *gp_redis_pool_new(const struct gp_redis_url *url);
void gp_redis_pool_free(struct gp_redis_pool *p); /* NULL is allowed */

/* gp_redis_pool_changes - how often a new connection led to another server, or
 * to one that had been started anew, as its run id tells. */
unsigned gp_redis_pool_changes(struct gp_redis_pool *p);

/*
 * gp_redis_pool_ask - one command, one reply, which may be an error.
 * GP_TEMP: none; the command may have been carried out all the same.
 */
GP_MUST_USE enum gp_rc gp_redis_pool_ask(struct gp_redis_pool *p,
    struct gp_str command, int64_t deadline_us, struct gp_arena *arena,
    const struct gp_redis_reply **out, struct gp_err *err);

#endif
