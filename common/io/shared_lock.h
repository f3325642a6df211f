/*
 * shared_lock - one writer among several processes of a host.
 *
 * A robust mutex in a mapped file: to take it costs no system call, it can be
 * waited for with a time-out (a process that was stopped in the middle must not
 * stop the others), and when its holder is killed the next one has it.
 *
 * Opening and closing what the lock guards is a second, slower lock in the same
 * file, which the kernel gives back when a process ends: the mutex is made anew
 * by whoever opens the file while nobody else has it open.
 *
 * Not for remote file systems, nor for processes of several PID namespaces.
 *
 * Source:   pthread_mutexattr_setrobust(3); fcntl(2), "Open file description
 *           locks".
 * Threads:  any; but who holds the lock gives it back.
 */
#ifndef GP_IO_SHARED_LOCK_H
#define GP_IO_SHARED_LOCK_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct gp_shared_lock;

/*
 * gp_shared_lock_open - the file is made when its folder exists.
 * GP_TEMP  disk full, another process in the way.
 * GP_PERM  no access, or open in this process already.
 */
GP_MUST_USE enum gp_rc gp_shared_lock_open(const char *path, int64_t wait_us,
    struct gp_shared_lock **out, struct gp_err *err);
void gp_shared_lock_close(struct gp_shared_lock *l); /* NULL is ignored */

/* gp_shared_lock_take - false: it could not be had within wait_us. */
bool gp_shared_lock_take(struct gp_shared_lock *l, int64_t wait_us);
void gp_shared_lock_give(struct gp_shared_lock *l);

/* gp_shared_lock_enter - the second lock; likewise. */
bool gp_shared_lock_enter(struct gp_shared_lock *l, int64_t wait_us);
void gp_shared_lock_leave(struct gp_shared_lock *l);

#endif
