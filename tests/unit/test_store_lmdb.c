/* What was counted stays counted: by other processes, after a kill, after a new
 * start of the system, and when there is no room. */
#include "io/store_lmdb.h"

#include "base/xalloc.h"
#include "io/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_MS   INT64_C(86400000)
#define MEBIBYTE INT64_C(1048576)
#define START_MS INT64_C(1000000)
#define THREADS  4
#define EACH     2000
#define KILLS    100

static char parent[32];
static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(parent, sizeof(parent), "/tmp/gatepost-test.XXXXXX");
	assert_non_null(mkdtemp(parent));
	(void)snprintf(dir, sizeof(dir), "%s/rate", parent);
	return 0;
}

static void
remove_folder(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	assert_int_equal(rmdir(path), 0);
}

static int
tear_down(void **state)
{
	(void)state;
	remove_folder(dir);
	assert_int_equal(rmdir(parent), 0);
	return 0;
}

static int
start_empty(void **state)
{
	(void)state;
	remove_folder(dir);
	return 0;
}

static struct gp_store_backend
open_sized(int64_t max_bytes)
{
	struct gp_store_backend b;
	struct gp_err err = { "" };

	if (gp_store_lmdb_open(dir, max_bytes, &b, &err) != GP_OK)
		fail_msg("not opened: %s", err.msg);
	return b;
}

static struct gp_store_backend
open_store(void)
{
	return open_sized(64 * MEBIBYTE);
}

static unsigned
count_files(const char *part)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strstr(e->d_name, part) != NULL;
	(void)closedir(d);
	return n;
}

/* A counter without an end. */
static struct gp_charge
counter(const char *key)
{
	return (struct gp_charge){
		.key = gp_str(key),
		.rule = { .capacity = 1e12, .factor = 1, .share = 1 },
		.cost = 1,
		.keep_ms = 30 * DAY_MS,
	};
}

static enum gp_rc
charge(struct gp_store_backend b, int64_t now_ms, const struct gp_charge *c,
    size_t n)
{
	struct gp_charged out[8];

	assert_true(n <= 8);
	return b.ops->apply(b.self, GP_STORE_CHARGE, now_ms, c, n, out);
}

static double
level(struct gp_store_backend b, int64_t now_ms, const struct gp_charge *c)
{
	struct gp_charge probe = *c;
	struct gp_charged out;
	enum gp_rc rc;

	/* what can not fit shows what is there */
	probe.rule.capacity = 1;
	probe.cost = 1e9;
	probe.watch = true;
	probe.mark = (struct gp_str){ 0 };
	rc = b.ops->apply(b.self, GP_STORE_PEEK, now_ms, &probe, 1, &out);
	assert_int_equal(rc, GP_OK);
	return out.fits ? 0 : out.level;
}

static void
store_lmdb_keeps_levels_from_one_opening_to_the_next(void **state)
{
	const struct gp_charge c = counter("login:alice@example.com/3600");
	struct gp_store_backend b = open_store();

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(charge(b, START_MS, &c, 1), GP_OK);
	b.ops->close(b.self);
	b = open_store();
	assert_true(level(b, START_MS, &c) == 7);
	b.ops->close(b.self);
}

/* -- several at once ------------------------------------------------------ */

struct worker {
	pthread_t thread;
	struct gp_store_backend store;
	bool good;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	const struct gp_charge c[2] = { counter("a"), counter("b") };
	struct gp_charged out[2];

	w->good = true;
	for (unsigned i = 0; i < EACH; i++)
		if (w->store.ops->apply(w->store.self, GP_STORE_CHARGE,
			START_MS + i, c, 2, out) != GP_OK)
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
	const struct gp_charge a = counter("a"), b = counter("b");
	struct gp_store_backend s;
	pid_t pids[3];
	int status;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		if (gp_store_lmdb_open(dir, 64 * MEBIBYTE, &s, NULL) != GP_OK ||
		    !work_in_threads(s))
			_exit(1);
		s.ops->close(s.self);
		_exit(0);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	s = open_store();
	assert_true(level(s, START_MS + EACH, &a) == 3 * THREADS * EACH);
	assert_true(level(s, START_MS + EACH, &b) == 3 * THREADS * EACH);
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
	c[0] = counter(names[0]);
	c[2] = counter(names[1]);
	if (gp_store_lmdb_open(dir, 64 * MEBIBYTE, &s, NULL) != GP_OK)
		_exit(1);
	for (;;) {
		(void)snprintf(names[2], sizeof(names[2]), "any-%u",
		    next_random(&seed) % 3000);
		(void)snprintf(names[3], sizeof(names[3]), "mark-%u",
		    next_random(&seed) % 3000);
		c[1] = counter(names[2]);
		c[1].mark = gp_str(names[3]);
		c[1].mark_ms = 1000;
		if (s.ops->apply(s.self, GP_STORE_CHARGE, gp_clock_boot_ms(), c,
			3, done) != GP_OK ||
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
	c[0] = counter(first);
	c[1] = counter(second);
	levels[0] = level(s, gp_clock_boot_ms(), &c[0]);
	levels[1] = level(s, gp_clock_boot_ms(), &c[1]);
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
	uint64_t kills = KILLS;
	struct victim v[2] = { { .before = 0 }, { .before = 0 } };
	uint32_t seed = 20261122;
	struct gp_store_backend s;

	(void)state;
	if (wanted != NULL)
		assert_int_equal(gp_parse_u64(gp_str(wanted), 1000000, &kills),
		    GP_OK);
	for (uint64_t i = 0; i < kills; i += 2) {
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
	assert_true(v[0].before > 0 && v[1].before > 0);
	assert_int_equal(count_files("corrupt"), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start_empty)
	const struct CMUnitTest tests[] = {
		TEST(store_lmdb_keeps_levels_from_one_opening_to_the_next),
		TEST(store_lmdb_of_killed_processes_has_all_that_they_spoke_of),
		TEST(
		    store_lmdb_of_three_processes_with_threads_counts_each_charge),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
