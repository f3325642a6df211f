/*
 * crypto - the only file that knows OpenSSL.
 *
 * Keys are decoded once and then used by any number of threads.  No ASN.1 from
 * outside gets here: a public key comes as numbers (core/dkim_key), a private
 * one from a file of ours.
 *
 * Blocking: no.
 * Threads:  any; a hash belongs to one thread at a time.
 */
#ifndef GP_IO_CRYPTO_H
#define GP_IO_CRYPTO_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "core/dkim_key.h"
#include "io/secret_file.h"

#include <stdint.h>

#define GP_SHA256_BYTES    32
#define GP_SIGNATURE_BYTES (GP_DKIM_RSA_BITS_MAX / 8) /* longest one */
#define GP_PRIVATE_PEM_MAX 8192 /* of a generated key; RSA-4096 has 3272 */

/* HMAC-SHA256 (RFC 2104) of data under key; never fails (aborts when the
 * library can not compute at all). */
void gp_hmac_sha256(struct gp_str key, struct gp_str data,
    uint8_t mac[GP_SHA256_BYTES]);

/* -- SHA-256 in pieces (FIPS 180-4) ------------------------------------- */

struct gp_sha256;

struct gp_sha256 *gp_sha256_new(void);
void gp_sha256_free(struct gp_sha256 *h); /* NULL is allowed */
void gp_sha256_add(struct gp_sha256 *h, const void *p, size_t n);

/* gp_sha256_end - the hash; nothing may be added afterwards. */
void gp_sha256_end(struct gp_sha256 *h, uint8_t out[GP_SHA256_BYTES]);

/* gp_sha256 - of one piece. */
void gp_sha256(struct gp_str data, uint8_t out[GP_SHA256_BYTES]);

/* -- private keys ------------------------------------------------------- */

struct gp_private_key; /* reference counted */

/*
 * gp_private_key_parse - one key in PEM, PKCS#1 or PKCS#8, not encrypted, and
 * nothing beside it but comments.
 * GP_PERM: none, encrypted, another type than RSA or Ed25519, an RSA key whose
 * numbers do not belong together or that has under 1024 or over
 * GP_DKIM_RSA_BITS_MAX bits, one that signs nothing that verifies; err says
 * which ("it is ..."), and never a byte of the key.
 */
GP_MUST_USE enum gp_rc gp_private_key_parse(struct gp_str pem,
    struct gp_private_key **out, struct gp_err *err);

/*
 * gp_private_key_generate - a new key as PEM (PKCS#8), RSA of `bits` with the
 * exponent 65537 or Ed25519, into `pem`, which has room for
 * GP_PRIVATE_PEM_MAX octets; wipe it after use.  A second or more of 4096 bits.
 * GP_TEMP: the library failed, or there is too little room.
 */
GP_MUST_USE enum gp_rc gp_private_key_generate(enum gp_dkim_key_type type,
    unsigned bits, struct gp_secret_bytes *pem, struct gp_err *err);
struct gp_private_key *gp_private_key_ref(struct gp_private_key *k);
void gp_private_key_unref(struct gp_private_key *k); /* NULL is allowed */

/* gp_private_key_public - its public half, as long as the key lives. */
const struct gp_dkim_public *
gp_private_key_public(const struct gp_private_key *k);

/*
 * gp_private_key_sign - sign a SHA-256 hash: RSASSA-PKCS1-v1_5 (RFC 8017
 * section 8.2), or Ed25519 over the hash (RFC 8463 section 3).  `out` has
 * GP_SIGNATURE_BYTES bytes, *n of them are set.  GP_TEMP: the library failed.
 */
GP_MUST_USE enum gp_rc gp_private_key_sign(const struct gp_private_key *k,
    const uint8_t hash[GP_SHA256_BYTES], uint8_t *out, size_t *n);

/* -- public keys -------------------------------------------------------- */

struct gp_public_key; /* reference counted */

/* gp_public_key_new - GP_PERM: no key that the library can use. */
GP_MUST_USE enum gp_rc gp_public_key_new(const struct gp_dkim_public *p,
    struct gp_public_key **out, struct gp_err *err);
struct gp_public_key *gp_public_key_ref(struct gp_public_key *k);
void gp_public_key_unref(struct gp_public_key *k); /* NULL is allowed */

/* gp_public_key_verify - does the signature fit the hash? */
bool gp_public_key_verify(const struct gp_public_key *k,
    const uint8_t hash[GP_SHA256_BYTES], const uint8_t *sig, size_t n);

#endif
