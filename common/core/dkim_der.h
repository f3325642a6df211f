/*
 * dkim_der - an RSA public key in DER, read and written.  For dkim_key.c only.
 *
 * Just the two forms that key records have, and of them just the one encoding
 * that DER allows.
 *
 * Source:   X.690 sections 8 and 10; RFC 8017 appendix A.1.1 (RSAPublicKey);
 *           RFC 3279 section 2.3.1 (in a SubjectPublicKeyInfo).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DKIM_DER_H
#define GP_CORE_DKIM_DER_H

#include "core/dkim_key.h"

/* Room for the widest key that is read. */
#define GP_DKIM_DER_MAX                                                        \
	((size_t)GP_DKIM_RSA_BITS_MAX / 8 + GP_DKIM_RSA_E_BYTES + 64)

/*
 * gp_dkim_der_parse - a SubjectPublicKeyInfo or an RSAPublicKey, nothing behind
 * it.  GP_OK: *out borrows from `der`.  GP_PERM: another key, another encoding,
 * or numbers that are out of bounds; err has the clause.
 */
GP_MUST_USE enum gp_rc gp_dkim_der_parse(struct gp_str der,
    struct gp_dkim_public *out, struct gp_err *err);

/* gp_dkim_der_format - append the SubjectPublicKeyInfo of an RSA key. */
void gp_dkim_der_format(const struct gp_dkim_public *key, struct gp_buf *out);

#endif
