/* Signatures by the example of RFC 8463 and of almost the right form, keys and
 * what is none. */
#include "io/crypto.h"

#include "base/arena.h"
#include "support/key_samples.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

/* Upper half first; `out` has room for n bytes. */
static void
unhex(const char *hex, uint8_t *out, size_t n)
{
	assert_int_equal(strlen(hex), 2 * n);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(gp_hex_value(hex[2 * i]) << 4 |
				   gp_hex_value(hex[2 * i + 1]));
}

/* -- the example of RFC 8463 ---------------------------------------------- */

/* Hashes of the two header hash inputs of appendix A.3. */
#define HASH_ED25519                                                           \
	"48ce9a2c710ece1710ff156996b836a7f45470e43efe5643074d6e1690ed62e7"
#define HASH_RSA                                                               \
	"fed71e6d70fb123bb5c353adc42821b304b6b9d54fc867f304f7c61daaaa1111"

#define POINT "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

#define SIGNATURE_ED25519                                                      \
	"fe00ab8a7a5c40ea087ee1cd4086eae29821f64c882b701051db7d39da907a14"     \
	"b084422e8380f5d41bac15addb4f7158e4eb14ed96e72842eaf9e5dda754350f"

#define MODULUS                                                                \
	"e41e5390a014f3591886b3957a3693f789d63a5a4d3c6b9aa1751eb0cb96dd38"     \
	"a6f68cb42263f275e89622d10bf1fdbc98cc235bdd6f75cb716eb400837f3c10"     \
	"fc10bf7bff2e06c091fb2cf52f18fe3cbea51efa8c2ab337ac6e21b2d4f9423b"     \
	"c73bd3f3a316725582f305f3b611e0b7229dc6fb692bc8e4c8293fa5fcae30dd"

#define SIGNATURE_RSA                                                          \
	"178e5d5560df31b40318724595750d0761ca7db09e2d1ca10d7805a442fc1b0a"     \
	"6c45ed087888b13537b70e1095954ad28d5e01c1c55c385ebe145dd9a3d469a3"     \
	"5b4539e4bd98f6104e719d6921ac81e79f3ac936273740f8bd744de62df41803"     \
	"7d0359b4a74dd563bffca808a973fb39d1051382e315835c531650e0500363ef"

#define RSA_BYTES     128
#define ED25519_BYTES 64

static struct gp_str
hex_str(struct gp_arena *arena, const char *hex)
{
	const size_t n = strlen(hex) / 2;
	uint8_t *bytes = gp_arena_alloc(arena, n + 1);

	unhex(hex, bytes, n);
	return gp_str_n((const char *)bytes, n);
}

static struct gp_dkim_public
rsa_public(struct gp_arena *arena, const char *n, const char *e)
{
	return (struct gp_dkim_public){ .type = GP_DKIM_KEY_RSA,
		.bits = (unsigned)strlen(n) * 4,
		.n = hex_str(arena, n),
		.e = hex_str(arena, e) };
}

static struct gp_dkim_public
ed25519_public(struct gp_arena *arena, const char *point)
{
	return (struct gp_dkim_public){ .type = GP_DKIM_KEY_ED25519,
		.bits = 256,
		.point = hex_str(arena, point) };
}

static struct gp_public_key *
public_new(const struct gp_dkim_public *p)
{
	struct gp_public_key *k = NULL;
	struct gp_err err = { "" };

	if (gp_public_key_new(p, &k, &err) != GP_OK)
		fail_msg("%s", err.msg);
	return k;
}

static struct gp_private_key *
private_new(const char *pem)
{
	struct gp_private_key *k = NULL;
	struct gp_err err = { "" };

	if (gp_private_key_parse(gp_str(pem), &k, &err) != GP_OK)
		fail_msg("%s", err.msg);
	return k;
}

static const struct key_sample *
sample(const char *label)
{
	for (size_t i = 0; i < KEY_SAMPLES; i++)
		if (strcmp(key_samples[i].label, label) == 0)
			return &key_samples[i];
	fail_msg("no sample %s", label);
	return NULL;
}

struct signature {
	const struct gp_public_key *key;
	uint8_t hash[GP_SHA256_BYTES];
	uint8_t sig[RSA_BYTES];
	size_t n;
};

/* It fits, and nothing else does: not with a bit changed, not longer and not
 * shorter. */
