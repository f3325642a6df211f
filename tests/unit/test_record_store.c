/* What was appended is there, in order, whoever wrote it and however it ended;
 * and a message never waits for it. */
#include "io/record_store.h"

#include "io/clock.h"
#include "io/lmdb_env.h"
#include "support/record_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOON     INT64_C(1795000000)
#define DAY_S    INT64_C(86400)
#define EVER_S   INT64_MAX
#define THREADS  4
#define EACH     1500
#define KILLS    12
#define NOBODY   65534
#define MEBIBYTE INT64_C(1048576)

static struct record_lab lab;

static int
set_up(void **state)
{
	(void)state;
	record_lab_open(&lab);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	record_lab_close(&lab);
	return 0;
}

static int
start_empty(void **state)
{
	(void)state;
	record_lab_empty(&lab);
	return 0;
}

static void
record_store_walks_one_day_in_order(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 0);
	static const int64_t offsets[] = { DAY_S, -1, 5, DAY_S - 1, 0, 5, 7 };
	struct record_tally t = { 0 };

	(void)state;
	for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		assert_int_equal(record_lab_append(s, NOON + offsets[i], i),
		    GP_OK);
	record_lab_flush(s);
	record_lab_tally(s, NOON, NOON + DAY_S, &t);
	assert_int_equal(t.n, 5);
	assert_true(t.in_order);
	assert_int_equal(t.last_s, NOON + DAY_S - 1);
	record_lab_tally(s, -5, EVER_S, &t);
	assert_int_equal(t.n, 7);
	record_lab_tally(s, NOON, NOON, &t);
	assert_int_equal(t.n, 0);
	record_lab_tally(s, -7, -1, &t);
	assert_int_equal(t.n, 0);
	gp_record_store_close(s);
}

static void
record_store_is_there_after_close_and_open(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 0);
	struct record_tally t = { 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(record_lab_append(s, NOON, i), GP_OK);
	gp_record_store_close(s); /* which writes them */
	s = record_lab_store(&lab, 0);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 100);
	assert_int_equal(t.highest, 99);
	assert_int_equal(record_lab_append(s, NOON, 100), GP_OK);
	gp_record_store_close(s);
	s = record_lab_store(&lab, 0);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 101);
	assert_int_equal(t.damaged, 0);
	gp_record_store_close(s);
}

/* Without flush or close: the thread sees to it. */
static void
record_store_writes_by_itself(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 0);
	const int64_t deadline = gp_clock_us() + 20 * GP_US_PER_S;
	struct record_tally t = { 0 };

	(void)state;
	assert_int_equal(record_lab_append(s, NOON, 1), GP_OK);
	do
		record_lab_tally(s, 0, EVER_S, &t);
	while (t.n == 0 && gp_clock_us() < deadline);
	assert_int_equal(t.n, 1);
	gp_record_store_close(s);
}

static void
record_store_refuses_what_is_no_record(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 0);
	const struct gp_record r = { .time_s = NOON };
	struct record_tally t = { 0 };

	(void)state;
	assert_int_equal(gp_record_store_append(s, &r), GP_PERM);
	record_lab_flush(s);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 0);
	gp_record_store_close(s);
}

/* -- walking -------------------------------------------------------------- */

struct guest {
	struct gp_record_store *store;
	unsigned n;
};

static bool
use_store(void *arg, const struct gp_record *r)
{
	struct guest *g = arg;
	struct record_tally t = { 0 };

	(void)r;
	assert_int_equal(record_lab_append(g->store, NOON - 1, 7), GP_OK);
	record_lab_flush(g->store);
	record_lab_tally(g->store, NOON - 1, NOON, &t);
	assert_int_equal(t.n, ++g->n);
	return g->n < 3;
}

static void
record_store_may_be_used_in_a_walk_which_fn_ends(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 0);
	struct guest g = { .store = s };

	(void)state;
	record_lab_fill(s, NOON, 0, 10);
	assert_int_equal(gp_record_store_walk(s, NOON, EVER_S, use_store, &g,
			     NULL),
	    GP_OK);
	assert_int_equal(g.n, 3);
	gp_record_store_close(s);
}

/* -- several at once ------------------------------------------------------ */

struct worker {
	pthread_t thread;
	struct gp_record_store *store;
	unsigned first;
};

