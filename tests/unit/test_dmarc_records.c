/* The store behind gatepost-dmarc: carried over reloads, and never in the way
 * of mail. */
#include "mta/dmarc_records.h"

#include "base/time.h"
#include "io/clock.h"
#include "io/policy_file.h"
#include "io/record_store.h"

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

#define NOW gp_clock_wall_s()

enum { KEPT, REFUSED, UNAVAILABLE };

/* -- a folder, a policy, a message ------------------------------------- */

static char state_dir[] = "/tmp/gatepost-test.XXXXXX";
static char dir[64];
static struct gp_metrics *metrics;
static struct gp_arena *arena;

static void
remove_store(void)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "lock" };
	char path[96];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
	(void)unlink(dir);
}

static int
set_up(void **state)
{
	(void)state;
	memcpy(strrchr(state_dir, '.'), ".XXXXXX", sizeof(".XXXXXX") - 1);
	assert_non_null(mkdtemp(state_dir));
	(void)snprintf(dir, sizeof(dir), "%s/" GP_DMARC_RECORDS_DIR, state_dir);
	metrics = gp_metrics_new("dmarc");
	arena = gp_arena_new();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	remove_store();
	assert_int_equal(rmdir(state_dir), 0);
	gp_metrics_free(metrics);
	gp_arena_free(arena);
	return 0;
}

static struct gp_config *
config_of(const char *text)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;

	gp_problems_init(&problems);
	assert_int_equal(gp_policy_parse(gp_str(text), "c", &config, &problems),
	    GP_OK);
	gp_problems_clear(&problems);
	return config;
}

/* As a reload does it: the old ones are closed when the new ones are open. */
static struct gp_dmarc_records *
open_with(const char *policy, struct gp_dmarc_records *old)
{
	struct gp_config *config = config_of(policy);
	const struct gp_opening with = { .config = config,
		.metrics = metrics,
		.state_dir = state_dir };
	struct gp_dmarc_records *r = gp_dmarc_records_open(&with, old);

	gp_dmarc_records_close(old);
	gp_config_unref(config);
	assert_non_null(r);
	return r;
}

static void
keep(struct gp_dmarc_records *r, bool records, int64_t time_s)
{
	static const struct gp_ip client = { GP_IP_V4, { 192, 0, 2, 1 } };
	static const struct gp_dmarc_inputs inputs = { .spf_seen = false };
	static const struct gp_dmarc_outcome outcome = {
		.result = GP_DMARC_R_FAIL,
		.reason = "x",
		.policy_domain = "a.example",
	};
	static const struct gp_dmarc_case c = { .author = "a.example",
		.outcome = &outcome };
	static const struct gp_dmarc_decision done = {
		.applied = GP_DMARC_NONE,
		.comment = "",
	};
	static const struct gp_verdict v = { .action = GP_CONTINUE };
	const struct gp_dmarc_checking how = { .records = records,
		.record_bytes = INT64_C(16) << 20,
		.record_age_ms = INT64_C(365) * 24 * 3600 * 1000 };
	const struct gp_record_source from = { .time_s = time_s,
		.client = &client,
		.inputs = &inputs,
		.c = &c,
		.done = &done,
		.verdict = &v };

	gp_dmarc_records_keep(r, &how, &from, arena);
}

static bool
count(void *arg, const struct gp_record *r)
{
	(void)r;
	++*(unsigned *)arg;
	return true;
}

/* What is there when nobody has it open. */
static unsigned
written(void)
{
	struct gp_record_store *s;
	unsigned n = 0;

	assert_int_equal(gp_record_store_open(dir, 16 << 20, INT64_MAX / 4, &s,
			     NULL),
	    GP_OK);
	assert_int_equal(gp_record_store_walk(s, 0, INT64_MAX, count, &n, NULL),
	    GP_OK);
	gp_record_store_close(s);
	return n;
}

static int64_t
counted(unsigned outcome)
{
	return gp_metrics_get(metrics, GP_M_DMARC_RECORDS, outcome);
}

/* -- tests ------------------------------------------------------------- */

static void
dmarc_records_are_there_after_closing(void **state)
{
	struct gp_dmarc_records *r = open_with("", NULL);

	(void)state;
	for (int i = 0; i < 100; i++)
		keep(r, true, NOW + i);
	gp_dmarc_records_close(r);
	assert_int_equal(written(), 100);
	assert_int_equal(counted(KEPT), 100);
	assert_int_equal(counted(REFUSED) + counted(UNAVAILABLE), 0);
}

