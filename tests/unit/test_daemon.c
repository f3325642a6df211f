/* daemon: what needs other rights or another process runs in a child. */
#include "io/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOBODY = 65534, WAIT_MS = 10000 };

static char folder[] = "/tmp/gp-daemon-XXXXXX";

/* A path below the test's folder; each call's result lives until the fourth
 * call after it. */
static const char *
in_folder(const char *name)
{
	static char paths[4][200];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
		return -1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* The exit code of fn(arg) in a process of its own. */
static int
in_child(int (*fn)(void *), void *arg)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In a child: give up root, so that permissions hold; 0 or an exit code. */
static int
become_nobody(void)
{
	if (geteuid() != 0)
		return 0;
	return setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 &&
	               setuid(NOBODY) == 0
	           ? 0
	           : 100;
}

static void
needs_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("# needs root\n");
	skip();
}

static void
says(const struct gp_err *err, const char *part)
{
	if (strstr(err->msg, part) == NULL)
		print_error("\"%s\" lacks \"%s\"\n", err->msg, part);
	assert_non_null(strstr(err->msg, part));
}

/* -- signals --------------------------------------------------------------- */

static int
block_and_look(void *arg)
{
	sigset_t set;

	(void)arg;
	gp_daemon_block_signals();
	if (pthread_sigmask(SIG_BLOCK, NULL, &set) != 0)
		return 1;
	if (!sigismember(&set, SIGTERM) || !sigismember(&set, SIGHUP) ||
	    !sigismember(&set, SIGINT) || !sigismember(&set, SIGUSR1) ||
	    sigismember(&set, SIGSEGV))
		return 2;
	/* PIPE would end us here */
	return raise(SIGPIPE) == 0 ? 0 : 3;
}

static void
daemon_signals_are_blocked_and_pipe_is_ignored(void **state)
{
	(void)state;
	assert_int_equal(in_child(block_and_look, NULL), 0);
}

/* -- folders --------------------------------------------------------------- */

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
daemon_make_dir_makes_parents_whatever_the_umask(void **state)
{
	mode_t old = umask(0077);
	struct gp_err err;

	(void)state;
	assert_int_equal(gp_daemon_make_dir(in_folder("a/b//c/"), 0750, NULL,
			     &err),
	    GP_OK);
	(void)umask(old);
	assert_int_equal(mode_of(in_folder("a/b/c")), 0750);
	assert_int_equal(rmdir(in_folder("a/b/c")), 0);
	assert_int_equal(rmdir(in_folder("a/b")), 0);
	assert_int_equal(rmdir(in_folder("a")), 0);
}

static void
daemon_make_dir_leaves_an_existing_one_alone(void **state)
{
	const char *path = in_folder("old");
	struct gp_err err;

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(gp_daemon_make_dir(path, 0755, "nobody", &err), GP_OK);
	assert_int_equal(mode_of(path), 0700);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(gp_daemon_make_dir("/", 0755, NULL, &err), GP_OK);
}