static void *
work(void *arg)
{
	const struct worker *w = arg;
	struct record_tally t = { 0 };

	for (unsigned i = 0; i < EACH; i++) {
		if (record_lab_append(w->store, NOON + i / 10, w->first + i) !=
		    GP_OK)
			return NULL;
		if (i % 500 != 499)
			continue;
		/* four of these fit into the queue, however slow the disk */
		record_lab_flush(w->store);
		record_lab_tally(w->store, 0, EVER_S, &t);
	}
	record_lab_flush(w->store);
	return gp_record_store_age(w->store, NOON) == GP_OK ? arg : NULL;
}

static void
assert_each_once(struct gp_record_store *s, unsigned n)
{
	struct record_tally t = { .seen = calloc(n, sizeof(unsigned)),
		.seen_n = n };

	assert_non_null(t.seen);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, n);
	assert_true(t.in_order);
	assert_int_equal(t.damaged, 0);
	for (unsigned i = 0; i < n; i++)
		if (t.seen[i] != 1)
			fail_msg("record %u is there %u times", i, t.seen[i]);
	free(t.seen);
}

static void
record_store_of_four_threads_has_each_record_once(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 16 * MEBIBYTE);
	struct worker workers[THREADS];
	void *done;

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].store = s;
		workers[i].first = i * EACH;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
				     &workers[i]),
		    0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, &done), 0);
		assert_ptr_equal(done, &workers[i]);
	}
	assert_each_once(s, THREADS * EACH);
	gp_record_store_close(s);
}

/* In a child: no cmocka, whose failures would jump into the parent's code. */
static bool
child_append(struct gp_record_store *s, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (record_lab_append(s, NOON + i, first + i) != GP_OK)
			return false;
	return gp_record_store_flush(s, gp_clock_us() + 60 * GP_US_PER_S) ==
	       GP_OK;
}

static void
record_store_of_two_processes_has_each_record_once(void **state)
{
	struct gp_record_store *s;
	pid_t pids[2];
	int status;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		for (unsigned part = 0; part < 5; part++) {
			if (gp_record_store_open(lab.dir, 16 * MEBIBYTE,
				LAB_YEAR_S, &s, NULL) != GP_OK ||
			    !child_append(s, i * 2000 + part * 400, 400))
				_exit(1);
			gp_record_store_close(s);
		}
		_exit(0);
	}
	s = record_lab_store(&lab, 16 * MEBIBYTE);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_each_once(s, 4000);
	gp_record_store_close(s);
}

/* A process that writes on and on, and says after each flush how far it is. */
static pid_t
start_writer(unsigned first, int out)
{
	struct gp_record_store *s;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	if (gp_record_store_open(lab.dir, MEBIBYTE * 4, LAB_YEAR_S, &s, NULL) !=
	    GP_OK)
		_exit(1);
	for (unsigned n = first;; n += 20)
		if (!child_append(s, n, 20) ||
		    write(out, &(unsigned){ n + 20 }, sizeof(unsigned)) !=
			sizeof(unsigned))
			_exit(1);
}

static void
record_store_of_a_killed_writer_has_all_that_was_written(void **state)
{
	struct record_tally t = { 0 };
	unsigned next = 0;

	(void)state;
	for (unsigned i = 0; i < KILLS; i++) {
		struct gp_record_store *s;
		unsigned said = 0;
		int out[2];
		pid_t pid;

		assert_int_equal(pipe(out), 0);
		pid = start_writer(next, out[1]);
		assert_int_equal(close(out[1]), 0);
		for (unsigned k = 0; k <= i; k++)
			assert_int_equal(read(out[0], &said, sizeof(said)),
			    sizeof(said));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(out[0], &said, sizeof(said)) == sizeof(said))
			;
		assert_int_equal(close(out[0]), 0);
		s = record_lab_store(&lab, 4 * MEBIBYTE);
		record_lab_tally(s, 0, EVER_S, &t);
		if (t.n == 0 || t.highest + 1 < said)
			fail_msg("%u were written, %u are there", said, t.n);
		assert_int_equal(t.damaged, 0);
		assert_int_equal(t.n, t.highest + 1);
		next = t.highest + 1;
		gp_record_store_close(s);
	}
	assert_int_equal(record_lab_files(&lab, "corrupt"), 0);
}

