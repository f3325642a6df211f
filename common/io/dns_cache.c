/* See dns_cache.h. */
#include "io/dns_cache.h"

#include "base/siphash.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/thread.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SHARDS          16
#define SHARD_BITS      4
#define FLIGHT_BUCKETS  64
#define FLIGHTS_MAX     512 /* of one shard */
#define BUCKETS_MIN     64
#define ENTRY_OVERHEAD  32 /* malloc's and the bucket's share of an entry */
#define OLD_SHARE(size) ((size) / 4 * 3)

/* Label values of GP_M_DNS_ANSWERS. */
enum { LABEL_OK, LABEL_NODATA, LABEL_NXDOMAIN, LABEL_TEMPORARY };

struct gp_dns_flight {
	struct gp_dns_question question;
	struct gp_dns_cache *cache;
	struct shard *shard;
	uint64_t hash;
	struct gp_dns_flight *next; /* in the bucket */
	unsigned holds;             /* the backend's and each waiter's */
	bool done;
	struct gp_dns_entry *entry; /* when done */
	pthread_cond_t finished;
};

/* Entries from the newest to the oldest. */
struct generation {
	struct gp_dns_entry *newest;
	struct gp_dns_entry *oldest;
	size_t bytes;
};

struct shard {
	alignas(64) pthread_mutex_t lock;
	struct gp_dns_entry **buckets;
	size_t n_buckets; /* a power of two */
	size_t n_entries;
	struct generation young;
	struct generation old;
	struct gp_dns_flight *flights[FLIGHT_BUCKETS];
	unsigned n_flights;
};

struct gp_dns_cache {
	struct shard shards[SHARDS];
	uint64_t seed[2];
	size_t max_bytes; /* of one shard */
	struct gp_metrics *metrics;
};

/* A sender chooses the names, but not which of them collide. */
static uint64_t
question_hash(const struct gp_dns_cache *c, const struct gp_dns_question *q)
{
	const uint64_t seed[2] = { c->seed[0], c->seed[1] ^ (uint64_t)q->type };

	return gp_siphash(seed, q->name, strlen(q->name));
}

/* -- life ---------------------------------------------------------------- */

struct gp_dns_cache *
gp_dns_cache_new(int64_t max_bytes, struct gp_metrics *metrics)
{
	struct gp_dns_cache *c =
	    aligned_alloc(alignof(struct gp_dns_cache), sizeof(*c));

	if (c == NULL)
		abort();
	memset(c, 0, sizeof(*c));
	if (getrandom(c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		abort();
	c->max_bytes = max_bytes <= 0 ? 0 : (size_t)max_bytes / SHARDS;
	c->metrics = metrics;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shards[i];

		pthread_mutex_init(&s->lock, NULL);
		s->n_buckets = BUCKETS_MIN;
		s->buckets =
		    gp_xcalloc(s->n_buckets, sizeof(struct gp_dns_entry *));
	}
	return c;
}

static void
generation_clear(struct generation *g)
{
	while (g->newest != NULL) {
		struct gp_dns_entry *e = g->newest;

		g->newest = e->older;
		gp_dns_entry_unref(e);
	}
}

void
gp_dns_cache_free(struct gp_dns_cache *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shards[i];

		gp_metrics_add(c->metrics, GP_M_DNS_CACHE_BYTES, 0,
		    -(int64_t)(s->young.bytes + s->old.bytes));
		generation_clear(&s->young);
		generation_clear(&s->old);
		free(s->buckets);
		pthread_mutex_destroy(&s->lock);
	}
	free(c);
}

/* -- entries, under the shard's lock ------------------------------------- */

static size_t
entry_cost(const struct gp_dns_entry *e)
{
	return e->bytes + ENTRY_OVERHEAD;
}

static struct gp_dns_entry **
bucket_of(const struct shard *s, uint64_t hash)
{
	return &s->buckets[(hash >> SHARD_BITS) & (s->n_buckets - 1)];
}

static void
list_add(struct generation *g, struct gp_dns_entry *e)
{
	e->newer = NULL;
	e->older = g->newest;
	if (g->newest != NULL)
		g->newest->newer = e;
	else
		g->oldest = e;
	g->newest = e;
	g->bytes += entry_cost(e);
}

