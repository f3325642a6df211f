/* See message.h. */
#include "core/message.h"

#include <string.h>

/* What is left to read. */
struct reader {
	struct gp_str rest;
	unsigned line; /* of its first octet, from 1 */
};

/* The next line without its end; the text is not at its end. */
static struct gp_str
peek_line(const struct reader *r, size_t *whole)
{
	size_t n = gp_str_find(r->rest, '\n');

	*whole = n < r->rest.n ? n + 1 : n;
	if (n > 0 && r->rest.p[n - 1] == '\r')
		n--;
	return gp_str_n(r->rest.p, n);
}

static void
skip(struct reader *r, size_t n)
{
	r->rest = gp_str_n(r->rest.p + n, r->rest.n - n);
	r->line++;
}

/* Of "name: value" the length of the name with the blanks behind it; 0: the
 * line is none of a header. */
static size_t
name_length(struct gp_str line)
{
	size_t n = 0;
	size_t blanks;

	while (n < line.n && gp_is_print(line.p[n]) && line.p[n] != ' ' &&
	       line.p[n] != ':')
		n++;
	blanks = n;
	while (blanks < line.n &&
	       (line.p[blanks] == ' ' || line.p[blanks] == '\t'))
		blanks++;
	return n > 0 && blanks < line.n && line.p[blanks] == ':' ? blanks : 0;
}

static bool
is_fold(const struct reader *r)
{
	return r->rest.n > 0 && (r->rest.p[0] == ' ' || r->rest.p[0] == '\t');
}

/* -- header ------------------------------------------------------------- */

struct fields {
	struct gp_arena *arena;
	struct gp_message *m;
	size_t cap;
	size_t bytes;
};

static struct gp_field *
new_field(struct fields *f)
{
	if (f->m->n == f->cap) {
		size_t cap = f->cap * 2 + 32;
		struct gp_field *v = gp_arena_alloc(f->arena, cap * sizeof(*v));

		if (f->m->n > 0)
			memcpy(v, f->m->fields, f->m->n * sizeof(*v));
		f->m->fields = v;
		f->cap = cap;
	}
	return &f->m->fields[f->m->n++];
}

/* One field with its folds; GP_PERM: it can not be handed on. */
static enum gp_rc
take_field(struct reader *r, size_t name_n, struct fields *f,
    struct gp_err *err)
{
	const unsigned first = r->line;
	struct gp_buf value;
	struct gp_field *field;
	size_t whole;
	struct gp_str line = peek_line(r, &whole);

	gp_buf_init(&value, GP_MESSAGE_HEADER_MAX);
	field = new_field(f);
	field->name = gp_arena_dup(f->arena, gp_str_n(line.p, name_n));
	gp_buf_add(&value, line.p + name_n + 1, line.n - name_n - 1);
	skip(r, whole);
	while (is_fold(r)) {
		line = peek_line(r, &whole);
		gp_buf_addc(&value, '\n');
		gp_buf_add_str(&value, line);
		skip(r, whole);
	}
	f->bytes += name_n + value.n;
	if (value.overflow)
		f->bytes += GP_MESSAGE_HEADER_MAX;
	field->value =
	    gp_str(gp_arena_strndup(f->arena, gp_buf_cstr(&value), value.n));
	whole = value.n; /* a NUL makes the text shorter than it is */
	gp_buf_clear(&value);
	if (field->value.n != whole)
		return gp_fail(err, GP_PERM, "line %u: a NUL in the header",
		    first);
	return GP_OK;
}

static enum gp_rc
take_header(struct reader *r, struct fields *f, struct gp_err *err)
{
	enum gp_rc rc = GP_OK;

	while (rc == GP_OK && r->rest.n > 0) {
		size_t whole;
		size_t n = name_length(peek_line(r, &whole));

		if (n == 0)
			break;
		rc = take_field(r, n, f, err);
		if (rc == GP_OK && f->bytes > GP_MESSAGE_HEADER_MAX)
			rc = gp_fail(err, GP_PERM,
			    "line %u: the header has more than %d octets",
			    r->line, GP_MESSAGE_HEADER_MAX);
		if (rc == GP_OK && f->m->n > GP_MESSAGE_FIELDS_MAX)
			rc = gp_fail(err, GP_PERM,
			    "line %u: more than %d header fields", r->line,
			    GP_MESSAGE_FIELDS_MAX);
	}
	return rc;
}

/* -- body --------------------------------------------------------------- */

/* Line ends as SMTP has them. */
static struct gp_str
with_crlf(struct gp_str text, struct gp_arena *arena)
{
	size_t extra = 0;
	size_t n = 0;
	char *out;

	for (size_t i = 0; i < text.n; i++)
		extra += text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r');
	out = gp_arena_alloc(arena, text.n + extra + 1);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
			out[n++] = '\r';
		out[n++] = text.p[i];
	}
	return gp_str_n(out, n);
}

enum gp_rc
gp_message_parse(struct gp_str text, struct gp_arena *arena,
    struct gp_message *out, struct gp_err *err)
{
	struct reader r = { .rest = text, .line = 1 };
	struct fields f = { .arena = arena, .m = out };
	size_t whole;

	*out = (struct gp_message){ .n = 0 };
	if (text.n > GP_MESSAGE_MAX)
		return gp_fail(err, GP_PERM, "more than %d octets",
		    GP_MESSAGE_MAX);
	if (text.n >= 5 && memcmp(text.p, "From ", 5) == 0 &&
	    name_length(peek_line(&r, &whole)) == 0)
		skip(&r, whole);
	if (take_header(&r, &f, err) != GP_OK)
		return GP_PERM;
	if (out->n == 0)
		return gp_fail(err, GP_PERM,
		    "line %u: expected a header field, \"Name: value\"",
		    r.line);
	if (r.rest.n > 0 && peek_line(&r, &whole).n == 0)
		skip(&r, whole);
	out->body = with_crlf(r.rest, arena);
	return GP_OK;
}

/* -- what filters do ---------------------------------------------------- */

void
gp_message_insert(struct gp_message *m, struct gp_arena *arena,
    struct gp_str name, struct gp_str value)
{
	struct gp_field *v = gp_arena_alloc(arena, (m->n + 1) * sizeof(*v));

	if (m->n > 0)
		memcpy(v + 1, m->fields, m->n * sizeof(*v));
	v[0] = (struct gp_field){ .name = name, .value = value };
	m->fields = v;
	m->n++;
}

void
gp_message_delete(struct gp_message *m, struct gp_str name, unsigned index)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!gp_str_eq_nocase(gp_str_trim(m->fields[i].name), name) ||
		    --index > 0)
			continue;
		m->n--;
		memmove(&m->fields[i], &m->fields[i + 1],
		    (m->n - i) * sizeof(*m->fields));
		return;
	}
}

struct gp_str
gp_message_find(const struct gp_message *m, struct gp_str name)
{
	for (size_t i = 0; i < m->n; i++)
		if (gp_str_eq_nocase(gp_str_trim(m->fields[i].name), name))
			return gp_str_trim(m->fields[i].value);
	return gp_str_n(NULL, 0);
}
