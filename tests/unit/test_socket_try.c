/* Sockets as the MTA's process finds them: in its root folder, as its user. */
#include "io/socket_try.h"

#include "io/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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
#include <unistd.h>

#include <cmocka.h>

#define TRY_MS 5000

/* A folder with DIR/run/milter.sock, on which we listen. */
struct place {
	char dir[64], run[80], path[96], text[112];
	int fd;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/gatepost-try.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(chmod(p->dir, 0755), 0);
	(void)snprintf(p->run, sizeof(p->run), "%s/run", p->dir);
	assert_int_equal(mkdir(p->run, 0755), 0);
	(void)snprintf(p->path, sizeof(p->path), "%s/milter.sock", p->run);
	(void)snprintf(p->text, sizeof(p->text), "unix:%s", p->path);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->fd >= 0);
	memcpy(sun.sun_path, p->path, strlen(p->path) + 1);
	assert_int_equal(bind(p->fd, (const struct sockaddr *)&sun,
			     sizeof(sun)),
	    0);
	assert_int_equal(chmod(p->path, 0777), 0);
	assert_int_equal(listen(p->fd, 8), 0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	(void)close(p->fd);
	(void)unlink(p->path);
	(void)rmdir(p->run);
	(void)rmdir(p->dir);
	free(p);
	return 0;
}

static enum gp_rc
try(const char *socket, const char *user, const char *root, struct gp_err *err)
{
	const struct gp_socket_try t = { .socket = socket,
		.user = user,
		.chroot = root,
		.timeout_ms = TRY_MS };

	err->msg[0] = '\0';
	return gp_socket_try(&t, err);
}

static void
need_root(void)
{
	if (geteuid() != 0) {
		print_message("# needs root\n");
		skip();
	}
}

static void
socket_that_listens_is_reached(void **state)
{
	const struct place *p = *state;
	struct gp_err err;

	assert_int_equal(try(p->text, NULL, NULL, &err), GP_OK);
	assert_string_equal(err.msg, "");
}

static void
socket_that_is_not_there_or_silent_is_none(void **state)
{
	struct place *p = *state;
	char text[128];
	struct gp_err err;

	(void)snprintf(text, sizeof(text), "unix:%s/other.sock", p->run);
	assert_int_equal(try(text, NULL, NULL, &err), GP_NONE);
	assert_non_null(strstr(err.msg, "nothing is there"));
	(void)close(p->fd);
	p->fd = -1;
	assert_int_equal(try(p->text, NULL, NULL, &err), GP_NONE);
	assert_non_null(strstr(err.msg, "nobody listens"));
}

static void
socket_that_has_no_room_is_temporary_in_time(void **state)
{
	const struct place *p = *state;
	const int64_t begin = gp_clock_us();
	const struct gp_socket_try t = { .socket = p->text, .timeout_ms = 300 };
	struct gp_err err;
	enum gp_rc rc = GP_OK;

	/* nobody accepts: each try leaves one more in the queue */
	for (int i = 0; i < 50 && rc == GP_OK; i++)
		rc = gp_socket_try(&t, &err);
	assert_int_equal(rc, GP_TEMP);
	assert_non_null(strstr(err.msg, "no answer in time"));
	assert_true(gp_clock_us() - begin < 10 * GP_US_PER_S);
}

static void
socket_by_network_is_reached_or_none(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof(sin);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[64];
	struct gp_err err;

	(void)state;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sin, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &n), 0);
	(void)snprintf(text, sizeof(text), "inet:%u@127.0.0.1",
	    (unsigned)ntohs(sin.sin_port));
	assert_int_equal(try(text, NULL, NULL, &err), GP_OK);
	assert_int_equal(close(fd), 0);
	assert_int_equal(try(text, NULL, NULL, &err), GP_NONE);
}

static void
socket_text_table_is_strict(void **state)
{
	static const char *const bad[] = { "", "unix:", "unix:relative",
		"/path", "local:/path", "inet:", "inet:25", "inet:@127.0.0.1",
		"inet:25@", "inet:no-such-service@127.0.0.1",
		"inet:0123456789012345678901234567890123@127.0.0.1" };
	struct gp_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (try(bad[i], NULL, NULL, &err) != GP_PERM ||
		    err.msg[0] == '\0')
			fail_msg("%s", bad[i]);
}

static void
socket_in_a_root_folder_has_another_path(void **state)
{
	const struct place *p = *state;
	struct gp_err err;

	need_root();
	assert_int_equal(try("unix:/run/milter.sock", NULL, p->dir, &err),
	    GP_OK);
	assert_int_equal(try(p->text, NULL, p->dir, &err), GP_NONE);
	assert_non_null(strstr(err.msg, "in the root folder /tmp/"));
	assert_int_equal(try(p->text, NULL, "/nowhere", &err), GP_PERM);
	assert_non_null(strstr(err.msg, "/nowhere"));
}

static void
socket_of_others_needs_the_user_s_rights(void **state)
{
	const struct place *p = *state;
	struct gp_err err;

	need_root();
	assert_int_equal(try(p->text, "nobody", NULL, &err), GP_OK);
	assert_int_equal(chmod(p->path, 0700), 0);
	assert_int_equal(try(p->text, "nobody", NULL, &err), GP_PERM);
	assert_non_null(strstr(err.msg, "nobody may not write to it"));
	assert_int_equal(chmod(p->run, 0750), 0);
	assert_int_equal(try(p->text, "nobody", NULL, &err), GP_PERM);
	assert_non_null(strstr(err.msg, "nobody may not enter /tmp/"));
	assert_non_null(strstr(err.msg, "/run"));
	assert_int_equal(try(p->text, "no-such-user", NULL, &err), GP_PERM);
	assert_non_null(strstr(err.msg, "no such user"));
}

/* A group that he has in the database, and we have not. */
static void
socket_of_a_group_needs_a_membership(void **state)
{
	const struct place *p = *state;
	struct gp_err err;

	need_root();
	assert_int_equal(chmod(p->run, 0750), 0);
	assert_int_equal(chown(p->run, 0, 1), 0); /* daemon */
	assert_int_equal(try(p->text, "daemon", NULL, &err), GP_OK);
	assert_int_equal(try(p->text, "nobody", NULL, &err), GP_PERM);
	/* and in the root folder, which the user is looked up outside of */
	assert_int_equal(try("unix:/run/milter.sock", "daemon", p->dir, &err),
	    GP_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(socket_that_listens_is_reached,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    socket_that_is_not_there_or_silent_is_none, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    socket_that_has_no_room_is_temporary_in_time, setup,
		    teardown),
		cmocka_unit_test(socket_by_network_is_reached_or_none),
		cmocka_unit_test(socket_text_table_is_strict),
		cmocka_unit_test_setup_teardown(
		    socket_in_a_root_folder_has_another_path, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    socket_of_others_needs_the_user_s_rights, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    socket_of_a_group_needs_a_membership, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
