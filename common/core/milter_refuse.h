/*
 * milter_refuse - what a filter says that has no room: "not now", in the milter
 * protocol, so that the MTA's client is told so whatever the MTA does about
 * filters that do not answer.
 *
 * The MTA offers, is answered that nothing is wanted, names its client, and is
 * answered 421: the client, which is an MTA mostly, goes to the next one at
 * once, or comes again.
 *
 * Source:   libmilter's mfdef.h, protocol version 6; RFC 5321 section 4.2.3;
 *           RFC 3463 section 3.4 (X.3.2, not accepting messages).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_MILTER_REFUSE_H
#define GP_CORE_MILTER_REFUSE_H

#include "base/buf.h"

/* What an MTA sends up to its client's name: an offer, macros, a connect. */
#define GP_MILTER_REFUSE_BYTES 4096

/*
 * gp_milter_refuse - read what has come, from its begin, and append what must
 * be answered.  `*offered`: the offer has been answered; false at first.
 * Returns how many octets are done with.
 * *said is GP_NONE: more must come; GP_OK: all is said; GP_PERM: that is no
 * MTA, or one that asks for something else.
 */
size_t gp_milter_refuse(struct gp_str in, bool *offered, struct gp_buf *out,
    enum gp_rc *said);

#endif
