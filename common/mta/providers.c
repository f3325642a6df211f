/*
 * See providers.h.
 *
 * The names of the hosts are kept, not what provider that is: a reload may
 * bring other blocks, and messages of both policies are under way then.
 *
 * A table of fixed size with places in groups.  A key is a keyed hash of 64
 * bits, so nobody outside can say which others he pushes out; and in a group
 * the one used least makes room.  What counts as use is a minute in which it
 * was asked for, so domains of one burst, however many recipients they have,
 * push out one another and not those that get mail all day.
 */
#include "mta/providers.h"

#include "base/siphash.h"
#include "base/xalloc.h"
#include "core/domain.h"
#include "io/clock.h"
#include "io/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS     8192
#define PLACES     8
#define USES_MAX   15
#define USE_US     (60 * GP_US_PER_S)    /* one in this time counts */
#define FAME_US    (86400 * GP_US_PER_S) /* and for so long after the last */
#define HOSTS_MAX  16                    /* the first ones, by preference */
#define HOSTS_TEXT 256

#define KEEP_MIN_S 3600
#define KEEP_MAX_S 86400
#define STALE_US   (INT64_C(7) * 86400 * GP_US_PER_S)
#define AGAIN_US   (60 * GP_US_PER_S) /* after DNS did not answer */
#define FAIR_US    GP_US_PER_S        /* it had the time to answer */

struct place {
	uint64_t key;    /* 0: empty */
	int64_t ask_us;  /* from then on DNS is asked again */
	int64_t end_us;  /* from then on the hosts are forgotten */
	char *hosts;     /* their names with blanks between them; NULL: none */
	int64_t used_us; /* when the last of them counted */
	unsigned uses;   /* to USES_MAX */
};

struct gp_provider_cache {
	atomic_uint refs;
	uint64_t seed[2];
	pthread_mutex_t lock; /* of what follows */
	struct place places[GROUPS][PLACES];
};

struct gp_provider_cache *
gp_provider_cache_new(void)
{
	struct gp_provider_cache *c = gp_xcalloc(1, sizeof(*c));

	if (gp_random_bytes((uint8_t *)c->seed, sizeof(c->seed)) != GP_OK)
		abort();
	atomic_init(&c->refs, 1);
	(void)pthread_mutex_init(&c->lock, NULL);
	return c;
}

