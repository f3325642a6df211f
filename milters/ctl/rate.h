/* rate - what the files of `gatepost rate` share. */
#ifndef GP_CTL_RATE_H
#define GP_CTL_RATE_H

#include "ctl/ctl.h"

/* ctl_rate_ask - ask gatepost-rate; says on stderr what went wrong.  Returns
 * 0, 1, 75 or 77. */
int
ctl_rate_ask(const struct ctl *ctl, const char *request, struct gp_buf *answer);

int ctl_rate_warmup(const struct ctl *ctl, const struct ctl_args *args);
int ctl_rate_plan(const struct ctl *ctl, const struct ctl_args *args);

#endif
