/*
 * secret_file - a password from a file of its own.
 *
 * Blocking: file I/O.
 * Threads:  any.
 */
#ifndef GP_IO_SECRET_FILE_H
#define GP_IO_SECRET_FILE_H

#include "base/err.h"

#include <stddef.h>

/*
 * gp_secret_file_read - the only line of the file, without its end, as a
 * string of 1 to size - 1 octets in `out`; wipe it after use.
 * GP_PERM: not readable, no regular file, open to others (err has the chmod),
 * empty, too long, more than a line, or with control characters.
 * GP_TEMP: a passing I/O error.
 */
GP_MUST_USE enum gp_rc gp_secret_file_read(const char *path, char *out,
    size_t size, struct gp_err *err);

#endif
