/* See run.h.
 *
 * The program is looked up in a PATH of our own, as what an operator's shell
 * has in front would otherwise be run as root.  It gets a process group of its
 * own, so that its children end with it when the time is over.
 */
#include "io/run.h"

#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEARCH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { IN, OUT, ERR, PIPES };

struct job {
	pid_t pid;
	int watch;       /* readable when it has ended */
	int ends[PIPES]; /* ours; -1: closed */
	struct gp_str input;
	int64_t deadline_us;
};

/* -- to find it -------------------------------------------------------- */

/* The first of this name that may be run; else why there is none. */
static enum gp_rc
find_program(const char *name, char *path, size_t size, struct gp_err *err)
{
	struct gp_str rest = GP_STR(SEARCH);
	bool there = false;

	if (strchr(name, '/') != NULL) {
		(void)snprintf(path, size, "%s", name);
		return strlen(name) < size
		           ? GP_OK
		           : gp_fail(err, GP_PERM, "%s: too long", name);
	}
	while (rest.p != NULL) {
		struct gp_str dir = gp_str_split(&rest, ':');
		int n = snprintf(path, size, "%.*s/%s", GP_STR_ARG(dir), name);

		if (n < 0 || (size_t)n >= size)
			continue;
		if (access(path, X_OK) == 0)
			return GP_OK;
		there = there || errno != ENOENT;
	}
	if (there)
		return gp_fail(err, GP_PERM, "%s: it may not be run", name);
	return gp_fail(err, GP_NONE, "%s: there is no such program", name);
}

/* -- to start it ------------------------------------------------------- */

static void
close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* A pipe whose ends are neither inherited nor one of the first three, which
 * the child's own are to become. */
static enum gp_rc
open_pipe(int ends[2], struct gp_err *err)
{
	int raw[2];

	ends[0] = ends[1] = -1;
	if (pipe2(raw, O_CLOEXEC) != 0)
		return gp_fail(err, GP_TEMP, "no pipe: %m");
	for (int i = 0; i < 2; i++) {
		ends[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, 3);
		(void)close(raw[i]);
	}
	if (ends[0] >= 0 && ends[1] >= 0)
		return GP_OK;
	close_end(&ends[0]);
	close_end(&ends[1]);
	return gp_fail(err, GP_TEMP, "no pipe: %m");
}

/* posix_spawn(3) takes char *const *, and does not write to them. */
static char *const *
unconst(const char *const *v)
{
	char *const *same;

	memcpy(&same, &v, sizeof(same));
	return same;
}

static enum gp_rc
spawn(const char *path, const char *const *argv, const int theirs[PIPES],
    pid_t *pid, struct gp_err *err)
{
	static const char *const environment[] = { "LC_ALL=C", "PATH=" SEARCH,
		NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	int error;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&how);
	for (int i = 0; i < PIPES; i++)
		(void)posix_spawn_file_actions_adddup2(&files, theirs[i], i);
	/* what we were started with may not be marked for closing */
	(void)posix_spawn_file_actions_addclosefrom_np(&files, PIPES);
	(void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP |
						 POSIX_SPAWN_SETSIGMASK |
						 POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setpgroup(&how, 0);
	(void)posix_spawnattr_setsigmask(&how, &none);
	(void)posix_spawnattr_setsigdefault(&how, &all);
	error = posix_spawn(pid, path, &files, &how, unconst(argv),
	    unconst(environment));
	(void)posix_spawnattr_destroy(&how);
	(void)posix_spawn_file_actions_destroy(&files);
	if (error == 0)
		return GP_OK;
	errno = error;
	if (error == ENOENT)
		return gp_fail(err, GP_NONE, "%s: there is no such program",
		    path);
	return gp_fail(err, error == ENOEXEC ? GP_PERM : gp_rc_of_errno(error),
	    "%s: it can not be started: %m", path);
}

static enum gp_rc
start(struct job *j, const char *path, const char *const *argv,
    struct gp_err *err)
{
	int theirs[PIPES] = { -1, -1, -1 };
	enum gp_rc rc = GP_OK;

	for (int i = 0; i < PIPES && rc == GP_OK; i++) {
		int ends[2];

		rc = open_pipe(ends, err);
		theirs[i] = ends[i == IN ? 0 : 1];
		j->ends[i] = ends[i == IN ? 1 : 0];
		if (rc == GP_OK)
			(void)fcntl(j->ends[i], F_SETFL, O_NONBLOCK);
	}
	if (rc == GP_OK)
		rc = spawn(path, argv, theirs, &j->pid, err);
	for (int i = 0; i < PIPES; i++)
		close_end(&theirs[i]);
	if (rc != GP_OK)
		return rc;
	j->watch = pidfd_open(j->pid, 0);
	return j->watch >= 0 ? GP_OK
	                     : gp_fail(err, GP_TEMP, "%s: no pidfd: %m", path);
}

/* -- to talk with it --------------------------------------------------- */

/* Write what the pipe takes; the end is closed when all is written, or when
 * nobody reads it. */
static void
feed(struct job *j)
{
	ssize_t n =
	    j->input.n == 0 ? 0 : write(j->ends[IN], j->input.p, j->input.n);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		j->input = gp_str_n(j->input.p + n, j->input.n - (size_t)n);
	if (n < 0 || j->input.n == 0)
		close_end(&j->ends[IN]);
}

/* What is there now.  Beyond the maximum it is read and dropped. */
static void
drain(int *fd, struct gp_buf *out)
{
	char block[16384];

	while (*fd >= 0) {
		ssize_t n = read(*fd, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close_end(fd);
			return;
		}
		if ((size_t)n > out->max - out->n)
			n = (ssize_t)(out->max - out->n);
		gp_buf_add(out, block, (size_t)n);
	}
}

/* Until it has ended: true; or the time is over. */
static bool
talk(struct job *j, struct gp_run_result *r)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = j->ends[IN], .events = POLLOUT },
			{ .fd = j->ends[OUT], .events = POLLIN },
			{ .fd = j->ends[ERR], .events = POLLIN },
			{ .fd = j->watch, .events = POLLIN },
		};
		int64_t left_us = j->deadline_us - gp_clock_us();
		int64_t left_ms = (left_us + GP_US_PER_MS - 1) / GP_US_PER_MS;

		if (left_us <= 0)
			return false;
		if (poll(p, 4, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) <
		    0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (p[IN].revents != 0)
			feed(j);
		if (p[OUT].revents != 0)
			drain(&j->ends[OUT], &r->out);
		if (p[ERR].revents != 0)
			drain(&j->ends[ERR], &r->err);
		if (p[PIPES].revents != 0)
			return true;
	}
}

