/* The threads of libmilter's workers: bounded, and enough when the system has
 * no more. */
#include "io/thread.h"
#include "mta/crew.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define WAIT_S 20

/* Jobs of a test: each says that it runs, and ends when it is let. */
static struct {
	sem_t running; /* posted by each */
	sem_t go;      /* waited for by each */
	atomic_int now;
	atomic_int most; /* at a time */
	atomic_int done;
	atomic_int strangers;
} jobs;

static atomic_int startable; /* threads that the system still has */

static enum gp_rc
start(pthread_t *thread, void *(*run)(void *), void *arg, struct gp_err *err)
{
	if (atomic_fetch_sub(&startable, 1) <= 0) {
		atomic_store(&startable, 0);
		return gp_fail(err, GP_TEMP, "no more");
	}
	return gp_thread_start(thread, run, arg, err);
}

static void
await(sem_t *sem)
{
	struct timespec end;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_S;
	while (sem_timedwait(sem, &end) != 0)
		assert_int_equal(errno, EINTR);
}

static void *
job(void *arg)
{
	int now = atomic_fetch_add(&jobs.now, 1) + 1;
	int most = atomic_load(&jobs.most);

	(void)arg;
	while (
	    now > most && !atomic_compare_exchange_weak(&jobs.most, &most, now))
		continue;
	if (!gp_crew_member())
		atomic_fetch_add(&jobs.strangers, 1);
	(void)sem_post(&jobs.running);
	while (sem_wait(&jobs.go) != 0)
		continue;
	atomic_fetch_sub(&jobs.now, 1);
	atomic_fetch_add(&jobs.done, 1);
	return NULL;
}

static int
setup(void **state)
{
	(void)state;
	atomic_store(&startable, 1000);
	atomic_store(&jobs.now, 0);
	atomic_store(&jobs.most, 0);
	atomic_store(&jobs.done, 0);
	atomic_store(&jobs.strangers, 0);
	return sem_init(&jobs.running, 0, 0) != 0 ||
	       sem_init(&jobs.go, 0, 0) != 0;
}

static struct gp_crew *
crew(size_t max, size_t reserve)
{
	const struct gp_crew_options options = { .max = max,
		.reserve = reserve,
		.start = start };
	struct gp_crew *c;
	struct gp_err err;

	assert_int_equal(gp_crew_new(&options, &c, &err), GP_OK);
	return c;
}

static void
run(struct gp_crew *c, int n)
{
	for (int i = 0; i < n; i++)
		gp_crew_run(c, job, NULL);
}

static void
await_running(int n)
{
	for (int i = 0; i < n; i++)
		await(&jobs.running);
}

static void
let_go(int n)
{
	for (int i = 0; i < n; i++)
		(void)sem_post(&jobs.go);
}

static void
crew_runs_all_on_its_threads(void **state)
{
	struct gp_crew *c = crew(64, 4);

	(void)state;
	assert_false(gp_crew_member());
	assert_true(gp_crew_is_whole(c));
	run(c, 40);
	await_running(40); /* all at a time: nobody waits for another */
	assert_false(gp_crew_is_short(c));
	let_go(40);
	gp_crew_free(c);
	assert_int_equal(atomic_load(&jobs.done), 40);
	assert_int_equal(atomic_load(&jobs.strangers), 0);
}

static void
crew_is_bounded_and_what_waits_runs_later(void **state)
{
	struct gp_crew *c = crew(10, 4);

	(void)state;
	run(c, 6);
	await_running(6);
	assert_true(gp_crew_is_whole(c)); /* 6 at work, 4 ready */
	run(c, 3);
	await_running(3);
	assert_true(gp_crew_is_short(c));
	run(c, 91);
	await_running(1);
	for (int i = 0; i < 90; i++) {
		let_go(1);
		await_running(1);
	}
	let_go(10);
	gp_crew_free(c);
	assert_int_equal(atomic_load(&jobs.done), 100);
	assert_int_equal(atomic_load(&jobs.most), 10);
}