/* Nobody closes the store of a process that ends: what flush waited for is in
 * the file. */
static void
dmarc_records_are_there_after_a_flush(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		struct gp_dmarc_records *r = open_with("", NULL);

		for (int i = 0; i < 100; i++)
			keep(r, true, NOW);
		gp_dmarc_records_flush(r, gp_clock_us() + 30 * GP_US_PER_S);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(written(), 100);
	gp_dmarc_records_flush(NULL, 0);
}

/* Sessions of the old policy and of the new one write to the same store. */
static void
dmarc_records_go_on_over_reloads(void **state)
{
	struct gp_dmarc_records *r = open_with("", NULL);

	(void)state;
	keep(r, true, NOW);
	r = open_with("dmarc { record-bytes = 2m record-age = 2d }", r);
	keep(r, true, NOW);
	r = open_with("dmarc { records = no }", r);
	keep(r, false, NOW);
	keep(r, true, NOW); /* a session that is older than the reload */
	r = open_with("dmarc { record-age = 365d }", r);
	keep(r, true, NOW);
	gp_dmarc_records_close(r);
	assert_int_equal(counted(KEPT), 4);
	assert_int_equal(counted(UNAVAILABLE), 0);
	assert_int_equal(written(), 4);
}

static void
dmarc_records_of_no_open_nothing(void **state)
{
	struct gp_dmarc_records *r = open_with("dmarc { records = no }", NULL);
	struct stat st;

	(void)state;
	keep(r, false, NOW);
	assert_int_equal(stat(dir, &st), -1);
	/* until a reload wants them */
	r = open_with("", r);
	keep(r, true, NOW);
	gp_dmarc_records_close(r);
	assert_int_equal(counted(KEPT), 1);
	assert_int_equal(counted(UNAVAILABLE), 0);
	assert_int_equal(written(), 1);
}

static void
dmarc_records_without_a_folder_are_none(void **state)
{
	struct gp_config *config = config_of("");
	const struct gp_opening with = { .config = config };

	(void)state;
	assert_null(gp_dmarc_records_open(&with, NULL));
	keep(NULL, true, NOW);
	gp_dmarc_records_close(NULL);
	gp_config_unref(config);
}

/* A file stands where the folder should be. */
static void
dmarc_records_without_a_store_count_and_go_on_later(void **state)
{
	FILE *file = fopen(dir, "w");
	struct gp_dmarc_records *r;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	r = open_with("", NULL);
	for (int i = 0; i < 10; i++)
		keep(r, true, NOW);
	assert_int_equal(counted(UNAVAILABLE), 10);
	gp_dmarc_records_flush(r, 0);
	assert_int_equal(unlink(dir), 0);
	keep(r, true, NOW); /* it is not a minute later */
	assert_int_equal(counted(UNAVAILABLE), 11);
	r = open_with("", r);
	keep(r, true, NOW);
	gp_dmarc_records_close(r);
	assert_int_equal(counted(KEPT), 1);
	assert_int_equal(written(), 1);
}

/* More than the queue of the store holds, while nothing can be written. */
static void
dmarc_records_beyond_the_queue_are_refused(void **state)
{
	struct gp_dmarc_records *r = open_with("", NULL);
	struct rlimit limit;

	(void)state;
	keep(r, true, NOW);
	gp_dmarc_records_flush(r, gp_clock_us() + 30 * GP_US_PER_S);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; i < 100000; i++)
		keep(r, true, NOW);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	gp_dmarc_records_close(r);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_true(counted(REFUSED) > 0);
	assert_int_equal(counted(KEPT) + counted(REFUSED), 100001);
	assert_int_equal(written(), counted(KEPT));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(dmarc_records_are_there_after_closing),
		TEST(dmarc_records_are_there_after_a_flush),
		TEST(dmarc_records_go_on_over_reloads),
		TEST(dmarc_records_of_no_open_nothing),
		TEST(dmarc_records_without_a_folder_are_none),
		TEST(dmarc_records_beyond_the_queue_are_refused),
		TEST(dmarc_records_without_a_store_count_and_go_on_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
