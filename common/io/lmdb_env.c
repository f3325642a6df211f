/* See lmdb_env.h. */
#include "io/lmdb_env.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/lmdb_aside.h"
#include "io/lmdb_check.h"

#include <assert.h>
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

#define POLL_MS 5

/* Octets of the file "lock"; a process has its own one behind OPEN_AT. */
#define WRITE_AT 0
#define OPEN_AT  16

struct gp_lmdb_env {
	struct gp_lmdb_options options;
	char *dir;
	char *data;  /* DIR/data.mdb */
	char *locks; /* DIR/lock.mdb */
	int lock_fd;

	pthread_mutex_t lock; /* of what follows */
	MDB_env *env;         /* NULL: to be opened at the next use */
	MDB_dbi dbi;
	dev_t device; /* the file it is open on */
	ino_t inode;
	MDB_txn *txn; /* the one there is, or NULL */
	MDB_cursor *cursor;
	bool writes;
	int error; /* of its first call that failed */
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
		return fail_errno(err, e->data, error);
	return gp_fail(err, GP_TEMP, "%s: %s", e->data, mdb_strerror(error));
}

/* Whoever has the old file open keeps its locks too. */
static enum gp_rc
set_aside(struct gp_lmdb_env *e, const char *why, struct gp_err *err)
{
	enum gp_rc rc = gp_lmdb_aside(e->data, e->options.what, why, err);

	if (rc == GP_OK)
		(void)unlink(e->locks);
	return rc;
}

/* Deleting takes some pages first.  What a larger max_bytes let grow has none
 * to spare. */
static size_t
map_bytes(const struct gp_lmdb_env *e)
{
	struct stat st;

	if (stat(e->data, &st) != 0 ||
	    (size_t)st.st_size <= e->options.max_bytes)
		return e->options.max_bytes;
	return (size_t)st.st_size + e->options.max_bytes / 4;
}

static int
open_lmdb(struct gp_lmdb_env *e)
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
drop_stale_locks(const struct gp_lmdb_env *e)
{
	struct stat st;

	if (stat(e->data, &st) != 0 ? errno == ENOENT : st.st_size == 0)
		(void)unlink(e->locks);
}

static enum gp_rc
open_env(struct gp_lmdb_env *e, struct gp_err *err)
{
	struct gp_err why = { "" };
	enum gp_rc rc = gp_lmdb_check(e->data, e->options.key_bytes, &why);
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
is_open(struct gp_lmdb_env *e)
{
	struct stat st;

	return e->env != NULL && stat(e->data, &st) == 0 &&
	       st.st_dev == e->device && st.st_ino == e->inode;
}

/* GP_OK: the environment is open and nobody else writes; leave(). */
static enum gp_rc
enter(struct gp_lmdb_env *e, struct gp_err *err)
{
	enum gp_rc rc = GP_OK;

	pthread_mutex_lock(&e->lock);
	if (!lock_octet(e->lock_fd, WRITE_AT, e->options.lock_us)) {
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
leave(struct gp_lmdb_env *e)
{
	(void)set_octet(e->lock_fd, F_UNLCK, WRITE_AT);
	pthread_mutex_unlock(&e->lock);
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
		(void)set_octet(e->lock_fd, F_UNLCK, WRITE_AT);
	return rc;
}

/* -- transactions --------------------------------------------------------- */

static int
begin(struct gp_lmdb_env *e, unsigned flags)
{
	int error = mdb_txn_begin(e->env, NULL, flags, &e->txn);

	if (error != MDB_MAP_RESIZED)
		return error;
	/* a process with a larger max_bytes let it grow */
	error = mdb_env_set_mapsize(e->env, 0);
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
	error = begin(e, writes ? 0 : MDB_RDONLY);
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

void
gp_lmdb_abort(struct gp_lmdb_env *e)
{
	close_cursor(e);
	mdb_txn_abort(e->txn);
	end(e);
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
	if (rc != GP_OK)
		return rc;
	return step(e, from.n == 0 ? MDB_FIRST : MDB_SET_RANGE, val(from), key,
	    value);
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

bool
gp_lmdb_is_over(struct gp_lmdb_env *e)
{
	MDB_stat st;

	return mdb_stat(e->txn, e->dbi, &st) == 0 &&
	       (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) *
	               st.ms_psize >
	           e->options.max_bytes / 4 * 3;
}

void
gp_lmdb_check_readers(struct gp_lmdb_env *e)
{
	int dead;

	(void)mdb_reader_check(e->env, &dead);
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
open_lock(struct gp_lmdb_env *e, struct gp_err *err)
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
gp_lmdb_open(const char *dir, const struct gp_lmdb_options *options,
    struct gp_lmdb_env **out, struct gp_err *err)
{
	struct gp_lmdb_env *e = gp_xcalloc(1, sizeof(*e));
	enum gp_rc rc = GP_OK;

	*out = NULL;
	e->dir = gp_xstrdup(dir);
	e->data = path_of(dir, "data.mdb");
	e->locks = path_of(dir, "lock.mdb");
	e->options = *options;
	e->lock_fd = -1;
	(void)pthread_mutex_init(&e->lock, NULL);
	if (mkdir(dir, DIR_MODE) != 0 && errno != EEXIST)
		rc = fail_errno(err, dir, errno);
	if (rc == GP_OK)
		rc = open_lock(e, err);
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

void
gp_lmdb_resize(struct gp_lmdb_env *e, size_t max_bytes)
{
	pthread_mutex_lock(&e->lock);
	if (e->options.max_bytes != max_bytes) {
		e->options.max_bytes = max_bytes;
		e->inode = 0; /* not the file any more: it is opened anew */
	}
	pthread_mutex_unlock(&e->lock);
}

void
gp_lmdb_close(struct gp_lmdb_env *e)
{
	if (e == NULL)
		return;
	/* LMDB wants no opening beside a closing; if another process holds
	 * the lock for long, it is not opening */
	if (e->env != NULL)
		(void)lock_octet(e->lock_fd, WRITE_AT, e->options.lock_us);
	close_env(e);
	if (e->lock_fd >= 0)
		(void)close(e->lock_fd);
	(void)pthread_mutex_destroy(&e->lock);
	free(e->dir);
	free(e->data);
	free(e->locks);
	free(e);
}
