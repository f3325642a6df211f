/* See store_clock.h. */
#include "io/store_clock.h"

#include "base/time.h"
#include "io/clock.h"

#include <string.h>

#define WRITE_MS 1000

/* Its sum, the clock, and how far the sweep is. */
#define SUM_BYTES  sizeof(uint32_t)
#define TIME_BYTES sizeof(struct gp_store_time)

static struct gp_str
clock_key(void)
{
	static const char key[] = { GP_STORE_KEY_CLOCK };

	return gp_str_n(key, sizeof(key));
}

/* GP_NONE: there is none, and `t` is zero. */
static enum gp_rc
get(struct gp_lmdb_env *env, struct gp_store_time *t, struct gp_str *sweep_at)
{
	struct gp_str value;
	uint32_t sum;

	memset(t, 0, sizeof(*t));
	if (gp_lmdb_get(env, clock_key(), &value) != GP_OK ||
	    value.n < SUM_BYTES + TIME_BYTES ||
	    value.n > SUM_BYTES + TIME_BYTES + GP_STORE_KEY_BYTES)
		return GP_NONE;
	memcpy(&sum, value.p, SUM_BYTES);
	if (sum !=
	    gp_store_sum(clock_key(), value.p + SUM_BYTES, value.n - SUM_BYTES))
		return GP_NONE;
	memcpy(t, value.p + SUM_BYTES, TIME_BYTES);
	*sweep_at = gp_str_n(value.p + SUM_BYTES + TIME_BYTES,
	    value.n - SUM_BYTES - TIME_BYTES);
	return GP_OK;
}

struct gp_store_now
gp_store_clock_read(struct gp_lmdb_env *env, struct gp_store_sweep *sweep,
    const uint8_t boot[GP_STORE_BOOT_BYTES], int64_t now_ms)
{
	struct gp_str sweep_at = { 0 };
	struct gp_store_time was;
	struct gp_store_now now = { .due = get(env, &was, &sweep_at) != GP_OK };

	if (!sweep->known)
		gp_store_sweep_set(sweep, sweep_at);
	now.time = was;
	now.file_ms =
	    gp_store_time_now(&now.time, boot, now_ms, gp_clock_wall_s());
	if (memcmp(was.boot, now.time.boot, sizeof(was.boot)) != 0 ||
	    was.shift_ms != now.time.shift_ms || now.file_ms < was.last_ms ||
	    now.file_ms >= gp_time_add(was.last_ms, WRITE_MS))
		now.due = true;
	return now;
}

/* What fails makes the transaction fail. */
void
gp_store_clock_write(struct gp_lmdb_env *env,
    const struct gp_store_sweep *sweep, const struct gp_store_now *now)
{
	char value[SUM_BYTES + TIME_BYTES + GP_STORE_KEY_BYTES];
	const struct gp_str at = gp_store_sweep_at(sweep);
	const size_t n = TIME_BYTES + at.n;
	uint32_t sum;

	if (!now->due)
		return;
	memcpy(value + SUM_BYTES, &now->time, TIME_BYTES);
	if (at.n > 0)
		memcpy(value + SUM_BYTES + TIME_BYTES, at.p, at.n);
	sum = gp_store_sum(clock_key(), value + SUM_BYTES, n);
	memcpy(value, &sum, SUM_BYTES);
	(void)gp_lmdb_put(env, clock_key(), gp_str_n(value, SUM_BYTES + n));
}
