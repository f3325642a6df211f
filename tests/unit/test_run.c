/* Other programs: their end, their words, their time. */
#include "io/run.h"

#include "io/clock.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS  20000
#define SHORT_MS 200

static enum gp_rc
sh(const char *script, struct gp_str input, int64_t timeout_ms,
    struct gp_run_result *r, struct gp_err *err)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const struct gp_run what = { .argv = argv,
		.input = input,
		.timeout_ms = timeout_ms };

	return gp_run(&what, r, err);
}

static int
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	assert_int_equal(closedir(dir), 0);
	return n;
}

static void
run_gives_code_and_both_outputs(void **state)
{
	struct gp_run_result r;
	struct gp_err err;

	(void)state;
	assert_int_equal(sh("echo out; echo err >&2; exit 7", GP_STR(""),
			     LONG_MS, &r, &err),
	    GP_OK);
	assert_int_equal(r.code, 7);
	assert_string_equal(gp_buf_cstr(&r.out), "out\n");
	assert_string_equal(gp_buf_cstr(&r.err), "err\n");
	gp_run_clear(&r);
}

static void
run_environment_is_ours_alone(void **state)
{
	struct gp_run_result r;
	struct gp_err err;

	(void)state;
	assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
	assert_int_equal(setenv("LD_PRELOAD", "", 1), 0);
	assert_int_equal(sh("env | grep -v -e ^PWD= -e ^_= | sort", GP_STR(""),
			     LONG_MS, &r, &err),
	    GP_OK);
	assert_string_equal(gp_buf_cstr(&r.out),
	    "LC_ALL=C\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
	    "/sbin:/bin\n");
	gp_run_clear(&r);
}

static void
run_input_is_read_to_its_end(void **state)
{
	const size_t n = 700000; /* more than any pipe holds */
	char *text = malloc(n);
	struct gp_run_result r;
	struct gp_err err;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	assert_int_equal(sh("cat; echo done >&2", gp_str_n(text, n), LONG_MS,
			     &r, &err),
	    GP_OK);
	assert_int_equal(r.out.n, n);
	assert_memory_equal(r.out.p, text, n);
	assert_string_equal(gp_buf_cstr(&r.err), "done\n");
	gp_run_clear(&r);
	free(text);
}

static void
run_input_that_nobody_reads_does_not_end_us(void **state)
{
	const size_t n = 700000;
	char *text = calloc(1, n);
	struct gp_run_result r;
	struct gp_err err;

	(void)state;
	assert_non_null(text);
	assert_int_equal(sh("exec <&-; exit 3", gp_str_n(text, n), LONG_MS, &r,
			     &err),
	    GP_OK);
	assert_int_equal(r.code, 3);
	gp_run_clear(&r);
	free(text);
}

static void
run_output_beyond_the_maximum_is_dropped(void **state)
{
	struct gp_run_result r;
	struct gp_err err;

	(void)state;
	assert_int_equal(sh("head -c 3000000 /dev/zero; exit 4", GP_STR(""),
			     LONG_MS, &r, &err),
	    GP_OK);
	assert_int_equal(r.code, 4);
	assert_int_equal(r.out.n, GP_RUN_OUTPUT_MAX);
	gp_run_clear(&r);
}

/* The program and what it has started. */
static void
run_over_its_time_is_killed_with_its_children(void **state)
{
	const int64_t begin = gp_clock_us();
	struct gp_run_result r;
	struct gp_err err;
	char *end;
	long child;

	(void)state;
	assert_int_equal(sh("sleep 60 & echo $!; wait", GP_STR(""), SHORT_MS,
			     &r, &err),
	    GP_TEMP);
	assert_true(gp_clock_us() - begin < 10 * GP_US_PER_S);
	assert_non_null(strstr(err.msg, "no end within 0.2 s"));
	child = strtol(gp_buf_cstr(&r.out), &end, 10);
	assert_true(child > 1 && *end == '\n');
	/* it may be there still, dead, until somebody asks for its end */
	if (kill((pid_t)child, 0) == 0) {
		char path[64], text[256] = "";
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%ld/stat", child);
		f = fopen(path, "re");
		if (f != NULL) {
			assert_non_null(fgets(text, sizeof(text), f));
			assert_non_null(strstr(text, ") Z"));
			assert_int_equal(fclose(f), 0);
		}
	}
	gp_run_clear(&r);
}

