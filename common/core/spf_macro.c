/* See spf_macro.h. */
#include "core/spf_macro.h"

#include "core/dnsmsg.h"

#include <stdio.h>
#include <string.h>

/* A longer expansion of a domain-spec is taken for a name that is not there:
 * no record in use comes near, and the work stays bounded. */
#define EXPANSION_MAX 16384

/* More parts than any value has. */
#define ALL_PARTS 65535

/* "%{" letter, transformers, delimiters "}"; or literal text. */
struct piece {
	struct gp_str literal; /* for letter == 0 */
	char letter;           /* lower case; 0: literal text */
	bool escape;           /* letter was upper case: URL escaping */
	bool reverse;
	bool coded;     /* literal from %% %_ %- */
	unsigned parts; /* right-most ones wanted, at least 1 */
	struct gp_str delimiters;
};

const char *
gp_spf_show(struct gp_str s, char out[GP_SPF_SHOW])
{
	static const char hex[] = "0123456789abcdef";
	char *p = out;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		/* room for "\xHH", "..." and the NUL */
		if (p - out > GP_SPF_SHOW - 8) {
			memcpy(p, "...", 3);
			p += 3;
			break;
		}
		if (gp_is_print(c) && c != '"' && c != '\\') {
			*p++ = c;
			continue;
		}
		*p++ = '\\';
		*p++ = 'x';
		*p++ = hex[(unsigned char)c >> 4];
		*p++ = hex[(unsigned char)c & 15];
	}
	*p = '\0';
	return out;
}

bool
gp_spf_is_ascii(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 0x7f)
			return false;
	return true;
}

static bool
is_delimiter(char c)
{
	return c != '\0' && strchr(".-+,/_=", c) != NULL;
}

static struct gp_str
skip(struct gp_str s, size_t n)
{
	return gp_str_n(s.p + n, s.n - n);
}

static enum gp_rc
bad_macro(struct gp_str at, const char *what, struct gp_err *err)
{
	char text[GP_SPF_SHOW];

	return gp_fail(err, GP_PERM, "%s in '%s'", what, gp_spf_show(at, text));
}

/* What stands between "%{" and "}". */
static enum gp_rc
read_body(struct gp_str body, struct piece *out, struct gp_err *err)
{
	const struct gp_str whole = body;
	bool digits = false;

	if (body.n == 0 || gp_lower(body.p[0]) < 'a' ||
	    strchr("slodiphcrtv", gp_lower(body.p[0])) == NULL)
		return bad_macro(whole, "unknown macro letter", err);
	out->letter = gp_lower(body.p[0]);
	out->escape = out->letter != body.p[0];
	out->parts = 0;
	body = skip(body, 1);
	for (; body.n > 0 && gp_is_digit(body.p[0]); body = skip(body, 1)) {
		digits = true;
		out->parts = out->parts * 10 + (unsigned)(body.p[0] - '0');
		if (out->parts > ALL_PARTS)
			out->parts = ALL_PARTS;
	}
	if (digits && out->parts == 0)
		return bad_macro(whole, "macro of zero parts", err);
	if (!digits)
		out->parts = ALL_PARTS;
	out->reverse = body.n > 0 && gp_lower(body.p[0]) == 'r';
	if (out->reverse)
		body = skip(body, 1);
	for (size_t i = 0; i < body.n; i++)
		if (!is_delimiter(body.p[i]))
			return bad_macro(whole, "bad macro delimiter", err);
	out->delimiters = body.n > 0 ? body : GP_STR(".");
	return GP_OK;
}

/* "%%", "%_" and "%-"; NULL: none of these. */
static const char *
coded(char c)
{
	switch (c) {
	case '%':
		return "%";
	case '_':
		return " ";
	case '-':
		return "%20";
	default:
		return NULL;
	}
}

/* Take the next piece off `*rest`, which is not empty. */
static enum gp_rc
next_piece(struct gp_str *rest, struct piece *out, struct gp_err *err)
{
	size_t n = gp_str_find(*rest, '%');

	*out = (struct piece){ 0 };
	if (n > 0) {
		out->literal = gp_str_n(rest->p, n);
		*rest = skip(*rest, n);
		return GP_OK;
	}
	if (rest->n >= 2 && coded(rest->p[1]) != NULL) {
		out->literal = gp_str(coded(rest->p[1]));
		out->coded = true;
		*rest = skip(*rest, 2);
		return GP_OK;
	}
	if (rest->n < 2 || rest->p[1] != '{')
		return bad_macro(*rest, "% without a macro", err);
	n = gp_str_find(*rest, '}');
	if (n == rest->n)
		return bad_macro(*rest, "macro without its end", err);
	if (read_body(gp_str_n(rest->p + 2, n - 2), out, err) != GP_OK)
		return GP_PERM;
	*rest = skip(*rest, n + 1);
	return GP_OK;
}

