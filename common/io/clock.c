/* See clock.h. */
#include "io/clock.h"

#include <time.h>

static int64_t
read_us(clockid_t id)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * GP_US_PER_S + ts.tv_nsec / 1000;
}

int64_t
gp_clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
gp_clock_boot_ms(void)
{
	return read_us(CLOCK_BOOTTIME) / GP_US_PER_MS;
}

int64_t
gp_clock_wall_s(void)
{
	return read_us(CLOCK_REALTIME) / GP_US_PER_S;
}
