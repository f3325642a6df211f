/*
 * store_time - a clock for a file that outlives the system's.
 *
 * Milliseconds since the system was started begin again with each start.  The
 * file's own clock goes on: it is those milliseconds and a distance, which is
 * the same for all processes from one start to the next, and is chosen anew
 * then, by the wall clock.  What can not be known is taken as no time at all:
 * levels stay as they are, and count from now.
 *
 * Purity:   pure, but for gp_store_time_boot.
 * Threads:  reentrant.
 */
#ifndef GP_IO_STORE_TIME_H
#define GP_IO_STORE_TIME_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GP_STORE_BOOT_BYTES 16

/* Zero is that of a new file. */
struct gp_store_time {
	uint8_t boot[GP_STORE_BOOT_BYTES]; /* zero: not known */
	int64_t shift_ms;                  /* file's clock less the system's */
	int64_t last_ms; /* file's clock, when this was written */
	int64_t wall_s;  /* and the wall clock */
};

/* gp_store_time_boot - which start of the system this is; zero: not known. */
void gp_store_time_boot(uint8_t boot[GP_STORE_BOOT_BYTES]);

/* gp_store_time_now - the file's clock; `t` gets the distance of this start,
 * and is ready to be written. */
int64_t gp_store_time_now(struct gp_store_time *t,
    const uint8_t boot[GP_STORE_BOOT_BYTES], int64_t now_ms, int64_t wall_s);

#endif
