/*
 * explain - the command line of `gatepost explain` as a message and an
 * envelope.
 */
#ifndef GP_CTL_EXPLAIN_H
#define GP_CTL_EXPLAIN_H

#include "ctl/ctl.h"

#include "mta/explain.h"

#define CTL_EXPLAIN_RCPTS_MAX   (CTL_OPTIONS_MAX)
#define CTL_EXPLAIN_ASSUMED_MAX 8

struct ctl_explain {
	struct gp_arena *arena;
	struct gp_message message;
	struct gp_explain_mail mail;
	const char *rcpts[CTL_EXPLAIN_RCPTS_MAX];
	const char *assumed[CTL_EXPLAIN_ASSUMED_MAX];
};

/* ctl_explain_read - the message on standard input, or one that is made up
 * where there is none, and its envelope by the options.  Returns 0, 64 or 65
 * after having said why. */
int ctl_explain_read(struct ctl_explain *e, const struct ctl_args *args);

#endif
