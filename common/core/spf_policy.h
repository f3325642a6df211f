/*
 * spf_policy - whom to check, what the result means, how it is reported.
 *
 * The evaluator (spf.h) answers check_host(); here stands what a mail filter
 * makes of it: two identities, a verdict for each recipient, one
 * Authentication-Results field.
 *
 * Source:   RFC 7208 sections 2.3, 2.4, 8 and 9; RFC 8601 section 2.7.2;
 *           RFC 7372 section 3 (5.7.23, 4.4.3).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SPF_POLICY_H
#define GP_CORE_SPF_POLICY_H

#include "base/arena.h"
#include "base/ip.h"
#include "core/addr.h"
#include "core/authres.h"
#include "core/logfmt.h"
#include "core/policy.h"
#include "core/verdict.h"

/* What one check_host() is asked. */
struct gp_spf_identity {
	bool askable;        /* false: the result is `none`, for `reason` */
	bool is_helo;        /* RFC 7208 2.3; false: 2.4, MAIL FROM */
	struct gp_str local; /* local part; "postmaster" where none is */
	const char *domain;  /* normalised; NULL: none could be read.  Also a
	                      * name that is not askable, as "localhost" */
	const char *reason;  /* why it can not be asked; NULL when askable */
};

struct gp_spf_check_result {
	enum gp_spf_result result;
	const char *domain;      /* NULL: no domain could be read */
	const char *reason;      /* printable clause, never NULL */
	const char *explanation; /* with FAIL; NULL: none */
};

/* The state of one message: zero means that nothing was checked. */
struct gp_spf_message {
	bool by_helo; /* null reverse-path: `mail_from` is postmaster@HELO */
	struct gp_ip client;     /* named in replies */
	const char *explanation; /* the operator's own words for fail;
	                          * NULL or "": the built-in ones */
	struct gp_spf_check_result mail_from;
	struct gp_spf_check_result helo; /* GP_SPF_SKIPPED: not reported */
	size_t recipients;               /* accepted at RCPT */
	size_t holds;                    /* of these, whose policy says hold */
};

/*
 * gp_spf_identity_mail_from - the identity for MAIL FROM; `path` as parsed
 * and `readable` false when it could not be.  With a null path it is
 * postmaster@HELO (RFC 7208 2.4).
 */
struct gp_spf_identity gp_spf_identity_mail_from(const struct gp_addr *path,
    bool readable, const char *helo, struct gp_arena *arena);

/* gp_spf_identity_helo - postmaster@HELO (RFC 7208 2.3); not askable unless
 * HELO is a domain name of at least two labels.  NULL is allowed. */
struct gp_spf_identity
gp_spf_identity_helo(const char *helo, struct gp_arena *arena);

/*
 * gp_spf_decide - the verdict for one recipient under his domain's policy;
 * with mode = monitor it is `continue` and `monitored` is set where enforcing
 * would have done more than tag.  Reply texts live in `arena`.
 *
 * MAIL FROM is judged by policy->on[], a fail of HELO by policy->helo_fail;
 * where both say something the harder one is done (reject, tempfail, hold,
 * tag).  With a null reverse-path both are the same identity, and both
 * options speak about it.  `why` is the option that decided: "spf.fail",
 * "spf.helo-fail" ...; the words of a sender's domain are announced as such
 * (RFC 7208 section 6.2).
 */
struct gp_verdict gp_spf_decide(const struct gp_spf_policy *policy,
    const struct gp_spf_message *spf, struct gp_arena *arena);

/*
 * gp_spf_authres - the results to report, in `arena`; `ar->id` is the
 * caller's.  ar->n is 0 when nothing was checked.  A reason stands with every
 * result but pass; smtp.mailfrom (smtp.helo with a null reverse-path) only
 * where a domain could be read.
 */
void gp_spf_authres(const struct gp_spf_message *spf, struct gp_arena *arena,
    struct gp_authres *ar);

/* gp_spf_describe - " spf=fail domain=... reason=... helo-spf=..." for the
 * log; nothing when nothing was checked. */
void gp_spf_describe(const struct gp_spf_message *spf, struct gp_logline *line);

#endif
