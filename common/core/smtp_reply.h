/*
 * smtp_reply - the replies of an SMTP server, as a client reads them.
 *
 * Source:   RFC 5321 sections 4.2 and 4.1.1.1.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SMTP_REPLY_H
#define GP_CORE_SMTP_REPLY_H

#include "base/err.h"
#include "base/str.h"

#define GP_SMTP_LINE_MAX  1024 /* octets of one line; RFC 5321 has 512 */
#define GP_SMTP_LINES_MAX 100  /* lines of one reply */

struct gp_smtp_reply {
	unsigned code;      /* 200 to 599 */
	struct gp_str text; /* all its lines, with code and line ends */
};

/*
 * gp_smtp_reply_take - cut the first whole reply off `*in`.
 * GP_OK    it is in *out, within what `*in` was.
 * GP_NONE  it is not complete yet; *in is as it was.
 * GP_PERM  that is no SMTP: another form, codes that differ, over a bound.
 */
GP_MUST_USE enum gp_rc gp_smtp_reply_take(struct gp_str *in,
    struct gp_smtp_reply *out, struct gp_err *err);

/* gp_smtp_reply_offers - does a line but the first begin with that keyword, as
 * the extensions of an answer to EHLO do? */
bool gp_smtp_reply_offers(const struct gp_smtp_reply *r, struct gp_str keyword);

#endif
