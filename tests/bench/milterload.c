/*
 * milterload - plays Postfix to milters, and measures what it costs them.
 *
 * One thread is one SMTP session; it keeps its connections and sends message
 * after message.  What is reported: messages a second, latencies (exact
 * ranks), the servers' CPU time a message and their memory.
 *
 * See milterload --help and README.md.
 */
#include "lib/options.h"
#include "lib/play.h"
#include "lib/stats.h"

#include "base/xalloc.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define NS_PER_MS     INT64_C(1000000)
#define NS_PER_S      INT64_C(1000000000)
#define THREAD_STACK  ((size_t)256 * 1024)
#define BROKEN_IN_ROW 20 /* then a session gives up */

enum phase { WARM, MEASURE, STOP };

/* What one session, or all of them, have counted in the measured time. */
struct tally {
	uint64_t fate[ML_FATES];
	uint64_t messages, unexpected, bytes, connections;
	struct ml_samples latency;
};

struct run {
	struct ml_options o;
	struct ml_mails mails;
	_Atomic enum phase phase;
	_Atomic uint64_t next, left;

	pthread_mutex_t lock; /* the rest */
	pthread_cond_t changed;
	unsigned working;
	char first_why[ML_WHY_MAX];
};

struct worker {
	struct run *run;
	unsigned id;
	pthread_t thread;
	bool started;
	struct tally tally;
};

/* The servers, the helpers and the machine at one moment. */
struct snapshot {
	int64_t at_ns, busy_ns, self_ns;
	struct ml_usage servers, helpers;
};

struct held {
	struct ml_session **v;
	unsigned n, failed;
	struct ml_usage before, during;
};

/* Waits that long, or until every session has ended. */
static void
wait_ms(struct run *run, int64_t ms)
{
	int64_t until = ml_now_ns() + ms * NS_PER_MS;
	struct timespec ts = { .tv_sec = (time_t)(until / NS_PER_S),
		.tv_nsec = (long)(until % NS_PER_S) };

	(void)pthread_mutex_lock(&run->lock);
	while (run->working > 0 &&
	       pthread_cond_timedwait(&run->changed, &run->lock, &ts) == 0)
		continue;
	(void)pthread_mutex_unlock(&run->lock);
}

/* -- one session --------------------------------------------------------- */

static void
note_why(struct run *run, const struct ml_result *result)
{
	(void)pthread_mutex_lock(&run->lock);
	if (*run->first_why == '\0')
		memcpy(run->first_why, result->why, sizeof run->first_why);
	(void)pthread_mutex_unlock(&run->lock);
}

/*
 * A message belongs to the run when it was under way in the measured time.
 * One that ends later is no part of the throughput, but of the latencies: a
 * session that is stuck must show.
 */
static void
count(struct worker *w, const struct ml_result *result, int64_t ns)
{
	enum phase phase = w->run->phase;
	struct tally *t = &w->tally;

	if (!result->as_expected)
		note_why(w->run, result);
	if (phase == WARM)
		return;
	if (result->as_expected)
		ml_samples_add(&t->latency, ns);
	else
		t->unexpected++;
	if (phase == STOP)
		return;
	t->messages++;
	t->fate[result->fate]++;
	t->bytes += result->bytes;
}

/* May one more message be sent? */
static bool
take_one(struct run *run)
{
	uint64_t left;

	if (run->phase == STOP)
		return false;
	if (run->o.count == 0)
		return true;
	left = run->left;
	while (left > 0)
		if (atomic_compare_exchange_weak(&run->left, &left, left - 1))
			return true;
	return false;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct run *run = w->run;
	struct ml_session *s = ml_session_new(&run->o, &run->mails, w->id);
	struct ml_result result;
	unsigned broken = 0;
	int64_t start;

	while (broken < BROKEN_IN_ROW && take_one(run)) {
		start = ml_now_ns();
		ml_session_play(s, run->next++, &result);
		count(w, &result, ml_now_ns() - start);
		broken = result.fate == ML_BROKEN ? broken + 1 : 0;
		if (run->o.pause_ms > 0)
			wait_ms(run, run->o.pause_ms);
	}
	w->tally.connections = ml_session_connections(s);
	ml_session_free(s);
	(void)pthread_mutex_lock(&run->lock);
	run->working--;
	(void)pthread_cond_signal(&run->changed);
	(void)pthread_mutex_unlock(&run->lock);
	return NULL;
}

/* -- the run --------------------------------------------------------------- */

static void
snap(const struct run *run, struct snapshot *out)
{
	ml_usage_read(&run->o.pids, &out->servers);
	ml_usage_read(&run->o.helpers, &out->helpers);
	out->busy_ns = ml_machine_busy_ns();
	out->self_ns = ml_self_cpu_ns();
	out->at_ns = ml_now_ns();
}

