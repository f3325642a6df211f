/* A Redis that is killed, slow, a replica, full or no Redis at all: a call ends
 * in time, nothing that was admitted is lost, and it goes on by itself. */
#include "io/clock.h"
#include "io/store_backend.h"
#include "support/redis_lab.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

#define LONG_MS    5000 /* the machine may be busy */
#define SHORT_MS   150
#define SLACK_MS   400 /* of a busy machine */
#define HOUR_MS    INT64_C(3600000)
#define THREADS    8
#define KILLS      5
#define EACH_KILL  300 /* charges between two of them */
#define PATIENCE_S 20

static struct redis_lab lab;

static int
set_up(void **state)
{
	(void)state;
	redis_lab_open(&lab, "appendonly yes\nappendfsync always");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	redis_lab_close(&lab);
	return 0;
}

static int
start_empty(void **state)
{
	(void)state;
	redis_lab_tell(&lab, "FLUSHALL", "+OK");
	return 0;
}

static struct gp_store_backend
open_url(const char *url, int64_t timeout_ms)
{
	struct gp_store_backend store;
	struct gp_err err = { "" };

	if (gp_store_redis_open(url, NULL, timeout_ms, &store, &err) != GP_OK)
		fail_msg("%s: %s", url, err.msg);
	return store;
}

static enum gp_rc
apply(const struct gp_store_backend *store, enum gp_store_how how,
    const char *key, double *level)
{
	const struct gp_charge c = { .key = gp_str(key),
		.rule = { .capacity = 1e6, .factor = 1, .share = 1 },
		.cost = 1,
		.keep_ms = HOUR_MS };
	struct gp_charged out = { .fits = true };
	const enum gp_rc rc =
	    store->ops->apply(store->self, how, 0, &c, 1, &out);

	*level = out.level;
	return rc;
}

static void
assert_charged(const struct gp_store_backend *store, const char *key,
    double want)
{
	double level;

	assert_int_equal(apply(store, GP_STORE_CHARGE, key, &level), GP_OK);
	assert_true(level == want);
}

/* It fails, within `ms` and some slack, and says `why`. */
static void
assert_fails(const struct gp_store_backend *store, int64_t ms, const char *why)
{
	const int64_t start_us = gp_clock_us();
	struct gp_buf text;
	int64_t took_ms;
	double level;

	assert_int_equal(apply(store, GP_STORE_CHARGE, "failing", &level),
	    GP_TEMP);
	took_ms = (gp_clock_us() - start_us) / 1000;
	gp_buf_init(&text, 4096);
	store->ops->describe(store->self, &text);
	print_message("# %lld ms: %s", (long long)took_ms, gp_buf_cstr(&text));
	assert_true(took_ms <= ms + SLACK_MS);
	assert_non_null(strstr(gp_buf_cstr(&text), why));
	gp_buf_clear(&text);
}

/* -- killed ---------------------------------------------------------------- */

static void
store_redis_restart_costs_no_call_and_no_count(void **state)
{
	struct gp_store_backend store = open_url(lab.url, LONG_MS);

	(void)state;
	assert_charged(&store, "a", 1);
	assert_charged(&store, "a", 2);
	redis_lab_kill(&lab);
	assert_fails(&store, 0, "can not connect");
	redis_lab_resume(&lab);
	/* a new connection, and the script is not known there */
	assert_charged(&store, "a", 3);
	redis_lab_kill(&lab);
	redis_lab_resume(&lab);
	/* the connection died unseen */
	assert_charged(&store, "a", 4);
	store.ops->close(store.self);
}

static void
store_redis_restart_without_a_file_begins_anew(void **state)
{
	struct redis_lab other;
	struct gp_store_backend store;

	(void)state;
	redis_lab_open(&other, "");
	store = open_url(other.url, LONG_MS);
	assert_charged(&store, "a", 1);
	redis_lab_kill(&other);
	redis_lab_resume(&other);
	assert_charged(&store, "a", 1);
	assert_charged(&store, "a", 2);
	store.ops->close(store.self);
	redis_lab_close(&other);
}

