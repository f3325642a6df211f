/*
 * fake_mta - a milter's handlers driven without libmilter: a policy text, a
 * zone text, and the events of a session; out come verdicts and effects.
 */
#ifndef GP_TESTS_FAKE_MTA_H
#define GP_TESTS_FAKE_MTA_H

#include "mta/session.h"

struct fake_mta {
	struct gp_app app;
	struct gp_env env;
	struct gp_config *config;
	const char *state_dir;      /* NULL: nothing is kept */
	struct gp_session *session; /* NULL until fake_connect */
	char authres[4096];
};

/* Aborts with the problems when policy or zone do not parse, or when the
 * milter can not be opened with them. */
void fake_mta_open(struct fake_mta *f, const struct gp_milter *milter,
    const char *policy, const char *zone);

/* The same with a folder for what the milter keeps. */
void fake_mta_open_in(struct fake_mta *f, const struct gp_milter *milter,
    const char *policy, const char *zone, const char *state_dir);
void fake_mta_close(struct fake_mta *f);

/* A new session from this address ("" for mail that did not come by SMTP). */
void fake_connect(struct fake_mta *f, const char *ip);

/* fake_reload - policy and zone that new sessions get; false: refused, and
 * those of before stay. */
bool fake_reload(struct fake_mta *f, const char *policy, const char *zone);

/* One message; NULL leaves a part out. */
struct fake_letter {
	const char *from, *rcpt;   /* as in MAIL and RCPT */
	const char *login;         /* {auth_authen} */
	const char *const *fields; /* "Name: value" ...; NULL ends them */
	const char *body;
	size_t chunk; /* of the body; 0: all at once */
	const char *queue_id;
};

/* fake_send - MAIL to the end of the message.  Returns the last verdict: that
 * of RCPT when it was refused. */
struct gp_verdict
fake_send(struct fake_mta *f, const struct fake_letter *letter);

/* fake_message - the same without login and body. */
struct gp_verdict fake_message(struct fake_mta *f, const char *mail_from,
    const char *rcpt, const char *const *fields, const char *queue_id);

/* The values of all fields inserted by the last message, each fold as one
 * space, or "". */
const char *fake_authres(struct fake_mta *f);

/* The value of the n-th field of that name inserted by the last message, from
 * 0, as it goes to the MTA; NULL when there are fewer. */
const char *fake_inserted(const struct fake_mta *f, const char *name, size_t n);

/* Number of effects of that kind in the last message. */
size_t fake_count(const struct fake_mta *f, enum gp_effect_kind kind);

#endif
