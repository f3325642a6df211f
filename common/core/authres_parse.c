/* See authres.h.  The strict reader: one pass, one function a rule. */
#include "core/authres.h"
#include "core/authres_word.h"

#include <string.h>

struct reader {
	struct gp_str in;
	size_t at;
	struct gp_arena *arena;
	struct gp_err *err;
};

static bool
fail(const struct reader *r, const char *what)
{
	(void)gp_fail(r->err, GP_PERM, "%s at octet %zu", what, r->at);
	return false;
}

/* NUL at the end; inside there is none, see has_only_text(). */
static char
peek(const struct reader *r)
{
	if (r->at < r->in.n)
		return r->in.p[r->at];
	return '\0';
}

static bool
at_end(const struct reader *r)
{
	return r->at == r->in.n;
}

static bool
take(struct reader *r, char c)
{
	if (peek(r) != c)
		return false;
	r->at++;
	return true;
}

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* Octets of white space or of one fold at the position; 0: neither. */
static size_t
fws_length(const struct reader *r)
{
	struct gp_str rest = gp_str_n(r->in.p + r->at, r->in.n - r->at);
	size_t newline = rest.n > 1 && rest.p[0] == '\r' ? 1 : 0;

	if (rest.n > 0 && is_wsp(rest.p[0]))
		return 1;
	if (rest.n > newline + 1 && rest.p[newline] == '\n' &&
	    is_wsp(rest.p[newline + 1]))
		return newline + 2;
	return 0;
}

/* What may follow a backslash: VCHAR, WSP and UTF-8 (RFC 6532 3.2). */
static bool
take_quoted_pair(struct reader *r)
{
	char c;

	r->at++;
	c = peek(r);
	if (c == '\0' || c == '\r' || c == '\n')
		return fail(r, "a backslash before no character");
	r->at++;
	return true;
}

static bool
skip_comment(struct reader *r)
{
	unsigned depth = 0;

	do {
		char c = peek(r);
		size_t fold = fws_length(r);

		if (c == '\\') {
			if (!take_quoted_pair(r))
				return false;
			continue;
		}
		if (at_end(r) || (fold == 0 && (c == '\r' || c == '\n')))
			return fail(r, "a comment without end");
		if (c == '(' && ++depth > GP_COMMENT_DEPTH_MAX)
			return fail(r, "comments nested too deep");
		if (c == ')')
			depth--;
		r->at += fold == 0 ? 1 : fold;
	} while (depth > 0);
	return true;
}

static bool
skip_cfws(struct reader *r, bool *seen)
{
	for (;;) {
		size_t fold = fws_length(r);

		if (fold == 0 && peek(r) != '(')
			return true;
		if (fold == 0 && !skip_comment(r))
			return false;
		r->at += fold;
		if (seen != NULL)
			*seen = true;
	}
}

/* The characters between the quotes; folds lose their line ends. */
static bool
read_quoted_string(struct reader *r, struct gp_str *out)
{
	size_t start = ++r->at;
	size_t n = 0;
	char *text;

	while (peek(r) != '"') {
		size_t fold = fws_length(r);
		char c = peek(r);

		if (c == '\\') {
			if (!take_quoted_pair(r))
				return false;
			continue;
		}
		if (at_end(r) || (fold == 0 && (c == '\r' || c == '\n')))
			return fail(r, "a quoted string without end");
		r->at += fold == 0 ? 1 : fold;
	}
	text = gp_arena_alloc(r->arena, r->at - start + 1);
	for (size_t i = start; i < r->at; i++) {
		char c = r->in.p[i];

		if (c == '\\')
			c = r->in.p[++i];
		if (c != '\r' && c != '\n')
			text[n++] = c;
	}
	r->at++;
	*out = gp_str_n(text, n);
	return true;
}

static bool
read_keyword(struct reader *r, struct gp_str *out)
{
	size_t start = r->at;
	struct gp_str word;

	while (gp_is_alnum(peek(r)) || peek(r) == '-')
		r->at++;
	word = gp_str_n(r->in.p + start, r->at - start);
	if (!gp_word_is_keyword(word))
		return fail(r, "no keyword");
	*out = gp_arena_dup(r->arena, word);
	return true;
}

