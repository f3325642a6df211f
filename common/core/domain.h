/*
 * domain - domain names of mail: one spelling for each.
 *
 * Inside gatepost a domain is lower case, in A-labels (RFC 5890), without a
 * final dot, made of letters, digits, hyphens and underscores in labels of
 * 1 to 63 octets, 253 in all.  It gets that form where it enters.
 *
 * Source:   RFC 1035 2.3, RFC 5321 4.1.2, RFC 5890, UTS 46 by libidn2.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DOMAIN_H
#define GP_CORE_DOMAIN_H

#include "base/err.h"
#include "base/str.h"
#include "core/limits.h"

/*
 * gp_domain_normalize - `in` may have upper case, U-labels in UTF-8 and one
 * final dot.  Labels do not begin or end with a hyphen; underscores are
 * allowed anywhere.  A single label is a domain too.
 *
 * A U-label is mapped as UTS 46 says (nontransitional) and must be valid in
 * IDNA2008; only "." is a full stop.  An A-label must be one that a valid
 * U-label or an emoji label stands behind, so that no name has two spellings.
 * `in` is read to its length, not to a NUL, and must not overlap `out`.
 *
 * GP_OK: `out` has the one spelling.  GP_PERM: no domain name; `out` is "",
 * err says why and holds no byte of `in`.  Idempotent.
 */
GP_MUST_USE enum gp_rc gp_domain_normalize(struct gp_str in,
    char out[GP_DOMAIN_TEXT], struct gp_err *err);

/* gp_domain_is_below - is `domain` a proper sub-domain of `parent`?  Both
 * normalised. */
bool gp_domain_is_below(const char *domain, const char *parent);

/* gp_domain_matches - is `domain` what `pattern` names: itself, or with "*." in
 * front every name below?  Both normalised. */
bool gp_domain_matches(const char *domain, const char *pattern);

/* gp_domain_parent - what follows the first dot; NULL for a single label. */
const char *gp_domain_parent(const char *domain);

/* gp_domain_labels - number of labels of a normalised domain, at least 1. */
unsigned gp_domain_labels(const char *domain);

#endif
