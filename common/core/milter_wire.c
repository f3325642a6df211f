/* See milter_wire.h. */
#include "core/milter_wire.h"

#include <string.h>

#define LENGTH_OCTETS 4
#define BODY_MAX      65535
#define STAGES        7 /* that have a list of macros */

/* -- packets of the MTA ------------------------------------------------- */

static void
put_u32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> (24 - 8 * i));
}

static void
add_u32(struct gp_buf *out, uint32_t v)
{
	char octets[4];

	put_u32(octets, v);
	gp_buf_add(out, octets, sizeof(octets));
}

/* Room for the length, and the command; returns where the packet begins. */
static size_t
begin(struct gp_buf *out, enum gp_milter_event event)
{
	size_t at = out->n;

	add_u32(out, 0);
	gp_buf_addc(out, (char)event);
	return at;
}

static void
end(struct gp_buf *out, size_t at)
{
	if (!out->overflow)
		put_u32(out->p + at, (uint32_t)(out->n - at - LENGTH_OCTETS));
}

static void
add_text(struct gp_buf *out, struct gp_str text)
{
	gp_buf_add(out, text.p, gp_str_find(text, '\0'));
	gp_buf_addc(out, '\0');
}

void
gp_milter_put(struct gp_buf *out, enum gp_milter_event event,
    const struct gp_str *texts, size_t n)
{
	size_t at = begin(out, event);

	for (size_t i = 0; i < n; i++)
		add_text(out, texts[i]);
	end(out, at);
}

void
gp_milter_put_offer(struct gp_buf *out)
{
	size_t at = begin(out, GP_MILTER_OFFER);

	add_u32(out, GP_MILTER_VERSION);
	add_u32(out, GP_MILTER_ACTIONS);
	add_u32(out, GP_MILTER_STEPS);
	end(out, at);
}

void
gp_milter_put_connect(struct gp_buf *out, struct gp_str name,
    const struct gp_ip *client, uint16_t port)
{
	size_t at = begin(out, GP_MILTER_CONNECT);
	char text[GP_IP_TEXT];

	add_text(out, name);
	if (client->family == GP_IP_UNKNOWN) {
		gp_buf_addc(out, 'U');
	} else {
		gp_buf_addc(out, client->family == GP_IP_V6 ? '6' : '4');
		gp_buf_addc(out, (char)(port >> 8));
		gp_buf_addc(out, (char)(port & 0xff));
		gp_buf_adds(out, client->family == GP_IP_V6 ? "IPv6:" : "");
		add_text(out, gp_str(gp_ip_format(client, text)));
	}
	end(out, at);
}

void
gp_milter_put_macros(struct gp_buf *out, enum gp_milter_event event,
    const struct gp_str *texts, size_t n)
{
	size_t at = begin(out, GP_MILTER_MACROS);

	gp_buf_addc(out, (char)event);
	for (size_t i = 0; i < n; i++)
		add_text(out, texts[i]);
	end(out, at);
}

void
gp_milter_put_body(struct gp_buf *out, struct gp_str piece)
{
	size_t at = begin(out, GP_MILTER_BODY);

	gp_buf_add(out, piece.p, piece.n > BODY_MAX ? BODY_MAX : piece.n);
	end(out, at);
}

/* -- readers ------------------------------------------------------------ */

static bool
take_u32(struct gp_str *in, uint32_t *out)
{
	*out = 0;
	if (in->n < 4)
		return false;
	for (int i = 0; i < 4; i++)
		*out = *out << 8 | (unsigned char)in->p[i];
	*in = gp_str_n(in->p + 4, in->n - 4);
	return true;
}

/* Up to its NUL, which must be there. */
static bool
take_text(struct gp_str *in, struct gp_str *out)
{
	size_t n = gp_str_find(*in, '\0');

	if (n == in->n)
		return false;
	*out = gp_str_n(in->p, n);
	*in = gp_str_n(in->p + n + 1, in->n - n - 1);
	return true;
}

enum gp_rc
gp_milter_take(struct gp_str *in, struct gp_milter_packet *out,
    struct gp_err *err)
{
	struct gp_str rest = *in;
	uint32_t n;

	if (!take_u32(&rest, &n))
		return GP_NONE;
	if (n == 0 || n > GP_MILTER_PACKET_MAX)
		return gp_fail(err, GP_PERM, "a packet of %u octets", n);
	if (rest.n < n)
		return GP_NONE;
	out->command = rest.p[0];
	out->data = gp_str_n(rest.p + 1, n - 1);
	*in = gp_str_n(rest.p + n, rest.n - n);
	return GP_OK;
}

