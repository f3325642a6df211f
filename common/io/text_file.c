/* See text_file.h. */
#include "io/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, const char *what)
{
	int error = errno;

	return gp_fail(err, gp_rc_of_errno(error), "%s: %s: %s", path, what,
	    strerrordesc_np(error));
}

/* -- reading --------------------------------------------------------------- */

static enum gp_rc
read_all(int fd, const char *path, struct gp_arena *arena, size_t size,
    struct gp_str *out, struct gp_err *err)
{
	char *p = gp_arena_alloc(arena, size + 1);
	size_t n = 0;
	ssize_t got = 1;

	while (n < size && got != 0) {
		got = read(fd, p + n, size - n);
		if (got < 0 && errno != EINTR)
			return fail_errno(err, path, "can not read it");
		n += got > 0 ? (size_t)got : 0;
	}
	*out = gp_str_n(p, n);
	return GP_OK;
}

enum gp_rc
gp_text_file_read(const char *path, size_t max, struct gp_arena *arena,
    struct gp_str *out, struct gp_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	enum gp_rc rc;

	if (fd < 0 && errno == ENOENT)
		return gp_fail(err, GP_NONE, "%s: there is no such file", path);
	if (fd < 0)
		return fail_errno(err, path, "can not open it");
	if (fstat(fd, &st) != 0)
		rc = fail_errno(err, path, "can not look at it");
	else if (!S_ISREG(st.st_mode))
		rc = gp_fail(err, GP_PERM, "%s: is not a regular file", path);
	else if ((size_t)st.st_size > max)
		rc = gp_fail(err, GP_PERM, "%s: has more than %zu bytes", path,
		    max);
	else
		rc = read_all(fd, path, arena, (size_t)st.st_size, out, err);
	(void)close(fd);
	return rc;
}

/* -- a temporary file ------------------------------------------------------ */

/* On the way to `path`. */
struct draft {
	const char *path;
	struct gp_arena *arena;
	char *name;         /* of the temporary file */
	const char *folder; /* of both */
};

static void
split(struct draft *d)
{
	struct gp_str path = gp_str(d->path);
	const char *slash = strrchr(d->path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash + 1 - path.p);

	d->folder = n == 0 ? "." : gp_arena_strndup(d->arena, path.p, n);
	d->name = gp_arena_printf(d->arena, "%s%s.%s.XXXXXX", d->folder,
	    n == 0 ? "/" : "", path.p + n);
}

static bool
write_all(int fd, struct gp_str text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			text = gp_str_n(text.p + n, text.n - (size_t)n);
	}
	return true;
}

/* Who shall have the file. */
struct owner {
	uid_t user;
	gid_t group;
	mode_t mode;
};

/* The owner before the mode: chown takes bits away. */
static enum gp_rc
draft_write(struct draft *d, struct gp_str text, const struct owner *owner,
    struct gp_err *err)
{
	enum gp_rc rc = GP_OK;
	int fd;

	split(d);
	fd = mkostemp(d->name, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, d->folder, "can not write there");
	if (fchown(fd, owner->user, owner->group) != 0)
		rc = fail_errno(err, d->path, "can not give it its owner");
	else if (fchmod(fd, owner->mode) != 0 || !write_all(fd, text) ||
		 fsync(fd) != 0)
		rc = fail_errno(err, d->path, "can not write it");
	if (close(fd) != 0 && rc == GP_OK)
		rc = fail_errno(err, d->path, "can not write it");
	if (rc != GP_OK)
		(void)unlink(d->name);
	return rc;
}

/* The name itself is on the disk only then.  Some file systems can not do it,
 * and there the rename must be enough. */
