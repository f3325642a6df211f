/*
 * A key record as DNS has it, a line feed, and a signature: whatever the
 * reader of records takes, the library can live with, and nothing verifies by
 * chance.
 */
#include "core/dkim_key.h"
#include "io/crypto.h"
#include "io/key_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The signature as it is, and brought to the length that is looked at. */
static void
check_verify(const struct gp_public_key *k, const struct gp_dkim_public *p,
    struct gp_str sig)
{
	const uint8_t hash[GP_SHA256_BYTES] = { 7 };
	const bool rsa = p->type == GP_DKIM_KEY_RSA;
	const size_t n = rsa ? p->n.n : 2 * (size_t)GP_DKIM_ED25519_BYTES;
	uint8_t whole[GP_SIGNATURE_BYTES + 1] = { 0 };

	assert(n <= GP_SIGNATURE_BYTES);
	if (sig.n > 0)
		memcpy(whole, sig.p, sig.n < n ? sig.n : n);
	/* one may publish an Ed25519 key under which anything verifies */
	assert(!gp_public_key_verify(k, hash, whole, n) || !rsa);
	assert(!gp_public_key_verify(k, hash, whole, n + 1));
	assert(!gp_public_key_verify(k, hash, whole, n - 1));
	if (sig.n != n)
		assert(!gp_public_key_verify(k, hash, (const uint8_t *)sig.p,
		    sig.n));
}

static void
check_key(const struct gp_dkim_public *p, struct gp_str sig)
{
	struct gp_key_cache *cache = gp_key_cache_new(1, NULL);
	struct gp_public_key *first = NULL, *second = NULL;
	struct gp_err err = { "" };
	const enum gp_rc rc = gp_key_cache_get(cache, p, &first, &err);

	assert(rc == GP_OK || rc == GP_PERM);
	assert(gp_key_cache_get(cache, p, &second, NULL) == rc);
	assert(first == second && (first == NULL) == (rc == GP_PERM));
	if (rc == GP_OK)
		check_verify(first, p, sig);
	else
		assert(err.msg[0] != '\0');
	gp_public_key_unref(first);
	gp_public_key_unref(second);
	gp_key_cache_unref(cache);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str sig = gp_str_n((const char *)data, size);
	const struct gp_str record = gp_str_split(&sig, '\n');
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_key_record key;

	if (gp_dkim_key_parse(record, arena, &key, NULL) == GP_OK &&
	    !key.revoked)
		check_key(&key.key, sig);
	gp_arena_free(arena);
	return 0;
}
