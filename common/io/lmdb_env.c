/* See lmdb_env.h. */
#include "io/lmdb_env.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/lmdb_check.h"
#include "io/lmdb_files.h"
#include "io/lmdb_place.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MODE 0660

/* When the disk was full, growing is tried again. */
#define REGROW_US (10 * GP_US_PER_S)

struct gp_lmdb_env {
	struct gp_lmdb_place place;

	pthread_mutex_t lock; /* of what follows */
	MDB_env *env;         /* NULL: to be opened at the next use */
	MDB_dbi dbi;
	bool mapped; /* as is wished, and can be had */
	bool full;   /* the last transaction had no room */
	size_t page_bytes;
	size_t room;     /* to which the file may grow, as far as is known */
	int64_t grow_us; /* not before */
	MDB_txn *txn;    /* the one there is, or NULL */
	MDB_cursor *cursor;
	bool writes;
	int error; /* of its first call that failed */
};

/* -- the environment; its lock is held, and nobody else writes ------------- */

static void
close_env(struct gp_lmdb_env *e)
{
	if (e->env != NULL)
		mdb_env_close(e->env);
	e->env = NULL;
}

/* What nobody should trust any more.  The next use opens it again and looks
 * at it first. */
static bool
is_damage(int error)
{
	return error == MDB_CORRUPTED || error == MDB_PAGE_NOTFOUND ||
	       error == MDB_INVALID || error == MDB_VERSION_MISMATCH ||
	       error == MDB_INCOMPATIBLE || error == MDB_PANIC ||
	       error == MDB_BAD_DBI || error == MDB_BAD_VALSIZE;
}

static enum gp_rc
fail_db(struct gp_lmdb_env *e, int error, struct gp_err *err)
{
	if (is_damage(error))
		close_env(e);
	if (error > 0)
		return gp_lmdb_place_fail(&e->place, error, err);
	return gp_fail(err, GP_TEMP, "%s: %s", e->place.data,
	    mdb_strerror(error));
}

static int
fill_holes(const struct gp_lmdb_env *e, size_t bytes)
{
	int fd;

	if (mdb_env_get_fd(e->env, &fd) != 0)
		return EBADF;
	return gp_lmdb_files_fill(fd, bytes);
}

static int
open_files(struct gp_lmdb_env *e)
{
	const size_t bytes = gp_lmdb_place_map_bytes(&e->place, e->mapped);
	unsigned flags = MDB_NOTLS;
	int dead, error = gp_lmdb_files_locks(e->place.data, e->place.locks);

	if (error == 0)
		error = mdb_env_create(&e->env);
	if (error != 0) {
		e->env = NULL;
		return error;
	}
	if (e->mapped)
		flags |= MDB_NOSYNC | MDB_WRITEMAP;
	else
		flags |= e->place.options.mapped ? MDB_NOSYNC : MDB_NOMETASYNC;
	error = mdb_env_set_mapsize(e->env, bytes);
	if (error == 0)
		error = mdb_env_open(e->env, e->place.dir, flags, FILE_MODE);
	if (error == 0 && e->mapped)
		error = fill_holes(e, bytes);
	if (error == 0)
		error = mdb_reader_check(e->env, &dead);
	if (error != 0)
		close_env(e);
	return error;
}

static int
open_database(struct gp_lmdb_env *e)
{
	MDB_txn *txn;
	MDB_stat st;
	int error = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn);

	if (error != 0)
		return error;
	error = mdb_dbi_open(txn, NULL, 0, &e->dbi);
	if (error == 0)
		error = mdb_stat(txn, e->dbi, &st);
	mdb_txn_abort(txn);
	if (error == 0)
		e->page_bytes = st.ms_psize;
	return error;
}

static int
open_lmdb(struct gp_lmdb_env *e)
{
	int error;

	e->mapped = e->place.options.mapped && gp_lmdb_files_map(e->place.dir);
	error = open_files(e);
	if (e->mapped && error == EOPNOTSUPP) {
		e->mapped = false;
		error = open_files(e);
	}
	if (error != 0)
		return error;
	error = open_database(e);
	if (error == 0)
		error = gp_lmdb_place_set(&e->place);
	if (error != 0) {
		close_env(e);
		return error;
	}
	e->room = e->place.options.max_bytes;
	e->grow_us = 0;
	e->full = false;
	return 0;
}

