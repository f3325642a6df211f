/*
 * See sendmail.h.
 *
 * An element is what stands between two commas: an address, maybe with a name
 * or a comment, and what opens or closes a group.
 */
#include "core/sendmail.h"

#include "base/buf.h"

#include <string.h>

/* Where it folds, and what a line begins with then. */
#define COLUMNS 78
#define INDENT  "\n        "

/* confMUST_QUOTE_CHARS and what is always among them, but for those that part
 * addresses. */
#define MUST_QUOTE ".'@[]"

/* -- spans ---------------------------------------------------------- */

static struct gp_str
skip(struct gp_str s, size_t n)
{
	return gp_str_n(s.p + n, s.n - n);
}

/* How many blanks s begins with, or ends with. */
static size_t
blanks_before(struct gp_str s)
{
	size_t n = 0;

	while (n < s.n && gp_is_space(s.p[n]))
		n++;
	return n;
}

static size_t
blanks_behind(struct gp_str s)
{
	size_t n = 0;

	while (n < s.n && gp_is_space(s.p[s.n - 1 - n]))
		n++;
	return n;
}

/* What may stand in a name or a local part without quotes.  Octets over 127
 * pass as they are. */
static bool
is_atom(char c)
{
	return gp_is_alnum(c) || (unsigned char)c > 127 ||
	       (c != '\0' && strchr("!#$%&*+-/=?^_`{|}~", c) != NULL);
}

/* The octets of the quoted string or comment that s begins with; 0: its end is
 * missing. */
static size_t
enclosed(struct gp_str s)
{
	const char opening = s.p[0], closing = opening == '(' ? ')' : '"';
	size_t depth = 1;

	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == closing)
			depth--;
		else if (s.p[i] == opening)
			depth++;
		if (depth == 0)
			return i + 1;
	}
	return 0;
}

/* Where the first of `stops` stands outside of quotes and comments; s.n: there
 * is none.  False: an end is missing. */
static bool
find_outside(struct gp_str s, const char *stops, size_t *at)
{
	size_t i = 0;

	while (i < s.n && (s.p[i] == '\0' || strchr(stops, s.p[i]) == NULL)) {
		size_t n = 1;

		if (s.p[i] == '"' || s.p[i] == '(')
			n = enclosed(skip(s, i));
		if (n == 0)
			return false;
		i += n;
	}
	*at = i;
	return true;
}

/* -- an address ----------------------------------------------------- */

static bool
is_literal(struct gp_str domain)
{
	if (domain.n < 3 || domain.p[0] != '[' || domain.p[domain.n - 1] != ']')
		return false;
	for (size_t i = 1; i < domain.n - 1; i++)
		if (!gp_is_alnum(domain.p[i]) && domain.p[i] != '.' &&
		    domain.p[i] != ':')
			return false;
	return true;
}

/* One with a dot: what has none may be a short name of the host.  A dot at the
 * end is taken away, and UUCP is turned around. */
static bool
is_full_domain(struct gp_str domain)
{
	bool dot = false;

	for (size_t i = 0; i < domain.n; i++) {
		char c = domain.p[i];

		if (!gp_is_alnum(c) && c != '-' && c != '_' && c != '.' &&
		    (unsigned char)c <= 127)
			return false;
		dot = dot || c == '.';
	}
	return dot && domain.p[domain.n - 1] != '.' &&
	       !gp_str_ends_nocase(domain, GP_STR(".uucp"));
}

/* local@domain that stays as it is. */
static bool
is_plain_address(struct gp_str s)
{
	size_t at = 0;

	if (s.n > 0 && s.p[0] == '"')
		at = enclosed(s);
	else
		while (at < s.n &&
		       (is_atom(s.p[at]) || s.p[at] == '.' || s.p[at] == '\''))
			at++;
	if (at == 0 || at >= s.n || s.p[at] != '@')
		return false;
	s = skip(s, at + 1);
	return is_literal(s) || is_full_domain(s);
}

/* -- an element ----------------------------------------------------- */

/* What a name consists of. */
struct name {
	bool atoms, enclosed, special, folded, other;
};

