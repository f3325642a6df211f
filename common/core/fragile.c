/*
 * See fragile.h.
 *
 * Sound line ends are told from bare ones in blocks, and a line that is too
 * long by the missing LF: neither looks at each octet in turn.
 */
#include "core/fragile.h"

#include <string.h>

#define LINE_OCTETS 998 /* RFC 5322 2.1.1, without the CRLF */

/* Postfix 3.7 hands a milter no more of a field, and cuts it at 102,400. */
#define FIELD_OCTETS 60000

/* Octets that are looked at together. */
#define BLOCK 64

static void
found(struct gp_fragile_scan *s, enum gp_fragile what)
{
	s->found |= 1U << what;
}

static bool
has_found(const struct gp_fragile_scan *s, enum gp_fragile what)
{
	return (s->found >> what & 1) != 0;
}

/* -- fields -------------------------------------------------------------- */

/* Is there one of these names in the list? */
static bool
is_address_field(struct gp_str name)
{
	static const struct gp_str names[] = { { "From", 4 }, { "Sender", 6 },
		{ "Reply-To", 8 }, { "To", 2 }, { "Cc", 2 }, { "Bcc", 3 } };
	static const struct gp_str resent = { "Resent-", 7 };

	if (gp_str_starts_nocase(name, resent))
		name = gp_str_n(name.p + resent.n, name.n - resent.n);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (gp_str_eq_nocase(name, names[i]))
			return true;
	return false;
}

/* Behind the quoted string or comment that opens at `at`. */
static size_t
skip_quoted(struct gp_str s, size_t at)
{
	char opening = s.p[at], closing = opening == '(' ? ')' : '"';
	size_t depth = 1;

	for (at++; at < s.n && depth > 0; at++) {
		if (s.p[at] == '\\')
			at++;
		else if (s.p[at] == closing)
			depth--;
		else if (s.p[at] == opening)
			depth++;
	}
	return at < s.n ? at : s.n;
}

/*
 * Is there a phrase before "<" that has an octet of Sendmail's MustQuoteChars
 * outside of quotes and comments?  What "," ":" or ";" ends was no phrase.
 */
static bool
is_requoted(struct gp_str s)
{
	bool special = false, angle = false;
	size_t at = 0;

	while (at < s.n) {
		char c = s.p[at];

		if (c == '"' || c == '(') {
			at = skip_quoted(s, at);
			continue;
		}
		if (c == '<' && special && !angle)
			return true;
		if (c == '<')
			angle = true;
		else if (c == '>')
			special = angle = false;
		else if (c == ',' || c == ':' || c == ';')
			special = false;
		else if (c != '\0' && strchr(".'@[])\\", c) != NULL)
			special = true;
		at++;
	}
	return false;
}

/* The octets of a field's value: its lines, and what they consist of. */
static void
scan_value(struct gp_fragile_scan *s, struct gp_str v, size_t line)
{
	for (size_t i = 0; i < v.n; i++) {
		char next = '\0';

		if (i + 1 < v.n)
			next = v.p[i + 1];
		if (v.p[i] == '\r' && next == '\n')
			continue;
		if (v.p[i] == '\n') {
			if (next != ' ' && next != '\t')
				found(s, GP_FRAGILE_BARE_LF);
			line = 0;
			continue;
		}
		if (v.p[i] == '\r')
			found(s, GP_FRAGILE_BARE_CR);
		if ((unsigned char)v.p[i] > 127)
			found(s, GP_FRAGILE_8BIT_HEADER);
		if (++line > LINE_OCTETS)
			found(s, GP_FRAGILE_LONG_LINE);
	}
}

void
gp_fragile_field(struct gp_fragile_scan *s, const struct gp_field *f)
{
	size_t name_n = f->name.n + 1; /* with the colon */

	scan_value(s, f->name, 0);
	scan_value(s, f->value, name_n);
	if (name_n + f->value.n >= FIELD_OCTETS)
		found(s, GP_FRAGILE_CUT_FIELD);
	if (is_address_field(f->name) && is_requoted(f->value))
		found(s, GP_FRAGILE_REQUOTE);
	if (f->unsettled && gp_str_eq_nocase(f->name, GP_STR("From")))
		found(s, GP_FRAGILE_REWRITE);
}

