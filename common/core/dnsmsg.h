/*
 * dnsmsg - the vocabulary of a DNS question and its answer.
 *
 * The pure evaluators ask questions and are fed answers in these terms; io/dns
 * finds the answers.  An answer is one of
 *   GP_OK    at least one record of the type asked for;
 *   GP_NONE  none: NXDOMAIN or NODATA, told apart by `nxdomain`;
 *   GP_TEMP  no answer now: SERVFAIL, REFUSED, time-out, malformed reply.
 * A name that can not be asked for (too long, empty label) is GP_NONE with
 * `nxdomain`: it can not exist.
 *
 * Source:   RFC 1035, RFC 2308, RFC 8020.
 * Purity:   declarations only.
 */
#ifndef GP_CORE_DNSMSG_H
#define GP_CORE_DNSMSG_H

#include "base/ip.h"
#include "base/str.h"
#include "core/limits.h"

/* The values are those of the wire (RFC 1035 3.2.2, RFC 3596). */
enum gp_dns_type {
	GP_DNS_A = 1,
	GP_DNS_NS = 2,
	GP_DNS_CNAME = 5,
	GP_DNS_PTR = 12,
	GP_DNS_MX = 15,
	GP_DNS_TXT = 16,
	GP_DNS_AAAA = 28,
};

struct gp_dns_rr {
	struct gp_str
	    text;            /* TXT: strings joined, any bytes, NUL behind;
	                      * MX, NS, PTR: the name as a C string in presentation
	                      * form, no final dot ("" is the root) */
	struct gp_ip ip;     /* A, AAAA: as on the wire (AAAA not unmapped) */
	uint16_t preference; /* MX */
};

struct gp_dns_answer {
	enum gp_rc rc;
	bool nxdomain;  /* with GP_NONE: no name at all (RFC 8020) */
	uint32_t ttl_s; /* seconds for which it may be kept */
	size_t n;
	const struct gp_dns_rr *rr; /* n records, as received */
	const char *why; /* GP_TEMP: "timeout", "SERVFAIL" ...; else NULL */
};

struct gp_dns_question {
	char name[GP_DOMAIN_TEXT]; /* no final dot */
	enum gp_dns_type type;
};

/* gp_dns_type_name - "A", "TXT" ...; "?" for an unknown one. */
const char *gp_dns_type_name(enum gp_dns_type type);

/* gp_dns_type_parse - the same backwards, any case; GP_NONE if unknown. */
GP_MUST_USE enum gp_rc
gp_dns_type_parse(struct gp_str s, enum gp_dns_type *out);

/*
 * gp_dns_name_valid - can this be asked for?  Labels of 1 to 63 bytes, 253 in
 * all, no final dot; any byte but NUL and dot within a label is allowed,
 * since SPF macros may put them there (RFC 7208 section 7.3).
 */
bool gp_dns_name_valid(struct gp_str name);

#endif
