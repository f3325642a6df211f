/*
 * verdict - what a handler decided, and the SMTP reply that says so.
 *
 * `why` names the rule for the log and for `gatepost explain`; `text` goes to
 * the client and is sanitised on the way out (gp_reply_text).
 *
 * Source:   RFC 5321 section 4.2, RFC 3463, RFC 7372.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_VERDICT_H
#define GP_CORE_VERDICT_H

#include "base/buf.h"
#include "base/str.h"

enum gp_action {
	GP_CONTINUE, /* nothing against it so far */
	GP_ACCEPT,   /* this session or message is none of our business */
	GP_REJECT,   /* 5xx for the command (at RCPT: for this recipient) */
	GP_TEMPFAIL, /* 4xx likewise */
};

/* What a policy wants done about a result. */
enum gp_disposition { GP_DO_TAG, GP_DO_REJECT, GP_DO_TEMPFAIL, GP_DO_HOLD };

struct gp_verdict {
	enum gp_action action;
	int code;          /* 550, 451 ...; 0 with CONTINUE and ACCEPT */
	const char *xcode; /* "5.7.23"; static or as long as the message */
	const char *text;  /* reply text, raw; lives as long as the message */
	const char *why;   /* short rule name for the log; never NULL */
	enum gp_disposition disposition; /* what the policy says; with HOLD the
	                                  * action is CONTINUE until the end
	                                  * of the message */
	bool monitored; /* mode = monitor: `disposition` was not carried out */
};

struct gp_verdict gp_continue(void);
struct gp_verdict gp_accept(const char *why);
struct gp_verdict
gp_reject(const char *xcode, const char *text, const char *why); /* 550 */
struct gp_verdict
gp_tempfail(const char *xcode, const char *text, const char *why); /* 451 */

/* gp_disposition_name - "tag", "reject", "tempfail", "hold". */
const char *gp_disposition_name(enum gp_disposition d);

/* gp_disposition_severity - tag 0, hold 1, tempfail 2, reject 3. */
unsigned gp_disposition_severity(enum gp_disposition d);

/* gp_action_name - "continue", "accept", "reject", "tempfail". */
const char *gp_action_name(enum gp_action action);

/*
 * gp_reply_text - append `text` to `out` as one line of an SMTP reply: at
 * most GP_REPLY_TEXT_MAX bytes of printable US-ASCII, everything else
 * replaced by '?', runs of white space by one space, and '%' left alone
 * (the caller must not pass it to a printf).
 */
void gp_reply_text(struct gp_buf *out, const char *text);

#endif