static struct name
look_at_name(struct gp_str s)
{
	struct name out = { .atoms = false };
	size_t i = 0;

	while (i < s.n) {
		size_t n = 1;

		if (s.p[i] == '"' || s.p[i] == '(') {
			n = enclosed(skip(s, i));
			out.enclosed = true;
			out.other = out.other || n == 0;
			n = n == 0 ? s.n - i : n;
		} else if (gp_is_space(s.p[i])) {
			out.folded = out.folded || s.p[i] == '\n';
		} else if (is_atom(s.p[i])) {
			out.atoms = true;
		} else if (s.p[i] != '\0' && strchr(MUST_QUOTE, s.p[i])) {
			out.special = true;
		} else {
			out.other = true;
		}
		i += n;
	}
	return out;
}

/* A name goes into quotes as a whole, where nothing of it is in any. */
static bool
send_name(struct gp_str s, struct gp_buf *out)
{
	const struct name name = look_at_name(s);
	size_t behind = blanks_behind(s);

	if (name.other || (name.special && (name.enclosed || name.folded)))
		return false;
	if (!name.special) {
		gp_buf_add_str(out, s);
		return true;
	}
	gp_buf_addc(out, '"');
	gp_buf_add(out, s.p, s.n - behind);
	gp_buf_addc(out, '"');
	gp_buf_add_str(out, skip(s, s.n - behind));
	return true;
}

static bool
is_comments(struct gp_str s)
{
	const struct name name = look_at_name(s);

	return !name.atoms && !name.special && !name.other &&
	       gp_str_find(s, '"') == s.n;
}

/* NAME <ADDRESS> (COMMENT), from the "<" at `lt` on. */
static bool
send_angle(struct gp_str s, size_t lt, struct gp_buf *out)
{
	const struct gp_str inside = skip(s, lt + 1);
	struct gp_str address;
	size_t gt;

	if (!find_outside(inside, ">", &gt) || gt == inside.n ||
	    !send_name(gp_str_n(s.p, lt), out) ||
	    !is_comments(skip(inside, gt + 1)))
		return false;
	address = gp_str_trim(gp_str_n(inside.p, gt));
	if (gt > 0 && !is_plain_address(address))
		return false;
	gp_buf_addc(out, '<');
	gp_buf_add_str(out, address);
	gp_buf_add_str(out, skip(inside, gt));
	return true;
}

/* ADDRESS (COMMENT): one blank parts them. */
static bool
send_commented(struct gp_str s, struct gp_buf *out)
{
	size_t end = gp_str_find(s, '(');
	struct gp_str address = gp_str_trim(gp_str_n(s.p, end));
	struct gp_str comment = skip(s, end);

	gp_buf_add_str(out, address);
	if (comment.n > 0) {
		gp_buf_addc(out, ' ');
		gp_buf_add_str(out, comment);
	}
	return is_plain_address(address) &&
	       (comment.n == 0 || enclosed(comment) == comment.n);
}

/* The same, or (COMMENT) ADDRESS. */
static bool
send_bare(struct gp_str s, struct gp_buf *out)
{
	size_t n = s.p[0] == '(' ? enclosed(s) : 0;

	if (n == 0)
		return send_commented(s, out);
	gp_buf_add(out, s.p, n);
	gp_buf_addc(out, ' ');
	s = gp_str_trim(skip(s, n));
	gp_buf_add_str(out, s);
	return is_plain_address(s);
}

/* "NAME:" and the blanks behind it; GP_NONE: no group begins here. */
static enum gp_rc
take_group(struct gp_str *s, struct gp_buf *out)
{
	struct name name;
	size_t at;

	if (!find_outside(*s, ":<@", &at))
		return GP_PERM;
	if (at == s->n || s->p[at] != ':')
		return GP_NONE;
	name = look_at_name(gp_str_n(s->p, at));
	if (name.special || name.other || !(name.atoms || name.enclosed))
		return GP_PERM;
	at++;
	at += blanks_before(skip(*s, at));
	gp_buf_add(out, s->p, at);
	*s = skip(*s, at);
	return GP_OK;
}

