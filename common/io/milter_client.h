/*
 * milter_client - speaks to a milter as an MTA does: one connection, one
 * message, and what the filter made of it.
 *
 * Source:   core/milter_wire; the order of events is Postfix's.
 * Blocking: until the time-out at most (io/stream).
 * Threads:  any; a message belongs to one thread at a time.
 */
#ifndef GP_IO_MILTER_CLIENT_H
#define GP_IO_MILTER_CLIENT_H

#include "core/milter_wire.h"

#define GP_MILTER_EDITS_MAX 1000 /* that a filter may make in one message */

/* What the filter is told; borrowed. */
struct gp_milter_mail {
	struct gp_ip client;
	const char *client_name;
	const char *helo;
	const char *mta_name;    /* {j} */
	const char *daemon_name; /* {daemon_name} */
	const char *queue_id;    /* {i}, from DATA on */
	const char *sender;      /* "<a@example.com>" */
	const char *rcpt;        /* likewise, one */
	struct gp_str body;
};

/* What it said. */
struct gp_milter_outcome {
	struct gp_milter_agreed agreed;
	enum gp_milter_event event;    /* that was answered last */
	enum gp_milter_answer answer;  /* CONTINUE: nothing against it */
	const char *text;              /* of a REPLY; else "" */
	enum gp_milter_answer to_rcpt; /* CONTINUE unless the recipient was
	                                * refused; ... */
	const char *rcpt_text;         /* ... its REPLY, or "" */
	const char *held;              /* why it was quarantined; NULL: not */
	size_t edits;                  /* of the header */
	int64_t took_us;               /* from connecting on */
};

/*
 * gp_milter_say - play one message to the filter at `socket` ("unix:PATH",
 * "inet:PORT@HOST").  `header` becomes what the filter makes of it; it and the
 * texts of `out` live in `arena`.  A recipient that is refused does not end it:
 * the filter sees the rest.  What ends it is accept, discard, or any refusal of
 * another event.
 * GP_OK    *out is complete.
 * GP_NONE  nobody listens there.
 * GP_TEMP  no connection, or no answer in time; out->event tells to what.
 * GP_PERM  no access, or it does not keep to the protocol.
 */
struct gp_milter_call {
	const char *socket;
	int64_t timeout_ms;
	struct gp_arena *arena;
};
GP_MUST_USE enum gp_rc gp_milter_say(const struct gp_milter_call *call,
    const struct gp_milter_mail *mail, struct gp_header *header,
    struct gp_milter_outcome *out, struct gp_err *err);

#endif
