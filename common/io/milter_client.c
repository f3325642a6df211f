/* See milter_client.h. */
#include "io/milter_client.h"

#include "io/clock.h"
#include "io/stream.h"

#include <string.h>

#define CLIENT_PORT 40000
#define OUT_MAX     ((size_t)4 * GP_FIELDS_BYTES)
#define IN_MAX      ((size_t)2 * GP_MILTER_PACKET_MAX)

/* One connection. */
struct talk {
	const struct gp_milter_call *call;
	const struct gp_milter_mail *mail;
	struct gp_header *header;
	struct gp_milter_outcome *out;
	struct gp_err *err;
	struct gp_stream stream;
	struct gp_buf to, from; /* not yet sent; not yet read */
	size_t read;            /* octets of `from` that were */
	bool over;              /* the filter wants no more of it */
};

static const char *
event_name(enum gp_milter_event event)
{
	switch (event) {
	case GP_MILTER_OFFER:
		return "the offer";
	case GP_MILTER_CONNECT:
		return "the connection";
	case GP_MILTER_HELO:
		return "HELO";
	case GP_MILTER_MAIL:
		return "MAIL";
	case GP_MILTER_RCPT:
		return "RCPT";
	case GP_MILTER_DATA:
		return "DATA";
	case GP_MILTER_HEADER:
		return "a header field";
	case GP_MILTER_EOH:
		return "the end of the header";
	case GP_MILTER_BODY:
		return "the body";
	case GP_MILTER_EOM:
		return "the end of the message";
	case GP_MILTER_MACROS:
	case GP_MILTER_ABORT:
	case GP_MILTER_QUIT:
	default:
		return "a command";
	}
}

static enum gp_rc
in_context(const struct talk *t, enum gp_rc rc)
{
	struct gp_err why = *t->err;

	return gp_fail(t->err, rc, "%s: %s: %s", t->call->socket,
	    event_name(t->out->event), why.msg);
}

/* -- packets ------------------------------------------------------------ */

static enum gp_rc
flush(struct talk *t)
{
	enum gp_rc rc;

	if (t->to.overflow)
		return gp_fail(t->err, GP_PERM, "the message is too large");
	rc = gp_stream_send(&t->stream, gp_buf_str(&t->to), t->err);
	gp_buf_reset(&t->to);
	return rc;
}

/* The next packet; it is valid until the next call. */
static enum gp_rc
receive(struct talk *t, struct gp_milter_packet *out)
{
	for (;;) {
		struct gp_str rest =
		    gp_str_n(t->from.p + t->read, t->from.n - t->read);
		enum gp_rc rc =
		    rest.n == 0 ? GP_NONE : gp_milter_take(&rest, out, t->err);

		if (rc != GP_NONE) {
			t->read = t->from.n - rest.n;
			return rc;
		}
		if (t->read > 0) {
			(void)memmove(t->from.p, t->from.p + t->read,
			    t->from.n - t->read);
			t->from.n -= t->read;
			t->read = 0;
		}
		rc = gp_stream_receive(&t->stream, &t->from, t->err);
		if (rc != GP_OK)
			return rc == GP_NONE ? GP_TEMP : rc;
	}
}

static enum gp_rc
offer(struct talk *t)
{
	struct gp_milter_packet packet;
	enum gp_rc rc;

	t->out->event = GP_MILTER_OFFER;
	gp_milter_put_offer(&t->to);
	rc = flush(t);
	if (rc == GP_OK)
		rc = receive(t, &packet);
	if (rc == GP_OK)
		rc = gp_milter_agree(&packet, &t->out->agreed, t->err);
	return rc;
}

/* -- answers ------------------------------------------------------------ */

static const char *
keep(struct talk *t, struct gp_str text)
{
	return gp_arena_strndup(t->call->arena, text.p == NULL ? "" : text.p,
	    text.n);
}

/* What came before the answer to the end of the message. */
static enum gp_rc
apply(struct talk *t, const struct gp_milter_reply *edit)
{
	if (edit->answer == GP_MILTER_HOLD)
		t->out->held = keep(t, edit->value);
	if (edit->answer == GP_MILTER_PROGRESS ||
	    edit->answer == GP_MILTER_HOLD)
		return GP_OK;
	if (++t->out->edits > GP_MILTER_EDITS_MAX)
		return gp_fail(t->err, GP_PERM, "too many edits");
	gp_milter_edit(t->header, t->call->arena, &t->out->agreed, edit);
	return GP_OK;
}

