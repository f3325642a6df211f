/* See key_file.h. */
#include "io/key_file.h"

#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_UID_MAX 999 /* Debian policy 9.2.2 */
#define NAME_BYTES     64  /* of a user or group, cut if longer */
#define LOOKUP_BYTES   4096

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, int error)
{
	char text[128];

	return gp_fail(err, gp_rc_of_errno(error), "%s: can not be read: %s",
	    path, strerror_r(error, text, sizeof(text)));
}

/* -- who we are, in words ------------------------------------------------- */

static void
user_name(uid_t uid, char out[NAME_BYTES])
{
	char room[LOOKUP_BYTES];
	struct passwd entry;
	struct passwd *found = NULL;

	if (getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 &&
	    found != NULL)
		(void)snprintf(out, NAME_BYTES, "%s", found->pw_name);
	else
		(void)snprintf(out, NAME_BYTES, "%u", (unsigned)uid);
}

/* For a key: the group of the user's own name rather than the one of the
 * process, which other daemons may share. */
static void
group_name(const char *user, gid_t gid, char out[NAME_BYTES])
{
	char room[LOOKUP_BYTES];
	struct group entry;
	struct group *found = NULL;

	if ((getgrnam_r(user, &entry, room, sizeof(room), &found) == 0 &&
		found != NULL) ||
	    (getgrgid_r(gid, &entry, room, sizeof(room), &found) == 0 &&
		found != NULL))
		(void)snprintf(out, NAME_BYTES, "%s", found->gr_name);
	else
		(void)snprintf(out, NAME_BYTES, "%u", (unsigned)gid);
}

/* -- the directory it lies in --------------------------------------------- */

/* The directory part of `path`; "." when it has none.  False: too long. */
static bool
directory_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	struct gp_str part = GP_STR(".");

	if (slash == path)
		part = GP_STR("/");
	else if (slash != NULL)
		part = gp_str_n(path, (size_t)(slash - path));
	if (part.n >= PATH_MAX)
		return false;
	memcpy(out, part.p, part.n);
	out[part.n] = '\0';
	return true;
}

/* The last part; "." when the path ends in a slash. */
static const char *
file_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return path;
	return slash[1] == '\0' ? "." : slash + 1;
}

/* Whoever may write to the directory can put another key of ours there. */
static enum gp_rc
check_directory(int fd, const char *directory, const char *path,
    struct gp_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail_errno(err, path, errno);
	if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		return gp_fail(err, GP_PERM,
		    "%s: mode %04o of its directory lets everybody replace it: "
		    "chmod o-w %s",
		    path, (unsigned)(st.st_mode & 07777), directory);
	return GP_OK;
}

static bool
is_closed(const char *directory)
{
	return faccessat(AT_FDCWD, directory, X_OK, AT_EACCESS) != 0 &&
	       errno == EACCES;
}

/* Leaves the first directory on the way that this process may not enter;
 * false when it may enter all of them. */
static bool
closed_directory(char directory[PATH_MAX])
{
	for (char *p = directory + 1; directory[0] != '\0' && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (is_closed(directory))
			return true;
		*p = '/';
	}
	return is_closed(directory);
}

/* -- opening -------------------------------------------------------------- */

static enum gp_rc
fail_access(const char *path, char directory[PATH_MAX], struct gp_err *err)
{
	char user[NAME_BYTES];
	char group[NAME_BYTES];

	user_name(geteuid(), user);
	group_name(user, getegid(), group);
	if (closed_directory(directory))
		return gp_fail(err, GP_PERM,
		    "%s: user %s may not enter %s: chgrp %s %s && chmod g+x %s",
		    path, user, directory, group, directory, directory);
	return gp_fail(err, GP_PERM,
	    "%s: user %s may not read it: chgrp %s %s && chmod 0640 %s", path,
	    user, group, path, path);
}

static enum gp_rc
fail_open(const char *path, char directory[PATH_MAX], int error,
    struct gp_err *err)
{
	switch (error) {
	case ENOENT:
		return gp_fail(err, GP_PERM, "%s: there is no such file", path);
	case ENXIO:
		return gp_fail(err, GP_PERM, "%s: is not a regular file", path);
	case EACCES:
		return fail_access(path, directory, err);
	default:
		return fail_errno(err, path, error);
	}
}

/* -- the file itself ------------------------------------------------------ */

static bool
owner_is_trusted(uid_t owner)
{
	return owner == 0 || owner == geteuid() ||
	       (geteuid() == 0 && owner <= SYSTEM_UID_MAX);
}

static enum gp_rc
check_owner(const struct stat *st, const char *path, struct gp_err *err)
{
	char owner[NAME_BYTES];

	if (owner_is_trusted(st->st_uid))
		return GP_OK;
	user_name(st->st_uid, owner);
	return gp_fail(err, GP_PERM,
	    "%s: belongs to user %s, who can change it: chown root %s", path,
	    owner, path);
}

