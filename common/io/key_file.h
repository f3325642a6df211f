/*
 * key_file - a private key from its file, trusted as far as the file is, and
 * the file of a new one.
 *
 * Owner and mode are those of the open descriptor, so nobody can put another
 * file in their place afterwards.
 *
 * Blocking: file I/O.
 * Threads:  any.
 */
#ifndef GP_IO_KEY_FILE_H
#define GP_IO_KEY_FILE_H

#include "io/crypto.h"
#include "io/text_file.h"

/*
 * gp_key_file_load - open, check, read, decode; the text is wiped afterwards.
 *
 * Accepted: a regular file (also behind a symbolic link) of root, of this
 * process's user or, when that is root, of a system user (below 1000); no
 * access for others, no writing for the group; in a directory that not
 * everybody may write to, unless its sticky bit is set.
 * GP_PERM: not so, not readable, or no key; err names the path, what is wrong
 * and the exact chmod, chgrp or chown.  GP_TEMP: out of descriptors, I/O error.
 */
GP_MUST_USE enum gp_rc gp_key_file_load(const char *path,
    struct gp_private_key **out, struct gp_err *err);

/* gp_key_file_denied - is it only this process that may not read it?  For an
 * operator's tool that is run by another user than the daemon. */
bool gp_key_file_denied(const char *path);

/*
 * gp_key_file_create - make a key and its file: for the owner alone, or with
 * `group` (GP_KEEP_GROUP: none) for that group to read.  GP_NONE: something has
 * the name already, and stays.  GP_PERM, GP_TEMP: as err says; there is no file
 * then.
 */
GP_MUST_USE enum gp_rc gp_key_file_create(const char *path,
    enum gp_dkim_key_type type, unsigned bits, gid_t group, struct gp_err *err);

#endif