static void
judge(struct talk *t, const struct gp_milter_reply *r)
{
	const char *text =
	    r->answer == GP_MILTER_REPLY ? keep(t, r->value) : "";
	const bool refused = r->answer == GP_MILTER_REJECT ||
	                     r->answer == GP_MILTER_TEMPFAIL ||
	                     r->answer == GP_MILTER_REPLY;

	if (refused && t->out->event == GP_MILTER_RCPT) {
		t->out->to_rcpt = r->answer;
		t->out->rcpt_text = text;
		return;
	}
	t->out->answer =
	    r->answer == GP_MILTER_SKIP ? GP_MILTER_CONTINUE : r->answer;
	t->out->text = text;
	t->over = t->out->answer != GP_MILTER_CONTINUE;
}

static enum gp_rc
hear(struct talk *t)
{
	struct gp_milter_packet packet;
	struct gp_milter_reply reply;
	unsigned progress = 0;
	enum gp_rc rc;

	for (;;) {
		rc = receive(t, &packet);
		if (rc == GP_OK)
			rc = gp_milter_read(&packet, &t->out->agreed,
			    t->out->event, &reply, t->err);
		if (rc != GP_OK)
			return rc;
		if (reply.answer < GP_MILTER_PROGRESS)
			break;
		rc = apply(t, &reply);
		if (rc != GP_OK)
			return rc;
		if (++progress > 2 * GP_MILTER_EDITS_MAX)
			return gp_fail(t->err, GP_PERM, "it never ends");
	}
	judge(t, &reply);
	return GP_OK;
}

/* -- events ------------------------------------------------------------- */

/* Is the event one that the filter wants to see? */
static bool
begin(struct talk *t, enum gp_milter_event event, uint32_t not_sent)
{
	if (t->over || (t->out->agreed.steps & not_sent) != 0)
		return false;
	t->out->event = event;
	return true;
}

static enum gp_rc
finish(struct talk *t, uint32_t not_answered)
{
	enum gp_rc rc = flush(t);

	if (rc == GP_OK && (t->out->agreed.steps & not_answered) == 0)
		rc = hear(t);
	return rc;
}

static enum gp_rc
say_connect(struct talk *t)
{
	const struct gp_milter_mail *m = t->mail;
	const struct gp_str macros[] = { GP_STR("j"), gp_str(m->mta_name),
		GP_STR("{daemon_name}"), gp_str(m->daemon_name), GP_STR("v"),
		GP_STR("gatepost") };

	if (!begin(t, GP_MILTER_CONNECT, GP_MILTER_NO_CONNECT))
		return GP_OK;
	gp_milter_put_macros(&t->to, GP_MILTER_CONNECT, macros,
	    sizeof(macros) / sizeof(macros[0]));
	gp_milter_put_connect(&t->to, gp_str(m->client_name), &m->client,
	    CLIENT_PORT);
	return finish(t, GP_MILTER_NR_CONNECT);
}

static enum gp_rc
say_helo(struct talk *t)
{
	const struct gp_str helo = gp_str(t->mail->helo);

	if (!begin(t, GP_MILTER_HELO, GP_MILTER_NO_HELO))
		return GP_OK;
	gp_milter_put(&t->to, GP_MILTER_HELO, &helo, 1);
	return finish(t, GP_MILTER_NR_HELO);
}

static enum gp_rc
say_mail(struct talk *t)
{
	const struct gp_str sender = gp_str(t->mail->sender);
	const struct gp_str macros[] = { GP_STR("{mail_mailer}"),
		GP_STR("smtp") };

	if (!begin(t, GP_MILTER_MAIL, GP_MILTER_NO_MAIL))
		return GP_OK;
	gp_milter_put_macros(&t->to, GP_MILTER_MAIL, macros, 2);
	gp_milter_put(&t->to, GP_MILTER_MAIL, &sender, 1);
	return finish(t, GP_MILTER_NR_MAIL);
}

static enum gp_rc
say_rcpt(struct talk *t)
{
	const struct gp_str rcpt = gp_str(t->mail->rcpt);
	const struct gp_str macros[] = { GP_STR("{rcpt_mailer}"),
		GP_STR("smtp") };

	if (!begin(t, GP_MILTER_RCPT, GP_MILTER_NO_RCPT))
		return GP_OK;
	gp_milter_put_macros(&t->to, GP_MILTER_RCPT, macros, 2);
	gp_milter_put(&t->to, GP_MILTER_RCPT, &rcpt, 1);
	return finish(t, GP_MILTER_NR_RCPT);
}