/* -- body ---------------------------------------------------------------- */

/* Is there half a CRLF in the BLOCK pairs that begin at p? */
static bool
any_bare(const char *p)
{
	unsigned char any = 0;

	for (size_t i = 0; i < BLOCK; i++)
		any |= (unsigned char)(p[i] == '\r') ^
		       (unsigned char)(p[i + 1] == '\n');
	return any != 0;
}

static void
scan_pair(struct gp_fragile_scan *s, bool cr, bool lf)
{
	if (cr && !lf)
		found(s, GP_FRAGILE_BARE_CR);
	else if (!cr && lf)
		found(s, GP_FRAGILE_BARE_LF);
}

static void
scan_line_ends(struct gp_fragile_scan *s, const char *p, size_t n)
{
	size_t at = 0;

	scan_pair(s, s->cr, p[0] == '\n');
	while (n - at > 1 && !(has_found(s, GP_FRAGILE_BARE_CR) &&
				 has_found(s, GP_FRAGILE_BARE_LF))) {
		size_t end = n - at > BLOCK ? at + BLOCK : n - 1;

		if (end - at == BLOCK && !any_bare(p + at))
			at = end;
		for (; at < end; at++)
			scan_pair(s, p[at] == '\r', p[at + 1] == '\n');
	}
}

/* The length of lines; s->line never passes LINE_OCTETS + 1, of which the last
 * may be the CR. */
static void
scan_lines(struct gp_fragile_scan *s, const char *p, size_t n)
{
	const char *end = p + n, *lf;
	bool cr = s->cr;

	while (p < end && !has_found(s, GP_FRAGILE_LONG_LINE)) {
		size_t left = (size_t)(end - p);
		size_t take = LINE_OCTETS + 1 - s->line;

		if (take > left)
			take = left;
		lf = take > 0 ? memrchr(p, '\n', take) : NULL;
		if (lf != NULL) {
			s->line = 0;
			p = lf + 1;
			continue;
		}
		s->line += take;
		if (take == left)
			break;
		/* only the LF of a CRLF may follow */
		cr = take > 0 ? p[take - 1] == '\r' : cr;
		if (!cr || p[take] != '\n')
			found(s, GP_FRAGILE_LONG_LINE);
		s->line = 0;
		p += take + 1;
	}
}

void
gp_fragile_body(struct gp_fragile_scan *s, struct gp_str chunk)
{
	if (chunk.n == 0)
		return;
	scan_line_ends(s, chunk.p, chunk.n);
	scan_lines(s, chunk.p, chunk.n);
	s->cr = chunk.p[chunk.n - 1] == '\r';
}

void
gp_fragile_end(struct gp_fragile_scan *s)
{
	if (s->line > LINE_OCTETS)
		found(s, GP_FRAGILE_LONG_LINE);
	if (s->cr)
		found(s, GP_FRAGILE_BARE_CR);
	s->line = 0;
	s->cr = false;
}

/* -- words --------------------------------------------------------------- */

static const struct {
	const char *name, *text;
} words[GP_FRAGILES] = {
	[GP_FRAGILE_LONG_LINE] = { "long-line",
	    "a line has more than 998 octets" },
	[GP_FRAGILE_BARE_CR] = { "bare-cr", "a CR has no LF behind it" },
	[GP_FRAGILE_BARE_LF] = { "bare-lf", "a LF has no CR before it" },
	[GP_FRAGILE_8BIT_HEADER] = { "8bit-header",
	    "a header field has octets over 127" },
	[GP_FRAGILE_REQUOTE] = { "requote",
	    "a name before an address needs quotes" },
	[GP_FRAGILE_CUT_FIELD] = { "cut-field",
	    "a header field has 60000 octets or more" },
	[GP_FRAGILE_REWRITE] = { "rewrite",
	    "Sendmail writes this From field anew" },
};

const char *
gp_fragile_name(enum gp_fragile f)
{
	return words[f].name;
}

const char *
gp_fragile_text(enum gp_fragile f)
{
	return words[f].text;
}
