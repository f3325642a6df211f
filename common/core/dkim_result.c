/* See dkim_result.h. */
#include "core/dkim_result.h"

static const char *const names[GP_DKIM_RESULTS] = {
	[GP_DKIM_NONE] = "none",
	[GP_DKIM_PASS] = "pass",
	[GP_DKIM_FAIL] = "fail",
	[GP_DKIM_POLICY] = "policy",
	[GP_DKIM_TEMPERROR] = "temperror",
	[GP_DKIM_PERMERROR] = "permerror",
};

const char *
gp_dkim_result_name(enum gp_dkim_result r)
{
	return (unsigned)r < GP_DKIM_RESULTS ? names[r] : "unknown";
}

enum gp_rc
gp_dkim_result_parse(struct gp_str s, enum gp_dkim_result *out)
{
	for (unsigned i = 0; i < GP_DKIM_RESULTS; i++)
		if (gp_str_eq_nocase(s, gp_str(names[i]))) {
			*out = (enum gp_dkim_result)i;
			return GP_OK;
		}
	return GP_NONE;
}
