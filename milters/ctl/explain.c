/* gatepost explain: what would become of this message, and why? */
#include "ctl/ctl.h"

const struct ctl_command ctl_explain_commands[] = {
	{ .words = NULL },
};
