/*
 * preflight - is this message of ours fit to leave?
 *
 * Receivers will judge it by what they demand of senders: one author, an
 * aligned signature and an aligned SPF pass, a published DMARC record, the
 * fields of RFC 5322, and one-click unsubscription of bulk mail.  Here the
 * same is looked at before it leaves.
 *
 * What the header alone tells is found here; what DNS has to say about
 * alignment and egress addresses comes in as facts.  What could not be found
 * out is open: neither there nor missing.
 *
 * A signature is read, not verified: the signer has just made it.
 *
 * Source:   RFC 5322 section 3.6, RFC 8058 sections 3.1 and 4, RFC 2369
 *           section 2, RFC 9989 section 4.4; what the large receivers demand
 *           of senders.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_PREFLIGHT_H
#define GP_CORE_PREFLIGHT_H

#include "core/header.h"
#include "core/logfmt.h"
#include "core/mailbox.h"
#include "core/policy.h"

enum gp_preflight_state {
	GP_PREFLIGHT_MET,
	GP_PREFLIGHT_OPEN,
	GP_PREFLIGHT_MISSING
};

/* How one thing stands. */
struct gp_preflight_point {
	enum gp_preflight_state state;
	const char *why; /* clause that names what is missing; NULL: MET */
};

/* A message of ours; borrowed. */
struct gp_preflight_message {
	const struct gp_header *header; /* as it will leave */
	const struct gp_author *author; /* as gp_author_find found it, */
	const char *trouble; /* and its clause; NULL: one Author Domain */
	const struct gp_policy *policy; /* the block whose keys sign it */
	int64_t now_s;                  /* seconds since 1970 */
};

/*
 * What the header has; of one with fields missing (h->over) what can not be
 * known is open.
 *
 * A signature is ours when d= is the block and s= one of its keys that is not
 * retired.  One that is malformed, has what our signer never writes (l=,
 * rsa-sha1), has expired or has yet to begin does not count.
 */
struct gp_preflight_header {
	struct gp_preflight_point from_one;
	struct gp_preflight_point date, message_id, subject; /* one each */
	struct gp_preflight_point one_click; /* both fields, well-formed */
	struct gp_preflight_point is_signed; /* by us */
	struct gp_preflight_point covered;   /* both fields, by one of these */
};

/* What was asked about it. */
struct gp_preflight_facts {
	struct gp_preflight_point dkim;   /* a signature of ours aligns */
	struct gp_preflight_point spf;    /* MAIL FROM aligns, egress passes */
	struct gp_preflight_point record; /* DMARC record found */
};

struct gp_preflight_finding {
	enum gp_preflight_need need;
	enum gp_preflight_state state; /* OPEN or MISSING */
	const char *why;               /* clause that names what is missing */
};

struct gp_preflight {
	size_t n; /* of what is required, the unmet, in order of `require` */
	struct gp_preflight_finding v[GP_NEEDS];
	size_t missing, open; /* of each */
};

/* gp_preflight_need_name - "from-one" ..., as in the policy file; never
 * NULL. */
const char *gp_preflight_need_name(enum gp_preflight_need need);

/* gp_preflight_any - does any block have a `preflight` section? */
bool gp_preflight_any(const struct gp_config *config);

/* gp_preflight_read - from the header; clauses live in `arena`. */
void gp_preflight_read(const struct gp_preflight_message *m,
    struct gp_arena *arena, struct gp_preflight_header *out);

/* gp_preflight_judge - all that is required, against all that is known. */
void gp_preflight_judge(const struct gp_preflight_policy *policy,
    const struct gp_preflight_header *header,
    const struct gp_preflight_facts *facts, struct gp_preflight *out);

/*
 * gp_preflight_verdict - missing things do what `else` says, open ones alone
 * what `temperror` says: 550 5.7.1, 451 4.7.1.  The text has the name of
 * everything that is missing (of what is open, where nothing is missing), then
 * their clauses as far as GP_REPLY_TEXT_MAX allows.  why: "preflight.NEED" of
 * the first one; "preflight.pass".  A bounce (see gp_sender_facts) is never
 * refused.
 */
struct gp_verdict gp_preflight_verdict(const struct gp_preflight_policy *policy,
    const struct gp_preflight *p, bool bounce, struct gp_arena *arena);

/* gp_preflight_describe - " preflight=fail missing=date,subject open=...", and
 * " NEED=" with the clause of each.  `open`: nothing is known to be missing. */
void
gp_preflight_describe(const struct gp_preflight *p, struct gp_logline *line);

#endif
