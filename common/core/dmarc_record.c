/* See dmarc_record.h. */
#include "core/dmarc_record.h"

#include <string.h>

static struct gp_str
trim(struct gp_str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* The next "name = value"; false when the piece is no tag. */
static bool
next_tag(struct gp_str *rest, struct gp_str *name, struct gp_str *value)
{
	struct gp_str piece = gp_str_split(rest, ';');
	size_t equals = gp_str_find(piece, '=');

	if (equals == piece.n)
		return false;
	*name = trim(gp_str_n(piece.p, equals));
	*value = trim(gp_str_n(piece.p + equals + 1, piece.n - equals - 1));
	return true;
}

/* -- values -------------------------------------------------------------- */

static enum gp_dmarc_request
read_request(struct gp_str value)
{
	for (int r = GP_DMARC_NONE; r <= GP_DMARC_REJECT; r++)
		if (gp_str_eq_nocase(value, gp_str(gp_dmarc_request_name(
						(enum gp_dmarc_request)r))))
			return (enum gp_dmarc_request)r;
	return GP_DMARC_ABSENT;
}

const char *
gp_dmarc_request_name(enum gp_dmarc_request r)
{
	switch (r) {
	case GP_DMARC_NONE:
		return "none";
	case GP_DMARC_QUARANTINE:
		return "quarantine";
	case GP_DMARC_REJECT:
		return "reject";
	case GP_DMARC_ABSENT:
		break;
	}
	return "";
}

static bool
is_scheme(struct gp_str s)
{
	if (s.n == 0 || !gp_is_alpha(s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!gp_is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '-' &&
		    s.p[i] != '.')
			return false;
	return true;
}

/* The characters of RFC 3986 but "!", which must be encoded here; "," and ";"
 * never come so far. */
static bool
is_uri_text(struct gp_str s)
{
	static const char marks[] = "-._~:/?#[]@$&'()*+=";

	for (size_t i = 0; i < s.n; i++) {
		if (gp_is_alnum(s.p[i]) ||
		    memchr(marks, s.p[i], sizeof(marks) - 1) != NULL)
			continue;
		if (s.p[i] != '%' || s.n - i < 3 ||
		    gp_hex_value(s.p[i + 1]) < 0 ||
		    gp_hex_value(s.p[i + 2]) < 0)
			return false;
	}
	return true;
}

/* obs-dmarc-report-size without its "!". */
static bool
is_size(struct gp_str s)
{
	static const char units[] = "kmgt";

	if (s.n > 1 &&
	    memchr(units, gp_lower(s.p[s.n - 1]), sizeof(units) - 1) != NULL)
		s.n--;
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_digit(s.p[i]))
			return false;
	return s.n > 0;
}

/* dmarc-uri or obs-dmarc-uri; of a mailto one that a report could go to. */
static bool
is_uri(struct gp_str s)
{
	struct gp_str size = s;
	struct gp_str rest = gp_str_split(&size, '!');
	struct gp_str scheme = gp_str_split(&rest, ':');
	size_t at;

	if ((size.p != NULL && !is_size(size)) || rest.n == 0 ||
	    !is_scheme(scheme) || !is_uri_text(rest))
		return false;
	if (!gp_str_eq_nocase(scheme, GP_STR("mailto")))
		return true;
	at = gp_str_find(rest, '@');
	return at > 0 && at + 1 < rest.n;
}

static bool
has_uri(struct gp_str list)
{
	while (list.p != NULL)
		if (is_uri(trim(gp_str_split(&list, ','))))
			return true;
	return false;
}

/* -- tags ---------------------------------------------------------------- */

static void
take_request(enum gp_dmarc_request *to, bool *invalid, struct gp_str value)
{
	*to = read_request(value);
	if (*to == GP_DMARC_ABSENT)
		*invalid = true;
}

static void
take_psd(struct gp_dmarc_record *r, struct gp_str value)
{
	if (gp_str_eq_nocase(value, GP_STR("y")))
		r->psd = GP_DMARC_PSD_Y;
	else if (gp_str_eq_nocase(value, GP_STR("n")))
		r->psd = GP_DMARC_PSD_N;
}

/* Blanks around the commas may be tabs; other control characters and 8-bit
 * ones make it no value. */
static void
take_rua(struct gp_dmarc_record *r, struct gp_str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (!gp_is_print(value.p[i]) && value.p[i] != '\t')
			return;
	r->rua = value;
	r->has_rua = has_uri(value);
}

/* The tags that mean something to us. */
enum tag { P, SP, NP, ADKIM, ASPF, T, PSD, RUA, TAGS };
static const char *const tag_names[TAGS] = {
	[P] = "p",
	[SP] = "sp",
	[NP] = "np",
	[ADKIM] = "adkim",
	[ASPF] = "aspf",
	[T] = "t",
	[PSD] = "psd",
	[RUA] = "rua",
};

static void
take(struct gp_dmarc_record *r, enum tag tag, struct gp_str value)
{
	switch (tag) {
	case P:
		take_request(&r->p, &r->invalid, value);
		break;
	case SP:
		take_request(&r->sp, &r->invalid, value);
		break;
	case NP:
		take_request(&r->np, &r->invalid_np, value);
		break;
	case ADKIM:
		r->strict_dkim = gp_str_eq_nocase(value, GP_STR("s"));
		break;
	case ASPF:
		r->strict_spf = gp_str_eq_nocase(value, GP_STR("s"));
		break;
	case T:
		r->testing = gp_str_eq_nocase(value, GP_STR("y"));
		break;
	case PSD:
		take_psd(r, value);
		break;
	case RUA:
		take_rua(r, value);
		break;
	case TAGS:
		break;
	}
}

enum gp_rc
gp_dmarc_record_parse(struct gp_str txt, struct gp_dmarc_record *out)
{
	struct gp_str rest = txt, name, value;
	bool seen[TAGS] = { false };

	memset(out, 0, sizeof(*out));
	if (txt.n == 0 || txt.n > GP_DMARC_RECORD_MAX ||
	    gp_lower(txt.p[0]) != 'v' || !next_tag(&rest, &name, &value) ||
	    !gp_str_eq_nocase(name, GP_STR("v")) ||
	    !gp_str_eq(value, GP_STR("DMARC1")))
		return GP_NONE;
	while (rest.p != NULL) {
		if (!next_tag(&rest, &name, &value))
			continue;
		for (unsigned t = 0; t < TAGS; t++) {
			if (seen[t] ||
			    !gp_str_eq_nocase(name, gp_str(tag_names[t])))
				continue;
			seen[t] = true;
			take(out, (enum tag)t, value);
		}
	}
	return GP_OK;
}