static bool
start_workers(struct run *run, struct worker *workers)
{
	pthread_attr_t attr;
	bool ok = pthread_attr_init(&attr) == 0 &&
	          pthread_attr_setstacksize(&attr, THREAD_STACK) == 0;

	for (unsigned i = 0; ok && i < run->o.sessions; i++) {
		workers[i].run = run;
		workers[i].id = i;
		(void)pthread_mutex_lock(&run->lock);
		run->working++;
		(void)pthread_mutex_unlock(&run->lock);
		ok = pthread_create(&workers[i].thread, &attr, work,
			 &workers[i]) == 0;
		workers[i].started = ok;
	}
	(void)pthread_attr_destroy(&attr);
	return ok;
}

static void
join_workers(const struct run *run, const struct worker *workers)
{
	for (unsigned i = 0; i < run->o.sessions; i++)
		if (workers[i].started)
			(void)pthread_join(workers[i].thread, NULL);
}

static void
sum_up(const struct run *run, struct worker *workers, struct tally *all)
{
	memset(all, 0, sizeof *all);
	for (unsigned i = 0; i < run->o.sessions; i++) {
		struct tally *t = &workers[i].tally;

		for (int k = 0; k < ML_FATES; k++)
			all->fate[k] += t->fate[k];
		all->messages += t->messages;
		all->unexpected += t->unexpected;
		all->bytes += t->bytes;
		all->connections += t->connections;
		ml_samples_merge(&all->latency, &t->latency);
		ml_samples_clear(&t->latency);
	}
	ml_samples_sort(&all->latency);
}

static bool
measure(struct run *run, struct snapshot at[2], struct tally *all)
{
	struct worker *workers = gp_xcalloc(run->o.sessions, sizeof *workers);
	bool ok;

	run->left = run->o.count;
	if (run->o.warmup_ms == 0) {
		snap(run, &at[0]);
		run->phase = MEASURE;
	}
	ok = start_workers(run, workers);
	if (ok && run->o.warmup_ms > 0) {
		wait_ms(run, run->o.warmup_ms);
		snap(run, &at[0]);
		run->phase = MEASURE;
	}
	if (ok)
		wait_ms(run, run->o.ms);
	snap(run, &at[1]);
	run->phase = STOP;
	join_workers(run, workers);
	sum_up(run, workers, all);
	free(workers);
	return ok;
}

/* -- connections that are only held --------------------------------------- */

static void
hold(struct run *run, struct held *h)
{
	struct gp_err err;

	memset(h, 0, sizeof *h);
	if (run->o.idle == 0)
		return;
	h->v = gp_xcalloc(run->o.idle, sizeof(struct ml_session *));
	ml_usage_read(&run->o.pids, &h->before);
	for (unsigned i = 0; i < run->o.idle; i++) {
		h->v[i] = ml_session_new(&run->o, &run->mails, i);
		if (ml_session_hold(h->v[i], run->next++, &err) == GP_OK) {
			h->n++;
			continue;
		}
		if (h->failed++ == 0)
			(void)fprintf(stderr, "milterload: %s\n", err.msg);
	}
}

static void
let_go(const struct run *run, struct held *h)
{
	ml_usage_read(&run->o.pids, &h->during);
	for (unsigned i = 0; h->v != NULL && i < run->o.idle; i++)
		ml_session_free(h->v[i]);
	free(h->v);
}

/* -- the report ------------------------------------------------------------ */

static void
put_text(const char *key, const char *text)
{
	(void)printf("\"%s\":\"", key);
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\')
			(void)printf("\\%c", *text);
		else if (gp_is_print(*text))
			(void)putchar(*text);
		else
			(void)printf("\\u%04x", (unsigned)(uint8_t)*text);
	(void)putchar('"');
}

/* A number of tenths as a decimal fraction. */
static void
put_tenths(const char *key, int64_t tenths)
{
	(void)printf(",\"%s\":%s%" PRId64 ".%d", key, tenths < 0 ? "-" : "",
	    tenths < 0 ? -(tenths / 10) : tenths / 10, abs((int)(tenths % 10)));
}

static void
put_latency(const struct ml_samples *latency)
{
	put_tenths("p50_us", ml_samples_rank(latency, 500));
	put_tenths("p95_us", ml_samples_rank(latency, 950));
	put_tenths("p99_us", ml_samples_rank(latency, 990));
	put_tenths("p999_us", ml_samples_rank(latency, 999));
	put_tenths("max_us", ml_samples_rank(latency, 1000));
}

