/*
 * spf_rewrite - an SPF record in words that libspf2 reads as RFC 7208 means
 * them.
 *
 * libspf2 1.2.10 has the killer CVE-2023-42118 in its reader of explanations,
 * executes redirect= where it stands, refuses the prefix length 0 and some
 * names of modifiers, cuts a character off a macro that asks for all parts,
 * and forgets without a word what stands behind the first 511 bytes of a
 * record (in its own form).  So it gets another record with the same meaning
 * for this client:
 *
 *   - mechanisms up to the first "all", then redirect=, in canonical spelling;
 *     no exp=, no other modifier
 *   - of prefix lengths the one of the client's family; ip4 and ip6 of length
 *     0 in two halves, "a" and "mx" of length 0 with GP_SPF_ANY_ADDRESS behind
 *     the name, which the DNS layer below the library knows
 *   - macros that it gets wrong (parts, upper case, "," and "/") expanded
 *
 * Source:   RFC 7208 sections 4.6, 5, 6 and 7; libspf2 1.2.10 as in Debian 12,
 *           by experiment.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_MTA_SPF_REWRITE_H
#define GP_MTA_SPF_REWRITE_H

#include "core/spf_record.h"

/* No byte that a record may hold, so nobody but us can put it there. */
#define GP_SPF_ANY_ADDRESS '\001'

/* The expansion that can not be a name: it does not exist. */
#define GP_SPF_NO_NAME ".."

/*
 * gp_spf_rewrite - append the record as libspf2 is to read it.  v->domain is
 * the record's own; v->validated may be NULL (not known).
 * GP_OK    the text can be handed over.
 * GP_NONE  libspf2 can not hold this record: err says why.
 */
GP_MUST_USE enum gp_rc gp_spf_rewrite(const struct gp_spf_record *record,
    const struct gp_spf_values *v, struct gp_buf *out, struct gp_err *err);

#endif
