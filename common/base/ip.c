/* See ip.h. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct gp_ip
gp_ip_from_bytes(const uint8_t *b, size_t n)
{
	struct gp_ip ip = { .family = GP_IP_UNKNOWN };

	if (n == 16 && memcmp(b, mapped, sizeof(mapped)) == 0) {
		b += sizeof(mapped);
		n = 4;
	}
	if (n == 4)
		ip.family = GP_IP_V4;
	else if (n == 16)
		ip.family = GP_IP_V6;
	else
		return ip;
	memcpy(ip.b, b, n);
	return ip;
}

/* inet_pton() of glibc is strict: four decimal parts, no leading zeros. */
static enum gp_rc
parse(struct gp_str s, struct gp_ip *out, bool *was_mapped)
{
	char text[GP_IP_TEXT];
	uint8_t bytes[16];

	if (s.n == 0 || s.n >= sizeof(text) || gp_str_find(s, '\0') != s.n)
		return GP_PERM;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*was_mapped = false;
	if (inet_pton(AF_INET, text, bytes) == 1) {
		*out = gp_ip_from_bytes(bytes, 4);
		return GP_OK;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return GP_PERM;
	*out = gp_ip_from_bytes(bytes, 16);
	*was_mapped = out->family == GP_IP_V4;
	return GP_OK;
}

enum gp_rc
gp_ip_parse(struct gp_str s, struct gp_ip *out)
{
	bool was_mapped;

	return parse(s, out, &was_mapped);
}

static void
mask(struct gp_ip *ip, unsigned bits)
{
	for (unsigned i = 0; i < sizeof(ip->b); i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			ip->b[i] = (uint8_t)(ip->b[i] & (0xff00U >> keep));
	}
}

enum gp_rc
gp_prefix_parse(struct gp_str s, struct gp_prefix *out, struct gp_err *err)
{
	struct gp_str rest = s;
	struct gp_str text = gp_str_split(&rest, '/');
	struct gp_ip masked;
	bool was_mapped;
	uint64_t bits;

	if (parse(text, &out->ip, &was_mapped) != GP_OK)
		return gp_fail(err, GP_PERM, "no IP address or prefix");
	bits = out->ip.family == GP_IP_V4 ? 32 : 128;
	if (rest.p != NULL) {
		uint64_t least = was_mapped ? 96 : 0;
		uint64_t most = was_mapped ? 128 : bits;

		if (gp_parse_u64(rest, most, &bits) != GP_OK || bits < least)
			return gp_fail(err, GP_PERM,
			    "prefix length must be a number from %u to %u",
			    (unsigned)least, (unsigned)most);
		if (was_mapped)
			bits -= 96;
	}
	out->bits = (uint8_t)bits;
	masked = out->ip;
	mask(&masked, (unsigned)bits);
	if (!gp_ip_eq(&masked, &out->ip)) {
		char net[GP_IP_TEXT];

		return gp_fail(err, GP_PERM,
		    "address bits are set behind the prefix; write %s/%u",
		    gp_ip_format(&masked, net), (unsigned)bits);
	}
	return GP_OK;
}

bool
gp_ip_eq(const struct gp_ip *a, const struct gp_ip *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool
gp_ip_in(const struct gp_ip *ip, const struct gp_ip *net, unsigned bits)
{
	struct gp_ip a = *ip;
	struct gp_ip b = *net;

	if (ip->family == GP_IP_UNKNOWN || ip->family != net->family)
		return false;
	mask(&a, bits);
	mask(&b, bits);
	return gp_ip_eq(&a, &b);
}

bool
gp_prefix_has(const struct gp_prefix *p, const struct gp_ip *ip)
{
	return gp_ip_in(ip, &p->ip, p->bits);
}

bool
gp_ip_is_loopback(const struct gp_ip *ip)
{
	static const struct gp_ip loopback = { .family = GP_IP_V6,
		.b = { [15] = 1 } };

	if (ip->family == GP_IP_V4)
		return ip->b[0] == 127;
	return gp_ip_eq(ip, &loopback);
}

const char *
gp_ip_format(const struct gp_ip *ip, char out[GP_IP_TEXT])
{
	int family = ip->family == GP_IP_V4 ? AF_INET : AF_INET6;

	if (ip->family == GP_IP_UNKNOWN ||
	    inet_ntop(family, ip->b, out, GP_IP_TEXT) == NULL)
		(void)snprintf(out, GP_IP_TEXT, "unknown");
	return out;
}

const char *
gp_ip_arpa(const struct gp_ip *ip, char out[GP_IP_ARPA])
{
	static const char hex[] = "0123456789abcdef";
	char *p = out;

	if (ip->family == GP_IP_V4) {
		(void)snprintf(out, GP_IP_ARPA, "%u.%u.%u.%u.in-addr.arpa",
		    ip->b[3], ip->b[2], ip->b[1], ip->b[0]);
		return out;
	}
	for (int i = 15; i >= 0; i--) {
		*p++ = hex[ip->b[i] & 15];
		*p++ = '.';
		*p++ = hex[ip->b[i] >> 4];
		*p++ = '.';
	}
	memcpy(p, "ip6.arpa", sizeof("ip6.arpa"));
	return out;
}
