/* See dns_parse.h. */
#include "io/dns_parse.h"

#include <string.h>

#define HEADER_BYTES   12
#define WIRE_NAME_MAX  255
#define WIRE_LABEL_MAX 63
#define POINTERS_MAX   127 /* in one name: as many as it has labels */
#define CLASS_IN       1
#define TYPE_NS        2
#define TYPE_SOA       6
#define TYPE_OPT       41
#define RCODE_NXDOMAIN 3
/* Aliases, signatures and the like beside the records that we keep. */
#define ANSWERS_MAX (2 * GP_DNS_RRS_MAX)

/* A place in the message.  A read that fails sets `bad` and gives 0. */
struct cursor {
	const uint8_t *p;
	size_t n;
	size_t at;
	bool bad;
};

/* A name as on the wire, uncompressed. */
struct wire_name {
	uint8_t b[WIRE_NAME_MAX];
	size_t n;
};

struct wire_rr {
	size_t owner; /* offset of its name */
	unsigned type;
	unsigned class;
	uint32_t ttl_s;
	size_t data; /* offset */
	size_t n;
};

struct message {
	struct cursor c; /* behind what was read */
	bool authoritative;
	bool truncated;
	unsigned rcode;
	unsigned counts[4]; /* question, answer, authority, additional */
	struct wire_rr *answers;
	size_t n_answers;
	bool has_ns; /* in the authority section */
	bool has_soa;
	struct wire_rr soa;
};

/* Where the chain of aliases stands. */
struct chase {
	struct wire_name name;
	unsigned links;
	uint32_t ttl_s;
};

/* -- bytes --------------------------------------------------------------- */

static bool
have(struct cursor *c, size_t n)
{
	if (c->bad || n > c->n - c->at)
		c->bad = true;
	return !c->bad;
}

static unsigned
read_u8(struct cursor *c)
{
	return have(c, 1) ? c->p[c->at++] : 0;
}

static unsigned
read_u16(struct cursor *c)
{
	const unsigned high = read_u8(c);

	return high << 8 | read_u8(c);
}

static uint32_t
read_u32(struct cursor *c)
{
	const uint32_t high = read_u16(c);

	return high << 16 | read_u16(c);
}

static void
skip(struct cursor *c, size_t n)
{
	if (have(c, n))
		c->at += n;
}

/* Reads a pointer whose first byte was `first`.  It must lead to before
 * `*segment`, where the present run of labels began, so every jump is a step
 * towards the start and there are no loops. */
static void
follow_pointer(struct cursor *c, unsigned first, size_t *segment)
{
	const size_t to = (first & 0x3f) << 8 | read_u8(c);

	if (to < HEADER_BYTES || to >= *segment)
		c->bad = true;
	*segment = to;
	c->at = to;
}

/* Reads one label with its length byte into `name`; false at the root. */
static bool
read_label(struct cursor *c, unsigned length, struct wire_name *name)
{
	if (length > WIRE_LABEL_MAX || name->n + 1 + length > WIRE_NAME_MAX ||
	    !have(c, length)) {
		c->bad = true;
		return false;
	}
	name->b[name->n++] = (uint8_t)length;
	if (length != 0)
		memcpy(name->b + name->n, c->p + c->at, length);
	name->n += length;
	c->at += length;
	return length != 0;
}

static void
read_name(struct cursor *c, struct wire_name *name)
{
	size_t segment = c->at, behind = 0;
	unsigned pointers = 0;
	bool more = true;

	name->n = 0;
	while (more && !c->bad) {
		const unsigned length = read_u8(c);

		if ((length & 0xc0) != 0xc0) {
			more = read_label(c, length, name);
			continue;
		}
		if (behind == 0)
			behind = c->at + 1;
		follow_pointer(c, length, &segment);
		if (++pointers > POINTERS_MAX)
			c->bad = true;
	}
	if (behind != 0)
		c->at = behind;
}

