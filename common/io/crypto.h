/*
 * crypto - the only file that knows OpenSSL.
 *
 * Blocking: no.
 * Threads:  any.
 */
#ifndef GP_IO_CRYPTO_H
#define GP_IO_CRYPTO_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define GP_SHA256_BYTES 32

/* HMAC-SHA256 (RFC 2104) of data under key; never fails (aborts when the
 * library can not compute at all). */
void gp_hmac_sha256(struct gp_str key, struct gp_str data,
    uint8_t mac[GP_SHA256_BYTES]);

/* Cryptographic random bytes. GP_TEMP when the system gives none. */
GP_MUST_USE enum gp_rc gp_random_bytes(uint8_t *out, size_t n);

#endif
