/* When the servers are believed to be dead. */
#include "base/time.h"
#include "io/dns_breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
breaker_opens_by_20_silent_in_10_s(void **state)
{
	struct gp_dns_breaker b = { .n = 0 };

	(void)state;
	for (int64_t i = 0; i < 20; i++) {
		assert_false(gp_dns_breaker_proven(&b, i * 500000));
		gp_dns_breaker_silent(&b, i * 500000);
	}
	assert_true(gp_dns_breaker_suspects(&b, 10 * GP_US_PER_S));
	assert_false(gp_dns_breaker_suspects(&b, 10 * GP_US_PER_S + 1));
	assert_true(gp_dns_breaker_proven(&b, 10 * GP_US_PER_S));
	assert_true(b.open);
	/* only once */
	assert_false(gp_dns_breaker_proven(&b, 10 * GP_US_PER_S));
	assert_true(gp_dns_breaker_answered(&b));
	assert_false(gp_dns_breaker_answered(&b));
	assert_false(b.open);
}

static void
breaker_forgets_by_any_answer(void **state)
{
	struct gp_dns_breaker b = { .n = 0 };

	(void)state;
	for (int i = 0; i < 19; i++)
		gp_dns_breaker_silent(&b, 1000);
	assert_false(gp_dns_breaker_answered(&b));
	for (int i = 0; i < 19; i++)
		gp_dns_breaker_silent(&b, 1000);
	assert_false(gp_dns_breaker_suspects(&b, 1000));
	gp_dns_breaker_silent(&b, 1000);
	assert_true(gp_dns_breaker_suspects(&b, 1000));
}

static void
breaker_slow_failures_do_not_add_up(void **state)
{
	struct gp_dns_breaker b = { .n = 0 };

	(void)state;
	for (int64_t i = 0; i < 1000; i++) {
		gp_dns_breaker_silent(&b, i * 600000);
		assert_false(gp_dns_breaker_suspects(&b, i * 600000));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(breaker_opens_by_20_silent_in_10_s),
		cmocka_unit_test(breaker_forgets_by_any_answer),
		cmocka_unit_test(breaker_slow_failures_do_not_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
