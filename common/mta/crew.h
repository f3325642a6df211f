/*
 * crew - the threads that libmilter's workers run on.
 *
 * libmilter starts a thread for each session that is busy, without a bound, and
 * when none can be started it forgets the session: nobody answers the MTA, and
 * the connection is never closed.  Here a start never fails: there are so many
 * threads at most, what finds none waits for the next one that is through, and
 * some threads stand ready before they are needed, so that there is one when
 * the system has no more.  A thread that is through takes the next job.
 *
 * Blocking: start: no; what is started: as it does.
 * Threads:  any.
 */
#ifndef GP_MTA_CREW_H
#define GP_MTA_CREW_H

#include "base/err.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gp_crew;

struct gp_crew_options {
	size_t max;     /* threads at most */
	size_t reserve; /* so many stand ready */
	/* gp_thread_start(), or a test's */
	enum gp_rc (*start)(pthread_t *thread, void *(*run)(void *), void *arg,
	    struct gp_err *err);
};

/* gp_crew_new - with its reserve.  GP_TEMP: the system has not even that. */
GP_MUST_USE enum gp_rc gp_crew_new(const struct gp_crew_options *options,
    struct gp_crew **out, struct gp_err *err);

/* gp_crew_run - run(arg), as soon as there is a thread. */
void gp_crew_run(struct gp_crew *c, void *(*run)(void *), void *arg);

/* gp_crew_mend - try once more to have the reserve. */
void gp_crew_mend(struct gp_crew *c);

/* gp_crew_is_short - less than half of the reserve is there: what begins now
 * might have to wait. */
bool gp_crew_is_short(struct gp_crew *c);

/* gp_crew_is_whole - all of the reserve is there. */
bool gp_crew_is_whole(struct gp_crew *c);

/* gp_crew_member - is the calling thread one of a crew? */
bool gp_crew_member(void);

/*
 * The workers of libmilter that wait for work, all on one condition.  It calls
 * one of them for each session that has something to read while it believes
 * that one waits; but who has been called waits no more, and the second session
 * lies until some worker is through with another one, which may be a look-up of
 * many seconds.  So it is counted who waits, who has been called, and how many
 * calls nobody was there to hear.  Mostly a worker is through in no time, and
 * before it waits it has taken all that lay there; what has lain for longer
 * than GP_CREW_LATE_US needs a worker more.
 */
#define GP_CREW_LATE_US 5000

struct gp_crew_calls {
	unsigned waiting;
	unsigned called;       /* of these, and not yet awake */
	atomic_uint unheard;   /* calls */
	_Atomic int64_t since; /* us: the first of these */
};

/* To be called with the condition's mutex held, as libmilter does: before and
 * after a wait, and for a call. */
void gp_crew_wait_begin(struct gp_crew_calls *c);
void gp_crew_wait_end(struct gp_crew_calls *c);
void gp_crew_call(struct gp_crew_calls *c, int64_t (*now_us)(void));

/* gp_crew_late_us - when the calls that nobody has heard will be late, from
 * now; 0: they are.  -1: there is none. */
int64_t gp_crew_late_us(const struct gp_crew_calls *c, int64_t now_us);

/* gp_crew_unheard - how many there are; they are dealt with. */
unsigned gp_crew_unheard(struct gp_crew_calls *c);

/* gp_crew_free - for tests: when all that was run is through; its threads end
 * before this returns. */
void gp_crew_free(struct gp_crew *c);

#endif