/* The lists of macros that a filter wants: stage and names. */
static bool
are_symbols(struct gp_str data)
{
	while (data.n > 0) {
		struct gp_str names;
		uint32_t stage;

		if (!take_u32(&data, &stage) || stage >= STAGES ||
		    !take_text(&data, &names))
			return false;
	}
	return true;
}

enum gp_rc
gp_milter_agree(const struct gp_milter_packet *packet,
    struct gp_milter_agreed *out, struct gp_err *err)
{
	struct gp_str data = packet->data;

	*out = (struct gp_milter_agreed){ .version = 0 };
	if (packet->command != GP_MILTER_OFFER ||
	    !take_u32(&data, &out->version) ||
	    !take_u32(&data, &out->actions) || !take_u32(&data, &out->steps) ||
	    !are_symbols(data))
		return gp_fail(err, GP_PERM, "no answer to our offer");
	if (out->version < 2 || out->version > GP_MILTER_VERSION ||
	    (out->actions & ~(uint32_t)GP_MILTER_ACTIONS) != 0 ||
	    (out->steps & ~(uint32_t)GP_MILTER_STEPS) != 0)
		return gp_fail(err, GP_PERM,
		    "version %u, actions 0x%x, steps 0x%x were not offered",
		    out->version, out->actions, out->steps);
	return GP_OK;
}

/* -- answers ------------------------------------------------------------ */

/* By its letter: what it is, and what must have been agreed on for it. */
static const struct answer {
	char command;
	enum gp_milter_answer answer;
	uint32_t action;
} answers[] = {
	{ 'c', GP_MILTER_CONTINUE, 0 },
	{ 'a', GP_MILTER_ACCEPT, 0 },
	{ 'd', GP_MILTER_DISCARD, 0 },
	{ 'r', GP_MILTER_REJECT, 0 },
	{ 't', GP_MILTER_TEMPFAIL, 0 },
	{ 'y', GP_MILTER_REPLY, 0 },
	{ 's', GP_MILTER_SKIP, 0 },
	{ '4', GP_MILTER_SHUTDOWN, 0 },
	{ 'p', GP_MILTER_PROGRESS, 0 },
	{ 'h', GP_MILTER_ADD, GP_MILTER_ADD_HEADER },
	{ 'i', GP_MILTER_INSERT, GP_MILTER_ADD_HEADER },
	{ 'm', GP_MILTER_CHANGE, GP_MILTER_CHANGE_HEADER },
	{ 'q', GP_MILTER_HOLD, GP_MILTER_QUARANTINE },
	{ 'b', GP_MILTER_EDIT, GP_MILTER_CHANGE_BODY },
	{ '+', GP_MILTER_EDIT, GP_MILTER_ADD_RCPT },
	{ '2', GP_MILTER_EDIT, GP_MILTER_ADD_RCPT_ARGS },
	{ '-', GP_MILTER_EDIT, GP_MILTER_DELETE_RCPT },
	{ 'e', GP_MILTER_EDIT, GP_MILTER_CHANGE_FROM },
};
#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static const struct answer *
find_answer(char command)
{
	for (size_t i = 0; i < ANSWERS; i++)
		if (answers[i].command == command)
			return &answers[i];
	return NULL;
}

/* RFC 5322 3.6.8 */
static bool
is_field_name(struct gp_str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!gp_is_print(name.p[i]) || name.p[i] == ' ' ||
		    name.p[i] == ':')
			return false;
	return name.n > 0;
}

/* Does a line end only where the next line goes on with white space? */
static bool
is_field_value(struct gp_str v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\r' && (i + 1 == v.n || v.p[i + 1] != '\n'))
			return false;
		if (v.p[i] == '\n' &&
		    (i + 1 == v.n || (v.p[i + 1] != ' ' && v.p[i + 1] != '\t')))
			return false;
	}
	return true;
}

/* "4" or "5", two more digits, and a blank, a hyphen or nothing. */
static bool
is_smtp_reply(struct gp_str s)
{
	if (s.n < 3 || (s.p[0] != '4' && s.p[0] != '5') ||
	    !gp_is_digit(s.p[1]) || !gp_is_digit(s.p[2]))
		return false;
	return s.n == 3 || s.p[3] == ' ' || s.p[3] == '-';
}

/* A field's name and value, and nothing else. */
static bool
read_field(struct gp_str data, struct gp_milter_reply *out)
{
	return take_text(&data, &out->name) && take_text(&data, &out->value) &&
	       data.n == 0 && is_field_name(out->name) &&
	       is_field_value(out->value);
}

