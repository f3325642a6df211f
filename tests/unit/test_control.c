/* control: a real socket, a real thread, and clients that behave badly. */
#include "io/clock.h"
#include "io/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 10000, BIG = 1000000 };

static char argument[] = "the argument";

static char folder[] = "/tmp/gp-control-XXXXXX";
static char path[64];
static atomic_int calls;
static struct gp_tail *tail; /* NULL: the server has none */

static int
group_setup(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/control.sock", folder);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* Answers with the request between bars; some requests are special. */
static bool
echo(void *arg, struct gp_str request, struct gp_buf *out)
{
	(void)atomic_fetch_add(&calls, 1);
	assert_string_equal(arg, "the argument");
	if (gp_str_eq(request, GP_STR("nothing")))
		return true;
	for (int i = 0; gp_str_eq(request, GP_STR("big")) && i < BIG; i++)
		gp_buf_addc(out, 'x');
	for (int i = 0; gp_str_eq(request, GP_STR("huge")) && i < BIG; i++)
		gp_buf_adds(out, "xx");
	gp_buf_addf(out, "|%.*s|", GP_STR_ARG(request));
	return !gp_str_eq(request, GP_STR("fail"));
}

static enum gp_rc
open_at(void *arg, struct gp_control **out, struct gp_err *err)
{
	const struct gp_control_options options = { .path = path,
		.mode = 0600,
		.fn = echo,
		.arg = arg,
		.tail = tail };

	return gp_control_open(&options, out, err);
}

static int
setup(void **state)
{
	struct gp_control *c;
	struct gp_err err = { .msg = "" };

	atomic_store(&calls, 0);
	if (open_at(argument, &c, &err) != GP_OK) {
		print_error("%s\n", err.msg);
		return -1;
	}
	*state = c;
	return 0;
}

static int
teardown(void **state)
{
	struct stat st;

	gp_control_close(*state);
	return lstat(path, &st) == 0 ? -1 : 0;
}

static int
connect_client(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)),
	    0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
	    strlen(text));
}

/* Everything until the end of the connection. */
static size_t
hear(int fd, char *out, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	for (;;) {
		ssize_t got;

		assert_true(n < size - 1);
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		got = recv(fd, out + n, size - 1 - n, 0);
		assert_true(got >= 0);
		if (got == 0)
			break;
		n += (size_t)got;
	}
	out[n] = '\0';
	return n;
}

static void
hears(int fd, const char *want)
{
	char got[2000];

	(void)hear(fd, got, sizeof(got));
	assert_string_equal(got, want);
	assert_int_equal(close(fd), 0);
}

static void
answers(const char *request, const char *want)
{
	int fd = connect_client();

	say(fd, request);
	hears(fd, want);
}

static void
control_answers_ok_or_error_and_ends(void **state)
{
	(void)state;
	answers("ping\n", "ok\n|ping|\n");
	answers("fail\n", "error\n|fail|\n");
	answers("nothing\n", "ok\n");
	answers("  two words \r\n", "ok\n|two words|\n");
	answers("first\nsecond\n", "ok\n|first|\n");
}

static void
control_takes_a_request_in_pieces_or_without_newline(void **state)
{
	int fd = connect_client();

	(void)state;
	say(fd, "sta");
	answers("ping\n", "ok\n|ping|\n"); /* the server has read "sta" */
	say(fd, "tus");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	hears(fd, "ok\n|status|\n");
}

