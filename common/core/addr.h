/*
 * addr - the reverse-path and the forward-path of SMTP, read strictly.
 *
 * The argument of MAIL or RCPT is read once by the grammar of RFC 5321; what
 * does not fit is not guessed at.  Quoted local parts are unquoted, a source
 * route is checked and dropped (RFC 5321 4.1.1.3), UTF-8 is allowed
 * (RFC 6531), an address literal is a domain of its own kind.
 *
 * Source:   RFC 5321 4.1.2, RFC 6531 3.3.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_ADDR_H
#define GP_CORE_ADDR_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct gp_addr {
	bool is_null;        /* <>: no sender */
	bool is_literal;     /* user@[192.0.2.1] */
	struct gp_str raw;   /* as received, without the angle brackets; cut
	                      * at GP_PATH_MAX */
	struct gp_str local; /* unquoted: UTF-8 without control characters,
	                      * else any; empty for <""@domain> */
	const char *domain;  /* normalised; NULL with is_null and for
	                      * <postmaster>.  A literal is "[192.0.2.1]" or
	                      * "[IPv6:2001:db8::1]" in the text of RFC 5952 */
};

/*
 * gp_addr_parse - "<local@domain>", "<>", or the same without brackets (what
 * Postfix passes for mail that did not come by SMTP; its null sender is the
 * empty string).  `allow_bare` is for RCPT: it admits <postmaster> without a
 * domain, and no null path.  Strings live in `arena`.
 *
 * Wider than the grammar: local parts of up to GP_LOCAL_PART_MAX octets, and
 * underscores in domains.  Narrower: no control characters in UTF-8, no
 * leading zeros in [192.0.2.010], no literals but IPv4 and IPv6 (no other tag
 * is registered).
 *
 * GP_OK    *out is complete.
 * GP_PERM  not an address; out->raw is set, the rest is empty, err says why.
 */
GP_MUST_USE enum gp_rc gp_addr_parse(struct gp_str arg, bool allow_bare,
    struct gp_arena *arena, struct gp_addr *out, struct gp_err *err);

/*
 * gp_addr_literal - what stands between "[" and "]" ("192.0.2.1",
 * "IPv6:2001:db8::1") as gp_addr has it.  GP_OK: *domain, in `arena`, has the
 * brackets again.  GP_PERM: anything else; *domain is left alone.
 */
GP_MUST_USE enum gp_rc gp_addr_literal(struct gp_str inside,
    struct gp_arena *arena, const char **domain, struct gp_err *err);

#endif
