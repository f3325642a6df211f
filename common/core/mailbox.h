/*
 * mailbox - address lists of header fields, and the author of a message.
 *
 * One strict reader of RFC 5322 3.4 and 4.4 (comments, folding, quoted strings,
 * groups, empty members, the obsolete route, blanks around dots) that never
 * guesses: a field is read whole or not at all, so no two parts of gatepost can
 * see two different authors.  Encoded words are plain atoms, never decoded.
 *
 * Wider than the grammar: an unquoted address may stand as the display name of
 * one in the same domain (a@example.com <b@example.com>).
 * Narrower than the grammar: UTF-8 alone, control characters nowhere (but HTAB
 * as a blank and line ends in folds), literals and domains as gp_addr has them.
 *
 * Source:   RFC 5322 sections 3.2, 3.4, 4.4; RFC 6532; RFC 9989 section 11.5.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_MAILBOX_H
#define GP_CORE_MAILBOX_H

#include "base/arena.h"
#include "base/err.h"
#include "core/header.h"

struct gp_mailbox {
	struct gp_str local; /* unquoted: UTF-8, no control character but HTAB;
	                      * empty when written as "" */
	const char *domain;  /* normalised; a literal as gp_addr writes it */
	bool is_literal;
};

struct gp_mailboxes {
	size_t n;
	const struct gp_mailbox *v; /* in order, groups opened */
};

/*
 * gp_mailboxes_parse - the value of From, To, Cc ..., folded or not; memory
 * from `arena`.
 * GP_OK    *out is complete, n at least 1.
 * GP_NONE  well-formed, and no mailbox in it (empty groups only).
 * GP_PERM  not by the grammar, an address without a domain, a domain that is
 *          none, or over a bound (the hops of routes count as mailboxes).
 * But for GP_OK out->n is 0, and err has a clause for a report without a byte
 * of `value`.
 */
GP_MUST_USE enum gp_rc gp_mailboxes_parse(struct gp_str value,
    struct gp_arena *arena, struct gp_mailboxes *out, struct gp_err *err);

/* Who wrote the message, by all its From fields. */
struct gp_author {
	size_t fields;              /* From fields */
	struct gp_mailboxes all;    /* of every From field that could be read,
	                             * the first GP_MAILBOXES_MAX of them */
	size_t n_domains;           /* different ones among them */
	const char *const *domains; /* in order of appearance */
	const char *domain; /* the Author Domain; NULL unless there is one */
};

/*
 * gp_author_find - look at the From fields.
 * GP_OK    one field, readable, one domain (RFC 9989's Author Domain): it is
 *          in out->domain.
 * GP_NONE  no From field, or one without a mailbox.
 * GP_PERM  several fields, several domains, an address literal, one that can
 *          not be read, or a header with fields missing; out->all has what
 *          could be read.  err says why for GP_NONE, too.
 * "From" is of any case, and a blank may stand behind it (RFC 5322 4.5).
 */
GP_MUST_USE enum gp_rc gp_author_find(const struct gp_header *h,
    struct gp_arena *arena, struct gp_author *out, struct gp_err *err);

#endif
