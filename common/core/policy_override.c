/* See policy_options.h: the rows of override blocks. */
#include "core/policy_options.h"

#include <assert.h>

/* -- words ------------------------------------------------------------- */

static const struct gp_word rejects[] = { { "never", GP_OVERRIDE_NEVER },
	{ "corroborated", GP_OVERRIDE_CORROBORATED },
	{ "always", GP_OVERRIDE_ALWAYS }, { NULL, 0 } };
static const struct gp_word quarantines[] = { { "tag", GP_OVERRIDE_TAG },
	{ "hold", GP_OVERRIDE_HOLD }, { "reject", GP_OVERRIDE_REJECT },
	{ NULL, 0 } };
static const struct gp_word dmarc_words[] = { { "none", GP_OVERRIDE_NONE },
	{ NULL, 0 } };
static const struct gp_word reasons[] = { { "local_policy",
					      GP_DMARC_LOCAL_POLICY },
	{ "mailing_list", GP_DMARC_MAILING_LIST },
	{ "trusted_forwarder", GP_DMARC_TRUSTED_FORWARDER },
	{ "other", GP_DMARC_OTHER }, { NULL, 0 } };

/* -- options ----------------------------------------------------------- */

#define AT(member) .offset = offsetof(struct gp_override_policy, member)
const struct gp_option gp_override_options[] = {
	{ .name = "from",
	    .kind = GP_DOMAINS,
	    .is_list = true,
	    .expected = "domain names, with \"*.\" in front for all below",
	    .fallback = "",
	    AT(from) },
	{ .name = "clients",
	    .kind = GP_PREFIX,
	    .is_list = true,
	    .expected = "IP addresses or prefixes",
	    .fallback = "",
	    AT(clients) },
	{ .name = "header",
	    .kind = GP_FIELD,
	    .is_list = true,
	    .expected = "names of header fields",
	    .fallback = "",
	    AT(header) },
	{ .name = "until",
	    .kind = GP_DATE,
	    .expected = "a date YYYY-MM-DD, or \"\" for no end",
	    AT(until_s) },
	{ .name = "reject",
	    .kind = GP_WORD,
	    .expected = "never, corroborated or always",
	    .words = rejects,
	    AT(reject) },
	{ .name = "quarantine",
	    .kind = GP_WORD,
	    .expected = "tag, hold or reject",
	    .words = quarantines,
	    AT(quarantine) },
	{ .name = "dmarc",
	    .kind = GP_WORD,
	    .expected = "none",
	    .words = dmarc_words,
	    AT(dmarc) },
	{ .name = "reason",
	    .kind = GP_WORD,
	    .expected =
		"local_policy, mailing_list, trusted_forwarder or other",
	    .fallback = "local_policy",
	    .words = reasons,
	    AT(reason) },
};
static_assert(sizeof(gp_override_options) / sizeof(gp_override_options[0]) ==
		  GP_OVERRIDE_OPTIONS,
    "count of override options");
