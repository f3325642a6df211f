/* See record_env.h. */
#include "io/record_env.h"

#include "base/xalloc.h"
#include "core/record.h"
#include "io/clock.h"
#include "io/lmdb_check.h"
#include "io/log.h"
#include "io/record_item.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0660
#define DIR_MODE  0770

/* One transaction writes this part of the file at most, and deletes so many
 * records. */
#define CHUNK_PART 32
#define CHUNK_MAX  ((size_t)512 * 1024)
#define CHUNK_GONE 4096
#define FULL_GONE  128 /* when there was no room for the first try */
#define FULL_TRIES 8

#define POLL_MS 5

/* Octets of the file "lock"; a process has its own one behind OPEN_AT. */
#define WRITE_AT 0
#define OPEN_AT  16

struct gp_record_env {
	char *dir;
	char *data;  /* DIR/data.mdb */
	char *locks; /* DIR/lock.mdb */
	size_t map_bytes;
	int lock_fd;

	pthread_mutex_t lock; /* of what follows */
	MDB_env *env;         /* NULL: to be opened at the next use */
	MDB_dbi dbi;
	dev_t device; /* the file it is open on */
	ino_t inode;
};

/* -- between processes ---------------------------------------------------- */

static int
set_octet(int fd, short type, off_t at)
{
	struct flock octet = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = at,
		.l_len = 1,
	};

	return fcntl(fd, F_OFD_SETLK, &octet);
}

static bool
lock_octet(int fd, off_t at, int64_t wait_us)
{
	const int64_t deadline = gp_clock_us() + wait_us;

	while (set_octet(fd, F_WRLCK, at) != 0) {
		if ((errno != EAGAIN && errno != EACCES && errno != EINTR) ||
		    gp_clock_us() >= deadline)
			return false;
		(void)poll(NULL, 0, POLL_MS);
	}
	return true;
}

/* -- the environment; its lock and WRITE_AT are held ----------------------- */

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, int error)
{
	/* a limit on file sizes may be lifted */
	const enum gp_rc rc = error == EFBIG ? GP_TEMP : gp_rc_of_errno(error);
	char text[128];

	return gp_fail(err, rc, "%s: %s", path,
	    strerror_r(error, text, sizeof(text)));
}

static void
close_env(struct gp_record_env *e)
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
fail_db(struct gp_record_env *e, int error, struct gp_err *err)
{
	if (is_damage(error))
		close_env(e);
	if (error > 0)
		return fail_errno(err, e->data, error);
	return gp_fail(err, GP_TEMP, "%s: %s", e->data, mdb_strerror(error));
}

static enum gp_rc
set_aside(struct gp_record_env *e, const char *why, struct gp_err *err)
{
	char *to = gp_xcalloc(PATH_MAX, 1);
	enum gp_rc rc = GP_OK;

	(void)snprintf(to, PATH_MAX, "%s.corrupt-%lld", e->data,
	    (long long)gp_clock_wall_s());
	if (rename(e->data, to) != 0) {
		rc = fail_errno(err, e->data, errno);
	} else {
		/* whoever has the old file open keeps its locks too */
		(void)unlink(e->locks);
		gp_log(GP_LOG_ERROR,
		    "records: %s; set aside as %s, and a new one begun", why,
		    to);
	}
	free(to);
	return rc;
}

/* Deleting takes some pages first.  What a larger max_bytes let grow has none
 * to spare. */
static size_t
map_bytes(const struct gp_record_env *e)
{
	struct stat st;

	if (stat(e->data, &st) != 0 || (size_t)st.st_size <= e->map_bytes)
		return e->map_bytes;
	return (size_t)st.st_size + e->map_bytes / 4;
}

static int
open_lmdb(struct gp_record_env *e)
{
	MDB_txn *txn = NULL;
	struct stat st;
	int dead, error = mdb_env_create(&e->env);

	if (error != 0) {
		e->env = NULL;
		return error;
	}
	error = mdb_env_set_mapsize(e->env, map_bytes(e));
	if (error == 0)
		error = mdb_env_open(e->env, e->dir, MDB_NOTLS | MDB_NOMETASYNC,
		    FILE_MODE);
	if (error == 0)
		error = mdb_reader_check(e->env, &dead);
	if (error == 0)
		error = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &txn);
	if (error == 0)
		error = mdb_dbi_open(txn, NULL, 0, &e->dbi);
	if (txn != NULL)
		mdb_txn_abort(txn);
	if (error == 0 && stat(e->data, &st) != 0)
		error = errno;
	if (error != 0) {
		close_env(e);
		return error;
	}
	e->device = st.st_dev;
	e->inode = st.st_ino;
	return 0;
}

