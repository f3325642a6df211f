/* The cache of public keys: equal keys are one, the least asked for goes, and
 * threads agree. */
#include "io/key_cache.h"

#include "base/arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS  2000

enum { HIT, MISS };

/* Key number i: any 32 bytes are a point until they are used. */
static struct gp_dkim_public
point(unsigned i, char bytes[GP_DKIM_ED25519_BYTES])
{
	memset(bytes, 0, GP_DKIM_ED25519_BYTES);
	memcpy(bytes, &i, sizeof(i));
	return (struct gp_dkim_public){ .type = GP_DKIM_KEY_ED25519,
		.bits = 256,
		.point = gp_str_n(bytes, GP_DKIM_ED25519_BYTES) };
}

struct fixture {
	struct gp_metrics *metrics;
	struct gp_key_cache *cache;
};

static void
start(struct fixture *f, unsigned max)
{
	f->metrics = gp_metrics_new("test");
	f->cache = gp_key_cache_new(max, f->metrics);
}

static void
finish(struct fixture *f)
{
	gp_key_cache_unref(f->cache);
	gp_metrics_free(f->metrics);
}

static int64_t
counted(const struct fixture *f, unsigned label)
{
	return gp_metrics_get(f->metrics, GP_M_DKIM_KEY_CACHE, label);
}

/* Was it there? */
static bool
ask(const struct fixture *f, const struct gp_dkim_public *p)
{
	const int64_t hits = counted(f, HIT);
	const int64_t all = hits + counted(f, MISS);
	struct gp_public_key *k = NULL;

	assert_int_equal(gp_key_cache_get(f->cache, p, &k, NULL), GP_OK);
	assert_non_null(k);
	gp_public_key_unref(k);
	assert_int_equal(counted(f, HIT) + counted(f, MISS), all + 1);
	return counted(f, HIT) == hits + 1;
}

static bool
ask_point(const struct fixture *f, unsigned i)
{
	char bytes[GP_DKIM_ED25519_BYTES];
	const struct gp_dkim_public p = point(i, bytes);

	return ask(f, &p);
}

static void
key_cache_equal_keys_are_one(void **state)
{
	char bytes[GP_DKIM_ED25519_BYTES], same[GP_DKIM_ED25519_BYTES];
	struct gp_dkim_public p = point(7, bytes);
	struct gp_public_key *first = NULL, *second = NULL;
	struct fixture f;

	(void)state;
	start(&f, 10);
	assert_int_equal(gp_key_cache_get(f.cache, &p, &first, NULL), GP_OK);
	memset(bytes, 0, sizeof(bytes)); /* the cache has its own copy */
	p = point(7, same);
	assert_int_equal(gp_key_cache_get(f.cache, &p, &second, NULL), GP_OK);
	assert_ptr_equal(first, second);
	finish(&f);
	/* a key outlives the cache */
	assert_false(gp_public_key_verify(first, (const uint8_t[32]){ 0 },
	    (const uint8_t[64]){ 1 }, 64));
	gp_public_key_unref(first);
	gp_public_key_unref(second);
}

static void
key_cache_compares_the_whole_key(void **state)
{
	static char modulus[128] = { [0] = '\xc1', [127] = 1 };
	static char other[128] = { [0] = '\xc1', [64] = 1, [127] = 1 };
	struct gp_dkim_public p = { .type = GP_DKIM_KEY_RSA,
		.bits = 1024,
		.n = gp_str_n(modulus, sizeof(modulus)),
		.e = GP_STR("\x01\x00\x01") };
	struct fixture f;

	(void)state;
	start(&f, 10);
	assert_false(ask(&f, &p));
	assert_true(ask(&f, &p));
	p.e = GP_STR("\x03");
	assert_false(ask(&f, &p));
	p.n = gp_str_n(other, sizeof(other));
	assert_false(ask(&f, &p));
	/* the 32 bytes of a point are no modulus */
	p.n = gp_str_n(modulus + 96, 32);
	modulus[96] = 1;
	p.bits = 249;
	assert_false(ask(&f, &p));
	p = (struct gp_dkim_public){ .type = GP_DKIM_KEY_ED25519,
		.bits = 256,
		.point = p.n };
	assert_false(ask(&f, &p));
	assert_true(ask(&f, &p));
	assert_int_equal(counted(&f, MISS), 5);
	finish(&f);
}

