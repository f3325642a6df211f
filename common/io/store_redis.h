/*
 * store_redis - what tests need of the store on a Redis.
 *
 * Threads:  before the store is used.
 */
#ifndef GP_IO_STORE_REDIS_H
#define GP_IO_STORE_REDIS_H

#include "io/store_backend.h"

/* gp_store_redis_use_callers_clock - levels, marks and texts go by the now_ms
 * of each call and not by the server's clock, so that a test can step it. */
void gp_store_redis_use_callers_clock(const struct gp_store_backend *backend);

#endif
