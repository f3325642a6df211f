/*
 * spf_record - a "v=spf1" record as a list of terms.
 *
 * The whole record is read before any of it counts: one error anywhere makes
 * it unusable (RFC 7208 section 4.6).  What the reader accepts, the writer
 * writes back in one canonical spelling, and the reader takes that for the
 * same terms; so a record can be handed on without any byte that was not
 * understood here.
 *
 * Source:   RFC 7208 sections 4.5, 4.6, 5, 6 and 12.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SPF_RECORD_H
#define GP_CORE_SPF_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/ip.h"
#include "core/spf_macro.h"
#include "core/spf_result.h"

enum gp_spf_term_kind {
	GP_SPF_TERM_ALL,
	GP_SPF_TERM_INCLUDE,
	GP_SPF_TERM_A,
	GP_SPF_TERM_MX,
	GP_SPF_TERM_PTR,
	GP_SPF_TERM_IP4,
	GP_SPF_TERM_IP6,
	GP_SPF_TERM_EXISTS,
	GP_SPF_TERM_REDIRECT, /* from here on: modifiers */
	GP_SPF_TERM_EXP,
	GP_SPF_TERM_UNKNOWN,
};

struct gp_spf_term {
	enum gp_spf_term_kind kind;
	char qualifier;     /* '+' '-' '~' '?'; '+' with modifiers */
	bool is_explicit;   /* the qualifier was written */
	size_t at;          /* offset in the record */
	struct gp_str text; /* the term as it was written */
	struct gp_str name; /* without qualifier, ':', '/' and '=' */
	struct gp_str spec; /* domain-spec or macro-string; p == NULL: none */
	struct gp_spf_uses uses; /* of `spec` */
	struct gp_ip net;        /* ip4, ip6: as written, never unmapped */
	uint8_t bits4;           /* prefix lengths; 32 and 128 when not given */
	uint8_t bits6;
};

struct gp_spf_record {
	struct gp_str text;
	size_t n;
	const struct gp_spf_term *term;     /* n terms, in order */
	const struct gp_spf_term *redirect; /* of these; NULL: none */
	const struct gp_spf_term *exp;
};

/* gp_spf_record_claims - does a TXT record say that it is one for SPF?
 * "v=spf1" of any case, then a space or the end (RFC 7208 section 4.5). */
bool gp_spf_record_claims(struct gp_str txt);

/*
 * gp_spf_record_parse - spans of the result point into `txt`, the list lives
 * in `arena`.
 * GP_OK    *out is complete.
 * GP_NONE  no record for SPF.
 * GP_PERM  a syntax error, or larger than GP_SPF_RECORD_MAX bytes or
 *          GP_SPF_RECORD_TERMS terms: err says what, printable.
 */
GP_MUST_USE enum gp_rc gp_spf_record_parse(struct gp_str txt,
    struct gp_arena *arena, struct gp_spf_record *out, struct gp_err *err);

/* gp_spf_term_queries - is it one of those that RFC 7208 section 4.6.4 limits
 * to ten?  include, a, mx, ptr, exists and redirect. */
bool gp_spf_term_queries(enum gp_spf_term_kind kind);

/* gp_spf_term_result - what a match of this mechanism means. */
enum gp_spf_result gp_spf_term_result(const struct gp_spf_term *term);

/* gp_spf_term_format - append one term in its canonical spelling. */
void gp_spf_term_format(const struct gp_spf_term *term, struct gp_buf *out);

/* gp_spf_record_format - append the record in its canonical spelling, exp=
 * only if `with_exp`. */
void gp_spf_record_format(const struct gp_spf_record *record, bool with_exp,
    struct gp_buf *out);

#endif