static void
only_this_fits(struct signature *s)
{
	uint8_t other[RSA_BYTES + 1] = { 0 };

	assert_true(gp_public_key_verify(s->key, s->hash, s->sig, s->n));
	for (size_t i = 0; i < s->n; i++) {
		s->sig[i] ^= 0x40;
		if (gp_public_key_verify(s->key, s->hash, s->sig, s->n))
			fail_msg("byte %zu of the signature is ignored", i);
		s->sig[i] ^= 0x40;
	}
	for (size_t i = 0; i < sizeof(s->hash); i++) {
		s->hash[i] ^= 1;
		if (gp_public_key_verify(s->key, s->hash, s->sig, s->n))
			fail_msg("byte %zu of the hash is ignored", i);
		s->hash[i] ^= 1;
	}
	memcpy(other + 1, s->sig, s->n);
	assert_false(gp_public_key_verify(s->key, s->hash, other, s->n + 1));
	assert_false(gp_public_key_verify(s->key, s->hash, s->sig, s->n - 1));
	assert_false(gp_public_key_verify(s->key, s->hash, s->sig, 0));
	assert_int_equal(ERR_peek_error(), 0);
}

static void
public_key_verifies_the_rsa_example_and_nothing_else(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	const struct gp_dkim_public p = rsa_public(arena, MODULUS, "010001");
	struct gp_public_key *k = public_new(&p);
	struct signature s = { .key = k, .n = RSA_BYTES };

	(void)state;
	unhex(HASH_RSA, s.hash, sizeof(s.hash));
	unhex(SIGNATURE_RSA, s.sig, s.n);
	only_this_fits(&s);
	gp_public_key_unref(k);
	gp_arena_free(arena);
}

static void
public_key_verifies_the_ed25519_example_and_nothing_else(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	const struct gp_dkim_public p = ed25519_public(arena, POINT);
	struct gp_public_key *k = public_new(&p);
	struct signature s = { .key = k, .n = ED25519_BYTES };

	(void)state;
	unhex(HASH_ED25519, s.hash, sizeof(s.hash));
	unhex(SIGNATURE_ED25519, s.sig, s.n);
	only_this_fits(&s);
	/* S and the order of the group make the same point */
	unhex("9d58388b9de3072df2480d50ba49506d"
	      "e4eb14ed96e72842eaf9e5dda754351f",
	    s.sig + 32, 32);
	assert_false(gp_public_key_verify(k, s.hash, s.sig, s.n));
	gp_public_key_unref(k);
	gp_arena_free(arena);
}

static void
private_key_signs_the_ed25519_example(void **state)
{
	struct gp_private_key *k = private_new(sample("Ed25519")->text);
	const struct gp_dkim_public *p = gp_private_key_public(k);
	uint8_t hash[GP_SHA256_BYTES], point[GP_DKIM_ED25519_BYTES];
	uint8_t sig[GP_SIGNATURE_BYTES], right[ED25519_BYTES];
	size_t n = 0;

	(void)state;
	unhex(HASH_ED25519, hash, sizeof(hash));
	unhex(SIGNATURE_ED25519, right, sizeof(right));
	unhex(POINT, point, sizeof(point));
	assert_int_equal(p->type, GP_DKIM_KEY_ED25519);
	assert_int_equal(p->bits, 256);
	assert_int_equal(p->point.n, sizeof(point));
	assert_memory_equal(p->point.p, point, sizeof(point));
	assert_int_equal(gp_private_key_sign(k, hash, sig, &n), GP_OK);
	assert_int_equal(n, sizeof(right));
	assert_memory_equal(sig, right, sizeof(right));
	gp_private_key_unref(k);
}

/* -- RSA signatures that are almost right ---------------------------------- */

