/*
 * changes - what the filters of a chain have done to a message.
 *
 * Threads:  one message, one thread.
 */
#ifndef GP_BENCH_CHANGES_H
#define GP_BENCH_CHANGES_H

#include "mail.h"
#include "options.h"
#include "wire.h"

struct ml_changes {
	const struct ml_options *o;
	struct ml_header header; /* as it is now */
	unsigned matched;        /* bit i: header i of the options was added */
	bool held;
	char reply[200]; /* the SMTP reply, "" if none was given */
	char added[200]; /* the last field that was added */
};

void ml_changes_init(struct ml_changes *c, const struct ml_options *o);
void ml_changes_clear(struct ml_changes *c);

/* ml_changes_start - nothing was done yet. */
void ml_changes_start(struct ml_changes *c, const struct ml_mail *mail);

/* ml_changes_reply - the text of an SMTP reply.  GP_PERM: it is none. */
GP_MUST_USE enum gp_rc ml_changes_reply(struct ml_changes *c,
    const struct ml_packet *p, struct gp_err *err);

/* ml_changes_apply - an edit that was sent before the answer to the end of
 * the message.  GP_PERM: malformed, unknown or not negotiated on `conn`. */
GP_MUST_USE enum gp_rc ml_changes_apply(struct ml_changes *c,
    const struct ml_conn *conn, const struct ml_packet *p, struct gp_err *err);

/* ml_changes_complete - everything the options wait for has come. */
bool ml_changes_complete(const struct ml_changes *c);

/* ml_changes_missing - name of the first header that has not come; "". */
const char *ml_changes_missing(const struct ml_changes *c);

#endif