static enum gp_rc
check_literal(struct gp_str s, enum gp_spf_place place, struct gp_err *err)
{
	for (size_t i = 0; i < s.n; i++) {
		bool space = s.p[i] == ' ' && place == GP_SPF_IN_TEXT;

		if (!space && (!gp_is_print(s.p[i]) || s.p[i] == ' '))
			return bad_macro(s, "no printable US-ASCII", err);
	}
	return GP_OK;
}

static enum gp_rc
check_piece(const struct piece *p, enum gp_spf_place place,
    struct gp_spf_uses *uses, struct gp_err *err)
{
	if (p->coded)
		return GP_OK;
	switch (p->letter) {
	case '\0':
		return check_literal(p->literal, place, err);
	case 'c':
	case 'r':
	case 't':
		if (place == GP_SPF_IN_TEXT)
			return GP_OK;
		return gp_fail(err, GP_PERM,
		    "macro letter '%c' is for explanations only", p->letter);
	case 'p':
		uses->p = true;
		return GP_OK;
	case 's':
	case 'l':
		uses->local = true;
		return GP_OK;
	default:
		return GP_OK;
	}
}

/* As gp_spf_macro_check(); `*last` is the last piece. */
static enum gp_rc
check(struct gp_str s, enum gp_spf_place place, struct gp_spf_uses *uses,
    struct piece *last, struct gp_err *err)
{
	*uses = (struct gp_spf_uses){ 0 };
	*last = (struct piece){ 0 };
	while (s.n > 0)
		if (next_piece(&s, last, err) != GP_OK ||
		    check_piece(last, place, uses, err) != GP_OK)
			return GP_PERM;
	return GP_OK;
}

enum gp_rc
gp_spf_macro_check(struct gp_str s, enum gp_spf_place place,
    struct gp_spf_uses *uses, struct gp_err *err)
{
	struct piece last;

	return check(s, place, uses, &last, err);
}

static bool
is_toplabel(struct gp_str s)
{
	bool only_digits = true;

	if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!gp_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
		if (!gp_is_digit(s.p[i]))
			only_digits = false;
	}
	return !only_digits;
}

enum gp_rc
gp_spf_domain_spec_check(struct gp_str s, struct gp_spf_uses *uses,
    struct gp_err *err)
{
	char text[GP_SPF_SHOW];
	struct piece last;
	struct gp_str end;
	size_t dot;

	if (s.n == 0)
		return gp_fail(err, GP_PERM, "a domain is missing");
	if (check(s, GP_SPF_IN_RECORD, uses, &last, err) != GP_OK)
		return GP_PERM;
	if (last.letter != '\0' || last.coded)
		return GP_OK;
	end = last.literal;
	if (end.p[end.n - 1] == '.')
		end.n--;
	for (dot = end.n; dot > 0 && end.p[dot - 1] != '.'; dot--)
		continue;
	if (dot > 0 && is_toplabel(skip(end, dot)))
		return GP_OK;
	return gp_fail(err, GP_PERM,
	    "'%s' does not end in a top-level domain or a macro",
	    gp_spf_show(s, text));
}

/* -- expansion --------------------------------------------------------- */

/* The client as dotted quad, or as 32 nibbles with dots between. */
static void
dotted_ip(const struct gp_ip *ip, struct gp_buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	char text[GP_IP_TEXT];

	if (ip->family != GP_IP_V6) {
		gp_buf_adds(out, gp_ip_format(ip, text));
		return;
	}
	for (size_t i = 0; i < sizeof(ip->b); i++) {
		if (i > 0)
			gp_buf_addc(out, '.');
		gp_buf_addc(out, hex[ip->b[i] >> 4]);
		gp_buf_addc(out, '.');
		gp_buf_addc(out, hex[ip->b[i] & 15]);
	}
}

