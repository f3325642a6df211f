/*
 * milter_wire - the packets of the milter protocol, as the MTA's end writes
 * and reads them.
 *
 * A packet is a length of four octets, a command, and data.  What a filter
 * answers is read strictly: an edit that was not agreed on, a text without its
 * end, a header field that would end the header are errors, never guesses.
 *
 * Source:   libmilter's mfdef.h, protocol version 6.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_MILTER_WIRE_H
#define GP_CORE_MILTER_WIRE_H

#include "base/buf.h"
#include "base/ip.h"
#include "core/header.h"

#define GP_MILTER_VERSION    6
#define GP_MILTER_PACKET_MAX 1048576 /* octets of one, behind its length */

/* What a filter may ask not to be sent (NO), or not to be asked (NR). */
enum gp_milter_step {
	GP_MILTER_NO_CONNECT = 0x1,
	GP_MILTER_NO_HELO = 0x2,
	GP_MILTER_NO_MAIL = 0x4,
	GP_MILTER_NO_RCPT = 0x8,
	GP_MILTER_NO_BODY = 0x10,
	GP_MILTER_NO_HEADERS = 0x20,
	GP_MILTER_NO_EOH = 0x40,
	GP_MILTER_NR_HEADERS = 0x80,
	GP_MILTER_NO_UNKNOWN = 0x100,
	GP_MILTER_NO_DATA = 0x200,
	GP_MILTER_MAY_SKIP = 0x400,
	GP_MILTER_RCPT_REJECTED = 0x800,
	GP_MILTER_NR_CONNECT = 0x1000,
	GP_MILTER_NR_HELO = 0x2000,
	GP_MILTER_NR_MAIL = 0x4000,
	GP_MILTER_NR_RCPT = 0x8000,
	GP_MILTER_NR_DATA = 0x10000,
	GP_MILTER_NR_UNKNOWN = 0x20000,
	GP_MILTER_NR_EOH = 0x40000,
	GP_MILTER_NR_BODY = 0x80000,
	GP_MILTER_LEADING_SPACE = 0x100000, /* values have their first blank */
	GP_MILTER_STEPS = 0x1fffff,         /* all of them */
};

/* What a filter may do to a message. */
enum gp_milter_action {
	GP_MILTER_ADD_HEADER = 0x1,
	GP_MILTER_CHANGE_BODY = 0x2,
	GP_MILTER_ADD_RCPT = 0x4,
	GP_MILTER_DELETE_RCPT = 0x8,
	GP_MILTER_CHANGE_HEADER = 0x10,
	GP_MILTER_QUARANTINE = 0x20,
	GP_MILTER_CHANGE_FROM = 0x40,
	GP_MILTER_ADD_RCPT_ARGS = 0x80,
	GP_MILTER_SET_SYMBOLS = 0x100,
	GP_MILTER_ACTIONS = 0x1ff, /* all of them */
};

/* Commands of the MTA. */
enum gp_milter_event {
	GP_MILTER_OFFER = 'O',
	GP_MILTER_MACROS = 'D',
	GP_MILTER_CONNECT = 'C',
	GP_MILTER_HELO = 'H',
	GP_MILTER_MAIL = 'M',
	GP_MILTER_RCPT = 'R',
	GP_MILTER_DATA = 'T',
	GP_MILTER_HEADER = 'L',
	GP_MILTER_EOH = 'N',
	GP_MILTER_BODY = 'B',
	GP_MILTER_EOM = 'E',
	GP_MILTER_ABORT = 'A',
	GP_MILTER_QUIT = 'Q',
};

/* Answers of a filter; those from PROGRESS on come before the answer to the
 * end of the message. */
