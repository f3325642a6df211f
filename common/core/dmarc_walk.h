/*
 * dmarc_walk - the DNS Tree Walk: which name is next, and what was found.
 *
 * Every record on the way is kept: a walk ends at a record with psd=n or psd=y
 * or with the last label, and only then its Organizational Domain is known.
 *
 * Source:   RFC 9989 sections 4.10, 4.10.1 and 4.10.2.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DMARC_WALK_H
#define GP_CORE_DMARC_WALK_H

#include "core/dmarc_record.h"
#include "core/dnsmsg.h"

/* Questions of one walk (RFC 9989 4.10). */
#define GP_DMARC_WALK_MAX 8

/* A record and the name it stands for, without the "_dmarc.". */
struct gp_dmarc_found {
	const char *name;
	struct gp_dmarc_record record;
};

struct gp_dmarc_walk {
	const char *start;
	const char *target; /* part of start; NULL: the walk is over */
	size_t n;
	struct gp_dmarc_found found[GP_DMARC_WALK_MAX]; /* longest first */
};

/* gp_dmarc_walk_begin - `start`, normalised, is borrowed. */
void gp_dmarc_walk_begin(struct gp_dmarc_walk *w, const char *start);

/* gp_dmarc_walk_feed - the answer (GP_OK or GP_NONE) to TXT at _dmarc.TARGET,
 * while there is a target. */
void gp_dmarc_walk_feed(struct gp_dmarc_walk *w, const struct gp_dns_answer *a);

/* gp_dmarc_walk_organization - of `start`, when the walk is over; part of it,
 * never NULL. */
const char *gp_dmarc_walk_organization(const struct gp_dmarc_walk *w);

/* gp_dmarc_walk_policy - whose record applies to a `start` that has none of its
 * own, when the walk is over: that of its Organizational Domain or that of the
 * Public Suffix Domain above; NULL when there is none. */
const struct gp_dmarc_found *
gp_dmarc_walk_policy(const struct gp_dmarc_walk *w);

/* gp_dmarc_walk_record - the one DMARC record among those of an answer;
 * GP_NONE: there is none, GP_PERM: there are several. */
GP_MUST_USE enum gp_rc gp_dmarc_walk_record(const struct gp_dns_answer *a,
    struct gp_dmarc_record *out);

#endif
