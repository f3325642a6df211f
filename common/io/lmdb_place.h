/*
 * lmdb_place - the folder of an LMDB environment: its files, which of them is
 * open, and who may write.  Internal to io/lmdb_env.
 *
 * Blocking: disk; and lock_us for another process.
 * Threads:  one at a time, but for gp_lmdb_place_open.
 */
#ifndef GP_IO_LMDB_PLACE_H
#define GP_IO_LMDB_PLACE_H

#include "io/lmdb_env.h"
#include "io/shared_lock.h"

#include <sys/types.h>

/* A mapped file begins so large, and grows by half or so much when less than a
 * quarter of it was never used: should the disk be full then, there are pages
 * left to delete with. */
#define GP_LMDB_FIRST_BYTES ((size_t)1024 * 1024)

struct gp_lmdb_place {
	struct gp_lmdb_options options;
	char *dir;
	char *data;  /* DIR/data.mdb */
	char *locks; /* DIR/lock.mdb */
	struct gp_shared_lock *writer;
	dev_t device; /* the file that is open */
	ino_t inode;
	int64_t look_us; /* whether it still is there, not before */
};

/* gp_lmdb_place_open - as gp_lmdb_open.  Clear it whatever is returned. */
GP_MUST_USE enum gp_rc
gp_lmdb_place_open(const char *dir, const struct gp_lmdb_options *options,
    struct gp_lmdb_place *p, struct gp_err *err);
void gp_lmdb_place_clear(struct gp_lmdb_place *p);

/* gp_lmdb_place_take - the right to write; gp_lmdb_place_give it.  GP_TEMP:
 * another process has it. */
GP_MUST_USE enum gp_rc
gp_lmdb_place_take(struct gp_lmdb_place *p, struct gp_err *err);
void gp_lmdb_place_give(struct gp_lmdb_place *p);

/* gp_lmdb_place_set - the file is open; 0, or an errno. */
int gp_lmdb_place_set(struct gp_lmdb_place *p);

/* gp_lmdb_place_is_set - is the file that was opened still there?  Another
 * process may have set it aside, or the operator removed it.  For a mapped one
 * the answer may be some milliseconds old. */
bool gp_lmdb_place_is_set(struct gp_lmdb_place *p);

/* gp_lmdb_place_map_bytes - what to map when the file is opened. */
size_t gp_lmdb_place_map_bytes(const struct gp_lmdb_place *p, bool mapped);

/* gp_lmdb_place_aside - for the damaged file; `why` goes into the log. */
GP_MUST_USE enum gp_rc gp_lmdb_place_aside(struct gp_lmdb_place *p,
    const char *why, struct gp_err *err);

/* gp_lmdb_place_fail - an errno as a sentence about the file. */
enum gp_rc gp_lmdb_place_fail(const struct gp_lmdb_place *p, int error,
    struct gp_err *err);

#endif
