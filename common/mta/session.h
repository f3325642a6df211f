/*
 * session - one SMTP session as a milter sees it: the state machine between
 * the MTA's events and a milter's table of handlers.
 *
 * No libmilter here: milter.c translates, and the tests drive the same
 * functions with a fake MTA.  An event that can not come now, or one past a
 * bound, breaks the session: from then on every answer is a tempfail, until
 * the connection ends.  It never ends the process.
 *
 *   state            event     next state
 *   ---------------  -------   -------------------------------------------
 *   START            connect   IDLE
 *   IDLE             helo      IDLE        (again: RFC 5321 4.1.4)
 *   any but START    mail      MESSAGE     an unfinished message is forgotten
 *   MESSAGE          rcpt      MESSAGE
 *   MESSAGE,HEADERS  header    HEADERS
 *   MESSAGE,HEADERS  eoh       BODY
 *   MESSAGE,HEADERS,BODY  body BODY
 *   MESSAGE,HEADERS,BODY  eom  DONE        effects are ready to be applied
 *   any but START    abort     IDLE        the message is forgotten
 *   any              other     BROKEN      and BROKEN stays BROKEN
 *
 * Handlers return a verdict and record effects (header edits, quarantine);
 * the glue applies effects at end of message and only when the message goes
 * on: deletions first, from the last index up, then insertions.
 *
 * Blocking: only where a handler blocks (DNS, store).
 * Threads:  consecutive events of a session may come from different threads,
 *           never two at once.
 */
#ifndef GP_MTA_SESSION_H
#define GP_MTA_SESSION_H

#include "base/arena.h"
#include "core/addr.h"
#include "core/authres.h"
#include "core/direction.h"
#include "core/domain.h"
#include "core/logfmt.h"
#include "core/policy.h"
#include "core/verdict.h"
#include "io/dns.h"
#include "io/metrics.h"
#include "io/seal_key.h"
#include "io/tail.h"

struct gp_env;
struct gp_session;
struct gp_msg;

/* What a milter is opened with; borrowed. */
struct gp_opening {
	const struct gp_config *config;
	const void *old;            /* what it replaces; NULL at the start */
	struct gp_metrics *metrics; /* NULL for --check, ... */
	const char *state_dir;      /* ... and this, too: nothing is kept */
};

/*
 * What a milter is made of.  A NULL handler is never called, and where no
 * other part needs the event, the MTA is told not to send it.  Only RCPT (with
 * on_rcpt) and the end of the message are answered; MAIL, header and body
 * are events to learn from, and the MTA need not wait for us there
 * (SMFIP_NR_*).
 */
struct gp_milter {
	const char *name;  /* "spf": gatepost-spf, its paths and its labels */
	size_t state_size; /* bytes of zeroed m->state for each message */
	void (*on_mail)(struct gp_msg *m);
	struct gp_verdict (
	    *on_rcpt)(struct gp_msg *m, const struct gp_addr *rcpt);
	/* In place of on_rcpt, where none is ever refused: no answer, which
	 * saves a message about 10 us.  Over GP_RCPTS_MAX without a domain. */
	void (*on_rcpt_noted)(struct gp_msg *m, const struct gp_addr *rcpt);
	void (*on_header)(struct gp_msg *m, struct gp_str name,
	    struct gp_str value);
	void (*on_eoh)(struct gp_msg *m);
	void (*on_body)(struct gp_msg *m, struct gp_str chunk);
	struct gp_verdict (*on_eom)(struct gp_msg *m);
	/* add " key=value" about this message to its log line */
	void (*describe)(const struct gp_msg *m, struct gp_logline *line);

	/*
	 * What it needs besides the policy (keys, tables, stores), opened
	 * whenever a policy is read and part of it from then on: GP_PERM with
	 * `problems` refuses the policy.  Both NULL: nothing.
	 */
	enum gp_rc (*open)(const struct gp_opening *with, void **out,
	    struct gp_problems *problems);
	void (*close)(void *own);
	/* The process is about to end, and callbacks may still come: what must
	 * not be lost is written now.  NULL: there is nothing such. */
	void (*stop)(void *own);
	/* A line of the control socket that the daemon itself does not know:
	 * false, with a reason in `out`, is an error.  NULL: there is none. */
	bool (
	    *on_request)(void *own, struct gp_str request, struct gp_buf *out);
};

/* The process: what all sessions share. */
struct gp_app {
	const struct gp_milter *milter;
	struct gp_metrics *metrics;
	struct gp_tail *tail; /* of decisions; NULL: nobody can listen */
	struct gp_seal_key seal;
	char host[GP_DOMAIN_TEXT]; /* our own name, normalised */
};

/* What a reload replaces as a whole; a session keeps the one of its start. */
struct gp_env {
	const struct gp_config *config;
	struct gp_dns *dns;
	void *own; /* what the milter's open() made; NULL without one */
};

struct gp_connect {
	struct gp_ip client;     /* GP_IP_UNKNOWN: not given */
	const char *client_name; /* as the MTA says; NULL: none */
	const char *daemon_name; /* {daemon_name} or NULL */
	const char *mta_name;    /* {j} or NULL */
	bool local;              /* non-SMTP mail */
	bool sendmail;           /* the MTA is Sendmail, by {v} */
};

enum gp_effect_kind { GP_EFFECT_DELETE, GP_EFFECT_INSERT, GP_EFFECT_HOLD };

