/* See policy_draft.h: parts of a block and of its profile become one. */
#include "core/policy_draft.h"

#include <string.h>

const struct gp_option_group *
gp_part_group(const struct gp_part *part)
{
	return part->section->groups[0];
}

void *
gp_part_target(struct gp_part *part)
{
	switch (gp_part_group(part)->target) {
	case GP_IN_KEY:
		return &part->key;
	case GP_IN_LIMIT:
		return &part->limit;
	case GP_IN_WARMUP:
		return &part->warmup;
	case GP_IN_PROVIDER:
		return &part->provider;
	case GP_IN_OVERRIDE:
	case GP_IN_GLOBALS:
	case GP_IN_POLICY:
	case GP_TARGETS:
		break;
	}
	return &part->override;
}

bool
gp_part_is_written(const struct gp_part *part, const char *const *names,
    size_t n)
{
	const struct gp_option_group *group;

	for (size_t i = 0; i < n; i++) {
		const struct gp_option *o =
		    gp_section_option(part->section, names[i], &group);

		if (part->at[gp_option_number(group, o)].file != NULL)
			return true;
	}
	return false;
}

struct gp_part *
gp_part_find(struct gp_part *parts, const char *kind, const char *name)
{
	for (struct gp_part *p = parts; p != NULL; p = p->next)
		if (strcmp(p->section->kind, kind) == 0 &&
		    strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

/* An option is written in `over`, or in `under`, or built in. */
static struct gp_part *
merge_parts(const struct gp_merge *m, const struct gp_part *over,
    struct gp_part *under)
{
	const struct gp_option_group *group = gp_part_group(over);
	struct gp_arena *arena = m->config->arena;
	struct gp_part *out = gp_arena_alloc(arena, sizeof(*out));

	*out = *over;
	out->at = gp_arena_alloc(arena, group->n * sizeof(*out->at));
	for (size_t i = 0; i < group->n; i++) {
		out->at[i] = over->at[i];
		if (over->at[i].file != NULL || under->at[i].file == NULL)
			continue;
		out->at[i] = under->at[i];
		gp_value_copy(&group->options[i], gp_part_target(under),
		    gp_part_target(out));
	}
	return out;
}

/* -- one kind of them -------------------------------------------------- */

struct chosen {
	size_t n;
	const struct gp_part **v;
};

/* The block's own come first. */
static struct chosen
choose(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_draft *profile, enum gp_target target)
{
	struct gp_part *theirs = profile == NULL ? NULL : profile->parts;
	size_t most = d->n_parts[target] +
	              (profile == NULL ? 0 : profile->n_parts[target]);
	struct chosen out = { .v = gp_arena_alloc(m->config->arena,
				  most * sizeof(void *)) };

	for (const struct gp_part *part = d->parts; part != NULL;
	     part = part->next) {
		struct gp_part *under =
		    gp_part_find(theirs, part->section->kind, part->name);

		if (gp_part_group(part)->target != target)
			continue;
		out.v[out.n] = part;
		if (under != NULL) {
			out.v[out.n] = merge_parts(m, part, under);
			gp_check_merged(m, d, part, out.v[out.n]);
		}
		out.n++;
	}
	for (const struct gp_part *part = theirs; part != NULL;
	     part = part->next)
		if (gp_part_group(part)->target == target &&
		    gp_part_find(d->parts, part->section->kind, part->name) ==
			NULL)
			out.v[out.n++] = part;
	return out;
}

static size_t
add_keys(const struct gp_merge *m, const struct chosen *parts,
    const struct gp_key_policy **out)
{
	struct gp_key_policy *v =
	    gp_arena_alloc(m->config->arena, parts->n * sizeof(*v));

	for (size_t i = 0; i < parts->n; i++) {
		v[i] = parts->v[i]->key;
		v[i].selector = parts->v[i]->name;
		v[i].origins = parts->v[i]->at;
		v[i].origin = parts->v[i]->origin;
	}
	*out = v;
	return parts->n;
}

static size_t
add_limits(const struct gp_merge *m, const struct chosen *parts,
    const struct gp_limit_policy **out)
{
	struct gp_limit_policy *v =
	    gp_arena_alloc(m->config->arena, parts->n * sizeof(*v));

	for (size_t i = 0; i < parts->n; i++) {
		v[i] = parts->v[i]->limit;
		v[i].name = parts->v[i]->name;
		v[i].origins = parts->v[i]->at;
		v[i].origin = parts->v[i]->origin;
	}
	*out = v;
	return parts->n;
}

static size_t
add_warmups(const struct gp_merge *m, const struct chosen *parts,
    const struct gp_warmup_policy **out)
{
	struct gp_warmup_policy *v =
	    gp_arena_alloc(m->config->arena, parts->n * sizeof(*v));

	for (size_t i = 0; i < parts->n; i++) {
		v[i] = parts->v[i]->warmup;
		v[i].name = parts->v[i]->name;
		v[i].origins = parts->v[i]->at;
		v[i].origin = parts->v[i]->origin;
	}
	*out = v;
	return parts->n;
}

static size_t
add_providers(const struct gp_merge *m, const struct chosen *parts,
    const struct gp_provider_policy **out)
{
	struct gp_provider_policy *v =
	    gp_arena_alloc(m->config->arena, parts->n * sizeof(*v));

	for (size_t i = 0; i < parts->n; i++) {
		v[i] = parts->v[i]->provider;
		v[i].name = parts->v[i]->name;
		v[i].origins = parts->v[i]->at;
		v[i].origin = parts->v[i]->origin;
	}
	*out = v;
	return parts->n;
}

static size_t
add_overrides(const struct gp_merge *m, const struct chosen *parts,
    const struct gp_override_policy **out)
{
	struct gp_arena *arena = m->config->arena;
	struct gp_override_policy *v =
	    gp_arena_alloc(arena, parts->n * sizeof(*v));

	for (size_t i = 0; i < parts->n; i++) {
		v[i] = parts->v[i]->override;
		v[i].name = parts->v[i]->name;
		v[i].label = gp_arena_printf(arena, "override %s", v[i].name);
		v[i].origins = parts->v[i]->at;
		v[i].origin = parts->v[i]->origin;
	}
	*out = v;
	return parts->n;
}

/* -- all of them ------------------------------------------------------- */

/* Keys are the domain's own, a profile has none. */
void
gp_parts_of_domain(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_draft *profile, struct gp_policy *p)
{
	struct chosen keys = choose(m, d, profile, GP_IN_KEY);
	struct chosen limits = choose(m, d, profile, GP_IN_LIMIT);
	struct chosen warmups = choose(m, d, profile, GP_IN_WARMUP);

	p->n_keys = add_keys(m, &keys, &p->keys);
	p->n_limits = add_limits(m, &limits, &p->limits);
	p->n_warmups = add_warmups(m, &warmups, &p->warmups);
}

void
gp_parts_of_top(const struct gp_merge *m)
{
	struct chosen overrides = choose(m, m->top, NULL, GP_IN_OVERRIDE);
	struct chosen limits = choose(m, m->top, NULL, GP_IN_LIMIT);
	struct chosen providers = choose(m, m->top, NULL, GP_IN_PROVIDER);
	struct gp_globals *g = &m->config->globals;

	g->overrides.n = add_overrides(m, &overrides, &g->overrides.v);
	g->limits.n = add_limits(m, &limits, &g->limits.v);
	g->providers.n = add_providers(m, &providers, &g->providers.v);
}
