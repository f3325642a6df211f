/*
 * explain_facts - what the text and the JSON of an explanation both tell.
 *
 * Purity:   reads what gp_explain_run left behind.
 * Threads:  as the explanation.
 */
#ifndef GP_MTA_EXPLAIN_FACTS_H
#define GP_MTA_EXPLAIN_FACTS_H

#include "core/rate.h"
#include "mta/explain.h"

/* The option of `trust` that decided, and where it was written; for inbound
 * mail that which lists clients.  NULL: none has a part in it. */
const char *
gp_explain_trust(const struct gp_explain *x, struct gp_origin *where);

/* A rule with its place: the option that a verdict names in `why`, as it holds
 * for a recipient domain (NULL: for none). */
struct gp_origin gp_explain_rule(const struct gp_explain *x, const char *option,
    const char *domain);

/* gp_explain_domain - of the n-th recipient; NULL: it can not be read. */
const char *gp_explain_domain(const struct gp_explain *x, size_t n);

/* gp_explain_sending - the block that is the author's, or, where there is no
 * single one, that of MAIL FROM; as preflight chooses it.  Never NULL. */
const struct gp_policy *gp_explain_sending(const struct gp_explain *x);

/* gp_explain_done - what a verdict comes to, whether by its action or by its
 * word alone. */
enum gp_disposition gp_explain_done(const struct gp_verdict *v);

/* Who decides: a filter's name, and where it said so. */
struct gp_explain_reply {
	const char *filter;               /* NULL: it is accepted */
	const char *stage;                /* "rcpt" or "end-of-message" */
	const struct gp_verdict *verdict; /* NULL: see filter */
};
struct gp_explain_reply gp_explain_reply(const struct gp_explain *x);

/* gp_explain_would - the n-th verdict that monitor mode did not carry out;
 * NULL: there are no more. `*filter` says whose. */
const struct gp_verdict *
gp_explain_would(const struct gp_explain *x, size_t n, const char **filter);

/* Header fields that were put in, and that were taken out, all filters
 * together. */
struct gp_explain_fields {
	size_t n;
	const struct gp_field **v;
};
struct gp_explain_fields gp_explain_added(const struct gp_explain *x);
struct gp_explain_fields gp_explain_removed(const struct gp_explain *x);

/* gp_explain_unread - why the file of this key could not be read; NULL: it
 * could, or nobody wanted it. */
const char *
gp_explain_unread(const struct gp_explain *x, const struct gp_key_policy *key);

/* One charge of gatepost-rate. */
struct gp_explain_charge {
	const struct gp_rate_item *item;
	const struct gp_charge *charge;
	const struct gp_charged *made;
};
struct gp_explain_charges {
	size_t n;
	struct gp_explain_charge *v;
};
struct gp_explain_charges gp_explain_charges(const struct gp_explain *x);

/* gp_explain_levels - were levels told, and not only which meters there are? */
bool gp_explain_levels(const struct gp_explain *x);

/* "server", "cache", "remembered", "not asked" */
const char *gp_explain_from(enum gp_dns_from from);

#endif