static void
sync_folder(const struct draft *d)
{
	int fd = open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

/* -- creating -------------------------------------------------------------- */

/* link() gives a name to one only, and never through a link. */
static enum gp_rc
create(struct draft *d, struct gp_str text, const struct owner *owner,
    struct gp_err *err)
{
	enum gp_rc rc = draft_write(d, text, owner, err);

	if (rc != GP_OK)
		return rc;
	if (link(d->name, d->path) != 0)
		rc = errno == EEXIST
		         ? gp_fail(err, GP_NONE, "%s: exists already", d->path)
		         : fail_errno(err, d->path, "can not make it");
	(void)unlink(d->name);
	sync_folder(d);
	return rc;
}

enum gp_rc
gp_text_file_create(const char *path, struct gp_str text, mode_t mode,
    gid_t group, struct gp_err *err)
{
	const struct owner owner = { .user = (uid_t)-1,
		.group = group,
		.mode = mode };
	struct draft d = { .path = path, .arena = gp_arena_new() };
	enum gp_rc rc = create(&d, text, &owner, err);

	gp_arena_free(d.arena);
	return rc;
}

enum gp_rc
gp_text_file_folder(const char *path, mode_t mode, gid_t group,
    struct gp_err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0) {
		if (chown(path, (uid_t)-1, group) == 0 &&
		    chmod(path, mode) == 0)
			return GP_OK;
		return fail_errno(err, path, "can not give it its owner");
	}
	if (errno != EEXIST)
		return fail_errno(err, path, "can not make the folder");
	if (stat(path, &st) != 0)
		return fail_errno(err, path, "can not look at it");
	if (!S_ISDIR(st.st_mode))
		return gp_fail(err, GP_PERM, "%s: is not a folder", path);
	if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		return gp_fail(err, GP_PERM,
		    "%s: mode %04o lets everybody write there: chmod o-w %s",
		    path, (unsigned)(st.st_mode & 07777), path);
	return GP_OK;
}

/* -- replacing ------------------------------------------------------------- */

static enum gp_rc
check_unchanged(const struct draft *d, struct gp_str was, struct gp_err *err)
{
	struct gp_str now = { NULL, 0 };
	enum gp_rc rc =
	    gp_text_file_read(d->path, was.n + 1, d->arena, &now, err);

	if (rc == GP_TEMP || (rc == GP_OK && gp_str_eq(now, was)))
		return rc;
	return gp_fail(err, GP_NONE,
	    "%s: was changed by somebody else meanwhile", d->path);
}

/* The old text beside it, as FILE~. */
static enum gp_rc
keep_old(const struct draft *d, struct gp_str was, const struct owner *owner,
    struct gp_err *err)
{
	struct draft old = { .path = gp_arena_printf(d->arena, "%s~", d->path),
		.arena = d->arena };
	enum gp_rc rc = draft_write(&old, was, owner, err);

	if (rc != GP_OK || rename(old.name, old.path) == 0)
		return rc;
	rc = fail_errno(err, old.path, "can not write it");
	(void)unlink(old.name);
	return rc;
}

static enum gp_rc
replace(struct draft *d, struct gp_str was, struct gp_str text,
    struct gp_err *err)
{
	struct owner owner;
	struct stat st;
	enum gp_rc rc;

	if (stat(d->path, &st) != 0)
		return fail_errno(err, d->path, "can not look at it");
	owner = (struct owner){ .user = st.st_uid,
		.group = st.st_gid,
		.mode = st.st_mode & 07777 };
	rc = draft_write(d, text, &owner, err);
	if (rc != GP_OK)
		return rc;
	rc = keep_old(d, was, &owner, err);
	if (rc == GP_OK)
		rc = check_unchanged(d, was, err);
	if (rc == GP_OK && rename(d->name, d->path) != 0)
		rc = fail_errno(err, d->path, "can not replace it");
	if (rc == GP_OK)
		sync_folder(d);
	else
		(void)unlink(d->name);
	return rc;
}

enum gp_rc
gp_text_file_replace(const char *path, struct gp_str was, struct gp_str text,
    struct gp_err *err)
{
	char *target = realpath(path, NULL);
	struct draft d = { .path = target };
	enum gp_rc rc;

	if (target == NULL)
		return fail_errno(err, path, "can not look at it");
	d.arena = gp_arena_new();
	rc = replace(&d, was, text, err);
	gp_arena_free(d.arena);
	free(target);
	return rc;
}
