/*
 * sendmail - address fields as Sendmail will send them.
 *
 * Sendmail writes address fields anew when it delivers, long after the filters
 * have seen them: a blank follows each comma, lines are folded at 78 columns,
 * a name with a dot in it gets quotes.  Who signs what he was shown signs what
 * nobody will receive.  What can be foreseen is foreseen here, and the rest is
 * told, so that it is not signed.
 *
 * Source:   Sendmail 8.17: commaize() and crackaddr(), and trials with it.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SENDMAIL_H
#define GP_CORE_SENDMAIL_H

#include "core/header.h"

/*
 * gp_sendmail_header - *out is `h` as Sendmail will send it, in `arena`.  A
 * field of which that can not be foreseen is as it was, and `unsettled`: an
 * address without a domain, a route, a list that is not sound.
 */
void gp_sendmail_header(const struct gp_header *h, struct gp_arena *arena,
    struct gp_header *out);

#endif