/* A daemon that it leaves behind holds its outputs open. */
static void
run_end_does_not_wait_for_who_is_left_behind(void **state)
{
	const int64_t begin = gp_clock_us();
	struct gp_run_result r;
	struct gp_err err;
	char *end;
	long child;

	(void)state;
	assert_int_equal(sh("sleep 30 & echo $!", GP_STR(""), LONG_MS, &r,
			     &err),
	    GP_OK);
	assert_true(gp_clock_us() - begin < 10 * GP_US_PER_S);
	child = strtol(gp_buf_cstr(&r.out), &end, 10);
	assert_true(child > 1 && *end == '\n');
	assert_int_equal(kill((pid_t)child, SIGKILL), 0);
	gp_run_clear(&r);
}

static void
run_end_by_a_signal_is_told(void **state)
{
	struct gp_run_result r;
	struct gp_err err;

	(void)state;
	assert_int_equal(sh("echo last; kill -9 $$", GP_STR(""), LONG_MS, &r,
			     &err),
	    GP_TEMP);
	assert_string_equal(err.msg, "sh: ended by signal 9");
	assert_string_equal(gp_buf_cstr(&r.out), "last\n");
	gp_run_clear(&r);
}

static void
run_of_no_program_is_none_and_of_no_right_is_permanent(void **state)
{
	static const char *const none[] = { "gatepost-no-such-program", NULL };
	static const char *const path[] = { "/nowhere/program", NULL };
	static const char *const data[] = { "/etc/passwd", NULL };
	const struct {
		const char *const *argv;
		enum gp_rc rc;
	} rows[] = { { none, GP_NONE }, { path, GP_NONE }, { data, GP_PERM } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct gp_run what = { .argv = rows[i].argv,
			.timeout_ms = LONG_MS };
		struct gp_run_result r;
		struct gp_err err;

		assert_int_equal(gp_run(&what, &r, &err), rows[i].rc);
		assert_non_null(strstr(err.msg, rows[i].argv[0]));
		gp_run_clear(&r);
	}
}

/* Neither side keeps a file of the other; a signal that we hold back is not
 * held back there. */
static void
run_leaves_no_file_open_on_either_side(void **state)
{
	const int before = open_files();
	struct gp_run_result r;
	struct gp_err err;
	sigset_t term, old;

	(void)state;
	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &term, &old), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(
		    sh("ls /proc/self/fd | wc -l; "
		       "grep SigBlk /proc/self/status | tr -d '\\t'",
			GP_STR("x"), LONG_MS, &r, &err),
		    GP_OK);
		/* 0 1 2, and the folder */
		assert_string_equal(gp_buf_cstr(&r.out),
		    "4\nSigBlk:0000000000000000\n");
		gp_run_clear(&r);
	}
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	assert_int_equal(open_files(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_gives_code_and_both_outputs),
		cmocka_unit_test(run_environment_is_ours_alone),
		cmocka_unit_test(run_input_is_read_to_its_end),
		cmocka_unit_test(run_input_that_nobody_reads_does_not_end_us),
		cmocka_unit_test(run_output_beyond_the_maximum_is_dropped),
		cmocka_unit_test(run_over_its_time_is_killed_with_its_children),
		cmocka_unit_test(run_end_does_not_wait_for_who_is_left_behind),
		cmocka_unit_test(run_end_by_a_signal_is_told),
		cmocka_unit_test(
		    run_of_no_program_is_none_and_of_no_right_is_permanent),
		cmocka_unit_test(run_leaves_no_file_open_on_either_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
