/* gatepost status, stats, tail, reload: the running daemons. */
#include "ctl/ctl.h"

const struct ctl_command ctl_daemon_commands[] = {
	{ .words = NULL },
};
