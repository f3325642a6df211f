/*
 * dkim_key - the key record in DNS: read and write.
 *
 * The public key is taken apart here, with every length bounded, so that the
 * cryptographic library is only ever given numbers.
 *
 * Source:   RFC 6376 section 3.6.1; RFC 8301 section 3.2; RFC 8463 section 4;
 *           RFC 8017 appendix A.1.1 (RSAPublicKey); RFC 5280 section 4.1
 *           (SubjectPublicKeyInfo).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DKIM_KEY_H
#define GP_CORE_DKIM_KEY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "core/limits.h"

#define GP_DKIM_ED25519_BYTES 32

enum gp_dkim_key_type { GP_DKIM_KEY_RSA, GP_DKIM_KEY_ED25519 };

/* A public key as numbers. */
struct gp_dkim_public {
	enum gp_dkim_key_type type;
	unsigned bits;       /* of the RSA modulus; 256 for Ed25519 */
	struct gp_str n, e;  /* RSA: big-endian, no leading zero octets */
	struct gp_str point; /* Ed25519: GP_DKIM_ED25519_BYTES */
};

bool gp_dkim_public_eq(const struct gp_dkim_public *a,
    const struct gp_dkim_public *b);

/* gp_dkim_rsa_is_sane - in the bounds that the arithmetic was made for, with
 * odd numbers and an exponent above 1, which would sign anything. */
bool gp_dkim_rsa_is_sane(const struct gp_dkim_public *key);

struct gp_dkim_key_record {
	bool revoked;   /* p= is empty: `key` is not set */
	bool testing;   /* t=y */
	bool strict;    /* t=s: i= must be d= itself */
	bool for_email; /* s= has "email" or "*", or is absent */
	bool sha256;    /* h= has it, or is absent */
	struct gp_dkim_public key;
};

/*
 * gp_dkim_key_parse - one TXT record, its strings joined.  p= of an RSA key is
 * a SubjectPublicKeyInfo or a bare RSAPublicKey.
 * GP_OK    *out is complete, memory from `arena`.
 * GP_NONE  no key record: another v=, or neither v= nor p=.
 * GP_PERM  a broken one: not a tag list, v= not first, a tag twice, no p=,
 *          unknown k=, a key that can not be decoded or is over a bound; err
 *          has the clause that a report shows.
 */
GP_MUST_USE enum gp_rc gp_dkim_key_parse(struct gp_str record,
    struct gp_arena *arena, struct gp_dkim_key_record *out, struct gp_err *err);

/* gp_dkim_key_format - append "v=DKIM1; k=rsa; p=..." (SubjectPublicKeyInfo)
 * or "v=DKIM1; k=ed25519; p=...", one line. */
void gp_dkim_key_format(const struct gp_dkim_public *key, struct gp_buf *out);

#endif
