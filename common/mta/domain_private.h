/*
 * domain_private - what the parts of mta/domain_check share: one domain block
 * under examination.  Internal to it.
 *
 * Threads:  one examination, one thread.
 */
#ifndef GP_MTA_DOMAIN_PRIVATE_H
#define GP_MTA_DOMAIN_PRIVATE_H

#include "mta/domain_check.h"

/* An address that mail leaves from, as receivers see it. */
struct gp_domain_egress {
	struct gp_ip ip;
	char text[GP_IP_TEXT];
	struct gp_origin where; /* in the policy, or no file */
};

struct gp_domain_job {
	const struct gp_domain_checking *with;
	const struct gp_policy *block;
	struct gp_findings *out;
	struct gp_arena *arena; /* of this examination alone */
	struct gp_dns_scope scope;
	size_t n_egress;
	struct gp_domain_egress *egress; /* each once, none of them private */
	bool told_private;               /* there were others */
};

void gp_domain_check_dkim(struct gp_domain_job *j);
void gp_domain_check_spf(struct gp_domain_job *j);
void gp_domain_check_dmarc(struct gp_domain_job *j);
void gp_domain_check_names(struct gp_domain_job *j);
void gp_domain_check_blocklists(struct gp_domain_job *j);

/* gp_domain_prefetch - see gp_dns_prefetch. */
void gp_domain_prefetch(struct gp_domain_job *j, const char *name,
    enum gp_dns_type type);
void gp_domain_prefetch_blocklists(struct gp_domain_job *j);

/* gp_domain_told - is there a finding about this subject already?  Addresses
 * serve several domains, and are looked at once. */
bool gp_domain_told(const struct gp_domain_job *j, const char *topic,
    const char *subject);

/* gp_domain_untold - DNS did not answer: yellow. */
void gp_domain_untold(struct gp_domain_job *j, const char *topic,
    const char *subject, const struct gp_dns_answer *a, const char *name);

/* gp_domain_where - of the finding that was added last. */
void gp_domain_where(struct gp_domain_job *j, struct gp_origin where);

/* gp_domain_shown - a record for a finding: cut, control characters and what
 * is not US-ASCII as "?". */
const char *gp_domain_shown(struct gp_domain_job *j, struct gp_str record);

#endif
