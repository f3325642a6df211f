/*
 * text_file - whole files, written so that a crash, a full disk or another
 * writer leaves either the old text or the new one.
 *
 * The text goes into a temporary file beside the other (its name begins with a
 * dot, so that no policy is read from it), is brought to the disk, and gets
 * the name at the end.
 *
 * Blocking: file I/O, until the disk has it.
 * Threads:  any.
 */
#ifndef GP_IO_TEXT_FILE_H
#define GP_IO_TEXT_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

/*
 * gp_text_file_read - at most `max` octets of a regular file, also behind a
 * symbolic link; memory from `arena`.
 * GP_NONE: there is no such file.  GP_PERM: not readable, no regular file, or
 * longer.  GP_TEMP: a passing failure.  err begins with the path.
 */
GP_MUST_USE enum gp_rc gp_text_file_read(const char *path, size_t max,
    struct gp_arena *arena, struct gp_str *out, struct gp_err *err);

#define GP_KEEP_GROUP ((gid_t)-1)

/*
 * gp_text_file_create - a file that is not there yet, with this mode and group
 * (GP_KEEP_GROUP: that of new files).
 * GP_NONE: something has the name, and stays; also a link that leads nowhere.
 * GP_PERM: not allowed, as err says.  GP_TEMP: no room, or another passing
 * failure.  What could not be finished is removed.
 */
GP_MUST_USE enum gp_rc gp_text_file_create(const char *path, struct gp_str text,
    mode_t mode, gid_t group, struct gp_err *err);

/*
 * gp_text_file_replace - `text` for `was`, with owner, group and mode as they
 * are; the old text stays in PATH~.  Behind a symbolic link the file is
 * replaced, not the link.
 * GP_NONE: it does not hold `was` any more, and stays.  GP_PERM, GP_TEMP: as
 * above; the old file stays.
 */
GP_MUST_USE enum gp_rc gp_text_file_replace(const char *path, struct gp_str was,
    struct gp_str text, struct gp_err *err);

/* gp_text_file_folder - make it with this mode and group, if it is not there.
 * GP_PERM: not allowed, no folder, or everybody may write to it; err has the
 * chmod.  GP_TEMP: a passing failure. */
GP_MUST_USE enum gp_rc gp_text_file_folder(const char *path, mode_t mode,
    gid_t group, struct gp_err *err);

#endif
