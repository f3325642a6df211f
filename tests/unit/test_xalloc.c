/* Memory that is there, or a process that is not. */
#include "base/xalloc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
xalloc_zero_sizes_give_a_pointer(void **state)
{
	void *a = gp_xcalloc(0, 8);
	void *b = gp_xcalloc(8, 0);
	void *c = gp_xrealloc(NULL, 0, 8);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	free(a);
	free(b);
	free(c);
}

static void
xalloc_calloc_zeroes_and_realloc_keeps(void **state)
{
	unsigned char *p = gp_xcalloc(10, 10);

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(p[i], 0);
		p[i] = (unsigned char)i;
	}
	p = gp_xrealloc(p, 1000, 10);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(p[i], i);
	free(p);
}

static void
xalloc_copies_end_in_nul(void **state)
{
	char *a = gp_xstrdup("hello");
	char *b = gp_xstrndup("hello", 2);
	char *c = gp_xstrndup(NULL, 0);

	(void)state;
	assert_string_equal(a, "hello");
	assert_string_equal(b, "he");
	assert_string_equal(c, "");
	free(a);
	free(b);
	free(c);
}

/* Not to be seen through, or the compiler refuses what is asked here. */
static volatile size_t far_too_many = SIZE_MAX / 2;

static void
ask_calloc(void)
{
	free(gp_xcalloc(far_too_many, 4));
}

static void
ask_realloc(void)
{
	free(gp_xrealloc(NULL, far_too_many, 4));
}

static void
ask_all_there_is(void)
{
	free(gp_xrealloc(NULL, far_too_many / 2, 1));
}

/* The child must die of SIGABRT; sanitizers have to be told that NULL may
 * come back (see __asan_default_options). */
static void
assert_aborts(void (*ask)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)close(STDERR_FILENO);
		(void)signal(SIGABRT, SIG_DFL); /* cmocka catches it */
		ask();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void
xalloc_without_memory_aborts(void **state)
{
	(void)state;
	assert_aborts(ask_calloc);
	assert_aborts(ask_realloc);
	assert_aborts(ask_all_there_is);
	assert_aborts(gp_out_of_memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xalloc_zero_sizes_give_a_pointer),
		cmocka_unit_test(xalloc_calloc_zeroes_and_realloc_keeps),
		cmocka_unit_test(xalloc_copies_end_in_nul),
		cmocka_unit_test(xalloc_without_memory_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
