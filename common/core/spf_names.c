/* See spf_names.h. */
#include "core/spf_names.h"

#include <string.h>

/* How well a name fits; the smaller the better. */
enum fit { EQUAL, BELOW, OTHER };

void
gp_spf_names_load(struct gp_spf_names *names,
    const struct gp_dns_answer *answer, struct gp_arena *arena)
{
	names->loaded = true;
	names->rc = answer->rc;
	if (answer->rc != GP_OK)
		return;
	for (size_t i = 0; i < answer->n && i < GP_SPF_PTR_MAX; i++) {
		struct gp_spf_name *name = &names->v[names->n];

		if (!gp_dns_name_valid(answer->rr[i].text))
			continue;
		name->name = gp_arena_dup(arena, answer->rr[i].text).p;
		names->n++;
	}
}

static enum fit
fit_of(const char *name, const char *domain)
{
	struct gp_str s = gp_str(name);
	struct gp_str d = gp_str(domain);

	if (gp_str_eq_nocase(s, d))
		return EQUAL;
	if (s.n > d.n && s.p[s.n - d.n - 1] == '.' && gp_str_ends_nocase(s, d))
		return BELOW;
	return OTHER;
}

struct gp_spf_name *
gp_spf_names_pick(struct gp_spf_names *names, const char *domain, bool any)
{
	struct gp_spf_name *best = NULL;
	enum fit best_fit = OTHER;

	for (size_t i = 0; i < names->n; i++) {
		struct gp_spf_name *name = &names->v[i];
		enum fit fit = fit_of(name->name, domain);

		if (name->state == GP_SPF_NAME_INVALID ||
		    (fit == OTHER && !any))
			continue;
		if (best == NULL || fit < best_fit) {
			best = name;
			best_fit = fit;
		}
	}
	return best;
}

void
gp_spf_name_judge(struct gp_spf_name *name, const struct gp_dns_answer *answer,
    const struct gp_ip *client)
{
	name->state = GP_SPF_NAME_INVALID;
	if (answer->rc != GP_OK)
		return;
	for (size_t i = 0; i < answer->n; i++)
		if (gp_ip_eq(&answer->rr[i].ip, client))
			name->state = GP_SPF_NAME_VALID;
}
