/* See store_suite.h; here are threads, and a naive model. */
#include "support/store_suite_lab.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/thread.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define CALLS   400 /* of a thread */

/* -- numbers that come the same each time ---------------------------------- */

static uint32_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) +
	        UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static uint32_t
below(uint64_t *seed, uint32_t n)
{
	return next(seed) % n;
}

/* -- threads --------------------------------------------------------------- */

struct admission {
	int64_t before_ms, after_ms; /* when the call began, and had ended */
};

struct worker {
	pthread_t thread;
	uint64_t seed;
	struct gp_charge charge[3];
	size_t n;
	bool refunds;
	unsigned admitted;
	unsigned refunded;
	struct admission at[CALLS];
};

static _Atomic int64_t clock_ms;
static struct worker workers[THREADS];

/* Threads see this clock as they see the system's: each call some time after
 * it was read. */
static void *
work(void *arg)
{
	struct worker *w = arg;
	const struct gp_store_backend s = store_lab.store;

	for (unsigned i = 0; i < CALLS; i++) {
		const int64_t now =
		    atomic_fetch_add(&clock_ms, below(&w->seed, 20));
		struct gp_charged out[3];
		enum gp_rc rc = s.ops->apply(s.self, GP_STORE_CHARGE, now,
		    w->charge, w->n, out);

		if (rc != GP_OK)
			continue;
		w->at[w->admitted].before_ms = now;
		w->at[w->admitted].after_ms = atomic_load(&clock_ms);
		w->admitted++;
		if (!w->refunds || below(&w->seed, 2) == 0)
			continue;
		rc = s.ops->apply(s.self, GP_STORE_REFUND, now, w->charge, w->n,
		    out);
		w->refunded += rc == GP_OK;
	}
	return NULL;
}

/* run_workers - all of them to their end; the sum of what stayed admitted. */
static unsigned
run_workers(void)
{
	unsigned sum = 0;

	atomic_store(&clock_ms, store_lab.now_ms);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].seed = i + 1;
		assert_int_equal(gp_thread_start(&workers[i].thread, work,
				     &workers[i], NULL),
		    GP_OK);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		sum += workers[i].admitted - workers[i].refunded;
	}
	store_lab.now_ms = atomic_load(&clock_ms);
	return sum;
}

static void
eight_threads_get_the_capacity_exactly(void **state)
{
	const struct gp_charge c = store_counter("a", 1000);

	(void)state;
	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].charge[0] = c;
		workers[i].n = 1;
	}
	assert_int_equal(run_workers(), 1000);
	ASSERT_NEAR(store_level(&c), 1000, 1e-9);
}

static void
eight_threads_charge_all_or_none(void **state)
{
	const struct gp_charge shared = store_counter("a", 700);
	const struct gp_charge odd[2] = { store_counter("b", 300),
		store_counter("c", 1e6) };

	(void)state;
	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < THREADS; i++) {
		/* in different order, too */
		workers[i].charge[0] = i < 4 ? shared : odd[i % 2];
		workers[i].charge[1] = i < 4 ? odd[i % 2] : shared;
		workers[i].charge[2] = store_counter("d", 1e6);
		workers[i].n = 3;
		workers[i].refunds = true;
	}
	{
		const unsigned sum = run_workers();
		unsigned of[2] = { 0, 0 };

		for (unsigned i = 0; i < THREADS; i++)
			of[i % 2] += workers[i].admitted - workers[i].refunded;
		assert_true(sum <= 700 && of[0] <= 300);
		ASSERT_NEAR(store_level(&shared), sum, 1e-9);
		ASSERT_NEAR(store_level(&odd[0]), of[0], 1e-9);
		ASSERT_NEAR(store_level(&odd[1]), of[1], 1e-9);
		ASSERT_NEAR(store_level(&workers[0].charge[2]), sum, 1e-9);
	}
}

static int
compare_begins(const void *left, const void *right)
{
	const struct admission *a = left, *b = right;

	return (a->before_ms > b->before_ms) - (a->before_ms < b->before_ms);
}

/* Each window begins with a call; what began in it and ended in it was
 * admitted in it. */
static void
assert_all_windows(const struct gp_charge *c, struct admission *a, size_t n)
{
	int64_t *end = gp_xcalloc(n + 1, sizeof(*end));
	size_t ends = 0;

	qsort(a, n, sizeof(*a), compare_begins);
	for (size_t i = n; i-- > 0;) {
		size_t k = ends++;

		for (; k > 0 && end[k - 1] > a[i].after_ms; k--)
			end[k] = end[k - 1];
		end[k] = a[i].after_ms;
		for (k = 0; k < ends; k++)
			assert_true((double)(k + 1) * c->cost <=
				    c->rule.capacity +
					c->rule.rate *
					    (double)(end[k] - a[i].before_ms) /
					    1000 +
					1e-6);
	}
	free(end);
}

