/*
 * redis_host - the addresses of a Redis.
 *
 * A name is looked up by the system (hosts file, DNS) in a thread, because
 * that call knows no deadline; what it found stays until it is said to be
 * stale, and longer when a later look-up fails.
 *
 * Blocking: until the deadline, a time of gp_clock_us().
 * Threads:  any.
 */
#ifndef GP_IO_REDIS_HOST_H
#define GP_IO_REDIS_HOST_H

#include "base/err.h"
#include "core/redis_url.h"

#include <sys/socket.h>

#define GP_REDIS_ADDRESSES_MAX 4

struct gp_redis_address {
	struct sockaddr_storage at;
	socklen_t n;
};

struct gp_redis_addresses {
	struct gp_redis_address list[GP_REDIS_ADDRESSES_MAX];
	size_t n;
};

struct gp_redis_host;

/* gp_redis_host_new - gp_redis_host_free it, which does not wait for a look-up
 * under way. */
struct gp_redis_host *gp_redis_host_new(const struct gp_redis_url *url);
void gp_redis_host_free(struct gp_redis_host *h);

/* gp_redis_host_get - at least one address, in the order to try them.
 * GP_TEMP: none is known yet. */
GP_MUST_USE enum gp_rc gp_redis_host_get(struct gp_redis_host *h,
    int64_t deadline_us, struct gp_redis_addresses *out, struct gp_err *err);

/* gp_redis_host_stale - they led to nothing; look the name up again. */
void gp_redis_host_stale(struct gp_redis_host *h);

#endif
