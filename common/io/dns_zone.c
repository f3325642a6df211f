/*
 * See dns_zone.h.
 *
 * The text has one record a line:
 *
 *	NAME [TTL] TYPE DATA...
 *
 *	example.com          TXT   "v=spf1 mx " "-all"   ; joined: one record
 *	example.com      300 MX    10 mail.example.com
 *	mail.example.com     A     192.0.2.25
 *	mail.example.com     AAAA  2001:db8::25
 *	www.example.com      CNAME example.com
 *	*.example.com        A     192.0.2.80            ; RFC 4592
 *	25.2.0.192.in-addr.arpa PTR mail.example.com
 *	null.example.com     MX    0 .
 *	example.com          NS    ns1.example.com
 *
 * A name is absolute, with or without its final dot, in any case.  TTL is in
 * seconds, 300 when left out; "there is none" holds for 60 seconds.  `;` or
 * `#` at the start of a word begins a comment.  A word may be quoted; in and
 * out of quotes `\"` and `\\` stand for the character and `\DDD` (decimal)
 * for the byte.  In a name a dot always ends a label.
 *
 * A name that is not there does not exist; one that has only names below it
 * exists without records.  A CNAME is followed.
 *
 * A line of this form spoils the answers for one type, or for all (`*`):
 *
 *	NAME TYPE !SERVFAIL | !REFUSED | !NXDOMAIN | !TIMEOUT | !DELAY 300ms
 *
 * with `*.name` for every name below.  !DELAY may stand beside another fault
 * or a record.  !TIMEOUT lasts until the caller's deadline, at most a second.
 */
#include "io/dns_zone.h"

#include "base/buf.h"
#include "base/time.h"
#include "base/xalloc.h"
#include "io/dns_wire.h"
#include "io/dns_zone_data.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX      1048576
#define DEFAULT_TTL_S 300
#define DELAY_MAX_MS  60000
#define SHOWN_MAX     60

static const char *const fault_names[GP_DNS_FAULTS] = {
	[GP_DNS_FAULT_SERVFAIL] = "!SERVFAIL",
	[GP_DNS_FAULT_REFUSED] = "!REFUSED",
	[GP_DNS_FAULT_NXDOMAIN] = "!NXDOMAIN",
	[GP_DNS_FAULT_TIMEOUT] = "!TIMEOUT",
	[GP_DNS_FAULT_DELAY] = "!DELAY",
};

/* -- words --------------------------------------------------------------- */

struct parser {
	struct gp_dns_zone *zone;
	struct gp_str rest; /* of the line */
	unsigned line;
	struct gp_buf buf;
	struct gp_err *err;
};

struct word {
	struct gp_str s; /* in the arena */
	bool quoted;
};

static enum gp_rc
fail(const struct parser *p, const char *what, struct gp_str value)
{
	char shown[SHOWN_MAX + 1] = "";
	size_t n = value.n < SHOWN_MAX ? value.n : SHOWN_MAX;

	if (n != 0)
		memcpy(shown, value.p, n);
	for (size_t i = 0; i < n; i++)
		if (!gp_is_print(shown[i]))
			shown[i] = '?';
	return gp_fail(p->err, GP_PERM, "zone line %u: %s: \"%s\"", p->line,
	    what, shown);
}

/* The byte that an escape at the start of `s` stands for; the length of the
 * escape, or 0 when it is none. */
static size_t
unescape(struct gp_str s, char *byte)
{
	unsigned value = 0;

	if (s.n < 2)
		return 0;
	if (!gp_is_digit(s.p[1])) {
		*byte = s.p[1];
		return 2;
	}
	if (s.n < 4)
		return 0;
	for (size_t i = 1; i < 4; i++) {
		if (!gp_is_digit(s.p[i]))
			return 0;
		value = value * 10 + (unsigned)(s.p[i] - '0');
	}
	if (value > 255)
		return 0;
	*byte = (char)(unsigned char)value;
	return 4;
}

