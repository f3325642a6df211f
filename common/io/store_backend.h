/*
 * store_backend - what a store must be able to do, for the front alone.
 *
 * What a call does, the same in every backend; tests/support/store_suite.c
 * holds them to it:
 *
 *   CHARGE  in order.  A mark that is kept (one that an earlier charge of the
 *           same call sets, too): the charge is free, fits, and changes
 *           nothing.  Else the meter is drained to now, and takes the cost if
 *           it fits; then the mark is set and kept mark_ms.  All is done only
 *           if every charge that does not `watch` fits, else GP_NONE.
 *   PEEK    the same answer, and nothing is done.
 *   REFUND  for each with fits and not free: the meter gives the cost back,
 *           not below empty, and its mark is deleted.  An absent meter stays
 *           absent.
 *   DEBIT   for each: a meter with less than `least` has that much; then it
 *           takes the cost.  Marks are not looked at.
 *   level   behind this charge where it fits, before it where it does not or
 *           is free; always upon the charges before it in the call that fit,
 *           also in a peek and where all is refused.
 *   wait    of a charge that does not fit, upon the same.
 *
 * A meter is kept keep_ms from the last charge, refund or debit that was made
 * at it; then it is as absent, that is, empty.  Keys of meters, marks and notes
 * are three name spaces.
 *
 * Any call may answer GP_TEMP: the store did not, and nothing was made (or, of
 * a call that timed out, may have been).  out[] then says nothing.
 *
 * Threads:  any.
 */
#ifndef GP_IO_STORE_BACKEND_H
#define GP_IO_STORE_BACKEND_H

#include "io/store.h"

enum gp_store_how {
	GP_STORE_CHARGE,
	GP_STORE_PEEK,
	GP_STORE_REFUND, /* out[] says on entry what was made */
	GP_STORE_DEBIT,  /* unconditionally; out[] is not looked at, NULL is
	                  * allowed */
};

/* `now_ms` is CLOCK_BOOTTIME; redis has its own clock and ignores it. */
struct gp_store_ops {
	const char *name; /* "mem", "lmdb", "redis" */
	enum gp_rc (*apply)(void *self, enum gp_store_how how, int64_t now_ms,
	    const struct gp_charge *charges, size_t n, struct gp_charged *out);
	enum gp_rc (*put)(void *self, int64_t now_ms, struct gp_str key,
	    struct gp_str value, int64_t keep_ms);
	enum gp_rc (*get)(void *self, int64_t now_ms, struct gp_str key,
	    struct gp_arena *arena, struct gp_str *value);
	enum gp_rc (*walk)(void *self, int64_t now_ms, struct gp_str prefix,
	    size_t most, gp_store_fn fn, void *arg);
	void (*describe)(void *self, struct gp_buf *out); /* may be NULL */
	void (*sync)(void *self);                         /* may be NULL */
	/* How often it was found to have come back without what it had; may
	 * be NULL. */
	unsigned (*restarts)(void *self);
	void (*close)(void *self);
};

struct gp_store_backend {
	const struct gp_store_ops *ops;
	void *self;
};

/*
 * gp_store_upon - a front upon a backend, which it takes; gp_store_unref it.
 * "mem" gets no local meters: it is never away.  `clock_ms` is the time of all
 * calls; tests have their own.
 */
struct gp_store *gp_store_upon(struct gp_store_backend main, unsigned peers,
    struct gp_metrics *metrics, int64_t (*clock_ms)(void));

/* gp_store_mem_open - never fails; the bound is approximate. */
struct gp_store_backend gp_store_mem_open(int64_t max_bytes);

GP_MUST_USE enum gp_rc gp_store_lmdb_open(const char *directory,
    int64_t max_bytes, struct gp_store_backend *out, struct gp_err *err);

/* gp_store_redis_open - parses `url` and the password file; connects at the
 * first call.  GP_PERM: either can not be used. */
GP_MUST_USE enum gp_rc
gp_store_redis_open(const char *url, const char *password_file,
    int64_t timeout_ms, struct gp_store_backend *out, struct gp_err *err);

#endif