/* -- to end it --------------------------------------------------------- */

/* Its end, and what it had written until then: what its own children still
 * hold open is not waited for. */
static enum gp_rc
finish(struct job *j, bool ended, const struct gp_run *what,
    struct gp_run_result *r, struct gp_err *err)
{
	int status = 0;

	if (!ended)
		(void)kill(-j->pid, SIGKILL);
	while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	drain(&j->ends[OUT], &r->out);
	drain(&j->ends[ERR], &r->err);
	if (!ended)
		return gp_fail(err, GP_TEMP, "%s: no end within %.1f s",
		    what->argv[0], (double)what->timeout_ms / 1000);
	if (WIFSIGNALED(status))
		return gp_fail(err, GP_TEMP, "%s: ended by signal %d",
		    what->argv[0], WTERMSIG(status));
	r->code = WEXITSTATUS(status);
	return GP_OK;
}

/* A program that does not read its input must not end us: SIGPIPE is held
 * back in this thread, and taken away when it came from here. */
static void
hold_sigpipe(sigset_t *pipe_set, sigset_t *old, bool *pending)
{
	sigset_t now;

	(void)sigemptyset(pipe_set);
	(void)sigaddset(pipe_set, SIGPIPE);
	(void)sigpending(&now);
	*pending = sigismember(&now, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, pipe_set, old);
}

static void
release_sigpipe(const sigset_t *pipe_set, const sigset_t *old, bool pending)
{
	const struct timespec at_once = { .tv_sec = 0 };

	if (!pending)
		(void)sigtimedwait(pipe_set, NULL, &at_once);
	(void)pthread_sigmask(SIG_SETMASK, old, NULL);
}

enum gp_rc
gp_run(const struct gp_run *what, struct gp_run_result *result,
    struct gp_err *err)
{
	struct job j = { .watch = -1,
		.ends = { -1, -1, -1 },
		.input = what->input,
		.deadline_us = gp_time_add(gp_clock_us(),
		    what->timeout_ms * GP_US_PER_MS) };
	char path[4096];
	sigset_t pipe_set, old;
	bool pending;
	enum gp_rc rc;

	*result = (struct gp_run_result){ .code = 0 };
	gp_buf_init(&result->out, GP_RUN_OUTPUT_MAX);
	gp_buf_init(&result->err, GP_RUN_OUTPUT_MAX);
	rc = find_program(what->argv[0], path, sizeof(path), err);
	if (rc != GP_OK)
		return rc;
	hold_sigpipe(&pipe_set, &old, &pending);
	rc = start(&j, path, what->argv, err);
	if (rc == GP_OK)
		rc = finish(&j, talk(&j, result), what, result, err);
	else if (j.pid > 0)
		(void)finish(&j, false, what, result, NULL);
	release_sigpipe(&pipe_set, &old, pending);
	for (int i = 0; i < PIPES; i++)
		close_end(&j.ends[i]);
	close_end(&j.watch);
	return rc;
}

void
gp_run_clear(struct gp_run_result *result)
{
	gp_buf_clear(&result->out);
	gp_buf_clear(&result->err);
}
