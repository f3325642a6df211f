/* See play.h. */
#include "play.h"

#include "changes.h"
#include "facts.h"
#include "wire.h"

#include "base/xalloc.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does this filter still get events? */
enum standing { IN_PLAY, DONE_MESSAGE, DONE_CONNECTION };

struct link {
	struct ml_conn conn;
	enum standing standing;
	char verdict; /* with DONE_CONNECTION: what every command gets */
	bool ended;   /* end of message was answered */
	uint64_t messages;
};

/* An answer is a letter of the protocol: (c)ontinue, (a)ccept, (r)eject,
 * (t)empfail, (d)iscard, (s)kip; BROKEN: there was none. */
#define BROKEN '\0'

struct ml_session {
	const struct ml_options *o;
	const struct ml_mails *mails;
	unsigned id;
	uint64_t connections;
	struct link link[ML_CHAIN_MAX];

	/* this message */
	struct ml_facts facts;
	struct ml_changes changes;
	struct gp_err err;
};

/* An event: its packet, whose macros go before it, and the steps by which a
 * filter declines it or the answer to it. */
struct event {
	char command;
	enum ml_stage stage;
	uint32_t declined, silent;
};
static const struct event on_connect = { 'C', ML_AT_CONNECT, ML_NO_CONNECT,
	ML_NR_CONNECT };
static const struct event on_helo = { 'H', ML_AT_HELO, ML_NO_HELO, ML_NR_HELO };
static const struct event on_mail = { 'M', ML_AT_MAIL, ML_NO_MAIL, ML_NR_MAIL };
static const struct event on_rcpt = { 'R', ML_AT_RCPT, ML_NO_RCPT, ML_NR_RCPT };
static const struct event on_data = { 'T', ML_AT_DATA, ML_NO_DATA, ML_NR_DATA };
static const struct event on_header = { 'L', ML_AT_EOH, ML_NO_HEADERS,
	ML_NR_HEADER };
static const struct event on_eoh = { 'N', ML_AT_EOH, ML_NO_EOH, ML_NR_EOH };
static const struct event on_body = { 'B', ML_AT_EOM, ML_NO_BODY, ML_NR_BODY };
static const struct event on_eom = { 'E', ML_AT_EOM, 0, 0 };

/* -- events --------------------------------------------------------------- */

static void
send_macros(struct ml_session *s, struct link *l, const struct event *e)
{
	const char *list = l->conn.symbols[e->stage];
	struct gp_str rest, name, clean;
	const char *value;
	unsigned n = 0;

	rest = gp_str(list == NULL ? ml_default_macros(e->stage) : list);
	ml_conn_begin(&l->conn, 'D');
	ml_conn_bytes(&l->conn, &e->command, 1);
	while (rest.p != NULL) {
		clean = gp_str_split(&rest, ' ');
		name = gp_str_split(&clean, ',');
		if (name.n == 0 || (value = ml_macro(&s->facts, name)) == NULL)
			continue;
		ml_conn_bytes(&l->conn, name.p, name.n);
		ml_conn_bytes(&l->conn, "", 1);
		ml_conn_string(&l->conn, value);
		n++;
	}
	if (n == 0 && s->o->lean)
		ml_conn_cancel(&l->conn);
	else
		ml_conn_end(&l->conn);
}

/* Sends what was collected and waits for the answer to the last of it. */
static char
answer(struct ml_session *s, struct link *l, bool at_end)
{
	struct ml_packet p;

	if (ml_conn_flush(&l->conn, &s->err) != GP_OK)
		return BROKEN;
	for (;;) {
		if (ml_conn_read(&l->conn, &p, &s->err) != GP_OK)
			return BROKEN;
		switch (p.command) {
		case 'c':
		case 'a':
		case 'r':
		case 't':
		case 'd':
		case 's':
			return p.command;
		case 'y':
			if (ml_changes_reply(&s->changes, &p, &s->err) != GP_OK)
				return BROKEN;
			return (char)(*s->changes.reply == '4' ? 't' : 'r');
		case '4':
		case 'f':
			return 't';
		case 'p':
			break;
		default:
			if (!at_end) {
				(void)gp_fail(&s->err, GP_PERM,
				    "'%c' is no answer", p.command);
				return BROKEN;
			}
			if (ml_changes_apply(&s->changes, &l->conn, &p,
				&s->err) != GP_OK)
				return BROKEN;
		}
	}
}

