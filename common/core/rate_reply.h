/*
 * rate_reply - the answer to one who was too fast, in words and in a note.
 *
 * The text says which limit, until when (UTC) and for how many seconds, and a
 * reference that the operator can look up.  Never 421: it would end the
 * session for other senders of that client.
 *
 * Source:   RFC 5321 section 4.2.3 and 4.5.3.1.10, RFC 3463 (4.7.1, 4.3.2,
 *           5.7.1).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_RATE_REPLY_H
#define GP_CORE_RATE_REPLY_H

#include "base/buf.h"
#include "core/rate.h"
#include "core/verdict.h"

#define GP_RATE_REF_LEN 10 /* characters of a reference */

struct gp_rate_refusal {
	const struct gp_rate_item *item;
	const struct gp_charge *charge;
	const struct gp_charged *made;
	int64_t wait_ms; /* from now_s until it fits; for a day's counter until
	                  * the day ends */
	int64_t now_s;   /* wall clock, since 1970 */
	const char *ref;
	const char *contact; /* NULL: nobody is named */
	bool at_rcpt;        /* one recipient; else the whole message */
};

/* gp_rate_ref_make - a reference from random octets: digits and upper-case
 * letters that are not taken for one another. */
void gp_rate_ref_make(const uint8_t random[GP_RATE_REF_LEN],
    char out[GP_RATE_REF_LEN + 1]);

/* gp_rate_ref_valid - is this of that form (any case)? */
bool gp_rate_ref_valid(struct gp_str ref);

/* gp_rate_label - "news.example.com/login 60/5m" or "warmup google"; for the
 * log. */
const char *
gp_rate_label(const struct gp_rate_item *item, struct gp_arena *arena);

/* gp_rate_verdict - 450 at RCPT, 451 for the message, 550 with over = reject;
 * why: "limit.NAME" or "warmup.PROVIDER". */
struct gp_verdict
gp_rate_verdict(const struct gp_rate_refusal *r, struct gp_arena *arena);

/*
 * gp_rate_note - what `gatepost rate why` tells, one "key value" a line: the
 * limit and its place in the policy, the meter, its level and room, who was
 * refused, until when.  No recipient.
 */
void gp_rate_note(const struct gp_rate_refusal *r,
    const struct gp_rate_sender *sender, struct gp_buf *out);

#endif
