/* Text of addresses and prefixes: what is read prints and reads again, and
 * sixteen bytes of any kind have a text. */
#include "base/ip.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 5952 4: lower case, no leading zeros, one "::" at most. */
static void
check_text(const char *text)
{
	unsigned gaps = 0;

	for (const char *p = text; *p != '\0'; p++) {
		assert(gp_hex_value(*p) >= 0 || *p == ':' || *p == '.');
		assert(gp_lower(*p) == *p);
		if (p[0] == ':' && p[1] == ':')
			gaps++;
		if ((p == text || p[-1] == ':' || p[-1] == '.') && *p == '0')
			assert(gp_hex_value(p[1]) < 0);
	}
	assert(gaps <= 1);
}

static void
check_address(const struct gp_ip *ip)
{
	char text[GP_IP_TEXT];
	char arpa[GP_IP_ARPA];
	struct gp_ip again;
	unsigned dots = 0;

	check_text(gp_ip_format(ip, text));
	assert(gp_ip_parse(gp_str(text), &again) == GP_OK);
	assert(gp_ip_eq(ip, &again));
	for (const char *p = gp_ip_arpa(ip, arpa); *p != '\0'; p++)
		dots += *p == '.';
	assert(dots == (ip->family == GP_IP_V4 ? 5 : 33));
}

static void
check_prefix(const struct gp_prefix *p)
{
	char ip_text[GP_IP_TEXT];
	char text[GP_IP_TEXT + 8];
	struct gp_prefix again;

	(void)snprintf(text, sizeof(text), "%s/%u",
	    gp_ip_format(&p->ip, ip_text), (unsigned)p->bits);
	assert(gp_prefix_parse(gp_str(text), &again, NULL) == GP_OK);
	assert(again.bits == p->bits && gp_ip_eq(&again.ip, &p->ip));
	assert(gp_prefix_has(p, &p->ip));
	if (p->bits != 0) {
		struct gp_ip other = p->ip;

		other.b[(p->bits - 1) / 8] ^=
		    (uint8_t)(0x80 >> (p->bits - 1) % 8);
		assert(!gp_prefix_has(p, &other));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str text = gp_str_n((const char *)data, size);
	struct gp_prefix prefix;
	struct gp_ip ip;
	struct gp_err err;

	if (gp_ip_parse(text, &ip) == GP_OK) {
		check_address(&ip);
		assert(gp_prefix_parse(text, &prefix, NULL) == GP_OK);
		assert(gp_ip_eq(&prefix.ip, &ip));
	}
	if (gp_prefix_parse(text, &prefix, &err) == GP_OK)
		check_prefix(&prefix);
	else
		assert(gp_str_is_text(gp_str(err.msg)));
	ip = gp_ip_from_bytes(data, size);
	assert((ip.family == GP_IP_UNKNOWN) == (size != 4 && size != 16));
	if (ip.family != GP_IP_UNKNOWN)
		check_address(&ip);
	return 0;
}
