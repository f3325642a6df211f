/* The files of a policy: which are read, in which order, and which are not. */
#include "io/policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of its own for each test: DIR/gatepost.conf and DIR/policy.d. */
struct place {
	char dir[64];
	struct gp_problems problems;
	struct gp_config *config;
};

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/gp-policy-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	gp_problems_init(&p->problems);
	*state = p;
	return 0;
}

static void
path_in(const struct place *p, const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/%s", p->dir, name);
}

static void
put(const struct place *p, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	path_in(p, name, path, sizeof(path));
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fputs(text, file) == EOF, 0);
	assert_int_equal(fclose(file), 0);
}

static void
put_folder(const struct place *p, const char *name)
{
	char path[256];

	path_in(p, name, path, sizeof(path));
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
drop(const struct place *p, const char *name)
{
	char path[256];

	path_in(p, name, path, sizeof(path));
	if (unlink(path) != 0 && errno != ENOENT)
		(void)rmdir(path);
}

static int
tear_down(void **state)
{
	static const char *const names[] = { "policy.d/10-a.conf",
		"policy.d/9-b.conf", "policy.d/B.conf", "policy.d/a.conf",
		"policy.d/.hidden.conf", "policy.d/a.conf~",
		"policy.d/a.dpkg-old.conf", "policy.d/a.conf.dpkg-dist",
		"policy.d/README", "policy.d/x.conf", "policy.d",
		"gatepost.conf", "target" };
	struct place *p = *state;

	gp_config_unref(p->config);
	gp_problems_clear(&p->problems);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		drop(p, names[i]);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static enum gp_rc
load(struct place *p)
{
	char path[256];

	path_in(p, "gatepost.conf", path, sizeof(path));
	return gp_policy_load(path, &p->config, &p->problems);
}

/* The problems, with DIR for the folder. */
static void
check_problems(const struct place *p, const char *want)
{
	struct gp_str rest = gp_buf_str(&p->problems.text);
	size_t n = strlen(p->dir);
	struct gp_buf got;

	gp_buf_init(&got, 65536);
	while (rest.n > 0) {
		bool here = rest.n >= n && memcmp(rest.p, p->dir, n) == 0;

		if (here)
			gp_buf_adds(&got, "DIR");
		else
			gp_buf_addc(&got, rest.p[0]);
		rest.p += here ? n : 1;
		rest.n -= here ? n : 1;
	}
	assert_string_equal(gp_buf_cstr(&got), want);
	gp_buf_clear(&got);
}

/* -- which files ------------------------------------------------------- */

static void
policy_file_without_policy_d_is_enough(void **state)
{
	struct place *p = *state;

	put(p, "gatepost.conf", "store = mem\n");
	assert_int_equal(load(p), GP_OK);
	assert_string_equal(gp_config_globals(p->config)->store, "mem");
	check_problems(p, "");
}

/* Each file says a wrong word, so that the problems show the order. */
static void
policy_files_are_read_in_c_order_and_others_left_out(void **state)
{
	struct place *p = *state;

	put(p, "gatepost.conf", "own-ids = { \"\" }");
	put_folder(p, "policy.d");
	put(p, "policy.d/a.conf", "store = mem");
	put(p, "policy.d/B.conf", "store = mem");
	put(p, "policy.d/9-b.conf", "store = mem");
	put(p, "policy.d/10-a.conf", "store = mem");
	put(p, "policy.d/.hidden.conf", "wrong");
	put(p, "policy.d/a.conf~", "wrong");
	put(p, "policy.d/a.dpkg-old.conf", "wrong");
	put(p, "policy.d/a.conf.dpkg-dist", "wrong");
	put(p, "policy.d/README", "wrong");
	assert_int_equal(load(p), GP_PERM);
	check_problems(p,
	    "DIR/gatepost.conf:1: \"\": own-ids: expected names without white"
	    " space\n"
	    "DIR/policy.d/9-b.conf:1: store: expected once only; the first is"
	    " at DIR/policy.d/10-a.conf:1\n"
	    "DIR/policy.d/B.conf:1: store: expected once only; the first is"
	    " at DIR/policy.d/10-a.conf:1\n"
	    "DIR/policy.d/a.conf:1: store: expected once only; the first is"
	    " at DIR/policy.d/10-a.conf:1\n");
}

static void
policy_twice_in_two_files_names_both(void **state)
{
	struct place *p = *state;

	put(p, "gatepost.conf",
	    "spf { fail = tag }\n\ndomain a.example { }\nprofile p { }\n");
	put_folder(p, "policy.d");
	put(p, "policy.d/x.conf",
	    "domain A.EXAMPLE { }\nspf { fail = tag }\nprofile p { }\n");
	assert_int_equal(load(p), GP_PERM);
	check_problems(p,
	    "DIR/policy.d/x.conf:1: domain \"a.example\": expected once only;"
	    " the first is at DIR/gatepost.conf:3\n"
	    "DIR/policy.d/x.conf:2: spf: expected once only; the first is at"
	    " DIR/gatepost.conf:1\n"
	    "DIR/policy.d/x.conf:3: profile \"p\": expected once only; the"
	    " first is at DIR/gatepost.conf:4\n");
}

static void
policy_brace_missing_in_one_file_does_not_reach_the_next(void **state)
{
	struct place *p = *state;

	put(p, "gatepost.conf", "domain a.example {\n");
	put_folder(p, "policy.d");
	put(p, "policy.d/x.conf", "store = mem\n}\n");
	assert_int_equal(load(p), GP_PERM);
	check_problems(p,
	    "DIR/gatepost.conf:1: domain \"a.example\" {: expected a closing"
	    " brace }\n"
	    "DIR/policy.d/x.conf:2: }: expected no closing brace, no section"
	    " is open\n");
}

static void
policy_profile_of_another_file_is_found(void **state)
{
	struct place *p = *state;
	const struct gp_policy *policy;

	put(p, "gatepost.conf", "domain a.example { profile = bulk }\n");
	put_folder(p, "policy.d");
	put(p, "policy.d/x.conf", "\nprofile bulk { spf { fail = hold } }\n");
	assert_int_equal(load(p), GP_OK);
	policy = gp_policy_for(p->config, "a.example");
	assert_int_equal(policy->spf.on[GP_SPF_FAIL], GP_DO_HOLD);
	/* origins outlive the reading */
	{
		char where[256];
		struct gp_buf shown;

		gp_buf_init(&shown, 65536);
		gp_policy_show(policy, &shown);
		(void)snprintf(where, sizeof(where),
		    "spf.fail = hold  # %s/policy.d/x.conf:2\n", p->dir);
		assert_non_null(strstr(gp_buf_cstr(&shown), where));
		gp_buf_clear(&shown);
	}
}

static void
policy_relative_paths_begin_at_the_main_file(void **state)
{
	struct place *p = *state;
	char want[256];

	put(p, "gatepost.conf", "seal-key = \"seal\"\n");
	put_folder(p, "policy.d");
	put(p, "policy.d/x.conf",
	    "domain a.example { key s { file = keys/k.pem }\n"
	    " key t { file = /keys/k.pem } }\n");
	assert_int_equal(load(p), GP_OK);
	path_in(p, "seal", want, sizeof(want));
	assert_string_equal(gp_config_globals(p->config)->seal_key, want);
	path_in(p, "keys/k.pem", want, sizeof(want));
	assert_string_equal(gp_policy_for(p->config, "a.example")->keys[0].file,
	    want);
	assert_string_equal(gp_policy_for(p->config, "a.example")->keys[1].file,
	    "/keys/k.pem");
}

static void
policy_link_to_a_file_is_followed(void **state)
{
	struct place *p = *state;
	char path[256];

	put(p, "target", "store = mem\n");
	path_in(p, "gatepost.conf", path, sizeof(path));
	assert_int_equal(symlink("target", path), 0);
	assert_int_equal(load(p), GP_OK);
}

/* -- files that are none ----------------------------------------------- */

static void
policy_file_that_is_not_there_is_said(void **state)
{
	struct place *p = *state;

	assert_int_equal(load(p), GP_PERM);
	assert_null(p->config);
	check_problems(p,
	    "DIR/gatepost.conf: can not open it: No such file or directory\n");
}

static void
policy_entries_that_are_no_files_are_said_beside_the_rest(void **state)
{
	struct place *p = *state;
	char path[256];

	put(p, "gatepost.conf", "stor = mem\n");
	put_folder(p, "policy.d");
	put_folder(p, "policy.d/a.conf");
	path_in(p, "policy.d/B.conf", path, sizeof(path));
	assert_int_equal(mkfifo(path, 0600), 0);
	path_in(p, "policy.d/x.conf", path, sizeof(path));
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(load(p), GP_PERM);
	check_problems(p,
	    "DIR/gatepost.conf:1: stor: expected an option or a section; did"
	    " you mean \"store\"?\n"
	    "DIR/policy.d/B.conf: expected a regular file\n"
	    "DIR/policy.d/a.conf: expected a regular file\n"
	    "DIR/policy.d/x.conf: can not open it: No such file or"
	    " directory\n");
}

static void
policy_d_that_is_a_file_is_said(void **state)
{
	struct place *p = *state;

	put(p, "gatepost.conf", "");
	put(p, "policy.d", "");
	assert_int_equal(load(p), GP_PERM);
	check_problems(p,
	    "DIR/policy.d: can not read the folder: Not a directory\n");
}

static void
policy_file_above_the_maximum_is_said(void **state)
{
	struct place *p = *state;
	char path[256];

	put(p, "gatepost.conf", "");
	path_in(p, "gatepost.conf", path, sizeof(path));
	assert_int_equal(truncate(path, GP_CONFIG_FILE_MAX + 1), 0);
	assert_int_equal(load(p), GP_PERM);
	check_problems(p,
	    "DIR/gatepost.conf: 4194305 bytes: expected at most 4194304\n");
}

/* The folder is its owner's alone; root becomes somebody else for that. */
static void
policy_file_without_permission_is_said(void **state)
{
	struct place *p = *state;
	char path[256];
	bool root = geteuid() == 0;
	enum gp_rc rc;

	put(p, "gatepost.conf", "");
	path_in(p, "gatepost.conf", path, sizeof(path));
	assert_int_equal(chmod(path, 0), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	rc = load(p);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(rc, GP_PERM);
	assert_non_null(strstr(gp_buf_cstr(&p->problems.text),
	    "gatepost.conf: can not open it: Permission denied\n"));
}

/* No descriptor is left: it may be otherwise in a minute. */
static void
policy_load_without_a_descriptor_is_temporary(void **state)
{
	struct place *p = *state;
	struct rlimit old;
	struct rlimit none;
	int next;
	enum gp_rc rc;

	put(p, "gatepost.conf", "store = mem\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(next >= 0);
	assert_int_equal(close(next), 0);
	none = (struct rlimit){ .rlim_cur = (rlim_t)next,
		.rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = load(p);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(rc, GP_TEMP);
	assert_null(p->config);
	assert_non_null(strstr(gp_buf_cstr(&p->problems.text),
	    "gatepost.conf: can not open it: Too many open files\n"));
}

/* -- threads ----------------------------------------------------------- */

static void *
parse_again_and_again(void *arg)
{
	const char *store = arg;

	for (int i = 0; i < 50; i++) {
		struct gp_config *config = NULL;
		struct gp_problems problems;
		struct gp_buf text;

		gp_problems_init(&problems);
		gp_buf_init(&text, 4096);
		gp_buf_addf(&text,
		    "store = %s own-ids = { %s, b }\n"
		    "domain %s.example { spf { fail = reject } }\n",
		    store, store, store);
		assert_int_equal(gp_policy_parse(gp_buf_str(&text), store,
				     &config, &problems),
		    GP_OK);
		assert_string_equal(gp_config_globals(config)->store, store);
		gp_config_unref(config);
		gp_buf_clear(&text);
		gp_problems_clear(&problems);
	}
	return NULL;
}

/* -- a text that is to become a file ----------------------------------- */

static enum gp_rc
load_with(struct place *p, const char *name, struct gp_str text)
{
	char path[256], main_path[256];
	const struct gp_policy_instead instead = { .path = path, .text = text };

	path_in(p, name, path, sizeof(path));
	path_in(p, "gatepost.conf", main_path, sizeof(main_path));
	return gp_policy_load_with(main_path, &instead, &p->config,
	    &p->problems);
}

static void
policy_text_stands_for_the_file(void **state)
{
	static const char *const names[] = { "gatepost.conf",
		"policy.d/a.conf" };
	struct place *p = *state;

	put(p, "gatepost.conf", "store = mem\n");
	put_folder(p, "policy.d");
	put(p, "policy.d/a.conf", "domain a.example { class = bulk }\n");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(load_with(p, names[i],
				     i == 0 ? GP_STR("store = lmdb\n")
					    : GP_STR("domain b.example { }\n")),
		    GP_OK);
		check_problems(p, "");
		assert_string_equal(gp_config_globals(p->config)->store,
		    i == 0 ? "lmdb" : "mem");
		assert_int_equal(gp_policy_for(p->config, "a.example")
					 ->mail_class == GP_CLASS_BULK,
		    i == 0);
		gp_config_unref(p->config);
		p->config = NULL;
	}
}

static void
policy_text_of_a_new_file_is_read_beside_the_others(void **state)
{
	struct place *p = *state;

	put(p, "gatepost.conf", "store = mem\n");
	put_folder(p, "policy.d");
	put(p, "policy.d/a.conf", "domain a.example { }\n");
	assert_int_equal(load_with(p, "policy.d/x.conf",
			     GP_STR("domain b.example { class = bulk }\n")),
	    GP_OK);
	assert_int_equal(gp_policy_for(p->config, "b.example")->mail_class,
	    GP_CLASS_BULK);
	gp_config_unref(p->config);
	p->config = NULL;
	assert_int_equal(load_with(p, "policy.d/x.conf",
			     GP_STR("\ndomain a.example { }\n")),
	    GP_PERM);
	assert_non_null(
	    strstr(gp_buf_cstr(&p->problems.text), "policy.d/x.conf:2: "));
}

static void
policy_text_that_is_too_long_is_said(void **state)
{
	struct place *p = *state;
	size_t n = GP_CONFIG_FILE_MAX + 1;
	char *text = malloc(n);

	assert_non_null(text);
	memset(text, '\n', n);
	put(p, "gatepost.conf", "store = mem\n");
	assert_int_equal(load_with(p, "policy.d/x.conf", gp_str_n(text, n)),
	    GP_PERM);
	check_problems(p,
	    "DIR/policy.d/x.conf: 4194305 bytes: expected at most 4194304\n");
	free(text);
}

static void
policy_can_be_parsed_by_many_threads(void **state)
{
	static char stores[2][8] = { "mem", "lmdb" };
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
				     parse_again_and_again, stores[i % 2]),
		    0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(policy_file_without_policy_d_is_enough),
		TEST(policy_files_are_read_in_c_order_and_others_left_out),
		TEST(policy_twice_in_two_files_names_both),
		TEST(policy_brace_missing_in_one_file_does_not_reach_the_next),
		TEST(policy_profile_of_another_file_is_found),
		TEST(policy_relative_paths_begin_at_the_main_file),
		TEST(policy_link_to_a_file_is_followed),
		TEST(policy_file_that_is_not_there_is_said),
		TEST(policy_entries_that_are_no_files_are_said_beside_the_rest),
		TEST(policy_d_that_is_a_file_is_said),
		TEST(policy_file_above_the_maximum_is_said),
		TEST(policy_file_without_permission_is_said),
		TEST(policy_load_without_a_descriptor_is_temporary),
		TEST(policy_text_stands_for_the_file),
		TEST(policy_text_of_a_new_file_is_read_beside_the_others),
		TEST(policy_text_that_is_too_long_is_said),
		cmocka_unit_test(policy_can_be_parsed_by_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
