/* See logread.h. */
#include "core/logread.h"

#include <string.h>

static const struct gp_str DOTS = { "...", 3 };

static bool
stands_bare(char c)
{
	return gp_is_print(c) && c != ' ' && c != '"' && c != '\\' && c != '=';
}

static bool
begins_with(struct gp_str s, struct gp_str with)
{
	return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static struct gp_str
behind(struct gp_str s, size_t n)
{
	return gp_str_n(s.p + n, s.n - n);
}

/* The octet that `s`, inside of quotes, begins with; how long its form is, or
 * 0: it is none. */
static size_t
unquote_byte(struct gp_str s, char *out)
{
	int high;
	int low;

	if (s.n == 0 || !gp_is_print(s.p[0]) || s.p[0] == '"')
		return 0;
	*out = s.p[0];
	if (s.p[0] != '\\')
		return 1;
	if (s.n >= 2 && (s.p[1] == '\\' || s.p[1] == '"')) {
		*out = s.p[1];
		return 2;
	}
	if (s.n < 4 || s.p[1] != 'x')
		return 0;
	high = gp_hex_value(s.p[2]);
	low = gp_hex_value(s.p[3]);
	if (high < 0 || low < 0)
		return 0;
	*out = (char)(high * 16 + low);
	return 4;
}

/* A value in quotes, with its dots; false: it has no end. */
static bool
read_quoted(struct gp_str *s, struct gp_buf *out, bool *cut)
{
	struct gp_str rest = behind(*s, 1);
	size_t n;
	char c;

	while ((n = unquote_byte(rest, &c)) > 0) {
		gp_buf_addc(out, c);
		rest = behind(rest, n);
	}
	if (rest.n == 0 || rest.p[0] != '"')
		return false;
	rest = behind(rest, 1);
	*cut = begins_with(rest, DOTS);
	*s = behind(rest, *cut ? DOTS.n : 0);
	return true;
}

static bool
read_value(struct gp_str *s, struct gp_buf *out, bool *cut)
{
	size_t n = 0;

	*cut = false;
	if (s->n > 0 && s->p[0] == '"')
		return read_quoted(s, out, cut);
	while (n < s->n && stands_bare(s->p[n]))
		n++;
	gp_buf_add(out, s->p, n);
	*s = behind(*s, n);
	return n > 0;
}

enum gp_rc
gp_logread_id(struct gp_str *line, struct gp_buf *id, struct gp_err *err)
{
	struct gp_str rest = *line;
	bool cut;
	size_t end = 0;

	if (rest.n > 0 && rest.p[0] == '"') {
		if (!read_quoted(&rest, id, &cut))
			return gp_fail(err, GP_PERM, "the id has no end");
	} else {
		/* an id may have colons: the one before a blank ends it */
		while (end < rest.n && stands_bare(rest.p[end]))
			end++;
		if (end < 2 || rest.p[end - 1] != ':')
			return gp_fail(err, GP_PERM, "there is no id");
		gp_buf_add(id, rest.p, end - 1);
		rest = behind(rest, end - 1);
	}
	if (rest.n == 0 || rest.p[0] != ':' || (rest.n > 1 && rest.p[1] != ' '))
		return gp_fail(err, GP_PERM, "there is no colon behind the id");
	*line = behind(rest, 1);
	return GP_OK;
}

enum gp_rc
gp_logread_next(struct gp_str *rest, struct gp_logfield *field,
    struct gp_err *err)
{
	struct gp_str s = *rest;
	size_t n = 0;

	gp_buf_reset(&field->value);
	if (s.n == 0)
		return GP_NONE;
	if (s.p[0] != ' ')
		return gp_fail(err, GP_PERM, "a blank was expected");
	s = behind(s, 1);
	if (gp_str_eq(s, DOTS)) {
		*rest = s;
		return GP_NONE;
	}
	while (n < s.n && (gp_is_alnum(s.p[n]) || s.p[n] == '-' ||
			      s.p[n] == '.' || s.p[n] == '_'))
		n++;
	if (n == 0 || n == s.n || s.p[n] != '=')
		return gp_fail(err, GP_PERM, "KEY=VALUE was expected");
	field->key = gp_str_n(s.p, n);
	s = behind(s, n + 1);
	if (!read_value(&s, &field->value, &field->cut) ||
	    (s.n > 0 && s.p[0] != ' '))
		return gp_fail(err, GP_PERM, "the value of %.*s is odd",
		    GP_STR_ARG(field->key));
	*rest = s;
	return GP_OK;
}
