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

#include "base/arena.h"
#include "base/buf.h"
#include "base/time.h"
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX       1048576
#define DEFAULT_TTL_S  300
#define NEGATIVE_TTL_S 60
#define DELAY_MAX_MS   60000
#define SHOWN_MAX      60

/* What a name has when it has only names below it. */
#define TYPE_NOTHING 0
#define TYPE_ANY     0

enum fault_kind {
	FAULT_SERVFAIL,
	FAULT_REFUSED,
	FAULT_NXDOMAIN,
	FAULT_TIMEOUT,
	FAULT_DELAY,
};

static const char *const fault_names[] = {
	[FAULT_SERVFAIL] = "!SERVFAIL",
	[FAULT_REFUSED] = "!REFUSED",
	[FAULT_NXDOMAIN] = "!NXDOMAIN",
	[FAULT_TIMEOUT] = "!TIMEOUT",
	[FAULT_DELAY] = "!DELAY",
};

struct fault {
	const char *name; /* without "*." */
	bool below;       /* names below, not the name itself */
	unsigned type;    /* or TYPE_ANY */
	enum fault_kind kind;
	int64_t delay_us;
};

struct record {
	const char *name;
	unsigned type; /* or TYPE_NOTHING */
	unsigned line;
	uint32_t ttl_s;
	struct gp_dns_rr rr; /* CNAME: the target in text, lower case */
};

struct gp_dns_zone {
	struct gp_arena *arena;
	struct record *records; /* by name, type and line */
	struct gp_dns_rr *rr;   /* rr[i] is that of records[i] */
	size_t n;
	struct fault *faults;
	size_t n_faults;
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
read_address(struct parser *p, struct record *r)
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
read_name(struct parser *p, struct record *r)
{
	const char *name = "";
	struct word w;
	enum gp_rc rc = word_need(p, "the name", &w);

	if (rc == GP_OK && !gp_str_eq(w.s, GP_STR(".")))
		rc = name_read(p, w.s, &name);
	r->rr.text = gp_str(name);
	return rc;
}

static enum gp_rc
read_mx(struct parser *p, struct record *r)
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
read_txt(struct parser *p, struct record *r)
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
read_data(struct parser *p, struct record *r)
{
	switch ((enum gp_dns_type)r->type) {
	case GP_DNS_A:
	case GP_DNS_AAAA:
		return read_address(p, r);
	case GP_DNS_TXT:
		return read_txt(p, r);
	case GP_DNS_MX:
		return read_mx(p, r);
	case GP_DNS_PTR:
	case GP_DNS_CNAME:
		return read_name(p, r);
	}
	return GP_PERM;
}

/* -- lines --------------------------------------------------------------- */

static void
record_add(struct gp_dns_zone *z, const struct record *r)
{
	if ((z->n & (z->n - 1)) == 0)
		z->records = gp_xrealloc(z->records, z->n == 0 ? 1 : z->n * 2,
		    sizeof(z->records[0]));
	z->records[z->n++] = *r;
}

static void
fault_add(struct gp_dns_zone *z, const struct fault *f)
{
	z->faults =
	    gp_xrealloc(z->faults, z->n_faults + 1, sizeof(z->faults[0]));
	z->faults[z->n_faults++] = *f;
}

static enum gp_rc
read_delay(struct parser *p, struct fault *f)
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
read_fault(struct parser *p, const struct record *r, struct gp_str word)
{
	struct fault f = { .name = r->name, .type = r->type };
	const size_t kinds = sizeof(fault_names) / sizeof(fault_names[0]);
	enum gp_rc rc = GP_OK;
	size_t kind = 0;

	while (
	    kind < kinds && !gp_str_eq_nocase(word, gp_str(fault_names[kind])))
		kind++;
	if (kind == kinds)
		return fail(p, "not a fault", word);
	f.kind = (enum fault_kind)kind;
	if (gp_str_starts_nocase(gp_str(f.name), GP_STR("*."))) {
		f.name += 2;
		f.below = true;
	}
	if (f.kind == FAULT_DELAY)
		rc = read_delay(p, &f);
	if (rc == GP_OK)
		fault_add(p->zone, &f);
	return rc;
}

/* The type's word, after the TTL if there is one. */
static enum gp_rc
read_type(struct parser *p, struct record *r)
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
		return fail(p, "not a type (A AAAA CNAME MX PTR TXT)", w.s);
	r->type = type;
	return GP_OK;
}

static enum gp_rc
read_line(struct parser *p)
{
	struct record r = { .line = p->line, .ttl_s = DEFAULT_TTL_S };
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
	} else if (r.type == TYPE_ANY) {
		rc = fail(p, "a record needs a type, not *", data);
	} else {
		rc = read_data(p, &r);
		if (rc == GP_OK)
			record_add(p->zone, &r);
	}
	return rc == GP_OK ? line_end(p) : rc;
}

/* -- the whole ----------------------------------------------------------- */

static int
record_compare(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
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
			const struct record r = { .name = dot + 1,
				.line = z->records[i].line };

			record_add(z, &r);
		}
	}
}