static void
control_refuses_what_is_no_request(void **state)
{
	char text[GP_CONTROL_REQUEST_MAX + 2];
	int fd;

	(void)state;
	answers("\n", "error\nthe request is empty; try \"ping\" or "
		      "\"status\"\n");
	answers("pi\001ng\n",
	    "error\na request is one line of printable text\n");
	memset(text, 'x', sizeof(text));
	text[GP_CONTROL_REQUEST_MAX - 1] = '\n';
	text[GP_CONTROL_REQUEST_MAX] = '\0';
	fd = connect_client();
	say(fd, text);
	assert_int_equal(hear(fd, (char[2000]){ "" }, 2000),
	    GP_CONTROL_REQUEST_MAX + 5); /* "ok\n|" "|\n" less the newline */
	assert_int_equal(close(fd), 0);
	text[GP_CONTROL_REQUEST_MAX - 1] = 'x';
	answers(text, "error\na request has at most 1024 bytes\n");
	assert_int_equal(atomic_load(&calls), 1);
}

static void
control_flood_still_gets_its_answer(void **state)
{
	char flood[100000];
	int fd = connect_client();

	(void)state;
	memset(flood, 'x', sizeof(flood));
	(void)send(fd, flood, sizeof(flood), MSG_NOSIGNAL | MSG_DONTWAIT);
	hears(fd, "error\na request has at most 1024 bytes\n");
	answers("ping\n", "ok\n|ping|\n");
}

static void
control_client_that_leaves_early_harms_nobody(void **state)
{
	(void)state;
	assert_int_equal(close(connect_client()), 0);
	for (int i = 0; i < 20; i++) {
		int fd = connect_client();

		say(fd, "big\n");
		assert_int_equal(close(fd), 0);
	}
	answers("ping\n", "ok\n|ping|\n");
}

static void
control_long_answers_come_whole_or_not_at_all(void **state)
{
	char *got = malloc((size_t)2 * BIG);
	int fd = connect_client();

	(void)state;
	assert_non_null(got);
	say(fd, "big\n");
	answers("ping\n", "ok\n|ping|\n"); /* a slow reader stops nobody */
	assert_int_equal(hear(fd, got, (size_t)2 * BIG), BIG + 9);
	assert_string_equal(got + BIG, "xxx|big|\n");
	assert_int_equal(close(fd), 0);
	free(got);
	answers("huge\n", "error\nthe answer is too long\n");
}

static void
control_silent_clients_are_dropped_and_keep_nobody_waiting(void **state)
{
	int64_t start = gp_clock_us();
	int silent[GP_CONTROL_CLIENTS - 1];
	int64_t took;

	(void)state;
	for (int i = 0; i < GP_CONTROL_CLIENTS - 1; i++) {
		silent[i] = connect_client();
		say(silent[i], "x");
	}
	answers("ping\n", "ok\n|ping|\n");
	assert_true(gp_clock_us() - start < 2 * GP_US_PER_S);
	for (int i = 0; i < GP_CONTROL_CLIENTS - 1; i++) {
		char rest[16];
		struct pollfd p = { .fd = silent[i], .events = POLLIN };

		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		assert_true(recv(silent[i], rest, sizeof(rest), 0) <= 0);
		assert_int_equal(close(silent[i]), 0);
	}
	took = gp_clock_us() - start;
	assert_true(took > 4 * GP_US_PER_S && took < 9 * GP_US_PER_S);
	answers("ping\n", "ok\n|ping|\n");
}

static void
control_further_clients_wait_for_a_place(void **state)
{
	int silent[GP_CONTROL_CLIENTS];
	int fd;

	(void)state;
	for (int i = 0; i < GP_CONTROL_CLIENTS; i++)
		silent[i] = connect_client();
	fd = connect_client();
	say(fd, "ping\n");
	assert_int_equal(close(silent[3]), 0);
	hears(fd, "ok\n|ping|\n");
	for (int i = 0; i < GP_CONTROL_CLIENTS; i++)
		if (i != 3)
			assert_int_equal(close(silent[i]), 0);
}

static int64_t
cpu_us(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	return ts.tv_sec * GP_US_PER_S + ts.tv_nsec / 1000;
}