static void
no_window_has_more_than_burst_and_rate(void **state)
{
	static struct admission all[THREADS * CALLS];
	struct gp_charge c = store_counter("a", 20);
	const int64_t start_us = gp_clock_us();
	unsigned sum;
	size_t n = 0;
	double passed;

	(void)state;
	c.rule.rate = store_lab.suite->own_clock ? 50 : 2;
	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].charge[0] = c;
		workers[i].n = 1;
	}
	sum = run_workers();
	assert_true(sum >= 20);
	if (store_lab.suite->own_clock) {
		passed = (double)(gp_clock_us() - start_us) / 1e6;
		assert_true(sum <= 20 + c.rule.rate * passed);
		return;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		memcpy(&all[n], workers[i].at,
		    workers[i].admitted * sizeof(all[0]));
		n += workers[i].admitted;
	}
	assert_all_windows(&c, all, n);
	/* nor has it much less: all the time somebody was waiting */
	passed = (double)(store_lab.now_ms - INT64_C(1000000000)) / 1000;
	assert_true(sum + 2 >= 20 + c.rule.rate * passed - 1);
}

/* -- the model ------------------------------------------------------------- */

#define KEYS  5
#define MARKS 4
#define MOST  6 /* charges of a call */
#define STEPS 5000

/* All there is, copied for each call and thrown away where it made nothing. */
struct model {
	struct gp_meter meter[KEYS];
	bool used[KEYS]; /* by this call; others were looked at */
	int64_t meter_until[KEYS];
	int64_t mark_until[MARKS];
};

/* One call, with the numbers of its keys; mark -1: none. */
struct call {
	enum gp_store_how how;
	size_t n;
	struct gp_charge charge[MOST];
	unsigned key[MOST];
	int mark[MOST];
};

static struct gp_meter *
model_meter(struct model *m, const struct call *call, size_t i, int64_t now)
{
	const unsigned k = call->key[i];
	struct gp_meter *meter = &m->meter[k];

	if (m->meter_until[k] <= now)
		*meter = (struct gp_meter){ 0 };
	if (meter->at_ms <= now || meter->at_ms - now > 10000)
		gp_meter_drain(meter, &call->charge[i].rule, now);
	return meter;
}

static bool
model_marked(struct model *m, const struct call *call, size_t i, int64_t now)
{
	int64_t *until;

	if (call->mark[i] < 0)
		return false;
	until = &m->mark_until[call->mark[i]];
	if (*until > now + call->charge[i].mark_ms)
		*until = now + call->charge[i].mark_ms;
	return *until > now;
}

static bool
model_charge(struct model *m, const struct call *call, size_t i, int64_t now,
    struct gp_charged *out)
{
	const struct gp_charge *c = &call->charge[i];
	struct gp_meter *meter = model_meter(m, call, i, now);

	*out = (struct gp_charged){ .free = model_marked(m, call, i, now) };
	out->fits = out->free || gp_meter_admits(meter, &c->rule, c->cost);
	if (!out->fits)
		out->wait_ms = gp_meter_wait_ms(meter, &c->rule, c->cost);
	if (out->fits && !out->free) {
		gp_meter_commit(meter, c->cost);
		m->meter_until[call->key[i]] = now + c->keep_ms;
		m->used[call->key[i]] = true;
		if (call->mark[i] >= 0)
			m->mark_until[call->mark[i]] = now + c->mark_ms;
	}
	out->level = meter->level;
	return out->fits || c->watch;
}

static void
model_other(struct model *m, const struct call *call, size_t i, int64_t now,
    const struct gp_charged *out)
{
	const struct gp_charge *c = &call->charge[i];
	const bool was_there = m->meter_until[call->key[i]] > now;
	struct gp_meter *meter;

	if (call->how == GP_STORE_REFUND && (!out->fits || out->free))
		return;
	meter = model_meter(m, call, i, now);
	if (call->how == GP_STORE_REFUND && call->mark[i] >= 0)
		m->mark_until[call->mark[i]] = 0;
	if (call->how == GP_STORE_REFUND && !was_there)
		return;
	if (call->how == GP_STORE_REFUND)
		gp_meter_refund(meter, c->cost);
	else
		gp_meter_debit(meter, &c->rule, c->cost);
	m->meter_until[call->key[i]] = now + c->keep_ms;
	m->used[call->key[i]] = true;
}

static enum gp_rc
model_apply(struct model *model, const struct call *call, int64_t now,
    struct gp_charged *out)
{
	const bool asks =
	    call->how == GP_STORE_CHARGE || call->how == GP_STORE_PEEK;
	struct model m = *model;
	bool all = true;

