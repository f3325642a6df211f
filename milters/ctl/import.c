/* gatepost import: the policy of another filter as one of ours. */
#include "ctl/ctl.h"

const struct ctl_command ctl_import_commands[] = {
	{ .words = NULL },
};
