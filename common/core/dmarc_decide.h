/*
 * dmarc_decide - what is done about a result, and why.
 *
 * A published policy of reject alone never rejects (RFC 9989 5.4, 7.4): with
 * `reject = corroborated` it takes a second sign.  What differs from what the
 * Domain Owner asked for is named as RFC 9990 names it.
 *
 * Source:   RFC 9989 sections 5.3.6, 5.4, 7.4 and 11.5; RFC 9990 section 3.1
 *           (override reasons); RFC 7372 has no code for DMARC: 5.7.1, 4.7.1.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DMARC_DECIDE_H
#define GP_CORE_DMARC_DECIDE_H

#include "core/dmarc.h"
#include "core/verdict.h"

/* gp_dmarc_reason_name - "local_policy" ...; "" for AS_ASKED. */
const char *gp_dmarc_reason_name(enum gp_dmarc_reason r);

/* What else is known of the message. */
struct gp_dmarc_signs {
	bool own_domain;     /* the Author Domain is one of ours */
	bool list;           /* it has List-Id or List-Post */
	bool broken_aligned; /* an aligned signature is there and broken */
	bool forwarder;      /* the client is a listed forwarder */
	bool known_client;   /* the client has sent aligned mail of this domain
	                      * before */
};

struct gp_dmarc_case {
	bool no_from;        /* no author at all */
	const char *author;  /* the Author Domain; NULL: none, or several */
	const char *trouble; /* why, when it is NULL */
	const struct gp_dmarc_outcome *outcome; /* NULL without an author */
	struct gp_dmarc_signs signs;
	const struct gp_override_policy *override; /* NULL: none matches */
	const char *unheard; /* filters of ours that said nothing and whose
	                      * results might have made it pass, as a clause;
	                      * NULL: there are none */
};

struct gp_dmarc_decision {
	enum gp_disposition disposition; /* whatever the mode is */
	enum gp_dmarc_request applied;   /* none, quarantine or reject */
	enum gp_dmarc_reason reason;
	const char *comment; /* a clause; "override NAME" where one had its
	                      * say; never NULL */
};

/*
 * gp_dmarc_decide - for one recipient's policy.  The order: no single Author
 * Domain (no-from, multi-from), temperror; for a fail whose policy is not
 * none: it is let through when a filter of ours is missing, since that it is
 * down says nothing against the mail; an override with `dmarc = none` or a
 * listed forwarder lets it through; quarantine is done by the word
 * `quarantine`; reject by the word `reject`, and where that says no, as
 * quarantine.  Both words are the override's where it has them.  With an
 * override the reason is its own, unless what is done is what was asked for.
 */
struct gp_dmarc_decision gp_dmarc_decide(const struct gp_dmarc_policy *policy,
    const struct gp_dmarc_case *c);

/*
 * gp_dmarc_verdict - the reply for a decision under this mode; texts live in
 * `arena` and hold the word DMARC.  With HOLD the action is `continue`.
 */
struct gp_verdict gp_dmarc_verdict(const struct gp_dmarc_policy *policy,
    const struct gp_dmarc_decision *d, const struct gp_dmarc_case *c,
    struct gp_arena *arena);

/* -- several recipients ------------------------------------------------- */

/* Different policies that are told apart; recipients beyond that share the
 * global one. */
#define GP_DMARC_POLICIES_MAX 64

struct gp_dmarc_policies {
	size_t n;
	const struct gp_dmarc_policy *v[GP_DMARC_POLICIES_MAX];
};

/* gp_dmarc_policies_add - that of the recipient domain (NULL: the global one)
 * unless it is there; lives as long as the snapshot. */
void gp_dmarc_policies_add(struct gp_dmarc_policies *all,
    const struct gp_config *config, const char *domain);

/*
 * gp_dmarc_most_lenient - one message, one fate: the verdict of the policy
 * that does the least, of equals the first; what is only watched does nothing.
 * `*out` is its decision as it is carried out: under mode = monitor nothing is
 * applied, by local policy.  There is at least one policy.
 */
struct gp_verdict gp_dmarc_most_lenient(const struct gp_dmarc_policies *all,
    const struct gp_dmarc_case *c, struct gp_arena *arena,
    struct gp_dmarc_decision *out);

#endif