	for (size_t i = 0; i < call->n; i++)
		if (!asks)
			model_other(&m, call, i, now, &out[i]);
		else if (!model_charge(&m, call, i, now, &out[i]))
			all = false;
	for (size_t k = 0; k < KEYS; k++) {
		if (!m.used[k])
			m.meter[k] = model->meter[k];
		m.used[k] = false;
	}
	if (all && call->how != GP_STORE_PEEK)
		*model = m;
	return all ? GP_OK : GP_NONE;
}

/* The rule of a key is always the same. */
static struct gp_charge
any_charge(uint64_t *seed, unsigned key)
{
	static const double rates[KEYS] = { 0, 0.3, 1, 7, 0.001 };
	char name[8] = { (char)('a' + key), '\0' };
	struct gp_charge c = store_counter(name, 10 + 7 * key);

	if (!store_lab.suite->own_clock) {
		c.rule.rate = rates[key];
		c.keep_ms = 60000 * (int64_t)(key + 1);
		c.mark_ms = 20000;
	}
	c.rule.factor = key % 2 == 1 ? 0.5 : 1;
	c.rule.share = below(seed, 4) == 0 ? 0.75 : 1;
	c.cost = 0.25 * (1 + below(seed, below(seed, 20) == 0 ? 200 : 12));
	c.watch = below(seed, 3) == 0;
	return c;
}

static struct call
any_call(uint64_t *seed)
{
	static const enum gp_store_how hows[] = { GP_STORE_CHARGE,
		GP_STORE_CHARGE, GP_STORE_PEEK, GP_STORE_DEBIT };
	struct call call = { .how = hows[below(seed, 4)] };

	if (call.how == GP_STORE_DEBIT && below(seed, 4) > 0)
		call.how = GP_STORE_CHARGE;
	call.n = 1 + below(seed, MOST);
	for (size_t i = 0; i < call.n; i++) {
		call.key[i] = below(seed, KEYS);
		call.mark[i] = (int)below(seed, 2 * MARKS) - MARKS;
		call.charge[i] = any_charge(seed, call.key[i]);
		if (call.mark[i] >= 0)
			call.charge[i].mark = store_key("m%d", call.mark[i]);
	}
	return call;
}

static int64_t
any_time(uint64_t *seed, int64_t now)
{
	switch (below(seed, 16)) {
	case 0:
		return now + below(seed, 400000);
	case 1:
		return now - below(seed, 9000);
	case 2:
		return below(seed, 8) == 0 ? now - below(seed, 900000) : now;
	default:
		return now + below(seed, 2000);
	}
}

static void
assert_same(const struct gp_charged *a, const struct gp_charged *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(a[i].fits, b[i].fits);
		assert_int_equal(a[i].free, b[i].free);
		assert_int_equal(a[i].wait_ms, b[i].wait_ms);
		if (fabs(a[i].level - b[i].level) > 1e-9)
			fail_msg("level %.17g, not %.17g", a[i].level,
			    b[i].level);
	}
}

static void
both_apply(struct model *model, const struct call *call, struct gp_charged *out)
{
	const bool asks =
	    call->how == GP_STORE_CHARGE || call->how == GP_STORE_PEEK;
	struct gp_charged want[MOST];

	memcpy(want, out, sizeof(want));
	assert_int_equal(store_apply(call->how, call->charge, call->n, out),
	    model_apply(model, call, store_lab.now_ms, want));
	if (asks)
		assert_same(out, want, call->n);
}

static void
any_calls_do_what_the_model_does(void **state)
{
	struct model model = { 0 };
	struct call made = { .n = 0 };
	struct gp_charged said[MOST] = { { 0 } };
	uint64_t seed = 20261122;

	(void)state;
	for (int i = 0; i < STEPS; i++) {
		struct call call = any_call(&seed);
		struct gp_charged out[MOST] = { { 0 } };

		if (!store_lab.suite->own_clock)
			store_lab.now_ms = any_time(&seed, store_lab.now_ms);
		if (made.n > 0 && below(&seed, 2) == 0) {
			made.how = GP_STORE_REFUND;
			both_apply(&model, &made, said);
			made.n = 0;
			continue;
		}
		both_apply(&model, &call, out);
		if (call.how != GP_STORE_CHARGE)
			continue;
		made = call;
		memcpy(said, out, sizeof(said));
	}
}

const struct CMUnitTest store_suite_load[STORE_SUITE_LOAD_TESTS] = {
	cmocka_unit_test(eight_threads_get_the_capacity_exactly),
	cmocka_unit_test(eight_threads_charge_all_or_none),
	cmocka_unit_test(no_window_has_more_than_burst_and_rate),
	cmocka_unit_test(any_calls_do_what_the_model_does),
};