static void
list_remove(struct generation *g, struct gp_dns_entry *e)
{
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		g->newest = e->older;
	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		g->oldest = e->newer;
	g->bytes -= entry_cost(e);
}

static struct generation *
generation_of(struct shard *s, const struct gp_dns_entry *e)
{
	return e->in_old ? &s->old : &s->young;
}

static void
entry_drop(struct gp_dns_cache *c, struct shard *s, struct gp_dns_entry *e)
{
	struct gp_dns_entry **at = bucket_of(s, e->hash);

	while (*at != e)
		at = &(*at)->next_in_bucket;
	*at = e->next_in_bucket;
	list_remove(generation_of(s, e), e);
	s->n_entries--;
	gp_metrics_add(c->metrics, GP_M_DNS_CACHE_BYTES, 0,
	    -(int64_t)entry_cost(e));
	gp_dns_entry_unref(e);
}

/* An answer that was asked for again belongs to the old generation, whose
 * own oldest get a second life in the young one when it has grown too big. */
static void
entry_touch(struct gp_dns_cache *c, struct shard *s, struct gp_dns_entry *e)
{
	list_remove(generation_of(s, e), e);
	e->in_old = true;
	list_add(&s->old, e);
	while (s->old.bytes > OLD_SHARE(c->max_bytes) && s->old.oldest != e) {
		struct gp_dns_entry *last = s->old.oldest;

		list_remove(&s->old, last);
		last->in_old = false;
		list_add(&s->young, last);
	}
}

static struct gp_dns_entry *
entry_find(const struct shard *s, uint64_t hash, const char *name,
    enum gp_dns_type type)
{
	struct gp_dns_entry *e;

	for (e = *bucket_of(s, hash); e != NULL; e = e->next_in_bucket)
		if (e->hash == hash && e->type == type &&
		    strcmp(e->name, name) == 0)
			return e;
	return NULL;
}

static void
buckets_grow(struct shard *s)
{
	struct gp_dns_entry **old = s->buckets;
	const size_t n = s->n_buckets;

	s->n_buckets = n * 2;
	s->buckets = gp_xcalloc(s->n_buckets, sizeof(struct gp_dns_entry *));
	for (size_t i = 0; i < n; i++) {
		while (old[i] != NULL) {
			struct gp_dns_entry *e = old[i];
			struct gp_dns_entry **to = bucket_of(s, e->hash);

			old[i] = e->next_in_bucket;
			e->next_in_bucket = *to;
			*to = e;
		}
	}
	free(old);
}

static void
entry_keep(struct gp_dns_cache *c, struct shard *s, struct gp_dns_entry *e)
{
	struct gp_dns_entry **bucket;
	struct gp_dns_entry *before;

	if (entry_cost(e) > c->max_bytes)
		return;
	before = entry_find(s, e->hash, e->name, e->type);
	if (before != NULL)
		entry_drop(c, s, before);
	while (s->young.bytes + s->old.bytes + entry_cost(e) > c->max_bytes)
		entry_drop(c, s,
		    s->young.oldest != NULL ? s->young.oldest : s->old.oldest);
	if (s->n_entries >= s->n_buckets)
		buckets_grow(s);
	bucket = bucket_of(s, e->hash);
	e->next_in_bucket = *bucket;
	*bucket = gp_dns_entry_ref(e);
	list_add(&s->young, e);
	s->n_entries++;
	gp_metrics_add(c->metrics, GP_M_DNS_CACHE_BYTES, 0,
	    (int64_t)entry_cost(e));
}

/* -- flights ------------------------------------------------------------- */

static struct gp_dns_flight **
flight_bucket(struct shard *s, uint64_t hash)
{
	return &s->flights[(hash >> SHARD_BITS) % FLIGHT_BUCKETS];
}

static struct gp_dns_flight *
flight_find(struct shard *s, uint64_t hash, const struct gp_dns_question *q)
{
	struct gp_dns_flight *f;

	for (f = *flight_bucket(s, hash); f != NULL; f = f->next)
		if (f->hash == hash && f->question.type == q->type &&
		    strcmp(f->question.name, q->name) == 0)
			return f;
	return NULL;
}