/* The same without looking behind a pointer. */
static void
skip_name(struct cursor *c)
{
	unsigned length;

	while ((length = read_u8(c)) != 0 && !c->bad) {
		if ((length & 0xc0) == 0xc0) {
			skip(c, 1);
			return;
		}
		if (length > WIRE_LABEL_MAX)
			c->bad = true;
		skip(c, length);
	}
}

/* -- names --------------------------------------------------------------- */

/* Length bytes are below the letters, so lower case leaves them alone. */
static bool
bytes_eq(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gp_lower((char)a[i]) != gp_lower((char)b[i]))
			return false;
	return true;
}

static bool
name_eq(const struct wire_name *a, const struct wire_name *b)
{
	return a->n == b->n && bytes_eq(a->b, b->b, a->n);
}

/* Is `name` at or below `zone`? */
static bool
name_within(const struct wire_name *name, const struct wire_name *zone)
{
	size_t at = 0;

	while (name->n - at > zone->n)
		at += 1U + name->b[at];
	return name->n - at == zone->n &&
	       bytes_eq(name->b + at, zone->b, zone->n);
}

/* The name of a question, which is valid (core/dnsmsg.h). */
static void
name_from_text(const char *text, struct wire_name *name)
{
	struct gp_str rest = gp_str(text);

	name->n = 0;
	while (rest.p != NULL) {
		const struct gp_str label = gp_str_split(&rest, '.');

		name->b[name->n++] = (uint8_t)label.n;
		memcpy(name->b + name->n, label.p, label.n);
		name->n += label.n;
	}
	name->b[name->n++] = 0;
}

/* As the name of a question; NULL when a label has a dot or a NUL, which no
 * question can name. */
static const char *
name_to_question(const struct wire_name *name, struct gp_arena *arena)
{
	char *text = gp_arena_strndup(arena, (const char *)name->b + 1,
	    name->n < 2 ? 0 : name->n - 2);
	size_t at = 0;

	while (name->b[at] != 0) {
		const struct gp_str label =
		    gp_str_n((const char *)name->b + at + 1, name->b[at]);

		if (gp_str_find(label, '.') != label.n ||
		    gp_str_find(label, '\0') != label.n)
			return NULL;
		if (at != 0)
			text[at - 1] = '.';
		at += 1 + label.n;
	}
	return gp_dns_name_valid(gp_str(text)) ? text : NULL;
}

char *
gp_dns_label_show(char *to, const char *label, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)label[i];

		if (c == '.' || c == '\\') {
			*to++ = '\\';
			*to++ = label[i];
		} else if (c > 0x20 && c < 0x7f) {
			*to++ = label[i];
		} else {
			*to++ = '\\';
			*to++ = (char)('0' + c / 100);
			*to++ = (char)('0' + c / 10 % 10);
			*to++ = (char)('0' + c % 10);
		}
	}
	return to;
}

static struct gp_str
name_show(const struct wire_name *name, struct gp_arena *arena)
{
	char shown[GP_DNS_SHOWN_MAX];
	char *end = shown;

	for (size_t at = 0; name->b[at] != 0; at += 1U + name->b[at]) {
		if (at != 0)
			*end++ = '.';
		end = gp_dns_label_show(end, (const char *)name->b + at + 1,
		    name->b[at]);
	}
	return gp_arena_dup(arena, gp_str_n(shown, (size_t)(end - shown)));
}

/* -- the message --------------------------------------------------------- */

static void
read_header(struct message *m)
{
	unsigned flags;

	skip(&m->c, 2);
	flags = read_u16(&m->c);
	m->authoritative = (flags & 0x0400) != 0;
	m->truncated = (flags & 0x0200) != 0;
	m->rcode = flags & 0x0f;
	for (size_t i = 0; i < 4; i++)
		m->counts[i] = read_u16(&m->c);
	/* a response (QR) to a plain query (OPCODE 0) of one question */
	if ((flags & 0xf800) != 0x8000 || m->counts[0] != 1)
		m->c.bad = true;
}