static void
record_store_is_open_once_in_a_process(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 0), *other;
	struct gp_err err = { "" };

	(void)state;
	assert_int_equal(gp_record_store_open(lab.dir, 0, 1, &other, &err),
	    GP_PERM);
	assert_null(other);
	assert_non_null(strstr(err.msg, "already"));
	gp_record_store_close(s);
	gp_record_store_close(record_lab_store(&lab, 0));
}

/* -- bounds --------------------------------------------------------------- */

static void
record_store_beyond_its_size_loses_the_oldest(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, MEBIBYTE);
	struct record_tally t = { 0 };
	struct stat st;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		record_lab_fill(s, NOON + i * 1000, i * 1000, 1000);
		record_lab_tally(s, 0, EVER_S, &t);
		assert_int_equal(t.highest, i * 1000 + 999);
		assert_int_equal(t.n, t.highest - t.lowest + 1);
		assert_int_equal(stat(lab.data, &st), 0);
		assert_true(st.st_size <= MEBIBYTE);
	}
	/* about 240 octets each, three quarters of it, pages full */
	assert_true(t.n > 2000 && t.n < 5000);
	gp_record_store_close(s);
}

static void
record_store_made_smaller_shrinks_what_it_holds(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 8 * MEBIBYTE);
	struct record_tally t = { 0 };

	(void)state;
	record_lab_fill(s, NOON, 0, 9000);
	gp_record_store_limit(s, 2 * MEBIBYTE, LAB_YEAR_S);
	assert_int_equal(gp_record_store_age(s, NOON), GP_OK);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_true(t.n > 5000 && t.n < 8000);
	gp_record_store_close(s);
	s = record_lab_store(&lab, MEBIBYTE);
	assert_int_equal(gp_record_store_age(s, NOON), GP_OK);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.highest, 8999);
	assert_true(t.n > 2000 && t.n < 5000);
	gp_record_store_limit(s, MEBIBYTE, 10);
	assert_int_equal(gp_record_store_age(s, NOON + 9000), GP_OK);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.lowest, 8990);
	gp_record_store_close(s);
}

static void
record_store_deletes_what_is_too_old(void **state)
{
	struct gp_record_store *s;
	struct record_tally t = { 0 };

	(void)state;
	assert_int_equal(gp_record_store_open(lab.dir, 4 * MEBIBYTE, DAY_S, &s,
			     NULL),
	    GP_OK);
	/* the thread ages by the clock, which must not come into this */
	record_lab_fill(s, gp_clock_wall_s(), 0, 2000);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 2000);
	assert_int_equal(gp_record_store_age(s, t.last_s - 1999 + DAY_S),
	    GP_OK);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.lowest, 0); /* as old as may be */
	assert_int_equal(gp_record_store_age(s, t.last_s - 1999 + DAY_S + 1500),
	    GP_OK);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.lowest, 1500);
	assert_int_equal(t.n, 500);
	/* a clock that stands before everything deletes nothing */
	assert_int_equal(gp_record_store_age(s, 0), GP_OK);
	assert_int_equal(gp_record_store_age(s, INT64_MIN), GP_OK);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 500);
	assert_int_equal(gp_record_store_age(s, INT64_MAX), GP_OK);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 0);
	gp_record_store_close(s);
}

static void
record_store_ages_by_itself(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 4 * MEBIBYTE);
	struct record_tally t = { 0 };
	const int64_t now = gp_clock_wall_s();
	const int64_t deadline = gp_clock_us() + 20 * GP_US_PER_S;

	(void)state;
	/* more than one transaction deletes */
	record_lab_fill(s, now - 3 * DAY_S, 0, 5000);
	gp_record_store_close(s);
	assert_int_equal(gp_record_store_open(lab.dir, 4 * MEBIBYTE, DAY_S, &s,
			     NULL),
	    GP_OK);
	assert_int_equal(record_lab_append(s, now, 5000), GP_OK);
	record_lab_flush(s);
	do
		record_lab_tally(s, 0, EVER_S, &t);
	while (t.n != 1 && gp_clock_us() < deadline);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.lowest, 5000);
	gp_record_store_close(s);
}

/* -- when it can not write ------------------------------------------------ */

