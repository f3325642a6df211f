/*
 * buf - a growing byte buffer with a mandatory maximum.
 *
 * An append that would pass the maximum changes nothing and sets the sticky
 * `overflow` flag, so a writer appends freely and asks once at the end.
 * The contents are always followed by a NUL that is not counted.
 *
 * Purity:   pure (allocates; out of memory aborts).
 * Threads:  one buffer, one thread.
 */
#ifndef GP_BASE_BUF_H
#define GP_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct gp_buf {
	char *p;       /* NULL until the first append */
	size_t n;      /* bytes in use, without the NUL */
	size_t cap;    /* bytes allocated */
	size_t max;    /* n never passes this */
	bool overflow; /* an append did not fit; stays set until reset */
};

/* gp_buf_init - an empty buffer of at most `max` bytes; gp_buf_clear it. */
void gp_buf_init(struct gp_buf *b, size_t max);
void gp_buf_clear(struct gp_buf *b);

/* gp_buf_reset - empty again, storage kept, overflow forgotten. */
void gp_buf_reset(struct gp_buf *b);

void gp_buf_add(struct gp_buf *b, const void *p, size_t n);
void gp_buf_addc(struct gp_buf *b, char c);
void gp_buf_adds(struct gp_buf *b, const char *s);
void gp_buf_add_str(struct gp_buf *b, struct gp_str s);
void gp_buf_addf(struct gp_buf *b, const char *fmt, ...) GP_PRINTF(2, 3);

/* gp_buf_str - what it holds, borrowed until the next change. */
struct gp_str gp_buf_str(const struct gp_buf *b);

/* gp_buf_cstr - the same as a C string; "" when nothing was ever added. */
const char *gp_buf_cstr(const struct gp_buf *b);

#endif
