/*
 * siphash - SipHash-1-3: a hash for tables, which nobody who does not know the
 * seed can make collide.
 *
 * Source:   Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_BASE_SIPHASH_H
#define GP_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* gp_siphash - of n bytes at p (may be NULL when n is 0); differs between
 * machines of different byte order. */
uint64_t gp_siphash(const uint64_t seed[2], const void *p, size_t n);

#endif