/* Over HASH_RSA, by the first key of key_samples. */
static const struct {
	const char *label, *sig;
	bool fits;
} rsa_rows[] = {
	{ "right",
	    "08747d4d296eb70d67182f23c0d2b86ef283fcdf98713d2a285ea13de0319ab7"
	    "6e252e2d339f132840a27d3a5e35bb5809efd6f1dc688d4c2e1bcf14b70e35b1"
	    "e54ad3d932a2f6d0c970a22b3332745693b66bba4ecc82ce9aa3bff224dfb275"
	    "5bc25954a8ca74f675d57b24761f22107a1d0e10512a15438a1bd16680987dea",
	    true },
	{ "a bit off",
	    "08747d4d296eb70d67182f23c0d2b86ef283fcdf98713d2a285ea13de0319ab7"
	    "6e252e2d339f132840a27d3a5e35bb5809efd6f1dc688d4c2e1bcf14b70e35b1"
	    "e54ad3d932a2f6d0c970a22b3332745693b66bba4ecc82ce9aa3bff224dfb275"
	    "5bc25954a8ca74f675d57b24761f22107a1d0e10512a15438a1bd16680987deb",
	    false },
	{ "negated",
	    "a549ed910ec315b28d429bc02e71022d7a61ce9129fe3fb728e29ab09ac0bddc"
	    "70f1222e6a5a1c89a9b88185354a4f47e523eb0d633686546146f8b5919a39c9"
	    "c31ff9beb0ab0ee41244724ec3d5f44dc680eaa0db19d2dbb4761759ac80c5e5"
	    "158f32f4620f2292a47122c7dacbf444f066ba4fcfd5c22bffa8fbc47a317895",
	    false },
	{ "zero",
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    false },
	{ "one",
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000001",
	    false },
	{ "the modulus less 1",
	    "adbe6ade3831ccbff45acae3ef43ba9c6ce5cb70c26f7ce151413bee7af25893"
	    "df16505b9df92fb1ea5afebf93800a9fef13c1ff3f9f13a08f62c7ca48a86f7b"
	    "a86acd97e34e05b4dbb51479f70868a45a37565b29e655aa4f19d74bd160785a"
	    "71518c490ad997891a469dec50eb16556a83c86020ffd76f89c4cd2afac9f67e",
	    false },
	{ "the modulus",
	    "adbe6ade3831ccbff45acae3ef43ba9c6ce5cb70c26f7ce151413bee7af25893"
	    "df16505b9df92fb1ea5afebf93800a9fef13c1ff3f9f13a08f62c7ca48a86f7b"
	    "a86acd97e34e05b4dbb51479f70868a45a37565b29e655aa4f19d74bd160785a"
	    "71518c490ad997891a469dec50eb16556a83c86020ffd76f89c4cd2afac9f67f",
	    false },
	{ "algorithm without parameters",
	    "4d09f6ac44b19f743d839a3e80d5312af45612c12a985275c315f7410d2f2f24"
	    "deaf4e89cafe61947b619fd069b95c6e850f99fd1de504431499ce91abb57501"
	    "63163a615bf020f4bd9341231fdff052e6c9e1b3cd1f42f550874d23cef402fa"
	    "a7fe5953316de6ee566a9d403d9d5beb564ead654f18d780a0cc2bc7e400310d",
	    false },
	{ "bare hash",
	    "971685745fa7201e6a63762dd08e22a78e0798b5a8d23f00afe42d0d2847b65f"
	    "acefde62e8fa6836465cb3df22fbb0c6c3fe72d9b6904c37f1fa7da460f6e868"
	    "89df95e80c452a21b7d9918caf5ba95f616f4b7d74fa3b5b4b28e7d4c62add68"
	    "a1a9d0de486c13683c4e3759d4d7dccc73b6a9b2950ee78a3dfb95b682309803",
	    false },
	{ "SHA-512 by name",
	    "05e679e7d8d178fa139a49efd794290c24ee8ba8271922bc1cf306ae04255677"
	    "2ead672ebf7aab1063ef2859ccd8e1bc6f2390bf2376e0493e6c01d40451806a"
	    "89e5398bc25b1b4d598a4c319c0faa9b7590086a8bbc3ff4f9ceb5d4df6db169"
	    "2a9394e9b4f43271af7c68609c5c6f78597d342d9cdf293b60bca68e0587d5a8",
	    false },
	{ "bytes after the hash",
	    "408114452d67c012471219ac270bc7ae844503b2753f2774ea31e68cc5f11067"
	    "ebfa6ed06317032e21612867c8f024a73b2a26622a97c7625119418a489a6124"
	    "df7754723bb1f9376a4cb581e7741e6a5efdf4005394d82ce35c74f0d9dd8439"
	    "ebe6835e749766dd97683aadec1ca33f1db2a5ba18dbc96523ef100468ad2278",
	    false },
	{ "hash cut by a byte",
	    "11a6542dfaa79cad621b8191d3e3b3c13f6138432a1e358e1783d59131201ede"
	    "f2d3d358dbc1dda9441eda41de5db80781e3377e35340e6d0357c8d7f325b3ec"
	    "453c8ef67350f31f05f224d3fc275f7d93e32b6fd122e0eb0b548b37886a9f73"
	    "f4220b6951b612f11aa55a95190dc79cd722ab62f9db9b4714a3969c74afb3dc",
	    false },
	{ "padding of type 2",
	    "76c87addc1904cbaf68e2ab2f404c2200730af8547b7eebb8bac8155bfd00b29"
	    "a148bb1723986bfb2b2a27f546550afb16147cc2aca7dd16dc54e1c3bef088a2"
	    "c83c0c8e5f9e5da88f500184bd8950adc349bd57960d2a66ad53c5a989e11711"
	    "0a8a718eea9aa8051ba64d2eeda6cffe1bb4628549a70d89d3c4cdf8a77cf55b",
	    false },
	{ "padding not all ff",
	    "955980b77d968d63e350b85b4c4a56160cd0a76088d92d0ee0b1ad6748c5e977"
	    "c6f3ce1c8a78affbb42d87334f5d7050e8fb833024bc2037ac50549a1ab99b0a"
	    "30d2d39334a9f04e572533413a8ad30c67be69c328a923256348c2682988aba3"
	    "00f2839c4cc2831534af85037c7861b513e343ccc391b3e3a417990405b3876b",
	    false },
};

