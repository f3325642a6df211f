/*
 * small_file - a configuration file as a whole: read it, or put another in its
 * place, so that nobody ever sees half of one.
 *
 * Blocking: file I/O.
 * Threads:  any.
 */
#ifndef GP_IO_SMALL_FILE_H
#define GP_IO_SMALL_FILE_H

#include "base/arena.h"
#include "base/err.h"

#include <sys/types.h>

struct gp_small_file {
	struct gp_str text;
	mode_t mode; /* permissions */
	uid_t uid;
	gid_t gid;
};

/*
 * gp_small_file_read - into `arena`.
 * GP_NONE  there is no such file.
 * GP_PERM  no access, a symbolic link, no regular file, more than `max` bytes.
 * GP_TEMP  a passing I/O error, or it was changed meanwhile.
 */
GP_MUST_USE enum gp_rc
gp_small_file_read(struct gp_arena *arena, const char *path, size_t max,
    struct gp_small_file *out, struct gp_err *err);

/* gp_small_file_create - GP_NONE: something is there already. */
GP_MUST_USE enum gp_rc gp_small_file_create(const char *path,
    const struct gp_small_file *file, struct gp_err *err);

/* gp_small_file_replace - by a rename; its folder is written through. */
GP_MUST_USE enum gp_rc gp_small_file_replace(struct gp_arena *arena,
    const char *path, const struct gp_small_file *file, struct gp_err *err);

#endif
