/* What was counted stays counted: by other processes, after a kill, after a new
 * start of the system, and when there is no room. */
#include "io/store_lmdb.h"

#include "io/clock.h"
#include "io/lmdb_env.h"
#include "support/store_lmdb_lab.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM     (64 * LAB_MEBIBYTE)
#define START_MS INT64_C(1000000)
#define THREADS  4
#define EACH     2000
#define KILLS    1000
#define KILLS_US (40 * GP_US_PER_S) /* a busy machine makes fewer */

static struct store_lmdb_lab lab;

static int
set_up(void **state)
{
	(void)state;
	store_lmdb_lab_open(&lab);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_lmdb_lab_close(&lab);
	return 0;
}

static int
start_empty(void **state)
{
	(void)state;
	store_lmdb_lab_empty(&lab);
	return 0;
}

static struct gp_store_backend
open_store(void)
{
	return store_lmdb_lab_store(&lab, ROOM);
}

static void
store_lmdb_keeps_levels_from_one_opening_to_the_next(void **state)
{
	const struct gp_charge c =
	    store_lmdb_lab_counter("login:alice@example.com/3600");
	struct gp_store_backend b = open_store();

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(store_lmdb_lab_charge(b, START_MS, &c, 1),
		    GP_OK);
	b.ops->close(b.self);
	b = open_store();
	assert_true(store_lmdb_lab_level(b, START_MS, &c) == 7);
	b.ops->close(b.self);
}

/* -- several at once ------------------------------------------------------ */

/* Made, however long the disk of a busy machine lets others wait: GP_TEMP means
 * that nothing was. */
static enum gp_rc
charge_at_last(struct gp_store_backend s, int64_t now_ms,
    const struct gp_charge *c, size_t n, struct gp_charged *out)
{
	const int64_t deadline = gp_clock_us() + 60 * GP_US_PER_S;
	enum gp_rc rc;

	do
		rc = s.ops->apply(s.self, GP_STORE_CHARGE, now_ms, c, n, out);
	while (rc == GP_TEMP && gp_clock_us() < deadline);
	return rc;
}

struct worker {
	pthread_t thread;
	struct gp_store_backend store;
	bool good;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	const struct gp_charge c[2] = { store_lmdb_lab_counter("a"),
		store_lmdb_lab_counter("b") };
	struct gp_charged out[2];

	w->good = true;
	for (unsigned i = 0; i < EACH; i++)
		if (charge_at_last(w->store, START_MS + i, c, 2, out) != GP_OK)
			w->good = false;
	return NULL;
}