static void
control_without_descriptors_does_not_spin(void **state)
{
	enum { ENOUGH_FOR_POLL = 20 };
	int fillers[ENOUGH_FOR_POLL];
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct rlimit old;
	struct rlimit none;
	int64_t cpu;

	(void)state;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	for (int i = 0; i < ENOUGH_FOR_POLL; i++)
		fillers[i] = dup(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)fillers[ENOUGH_FOR_POLL - 1] + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)),
	    0);
	say(fd, "ping\n");
	cpu = cpu_us();
	assert_int_equal(poll(&p, 1, 500), 0);
	cpu = cpu_us() - cpu;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(cpu < 100 * GP_US_PER_MS);
	for (int i = 0; i < ENOUGH_FOR_POLL; i++)
		(void)close(fillers[i]);
	hears(fd, "ok\n|ping|\n");
}

static void
control_socket_is_for_its_owner_alone(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
control_second_server_is_refused(void **state)
{
	struct gp_control *second;
	struct gp_err err;

	(void)state;
	assert_int_equal(open_at(NULL, &second, &err), GP_PERM);
	assert_null(second);
	assert_non_null(strstr(err.msg, "in use"));
	answers("ping\n", "ok\n|ping|\n");
}

static void
control_close_ends_at_once_with_clients_in_all_stages(void **state)
{
	struct gp_control *c;
	struct gp_err err;
	struct stat st;
	int silent;
	int slow;
	int64_t start;

	(void)state;
	assert_int_equal(open_at(argument, &c, &err), GP_OK);
	silent = connect_client();
	slow = connect_client();
	say(slow, "big\n");
	answers("ping\n", "ok\n|ping|\n");
	start = gp_clock_us();
	gp_control_close(c);
	assert_true(gp_clock_us() - start < GP_US_PER_S);
	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(close(silent), 0);
	assert_int_equal(close(slow), 0);
	gp_control_close(NULL);
}

static void
control_close_leaves_what_is_not_ours(void **state)
{
	struct gp_control *c;
	struct gp_err err;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(open_at(NULL, &c, &err), GP_OK);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	gp_control_close(c);
	assert_int_equal(lstat(path, &st), 0);
	/* and what is there is not taken over either */
	assert_int_equal(open_at(NULL, &c, &err), GP_PERM);
	assert_non_null(strstr(err.msg, "a regular file"));
	assert_int_equal(unlink(path), 0);
}

static void
control_stale_socket_is_replaced_whatever_the_umask(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t old = umask(0);
	struct gp_control *c;
	struct gp_err err;
	struct stat st;

	(void)state;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(open_at(NULL, &c, &err), GP_OK);
	(void)umask(old);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	gp_control_close(c);
}

/* -- streams ----------------------------------------------------------------
 */

static int
setup_stream(void **state)
{
	tail = gp_tail_new(4096);
	return tail == NULL ? -1 : setup(state);
}

static int
teardown_stream(void **state)
{
	int result = teardown(state);

	gp_tail_free(tail);
	tail = NULL;
	return result;
}

/* A client that listens: its "ok" has come. */
static int
listen_client(void)
{
	int fd = connect_client();
	char ok[3];

	say(fd, "tail\n");
	assert_int_equal(recv(fd, ok, sizeof(ok), MSG_WAITALL), sizeof(ok));
	assert_memory_equal(ok, "ok\n", sizeof(ok));
	return fd;
}

/* The next line, without its newline. */
static void
hear_line(int fd, char out[GP_TAIL_LINE_MAX])
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	for (;;) {
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		assert_int_equal(recv(fd, out + n, 1, 0), 1);
		if (out[n] == '\n')
			break;
		assert_true(++n < GP_TAIL_LINE_MAX);
	}
	out[n] = '\0';
}

static void
hears_line(int fd, const char *want)
{
	char got[GP_TAIL_LINE_MAX];

	hear_line(fd, got);
	assert_non_null(strchr(got, ' '));
	assert_string_equal(strchr(got, ' ') + 1, want);
}

