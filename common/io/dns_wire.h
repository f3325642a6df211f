/*
 * dns_wire - bytes and names of a DNS message.  Internal to io/dns.
 *
 * Nothing is read beyond the message.  The pointers of a compressed name only
 * lead backwards and are few, so that no name costs much time.
 *
 * Source:   RFC 1035 sections 2.3.4, 4.1.4 and 5.1.
 * Purity:   pure; allocates in the arena.
 * Threads:  reentrant.
 */
#ifndef GP_IO_DNS_WIRE_H
#define GP_IO_DNS_WIRE_H

#include "base/arena.h"
#include "core/dnsmsg.h"

/* Longest name in presentation form: each byte may become \DDD. */
#define GP_DNS_SHOWN_MAX (4 * GP_DOMAIN_MAX + 4)
#define GP_DNS_WIRE_MAX  255

/* A place in the message.  A read that fails sets `bad`, for good, and gives
 * 0; so one question at the end is enough. */
struct gp_dns_cursor {
	const uint8_t *p;
	size_t n;
	size_t at;
	bool bad;
};

/* A name as on the wire, uncompressed. */
struct gp_dns_wire_name {
	uint8_t b[GP_DNS_WIRE_MAX];
	size_t n;
};

unsigned gp_dns_read_u8(struct gp_dns_cursor *c);
unsigned gp_dns_read_u16(struct gp_dns_cursor *c);
uint32_t gp_dns_read_u32(struct gp_dns_cursor *c);
void gp_dns_skip(struct gp_dns_cursor *c, size_t n);

/* gp_dns_read_name - a name, compressed or not; whole unless c->bad. */
void gp_dns_read_name(struct gp_dns_cursor *c, struct gp_dns_wire_name *name);

/* gp_dns_skip_name - the same without looking behind a pointer. */
void gp_dns_skip_name(struct gp_dns_cursor *c);

/* Comparisons, in ASCII's case only; is `name` at or below `zone`? */
bool gp_dns_wire_eq(const struct gp_dns_wire_name *a,
    const struct gp_dns_wire_name *b);
bool gp_dns_wire_within(const struct gp_dns_wire_name *name,
    const struct gp_dns_wire_name *zone);

/* gp_dns_wire_from_text - the name of a question, which is valid. */
void gp_dns_wire_from_text(const char *text, struct gp_dns_wire_name *name);

/* gp_dns_wire_to_question - as the name of a question, in the arena; NULL
 * when no question can name it: a dot or a NUL in a label, or the root. */
const char *gp_dns_wire_to_question(const struct gp_dns_wire_name *name,
    struct gp_arena *arena);

/*
 * gp_dns_wire_show - presentation form, without final dot, "" for the root:
 * `\.` and `\\`, and `\DDD` for what is not printable ASCII.  In the arena.
 */
struct gp_str
gp_dns_wire_show(const struct gp_dns_wire_name *name, struct gp_arena *arena);

#endif
