/*
 * glue - what the two halves of a milter daemon share: the callbacks, which
 * know libmilter (milter.c), and the process's life (main.c).  Private to
 * these two.
 *
 * Threads:  the counters and flags are atomic; the rest is set before any
 *           other thread exists.
 */
#ifndef GP_MTA_GLUE_H
#define GP_MTA_GLUE_H

#include "mta/milter.h"
#include "mta/options.h"
#include "mta/service.h"

#include <stdatomic.h>

struct gp_glue {
	struct gp_service *service;
	atomic_int busy; /* callbacks that are running */
	int wake_fd;     /* eventfd: one of the following has changed */
	atomic_bool stop_wanted;
	atomic_bool reload_wanted;
	atomic_bool ended;  /* libmilter has stopped listening */
	atomic_bool failed; /* and that not because it was told to */
};

/* gp_glue - the one of this process, from gp_glue_open on. */
struct gp_glue *gp_glue(void);

/* gp_glue_open - register with libmilter and listen.  0, or the exit code
 * after having said why on stderr. */
int gp_glue_open(struct gp_glue *g, const struct gp_options *o);

/* gp_glue_run - serve until stopped; false when libmilter gave up. */
bool gp_glue_run(void);

/* gp_glue_stop - accept nothing new; waits until libmilter looks up. */
void gp_glue_stop(void);

#endif
