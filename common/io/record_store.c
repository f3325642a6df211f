/*
 * See record_store.h.
 *
 * Here are the queue, its thread and the steps of a walk; the file is in
 * record_env.  The lock of the queue is held for the copy of a record.
 */
#include "io/record_store.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/random.h"
#include "io/record_env.h"
#include "io/record_item.h"
#include "io/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One octet less, so that the buffer with its NUL is a power of two. */
#define QUEUE_BYTES ((size_t)1024 * 1024 - 1)
#define WALK_BYTES  ((size_t)64 * 1024) /* copied in one step */

#define COMMIT_US (200 * GP_US_PER_MS)
#define RETRY_US  GP_US_PER_S
#define AGE_US    (60 * GP_US_PER_S)

struct gp_record_store {
	struct gp_record_env *env;
	_Atomic int64_t max_age_s;
	uint8_t process[8]; /* in keys: differs between processes */

	pthread_mutex_t lock;   /* of what follows */
	pthread_cond_t wake;    /* of the thread */
	pthread_cond_t written; /* of who flushes */
	struct gp_buf queue;
	int64_t queued_us; /* when its first record came */
	uint64_t appended; /* records, which are numbered from 1 */
	uint64_t committed;
	unsigned flushing; /* callers that wait */
	bool closing;

	pthread_t thread; /* which alone uses what follows */
	struct gp_buf batch;
	size_t batch_at;     /* up to here it is written */
	uint64_t batch_last; /* number of its last record */
	int64_t retry_us;    /* not before */
	int64_t age_us;      /* not before */
	bool aging;          /* there may be more to delete */
	bool failing;        /* and the log knows */
};

/* -- the thread ----------------------------------------------------------- */

/* When there will be something to do, as far as is known now. */
static int64_t
due_us(const struct gp_record_store *s)
{
	if (s->batch.n != 0)
		return s->retry_us;
	if (s->aging)
		return 0;
	if (s->queue.n == 0)
		return GP_NEVER_US;
	if (s->flushing > 0 || s->queue.n >= QUEUE_BYTES / 2)
		return 0;
	return s->queued_us + COMMIT_US;
}

static void
wait_for_work(struct gp_record_store *s)
{
	int64_t due;

	while (!s->closing && (due = due_us(s)) > gp_clock_us()) {
		struct timespec at = gp_timespec_of(due);

		if (due == GP_NEVER_US)
			pthread_cond_wait(&s->wake, &s->lock);
		else
			(void)pthread_cond_timedwait(&s->wake, &s->lock, &at);
	}
}

static void
take_batch(struct gp_record_store *s)
{
	struct gp_buf empty = s->batch;

	if (s->batch.n != 0 || s->queue.n == 0)
		return;
	s->batch = s->queue;
	s->queue = empty;
	s->batch_at = 0;
	s->batch_last = s->appended;
}

/* GP_OK: the batch is written and empty. */
static enum gp_rc
write_batch(struct gp_record_store *s)
{
	struct gp_err err = { "" };
	enum gp_rc rc = GP_OK;

	while (rc == GP_OK && s->batch_at < s->batch.n)
		rc = gp_record_env_put(s->env, gp_buf_str(&s->batch),
		    &s->batch_at, &err);
	if ((rc != GP_OK) != s->failing) {
		s->failing = rc != GP_OK;
		if (s->failing)
			gp_log(GP_LOG_WARNING,
			    "records: %s; they wait in memory", err.msg);
		else
			gp_log(GP_LOG_INFO, "records: written again");
	}
	s->retry_us = gp_clock_us() + RETRY_US;
	if (rc == GP_OK)
		gp_buf_reset(&s->batch);
	return rc;
}

/* One bounded step, so that no batch waits for a long deletion. */
static void
age_step(struct gp_record_store *s)
{
	if (!s->aging && gp_clock_us() < s->age_us)
		return;
	s->age_us = gp_clock_us() + AGE_US;
	if (gp_record_env_prune(s->env, gp_clock_wall_s() - s->max_age_s,
		&s->aging, NULL) != GP_OK)
		s->aging = false;
}

