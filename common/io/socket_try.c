/* See socket_try.h.
 *
 * Names are looked up before the fork: between fork and _exit the child may
 * only do what a signal handler may.
 */
#include "io/socket_try.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSWD_TEXT 16384 /* bytes of one entry of the user database */
#define GRACE_MS    1000  /* for the child to say that the time is over */

enum stage { CONNECTED, ROOT, BECOME, CONNECT };

/* What the child says of itself. */
struct report {
	enum stage stage; /* what could not be done */
	int error;        /* of errno */
	size_t closed;    /* EACCES: so much of the path is a folder that may
	                   * not be entered; 0: it is the socket */
};

struct target {
	union {
		struct sockaddr sa;
		struct sockaddr_un sun;
		struct sockaddr_storage room;
	} u;
	socklen_t n;
	const char *path; /* NULL: by the network */
};

struct who {
	bool change;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int n_groups;
};

/* -- before the fork --------------------------------------------------- */

static enum gp_rc
unix_target(const char *path, struct target *out, struct gp_err *err)
{
	if (strlen(path) >= sizeof(out->u.sun.sun_path))
		return gp_fail(err, GP_PERM, "%s: the path is too long", path);
	out->u.sun.sun_family = AF_UNIX;
	memcpy(out->u.sun.sun_path, path, strlen(path) + 1);
	out->n = sizeof(out->u.sun);
	out->path = path;
	return GP_OK;
}

/* "PORT@HOST" */
static enum gp_rc
inet_target(const char *text, struct target *out, struct gp_err *err)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	struct gp_str rest = gp_str(text);
	struct gp_str port = gp_str_split(&rest, '@');
	char port_text[32];
	int rc;

	if (port.n == 0 || port.n >= sizeof(port_text) || rest.n == 0)
		return gp_fail(err, GP_PERM, "inet:%s: expected inet:PORT@HOST",
		    text);
	(void)snprintf(port_text, sizeof(port_text), "%.*s", GP_STR_ARG(port));
	rc = getaddrinfo(rest.p, port_text, &want, &found);
	if (rc != 0)
		return gp_fail(err, rc == EAI_AGAIN ? GP_TEMP : GP_PERM,
		    "inet:%s: %s", text, gai_strerror(rc));
	memcpy(&out->u.room, found->ai_addr, found->ai_addrlen);
	out->n = found->ai_addrlen;
	freeaddrinfo(found);
	return GP_OK;
}

static enum gp_rc
find_target(const char *socket, struct target *out, struct gp_err *err)
{
	*out = (struct target){ .n = 0 };
	if (strncmp(socket, "unix:", 5) == 0 && socket[5] == '/')
		return unix_target(socket + 5, out, err);
	if (strncmp(socket, "inet:", 5) == 0)
		return inet_target(socket + 5, out, err);
	return gp_fail(err, GP_PERM,
	    "%s: expected unix:/PATH or inet:PORT@HOST", socket);
}

/* All groups of the system's database, as initgroups(3) would take them. */
static void
find_groups(const char *user, struct who *out)
{
	int n = 32;

	out->groups = gp_xcalloc((size_t)n, sizeof(*out->groups));
	out->n_groups = n;
	while (getgrouplist(user, out->gid, out->groups, &out->n_groups) < 0) {
		n = out->n_groups > n ? out->n_groups : 2 * n;
		out->n_groups = n;
		out->groups =
		    gp_xrealloc(out->groups, (size_t)n, sizeof(*out->groups));
	}
}

static enum gp_rc
find_who(const char *user, struct who *out, struct gp_err *err)
{
	struct passwd entry, *found = NULL;
	char *text;
	int error;

	*out = (struct who){ .change = user != NULL };
	if (user == NULL)
		return GP_OK;
	text = gp_xcalloc(1, PASSWD_TEXT);
	error = getpwnam_r(user, &entry, text, PASSWD_TEXT, &found);
	if (found != NULL) {
		out->uid = found->pw_uid;
		out->gid = found->pw_gid;
		find_groups(user, out);
	}
	free(text);
	if (found != NULL)
		return GP_OK;
	errno = error;
	return error == 0
	           ? gp_fail(err, GP_PERM, "%s: there is no such user", user)
	           : gp_fail(err, GP_TEMP, "%s: %m", user);
}

/* -- the child --------------------------------------------------------- */