static void
put_queue_id(struct talk *t, enum gp_milter_event event)
{
	const struct gp_str macros[] = { GP_STR("i"),
		gp_str(t->mail->queue_id) };

	gp_milter_put_macros(&t->to, event, macros, 2);
}

static enum gp_rc
say_data(struct talk *t)
{
	if (!begin(t, GP_MILTER_DATA, GP_MILTER_NO_DATA))
		return GP_OK;
	put_queue_id(t, GP_MILTER_DATA);
	gp_milter_put(&t->to, GP_MILTER_DATA, NULL, 0);
	return finish(t, GP_MILTER_NR_DATA);
}

/* What follows the colon, with its first blank only where that was agreed. */
static struct gp_str
value_of(const struct talk *t, const struct gp_field *field)
{
	struct gp_str v = field->value;

	if ((t->out->agreed.steps & GP_MILTER_LEADING_SPACE) == 0 && v.n > 0 &&
	    v.p[0] == ' ')
		v = gp_str_n(v.p + 1, v.n - 1);
	return v;
}

static enum gp_rc
say_header(struct talk *t)
{
	enum gp_rc rc = GP_OK;

	for (size_t i = 0; rc == GP_OK && i < t->header->n; i++) {
		const struct gp_str texts[] = { t->header->v[i].name,
			value_of(t, &t->header->v[i]) };

		if (!begin(t, GP_MILTER_HEADER, GP_MILTER_NO_HEADERS))
			return GP_OK;
		gp_milter_put(&t->to, GP_MILTER_HEADER, texts, 2);
		rc = finish(t, GP_MILTER_NR_HEADERS);
	}
	return rc;
}

static enum gp_rc
say_eoh(struct talk *t)
{
	if (!begin(t, GP_MILTER_EOH, GP_MILTER_NO_EOH))
		return GP_OK;
	put_queue_id(t, GP_MILTER_EOH);
	gp_milter_put(&t->to, GP_MILTER_EOH, NULL, 0);
	return finish(t, GP_MILTER_NR_EOH);
}

static enum gp_rc
say_body(struct talk *t)
{
	if (!begin(t, GP_MILTER_BODY, GP_MILTER_NO_BODY))
		return GP_OK;
	gp_milter_put_body(&t->to, t->mail->body);
	return finish(t, GP_MILTER_NR_BODY);
}

static enum gp_rc
say_eom(struct talk *t)
{
	if (!begin(t, GP_MILTER_EOM, 0))
		return GP_OK;
	put_queue_id(t, GP_MILTER_EOM);
	gp_milter_put(&t->to, GP_MILTER_EOM, NULL, 0);
	return finish(t, 0);
}

static enum gp_rc
say_all(struct talk *t)
{
	static enum gp_rc (*const steps[])(struct talk *) = { offer,
		say_connect, say_helo, say_mail, say_rcpt, say_data, say_header,
		say_eoh, say_body, say_eom };
	enum gp_rc rc = GP_OK;

	for (size_t i = 0; rc == GP_OK && i < sizeof(steps) / sizeof(steps[0]);
	     i++)
		rc = steps[i](t);
	return rc == GP_OK ? GP_OK : in_context(t, rc);
}

/* Whatever becomes of it: the filter need not wait for more. */
static void
take_leave(struct talk *t)
{
	gp_buf_reset(&t->to);
	gp_milter_put(&t->to, GP_MILTER_QUIT, NULL, 0);
	if (gp_stream_send(&t->stream, gp_buf_str(&t->to), NULL) != GP_OK)
		return; /* it has gone first */
}

enum gp_rc
gp_milter_say(const struct gp_milter_call *call,
    const struct gp_milter_mail *mail, struct gp_header *header,
    struct gp_milter_outcome *out, struct gp_err *err)
{
	const int64_t start_us = gp_clock_us();
	struct gp_err own = { .msg = "" };
	struct talk t = { .call = call,
		.mail = mail,
		.header = header,
		.out = out,
		.err = err == NULL ? &own : err };
	enum gp_rc rc;

	*out = (struct gp_milter_outcome){ .event = GP_MILTER_OFFER,
		.text = "",
		.rcpt_text = "" };
	gp_buf_init(&t.to, OUT_MAX);
	gp_buf_init(&t.from, IN_MAX);
	rc = gp_stream_open(call->socket, call->timeout_ms, &t.stream, t.err);
	if (rc == GP_OK) {
		rc = say_all(&t);
		take_leave(&t);
		gp_stream_close(&t.stream);
	}
	gp_buf_clear(&t.to);
	gp_buf_clear(&t.from);
	out->took_us = gp_clock_us() - start_us;
	return rc;
}
