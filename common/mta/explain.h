/*
 * explain - what would become of one message, by the filters themselves.
 *
 * The four tables of mta/filter are driven in the order of the chain, spf,
 * dkim, dmarc, rate, as an MTA does it: a recipient goes from filter to filter
 * until one refuses it, and each filter gets the message as the one before it
 * left it.  What is explained is what the daemons would do with this policy and
 * this DNS; what they know of earlier mail (clients that sent aligned mail) is
 * not known here, but for the meters of gatepost-rate, which are asked for.
 *
 * Nothing is changed: no meter is charged, no record written, no key promoted.
 *
 * Blocking: DNS, and the control socket of gatepost-rate.
 * Threads:  one explanation, one thread.
 */
#ifndef GP_MTA_EXPLAIN_H
#define GP_MTA_EXPLAIN_H

#include "core/message.h"
#include "mta/explain_store.h"
#include "mta/session.h"

enum {
	GP_EXPLAIN_SPF,
	GP_EXPLAIN_DKIM,
	GP_EXPLAIN_DMARC,
	GP_EXPLAIN_RATE,
	GP_EXPLAIN_FILTERS /* how many */
};

/* The message, as it would come; borrowed. */
struct gp_explain_mail {
	struct gp_connect connect;
	const char *helo;
	const char *mail_from; /* as in MAIL: "<a@example.com>" or "<>" */
	const char *login;     /* NULL: none */
	size_t n_rcpts;        /* at least 1 */
	const char *const *rcpts;
	const struct gp_message *message;
	struct gp_strings assumed; /* what was not given, a clause each */
};

/* One look-up, as it was answered. */
struct gp_explain_lookup {
	struct gp_explain_lookup *next;
	const char *name;
	enum gp_dns_type type;
	enum gp_rc rc;
	bool nxdomain;
	uint32_t ttl_s;
	enum gp_dns_from from;
	const char *text; /* the records in short, raw; with GP_TEMP why */
};

/* One filter and what it said. */
struct gp_explain_filter {
	struct gp_app app;
	struct gp_env env;
	struct gp_session *session;
	bool passes; /* it has let the rest of the message pass unseen */
	bool ended;  /* it was asked about the end: `verdict` and what
	              * follows are set */
	struct gp_verdict verdict;
	const struct gp_msg *msg; /* what it knows; NULL before it was asked,
	                           * and when it could not follow */
	size_t n_effects;
	const struct gp_effect *effects;
	struct gp_explain_lookup *lookups;
	struct gp_explain_lookup **last;
};

/* The answer to one recipient. */
struct gp_explain_rcpt {
	const char *address;
	struct gp_verdict by[GP_EXPLAIN_FILTERS]; /* why NULL: was not asked */
	int refused_by;                           /* a filter; -1: by none */
};

struct gp_explain {
	struct gp_arena *arena;
	const struct gp_config *config;
	const struct gp_explain_mail *mail;
	struct gp_explain_daemon *daemon;
	struct gp_problems keys; /* those that could not be read, of all
	                          * domains */
	struct gp_explain_filter filters[GP_EXPLAIN_FILTERS];
	unsigned turn; /* which one asks DNS now */

	struct gp_explain_rcpt *rcpts; /* mail->n_rcpts */
	size_t accepted;               /* recipients that nobody refused */
	int refused_by;                /* the message; -1: by none */
	const char *held;              /* NULL: it is not */
	bool other_policy;       /* gatepost-rate has another one than this */
	struct gp_message after; /* as it would be queued */
};

/*
 * gp_explain_open - open the filters.  Keys that can not be read are no
 * obstacle, x->keys has them.  All is borrowed until gp_explain_close, which
 * must be called in either case.  GP_PERM: a filter would not start with this
 * policy; in `problems`.
 */
GP_MUST_USE enum gp_rc gp_explain_open(struct gp_explain *x,
    const struct gp_config *config, struct gp_dns *dns,
    struct gp_explain_daemon *daemon, struct gp_problems *problems);
void gp_explain_close(struct gp_explain *x);

/* gp_explain_run - once. */
void gp_explain_run(struct gp_explain *x, const struct gp_explain_mail *mail);

/* gp_explain_passes - would it be accepted, for at least one recipient, and
 * not be held? */
bool gp_explain_passes(const struct gp_explain *x);

/* gp_explain_text, gp_explain_json - all of it, for people and for programs.
 * Raw octets of others are in the text: print it with care. */
void gp_explain_text(const struct gp_explain *x, struct gp_buf *out);
struct gp_json;
void gp_explain_json(const struct gp_explain *x, struct gp_json *json);

#endif
