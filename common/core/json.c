/* See json.h. */
#include "core/json.h"

#define REPLACEMENT "\\ufffd"

static void
add_escaped(struct gp_buf *out, char c)
{
	unsigned char u = (unsigned char)c;

	if (c == '"' || c == '\\') {
		gp_buf_addc(out, '\\');
		gp_buf_addc(out, c);
	} else if (c == '\n') {
		gp_buf_adds(out, "\\n");
	} else if (c == '\t') {
		gp_buf_adds(out, "\\t");
	} else if (u < 0x20 || u == 0x7f) {
		gp_buf_addf(out, "\\u%04x", u);
	} else {
		gp_buf_addc(out, c);
	}
}

/* Octets of the UTF-8 sequence that `s` begins with; 0: none. */
static size_t
sequence(struct gp_str s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++)
		if (gp_str_is_utf8(gp_str_n(s.p, n)))
			return n;
	return 0;
}

static void
quote(struct gp_buf *out, struct gp_str s)
{
	gp_buf_addc(out, '"');
	while (s.n > 0) {
		size_t n = sequence(s);

		if (n == 0)
			gp_buf_adds(out, REPLACEMENT);
		else if (n == 1)
			add_escaped(out, s.p[0]);
		else
			gp_buf_add(out, s.p, n);
		n = n == 0 ? 1 : n;
		s = gp_str_n(s.p + n, s.n - n);
	}
	gp_buf_addc(out, '"');
}

void
gp_json_init(struct gp_json *j, struct gp_buf *out)
{
	*j = (struct gp_json){ .out = out };
}

static void
begin(struct gp_json *j, const char *key)
{
	if (j->more[j->depth])
		gp_buf_adds(j->out, ", ");
	j->more[j->depth] = true;
	if (key != NULL) {
		quote(j->out, gp_str(key));
		gp_buf_adds(j->out, ": ");
	}
}

static void
nest(struct gp_json *j, const char *key, char open, char close)
{
	begin(j, key);
	gp_buf_addc(j->out, open);
	if (j->depth < GP_JSON_DEPTH_MAX)
		j->depth++;
	j->more[j->depth] = false;
	j->close[j->depth] = close;
}

void
gp_json_object(struct gp_json *j, const char *key)
{
	nest(j, key, '{', '}');
}

void
gp_json_array(struct gp_json *j, const char *key)
{
	nest(j, key, '[', ']');
}

void
gp_json_end(struct gp_json *j)
{
	gp_buf_addc(j->out, j->close[j->depth]);
	if (j->depth > 0)
		j->depth--;
}

void
gp_json_str(struct gp_json *j, const char *key, struct gp_str value)
{
	begin(j, key);
	quote(j->out, value);
}

void
gp_json_string(struct gp_json *j, const char *key, const char *value)
{
	if (value == NULL)
		gp_json_null(j, key);
	else
		gp_json_str(j, key, gp_str(value));
}

void
gp_json_int(struct gp_json *j, const char *key, int64_t value)
{
	begin(j, key);
	gp_buf_addf(j->out, "%lld", (long long)value);
}

void
gp_json_bool(struct gp_json *j, const char *key, bool value)
{
	begin(j, key);
	gp_buf_adds(j->out, value ? "true" : "false");
}

void
gp_json_null(struct gp_json *j, const char *key)
{
	begin(j, key);
	gp_buf_adds(j->out, "null");
}
