/* See secret_file.h. */
#include "io/secret_file.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 4096

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, const char *did,
    const char *what)
{
	const int error = errno;
	char text[128];

	return gp_fail(err, gp_rc_of_errno(error), "%s: can not %s %s: %s",
	    path, did, what, strerror_r(error, text, sizeof(text)));
}

static enum gp_rc
check_file(int fd, const char *path, const char *what, struct gp_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail_errno(err, path, "examine", what);
	if (!S_ISREG(st.st_mode))
		return gp_fail(err, GP_PERM, "%s: %s is not a regular file",
		    path, what);
	if ((st.st_mode & S_IRWXO) != 0)
		return gp_fail(err, GP_PERM,
		    "%s: %s has mode %04o, so that others can get at it; "
		    "replace it, or: chmod 0640 %s",
		    path, what, (unsigned)(st.st_mode & 07777), path);
	return GP_OK;
}

static enum gp_rc
read_all(int fd, const char *path, const char *what,
    struct gp_secret_bytes *out, struct gp_err *err)
{
	while (out->n < out->size) {
		const ssize_t got =
		    read(fd, out->p + out->n, out->size - out->n);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return fail_errno(err, path, "read", what);
		if (got > 0)
			out->n += (size_t)got;
	}
	return GP_OK;
}

enum gp_rc
gp_secret_file_load(const char *path, const char *what, bool follow,
    struct gp_secret_bytes *out, struct gp_err *err)
{
	/* a FIFO does not block the opening */
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	const int fd = open(path, follow ? flags : flags | O_NOFOLLOW);
	enum gp_rc rc;

	out->n = 0;
	if (fd < 0 && errno == ENOENT)
		return gp_fail(err, GP_NONE, "%s: there is no such file", path);
	if (fd < 0 && errno == ELOOP && !follow)
		return gp_fail(err, GP_PERM, "%s: %s is a symbolic link", path,
		    what);
	if (fd < 0)
		return fail_errno(err, path, "open", what);
	rc = check_file(fd, path, what, err);
	if (rc == GP_OK)
		rc = read_all(fd, path, what, out, err);
	(void)close(fd);
	return rc;
}

/* -- a password -------------------------------------------------------- */

static bool
has_controls(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

static enum gp_rc
take_line(struct gp_str text, const char *path, char *out, size_t size,
    struct gp_err *err)
{
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	if (text.n == 0)
		return gp_fail(err, GP_PERM, "%s: no password is in it", path);
	if (text.n >= size)
		return gp_fail(err, GP_PERM,
		    "%s: the password is longer than %zu octets", path,
		    size - 1);
	if (has_controls(text))
		return gp_fail(err, GP_PERM,
		    "%s: it is not a password on one line", path);
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return GP_OK;
}

enum gp_rc
gp_secret_file_read(const char *path, char *out, size_t size,
    struct gp_err *err)
{
	char text[LINE_MAX_OCTETS];
	struct gp_secret_bytes bytes = { .p = text, .size = sizeof(text) };
	enum gp_rc rc =
	    gp_secret_file_load(path, "the password", true, &bytes, err);

	if (rc == GP_OK)
		rc = take_line(gp_str_n(text, bytes.n), path, out, size, err);
	explicit_bzero(text, sizeof(text));
	return rc == GP_NONE ? GP_PERM : rc;
}
