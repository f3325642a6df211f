/*
 * postfix_memory - the file in which `gatepost postfix` remembers one instance:
 * STATE-DIR/postfix/NAME.state.
 *
 * Blocking: file I/O.
 * Threads:  one memory, one thread.
 */
#ifndef GP_IO_POSTFIX_MEMORY_H
#define GP_IO_POSTFIX_MEMORY_H

#include "core/postfix_state.h"

struct gp_postfix_memory {
	struct gp_arena *arena;
	const char *config_dir, *folder, *path;
	int lock;   /* -1: not held */
	bool known; /* there is such a file; else `state` is empty */
	struct gp_postfix_state state;
};

/*
 * gp_postfix_recall - of the instance with this folder; gp_postfix_memory_close
 * it, whatever is returned.
 * GP_OK    also when there is no such file: nothing is remembered.
 * GP_PERM  no access, not our file, damaged.
 */
GP_MUST_USE enum gp_rc
gp_postfix_recall(struct gp_arena *arena, const char *state_dir,
    const char *config_dir, struct gp_postfix_memory *m, struct gp_err *err);
void gp_postfix_memory_close(struct gp_postfix_memory *m);

/* gp_postfix_memory_hold - make the folder, and read again: from now on nobody
 * else changes an instance.  GP_NONE: there is no state directory; GP_TEMP:
 * somebody changes one just now. */
GP_MUST_USE enum gp_rc
gp_postfix_memory_hold(struct gp_postfix_memory *m, struct gp_err *err);

/* gp_postfix_remember - m->state, in place of what was there. */
GP_MUST_USE enum gp_rc
gp_postfix_remember(struct gp_postfix_memory *m, struct gp_err *err);
void gp_postfix_forget(struct gp_postfix_memory *m);

/*
 * gp_postfix_bequeath - the group that mail_owner was put into serves all
 * instances: another one that is remembered, and still there, takes over to
 * give it up.  GP_NONE: there is no other.
 */
GP_MUST_USE enum gp_rc
gp_postfix_bequeath(const struct gp_postfix_memory *m, struct gp_err *err);

#endif
