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

/*
 * What the filter of that name found out about a message of its own, for
 * `gatepost explain`; of gp_filter_spf it is m->state itself.  As far as the
 * message has come: NULL where there is nothing yet.
 */
struct gp_dkim_checks;
struct gp_dkim_signer;
struct gp_dkim_signed;
struct gp_dmarc_inbound;
struct gp_preflight_result;
struct gp_rate_gate;

const struct gp_dkim_checks *gp_filter_dkim_checks(const struct gp_msg *m);
const struct gp_dkim_signer *gp_filter_dkim_signer(const struct gp_msg *m);
const struct gp_dkim_signed *gp_filter_dkim_signed(const struct gp_msg *m);
const struct gp_dmarc_inbound *gp_filter_dmarc_inbound(const struct gp_msg *m);
const struct gp_preflight_result *
gp_filter_dmarc_preflight(const struct gp_msg *m);
const struct gp_rate_gate *gp_filter_rate_gate(const struct gp_msg *m);

#endif