/* RFC 1034 3.6.2: beside a CNAME nothing else. */
static enum gp_rc
check_cnames(const struct gp_dns_zone *z, struct gp_err *err)
{
	const struct record *other = NULL, *cname = NULL;

	for (size_t i = 0; i < z->n; i++) {
		const struct record *r = &z->records[i];

		if (i == 0 || strcmp(r->name, z->records[i - 1].name) != 0)
			other = cname = NULL;
		if (r->type == TYPE_NOTHING)
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
	qsort(z->records, z->n, sizeof(z->records[0]), record_compare);
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

/* -- answers ------------------------------------------------------------- */

/* The first record at or behind (name, type). */
static size_t
lower_bound(const struct gp_dns_zone *z, const char *name, unsigned type)
{
	const struct record key = { .name = name, .type = type };
	size_t from = 0, to = z->n;

	while (from < to) {
		const size_t middle = from + (to - from) / 2;

		if (record_compare(&z->records[middle], &key) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool
name_exists(const struct gp_dns_zone *z, const char *name)
{
	const size_t i = lower_bound(z, name, TYPE_NOTHING);

	return i < z->n && strcmp(z->records[i].name, name) == 0;
}

/* Whose records answer for `name`: its own, or those of the wildcard right
 * below its closest existing ancestor (RFC 4592 section 3.3.1). */
static bool
name_source(const struct gp_dns_zone *z, const char *name,
    char source[GP_DOMAIN_TEXT + 2])
{
	const char *parent = name;

	memcpy(source, name, strlen(name) + 1);
	if (name_exists(z, name))
		return true;
	while ((parent = strchr(parent, '.')) != NULL) {
		parent++;
		if (!name_exists(z, parent))
			continue;
		memcpy(source, "*.", 2);
		memcpy(source + 2, parent, strlen(parent) + 1);
		return name_exists(z, source);
	}
	source[0] = '*';
	source[1] = '\0';
	return name_exists(z, source);
}

static bool
fault_hits(const struct fault *f, const char *name, unsigned type)
{
	const struct gp_str s = gp_str(name), zone = gp_str(f->name);

	if (f->type != TYPE_ANY && f->type != type)
		return false;
	if (!f->below)
		return gp_str_eq(s, zone);
	return s.n > zone.n && s.p[s.n - zone.n - 1] == '.' &&
	       gp_str_ends_nocase(s, zone);
}

/* True when a fault decides the answer. */
static bool
apply_faults(const struct gp_dns_zone *z, const char *name, unsigned type,
    struct gp_dns_zone_reply *r)
{
	bool decided = false;

	for (size_t i = 0; i < z->n_faults; i++) {
		const struct fault *f = &z->faults[i];

		if (!fault_hits(f, name, type))
			continue;
		r->delay_us += f->delay_us;
		if (f->kind == FAULT_DELAY || decided)
			continue;
		decided = true;
		r->answer.rc = GP_TEMP;
		r->answer.why = fault_names[f->kind] + 1;
		if (f->kind == FAULT_TIMEOUT) {
			r->answer.why = "timeout";
			r->delay_us += GP_DNS_ZONE_TIMEOUT_US;
		} else if (f->kind == FAULT_NXDOMAIN) {
			r->answer.rc = GP_NONE;
			r->answer.nxdomain = true;
			r->answer.why = NULL;
		}
	}
	return decided;
}

static void
ttl_lower(struct gp_dns_answer *a, uint32_t ttl_s)
{
	if (a->ttl_s > ttl_s)
		a->ttl_s = ttl_s;
}

/* Fills in the records of (source, type); false when there are none. */
static bool
take_records(const struct gp_dns_zone *z, const char *source, unsigned type,
    struct gp_dns_answer *a)
{
	const size_t first = lower_bound(z, source, type);
	size_t n = 0;

	while (first + n < z->n && z->records[first + n].type == type &&
	       strcmp(z->records[first + n].name, source) == 0) {
		ttl_lower(a, z->records[first + n].ttl_s);
		n++;
	}
	if (n == 0)
		return false;
	a->rr = &z->rr[first];
	a->n = n;
	return true;
}

static void
temporary(struct gp_dns_answer *a, const char *why)
{
	*a = (struct gp_dns_answer){ .rc = GP_TEMP, .why = why };
}

struct gp_dns_zone_reply
gp_dns_zone_answer(const struct gp_dns_zone *z, const struct gp_dns_question *q)
{
	struct gp_dns_zone_reply r = { .answer.ttl_s = GP_DNS_TTL_MAX_S };
	struct gp_dns_answer *a = &r.answer;
	char source[GP_DOMAIN_TEXT + 2];
	const char *name = q->name;

	for (unsigned link = 0; link <= GP_DNS_CNAME_MAX; link++) {
		struct gp_dns_answer cname = { .ttl_s = a->ttl_s };

		if (apply_faults(z, name, q->type, &r)) {
			ttl_lower(a, a->rc == GP_TEMP ? 0 : NEGATIVE_TTL_S);
			return r;
		}
		a->nxdomain = !name_source(z, name, source);
		if (!a->nxdomain && take_records(z, source, q->type, a)) {
			if (a->n > GP_DNS_RRS_MAX)
				temporary(a, "too large");
			return r;
		}
		if (a->nxdomain ||
		    !take_records(z, source, GP_DNS_CNAME, &cname)) {
			a->rc = GP_NONE;
			ttl_lower(a, NEGATIVE_TTL_S);
			return r;
		}
		a->ttl_s = cname.ttl_s;
		name = cname.rr[0].text.p;
	}
	temporary(a, "CNAME chain too long");
	return r;
}

bool
gp_dns_zone_delays(const struct gp_dns_zone *z)
{
	for (size_t i = 0; i < z->n_faults; i++)
		if (z->faults[i].kind == FAULT_DELAY ||
		    z->faults[i].kind == FAULT_TIMEOUT)
			return true;
	return false;
}
