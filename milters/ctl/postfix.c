/* gatepost postfix, gatepost sendmail: our lines in the MTA's configuration. */
#include "ctl/ctl.h"

const struct ctl_command ctl_postfix_commands[] = {
	{ .words = NULL },
};
