/*
 * record_store - records of evaluated messages, kept in order of their time.
 *
 * One LMDB environment a directory, which several processes may have open.  A
 * message never waits for it: records go into a queue in memory, and a thread
 * of the store writes them, at most 200 ms later.  While nothing can be
 * written they stay in the queue; when that is full, new ones are refused.
 *
 * The file never grows beyond max_bytes, and does not shrink.  Records fill at
 * most three quarters of it: then the oldest go.  A kill costs what was in the
 * queue; loss of power may undo the last write besides.
 *
 * A damaged file is set aside, data.mdb.corrupt-SECONDS, when the store is
 * opened or when LMDB finds it out, and a new one begun; the last three such
 * are kept.  A file that another
 * process cuts off while it is open kills this one (SIGBUS).
 *
 * Not for remote file systems, nor for processes of several PID namespaces.
 * A process has a directory open once, and does not fork while it is.
 *
 * Source:   lmdb.h, "Restrictions/caveats".
 * Blocking: open, walk, age, flush and close wait for the disk, and at most
 *           three seconds for another process; append does not wait.
 * Threads:  any; nothing is bound to a thread between calls.
 */
#ifndef GP_IO_RECORD_STORE_H
#define GP_IO_RECORD_STORE_H

#include "core/record.h"

#define GP_RECORD_STORE_MIN_BYTES INT64_C(1048576)       /* 1 MiB */
#define GP_RECORD_STORE_MAX_BYTES INT64_C(1099511627776) /* 1 TiB */

struct gp_record_store;

/*
 * gp_record_store_open - `dir` is made when its parent exists; `max_bytes` is
 * brought into the range above; `max_age_s` > 0.  gp_record_store_close it.
 * GP_TEMP  disk full, another process in the way, no thread.
 * GP_PERM  no access, no such parent, or open in this process already.
 */
GP_MUST_USE enum gp_rc gp_record_store_open(const char *dir, int64_t max_bytes,
    int64_t max_age_s, struct gp_record_store **out, struct gp_err *err);

/* gp_record_store_limit - other bounds from now on: the file does not shrink,
 * but what is too much or too old goes as soon as records come.  Waits for a
 * write that is going on. */
void gp_record_store_limit(struct gp_record_store *s, int64_t max_bytes,
    int64_t max_age_s);

/* gp_record_store_close - writes what is queued, once; what can not be
 * written is lost, with a log line.  NULL is ignored. */
void gp_record_store_close(struct gp_record_store *s);

/*
 * gp_record_store_append - `r` is copied.
 * GP_OK    in the queue.
 * GP_TEMP  the queue is full; the record is not kept.
 * GP_PERM  it can not be encoded (see gp_record_encode).
 */
GP_MUST_USE enum gp_rc
gp_record_store_append(struct gp_record_store *s, const struct gp_record *r);

/* Gets a record whose strings live until it returns; false ends the walk.  It
 * may take its time and may use the store, but not close it. */
typedef bool (*gp_record_fn)(void *arg, const struct gp_record *r);

/*
 * gp_record_store_walk - what is written of from_s <= time < to_s, in order
 * of time; what is written or deleted meanwhile may be seen or not.
 * `*damaged` (may be NULL) counts values that are no records.
 * GP_OK: all of it, or `fn` ended it.  GP_TEMP: it could not be read on.
 */
GP_MUST_USE enum gp_rc
gp_record_store_walk(struct gp_record_store *s, int64_t from_s, int64_t to_s,
    gp_record_fn fn, void *arg, uint64_t *damaged);

/*
 * gp_record_store_age - delete what is older than max_age_s at `now_s` (wall
 * clock), and the oldest beyond three quarters of max_bytes.  The store does
 * so by itself, once a minute while records come.  GP_TEMP: not all of it.
 */
GP_MUST_USE enum gp_rc
gp_record_store_age(struct gp_record_store *s, int64_t now_s);

/* gp_record_store_flush - wait until what was appended before is written.
 * GP_TEMP: it is not, at `deadline_us` of gp_clock_us(). */
GP_MUST_USE enum gp_rc
gp_record_store_flush(struct gp_record_store *s, int64_t deadline_us);

#endif
