/* What every store does, on a real Redis.  Its own clock can not be stepped;
 * the script gets that of the calls. */
#include "io/store_redis.h"
#include "support/redis_lab.h"
#include "support/store_suite.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 5000 /* the machine may be busy */

static struct redis_lab lab;

static struct gp_store_backend
open_redis(void)
{
	struct gp_store_backend store;
	struct gp_err err;

	if (gp_store_redis_open(lab.url, NULL, TIMEOUT_MS, &store, &err) !=
	    GP_OK) {
		(void)fprintf(stderr, "# %s\n", err.msg);
		abort();
	}
	gp_store_redis_use_callers_clock(&store);
	return store;
}

int
main(void)
{
	static const struct store_suite suite = { .name = "redis",
		.open = open_redis };
	int failed;

	if (!redis_lab_is_installed()) {
		(void)puts("1..0 # SKIP redis-server is not installed");
		return 0;
	}
	redis_lab_open(&lab, "");
	failed = store_suite_run(&suite);
	redis_lab_close(&lab);
	return failed;
}
