/* See daemon.h. */
#include "io/daemon.h"

#include "base/str.h"
#include "base/xalloc.h"

#include <systemd/sd-daemon.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* strerror() shares one buffer between threads. */
static const char *
error_text(int error)
{
	const char *text = strerrordesc_np(error);

	return text == NULL ? "unknown error" : text;
}

void
gp_daemon_block_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

/* -- users ---------------------------------------------------------------- */

struct account {
	char *name; /* without the group; gp_xstrndup */
	uid_t uid;
	gid_t gid;         /* "name:group": that group */
	gid_t primary_gid; /* of the password file */
};

enum { NSS_BUFFER = 65536 };

static enum gp_rc
find_group(const char *name, gid_t *gid, struct gp_err *err)
{
	char *buffer = gp_xcalloc(NSS_BUFFER, 1);
	struct group group;
	struct group *found = NULL;

	(void)getgrnam_r(name, &group, buffer, NSS_BUFFER, &found);
	if (found != NULL)
		*gid = found->gr_gid;
	free(buffer);
	if (found == NULL)
		return gp_fail(err, GP_PERM, "group \"%s\" does not exist",
		    name);
	return GP_OK;
}

/* The account of "name" or "name:group"; free account->name if GP_OK. */
static enum gp_rc
find_account(const char *user, struct account *out, struct gp_err *err)
{
	size_t n = strcspn(user, ":");
	char *buffer = gp_xcalloc(NSS_BUFFER, 1);
	struct passwd passwd;
	struct passwd *found = NULL;
	enum gp_rc rc = GP_OK;

	out->name = gp_xstrndup(user, n);
	(void)getpwnam_r(out->name, &passwd, buffer, NSS_BUFFER, &found);
	if (found == NULL) {
		rc = gp_fail(err, GP_PERM, "user \"%s\" does not exist",
		    out->name);
		goto out;
	}
	out->uid = found->pw_uid;
	out->gid = found->pw_gid;
	out->primary_gid = found->pw_gid;
	if (user[n] == ':')
		rc = find_group(user + n + 1, &out->gid, err);
out:
	free(buffer);
	if (rc != GP_OK)
		free(out->name);
	return rc;
}

/* Are all three ids those of the account, with no way back to root? */
static bool
dropped(const struct account *a)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 ||
	    getresgid(&gid[0], &gid[1], &gid[2]) != 0)
		return false;
	for (int i = 0; i < 3; i++)
		if (uid[i] != a->uid || gid[i] != a->gid)
			return false;
	return a->uid == 0 || setuid(0) != 0;
}

static enum gp_rc
become(const struct account *a, struct gp_err *err)
{
	if (geteuid() != 0 && (geteuid() != a->uid || getegid() != a->gid))
		return gp_fail(err, GP_PERM,
		    "only root can become user \"%s\": start as root, or "
		    "without --user as yourself",
		    a->name);
	if (geteuid() == 0 && (initgroups(a->name, a->primary_gid) != 0 ||
				  setgid(a->gid) != 0 || setuid(a->uid) != 0))
		return gp_fail(err, GP_PERM, "can't become user \"%s\": %s",
		    a->name, error_text(errno));
	if (!dropped(a))
		return gp_fail(err, GP_PERM,
		    "user \"%s\" was not fully taken on: not going on with "
		    "more rights than that",
		    a->name);
	return GP_OK;
}

enum gp_rc
gp_daemon_drop(const char *user, struct gp_err *err)
{
	struct account account = { .name = NULL };
	enum gp_rc rc = find_account(user, &account, err);

	if (rc != GP_OK)
		return rc;
	rc = become(&account, err);
	free(account.name);
	return rc;
}

/* -- folders and files ---------------------------------------------------- */

