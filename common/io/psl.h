/*
 * psl - the public suffix list, for DMARC as RFC 7489 has it.
 *
 * Debian keeps the list in its package publicsuffix and renews it in stable
 * releases; libpsl has a copy built in, for a host without the package.  Both
 * sections count, ICANN's and the private one (github.io): whoever is below a
 * private suffix is a customer, who must not speak for another one.  What no
 * rule names has its suffix in the last label, as the list's "*" says.
 *
 * Source:   RFC 7489 section 3.2.
 * Blocking: file I/O, in gp_psl_load alone.
 * Threads:  load once; gp_psl_organization from any.
 */
#ifndef GP_IO_PSL_H
#define GP_IO_PSL_H

#include "base/err.h"

struct gp_psl;

/*
 * gp_psl_load - read `path`; NULL: the system's list, else the one that is
 * built in.  gp_psl_free it.
 * GP_PERM: no list is there, or it is damaged; err names it.
 */
GP_MUST_USE enum gp_rc
gp_psl_load(const char *path, struct gp_psl **out, struct gp_err *err);
void gp_psl_free(struct gp_psl *psl); /* NULL is allowed */

/*
 * gp_psl_organization - a gp_dmarc_suffix_fn; `psl` is a struct gp_psl.
 * The public suffix of `domain` (normalised) and one label more: part of
 * `domain`.  NULL when it is a public suffix itself.
 */
const char *gp_psl_organization(const void *psl, const char *domain);

#endif
