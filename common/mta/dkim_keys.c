/* See dkim_keys.h. */
#include "mta/dkim_keys.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/key_file.h"
#include "io/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Public keys that are kept decoded; about 3 kB each. */
#define CACHED_KEYS 4096

/* A staged key is looked up in DNS no more often. */
#define ASK_EVERY_US (60 * GP_US_PER_S)

/* RSA keys below are usable, and should be replaced (RFC 8301 3.2). */
#define RSA_BITS_WANTED 2048

/* Labels of GP_M_DKIM_KEYS. */
enum { LABEL_ACTIVE, LABEL_STAGED, LABEL_RETIRED, LABEL_PROMOTED };

struct entry {
	const struct gp_key_policy *policy;
	const char *domain;         /* of its block */
	struct gp_private_key *key; /* NULL: retired, or not opened */
	atomic_bool promoted;       /* staged in the file, active by now */
	_Atomic int64_t asked_us;   /* when DNS was asked, or INT64_MIN */
};

struct gp_dkim_keys {
	const struct gp_config *config; /* it lives at least as long */
	struct gp_metrics *metrics;
	struct gp_key_cache *cache;
	struct gp_opendkim *opendkim;
	struct entry *v; /* block by block, as in the policy */
	size_t n;
	size_t *first; /* of each block, by its place in the policy */
};

/* -- opening ------------------------------------------------------------- */

static enum gp_dkim_algorithm
algorithm_of(const struct gp_private_key *key)
{
	return gp_private_key_public(key)->type == GP_DKIM_KEY_RSA
	           ? GP_DKIM_RSA_SHA256
	           : GP_DKIM_ED25519_SHA256;
}

static bool
algorithm_fits(const struct gp_key_policy *p, const struct gp_private_key *key)
{
	switch (p->algorithm) {
	case GP_SIGN_RSA_SHA256:
		return algorithm_of(key) == GP_DKIM_RSA_SHA256;
	case GP_SIGN_ED25519_SHA256:
		return algorithm_of(key) == GP_DKIM_ED25519_SHA256;
	case GP_SIGN_ANY:
		break;
	}
	return true;
}

static void
open_key(struct entry *e, struct gp_problems *problems)
{
	const struct gp_key_policy *p = e->policy;
	struct gp_private_key *key;
	struct gp_err err;

	if (p->state == GP_KEY_RETIRED)
		return;
	if (gp_key_file_load(p->file, &key, &err) != GP_OK) {
		gp_problems_add(problems, p->origin, "key \"%s\": %s",
		    p->selector, err.msg);
		return;
	}
	e->key = key;
	if (!algorithm_fits(p, key))
		gp_problems_add(problems, p->origin,
		    "key \"%s\": %s: expected a key for the algorithm that is"
		    " written, this one is for %s",
		    p->selector, p->file,
		    gp_dkim_algorithm_name(algorithm_of(key)));
}

static bool
weak(const struct entry *e)
{
	return e->key != NULL && algorithm_of(e->key) == GP_DKIM_RSA_SHA256 &&
	       gp_private_key_public(e->key)->bits < RSA_BITS_WANTED;
}

static bool
weak_among(const struct entry *v, size_t n, const char *file)
{
	for (size_t i = 0; i < n; i++)
		if (weak(&v[i]) && strcmp(v[i].policy->file, file) == 0)
			return true;
	return false;
}

/* Once for the path: not for each block, nor at each reload. */
static void
warn_if_weak(const struct gp_dkim_keys *k, size_t which,
    const struct gp_dkim_keys *old)
{
	const struct entry *e = &k->v[which];
	const char *file = e->policy->file;

	if (!weak(e) || weak_among(k->v, which, file) ||
	    (old != NULL && weak_among(old->v, old->n, file)))
		return;
	gp_log(GP_LOG_WARNING,
	    "%s: RSA key of %u bits; 2048 or more are wanted", file,
	    gp_private_key_public(e->key)->bits);
}

/* What DNS once confirmed of this very key is still so after a reload. */
static void
take_over(struct entry *e, const struct gp_dkim_keys *old)
{
	for (size_t i = 0; e->key != NULL && i < old->n; i++) {
		struct entry *o = &old->v[i];

		if (o->key != NULL && atomic_load(&o->promoted) &&
		    e->policy->state == GP_KEY_STAGED &&
		    strcmp(o->domain, e->domain) == 0 &&
		    strcmp(o->policy->selector, e->policy->selector) == 0 &&
		    gp_dkim_public_eq(gp_private_key_public(o->key),
			gp_private_key_public(e->key)))
			atomic_store(&e->promoted, true);
	}
}