static bool
read_value(struct reader *r, struct gp_str *out)
{
	size_t start = r->at;

	if (peek(r) == '"')
		return read_quoted_string(r, out);
	while (gp_word_is_token_char(peek(r)))
		r->at++;
	if (r->at == start)
		return fail(r, "no value");
	*out = gp_arena_dup(r->arena, gp_str_n(r->in.p + start, r->at - start));
	return true;
}

/* Behind "@", whose local part was read: the domain, and both as one text. */
static bool
read_address_tail(struct reader *r, struct gp_str local, struct gp_str *out)
{
	size_t start = r->at;
	struct gp_str domain;
	char *text;

	while (gp_word_is_token_char(peek(r)))
		r->at++;
	domain = gp_str_n(r->in.p + start, r->at - start);
	if (!gp_word_is_domain_name(domain))
		return fail(r, "no domain name behind \"@\"");
	text = gp_arena_alloc(r->arena, local.n + 1 + domain.n);
	if (local.n != 0)
		memcpy(text, local.p, local.n);
	text[local.n] = '@';
	memcpy(text + local.n + 1, domain.p, domain.n);
	*out = gp_str_n(text, local.n + 1 + domain.n);
	return true;
}

/* value / [[local-part] "@"] domain-name: a domain alone is a token too. */
static bool
read_pvalue(struct reader *r, struct gp_str *out)
{
	size_t start = r->at;
	struct gp_str word;

	if (peek(r) == '"') {
		if (!read_quoted_string(r, out))
			return false;
		return !take(r, '@') || read_address_tail(r, *out, out);
	}
	while (gp_word_is_atext(peek(r)) || peek(r) == '.')
		r->at++;
	word = gp_str_n(r->in.p + start, r->at - start);
	if (peek(r) == '@') {
		if (word.n != 0 && !gp_word_is_dot_string(word))
			return fail(r, "no local part");
		r->at++;
		return read_address_tail(r, word, out);
	}
	r->at = start;
	return read_value(r, out);
}

static bool
read_number(struct reader *r, struct gp_str *out)
{
	size_t start = r->at;

	while (gp_is_digit(peek(r)))
		r->at++;
	*out = gp_str_n(r->in.p + start, r->at - start);
	return out->n != 0 || fail(r, "no version number");
}

static bool
is_one(struct gp_str number)
{
	uint64_t n;

	return gp_parse_u64(number, 1, &n) == GP_OK && n == 1;
}

/* Method, its version and the result; *known: a version that we know. */
static bool
read_method(struct reader *r, struct gp_authres_result *res, bool *known)
{
	struct gp_str version;

	*known = true;
	if (!skip_cfws(r, NULL))
		return false;
	if (take(r, '/')) {
		if (!skip_cfws(r, NULL) || !read_number(r, &version) ||
		    !skip_cfws(r, NULL))
			return false;
		*known = is_one(version);
	}
	if (!take(r, '='))
		return fail(r, "no \"=\" behind the method");
	return skip_cfws(r, NULL) && read_keyword(r, &res->result);
}

/* Behind ptype and its CFWS. */
static bool
read_property(struct reader *r, struct gp_authres_prop *prop)
{
	if (!take(r, '.'))
		return fail(r, "no \".\" behind the property type");
	if (!skip_cfws(r, NULL) || !read_keyword(r, &prop->property) ||
	    !skip_cfws(r, NULL))
		return false;
	if (!take(r, '='))
		return fail(r, "no \"=\" behind the property");
	return skip_cfws(r, NULL) && read_pvalue(r, &prop->value);
}

/* A reason (only as the first word behind the result) or a property. */
static bool
read_word(struct reader *r, struct gp_authres_result *res, bool is_first,
    struct gp_authres_prop prop[GP_AUTHRES_PROPS_MAX])
{
	struct gp_str word;

	if (!read_keyword(r, &word) || !skip_cfws(r, NULL))
		return false;
	if (is_first && peek(r) == '=' &&
	    gp_str_eq_nocase(word, GP_STR("reason"))) {
		r->at++;
		return skip_cfws(r, NULL) && read_value(r, &res->reason);
	}
	if (res->n == GP_AUTHRES_PROPS_MAX)
		return fail(r, "too many properties");
	prop[res->n].ptype = word;
	return read_property(r, &prop[res->n++]);
}

/* [CFWS reasonspec] [CFWS 1*propspec]; CFWS behind a pvalue is its own, and
 * may be missing there. */