/* Give the new folder its mode (past the umask) and its owner. */
static enum gp_rc
settle_dir(const char *path, mode_t mode, const char *user, struct gp_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct account account = { .name = NULL };
	enum gp_rc rc = GP_OK;
	bool done;

	done = fd >= 0 && fchmod(fd, mode) == 0;
	if (done && user != NULL && geteuid() == 0) {
		rc = find_account(user, &account, err);
		if (rc == GP_OK) {
			done = fchown(fd, account.uid, account.gid) == 0;
			free(account.name);
		}
	}
	if (!done)
		rc = gp_fail(err, gp_rc_of_errno(errno),
		    "folder \"%s\" can't be given to its user: %s", path,
		    error_text(errno));
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static enum gp_rc
no_dir(const char *path, mode_t mode, int error, struct gp_err *err)
{
	if (error == EEXIST || error == ENOTDIR)
		return gp_fail(err, GP_PERM,
		    "folder \"%s\" can't be made: there is something else of "
		    "that name, or of a parent's; move it away",
		    path);
	return gp_fail(err, gp_rc_of_errno(error),
	    "folder \"%s\" can't be made: %s; as root: install -d -m %04o %s",
	    path, error_text(error), (unsigned)mode, path);
}

static bool
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Make `path` and its parents; `*made` tells whether the last was our work. */
static enum gp_rc
make_path(const char *path, mode_t mode, bool *made, struct gp_err *err)
{
	char *part = gp_xstrdup(path);
	char *end = part + strspn(part, "/");
	bool last = *end == '\0';
	enum gp_rc rc = GP_OK;
	int error;

	while (!last && rc == GP_OK) {
		char *next;

		end += strcspn(end, "/");
		next = end + strspn(end, "/");
		last = *next == '\0';
		*end = '\0';
		*made = mkdir(part, last ? mode : 0755) == 0;
		error = errno;
		if (!*made && !is_dir(part))
			rc = no_dir(path, mode, error, err);
		if (!last)
			*end = '/';
		end = next;
	}
	free(part);
	return rc;
}

enum gp_rc
gp_daemon_make_dir(const char *path, mode_t mode, const char *user,
    struct gp_err *err)
{
	bool made = false;
	enum gp_rc rc;

	if (is_dir(path))
		return GP_OK;
	rc = make_path(path, mode, &made, err);
	if (rc != GP_OK || !made)
		return rc;
	return settle_dir(path, mode, user, err);
}

/* The pid that stands in a lock file, or 0. */
static uint64_t
read_pid(int fd)
{
	char text[24];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	uint64_t pid = 0;

	if (n > 0 && gp_parse_u64(gp_str_trim(gp_str_n(text, (size_t)n)),
			 INT_MAX, &pid) != GP_OK)
		pid = 0;
	return pid;
}

static enum gp_rc
write_pid(int fd)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return gp_rc_of_errno(errno);
	return GP_OK;
}

static enum gp_rc
lock_fd(int fd, const char *path, struct gp_err *err)
{
	struct stat st;
	enum gp_rc rc;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return gp_fail(err, GP_PERM,
		    "lock file \"%s\" is not a regular file: move it away",
		    path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		uint64_t pid = read_pid(fd);

		if (errno != EWOULDBLOCK)
			return gp_fail(err, GP_PERM,
			    "lock file \"%s\" can't be locked: %s", path,
			    error_text(errno));
		return gp_fail(err, GP_TEMP,
		    "another instance runs (pid %llu holds \"%s\"): stop it "
		    "first",
		    (unsigned long long)pid, path);
	}
	rc = write_pid(fd);
	if (rc != GP_OK)
		return gp_fail(err, rc, "lock file \"%s\": %s", path,
		    error_text(errno));
	return GP_OK;
}

enum gp_rc
gp_daemon_lock(const char *path, int *fd, struct gp_err *err)
{
	enum gp_rc rc;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
	    0644);
	if (*fd < 0 && errno == ELOOP)
		return gp_fail(err, GP_PERM,
		    "lock file \"%s\" is a symbolic link: remove it", path);
	if (*fd < 0)
		return gp_fail(err, gp_rc_of_errno(errno),
		    "lock file \"%s\" can't be opened: %s", path,
		    error_text(errno));
	rc = lock_fd(*fd, path, err);
	if (rc != GP_OK) {
		(void)close(*fd);
		*fd = -1;
	}
	return rc;
}

/* -- the socket's place --------------------------------------------------- */

/* The folder that `path` is in; free() it. */
static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return gp_xstrdup(".");
	return gp_xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Nothing is at `path`: can something be made there? */
static enum gp_rc
check_folder(const char *path, struct gp_err *err)
{
	char *folder = folder_of(path);
	enum gp_rc rc = GP_OK;

	if (!is_dir(folder))
		rc = gp_fail(err, GP_PERM,
		    "socket \"%s\": its folder is missing; as root: "
		    "install -d -m 0750 -o USER -g GROUP %s",
		    path, folder);
	else if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
		rc = gp_fail(err, GP_PERM,
		    "socket \"%s\": its folder is not writable for uid %lu "
		    "(%s); as root: chown %lu %s",
		    path, (unsigned long)geteuid(), error_text(errno),
		    (unsigned long)geteuid(), folder);
	free(folder);
	return rc;
}