static void
read_question(struct message *m, const struct wire_name *name, unsigned type)
{
	struct wire_name asked;

	read_name(&m->c, &asked);
	if (m->c.bad || !name_eq(&asked, name) || read_u16(&m->c) != type ||
	    read_u16(&m->c) != CLASS_IN)
		m->c.bad = true;
}

static void
read_rr(struct cursor *c, struct wire_rr *rr)
{
	rr->owner = c->at;
	skip_name(c);
	rr->type = read_u16(c);
	rr->class = read_u16(c);
	rr->ttl_s = read_u32(c);
	if (rr->ttl_s > INT32_MAX)
		rr->ttl_s = 0; /* RFC 2181 section 8 */
	rr->n = read_u16(c);
	rr->data = c->at;
	skip(c, rr->n);
}

static void
read_answers(struct message *m, struct gp_arena *arena)
{
	m->answers =
	    gp_arena_alloc(arena, m->counts[1] * sizeof(m->answers[0]));
	for (unsigned i = 0; i < m->counts[1] && !m->c.bad; i++) {
		struct wire_rr *rr = &m->answers[m->n_answers];

		read_rr(&m->c, rr);
		if (rr->class == CLASS_IN)
			m->n_answers++;
	}
}

static void
read_authority(struct message *m)
{
	for (unsigned i = 0; i < m->counts[2] && !m->c.bad; i++) {
		struct wire_rr rr;

		read_rr(&m->c, &rr);
		if (rr.class != CLASS_IN)
			continue;
		if (rr.type == TYPE_NS)
			m->has_ns = true;
		if (rr.type == TYPE_SOA) {
			m->has_soa = true;
			m->soa = rr;
		}
	}
}

/* Only EDNS concerns us here: the high bits of the RCODE. */
static void
read_additional(struct message *m)
{
	for (unsigned i = 0; i < m->counts[3] && !m->c.bad; i++) {
		const size_t ttl_at = m->c.at + 5;
		struct wire_rr rr;

		read_rr(&m->c, &rr);
		if (!m->c.bad && rr.type == TYPE_OPT && m->c.p[rr.owner] == 0)
			m->rcode |= (unsigned)m->c.p[ttl_at] << 4;
	}
}

static struct cursor
cursor_at(const struct message *m, size_t at)
{
	return (struct cursor){ .p = m->c.p, .n = m->c.n, .at = at };
}

static bool
owned_by(struct message *m, const struct wire_rr *rr,
    const struct wire_name *name)
{
	struct cursor c = cursor_at(m, rr->owner);
	struct wire_name owner;

	read_name(&c, &owner);
	if (c.bad)
		m->c.bad = true;
	return !c.bad && name_eq(&owner, name);
}

/* -- records ------------------------------------------------------------- */

/* A name that fills the record's data to the end. */
static void
data_name(struct cursor *c, size_t end, struct wire_name *name)
{
	read_name(c, name);
	if (c->at != end)
		c->bad = true;
}

static struct gp_str
data_text(struct cursor *c, size_t n, struct gp_arena *arena)
{
	const size_t end = c->at + n;
	char *joined = gp_arena_alloc(arena, n + 1);
	size_t used = 0;

	if (n == 0)
		c->bad = true;
	while (c->at < end && !c->bad) {
		const unsigned length = read_u8(c);

		if (length > end - c->at) {
			c->bad = true;
			break;
		}
		memcpy(joined + used, c->p + c->at, length);
		used += length;
		c->at += length;
	}
	return gp_str_n(joined, used);
}

static struct gp_ip
data_address(struct cursor *c, size_t n, enum gp_ip_family family)
{
	struct gp_ip ip = { .family = family };

	if (n != (family == GP_IP_V4 ? 4 : 16))
		c->bad = true;
	else
		memcpy(ip.b, c->p + c->at, n);
	return ip;
}

