/*
 * dkim_naive - DKIM's hashes by the letter of RFC 6376, octet by octet, on
 * whole texts in memory: what the quick code of core/dkim_canon is held
 * against.  It knows nothing of it, and of the parser of signatures neither.
 */
#ifndef GP_TESTS_DKIM_NAIVE_H
#define GP_TESTS_DKIM_NAIVE_H

#include "base/buf.h"
#include "core/header.h"

/* dkim_naive_tag - the value of one tag of a well-formed list; n == 0 when it
 * is not there. */
struct gp_str dkim_naive_tag(struct gp_str value, const char *name);

/* dkim_naive_body - append the canonical body (RFC 6376 3.4.3, 3.4.4). */
void dkim_naive_body(bool relaxed, struct gp_str body, struct gp_buf *out);

/* dkim_naive_header - append what the header hash of this signature field
 * covers (RFC 6376 3.7), its own h= taken from its text. */
void dkim_naive_header(bool relaxed, const struct gp_header *h,
    const struct gp_field *self, struct gp_buf *out);

#endif
