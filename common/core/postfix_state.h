/*
 * postfix_state - what `gatepost postfix enable` remembers of one instance, so
 * that `disable` is its exact inverse.
 *
 * A text of lines "word value"; it ends with the line "end", so that one that
 * was cut is not taken for whole.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POSTFIX_STATE_H
#define GP_CORE_POSTFIX_STATE_H

#include "base/buf.h"
#include "core/postfix_items.h"

#define GP_POSTFIX_SHA256_TEXT 65 /* 64 hexadecimal digits and a NUL */

/* One of the two files. */
struct gp_postfix_kept {
	const char *backup; /* a name in the same folder: the file before; NULL:
	                     * it was not changed, or somebody else has changed
	                     * it as well */
	const char *before, *after; /* SHA-256 of the backup, and of the file
	                             * when enable was done; NULL likewise */
};

struct gp_postfix_state {
	const char *config_dir;
	struct gp_postfix_kept main, master;
	const char *member; /* the group that mail_owner was put into; NULL */
	const char *mount;  /* the unit that was enabled; NULL */
	struct gp_postfix_items items; /* service, name, after, old */
};

/* gp_postfix_state_format - append it; texts have no line ends. */
void
gp_postfix_state_format(const struct gp_postfix_state *s, struct gp_buf *out);

/* gp_postfix_state_parse - its texts are in `arena`.  GP_PERM: it is not what
 * gp_postfix_state_format() writes; err says in which line. */
GP_MUST_USE enum gp_rc gp_postfix_state_parse(struct gp_str text,
    struct gp_arena *arena, struct gp_postfix_state *out, struct gp_err *err);

/* gp_postfix_state_name - append the name of the state file of the instance
 * with this folder: "etc%2Fpostfix.state". */
void gp_postfix_state_name(const char *config_dir, struct gp_buf *out);

#endif
