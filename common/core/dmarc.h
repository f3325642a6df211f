/*
 * dmarc - does the Author Domain stand behind this message?
 *
 * Sans-I/O: the evaluation says which name it needs and is fed the answer,
 * until the outcome stands.  It asks no more than the answer needs: nothing
 * for a message without one Author Domain, one question where the identifier
 * is the author's own, walks only where relaxed alignment has to be found out.
 *
 * Any question that DNS does not answer makes the result temperror: neither
 * pass nor fail (RFC 9989 5.3.6), unless an identifier is aligned without it.
 *
 * By public suffix list a record means what RFC 7489 says: p= is required and
 * np= unknown.  But t=y is heeded, since the Domain Owner asks for it.
 *
 * Source:   RFC 9989 sections 4.4, 4.10 and 5.3; for GP_DMARC_PSL RFC 7489
 *           sections 3.1, 3.2 and 6.6.3.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DMARC_H
#define GP_CORE_DMARC_H

#include "base/arena.h"
#include "core/dmarc_record.h"
#include "core/dnsmsg.h"
#include "core/policy.h"

/* How many different identifiers are looked at: that of SPF, and those of DKIM
 * that have most labels in common with the author. */
#define GP_DMARC_IDENTIFIERS_MAX 10

enum gp_dmarc_result {
	GP_DMARC_R_NONE, /* no record: DMARC does not apply */
	GP_DMARC_R_PASS,
	GP_DMARC_R_FAIL,
	GP_DMARC_R_TEMPERROR,
	GP_DMARC_R_PERMERROR, /* no single Author Domain */
	GP_DMARC_RESULTS      /* how many */
};

/* gp_dmarc_result_name - "none", "pass" ...; never NULL. */
const char *gp_dmarc_result_name(enum gp_dmarc_result r);

/* Finds the organizational domain by a public suffix list; returns part of
 * `domain`, or NULL when it is a public suffix itself. */
typedef const char *(*gp_dmarc_suffix_fn)(const void *arg, const char *domain);

struct gp_dmarc_query {
	const char *author; /* the Author Domain, normalised */
	const char *spf;    /* domain of an SPF pass by MAIL FROM; NULL: none */
	size_t n_dkim;
	const char *const *dkim; /* d= of passing signatures, normalised */
	enum gp_dmarc_discovery discovery; /* TREEWALK or PSL */
	gp_dmarc_suffix_fn suffix;         /* for PSL */
	const void *suffix_arg;
	bool every; /* go on after a pass, until spf_aligned and dkim_aligned
	             * are both known (RFC 9990 reports each) */
};

struct gp_dmarc_outcome {
	enum gp_dmarc_result result;
	const char *reason; /* clause; NULL with PASS */

	/* with PASS and FAIL */
	const char *policy_domain; /* whose record applies */
	const char *org_domain;    /* of the author; NULL: was not needed */
	struct gp_dmarc_record record;
	enum gp_dmarc_request policy; /* effective: p, sp or np, after t= */
	enum gp_dmarc_request asked;  /* the same before t= */
	/* after a pass the other one may be left open, unless `every` */
	bool spf_aligned;
	bool dkim_aligned;
	const char *aligned; /* an identifier that is; NULL with FAIL */
	unsigned queries;
};

struct gp_dmarc_eval;

/* gp_dmarc_eval_new - strings of `q` are borrowed; memory from `arena`. */
struct gp_dmarc_eval *
gp_dmarc_eval_new(struct gp_arena *arena, const struct gp_dmarc_query *q);

/* gp_dmarc_next - false: the outcome stands.  A name that can not be asked for
 * never comes up: no record can be there. */
bool gp_dmarc_next(struct gp_dmarc_eval *e, struct gp_dns_question *out);
void gp_dmarc_feed(struct gp_dmarc_eval *e, const struct gp_dns_answer *a);

const struct gp_dmarc_outcome *gp_dmarc_outcome(const struct gp_dmarc_eval *e);

#endif
