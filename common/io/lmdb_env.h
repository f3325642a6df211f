/*
 * lmdb_env - an LMDB environment of several processes, a transaction at a time.
 *
 * No transaction outlives the call that needs it, and there is never more than
 * one in the process, so that the environment may be closed and opened anew at
 * any time: when LMDB finds it damaged, or when somebody put another file in
 * its place.  A file is looked at before LMDB may follow it (io/lmdb_check);
 * a damaged one is set aside, data.mdb.corrupt-SECONDS, and a new one begun.
 *
 * Between processes the lock in DIR/lock (io/shared_lock) serialises opening
 * and writing.  LMDB's own lock would do for writing, but can not be waited for
 * with a time-out: a process that is stopped in the middle must not stop the
 * others.  It also makes it safe to examine the file and to set it aside.
 *
 *	if (gp_lmdb_begin(e, GP_LMDB_WRITE, err) != GP_OK)
 *		return GP_TEMP;
 *	get, put, del, seek, next: what fails is remembered
 *	rc = gp_lmdb_end(e, err);
 *
 * Source:   lmdb.h, "Restrictions/caveats".
 * Blocking: disk; and lock_us for another process.
 * Threads:  any; from begin to end the others wait.
 */
#ifndef GP_IO_LMDB_ENV_H
#define GP_IO_LMDB_ENV_H

#include "base/err.h"
#include "base/str.h"
#include "base/time.h"

struct gp_lmdb_options {
	const char *what; /* "records": begins lines of the log; borrowed */
	size_t key_bytes; /* of every key; 0: they differ */
	size_t max_bytes; /* of the file, which never shrinks */
	int64_t lock_us;  /* wait so long for another process */

	/* No write waits for the disk; what is written is safe from a kill at
	 * once, and from loss of power at gp_lmdb_sync.  Where the file system
	 * allows it the file is written through its map, of which no part is a
	 * hole; it grows as it is needed. */
	bool mapped;
};

struct gp_lmdb_env;

/*
 * gp_lmdb_open - `dir` is made when its parent exists.
 * GP_TEMP  disk full, another process in the way.
 * GP_PERM  no access, no such parent, or open in this process already.
 */
GP_MUST_USE enum gp_rc
gp_lmdb_open(const char *dir, const struct gp_lmdb_options *options,
    struct gp_lmdb_env **out, struct gp_err *err);
void gp_lmdb_close(struct gp_lmdb_env *e); /* NULL is ignored */

/* gp_lmdb_sync - what was written before is on the disk.  Others need not wait.
 * GP_NONE: there is no file now. */
GP_MUST_USE enum gp_rc gp_lmdb_sync(struct gp_lmdb_env *e, struct gp_err *err);

/* gp_lmdb_resize - another max_bytes from the next transaction on. */
void gp_lmdb_resize(struct gp_lmdb_env *e, size_t max_bytes);

/* -- a transaction ------------------------------------------------------- */

enum gp_lmdb_how { GP_LMDB_READ, GP_LMDB_WRITE };

/* gp_lmdb_begin - GP_OK: there is one, gp_lmdb_end it.
 * GP_TEMP, GP_PERM: there is none. */
GP_MUST_USE enum gp_rc
gp_lmdb_begin(struct gp_lmdb_env *e, enum gp_lmdb_how how, struct gp_err *err);

/*
 * gp_lmdb_end - write what was changed.
 * GP_OK    done, and all before it had succeeded.
 * GP_NONE  there is no room for it; nothing was written.  If the file may
 *          grow, it will have grown at the next begin.
 * GP_TEMP  something failed; nothing was written.
 */
GP_MUST_USE enum gp_rc gp_lmdb_end(struct gp_lmdb_env *e, struct gp_err *err);

/* Inside of one.  GP_OK, GP_NONE (no such key), or GP_TEMP: it failed, and so
 * will all that follows, and the end.  What is found is borrowed until the next
 * change or the end. */
GP_MUST_USE enum gp_rc
gp_lmdb_get(struct gp_lmdb_env *e, struct gp_str key, struct gp_str *value);
enum gp_rc
gp_lmdb_put(struct gp_lmdb_env *e, struct gp_str key, struct gp_str value);
enum gp_rc gp_lmdb_del(struct gp_lmdb_env *e, struct gp_str key);

/* gp_lmdb_append - as gp_lmdb_put, for keys that come nearly in order: behind
 * the last one a page is filled before the next is begun. */
enum gp_rc
gp_lmdb_append(struct gp_lmdb_env *e, struct gp_str key, struct gp_str value);

/* gp_lmdb_seek - the first key that is not less than `from` (empty: of all),
 * gp_lmdb_next - the one behind it; not after a change. */
GP_MUST_USE enum gp_rc gp_lmdb_seek(struct gp_lmdb_env *e, struct gp_str from,
    struct gp_str *key, struct gp_str *value);
GP_MUST_USE enum gp_rc
gp_lmdb_next(struct gp_lmdb_env *e, struct gp_str *key, struct gp_str *value);

/* gp_lmdb_damaged - the caller found what can not be: the transaction fails
 * and the file is looked at again. */
void gp_lmdb_damaged(struct gp_lmdb_env *e);

struct gp_lmdb_use {
	uint64_t keys;
	size_t bytes;      /* of pages with keys and values in them */
	size_t room_bytes; /* max_bytes, or less when the disk is full */
};
struct gp_lmdb_use gp_lmdb_use(struct gp_lmdb_env *e);

/* gp_lmdb_is_over - is it more than three quarters of the room?  Deleting takes
 * some pages first, so something should go now. */
bool gp_lmdb_is_over(struct gp_lmdb_env *e);

/* gp_lmdb_check_readers - what a killed reader still holds could never be used
 * again. */
void gp_lmdb_check_readers(struct gp_lmdb_env *e);

#endif
