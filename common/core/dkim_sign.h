/*
 * dkim_sign - whether a message is signed, as whom, and over what.
 *
 * The From: domain selects the policy block; d= is the block's own name.  Who
 * may not send as it gets no signature, whatever else he wrote.
 *
 * Source:   RFC 6376 sections 3.5, 5.1 and 5.4; RFC 8058 section 4 (one-click
 *           fields are covered); RFC 8463 section 3 (several signatures).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DKIM_SIGN_H
#define GP_CORE_DKIM_SIGN_H

#include "core/dkim_sig.h"
#include "core/fragile.h"
#include "core/logfmt.h"
#include "core/mailbox.h"
#include "core/policy.h"
#include "core/senders.h"

/* What is known of an outbound message at the end of its header. */
struct gp_dkim_outbound {
	const struct gp_header *header;
	bool sendmail; /* the MTA is Sendmail: see core/sendmail.h */
	struct gp_sender_facts sender;
};

/* The decision: sign by `policy`, or not, for `why`. */
struct gp_dkim_plan {
	const struct gp_policy *policy; /* the block; NULL: none applies */
	struct gp_author author;
	bool sign;
	bool bounce;     /* of the MTA: never refused */
	const char *why; /* clause, never NULL: "block DOMAIN" or why not */
	struct gp_verdict verdict; /* `continue`, or the refusal */
};

/*
 * gp_dkim_plan - decide at the end of the header.
 *
 * Not signed, and let through (out->why says so): no From:, several From:
 * fields or domains, one that can not be read, no block for the domain, a block
 * without keys, a header of which fields are missing (h->over).  Before that,
 * whoever may not send as one of the readable From: domains is treated as its
 * `else` says, so that a second From: is no way around it.
 */
void
gp_dkim_plan(const struct gp_config *config, const struct gp_dkim_outbound *m,
    struct gp_arena *arena, struct gp_dkim_plan *out);

/* gp_dkim_plan_fragile - after the body: with on-fragile = reject the message
 * is refused (550 5.6.0, naming the first thing found); else the verdict
 * stays. */
void gp_dkim_plan_fragile(struct gp_dkim_plan *plan, unsigned found,
    struct gp_arena *arena);

/*
 * gp_dkim_choose - the names of h=, in `arena`: by policy->signing.sign each
 * field as often as it is present; once more those of `oversign`.  In these
 * lists the word "default" stands for the built-in ones: always oversigned
 * are From Subject To Cc Reply-To MIME-Version Content-Type
 * Content-Transfer-Encoding; when present also Date Message-ID Sender
 * In-Reply-To References List-Unsubscribe List-Unsubscribe-Post Feedback-ID.
 * From is always there; another name of which a field is unsettled never is.
 * No list has trace fields, Return-Path, Bcc or signatures in it (the policy
 * refuses them).
 */
void gp_dkim_choose(const struct gp_signing_policy *policy,
    const struct gp_header *h, struct gp_arena *arena,
    const struct gp_str **names, size_t *n);

#endif
