/*
 * base64 - bytes as text, in both alphabets of RFC 4648.
 *
 * Source:   RFC 4648 sections 3.5, 4 and 5.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_BASE_BASE64_H
#define GP_BASE_BASE64_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* gp_base64_encode - append with "+", "/" and padding, on one line. */
void gp_base64_encode(const uint8_t *in, size_t n, struct gp_buf *out);

/* gp_base64url_encode - append with "-" and "_", without padding. */
void gp_base64url_encode(const uint8_t *in, size_t n, struct gp_buf *out);

/*
 * gp_base64_decode - the standard alphabet, padded, nothing else in between,
 * and unused bits zero: each run of bytes has one spelling.
 * GP_OK: *n bytes of `out` are set.  GP_PERM: not so, or more than `max`
 * bytes; *n is 0.
 */
GP_MUST_USE enum gp_rc
gp_base64_decode(struct gp_str text, uint8_t *out, size_t max, size_t *n);

#endif
