/* See policy_draft.h. */
#include "core/policy_draft.h"
#include "core/policy_form.h"
#include "core/policy_guess.h"

#include <string.h>

void *
gp_part_target(struct gp_part *part, enum gp_target target)
{
	if (target == GP_IN_KEY)
		return &part->key;
	if (target == GP_IN_LIMIT)
		return &part->limit;
	return &part->override;
}

/* -- parts ------------------------------------------------------------- */

static const struct gp_option_group *
group_of(const struct gp_part *part)
{
	return part->section->groups[0];
}

/* An option is written in `over`, or in `under`, or built in. */
static struct gp_part *
merge_parts(const struct gp_merge *m, const struct gp_part *over,
    struct gp_part *under)
{
	const struct gp_option_group *group = group_of(over);
	struct gp_arena *arena = m->config->arena;
	struct gp_part *out = gp_arena_alloc(arena, sizeof(*out));

	*out = *over;
	out->at = gp_arena_alloc(arena, group->n * sizeof(*out->at));
	for (size_t i = 0; i < group->n; i++) {
		out->at[i] = over->at[i];
		if (over->at[i].file != NULL || under->at[i].file == NULL)
			continue;
		out->at[i] = under->at[i];
		gp_value_copy(&group->options[i],
		    gp_part_target(under, group->target),
		    gp_part_target(out, group->target));
	}
	return out;
}