struct gp_provider_cache *
gp_provider_cache_ref(struct gp_provider_cache *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void
gp_provider_cache_unref(struct gp_provider_cache *c)
{
	if (c == NULL ||
	    atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < GROUPS; i++)
		for (size_t k = 0; k < PLACES; k++)
			free(c->places[i][k].hosts);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* -- places, under the lock -------------------------------------------- */

static uint64_t
key_of(const struct gp_provider_cache *c, const char *domain)
{
	uint64_t key = gp_siphash(c->seed, domain, strlen(domain));

	return key == 0 ? 1 : key;
}

static struct place *
find(struct gp_provider_cache *c, uint64_t key)
{
	struct place *group = c->places[key % GROUPS];

	for (size_t i = 0; i < PLACES; i++)
		if (group[i].key == key)
			return &group[i];
	return NULL;
}

/* Fame of former days does not count. */
static unsigned
uses_of(const struct place *p, int64_t now_us)
{
	return now_us < gp_time_add(p->used_us, FAME_US) ? p->uses : 0;
}

static bool
goes_before(const struct place *a, const struct place *b, int64_t now_us)
{
	const unsigned uses_a = uses_of(a, now_us), uses_b = uses_of(b, now_us);

	if (a->key == 0 || b->key == 0)
		return b->key != 0;
	return uses_a != uses_b ? uses_a < uses_b : a->used_us < b->used_us;
}

static struct place *
make_room(struct gp_provider_cache *c, uint64_t key, int64_t now_us)
{
	struct place *group = c->places[key % GROUPS];
	struct place *least = &group[0];

	for (size_t i = 1; i < PLACES; i++)
		if (goes_before(&group[i], least, now_us))
			least = &group[i];
	free(least->hosts);
	*least = (struct place){ .key = key, .used_us = now_us };
	return least;
}

static void
use(struct place *p, int64_t now_us)
{
	if (now_us < gp_time_add(p->used_us, USE_US))
		return;
	p->used_us = now_us;
	if (p->uses < USES_MAX)
		p->uses++;
}

static void
copy_hosts(const struct place *p, char out[HOSTS_TEXT])
{
	size_t n = p->hosts == NULL ? 0 : strlen(p->hosts);

	if (n > 0)
		memcpy(out, p->hosts, n);
	out[n] = '\0';
}

/* -- what is remembered ------------------------------------------------ */

/* False: DNS must be asked. */
static bool
recall(struct gp_provider_cache *c, uint64_t key, int64_t now_us,
    char hosts[HOSTS_TEXT])
{
	struct place *p;
	bool known;

	(void)pthread_mutex_lock(&c->lock);
	p = find(c, key);
	if (p != NULL)
		use(p, now_us);
	known = p != NULL && now_us < p->ask_us;
	if (known)
		copy_hosts(p, hosts);
	(void)pthread_mutex_unlock(&c->lock);
	return known;
}

static void
remember(struct gp_provider_cache *c, uint64_t key, int64_t now_us,
    uint32_t ttl_s, const char *hosts)
{
	const int64_t keep_s = ttl_s < KEEP_MIN_S   ? KEEP_MIN_S
	                       : ttl_s > KEEP_MAX_S ? KEEP_MAX_S
	                                            : ttl_s;
	char *copy = hosts[0] == '\0' ? NULL : gp_xstrdup(hosts), *old;
	struct place *p;

	(void)pthread_mutex_lock(&c->lock);
	p = find(c, key);
	if (p == NULL)
		p = make_room(c, key, now_us);
	old = p->hosts;
	p->hosts = copy;
	p->ask_us = gp_time_add(now_us, keep_s * GP_US_PER_S);
	p->end_us = gp_time_add(p->ask_us, STALE_US);
	(void)pthread_mutex_unlock(&c->lock);
	free(old);
}

/*
 * DNS did not answer: what was known is still good for some days.  It is asked
 * again after a while and not for each message, each of which would wait; but
 * a question that had no time says nothing about the domain.
 */
static void
make_do(struct gp_provider_cache *c, uint64_t key, int64_t now_us, bool fair,
    char hosts[HOSTS_TEXT])
{
	struct place *p;

	(void)pthread_mutex_lock(&c->lock);
	p = find(c, key);
	if (p == NULL && fair)
		p = make_room(c, key, now_us);
	if (p != NULL && now_us >= p->end_us) {
		free(p->hosts);
		p->hosts = NULL;
	}
	if (p != NULL)
		copy_hosts(p, hosts);
	if (p != NULL && fair)
		p->ask_us = gp_time_add(now_us, AGAIN_US);
	(void)pthread_mutex_unlock(&c->lock);
}

/* -- what DNS says ----------------------------------------------------- */

/* By preference; equal ones, which DNS may turn round, by name. */
static int
compare(const void *a, const void *b)
{
	const struct gp_dns_rr *one = a, *other = b;

	if (one->preference != other->preference)
		return one->preference < other->preference ? -1 : 1;
	return strcmp(one->text.p, other->text.p);
}

/* Names of DNS are anything.  What is no domain name is no host either: "."
 * is that of a domain without mail (RFC 7505). */
static void
list_hosts(const struct gp_dns_answer *a, struct gp_arena *arena,
    char hosts[HOSTS_TEXT])
{
	struct gp_dns_rr *rr = gp_arena_alloc(arena, a->n * sizeof(*rr));
	unsigned listed = 0;
	size_t n = 0;

	memcpy(rr, a->rr, a->n * sizeof(*rr));
	qsort(rr, a->n, sizeof(*rr), compare);
	for (size_t i = 0; i < a->n && listed < HOSTS_MAX; i++) {
		char name[GP_DOMAIN_TEXT];
		size_t length;

		if (gp_domain_normalize(rr[i].text, name, NULL) != GP_OK)
			continue;
		length = strlen(name);
		if (n + (n > 0) + length >= HOSTS_TEXT)
			break;
		if (n > 0)
			hosts[n++] = ' ';
		memcpy(hosts + n, name, length + 1);
		n += length;
		listed++;
	}
	hosts[n] = '\0';
}

static void
ask(struct gp_provider_cache *c, struct gp_dns_scope *scope, const char *domain,
    int64_t now_us, char hosts[HOSTS_TEXT])
{
	const uint64_t key = key_of(c, domain);
	const bool fair = scope->budget > 0 && gp_time_sub(scope->deadline_us,
						   gp_clock_us()) >= FAIR_US;
	struct gp_dns_answer a;

	switch (gp_dns_query(scope, domain, GP_DNS_MX, &a)) {
	case GP_OK:
		list_hosts(&a, scope->arena, hosts);
		break;
	case GP_NONE:
		/* without MX it is its own host (RFC 5321 section 5.1) */
		if (!a.nxdomain)
			memcpy(hosts, domain, strlen(domain) + 1);
		break;
	case GP_TEMP:
	case GP_PERM:
		make_do(c, key, now_us, fair, hosts);
		return;
	}
	remember(c, key, now_us, a.ttl_s, hosts);
}

/* -- providers --------------------------------------------------------- */

static bool
wants_hosts(const struct gp_providers *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].mx.n > 0)
			return true;
	return false;
}

