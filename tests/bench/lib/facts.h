/*
 * facts - what the MTA knows of a message, and the macros that tell it.
 *
 * Threads:  one message, one thread.
 */
#ifndef GP_BENCH_FACTS_H
#define GP_BENCH_FACTS_H

#include "mail.h"
#include "options.h"
#include "wire.h"

struct ml_facts {
	const struct ml_options *o;
	const struct ml_mail *mail;
	struct ml_numbers numbers;
	bool has_queue_id; /* Postfix: once a recipient was accepted */
	char queue_id[ML_TEXT_MAX];
	char ip[GP_IP_TEXT], client[ML_TEXT_MAX];  /* "host [ip]" */
	char from[ML_TEXT_MAX], rcpt[ML_TEXT_MAX]; /* rcpt: the last one */
	char helo[ML_TEXT_MAX], login[ML_TEXT_MAX];
};

/* ml_facts_start - message `number` of session `session`. */
void ml_facts_start(struct ml_facts *f, const struct ml_options *o,
    const struct ml_mails *mails, uint64_t number, unsigned session);

/* ml_facts_rcpt - go to recipient `i`. */
void ml_facts_rcpt(struct ml_facts *f, unsigned i);

/* ml_macro - "i", "{auth_authen}" ...; NULL where Postfix has no value. */
const char *ml_macro(const struct ml_facts *f, struct gp_str name);

/* ml_default_macros - the list that Postfix sends unasked. */
const char *ml_default_macros(enum ml_stage stage);

#endif