/* True: the packet was begun, the caller adds to it and calls end(). */
static bool
begin(struct ml_session *s, struct link *l, const struct event *e)
{
	bool wanted = (l->conn.steps & e->declined) == 0;

	if (!s->o->lean || (wanted && e != &on_header && e != &on_body))
		send_macros(s, l, e);
	if (wanted)
		ml_conn_begin(&l->conn, e->command);
	return wanted;
}

static char
end(struct ml_session *s, struct link *l, const struct event *e)
{
	ml_conn_end(&l->conn);
	if ((l->conn.steps & e->silent) != 0)
		return 'c';
	return answer(s, l, e == &on_eom);
}

static char
ask_connect(struct ml_session *s, struct link *l)
{
	char family = s->o->client.family == GP_IP_V6 ? '6' : '4';
	const uint16_t port = htons(40000);

	if (!begin(s, l, &on_connect))
		return 'c';
	ml_conn_string(&l->conn, s->o->client_name);
	ml_conn_bytes(&l->conn, &family, 1);
	ml_conn_bytes(&l->conn, &port, sizeof port);
	ml_conn_string(&l->conn, s->facts.ip);
	return end(s, l, &on_connect);
}

static char
ask_helo(struct ml_session *s, struct link *l)
{
	if (!begin(s, l, &on_helo))
		return 'c';
	ml_conn_string(&l->conn, s->facts.helo);
	return end(s, l, &on_helo);
}

static char
ask_mail(struct ml_session *s, struct link *l)
{
	char size[32], path[ML_TEXT_MAX + 2];

	if (!begin(s, l, &on_mail))
		return 'c';
	(void)snprintf(path, sizeof path, "<%s>", s->facts.from);
	(void)snprintf(size, sizeof size, "size=%zu", s->facts.mail->size);
	ml_conn_string(&l->conn, path);
	ml_conn_string(&l->conn, size);
	return end(s, l, &on_mail);
}

static char
ask_rcpt(struct ml_session *s, struct link *l)
{
	char path[ML_TEXT_MAX + 2];

	if (!begin(s, l, &on_rcpt))
		return 'c';
	(void)snprintf(path, sizeof path, "<%s>", s->facts.rcpt);
	ml_conn_string(&l->conn, path);
	return end(s, l, &on_rcpt);
}

static char
ask_data(struct ml_session *s, struct link *l)
{
	if (!begin(s, l, &on_data))
		return 'c';
	return end(s, l, &on_data);
}

static char
send_header(struct ml_session *s, struct link *l)
{
	const struct ml_field *field;
	const char *value;
	char got;

	for (size_t i = 0; i < s->changes.header.n; i++) {
		field = &s->changes.header.v[i];
		value = field->value;
		if ((l->conn.steps & ML_LEADING_SPACE) == 0 && *value == ' ')
			value++;
		(void)begin(s, l, &on_header);
		ml_conn_string(&l->conn, field->name);
		ml_conn_string(&l->conn, value);
		if ((got = end(s, l, &on_header)) != 'c')
			return got;
	}
	return 'c';
}

static char
send_body(struct ml_session *s, struct link *l)
{
	struct gp_str rest = s->facts.mail->body;
	size_t n;
	char got;

	while (rest.n > 0) {
		n = rest.n < ML_CHUNK ? rest.n : ML_CHUNK;
		(void)begin(s, l, &on_body);
		ml_conn_bytes(&l->conn, rest.p, n);
		if ((got = end(s, l, &on_body)) != 'c')
			return got;
		rest.p += n;
		rest.n -= n;
	}
	return 'c';
}