static void
daemon_make_dir_gives_it_to_the_user(void **state)
{
	struct gp_err err;
	struct stat st;

	(void)state;
	needs_root();
	assert_int_equal(gp_daemon_make_dir(in_folder("p/theirs"), 0750,
			     "nobody:mail", &err),
	    GP_OK);
	assert_int_equal(stat(in_folder("p/theirs"), &st), 0);
	assert_int_equal(st.st_uid, NOBODY);
	assert_int_equal(st.st_gid, getgrnam("mail")->gr_gid);
	assert_int_equal(stat(in_folder("p"), &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(rmdir(in_folder("p/theirs")), 0);
	assert_int_equal(gp_daemon_make_dir(in_folder("p/x"), 0750,
			     "no-such-user", &err),
	    GP_PERM);
	says(&err, "\"no-such-user\" does not exist");
	assert_int_equal(rmdir(in_folder("p/x")), 0);
	assert_int_equal(rmdir(in_folder("p")), 0);
}

static void
make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static void
daemon_make_dir_does_not_go_through_a_file(void **state)
{
	const char *file = in_folder("file");
	struct gp_err err;

	(void)state;
	make_file(file);
	assert_int_equal(gp_daemon_make_dir(file, 0750, NULL, &err), GP_PERM);
	says(&err, file);
	assert_int_equal(gp_daemon_make_dir(in_folder("file/sub"), 0750, NULL,
			     &err),
	    GP_PERM);
	says(&err, "move it away");
	assert_int_equal(unlink(file), 0);
}

static int
make_dir_without_rights(void *arg)
{
	struct gp_err err = { .msg = "" };
	int rc = become_nobody();

	(void)arg;
	if (rc != 0)
		return rc;
	if (gp_daemon_make_dir("/etc/gp-nobody/x", 0750, NULL, &err) != GP_PERM)
		return 1;
	if (strstr(err.msg, "Permission denied") == NULL)
		return 2;
	if (strstr(err.msg, "install -d -m 0750 /etc/gp-nobody/x") == NULL)
		return 3;
	return 0;
}

static void
daemon_make_dir_without_rights_names_the_command(void **state)
{
	(void)state;
	assert_int_equal(in_child(make_dir_without_rights, NULL), 0);
}

/* -- lock ------------------------------------------------------------------ */

static void
daemon_lock_holds_until_closed(void **state)
{
	const char *path = in_folder("pid");
	struct gp_err err;
	char pid[32];
	char text[32] = "";
	int first;
	int second;
	int third;

	(void)state;
	assert_int_equal(gp_daemon_lock(path, &first, &err), GP_OK);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(gp_daemon_lock(path, &second, &err), GP_TEMP);
	assert_int_equal(second, -1);
	(void)snprintf(pid, sizeof(pid), "pid %ld ", (long)getpid());
	says(&err, pid);
	/* the loser must not have touched the winner's pid */
	(void)snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	assert_int_equal(pread(first, text, sizeof(text) - 1, 0), strlen(pid));
	assert_string_equal(text, pid);
	assert_int_equal(close(first), 0);
	assert_int_equal(gp_daemon_lock(path, &third, &err), GP_OK);
	assert_int_equal(close(third), 0);
	assert_int_equal(unlink(path), 0);
}

static int
lock_and_die(void *arg)
{
	struct gp_err err;
	int fd;

	if (gp_daemon_lock(arg, &fd, &err) != GP_OK)
		return 1;
	if (write(fd, "99999999999\n", 12) != 12)
		return 3;
	(void)raise(SIGKILL);
	return 2;
}

static void
daemon_lock_of_a_dead_process_is_free(void **state)
{
	char path[200];
	struct gp_err err;
	struct stat st;
	char pid[32];
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", in_folder("pid"));
	assert_int_equal(in_child(lock_and_die, path), -1);
	assert_int_equal(gp_daemon_lock(path, &fd, &err), GP_OK);
	/* a longer old pid leaves nothing behind */
	assert_int_equal(fstat(fd, &st), 0);
	(void)snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	assert_int_equal(st.st_size, strlen(pid));
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

static void
daemon_lock_refuses_what_is_no_file(void **state)
{
	char path[200];
	struct gp_err err;
	struct stat st;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", in_folder("pid"));
	assert_int_equal(symlink(in_folder("target"), path), 0);
	assert_int_equal(gp_daemon_lock(path, &fd, &err), GP_PERM);
	says(&err, "symbolic link");
	assert_int_equal(lstat(in_folder("target"), &st), -1);
	assert_int_equal(unlink(path), 0);

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(gp_daemon_lock(path, &fd, &err), GP_PERM);
	says(&err, "not a regular file");
	assert_int_equal(unlink(path), 0);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(gp_daemon_lock(path, &fd, &err), GP_PERM);
	says(&err, path);
	assert_int_equal(rmdir(path), 0);

	assert_int_equal(gp_daemon_lock(in_folder("none/pid"), &fd, &err),
	    GP_PERM);
	says(&err, "No such file");
}

/* -- the socket's place ---------------------------------------------------- */

static int
listen_at(const char *path, int type)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void
daemon_clear_socket_replaces_only_a_stale_one(void **state)
{
	const char *path = in_folder("sock");
	struct gp_err err;
	int fd;

	(void)state;
	assert_int_equal(gp_daemon_clear_socket(path, &err), GP_OK);
	fd = listen_at(path, SOCK_STREAM);
	assert_int_equal(gp_daemon_clear_socket(path, &err), GP_PERM);
	says(&err, "in use");
	assert_true(exists(path));
	assert_int_equal(close(fd), 0);
	assert_int_equal(gp_daemon_clear_socket(path, &err), GP_OK);
	assert_false(exists(path));

	fd = listen_at(path, SOCK_DGRAM);
	assert_int_equal(gp_daemon_clear_socket(path, &err), GP_PERM);
	assert_true(exists(path));
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

static void
daemon_clear_socket_knows_a_busy_listener_as_live(void **state)
{
	const char *path = in_folder("sock");
	struct gp_err err;
	int fd = listen_at(path, SOCK_STREAM);

	(void)state;
	/* nobody accepts: at some point its queue is full */
	for (int i = 0; i < 5; i++) {
		assert_int_equal(gp_daemon_clear_socket(path, &err), GP_PERM);
		assert_true(exists(path));
	}
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

static void
daemon_clear_socket_refuses_other_things(void **state)
{
	char path[200];
	struct gp_err err;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", in_folder("sock"));
	make_file(path);
	assert_int_equal(gp_daemon_clear_socket(path, &err), GP_PERM);
	says(&err, "a regular file");
	assert_true(exists(path));
	assert_int_equal(unlink(path), 0);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(gp_daemon_clear_socket(path, &err), GP_PERM);
	says(&err, "a folder");
	assert_int_equal(rmdir(path), 0);

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(gp_daemon_clear_socket(path, &err), GP_PERM);
	says(&err, "pipe");
	assert_int_equal(unlink(path), 0);

	/* a link is refused even when a stale socket is at its end */
	assert_int_equal(close(listen_at(in_folder("target"), SOCK_STREAM)), 0);
	assert_int_equal(symlink(in_folder("target"), path), 0);
	assert_int_equal(gp_daemon_clear_socket(path, &err), GP_PERM);
	says(&err, "a symbolic link");
	assert_true(exists(in_folder("target")));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(in_folder("target")), 0);
}

static void
daemon_clear_socket_names_the_remedy(void **state)
{
	char long_path[300];
	struct gp_err err;

	(void)state;
	assert_int_equal(gp_daemon_clear_socket(in_folder("no/sock"), &err),
	    GP_PERM);
	says(&err, "install -d -m 0750");
	says(&err, in_folder("no"));
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(gp_daemon_clear_socket(long_path, &err), GP_PERM);
	says(&err, "longer than 107 bytes");
}

static int
clear_without_rights(void *arg)
{
	struct gp_err err = { .msg = "" };
	int rc = become_nobody();

	if (rc != 0)
		return rc;
	if (gp_daemon_clear_socket(arg, &err) != GP_PERM)
		return 1;
	if (strstr(err.msg, "not writable") == NULL)
		return 2;
	return strstr(err.msg, "chown") != NULL ? 0 : 3;
}

static int
clear_anothers(void *arg)
{
	struct gp_err err = { .msg = "" };
	int rc = become_nobody();

	if (rc != 0)
		return rc;
	if (gp_daemon_clear_socket(arg, &err) != GP_PERM)
		return 1;
	return strstr(err.msg, "belongs to uid 0") != NULL ? 0 : 2;
}

static void
daemon_clear_socket_respects_owners(void **state)
{
	char path[200];

	(void)state;
	needs_root();
	(void)snprintf(path, sizeof(path), "%s", in_folder("sock"));
	assert_int_equal(in_child(clear_without_rights, path), 0);
	assert_int_equal(close(listen_at(path, SOCK_STREAM)), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(in_child(clear_anothers, path), 0);
	assert_true(exists(path));
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(unlink(path), 0);
}

/* -- user ------------------------------------------------------------------ */

static bool
in_group(gid_t gid)
{
	gid_t groups[64];
	int n = getgroups(64, groups);

	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static int
drop_with_group(void *arg)
{
	const struct group *mail = getgrnam("mail");
	struct gp_err err;

	(void)arg;
	if (mail == NULL || gp_daemon_drop("nobody:mail", &err) != GP_OK)
		return 1;
	if (getuid() != NOBODY || geteuid() != NOBODY)
		return 2;
	if (getgid() != mail->gr_gid || getegid() != mail->gr_gid)
		return 3;
	if (!in_group(NOBODY) || in_group(0))
		return 4;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 5;
	/* once more, as a service that is started as that user does */
	return gp_daemon_drop("nobody:mail", &err) == GP_OK ? 0 : 6;
}

static int
drop_alone(void *arg)
{
	struct gp_err err;

	(void)arg;
	if (gp_daemon_drop("nobody", &err) != GP_OK)
		return 1;
	return getuid() == NOBODY && getgid() == NOBODY ? 0 : 2;
}

static int
drop_without_rights(void *arg)
{
	struct gp_err err = { .msg = "" };
	int rc = become_nobody();

	(void)arg;
	if (rc != 0)
		return rc;
	if (gp_daemon_drop("root", &err) != GP_PERM)
		return 1;
	return strstr(err.msg, "only root") != NULL && getuid() != 0 ? 0 : 2;
}

static void
daemon_drop_takes_user_and_groups_for_good(void **state)
{
	(void)state;
	needs_root();
	assert_int_equal(in_child(drop_with_group, NULL), 0);
	assert_int_equal(in_child(drop_alone, NULL), 0);
}

static void
daemon_drop_without_rights_says_so(void **state)
{
	(void)state;
	assert_int_equal(in_child(drop_without_rights, NULL), 0);
}

static void
daemon_drop_names_who_is_unknown(void **state)
{
	struct gp_err err;

	(void)state;
	assert_int_equal(gp_daemon_drop("no-such-user", &err), GP_PERM);
	says(&err, "user \"no-such-user\"");
	assert_int_equal(gp_daemon_drop("root:no-such-group", &err), GP_PERM);
	says(&err, "group \"no-such-group\"");
	assert_int_equal(gp_daemon_drop("", &err), GP_PERM);
}

/* -- background ------------------------------------------------------------ */

struct background {
	int report[2]; /* the background process tells what it sees */
	int go[2];     /* and lives until this is closed */
};

static int
run_in_background(void *arg)
{
	struct background *b = arg;
	struct gp_err err;
	struct stat null;
	struct stat in;
	struct stat errors;
	char report = 'y';
	ssize_t n;

	if (gp_daemon_detach(&err) != GP_OK)
		return 1;
	(void)close(b->go[1]);
	gp_daemon_ready();
	if (stat("/dev/null", &null) != 0 || fstat(0, &in) != 0 ||
	    fstat(2, &errors) != 0 || getsid(0) != getpid() ||
	    in.st_rdev != null.st_rdev || errors.st_rdev != null.st_rdev)
		report = 'n';
	n = write(b->report[1], &report, 1);
	while (read(b->go[0], &report, 1) > 0)
		continue;
	gp_daemon_ready(); /* nothing, the second time */
	return n == 1 ? 0 : 2;
}

static void
daemon_detached_runs_on_when_its_parent_has_ended(void **state)
{
	struct background b;
	struct pollfd end = { .events = POLLIN };
	char report = ' ';

	(void)state;
	assert_int_equal(pipe2(b.report, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b.go, O_CLOEXEC), 0);
	/* in_child returns: the parent did not wait for the child's end */
	assert_int_equal(in_child(run_in_background, &b), 0);
	(void)close(b.report[1]);
	end.fd = b.report[0];
	assert_int_equal(poll(&end, 1, WAIT_MS), 1);
	assert_int_equal(read(b.report[0], &report, 1), 1);
	assert_int_equal(report, 'y');
	(void)close(b.go[0]);
	(void)close(b.go[1]);
	assert_int_equal(poll(&end, 1, WAIT_MS), 1);
	assert_int_equal(read(b.report[0], &report, 1), 0);
	(void)close(b.report[0]);
}

static int
fail_in_background(void *arg)
{
	struct gp_err err;

	if (gp_daemon_detach(&err) != GP_OK)
		return 1;
	if (*(const int *)arg < 0)
		(void)raise(SIGKILL);
	return *(const int *)arg;
}

static void
daemon_detached_failure_is_the_parents_exit_code(void **state)
{
	int code = EX_CONFIG;

	(void)state;
	assert_int_equal(in_child(fail_in_background, &code), EX_CONFIG);
	code = 0; /* an end without "ready" is the child's own business */
	assert_int_equal(in_child(fail_in_background, &code), 0);
	code = -1;
	assert_int_equal(in_child(fail_in_background, &code), EX_SOFTWARE);
}

static void
daemon_notify_tells_systemd_where_it_listens(void **state)
{
	const char *path = in_folder("notify");
	char got[64] = "";
	int fd;

	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	gp_daemon_notify("READY=1"); /* nobody listens: nothing happens */
	fd = listen_at(path, SOCK_DGRAM);
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	gp_daemon_notify("READY=1\nSTATUS=x");
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 16);
	assert_string_equal(got, "READY=1\nSTATUS=x");
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    daemon_signals_are_blocked_and_pipe_is_ignored),
		cmocka_unit_test(
		    daemon_make_dir_makes_parents_whatever_the_umask),
		cmocka_unit_test(daemon_make_dir_leaves_an_existing_one_alone),
		cmocka_unit_test(daemon_make_dir_gives_it_to_the_user),
		cmocka_unit_test(daemon_make_dir_does_not_go_through_a_file),
		cmocka_unit_test(
		    daemon_make_dir_without_rights_names_the_command),
		cmocka_unit_test(daemon_lock_holds_until_closed),
		cmocka_unit_test(daemon_lock_of_a_dead_process_is_free),
		cmocka_unit_test(daemon_lock_refuses_what_is_no_file),
		cmocka_unit_test(daemon_clear_socket_replaces_only_a_stale_one),
		cmocka_unit_test(
		    daemon_clear_socket_knows_a_busy_listener_as_live),
		cmocka_unit_test(daemon_clear_socket_refuses_other_things),
		cmocka_unit_test(daemon_clear_socket_names_the_remedy),
		cmocka_unit_test(daemon_clear_socket_respects_owners),
		cmocka_unit_test(daemon_drop_takes_user_and_groups_for_good),
		cmocka_unit_test(daemon_drop_without_rights_says_so),
		cmocka_unit_test(daemon_drop_names_who_is_unknown),
		cmocka_unit_test(
		    daemon_detached_runs_on_when_its_parent_has_ended),
		cmocka_unit_test(
		    daemon_detached_failure_is_the_parents_exit_code),
		cmocka_unit_test(daemon_notify_tells_systemd_where_it_listens),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
