/* See clock.h. */
#include "io/clock.h"

#include <sys/timex.h>
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

int64_t
gp_clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / GP_US_PER_MS;
}

int64_t
gp_clock_day(int64_t wall_s, int64_t *ends_s)
{
	const time_t now = (time_t)wall_s;
	struct tm local = { 0 };
	struct tm date = { 0 };

	(void)localtime_r(&now, &local);
	date.tm_year = local.tm_year;
	date.tm_mon = local.tm_mon;
	date.tm_mday = local.tm_mday + 1;
	date.tm_isdst = -1;
	*ends_s = (int64_t)mktime(&date);
	local.tm_hour = local.tm_min = local.tm_sec = 0;
	return (int64_t)timegm(&local) / 86400;
}

enum gp_rc
gp_clock_synced(int64_t *error_us)
{
	struct timex t = { .modes = 0 };
	int state = adjtimex(&t);

	*error_us = 0;
	if (state < 0)
		return GP_PERM;
	*error_us = t.maxerror;
	return state == TIME_ERROR || (t.status & STA_UNSYNC) != 0 ? GP_NONE
	                                                           : GP_OK;
}