static struct gp_dns_flight *
flight_new(struct gp_dns_cache *c, struct shard *s, uint64_t hash,
    const struct gp_dns_question *q)
{
	struct gp_dns_flight *f = gp_xcalloc(1, sizeof(*f));
	struct gp_dns_flight **bucket = flight_bucket(s, hash);

	f->question = *q;
	f->cache = c;
	f->shard = s;
	f->hash = hash;
	f->holds = 2;
	gp_cond_init(&f->finished);
	f->next = *bucket;
	*bucket = f;
	s->n_flights++;
	return f;
}

/* Under the lock, which is released. */
static void
flight_release(struct gp_dns_flight *f)
{
	const bool last = --f->holds == 0;

	pthread_mutex_unlock(&f->shard->lock);
	if (!last)
		return;
	gp_dns_entry_unref(f->entry);
	pthread_cond_destroy(&f->finished);
	free(f);
}

enum gp_dns_found
gp_dns_cache_find(struct gp_dns_cache *c, const struct gp_dns_question *q,
    int64_t deadline_us, struct gp_dns_entry **entry,
    struct gp_dns_flight **flight)
{
	const int64_t now_us = gp_clock_us();
	const uint64_t hash = question_hash(c, q);
	struct shard *s = &c->shards[hash % SHARDS];
	enum gp_dns_found found;
	struct gp_dns_entry *e;

	pthread_mutex_lock(&s->lock);
	e = entry_find(s, hash, q->name, q->type);
	if (e != NULL && e->expires_us <= now_us) {
		entry_drop(c, s, e);
		e = NULL;
	}
	if (e != NULL) {
		entry_touch(c, s, e);
		*entry = gp_dns_entry_ref(e);
		found = GP_DNS_HIT;
	} else if ((*flight = flight_find(s, hash, q)) != NULL) {
		(*flight)->holds++;
		found = GP_DNS_SHARED;
	} else if (deadline_us <= now_us) {
		found = GP_DNS_LATE;
	} else if (s->n_flights >= FLIGHTS_MAX) {
		found = GP_DNS_FULL;
	} else {
		*flight = flight_new(c, s, hash, q);
		found = GP_DNS_MISS;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

struct gp_dns_entry *
gp_dns_flight_wait(struct gp_dns_flight *f, int64_t deadline_us)
{
	const struct timespec until = gp_timespec_of(deadline_us);
	struct gp_dns_entry *e = NULL;
	int error = 0;

	pthread_mutex_lock(&f->shard->lock);
	while (!f->done && error == 0)
		error = pthread_cond_timedwait(&f->finished, &f->shard->lock,
		    &until);
	if (f->done)
		e = gp_dns_entry_ref(f->entry);
	flight_release(f);
	return e;
}

void
gp_dns_flight_leave(struct gp_dns_flight *f)
{
	pthread_mutex_lock(&f->shard->lock);
	flight_release(f);
}

const struct gp_dns_question *
gp_dns_flight_question(const struct gp_dns_flight *f)
{
	return &f->question;
}

static unsigned
answer_label(const struct gp_dns_answer *a)
{
	if (a->rc == GP_OK)
		return LABEL_OK;
	if (a->rc == GP_NONE)
		return a->nxdomain ? LABEL_NXDOMAIN : LABEL_NODATA;
	return LABEL_TEMPORARY;
}

void
gp_dns_finish(struct gp_dns_flight *f, const struct gp_dns_answer *a,
    const char *alias)
{
	struct shard *s = f->shard;
	struct gp_dns_flight **at;
	struct gp_dns_entry *e;

	e = gp_dns_entry_new(&f->question, a, alias, gp_clock_us());
	e->hash = f->hash;
	pthread_mutex_lock(&s->lock);
	for (at = flight_bucket(s, f->hash); *at != f; at = &(*at)->next)
		continue;
	*at = f->next;
	s->n_flights--;
	if (a->rc != GP_TEMP && a->ttl_s != 0)
		entry_keep(f->cache, s, e);
	gp_metrics_add(f->cache->metrics, GP_M_DNS_ANSWERS, answer_label(a), 1);
	f->entry = e;
	f->done = true;
	pthread_cond_broadcast(&f->finished);
	flight_release(f);
}

void
gp_dns_finish_temp(struct gp_dns_flight *f, const char *why)
{
	const struct gp_dns_answer a = { .rc = GP_TEMP, .why = why };

	gp_dns_finish(f, &a, NULL);
}
