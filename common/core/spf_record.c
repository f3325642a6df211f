/* See spf_record.h. */
#include "core/spf_record.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* What may follow the name of a term. */
enum argument {
	NOTHING,
	DOMAIN,          /* ":" domain-spec */
	OPTIONAL_DOMAIN, /* [ ":" domain-spec ] */
	HOSTS,           /* [ ":" domain-spec ] [ dual-cidr-length ] */
	NETWORK,         /* ":" network [ cidr-length ] */
	VALUE,           /* "=" domain-spec */
};

static const struct {
	const char *name;
	enum gp_spf_term_kind kind;
	enum argument argument;
} known[] = {
	{ "all", GP_SPF_TERM_ALL, NOTHING },
	{ "include", GP_SPF_TERM_INCLUDE, DOMAIN },
	{ "a", GP_SPF_TERM_A, HOSTS },
	{ "mx", GP_SPF_TERM_MX, HOSTS },
	{ "ptr", GP_SPF_TERM_PTR, OPTIONAL_DOMAIN },
	{ "ip4", GP_SPF_TERM_IP4, NETWORK },
	{ "ip6", GP_SPF_TERM_IP6, NETWORK },
	{ "exists", GP_SPF_TERM_EXISTS, DOMAIN },
	{ "redirect", GP_SPF_TERM_REDIRECT, VALUE },
	{ "exp", GP_SPF_TERM_EXP, VALUE },
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

#define VERSION GP_STR("v=spf1")

static struct gp_str
skip(struct gp_str s, size_t n)
{
	return gp_str_n(s.p + n, s.n - n);
}

static enum gp_rc
bad_term(const struct gp_spf_term *t, const char *what, struct gp_err *err)
{
	char text[GP_SPF_SHOW];

	return gp_fail(err, GP_PERM, "%s '%s'", what,
	    gp_spf_show(t->text, text));
}

/* The same with the reason that a deeper reader gave. */
static enum gp_rc
bad_part(const struct gp_spf_term *t, const struct gp_err *why,
    struct gp_err *err)
{
	char text[GP_SPF_SHOW];

	return gp_fail(err, GP_PERM, "'%s': %s", gp_spf_show(t->text, text),
	    why->msg);
}

/*
 * Cut "/" digits off the end of `*s`, or "//" digits with `slashes` 2.  False
 * when there is none; the digits may still be no prefix length.
 */
static bool
cut_prefix(struct gp_str *s, size_t slashes, struct gp_str *digits)
{
	size_t n = s->n;

	while (n > 0 && gp_is_digit(s->p[n - 1]))
		n--;
	if (n == s->n || n < slashes || s->p[n - 1] != '/' ||
	    (slashes == 2 && s->p[n - 2] != '/'))
		return false;
	*digits = skip(*s, n);
	s->n = n - slashes;
	return true;
}

static enum gp_rc
parse_bits(const struct gp_spf_term *t, struct gp_str digits, unsigned max,
    uint8_t *out, struct gp_err *err)
{
	uint64_t bits;

	if (digits.n > 1 && digits.p[0] == '0')
		return bad_term(t, "prefix length with leading zero in", err);
	if (gp_parse_u64(digits, max, &bits) != GP_OK)
		return bad_term(t, "prefix length out of range in", err);
	*out = (uint8_t)bits;
	return GP_OK;
}

static enum gp_rc
parse_dual_cidr(struct gp_spf_term *t, struct gp_str *arg, struct gp_err *err)
{
	struct gp_str digits;

	if (cut_prefix(arg, 2, &digits) &&
	    parse_bits(t, digits, 128, &t->bits6, err) != GP_OK)
		return GP_PERM;
	if (cut_prefix(arg, 1, &digits) &&
	    parse_bits(t, digits, 32, &t->bits4, err) != GP_OK)
		return GP_PERM;
	return GP_OK;
}

static enum gp_rc
parse_domain(struct gp_spf_term *t, struct gp_str arg, struct gp_err *err)
{
	struct gp_err why;
	struct gp_ip ip;

	if (arg.n == 0 || arg.p[0] != ':')
		return bad_term(t, "a domain was expected in", err);
	t->spec = skip(arg, 1);
	if (gp_spf_domain_spec_check(t->spec, &t->uses, &why) == GP_OK)
		return GP_OK;
	/* published often enough for a sentence of its own */
	if (gp_ip_parse(t->spec, &ip) == GP_OK)
		return bad_term(t, "an address where a domain belongs in", err);
	return bad_part(t, &why, err);
}

/* An address of just this family: no unmapping, for the record means what it
 * says and a client that is mapped was unmapped before. */
static bool
parse_ip(struct gp_str s, struct gp_ip *out)
{
	char text[INET6_ADDRSTRLEN];
	int family = out->family == GP_IP_V4 ? AF_INET : AF_INET6;

	if (s.n == 0 || s.n >= sizeof(text) || gp_str_find(s, '\0') != s.n)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(family, text, out->b) == 1;
}

static enum gp_rc
parse_network(struct gp_spf_term *t, struct gp_str arg, struct gp_err *err)
{
	bool v4 = t->kind == GP_SPF_TERM_IP4;
	struct gp_str digits;

	if (arg.n == 0 || arg.p[0] != ':')
		return bad_term(t, "an address was expected in", err);
	arg = skip(arg, 1);
	if (cut_prefix(&arg, 1, &digits) &&
	    parse_bits(t, digits, v4 ? 32 : 128, v4 ? &t->bits4 : &t->bits6,
		err) != GP_OK)
		return GP_PERM;
	t->net.family = v4 ? GP_IP_V4 : GP_IP_V6;
	if (!parse_ip(arg, &t->net))
		return bad_term(t,
		    v4 ? "no IPv4 network in" : "no IPv6 network in", err);
	return GP_OK;
}

static enum gp_rc
parse_argument(struct gp_spf_term *t, enum argument form, struct gp_str arg,
    struct gp_err *err)
{
	switch (form) {
	case NOTHING:
		break;
	case HOSTS:
		if (parse_dual_cidr(t, &arg, err) != GP_OK)
			return GP_PERM;
		if (arg.n == 0)
			return GP_OK;
		return parse_domain(t, arg, err);
	case OPTIONAL_DOMAIN:
		if (arg.n == 0)
			return GP_OK;
		return parse_domain(t, arg, err);
	case NETWORK:
		return parse_network(t, arg, err);
	case DOMAIN:
	case VALUE:
		return parse_domain(t, arg, err);
	}
	if (arg.n > 0)
		return bad_term(t, "nothing may follow the name in", err);
	return GP_OK;
}

static enum gp_rc
parse_mechanism(struct gp_spf_term *t, struct gp_str s, struct gp_err *err)
{
	char name[GP_SPF_SHOW];
	size_t end = 0;

	while (end < s.n && s.p[end] != ':' && s.p[end] != '/')
		end++;
	t->name = gp_str_n(s.p, end);
	for (size_t i = 0; i < KNOWN; i++)
		if (known[i].argument != VALUE &&
		    gp_str_eq_nocase(t->name, gp_str(known[i].name))) {
			t->kind = known[i].kind;
			return parse_argument(t, known[i].argument,
			    skip(s, end), err);
		}
	return gp_fail(err, GP_PERM, "unknown mechanism '%s'",
	    gp_spf_show(t->name, name));
}

static enum gp_rc
parse_modifier(struct gp_spf_term *t, struct gp_str value, struct gp_err *err)
{
	enum gp_rc rc;
	struct gp_err why;

	t->spec = value;
	t->kind = GP_SPF_TERM_UNKNOWN;
	for (size_t i = 0; i < KNOWN; i++)
		if (known[i].argument == VALUE &&
		    gp_str_eq_nocase(t->name, gp_str(known[i].name)))
			t->kind = known[i].kind;
	if (t->kind == GP_SPF_TERM_UNKNOWN)
		rc =
		    gp_spf_macro_check(value, GP_SPF_IN_RECORD, &t->uses, &why);
	else
		rc = gp_spf_domain_spec_check(value, &t->uses, &why);
	return rc == GP_OK ? GP_OK : bad_part(t, &why, err);
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ); how much of `s` is one */
static size_t
modifier_name(struct gp_str s)
{
	size_t n = 0;

	if (s.n == 0 || !gp_is_alpha(s.p[0]))
		return 0;
	while (n < s.n && (gp_is_alnum(s.p[n]) || s.p[n] == '-' ||
			      s.p[n] == '_' || s.p[n] == '.'))
		n++;
	return n;
}

static enum gp_rc
parse_term(struct gp_str s, struct gp_spf_term *t, struct gp_err *err)
{
	size_t n = modifier_name(s);

	t->text = s;
	t->qualifier = '+';
	t->bits4 = 32;
	t->bits6 = 128;
	if (n > 0 && n < s.n && s.p[n] == '=') {
		t->name = gp_str_n(s.p, n);
		return parse_modifier(t, skip(s, n + 1), err);
	}
	if (s.p[0] != '\0' && strchr("+-~?", s.p[0]) != NULL) {
		t->qualifier = s.p[0];
		s = skip(s, 1);
	}
	return parse_mechanism(t, s, err);
}

/* "redirect" and "exp" stand at most once (RFC 7208 section 6). */
static enum gp_rc
keep_modifier(const struct gp_spf_term *t, struct gp_spf_record *out,
    struct gp_err *err)
{
	const struct gp_spf_term **slot;

	if (t->kind == GP_SPF_TERM_REDIRECT)
		slot = &out->redirect;
	else if (t->kind == GP_SPF_TERM_EXP)
		slot = &out->exp;
	else
		return GP_OK;
	if (*slot != NULL)
		return bad_term(t, "given twice:", err);
	*slot = t;
	return GP_OK;
}

bool
gp_spf_record_claims(struct gp_str txt)
{
	return gp_str_starts_nocase(txt, VERSION) &&
	       (txt.n == VERSION.n || txt.p[VERSION.n] == ' ');
}

/* The next run of non-spaces; false at the end. */
static bool
next_word(struct gp_str *rest, struct gp_str *word)
{
	while (rest->n > 0 && rest->p[0] == ' ')
		*rest = skip(*rest, 1);
	word->p = rest->p;
	word->n = gp_str_find(*rest, ' ');
	*rest = skip(*rest, word->n);
	return word->n > 0;
}

static size_t
count_words(struct gp_str s)
{
	struct gp_str word;
	size_t n = 0;

	while (next_word(&s, &word))
		n++;
	return n;
}

enum gp_rc
gp_spf_record_parse(struct gp_str txt, struct gp_arena *arena,
    struct gp_spf_record *out, struct gp_err *err)
{
	struct gp_spf_term *term;
	struct gp_str rest, word;
	size_t n;

	*out = (struct gp_spf_record){ .text = txt };
	if (!gp_spf_record_claims(txt))
		return gp_fail(err, GP_NONE, "no SPF record");
	if (txt.n > GP_SPF_RECORD_MAX)
		return gp_fail(err, GP_PERM,
		    "the record has more than %d bytes", GP_SPF_RECORD_MAX);
	rest = skip(txt, VERSION.n);
	n = count_words(rest);
	if (n > GP_SPF_RECORD_TERMS)
		return gp_fail(err, GP_PERM,
		    "the record has more than %d terms", GP_SPF_RECORD_TERMS);
	term = gp_arena_alloc(arena, (n + 1) * sizeof(*term));
	out->term = term;
	for (; next_word(&rest, &word); term++) {
		term->at = (size_t)(word.p - txt.p);
		if (parse_term(word, term, err) != GP_OK ||
		    keep_modifier(term, out, err) != GP_OK)
			return GP_PERM;
		out->n++;
	}
	return GP_OK;
}

bool
gp_spf_term_queries(enum gp_spf_term_kind kind)
{
	switch (kind) {
	case GP_SPF_TERM_INCLUDE:
	case GP_SPF_TERM_A:
	case GP_SPF_TERM_MX:
	case GP_SPF_TERM_PTR:
	case GP_SPF_TERM_EXISTS:
	case GP_SPF_TERM_REDIRECT:
		return true;
	case GP_SPF_TERM_ALL:
	case GP_SPF_TERM_IP4:
	case GP_SPF_TERM_IP6:
	case GP_SPF_TERM_EXP:
	case GP_SPF_TERM_UNKNOWN:
		break;
	}
	return false;
}

enum gp_spf_result
gp_spf_term_result(const struct gp_spf_term *term)
{
	switch (term->qualifier) {
	case '-':
		return GP_SPF_FAIL;
	case '~':
		return GP_SPF_SOFTFAIL;
	case '?':
		return GP_SPF_NEUTRAL;
	default:
		return GP_SPF_PASS;
	}
}

static void
format_network(const struct gp_spf_term *t, struct gp_buf *out)
{
	char text[GP_IP_TEXT];

	gp_buf_addf(out, ":%s", gp_ip_format(&t->net, text));
	if (t->kind == GP_SPF_TERM_IP4 && t->bits4 < 32)
		gp_buf_addf(out, "/%u", t->bits4);
	if (t->kind == GP_SPF_TERM_IP6 && t->bits6 < 128)
		gp_buf_addf(out, "/%u", t->bits6);
}

void
gp_spf_term_format(const struct gp_spf_term *t, struct gp_buf *out)
{
	bool modifier = t->kind >= GP_SPF_TERM_REDIRECT;

	if (t->qualifier != '+')
		gp_buf_addc(out, t->qualifier);
	if (t->kind == GP_SPF_TERM_UNKNOWN)
		gp_buf_add_str(out, t->name);
	for (size_t i = 0; i < KNOWN; i++)
		if (known[i].kind == t->kind)
			gp_buf_adds(out, known[i].name);
	if (t->net.family != GP_IP_UNKNOWN) {
		format_network(t, out);
		return;
	}
	if (modifier || t->spec.p != NULL) {
		gp_buf_addc(out, modifier ? '=' : ':');
		gp_buf_add_str(out, t->spec);
	}
	if (t->bits4 < 32)
		gp_buf_addf(out, "/%u", t->bits4);
	if (t->bits6 < 128)
		gp_buf_addf(out, "//%u", t->bits6);
}

void
gp_spf_record_format(const struct gp_spf_record *record, bool with_exp,
    struct gp_buf *out)
{
	gp_buf_add_str(out, VERSION);
	for (size_t i = 0; i < record->n; i++) {
		if (!with_exp && &record->term[i] == record->exp)
			continue;
		gp_buf_addc(out, ' ');
		gp_spf_term_format(&record->term[i], out);
	}
}