/* `in_group` is from one element to the next. */
static bool
send_element(struct gp_str s, bool *in_group, struct gp_buf *out)
{
	enum gp_rc group = take_group(&s, out);
	bool last, good = true;
	size_t lt;

	if (group == GP_PERM || (group == GP_OK && *in_group))
		return false;
	*in_group = *in_group || group == GP_OK;
	last = s.n > 0 && s.p[s.n - 1] == ';';
	if (last && !*in_group)
		return false;
	if (last)
		s = gp_str_trim(gp_str_n(s.p, s.n - 1));
	if (s.n > 0 && !find_outside(s, "<", &lt))
		return false;
	if (s.n > 0)
		good = lt < s.n ? send_angle(s, lt, out) : send_bare(s, out);
	if (last) {
		gp_buf_addc(out, ';');
		*in_group = false;
	}
	return good;
}

/* -- a field -------------------------------------------------------- */

/* The elements of a list as they are sent, and where the line is. */
struct list {
	struct gp_buf *out;
	size_t column;
	bool begun, in_group;
};

static bool
send_next(struct list *l, struct gp_str element)
{
	struct gp_buf text;
	bool good;

	gp_buf_init(&text, element.n * 2 + 8);
	good = send_element(element, &l->in_group, &text);
	l->column += text.n + (l->begun ? 2 : 0);
	if (l->begun && l->column > COLUMNS) {
		gp_buf_adds(l->out, "," INDENT);
		l->column = sizeof(INDENT) - 2 + text.n;
	} else if (l->begun) {
		gp_buf_adds(l->out, ", ");
	}
	gp_buf_add_str(l->out, gp_buf_str(&text));
	gp_buf_clear(&text);
	l->begun = true;
	return good;
}

/* Where the element at the front of s ends; false: an end is missing. */
static bool
find_comma(struct gp_str s, size_t *at)
{
	struct gp_str rest = s;
	size_t n;

	/* a comma within angle brackets parts nothing */
	while (find_outside(rest, ",<", &n)) {
		rest = skip(rest, n);
		if (rest.n == 0 || rest.p[0] == ',') {
			*at = (size_t)(rest.p - s.p);
			return true;
		}
		if (!find_outside(rest, ">", &n) || n == rest.n)
			return false;
		rest = skip(rest, n);
	}
	return false;
}

static bool
send_value(const struct gp_field *f, struct gp_buf *out)
{
	size_t blanks = blanks_before(f->value), at;
	struct gp_str rest = skip(f->value, blanks);
	struct list l = { .out = out, .column = f->name.n + 2 };

	if (rest.n == 0) {
		gp_buf_add_str(out, f->value);
		return true;
	}
	/* a fold before the first element is undone */
	for (size_t i = 0; i < blanks; i++)
		gp_buf_addc(out, f->value.p[i] == '\t' ? '\t' : ' ');
	while (find_comma(rest, &at)) {
		struct gp_str element = gp_str_trim(gp_str_n(rest.p, at));

		if (element.n > 0 && !send_next(&l, element))
			return false;
		if (at == rest.n)
			return l.begun;
		rest = skip(rest, at + 1);
	}
	return false;
}

static bool
is_address_field(struct gp_str name)
{
	static const char *const names[] = { "From", "Sender", "Reply-To", "To",
		"Cc", "Errors-To", "Apparently-To",
		"Disposition-Notification-To" };
	const struct gp_str resent = GP_STR("Resent-");

	if (gp_str_starts_nocase(name, resent))
		name = gp_str_n(name.p + resent.n, name.n - resent.n);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (gp_str_eq_nocase(name, gp_str(names[i])))
			return true;
	return false;
}

static void
send_field(struct gp_field *f, struct gp_arena *arena)
{
	struct gp_buf text;

	/* an element of one octet and a comma become ten at most */
	gp_buf_init(&text, f->value.n * 10 + 16);
	f->unsettled = !send_value(f, &text);
	if (!f->unsettled)
		f->value = gp_arena_dup(arena, gp_buf_str(&text));
	gp_buf_clear(&text);
}

void
gp_sendmail_header(const struct gp_header *h, struct gp_arena *arena,
    struct gp_header *out)
{
	*out = *h;
	out->v = gp_arena_alloc(arena, h->n * sizeof(*out->v));
	for (size_t i = 0; i < h->n; i++) {
		out->v[i] = h->v[i];
		if (is_address_field(h->v[i].name))
			send_field(&out->v[i], arena);
	}
}
