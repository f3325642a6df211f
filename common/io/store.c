/*
 * See store.h.
 *
 * The store is away from its first failure on, so that nothing is charged
 * there before what was charged here meanwhile.  The next call asks it again,
 * after three failures in a row one call a second: one thread writes a
 * note for proof and settles, while the others stay local; for the last of it
 * they wait at the gate, so that it comes to an end.
 *
 * A refund that the store did not answer is lost, since it may have been made:
 * never twice.
 */
#include "io/store.h"

#include "base/time.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/store_backend.h"
#include "io/store_local.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FAILURES_MOST 3
#define OPEN_MS       1000
#define PROOF_MS      60000 /* the note of it is kept */
#define EMPTY_MS      1000  /* a meter that the operator emptied */

/* Labels of the metrics. */
enum call_outcome { ADMITTED, REFUSED, TEMPORARY };
enum store_state { UP, LOCAL };

struct gp_store {
	atomic_uint refs;
	struct gp_store_backend main;
	struct gp_store_local *local; /* NULL: it never is away */
	struct gp_metrics *metrics;
	int64_t (*clock_ms)(void);
	unsigned peers;
	pthread_rwlock_t gate; /* held to charge locally; to come back, alone */
	pthread_mutex_t lock;  /* of what follows */
	bool away;
	bool asking; /* one thread does */
	bool told;   /* the log says that it is away */
	unsigned failures;
	unsigned restarts;
	int64_t ask_ms;   /* while away: not before */
	int64_t since_ms; /* up, or told that it is away */
};

/* -- open and close --------------------------------------------------------
 */

static enum gp_rc
open_main(const struct gp_store_options *o, struct gp_store_backend *out,
    struct gp_err *err)
{
	if (strcmp(o->where, "mem") == 0) {
		*out = gp_store_mem_open(o->max_bytes);
		return GP_OK;
	}
	if (strcmp(o->where, "lmdb") == 0)
		return gp_store_lmdb_open(o->directory, o->max_bytes, out, err);
	if (strncasecmp(o->where, "redis", 5) == 0)
		return gp_store_redis_open(o->where, o->password_file,
		    o->timeout_ms, out, err);
	return gp_fail(err, GP_PERM,
	    "store: not \"mem\", \"lmdb\" or \"redis://...\"");
}

static void
show_state(struct gp_store *s)
{
	gp_metrics_set(s->metrics, GP_M_STORE_STATE, UP, !s->told);
	gp_metrics_set(s->metrics, GP_M_STORE_STATE, LOCAL, s->told);
}

/* Who waits to be alone goes first. */
static void
gate_init(pthread_rwlock_t *gate)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr,
	    PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(gate, &attr);
	pthread_rwlockattr_destroy(&attr);
}

struct gp_store *
gp_store_upon(struct gp_store_backend main, unsigned peers,
    struct gp_metrics *metrics, int64_t (*clock_ms)(void))
{
	struct gp_store *s = gp_xcalloc(1, sizeof(*s));

	assert(main.ops != NULL);
	atomic_init(&s->refs, 1);
	s->main = main;
	s->metrics = metrics;
	s->clock_ms = clock_ms;
	s->peers = peers == 0 ? 1 : peers;
	if (strcmp(main.ops->name, "mem") != 0)
		s->local = gp_store_local_new(s->peers);
	gate_init(&s->gate);
	pthread_mutex_init(&s->lock, NULL);
	s->since_ms = clock_ms();
	show_state(s);
	return s;
}

enum gp_rc
gp_store_open(const struct gp_store_options *options, struct gp_store **out,
    struct gp_err *err)
{
	struct gp_store_backend main = { 0 };
	enum gp_rc rc = open_main(options, &main, err);

	*out = NULL;
	if (rc == GP_OK)
		*out = gp_store_upon(main, options->peers, options->metrics,
		    gp_clock_boot_ms);
	return rc;
}

