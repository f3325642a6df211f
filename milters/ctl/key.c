/* gatepost key: signing keys, from the first to the retired one. */
#include "ctl/ctl.h"

const struct ctl_command ctl_key_commands[] = {
	{ .words = NULL },
};
