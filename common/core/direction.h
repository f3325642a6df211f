/*
 * direction - in or out, decided once, by addresses and macros only.
 *
 * Outbound mail is ours: it is signed and limited and never judged as
 * inbound.  All four milters ask this one function.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DIRECTION_H
#define GP_CORE_DIRECTION_H

#include "base/ip.h"
#include "core/policy.h"

enum gp_direction { GP_INBOUND, GP_OUTBOUND };

struct gp_direction_facts {
	struct gp_ip client;
	bool local;              /* did not come by SMTP */
	const char *daemon_name; /* {daemon_name}; NULL: not given */
	const char *auth_login;  /* {auth_authen}; NULL or "": none */
	bool verified_cert;      /* {verify} is OK */
};

/* gp_direction_decide - `*why` names the rule: "authenticated", "certificate",
 * "trusted-client", "trusted-listener", "local" or "inbound". */
enum gp_direction gp_direction_decide(const struct gp_trust_policy *trust,
    const struct gp_direction_facts *facts, const char **why);

#endif
