/*
 * dmarc_signs - what else is known of a message: signs of a detour of honest
 * mail, and the operator's exception for it.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DMARC_SIGNS_H
#define GP_CORE_DMARC_SIGNS_H

#include "core/dmarc_decide.h"
#include "core/dmarc_input.h"
#include "core/header.h"

/* What of a message both are found by; borrowed. */
struct gp_dmarc_mail {
	const char *author;         /* Author Domain; NULL: none, or several */
	const struct gp_ip *client; /* may be of no family */
	const struct gp_header *header;
};

/*
 * gp_dmarc_signs_find - all signs but `known_client`, which needs memory.  The
 * author is one.  A broken signature counts when its d= is the Author Domain,
 * above or below it: where the organizational domain is, it can not tell.
 */
struct gp_dmarc_signs gp_dmarc_signs_find(const struct gp_config *config,
    const struct gp_dmarc_mail *mail, const struct gp_dmarc_inputs *in);

/*
 * gp_dmarc_override_find - the first override that has not ended at `now_s`
 * (seconds since 1970) and of which all that is given matches; NULL: none, or
 * no author.
 */
const struct gp_override_policy *
gp_dmarc_override_find(const struct gp_globals *globals,
    const struct gp_dmarc_mail *mail, int64_t now_s);

#endif
