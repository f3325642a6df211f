/* See policy_draft.h. */
#include "core/policy_draft.h"
#include "core/policy_form.h"
#include "core/policy_guess.h"

#include <string.h>

/* -- domains ----------------------------------------------------------- */

static void
no_profile(const struct gp_merge *m, const struct gp_draft *d)
{
	const char *name = d->values.profile;
	struct gp_guess guess = { .word = gp_str(name) };
	const struct gp_option_group *group;
	const struct gp_option *o;
	char hint[GP_GUESS_TEXT];

	/* each guess looks at all profiles; what is not shown needs none */
	if (m->ctx.problems->count < GP_CONFIG_PROBLEMS_MAX)
		for (const struct gp_draft *p = m->drafts; p != NULL;
		     p = p->next)
			if (p->name != NULL &&
			    gp_index_get(m->profiles, p->name) == p)
				gp_guess_try(&guess, p->name);
	o = gp_section_option(d->section, "profile", &group);
	gp_problems_add(m->ctx.problems, d->at[gp_option_number(group, o)],
	    "\"%.*s\": profile: expected %s%s", gp_form_shown(name), name,
	    o->expected, gp_guess_text(&guess, hint));
}

static const struct gp_draft *
profile_of(const struct gp_merge *m, const struct gp_draft *d)
{
	const char *name = d->values.profile;
	const struct gp_draft *profile = NULL;

	if (name == NULL)
		return NULL;
	profile = gp_index_get(m->profiles, name);
	if (profile == NULL)
		no_profile(m, d);
	return profile;
}

/* Values of one group: the draft's, else the profile's, else what is there
 * already, the global ones. */
static void
merge_group(const struct gp_option_group *group, const struct gp_draft *d,
    const struct gp_draft *profile, struct gp_policy *p,
    struct gp_origin *origins)
{
	for (size_t i = 0; i < group->n; i++) {
		size_t number = group->first + i;
		const struct gp_draft *from = NULL;

		if (d->at[number].file != NULL)
			from = d;
		else if (profile != NULL && profile->at[number].file != NULL)
			from = profile;
		if (from == NULL)
			continue;
		gp_value_copy(&group->options[i], &from->values, p);
		origins[number] = from->at[number];
	}
}

static bool
has_opened(const struct gp_draft *d, const char *kind)
{
	for (size_t i = 1; d != NULL && i < GP_SECTIONS; i++)
		if (gp_sections[i].parent == d->section &&
		    strcmp(gp_sections[i].kind, kind) == 0)
			return d->opened[i].file != NULL;
	return false;
}

static void
merge_domain(const struct gp_merge *m, const struct gp_draft *d,
    struct gp_policy *p)
{
	const struct gp_draft *profile = profile_of(m, d);
	struct gp_origin *origins = gp_arena_alloc(m->config->arena,
	    GP_POLICY_OPTIONS * sizeof(*origins));

	*p = m->config->base;
	memcpy(origins, p->origins, GP_POLICY_OPTIONS * sizeof(*origins));
	for (size_t i = 0; i < GP_SECTIONS; i++) {
		const struct gp_section *section = &gp_sections[i];

		if (section != d->section && section->parent != d->section)
			continue;
		for (size_t g = 0; g < GP_SECTION_GROUPS; g++)
			if (section->groups[g] != NULL &&
			    section->groups[g]->target == GP_IN_POLICY)
				merge_group(section->groups[g], d, profile, p,
				    origins);
	}
	p->domain = d->name;
	p->origin = d->origin;
	p->origins = origins;
	p->senders.given =
	    has_opened(d, "senders") || has_opened(profile, "senders");
	p->preflight.given =
	    has_opened(d, "preflight") || has_opened(profile, "preflight");
	gp_check_parts(m, d, profile);
	gp_parts_of_domain(m, d, profile, p);
}

/* -- all of it --------------------------------------------------------- */

static void
merge_base(const struct gp_merge *m)
{
	struct gp_config *c = m->config;
	struct gp_origin *origins =
	    gp_arena_alloc(c->arena, GP_POLICY_OPTIONS * sizeof(*origins));

	memcpy(origins, m->top->at, GP_POLICY_OPTIONS * sizeof(*origins));
	c->base = m->top->values;
	c->base.config = c;
	c->base.origins = origins;
}

static const struct gp_index *
index_providers(const struct gp_merge *m)
{
	struct gp_index *index =
	    gp_index_new(m->config->arena, m->top->n_parts[GP_IN_PROVIDER]);

	for (struct gp_part *p = m->top->parts; p != NULL; p = p->next)
		if (gp_part_group(p)->target == GP_IN_PROVIDER)
			(void)gp_index_put(index, p->name, p);
	return index;
}

void
gp_drafts_merge(struct gp_merge *m)
{
	struct gp_arena *arena = m->config->arena;
	struct gp_index *domains = gp_index_new(arena, m->n_drafts);
	struct gp_policy *policies =
	    gp_arena_alloc(arena, m->n_drafts * sizeof(*policies));
	size_t n = 0;

	m->providers = index_providers(m);
	merge_base(m);
	gp_check_globals(m);
	gp_check_parts(m, m->top, NULL);
	gp_parts_of_top(m);
	for (const struct gp_draft *d = m->drafts; d != NULL; d = d->next) {
		if (strcmp(d->section->kind, "domain") != 0) {
			gp_check_parts(m, d, NULL);
			continue;
		}
		merge_domain(m, d, &policies[n]);
		if (d->name != NULL)
			(void)gp_index_put(domains, d->name, &policies[n]);
		n++;
	}
	m->config->domains = domains;
	m->config->blocks = policies;
	m->config->n_blocks = n;
}