/* True: it is known without DNS, or can not be: *p, which may be NULL.  Else
 * `name` is what to ask for. */
static bool
by_policy(const struct gp_providers *all, const char *transport,
    const char *domain, char name[GP_DOMAIN_TEXT],
    const struct gp_provider_policy **p)
{
	*p =
	    transport == NULL ? NULL : gp_provider_by_transport(all, transport);
	if (*p != NULL ||
	    gp_domain_normalize(gp_str(domain), name, NULL) != GP_OK)
		return true;
	*p = gp_provider_by_domain(all, name);
	return *p != NULL || !wants_hosts(all);
}

static const struct gp_provider_policy *
by_hosts(const struct gp_providers *all, char hosts[HOSTS_TEXT])
{
	const char *mx[HOSTS_MAX];
	size_t n = 0;

	for (char *at = hosts; at != NULL && *at != '\0' && n < HOSTS_MAX;) {
		char *blank = strchr(at, ' ');

		mx[n++] = at;
		if (blank != NULL)
			*blank++ = '\0';
		at = blank;
	}
	return gp_provider_by_mx(all, mx, n);
}

void
gp_providers_prefetch(struct gp_provider_cache *c,
    const struct gp_providers *all, struct gp_dns_scope *scope,
    const char *transport, const char *domain, struct gp_dns_held **held)
{
	char name[GP_DOMAIN_TEXT], hosts[HOSTS_TEXT];
	const struct gp_provider_policy *p;

	if (!by_policy(all, transport, domain, name, &p) &&
	    !recall(c, key_of(c, name), gp_clock_us(), hosts))
		gp_dns_prefetch(scope, name, GP_DNS_MX, held);
}

const char *
gp_providers_find(struct gp_provider_cache *c, const struct gp_providers *all,
    struct gp_dns_scope *scope, const char *transport, const char *domain,
    int64_t now_us)
{
	char name[GP_DOMAIN_TEXT], hosts[HOSTS_TEXT] = "";
	const struct gp_provider_policy *p;

	if (!by_policy(all, transport, domain, name, &p)) {
		if (!recall(c, key_of(c, name), now_us, hosts))
			ask(c, scope, name, now_us, hosts);
		p = by_hosts(all, hosts);
	}
	return p == NULL ? GP_PROVIDER_OTHER : p->name;
}
