/*
 * spf_front - what stands between the DNS and a second SPF engine.
 *
 * A library that asks for names through these functions sees nothing that we
 * did not read first: each record is parsed by us and handed over rewritten
 * (spf_rewrite.h), terms, void look-ups and questions are counted over the
 * whole check, and the time is kept.  When the front has decided, every
 * further answer is "temporary", and the library's result does not count.
 *
 * Source:   RFC 7208 sections 4.5, 4.6.4, 5.5 and 11.1.
 * Blocking: DNS, until the scope's deadline.
 * Threads:  one front, one thread.
 */
#ifndef GP_MTA_SPF_FRONT_H
#define GP_MTA_SPF_FRONT_H

#include "mta/spf_check.h"

/* Why an address is asked for: "a" and "exists" themselves, a host of "mx", a
 * name that "ptr" or %{p} found. */
enum gp_spf_role { GP_SPF_FOR_TERM, GP_SPF_FOR_MX, GP_SPF_FOR_PTR };

struct gp_spf_front {
	const struct gp_spf_query *q;
	struct gp_dns_scope *scope;
	struct gp_ip client; /* never a mapped one */
	struct gp_spf_outcome out;
	bool decided;        /* out.result and out.reason stand */
	const char *unfit;   /* why the builtin engine must judge; NULL: no */
	const char *trouble; /* the last look-up that failed; NULL: none */

	/* The engine's own answer to %{p}; it may ask through the front. */
	const char *(*validated)(struct gp_spf_front *f);

	/* private */
	bool has_first;
	bool validating;
	struct gp_spf_explained *explained;
};

/* gp_spf_front_init - `unfit` is set when the question is none for a library
 * (a loopback client, names beyond printable US-ASCII). */
void gp_spf_front_init(struct gp_spf_front *f, const struct gp_spf_query *q,
    struct gp_dns_scope *scope);

/* gp_spf_front_decide - end the check; the first decision stands. */
void gp_spf_front_decide(struct gp_spf_front *f, enum gp_spf_result result,
    const char *fmt, ...) GP_PRINTF(3, 4);

/*
 * The look-ups, by the name as the engine spells it.  Each returns a->rc:
 * GP_OK with at least one record, GP_NONE, or GP_TEMP (also once the check is
 * decided).  `*any` is set when GP_SPF_ANY_ADDRESS stands behind the name: an
 * address of the client's own is then the right answer, if there is one at
 * all.
 */
enum gp_rc gp_spf_front_address(struct gp_spf_front *f, const char *domain,
    enum gp_spf_role role, enum gp_dns_type type, struct gp_dns_answer *a,
    bool *any);
enum gp_rc gp_spf_front_mx(struct gp_spf_front *f, const char *domain,
    struct gp_dns_answer *a, bool *any);
enum gp_rc gp_spf_front_ptr(struct gp_spf_front *f, const char *domain,
    struct gp_dns_answer *a);

/*
 * gp_spf_front_record - the record of `domain` for the engine to read, in the
 * scope's arena.  GP_OK, GP_NONE (no record) or GP_TEMP.
 */
enum gp_rc gp_spf_front_record(struct gp_spf_front *f, const char *domain,
    const char **text);

/* gp_spf_front_explain - out.explanation from the exp= of the record that was
 * handed over for `domain`, expanded by the builtin engine. */
void gp_spf_front_explain(struct gp_spf_front *f, const char *domain);

/* gp_spf_front_outcome - the outcome; by the builtin engine where `unfit`. */
void
gp_spf_front_outcome(const struct gp_spf_front *f, struct gp_spf_outcome *out);

#endif