static void
show_counts(const struct gp_dkim_keys *k)
{
	int64_t counts[4] = { 0 };

	for (size_t i = 0; i < k->n; i++) {
		if (atomic_load(&k->v[i].promoted))
			counts[LABEL_PROMOTED]++;
		else if (k->v[i].policy->state == GP_KEY_ACTIVE)
			counts[LABEL_ACTIVE]++;
		else if (k->v[i].policy->state == GP_KEY_STAGED)
			counts[LABEL_STAGED]++;
		else
			counts[LABEL_RETIRED]++;
	}
	for (unsigned i = 0; i < 4; i++)
		gp_metrics_set(k->metrics, GP_M_DKIM_KEYS, i, counts[i]);
}

static struct gp_dkim_keys *
keys_new(const struct gp_config *config, struct gp_metrics *metrics)
{
	struct gp_dkim_keys *k = gp_xcalloc(1, sizeof(*k));
	size_t n_blocks;
	const struct gp_policy *blocks = gp_config_domains(config, &n_blocks);

	k->config = config;
	k->metrics = metrics;
	k->first = gp_xcalloc(n_blocks + 1, sizeof(*k->first));
	for (size_t b = 0; b < n_blocks; b++) {
		k->first[b] = k->n;
		k->n += blocks[b].n_keys;
	}
	k->v = gp_xcalloc(k->n + 1, sizeof(*k->v));
	for (size_t b = 0; b < n_blocks; b++) {
		for (size_t i = 0; i < blocks[b].n_keys; i++) {
			struct entry *e = &k->v[k->first[b] + i];

			e->policy = &blocks[b].keys[i];
			e->domain = blocks[b].domain;
			atomic_init(&e->promoted, false);
			atomic_init(&e->asked_us, INT64_MIN);
		}
	}
	return k;
}

static void
open_engine(struct gp_dkim_keys *k, struct gp_problems *problems)
{
	const struct gp_dkim_checking *how =
	    &gp_config_globals(k->config)->dkim;
	struct gp_err err;

	if (how->engine != GP_BUILTIN &&
	    gp_opendkim_open(how, &k->opendkim, &err) != GP_OK)
		gp_problems_add(problems, (struct gp_origin){ .file = NULL },
		    "dkim.engine: %s", err.msg);
}

struct gp_dkim_keys *
gp_dkim_keys_try(const struct gp_config *config, struct gp_problems *problems)
{
	struct gp_dkim_keys *k = keys_new(config, NULL);

	for (size_t i = 0; i < k->n; i++)
		open_key(&k->v[i], problems);
	open_engine(k, problems);
	k->cache = gp_key_cache_new(CACHED_KEYS, NULL);
	return k;
}

enum gp_rc
gp_dkim_keys_open(const struct gp_config *config,
    const struct gp_dkim_keys *old, struct gp_metrics *metrics,
    struct gp_dkim_keys **out, struct gp_problems *problems)
{
	struct gp_dkim_keys *k = keys_new(config, metrics);
	const unsigned before = problems->count;

	*out = NULL;
	for (size_t i = 0; i < k->n; i++) {
		open_key(&k->v[i], problems);
		warn_if_weak(k, i, old);
		if (old != NULL)
			take_over(&k->v[i], old);
	}
	open_engine(k, problems);
	if (problems->count != before) {
		gp_dkim_keys_close(k);
		return GP_PERM;
	}
	k->cache = old != NULL ? gp_key_cache_ref(old->cache)
	                       : gp_key_cache_new(CACHED_KEYS, metrics);
	show_counts(k);
	*out = k;
	return GP_OK;
}

void
gp_dkim_keys_close(struct gp_dkim_keys *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->n; i++)
		gp_private_key_unref(k->v[i].key);
	gp_key_cache_unref(k->cache);
	gp_opendkim_close(k->opendkim);
	free(k->first);
	free(k->v);
	free(k);
}

struct gp_key_cache *
gp_dkim_keys_cache(const struct gp_dkim_keys *k)
{
	return k->cache;
}

struct gp_opendkim *
gp_dkim_keys_opendkim(const struct gp_dkim_keys *k)
{
	return k->opendkim;
}

/* -- using --------------------------------------------------------------- */

/* The entries of a block; NULL when it has no keys. */
static struct entry *
entries_of(const struct gp_dkim_keys *k, const struct gp_policy *policy)
{
	size_t n_blocks;
	const struct gp_policy *blocks =
	    gp_config_domains(k->config, &n_blocks);

	/* a policy with keys is always one of the blocks */
	return policy->n_keys == 0 ? NULL : &k->v[k->first[policy - blocks]];
}

