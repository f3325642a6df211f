/* See dkim_sig.h.  Reading; dkim_sig_format.c writes. */
#include "core/dkim_sig.h"

#include "base/base64.h"
#include "core/domain.h"
#include "core/taglist.h"

#include <string.h>

#define SHA1_BYTES    20
#define LENGTH_DIGITS 76 /* RFC 6376 section 3.5, l= */
#define TOKEN_MAX     32 /* a= that a report shows; ours have at most 14 */

static const struct {
	const char *name;
	enum gp_dkim_algorithm algorithm;
	size_t hash_bytes;
} algorithms[] = {
	{ "rsa-sha256", GP_DKIM_RSA_SHA256, GP_DKIM_HASH_BYTES },
	{ "ed25519-sha256", GP_DKIM_ED25519_SHA256, GP_DKIM_HASH_BYTES },
	{ "rsa-sha1", GP_DKIM_RSA_SHA1, SHA1_BYTES },
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

/* A field on its way into a signature. */
struct reading {
	struct gp_taglist tags;
	struct gp_arena *arena;
	struct gp_dkim_sig sig;
	struct gp_err *err;
};

const char *
gp_dkim_algorithm_name(enum gp_dkim_algorithm a)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (algorithms[i].algorithm == a)
			return algorithms[i].name;
	return "unknown";
}

static enum gp_rc
broken(const struct reading *r, const char *clause)
{
	return gp_fail(r->err, GP_PERM, "%s", clause);
}

/* -- what a report shows ------------------------------------------------- */

static bool
is_token(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return s.n <= TOKEN_MAX;
}

static bool
is_base64_text(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '/' &&
		    s.p[i] != '=')
			return false;
	return true;
}

/* The name of a tag, normalised; NULL when it is none.  In RFC 5321 a domain
 * has no final dot. */
static const char *
normal_name(struct gp_str s, struct gp_arena *arena)
{
	char name[GP_DOMAIN_TEXT];

	if (s.n == 0 || s.p[s.n - 1] == '.' ||
	    gp_domain_normalize(s, name, NULL) != GP_OK)
		return NULL;
	return gp_arena_strdup(arena, name);
}

static void
read_report(struct reading *r)
{
	const struct gp_str *a = gp_taglist_get(&r->tags, "a");
	const struct gp_str *b = gp_taglist_get(&r->tags, "b");
	const struct gp_str *d = gp_taglist_get(&r->tags, "d");
	const struct gp_str *s = gp_taglist_get(&r->tags, "s");

	if (a != NULL && is_token(*a))
		r->sig.a = *a;
	if (b != NULL) {
		r->sig.b = gp_tag_compact(*b, r->arena);
		if (!is_base64_text(r->sig.b))
			r->sig.b = gp_str(NULL);
	}
	if (d != NULL)
		r->sig.domain = normal_name(*d, r->arena);
	if (s != NULL)
		r->sig.selector = normal_name(*s, r->arena);
}

/* -- the rules, one tag or two each -------------------------------------- */

static enum gp_rc
check_present(const struct reading *r)
{
	static const char *const required[] = { "a", "b", "bh", "d", "h", "s" };
	const struct gp_str *v = gp_taglist_get(&r->tags, "v");

	/* first, since another version may need other tags */
	if (v == NULL)
		return broken(r, "v= is missing");
	if (!gp_str_eq(*v, GP_STR("1")))
		return broken(r, "v= is not 1");
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (gp_taglist_get(&r->tags, required[i]) == NULL)
			return gp_fail(r->err, GP_PERM, "%s= is missing",
			    required[i]);
	return GP_OK;
}

static enum gp_rc
check_names(const struct reading *r)
{
	if (r->sig.domain == NULL)
		return broken(r, "d= is no domain name");
	if (gp_domain_labels(r->sig.domain) < 2)
		return broken(r, "d= is a name of one label");
	if (r->sig.selector == NULL)
		return broken(r, "s= is no selector");
	return GP_OK;
}

