/*
 * See octet_lock.h.
 *
 * fcntl waits without a time-out or not at all.  What is mostly held for some
 * microseconds is asked for again soon, and then less and less often.
 */
#include "io/octet_lock.h"

#include "base/time.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MIN_US 20
#define PAUSE_MAX_US (5 * GP_US_PER_MS)

static int
set(int fd, short type, off_t at)
{
	struct flock octet = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = at,
		.l_len = 1,
	};

	return fcntl(fd, F_OFD_SETLK, &octet);
}

bool
gp_octet_lock(int fd, off_t at, int64_t wait_us)
{
	struct timespec pause = { 0 };
	int64_t deadline = 0, pause_us = PAUSE_MIN_US;

	while (set(fd, F_WRLCK, at) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return false;
		if (deadline == 0)
			deadline = gp_time_add(gp_clock_us(), wait_us);
		if (gp_clock_us() >= deadline)
			return false;
		pause.tv_nsec = (long)pause_us * 1000;
		(void)nanosleep(&pause, NULL);
		pause_us = gp_time_min(pause_us * 2, PAUSE_MAX_US);
	}
	return true;
}

void
gp_octet_unlock(int fd, off_t at)
{
	(void)set(fd, F_UNLCK, at);
}
