/* What systemctl status shows: one line, whatever was complained of. */
#include "mta/service_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SINCE "policy of 2026-11-22 17:40:00 UTC, "

static struct gp_metrics *metrics;

static int
setup(void **state)
{
	(void)state;
	metrics = gp_metrics_new("dkim");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	gp_metrics_free(metrics);
	return 0;
}

static const char *
line(const char *name, size_t domains, const char *problems)
{
	static char text[1024];
	const struct gp_status now = { .name = name,
		.metrics = metrics,
		.domains = domains,
		.policy_wall_s = 1795369200,
		.problems = problems };
	struct gp_buf out;

	gp_buf_init(&out, sizeof(text));
	gp_status_line(&now, &out);
	assert_false(out.overflow);
	(void)snprintf(text, sizeof(text), "%s", gp_buf_cstr(&out));
	gp_buf_clear(&out);
	return text;
}

static void
status_line_says_since_when_and_how_much(void **state)
{
	(void)state;
	assert_string_equal(line("spf", 0, NULL),
	    SINCE "0 domains; 0 sessions open");
	gp_metrics_set(metrics, GP_M_SESSIONS_OPEN, 0, 1);
	assert_string_equal(line("rate", 1, NULL),
	    SINCE "1 domain; 1 session open");
	gp_metrics_set(metrics, GP_M_SESSIONS_OPEN, 0, 12);
	assert_string_equal(line("dmarc", 3, NULL),
	    SINCE "3 domains; 12 sessions open");
}

static void
status_line_of_the_signer_counts_its_keys(void **state)
{
	(void)state;
	gp_metrics_set(metrics, GP_M_SESSIONS_OPEN, 0, 0);
	assert_string_equal(line("dkim", 1, NULL),
	    SINCE "1 domain, no keys: verifies only; 0 sessions open");
	gp_metrics_set(metrics, GP_M_DKIM_KEYS, 0, 1);
	assert_string_equal(line("dkim", 1, NULL),
	    SINCE "1 domain, 1 key; 0 sessions open");
	gp_metrics_set(metrics, GP_M_DKIM_KEYS, 1, 2);
	/* one that is retired signs nothing */
	gp_metrics_set(metrics, GP_M_DKIM_KEYS, 2, 4);
	assert_string_equal(line("dkim", 2, NULL),
	    SINCE "2 domains, 3 keys; 0 sessions open");
}

static void
status_line_names_the_first_problem(void **state)
{
	(void)state;
	assert_string_equal(line("spf", 1, "a.conf:4: x\nb.conf:5: y\n"),
	    "the last reload failed: a.conf:4: x; still in force: " SINCE
	    "1 domain; 0 sessions open");
}

static void
status_line_is_bounded_and_printable(void **state)
{
	char problems[2000];
	const char *text;

	(void)state;
	memset(problems, 'x', sizeof(problems));
	problems[sizeof(problems) - 1] = '\0';
	memcpy(problems, "a.conf:1: \t\x1b[2J\xc3\xbc\r", 18);
	text = line("spf", 1, problems);
	assert_true(strlen(text) < 400);
	assert_non_null(strstr(text, "failed: a.conf:1: ??[2J???xxx"));
	assert_non_null(strstr(text, "xxx...; still in force: "));
	for (; *text != '\0'; text++)
		assert_true(*text >= ' ' && *text <= '~');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_line_says_since_when_and_how_much),
		cmocka_unit_test(status_line_of_the_signer_counts_its_keys),
		cmocka_unit_test(status_line_names_the_first_problem),
		cmocka_unit_test(status_line_is_bounded_and_printable),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