static bool
work_in_threads(struct gp_store_backend b)
{
	struct worker workers[THREADS];
	bool good = true;

	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].store = b;
		if (pthread_create(&workers[i].thread, NULL, work,
			&workers[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		good = good && workers[i].good;
	}
	return good;
}

static void
store_lmdb_of_three_processes_with_threads_counts_each_charge(void **state)
{
	const struct gp_charge a = store_lmdb_lab_counter("a"),
			       b = store_lmdb_lab_counter("b");
	struct gp_store_backend s;
	pid_t pids[3];
	int status;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		while (gp_store_lmdb_open(lab.dir, ROOM, &s, NULL) == GP_TEMP)
			continue;
		if (!work_in_threads(s))
			_exit(1);
		s.ops->close(s.self);
		_exit(0);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	s = open_store();
	assert_true(
	    store_lmdb_lab_level(s, START_MS + EACH, &a) == 3 * THREADS * EACH);
	assert_true(
	    store_lmdb_lab_level(s, START_MS + EACH, &b) == 3 * THREADS * EACH);
	s.ops->close(s.self);
}

/* -- kills ---------------------------------------------------------------- */

static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Charges on and on: two counters of its own, and keys and marks that come and
 * go; after each it says so. */
static void
charge_for_ever(unsigned who, uint32_t seed, int out)
{
	char names[4][32];
	struct gp_store_backend s;
	struct gp_charge c[3];
	struct gp_charged done[3];

	(void)snprintf(names[0], sizeof(names[0]), "first-%u", who);
	(void)snprintf(names[1], sizeof(names[1]), "second-%u", who);
	c[0] = store_lmdb_lab_counter(names[0]);
	c[2] = store_lmdb_lab_counter(names[1]);
	while (gp_store_lmdb_open(lab.dir, ROOM, &s, NULL) == GP_TEMP)
		continue;
	for (;;) {
		(void)snprintf(names[2], sizeof(names[2]), "any-%u",
		    next_random(&seed) % 3000);
		(void)snprintf(names[3], sizeof(names[3]), "mark-%u",
		    next_random(&seed) % 3000);
		c[1] = store_lmdb_lab_counter(names[2]);
		c[1].mark = gp_str(names[3]);
		c[1].mark_ms = 1000;
		if (charge_at_last(s, gp_clock_boot_ms(), c, 3, done) !=
			GP_OK ||
		    write(out, "1", 1) != 1)
			_exit(1);
		if (next_random(&seed) % 4 == 0)
			(void)s.ops->apply(s.self, GP_STORE_REFUND,
			    gp_clock_boot_ms(), &c[1], 1, &done[1]);
	}
}

struct victim {
	pid_t pid;
	int in;
	double before; /* charges of all that had this number before */
	unsigned said; /* charges it spoke of */
};

static void
start_victim(struct victim *v, unsigned who, uint32_t seed)
{
	int out[2];

	assert_int_equal(pipe(out), 0);
	v->pid = fork();
	assert_true(v->pid >= 0);
	if (v->pid == 0) {
		(void)close(out[0]);
		charge_for_ever(who, seed, out[1]);
	}
	assert_int_equal(close(out[1]), 0);
	v->in = out[0];
	v->said = 0;
}

static void
hear(struct victim *v, unsigned at_least)
{
	char said[256];

	while (v->said < at_least) {
		ssize_t n = read(v->in, said, sizeof(said));

		assert_true(n > 0);
		v->said += (unsigned)n;
	}
}

static void
kill_victim(struct victim *v)
{
	char said[256];
	ssize_t n;

	assert_int_equal(kill(v->pid, SIGKILL), 0);
	assert_int_equal(waitpid(v->pid, NULL, 0), v->pid);
	while ((n = read(v->in, said, sizeof(said))) > 0)
		v->said += (unsigned)n;
	assert_int_equal(close(v->in), 0);
}

/* One charge may have been made and not spoken of. */
static void
assert_counted(struct gp_store_backend s, struct victim *v, unsigned who)
{
	char first[32], second[32];
	struct gp_charge c[2];
	double levels[2];

	(void)snprintf(first, sizeof(first), "first-%u", who);
	(void)snprintf(second, sizeof(second), "second-%u", who);
	c[0] = store_lmdb_lab_counter(first);
	c[1] = store_lmdb_lab_counter(second);
	levels[0] = store_lmdb_lab_level(s, gp_clock_boot_ms(), &c[0]);
	levels[1] = store_lmdb_lab_level(s, gp_clock_boot_ms(), &c[1]);
	if (levels[0] < levels[1] || levels[0] > levels[1] ||
	    levels[0] < v->before + v->said ||
	    levels[0] > v->before + v->said + 1)
		fail_msg("%.0f and %u were charged; there are %.0f and %.0f",
		    v->before, v->said, levels[0], levels[1]);
	v->before = levels[0];
}

static void
spin(uint32_t times)
{
	for (volatile uint32_t i = 0; i < times; i++)
		continue;
}

/* Of two that charge at once the one is killed anywhere, also while it opens
 * the file; the other must go on, and is killed too. */
static void
store_lmdb_of_killed_processes_has_all_that_they_spoke_of(void **state)
{
	const char *wanted = getenv("GP_KILLS");
	int64_t deadline = gp_clock_us() + KILLS_US;
	uint64_t i, kills = KILLS;
	struct victim v[2] = { { .before = 0 }, { .before = 0 } };
	uint32_t seed = 20261122;
	struct gp_store_backend s;

	(void)state;
	if (wanted != NULL) {
		assert_int_equal(gp_parse_u64(gp_str(wanted), 1000000, &kills),
		    GP_OK);
		deadline = GP_NEVER_US;
	}
	for (i = 0; i < kills && (i < 100 || gp_clock_us() < deadline);
	     i += 2) {
		start_victim(&v[0], 0, next_random(&seed));
		start_victim(&v[1], 1, next_random(&seed));
		hear(&v[0], next_random(&seed) % 64);
		spin(next_random(&seed) % 100000);
		kill_victim(&v[0]);
		hear(&v[1], v[1].said + 1 + next_random(&seed) % 64);
		spin(next_random(&seed) % 100000);
		kill_victim(&v[1]);
		s = open_store();
		assert_counted(s, &v[0], 0);
		assert_counted(s, &v[1], 1);
		s.ops->close(s.self);
	}
	print_message("# %llu kills\n", (unsigned long long)i);
	assert_true(v[0].before > 0 && v[1].before > 0);
	assert_int_equal(store_lmdb_lab_files(&lab, "corrupt"), 0);
}

/* It holds the lock, and does not go on. */
static pid_t
start_stopped(void)
{
	const struct gp_lmdb_options options = {
		.what = "test",
		.max_bytes = (size_t)ROOM,
		.lock_us = GP_US_PER_S,
		.mapped = true,
	};
	struct gp_lmdb_env *e;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (gp_lmdb_open(lab.dir, &options, &e, NULL) != GP_OK ||
		    gp_lmdb_begin(e, GP_LMDB_WRITE, NULL) != GP_OK)
			_exit(1);
		(void)gp_lmdb_put(e, GP_STR("half"), GP_STR("done"));
		(void)raise(SIGSTOP);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void
store_lmdb_does_not_wait_for_a_stopped_process(void **state)
{
	const struct gp_charge c = store_lmdb_lab_counter("a");
	struct gp_store_backend s = open_store();
	int64_t start;
	pid_t pid;

	(void)state;
	assert_int_equal(store_lmdb_lab_charge(s, START_MS, &c, 1), GP_OK);
	pid = start_stopped();
	start = gp_clock_us();
	assert_int_equal(store_lmdb_lab_charge(s, START_MS, &c, 1), GP_TEMP);
	assert_true(gp_clock_us() - start < 10 * GP_US_PER_S);
	/* to read one need not write */
	assert_true(store_lmdb_lab_level(s, START_MS, &c) == 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(store_lmdb_lab_charge(s, START_MS, &c, 1), GP_OK);
	assert_true(store_lmdb_lab_level(s, START_MS, &c) == 2);
	s.ops->close(s.self);
}

/* -- a new start of the system -------------------------------------------- */

static struct gp_store_backend
open_as(char boot)
{
	uint8_t id[GP_STORE_BOOT_BYTES];
	struct gp_store_backend b = { NULL, NULL };
	struct gp_err err = { "" };

	memset(id, boot, sizeof(id));
	if (gp_store_lmdb_open_as(lab.dir, ROOM, id, &b, &err) != GP_OK)
		fail_msg("not opened: %s", err.msg);
	return b;
}

/* Rows: the id of the first and of the second start; 0: not known. */
static const char starts[][2] = { { 'a', 'b' }, { 'a', 0 }, { 0, 'b' },
	{ 0, 0 } };

static void
store_lmdb_goes_on_after_a_new_start(void **state)
{
	const int64_t before = 40 * LAB_DAY_MS, hour = 3600000;
	struct gp_charge c = store_lmdb_lab_counter("a");
	struct gp_store_backend s;
	struct gp_charged out;
	double now;

	(void)state;
	c.rule.capacity = 1000;
	c.rule.rate = 0.01;
	c.cost = 100;
	c.mark = GP_STR("m");
	c.mark_ms = hour;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		store_lmdb_lab_empty(&lab);
		s = open_as(starts[i][0]);
		assert_int_equal(store_lmdb_lab_charge(s, before, &c, 1),
		    GP_OK);
		s.ops->close(s.self);
		s = open_as(starts[i][1]);
		/* less than a minute has passed by the wall clock */
		now = store_lmdb_lab_level(s, 5000, &c);
		if (now > 100 || now < 99)
			fail_msg("row %zu: level %f", i, now);
		assert_int_equal(s.ops->apply(s.self, GP_STORE_CHARGE, 5000, &c,
				     1, &out),
		    GP_OK);
		assert_true(out.free);
		now = store_lmdb_lab_level(s, 5000 + 1000000, &c);
		if (now > 90 || now < 89)
			fail_msg("row %zu: level %f later", i, now);
		s.ops->close(s.self);
		s = open_as(starts[i][1]);
		assert_int_equal(s.ops->apply(s.self, GP_STORE_PEEK,
				     5001 + hour, &c, 1, &out),
		    GP_OK);
		assert_false(out.free);
		s.ops->close(s.self);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start_empty)
	const struct CMUnitTest tests[] = {
		TEST(store_lmdb_keeps_levels_from_one_opening_to_the_next),
		TEST(store_lmdb_of_killed_processes_has_all_that_they_spoke_of),
		TEST(store_lmdb_does_not_wait_for_a_stopped_process),
		TEST(store_lmdb_goes_on_after_a_new_start),
		TEST(
		    store_lmdb_of_three_processes_with_threads_counts_each_charge),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
