/* gatepost check, gatepost policy show: is the policy right, and what is in
 * force? */
#include "ctl/ctl.h"

const struct ctl_command ctl_check_commands[] = {
	{ .words = NULL },
};
