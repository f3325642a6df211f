/*
 * postfix_draft - main.cf and master.cf of one instance, edited aside.
 *
 * postconf(1) edits a private copy.  What it makes of it can be shown, and is
 * put in place as a whole: either file is replaced by a rename, with mode and
 * owner as before, and only while it is what the draft began with.
 *
 * Blocking: file I/O; runs postconf and diff.
 * Threads:  one draft, one thread.
 */
#ifndef GP_IO_POSTFIX_DRAFT_H
#define GP_IO_POSTFIX_DRAFT_H

#include "base/buf.h"
#include "core/postfix_items.h"
#include "core/postfix_state.h"
#include "io/postfix_conf.h"
#include "io/small_file.h"

#define GP_POSTFIX_FILE_MAX 1048576 /* bytes of main.cf or master.cf */

struct gp_postfix_file {
	const char *name; /* "main.cf" */
	const char *path;
	struct gp_small_file found;
	char before[GP_POSTFIX_SHA256_TEXT]; /* of what was found */
	struct gp_str draft;
	char after[GP_POSTFIX_SHA256_TEXT]; /* of the draft */
	bool installed;
};

struct gp_postfix_draft {
	struct gp_arena *arena;
	struct gp_postfix copy; /* the instance, with the copy's folder */
	struct gp_postfix_file main, master;
};

/*
 * gp_postfix_draft_open - gp_postfix_draft_close it, whatever is returned.
 * GP_PERM  no access, or a file is a symbolic link, which no editor of
 *          Postfix's leaves one.
 */
GP_MUST_USE enum gp_rc gp_postfix_draft_open(const struct gp_postfix *p,
    struct gp_postfix_draft *d, struct gp_err *err);
void gp_postfix_draft_close(struct gp_postfix_draft *d);

/* gp_postfix_draft_apply - the changes among the items that are of this file
 * (&d->main, &d->master). */
GP_MUST_USE enum gp_rc
gp_postfix_draft_apply(struct gp_postfix_draft *d, struct gp_postfix_file *file,
    const struct gp_postfix_items *items, struct gp_err *err);

/*
 * gp_postfix_draft_restore - the draft of this file becomes its backup, a name
 * in the same folder.  GP_NONE: the file is not what `kept` says that it was
 * after the change, or the backup is not what it was before.
 */
GP_MUST_USE enum gp_rc gp_postfix_draft_restore(struct gp_postfix_draft *d,
    struct gp_postfix_file *file, const struct gp_postfix_kept *kept,
    struct gp_err *err);

/* gp_postfix_file_changes - is the draft another than the file? */
bool gp_postfix_file_changes(const struct gp_postfix_file *file);

/* gp_postfix_draft_check - would Postfix read it?  GP_PERM: postconf complains
 * of something of ours. */
GP_MUST_USE enum gp_rc
gp_postfix_draft_check(const struct gp_postfix_draft *d, struct gp_err *err);

/* gp_postfix_draft_diff - append both, as diff -u shows them. */
GP_MUST_USE enum gp_rc gp_postfix_draft_diff(const struct gp_postfix_draft *d,
    struct gp_buf *out, struct gp_err *err);

/* gp_postfix_file_backup - "main.cf.gatepost-20261122T144500Z" beside it, as
 * the draft found it; *name is in the draft's arena. */
GP_MUST_USE enum gp_rc gp_postfix_file_backup(struct gp_postfix_draft *d,
    const struct gp_postfix_file *file, int64_t wall_s, const char **name,
    struct gp_err *err);

/* gp_postfix_file_install - GP_TEMP: somebody has changed it meanwhile. */
GP_MUST_USE enum gp_rc gp_postfix_file_install(struct gp_postfix_draft *d,
    struct gp_postfix_file *file, struct gp_err *err);

/* gp_postfix_file_revert - as the draft found it, when it was installed. */
GP_MUST_USE enum gp_rc gp_postfix_file_revert(struct gp_postfix_draft *d,
    struct gp_postfix_file *file, struct gp_err *err);

#endif
