/* See key_cache.h. */
#include "io/key_cache.h"

#include "base/siphash.h"
#include "base/xalloc.h"
#include "io/random.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 65536

/* Label values of GP_M_DKIM_KEY_CACHE. */
enum { LABEL_HIT, LABEL_MISS };

struct entry {
	struct entry *next; /* in the bucket */
	struct entry *newer;
	struct entry *older;
	uint64_t hash;
	struct gp_dkim_public numbers;
	struct gp_public_key *key;
	char bytes[]; /* which `numbers` points at */
};

struct gp_key_cache {
	atomic_uint refs;
	struct gp_metrics *metrics;
	uint64_t seed[2];
	size_t n_buckets; /* a power of two */
	unsigned max;
	pthread_mutex_t lock; /* of what follows */
	unsigned n;
	struct entry *newest; /* asked for last */
	struct entry *oldest;
	struct entry *buckets[];
};

struct gp_key_cache *
gp_key_cache_new(unsigned max, struct gp_metrics *metrics)
{
	struct gp_key_cache *c;
	size_t n_buckets = 1;

	assert(max >= 1 && max <= KEYS_MAX);
	while (n_buckets < max)
		n_buckets *= 2;
	c = gp_xcalloc(1, sizeof(*c) + n_buckets * sizeof(struct entry *));
	atomic_init(&c->refs, 1);
	/* strangers choose the keys: they may not choose which ones collide */
	if (gp_random_bytes((uint8_t *)c->seed, sizeof(c->seed)) != GP_OK)
		abort();
	c->metrics = metrics;
	c->max = max;
	c->n_buckets = n_buckets;
	(void)pthread_mutex_init(&c->lock, NULL);
	return c;
}

struct gp_key_cache *
gp_key_cache_ref(struct gp_key_cache *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

static void
entry_free(struct entry *e)
{
	gp_public_key_unref(e->key);
	free(e);
}

void
gp_key_cache_unref(struct gp_key_cache *c)
{
	if (c == NULL ||
	    atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	while (c->newest != NULL) {
		struct entry *e = c->newest;

		c->newest = e->older;
		entry_free(e);
	}
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* -- entries -------------------------------------------------------------- */

static uint64_t
hash_of(const struct gp_key_cache *c, const struct gp_dkim_public *p)
{
	uint64_t seed[2] = { c->seed[0], c->seed[1] };

	if (p->type == GP_DKIM_KEY_ED25519)
		return gp_siphash(seed, p->point.p, p->point.n);
	seed[1] ^= gp_siphash(c->seed, p->e.p, p->e.n);
	return gp_siphash(seed, p->n.p, p->n.n);
}

static struct gp_str
store(char *to, struct gp_str s)
{
	if (s.n != 0)
		memcpy(to, s.p, s.n);
	return gp_str_n(to, s.n);
}

static struct entry *
entry_new(const struct gp_dkim_public *p, struct gp_public_key *key,
    uint64_t hash)
{
	const bool rsa = p->type == GP_DKIM_KEY_RSA;
	struct entry *e =
	    gp_xcalloc(1, sizeof(*e) + (rsa ? p->n.n + p->e.n : p->point.n));

	e->hash = hash;
	e->key = gp_public_key_ref(key);
	e->numbers.type = p->type;
	e->numbers.bits = p->bits;
	if (rsa) {
		e->numbers.n = store(e->bytes, p->n);
		e->numbers.e = store(e->bytes + p->n.n, p->e);
	} else {
		e->numbers.point = store(e->bytes, p->point);
	}
	return e;
}

/* -- under the lock ------------------------------------------------------- */

static struct entry **
bucket_of(struct gp_key_cache *c, uint64_t hash)
{
	return &c->buckets[hash & (c->n_buckets - 1)];
}

static void
list_add(struct gp_key_cache *c, struct entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	if (c->newest != NULL)
		c->newest->newer = e;
	else
		c->oldest = e;
	c->newest = e;
}

static void
list_remove(struct gp_key_cache *c, struct entry *e)
{
	if (e->newer != NULL)
		e->newer->older = e->older;
	else
		c->newest = e->older;
	if (e->older != NULL)
		e->older->newer = e->newer;
	else
		c->oldest = e->newer;
}

static struct entry *
find(struct gp_key_cache *c, const struct gp_dkim_public *p, uint64_t hash)
{
	struct entry *e = *bucket_of(c, hash);

	while (e != NULL &&
	       (e->hash != hash || !gp_dkim_public_eq(&e->numbers, p)))
		e = e->next;
	if (e == NULL)
		return NULL;
	list_remove(c, e);
	list_add(c, e);
	return e;
}

static void
add(struct gp_key_cache *c, struct entry *e)
{
	struct entry **bucket = bucket_of(c, e->hash);

	e->next = *bucket;
	*bucket = e;
	list_add(c, e);
	c->n++;
}

/* Out of the cache with the one longest not asked for. */
static struct entry *
drop(struct gp_key_cache *c)
{
	struct entry *e = c->oldest;
	struct entry **at = bucket_of(c, e->hash);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	list_remove(c, e);
	c->n--;
	return e;
}

/* -- asking --------------------------------------------------------------- */

static struct gp_public_key *
look_up(struct gp_key_cache *c, const struct gp_dkim_public *p, uint64_t hash)
{
	struct gp_public_key *key = NULL;
	const struct entry *e;

	pthread_mutex_lock(&c->lock);
	e = find(c, p, hash);
	if (e != NULL)
		key = gp_public_key_ref(e->key);
	pthread_mutex_unlock(&c->lock);
	return key;
}

/* Another thread may have been as fast: then its key stays, ours is used this
 * once.  Memory is given back after the lock is. */
static void
keep(struct gp_key_cache *c, struct entry *e)
{
	struct entry *gone = NULL;

	pthread_mutex_lock(&c->lock);
	if (find(c, &e->numbers, e->hash) != NULL) {
		gone = e;
	} else {
		if (c->n == c->max)
			gone = drop(c);
		add(c, e);
	}
	pthread_mutex_unlock(&c->lock);
	if (gone != NULL)
		entry_free(gone);
}

enum gp_rc
gp_key_cache_get(struct gp_key_cache *c, const struct gp_dkim_public *p,
    struct gp_public_key **out, struct gp_err *err)
{
	const uint64_t hash = hash_of(c, p);
	enum gp_rc rc;

	*out = look_up(c, p, hash);
	gp_metrics_add(c->metrics, GP_M_DKIM_KEY_CACHE,
	    *out != NULL ? LABEL_HIT : LABEL_MISS, 1);
	if (*out != NULL)
		return GP_OK;
	rc = gp_public_key_new(p, out, err);
	if (rc == GP_OK)
		keep(c, entry_new(p, *out, hash));
	return rc;
}
