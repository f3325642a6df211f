/* See policy.h: every effective value, with its origin. */
#include "core/policy_config.h"
#include "core/policy_value.h"

/* Structures and the origins of the values in them, by target. */
struct shown {
	const void *target[GP_TARGETS];
	const struct gp_origin *origins[GP_TARGETS];
	gp_shown_fn each;
	void *arg;
};

static void
show_option(const char *prefix, const struct gp_option *o,
    const struct shown *s, enum gp_target target, const struct gp_origin *where)
{
	struct gp_buf name;
	struct gp_buf value;

	gp_buf_init(&name, SIZE_MAX);
	gp_buf_init(&value, SIZE_MAX);
	gp_buf_addf(&name, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".",
	    o->name);
	gp_value_write(o, s->target[target], &value);
	s->each(s->arg, &(const struct gp_shown){ .name = gp_buf_cstr(&name),
			    .value = gp_buf_cstr(&value),
			    .where = *where });
	gp_buf_clear(&name);
	gp_buf_clear(&value);
}

static void
show_section(const struct gp_section *section, const char *prefix,
    const struct shown *s)
{
	for (size_t g = 0; g < GP_SECTION_GROUPS; g++) {
		const struct gp_option_group *group = section->groups[g];

		for (size_t i = 0; group != NULL && i < group->n; i++)
			show_option(prefix, &group->options[i], s,
			    group->target,
			    &s->origins[group->target][group->first + i]);
	}
}

/* A block with a title; `above` is "" or ends in a dot. */
static void
show_part(const char *above, const struct gp_section *section, const char *name,
    const struct shown *s)
{
	struct gp_buf prefix;

	gp_buf_init(&prefix, (size_t)2 * GP_DOMAIN_TEXT);
	gp_buf_addf(&prefix, "%s%s.%s", above, section->kind, name);
	show_section(section, gp_buf_cstr(&prefix), s);
	gp_buf_clear(&prefix);
}

static void
show_limits(const char *above, const struct gp_section *section,
    const struct gp_limits *limits, struct shown *s)
{
	for (size_t i = 0; i < limits->n; i++) {
		s->target[GP_IN_LIMIT] = &limits->v[i];
		s->origins[GP_IN_LIMIT] = limits->v[i].origins;
		show_part(above, section, limits->v[i].name, s);
	}
}

static void
show_keys(const struct gp_policy *p, const struct gp_section *section,
    struct shown *s)
{
	for (size_t i = 0; i < p->n_keys; i++) {
		s->target[GP_IN_KEY] = &p->keys[i];
		s->origins[GP_IN_KEY] = p->keys[i].origins;
		show_part("", section, p->keys[i].selector, s);
	}
}

static void
show_warmups(const struct gp_policy *p, const struct gp_section *section,
    struct shown *s)
{
	for (size_t i = 0; i < p->n_warmups; i++) {
		s->target[GP_IN_WARMUP] = &p->warmups[i];
		s->origins[GP_IN_WARMUP] = p->warmups[i].origins;
		show_part("", section, p->warmups[i].name, s);
	}
}

/* What only the block of a domain has. */
static void
show_block(const struct gp_policy *p, struct shown *s)
{
	const struct gp_section *domain =
	    gp_section_child(&gp_sections[0], "domain");
	struct gp_limits limits = { p->n_limits, p->limits };

	show_section(domain, "", s);
	if (p->senders.given)
		show_section(gp_section_child(domain, "senders"), "senders", s);
	if (p->preflight.given)
		show_section(gp_section_child(domain, "preflight"), "preflight",
		    s);
	show_keys(p, gp_section_child(domain, "key"), s);
	show_limits("", gp_section_child(domain, "limit"), &limits, s);
	show_warmups(p, gp_section_child(domain, "warmup"), s);
}

/* Those of the top level. */
static void
show_top_parts(const struct gp_globals *g, struct shown *s)
{
	const struct gp_section *top = &gp_sections[0];

	show_limits("top.", gp_section_child(top, "limit"), &g->limits, s);
	for (size_t i = 0; i < g->providers.n; i++) {
		s->target[GP_IN_PROVIDER] = &g->providers.v[i];
		s->origins[GP_IN_PROVIDER] = g->providers.v[i].origins;
		show_part("", gp_section_child(top, "provider"),
		    g->providers.v[i].name, s);
	}
	for (size_t i = 0; i < g->overrides.n; i++) {
		s->target[GP_IN_OVERRIDE] = &g->overrides.v[i];
		s->origins[GP_IN_OVERRIDE] = g->overrides.v[i].origins;
		show_part("", gp_section_child(top, "override"),
		    g->overrides.v[i].name, s);
	}
}

void
gp_policy_each(const struct gp_policy *p, gp_shown_fn each, void *arg)
{
	struct shown s = {
		.each = each,
		.arg = arg,
		.target = { [GP_IN_GLOBALS] = &p->config->globals,
		    [GP_IN_POLICY] = p },
		.origins = { [GP_IN_GLOBALS] = p->config->origins,
		    [GP_IN_POLICY] = p->origins },
	};

	for (size_t i = 0; i < GP_SECTIONS; i++) {
		const struct gp_section *section = &gp_sections[i];

		if (!section->titled &&
		    (i == 0 || section->parent == &gp_sections[0]))
			show_section(section, section->kind, &s);
	}
	show_top_parts(&p->config->globals, &s);
	if (p->domain != NULL)
		show_block(p, &s);
}

static void
write_line(void *arg, const struct gp_shown *v)
{
	struct gp_buf *out = arg;

	gp_buf_addf(out, "%s = %s", v->name, v->value);
	if (v->where.file == NULL)
		gp_buf_adds(out, "  # built-in\n");
	else
		gp_buf_addf(out, "  # %s:%u\n", v->where.file, v->where.line);
}

void
gp_policy_show(const struct gp_policy *p, struct gp_buf *out)
{
	gp_policy_each(p, write_line, out);
}
