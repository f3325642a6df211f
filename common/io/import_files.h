/*
 * import_files - the files of `gatepost import`: those of the other filter,
 * which are only read, and those of the policy to be.
 *
 * Blocking: file I/O.
 * Threads:  any.
 */
#ifndef GP_IO_IMPORT_FILES_H
#define GP_IO_IMPORT_FILES_H

#include "core/import.h"

/* Where the other filter's files are. */
struct gp_import_source {
	const char *root; /* put before absolute paths; "" for none */
	struct gp_import
	    *im; /* whose `base` is put before others; may be NULL */
	struct gp_arena *arena;
};

/*
 * gp_import_read - a regular file of at most `max` bytes; memory from the
 * arena, which does not wipe it.
 * GP_NONE: there is none.  GP_PERM: not readable, no regular file, too large.
 * GP_TEMP: a passing I/O error.  err is a clause without the path.
 */
GP_MUST_USE enum gp_rc gp_import_read(const struct gp_import_source *source,
    const char *path, size_t max, struct gp_str *text, struct gp_err *err);

/* gp_import_wipe - forget a text that was read. */
void gp_import_wipe(struct gp_str text);

/* gp_import_read_table - the same as gp_import_files has it; arg is a struct
 * gp_import_source. */
enum gp_rc gp_import_read_table(void *arg, const char *path,
    struct gp_str *text, struct gp_err *err);

/* gp_import_names - the *.conf of a directory below the root, sorted, NULL at
 * the end; none when there is no such directory. */
const char *const *
gp_import_names(const struct gp_import_source *source, const char *path);

/* Where the policy is to be. */
struct gp_import_place {
	const char *dir;  /* that of gatepost.conf */
	const char *name; /* of the file in policy.d */
	bool force;       /* replace what is there */
};

/*
 * gp_import_load - the policy that would be in force with `text` as that file
 * (NULL: without it), as gp_policy_load.  It is put together in a temporary
 * directory of links; problems name the files as they are in `dir`.
 */
GP_MUST_USE enum gp_rc gp_import_load(const struct gp_import_place *place,
    const char *text, struct gp_config **out, struct gp_problems *problems);

/*
 * gp_import_section_at - "FILE:LINE" where the policy opens this section, in
 * `arena`; NULL when it does not.
 */
const char *gp_import_section_at(const struct gp_import_place *place,
    const char *section, struct gp_arena *arena);

/*
 * gp_import_may_put - GP_PERM: a file is there that would be replaced, and
 * `force` is not set; err names it.
 */
GP_MUST_USE enum gp_rc gp_import_may_put(const struct gp_import_place *place,
    const struct gp_import_key *keys, struct gp_err *err);

/*
 * gp_import_put_files - the keys (mode 0640, group _gatepost-dkim where there
 * is one), then the policy file, each complete or not at all.
 * GP_PERM and GP_TEMP: err names the path; what was written before stays.
 */
GP_MUST_USE enum gp_rc gp_import_put_files(const struct gp_import_place *place,
    const struct gp_import_key *keys, struct gp_str text, struct gp_err *err);

#endif
