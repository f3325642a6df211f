/*
 * door - who is let in: how many sessions and threads there may be, and what
 * an MTA is told when there is no room for one more.
 *
 * libmilter lets in whoever comes.  Without a descriptor it asks for one again
 * at once, for good, with all of a processor; without a thread it leaves the
 * session lying.  Here a connection for which there is no room is let in by the
 * door alone and answered 421 (core/milter_refuse), by a thread that libmilter
 * knows nothing of.  The sessions that are open notice nothing, and the next
 * connection after one of them has ended finds room.
 *
 * There is no room when as many sessions are open as may be, when a descriptor
 * can not be had but the one that is kept for this, or when the reserve of
 * threads is used up.  One line a minute says so, and a metric.
 *
 * Blocking: accept: until a connection comes, and up to GP_DOOR_PAUSE_MS when
 *           not even the door has room for it.
 * Threads:  open: main, before libmilter; accept: one; the rest: any.
 */
#ifndef GP_MTA_DOOR_H
#define GP_MTA_DOOR_H

#include "io/metrics.h"
#include "mta/crew.h"

#include <sys/socket.h>

#define GP_DOOR_PAUSE_MS 100

enum gp_door_why {
	GP_DOOR_SESSIONS,    /* as many are open as may be */
	GP_DOOR_DESCRIPTORS, /* the system has none */
	GP_DOOR_THREADS,     /* all are busy, or the system has no more */
	GP_DOOR_WHYS         /* how many */
};

/* gp_door_sessions - how many sessions there may be where a process may have
 * `descriptors`: what else it needs is kept free. */
size_t gp_door_sessions(size_t descriptors);

/* gp_door_open - the door of this process, for good: `metrics` is borrowed.
 * GP_TEMP: a thread or a descriptor can not be had. */
GP_MUST_USE enum gp_rc
gp_door_open(struct gp_metrics *metrics, struct gp_err *err);

/* gp_door_accept - as accept(2), of the milter's socket.  -1 with ECONNABORTED:
 * it was not let in; EAGAIN: it waits outside. */
int gp_door_accept(int fd, struct sockaddr *address, socklen_t *length);

/* gp_door_thread - as pthread_create(3): it runs on the crew. */
int gp_door_thread(void *(*run)(void *), void *arg);

/* gp_door_workers - `n` more like the last that gp_door_thread() began, with
 * nothing to begin with. */
void gp_door_workers(unsigned n);

#endif
