/*
 * dkim_sig - the DKIM-Signature field: read and write.
 *
 * Source:   RFC 6376 section 3.5; RFC 8301; RFC 8463; RFC 8616 section 4.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DKIM_SIG_H
#define GP_CORE_DKIM_SIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/dkim_canon.h"

#define GP_DKIM_SIGNATURE  "DKIM-Signature"
#define GP_DKIM_HASH_BYTES 32 /* SHA-256 */

enum gp_dkim_algorithm {
	GP_DKIM_RSA_SHA256,
	GP_DKIM_ED25519_SHA256,
	GP_DKIM_RSA_SHA1, /* recognised, never used: RFC 8301 section 3.1 */
};

/* gp_dkim_algorithm_name - "rsa-sha256" ... */
const char *gp_dkim_algorithm_name(enum gp_dkim_algorithm a);

/* A signature as read; memory from the arena, or borrowed from the value. */
struct gp_dkim_sig {
	struct gp_str a;      /* a= as written; empty: absent, or no token */
	struct gp_str b;      /* b= without white space; empty: absent, or
	                       * with other letters than those of base64 */
	const char *domain;   /* d=, normalised (A-labels); NULL: none */
	const char *selector; /* s=, likewise */
	enum gp_dkim_algorithm algorithm;
	enum gp_dkim_canon header_canon, body_canon;
	size_t n_headers;
	const struct gp_str *headers; /* h=, in order, as written */
	const char *identity; /* domain of i=, normalised: d= or below; d=
	                       * when there is no i= */
	uint8_t body_hash[GP_DKIM_HASH_BYTES]; /* bh=, of a sha256 algorithm */
	const uint8_t *signature;              /* b= decoded */
	size_t signature_n;                    /* at least 1 */
	bool has_length, has_time, has_expiry;
	uint64_t length;          /* l=, octets; saturates */
	int64_t time_s, expiry_s; /* t=, x=, seconds since 1970; saturate */
};

/*
 * gp_dkim_sig_parse - the value of one DKIM-Signature field.
 *
 * GP_OK    every rule of RFC 6376 3.5 holds that needs nothing but the field:
 *          v=1; a b bh d h s present; h= has From; d= and s= are domain names
 *          (s= may have one label); i= is d= or below; x= is above t=; q= has
 *          dns/txt; bh= and b= are base64, bh= of the right size.
 * GP_PERM  else, and err has the clause that a report shows ("d= is no domain
 *          name").  What could be read by itself (a, b, domain, selector) is
 *          set nevertheless, so that the report can say which one is broken;
 *          all other members are zero.
 */
GP_MUST_USE enum gp_rc gp_dkim_sig_parse(struct gp_str value,
    struct gp_arena *arena, struct gp_dkim_sig *out, struct gp_err *err);

/* A signature to write. */
struct gp_dkim_draft {
	const char *domain, *selector;
	enum gp_dkim_algorithm algorithm;
	enum gp_dkim_canon header_canon, body_canon;
	int64_t time_s;
	int64_t expiry_s; /* 0: no x= */
	size_t n_headers;
	const struct gp_str *headers;
	uint8_t body_hash[GP_DKIM_HASH_BYTES];
};

/*
 * gp_dkim_sig_format - append the field's value, beginning with a blank,
 * folded with "\n\t" before column 78 (a domain or a name in h= that is longer
 * than a line stays whole), the b= tag last.  `b` is the raw signature; with
 * n == 0 the b= tag is empty: what is hashed, and identical up to that tag's
 * value.  Never writes l=, z= or i=.
 */
void gp_dkim_sig_format(const struct gp_dkim_draft *d, const uint8_t *b,
    size_t n, struct gp_buf *out);

#endif
