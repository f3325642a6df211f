/*
 * session_private - what the two halves of a session share: its states and
 * events (session.c), and what becomes of header fields (session_fields.c).
 */
#ifndef GP_MTA_SESSION_PRIVATE_H
#define GP_MTA_SESSION_PRIVATE_H

#include "mta/session.h"

enum gp_session_state { START, IDLE, MESSAGE, HEADERS, BODY, DONE, BROKEN };

/* An arriving field that may be taken for ours. */
struct gp_claim {
	unsigned index;      /* among the fields of that name, from 1 */
	struct gp_str value; /* p == NULL: too long to be one of ours */
};

struct gp_session_private {
	enum gp_session_state state;
	struct gp_msg msg;
	struct gp_arena *msg_arena;
	char *helo;
	const char *reading; /* of the next address; see gp_session_reading */

	unsigned authres_seen; /* fields of that name in this message */
	struct gp_claim *claims;
	size_t n_claims, cap_claims, claim_bytes;

	struct gp_effect *effects; /* deletions first, see order_effects */
	size_t n_effects, cap_effects;
	bool holding;
	enum gp_disposition would; /* the strictest that monitoring spared */
};

/* gp_session_break - from now on every answer is a tempfail; `what` came at
 * the wrong time or past a bound. */
void gp_session_break(struct gp_session *s, const char *what);

/* gp_session_see_authres - one arriving Authentication-Results field. */
void gp_session_see_authres(struct gp_session *s, struct gp_str value);

#endif
