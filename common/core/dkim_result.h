/*
 * dkim_result - what a check of one signature comes to.
 *
 * RFC 6376 knows success, PERMFAIL and TEMPFAIL.  Success is `pass`; a hash or
 * signature that does not match is `fail`; what RFC 8301 or the operator does
 * not accept is `policy`; every other PERMFAIL is `permerror`.
 *
 * Source:   RFC 8601 section 2.7.1; RFC 6376 section 3.9.
 * Purity:   pure.
 */
#ifndef GP_CORE_DKIM_RESULT_H
#define GP_CORE_DKIM_RESULT_H

#include "base/err.h"
#include "base/str.h"

enum gp_dkim_result {
	GP_DKIM_NONE, /* no signature */
	GP_DKIM_PASS,
	GP_DKIM_FAIL,
	GP_DKIM_POLICY,
	GP_DKIM_TEMPERROR,
	GP_DKIM_PERMERROR,
	GP_DKIM_RESULTS /* how many */
};

/* gp_dkim_result_name - "none", "pass" ...; never NULL. */
const char *gp_dkim_result_name(enum gp_dkim_result r);

/* gp_dkim_result_parse - the same backwards; GP_NONE for any other word. */
GP_MUST_USE enum gp_rc
gp_dkim_result_parse(struct gp_str s, enum gp_dkim_result *out);

#endif