struct gp_effect {
	enum gp_effect_kind kind;
	const char *name;  /* header name; HOLD: the reason */
	const char *value; /* INSERT: what follows the colon and one blank */
	unsigned index;    /* DELETE: from 1, among fields of that name */
	size_t order;      /* of recording */
};

/* One message; lives in its own arena until the next MAIL, abort or close. */
struct gp_msg {
	struct gp_session *session;
	struct gp_arena *arena;
	void *state; /* the milter's, zeroed at MAIL */
	struct gp_addr sender;
	bool sender_readable; /* false: sender.raw only */
	const char *queue_id; /* "" until the MTA gives one */
	enum gp_direction direction;
	const char *direction_why;
	const char *login;     /* {auth_authen} as the MTA gave it; "": none */
	size_t recipients;     /* that nobody of us refused */
	const char *transport; /* {rcpt_mailer} of the recipient that on_rcpt is
	                        * about; NULL: not given */
	struct gp_dns_scope dns; /* for the callback that runs: its answers are
	                          * gone when it returns; set its deadline
	                          * with gp_msg_deadline */
};

struct gp_session {
	const struct gp_app *app;
	const struct gp_env *env;
	struct gp_arena *arena; /* for the connection */
	struct gp_connect connect;
	const char *helo; /* raw; "" until HELO */
	const char *authserv_id;
	struct gp_msg *msg; /* NULL outside a message */
	struct gp_session_private *priv;
};

/* -- events: called by the glue and by the fake MTA -------------------- */

/* gp_session_new - `app` and `env` are borrowed until gp_session_free. */
struct gp_session *
gp_session_new(const struct gp_app *app, const struct gp_env *env);
void gp_session_free(struct gp_session *s); /* close; NULL is allowed */

void gp_session_connect(struct gp_session *s, const struct gp_connect *c);
void gp_session_helo(struct gp_session *s, const char *helo);

/* `auth_login` is {auth_authen} or NULL, `verified_cert` is {verify} = OK. */
void gp_session_mail(struct gp_session *s, const char *arg,
    const char *auth_login, bool verified_cert);
struct gp_verdict gp_session_rcpt(struct gp_session *s, const char *arg);
void
gp_session_header(struct gp_session *s, const char *name, const char *value);
void gp_session_eoh(struct gp_session *s);
void gp_session_body(struct gp_session *s, const void *p, size_t n);
struct gp_verdict gp_session_eom(struct gp_session *s);
void gp_session_abort(struct gp_session *s);

/* gp_session_header: `value` is all that follows the colon, with its leading
 * blank. */

/* gp_session_queue_id - {i} of the message, when the MTA knows it (Postfix:
 * from DATA on); NULL is ignored. */
void gp_session_queue_id(struct gp_session *s, const char *queue_id);

/*
 * gp_session_reading - how the MTA reads the address that comes next
 * ({mail_addr}, {rcpt_addr}), borrowed until then; NULL: it does not tell.  It
 * holds where what MAIL or RCPT says is no address by the grammar: Sendmail
 * takes x<a@b.example> and mails to a@b.example.
 */
void gp_session_reading(struct gp_session *s, const char *address);

/* gp_session_transport - {rcpt_mailer} of the recipient that comes next,
 * borrowed until then; NULL: the MTA does not tell. */
void gp_session_transport(struct gp_session *s, const char *transport);

/* gp_session_effects - after gp_session_eom, in the order to apply them, as
 * long as the message lives.  None unless the verdict was `continue`. */
const struct gp_effect *
gp_session_effects(const struct gp_session *s, size_t *n);

/* -- for handlers ------------------------------------------------------ */

/*
 * gp_msg_is_bounce - is it a bounce that our MTA has made?  To refuse it is to
 * lose it.  It has a null sender and did not come by SMTP; or it came so from
 * this host without a login, as what Sendmail's sendmail(1) submits and
 * bounces.
 */
bool gp_msg_is_bounce(const struct gp_msg *m);

/* gp_msg_deadline - nothing in this callback may wait longer than `ms`. */
void gp_msg_deadline(struct gp_msg *m, int64_t ms);

/* gp_msg_drop_forged_authres - delete each arriving field that claims our
 * authserv-id (or one of own-ids) and bears no valid seal of this message. */
void gp_msg_drop_forged_authres(struct gp_msg *m);

/*
 * gp_msg_take_authres - for the filter that merges all results: delete every
 * arriving field that claims to be ours, sealed or not, and return what the
 * sealed ones say, the topmost first, in the message's arena.
 */
const struct gp_authres *gp_msg_take_authres(struct gp_msg *m, size_t *n);

/* gp_msg_add_authres - insert the results on top, sealed; nothing when
 * ar->n is 0.  ar->id is filled in. */
void gp_msg_add_authres(struct gp_msg *m, struct gp_authres *ar);

/* gp_msg_add_last_authres - the same without a seal: nobody of us follows. */
void gp_msg_add_last_authres(struct gp_msg *m, struct gp_authres *ar);

/* gp_msg_insert_field - put a field on top of the header.  `value` is what
 * follows the colon and one blank; folds are "\n\t".  Of several the last one
 * ends up on top. */
void gp_msg_insert_field(struct gp_msg *m, const char *name, const char *value);

/* gp_msg_delete_field - take the field out that is number `index`, from 1,
 * among those of that name. */
void gp_msg_delete_field(struct gp_msg *m, const char *name, unsigned index);

/* gp_msg_hold - quarantine the message, for this reason. */
void gp_msg_hold(struct gp_msg *m, const char *reason);

#endif
