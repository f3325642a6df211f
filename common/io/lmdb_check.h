/*
 * lmdb_check - may LMDB be let at this file?
 *
 * LMDB trusts its file: one wrong octet in it, and the process that reads it
 * dies.  So what it would follow is followed here first, without mapping: both
 * meta pages, the pages of the tree and of the free list (each belongs to one
 * place), the nodes in them, the counts.  What the values mean is not looked
 * at, and two keys may be in the wrong order across pages; neither kills.
 *
 * Source:   the file format of LMDB 0.9 (data version 1), one unnamed
 *           database without flags, of the machine's own word and byte order.
 * Blocking: reads the whole file once; nobody may write it meanwhile.
 * Threads:  any.
 */
#ifndef GP_IO_LMDB_CHECK_H
#define GP_IO_LMDB_CHECK_H

#include "base/err.h"

#include <stddef.h>

/*
 * gp_lmdb_check - `key_bytes` is the size of every key; 0: 1 to 511.
 * GP_OK    sound; or no such file, or an empty one: LMDB makes it anew.
 * GP_TEMP  it can not be read; err says why.
 * GP_PERM  damaged, or not such a file at all; err says what is wrong.
 */
GP_MUST_USE enum gp_rc
gp_lmdb_check(const char *path, size_t key_bytes, struct gp_err *err);

#endif
