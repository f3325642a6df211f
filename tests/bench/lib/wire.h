/*
 * wire - the MTA's end of one milter connection, protocol version 6.
 *
 * Packets are collected and go out when an answer is wanted, as Postfix does
 * with its 4096-byte stream buffer.
 *
 * Source:   libmilter's mfdef.h; Postfix 3.7 milter8.c as seen on the wire.
 * Blocking: until the filter answers or the time-out of the socket.
 * Threads:  one connection, one thread.
 */
#ifndef GP_BENCH_WIRE_H
#define GP_BENCH_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a filter may ask not to be sent, or not to be asked about. */
enum ml_step {
	ML_NO_CONNECT = 0x1,
	ML_NO_HELO = 0x2,
	ML_NO_MAIL = 0x4,
	ML_NO_RCPT = 0x8,
	ML_NO_BODY = 0x10,
	ML_NO_HEADERS = 0x20,
	ML_NO_EOH = 0x40,
	ML_NR_HEADER = 0x80,
	ML_NO_UNKNOWN = 0x100,
	ML_NO_DATA = 0x200,
	ML_MAY_SKIP = 0x400,
	ML_RCPT_REJECTED = 0x800,
	ML_NR_CONNECT = 0x1000,
	ML_NR_HELO = 0x2000,
	ML_NR_MAIL = 0x4000,
	ML_NR_RCPT = 0x8000,
	ML_NR_DATA = 0x10000,
	ML_NR_UNKNOWN = 0x20000,
	ML_NR_EOH = 0x40000,
	ML_NR_BODY = 0x80000,
	ML_LEADING_SPACE = 0x100000,
	ML_STEPS_POSTFIX = 0x1fffff,
};

/* What a filter may do to a message. */
enum ml_action {
	ML_ADD_HEADER = 0x1,
	ML_CHANGE_BODY = 0x2,
	ML_ADD_RCPT = 0x4,
	ML_DELETE_RCPT = 0x8,
	ML_CHANGE_HEADER = 0x10,
	ML_QUARANTINE = 0x20,
	ML_CHANGE_FROM = 0x40,
	ML_ADD_RCPT_PARAMETERS = 0x80,
	ML_SET_SYMBOLS = 0x100,
	ML_ACTIONS_POSTFIX = 0x1ff,
};

/* Stages with a macro list of their own, numbered as on the wire. */
enum ml_stage {
	ML_AT_CONNECT,
	ML_AT_HELO,
	ML_AT_MAIL,
	ML_AT_RCPT,
	ML_AT_DATA,
	ML_AT_EOM,
	ML_AT_EOH,
	ML_STAGES,
};

#define ML_CHUNK      65535       /* body bytes in one packet */
#define ML_PACKET_MAX (16U << 20) /* of the filter */

struct ml_conn {
	int fd;                   /* -1: closed */
	uint32_t actions;         /* enum ml_action, negotiated */
	uint32_t steps;           /* enum ml_step, negotiated */
	char *symbols[ML_STAGES]; /* macros it wants; NULL: the default */
	size_t write_size;        /* bytes in one write; 0: all at once */
	struct gp_buf out;
	size_t packet; /* where the packet begins that is being written */
	char *in;
	size_t in_pos, in_len, in_cap;
};

/* One packet from the filter; data is valid until the next read. */
struct ml_packet {
	char command;
	struct gp_str data;
};

/* ml_spec_valid - unix:PATH, or inet:PORT@HOST with a loopback HOST. */
GP_MUST_USE enum gp_rc ml_spec_valid(const char *spec, struct gp_err *err);

/* ml_conn_init - closed, without any memory. */
void ml_conn_init(struct ml_conn *c, size_t write_size);

/*
 * ml_conn_open - connect and negotiate; no answer may take longer than
 * `timeout_s`.  GP_TEMP: not to be had now; GP_PERM: it does not speak the
 * protocol, or asks for what was not offered.  Closed unless GP_OK.
 */
GP_MUST_USE enum gp_rc ml_conn_open(struct ml_conn *c, const char *spec,
    unsigned timeout_s, struct gp_err *err);
void ml_conn_close(struct ml_conn *c);

/* A packet: begin, any number of strings and bytes, end. */
void ml_conn_begin(struct ml_conn *c, char command);
void ml_conn_string(struct ml_conn *c, const char *s); /* with its NUL */
void ml_conn_bytes(struct ml_conn *c, const void *p, size_t n);
void ml_conn_end(struct ml_conn *c);

/* ml_conn_cancel - forget the packet that was begun. */
void ml_conn_cancel(struct ml_conn *c);

/* ml_conn_flush - GP_OK or GP_TEMP. */
GP_MUST_USE enum gp_rc ml_conn_flush(struct ml_conn *c, struct gp_err *err);

/* ml_conn_read - GP_OK; GP_TEMP: closed or too late; GP_PERM: no packet. */
GP_MUST_USE enum gp_rc
ml_conn_read(struct ml_conn *c, struct ml_packet *out, struct gp_err *err);

/* Readers of a packet's data: take from the front, false if it is short. */
bool ml_take_u32(struct gp_str *data, uint32_t *out);
bool ml_take_string(struct gp_str *data, const char **out);

#endif