/* Who comes second finds the script there again. */
static void
store_redis_restart_is_noticed_by_each_relay(void **state)
{
	struct redis_lab other;
	struct gp_store_backend store[2];
	unsigned before;

	(void)state;
	redis_lab_open(&other, "");
	for (size_t i = 0; i < ROWS(store); i++) {
		store[i] = open_url(other.url, LONG_MS);
		assert_charged(&store[i], "a", (double)i + 1);
		assert_int_equal(store[i].ops->restarts(store[i].self), 0);
	}
	redis_lab_kill(&other);
	redis_lab_resume(&other);
	for (size_t i = 0; i < ROWS(store); i++) {
		assert_charged(&store[i], "a", (double)i + 1);
		before = store[i].ops->restarts(store[i].self);
		assert_true(before > 0);
		assert_charged(&store[i], "b", (double)i + 1);
		assert_int_equal(store[i].ops->restarts(store[i].self), before);
	}
	for (size_t i = 0; i < ROWS(store); i++)
		store[i].ops->close(store[i].self);
	redis_lab_close(&other);
}

struct sender {
	pthread_t thread;
	const struct gp_store_backend *store;
	unsigned *made; /* of all, atomically */
	const unsigned *end;
	unsigned admitted, lost;
};

static void *
send_on(void *arg)
{
	struct sender *s = arg;
	double level;

	while (__atomic_load_n(s->end, __ATOMIC_RELAXED) == 0) {
		if (apply(s->store, GP_STORE_CHARGE, "busy", &level) == GP_OK) {
			s->admitted++;
			__atomic_add_fetch(s->made, 1, __ATOMIC_RELAXED);
		} else {
			s->lost++;
			(void)poll(NULL, 0, 1);
		}
	}
	return NULL;
}

static void
wait_for_charges(const unsigned *made, unsigned n)
{
	const int64_t until = gp_clock_us() + PATIENCE_S * GP_US_PER_S;
	const unsigned goal = __atomic_load_n(made, __ATOMIC_RELAXED) + n;

	while (__atomic_load_n(made, __ATOMIC_RELAXED) < goal) {
		assert_true(gp_clock_us() < until);
		(void)poll(NULL, 0, 5);
	}
}

/* With a file that is written before each answer (everysec may lose two
 * seconds), what was admitted is counted; too much is what was in flight when
 * the server died, at most one call of each thread. */
static void
store_redis_killed_in_the_middle_loses_no_charge(void **state)
{
	struct gp_store_backend store = open_url(lab.url, LONG_MS);
	struct sender senders[THREADS] = { 0 };
	unsigned made = 0, end = 0, admitted = 0, lost = 0;
	double level;

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		senders[i] = (struct sender){ .store = &store,
			.made = &made,
			.end = &end };
		assert_int_equal(pthread_create(&senders[i].thread, NULL,
				     send_on, &senders[i]),
		    0);
	}
	for (int i = 0; i < KILLS; i++) {
		wait_for_charges(&made, EACH_KILL);
		redis_lab_kill(&lab);
		redis_lab_resume(&lab);
	}
	wait_for_charges(&made, EACH_KILL);
	__atomic_store_n(&end, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
		admitted += senders[i].admitted;
		lost += senders[i].lost;
	}
	assert_int_equal(apply(&store, GP_STORE_PEEK, "busy", &level), GP_OK);
	level -= 1; /* it is the level behind a charge */
	print_message("# %u admitted, %.0f counted, %u calls failed\n",
	    admitted, level, lost);
	assert_true(level >= admitted);
	assert_true(level <= admitted + KILLS * THREADS);
	assert_true(lost > 0);
	store.ops->close(store.self);
}

/* -- slow ------------------------------------------------------------------ */

struct pause {
	pthread_t thread;
	const char *command;
};

static void *
run_pause(void *arg)
{
	const struct pause *p = arg;
	char answer[64];

	redis_lab_say(&lab, p->command, answer, sizeof(answer));
	return NULL;
}

/* Until the server does not answer any more. */
static void
wait_until_stopped(const struct gp_store_backend *store)
{
	const int64_t until = gp_clock_us() + PATIENCE_S * GP_US_PER_S;
	double level;

	while (apply(store, GP_STORE_PEEK, "b", &level) == GP_OK)
		assert_true(gp_clock_us() < until);
}

