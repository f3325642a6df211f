/* log: against a syslog socket of our own, and a pipe for stderr. */
#include "core/limits.h"
#include "io/clock.h"
#include "io/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { PACKET = 2048, WAIT_MS = 5000 };

static char folder[] = "/tmp/gp-log-XXXXXX";
static char socket_path[64];
static int receiver = -1;

static void
listen_again(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", socket_path);
	receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(receiver >= 0);
	assert_int_equal(bind(receiver, (const struct sockaddr *)&at,
			     sizeof(at)),
	    0);
}

static void
stop_listening(void)
{
	(void)close(receiver);
	(void)unlink(socket_path);
	receiver = -1;
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(socket_path, sizeof(socket_path), "%s/log", folder);
	gp_log_set_socket(socket_path);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* The next packet, or "" when none comes within `ms`. */
static const char *
next_packet(int ms)
{
	static char packet[PACKET];
	struct pollfd p = { .fd = receiver, .events = POLLIN };
	ssize_t n;

	packet[0] = '\0';
	if (poll(&p, 1, ms) != 1)
		return packet;
	n = recv(receiver, packet, sizeof(packet) - 1, 0);
	assert_true(n >= 0);
	packet[n] = '\0';
	return packet;
}

static void
matches(const char *text, const char *pattern)
{
	regex_t re;
	int rc;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	rc = regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	if (rc != 0)
		print_error("\"%s\" is not like %s\n", text, pattern);
	assert_int_equal(rc, 0);
}

/* What stands behind "name[pid]: ". */
static const char *
message(const char *packet)
{
	const char *at = strstr(packet, "]: ");

	assert_non_null(at);
	return at + 3;
}

static void
log_packet_is_that_of_syslog(void **state)
{
	char pattern[200];

	(void)state;
	listen_again();
	gp_log_open("gatepost-spf", false, GP_LOG_INFO);
	gp_log(GP_LOG_INFO, "4ABC: spf=%s n=%d", "pass", 7);
	(void)snprintf(pattern, sizeof(pattern),
	    "^<22>[A-Z][a-z]{2} [ 123][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} "
	    "gatepost-spf\\[%ld\\]: 4ABC: spf=pass n=7$",
	    (long)getpid());
	matches(next_packet(WAIT_MS), pattern);
	gp_log(GP_LOG_WARNING, "w");
	matches(next_packet(WAIT_MS), "^<20>.*: w$");
	gp_log(GP_LOG_ERROR, "e");
	matches(next_packet(WAIT_MS), "^<19>.*: e$");
	stop_listening();
}

static void
log_levels_below_the_least_are_not_written(void **state)
{
	(void)state;
	listen_again();
	gp_log_open("x", false, GP_LOG_WARNING);
	gp_log(GP_LOG_INFO, "not this");
	gp_log(GP_LOG_DEBUG, "nor this");
	gp_log(GP_LOG_WARNING, "this");
	assert_string_equal(message(next_packet(WAIT_MS)), "this");
	gp_log_open("x", false, GP_LOG_DEBUG);
	gp_log(GP_LOG_DEBUG, "details");
	matches(next_packet(WAIT_MS), "^<23>.*: details$");
	stop_listening();
}

static void
log_line_is_cut_and_cleaned(void **state)
{
	char text[GP_LOG_LINE_MAX + 2];
	const char *got;

	(void)state;
	listen_again();
	gp_log_open("x", false, GP_LOG_INFO);
	gp_log(GP_LOG_INFO, "%s", "a\nb\rc\td\033e\177f\303\274 ~");
	assert_string_equal(message(next_packet(WAIT_MS)), "a?b?c?d?e?f?? ~");

	memset(text, 'x', sizeof(text));
	text[GP_LOG_LINE_MAX] = '\0';
	gp_log(GP_LOG_INFO, "%s", text);
	assert_string_equal(message(next_packet(WAIT_MS)), text);
	text[GP_LOG_LINE_MAX] = 'x';
	text[GP_LOG_LINE_MAX + 1] = '\0';
	gp_log(GP_LOG_INFO, "%s", text);
	got = message(next_packet(WAIT_MS));
	assert_int_equal(strlen(got), GP_LOG_LINE_MAX);
	assert_string_equal(got + GP_LOG_LINE_MAX - 4, "x...");
	stop_listening();
}

static void
log_full_socket_loses_and_counts_but_never_waits(void **state)
{
	uint64_t before = gp_log_lost();
	int64_t start = gp_clock_us();
	uint64_t lost = 0;
	uint64_t got = 0;
	char want[40];

	(void)state;
	listen_again();
	gp_log_open("x", false, GP_LOG_INFO);
	for (unsigned i = 0; i < 5000; i++)
		gp_log(GP_LOG_INFO, "filler");
	assert_true(gp_clock_us() - start < 2 * GP_US_PER_S);
	lost = gp_log_lost() - before;
	assert_true(lost > 0);
	while (strcmp(next_packet(0), "") != 0)
		got++;
	assert_int_equal(got + lost, 5000);

	gp_log(GP_LOG_INFO, "room again");
	assert_string_equal(message(next_packet(WAIT_MS)), "room again");
	(void)snprintf(want, sizeof(want), "log lines lost: %llu",
	    (unsigned long long)lost);
	assert_string_equal(message(next_packet(WAIT_MS)), want);
	gp_log(GP_LOG_INFO, "last");
	assert_string_equal(message(next_packet(WAIT_MS)), "last");
	assert_string_equal(next_packet(0), "");
	stop_listening();
}

static void
log_restarted_syslog_loses_nothing(void **state)
{
	uint64_t before = gp_log_lost();

	(void)state;
	listen_again();
	gp_log_open("x", false, GP_LOG_INFO);
	gp_log(GP_LOG_INFO, "one");
	assert_string_equal(message(next_packet(WAIT_MS)), "one");
	stop_listening();
	listen_again();
	gp_log(GP_LOG_INFO, "two");
	assert_string_equal(message(next_packet(WAIT_MS)), "two");
	assert_int_equal(gp_log_lost(), before);
	stop_listening();
}

static void
log_missing_socket_is_found_when_it_comes(void **state)
{
	uint64_t before = gp_log_lost();
	int64_t give_up = gp_clock_us() + 10 * GP_US_PER_S;
	unsigned sent = 2;
	const char *got = "";
	char want[40];

	(void)state;
	gp_log_open("x", false, GP_LOG_INFO);
	gp_log(GP_LOG_INFO, "nobody hears");
	gp_log(GP_LOG_INFO, "nobody hears");
	assert_int_equal(gp_log_lost() - before, 2);
	listen_again();
	while (got[0] == '\0' && gp_clock_us() < give_up) {
		gp_log(GP_LOG_INFO, "somebody?");
		sent++;
		got = next_packet(20);
	}
	assert_string_equal(message(got), "somebody?");
	(void)snprintf(want, sizeof(want), "log lines lost: %u", sent - 1);
	assert_string_equal(message(next_packet(WAIT_MS)), want);
	stop_listening();
}

/* -- stderr --------------------------------------------------------------- */

static int saved_stderr = -1;

/* stderr becomes a pipe; returns its reading end. */
static int
catch_stderr(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(fds[1]);
	return fds[0];
}

static void
release_stderr(void)
{
	(void)dup2(saved_stderr, STDERR_FILENO);
	(void)close(saved_stderr);
}

static void
log_foreground_writes_lines_to_stderr(void **state)
{
	int fd = catch_stderr();
	char got[200] = "";
	ssize_t n;

	(void)state;
	gp_log_open("gatepost-spf", true, GP_LOG_INFO);
	gp_log(GP_LOG_INFO, "4ABC: spf=pass");
	gp_log(GP_LOG_ERROR, "a\nb");
	release_stderr();
	n = read(fd, got, sizeof(got) - 1);
	(void)close(fd);
	assert_true(n > 0);
	assert_string_equal(got, "gatepost-spf: 4ABC: spf=pass\n"
				 "gatepost-spf: a?b\n");
}

static void
log_foreground_in_the_journal_keeps_its_facility(void **state)
{
	struct stat st;
	char stream[64];
	int fd;

	(void)state;
	listen_again();
	fd = catch_stderr();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	gp_log_open("x", true, GP_LOG_INFO);
	release_stderr();
	gp_log(GP_LOG_INFO, "to the journal");
	matches(next_packet(WAIT_MS), "^<22>.*: to the journal$");
	/* inherited from a service, but stderr is something else by now */
	assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
	(void)close(fd);
	fd = catch_stderr();
	gp_log_open("x", true, GP_LOG_INFO);
	gp_log(GP_LOG_INFO, "to stderr");
	release_stderr();
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	assert_int_equal(read(fd, stream, sizeof(stream)), 13);
	(void)close(fd);
	assert_string_equal(next_packet(0), "");
	stop_listening();
}

enum { THREADS = 4, LINES = 500 };

static void *
log_many(void *arg)
{
	const char *word = arg;

	for (int i = 0; i < LINES; i++)
		gp_log(GP_LOG_INFO, "%s %d %s%s%s%s end", word, i, word, word,
		    word, word);
	return NULL;
}

/* Read the pipe to its end; returns the number of whole lines. */
static unsigned
whole_lines(int fd)
{
	FILE *f = fdopen(fd, "r");
	char line[600];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		matches(line, "^x: (([a-d])\\2{29}) [0-9]+ \\1{4} end\n$");
		n++;
	}
	(void)fclose(f);
	return n;
}

