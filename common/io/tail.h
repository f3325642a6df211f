/*
 * tail - the last log lines of decisions, for whoever listens at the moment.
 *
 * A ring of fixed size: who writes never waits for who reads.  A reader that
 * is slow loses the oldest lines and is told how many.  While nobody listens,
 * a line costs one relaxed load of an atomic.
 *
 * Blocking: no; a lock is held to copy some KiB at most.
 * Threads:  any may write; a reader is one thread's.
 */
#ifndef GP_IO_TAIL_H
#define GP_IO_TAIL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest line with its time and newline; a longer one is cut. */
#define GP_TAIL_LINE_MAX 640

struct gp_tail;

struct gp_tail_reader {
	uint64_t at;   /* octets that were written before what is next */
	uint64_t line; /* lines, likewise */
};

/* gp_tail_new - `bytes` of lines are kept, a power of two of at least
 * 2 x GP_TAIL_LINE_MAX.  NULL: no descriptor. */
struct gp_tail *gp_tail_new(size_t bytes);
void gp_tail_free(struct gp_tail *t); /* NULL is allowed */

/* gp_tail_add - a line without its newline, from any thread; what is not
 * printable becomes '?'.  NULL is allowed. */
void gp_tail_add(struct gp_tail *t, struct gp_str line);

/* gp_tail_join - what is written from now on is for this reader, too;
 * gp_tail_leave before it is forgotten. */
void gp_tail_join(struct gp_tail *t, struct gp_tail_reader *r);
void gp_tail_leave(struct gp_tail *t, struct gp_tail_reader *r);

/*
 * gp_tail_read - append whole lines, at most `most` octets (at least 2 x
 * GP_TAIL_LINE_MAX), each "SECONDS.MMM TEXT\n" by the wall clock; "lost N\n"
 * stands where N lines were overwritten.
 */
void gp_tail_read(struct gp_tail *t, struct gp_tail_reader *r,
    struct gp_buf *out, size_t most);

/* gp_tail_bell - a descriptor that is readable once a line was added after
 * the last gp_tail_arm; arm it before reading, then wait for it. */
int gp_tail_bell(const struct gp_tail *t);
void gp_tail_arm(struct gp_tail *t);

#endif