static void
crew_lives_on_its_reserve_when_the_system_has_no_more(void **state)
{
	struct gp_crew *c;

	(void)state;
	atomic_store(&startable, 4);
	c = crew(64, 4);
	run(c, 2);
	await_running(2);
	assert_false(gp_crew_is_whole(c));
	assert_false(gp_crew_is_short(c)); /* half is there */
	run(c, 1);
	await_running(1);
	assert_true(gp_crew_is_short(c));
	run(c, 5);
	await_running(1);
	let_go(3);
	await_running(3);
	assert_int_equal(atomic_load(&jobs.most), 4);
	gp_crew_mend(c); /* in vain */
	assert_true(gp_crew_is_short(c));
	atomic_store(&startable, 1000);
	gp_crew_mend(c);
	assert_true(gp_crew_is_whole(c));
	await_running(1); /* it had found no thread */
	let_go(5);
	gp_crew_free(c);
	assert_int_equal(atomic_load(&jobs.done), 8);
}

static void
crew_without_a_reserve_does_not_begin(void **state)
{
	const struct gp_crew_options options = { .max = 64,
		.reserve = 4,
		.start = start };
	struct gp_crew *c;
	struct gp_err err;

	(void)state;
	atomic_store(&startable, 3);
	assert_int_equal(gp_crew_new(&options, &c, &err), GP_TEMP);
	assert_null(c);
}

static atomic_int started;

static enum gp_rc
start_counted(pthread_t *thread, void *(*serve)(void *), void *arg,
    struct gp_err *err)
{
	atomic_fetch_add(&started, 1);
	return gp_thread_start(thread, serve, arg, err);
}

static void
crew_reuses_its_threads(void **state)
{
	const struct gp_crew_options options = { .max = 64,
		.reserve = 4,
		.start = start_counted };
	struct gp_crew *c;
	struct gp_err err;

	(void)state;
	assert_int_equal(gp_crew_new(&options, &c, &err), GP_OK);
	for (int i = 0; i < 500; i++) {
		run(c, 1);
		await_running(1);
		let_go(1);
	}
	gp_crew_free(c);
	assert_int_equal(atomic_load(&jobs.done), 500);
	/* the next job may begin before a thread is through with the last */
	assert_in_range(atomic_load(&started), 4, 60);
}

static int64_t now_us;

static int64_t
now(void)
{
	return now_us;
}

static void
call_at(struct gp_crew_calls *c, int64_t us)
{
	now_us = us;
	gp_crew_call(c, now);
}

static void
crew_counts_the_calls_that_nobody_hears(void **state)
{
	struct gp_crew_calls c = { .waiting = 0 };

	(void)state;
	assert_int_equal(gp_crew_late_us(&c, 1000), -1);
	gp_crew_wait_begin(&c);
	gp_crew_wait_begin(&c);
	call_at(&c, 1000);
	call_at(&c, 1000);
	assert_int_equal(gp_crew_late_us(&c, 9000), -1); /* both hear one */
	call_at(&c, 2000);
	call_at(&c, 3000);
	assert_int_equal(gp_crew_late_us(&c, 2500), GP_CREW_LATE_US - 500);
	assert_int_equal(gp_crew_late_us(&c, 2000 + GP_CREW_LATE_US), 0);
	assert_int_equal(gp_crew_late_us(&c, 1000000), 0);
	assert_int_equal(gp_crew_unheard(&c), 2);
	assert_int_equal(gp_crew_unheard(&c), 0);
	assert_int_equal(gp_crew_late_us(&c, 1000000), -1);
	gp_crew_wait_end(&c);
	call_at(&c, 5000); /* nobody yet: the other one is called */
	assert_int_equal(gp_crew_late_us(&c, 5000), GP_CREW_LATE_US);
	gp_crew_wait_begin(&c); /* and this one has taken it */
	assert_int_equal(gp_crew_late_us(&c, 1000000), -1);
	gp_crew_wait_end(&c);
	gp_crew_wait_end(&c);
	gp_crew_wait_begin(&c);
	gp_crew_wait_end(&c); /* uncalled, for the time */
	gp_crew_wait_begin(&c);
	call_at(&c, 6000);
	assert_int_equal(gp_crew_unheard(&c), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(crew_runs_all_on_its_threads, setup),
		cmocka_unit_test_setup(
		    crew_is_bounded_and_what_waits_runs_later, setup),
		cmocka_unit_test_setup(
		    crew_lives_on_its_reserve_when_the_system_has_no_more,
		    setup),
		cmocka_unit_test_setup(crew_without_a_reserve_does_not_begin,
		    setup),
		cmocka_unit_test(crew_counts_the_calls_that_nobody_hears),
		cmocka_unit_test_setup(crew_reuses_its_threads, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