/* Does nobody listen at `path`?  Only a refused connection is a proof. */
static bool
is_stale(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool stale;

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	stale = fd >= 0 &&
	        connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 &&
	        errno == ECONNREFUSED;
	if (fd >= 0)
		(void)close(fd);
	return stale;
}

static const char *
kind_of(mode_t mode)
{
	if (S_ISLNK(mode))
		return "a symbolic link";
	if (S_ISDIR(mode))
		return "a folder";
	if (S_ISREG(mode))
		return "a regular file";
	return S_ISSOCK(mode) ? "a socket" : "a device or pipe";
}

/* Something is at `path`: take it away if it is a stale socket of ours. */
static enum gp_rc
clear_what_is_there(const char *path, const struct stat *st, struct gp_err *err)
{
	if (!S_ISSOCK(st->st_mode))
		return gp_fail(err, GP_PERM,
		    "socket \"%s\": there is %s; choose another path or move "
		    "it away",
		    path, kind_of(st->st_mode));
	if (geteuid() != 0 && st->st_uid != geteuid())
		return gp_fail(err, GP_PERM,
		    "socket \"%s\" belongs to uid %lu, not to us (uid %lu); "
		    "if nothing uses it: rm %s",
		    path, (unsigned long)st->st_uid, (unsigned long)geteuid(),
		    path);
	if (!is_stale(path))
		return gp_fail(err, GP_PERM,
		    "socket \"%s\" is in use by another program; stop that "
		    "or choose another path",
		    path);
	if (unlink(path) != 0 && errno != ENOENT)
		return gp_fail(err, GP_PERM,
		    "stale socket \"%s\" can't be removed: %s", path,
		    error_text(errno));
	return GP_OK;
}

enum gp_rc
gp_daemon_clear_socket(const char *path, struct gp_err *err)
{
	struct sockaddr_un un;
	struct stat st;
	enum gp_rc rc;

	if (strlen(path) >= sizeof(un.sun_path))
		return gp_fail(err, GP_PERM,
		    "socket \"%s\": the path is longer than %zu bytes", path,
		    sizeof(un.sun_path) - 1);
	if (lstat(path, &st) == 0) {
		rc = clear_what_is_there(path, &st, err);
		if (rc != GP_OK)
			return rc;
	} else if (errno != ENOENT && errno != EACCES) {
		return gp_fail(err, GP_PERM, "socket \"%s\": %s", path,
		    error_text(errno));
	}
	return check_folder(path, err);
}

/* -- background ----------------------------------------------------------- */

/* Where to tell the waiting parent; -1: nobody waits. */
static int ready_fd = -1;

/* The parent's rest: wait for one byte or the end of the child. */
static void
wait_and_exit(int fd, pid_t child)
{
	sigset_t none;
	char byte;
	ssize_t n;
	int status;

	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(EX_OK);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
}

static void
redirect(int fd, int flags)
{
	int null = open("/dev/null", flags | O_CLOEXEC);

	if (null < 0)
		return;
	(void)dup2(null, fd);
	(void)close(null);
}

enum gp_rc
gp_daemon_detach(struct gp_err *err)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return gp_fail(err, GP_TEMP, "no pipe to start with: %s",
		    error_text(errno));
	child = fork();
	if (child < 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return gp_fail(err, GP_TEMP, "no process to start with: %s",
		    error_text(errno));
	}
	if (child > 0) {
		(void)close(fds[1]);
		wait_and_exit(fds[0], child);
	}
	(void)close(fds[0]);
	(void)setsid();
	redirect(STDIN_FILENO, O_RDONLY);
	ready_fd = fds[1];
	return GP_OK;
}

void
gp_daemon_ready(void)
{
	ssize_t n;

	if (ready_fd < 0)
		return;
	redirect(STDOUT_FILENO, O_WRONLY);
	redirect(STDERR_FILENO, O_WRONLY);
	do {
		n = write(ready_fd, "", 1);
	} while (n < 0 && errno == EINTR);
	(void)close(ready_fd);
	ready_fd = -1;
}

void
gp_daemon_notify(const char *state)
{
	(void)sd_notify(0, state);
}
