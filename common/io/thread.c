/* See thread.h. */
#include "io/thread.h"

#include "base/time.h"

#include <signal.h>
#include <string.h>

enum gp_rc
gp_thread_start(pthread_t *thread, void *(*run)(void *), void *arg,
    struct gp_err *err)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return gp_fail(err, GP_TEMP, "dns: no thread: error %d", error);
	return GP_OK;
}

void
gp_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

struct timespec
gp_timespec_of(int64_t us)
{
	if (us < 0)
		us = 0;
	return (struct timespec){
		.tv_sec = us / GP_US_PER_S,
		.tv_nsec = us % GP_US_PER_S * 1000,
	};
}
