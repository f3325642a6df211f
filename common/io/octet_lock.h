/*
 * octet_lock - one octet of an open file, held by one process at a time.
 *
 * The kernel gives it back when the process ends, however it ends.  A lock
 * belongs to the open file: two openings in one process shut each other out,
 * two threads with the same descriptor do not.
 *
 * Source:   fcntl(2), "Open file description locks".
 * Threads:  any.
 */
#ifndef GP_IO_OCTET_LOCK_H
#define GP_IO_OCTET_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* gp_octet_lock - within `wait_us`; false: somebody else holds it, or it can
 * not be had. */
bool gp_octet_lock(int fd, off_t at, int64_t wait_us);
void gp_octet_unlock(int fd, off_t at);

#endif