static void
put_usage(const struct run *run, const struct snapshot at[2],
    const struct tally *all)
{
	const struct ml_usage *end = &at[1].servers;
	int64_t n = (int64_t)all->messages;
	int64_t servers = end->cpu_ns - at[0].servers.cpu_ns;
	int64_t helpers = at[1].helpers.cpu_ns - at[0].helpers.cpu_ns;
	int64_t self = at[1].self_ns - at[0].self_ns;
	int64_t busy = at[1].busy_ns - at[0].busy_ns;

	put_tenths("client_cpu_us_per_msg", ml_ratio(self, 1, n * 100));
	put_tenths("other_cpu_percent",
	    ml_ratio(busy - self - servers - helpers, 1000,
		at[1].at_ns - at[0].at_ns));
	if (run->o.helpers.n > 0)
		put_tenths("helper_cpu_us_per_msg",
		    ml_ratio(helpers, 1, n * 100));
	if (run->o.pids.n == 0)
		return;
	put_tenths("server_cpu_us_per_msg", ml_ratio(servers, 1, n * 100));
	(void)printf(",\"server_rss_kb\":%" PRId64 ",\"server_pss_kb\":%" PRId64
		     ",\"server_threads\":%u,\"server_procs\":%u,"
		     "\"server_fds\":%u",
	    end->rss_kb, end->pss_kb, end->threads, end->procs, end->fds);
}

static void
put_held(const struct run *run, const struct held *h)
{
	if (run->o.idle == 0)
		return;
	(void)printf(",\"idle\":{\"asked\":%u,\"held\":%u,\"failed\":%u,"
		     "\"rss_before_kb\":%" PRId64 ",\"rss_kb\":%" PRId64
		     ",\"pss_before_kb\":%" PRId64 ",\"pss_kb\":%" PRId64
		     ",\"threads\":%u}",
	    run->o.idle, h->n, h->failed, h->before.rss_kb, h->during.rss_kb,
	    h->before.pss_kb, h->during.pss_kb, h->during.threads);
}

static void
report(const struct run *run, const struct snapshot at[2],
    const struct tally *all, const struct held *h)
{
	int64_t ns = at[1].at_ns - at[0].at_ns;

	(void)putchar('{');
	put_text("label", run->o.label);
	(void)printf(",\"sessions\":%u,\"chain\":%zu,\"lean\":%s,"
		     "\"ms\":%" PRId64 ",\"messages\":%" PRIu64
		     ",\"unexpected\":%" PRIu64 ",\"connections\":%" PRIu64,
	    run->o.sessions, run->o.n_sockets, run->o.lean ? "true" : "false",
	    ns / NS_PER_MS, all->messages, all->unexpected, all->connections);
	put_tenths("msgs_per_s",
	    ml_ratio((int64_t)all->messages, NS_PER_S * 10, ns));
	put_tenths("mb_per_s", ml_ratio((int64_t)all->bytes, 10000, ns));
	put_latency(&all->latency);
	(void)printf(",\"over_50ms\":%" PRIu64,
	    ml_samples_above(&all->latency, 50));
	if (all->latency.lost > 0)
		(void)printf(",\"samples_lost\":%" PRIu64, all->latency.lost);
	(void)printf(",\"fates\":{");
	for (int i = 0; i < ML_FATES; i++)
		(void)printf("%s\"%s\":%" PRIu64, i == 0 ? "" : ",",
		    ml_fate_names[i], all->fate[i]);
	(void)putchar('}');
	put_usage(run, at, all);
	put_held(run, h);
	if (*run->first_why != '\0') {
		(void)putchar(',');
		put_text("first_unexpected", run->first_why);
	}
	(void)puts("}");
}

/* -- main ------------------------------------------------------------------ */

static enum gp_rc
load(struct run *run, struct gp_err *err)
{
	ml_mails_init(&run->mails);
	for (size_t i = 0; i < run->o.n_files; i++)
		if (ml_mails_load(&run->mails, run->o.files[i], err) != GP_OK)
			return GP_PERM;
	if (run->o.n_files == 0)
		ml_mails_generate(&run->mails, run->o.generate, run->o.min_body,
		    run->o.max_body);
	return GP_OK;
}

static void
init_lock(struct run *run)
{
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&run->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&run->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int
main(int argc, char **argv)
{
	static struct run run;
	struct snapshot at[2] = { 0 };
	struct tally all;
	struct held held;
	struct gp_err err;
	enum gp_rc rc;

	rc = ml_options_parse(argc, argv, &run.o, &err);
	if (rc == GP_NONE)
		return EX_OK;
	if (rc != GP_OK || load(&run, &err) != GP_OK) {
		(void)fprintf(stderr, "milterload: %s\n", err.msg);
		return EX_USAGE;
	}
	init_lock(&run);
	hold(&run, &held);
	if (!measure(&run, at, &all))
		(void)fprintf(stderr, "milterload: threads: %m\n");
	let_go(&run, &held);
	report(&run, at, &all, &held);
	ml_samples_clear(&all.latency);
	ml_mails_clear(&run.mails);
	if (all.messages == 0)
		return EX_TEMPFAIL;
	return all.unexpected == 0 && held.failed == 0 ? 0 : 1;
}