static unsigned
append_until_refused(struct gp_record_store *s, unsigned first)
{
	unsigned n = first;

	while (record_lab_append(s, NOON, n) == GP_OK)
		n++;
	return n;
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Files may not grow: what a full disk is like, but for the errno. */
static void
record_store_on_a_full_disk_keeps_what_it_can_and_writes_later(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 16 * MEBIBYTE);
	struct record_tally t = { 0 };
	unsigned n;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	record_lab_fill(s, NOON, 0, 10);
	limit_files(16384);
	n = append_until_refused(s, 10);
	assert_true(n > 2000);
	assert_int_equal(gp_record_store_flush(s,
			     gp_clock_us() + 300 * GP_US_PER_MS),
	    GP_TEMP);
	/* the first of them went to the thread, so that there is room again */
	n = append_until_refused(s, n);
	assert_int_equal(record_lab_append(s, NOON, n), GP_TEMP);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_true(t.n >= 10 && t.damaged == 0);
	limit_files(RLIM_INFINITY);
	record_lab_flush(s);
	assert_each_once(s, n);
	gp_record_store_close(s);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(record_lab_files(&lab, "corrupt"), 0);
}

/* A process that writes, and does not go on. */
static pid_t
start_stopped(void)
{
	const struct gp_lmdb_options options = {
		.what = "test",
		.max_bytes = (size_t)MEBIBYTE,
		.lock_us = GP_US_PER_S,
	};
	struct gp_lmdb_env *e;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (gp_lmdb_open(lab.dir, &options, &e, NULL) != GP_OK ||
		    gp_lmdb_begin(e, GP_LMDB_WRITE, NULL) != GP_OK)
			_exit(1);
		(void)raise(SIGSTOP);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void
record_store_does_not_wait_for_a_stopped_process(void **state)
{
	pid_t pid;
	struct gp_record_store *s;
	int64_t start;

	(void)state;
	gp_record_store_close(record_lab_store(&lab, 0));
	pid = start_stopped();
	assert_int_equal(gp_record_store_open(lab.dir, 0, 1, &s, NULL),
	    GP_TEMP);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	s = record_lab_store(&lab, 0);
	pid = start_stopped();
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(record_lab_append(s, NOON, i), GP_OK);
	assert_int_equal(gp_record_store_flush(s,
			     gp_clock_us() + 300 * GP_US_PER_MS),
	    GP_TEMP);
	start = gp_clock_us();
	gp_record_store_close(s);
	assert_true(gp_clock_us() - start < 5 * GP_US_PER_S);
	/* what it held is free again */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	gp_record_store_close(record_lab_store(&lab, 0));
}

static void
record_store_without_access_is_permanent(void **state)
{
	const bool root = geteuid() == 0;
	struct gp_record_store *s;
	struct gp_err err = { "" };

	(void)state;
	assert_int_equal(mkdir(lab.dir, 0555), 0);
	if (root)
		assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(gp_record_store_open(lab.dir, 0, 1, &s, &err),
	    GP_PERM);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_null(s);
	assert_non_null(strstr(err.msg, lab.dir));
	assert_int_equal(gp_record_store_open("/nowhere/records", 0, 1, &s,
			     &err),
	    GP_PERM);
	assert_non_null(strstr(err.msg, "/nowhere/records"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start_empty)
	const struct CMUnitTest tests[] = {
		TEST(record_store_walks_one_day_in_order),
		TEST(record_store_is_there_after_close_and_open),
		TEST(record_store_writes_by_itself),
		TEST(record_store_refuses_what_is_no_record),
		TEST(record_store_may_be_used_in_a_walk_which_fn_ends),
		TEST(record_store_of_four_threads_has_each_record_once),
		TEST(record_store_of_two_processes_has_each_record_once),
		TEST(record_store_of_a_killed_writer_has_all_that_was_written),
		TEST(record_store_is_open_once_in_a_process),
		TEST(record_store_beyond_its_size_loses_the_oldest),
		TEST(record_store_made_smaller_shrinks_what_it_holds),
		TEST(record_store_deletes_what_is_too_old),
		TEST(record_store_ages_by_itself),
		TEST(
		    record_store_on_a_full_disk_keeps_what_it_can_and_writes_later),
		TEST(record_store_does_not_wait_for_a_stopped_process),
		TEST(record_store_without_access_is_permanent),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
