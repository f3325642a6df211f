/* gatepost-dkim: the filter in common/mta/filter_dkim.c as a daemon. */
#include "mta/filter.h"
#include "mta/milter.h"

int
main(int argc, char **argv)
{
	return gp_milter_main(&gp_filter_dkim, argc, argv);
}
