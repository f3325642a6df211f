/* See dns_parse.h. */
#include "io/dns_parse.h"

#include "io/dns_wire.h"

#include <string.h>

#define CLASS_IN       1
#define TYPE_SOA       6
#define TYPE_OPT       41
#define RCODE_NXDOMAIN 3
/* Aliases, signatures and the like beside the records that we keep. */
#define ANSWERS_MAX (2 * GP_DNS_RRS_MAX)

struct wire_rr {
	size_t owner; /* offset of its name */
	unsigned type;
	unsigned class;
	uint32_t ttl_s;
	size_t data; /* offset */
	size_t n;
};

struct message {
	struct gp_dns_cursor c; /* behind what was read */
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
	struct gp_dns_wire_name name;
	unsigned links;
	uint32_t ttl_s;
};

/* -- the message --------------------------------------------------------- */

static void
read_header(struct message *m)
{
	unsigned flags;

	gp_dns_skip(&m->c, 2);
	flags = gp_dns_read_u16(&m->c);
	m->authoritative = (flags & 0x0400) != 0;
	m->truncated = (flags & 0x0200) != 0;
	m->rcode = flags & 0x0f;
	for (size_t i = 0; i < 4; i++)
		m->counts[i] = gp_dns_read_u16(&m->c);
	/* a response (QR) to a plain query (OPCODE 0) of one question */
	if ((flags & 0xf800) != 0x8000 || m->counts[0] != 1)
		m->c.bad = true;
}

static void
read_question(struct message *m, const struct gp_dns_wire_name *name,
    unsigned type)
{
	struct gp_dns_wire_name asked;

	gp_dns_read_name(&m->c, &asked);
	if (m->c.bad || !gp_dns_wire_eq(&asked, name) ||
	    gp_dns_read_u16(&m->c) != type ||
	    gp_dns_read_u16(&m->c) != CLASS_IN)
		m->c.bad = true;
}

static void
read_rr(struct gp_dns_cursor *c, struct wire_rr *rr)
{
	rr->owner = c->at;
	gp_dns_skip_name(c);
	rr->type = gp_dns_read_u16(c);
	rr->class = gp_dns_read_u16(c);
	rr->ttl_s = gp_dns_read_u32(c);
	if (rr->ttl_s > INT32_MAX)
		rr->ttl_s = 0; /* RFC 2181 section 8 */
	rr->n = gp_dns_read_u16(c);
	rr->data = c->at;
	gp_dns_skip(c, rr->n);
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
		if (rr.type == GP_DNS_NS)
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

static struct gp_dns_cursor
cursor_at(const struct message *m, size_t at)
{
	return (struct gp_dns_cursor){ .p = m->c.p, .n = m->c.n, .at = at };
}

static bool
owned_by(struct message *m, const struct wire_rr *rr,
    const struct gp_dns_wire_name *name)
{
	struct gp_dns_cursor c = cursor_at(m, rr->owner);
	struct gp_dns_wire_name owner;

	gp_dns_read_name(&c, &owner);
	if (c.bad)
		m->c.bad = true;
	return !c.bad && gp_dns_wire_eq(&owner, name);
}

/* -- records ------------------------------------------------------------- */

/* A name that fills the record's data to the end. */
static void
data_name(struct gp_dns_cursor *c, size_t end, struct gp_dns_wire_name *name)
{
	gp_dns_read_name(c, name);
	if (c->at != end)
		c->bad = true;
}

static struct gp_str
data_text(struct gp_dns_cursor *c, size_t n, struct gp_arena *arena)
{
	const size_t end = c->at + n;
	char *joined = gp_arena_alloc(arena, n + 1);
	size_t used = 0;

	if (n == 0)
		c->bad = true;
	while (c->at < end && !c->bad) {
		const unsigned length = gp_dns_read_u8(c);

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
data_address(struct gp_dns_cursor *c, size_t n, enum gp_ip_family family)
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
	struct gp_dns_cursor c = cursor_at(m, from->data);
	const size_t end = from->data + from->n;
	struct gp_dns_wire_name name = { .n = 0 };

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
		to->preference = (uint16_t)gp_dns_read_u16(&c);
		data_name(&c, end, &name);
		break;
	case GP_DNS_NS:
	case GP_DNS_PTR:
	case GP_DNS_CNAME:
		data_name(&c, end, &name);
		break;
	}
	if (name.n != 0 && !c.bad)
		to->text = gp_dns_wire_show(&name, arena);
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
		struct gp_dns_cursor c = cursor_at(m, rr->data);

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
	struct gp_dns_cursor c = cursor_at(m, m->soa.owner);
	struct gp_dns_wire_name zone;

	if (!m->has_soa)
		return false;
	gp_dns_read_name(&c, &zone);
	if (c.bad || !gp_dns_wire_within(&ch->name, &zone)) {
		m->c.bad = m->c.bad || c.bad;
		return false;
	}
	c.at = m->soa.data;
	gp_dns_skip_name(&c);
	gp_dns_skip_name(&c);
	gp_dns_skip(&c, 16);
	ttl_lower(ch, m->soa.ttl_s);
	ttl_lower(ch, gp_dns_read_u32(&c));
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
		*alias = gp_dns_wire_to_question(&ch->name, arena);
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
	gp_dns_wire_from_text(q->name, &ch.name);
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