/* The length of the first folder of `path` that may not be entered, or 0. */
static size_t
first_closed(const char *path)
{
	char part[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	for (size_t i = 1; i < sizeof(part) && path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (access(part, X_OK) != 0 && errno == EACCES)
			return i;
	}
	return 0;
}

static struct report
failed(enum stage stage)
{
	return (struct report){ .stage = stage, .error = errno };
}

static struct report
try(const struct gp_socket_try *t, const struct target *to,
    const struct who *who)
{
	const struct timeval time = { .tv_sec = t->timeout_ms / 1000,
		.tv_usec = t->timeout_ms % 1000 * 1000 };
	struct report r = { .stage = CONNECTED };
	int fd;

	if (t->chroot != NULL && (chroot(t->chroot) != 0 || chdir("/") != 0))
		return failed(ROOT);
	if (who->change &&
	    (setgroups((size_t)who->n_groups, who->groups) != 0 ||
		setgid(who->gid) != 0 || setuid(who->uid) != 0))
		return failed(BECOME);
	fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* connect(2) keeps to the time-out of sending */
	if (fd >= 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) == 0 &&
	    connect(fd, &to->u.sa, to->n) == 0)
		return r;
	r = failed(CONNECT);
	if (r.error == EACCES && to->path != NULL)
		r.closed = first_closed(to->path);
	return r;
}

/* -- the parent -------------------------------------------------------- */

/* What the child has written; false: nothing in time. */
static bool
read_report(int fd, int64_t timeout_ms, struct report *r)
{
	const int64_t end_us =
	    gp_time_add(gp_clock_us(), timeout_ms * GP_US_PER_MS);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = (end_us - gp_clock_us()) / GP_US_PER_MS;
		int n = left <= 0 ? 0 : poll(&p, 1, (int)left);

		if (n < 0 && errno == EINTR)
			continue;
		return n == 1 && read(fd, r, sizeof(*r)) == sizeof(*r);
	}
}

static enum gp_rc
say_connect(const struct gp_socket_try *t, const struct report *r,
    const char *path, struct gp_err *err)
{
	const char *in = t->chroot == NULL ? "" : " in the root folder ";
	const char *root = t->chroot == NULL ? "" : t->chroot;
	const char *user = t->user == NULL ? "this user" : t->user;

	switch (r->error) {
	case ENOENT:
	case ENOTDIR:
		return gp_fail(err, GP_NONE, "%s: nothing is there%s%s",
		    t->socket, in, root);
	case ECONNREFUSED:
		return gp_fail(err, GP_NONE, "%s: nobody listens there%s%s",
		    t->socket, in, root);
	case EACCES:
		if (r->closed > 0)
			return gp_fail(err, GP_PERM,
			    "%s: %s may not enter %.*s%s%s", t->socket, user,
			    (int)r->closed, path, in, root);
		return gp_fail(err, GP_PERM, "%s: %s may not write to it%s%s",
		    t->socket, user, in, root);
	case EAGAIN:
	case EINPROGRESS:
	case ETIMEDOUT:
		return gp_fail(err, GP_TEMP, "%s: no answer in time",
		    t->socket);
	default:
		errno = r->error;
		return gp_fail(err, gp_rc_of_errno(r->error), "%s: %m",
		    t->socket);
	}
}

static enum gp_rc
say(const struct gp_socket_try *t, const struct report *r, const char *path,
    struct gp_err *err)
{
	errno = r->error;
	switch (r->stage) {
	case CONNECTED:
		return GP_OK;
	case ROOT:
		return gp_fail(err, GP_PERM, "%s: no root folder for us: %m",
		    t->chroot);
	case BECOME:
		return gp_fail(err, GP_PERM, "we can not become %s: %m",
		    t->user);
	case CONNECT:
	default:
		return say_connect(t, r, path, err);
	}
}

static enum gp_rc
ask_child(const struct gp_socket_try *t, const struct target *to,
    const struct who *who, struct gp_err *err)
{
	struct report r;
	int ends[2];
	bool heard;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return gp_fail(err, GP_TEMP, "no pipe: %m");
	pid = fork();
	if (pid == 0) {
		r = try(t, to, who);
		_exit(write(ends[1], &r, sizeof(r)) == sizeof(r) ? 0 : 1);
	}
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return gp_fail(err, GP_TEMP, "no process: %m");
	}
	heard = read_report(ends[0], t->timeout_ms + GRACE_MS, &r);
	(void)close(ends[0]);
	if (!heard)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	if (!heard)
		return gp_fail(err, GP_TEMP, "%s: no answer in time",
		    t->socket);
	return say(t, &r, to->path, err);
}

enum gp_rc
gp_socket_try(const struct gp_socket_try *t, struct gp_err *err)
{
	struct target to;
	struct who who;
	enum gp_rc rc = find_target(t->socket, &to, err);

	if (rc == GP_OK)
		rc = find_who(t->user, &who, err);
	if (rc != GP_OK)
		return rc;
	rc = ask_child(t, &to, &who, err);
	free(who.groups);
	return rc;
}