static enum gp_rc
check_mode(mode_t mode, const char *path, struct gp_err *err)
{
	const unsigned bits = (unsigned)(mode & 07777);
	const char *who;

	if ((mode & S_IROTH) != 0)
		who = "everybody read it";
	else if ((mode & S_IWOTH) != 0)
		who = "everybody write to it";
	else if ((mode & S_IWGRP) != 0)
		who = "its group write to it";
	else if ((mode & S_IXOTH) != 0)
		who = "everybody run it";
	else
		return GP_OK;
	return gp_fail(err, GP_PERM, "%s: mode %04o lets %s: chmod 0640 %s",
	    path, bits, who, path);
}

static enum gp_rc
check_file(int fd, const char *path, size_t *size, struct gp_err *err)
{
	struct stat st;
	enum gp_rc rc;

	if (fstat(fd, &st) != 0)
		return fail_errno(err, path, errno);
	if (!S_ISREG(st.st_mode))
		return gp_fail(err, GP_PERM, "%s: is %s", path,
		    S_ISDIR(st.st_mode) ? "a directory, not a file"
					: "not a regular file");
	rc = check_owner(&st, path, err);
	if (rc == GP_OK)
		rc = check_mode(st.st_mode, path, err);
	if (rc != GP_OK)
		return rc;
	if (st.st_size == 0)
		return gp_fail(err, GP_PERM, "%s: is empty", path);
	if (st.st_size > GP_KEY_FILE_MAX)
		return gp_fail(err, GP_PERM,
		    "%s: has %lld bytes, too many for a key (%d)", path,
		    (long long)st.st_size, GP_KEY_FILE_MAX);
	*size = (size_t)st.st_size;
	return GP_OK;
}

/* Up to *n bytes; less when the file has become shorter. */
static enum gp_rc
read_text(int fd, const char *path, char *text, size_t *n, struct gp_err *err)
{
	const size_t room = *n;

	*n = 0;
	while (*n < room) {
		ssize_t got = read(fd, text + *n, room - *n);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return fail_errno(err, path, errno);
		if (got > 0)
			*n += (size_t)got;
	}
	return GP_OK;
}

static enum gp_rc
read_key(int fd, const char *path, struct gp_private_key **out,
    struct gp_err *err)
{
	struct gp_err why = { "" };
	size_t room = 0;
	size_t n;
	char *text;
	enum gp_rc rc = check_file(fd, path, &room, err);

	if (rc != GP_OK)
		return rc;
	text = gp_xcalloc(room, 1);
	n = room;
	rc = read_text(fd, path, text, &n, err);
	if (rc == GP_OK) {
		rc = gp_private_key_parse(gp_str_n(text, n), out, &why);
		if (rc != GP_OK)
			rc = gp_fail(err, rc, "%s: %s", path, why.msg);
	}
	explicit_bzero(text, room);
	free(text);
	return rc;
}

static enum gp_rc
open_in(int directory_fd, char directory[PATH_MAX], const char *path,
    struct gp_private_key **out, struct gp_err *err)
{
	enum gp_rc rc = check_directory(directory_fd, directory, path, err);
	int fd;

	if (rc != GP_OK)
		return rc;
	fd = openat(directory_fd, file_of(path),
	    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fail_open(path, directory, errno, err);
	rc = read_key(fd, path, out, err);
	(void)close(fd);
	return rc;
}

enum gp_rc
gp_key_file_load(const char *path, struct gp_private_key **out,
    struct gp_err *err)
{
	char directory[PATH_MAX];
	enum gp_rc rc;
	int fd;

	if (!directory_of(path, directory))
		return gp_fail(err, GP_PERM, "%s: the path is too long", path);
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_open(path, directory, errno, err);
	rc = open_in(fd, directory, path, out, err);
	(void)close(fd);
	return rc;
}

bool
gp_key_file_denied(const char *path)
{
	return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0 &&
	       errno == EACCES;
}

/* -- a new one ------------------------------------------------------------- */

enum gp_rc
gp_key_file_create(const char *path, enum gp_dkim_key_type type, unsigned bits,
    gid_t group, struct gp_err *err)
{
	char text[GP_PRIVATE_PEM_MAX];
	struct gp_secret_bytes pem = { .p = text, .size = sizeof(text) };
	enum gp_rc rc = gp_private_key_generate(type, bits, &pem, err);

	if (rc == GP_OK)
		rc = gp_text_file_create(path, gp_str_n(pem.p, pem.n),
		    group == GP_KEEP_GROUP ? 0600 : 0640, group, err);
	explicit_bzero(text, sizeof(text));
	return rc;
}
