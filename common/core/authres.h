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
 * not; one line end at its end is forgiven.  Results live in `arena`, none
 * larger than the input.  Results by a method version other than 1 are left
 * out (RFC 8601 2.2).  An address with a quoted local part comes unquoted, as
 * one text; its domain stands behind the last "@".
 * GP_OK    *out is complete.
 * GP_NONE  a version other than 1: nothing to be read (RFC 8601 2.5)
 * GP_PERM  not by the grammar, or over a bound of limits.h.
 */
GP_MUST_USE enum gp_rc gp_authres_parse(struct gp_str value,
    struct gp_arena *arena, struct gp_authres *out, struct gp_err *err);

/*
 * gp_authres_format - append the field's value to `out`: one line when it is
 * short, else folded with "\n\t" before each result and where a line would
 * pass 78 columns.  A value is quoted unless it is made of letters, digits
 * and ". _ + -", or (of a property) is an address of those; no comments are
 * ever written.
 *
 * Left out: a property or a reason whose value is not gp_str_is_text(), whose
 * ptype or property is no keyword, or which would need a line of more than
 * 900 octets; a result whose method or result is no such keyword; what is
 * over a bound of limits.h.  With an unwritable id nothing is appended.
 * gp_authres_parse() reads back exactly what was put in, but for those.
 */
void gp_authres_format(const struct gp_authres *ar, struct gp_buf *out);

/*
 * gp_authres_canonical - append the one text that stands for these results:
 * no folding, lower-case keywords, every value quoted.  What a seal covers;
 * so it leaves out what gp_authres_format() leaves out.
 */
void gp_authres_canonical(const struct gp_authres *ar, struct gp_buf *out);

/*
 * gp_authres_claims - could this field be taken to come from `id`?  The crude
 * reader: whatever a strict or a sloppy reader could find as authserv-id, in
 * a field of any length, in linear time.
 *
 * It looks for `id` in the first part of the field, up to the ";", that has a
 * letter or a digit in it.  Since readers differ in what hides a ";", the
 * part is cut in sixteen ways: comments skipped or not, nested or not, quotes
 * (also those in comments) and backslashes heeded or not.  In each, case does
 * not count, and blanks, comments, quotes and backslashes inside the name are
 * passed over.  The name counts when no letter of a name (letter, digit, "-",
 * "_") stands directly before it or behind it, dots passed over; but not as the
 * value of a property ("word=NAME", "word=x@NAME").  The first words with UTF-8
 * in them are compared as domain names too, so that a U-label is found.
 *
 * So these claim mx.example.com: "MX.Example.COM.", "\"mx.example\\.com\"",
 * "(x;) mx.example.com 1", ";, mx.(x)example.com", "evil (mx.example.com";
 * and these do not: "notmx.example.com", "mx.example.com.evil.net", and
 * "evil.net; spf=pass (mx.example.com: ok) smtp.helo=mx.example.com".
 * `id` is a name without quotes; an empty one is claimed by nothing.
 */
bool gp_authres_claims(struct gp_str value, const char *id);

/* gp_authres_prop_find - first such property (any case), or NULL. */
const struct gp_authres_prop *
gp_authres_prop_find(const struct gp_authres_result *result, const char *ptype,
    const char *property);

#endif
