/*
 * store_clock - the entry of the file that has its clock, and how far the sweep
 * is.  Internal to io/store_lmdb.
 *
 * Threads:  as a transaction of io/lmdb_env, inside of which it is used.
 */
#ifndef GP_IO_STORE_CLOCK_H
#define GP_IO_STORE_CLOCK_H

#include "io/store_sweep.h"
#include "io/store_time.h"

/* For one transaction. */
struct gp_store_now {
	struct gp_store_time time; /* as it should be in the file */
	int64_t file_ms;
	bool due; /* it should be written */
};

/* gp_store_clock_read - the file's time; a damaged entry is that of a new file.
 * `sweep` goes on where the file says, unless it is on its way already. */
struct gp_store_now
gp_store_clock_read(struct gp_lmdb_env *env, struct gp_store_sweep *sweep,
    const uint8_t boot[GP_STORE_BOOT_BYTES], int64_t now_ms);

/* gp_store_clock_write - if it is due: about once a second. */
void gp_store_clock_write(struct gp_lmdb_env *env,
    const struct gp_store_sweep *sweep, const struct gp_store_now *now);

#endif