static void
advance(struct gp_str *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

/* The bytes of a word up to its end: the closing quote, or a blank. */
static enum gp_rc
word_bytes(struct parser *p, bool quoted)
{
	struct gp_str *s = &p->rest;

	for (; s->n != 0; advance(s, 1)) {
		char c = s->p[0];

		if (quoted ? c == '"' : gp_is_space(c))
			return GP_OK;
		if (!quoted && c == '"')
			return fail(p, "a quote within a word", *s);
		if (c == '\\') {
			const size_t n = unescape(*s, &c);

			if (n == 0)
				return fail(p, "not an escape", *s);
			advance(s, n - 1);
		}
		gp_buf_addc(&p->buf, c);
	}
	return quoted ? fail(p, "no closing quote", gp_buf_str(&p->buf))
	              : GP_OK;
}

/* GP_NONE at the end of the line. */
static enum gp_rc
word_next(struct parser *p, struct word *w)
{
	enum gp_rc rc;

	*w = (struct word){ .quoted = false };
	while (p->rest.n != 0 && gp_is_space(p->rest.p[0]))
		advance(&p->rest, 1);
	if (p->rest.n == 0 || p->rest.p[0] == ';' || p->rest.p[0] == '#')
		return GP_NONE;
	w->quoted = p->rest.p[0] == '"';
	if (w->quoted)
		advance(&p->rest, 1);
	gp_buf_reset(&p->buf);
	rc = word_bytes(p, w->quoted);
	if (rc != GP_OK)
		return rc;
	if (w->quoted)
		advance(&p->rest, 1);
	w->s = gp_arena_dup(p->zone->arena, gp_buf_str(&p->buf));
	return GP_OK;
}

/* A word that must be there. */
static enum gp_rc
word_need(struct parser *p, const char *what, struct word *w)
{
	const enum gp_rc rc = word_next(p, w);

	if (rc == GP_NONE)
		return gp_fail(p->err, GP_PERM, "zone line %u: %s is missing",
		    p->line, what);
	return rc;
}

static enum gp_rc
line_end(struct parser *p)
{
	struct word w;
	const enum gp_rc rc = word_next(p, &w);

	if (rc == GP_OK)
		return fail(p, "unexpected word", w.s);
	return rc == GP_NONE ? GP_OK : rc;
}

/* -- names and data ------------------------------------------------------ */

static enum gp_rc
name_read(const struct parser *p, struct gp_str s, const char **out)
{
	char *name;

	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	if (!gp_dns_name_valid(s))
		return fail(p, "not a domain name", s);
	name = gp_arena_strndup(p->zone->arena, s.p, s.n);
	for (size_t i = 0; i < s.n; i++)
		name[i] = gp_lower(name[i]);
	*out = name;
	return GP_OK;
}

static enum gp_rc
read_address(struct parser *p, struct gp_dns_zone_record *r)
{
	const bool v4 = r->type == GP_DNS_A;
	struct word w;
	enum gp_rc rc = word_need(p, "the address", &w);

	if (rc != GP_OK)
		return rc;
	if (gp_ip_parse(w.s, &r->rr.ip) != GP_OK)
		return fail(p, "not an address", w.s);
	if (v4 != (r->rr.ip.family == GP_IP_V4))
		return fail(p, v4 ? "not IPv4" : "not IPv6", w.s);
	return GP_OK;
}

/* The root is written "." and is the empty text. */
static enum gp_rc
read_name(struct parser *p, struct gp_dns_zone_record *r)
{
	struct gp_dns_wire_name name;
	struct word w;
	enum gp_rc rc = word_need(p, "the name", &w);

	r->target = "";
	r->rr.text = gp_str("");
	if (rc != GP_OK || gp_str_eq(w.s, GP_STR(".")))
		return rc;
	rc = name_read(p, w.s, &r->target);
	if (rc != GP_OK)
		return rc;
	gp_dns_wire_from_text(r->target, &name);
	r->rr.text = gp_dns_wire_show(&name, p->zone->arena);
	return GP_OK;
}

static enum gp_rc
read_mx(struct parser *p, struct gp_dns_zone_record *r)
{
	uint64_t preference;
	struct word w;
	enum gp_rc rc = word_need(p, "the preference", &w);

	if (rc != GP_OK)
		return rc;
	if (gp_parse_u64(w.s, UINT16_MAX, &preference) != GP_OK)
		return fail(p, "not a preference (0 to 65535)", w.s);
	r->rr.preference = (uint16_t)preference;
	return read_name(p, r);
}

static enum gp_rc
read_txt(struct parser *p, struct gp_dns_zone_record *r)
{
	struct gp_buf joined;
	struct word w;
	enum gp_rc rc = word_need(p, "the text", &w);

	gp_buf_init(&joined, GP_DNS_TXT_MAX);
	while (rc == GP_OK) {
		gp_buf_add_str(&joined, w.s);
		rc = word_next(p, &w);
	}
	if (rc == GP_NONE) {
		rc = GP_OK;
		r->rr.text = gp_arena_dup(p->zone->arena, gp_buf_str(&joined));
		if (joined.overflow)
			rc = fail(p, "text too long", r->rr.text);
	}
	gp_buf_clear(&joined);
	return rc;
}

static enum gp_rc
read_data(struct parser *p, struct gp_dns_zone_record *r)
{
	switch ((enum gp_dns_type)r->type) {
	case GP_DNS_A:
	case GP_DNS_AAAA:
		return read_address(p, r);
	case GP_DNS_TXT:
		return read_txt(p, r);
	case GP_DNS_MX:
		return read_mx(p, r);
	case GP_DNS_NS:
	case GP_DNS_PTR:
	case GP_DNS_CNAME:
		return read_name(p, r);
	}
	return GP_PERM;
}

/* -- lines --------------------------------------------------------------- */

static void
record_add(struct gp_dns_zone *z, const struct gp_dns_zone_record *r)
{
	if ((z->n & (z->n - 1)) == 0)
		z->records = gp_xrealloc(z->records, z->n == 0 ? 1 : z->n * 2,
		    sizeof(z->records[0]));
	z->records[z->n++] = *r;
}

static void
fault_add(struct gp_dns_zone *z, const struct gp_dns_zone_fault *f)
{
	z->faults =
	    gp_xrealloc(z->faults, z->n_faults + 1, sizeof(z->faults[0]));
	z->faults[z->n_faults++] = *f;
}

static enum gp_rc
read_delay(struct parser *p, struct gp_dns_zone_fault *f)
{
	int64_t ms;
	struct word w;
	enum gp_rc rc = word_need(p, "the delay", &w);

	if (rc != GP_OK)
		return rc;
	if (gp_parse_duration_ms(w.s, &ms) != GP_OK || ms > DELAY_MAX_MS)
		return fail(p, "not a delay (0 to 60s)", w.s);
	f->delay_us = ms * GP_US_PER_MS;
	return GP_OK;
}

static enum gp_rc
read_fault(struct parser *p, const struct gp_dns_zone_record *r,
    struct gp_str word)
{
	struct gp_dns_zone_fault f = { .name = r->name, .type = r->type };
	enum gp_rc rc = GP_OK;
	unsigned kind = 0;

	while (kind < GP_DNS_FAULTS &&
	       !gp_str_eq_nocase(word, gp_str(fault_names[kind])))
		kind++;
	if (kind == GP_DNS_FAULTS)
		return fail(p, "not a fault", word);
	f.kind = (enum gp_dns_fault_kind)kind;
	if (gp_str_starts_nocase(gp_str(f.name), GP_STR("*."))) {
		f.name += 2;
		f.below = true;
	}
	if (f.kind == GP_DNS_FAULT_DELAY)
		rc = read_delay(p, &f);
	if (rc == GP_OK)
		fault_add(p->zone, &f);
	return rc;
}

/* The type's word, after the TTL if there is one. */
static enum gp_rc
read_type(struct parser *p, struct gp_dns_zone_record *r)
{
	enum gp_dns_type type;
	uint64_t ttl;
	struct word w;
	enum gp_rc rc = word_need(p, "the type", &w);

	if (rc == GP_OK && gp_parse_u64(w.s, INT32_MAX, &ttl) == GP_OK) {
		r->ttl_s = (uint32_t)ttl;
		rc = word_need(p, "the type", &w);
	}
	if (rc != GP_OK)
		return rc;
	if (gp_str_eq(w.s, GP_STR("*")))
		return GP_OK;
	if (gp_dns_type_parse(w.s, &type) != GP_OK)
		return fail(p, "not a type (A AAAA CNAME MX NS PTR TXT)", w.s);
	r->type = type;
	return GP_OK;
}

static enum gp_rc
read_line(struct parser *p)
{
	struct gp_dns_zone_record r = { .line = p->line,
		.ttl_s = DEFAULT_TTL_S };
	struct gp_str data;
	struct word w;
	enum gp_rc rc = word_next(p, &w);

	if (rc == GP_NONE)
		return GP_OK;
	if (rc == GP_OK)
		rc = name_read(p, w.s, &r.name);
	if (rc == GP_OK)
		rc = read_type(p, &r);
	if (rc != GP_OK)
		return rc;
	data = gp_str_trim(p->rest);
	if (data.n != 0 && data.p[0] == '!') {
		rc = word_next(p, &w);
		if (rc == GP_OK)
			rc = read_fault(p, &r, w.s);
	} else if (r.type == GP_DNS_TYPE_ANY) {
		rc = fail(p, "a record needs a type, not *", data);
	} else {
		rc = read_data(p, &r);
		if (rc == GP_OK)
			record_add(p->zone, &r);
	}
	return rc == GP_OK ? line_end(p) : rc;
}

/* -- the whole ----------------------------------------------------------- */

int
gp_dns_zone_order(const void *a, const void *b)
{
	const struct gp_dns_zone_record *x = a, *y = b;
	const int by_name = strcmp(x->name, y->name);

	if (by_name != 0)
		return by_name;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return 0;
}

/* Every ancestor of a name exists. */
static void
add_ancestors(struct gp_dns_zone *z)
{
	const size_t n = z->n;

	for (size_t i = 0; i < n; i++) {
		const char *dot = strchr(z->records[i].name, '.');

		for (; dot != NULL; dot = strchr(dot + 1, '.')) {
			const struct gp_dns_zone_record r = { .name = dot + 1,
				.line = z->records[i].line };

			record_add(z, &r);
		}
	}
}

/* RFC 1034 3.6.2: beside a CNAME nothing else. */
static enum gp_rc
check_cnames(const struct gp_dns_zone *z, struct gp_err *err)
{
	const struct gp_dns_zone_record *other = NULL, *cname = NULL;

	for (size_t i = 0; i < z->n; i++) {
		const struct gp_dns_zone_record *r = &z->records[i];

		if (i == 0 || strcmp(r->name, z->records[i - 1].name) != 0)
			other = cname = NULL;
		if (r->type == GP_DNS_TYPE_NOTHING)
			continue;
		if (r->type == GP_DNS_CNAME && cname == NULL)
			cname = r;
		else
			other = r;
		if (cname != NULL && other != NULL)
			return gp_fail(err, GP_PERM,
			    "zone line %u: a CNAME is alone at its name, but "
			    "line %u has another record",
			    cname->line, other->line);
	}
	return GP_OK;
}

static enum gp_rc
finish(struct gp_dns_zone *z, struct gp_err *err)
{
	add_ancestors(z);
	if (z->n == 0)
		return GP_OK;
	qsort(z->records, z->n, sizeof(z->records[0]), gp_dns_zone_order);
	z->rr = gp_xcalloc(z->n, sizeof(z->rr[0]));
	for (size_t i = 0; i < z->n; i++)
		z->rr[i] = z->records[i].rr;
	return check_cnames(z, err);
}

enum gp_rc
gp_dns_zone_parse(struct gp_str text, struct gp_dns_zone **out,
    struct gp_err *err)
{
	struct parser p = { .err = err };
	enum gp_rc rc = GP_OK;

	*out = NULL;
	if (text.n > TEXT_MAX)
		return gp_fail(err, GP_PERM, "zone: larger than %d bytes",
		    TEXT_MAX);
	p.zone = gp_xcalloc(1, sizeof(*p.zone));
	p.zone->arena = gp_arena_new();
	gp_buf_init(&p.buf, TEXT_MAX);
	while (rc == GP_OK && text.p != NULL) {
		p.rest = gp_str_split(&text, '\n');
		p.line++;
		rc = read_line(&p);
	}
	if (rc == GP_OK)
		rc = finish(p.zone, err);
	gp_buf_clear(&p.buf);
	if (rc == GP_OK)
		*out = p.zone;
	else
		gp_dns_zone_free(p.zone);
	return rc;
}

void
gp_dns_zone_free(struct gp_dns_zone *z)
{
	if (z == NULL)
		return;
	gp_arena_free(z->arena);
	free(z->records);
	free(z->rr);
	free(z->faults);
	free(z);
}