static bool
read_reason_and_properties(struct reader *r, struct gp_authres_result *res)
{
	struct gp_authres_prop prop[GP_AUTHRES_PROPS_MAX];

	for (bool is_first = true;; is_first = false) {
		bool blank = res->n != 0;

		if (!skip_cfws(r, &blank))
			return false;
		if (at_end(r) || peek(r) == ';')
			break;
		if (!blank)
			return fail(r, "no blank between two words");
		if (!read_word(r, res, is_first, prop))
			return false;
	}
	if (res->n != 0) {
		res->prop = gp_arena_alloc(r->arena, res->n * sizeof(prop[0]));
		memcpy(res->prop, prop, res->n * sizeof(prop[0]));
	}
	return true;
}

/* One resinfo behind its ";"; *known: by a version of its method that we know.
 * Nothing is read but "none" when that stands there alone. */
static bool
read_result(struct reader *r, struct gp_authres_result *res, bool *known)
{
	if (!skip_cfws(r, NULL) || !read_keyword(r, &res->method) ||
	    !skip_cfws(r, NULL))
		return false;
	if (at_end(r) && gp_str_eq_nocase(res->method, GP_STR("none")))
		return true;
	return read_method(r, res, known) && read_reason_and_properties(r, res);
}

/* All from the first ";": no-result / 1*resinfo. */
static bool
read_results(struct reader *r, struct gp_authres *out)
{
	struct gp_authres_result list[GP_AUTHRES_RESULTS_MAX];
	unsigned n = 0;

	for (; take(r, ';'); n++) {
		struct gp_authres_result res = { .n = 0 };
		bool known = false;

		if (n == GP_AUTHRES_RESULTS_MAX)
			return fail(r, "too many results");
		if (!read_result(r, &res, &known))
			return false;
		if (res.result.n == 0 && n != 0)
			return fail(r, "\"none\" behind a result");
		if (known)
			list[out->n++] = res;
	}
	if (n == 0)
		return fail(r, "no \";\" and result");
	if (out->n != 0) {
		out->result =
		    gp_arena_alloc(r->arena, out->n * sizeof(list[0]));
		memcpy(out->result, list, out->n * sizeof(list[0]));
	}
	return true;
}

static enum gp_rc
read_field(struct reader *r, struct gp_authres *out)
{
	struct gp_str version;
	bool blank = false;

	if (!skip_cfws(r, NULL) || !read_value(r, &out->id) ||
	    !skip_cfws(r, &blank))
		return GP_PERM;
	if (blank && gp_is_digit(peek(r))) {
		if (!read_number(r, &version))
			return GP_PERM;
		if (!is_one(version))
			return gp_fail(r->err, GP_NONE,
			    "a version other than 1");
		if (!skip_cfws(r, NULL))
			return GP_PERM;
	}
	return read_results(r, out) ? GP_OK : GP_PERM;
}

static bool
has_only_text(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == 0x7f || (c < 0x20 && !gp_is_space(s.p[i])))
			return false;
	}
	return gp_str_is_utf8(s);
}

enum gp_rc
gp_authres_parse(struct gp_str value, struct gp_arena *arena,
    struct gp_authres *out, struct gp_err *err)
{
	struct reader r = { .in = value, .arena = arena, .err = err };
	struct gp_authres read = { .n = 0 };
	enum gp_rc rc;

	*out = read;
	if (value.n == 0)
		return gp_fail(err, GP_PERM, "the field is empty");
	if (value.n > GP_FIELD_MAX)
		return gp_fail(err, GP_PERM, "the field is too long");
	if (gp_str_ends_nocase(r.in, GP_STR("\n")))
		r.in.n--;
	if (r.in.n < value.n && gp_str_ends_nocase(r.in, GP_STR("\r")))
		r.in.n--;
	if (!has_only_text(r.in))
		return gp_fail(err, GP_PERM,
		    "a control character, or no UTF-8, in the field");
	rc = read_field(&r, &read);
	if (rc == GP_OK)
		*out = read;
	return rc;
}

const struct gp_authres_prop *
gp_authres_prop_find(const struct gp_authres_result *result, const char *ptype,
    const char *property)
{
	for (size_t i = 0; i < result->n; i++) {
		const struct gp_authres_prop *p = &result->prop[i];

		if (gp_str_eq_nocase(p->ptype, gp_str(ptype)) &&
		    gp_str_eq_nocase(p->property, gp_str(property)))
			return p;
	}
	return NULL;
}
