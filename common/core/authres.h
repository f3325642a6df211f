/*
 * authres - the Authentication-Results field: read, write, recognise.
 *
 * One strict reader by the grammar of RFC 8601; one crude reader that asks
 * only "could anybody take this for a field of ours?".  What either of them
 * says is ours is treated as ours.
 *
 * Source:   RFC 8601 sections 2.2, 2.3, 2.5 and 5.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_AUTHRES_H
#define GP_CORE_AUTHRES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "core/limits.h"

#define GP_AUTHRES_NAME "Authentication-Results"

struct gp_authres_prop {
	struct gp_str ptype;    /* "smtp", "header", "policy" ... */
	struct gp_str property; /* "mailfrom", "d" ... */
	struct gp_str value;    /* unquoted */
};

struct gp_authres_result {
	struct gp_str method; /* "spf" ... */
	struct gp_str result; /* "pass" ... */
	struct gp_str reason; /* unquoted; n == 0: none */
	size_t n;
	struct gp_authres_prop *prop; /* n properties, in order */
};

struct gp_authres {
	struct gp_str id; /* authserv-id, unquoted */
	size_t n;         /* 0 for "none" */
	struct gp_authres_result *result;
};

/*
 * gp_authres_parse - the field's value (what follows the colon), folded or
 * not.  Results live in `arena`, none larger than the input.
 * GP_OK    *out is complete.
 * GP_NONE  a version other than 1: nothing to be read (RFC 8601 2.5)
 * GP_PERM  not by the grammar, or over a bound of limits.h.
 */
GP_MUST_USE enum gp_rc gp_authres_parse(struct gp_str value,
    struct gp_arena *arena, struct gp_authres *out, struct gp_err *err);

/*
 * gp_authres_format - append the field's value to `out`: one line when it is
 * short, else folded with "\n\t" before a result.  A value that is no token
 * is quoted; one that can not be quoted (control characters, NUL) or is
 * not UTF-8 is dropped with its property.  No comments are ever written.
 * gp_authres_parse() reads back exactly what was put in.
 */
void gp_authres_format(const struct gp_authres *ar, struct gp_buf *out);

/*
 * gp_authres_canonical - append the one text that stands for these results:
 * no folding, lower-case keywords, every value quoted.  What a seal covers.
 */
void gp_authres_canonical(const struct gp_authres *ar, struct gp_buf *out);

/*
 * gp_authres_claims - could this field be taken to come from `id`?  True when
 * the strict reader finds that authserv-id, or the crude one does: any case,
 * quoted, behind comments or white space, with a final dot, with anything
 * that is not a letter of a name before or after, in a field of any length.
 * `id` is a name without quotes.
 */
bool gp_authres_claims(struct gp_str value, const char *id);

/* gp_authres_prop_find - first such property (any case), or NULL. */
const struct gp_authres_prop *
gp_authres_prop_find(const struct gp_authres_result *result, const char *ptype,
    const char *property);

#endif