static void
log_lines_of_threads_stay_whole(void **state)
{
	static char word[THREADS][31];
	pthread_t threads[THREADS];
	uint64_t before = gp_log_lost();
	int fd = catch_stderr();
	int size = fcntl(STDERR_FILENO, F_SETPIPE_SZ, 1 << 20);

	(void)state;
	gp_log_open("x", true, GP_LOG_INFO);
	for (int i = 0; i < THREADS; i++) {
		memset(word[i], 'a' + i, 30);
		assert_int_equal(pthread_create(&threads[i], NULL, log_many,
				     word[i]),
		    0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	release_stderr();
	assert_true(size >= 1 << 19);
	assert_int_equal(whole_lines(fd), THREADS * LINES);
	assert_int_equal(gp_log_lost(), before);
}

static void
log_packets_of_threads_are_got_or_counted(void **state)
{
	static char word[THREADS][31];
	pthread_t threads[THREADS];
	uint64_t before;
	uint64_t got = 0;

	(void)state;
	listen_again();
	gp_log_open("x", false, GP_LOG_INFO);
	before = gp_log_lost();
	for (int i = 0; i < THREADS; i++) {
		memset(word[i], 'a' + i, 30);
		assert_int_equal(pthread_create(&threads[i], NULL, log_many,
				     word[i]),
		    0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (;;) {
		const char *packet = next_packet(0);

		if (packet[0] == '\0')
			break;
		if (strstr(packet, "log lines lost") == NULL)
			got++;
	}
	assert_int_equal(got + gp_log_lost() - before, THREADS * LINES);
	stop_listening();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_packet_is_that_of_syslog),
		cmocka_unit_test(log_levels_below_the_least_are_not_written),
		cmocka_unit_test(log_line_is_cut_and_cleaned),
		cmocka_unit_test(
		    log_full_socket_loses_and_counts_but_never_waits),
		cmocka_unit_test(log_restarted_syslog_loses_nothing),
		cmocka_unit_test(log_missing_socket_is_found_when_it_comes),
		cmocka_unit_test(log_foreground_writes_lines_to_stderr),
		cmocka_unit_test(
		    log_foreground_in_the_journal_keeps_its_facility),
		cmocka_unit_test(log_lines_of_threads_stay_whole),
		cmocka_unit_test(log_packets_of_threads_are_got_or_counted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