static void
add_value(char letter, const struct gp_spf_values *v, struct gp_buf *out)
{
	char text[GP_IP_TEXT];

	switch (letter) {
	case 's':
		gp_buf_add_str(out, v->local);
		gp_buf_addc(out, '@');
		gp_buf_adds(out, v->sender_domain);
		break;
	case 'l':
		gp_buf_add_str(out, v->local);
		break;
	case 'o':
		gp_buf_adds(out, v->sender_domain);
		break;
	case 'd':
		gp_buf_adds(out, v->domain);
		break;
	case 'i':
		dotted_ip(&v->client, out);
		break;
	case 'p':
		gp_buf_adds(out, v->validated);
		break;
	case 'h':
		gp_buf_adds(out, v->helo);
		break;
	case 'c':
		gp_buf_adds(out, gp_ip_format(&v->client, text));
		break;
	case 'r':
		gp_buf_adds(out, v->receiver);
		break;
	case 't':
		gp_buf_addf(out, "%lld", (long long)v->now_s);
		break;
	default: /* 'v' */
		gp_buf_adds(out,
		    v->client.family == GP_IP_V6 ? "ip6" : "in-addr");
		break;
	}
}

static bool
cuts(const struct piece *p, char c)
{
	return gp_str_find(p->delimiters, c) != p->delimiters.n;
}

/* Append with everything escaped that RFC 3986 does not call unreserved. */
static void
add_escaped(struct gp_str s, struct gp_buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (gp_is_alnum(c) || (c != '\0' && strchr("-._~", c) != NULL))
			gp_buf_addc(out, c);
		else
			gp_buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
	}
}

static void
add_part(const struct piece *p, struct gp_str part, struct gp_buf *out)
{
	if (p->escape)
		add_escaped(part, out);
	else
		gp_buf_add_str(out, part);
}

/* The last p->parts parts of `value`, in their order. */
static void
add_forward(const struct piece *p, struct gp_str value, struct gp_buf *out)
{
	size_t start = value.n;
	unsigned found = 1;

	while (start > 0 && !(cuts(p, value.p[start - 1]) && found == p->parts))
		if (cuts(p, value.p[--start]))
			found++;
	while (start <= value.n) {
		size_t end = start;

		while (end < value.n && !cuts(p, value.p[end]))
			end++;
		add_part(p, gp_str_n(value.p + start, end - start), out);
		if (end < value.n)
			gp_buf_addc(out, '.');
		start = end + 1;
	}
}

/* The first p->parts parts of `value`, the last of them first. */
static void
add_reversed(const struct piece *p, struct gp_str value, struct gp_buf *out)
{
	size_t end = 0;
	unsigned found = 1;

	while (end < value.n && !(cuts(p, value.p[end]) && found == p->parts))
		if (cuts(p, value.p[end++]))
			found++;
	for (;;) {
		size_t start = end;

		while (start > 0 && !cuts(p, value.p[start - 1]))
			start--;
		add_part(p, gp_str_n(value.p + start, end - start), out);
		if (start == 0)
			return;
		gp_buf_addc(out, '.');
		end = start - 1;
	}
}

void
gp_spf_macro_expand(struct gp_str s, const struct gp_spf_values *v,
    struct gp_buf *out)
{
	struct gp_buf value;
	struct piece p;

	gp_buf_init(&value, EXPANSION_MAX);
	while (s.n > 0 && !out->overflow && next_piece(&s, &p, NULL) == GP_OK) {
		if (p.letter == '\0') {
			gp_buf_add_str(out, p.literal);
			continue;
		}
		gp_buf_reset(&value);
		add_value(p.letter, v, &value);
		if (value.n == 0)
			continue;
		if (p.reverse)
			add_reversed(&p, gp_buf_str(&value), out);
		else
			add_forward(&p, gp_buf_str(&value), out);
	}
	gp_buf_clear(&value);
}

enum gp_rc
gp_spf_target_name(struct gp_str spec, const struct gp_spf_values *v,
    char out[GP_DOMAIN_TEXT])
{
	enum gp_rc rc = GP_NONE;
	struct gp_str name;
	struct gp_buf buf;

	gp_buf_init(&buf, EXPANSION_MAX);
	gp_spf_macro_expand(spec, v, &buf);
	name = gp_buf_str(&buf);
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	while (name.n > GP_DOMAIN_MAX && gp_str_find(name, '.') != name.n)
		name = skip(name, gp_str_find(name, '.') + 1);
	if (!buf.overflow && gp_dns_name_valid(name)) {
		memcpy(out, name.p, name.n);
		out[name.n] = '\0';
		rc = GP_OK;
	}
	gp_buf_clear(&buf);
	return rc;
}
