/*
 * Clients that sent aligned mail; see dmarc_check.h.
 *
 * A table of fixed size with places in groups of four: in a group the one
 * longest not seen makes room.  A key is a keyed hash of 64 bits, so nobody
 * outside can say which others he pushes out.
 */
#include "mta/dmarc_check.h"

#include "base/siphash.h"
#include "base/xalloc.h"
#include "io/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS       16384
#define PLACES       4
#define REMEMBERED_S (INT64_C(30) * 24 * 3600)

struct place {
	uint64_t key; /* 0: empty */
	int64_t seen_s;
};

struct gp_dmarc_known {
	atomic_uint refs;
	uint64_t seed[2];
	pthread_mutex_t lock; /* of what follows */
	struct place places[GROUPS][PLACES];
};

struct gp_dmarc_known *
gp_dmarc_known_new(void)
{
	struct gp_dmarc_known *k = gp_xcalloc(1, sizeof(*k));

	if (gp_random_bytes((uint8_t *)k->seed, sizeof(k->seed)) != GP_OK)
		abort();
	atomic_init(&k->refs, 1);
	(void)pthread_mutex_init(&k->lock, NULL);
	return k;
}

struct gp_dmarc_known *
gp_dmarc_known_ref(struct gp_dmarc_known *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void
gp_dmarc_known_unref(struct gp_dmarc_known *k)
{
	if (k == NULL ||
	    atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}

/* The network of the client and the domain, as one number that is not 0. */
static uint64_t
key_of(const struct gp_dmarc_known *k, const struct gp_ip *client,
    const char *domain)
{
	uint64_t seed[2] = { k->seed[0], k->seed[1] };
	const size_t bytes = client->family == GP_IP_V4 ? 3 : 8;
	uint64_t key;

	seed[1] ^= gp_siphash(k->seed, domain, strlen(domain));
	seed[0] ^= (uint64_t)client->family;
	key = gp_siphash(seed, client->b, bytes);
	return key == 0 ? 1 : key;
}

static struct place *
find(struct gp_dmarc_known *k, uint64_t key)
{
	struct place *group = k->places[key % GROUPS];

	for (size_t i = 0; i < PLACES; i++)
		if (group[i].key == key)
			return &group[i];
	return NULL;
}

static struct place *
oldest(struct gp_dmarc_known *k, uint64_t key)
{
	struct place *group = k->places[key % GROUPS];
	struct place *old = &group[0];

	for (size_t i = 1; i < PLACES; i++)
		if (group[i].key == 0 ||
		    (old->key != 0 && group[i].seen_s < old->seen_s))
			old = &group[i];
	return old;
}

void
gp_dmarc_known_add(struct gp_dmarc_known *k, const struct gp_ip *client,
    const char *domain, int64_t now_s)
{
	uint64_t key;
	struct place *p;

	if (client->family == GP_IP_UNKNOWN)
		return;
	key = key_of(k, client, domain);
	(void)pthread_mutex_lock(&k->lock);
	p = find(k, key);
	if (p == NULL)
		p = oldest(k, key);
	*p = (struct place){ .key = key, .seen_s = now_s };
	(void)pthread_mutex_unlock(&k->lock);
}

bool
gp_dmarc_known_has(struct gp_dmarc_known *k, const struct gp_ip *client,
    const char *domain, int64_t now_s)
{
	const struct place *p;
	uint64_t key;
	bool has;

	if (client->family == GP_IP_UNKNOWN)
		return false;
	key = key_of(k, client, domain);
	(void)pthread_mutex_lock(&k->lock);
	p = find(k, key);
	has = p != NULL && now_s - p->seen_s <= REMEMBERED_S;
	(void)pthread_mutex_unlock(&k->lock);
	return has;
}