static void
rsa_signature_of_any_other_form_is_refused(void **state)
{
	struct gp_private_key *k = private_new(sample("RSA, PKCS#1")->text);
	struct gp_public_key *p = public_new(gp_private_key_public(k));
	uint8_t hash[GP_SHA256_BYTES], sig[GP_SIGNATURE_BYTES];
	uint8_t row[RSA_BYTES];
	size_t n = 0;

	(void)state;
	unhex(HASH_RSA, hash, sizeof(hash));
	assert_int_equal(gp_private_key_sign(k, hash, sig, &n), GP_OK);
	assert_int_equal(n, RSA_BYTES);
	for (size_t i = 0; i < sizeof(rsa_rows) / sizeof(rsa_rows[0]); i++) {
		unhex(rsa_rows[i].sig, row, sizeof(row));
		if (gp_public_key_verify(p, hash, row, sizeof(row)) !=
		    rsa_rows[i].fits)
			fail_msg("%s", rsa_rows[i].label);
		assert_int_equal(memcmp(sig, row, sizeof(row)) == 0,
		    rsa_rows[i].fits);
	}
	gp_public_key_unref(p);
	gp_private_key_unref(k);
}

/* -- keys ------------------------------------------------------------------ */

static void
private_key_of_each_sample_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEY_SAMPLES; i++) {
		const struct key_sample *s = &key_samples[i];
		struct gp_private_key *k = NULL;
		struct gp_err err = { "" };
		const enum gp_rc rc =
		    gp_private_key_parse(gp_str(s->text), &k, &err);

		if (rc != (s->says == NULL ? GP_OK : GP_PERM) ||
		    (s->says != NULL && strstr(err.msg, s->says) == NULL))
			fail_msg("%s: %s, %s", s->label, gp_rc_name(rc),
			    err.msg);
		gp_private_key_unref(k);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

static void
private_key_that_is_no_text_is_refused(void **state)
{
	static const struct {
		const char *label;
		struct gp_str text;
		const char *says;
	} rows[] = {
		{ "binary RSA", GP_STR("\x30\x82\x02\x5c\x02\x01\x00"),
		    "binary (DER)" },
		{ "binary, short", GP_STR("\x30\x05\x02\x01\x00\x30\x00"),
		    "binary (DER)" },
		{ "a digit", GP_STR("0123456789"), "no private key in PEM" },
		{ "NUL", GP_STR("\0"), "no private key in PEM" },
		{ "NUL in the frame",
		    GP_STR("-----BEGIN PRIVATE KEY-----\n\0\n"
			   "-----END PRIVATE KEY-----\n"),
		    "is damaged" },
		{ "no memory at all", { NULL, 0 }, "no private key in PEM" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_private_key *k = NULL;
		struct gp_err err = { "" };

		assert_int_equal(gp_private_key_parse(rows[i].text, &k, &err),
		    GP_PERM);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].label, err.msg);
	}
}