static void
store_redis_late_reply_is_nobodys(void **state)
{
	static const char *const commands[] = { "DEBUG SLEEP 1",
		"CLIENT PAUSE 1000 ALL" };
	struct gp_store_backend store = open_url(lab.url, SHORT_MS);
	struct gp_store_backend patient = open_url(lab.url, LONG_MS);
	double before, level;

	(void)state;
	for (int i = 0; i < 7; i++)
		assert_charged(&patient, "b", i + 1);
	for (size_t i = 0; i < ROWS(commands); i++) {
		struct pause p = { .command = commands[i] };

		assert_int_equal(apply(&patient, GP_STORE_PEEK, "failing",
				     &before),
		    GP_OK);
		assert_int_equal(pthread_create(&p.thread, NULL, run_pause, &p),
		    0);
		wait_until_stopped(&store);
		assert_fails(&store, SHORT_MS, "no answer in time");
		assert_int_equal(pthread_join(p.thread, NULL), 0);
		/* what was sent meanwhile is carried out before this */
		assert_int_equal(apply(&patient, GP_STORE_PEEK, "failing",
				     &level),
		    GP_OK);
		assert_true(level >= before && level <= before + 1);
		for (int k = 0; k < 5; k++) {
			assert_int_equal(apply(&patient, GP_STORE_PEEK, "b",
					     &level),
			    GP_OK);
			assert_true(level == 8);
			if (apply(&store, GP_STORE_PEEK, "b", &level) == GP_OK)
				assert_true(level == 8);
		}
	}
	store.ops->close(store.self);
	patient.ops->close(patient.self);
}

/* -- another role, no memory, no script ------------------------------------ */

static void
store_redis_forgotten_script_is_loaded_again(void **state)
{
	struct gp_store_backend store = open_url(lab.url, LONG_MS);

	(void)state;
	assert_charged(&store, "a", 1);
	redis_lab_tell(&lab, "SCRIPT FLUSH", "+OK");
	assert_charged(&store, "a", 2);
	store.ops->close(store.self);
}

static void
store_redis_replica_is_left_when_it_says_so(void **state)
{
	struct redis_lab other;
	struct gp_store_backend store;
	char command[64];

	(void)state;
	redis_lab_open(&other, "");
	store = open_url(other.url, LONG_MS);
	assert_charged(&store, "a", 1);
	(void)snprintf(command, sizeof(command), "REPLICAOF 127.0.0.1 %u",
	    lab.port);
	redis_lab_tell(&other, command, "+OK");
	assert_fails(&store, LONG_MS, "trouble it says: ");
	redis_lab_tell(&other, "REPLICAOF NO ONE", "+OK");
	assert_charged(&store, "b", 1);
	redis_lab_tell(&other, "EXISTS {gatepost}:m:failing", ":0");
	store.ops->close(store.self);
	redis_lab_close(&other);
}

static void
store_redis_full_server_makes_nothing(void **state)
{
	struct gp_store_backend store = open_url(lab.url, LONG_MS);
	double level;

	(void)state;
	assert_charged(&store, "a", 1);
	redis_lab_tell(&lab, "CONFIG SET maxmemory 1", "+OK");
	assert_fails(&store, LONG_MS, "OOM");
	/* a question needs no memory */
	assert_int_equal(apply(&store, GP_STORE_PEEK, "a", &level), GP_OK);
	redis_lab_tell(&lab, "CONFIG SET maxmemory 0", "+OK");
	redis_lab_tell(&lab, "EXISTS {gatepost}:m:failing", ":0");
	assert_charged(&store, "a", 2);
	store.ops->close(store.self);
}

/* -- no Redis at all ------------------------------------------------------- */

struct impostor {
	pthread_t thread;
	int listening, stop[2];
	unsigned port;
	const char *reply; /* in one piece; NULL: an octet each 20 ms */
};

/* True until the test is over. */
static bool
wait_or_stop(const struct impostor *im, int fd, int ms)
{
	struct pollfd fds[2] = { { .fd = im->stop[0], .events = POLLIN },
		{ .fd = fd, .events = POLLIN } };

	(void)poll(fds, fd < 0 ? 1 : 2, ms);
	return (fds[0].revents & POLLIN) == 0;
}

/* All that the client sends before it waits. */
static void
swallow(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char bytes[4096];

	while (poll(&p, 1, 20) == 1 && recv(fd, bytes, sizeof(bytes), 0) > 0)
		continue;
}

