/* tail - one line of a daemon's stream, for a reader or for a program. */
#ifndef GP_CTL_TAIL_H
#define GP_CTL_TAIL_H

#include "ctl/ctl.h"

struct ctl_tail_how {
	bool json;            /* --json-lines */
	const char *queue_id; /* only this one's; NULL: all */
};

/*
 * ctl_tail_line - print what came from this daemon, "SECONDS.MMM LINE" or
 * "lost N".  False: it is not wanted, or says only what was lost.
 */
bool ctl_tail_line(const struct ctl_tail_how *how, const char *daemon,
    struct gp_str line);

#endif
