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
	struct gp_session *session; /* NULL until fake_connect */
	char authres[4096];
};

/* Aborts with the problems when policy or zone do not parse. */
void fake_mta_open(struct fake_mta *f, const struct gp_milter *milter,
    const char *policy, const char *zone);
void fake_mta_close(struct fake_mta *f);

/* A new session from this address ("" for mail that did not come by SMTP). */
void fake_connect(struct fake_mta *f, const char *ip);

/*
 * The whole message: MAIL, one RCPT, the fields "Name: value" (NULL ends),
 * end of message with this queue id.  Returns the last verdict: that of RCPT
 * when it was refused.
 */
struct gp_verdict fake_message(struct fake_mta *f, const char *mail_from,
    const char *rcpt, const char *const *fields, const char *queue_id);

/* The value inserted as Authentication-Results by the last message, each fold
 * as one space, or "". */
const char *fake_authres(struct fake_mta *f);

/* Number of effects of that kind in the last message. */
size_t fake_count(const struct fake_mta *f, enum gp_effect_kind kind);

#endif