/* The message itself, for one filter. */
static char
ask_content(struct ml_session *s, struct link *l)
{
	char got = 'c';

	if ((l->conn.steps & ML_NO_HEADERS) == 0)
		got = send_header(s, l);
	if ((got == 'c' || got == 's') && (l->conn.steps & ML_NO_EOH) == 0) {
		(void)begin(s, l, &on_eoh);
		got = end(s, l, &on_eoh);
	}
	if ((got == 'c' || got == 's') && (l->conn.steps & ML_NO_BODY) == 0)
		got = send_body(s, l);
	if (got != 'c' && got != 's')
		return got;
	(void)begin(s, l, &on_eom);
	got = end(s, l, &on_eom);
	l->ended = true;
	return got;
}

/* Asks one filter after the other until one objects: its answer, or 'c'. */
static char
ask_all(struct ml_session *s, char (*ask)(struct ml_session *, struct link *))
{
	struct link *l;
	char got;

	for (size_t i = 0; i < s->o->n_sockets; i++) {
		l = &s->link[i];
		if (l->standing == DONE_CONNECTION && l->verdict != 'a')
			return l->verdict;
		if (l->standing != IN_PLAY)
			continue;
		got = ask(s, l);
		if (got == 'a')
			l->standing = DONE_MESSAGE;
		else if (got != 'c' && got != 's')
			return got;
	}
	return 'c';
}

/* -- the session ----------------------------------------------------------- */

static bool
connect_link(struct ml_session *s, size_t i)
{
	struct link *l = &s->link[i];
	char got;

	if (ml_conn_open(&l->conn, s->o->socket[i], s->o->timeout_s, &s->err) !=
	    GP_OK)
		return false;
	s->connections++;
	l->messages = 0;
	l->standing = IN_PLAY;
	if ((got = ask_connect(s, l)) == 'c')
		got = ask_helo(s, l);
	if (got != 'c' && got != 's') {
		l->standing = DONE_CONNECTION;
		l->verdict = got;
	}
	return got != BROKEN;
}

static bool
connect_all(struct ml_session *s)
{
	for (size_t i = 0; i < s->o->n_sockets; i++) {
		if (s->link[i].conn.fd < 0 && !connect_link(s, i))
			return false;
		if (s->link[i].standing == DONE_MESSAGE)
			s->link[i].standing = IN_PLAY;
		s->link[i].ended = false;
		s->link[i].messages++;
	}
	return true;
}

static void
start_message(struct ml_session *s, uint64_t number)
{
	ml_facts_start(&s->facts, s->o, s->mails, number, s->id);
	ml_changes_start(&s->changes, s->facts.mail);
	s->err.msg[0] = '\0';
}

/* 'c' when at least one recipient is left, else what the last one got. */
static char
ask_recipients(struct ml_session *s)
{
	char got = 'c', refused = 'r';

	for (unsigned i = 0; i < s->o->recipients; i++) {
		ml_facts_rcpt(&s->facts, i);
		got = ask_all(s, ask_rcpt);
		if (got == BROKEN || got == 'd')
			return got;
		if (got == 'c')
			s->facts.has_queue_id = true;
		else
			refused = got;
	}
	return (char)(s->facts.has_queue_id ? 'c' : refused);
}

static char
send_message(struct ml_session *s)
{
	char got;

	if (!connect_all(s))
		return BROKEN;
	if ((got = ask_all(s, ask_mail)) != 'c' ||
	    (got = ask_recipients(s)) != 'c' ||
	    (got = ask_all(s, ask_data)) != 'c')
		return got;
	return ask_all(s, ask_content);
}

