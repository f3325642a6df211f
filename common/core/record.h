/*
 * record - what DMARC found out about one message, as bytes and back.
 *
 * Aggregate reports are counted from these.  Of the message there are domains
 * and results, no address of a person, no recipient and no text.
 *
 * The bytes begin with a version and a checksum, and hold strings behind their
 * length: a damaged value is told from a good one and is as if it were absent.
 * They stay on the machine: the checksum depends on its byte order.  Version 2
 * is the first that anything was written in; another one is as if absent, too.
 *
 * Source:   RFC 9990 sections 3.1.1.7 to 3.1.1.14: what a report says of a
 *           message; members have the names of its elements.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_RECORD_H
#define GP_CORE_RECORD_H

#include "base/ip.h"
#include "core/dkim_result.h"
#include "core/limits.h"
#include "core/spf_result.h"

/* Signatures of one record, octets of a comment, and of a whole record. */
#define GP_RECORD_DKIM_MAX    8
#define GP_RECORD_COMMENT_MAX 200
#define GP_RECORD_BYTES_MAX   5440

enum gp_record_discovery { GP_RECORD_PSL, GP_RECORD_TREEWALK };

/* A Domain Owner Assessment Policy as published; ABSENT: no such tag. */
enum gp_record_policy {
	GP_RECORD_P_ABSENT,
	GP_RECORD_P_NONE,
	GP_RECORD_P_QUARANTINE,
	GP_RECORD_P_REJECT,
};

enum gp_record_alignment { GP_RECORD_RELAXED, GP_RECORD_STRICT };

/* The identity that SPF was asked about; NO_SPF: it was not asked. */
enum gp_record_scope { GP_RECORD_NO_SPF, GP_RECORD_MFROM, GP_RECORD_HELO };

/* What DMARC came to; FAIL and TEMPERROR have an aligned pass neither. */
enum gp_record_result {
	GP_RECORD_R_NONE,
	GP_RECORD_R_PASS,
	GP_RECORD_R_FAIL,
	GP_RECORD_R_TEMPERROR,
	GP_RECORD_R_PERMERROR,
};

enum gp_record_disposition {
	GP_RECORD_D_NONE,
	GP_RECORD_D_PASS,
	GP_RECORD_D_QUARANTINE,
	GP_RECORD_D_REJECT,
};

/* Why the disposition is not what the policy asks for. */
enum gp_record_override {
	GP_RECORD_O_NONE, /* it is */
	GP_RECORD_O_LOCAL_POLICY,
	GP_RECORD_O_MAILING_LIST,
	GP_RECORD_O_OTHER,
	GP_RECORD_O_POLICY_TEST_MODE,
	GP_RECORD_O_TRUSTED_FORWARDER,
};

/* Domains and selectors are printable US-ASCII without blanks, and have at
 * most GP_DOMAIN_MAX octets. */
struct gp_record {
	int64_t time_s; /* wall clock, since 1970, not negative */
	struct gp_ip source_ip;
	struct gp_str header_from;   /* Author Domain; not empty */
	struct gp_str envelope_from; /* domain; empty: null reverse-path */

	struct {
		struct gp_str domain; /* DMARC Policy Domain; empty: none */
		enum gp_record_discovery discovery_method;
		enum gp_record_policy p, sp, np;
		enum gp_record_alignment adkim, aspf;
		bool testing; /* t=y */
	} policy_published;

	struct {
		enum gp_record_result result;
		enum gp_record_disposition disposition; /* as it was done */
		bool dkim, spf;                         /* an aligned pass */
		enum gp_record_override reason;
		struct gp_str comment; /* UTF-8 without control characters */
	} policy_evaluated;

	struct {
		enum gp_record_scope scope; /* NO_SPF: the others are not set */
		enum gp_spf_result result;
		struct gp_str domain;
	} spf;

	unsigned n_dkim; /* at most GP_RECORD_DKIM_MAX */
	struct {
		enum gp_dkim_result result;
		struct gp_str domain, selector;
	} dkim[GP_RECORD_DKIM_MAX];
};

/*
 * gp_record_encode - `*n` octets at `out`.  GP_PERM: a member is outside of
 * what stands above; err says which, and `*n` is 0.
 */
GP_MUST_USE enum gp_rc gp_record_encode(const struct gp_record *r,
    uint8_t out[GP_RECORD_BYTES_MAX], size_t *n, struct gp_err *err);

/*
 * gp_record_decode - strings of `out` are borrowed from `bytes`.  GP_NONE: not
 * the bytes of a record, whole and undamaged, of a version known here; `out`
 * is then empty.  Every record has one form: what decodes encodes to itself.
 */
GP_MUST_USE enum gp_rc
gp_record_decode(struct gp_str bytes, struct gp_record *out);

#endif
