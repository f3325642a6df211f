/*
 * filter - the four milters as tables of event functions.
 *
 * A program in milters/ makes a daemon of each; the operator's tool drives the
 * same tables without an MTA, so that what it explains is what the daemons do.
 *
 * Blocking: as each handler says.
 * Threads:  constants.
 */
#ifndef GP_MTA_FILTER_H
#define GP_MTA_FILTER_H

#include "mta/session.h"

extern const struct gp_milter gp_filter_spf;
extern const struct gp_milter gp_filter_dkim;
extern const struct gp_milter gp_filter_dmarc;
extern const struct gp_milter gp_filter_rate;

#endif