static void
hang_up(struct link *l)
{
	if (l->conn.fd < 0)
		return;
	ml_conn_begin(&l->conn, 'Q');
	ml_conn_end(&l->conn);
	if (ml_conn_flush(&l->conn, NULL) != GP_OK)
		ml_conn_close(&l->conn);
	ml_conn_close(&l->conn);
}

static void
end_message(struct ml_session *s, bool lost)
{
	const struct ml_options *o = s->o;
	struct link *l;

	for (size_t i = 0; i < o->n_sockets; i++) {
		l = &s->link[i];
		if (l->conn.fd < 0)
			continue;
		if (!lost && (!o->lean || !l->ended)) {
			ml_conn_begin(&l->conn, 'A');
			ml_conn_end(&l->conn);
		}
		if (lost)
			ml_conn_close(&l->conn);
		else if (l->standing == DONE_CONNECTION ||
			 (o->per_conn > 0 && l->messages >= o->per_conn))
			hang_up(l);
	}
}

static enum ml_fate
fate_of(const struct ml_session *s, char got)
{
	switch (got) {
	case BROKEN:
		return ML_BROKEN;
	case 'r':
		return ML_REJECTED;
	case 't':
		return ML_TEMPFAILED;
	case 'd':
		return ML_DISCARDED;
	default:
		return s->changes.held ? ML_HELD : ML_ACCEPTED;
	}
}

/* One sentence about what was not as expected. */
static void
explain(const struct ml_session *s, struct ml_result *out)
{
	const char *missing = ml_changes_missing(&s->changes);

	if (out->fate == ML_BROKEN) {
		(void)snprintf(out->why, sizeof out->why,
		    "message %" PRIu64 " from <%.80s>: %.200s",
		    s->facts.numbers.message, s->facts.from, s->err.msg);
		return;
	}
	(void)snprintf(out->why, sizeof out->why,
	    "message %" PRIu64 " (%.60s) from <%.80s>: %s %.80s%s%s%s%.120s",
	    s->facts.numbers.message, s->facts.mail->origin, s->facts.from,
	    ml_fate_names[out->fate], s->changes.reply,
	    *missing == '\0' ? "" : "; not as asked for: ", missing,
	    *s->changes.added == '\0' ? "" : "; last added ", s->changes.added);
}

void
ml_session_play(struct ml_session *s, uint64_t number, struct ml_result *out)
{
	char got;

	start_message(s, number);
	got = send_message(s);
	out->fate = fate_of(s, got);
	out->bytes = s->facts.mail->size;
	out->as_expected =
	    out->fate == s->o->fate && ml_changes_complete(&s->changes);
	if (!out->as_expected)
		explain(s, out);
	end_message(s, got == BROKEN);
}

enum gp_rc
ml_session_hold(struct ml_session *s, uint64_t number, struct gp_err *err)
{
	start_message(s, number);
	if (!connect_all(s) || ask_all(s, ask_mail) != 'c')
		return gp_fail(err, GP_TEMP, "held connection %" PRIu64 ": %s",
		    number, s->err.msg);
	for (size_t i = 0; i < s->o->n_sockets; i++)
		if (ml_conn_flush(&s->link[i].conn, err) != GP_OK)
			return GP_TEMP;
	return GP_OK;
}

uint64_t
ml_session_connections(const struct ml_session *s)
{
	return s->connections;
}

struct ml_session *
ml_session_new(const struct ml_options *options, const struct ml_mails *mails,
    unsigned id)
{
	struct ml_session *s = gp_xcalloc(1, sizeof *s);

	s->o = options;
	s->mails = mails;
	s->id = id;
	for (size_t i = 0; i < ML_CHAIN_MAX; i++)
		ml_conn_init(&s->link[i].conn, options->write_size);
	ml_changes_init(&s->changes, options);
	return s;
}

void
ml_session_free(struct ml_session *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->o->n_sockets; i++)
		hang_up(&s->link[i]);
	ml_changes_clear(&s->changes);
	free(s);
}