static void *
run(void *arg)
{
	struct gp_record_store *s = arg;
	bool last_try = false;
	enum gp_rc rc = GP_OK;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		wait_for_work(s);
		take_batch(s);
		if (s->closing &&
		    (s->batch.n == 0 || (last_try && rc != GP_OK)))
			break;
		last_try = s->closing;
		pthread_mutex_unlock(&s->lock);
		rc = write_batch(s);
		if (rc == GP_OK)
			age_step(s);
		pthread_mutex_lock(&s->lock);
		if (rc == GP_OK)
			s->committed = s->batch_last;
		pthread_cond_broadcast(&s->written);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* -- records in ----------------------------------------------------------- */

enum gp_rc
gp_record_store_append(struct gp_record_store *s, const struct gp_record *r)
{
	uint8_t bytes[GP_RECORD_BYTES_MAX];
	struct gp_record_item item = { .value = (const char *)bytes };
	enum gp_rc rc = GP_TEMP;
	size_t n, before;

	if (gp_record_encode(r, bytes, &n, NULL) != GP_OK)
		return GP_PERM;
	item.n = (uint32_t)n;
	gp_record_key_set(item.key, (uint64_t)r->time_s);
	memcpy(item.key + 8, s->process, sizeof(s->process));
	pthread_mutex_lock(&s->lock);
	before = s->queue.n;
	if (GP_RECORD_ITEM_HEAD + n <= QUEUE_BYTES - before) {
		gp_record_key_set(item.key + 16, ++s->appended);
		gp_record_item_add(&s->queue, &item);
		rc = GP_OK;
	}
	if (before == 0)
		s->queued_us = gp_clock_us();
	if (before == 0 ||
	    (before < QUEUE_BYTES / 2 && s->queue.n >= QUEUE_BYTES / 2))
		pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

enum gp_rc
gp_record_store_flush(struct gp_record_store *s, int64_t deadline_us)
{
	const struct timespec at = gp_timespec_of(deadline_us);
	enum gp_rc rc;
	uint64_t last;
	int error = 0;

	pthread_mutex_lock(&s->lock);
	last = s->appended;
	s->flushing++;
	pthread_cond_signal(&s->wake);
	while (s->committed < last && error == 0)
		error = pthread_cond_timedwait(&s->written, &s->lock, &at);
	s->flushing--;
	rc = s->committed < last ? GP_TEMP : GP_OK;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

enum gp_rc
gp_record_store_age(struct gp_record_store *s, int64_t now_s)
{
	bool more = true;
	enum gp_rc rc = GP_OK;

	while (rc == GP_OK && more)
		rc = gp_record_env_prune(s->env,
		    gp_time_sub(now_s, s->max_age_s), &more, NULL);
	return rc;
}

/* -- records out ---------------------------------------------------------- */

struct walk {
	gp_record_fn fn;
	void *arg;
	uint64_t damaged;
	bool ended; /* by fn */
};

/* A value must be a record, and stand where its time belongs. */
static void
show(struct walk *w, const struct gp_record_item *item)
{
	struct gp_record r;

	if (gp_record_decode(gp_str_n(item->value, item->n), &r) != GP_OK ||
	    (uint64_t)r.time_s != gp_record_key_time(item->key))
		w->damaged++;
	else
		w->ended = !w->fn(w->arg, &r);
}

/* Nothing is locked while `fn` looks at the copies. */
static enum gp_rc
walk_range(struct gp_record_env *env, int64_t from_s, int64_t to_s,
    struct walk *w)
{
	/* the octet behind the last key makes the next key the first above */
	uint8_t from[GP_RECORD_KEY_BYTES + 1] = { 0 };
	size_t from_bytes = 8;
	struct gp_record_item item;
	struct gp_buf items;
	enum gp_rc rc = GP_OK;

	gp_record_key_set(from, from_s < 0 ? 0 : (uint64_t)from_s);
	gp_buf_init(&items, WALK_BYTES);
	while (rc == GP_OK && !w->ended) {
		size_t at = 0;

		gp_buf_reset(&items);
		rc = gp_record_env_read(env,
		    gp_str_n((const char *)from, from_bytes), (uint64_t)to_s,
		    &items, NULL);
		while (!w->ended &&
		       gp_record_item_next(gp_buf_str(&items), &at, &item)) {
			memcpy(from, item.key, sizeof(item.key));
			from_bytes = sizeof(from);
			show(w, &item);
		}
	}
	gp_buf_clear(&items);
	return rc == GP_NONE ? GP_OK : rc;
}

enum gp_rc
gp_record_store_walk(struct gp_record_store *s, int64_t from_s, int64_t to_s,
    gp_record_fn fn, void *arg, uint64_t *damaged)
{
	struct walk w = { .fn = fn, .arg = arg };
	enum gp_rc rc = GP_OK;

	if (to_s > 0)
		rc = walk_range(s->env, from_s, to_s, &w);
	if (damaged != NULL)
		*damaged = w.damaged;
	return rc;
}

/* -- the store ------------------------------------------------------------ */

static void
store_free(struct gp_record_store *s)
{
	gp_record_env_close(s->env);
	gp_buf_clear(&s->queue);
	gp_buf_clear(&s->batch);
	(void)pthread_cond_destroy(&s->wake);
	(void)pthread_cond_destroy(&s->written);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static size_t
in_range(int64_t max_bytes)
{
	if (max_bytes < GP_RECORD_STORE_MIN_BYTES)
		max_bytes = GP_RECORD_STORE_MIN_BYTES;
	if (max_bytes > GP_RECORD_STORE_MAX_BYTES)
		max_bytes = GP_RECORD_STORE_MAX_BYTES;
	return (size_t)max_bytes;
}

enum gp_rc
gp_record_store_open(const char *dir, int64_t max_bytes, int64_t max_age_s,
    struct gp_record_store **out, struct gp_err *err)
{
	struct gp_record_store *s = gp_xcalloc(1, sizeof(*s));
	enum gp_rc rc;

	assert(max_age_s > 0);
	*out = NULL;
	s->max_age_s = max_age_s;
	gp_buf_init(&s->queue, QUEUE_BYTES);
	gp_buf_init(&s->batch, QUEUE_BYTES);
	(void)pthread_mutex_init(&s->lock, NULL);
	gp_cond_init(&s->wake);
	gp_cond_init(&s->written);
	rc = gp_random_bytes(s->process, sizeof(s->process));
	if (rc != GP_OK)
		rc = gp_fail(err, rc, "records: no random bytes");
	if (rc == GP_OK)
		rc = gp_record_env_open(dir, in_range(max_bytes), &s->env, err);
	if (rc == GP_OK)
		rc = gp_thread_start(&s->thread, run, s, NULL) == GP_OK
		         ? GP_OK
		         : gp_fail(err, GP_TEMP, "records: no thread");
	if (rc == GP_OK)
		*out = s;
	else
		store_free(s);
	return rc;
}

void
gp_record_store_limit(struct gp_record_store *s, int64_t max_bytes,
    int64_t max_age_s)
{
	assert(max_age_s > 0);
	s->max_age_s = max_age_s;
	gp_record_env_resize(s->env, in_range(max_bytes));
}

void
gp_record_store_close(struct gp_record_store *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	if (s->committed < s->appended)
		gp_log(GP_LOG_WARNING,
		    "records: %llu could not be written and are lost",
		    (unsigned long long)(s->appended - s->committed));
	store_free(s);
}