static void
private_key_too_large_is_refused(void **state)
{
	static const char frame[] = "-----BEGIN PRIVATE KEY-----\n";
	struct gp_private_key *k = NULL;
	struct gp_err err = { "" };
	struct gp_buf text;

	(void)state;
	gp_buf_init(&text, (size_t)GP_KEY_FILE_MAX * 2);
	gp_buf_adds(&text, frame);
	while (text.n <= GP_KEY_FILE_MAX)
		gp_buf_adds(&text, "AAAAAAAAAAAAAAAA\n");
	gp_buf_adds(&text, "-----END PRIVATE KEY-----\n");
	assert_int_equal(gp_private_key_parse(gp_buf_str(&text), &k, &err),
	    GP_PERM);
	assert_string_equal(err.msg, "it is too large");
	gp_buf_clear(&text);
}

static void
private_key_tells_its_public_half(void **state)
{
	struct gp_private_key *k = private_new(sample("RSA, PKCS#8")->text);
	const struct gp_dkim_public *p = gp_private_key_public(k);

	(void)state;
	assert_int_equal(p->type, GP_DKIM_KEY_RSA);
	assert_int_equal(p->bits, 1024);
	assert_int_equal(p->n.n, RSA_BYTES);
	assert_memory_equal(p->n.p, "\xad\xbe\x6a\xde", 4);
	assert_true(gp_str_eq(p->e, GP_STR("\x01\x00\x01")));
	assert_ptr_equal(gp_private_key_ref(k), k);
	gp_private_key_unref(k);
	assert_int_equal(gp_private_key_public(k)->bits, 1024);
	gp_private_key_unref(k);
	gp_private_key_unref(NULL);
}

static void
public_key_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *label, *n, *e;
	} rows[] = {
		{ "even modulus", "c0000000000000000000000000000002", "03" },
		{ "leading zero", "00c0000000000000000000000000000001", "03" },
		{ "modulus of a byte", "c1", "03" },
		{ "no modulus", "", "03" },
		{ "no exponent", "c0000000000000000000000000000001", "" },
		{ "exponent 1", "c0000000000000000000000000000001", "01" },
		{ "even exponent", "c0000000000000000000000000000001", "02" },
		{ "zero before the exponent",
		    "c0000000000000000000000000000001", "0003" },
		{ "long exponent", "c0000000000000000000000000000001",
		    "010000000000000001" },
	};
	struct gp_arena *arena = gp_arena_new();
	struct gp_dkim_public p;
	struct gp_public_key *k = NULL;
	char large[GP_SIGNATURE_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = rsa_public(arena, rows[i].n, rows[i].e);
		if (gp_public_key_new(&p, &k, NULL) != GP_PERM)
			fail_msg("%s", rows[i].label);
	}
	p = rsa_public(arena, "c0000000000000000000000000000001", "03");
	memset(large, 0xff, sizeof(large));
	p.n = gp_str_n(large, sizeof(large));
	assert_int_equal(gp_public_key_new(&p, &k, NULL), GP_PERM);
	p = ed25519_public(arena, POINT);
	p.point.n--;
	assert_int_equal(gp_public_key_new(&p, &k, NULL), GP_PERM);
	gp_public_key_unref(NULL);
	gp_arena_free(arena);
}

/* -- many threads, one key ------------------------------------------------- */

#define THREADS 4
#define ROUNDS  60

struct worker {
	pthread_t thread;
	struct gp_private_key *private;
	struct gp_public_key *public;
	unsigned wrong;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	uint8_t hash[GP_SHA256_BYTES];
	uint8_t sig[GP_SIGNATURE_BYTES];
	size_t n;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct gp_public_key *p = gp_public_key_ref(w->public);

		gp_sha256(gp_str_n((const char *)&i, sizeof(i)), hash);
		if (gp_private_key_sign(w->private, hash, sig, &n) != GP_OK ||
		    !gp_public_key_verify(p, hash, sig, n))
			w->wrong++;
		hash[0] ^= 1;
		if (gp_public_key_verify(p, hash, sig, n))
			w->wrong++;
		gp_public_key_unref(p);
	}
	gp_private_key_unref(w->private);
	gp_public_key_unref(w->public);
	return NULL;
}

