/* See logfmt.h. */
#include "core/logfmt.h"

#include <stdio.h>
#include <string.h>

/* What stands at the end of a line from which a field was left out. */
static const struct gp_str MORE = { " ...", 4 };

static bool
stands_bare(char c)
{
	return gp_is_print(c) && c != ' ' && c != '"' && c != '\\' && c != '=';
}

static bool
all_bare(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!stands_bare(s.p[i]))
			return false;
	return s.n > 0;
}

/* The form of one byte inside quotes; returns its length. */
static size_t
quote_byte(char c, char out[4])
{
	static const char hex[] = "0123456789abcdef";
	unsigned byte = (unsigned char)c;

	out[0] = '\\';
	if (c == '"' || c == '\\') {
		out[1] = c;
		return 2;
	}
	if (gp_is_print(c)) {
		out[0] = c;
		return 1;
	}
	out[1] = 'x';
	out[2] = hex[byte >> 4];
	out[3] = hex[byte & 15];
	return 4;
}

/* How long the quoted form is, counted no further than past `enough`. */
static size_t
quoted_length(struct gp_str s, size_t enough)
{
	char form[4];
	size_t n = 2;

	for (size_t i = 0; i < s.n && n <= enough; i++)
		n += quote_byte(s.p[i], form);
	return n;
}

/* The quoted form in at most `room` bytes (5 or more), cut where it must. */
static void
quote(struct gp_str value, char *out, size_t room)
{
	bool whole = quoted_length(value, room) <= room;
	struct gp_str tail = whole ? GP_STR("\"") : GP_STR("\"...");
	size_t n = 1;
	char form[4];

	out[0] = '"';
	for (size_t i = 0; i < value.n; i++) {
		size_t length = quote_byte(value.p[i], form);

		if (n + length > room - tail.n)
			break;
		memcpy(out + n, form, length);
		n += length;
	}
	memcpy(out + n, tail.p, tail.n);
	out[n + tail.n] = '\0';
}

const char *
gp_log_escape(struct gp_str value, char *out, size_t size)
{
	enum { QUOTES_AND_DOTS = 5 };

	if (value.n < size && all_bare(value)) {
		memcpy(out, value.p, value.n);
		out[value.n] = '\0';
	} else if (size > QUOTES_AND_DOTS) {
		quote(value, out, size - 1);
	} else if (size > 0) {
		out[0] = '\0';
	}
	return out;
}

static void
append(struct gp_logline *l, struct gp_str s)
{
	memcpy(l->text + l->n, s.p, s.n);
	l->n += s.n;
	l->text[l->n] = '\0';
}

void
gp_logline_start(struct gp_logline *l, struct gp_str queue_id)
{
	char id[GP_LOG_VALUE_MAX + 1];

	if (queue_id.n == 0)
		queue_id = GP_STR("NOQUEUE");
	l->n = 0;
	l->cut = false;
	append(l, gp_str(gp_log_escape(queue_id, id, sizeof(id))));
	append(l, GP_STR(":"));
}

void
gp_logline_add(struct gp_logline *l, const char *key, struct gp_str value)
{
	char escaped[GP_LOG_VALUE_MAX + 1];
	struct gp_str k = gp_str(key);
	struct gp_str v =
	    gp_str(gp_log_escape(value, escaped, sizeof(escaped)));
	size_t used = l->cut ? l->n - MORE.n : l->n;

	if (k.n + v.n + 2 + MORE.n > GP_LOG_LINE_MAX - used) {
		if (!l->cut)
			append(l, MORE);
		l->cut = true;
		return;
	}
	l->n = used;
	append(l, GP_STR(" "));
	append(l, k);
	append(l, GP_STR("="));
	append(l, v);
	if (l->cut)
		append(l, MORE);
}

void
gp_logline_adds(struct gp_logline *l, const char *key, const char *value)
{
	gp_logline_add(l, key, gp_str(value));
}

void
gp_logline_addu(struct gp_logline *l, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	gp_logline_add(l, key, gp_str(text));
}
