/*
 * ip - IPv4 and IPv6 addresses and prefixes.
 *
 * An IPv4-mapped IPv6 address (::ffff:192.0.2.1) is the IPv4 address it
 * carries, from the moment it is read: rules for IPv4 then apply to it.
 *
 * Source:   RFC 4291 section 2.2 and 2.5.5.2, RFC 5952, RFC 7208 section 5.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_BASE_IP_H
#define GP_BASE_IP_H

#include "base/err.h"
#include "base/str.h"

/* Longest text of an address or a prefix, with the NUL. */
#define GP_IP_TEXT 64
/* Longest name below in-addr.arpa or ip6.arpa, with the NUL. */
#define GP_IP_ARPA 80

enum gp_ip_family { GP_IP_UNKNOWN = 0, GP_IP_V4 = 4, GP_IP_V6 = 6 };

struct gp_ip {
	enum gp_ip_family family; /* GP_IP_UNKNOWN: no address is known */
	uint8_t b[16];            /* network order; v4 uses the first four */
};

struct gp_prefix {
	struct gp_ip ip; /* host bits are zero */
	uint8_t bits;    /* 0 to 32 or 0 to 128 */
};

/*
 * gp_ip_parse - dotted quad without leading zeros, or RFC 4291 text; no zone
 * index, no brackets.  GP_PERM on anything else.
 */
GP_MUST_USE enum gp_rc gp_ip_parse(struct gp_str s, struct gp_ip *out);

/*
 * gp_prefix_parse - "192.0.2.0/24", "2001:db8::/32", or an address alone
 * (all its bits).  A prefix of a mapped address counts its bits from /96.
 * GP_PERM when malformed; bits set behind the prefix length are an error
 * too, since such a line never means what it says.
 */
GP_MUST_USE enum gp_rc
gp_prefix_parse(struct gp_str s, struct gp_prefix *out, struct gp_err *err);

/* gp_ip_from_bytes - 4 or 16 bytes in network order; mapped is unmapped. */
struct gp_ip gp_ip_from_bytes(const uint8_t *b, size_t n);

bool gp_ip_eq(const struct gp_ip *a, const struct gp_ip *b);

/* gp_ip_in - do the first `bits` bits agree?  False across families. */
bool gp_ip_in(const struct gp_ip *ip, const struct gp_ip *net, unsigned bits);
bool gp_prefix_has(const struct gp_prefix *p, const struct gp_ip *ip);

/* gp_ip_is_loopback - 127.0.0.0/8 or ::1. */
bool gp_ip_is_loopback(const struct gp_ip *ip);

/* gp_ip_format - RFC 5952 text into `out`; "unknown" without a family. */
const char *gp_ip_format(const struct gp_ip *ip, char out[GP_IP_TEXT]);

/* gp_ip_arpa - the name of its PTR record (RFC 1035 3.5, RFC 3596 2.5). */
const char *gp_ip_arpa(const struct gp_ip *ip, char out[GP_IP_ARPA]);

#endif
