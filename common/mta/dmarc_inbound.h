/*
 * dmarc_inbound - one message of others, from its header to the answer.
 *
 * At the end of the header it starts to ask for the author's record; at the
 * end of the message it takes the sealed results, evaluates, decides, writes
 * the one Authentication-Results field, and keeps a record.
 *
 * Source:   RFC 9989 section 5.3; core/dmarc and core/dmarc_decide.
 * Blocking: gp_dmarc_inbound_end: DNS, until dmarc.timeout.
 * Threads:  one message, one thread at a time.
 */
#ifndef GP_MTA_DMARC_INBOUND_H
#define GP_MTA_DMARC_INBOUND_H

#include "core/dmarc_decide.h"
#include "core/mailbox.h"
#include "mta/dmarc_check.h"
#include "mta/session.h"

/* In the message's zeroed state; gp_dmarc_tables are the milter's own. */
struct gp_dmarc_inbound {
	struct gp_author author;
	const char *trouble; /* why there is no Author Domain */
	enum gp_rc authored;
	bool found; /* the three above are set */
	struct gp_dns_held *held;
	struct gp_dmarc_policies policies; /* of the recipients */
	bool evaluated;                    /* what follows is set */
	struct gp_dmarc_inputs inputs;
	struct gp_dmarc_outcome outcome;
	struct gp_dmarc_case c;
	struct gp_dmarc_decision decision;
};

void gp_dmarc_inbound_eoh(struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_header *header);

/* gp_dmarc_inbound_end - `sealed` are the n fields of gp_msg_take_authres. */
struct gp_verdict
gp_dmarc_inbound_end(struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_header *header, const struct gp_authres *sealed, size_t n);

void gp_dmarc_inbound_describe(const struct gp_dmarc_inbound *in,
    struct gp_logline *line);

#endif
