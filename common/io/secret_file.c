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
fail_errno(struct gp_err *err, const char *path, const char *what)
{
	const int error = errno;
	char text[128];

	return gp_fail(err, gp_rc_of_errno(error), "%s: can not %s it: %s",
	    path, what, strerror_r(error, text, sizeof(text)));
}

static enum gp_rc
check_file(int fd, const char *path, struct gp_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail_errno(err, path, "examine");
	if (!S_ISREG(st.st_mode))
		return gp_fail(err, GP_PERM, "%s: it is no regular file", path);
	if ((st.st_mode & S_IRWXO) != 0)
		return gp_fail(err, GP_PERM,
		    "%s: its mode %04o lets others get at the password; "
		    "chmod o= %s",
		    path, (unsigned)(st.st_mode & 07777), path);
	return GP_OK;
}

static enum gp_rc
read_text(int fd, const char *path, char text[LINE_MAX_OCTETS], size_t *n,
    struct gp_err *err)
{
	*n = 0;
	while (*n < LINE_MAX_OCTETS) {
		const ssize_t got = read(fd, text + *n, LINE_MAX_OCTETS - *n);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return fail_errno(err, path, "read");
		if (got > 0)
			*n += (size_t)got;
	}
	return GP_OK;
}

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
	size_t n = 0;
	enum gp_rc rc;
	/* a FIFO does not block the opening */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return fail_errno(err, path, "open");
	rc = check_file(fd, path, err);
	if (rc == GP_OK)
		rc = read_text(fd, path, text, &n, err);
	if (rc == GP_OK)
		rc = take_line(gp_str_n(text, n), path, out, size, err);
	explicit_bzero(text, sizeof(text));
	(void)close(fd);
	return rc;
}