/* a=, and bh= that is as long as its hash */
static enum gp_rc
read_hash(struct reading *r)
{
	const struct gp_str *a = gp_taglist_get(&r->tags, "a");
	const struct gp_str *bh = gp_taglist_get(&r->tags, "bh");
	uint8_t hash[GP_DKIM_HASH_BYTES];
	size_t i = 0, n;

	while (i < ALGORITHMS && !gp_str_eq(*a, gp_str(algorithms[i].name)))
		i++;
	if (i == ALGORITHMS)
		return broken(r, "unknown algorithm in a=");
	r->sig.algorithm = algorithms[i].algorithm;
	if (gp_base64_decode(gp_tag_compact(*bh, r->arena), hash, sizeof(hash),
		&n) != GP_OK ||
	    n != algorithms[i].hash_bytes)
		return broken(r, "bh= is no hash of that algorithm in base64");
	if (n == sizeof(hash))
		memcpy(r->sig.body_hash, hash, n);
	return GP_OK;
}

static enum gp_rc
read_signature(struct reading *r)
{
	const struct gp_str *b = gp_taglist_get(&r->tags, "b");
	size_t max = b->n / 4 * 3;
	uint8_t *bytes = gp_arena_alloc(r->arena, max + 1);

	if (b->n == 0)
		return broken(r, "b= is empty");
	if (r->sig.b.n == 0 || gp_base64_decode(r->sig.b, bytes, max,
				   &r->sig.signature_n) != GP_OK)
		return broken(r, "b= is no base64");
	r->sig.signature = bytes;
	return GP_OK;
}

static bool
read_canon(struct gp_str word, enum gp_dkim_canon *out)
{
	if (gp_str_eq(word, GP_STR("relaxed")))
		*out = GP_DKIM_RELAXED;
	else if (gp_str_eq(word, GP_STR("simple")))
		*out = GP_DKIM_SIMPLE;
	else
		return false;
	return true;
}

static enum gp_rc
read_canons(struct reading *r)
{
	const struct gp_str *c = gp_taglist_get(&r->tags, "c");
	struct gp_str body, header;

	r->sig.header_canon = r->sig.body_canon = GP_DKIM_SIMPLE;
	if (c == NULL)
		return GP_OK;
	body = *c;
	header = gp_str_split(&body, '/');
	if (!read_canon(header, &r->sig.header_canon) ||
	    (body.p != NULL && !read_canon(body, &r->sig.body_canon)))
		return broken(r, "unknown canonicalization in c=");
	return GP_OK;
}

/* ftext of RFC 5322 2.2, but for ";" that ends a value */
static bool
is_field_name(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]) || s.p[i] == ' ')
			return false;
	return s.n > 0;
}

static enum gp_rc
read_headers(struct reading *r)
{
	struct gp_str rest = *gp_taglist_get(&r->tags, "h");
	struct gp_str *names;
	bool from = false;
	size_t n = 1;

	for (size_t i = 0; i < rest.n; i++)
		n += rest.p[i] == ':';
	if (n > GP_DKIM_NAMES_MAX)
		return broken(r, "h= has too many names");
	names = gp_arena_alloc(r->arena, n * sizeof(*names));
	for (size_t i = 0; i < n; i++) {
		names[i] = gp_str_trim(gp_str_split(&rest, ':'));
		if (!is_field_name(names[i]))
			return broken(r, "h= has what is no field name");
		from = from || gp_str_eq_nocase(names[i], GP_STR("From"));
	}
	if (!from)
		return broken(r, "h= does not cover From");
	r->sig.headers = names;
	r->sig.n_headers = n;
	return GP_OK;
}

/* dkim-quoted-printable of RFC 6376 2.11, white space gone. */
static bool
unquote(struct gp_str in, struct gp_arena *arena, struct gp_str *out)
{
	char *p = gp_arena_alloc(arena, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int high, low;

		if (in.p[i] != '=') {
			p[n++] = in.p[i];
			continue;
		}
		if (in.n - i < 3)
			return false;
		high = gp_hex_value(in.p[i + 1]);
		low = gp_hex_value(in.p[i + 2]);
		if (high < 0 || low < 0)
			return false;
		p[n++] = (char)(high << 4 | low);
		i += 2;
	}
	*out = gp_str_n(p, n);
	return true;
}

static bool
split_address(struct gp_str address, struct gp_str *local,
    struct gp_str *domain)
{
	size_t at = address.n;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	if (at == 0)
		return false;
	*local = gp_str_n(address.p, at - 1);
	*domain = gp_str_n(address.p + at, address.n - at);
	return true;
}

/* What stands before the "@": nothing, or a text, in which an "@" of its own
 * is encoded or in quotes.  No more is asked of it: people have addresses that
 * RFC 5321 does not allow, and nobody is told about it. */
