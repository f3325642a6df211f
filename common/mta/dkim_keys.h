/*
 * dkim_keys - what gatepost-dkim needs besides the policy, opened with it:
 * every private key, the cache of public ones, the second engine.
 *
 * A key is read from its file when the policy is, and from memory ever after:
 * a file that vanishes later is missed at the next reload, which then fails.
 *
 * Blocking: opening reads files; gp_dkim_keys_promote asks DNS.
 * Threads:  after it was opened, any.
 */
#ifndef GP_MTA_DKIM_KEYS_H
#define GP_MTA_DKIM_KEYS_H

#include "io/crypto.h"
#include "io/dns.h"
#include "io/key_cache.h"
#include "mta/dkim_check.h"

struct gp_dkim_keys;

/*
 * gp_dkim_keys_open - open every staged and active key of the policy.  What is
 * wrong goes into `problems` with file and line of the key's block, all of it
 * in one run; then GP_PERM.  Weak keys are a warning in the log, once for the
 * path.  `old` (NULL at the start) is what a reload replaces: which keys were
 * promoted, and the cache, are taken over.  `metrics` may be NULL.
 */
GP_MUST_USE enum gp_rc gp_dkim_keys_open(const struct gp_config *config,
    const struct gp_dkim_keys *old, struct gp_metrics *metrics,
    struct gp_dkim_keys **out, struct gp_problems *problems);
void gp_dkim_keys_close(struct gp_dkim_keys *k); /* NULL is allowed */

/* gp_dkim_keys_try - the same for a reader who only wants to see: keys that can
 * not be opened do not sign, and are in `problems`.  Never NULL. */
struct gp_dkim_keys *
gp_dkim_keys_try(const struct gp_config *config, struct gp_problems *problems);

struct gp_key_cache *gp_dkim_keys_cache(const struct gp_dkim_keys *k);
struct gp_opendkim *gp_dkim_keys_opendkim(const struct gp_dkim_keys *k);

/* A key of one domain block. */
struct gp_dkim_key {
	const struct gp_key_policy *policy;
	const struct gp_private_key *key; /* NULL: retired */
	enum gp_dkim_algorithm algorithm;
	bool signs; /* active or promoted, and its algorithm is switched on */
	const char *why; /* it does not, a clause; NULL: it does */
};

/*
 * gp_dkim_keys_of - the keys of a block, as they stand now, in the order of
 * the file; memory from `arena`.
 */
const struct gp_dkim_key *gp_dkim_keys_of(const struct gp_dkim_keys *k,
    const struct gp_policy *policy, struct gp_arena *arena, size_t *n);

/*
 * gp_dkim_keys_promote - make staged keys of this block active that may be by
 * now: activate-after has passed and, with require-dns, DNS answers with this
 * very key.  DNS is asked at most once a minute for each key.
 */
void gp_dkim_keys_promote(struct gp_dkim_keys *k,
    const struct gp_policy *policy, struct gp_dns_scope *scope, int64_t now_s);

#endif
