/*
 * play - one SMTP session as Postfix makes its filters see it.
 *
 * CONNECT, HELO, MAIL, RCPT and DATA go to every filter of the chain as they
 * happen, the first that objects decides; then header, body and end of
 * message go to one filter after the other, each seeing the header as those
 * before it have left it.
 *
 * Source:   Postfix 3.7 (milter.c, milter8.c, cleanup_milter.c), its packets
 *           as recorded: macros before every packet, also an empty list and
 *           also before an event the filter does not want; {i} only once a
 *           recipient was accepted; an abort after each end of message.
 * Blocking: until the filters answer.
 * Threads:  one session, one thread.
 */
#ifndef GP_BENCH_PLAY_H
#define GP_BENCH_PLAY_H

#include "mail.h"
#include "options.h"

#define ML_WHY_MAX 400

struct ml_result {
	enum ml_fate fate;
	bool as_expected;
	size_t bytes;         /* of the message */
	char why[ML_WHY_MAX]; /* what was not as expected */
};

struct ml_session;

/* ml_session_new - no connection yet; options and mails are borrowed. */
struct ml_session *ml_session_new(const struct ml_options *options,
    const struct ml_mails *mails, unsigned id);

/* ml_session_free - QUIT where connected; NULL is allowed. */
void ml_session_free(struct ml_session *s);

/* ml_session_play - message `number`, on the connections that are there or
 * new ones. */
void
ml_session_play(struct ml_session *s, uint64_t number, struct ml_result *out);

/* ml_session_hold - go as far as MAIL and leave it at that. */
GP_MUST_USE enum gp_rc
ml_session_hold(struct ml_session *s, uint64_t number, struct gp_err *err);

/* ml_session_connections - how many were opened so far. */
uint64_t ml_session_connections(const struct ml_session *s);

#endif