static enum gp_rc
open_env(struct gp_lmdb_env *e, struct gp_err *err)
{
	struct gp_err why = { "" };
	enum gp_rc rc =
	    gp_lmdb_check(e->place.data, e->place.options.key_bytes, &why);
	int error;

	if (rc == GP_TEMP)
		return gp_fail(err, rc, "%s", why.msg);
	if (rc == GP_PERM &&
	    gp_lmdb_place_aside(&e->place, why.msg, err) != GP_OK)
		return GP_TEMP;
	error = open_lmdb(e);
	if (is_damage(error)) {
		rc = fail_db(e, error, &why);
		if (gp_lmdb_place_aside(&e->place, why.msg, err) != GP_OK)
			return rc;
		error = open_lmdb(e);
	}
	return error == 0 ? GP_OK : fail_db(e, error, err);
}

/* Beside an opening there is no other, and no closing. */
static enum gp_rc
open_anew(struct gp_lmdb_env *e, struct gp_err *err)
{
	enum gp_rc rc;

	if (!gp_shared_lock_enter(e->place.writer, e->place.options.lock_us))
		return gp_fail(err, GP_TEMP, "%s: another process is in it",
		    e->place.data);
	close_env(e);
	rc = open_env(e, err);
	gp_shared_lock_leave(e->place.writer);
	return rc;
}

static void
leave(struct gp_lmdb_env *e)
{
	gp_lmdb_place_give(&e->place);
	pthread_mutex_unlock(&e->lock);
}

static bool
is_open(struct gp_lmdb_env *e)
{
	return e->env != NULL && gp_lmdb_place_is_set(&e->place);
}

/* GP_OK: the environment is open and nobody else writes; leave(). */
static enum gp_rc
enter(struct gp_lmdb_env *e, struct gp_err *err)
{
	enum gp_rc rc;

	pthread_mutex_lock(&e->lock);
	rc = gp_lmdb_place_take(&e->place, err);
	if (rc != GP_OK) {
		pthread_mutex_unlock(&e->lock);
		return rc;
	}
	if (!is_open(e))
		rc = open_anew(e, err);
	if (rc != GP_OK)
		leave(e);
	return rc;
}

/* Reading needs no leave of other processes, opening does. */
static enum gp_rc
enter_to_read(struct gp_lmdb_env *e, struct gp_err *err)
{
	enum gp_rc rc;

	pthread_mutex_lock(&e->lock);
	if (is_open(e))
		return GP_OK;
	pthread_mutex_unlock(&e->lock);
	rc = enter(e, err);
	if (rc == GP_OK)
		gp_lmdb_place_give(&e->place);
	return rc;
}

/* -- growing; others do not write -------------------------------------------
 */

/*
 * LMDB cuts a mapped file to the size of the map, and lets it have holes.  So
 * maps are never smaller than the file, and a file has its blocks before they
 * are mapped.
 */
static int
map_to(struct gp_lmdb_env *e, size_t bytes)
{
	int error = fill_holes(e, bytes);

	return error != 0 ? error : mdb_env_set_mapsize(e->env, bytes);
}

static int
grow(struct gp_lmdb_env *e, size_t map)
{
	const size_t max = e->place.options.max_bytes;
	const size_t step =
	    map / 2 > GP_LMDB_FIRST_BYTES ? map / 2 : GP_LMDB_FIRST_BYTES;
	size_t to = map + step < max ? map + step : max;
	int error;

	if (gp_lmdb_files_size(e->place.data) >
	    map) /* another process was first */
		to = gp_lmdb_files_size(e->place.data);
	if (to <= map || gp_clock_us() < e->grow_us)
		return 0;
	error = map_to(e, to);
	e->room = error == 0 ? max : map;
	e->grow_us = error == 0 ? 0 : gp_clock_us() + REGROW_US;
	/* without more room the transaction shows how far it comes */
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? 0 : error;
}

static int
grow_in_time(struct gp_lmdb_env *e)
{
	MDB_envinfo info;
	int error = mdb_env_info(e->env, &info);

	if (error != 0)
		return error;
	if (!e->full &&
	    (info.me_last_pgno + 1) * e->page_bytes < info.me_mapsize / 4 * 3)
		return 0;
	e->full = false;
	return grow(e, info.me_mapsize);
}

