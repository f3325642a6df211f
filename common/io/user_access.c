/* See user_access.h. */
#include "io/user_access.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_MAX 8192
#define GROUP_TEXT 16384

/* -- whose process ------------------------------------------------------ */

/* The first word, as a number. */
static bool
take_number(struct gp_str *line, uint64_t *out)
{
	struct gp_str word;

	*line = gp_str_trim(*line);
	word = *line;
	for (size_t i = 0; i < line->n; i++)
		if (gp_is_space(line->p[i])) {
			word.n = i;
			break;
		}
	*line = gp_str_n(line->p + word.n, line->n - word.n);
	return gp_parse_u64(word, UINT32_MAX, out) == GP_OK;
}

static void
read_groups(struct gp_str line, struct gp_user *out)
{
	uint64_t id;

	while (out->n < GP_USER_GROUPS_MAX && take_number(&line, &id))
		out->groups[out->n++] = (gid_t)id;
}

/* "Uid:" and "Gid:" have four numbers: real, effective, saved, file system. */
static bool
take_effective(struct gp_str line, uint64_t *out)
{
	uint64_t real;

	return take_number(&line, &real) && take_number(&line, out);
}

static bool
read_status(struct gp_str text, struct gp_user *out)
{
	bool has_uid = false, has_gid = false;
	uint64_t id = 0;

	*out = (struct gp_user){ .n = 0 };
	while (text.n > 0) {
		struct gp_str value = gp_str_split(&text, '\n');
		struct gp_str name = gp_str_split(&value, ':');

		if (gp_str_eq(name, GP_STR("Uid"))) {
			has_uid = take_effective(value, &id);
			out->uid = (uid_t)id;
		} else if (gp_str_eq(name, GP_STR("Gid"))) {
			has_gid = take_effective(value, &id);
			out->gid = (gid_t)id;
		} else if (gp_str_eq(name, GP_STR("Groups"))) {
			read_groups(value, out);
		}
	}
	return has_uid && has_gid;
}

enum gp_rc
gp_user_of(pid_t pid, struct gp_user *out, struct gp_err *err)
{
	char path[64], text[STATUS_MAX];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return gp_fail(err, errno == ENOENT ? GP_NONE : GP_PERM,
		    "%s: %m", path);
	n = read(fd, text, sizeof(text));
	(void)close(fd);
	if (n <= 0 || !read_status(gp_str_n(text, (size_t)n), out))
		return gp_fail(err, GP_PERM, "%s: no Uid and Gid in it", path);
	return GP_OK;
}

const char *
gp_user_group(const struct gp_user *user, char *out, size_t size)
{
	struct group entry, *found = NULL;
	char text[GROUP_TEXT];

	if (getgrgid_r(user->gid, &entry, text, sizeof(text), &found) == 0 &&
	    found != NULL)
		(void)snprintf(out, size, "%s", found->gr_name);
	else
		(void)snprintf(out, size, "%lu", (unsigned long)user->gid);
	return out;
}

/* -- what he may read --------------------------------------------------- */

/* What the child says of itself. */
struct report {
	int error;     /* of errno; 0: he may */
	bool changed;  /* it is that user */
	size_t closed; /* so much of the path may not be entered; 0: it is
	                * the file */
};

/* The length of the first folder of `path` that may not be entered, or 0. */
static size_t
first_closed(const char *path)
{
	char part[PATH_MAX];

	for (size_t i = 1; i < sizeof(part) && path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		(void)memcpy(part, path, i);
		part[i] = '\0';
		if (faccessat(AT_FDCWD, part, X_OK, AT_EACCESS) != 0)
			return i;
	}
	return 0;
}

static bool
become(const struct gp_user *user)
{
	if (geteuid() == user->uid && getegid() == user->gid)
		return geteuid() != 0 || setgroups(user->n, user->groups) == 0;
	return setgroups(user->n, user->groups) == 0 &&
	       setgid(user->gid) == 0 && setuid(user->uid) == 0;
}

static struct report
try(const struct gp_user *user, const char *path)
{
	struct report r = { .changed = become(user) };
	int fd;

	if (!r.changed) {
		r.error = errno;
		return r;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0) {
		(void)close(fd);
		return r;
	}
	r.error = errno;
	if (r.error == EACCES)
		r.closed = first_closed(path);
	return r;
}

static enum gp_rc
say(const struct gp_user *user, const char *path, const struct report *r,
    struct gp_err *err)
{
	const unsigned long uid = user->uid;

	errno = r->error;
	if (r->error == 0)
		return GP_OK;
	if (!r->changed)
		return gp_fail(err, GP_TEMP,
		    "only root can try for user %lu: %m", uid);
	if (r->error == ENOENT || r->error == ENOTDIR)
		return gp_fail(err, GP_NONE, "%s: %m", path);
	if (r->error != EACCES)
		return gp_fail(err, gp_rc_of_errno(r->error), "%s: %m", path);
	if (r->closed > 0)
		return gp_fail(err, GP_PERM, "%s: user %lu may not enter %.*s",
		    path, uid, (int)r->closed, path);
	return gp_fail(err, GP_PERM, "%s: user %lu may not read it", path, uid);
}

enum gp_rc
gp_user_can_read(const struct gp_user *user, const char *path,
    struct gp_err *err)
{
	struct report r = { .changed = false };
	bool heard;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return gp_fail(err, GP_TEMP, "no pipe: %m");
	pid = fork();
	if (pid == 0) {
		r = try(user, path);
		_exit(write(ends[1], &r, sizeof(r)) == sizeof(r) ? 0 : 1);
	}
	(void)close(ends[1]);
	heard = pid > 0 && read(ends[0], &r, sizeof(r)) == sizeof(r);
	(void)close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	if (!heard)
		return gp_fail(err, GP_TEMP, "no process");
	return say(user, path, &r, err);
}