/* Locks of a file that is gone would be wrong for the next one. */
static void
drop_stale_locks(const struct gp_record_env *e)
{
	struct stat st;

	if (stat(e->data, &st) != 0 ? errno == ENOENT : st.st_size == 0)
		(void)unlink(e->locks);
}

static enum gp_rc
open_env(struct gp_record_env *e, struct gp_err *err)
{
	struct gp_err why = { "" };
	enum gp_rc rc = gp_lmdb_check(e->data, GP_RECORD_KEY_BYTES, &why);
	int error;

	if (rc == GP_TEMP)
		return gp_fail(err, rc, "%s", why.msg);
	if (rc == GP_PERM && set_aside(e, why.msg, err) != GP_OK)
		return GP_TEMP;
	drop_stale_locks(e);
	error = open_lmdb(e);
	if (is_damage(error)) {
		rc = fail_db(e, error, &why);
		if (set_aside(e, why.msg, err) != GP_OK)
			return rc;
		error = open_lmdb(e);
	}
	return error == 0 ? GP_OK : fail_db(e, error, err);
}

/* Another process may have set the file aside, or the operator removed it. */
static bool
is_open(struct gp_record_env *e)
{
	struct stat st;

	return e->env != NULL && stat(e->data, &st) == 0 &&
	       st.st_dev == e->device && st.st_ino == e->inode;
}

/* GP_OK: the environment is open and nobody else writes; leave(). */
static enum gp_rc
enter(struct gp_record_env *e, struct gp_err *err)
{
	enum gp_rc rc = GP_OK;

	pthread_mutex_lock(&e->lock);
	if (!lock_octet(e->lock_fd, WRITE_AT, GP_RECORD_LOCK_US)) {
		pthread_mutex_unlock(&e->lock);
		return gp_fail(err, GP_TEMP, "%s: another process writes",
		    e->data);
	}
	if (!is_open(e)) {
		close_env(e);
		rc = open_env(e, err);
	}
	if (rc != GP_OK) {
		(void)set_octet(e->lock_fd, F_UNLCK, WRITE_AT);
		pthread_mutex_unlock(&e->lock);
	}
	return rc;
}

static void
leave(struct gp_record_env *e)
{
	(void)set_octet(e->lock_fd, F_UNLCK, WRITE_AT);
	pthread_mutex_unlock(&e->lock);
}

static int
begin(struct gp_record_env *e, unsigned flags, MDB_txn **txn)
{
	int error = mdb_txn_begin(e->env, NULL, flags, txn);

	if (error != MDB_MAP_RESIZED)
		return error;
	/* a process with a larger max_bytes let it grow */
	error = mdb_env_set_mapsize(e->env, 0);
	return error != 0 ? error : mdb_txn_begin(e->env, NULL, flags, txn);
}

/* -- deleting ------------------------------------------------------------- */

static bool
is_over(const struct gp_record_env *e, MDB_txn *txn)
{
	MDB_stat st;

	return mdb_stat(txn, e->dbi, &st) == 0 &&
	       (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) *
	               st.ms_psize >
	           e->map_bytes / 4 * 3;
}

struct prune {
	int64_t before_s;
	unsigned at_least; /* whatever they are */
	unsigned gone;     /* result; CHUNK_GONE: there may be more */
};

static bool
is_older(const MDB_val *key, int64_t before_s)
{
	return before_s > 0 &&
	       gp_record_key_time(key->mv_data) < (uint64_t)before_s;
}

