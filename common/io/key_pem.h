/*
 * key_pem - the one private key in a PEM text, as DER, and back.  Internal to
 * io/crypto.
 *
 * A text with more than that key in it is refused rather than guessed at: what
 * stands beside it is a mistake, or the rest of an older file.  Lines outside
 * of blocks are comments.
 *
 * Source:   RFC 7468.
 * Blocking: no.
 * Threads:  reentrant.
 */
#ifndef GP_IO_KEY_PEM_H
#define GP_IO_KEY_PEM_H

#include "base/err.h"
#include "base/str.h"
#include "io/secret_file.h"

/*
 * gp_key_pem_decode - its DER.  `der` has room for text.n bytes; *n of them are
 * set.  No copy of any of it stays in memory.
 * GP_PERM: there is no such key, or something else too; err says what, in
 * words of ours.
 */
GP_MUST_USE enum gp_rc gp_key_pem_decode(struct gp_str text, uint8_t *der,
    size_t *n, struct gp_err *err);

/* gp_key_pem_encode - a key in PKCS#8 as PEM, into `out`.  GP_TEMP: there is
 * too little room. */
GP_MUST_USE enum gp_rc
gp_key_pem_encode(struct gp_str der, struct gp_secret_bytes *out);

#endif
