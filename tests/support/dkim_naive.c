/* See dkim_naive.h. */
#include "support/dkim_naive.h"

#include <stdlib.h>
#include <string.h>

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* -- tags ----------------------------------------------------------------- */

/* The whole of what stands between "=" and ";" of a tag; p == NULL: none. */
static struct gp_str
raw_tag(struct gp_str value, const char *name)
{
	struct gp_str rest = value;

	while (rest.p != NULL) {
		struct gp_str one = gp_str_split(&rest, ';');
		struct gp_str left = gp_str_split(&one, '=');

		if (one.p != NULL && gp_str_eq(gp_str_trim(left), gp_str(name)))
			return one;
	}
	return gp_str(NULL);
}

struct gp_str
dkim_naive_tag(struct gp_str value, const char *name)
{
	return gp_str_trim(raw_tag(value, name));
}

/* -- body ----------------------------------------------------------------- */

/* One line without its CRLF, relaxed: blanks become one, none at the end. */
static void
relaxed_line(struct gp_str line, struct gp_buf *out)
{
	while (line.n > 0 && is_wsp(line.p[line.n - 1]))
		line.n--;
	for (size_t i = 0; i < line.n; i++) {
		if (!is_wsp(line.p[i]))
			gp_buf_addc(out, line.p[i]);
		else if (i == 0 || !is_wsp(line.p[i - 1]))
			gp_buf_addc(out, ' ');
	}
}

static size_t
find_crlf(struct gp_str s)
{
	for (size_t i = 0; i + 1 < s.n; i++)
		if (s.p[i] == '\r' && s.p[i + 1] == '\n')
			return i;
	return s.n;
}

void
dkim_naive_body(bool relaxed, struct gp_str body, struct gp_buf *out)
{
	const size_t start = out->n;

	while (body.n > 0) {
		const size_t n = find_crlf(body);
		const bool ends = n < body.n;
		const size_t step = ends ? n + 2 : n;

		if (relaxed)
			relaxed_line(gp_str_n(body.p, n), out);
		else
			gp_buf_add(out, body.p, n);
		/* blanks that no line end follows are kept, as one: so does
		 * dkimpy; no MTA sends such a body */
		if (relaxed && !ends && is_wsp(body.p[n - 1]))
			gp_buf_addc(out, ' ');
		gp_buf_adds(out, "\r\n");
		body = gp_str_n(body.p + step, body.n - step);
	}
	/* empty lines at the end go; then a body has one CRLF at its end, and
	 * an empty one none (relaxed) or just that (simple) */
	while (out->n - start >= 4 &&
	       memcmp(out->p + out->n - 4, "\r\n\r\n", 4) == 0)
		out->n -= 2;
	if (out->n - start == 2 && memcmp(out->p + start, "\r\n", 2) == 0)
		out->n = start;
	if (out->n == start && !relaxed)
		gp_buf_adds(out, "\r\n");
}

/* -- header --------------------------------------------------------------- */

/* The octets of a line end at `i` that white space follows: 2, 1 or 0. */
static size_t
fold_at(struct gp_str s, size_t i)
{
	if (i + 2 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n' &&
	    is_wsp(s.p[i + 2]))
		return 2;
	if (i + 1 < s.n && s.p[i] == '\n' && is_wsp(s.p[i + 1]))
		return 1;
	return 0;
}

/* RFC 6376 3.4.1 with the folds of the wire, or 3.4.2. */
static void
field(bool relaxed, struct gp_str name, struct gp_str value, struct gp_buf *out)
{
	struct gp_buf flat;

	gp_buf_init(&flat, SIZE_MAX / 2);
	for (size_t i = 0; i < value.n; i++) {
		const size_t fold = fold_at(value, i);

		if (fold > 0 && !relaxed)
			gp_buf_adds(&flat, "\r\n");
		if (fold > 0)
			i += fold - 1;
		else
			gp_buf_addc(&flat, value.p[i]);
	}
	if (!relaxed) {
		gp_buf_add_str(out, name);
		gp_buf_addc(out, ':');
		gp_buf_add_str(out, gp_buf_str(&flat));
	} else {
		/* CR alone at an end goes too, as others have it */
		const struct gp_str v = gp_str_trim(gp_buf_str(&flat));

		while (name.n > 0 && is_wsp(name.p[name.n - 1]))
			name.n--;
		for (size_t i = 0; i < name.n; i++)
			gp_buf_addc(out, gp_lower(name.p[i]));
		gp_buf_addc(out, ':');
		relaxed_line(v, out);
	}
	gp_buf_clear(&flat);
}

/* Its own field, the value of b= gone, no CRLF behind it. */
static void
own_field(bool relaxed, const struct gp_field *self, struct gp_buf *out)
{
	const struct gp_str b = raw_tag(self->value, "b");
	struct gp_buf without;

	gp_buf_init(&without, SIZE_MAX / 2);
	if (b.p == NULL) {
		gp_buf_add_str(&without, self->value);
	} else {
		const size_t before = (size_t)(b.p - self->value.p);

		gp_buf_add(&without, self->value.p, before);
		gp_buf_add(&without, b.p + b.n, self->value.n - before - b.n);
	}
	field(relaxed, self->name, gp_buf_str(&without), out);
	gp_buf_clear(&without);
}

void
dkim_naive_header(bool relaxed, const struct gp_header *h,
    const struct gp_field *self, struct gp_buf *out)
{
	struct gp_str names = dkim_naive_tag(self->value, "h");
	bool *used = calloc(h->n + 1, sizeof(*used));

	if (used == NULL)
		abort();
	while (names.p != NULL) {
		const struct gp_str name =
		    gp_str_trim(gp_str_split(&names, ':'));

		for (size_t i = h->n; i-- > 0;)
			if (!used[i] && &h->v[i] != self &&
			    gp_str_eq_nocase(h->v[i].name, name)) {
				used[i] = true;
				field(relaxed, h->v[i].name, h->v[i].value,
				    out);
				gp_buf_adds(out, "\r\n");
				break;
			}
	}
	free(used);
	own_field(relaxed, self, out);
}
