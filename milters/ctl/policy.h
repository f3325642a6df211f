/*
 * policy - gatepost policy: what is in force; rows of ctl_check_commands.
 */
#ifndef GP_CTL_POLICY_H
#define GP_CTL_POLICY_H

#include "ctl/ctl.h"

int ctl_policy_show(const struct ctl *ctl, const struct ctl_args *args);
int ctl_policy_list(const struct ctl *ctl, const struct ctl_args *args);
int ctl_policy_defaults(const struct ctl *ctl, const struct ctl_args *args);

#endif
