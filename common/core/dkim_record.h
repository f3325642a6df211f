/*
 * dkim_record - the key record that is published: how it is written down, and
 * whether what DNS has fits the private key.
 *
 * Source:   RFC 6376 sections 3.6.1 and 3.6.2; RFC 8463 section 4; RFC 1035
 *           sections 3.3.14 and 5.1 (strings of TXT, zone files).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DKIM_RECORD_H
#define GP_CORE_DKIM_RECORD_H

#include "core/dkim_key.h"
#include "core/dnsmsg.h"

/* Room for the name of a record, with its NUL. */
#define GP_DKIM_RECORD_NAME (GP_DOMAIN_TEXT + 80)

/* gp_dkim_record_name - "SELECTOR._domainkey.DOMAIN", cut if it is too long for
 * a name, which the policy does not allow. */
const char *gp_dkim_record_name(const char *selector, const char *domain,
    char out[GP_DKIM_RECORD_NAME]);

/* -- written down ------------------------------------------------------- */

/* gp_dkim_record_strings - append `text` as quoted strings of at most 255
 * octets with `between` between them; quotes and backslashes stand behind a
 * backslash, what is not printable is \DDD. */
void gp_dkim_record_strings(struct gp_str text, const char *between,
    struct gp_buf *out);

/* gp_dkim_record_zone - append the lines of a zone file; `name` without a final
 * dot. */
void gp_dkim_record_zone(const char *name, unsigned ttl_s, struct gp_str text,
    struct gp_buf *out);

/* gp_dkim_record_nsupdate - append a script for nsupdate(1) that puts this
 * record in the place of every other TXT record of the name; `server`, when
 * not NULL, is the server to ask, "ADDRESS [PORT]". */
void gp_dkim_record_nsupdate(const char *name, unsigned ttl_s,
    struct gp_str text, const char *server, struct gp_buf *out);

/*
 * gp_dkim_record_keep_until_s - the first second of the day on which the record
 * of a retired key may be deleted.  Its last signature is from the day
 * `retired_on_s`; it holds for `expire_ms` (x=), or, with 0, as long as the
 * mail may be on its way: 5 days in queues (RFC 5321 4.5.4.1), and a week more.
 */
int64_t gp_dkim_record_keep_until_s(int64_t retired_on_s, int64_t expire_ms);

/* -- compared ----------------------------------------------------------- */

enum gp_dkim_published_verdict {
	GP_DKIM_PUBLISHED_SAME,
	GP_DKIM_PUBLISHED_TESTING,   /* the key, but t=y */
	GP_DKIM_PUBLISHED_MISSING,   /* no key record, maybe other TXT */
	GP_DKIM_PUBLISHED_UNKNOWN,   /* DNS did not tell */
	GP_DKIM_PUBLISHED_SEVERAL,   /* verifiers pick any of them */
	GP_DKIM_PUBLISHED_REVOKED,   /* p= is empty */
	GP_DKIM_PUBLISHED_TRUNCATED, /* p= is the beginning of ours */
	GP_DKIM_PUBLISHED_QUOTED,  /* quotes or backslashes became part of it */
	GP_DKIM_PUBLISHED_TYPE,    /* k= is another */
	GP_DKIM_PUBLISHED_HASH,    /* the key, but h= without sha256 */
	GP_DKIM_PUBLISHED_SERVICE, /* the key, but s= without email */
	GP_DKIM_PUBLISHED_OTHER,   /* another key */
	GP_DKIM_PUBLISHED_BROKEN,  /* something else is wrong with it */
	GP_DKIM_PUBLISHED_VERDICTS /* how many */
};

struct gp_dkim_published {
	enum gp_dkim_published_verdict verdict;
	bool nxdomain;        /* MISSING: the name does not exist at all */
	size_t n_records;     /* key records, the broken ones too */
	size_t n_foreign;     /* TXT records beside them */
	size_t got, wanted;   /* TRUNCATED: characters of p= */
	struct gp_str record; /* the first key record; borrows from the answer;
	                       * n 0: none */
	struct gp_err why;    /* BROKEN, UNKNOWN: a clause */
};

/* gp_dkim_record_compare - what DNS has at SELECTOR._domainkey.DOMAIN, with the
 * public half of the private key. */
void gp_dkim_record_compare(const struct gp_dkim_public *ours,
    const struct gp_dns_answer *answer, struct gp_dkim_published *out);

/* gp_dkim_published_works - signatures of this key verify (SAME, TESTING). */
bool gp_dkim_published_works(const struct gp_dkim_published *p);

/* gp_dkim_published_word - "same", "testing" ...: for JSON. */
const char *gp_dkim_published_word(enum gp_dkim_published_verdict verdict);

/* gp_dkim_published_say - append a clause without a full stop: "p= ends after
 * 216 of 392 characters: ...". */
void
gp_dkim_published_say(const struct gp_dkim_published *p, struct gp_buf *out);

#endif
