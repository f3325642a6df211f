/* See small_file.h. */
#include "io/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, const char *what)
{
	const enum gp_rc rc = gp_rc_of_errno(errno);

	return gp_fail(err, rc, "%s: %s: %m", path, what);
}

/* -- to read ------------------------------------------------------------ */

/* One byte more than it should have shows that it has grown. */
static enum gp_rc
read_open(int fd, const char *path, char *text, size_t size, struct gp_err *err)
{
	size_t n = 0;

	while (n <= size) {
		ssize_t more = read(fd, text + n, size + 1 - n);

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return fail_errno(err, path, "can not read it");
		if (more == 0)
			break;
		n += (size_t)more;
	}
	return n == size ? GP_OK
	                 : gp_fail(err, GP_TEMP, "%s: it was changed meanwhile",
			       path);
}

enum gp_rc
gp_small_file_read(struct gp_arena *arena, const char *path, size_t max,
    struct gp_small_file *out, struct gp_err *err)
{
	/* a FIFO does not block the opening */
	const int fd = open(path,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *text;
	enum gp_rc rc;

	*out = (struct gp_small_file){ .mode = 0 };
	if (fd < 0 && errno == ENOENT)
		return gp_fail(err, GP_NONE, "%s: there is no such file", path);
	if (fd < 0 && errno == ELOOP)
		return gp_fail(err, GP_PERM, "%s: it is a symbolic link", path);
	if (fd < 0)
		return fail_errno(err, path, "can not open it");
	if (fstat(fd, &st) != 0)
		rc = fail_errno(err, path, "can not read it");
	else if (!S_ISREG(st.st_mode) || (uintmax_t)st.st_size > max)
		rc = gp_fail(err, GP_PERM,
		    "%s: it is no file, or larger than %zu bytes", path, max);
	else {
		text = gp_arena_alloc(arena, (size_t)st.st_size + 1);
		rc = read_open(fd, path, text, (size_t)st.st_size, err);
		*out = (struct gp_small_file){
			.text = gp_str_n(text, (size_t)st.st_size),
			.mode = st.st_mode & 07777,
			.uid = st.st_uid,
			.gid = st.st_gid,
		};
	}
	(void)close(fd);
	return rc;
}

/* -- to write ----------------------------------------------------------- */

static bool
write_all(int fd, struct gp_str text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text = gp_str_n(text.p + n, text.n - (size_t)n);
	}
	return true;
}

enum gp_rc
gp_small_file_create(const char *path, const struct gp_small_file *file,
    struct gp_err *err)
{
	const int fd = open(path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum gp_rc rc = GP_OK;

	if (fd < 0 && errno == EEXIST)
		return gp_fail(err, GP_NONE, "%s: it is there already", path);
	if (fd < 0)
		return fail_errno(err, path, "can not make it");
	errno = ENOSPC; /* what a short write means, which sets none */
	if (!write_all(fd, file->text) ||
	    fchown(fd, file->uid, file->gid) != 0 ||
	    fchmod(fd, file->mode) != 0 || fsync(fd) != 0)
		rc = fail_errno(err, path, "can not write it");
	(void)close(fd);
	if (rc != GP_OK)
		(void)unlink(path);
	return rc;
}

/* The rename shall outlive a loss of power. */
static void
sync_folder(struct gp_arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *folder = slash == NULL ? "."
	                                   : gp_arena_strndup(arena, path,
						 (size_t)(slash - path) + 1);
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

enum gp_rc
gp_small_file_replace(struct gp_arena *arena, const char *path,
    const struct gp_small_file *file, struct gp_err *err)
{
	const char *aside = gp_arena_printf(arena, "%s.gatepost-new", path);
	enum gp_rc rc;

	(void)unlink(aside); /* of one that was killed */
	rc = gp_small_file_create(aside, file, err);
	if (rc != GP_OK)
		return rc == GP_NONE ? GP_TEMP : rc;
	if (rename(aside, path) != 0) {
		rc = fail_errno(err, path, "can not replace it");
		(void)unlink(aside);
		return rc;
	}
	sync_folder(arena, path);
	return GP_OK;
}
