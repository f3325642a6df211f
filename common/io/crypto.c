/* See crypto.h. */
#include "io/crypto.h"

#include "base/xalloc.h"
#include "io/key_pem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RSA_BITS_MIN 1024 /* RFC 8301 section 3.2 */

void
gp_hmac_sha256(struct gp_str key, struct gp_str data,
    uint8_t mac[GP_SHA256_BYTES])
{
	static const unsigned char nothing[1];
	unsigned n = GP_SHA256_BYTES;

	/* one call without a state of ours: 1.7 us for 256 bytes, of which a
	 * context kept for reuse would save half a microsecond */
	if (key.n > INT_MAX ||
	    HMAC(EVP_sha256(), key.n == 0 ? (const char *)nothing : key.p,
		(int)key.n,
		data.n == 0 ? nothing : (const unsigned char *)data.p, data.n,
		mac, &n) == NULL)
		gp_out_of_memory();
}

/* -- SHA-256 -------------------------------------------------------------- */

/* The algorithm is looked up for each hash: 0.2 us, and no static of ours. */
struct gp_sha256 {
	EVP_MD_CTX *ctx;
};

struct gp_sha256 *
gp_sha256_new(void)
{
	struct gp_sha256 *h = gp_xcalloc(1, sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	if (h->ctx == NULL ||
	    EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
		gp_out_of_memory();
	return h;
}

void
gp_sha256_free(struct gp_sha256 *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void
gp_sha256_add(struct gp_sha256 *h, const void *p, size_t n)
{
	if (EVP_DigestUpdate(h->ctx, p, n) != 1)
		gp_out_of_memory();
}

void
gp_sha256_end(struct gp_sha256 *h, uint8_t out[GP_SHA256_BYTES])
{
	if (EVP_DigestFinal_ex(h->ctx, out, NULL) != 1)
		gp_out_of_memory();
}

void
gp_sha256(struct gp_str data, uint8_t out[GP_SHA256_BYTES])
{
	if (EVP_Digest(data.p, data.n, out, NULL, EVP_sha256(), NULL) != 1)
		gp_out_of_memory();
}

/* -- both kinds of keys --------------------------------------------------- */

/*
 * A decoded key and, for RSA, an operation that is set up and copied for each
 * use: 0.1 us, where a new one costs 3 us of the 20 that verifying takes.  It
 * is only read from then on, so any thread may copy it.
 */
struct engine {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *rsa; /* NULL: Ed25519 */
};

static void
engine_clear(struct engine *e)
{
	EVP_PKEY_CTX_free(e->rsa);
	EVP_PKEY_free(e->pkey);
}

/* `init` is EVP_PKEY_sign_init or EVP_PKEY_verify_init. */
static bool
engine_set_rsa(struct engine *e, int (*init)(EVP_PKEY_CTX *))
{
	e->rsa = EVP_PKEY_CTX_new_from_pkey(NULL, e->pkey, NULL);
	return e->rsa != NULL && init(e->rsa) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(e->rsa, RSA_PKCS1_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_signature_md(e->rsa, EVP_sha256()) == 1;
}

/* -- public keys ---------------------------------------------------------- */

struct gp_public_key {
	atomic_uint refs;
	struct engine engine;
	size_t signature_bytes;
};

static const unsigned char *
bytes_of(struct gp_str s)
{
	return (const unsigned char *)s.p;
}

static EVP_PKEY *
pkey_of_params(OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *
rsa_of_numbers(struct gp_str n, struct gp_str e)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *big_n = BN_bin2bn(bytes_of(n), (int)n.n, NULL);
	BIGNUM *big_e = BN_bin2bn(bytes_of(e), (int)e.n, NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (builder == NULL || big_n == NULL || big_e == NULL)
		gp_out_of_memory();
	if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, big_n) &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, big_e))
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params != NULL)
		pkey = pkey_of_params(params);
	OSSL_PARAM_free(params);
	BN_free(big_e);
	BN_free(big_n);
	OSSL_PARAM_BLD_free(builder);
	return pkey;
}

static bool
public_engine(const struct gp_dkim_public *p, struct engine *e)
{
	if (p->type == GP_DKIM_KEY_ED25519) {
		e->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
		    bytes_of(p->point), p->point.n);
		return e->pkey != NULL;
	}
	if (!gp_dkim_rsa_is_sane(p))
		return false;
	e->pkey = rsa_of_numbers(p->n, p->e);
	return e->pkey != NULL && engine_set_rsa(e, EVP_PKEY_verify_init);
}

