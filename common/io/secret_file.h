/*
 * secret_file - what is secret, from a file of its own.
 *
 * Blocking: file I/O.
 * Threads:  any.
 */
#ifndef GP_IO_SECRET_FILE_H
#define GP_IO_SECRET_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Where they go. */
struct gp_secret_bytes {
	char *p;
	size_t size; /* room at p */
	size_t n;    /* octets read */
};

/*
 * gp_secret_file_load - at most out->size octets of it; `what` ("the seal key")
 * names it in err.  Wipe them after use.
 * GP_NONE  there is no such file.
 * GP_PERM  no access, a symbolic link unless `follow`, no regular file, or
 *          open to others; err says what to do.
 * GP_TEMP  a passing I/O error.
 */
GP_MUST_USE enum gp_rc gp_secret_file_load(const char *path, const char *what,
    bool follow, struct gp_secret_bytes *out, struct gp_err *err);

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
