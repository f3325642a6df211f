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
 * Source:   RFC 5322 section 3.6, RFC 8058 sections 3.1 and 4, RFC 9989
 *           section 4.4; what the large receivers demand of senders.
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

/* A signature of our signer: d= is the block, s= one of its keys that sign. */
struct gp_preflight_signature {
	const char *domain;    /* d=, normalised */
	const char *selector;  /* s= */
	bool covers_one_click; /* h= has both fields of RFC 8058 */
};

/* What the header has; from gp_preflight_read. */
struct gp_preflight_header {
	bool from_one;
	const char *from_trouble;         /* clause; NULL: from_one */
	size_t date, message_id, subject; /* fields of that name */
	bool one_click;                /* both fields, one each, well-formed */
	const char *one_click_trouble; /* clause; NULL: one_click */
	size_t n_signatures;
	const struct gp_preflight_signature *signatures; /* of ours */
};

/* What was asked about it. */
struct gp_preflight_facts {
	enum gp_preflight_state dkim;   /* a signature of ours aligns */
	enum gp_preflight_state spf;    /* MAIL FROM aligns, egress passes */
	enum gp_preflight_state record; /* DMARC record found */
	const char *dkim_why, *spf_why, *record_why; /* clause unless MET */
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

/* gp_preflight_need_name - "from-one" ..., as in the policy file. */
const char *gp_preflight_need_name(enum gp_preflight_need need);

/*
 * gp_preflight_read - from the header as it will leave.  `policy` is the block
 * of the Author Domain, whose keys tell our signatures; `author` is what
 * gp_author_find found, `trouble` its clause when it is not one domain.
 */
void
gp_preflight_read(const struct gp_header *h, const struct gp_author *author,
    const char *trouble, const struct gp_policy *policy, struct gp_arena *arena,
    struct gp_preflight_header *out);

/* gp_preflight_judge - all that is required, against all that is known. */
void gp_preflight_judge(const struct gp_preflight_policy *policy,
    const struct gp_preflight_header *header,
    const struct gp_preflight_facts *facts, struct gp_arena *arena,
    struct gp_preflight *out);

/*
 * gp_preflight_verdict - missing things do what `else` says, open ones alone
 * what `temperror` says.  The text names everything that is missing, as far as
 * GP_REPLY_TEXT_MAX allows: 550 5.7.1, 451 4.7.1.  why: "preflight.NEED" of
 * the first one; "preflight.pass".  A bounce (see gp_sender_facts) is never
 * refused.
 */
struct gp_verdict gp_preflight_verdict(const struct gp_preflight_policy *policy,
    const struct gp_preflight *p, bool bounce, struct gp_arena *arena);

/* gp_preflight_describe - " preflight=fail missing=date,subject open=..." */
void
gp_preflight_describe(const struct gp_preflight *p, struct gp_logline *line);

#endif
