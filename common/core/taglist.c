/* See taglist.h. */
#include "core/taglist.h"

#include <string.h>

/* How many octets of white space `s` begins with; a line end counts when white
 * space follows it. */
static size_t
fws(struct gp_str s)
{
	size_t n = 0;

	for (;;) {
		size_t end = n;

		if (end + 1 < s.n && s.p[end] == '\r' && s.p[end + 1] == '\n')
			end++;
		if (end < s.n && s.p[end] == '\n')
			end++;
		if (end == s.n || (s.p[end] != ' ' && s.p[end] != '\t'))
			return n;
		n = end + 1;
	}
}

static void
skip(struct gp_str *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

/* tag-name = ALPHA *( ALPHA / DIGIT / "_" ) */
static size_t
name_length(struct gp_str s)
{
	size_t n = 0;

	if (s.n == 0 || !gp_is_alpha(s.p[0]))
		return 0;
	while (n < s.n && (gp_is_alnum(s.p[n]) || s.p[n] == '_'))
		n++;
	return n;
}

/* A value with the white space behind it: up to ";", or to what can not stand
 * in a value. */
static size_t
value_length(struct gp_str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != ';') {
		unsigned char c = (unsigned char)s.p[n];

		if (c > 0x20 && c != 0x7f) {
			n++;
		} else {
			size_t space = fws(gp_str_n(s.p + n, s.n - n));

			if (space == 0)
				break;
			n += space;
		}
	}
	return n;
}

/* One "name = value" from `*rest`, with all white space around it. */
static enum gp_rc
read_tag(struct gp_str *rest, struct gp_tag *tag, struct gp_err *err)
{
	size_t n;

	skip(rest, fws(*rest));
	n = name_length(*rest);
	if (n == 0)
		return gp_fail(err, GP_PERM, "a tag has no name");
	tag->name = gp_str_n(rest->p, n);
	skip(rest, n);
	skip(rest, fws(*rest));
	if (rest->n == 0 || rest->p[0] != '=')
		return gp_fail(err, GP_PERM,
		    "a tag name without '=' behind it");
	skip(rest, 1);
	n = value_length(*rest);
	tag->value = gp_str_trim(gp_str_n(rest->p, n));
	skip(rest, n);
	if (rest->n > 0 && rest->p[0] != ';')
		return gp_fail(err, GP_PERM,
		    "a control character in a tag value");
	if (!gp_str_is_utf8(tag->value))
		return gp_fail(err, GP_PERM, "a tag value that is no UTF-8");
	return GP_OK;
}

static bool
has_tag(const struct gp_taglist *l, struct gp_str name)
{
	for (size_t i = 0; i < l->n; i++)
		if (gp_str_eq(l->v[i].name, name))
			return true;
	return false;
}

enum gp_rc
gp_taglist_parse(struct gp_str text, struct gp_taglist *out, struct gp_err *err)
{
	struct gp_tag tag = { .name = { .n = 0 } };

	out->n = 0;
	if (fws(text) == text.n)
		return gp_fail(err, GP_PERM, "no tags");
	do {
		if (read_tag(&text, &tag, err) != GP_OK)
			return GP_PERM;
		if (has_tag(out, tag.name))
			return gp_fail(err, GP_PERM, "a tag is given twice");
		if (out->n == GP_TAGS_MAX)
			return gp_fail(err, GP_PERM, "more than %d tags",
			    GP_TAGS_MAX);
		out->v[out->n++] = tag;
		if (text.n > 0)
			skip(&text, 1);
	} while (fws(text) < text.n);
	return GP_OK;
}

const struct gp_str *
gp_taglist_get(const struct gp_taglist *l, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].name.n == n && memcmp(l->v[i].name.p, name, n) == 0)
			return &l->v[i].value;
	return NULL;
}

struct gp_str
gp_tag_compact(struct gp_str value, struct gp_arena *arena)
{
	char *p = gp_arena_alloc(arena, value.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++)
		if (!gp_is_space(value.p[i]))
			p[n++] = value.p[i];
	return gp_str_n(p, n);
}