static void
share(const char *pem)
{
	struct gp_private_key *private = private_new(pem);
	struct gp_public_key *public =
	    public_new(gp_private_key_public(private));
	struct worker workers[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.private = gp_private_key_ref(private),
			.public = gp_public_key_ref(public),
		};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
				     &workers[i]),
		    0);
	}
	gp_private_key_unref(private);
	gp_public_key_unref(public);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
}

static void
keys_are_shared_by_many_threads(void **state)
{
	(void)state;
	share(sample("RSA, PKCS#1")->text);
	share(sample("Ed25519")->text);
}

/* -- new keys -------------------------------------------------------------- */

/* RFC 7468 section 2: lines of exactly 64 characters but the last one. */
static void
check_lines(struct gp_str pem)
{
	struct gp_str last = GP_STR("");

	assert_true(gp_str_eq(gp_str_split(&pem, '\n'),
	    GP_STR("-----BEGIN PRIVATE KEY-----")));
	for (;;) {
		struct gp_str line = gp_str_split(&pem, '\n');

		if (line.p[0] == '-') {
			assert_true(gp_str_eq(line,
			    GP_STR("-----END PRIVATE KEY-----")));
			break;
		}
		assert_true(last.n == 0 || last.n == 64);
		assert_true(line.n > 0 && line.n <= 64);
		last = line;
	}
	assert_int_equal(pem.n, 0);
}

static void
private_key_generated_is_read_again(void **state)
{
	static const struct {
		enum gp_dkim_key_type type;
		unsigned bits, want;
	} rows[] = { { GP_DKIM_KEY_RSA, 2048, 2048 },
		{ GP_DKIM_KEY_RSA, 3072, 3072 },
		{ GP_DKIM_KEY_ED25519, 0, 256 } };
	char text[GP_PRIVATE_PEM_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_secret_bytes pem = { .p = text,
			.size = sizeof(text) };
		struct gp_private_key *one = NULL;
		struct gp_private_key *two = NULL;
		struct gp_err err;

		assert_int_equal(gp_private_key_generate(rows[i].type,
				     rows[i].bits, &pem, &err),
		    GP_OK);
		check_lines(gp_str_n(pem.p, pem.n));
		assert_int_equal(gp_private_key_parse(gp_str_n(pem.p, pem.n),
				     &one, &err),
		    GP_OK);
		assert_int_equal(gp_private_key_public(one)->type,
		    rows[i].type);
		assert_int_equal(gp_private_key_public(one)->bits,
		    rows[i].want);
		assert_int_equal(gp_private_key_generate(rows[i].type,
				     rows[i].bits, &pem, &err),
		    GP_OK);
		assert_int_equal(gp_private_key_parse(gp_str_n(pem.p, pem.n),
				     &two, &err),
		    GP_OK);
		assert_false(gp_dkim_public_eq(gp_private_key_public(one),
		    gp_private_key_public(two)));
		gp_private_key_unref(one);
		gp_private_key_unref(two);
	}
}

static void
private_key_generated_without_room_leaves_nothing(void **state)
{
	char text[64];
	struct gp_secret_bytes pem = { .p = text, .size = sizeof(text) };
	struct gp_err err;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(gp_private_key_generate(GP_DKIM_KEY_ED25519, 0, &pem,
			     &err),
	    GP_TEMP);
	assert_int_equal(pem.n, 0);
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    public_key_verifies_the_rsa_example_and_nothing_else),
		cmocka_unit_test(
		    public_key_verifies_the_ed25519_example_and_nothing_else),
		cmocka_unit_test(private_key_signs_the_ed25519_example),
		cmocka_unit_test(rsa_signature_of_any_other_form_is_refused),
		cmocka_unit_test(private_key_of_each_sample_is_read_or_refused),
		cmocka_unit_test(private_key_that_is_no_text_is_refused),
		cmocka_unit_test(private_key_too_large_is_refused),
		cmocka_unit_test(private_key_tells_its_public_half),
		cmocka_unit_test(public_key_out_of_bounds_is_refused),
		cmocka_unit_test(keys_are_shared_by_many_threads),
		cmocka_unit_test(private_key_generated_is_read_again),
		cmocka_unit_test(
		    private_key_generated_without_room_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