static void
read_record(struct message *m, const struct wire_rr *from,
    struct gp_arena *arena, struct gp_dns_rr *to)
{
	struct cursor c = cursor_at(m, from->data);
	const size_t end = from->data + from->n;
	struct wire_name name = { .n = 0 };

	to->text = gp_str("");
	switch ((enum gp_dns_type)from->type) {
	case GP_DNS_A:
		to->ip = data_address(&c, from->n, GP_IP_V4);
		break;
	case GP_DNS_AAAA:
		to->ip = data_address(&c, from->n, GP_IP_V6);
		break;
	case GP_DNS_TXT:
		to->text = data_text(&c, from->n, arena);
		break;
	case GP_DNS_MX:
		to->preference = (uint16_t)read_u16(&c);
		data_name(&c, end, &name);
		break;
	case GP_DNS_PTR:
	case GP_DNS_CNAME:
		data_name(&c, end, &name);
		break;
	}
	if (name.n != 0 && !c.bad)
		to->text = name_show(&name, arena);
	if (c.bad)
		m->c.bad = true;
}

/* -- what it means ------------------------------------------------------- */

static void
temporary(struct gp_dns_answer *out, const char *why)
{
	*out = (struct gp_dns_answer){ .rc = GP_TEMP, .why = why };
}

static const char *
rcode_name(unsigned rcode)
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL",
		"NXDOMAIN", "NOTIMP", "REFUSED" };

	if (rcode < sizeof(names) / sizeof(names[0]))
		return names[rcode];
	return rcode == 16 ? "BADVERS" : "unknown RCODE";
}

static void
ttl_lower(struct chase *ch, uint32_t ttl_s)
{
	if (ch->ttl_s > ttl_s)
		ch->ttl_s = ttl_s;
}

static struct gp_dns_rr *
records_alloc(const struct message *m, unsigned type, struct gp_arena *arena)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_answers; i++)
		n += m->answers[i].type == type;
	if (n > GP_DNS_RRS_MAX)
		n = GP_DNS_RRS_MAX;
	return gp_arena_alloc(arena, n * sizeof(struct gp_dns_rr));
}

/* The records of `type` at the present name; false when there are none. */
static bool
take_records(struct message *m, struct chase *ch, unsigned type,
    struct gp_arena *arena, struct gp_dns_answer *out)
{
	struct gp_dns_rr *rr = records_alloc(m, type, arena);
	size_t n = 0, bytes = 0;

	for (size_t i = 0; i < m->n_answers && !m->c.bad; i++) {
		const struct wire_rr *from = &m->answers[i];
		bool large = n == GP_DNS_RRS_MAX;

		if (from->type != type || !owned_by(m, from, &ch->name))
			continue;
		if (!large) {
			read_record(m, from, arena, &rr[n]);
			bytes += rr[n].text.n;
			large = rr[n].text.n > GP_DNS_TXT_MAX ||
			        bytes > GP_DNS_ANSWER_MAX;
		}
		if (large) {
			temporary(out, "too large");
			return true;
		}
		ttl_lower(ch, from->ttl_s);
		n++;
	}
	if (n == 0)
		return false;
	*out = (struct gp_dns_answer){ .rc = GP_OK, .n = n, .rr = rr };
	return true;
}

/* One link of the chain; false at its end. */
static bool
follow_alias(struct message *m, struct chase *ch)
{
	for (size_t i = 0; i < m->n_answers && !m->c.bad; i++) {
		const struct wire_rr *rr = &m->answers[i];
		struct cursor c = cursor_at(m, rr->data);

		if (rr->type != GP_DNS_CNAME || !owned_by(m, rr, &ch->name))
			continue;
		data_name(&c, rr->data + rr->n, &ch->name);
		m->c.bad = c.bad;
		ttl_lower(ch, rr->ttl_s);
		ch->links++;
		return !c.bad;
	}
	return false;
}

