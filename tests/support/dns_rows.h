/*
 * dns_rows - tables of DNS messages and of what is to be read from them.
 */
#ifndef TESTS_DNS_ROWS_H
#define TESTS_DNS_ROWS_H

#include "support/dns_message.h"

#define DNS_ROW_NAME     "Example.COM"
#define DNS_ROW_ANSWER   0x8180U /* QR RD RA */
#define DNS_ROW_NXDOMAIN 0x8183U

struct dns_row {
	const char *label;
	void (*fill)(struct dns_message *m);
	unsigned flags;
	enum gp_dns_type type;
	enum gp_rc rc;
	bool nxdomain;
	uint32_t ttl_s;
	size_t n;
	const char *text; /* of the first record; NULL: not compared */
	const char *why;
	const char *alias;
};

#define DNS_ROW_OK(l, f, t, count, s, ttl)                                     \
	{                                                                      \
		.label = (l), .fill = (f), .flags = DNS_ROW_ANSWER,            \
		.type = (t), .rc = GP_OK, .n = (count), .text = (s),           \
		.ttl_s = (ttl)                                                 \
	}
#define DNS_ROW_NONE(l, f, fl, nx, ttl)                                        \
	{                                                                      \
		.label = (l), .fill = (f), .flags = (fl), .type = GP_DNS_A,    \
		.rc = GP_NONE, .nxdomain = (nx), .ttl_s = (ttl)                \
	}
#define DNS_ROW_TEMP(l, f, fl, t, w)                                           \
	{                                                                      \
		.label = (l), .fill = (f), .flags = (fl), .type = (t),         \
		.rc = GP_TEMP, .why = (w)                                      \
	}
#define DNS_ROW_MALFORMED(l, f, t)                                             \
	DNS_ROW_TEMP(l, f, DNS_ROW_ANSWER, t, "malformed")

/*
 * dns_rows_check - each row's message, plain and compressed, is read as it
 * says; the failing row's label is printed.
 */
void dns_rows_check(const struct dns_row *rows, size_t n);

/* A record of the row's name: an address in text, or any type and data. */
void dns_row_address(struct dns_message *m, const char *owner, const char *text,
    uint32_t ttl_s);
void
dns_row_raw(struct dns_message *m, unsigned type, const void *data, size_t n);

/* Nothing beside the question. */
void dns_row_none(struct dns_message *m);

#endif
