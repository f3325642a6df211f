/* See spf_result.h. */
#include "core/spf_result.h"

static const char *const names[GP_SPF_RESULTS] = {
	[GP_SPF_SKIPPED] = "skipped",
	[GP_SPF_NONE] = "none",
	[GP_SPF_NEUTRAL] = "neutral",
	[GP_SPF_PASS] = "pass",
	[GP_SPF_FAIL] = "fail",
	[GP_SPF_SOFTFAIL] = "softfail",
	[GP_SPF_TEMPERROR] = "temperror",
	[GP_SPF_PERMERROR] = "permerror",
};

const char *
gp_spf_result_name(enum gp_spf_result result)
{
	return (unsigned)result < GP_SPF_RESULTS ? names[result] : "unknown";
}

enum gp_rc
gp_spf_result_parse(struct gp_str s, enum gp_spf_result *out)
{
	/* "skipped" is no word of RFC 8601: nobody may claim it */
	for (unsigned i = GP_SPF_NONE; i < GP_SPF_RESULTS; i++) {
		if (!gp_str_eq_nocase(s, gp_str(names[i])))
			continue;
		*out = (enum gp_spf_result)i;
		return GP_OK;
	}
	return GP_NONE;
}
