/*
 * dkim_check - the signatures of one message against the real world, by
 * either engine.
 *
 *   builtin      core/dkim_verify, fed from io/dns and io/crypto
 *   libopendkim  the library behind the same front: what core/dkim_verify
 *                decides without cryptography never reaches it
 *   compare      acts on builtin, runs libopendkim beside it, logs and counts
 *                each signature that both judge and on which they differ
 *
 * The body is hashed as it comes and never kept.
 *
 * Source:   RFC 6376 section 6.
 * Blocking: gp_dkim_check_end: DNS, until the scope's deadline.
 * Threads:  any; one check, one thread at a time.
 */
#ifndef GP_MTA_DKIM_CHECK_H
#define GP_MTA_DKIM_CHECK_H

#include "core/dkim_verify.h"
#include "io/dns.h"
#include "io/key_cache.h"
#include "io/metrics.h"

struct gp_opendkim;
struct gp_dkim_run;

/* What a check is made with; borrowed until the message's arena is cleared. */
struct gp_dkim_checker {
	struct gp_arena *arena; /* of the message */
	const struct gp_dkim_checking *how;
	struct gp_metrics *metrics; /* may be NULL */
	struct gp_key_cache *keys;
	struct gp_opendkim *opendkim; /* NULL: engine is builtin */
};

/*
 * gp_dkim_check_begin - at the end of the header, which must outlive the
 * check; `author` as in gp_dkim_checks_begin.  Its handles are closed with the
 * arena.
 */
struct gp_dkim_run *gp_dkim_check_begin(const struct gp_dkim_checker *c,
    const struct gp_header *header, const char *author);

/* gp_dkim_check_prefetch - ask for all the keys, and do not wait: they come
 * while the body does. */
void gp_dkim_check_prefetch(struct gp_dkim_run *r, struct gp_dns_scope *scope);

void gp_dkim_check_body(struct gp_dkim_run *r, struct gp_str chunk);

/* gp_dkim_check_end - every signature decided; lives as long as the arena. */
const struct gp_dkim_checks *
gp_dkim_check_end(struct gp_dkim_run *r, struct gp_dns_scope *scope);

/* -- the second engine -------------------------------------------------- */

/* gp_opendkim_open - the library, once a process.  GP_PERM: it has not what
 * we need. */
GP_MUST_USE enum gp_rc gp_opendkim_open(const struct gp_dkim_checking *how,
    struct gp_opendkim **out, struct gp_err *err);
void gp_opendkim_close(struct gp_opendkim *o); /* NULL is allowed */

struct gp_opendkim_run;

/*
 * gp_opendkim_begin - one message: the header without those signatures that
 * `checks` has decided or left out, and without those that the library would
 * misread.  NULL when it will not have the header.  Closed with the arena.
 */
struct gp_opendkim_run *
gp_opendkim_begin(struct gp_opendkim *o, const struct gp_header *header,
    const struct gp_dkim_checks *checks, struct gp_arena *arena);
void gp_opendkim_body(struct gp_opendkim_run *r, struct gp_str chunk);

/*
 * gp_opendkim_end - decide, in `checks` (the same signatures in the same
 * order, their keys fed), each signature that is not decided yet.  `r` may be
 * NULL: permerror.
 */
void gp_opendkim_end(struct gp_opendkim_run *r, struct gp_dkim_checks *checks,
    const struct gp_dkim_checking *how);

#endif