/* A process with a larger max_bytes, or with more to write, let it grow. */
static int
map_what_is_there(struct gp_lmdb_env *e)
{
	int error;

	if (!e->mapped)
		return mdb_env_set_mapsize(e->env, 0);
	if (!e->writes &&
	    !gp_shared_lock_take(e->place.writer, e->place.options.lock_us))
		return EBUSY;
	error = map_to(e, gp_lmdb_files_size(e->place.data));
	if (!e->writes)
		gp_lmdb_place_give(&e->place);
	return error;
}

/* -- transactions --------------------------------------------------------- */

static int
begin(struct gp_lmdb_env *e)
{
	const unsigned flags = e->writes ? 0 : MDB_RDONLY;
	int error = e->mapped && e->writes ? grow_in_time(e) : 0;

	if (error == 0)
		error = mdb_txn_begin(e->env, NULL, flags, &e->txn);
	if (error != MDB_MAP_RESIZED)
		return error;
	error = map_what_is_there(e);
	return error != 0 ? error : mdb_txn_begin(e->env, NULL, flags, &e->txn);
}

static void
end(struct gp_lmdb_env *e)
{
	e->txn = NULL;
	if (e->writes)
		leave(e);
	else
		pthread_mutex_unlock(&e->lock);
}

enum gp_rc
gp_lmdb_begin(struct gp_lmdb_env *e, enum gp_lmdb_how how, struct gp_err *err)
{
	const bool writes = how == GP_LMDB_WRITE;
	enum gp_rc rc = writes ? enter(e, err) : enter_to_read(e, err);
	int error;

	if (rc != GP_OK)
		return rc;
	e->writes = writes;
	e->error = 0;
	error = begin(e);
	if (error == 0)
		return GP_OK;
	rc = fail_db(e, error, err);
	end(e);
	return rc;
}

static void
close_cursor(struct gp_lmdb_env *e)
{
	if (e->cursor != NULL)
		mdb_cursor_close(e->cursor);
	e->cursor = NULL;
}

enum gp_rc
gp_lmdb_end(struct gp_lmdb_env *e, struct gp_err *err)
{
	enum gp_rc rc = GP_OK;
	int error = e->error;

	close_cursor(e);
	if (error == 0 && e->writes)
		error = mdb_txn_commit(e->txn);
	else
		mdb_txn_abort(e->txn);
	if (error != 0)
		rc = fail_db(e, error, err);
	if (error == MDB_MAP_FULL)
		rc = GP_NONE;
	e->full = rc == GP_NONE;
	end(e);
	return rc;
}

/* MDB_val has no const. */
static MDB_val
val(struct gp_str s)
{
	union {
		const void *in;
		void *out;
	} data = { .in = s.p };

	return (MDB_val){ .mv_size = s.n, .mv_data = data.out };
}

static enum gp_rc
outcome(struct gp_lmdb_env *e, int error)
{
	if (error == 0)
		return GP_OK;
	if (error == MDB_NOTFOUND)
		return GP_NONE;
	e->error = error;
	return GP_TEMP;
}

enum gp_rc
gp_lmdb_get(struct gp_lmdb_env *e, struct gp_str key, struct gp_str *value)
{
	MDB_val k = val(key), v;
	enum gp_rc rc;

	if (e->error != 0)
		return GP_TEMP;
	rc = outcome(e, mdb_get(e->txn, e->dbi, &k, &v));
	if (rc == GP_OK)
		*value = gp_str_n(v.mv_data, v.mv_size);
	return rc;
}

static enum gp_rc
put(struct gp_lmdb_env *e, struct gp_str key, struct gp_str value,
    unsigned flags)
{
	MDB_val k = val(key), v = val(value);
	int error;

	if (e->error != 0)
		return GP_TEMP;
	close_cursor(e);
	error = mdb_put(e->txn, e->dbi, &k, &v, flags);
	if (error == MDB_KEYEXIST)
		error = mdb_put(e->txn, e->dbi, &k, &v, 0);
	return outcome(e, error);
}

enum gp_rc
gp_lmdb_put(struct gp_lmdb_env *e, struct gp_str key, struct gp_str value)
{
	return put(e, key, value, 0);
}

enum gp_rc
gp_lmdb_append(struct gp_lmdb_env *e, struct gp_str key, struct gp_str value)
{
	return put(e, key, value, MDB_APPEND);
}

enum gp_rc
gp_lmdb_del(struct gp_lmdb_env *e, struct gp_str key)
{
	MDB_val k = val(key);

	if (e->error != 0)
		return GP_TEMP;
	close_cursor(e);
	return outcome(e, mdb_del(e->txn, e->dbi, &k, NULL));
}

