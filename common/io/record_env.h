/*
 * record_env - the LMDB environment below record_store, a transaction a call.
 * Internal to io/record_store.
 *
 * Blocking: disk; and GP_RECORD_LOCK_US for another process.
 * Threads:  any.
 */
#ifndef GP_IO_RECORD_ENV_H
#define GP_IO_RECORD_ENV_H

#include "base/buf.h"
#include "base/time.h"

#define GP_RECORD_LOCK_US GP_US_PER_S

struct gp_record_env;

/* gp_record_env_open - see gp_record_store_open; errors are the same. */
GP_MUST_USE enum gp_rc gp_record_env_open(const char *dir, size_t max_bytes,
    struct gp_record_env **out, struct gp_err *err);
void gp_record_env_close(struct gp_record_env *e);

/* gp_record_env_resize - another max_bytes from the next call on. */
void gp_record_env_resize(struct gp_record_env *e, size_t max_bytes);

/*
 * gp_record_env_put - write items from `*at` on, as many as one transaction
 * shall have, and move `*at` behind them.  The oldest records go when there is
 * no room.  GP_TEMP: nothing was written.
 */
GP_MUST_USE enum gp_rc gp_record_env_put(struct gp_record_env *e,
    struct gp_str items, size_t *at, struct gp_err *err);

/* gp_record_env_prune - delete some of what is older than `before_s`, or too
 * much; `*more`: call again.  GP_TEMP: nothing was deleted. */
GP_MUST_USE enum gp_rc gp_record_env_prune(struct gp_record_env *e,
    int64_t before_s, bool *more, struct gp_err *err);

/*
 * gp_record_env_read - append to `out`, which is empty, items with keys above
 * `from` and a time below `to_s`, until it is full.  A value that is too long
 * for a record comes as an empty one.
 * GP_OK: some.  GP_NONE: there is no more.  GP_TEMP: could not be read.
 */
GP_MUST_USE enum gp_rc gp_record_env_read(struct gp_record_env *e,
    struct gp_str from, uint64_t to_s, struct gp_buf *out, struct gp_err *err);

#endif