static void
serve(const struct impostor *im, int fd)
{
	swallow(fd); /* INFO, which need not be known */
	(void)send(fd, "-ERR\r\n", 6, MSG_NOSIGNAL);
	swallow(fd);
	if (im->reply != NULL) {
		(void)send(fd, im->reply, strlen(im->reply), MSG_NOSIGNAL);
		(void)shutdown(fd, SHUT_WR);
		(void)wait_or_stop(im, fd, -1);
		return;
	}
	(void)send(fd, "$1000\r\n", 7, MSG_NOSIGNAL);
	while (wait_or_stop(im, -1, 20) && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		continue;
}

static void *
run_impostor(void *arg)
{
	const struct impostor *im = arg;

	while (wait_or_stop(im, im->listening, -1)) {
		const int fd = accept4(im->listening, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			serve(im, fd);
			(void)close(fd);
		}
	}
	return NULL;
}

static void
listen_on_loopback(struct impostor *im)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	im->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(im->listening >= 0);
	assert_int_equal(bind(im->listening, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(im->listening, 8), 0);
	assert_int_equal(getsockname(im->listening, (struct sockaddr *)&at, &n),
	    0);
	im->port = ntohs(at.sin_port);
}

static void
assert_impostor(const char *reply, const char *why)
{
	struct impostor im = { .reply = reply };
	struct gp_store_backend store;
	char url[64];

	listen_on_loopback(&im);
	assert_int_equal(pipe(im.stop), 0);
	assert_int_equal(pthread_create(&im.thread, NULL, run_impostor, &im),
	    0);
	(void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", im.port);
	store = open_url(url, SHORT_MS);
	assert_fails(&store, SHORT_MS, why);
	store.ops->close(store.self);
	assert_int_equal(write(im.stop[1], "x", 1), 1);
	assert_int_equal(pthread_join(im.thread, NULL), 0);
	(void)close(im.stop[0]);
	(void)close(im.stop[1]);
	(void)close(im.listening);
}

static void
store_redis_impostor_is_no_answer(void **state)
{
	static const struct {
		const char *reply, *why;
	} rows[] = {
		{ NULL, "no answer in time" },
		{ "", "the server hung up" },
		{ "$40\r\nabc", "the server hung up" },
		{ "HTTP/1.0 400 Bad Request\r\n\r\n", "Protocol error" },
		{ "+OK\r\n", "makes no sense" },
		{ ":1\r\n", "makes no sense" },
		{ "*0\r\n", "makes no sense" },
		{ "$-1\r\n", "makes no sense" },
		{ "*1000000000\r\n", "Out of memory" },
		{ "$40\r\n0123456789012345678901234567890123456789\r\n+OK\r\n",
		    "more than one reply" },
		{ "$40\r\n012345678901234567890123456789012345678x\r\n",
		    "makes no sense" },
		{ "-ERR no\r\n", "does not load the script: ERR no" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_impostor(rows[i].reply, rows[i].why);
}

/* It takes connections, as the system does for it, and says nothing. */
static void
store_redis_silent_server_is_left_in_time(void **state)
{
	struct impostor im = { .reply = NULL };
	struct gp_store_backend store;
	char url[64];

	(void)state;
	listen_on_loopback(&im);
	(void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", im.port);
	store = open_url(url, SHORT_MS);
	assert_fails(&store, SHORT_MS, "no answer in time");
	(void)close(im.listening);
	assert_fails(&store, SHORT_MS, "can not connect");
	store.ops->close(store.self);
}

static void
store_redis_names_are_looked_up_within_the_time(void **state)
{
	struct gp_store_backend store =
	    open_url("redis://no-such-host.invalid:1", SHORT_MS);
	char url[64];

	(void)state;
	assert_fails(&store, SHORT_MS, "its name ");
	store.ops->close(store.self);
	(void)snprintf(url, sizeof(url), "redis://localhost:%u", lab.port);
	store = open_url(url, LONG_MS);
	assert_charged(&store, "a", 1);
	redis_lab_kill(&lab);
	assert_fails(&store, LONG_MS, "can not connect");
	redis_lab_resume(&lab);
	assert_charged(&store, "a", 2);
	store.ops->close(store.self);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start_empty)
	static const struct CMUnitTest tests[] = {
		TEST(store_redis_restart_costs_no_call_and_no_count),
		TEST(store_redis_restart_without_a_file_begins_anew),
		TEST(store_redis_restart_is_noticed_by_each_relay),
		TEST(store_redis_killed_in_the_middle_loses_no_charge),
		TEST(store_redis_late_reply_is_nobodys),
		TEST(store_redis_forgotten_script_is_loaded_again),
		TEST(store_redis_replica_is_left_when_it_says_so),
		TEST(store_redis_full_server_makes_nothing),
		TEST(store_redis_impostor_is_no_answer),
		TEST(store_redis_silent_server_is_left_in_time),
		TEST(store_redis_names_are_looked_up_within_the_time),
	};

	if (!redis_lab_is_installed()) {
		(void)puts("1..0 # SKIP redis-server is not installed");
		return 0;
	}
	return cmocka_run_group_tests_name("store_redis_faults", tests, set_up,
	    tear_down);
}