static enum gp_rc
step(struct gp_lmdb_env *e, MDB_cursor_op op, MDB_val k, struct gp_str *key,
    struct gp_str *value)
{
	MDB_val v;
	enum gp_rc rc = outcome(e, mdb_cursor_get(e->cursor, &k, &v, op));

	if (rc == GP_OK) {
		*key = gp_str_n(k.mv_data, k.mv_size);
		*value = gp_str_n(v.mv_data, v.mv_size);
	}
	return rc;
}

enum gp_rc
gp_lmdb_seek(struct gp_lmdb_env *e, struct gp_str from, struct gp_str *key,
    struct gp_str *value)
{
	enum gp_rc rc = GP_OK;

	if (e->error != 0)
		return GP_TEMP;
	if (e->cursor == NULL)
		rc = outcome(e, mdb_cursor_open(e->txn, e->dbi, &e->cursor));
	return rc != GP_OK ? rc
	                   : step(e, from.n == 0 ? MDB_FIRST : MDB_SET_RANGE,
				 val(from), key, value);
}

enum gp_rc
gp_lmdb_next(struct gp_lmdb_env *e, struct gp_str *key, struct gp_str *value)
{
	if (e->error != 0)
		return GP_TEMP;
	assert(e->cursor != NULL);
	return step(e, MDB_NEXT, (MDB_val){ 0 }, key, value);
}

void
gp_lmdb_damaged(struct gp_lmdb_env *e)
{
	e->error = MDB_CORRUPTED;
}

struct gp_lmdb_use
gp_lmdb_use(struct gp_lmdb_env *e)
{
	struct gp_lmdb_use use = { .room_bytes = e->room };
	MDB_stat st;

	if (mdb_stat(e->txn, e->dbi, &st) != 0)
		return use;
	use.keys = st.ms_entries;
	use.bytes = st.ms_psize * (st.ms_branch_pages + st.ms_leaf_pages +
				      st.ms_overflow_pages);
	return use;
}

bool
gp_lmdb_is_over(struct gp_lmdb_env *e)
{
	const struct gp_lmdb_use use = gp_lmdb_use(e);

	return use.bytes > use.room_bytes / 4 * 3;
}

void
gp_lmdb_check_readers(struct gp_lmdb_env *e)
{
	int dead;

	(void)mdb_reader_check(e->env, &dead);
}

/* -- opening -------------------------------------------------------------- */

enum gp_rc
gp_lmdb_open(const char *dir, const struct gp_lmdb_options *options,
    struct gp_lmdb_env **out, struct gp_err *err)
{
	struct gp_lmdb_env *e = gp_xcalloc(1, sizeof(*e));
	enum gp_rc rc;

	*out = NULL;
	(void)pthread_mutex_init(&e->lock, NULL);
	rc = gp_lmdb_place_open(dir, options, &e->place, err);
	if (rc == GP_OK)
		rc = enter(e, err);
	if (rc != GP_OK) {
		gp_lmdb_close(e);
		return rc;
	}
	leave(e);
	*out = e;
	return GP_OK;
}

enum gp_rc
gp_lmdb_sync(struct gp_lmdb_env *e, struct gp_err *err)
{
	enum gp_rc rc = GP_OK;
	int fd = -1;

	pthread_mutex_lock(&e->lock);
	if (e->env != NULL && mdb_env_get_fd(e->env, &fd) == 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&e->lock);
	if (fd < 0)
		return GP_NONE;
	if (fdatasync(fd) != 0)
		rc = gp_lmdb_place_fail(&e->place, errno, err);
	(void)close(fd);
	return rc;
}

void
gp_lmdb_resize(struct gp_lmdb_env *e, size_t max_bytes)
{
	pthread_mutex_lock(&e->lock);
	if (e->place.options.max_bytes != max_bytes) {
		e->place.options.max_bytes = max_bytes;
		e->place.inode = 0; /* as if it were another file */
		e->place.look_us = 0;
	}
	pthread_mutex_unlock(&e->lock);
}

void
gp_lmdb_close(struct gp_lmdb_env *e)
{
	if (e == NULL)
		return;
	/* LMDB wants no opening beside it, which does not take long */
	if (e->env != NULL)
		(void)gp_shared_lock_enter(e->place.writer,
		    e->place.options.lock_us);
	close_env(e);
	gp_lmdb_place_clear(&e->place);
	(void)pthread_mutex_destroy(&e->lock);
	free(e);
}