enum gp_milter_answer {
	GP_MILTER_CONTINUE,
	GP_MILTER_ACCEPT,
	GP_MILTER_DISCARD,
	GP_MILTER_REJECT,
	GP_MILTER_TEMPFAIL,
	GP_MILTER_REPLY, /* value is the SMTP reply, "550 5.7.1 ..." */
	GP_MILTER_SKIP,  /* no more of the body */
	GP_MILTER_SHUTDOWN,
	GP_MILTER_PROGRESS,
	GP_MILTER_ADD,    /* name, value: behind the others */
	GP_MILTER_INSERT, /* name, value, index from 0 */
	GP_MILTER_CHANGE, /* name, value, index from 1 within the name; an
	                   * empty value deletes */
	GP_MILTER_HOLD,   /* value is the reason */
	GP_MILTER_EDIT,   /* of the envelope or the body; not looked into */
};

/* What both ends agreed on. */
struct gp_milter_agreed {
	uint32_t version; /* 2 to GP_MILTER_VERSION */
	uint32_t actions; /* enum gp_milter_action */
	uint32_t steps;   /* enum gp_milter_step */
};

struct gp_milter_packet {
	char command;
	struct gp_str data; /* within what was read */
};

struct gp_milter_reply {
	enum gp_milter_answer answer;
	uint32_t index;
	struct gp_str name, value; /* within the packet, without their NUL */
};

/* -- packets of the MTA ------------------------------------------------- */

/* gp_milter_put - a packet of texts, each with its NUL (it ends at the first
 * one in it): H, M, R, L; without texts T, N, E, A, Q. */
void gp_milter_put(struct gp_buf *out, enum gp_milter_event event,
    const struct gp_str *texts, size_t n);

/* gp_milter_put_offer - all that a filter may ask for. */
void gp_milter_put_offer(struct gp_buf *out);

/* gp_milter_put_connect - a client of unknown family has no address. */
void gp_milter_put_connect(struct gp_buf *out, struct gp_str name,
    const struct gp_ip *client, uint16_t port);

/* gp_milter_put_macros - names and values in turn, for the next `event`. */
void gp_milter_put_macros(struct gp_buf *out, enum gp_milter_event event,
    const struct gp_str *texts, size_t n);

/* gp_milter_put_body - one piece, at most 65535 octets of it. */
void gp_milter_put_body(struct gp_buf *out, struct gp_str piece);

/* -- answers of the filter ---------------------------------------------- */

/*
 * gp_milter_take - cut the first packet off `*in`.
 * GP_OK    it is in *out.
 * GP_NONE  it is not complete yet; *in is as it was.
 * GP_PERM  that is no packet: it has no octet, or too many.
 */
GP_MUST_USE enum gp_rc gp_milter_take(struct gp_str *in,
    struct gp_milter_packet *out, struct gp_err *err);

/* gp_milter_agree - the answer to our offer.  GP_PERM: it is none, or asks for
 * what was not offered. */
GP_MUST_USE enum gp_rc gp_milter_agree(const struct gp_milter_packet *packet,
    struct gp_milter_agreed *out, struct gp_err *err);

/* gp_milter_read - an answer to `event`.  GP_PERM: malformed, unknown, not
 * agreed on, or not an answer to that. */
GP_MUST_USE enum gp_rc gp_milter_read(const struct gp_milter_packet *packet,
    const struct gp_milter_agreed *agreed, enum gp_milter_event event,
    struct gp_milter_reply *out, struct gp_err *err);

/*
 * gp_milter_edit - ADD, INSERT or CHANGE; others change nothing.  `arena` is
 * that of `h`.  As MTAs do: an index past the end is the end, and a field that
 * is not there is added unless it was to be deleted.  At a bound of core/header
 * it is h->over instead.
 */
void gp_milter_edit(struct gp_header *h, struct gp_arena *arena,
    const struct gp_milter_agreed *agreed, const struct gp_milter_reply *edit);

/* gp_milter_answer_name - "continue", "reject" ...; never NULL. */
const char *gp_milter_answer_name(enum gp_milter_answer answer);

#endif