static void
key_cache_full_forgets_the_one_longest_not_asked_for(void **state)
{
	static const unsigned sizes[] = { 1, 2, 3, 8, 100 };
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const unsigned max = sizes[i];

		start(&f, max);
		for (unsigned k = 0; k < max; k++)
			assert_false(ask_point(&f, k));
		for (unsigned k = 0; k < max; k++)
			assert_true(ask_point(&f, k));
		assert_true(ask_point(&f, 0));     /* now 1 is the oldest */
		assert_false(ask_point(&f, 1000)); /* in its place */
		if (max > 1)
			assert_true(ask_point(&f, 0));
		for (unsigned k = 2; k < max; k++)
			assert_true(ask_point(&f, k));
		assert_true(ask_point(&f, 1000));
		assert_false(ask_point(&f, 1));
		finish(&f);
	}
}

static void
key_cache_bad_key_is_not_remembered(void **state)
{
	char bytes[GP_DKIM_ED25519_BYTES];
	struct gp_dkim_public bad = point(1, bytes);
	struct gp_public_key *k = NULL;
	struct gp_err err = { "" };
	struct fixture f;

	(void)state;
	bad.point.n--;
	start(&f, 1);
	assert_false(ask_point(&f, 5));
	for (int i = 0; i < 2; i++) {
		err.msg[0] = '\0';
		assert_int_equal(gp_key_cache_get(f.cache, &bad, &k, &err),
		    GP_PERM);
		assert_null(k);
		assert_string_not_equal(err.msg, "");
	}
	assert_int_equal(counted(&f, MISS), 3);
	assert_true(ask_point(&f, 5));
	finish(&f);
}

static void
key_cache_needs_no_metrics(void **state)
{
	struct fixture f = { .cache = gp_key_cache_new(65536, NULL) };
	char bytes[GP_DKIM_ED25519_BYTES];
	const struct gp_dkim_public p = point(1, bytes);
	struct gp_public_key *k = NULL;

	(void)state;
	assert_ptr_equal(gp_key_cache_ref(f.cache), f.cache);
	gp_key_cache_unref(f.cache);
	assert_int_equal(gp_key_cache_get(f.cache, &p, &k, NULL), GP_OK);
	gp_public_key_unref(k);
	gp_key_cache_unref(f.cache);
	gp_key_cache_unref(NULL);
}

struct worker {
	pthread_t thread;
	struct gp_key_cache *cache;
	unsigned seed;
	unsigned failed;
};

/* All ask for the same few keys, and each for some of its own. */
static void *
work(void *arg)
{
	struct worker *w = arg;
	char bytes[GP_DKIM_ED25519_BYTES];

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct gp_dkim_public p =
		    point(i % 3 == 0 ? w->seed * ROUNDS + i : i % 40, bytes);
		struct gp_public_key *k = NULL;

		if (gp_key_cache_get(w->cache, &p, &k, NULL) != GP_OK)
			w->failed++;
		gp_public_key_unref(k);
	}
	gp_key_cache_unref(w->cache);
	return NULL;
}

static void
key_cache_many_threads_agree(void **state)
{
	struct worker workers[THREADS];
	struct fixture f;

	(void)state;
	start(&f, 32);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.cache = gp_key_cache_ref(f.cache),
			.seed = i + 1,
		};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
				     &workers[i]),
		    0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].failed, 0);
	}
	assert_int_equal(counted(&f, HIT) + counted(&f, MISS),
	    THREADS * ROUNDS);
	assert_true(counted(&f, MISS) > 32);
	finish(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_cache_equal_keys_are_one),
		cmocka_unit_test(key_cache_compares_the_whole_key),
		cmocka_unit_test(
		    key_cache_full_forgets_the_one_longest_not_asked_for),
		cmocka_unit_test(key_cache_bad_key_is_not_remembered),
		cmocka_unit_test(key_cache_needs_no_metrics),
		cmocka_unit_test(key_cache_many_threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
