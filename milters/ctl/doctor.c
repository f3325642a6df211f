/* gatepost doctor: does all of it work, from the socket to the published key?
 */
#include "ctl/ctl.h"

const struct ctl_command ctl_doctor_commands[] = {
	{ .words = NULL },
};