static struct gp_part *
find_part(struct gp_part *parts, const char *kind, const char *name)
{
	for (struct gp_part *p = parts; p != NULL; p = p->next)
		if (strcmp(p->section->kind, kind) == 0 &&
		    strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

/* What the options of a key say together, and its name in DNS. */
static void
check_key(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_part *part)
{
	static const char between[] = "._domainkey.";
	size_t n = strlen(part->name) + strlen(between);

	if (part->key.activate_after_s != 0 && part->key.state != GP_KEY_STAGED)
		gp_problems_add(m->ctx.problems, part->origin,
		    "key \"%s\": expected `state = staged` beside"
		    " activate-after",
		    part->name);
	if (d->name != NULL && n + strlen(d->name) > GP_DOMAIN_MAX)
		gp_problems_add(m->ctx.problems, part->origin,
		    "\"%.*s\": key: expected a selector with which"
		    " SELECTOR%sDOMAIN has at most %d octets",
		    gp_form_shown(part->name), part->name, between,
		    GP_DOMAIN_MAX);
}

static void
check_part(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_part *part)
{
	const struct gp_option_group *group = group_of(part);

	for (size_t i = 0; i < group->n; i++)
		if (group->options[i].required && part->at[i].file == NULL)
			gp_problems_add(m->ctx.problems, part->origin,
			    "%s \"%s\": expected `%s = ...` in it, %s",
			    part->section->kind, part->name,
			    group->options[i].name, group->options[i].expected);
	if (group->target == GP_IN_KEY)
		check_key(m, d, part);
}

static void
add_key(const struct gp_part *part, struct gp_policy *p,
    struct gp_key_policy *keys)
{
	struct gp_key_policy *key = &keys[p->n_keys++];

	*key = part->key;
	key->selector = part->name;
	key->origins = part->at;
	key->origin = part->origin;
}

static void
add_limit(const struct gp_part *part, struct gp_policy *p,
    struct gp_limit_policy *limits)
{
	struct gp_limit_policy *limit = &limits[p->n_limits++];

	*limit = part->limit;
	limit->name = part->name;
	limit->origins = part->at;
	limit->origin = part->origin;
}

/* Keys are the domain's own; limits are its profile's, too. */
static void
add_parts(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_draft *profile, struct gp_policy *p)
{
	struct gp_part *theirs = profile == NULL ? NULL : profile->parts;
	size_t most = d->n_parts + (profile == NULL ? 0 : profile->n_parts);
	struct gp_key_policy *keys =
	    gp_arena_alloc(m->config->arena, d->n_parts * sizeof(*keys));
	struct gp_limit_policy *limits =
	    gp_arena_alloc(m->config->arena, most * sizeof(*limits));

	for (const struct gp_part *part = d->parts; part != NULL;
	     part = part->next) {
		struct gp_part *under =
		    find_part(theirs, part->section->kind, part->name);

		if (group_of(part)->target == GP_IN_KEY)
			add_key(part, p, keys);
		else if (under == NULL)
			add_limit(part, p, limits);
		else
			add_limit(merge_parts(m, part, under), p, limits);
	}
	for (const struct gp_part *part = theirs; part != NULL;
	     part = part->next)
		if (find_part(d->parts, part->section->kind, part->name) ==
		    NULL)
			add_limit(part, p, limits);
	p->keys = keys;
	p->limits = limits;
}

/* A part that completes none of the profile must be complete itself. */
static void
check_parts(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_draft *profile)
{
	struct gp_part *theirs = profile == NULL ? NULL : profile->parts;

	for (const struct gp_part *part = d->parts; part != NULL;
	     part = part->next)
		if (find_part(theirs, part->section->kind, part->name) == NULL)
			check_part(m, d, part);
}

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
	check_parts(m, d, profile);
	add_parts(m, d, profile, p);
}

/* -- overrides --------------------------------------------------------- */

static bool
is_written(const struct gp_part *part, const char *const *names, size_t n)
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

/* What is written and yet not there is empty, or a problem already. */
static bool
is_missing(const struct gp_merge *m, const struct gp_part *part,
    const char *const names[3], bool given)
{
	return !given &&
	       (m->ctx.problems->count == 0 || !is_written(part, names, 3));
}

static void
check_override(const struct gp_merge *m, const struct gp_part *part)
{
	static const char *const which[] = { "from", "clients", "header" };
	static const char *const does[] = { "reject", "quarantine", "dmarc" };
	const struct gp_override_policy *o = &part->override;

	if (is_missing(m, part, which,
		o->from.n > 0 || o->clients.n > 0 || o->header.n > 0))
		gp_problems_add(m->ctx.problems, part->origin,
		    "override \"%s\": expected at least one of from, clients,"
		    " header",
		    part->name);
	if (is_missing(m, part, does,
		o->reject != GP_OVERRIDE_REJECT_UNSET ||
		    o->quarantine != GP_OVERRIDE_QUARANTINE_UNSET ||
		    o->dmarc != GP_OVERRIDE_DMARC_UNSET))
		gp_problems_add(m->ctx.problems, part->origin,
		    "override \"%s\": expected at least one of reject,"
		    " quarantine, dmarc",
		    part->name);
}

static void
merge_overrides(const struct gp_merge *m)
{
	struct gp_arena *arena = m->config->arena;
	struct gp_override_policy *v =
	    gp_arena_alloc(arena, m->top->n_parts * sizeof(*v));
	size_t n = 0;

	for (const struct gp_part *part = m->top->parts; part != NULL;
	     part = part->next) {
		check_override(m, part);
		v[n] = part->override;
		v[n].name = part->name;
		v[n].label = gp_arena_printf(arena, "override %s", part->name);
		v[n].origins = part->at;
		v[n++].origin = part->origin;
	}
	m->config->globals.overrides = (struct gp_overrides){ n, v };
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

void
gp_drafts_merge(struct gp_merge *m)
{
	struct gp_arena *arena = m->config->arena;
	struct gp_index *domains = gp_index_new(arena, m->n_drafts);
	struct gp_policy *policies =
	    gp_arena_alloc(arena, m->n_drafts * sizeof(*policies));
	size_t n = 0;

	merge_base(m);
	merge_overrides(m);
	for (const struct gp_draft *d = m->drafts; d != NULL; d = d->next) {
		if (strcmp(d->section->kind, "domain") != 0) {
			check_parts(m, d, NULL);
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
