/*
 * spf_names - the client's validated domain names, found as they are needed.
 *
 * A name of the client's PTR records is validated when its own address
 * records have the client's address.  Each costs a query, so a name is judged
 * only when the answer depends on it; what was judged once stays judged for
 * the whole check, as there is one client.
 *
 * Source:   RFC 7208 sections 5.5 and 7.3 (macro letter p), 4.6.4 (ten).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SPF_NAMES_H
#define GP_CORE_SPF_NAMES_H

#include "base/arena.h"
#include "core/dnsmsg.h"

enum gp_spf_name_state {
	GP_SPF_NAME_UNKNOWN,
	GP_SPF_NAME_VALID,
	GP_SPF_NAME_INVALID,
};

struct gp_spf_name {
	const char *name;
	enum gp_spf_name_state state;
};

struct gp_spf_names {
	bool loaded;   /* the PTR records were asked for */
	enum gp_rc rc; /* and this is what came back */
	size_t n;
	struct gp_spf_name v[GP_SPF_PTR_MAX];
};

/* gp_spf_names_load - take the first GP_SPF_PTR_MAX names of a PTR answer,
 * copied to `arena`; none when it has none or no answer was to be had. */
void gp_spf_names_load(struct gp_spf_names *names,
    const struct gp_dns_answer *answer, struct gp_arena *arena);

/*
 * gp_spf_names_pick - the best name not known to be invalid: `domain` itself,
 * else one below it, else with `any` another one; NULL when there is none.
 * While its state is unknown it must be judged and the pick repeated.
 */
struct gp_spf_name *
gp_spf_names_pick(struct gp_spf_names *names, const char *domain, bool any);

/* gp_spf_name_judge - set the state from the answer about the name's
 * addresses; a name without an answer is invalid. */
void gp_spf_name_judge(struct gp_spf_name *name,
    const struct gp_dns_answer *answer, const struct gp_ip *client);

#endif
