/*
 * dns_message - write DNS messages, well-formed or not, for tests.
 *
 * Names are in presentation form (`\.`, `\\`, `\DDD`), "" is the root.  With
 * `compress` a name that was written before is pointed at.
 */
#ifndef TESTS_DNS_MESSAGE_H
#define TESTS_DNS_MESSAGE_H

#include "core/dnsmsg.h"

#include <stdlib.h>
#include <string.h>

#define DNS_MESSAGE_MAX   65535
#define DNS_MESSAGE_NAMES 64

enum dns_section { DNS_ANSWER = 1, DNS_AUTHORITY = 2, DNS_ADDITIONAL = 3 };

struct dns_message {
	uint8_t b[DNS_MESSAGE_MAX + 1];
	size_t n;
	bool overflow;
	bool compress;
	struct {
		const char *text; /* borrowed */
		size_t at;
	} names[DNS_MESSAGE_NAMES];
	size_t n_names;
};

static inline void
dns_message_put(struct dns_message *m, const void *p, size_t n)
{
	if (n > DNS_MESSAGE_MAX - m->n) {
		m->overflow = true;
		return;
	}
	if (n != 0)
		memcpy(m->b + m->n, p, n);
	m->n += n;
}

static inline void
dns_message_u8(struct dns_message *m, unsigned v)
{
	const uint8_t b = (uint8_t)v;

	dns_message_put(m, &b, 1);
}

static inline void
dns_message_u16(struct dns_message *m, unsigned v)
{
	dns_message_u8(m, v >> 8);
	dns_message_u8(m, v & 0xff);
}

static inline void
dns_message_u32(struct dns_message *m, uint32_t v)
{
	dns_message_u16(m, v >> 16);
	dns_message_u16(m, v & 0xffff);
}

static inline void
dns_message_set_u16(struct dns_message *m, size_t at, unsigned v)
{
	m->b[at] = (uint8_t)(v >> 8);
	m->b[at + 1] = (uint8_t)v;
}

/* One label of `*text`, which moves to the next one. */
static inline void
dns_message_label(struct dns_message *m, const char **text)
{
	const size_t length_at = m->n;
	const char *p = *text;

	dns_message_u8(m, 0);
	while (*p != '\0' && *p != '.') {
		unsigned c = (unsigned char)*p++;

		if (c == '\\' && gp_is_digit(*p)) {
			c = (unsigned)(p[0] - '0') * 100 +
			    (unsigned)(p[1] - '0') * 10 +
			    (unsigned)(p[2] - '0');
			p += 3;
		} else if (c == '\\') {
			c = (unsigned char)*p++;
		}
		dns_message_u8(m, c);
	}
	m->b[length_at] = (uint8_t)(m->n - length_at - 1);
	*text = *p == '.' ? p + 1 : p;
}

static inline void
dns_message_name(struct dns_message *m, const char *text)
{
	while (*text != '\0') {
		for (size_t i = 0; m->compress && i < m->n_names; i++) {
			if (strcmp(m->names[i].text, text) == 0) {
				dns_message_u16(m,
				    0xc000 | (unsigned)m->names[i].at);
				return;
			}
		}
		if (m->n_names < DNS_MESSAGE_NAMES && m->n < 0x4000) {
			m->names[m->n_names].text = text;
			m->names[m->n_names++].at = m->n;
		}
		dns_message_label(m, &text);
	}
	dns_message_u8(m, 0);
}

/* Header and question; `flags` with QR, e.g. 0x8180. */
static inline void
dns_message_start(struct dns_message *m, bool compress, unsigned flags,
    const char *name, unsigned type)
{
	m->n = m->n_names = 0;
	m->overflow = false;
	m->compress = compress;
	dns_message_u16(m, 0x4711);
	dns_message_u16(m, flags);
	dns_message_u16(m, 1);
	for (int i = 0; i < 3; i++)
		dns_message_u16(m, 0);
	dns_message_name(m, name);
	dns_message_u16(m, type);
	dns_message_u16(m, 1);
}

/* Begins a record; returns the mark for dns_message_rr_end(). */
static inline size_t
dns_message_rr(struct dns_message *m, enum dns_section section,
    const char *owner, unsigned type, uint32_t ttl_s)
{
	const size_t count_at = 4 + 2 * (size_t)section;

	dns_message_set_u16(m, count_at,
	    (unsigned)(m->b[count_at] << 8 | m->b[count_at + 1]) + 1);
	dns_message_name(m, owner);
	dns_message_u16(m, type);
	dns_message_u16(m, 1);
	dns_message_u32(m, ttl_s);
	dns_message_u16(m, 0);
	return m->n;
}

static inline void
dns_message_rr_end(struct dns_message *m, size_t mark)
{
	dns_message_set_u16(m, mark - 2, (unsigned)(m->n - mark));
}

static inline void
dns_message_address(struct dns_message *m, const char *owner, uint32_t ttl_s,
    const struct gp_ip *ip)
{
	const bool v4 = ip->family == GP_IP_V4;
	const size_t mark = dns_message_rr(m, DNS_ANSWER, owner,
	    v4 ? GP_DNS_A : GP_DNS_AAAA, ttl_s);

	dns_message_put(m, ip->b, v4 ? 4 : 16);
	dns_message_rr_end(m, mark);
}

/* In strings of at most 255 bytes. */
static inline void
dns_message_txt(struct dns_message *m, const char *owner, uint32_t ttl_s,
    struct gp_str text)
{
	const size_t mark =
	    dns_message_rr(m, DNS_ANSWER, owner, GP_DNS_TXT, ttl_s);

	do {
		const size_t n = text.n < 255 ? text.n : 255;

		dns_message_u8(m, (unsigned)n);
		dns_message_put(m, text.p, n);
		text.p += n;
		text.n -= n;
	} while (text.n != 0);
	dns_message_rr_end(m, mark);
}

/* MX (with its preference), PTR or CNAME. */
static inline void
dns_message_target(struct dns_message *m, const char *owner,
    enum gp_dns_type type, uint32_t ttl_s, unsigned preference,
    const char *target)
{
	const size_t mark = dns_message_rr(m, DNS_ANSWER, owner, type, ttl_s);

	if (type == GP_DNS_MX)
		dns_message_u16(m, preference);
	dns_message_name(m, target);
	dns_message_rr_end(m, mark);
}

static inline void
dns_message_soa(struct dns_message *m, const char *zone, uint32_t ttl_s,
    uint32_t minimum_s)
{
	const size_t mark = dns_message_rr(m, DNS_AUTHORITY, zone, 6, ttl_s);

	dns_message_name(m, zone);
	dns_message_name(m, zone);
	for (int i = 0; i < 4; i++)
		dns_message_u32(m, 3600);
	dns_message_u32(m, minimum_s);
	dns_message_rr_end(m, mark);
}

#endif
