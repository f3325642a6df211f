/*
 * lmdb_aside - a damaged file is kept for whoever wants to look at it, but
 * not any number of them.  Internal to io/lmdb_env.
 *
 * Blocking: disk.
 * Threads:  any, one a folder at a time.
 */
#ifndef GP_IO_LMDB_ASIDE_H
#define GP_IO_LMDB_ASIDE_H

#include "base/err.h"

/* Files that were set aside, of which the newest are kept. */
#define GP_LMDB_ASIDE_MAX 3

/*
 * gp_lmdb_aside - `path` becomes PATH.corrupt-SECONDS (wall clock), and the
 * oldest such files beyond GP_LMDB_ASIDE_MAX are removed; `why` goes into
 * the log, behind `what`.  GP_TEMP, GP_PERM: it is where it was.
 */
GP_MUST_USE enum gp_rc gp_lmdb_aside(const char *path, const char *what,
    const char *why, struct gp_err *err);

#endif