static void
control_tail_streams_to_all_and_questions_are_answered(void **state)
{
	int first;
	int second;

	(void)state;
	gp_tail_add(tail, gp_str("nobody listens yet"));
	first = listen_client();
	second = listen_client();
	gp_tail_add(tail, gp_str("one"));
	hears_line(first, "one");
	hears_line(second, "one");
	answers("ping\n", "ok\n|ping|\n");
	assert_int_equal(close(second), 0);
	gp_tail_add(tail, gp_str("two\nand\001more"));
	hears_line(first, "two?and?more");
	assert_int_equal(close(first), 0);
}

static void
control_tail_leaves_places_for_questions(void **state)
{
	int fd[GP_CONTROL_TAILS];

	(void)state;
	for (size_t i = 0; i < GP_CONTROL_TAILS; i++)
		fd[i] = listen_client();
	answers("tail\n", "error\n6 clients listen already\n");
	answers("ping\n", "ok\n|ping|\n");
	for (size_t i = 0; i < GP_CONTROL_TAILS; i++)
		assert_int_equal(close(fd[i]), 0);
	/* their places are free again */
	for (size_t i = 0; i < GP_CONTROL_TAILS; i++)
		fd[i] = listen_client();
	for (size_t i = 0; i < GP_CONTROL_TAILS; i++)
		assert_int_equal(close(fd[i]), 0);
}

static void
control_tail_goes_on_when_the_client_will_say_nothing_more(void **state)
{
	int fd = connect_client();
	char ok[3];

	(void)state;
	say(fd, "tail");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(recv(fd, ok, sizeof(ok), MSG_WAITALL), sizeof(ok));
	gp_tail_add(tail, gp_str("still"));
	hears_line(fd, "still");
	assert_int_equal(close(fd), 0);
}

/* Silent longer than any other client may be. */
static void
control_tail_may_be_silent(void **state)
{
	int fd = listen_client();
	int silent = connect_client();
	struct pollfd p = { .fd = silent, .events = POLLIN };
	char got[8];

	(void)state;
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(recv(silent, got, sizeof(got), 0), 0);
	gp_tail_add(tail, gp_str("after 5 s"));
	hears_line(fd, "after 5 s");
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(silent), 0);
}

enum { FLOOD = 20000 };

/* It reads nothing while many times the ring is written; what it gets then
 * and what it is told to have lost is all of it, in order. */
static void
control_tail_slow_client_is_told_what_it_lost(void **state)
{
	char line[GP_TAIL_LINE_MAX];
	int fd = listen_client();
	int64_t start = gp_clock_us();
	unsigned next = 0;
	unsigned lost = 0;

	(void)state;
	for (int i = 0; i < FLOOD; i++) {
		(void)snprintf(line, sizeof(line), "%d %0200d", i, 0);
		gp_tail_add(tail, gp_str(line));
	}
	assert_true(gp_clock_us() - start < 5 * GP_US_PER_S);
	answers("ping\n", "ok\n|ping|\n");
	while (next < FLOOD) {
		hear_line(fd, line);
		if (strncmp(line, "lost ", 5) == 0) {
			lost += (unsigned)strtoul(line + 5, NULL, 10);
			next += (unsigned)strtoul(line + 5, NULL, 10);
			continue;
		}
		assert_non_null(strchr(line, ' '));
		assert_int_equal(strtoul(strchr(line, ' '), NULL, 10), next);
		next++;
	}
	assert_int_equal(next, FLOOD);
	assert_true(lost > 0);
	assert_int_equal(close(fd), 0);
}

static void
control_tail_is_a_request_like_others_without_one(void **state)
{
	(void)state;
	answers("tail\n", "ok\n|tail|\n");
}

static void
control_close_ends_streams(void **state)
{
	struct gp_control *c;
	struct gp_err err;
	char got[8];
	int fd;

	(void)state;
	tail = gp_tail_new(4096);
	assert_int_equal(open_at(argument, &c, &err), GP_OK);
	fd = listen_client();
	gp_control_close(c);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	assert_int_equal(close(fd), 0);
	gp_tail_free(tail);
	tail = NULL;
}