enum gp_rc
gp_public_key_new(const struct gp_dkim_public *p, struct gp_public_key **out,
    struct gp_err *err)
{
	struct gp_public_key *k = gp_xcalloc(1, sizeof(*k));

	*out = NULL;
	atomic_init(&k->refs, 1);
	k->signature_bytes = p->type == GP_DKIM_KEY_RSA
	                         ? p->n.n
	                         : 2 * (size_t)GP_DKIM_ED25519_BYTES;
	if (!public_engine(p, &k->engine)) {
		ERR_clear_error();
		gp_public_key_unref(k);
		return gp_fail(err, GP_PERM, "the public key is unusable");
	}
	*out = k;
	return GP_OK;
}

struct gp_public_key *
gp_public_key_ref(struct gp_public_key *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void
gp_public_key_unref(struct gp_public_key *k)
{
	if (k == NULL ||
	    atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	engine_clear(&k->engine);
	free(k);
}

static bool
rsa_verify(EVP_PKEY_CTX *prepared, const uint8_t hash[GP_SHA256_BYTES],
    const uint8_t *sig, size_t n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(prepared);
	const bool fits = ctx != NULL && EVP_PKEY_verify(ctx, sig, n, hash,
					     GP_SHA256_BYTES) == 1;

	EVP_PKEY_CTX_free(ctx);
	return fits;
}

static bool
ed25519_verify(EVP_PKEY *pkey, const uint8_t hash[GP_SHA256_BYTES],
    const uint8_t *sig, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const bool fits =
	    ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestVerify(ctx, sig, n, hash, GP_SHA256_BYTES) == 1;

	EVP_MD_CTX_free(ctx);
	return fits;
}

bool
gp_public_key_verify(const struct gp_public_key *k,
    const uint8_t hash[GP_SHA256_BYTES], const uint8_t *sig, size_t n)
{
	bool fits;

	if (n != k->signature_bytes)
		return false;
	fits = k->engine.rsa != NULL
	           ? rsa_verify(k->engine.rsa, hash, sig, n)
	           : ed25519_verify(k->engine.pkey, hash, sig, n);
	if (!fits)
		ERR_clear_error();
	return fits;
}

/* -- private keys --------------------------------------------------------- */

struct gp_private_key {
	atomic_uint refs;
	struct engine engine;
	struct gp_dkim_public public;
	unsigned char numbers[]; /* which `public` points at */
};

/* Of what an RSA key in a file consists. */
enum { N, E, D, P, Q, DP, DQ, QINV, NUMBERS };

static const char *const number_names[NUMBERS] = {
	[N] = OSSL_PKEY_PARAM_RSA_N,
	[E] = OSSL_PKEY_PARAM_RSA_E,
	[D] = OSSL_PKEY_PARAM_RSA_D,
	[P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
	[Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
	[DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
	[DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
	[QINV] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

/* dp is d modulo p - 1, and e its inverse there. */
static bool
exponent_fits(BIGNUM *const number[NUMBERS], int prime, int exponent,
    BN_CTX *ctx)
{
	BIGNUM *order = BN_CTX_get(ctx);
	BIGNUM *x = BN_CTX_get(ctx);

	return x != NULL && BN_sub(order, number[prime], BN_value_one()) &&
	       !BN_is_zero(order) && BN_nnmod(x, number[D], order, ctx) &&
	       BN_cmp(x, number[exponent]) == 0 &&
	       BN_mod_mul(x, number[E], number[exponent], order, ctx) &&
	       BN_is_one(x);
}

/* In this order: n = p * q bounds the others. */
static bool
numbers_fit(BIGNUM *const number[NUMBERS], BN_CTX *ctx)
{
	BIGNUM *x = BN_CTX_get(ctx);

	return x != NULL && BN_mul(x, number[P], number[Q], ctx) &&
	       BN_cmp(x, number[N]) == 0 && exponent_fits(number, P, DP, ctx) &&
	       exponent_fits(number, Q, DQ, ctx) &&
	       BN_mod_mul(x, number[Q], number[QINV], number[P], ctx) &&
	       BN_is_one(x);
}

/*
 * Do its numbers belong together?  EVP_PKEY_pairwise_check also proves the
 * primes, which takes 36 ms for 2048 bits and 4 s for 8192: at each reload and
 * for each key, to find what no key generator does.
 */
static bool
rsa_is_consistent(const EVP_PKEY *pkey)
{
	BIGNUM *number[NUMBERS] = { NULL };
	BN_CTX *ctx = BN_CTX_secure_new();
	bool fits = ctx != NULL;

	for (int i = 0; fits && i < NUMBERS; i++)
		fits = EVP_PKEY_get_bn_param(pkey, number_names[i],
			   &number[i]) == 1;
	if (fits) {
		BN_CTX_start(ctx);
		fits = numbers_fit(number, ctx);
		BN_CTX_end(ctx);
	}
	for (int i = 0; i < NUMBERS; i++)
		BN_clear_free(number[i]);
	BN_CTX_free(ctx);
	return fits;
}

static enum gp_rc
decode(const unsigned char *der, size_t n, EVP_PKEY **out, struct gp_err *err)
{
	const unsigned char *end = der;

	*out = d2i_AutoPrivateKey(NULL, &end, (long)n);
	if (*out != NULL && end == der + n)
		return GP_OK;
	return gp_fail(err, GP_PERM,
	    "it is damaged, or of a type that OpenSSL does not know");
}

static enum gp_rc
check_rsa(const EVP_PKEY *pkey, struct gp_err *err)
{
	const int bits = EVP_PKEY_get_bits(pkey);

	if (bits < RSA_BITS_MIN)
		return gp_fail(err, GP_PERM,
		    "it is an RSA key of %d bits, and DKIM needs %d at least",
		    bits, RSA_BITS_MIN);
	if (bits > GP_DKIM_RSA_BITS_MAX)
		return gp_fail(err, GP_PERM,
		    "it is an RSA key of %d bits, more than %d", bits,
		    GP_DKIM_RSA_BITS_MAX);
	if (!rsa_is_consistent(pkey))
		return gp_fail(err, GP_PERM,
		    "it is an RSA key whose numbers do not belong together");
	return GP_OK;
}

static enum gp_rc
check_type(const EVP_PKEY *pkey, struct gp_err *err)
{
	const char *name = EVP_PKEY_get0_type_name(pkey);

	if (EVP_PKEY_is_a(pkey, "RSA"))
		return check_rsa(pkey, err);
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return GP_OK;
	return gp_fail(err, GP_PERM,
	    "its type is %s, and DKIM has only RSA and Ed25519",
	    name == NULL ? "unknown" : name);
}

static struct gp_private_key *
private_new(EVP_PKEY *pkey, size_t room)
{
	struct gp_private_key *k = gp_xcalloc(1, sizeof(*k) + room);

	atomic_init(&k->refs, 1);
	k->engine.pkey = pkey;
	return k;
}

static struct gp_str
store_number(unsigned char *to, const BIGNUM *number)
{
	return gp_str_n((const char *)to, (size_t)BN_bn2bin(number, to));
}

static struct gp_private_key *
private_rsa(EVP_PKEY *pkey)
{
	struct gp_private_key *k;
	BIGNUM *n = NULL;
	BIGNUM *e = NULL;

	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
	    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		gp_out_of_memory();
	k = private_new(pkey,
	    (size_t)BN_num_bytes(n) + (size_t)BN_num_bytes(e));
	k->public = (struct gp_dkim_public){
		.type = GP_DKIM_KEY_RSA,
		.bits = (unsigned)BN_num_bits(n),
		.n = store_number(k->numbers, n),
		.e = store_number(k->numbers + BN_num_bytes(n), e),
	};
	BN_free(n);
	BN_free(e);
	return k;
}

static struct gp_private_key *
private_ed25519(EVP_PKEY *pkey)
{
	struct gp_private_key *k = private_new(pkey, GP_DKIM_ED25519_BYTES);
	size_t n = GP_DKIM_ED25519_BYTES;

	if (EVP_PKEY_get_raw_public_key(pkey, k->numbers, &n) != 1)
		gp_out_of_memory();
	k->public = (struct gp_dkim_public){
		.type = GP_DKIM_KEY_ED25519,
		.bits = 256,
		.point = gp_str_n((const char *)k->numbers, n),
	};
	return k;
}

/* One signature, as everybody will check it.  It also sets up the arithmetic,
 * which doubles the cost of a key's first signature. */
static enum gp_rc
prove(const struct gp_private_key *k, struct gp_err *err)
{
	const uint8_t hash[GP_SHA256_BYTES] = { 1 };
	uint8_t sig[GP_SIGNATURE_BYTES];
	struct gp_public_key *public = NULL;
	size_t n;
	enum gp_rc rc = gp_public_key_new(&k->public, &public, err);

	if (public == NULL)
		return rc;
	if (gp_private_key_sign(k, hash, sig, &n) != GP_OK ||
	    !gp_public_key_verify(public, hash, sig, n))
		rc = gp_fail(err, GP_PERM,
		    "it makes no signature that verifies");
	gp_public_key_unref(public);
	return rc;
}

static enum gp_rc
private_of(EVP_PKEY *pkey, struct gp_private_key **out, struct gp_err *err)
{
	const bool rsa = EVP_PKEY_is_a(pkey, "RSA");
	struct gp_private_key *k =
	    rsa ? private_rsa(pkey) : private_ed25519(pkey);
	enum gp_rc rc = GP_OK;

	if (rsa && !engine_set_rsa(&k->engine, EVP_PKEY_sign_init))
		rc = gp_fail(err, GP_PERM, "OpenSSL will not sign with it");
	if (rc == GP_OK)
		rc = prove(k, err);
	if (rc == GP_OK)
		*out = k;
	else
		gp_private_key_unref(k);
	return rc;
}

enum gp_rc
gp_private_key_parse(struct gp_str pem, struct gp_private_key **out,
    struct gp_err *err)
{
	EVP_PKEY *pkey = NULL;
	unsigned char *der;
	size_t n;
	enum gp_rc rc;

	if (pem.n > GP_KEY_FILE_MAX)
		return gp_fail(err, GP_PERM, "it is too large");
	der = gp_xcalloc(pem.n + 1, 1);
	rc = gp_key_pem_decode(pem, der, &n, err);
	if (rc == GP_OK)
		rc = decode(der, n, &pkey, err);
	if (rc == GP_OK)
		rc = check_type(pkey, err);
	if (rc == GP_OK)
		rc = private_of(pkey, out, err);
	else
		EVP_PKEY_free(pkey);
	ERR_clear_error();
	OPENSSL_cleanse(der, n);
	free(der);
	return rc;
}

enum gp_rc
gp_private_key_generate(enum gp_dkim_key_type type, unsigned bits,
    struct gp_secret_bytes *pem, struct gp_err *err)
{
	EVP_PKEY *pkey = type == GP_DKIM_KEY_RSA
	                     ? EVP_RSA_gen(bits)
	                     : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	PKCS8_PRIV_KEY_INFO *info = pkey == NULL ? NULL : EVP_PKEY2PKCS8(pkey);
	unsigned char *der = NULL;
	int n = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	enum gp_rc rc = GP_TEMP;

	if (n > 0)
		rc = gp_key_pem_encode(gp_str_n((const char *)der, (size_t)n),
		    pem);
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return rc == GP_OK ? rc : gp_fail(err, rc, "OpenSSL makes no such key");
}

struct gp_private_key *
gp_private_key_ref(struct gp_private_key *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void
gp_private_key_unref(struct gp_private_key *k)
{
	if (k == NULL ||
	    atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	engine_clear(&k->engine);
	free(k);
}

const struct gp_dkim_public *
gp_private_key_public(const struct gp_private_key *k)
{
	return &k->public;
}

static bool
rsa_sign(EVP_PKEY_CTX *prepared, const uint8_t hash[GP_SHA256_BYTES],
    uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(prepared);
	const bool done = ctx != NULL && EVP_PKEY_sign(ctx, out, n, hash,
					     GP_SHA256_BYTES) == 1;

	EVP_PKEY_CTX_free(ctx);
	return done;
}

static bool
ed25519_sign(EVP_PKEY *pkey, const uint8_t hash[GP_SHA256_BYTES], uint8_t *out,
    size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const bool done =
	    ctx != NULL &&
	    EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestSign(ctx, out, n, hash, GP_SHA256_BYTES) == 1;

	EVP_MD_CTX_free(ctx);
	return done;
}

enum gp_rc
gp_private_key_sign(const struct gp_private_key *k,
    const uint8_t hash[GP_SHA256_BYTES], uint8_t *out, size_t *n)
{
	*n = GP_SIGNATURE_BYTES;
	if (k->engine.rsa != NULL ? rsa_sign(k->engine.rsa, hash, out, n)
				  : ed25519_sign(k->engine.pkey, hash, out, n))
		return GP_OK;
	ERR_clear_error();
	*n = 0;
	return GP_TEMP;
}