struct gp_store *
gp_store_ref(struct gp_store *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
gp_store_unref(struct gp_store *s)
{
	if (s == NULL ||
	    atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
		return;
	s->main.ops->close(s->main.self);
	gp_store_local_free(s->local);
	pthread_rwlock_destroy(&s->gate);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* -- away and back ---------------------------------------------------------
 */

static void
failed(struct gp_store *s, int64_t now_ms)
{
	pthread_mutex_lock(&s->lock);
	s->away = true;
	s->ask_ms = now_ms;
	if (++s->failures >= FAILURES_MOST) {
		s->failures = FAILURES_MOST;
		s->ask_ms = gp_time_add(now_ms, OPEN_MS);
		if (!s->told) {
			s->told = true;
			s->since_ms = now_ms;
			gp_log(GP_LOG_WARNING,
			    "store: %s does not answer; limits are local, "
			    "divided by %u",
			    s->main.ops->name, s->peers);
		}
	}
	show_state(s);
	pthread_mutex_unlock(&s->lock);
}

static void
answered(struct gp_store *s)
{
	pthread_mutex_lock(&s->lock);
	if (!s->away)
		s->failures = 0;
	pthread_mutex_unlock(&s->lock);
}

static void
come_back(struct gp_store *s, int64_t now_ms)
{
	int64_t away_ms;

	pthread_mutex_lock(&s->lock);
	s->away = false;
	s->failures = 0;
	away_ms = gp_time_sub(now_ms, s->since_ms);
	if (s->told)
		gp_log(GP_LOG_INFO,
		    "store: %s is back after %lld s; what was charged "
		    "meanwhile counts there",
		    s->main.ops->name,
		    (long long)(away_ms > 0 ? away_ms / 1000 : 0));
	if (s->told)
		s->since_ms = now_ms;
	s->told = false;
	show_state(s);
	pthread_mutex_unlock(&s->lock);
}

/* restarted - did it come back without what it had? */
static bool
restarted(struct gp_store *s)
{
	unsigned restarts;
	bool is_new;

	if (s->main.ops->restarts == NULL)
		return false;
	restarts = s->main.ops->restarts(s->main.self);
	pthread_mutex_lock(&s->lock);
	is_new = restarts != s->restarts;
	s->restarts = restarts;
	pthread_mutex_unlock(&s->lock);
	if (is_new)
		gp_store_local_doubt(s->local);
	return is_new;
}

/* prove - is it back?  Then all is settled.  By one thread at a time. */
static void
prove(struct gp_store *s, int64_t now_ms)
{
	const struct gp_store_backend *m = &s->main;
	enum gp_rc rc = m->ops->put(m->self, now_ms, GP_STR("store-proof"),
	    GP_STR("1"), PROOF_MS);

	(void)restarted(s);
	if (rc != GP_TEMP)
		rc = gp_store_local_settle(s->local, m, now_ms);
	if (rc != GP_TEMP) {
		pthread_rwlock_wrlock(&s->gate);
		rc = gp_store_local_settle(s->local, m, now_ms);
		if (rc != GP_TEMP)
			come_back(s, now_ms);
		pthread_rwlock_unlock(&s->gate);
	}
	if (rc == GP_TEMP)
		failed(s, now_ms);
	pthread_mutex_lock(&s->lock);
	s->asking = false;
	pthread_mutex_unlock(&s->lock);
}

/* is_away - after this thread has asked, if it is its turn. */
static bool
is_away(struct gp_store *s, int64_t now_ms, bool at_once)
{
	bool away, ask;

	if (s->local == NULL)
		return false;
	pthread_mutex_lock(&s->lock);
	/* by a clock that went back, too */
	ask = s->away && !s->asking &&
	      (at_once || now_ms >= s->ask_ms ||
		  now_ms < gp_time_sub(s->ask_ms, OPEN_MS));
	s->asking = s->asking || ask;
	away = s->away;
	pthread_mutex_unlock(&s->lock);
	if (!ask)
		return away;
	prove(s, now_ms);
	pthread_mutex_lock(&s->lock);
	away = s->away;
	pthread_mutex_unlock(&s->lock);
	return away;
}

/* enter_gate - false: it came back meanwhile, and the gate is not held. */
static bool
enter_gate(struct gp_store *s, int64_t now_ms, bool has_failed)
{
	bool away;

	pthread_rwlock_rdlock(&s->gate);
	pthread_mutex_lock(&s->lock);
	if (has_failed && !s->away) {
		s->away = true;
		s->ask_ms = now_ms;
	}
	away = s->away;
	pthread_mutex_unlock(&s->lock);
	if (!away)
		pthread_rwlock_unlock(&s->gate);
	return away;
}

/* -- charges ---------------------------------------------------------------
 */

static enum gp_rc
ask(struct gp_store *s, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	const int64_t start_us = s->metrics != NULL ? gp_clock_us() : 0;
	enum gp_rc rc =
	    s->main.ops->apply(s->main.self, how, now_ms, charges, n, out);

	if (s->metrics == NULL)
		return rc;
	gp_metrics_observe(s->metrics, GP_M_STORE_SECONDS,
	    gp_clock_us() - start_us);
	if (rc == GP_TEMP)
		gp_metrics_add(s->metrics, GP_M_STORE_CALLS, TEMPORARY, 1);
	return rc;
}

/* The store, and what is heard of it. */
static enum gp_rc
ask_and_hear(struct gp_store *s, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	enum gp_rc rc = GP_OK;

	if (s->local == NULL)
		return ask(s, how, now_ms, charges, n, out);
	if (how == GP_STORE_CHARGE)
		rc = gp_store_local_remind(s->local, &s->main, now_ms, charges,
		    n);
	if (rc != GP_TEMP)
		rc = ask(s, how, now_ms, charges, n, out);
	if (rc == GP_TEMP) {
		failed(s, now_ms);
		return rc;
	}
	answered(s);
	if (how == GP_STORE_CHARGE && !restarted(s))
		gp_store_local_heard(s->local, now_ms, charges, n, out, rc);
	if (how == GP_STORE_REFUND)
		gp_store_local_refunded(s->local, charges, n, out);
	return rc;
}

/* Backends rely on it. */
static bool
are_charges(const struct gp_charge *charges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (charges[i].key.n == 0 ||
		    charges[i].key.n > GP_CHARGE_KEY_MAX ||
		    charges[i].mark.n > GP_CHARGE_KEY_MAX)
			return false;
	return n > 0 && n <= GP_CHARGES_MAX;
}

static enum gp_rc
apply(struct gp_store *s, enum gp_store_how how,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	const int64_t now_ms = s->clock_ms();
	bool away = is_away(s, now_ms, false);
	bool has_failed = false;
	enum gp_rc rc;

	assert(are_charges(charges, n));
	for (;;) {
		if (!away) {
			rc = ask_and_hear(s, how, now_ms, charges, n, out);
			if (rc != GP_TEMP || how == GP_STORE_REFUND)
				return rc;
			has_failed = true;
		}
		away = enter_gate(s, now_ms, has_failed);
		if (away)
			break;
	}
	rc = gp_store_local_apply(s->local, how, now_ms, charges, n, out);
	pthread_rwlock_unlock(&s->gate);
	return rc;
}

enum gp_rc
gp_store_charge(struct gp_store *s, const struct gp_charge *charges, size_t n,
    struct gp_charged *out)
{
	enum gp_rc rc = apply(s, GP_STORE_CHARGE, charges, n, out);

	gp_metrics_add(s->metrics, GP_M_STORE_CALLS,
	    rc == GP_OK ? ADMITTED : REFUSED, 1);
	return rc;
}

enum gp_rc
gp_store_peek(struct gp_store *s, const struct gp_charge *charges, size_t n,
    struct gp_charged *out)
{
	return apply(s, GP_STORE_PEEK, charges, n, out);
}

void
gp_store_refund(struct gp_store *s, const struct gp_charge *charges, size_t n,
    const struct gp_charged *made)
{
	struct gp_charged *out = gp_xcalloc(n, sizeof(*out));

	memcpy(out, made, n * sizeof(*out));
	(void)apply(s, GP_STORE_REFUND, charges, n, out);
	free(out);
}

/* -- small texts, and for the operator -------------------------------------
 */

/* heed - what an answer says of the store. */
static enum gp_rc
heed(struct gp_store *s, int64_t now_ms, enum gp_rc rc)
{
	if (s->local == NULL)
		return rc;
	if (rc == GP_TEMP)
		failed(s, now_ms);
	else
		answered(s);
	return rc;
}

void
gp_store_put(struct gp_store *s, struct gp_str key, struct gp_str value,
    int64_t keep_ms)
{
	const int64_t now_ms = s->clock_ms();

	assert(key.n > 0 && key.n <= GP_CHARGE_KEY_MAX);
	assert(value.n <= GP_STORE_NOTE_MAX);
	if (!is_away(s, now_ms, false))
		(void)heed(s, now_ms,
		    s->main.ops->put(s->main.self, now_ms, key, value,
			keep_ms));
}

enum gp_rc
gp_store_get(struct gp_store *s, struct gp_str key, struct gp_arena *arena,
    struct gp_str *value)
{
	const int64_t now_ms = s->clock_ms();

	if (is_away(s, now_ms, false))
		return GP_TEMP;
	return heed(s, now_ms,
	    s->main.ops->get(s->main.self, now_ms, key, arena, value));
}

/* A walk that did not come to its end is no sign of trouble. */
enum gp_rc
gp_store_walk(struct gp_store *s, struct gp_str prefix, size_t most,
    gp_store_fn fn, void *arg)
{
	const int64_t now_ms = s->clock_ms();

	if (is_away(s, now_ms, false))
		return GP_TEMP;
	return s->main.ops->walk(s->main.self, now_ms, prefix, most, fn, arg);
}

/* All that can be in them is given back, and soon they are forgotten. */
enum gp_rc
gp_store_empty(struct gp_store *s, const struct gp_str *keys, size_t n)
{
	static const struct gp_charge all = {
		.rule = { .capacity = 1, .factor = 1, .share = 1 },
		.cost = GP_METER_LEVEL_MAX,
		.keep_ms = EMPTY_MS,
	};
	struct gp_charge *charges;
	struct gp_charged *made;
	enum gp_rc rc;

	if (is_away(s, s->clock_ms(), false))
		return GP_TEMP;
	charges = gp_xcalloc(n, sizeof(*charges));
	made = gp_xcalloc(n, sizeof(*made));
	for (size_t i = 0; i < n; i++) {
		charges[i] = all;
		charges[i].key = keys[i];
		made[i].fits = true;
	}
	rc = apply(s, GP_STORE_REFUND, charges, n, made);
	free(charges);
	free(made);
	return rc;
}

void
gp_store_sync(struct gp_store *s)
{
	if (!is_away(s, s->clock_ms(), true) && s->main.ops->sync != NULL)
		s->main.ops->sync(s->main.self);
}

void
gp_store_describe(struct gp_store *s, struct gp_buf *out)
{
	bool told;
	int64_t s_since;

	pthread_mutex_lock(&s->lock);
	told = s->told;
	s_since = gp_time_sub(s->clock_ms(), s->since_ms) / 1000;
	pthread_mutex_unlock(&s->lock);
	gp_buf_addf(out, "store %s\nstate %s for %lld s\n", s->main.ops->name,
	    told ? "local" : "up", (long long)s_since);
	if (s->local != NULL && gp_store_local_owed(s->local) > 0)
		gp_buf_addf(out, "owed %zu\n", gp_store_local_owed(s->local));
	if (s->local != NULL && gp_store_local_lost(s->local) > 0)
		gp_buf_addf(out, "lost %zu\n", gp_store_local_lost(s->local));
	if (s->main.ops->describe != NULL)
		s->main.ops->describe(s->main.self, out);
}
