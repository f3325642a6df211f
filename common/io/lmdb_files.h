/*
 * lmdb_files - what LMDB does not see to before it maps its files.
 * Internal to io/lmdb_env.
 *
 * A part of a mapped file that was never written is a hole; a process that
 * writes to it while the disk is full is killed (SIGBUS).  So files get their
 * blocks first.
 *
 * Blocking: disk.
 * Threads:  any.
 */
#ifndef GP_IO_LMDB_FILES_H
#define GP_IO_LMDB_FILES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* gp_lmdb_files_map - may the files of this folder be written through a map?
 * Not where an octet that is written again takes new room. */
bool gp_lmdb_files_map(const char *dir);

/* gp_lmdb_files_fill - blocks for the first `bytes` octets; 0, or an errno:
 * EOPNOTSUPP, ENOSPC ... */
int gp_lmdb_files_fill(int fd, size_t bytes);

/* gp_lmdb_files_size - octets; 0 when there is no such file. */
size_t gp_lmdb_files_size(const char *path);

/* gp_lmdb_files_locks - the file of LMDB's own locks: it goes when the file of
 * the data is gone, for which it was, and has its blocks.  0, or an errno. */
int gp_lmdb_files_locks(const char *data, const char *locks);

#endif
