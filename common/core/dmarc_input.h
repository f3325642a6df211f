/*
 * dmarc_input - what our own filters found out about this message.
 *
 * The results come from sealed Authentication-Results of this very message and
 * from nowhere else; here they become identifiers.  A filter that said nothing
 * is told from one that found nothing.
 *
 * Source:   RFC 9989 sections 4.4.1, 4.4.2 and 5.3.3; RFC 8601 section 2.7.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DMARC_INPUT_H
#define GP_CORE_DMARC_INPUT_H

#include "base/arena.h"
#include "core/authres.h"

/* Signatures that are taken over. */
#define GP_DMARC_SIGNATURES_MAX 32

struct gp_dmarc_signature {
	struct gp_str result; /* "pass" ..., as RFC 8601 words it */
	const char *domain;   /* header.d, normalised; NULL: none */
	struct gp_str selector;
};

struct gp_dmarc_inputs {
	bool spf_seen; /* a filter of ours gave SPF results */
	bool dkim_seen;

	/* SPF: MAIL FROM, or postmaster@HELO with a null reverse-path */
	struct gp_str spf_result;
	const char *spf_domain; /* normalised; NULL: none */
	size_t n_signatures;
	struct gp_dmarc_signature *signatures;

	/* identifiers, ready for gp_dmarc_query */
	const char *spf_pass; /* NULL: none */
	size_t n_dkim_pass;
	const char **dkim_pass;

	/* the same of what gave temperror: it might have been a pass */
	const char *spf_open; /* NULL: none */
	size_t n_dkim_open;
	const char **dkim_open;
};

/*
 * gp_dmarc_inputs_read - from the sealed fields of the message, the topmost
 * first; of two results about one thing the topmost counts.  HELO counts with
 * a null reverse-path only (RFC 7208 2.4).  Strings borrow from the fields or
 * live in `arena`.
 */
void gp_dmarc_inputs_read(const struct gp_authres *fields, size_t n,
    bool null_sender, struct gp_arena *arena, struct gp_dmarc_inputs *out);

/* gp_dmarc_inputs_missing - "no results of gatepost-spf" ..., a clause; NULL:
 * both are there. */
const char *gp_dmarc_inputs_missing(const struct gp_dmarc_inputs *in);

#endif