static void
control_socket_has_the_mode_that_was_asked_for(void **state)
{
	const struct gp_control_options options = { .path = path,
		.mode = 0660,
		.fn = echo,
		.arg = argument };
	mode_t old = umask(077);
	struct gp_control *c;
	struct gp_err err;
	struct stat st;

	(void)state;
	assert_int_equal(gp_control_open(&options, &c, &err), GP_OK);
	(void)umask(old);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	gp_control_close(c);
}

struct request_row {
	const char *label;
	struct gp_str received;
	bool ended;
	enum gp_rc rc;
	const char *request;
};

static const struct request_row request_rows[] = {
	{ "one line", GP_STR("ping\n"), false, GP_OK, "ping" },
	{ "ended", GP_STR("ping"), true, GP_OK, "ping" },
	{ "not yet", GP_STR("ping"), false, GP_NONE, NULL },
	{ "nothing yet", GP_STR(""), false, GP_NONE, NULL },
	{ "nothing ever", GP_STR(""), true, GP_PERM, NULL },
	{ "blank", GP_STR(" \t\r\n"), false, GP_PERM, NULL },
	{ "NUL", GP_STR("pi\0ng\n"), false, GP_PERM, NULL },
	{ "return inside", GP_STR("a\rb\n"), false, GP_PERM, NULL },
	{ "UTF-8", GP_STR("\303\274\n"), false, GP_PERM, NULL },
	{ "odd bytes behind the line", GP_STR("ping\n\001"), false, GP_OK,
	    "ping" },
};

static void
control_request_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(request_rows) / sizeof(request_rows[0]);
	     i++) {
		const struct request_row *row = &request_rows[i];
		struct gp_str got = gp_str_n(NULL, 0);
		struct gp_err err;

		print_message("# %s\n", row->label);
		assert_int_equal(gp_control_request(row->received, row->ended,
				     &got, &err),
		    row->rc);
		if (row->rc == GP_OK)
			assert_true(gp_str_eq(got, gp_str(row->request)));
	}
}

int
main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH_STREAM(test)                                                      \
	cmocka_unit_test_setup_teardown(test, setup_stream, teardown_stream)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_request_table),
		WITH_SERVER(control_answers_ok_or_error_and_ends),
		WITH_SERVER(
		    control_takes_a_request_in_pieces_or_without_newline),
		WITH_SERVER(control_refuses_what_is_no_request),
		WITH_SERVER(control_flood_still_gets_its_answer),
		WITH_SERVER(control_client_that_leaves_early_harms_nobody),
		WITH_SERVER(control_long_answers_come_whole_or_not_at_all),
		WITH_SERVER(
		    control_silent_clients_are_dropped_and_keep_nobody_waiting),
		WITH_SERVER(control_further_clients_wait_for_a_place),
		WITH_SERVER(control_without_descriptors_does_not_spin),
		WITH_SERVER(control_socket_is_for_its_owner_alone),
		WITH_SERVER(control_second_server_is_refused),
		cmocka_unit_test(
		    control_close_ends_at_once_with_clients_in_all_stages),
		cmocka_unit_test(control_close_leaves_what_is_not_ours),
		WITH_SERVER(control_tail_is_a_request_like_others_without_one),
		WITH_STREAM(
		    control_tail_streams_to_all_and_questions_are_answered),
		WITH_STREAM(control_tail_leaves_places_for_questions),
		WITH_STREAM(
		    control_tail_goes_on_when_the_client_will_say_nothing_more),
		WITH_STREAM(control_tail_may_be_silent),
		WITH_STREAM(control_tail_slow_client_is_told_what_it_lost),
		cmocka_unit_test(control_close_ends_streams),
		cmocka_unit_test(
		    control_socket_has_the_mode_that_was_asked_for),
		cmocka_unit_test(
		    control_stale_socket_is_replaced_whatever_the_umask),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
