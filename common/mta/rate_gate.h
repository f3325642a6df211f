/*
 * rate_gate - one outbound message at the limits: reserve, commit, give back.
 *
 * Who gets which answer depends on who sends:
 *
 *   an application (a login, a submission listener, local mail) has no queue:
 *   it hears one answer for the whole message, at its end
 *
 *   another MTA (a trusted client or certificate) hears an answer for each
 *   recipient, and what is about the message as a whole at its end
 *
 * What is charged at RCPT is given back unless the end of the message commits
 * it: after RSET, a lost connection, a refusal by another filter or by us.
 *
 * Null senders without a login are not limited, nor is mail to postmaster,
 * abuse and internal destinations.
 *
 * Source:   core/rate; RFC 5321 section 4.5.3.1.10 (452), RFC 6409.
 * Blocking: the store; DNS, where a limit asks for the provider.
 * Threads:  one gate, one thread at a time.
 */
#ifndef GP_MTA_RATE_GATE_H
#define GP_MTA_RATE_GATE_H

#include "core/header.h"
#include "core/rate.h"
#include "mta/providers.h"
#include "mta/session.h"

/* -- what outlives a message, opened with the policy ---------------------- */

struct gp_rate_own;
struct gp_store;

/* gp_rate_open - the store goes on over a reload that does not name another
 * one.  GP_PERM, GP_TEMP: it can not be opened; in `problems`. */
GP_MUST_USE enum gp_rc gp_rate_open(const struct gp_opening *with,
    struct gp_rate_own **out, struct gp_problems *problems);
/* gp_rate_open_upon - upon a store that is open, which it takes. */
struct gp_rate_own *
gp_rate_open_upon(const struct gp_config *config, struct gp_store *store);
void gp_rate_close(struct gp_rate_own *own); /* NULL is allowed */
void gp_rate_stop(struct gp_rate_own *own);

/*
 * gp_rate_request - of the control socket: "why REF", "meters [PREFIX]",
 * "store", "reset ..." (mta/rate_own), "peek ..." and "peek-note ..."
 * (core/rate_peek).  False: `out` says what is wrong.
 */
bool gp_rate_request(struct gp_rate_own *own, struct gp_str request,
    struct gp_buf *out);

/* -- one message ----------------------------------------------------------- */

struct gp_rate_gate;

/* gp_rate_gate_begin - at MAIL; NULL: nothing is limited here.  Lives as long
 * as the message. */
struct gp_rate_gate *gp_rate_gate_begin(struct gp_msg *m);

/* gp_rate_gate_rcpt - the answer to this recipient. */
struct gp_verdict gp_rate_gate_rcpt(struct gp_rate_gate *gate, struct gp_msg *m,
    const struct gp_addr *rcpt);

/* gp_rate_gate_end - the answer to the message; `header` has its From fields,
 * `bytes` is its size.  With `continue` what it cost is spent. */
struct gp_verdict gp_rate_gate_end(struct gp_rate_gate *gate, struct gp_msg *m,
    const struct gp_header *header, int64_t bytes);

/* gp_rate_gate_seen - each charge that was asked for so far: what was made, the
 * last recipient's first, then what was refused. */
typedef void (*gp_rate_seen_fn)(void *arg, const struct gp_rate_item *item,
    const struct gp_charge *charge, const struct gp_charged *made);
void gp_rate_gate_seen(const struct gp_rate_gate *gate, gp_rate_seen_fn fn,
    void *arg);

/* gp_rate_gate_senders - the rule that objects, and why; NULL: none. */
const char *
gp_rate_gate_senders(const struct gp_rate_gate *gate, struct gp_origin *rule);

/* gp_rate_gate_describe - for the log line of the answer that was given. */
void
gp_rate_gate_describe(const struct gp_rate_gate *gate, struct gp_logline *line);

#endif