/* Does the SOA record speak for the name?  Then it also says for how long
 * "there is none" holds (RFC 2308 section 5). */
static bool
take_soa(struct message *m, struct chase *ch)
{
	struct cursor c = cursor_at(m, m->soa.owner);
	struct wire_name zone;

	if (!m->has_soa)
		return false;
	read_name(&c, &zone);
	if (c.bad || !name_within(&ch->name, &zone)) {
		m->c.bad = m->c.bad || c.bad;
		return false;
	}
	c.at = m->soa.data;
	skip_name(&c);
	skip_name(&c);
	skip(&c, 16);
	ttl_lower(ch, m->soa.ttl_s);
	ttl_lower(ch, read_u32(&c));
	if (c.bad || c.at != m->soa.data + m->soa.n)
		m->c.bad = true;
	return true;
}

static void
decide_none(struct message *m, struct chase *ch, struct gp_arena *arena,
    struct gp_dns_answer *out, const char **alias)
{
	const bool nxdomain = m->rcode == RCODE_NXDOMAIN;
	const bool spoken = take_soa(m, ch);

	if (ch->links != 0 && !nxdomain && !spoken) {
		*alias = name_to_question(&ch->name, arena);
		out->rc = GP_OK;
		m->c.bad = m->c.bad || *alias == NULL;
		return;
	}
	if (!nxdomain && !spoken && m->has_ns && !m->authoritative) {
		temporary(out, "referral");
		return;
	}
	if (!spoken)
		ch->ttl_s = 0;
	out->rc = GP_NONE;
	out->nxdomain = nxdomain;
}

static void
decide(struct message *m, struct chase *ch, enum gp_dns_type type,
    struct gp_arena *arena, struct gp_dns_answer *out)
{
	const bool nxdomain = m->rcode == RCODE_NXDOMAIN;

	while (!take_records(m, ch, type, arena, out)) {
		if (type == GP_DNS_CNAME || !follow_alias(m, ch)) {
			out->rc = GP_NONE;
			return;
		}
		if (ch->links > GP_DNS_CNAME_MAX) {
			temporary(out, "CNAME chain too long");
			return;
		}
	}
	if (nxdomain)
		m->c.bad = true;
}

void
gp_dns_parse(const uint8_t *msg, size_t n, const struct gp_dns_question *q,
    struct gp_arena *arena, struct gp_dns_answer *out, const char **alias)
{
	struct message m = { .c = { .p = msg, .n = n } };
	struct chase ch = { .ttl_s = GP_DNS_TTL_MAX_S };

	*out = (struct gp_dns_answer){ .rc = GP_NONE };
	*alias = NULL;
	name_from_text(q->name, &ch.name);
	read_header(&m);
	if (!m.c.bad && m.rcode != 0 && m.rcode != RCODE_NXDOMAIN) {
		temporary(out, rcode_name(m.rcode));
		return;
	}
	if (!m.c.bad && m.truncated) {
		temporary(out, "truncated");
		return;
	}
	read_question(&m, &ch.name, q->type);
	if (!m.c.bad && m.counts[1] > ANSWERS_MAX) {
		temporary(out, "too large");
		return;
	}
	read_answers(&m, arena);
	read_authority(&m);
	read_additional(&m);
	if (!m.c.bad && m.rcode != 0 && m.rcode != RCODE_NXDOMAIN) {
		temporary(out, rcode_name(m.rcode));
		return;
	}
	if (!m.c.bad)
		decide(&m, &ch, q->type, arena, out);
	if (!m.c.bad && out->rc == GP_NONE)
		decide_none(&m, &ch, arena, out, alias);
	if (m.c.bad) {
		*alias = NULL;
		temporary(out, "malformed");
	}
	if (out->rc != GP_TEMP)
		out->ttl_s = ch.ttl_s;
}
