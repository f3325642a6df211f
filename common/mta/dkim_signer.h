/*
 * dkim_signer - one outbound message: decide, hash the body as it comes, sign.
 *
 * Signatures of ours that the message already has are looked at with our own
 * keys, without DNS: one that still fits stays and its key does not sign
 * again; one that does not is taken out.  Those of others stay as they are.
 *
 * Source:   RFC 6376 section 5.
 * Blocking: gp_dkim_signer_end may ask DNS to promote a staged key.
 * Threads:  any; one signer, one thread at a time.
 */
#ifndef GP_MTA_DKIM_SIGNER_H
#define GP_MTA_DKIM_SIGNER_H

#include "core/dkim_sign.h"
#include "mta/dkim_keys.h"

struct gp_dkim_signer;

/* What a message is signed with; borrowed until its arena is cleared. */
struct gp_dkim_signing {
	struct gp_arena *arena; /* of the message */
	const struct gp_config *config;
	struct gp_dkim_keys *keys;
	struct gp_metrics *metrics; /* may be NULL */
};

/* gp_dkim_signer_begin - at the end of the header. */
struct gp_dkim_signer *gp_dkim_signer_begin(const struct gp_dkim_signing *with,
    const struct gp_dkim_outbound *m);

void gp_dkim_signer_body(struct gp_dkim_signer *s, struct gp_str chunk);

/* What became of the message; lives as long as the arena. */
struct gp_dkim_signed {
	struct gp_verdict verdict;
	const char *domain;           /* d=; NULL: not signed */
	const char *why;              /* clause for the log, never NULL */
	const struct gp_origin *rule; /* of the block; NULL: none applies */
	size_t n_add;
	const char *const *add; /* values of fields to insert on top, in
	                         * order: the last one ends up topmost */
	size_t n_remove;
	const unsigned *remove; /* DKIM-Signature fields by number, from 1 */
	size_t kept;            /* valid signatures of ours left alone */
	unsigned fragile;       /* bit 1 << enum gp_fragile, what was found */
	const char *selectors;  /* "a,b": that signed now */
};

/* gp_dkim_signer_end - a key that can not sign is a tempfail. */
const struct gp_dkim_signed *
gp_dkim_signer_end(struct gp_dkim_signer *s, struct gp_dns_scope *scope);

/* gp_dkim_signer_plan, gp_dkim_signer_keys - what was decided at the end of the
 * header, and the keys of the block as they stand; no keys unless it signs. */
const struct gp_dkim_plan *gp_dkim_signer_plan(const struct gp_dkim_signer *s);
const struct gp_dkim_key *
gp_dkim_signer_keys(const struct gp_dkim_signer *s, size_t *n);

/* gp_dkim_signed_describe - " dkim=signed d=... s=... by=... rule=..." for the
 * log. */
void gp_dkim_signed_describe(const struct gp_dkim_signed *done,
    struct gp_logline *line);

#endif
