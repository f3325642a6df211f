/* Two relays with eight senders each on one limit, and the Redis between them
 * killed in the middle: nobody is without a limit, and not all are refused. */
#include "io/clock.h"
#include "io/store.h"
#include "support/redis_lab.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RELAYS     2
#define SENDERS    16
#define LIMIT      6000
#define KILLS      3
#define TIMEOUT_MS 2000 /* the machine may be busy; a killed one is seen */
#define PATIENCE_S 20

static struct redis_lab lab;
static struct gp_store *relay[RELAYS];

static atomic_uint admitted;
static atomic_bool over;

static int
set_up(void **state)
{
	const struct gp_store_options options = { .where = lab.url,
		.timeout_ms = TIMEOUT_MS,
		.peers = RELAYS };

	(void)state;
	redis_lab_open(&lab, "appendonly yes\nappendfsync always");
	for (size_t i = 0; i < RELAYS; i++)
		assert_int_equal(gp_store_open(&options, &relay[i], NULL),
		    GP_OK);
	atomic_store(&admitted, 0);
	atomic_store(&over, false);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < RELAYS; i++)
		gp_store_unref(relay[i]);
	redis_lab_close(&lab);
	return 0;
}

static enum gp_rc
send_one(struct gp_store *store)
{
	const struct gp_charge c = { .key = GP_STR("login:newsletter"),
		.rule = { .capacity = LIMIT, .factor = 1, .share = 1 },
		.cost = 1,
		.keep_ms = 3600000 };
	struct gp_charged out;
	const enum gp_rc rc = gp_store_charge(store, &c, 1, &out);

	if (rc == GP_OK)
		(void)atomic_fetch_add(&admitted, 1);
	return rc;
}

/* Who is refused tries again, as a client does.  Local meters are so fast that
 * without the pause all would be over at once. */
static void *
send_on(void *arg)
{
	while (!atomic_load(&over)) {
		(void)send_one(arg);
		(void)poll(NULL, 0, 2);
	}
	return NULL;
}

static bool
wait_for_admitted(unsigned n)
{
	const int64_t until = gp_clock_us() + PATIENCE_S * GP_US_PER_S;

	while (atomic_load(&admitted) < n && gp_clock_us() < until)
		(void)poll(NULL, 0, 2);
	return atomic_load(&admitted) >= n;
}

static bool
is_full(struct gp_store *store)
{
	struct gp_buf said;
	bool is_up;

	gp_buf_init(&said, 4096);
	gp_store_describe(store, &said);
	is_up = strstr(gp_buf_cstr(&said), "state up") != NULL;
	gp_buf_clear(&said);
	return send_one(store) == GP_NONE && is_up;
}

/* Both are back at the store, and it is full. */
static bool
wait_for_the_end(void)
{
	const int64_t until = gp_clock_us() + PATIENCE_S * GP_US_PER_S;
	bool is_end = false;

	while (!is_end && gp_clock_us() < until) {
		(void)poll(NULL, 0, 20);
		is_end = is_full(relay[0]) && is_full(relay[1]);
	}
	return is_end;
}

/* True: mail flowed all the time. */
static bool
kill_it(void)
{
	bool flowed = true;

	for (unsigned k = 1; k <= KILLS; k++) {
		flowed &= wait_for_admitted(k * LIMIT / (KILLS + 2));
		redis_lab_kill(&lab);
		flowed &=
		    wait_for_admitted(atomic_load(&admitted) + LIMIT / 20);
		redis_lab_resume(&lab);
	}
	return flowed;
}

static void
store_redis_killed_in_the_middle_keeps_the_limit(void **state)
{
	pthread_t sender[SENDERS];
	bool flowed, is_end;
	unsigned n;

	(void)state;
	for (size_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&sender[i], NULL, send_on,
				     relay[i % RELAYS]),
		    0);
	flowed = kill_it();
	is_end = wait_for_the_end();
	atomic_store(&over, true);
	for (size_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_join(sender[i], NULL), 0);
	n = atomic_load(&admitted);
	print_message("# %u of %u admitted\n", n, (unsigned)LIMIT);
	assert_true(flowed);
	assert_true(is_end);
	assert_true(n <= LIMIT + LIMIT / 50 + SENDERS);
	/* each death may count twice what was in flight */
	assert_true(n >= LIMIT - LIMIT / 50 - KILLS * SENDERS);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    store_redis_killed_in_the_middle_keeps_the_limit, set_up,
		    tear_down),
	};

	if (!redis_lab_is_installed()) {
		(void)puts("1..0 # SKIP redis-server is not installed");
		return 0;
	}
	return cmocka_run_group_tests_name("store_redis_relays", tests, NULL,
	    NULL);
}
