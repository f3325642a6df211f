/* See lmdb_place.h. */
#include "io/lmdb_place.h"

#include "base/buf.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/lmdb_aside.h"
#include "io/lmdb_files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MODE 0770

/* A file that was put in the place of a mapped one is noticed so late. */
#define LOOK_US (20 * GP_US_PER_MS)

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, int error)
{
	/* a limit on file sizes may be lifted */
	const enum gp_rc rc = error == EFBIG ? GP_TEMP : gp_rc_of_errno(error);
	char text[128];

	return gp_fail(err, rc, "%s: %s", path,
	    strerror_r(error, text, sizeof(text)));
}

enum gp_rc
gp_lmdb_place_fail(const struct gp_lmdb_place *p, int error, struct gp_err *err)
{
	return fail_errno(err, p->data, error);
}

enum gp_rc
gp_lmdb_place_take(struct gp_lmdb_place *p, struct gp_err *err)
{
	if (gp_shared_lock_take(p->writer, p->options.lock_us))
		return GP_OK;
	return gp_fail(err, GP_TEMP, "%s: another process writes", p->data);
}

void
gp_lmdb_place_give(struct gp_lmdb_place *p)
{
	gp_shared_lock_give(p->writer);
}

int
gp_lmdb_place_set(struct gp_lmdb_place *p)
{
	struct stat st;

	if (stat(p->data, &st) != 0)
		return errno;
	p->device = st.st_dev;
	p->inode = st.st_ino;
	return 0;
}

bool
gp_lmdb_place_is_set(struct gp_lmdb_place *p)
{
	const int64_t now = p->options.mapped ? gp_clock_us() : 0;
	struct stat st;

	if (now != 0 && now < p->look_us)
		return true;
	p->look_us = now + LOOK_US;
	return stat(p->data, &st) == 0 && st.st_dev == p->device &&
	       st.st_ino == p->inode;
}

/* What a larger max_bytes let grow has no pages to spare for deleting, unless
 * it is written through the map: that is never larger than the file. */
size_t
gp_lmdb_place_map_bytes(const struct gp_lmdb_place *p, bool mapped)
{
	const size_t max = p->options.max_bytes;
	const size_t file = gp_lmdb_files_size(p->data);
	const size_t least =
	    mapped && max > GP_LMDB_FIRST_BYTES ? GP_LMDB_FIRST_BYTES : max;

	if (file <= least)
		return least;
	return mapped ? file : file + max / 4;
}

/* Whoever has the old file open keeps its locks too. */
enum gp_rc
gp_lmdb_place_aside(struct gp_lmdb_place *p, const char *why,
    struct gp_err *err)
{
	enum gp_rc rc = gp_lmdb_aside(p->data, p->options.what, why, err);

	if (rc == GP_OK)
		(void)unlink(p->locks);
	return rc;
}

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

enum gp_rc
gp_lmdb_place_open(const char *dir, const struct gp_lmdb_options *options,
    struct gp_lmdb_place *p, struct gp_err *err)
{
	char *lock = path_of(dir, "lock");
	enum gp_rc rc = GP_OK;

	*p = (struct gp_lmdb_place){ .options = *options };
	p->dir = gp_xstrdup(dir);
	p->data = path_of(dir, "data.mdb");
	p->locks = path_of(dir, "lock.mdb");
	if (mkdir(dir, DIR_MODE) != 0 && errno != EEXIST)
		rc = fail_errno(err, dir, errno);
	if (rc == GP_OK)
		rc = gp_shared_lock_open(lock, options->lock_us, &p->writer,
		    err);
	free(lock);
	return rc;
}

void
gp_lmdb_place_clear(struct gp_lmdb_place *p)
{
	gp_shared_lock_close(p->writer);
	free(p->dir);
	free(p->data);
	free(p->locks);
}
