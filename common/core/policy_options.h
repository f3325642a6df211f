/*
 * policy_options - the rows of the table: every option of the policy file.
 *
 * Options that stand in the same sections and whose values go to the same
 * structure are one group; policy_table.c puts groups into sections.
 *
 * Purity:   constants.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_OPTIONS_H
#define GP_CORE_POLICY_OPTIONS_H

#include "core/policy_table.h"

enum gp_option_group_id {
	GP_GROUP_TOP,
	GP_GROUP_RESOLVER,
	GP_GROUP_TRUST,
	GP_GROUP_SPF_CHECKING,
	GP_GROUP_DKIM,
	GP_GROUP_DMARC_CHECKING,
	GP_GROUP_DMARC,
	GP_GROUP_LISTEN,
	GP_GROUP_DOMAIN, /* of domains only */
	GP_GROUP_BLOCK,  /* of domains and profiles */
	GP_GROUP_SPF,
	GP_GROUP_SENDERS,
	GP_GROUP_KEY,
	GP_GROUP_LIMIT,     /* of domains and profiles */
	GP_GROUP_TOP_LIMIT, /* over all of them */
	GP_GROUP_WARMUP,
	GP_GROUP_PROVIDER,
	GP_GROUP_PREFLIGHT,
	GP_GROUP_RATE,
	GP_GROUP_OVERRIDE,
	GP_GROUPS /* how many */
};

extern const struct gp_option_group gp_option_groups[GP_GROUPS];

/* Those of override blocks, in policy_override.c. */
extern const struct gp_option gp_override_options[GP_OVERRIDE_OPTIONS];

/* Those about mail that leaves, in policy_outbound.c. */
#define GP_PREFLIGHT_OPTIONS 5
#define GP_RATE_OPTIONS      8
extern const struct gp_option gp_preflight_options[GP_PREFLIGHT_OPTIONS];
extern const struct gp_option gp_rate_options[GP_RATE_OPTIONS];
extern const struct gp_option gp_limit_options[GP_LIMIT_OPTIONS];
extern const struct gp_option gp_top_limit_options[GP_LIMIT_OPTIONS];
extern const struct gp_option gp_warmup_options[GP_WARMUP_OPTIONS];
extern const struct gp_option gp_provider_options[GP_PROVIDER_OPTIONS];

#define GP_MODE_EXPECTED "monitor or enforce"
extern const struct gp_word gp_mode_words[];

#endif