static bool
switched_on(const struct gp_policy *policy, enum gp_dkim_algorithm a)
{
	const enum gp_signing_algorithm wanted = a == GP_DKIM_RSA_SHA256
	                                             ? GP_SIGN_RSA_SHA256
	                                             : GP_SIGN_ED25519_SHA256;
	const struct gp_signing_algorithms *on = &policy->signing.algorithms;

	for (size_t i = 0; i < on->n; i++)
		if (on->v[i] == wanted)
			return true;
	return false;
}

/* Why this key does not sign; NULL: it does. */
static const char *
why_silent(const struct entry *e, const struct gp_policy *policy)
{
	const struct gp_key_policy *p = e->policy;

	if (p->state == GP_KEY_RETIRED)
		return "it is retired";
	if (e->key == NULL)
		return "its file could not be read";
	if (!switched_on(policy, algorithm_of(e->key)))
		return "its algorithm is not in `algorithms`";
	if (p->state == GP_KEY_ACTIVE || atomic_load(&e->promoted))
		return NULL;
	if (p->activate_after_s == 0)
		return "it is staged, without activate-after";
	return gp_clock_wall_s() < p->activate_after_s
	           ? "it is staged, its activate-after has yet to come"
	           : "it is staged, and DNS does not have it";
}

const struct gp_dkim_key *
gp_dkim_keys_of(const struct gp_dkim_keys *k, const struct gp_policy *policy,
    struct gp_arena *arena, size_t *n)
{
	struct entry *e = entries_of(k, policy);
	struct gp_dkim_key *v =
	    gp_arena_alloc(arena, policy->n_keys * sizeof(*v));

	*n = e == NULL ? 0 : policy->n_keys;
	for (size_t i = 0; i < *n; i++) {
		v[i].policy = e[i].policy;
		v[i].key = e[i].key;
		if (e[i].key != NULL)
			v[i].algorithm = algorithm_of(e[i].key);
		v[i].why = why_silent(&e[i], policy);
		v[i].signs = v[i].why == NULL;
	}
	return v;
}

/* -- promotion ------------------------------------------------------------ */

/* Who is the first to ask within the minute? */
static bool
may_ask(struct entry *e)
{
	int64_t now_us = gp_clock_us();
	int64_t last_us = atomic_load(&e->asked_us);

	return (last_us == INT64_MIN || now_us - last_us >= ASK_EVERY_US) &&
	       atomic_compare_exchange_strong(&e->asked_us, &last_us, now_us);
}

/* This key and no other one: with two, verifiers pick as they like. */
static bool
dns_has(const struct entry *e, struct gp_dns_scope *scope)
{
	const struct gp_dkim_public *ours = gp_private_key_public(e->key);
	struct gp_dkim_key_record record;
	struct gp_dns_answer a;
	bool found = false;
	char name[2 * GP_DOMAIN_TEXT + 16];

	(void)snprintf(name, sizeof(name), "%s._domainkey.%s",
	    e->policy->selector, e->domain);
	if (gp_dns_query(scope, name, GP_DNS_TXT, &a) != GP_OK)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		enum gp_rc rc = gp_dkim_key_parse(a.rr[i].text, scope->arena,
		    &record, NULL);

		if (rc == GP_NONE)
			continue;
		if (rc != GP_OK || record.revoked ||
		    !gp_dkim_public_eq(&record.key, ours))
			return false;
		found = true;
	}
	return found;
}

void
gp_dkim_keys_promote(struct gp_dkim_keys *k, const struct gp_policy *policy,
    struct gp_dns_scope *scope, int64_t now_s)
{
	struct entry *e = entries_of(k, policy);

	for (size_t i = 0; i < policy->n_keys; i++, e++) {
		const struct gp_key_policy *p = e->policy;

		if (p->state != GP_KEY_STAGED || p->activate_after_s == 0 ||
		    now_s < p->activate_after_s || atomic_load(&e->promoted))
			continue;
		if (p->require_dns && !(may_ask(e) && dns_has(e, scope)))
			continue;
		if (atomic_exchange(&e->promoted, true))
			continue;
		gp_log(GP_LOG_INFO, "key %s of %s signs from now on",
		    p->selector, e->domain);
		gp_metrics_add(k->metrics, GP_M_DKIM_KEYS, LABEL_PROMOTED, 1);
		gp_metrics_add(k->metrics, GP_M_DKIM_KEYS, LABEL_STAGED, -1);
	}
}