static int
prune(struct gp_record_env *e, MDB_txn *txn, struct prune *p)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int error = mdb_cursor_open(txn, e->dbi, &cursor);

	if (error != 0)
		return error;
	for (p->gone = 0; p->gone < CHUNK_GONE; p->gone++) {
		error = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
		if (error == 0 && key.mv_size != GP_RECORD_KEY_BYTES)
			error = MDB_CORRUPTED;
		if (error != 0 ||
		    (p->gone >= p->at_least && !is_older(&key, p->before_s) &&
			!is_over(e, txn)))
			break;
		error = mdb_cursor_del(cursor, 0);
		if (error != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return error == MDB_NOTFOUND ? 0 : error;
}

/* One transaction of it. */
static int
delete_some(struct gp_record_env *e, struct prune *p)
{
	MDB_txn *txn;
	int error = begin(e, 0, &txn);

	if (error != 0)
		return error;
	error = prune(e, txn, p);
	if (error == 0 && p->gone > 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return error;
}

enum gp_rc
gp_record_env_prune(struct gp_record_env *e, int64_t before_s, bool *more,
    struct gp_err *err)
{
	struct prune p = { .before_s = before_s };
	enum gp_rc rc = enter(e, err);
	int dead, error;

	*more = false;
	if (rc != GP_OK)
		return rc;
	/* what a killed reader still holds could never be used again */
	error = mdb_reader_check(e->env, &dead);
	if (error == 0)
		error = delete_some(e, &p);
	if (error != 0)
		rc = fail_db(e, error, err);
	*more = error == 0 && p.gone == CHUNK_GONE;
	leave(e);
	return rc;
}

/* -- writing -------------------------------------------------------------- */

/* MDB_val has no const. */
static MDB_val
val(const void *p, size_t n)
{
	union {
		const void *in;
		void *out;
	} data = { .in = p };

	return (MDB_val){ .mv_size = n, .mv_data = data.out };
}

/* Keys come nearly in order: behind the last one a page is filled before the
 * next is begun. */
static int
put_item(struct gp_record_env *e, MDB_txn *txn,
    const struct gp_record_item *item)
{
	MDB_val key = val(item->key, sizeof(item->key));
	MDB_val value = val(item->value, item->n);
	int error = mdb_put(txn, e->dbi, &key, &value, MDB_APPEND);

	if (error == MDB_KEYEXIST)
		error = mdb_put(txn, e->dbi, &key, &value, 0);
	return error;
}

static int
put_chunk(struct gp_record_env *e, struct gp_str items, size_t *at)
{
	const size_t most = e->map_bytes / CHUNK_PART < CHUNK_MAX
	                        ? e->map_bytes / CHUNK_PART
	                        : CHUNK_MAX;
	struct prune room = { .before_s = 0 };
	struct gp_record_item item;
	size_t end = *at;
	MDB_txn *txn;
	int error = begin(e, 0, &txn);

	if (error != 0)
		return error;
	error = prune(e, txn, &room);
	while (error == 0 && end - *at < most &&
	       gp_record_item_next(items, &end, &item))
		error = put_item(e, txn, &item);
	if (error != 0) {
		mdb_txn_abort(txn);
		return error;
	}
	error = mdb_txn_commit(txn);
	if (error == 0)
		*at = end;
	return error;
}

enum gp_rc
gp_record_env_put(struct gp_record_env *e, struct gp_str items, size_t *at,
    struct gp_err *err)
{
	enum gp_rc rc = enter(e, err);
	int error;

	if (rc != GP_OK)
		return rc;
	error = put_chunk(e, items, at);
	for (unsigned i = 0; error == MDB_MAP_FULL && i < FULL_TRIES; i++) {
		struct prune p = { .at_least = FULL_GONE };

		/* what it frees can be used two transactions later */
		error = delete_some(e, &p);
		if (error == 0)
			error = put_chunk(e, items, at);
	}
	if (error != 0)
		rc = fail_db(e, error, err);
	leave(e);
	return rc;
}

/* -- reading -------------------------------------------------------------- */

static int
copy_items(struct gp_record_env *e, MDB_txn *txn, struct gp_str from,
    uint64_t to_s, struct gp_buf *out)
{
	MDB_val key = val(from.p, from.n), value;
	MDB_cursor *cursor;
	int error = mdb_cursor_open(txn, e->dbi, &cursor);

	if (error != 0)
		return error;
	error = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (error == 0) {
		struct gp_record_item item = { .value = value.mv_data };

		if (key.mv_size != sizeof(item.key)) {
			error = MDB_CORRUPTED;
			break;
		}
		memcpy(item.key, key.mv_data, sizeof(item.key));
		if (value.mv_size <= GP_RECORD_BYTES_MAX)
			item.n = (uint32_t)value.mv_size;
		if (gp_record_key_time(item.key) >= to_s ||
		    out->n + GP_RECORD_ITEM_HEAD + item.n > out->max)
			break;
		gp_record_item_add(out, &item);
		error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return error == MDB_NOTFOUND ? 0 : error;
}

/* Reading needs no leave of other processes, opening does. */
static enum gp_rc
enter_to_read(struct gp_record_env *e, struct gp_err *err)
{
	enum gp_rc rc;

	pthread_mutex_lock(&e->lock);
	if (is_open(e))
		return GP_OK;
	pthread_mutex_unlock(&e->lock);
	rc = enter(e, err);
	if (rc == GP_OK)
		(void)set_octet(e->lock_fd, F_UNLCK, WRITE_AT);
	return rc;
}

enum gp_rc
gp_record_env_read(struct gp_record_env *e, struct gp_str from, uint64_t to_s,
    struct gp_buf *out, struct gp_err *err)
{
	enum gp_rc rc = enter_to_read(e, err);
	MDB_txn *txn;
	int error;

	if (rc != GP_OK)
		return GP_TEMP;
	error = begin(e, MDB_RDONLY, &txn);
	if (error == 0) {
		error = copy_items(e, txn, from, to_s, out);
		mdb_txn_abort(txn);
	}
	if (error != 0) {
		(void)fail_db(e, error, err);
		rc = GP_TEMP;
	} else if (out->n == 0) {
		rc = GP_NONE;
	}
	pthread_mutex_unlock(&e->lock);
	return rc;
}

/* -- opening -------------------------------------------------------------- */

static char *
path_of(const char *dir, const char *name)
{
	struct gp_buf text;
	char *path;

	gp_buf_init(&text, PATH_MAX);
	gp_buf_addf(&text, "%s/%s", dir, name);
	path = gp_xstrdup(gp_buf_cstr(&text));
	gp_buf_clear(&text);
	return path;
}

static enum gp_rc
open_lock(struct gp_record_env *e, struct gp_err *err)
{
	char *path = path_of(e->dir, "lock");
	enum gp_rc rc = GP_OK;

	e->lock_fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (e->lock_fd < 0)
		rc = fail_errno(err, path, errno);
	else if (!lock_octet(e->lock_fd, OPEN_AT + (off_t)getpid(), 0))
		rc = gp_fail(err, GP_PERM,
		    "%s: is open in this process already", e->dir);
	free(path);
	return rc;
}

enum gp_rc
gp_record_env_open(const char *dir, size_t max_bytes,
    struct gp_record_env **out, struct gp_err *err)
{
	struct gp_record_env *e = gp_xcalloc(1, sizeof(*e));
	enum gp_rc rc = GP_OK;

	*out = NULL;
	e->dir = gp_xstrdup(dir);
	e->data = path_of(dir, "data.mdb");
	e->locks = path_of(dir, "lock.mdb");
	e->map_bytes = max_bytes;
	e->lock_fd = -1;
	(void)pthread_mutex_init(&e->lock, NULL);
	if (mkdir(dir, DIR_MODE) != 0 && errno != EEXIST)
		rc = fail_errno(err, dir, errno);
	if (rc == GP_OK)
		rc = open_lock(e, err);
	if (rc == GP_OK)
		rc = enter(e, err);
	if (rc != GP_OK) {
		gp_record_env_close(e);
		return rc;
	}
	leave(e);
	*out = e;
	return GP_OK;
}

void
gp_record_env_close(struct gp_record_env *e)
{
	if (e == NULL)
		return;
	/* LMDB wants no opening beside a closing; if another process holds
	 * the lock for long, it is not opening */
	if (e->env != NULL)
		(void)lock_octet(e->lock_fd, WRITE_AT, GP_RECORD_LOCK_US);
	close_env(e);
	if (e->lock_fd >= 0)
		(void)close(e->lock_fd);
	(void)pthread_mutex_destroy(&e->lock);
	free(e->dir);
	free(e->data);
	free(e->locks);
	free(e);
}
