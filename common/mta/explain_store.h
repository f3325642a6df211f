/*
 * explain_store - a store that shows what a running gatepost-rate would charge
 * and never charges it.
 *
 * Meters and notes are asked of the daemon (core/rate_peek), one at a time;
 * what this explanation itself has charged is added to the levels, so that the
 * limiter's own code sees what it would see.  When nobody answers, all meters
 * are empty, and daemon->failed says so.
 *
 * Blocking: as `ask` does; it is not called again after it has failed once.
 * Threads:  one.
 */
#ifndef GP_MTA_EXPLAIN_STORE_H
#define GP_MTA_EXPLAIN_STORE_H

#include "base/buf.h"
#include "io/store.h"

/* gp_explain_ask_fn - ask gatepost-rate, as gp_control_ask does. */
typedef enum gp_rc (*gp_explain_ask_fn)(void *arg, const char *request,
    struct gp_buf *answer, struct gp_err *err);

struct gp_explain_daemon {
	gp_explain_ask_fn ask; /* NULL: there is nobody to ask */
	void *arg;
	bool asked;
	bool failed; /* and `err` says why */
	struct gp_err err;
};

/* gp_explain_store_new - `daemon` is borrowed. */
struct gp_store *gp_explain_store_new(struct gp_explain_daemon *daemon);

#endif
