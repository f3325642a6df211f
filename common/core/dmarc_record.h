/*
 * dmarc_record - the DMARC Policy Record, read as leniently as the RFC asks
 * and not more.
 *
 * Unknown tags are ignored and a broken value is as if its tag were absent;
 * what must not be forgiven (a wrong policy) is kept as a fact, since the RFC
 * makes it depend on rua=.  Names of tags and all values but that of v= are
 * read in any case, as ABNF strings are.  Of two equal tags the first counts,
 * the second is the error.
 *
 * Source:   RFC 9989 sections 4.7, 4.8 and 4.10.1.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DMARC_RECORD_H
#define GP_CORE_DMARC_RECORD_H

#include "base/err.h"
#include "base/str.h"

/* Longest record that is read, bytes. */
#define GP_DMARC_RECORD_MAX 4096

/* A Domain Owner Assessment Policy. */
enum gp_dmarc_request {
	GP_DMARC_ABSENT, /* the tag is not there */
	GP_DMARC_NONE,
	GP_DMARC_QUARANTINE,
	GP_DMARC_REJECT,
};

enum gp_dmarc_psd { GP_DMARC_PSD_U, GP_DMARC_PSD_N, GP_DMARC_PSD_Y };

struct gp_dmarc_record {
	enum gp_dmarc_request p, sp, np;
	bool invalid;     /* p= or sp= is there and no policy */
	bool invalid_np;  /* np= is there and no policy */
	bool strict_dkim; /* adkim=s */
	bool strict_spf;  /* aspf=s */
	bool testing;     /* t=y */
	enum gp_dmarc_psd psd;
	struct gp_str rua; /* part of the text: printable, HTAB; empty: none */
	bool has_rua;      /* it has at least one URI of valid form */
};

/*
 * gp_dmarc_record_parse - one TXT record, its strings joined.
 * GP_OK    a DMARC record.
 * GP_NONE  none: it does not begin with v=DMARC1 (case of the value counts),
 *          or is longer than GP_DMARC_RECORD_MAX.
 */
GP_MUST_USE enum gp_rc
gp_dmarc_record_parse(struct gp_str txt, struct gp_dmarc_record *out);

/* gp_dmarc_request_name - "none", "quarantine", "reject"; "" for absent. */
const char *gp_dmarc_request_name(enum gp_dmarc_request r);

#endif
