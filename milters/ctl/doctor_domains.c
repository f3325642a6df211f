/* Topic "domains": what DNS says of each domain block. */
#include "ctl/doctor.h"

#include "core/domain.h"
#include "io/clock.h"
#include "mta/domain_check.h"

#include <string.h>

#define TIMEOUT_MS 30000

/* The block that was asked for, as a word of the command line; or each. */
static bool
is_named(const struct doctor *d, const struct gp_policy *block)
{
	char name[GP_DOMAIN_TEXT];

	for (size_t i = 0; i < d->args->n; i++)
		if (gp_domain_normalize(gp_str(d->args->v[i]), name, NULL) ==
			GP_OK &&
		    gp_policy_for(d->config, name) == block)
			return true;
	return d->args->n == 0;
}

static void
find_strangers(struct doctor *d)
{
	char name[GP_DOMAIN_TEXT];

	for (size_t i = 0; i < d->args->n; i++) {
		if (gp_domain_normalize(gp_str(d->args->v[i]), name, NULL) !=
			GP_OK ||
		    gp_policy_for(d->config, name)->domain != NULL)
			continue;
		gp_findings_add(d->findings, GP_RED, "domains", name,
		    "no domain block is for it");
		gp_findings_remedy(d->findings,
		    "domain \"%s\" { } in policy.d/%s.conf", name, name);
	}
}

void
ctl_doctor_domains(struct doctor *d)
{
	size_t n;
	const struct gp_policy *blocks = gp_config_domains(d->config, &n);
	const struct gp_domain_checking with = { .config = d->config,
		.dns = d->dns,
		.blocklists = d->blocklists,
		.egress = d->egress,
		.timeout_ms = TIMEOUT_MS,
		.now_s = gp_clock_wall_s() };

	find_strangers(d);
	if (n == 0) {
		gp_findings_add(d->findings, GP_YELLOW, "domains", "",
		    "no domain block: nothing is signed");
		gp_findings_remedy(d->findings, "gatepost key new DOMAIN");
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_named(d, &blocks[i]))
			continue;
		ctl_doctor_progress(blocks[i].domain);
		gp_domain_check(&with, &blocks[i], d->findings);
	}
}