static bool
read_text(struct gp_str data, struct gp_milter_reply *out)
{
	return take_text(&data, &out->value) && data.n == 0;
}

static bool
read_data(struct gp_str data, struct gp_milter_reply *out)
{
	switch (out->answer) {
	case GP_MILTER_INSERT:
	case GP_MILTER_CHANGE:
		return take_u32(&data, &out->index) && read_field(data, out);
	case GP_MILTER_ADD:
		return read_field(data, out);
	case GP_MILTER_REPLY:
		return read_text(data, out) && is_smtp_reply(out->value);
	case GP_MILTER_HOLD:
		return read_text(data, out);
	case GP_MILTER_EDIT:
		return true;
	case GP_MILTER_CONTINUE:
	case GP_MILTER_ACCEPT:
	case GP_MILTER_DISCARD:
	case GP_MILTER_REJECT:
	case GP_MILTER_TEMPFAIL:
	case GP_MILTER_SKIP:
	case GP_MILTER_SHUTDOWN:
	case GP_MILTER_PROGRESS:
	default:
		return data.n == 0;
	}
}

static bool
may_come(const struct answer *a, const struct gp_milter_agreed *agreed,
    enum gp_milter_event event)
{
	if ((agreed->actions & a->action) != a->action)
		return false;
	if (a->answer == GP_MILTER_SKIP)
		return event == GP_MILTER_BODY &&
		       (agreed->steps & GP_MILTER_MAY_SKIP) != 0;
	return a->answer < GP_MILTER_PROGRESS || event == GP_MILTER_EOM;
}

enum gp_rc
gp_milter_read(const struct gp_milter_packet *packet,
    const struct gp_milter_agreed *agreed, enum gp_milter_event event,
    struct gp_milter_reply *out, struct gp_err *err)
{
	const struct answer *a = find_answer(packet->command);

	*out = (struct gp_milter_reply){ .index = 0 };
	if (a == NULL)
		return gp_fail(err, GP_PERM, "an unknown answer (0x%02x)",
		    (unsigned char)packet->command);
	if (!may_come(a, agreed, event))
		return gp_fail(err, GP_PERM,
		    "an answer that was not agreed on ('%c')", a->command);
	out->answer = a->answer;
	if (!read_data(packet->data, out))
		return gp_fail(err, GP_PERM, "a broken answer ('%c')",
		    a->command);
	return GP_OK;
}

/* -- edits -------------------------------------------------------------- */

/* Where `edit` applies: the number of a field, or h->n. */
static size_t
place_of(const struct gp_header *h, const struct gp_milter_reply *edit)
{
	uint32_t left = edit->index == 0 ? 1 : edit->index;

	if (edit->answer == GP_MILTER_INSERT)
		return edit->index < h->n ? edit->index : h->n;
	for (size_t i = 0; edit->answer == GP_MILTER_CHANGE && i < h->n; i++)
		if (gp_str_eq_nocase(h->v[i].name, edit->name) && --left == 0)
			return i;
	return h->n;
}

static void
cut(struct gp_header *h, size_t at)
{
	h->bytes -= h->v[at].name.n + h->v[at].value.n;
	h->n--;
	(void)memmove(h->v + at, h->v + at + 1, (h->n - at) * sizeof(*h->v));
}

void
gp_milter_edit(struct gp_header *h, struct gp_arena *arena,
    const struct gp_milter_agreed *agreed, const struct gp_milter_reply *edit)
{
	struct gp_str value = edit->value;
	struct gp_field last;
	size_t at;

	if (edit->answer != GP_MILTER_ADD && edit->answer != GP_MILTER_INSERT &&
	    edit->answer != GP_MILTER_CHANGE)
		return;
	at = place_of(h, edit);
	if (edit->answer == GP_MILTER_CHANGE && at < h->n)
		cut(h, at);
	if (value.n == 0)
		return;
	if ((agreed->steps & GP_MILTER_LEADING_SPACE) == 0)
		value =
		    gp_str(gp_arena_printf(arena, " %.*s", GP_STR_ARG(value)));
	gp_header_add(h, arena, edit->name, value);
	if (h->over || at + 1 >= h->n)
		return;
	last = h->v[h->n - 1];
	(void)memmove(h->v + at + 1, h->v + at,
	    (h->n - 1 - at) * sizeof(*h->v));
	h->v[at] = last;
}

const char *
gp_milter_answer_name(enum gp_milter_answer answer)
{
	static const char *const names[] = { "continue", "accept", "discard",
		"reject", "tempfail", "reply", "skip", "shutdown", "progress",
		"add", "insert", "change", "hold", "edit" };

	return names[answer];
}
