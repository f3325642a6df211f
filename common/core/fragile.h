/*
 * fragile - mail that will be changed on its way, found before it is signed.
 *
 * An MTA breaks lines that are too long, mends line ends, re-codes 8-bit
 * header text, and Sendmail puts quotes around what it thinks needs them: each
 * breaks a signature, and the sender learns it from strangers.
 *
 * Source:   RFC 5322 sections 2.1.1, 2.2, 3.2.3 and 3.4; RFC 5321 section
 *           2.3.8 (line ends); RFC 6532 (UTF-8 in the header).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_FRAGILE_H
#define GP_CORE_FRAGILE_H

#include "core/header.h"

enum gp_fragile {
	GP_FRAGILE_LONG_LINE,   /* over 998 octets without the CRLF, in the
	                         * body or the header */
	GP_FRAGILE_BARE_CR,     /* CR without LF behind it, anywhere */
	GP_FRAGILE_BARE_LF,     /* LF without CR before it, in the body; in a
	                         * field one that is no fold */
	GP_FRAGILE_8BIT_HEADER, /* octets over 127 in a header field */
	GP_FRAGILE_REQUOTE,     /* a phrase that Sendmail will quote */
	GP_FRAGILE_CUT_FIELD,   /* 60,000 octets or more: MTAs cut it */
	GP_FRAGILE_REWRITE,     /* a From field that is unsettled */
	GP_FRAGILES             /* how many */
};

struct gp_fragile_scan {
	unsigned found; /* bit 1 << enum gp_fragile */
	size_t line;    /* octets of the line that has begun */
	bool cr;        /* the last octet was CR */
};

/* Zero a scan, then show it each header field and each piece of the body, of
 * any size; then the end. */
void gp_fragile_field(struct gp_fragile_scan *s, const struct gp_field *f);
void gp_fragile_body(struct gp_fragile_scan *s, struct gp_str chunk);
void gp_fragile_end(struct gp_fragile_scan *s);

/* gp_fragile_name - "long-line" ... for logs and metrics. */
const char *gp_fragile_name(enum gp_fragile f);

/* gp_fragile_text - the clause for a reply: "a line has more than 998
 * octets" ... */
const char *gp_fragile_text(enum gp_fragile f);

#endif