static bool
is_local_part(struct gp_str raw, struct gp_str decoded)
{
	bool quoted = raw.n > 1 && raw.p[0] == '"' && raw.p[raw.n - 1] == '"';

	return (quoted || gp_str_find(raw, '@') == raw.n) &&
	       gp_str_is_text(decoded);
}

static enum gp_rc
read_identity(struct reading *r)
{
	const struct gp_str *i = gp_taglist_get(&r->tags, "i");
	struct gp_str raw, local, domain;

	r->sig.identity = r->sig.domain;
	if (i == NULL)
		return GP_OK;
	if (!split_address(gp_tag_compact(*i, r->arena), &raw, &domain))
		return broken(r, "i= is no address");
	if (!unquote(raw, r->arena, &local) ||
	    !unquote(domain, r->arena, &domain))
		return broken(r, "i= is no quoted-printable");
	r->sig.identity = normal_name(domain, r->arena);
	if (r->sig.identity == NULL || !is_local_part(raw, local))
		return broken(r, "i= is no address");
	if (strcmp(r->sig.identity, r->sig.domain) != 0 &&
	    !gp_domain_is_below(r->sig.identity, r->sig.domain))
		return broken(r, "i= is not in the domain of d=");
	return GP_OK;
}

/* Digits only; a number above `max` is `max`.  False when it is none. */
static bool
read_number(struct gp_str s, uint64_t max, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit;

		if (!gp_is_digit(s.p[i]))
			return false;
		digit = (unsigned)(s.p[i] - '0');
		*out = *out > (max - digit) / 10 ? max : *out * 10 + digit;
	}
	return s.n > 0;
}

static enum gp_rc
read_time(struct reading *r, const char *tag, bool *has, int64_t *out)
{
	const struct gp_str *value = gp_taglist_get(&r->tags, tag);
	uint64_t seconds;

	if (value == NULL)
		return GP_OK;
	if (!read_number(*value, INT64_MAX, &seconds))
		return gp_fail(r->err, GP_PERM, "%s= is no time", tag);
	*has = true;
	*out = (int64_t)seconds;
	return GP_OK;
}

static enum gp_rc
read_times(struct reading *r)
{
	if (read_time(r, "t", &r->sig.has_time, &r->sig.time_s) != GP_OK ||
	    read_time(r, "x", &r->sig.has_expiry, &r->sig.expiry_s) != GP_OK)
		return GP_PERM;
	if (r->sig.has_time && r->sig.has_expiry &&
	    r->sig.expiry_s <= r->sig.time_s)
		return broken(r, "x= is not above t=");
	return GP_OK;
}

static enum gp_rc
read_length(struct reading *r)
{
	const struct gp_str *l = gp_taglist_get(&r->tags, "l");

	if (l == NULL)
		return GP_OK;
	if (l->n > LENGTH_DIGITS ||
	    !read_number(*l, UINT64_MAX, &r->sig.length))
		return broken(r, "l= is no length");
	r->sig.has_length = true;
	return GP_OK;
}

static enum gp_rc
check_query(struct reading *r)
{
	const struct gp_str *q = gp_taglist_get(&r->tags, "q");
	struct gp_str rest;

	if (q == NULL)
		return GP_OK;
	rest = *q;
	while (rest.p != NULL)
		if (gp_str_eq(gp_str_trim(gp_str_split(&rest, ':')),
			GP_STR("dns/txt")))
			return GP_OK;
	return broken(r, "q= has no query method that we know");
}

static enum gp_rc
read_rules(struct reading *r)
{
	static enum gp_rc (*const rules[])(struct reading *) = {
		read_hash,
		read_signature,
		read_canons,
		read_headers,
		read_identity,
		read_times,
		read_length,
		check_query,
	};

	if (check_present(r) != GP_OK || check_names(r) != GP_OK)
		return GP_PERM;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i](r) != GP_OK)
			return GP_PERM;
	return GP_OK;
}

enum gp_rc
gp_dkim_sig_parse(struct gp_str value, struct gp_arena *arena,
    struct gp_dkim_sig *out, struct gp_err *err)
{
	struct reading r = { .arena = arena, .err = err };
	enum gp_rc rc;

	rc = gp_taglist_parse(value, &r.tags, err);
	read_report(&r);
	*out = r.sig;
	if (rc == GP_OK)
		rc = read_rules(&r);
	if (rc == GP_OK)
		*out = r.sig;
	return rc;
}
