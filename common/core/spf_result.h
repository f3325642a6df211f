/*
 * spf_result - the seven results of SPF, and a message's two checks.
 *
 * Source:   RFC 7208 section 2.6, RFC 8601 section 2.7.2.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SPF_RESULT_H
#define GP_CORE_SPF_RESULT_H

#include "base/err.h"
#include "base/str.h"

enum gp_spf_result {
	GP_SPF_SKIPPED, /* not checked: no result, no field */
	GP_SPF_NONE,
	GP_SPF_NEUTRAL,
	GP_SPF_PASS,
	GP_SPF_FAIL,
	GP_SPF_SOFTFAIL,
	GP_SPF_TEMPERROR,
	GP_SPF_PERMERROR,
	GP_SPF_RESULTS /* how many */
};

/* gp_spf_result_name - the word of RFC 8601: "none", "pass" ...;
 * "skipped" for GP_SPF_SKIPPED. */
const char *gp_spf_result_name(enum gp_spf_result result);

/* gp_spf_result_parse - the same backwards, any case; GP_NONE if unknown. */
GP_MUST_USE enum gp_rc
gp_spf_result_parse(struct gp_str s, enum gp_spf_result *out);

#endif
