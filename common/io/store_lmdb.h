/*
 * store_lmdb - what tests need of it beside gp_store_lmdb_open.
 *
 * A charge is written when it returns, so that a kill costs nothing.  The disk
 * has it some seconds later (GP_STORE_LMDB_SYNC_US); when power is lost in
 * between, the file may be damaged, is set aside then, and meters and notes
 * begin anew.
 */
#ifndef GP_IO_STORE_LMDB_H
#define GP_IO_STORE_LMDB_H

#include "io/store_backend.h"
#include "io/store_time.h"

#define GP_STORE_LMDB_SYNC_US (5 * GP_US_PER_S)

/* What is smaller is taken as this; the file grows as it is needed. */
#define GP_STORE_LMDB_MIN_BYTES INT64_C(16777216)

/* gp_store_lmdb_open_as - as if this were another start of the system. */
GP_MUST_USE enum gp_rc gp_store_lmdb_open_as(const char *directory,
    int64_t max_bytes, const uint8_t boot[GP_STORE_BOOT_BYTES],
    struct gp_store_backend *out, struct gp_err *err);

#endif
