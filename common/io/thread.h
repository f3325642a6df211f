/*
 * thread - how threads start here, and how they time their waits.
 *
 * Threads:  any.
 */
#ifndef GP_IO_THREAD_H
#define GP_IO_THREAD_H

#include "base/err.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/*
 * gp_thread_start - a thread with all signals blocked, so that none meant
 * for the daemon ends there.  GP_TEMP when the system has no room for it.
 */
GP_MUST_USE enum gp_rc gp_thread_start(pthread_t *thread, void *(*run)(void *),
    void *arg, struct gp_err *err);

/* gp_cond_init - a condition whose waits go by gp_clock_us(). */
void gp_cond_init(pthread_cond_t *cond);

/* gp_timespec_of - a time of gp_clock_us() for pthread_cond_timedwait(). */
struct timespec gp_timespec_of(int64_t us);

#endif
