/* See policy.h. */
#include "core/policy.h"

#include "core/domain.h"
#include "core/policy_config.h"
#include "core/policy_value.h"

#include <stdio.h>
#include <string.h>

/* -- lookup ------------------------------------------------------------ */

const struct gp_globals *
gp_config_globals(const struct gp_config *c)
{
	return &c->globals;
}

const struct gp_policy *
gp_policy_for(const struct gp_config *c, const char *domain)
{
	const struct gp_policy *p;
	const char *name = domain;

	if (domain == NULL)
		return &c->base;
	p = gp_index_get(c->domains, domain);
	if (p != NULL)
		return p;
	while ((name = gp_domain_parent(name)) != NULL) {
		p = gp_index_get(c->domains, name);
		if (p != NULL && p->subdomains)
			return p;
	}
	return &c->base;
}

const struct gp_policy *
gp_config_domains(const struct gp_config *c, size_t *n)
{
	*n = c->n_blocks;
	return c->blocks;
}

const char *
gp_config_listen(const struct gp_config *c, const char *daemon)
{
	const struct gp_listen_policy *listen = &c->globals.listen;

	if (strcmp(daemon, "spf") == 0)
		return listen->spf;
	if (strcmp(daemon, "dkim") == 0)
		return listen->dkim;
	if (strcmp(daemon, "dmarc") == 0)
		return listen->dmarc;
	if (strcmp(daemon, "rate") == 0)
		return listen->rate;
	return NULL;
}

uint64_t
gp_config_id(const struct gp_config *c)
{
	return c->id;
}

struct gp_config *
gp_config_ref(struct gp_config *c)
{
	atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
	return c;
}

void
gp_config_unref(struct gp_config *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->references, 1,
			     memory_order_acq_rel) != 1)
		return;
	gp_arena_free(c->arena);
}

/* -- showing ----------------------------------------------------------- */

/* Structures and the origins of the values in them, by target. */
struct shown {
	const void *target[GP_TARGETS];
	const struct gp_origin *origins[GP_TARGETS];
};

static void
show_option(const char *prefix, const struct gp_option *o, const void *target,
    const struct gp_origin *where, struct gp_buf *out)
{
	gp_buf_addf(out, "%s%s%s = ", prefix, prefix[0] == '\0' ? "" : ".",
	    o->name);
	gp_value_write(o, target, out);
	if (where->file == NULL)
		gp_buf_adds(out, "  # built-in\n");
	else
		gp_buf_addf(out, "  # %s:%u\n", where->file, where->line);
}

static void
show_section(const struct gp_section *section, const char *prefix,
    const struct shown *s, struct gp_buf *out)
{
	for (size_t g = 0; g < GP_SECTION_GROUPS; g++) {
		const struct gp_option_group *group = section->groups[g];

		for (size_t i = 0; group != NULL && i < group->n; i++)
			show_option(prefix, &group->options[i],
			    s->target[group->target],
			    &s->origins[group->target][group->first + i], out);
	}
}

/* A block with a title; `above` is "" or ends in a dot. */
static void
show_part(const char *above, const struct gp_section *section, const char *name,
    const struct shown *s, struct gp_buf *out)
{
	struct gp_buf prefix;

	gp_buf_init(&prefix, (size_t)2 * GP_DOMAIN_TEXT);
	gp_buf_addf(&prefix, "%s%s.%s", above, section->kind, name);
	show_section(section, gp_buf_cstr(&prefix), s, out);
	gp_buf_clear(&prefix);
}

static void
show_limits(const char *above, const struct gp_section *section,
    const struct gp_limits *limits, struct shown *s, struct gp_buf *out)
{
	for (size_t i = 0; i < limits->n; i++) {
		s->target[GP_IN_LIMIT] = &limits->v[i];
		s->origins[GP_IN_LIMIT] = limits->v[i].origins;
		show_part(above, section, limits->v[i].name, s, out);
	}
}

static void
show_keys(const struct gp_policy *p, const struct gp_section *section,
    struct shown *s, struct gp_buf *out)
{
	for (size_t i = 0; i < p->n_keys; i++) {
		s->target[GP_IN_KEY] = &p->keys[i];
		s->origins[GP_IN_KEY] = p->keys[i].origins;
		show_part("", section, p->keys[i].selector, s, out);
	}
}

static void
show_warmups(const struct gp_policy *p, const struct gp_section *section,
    struct shown *s, struct gp_buf *out)
{
	for (size_t i = 0; i < p->n_warmups; i++) {
		s->target[GP_IN_WARMUP] = &p->warmups[i];
		s->origins[GP_IN_WARMUP] = p->warmups[i].origins;
		show_part("", section, p->warmups[i].name, s, out);
	}
}

/* What only the block of a domain has. */
static void
show_block(const struct gp_policy *p, struct shown *s, struct gp_buf *out)
{
	const struct gp_section *domain =
	    gp_section_child(&gp_sections[0], "domain");
	struct gp_limits limits = { p->n_limits, p->limits };

	show_section(domain, "", s, out);
	if (p->senders.given)
		show_section(gp_section_child(domain, "senders"), "senders", s,
		    out);
	if (p->preflight.given)
		show_section(gp_section_child(domain, "preflight"), "preflight",
		    s, out);
	show_keys(p, gp_section_child(domain, "key"), s, out);
	show_limits("", gp_section_child(domain, "limit"), &limits, s, out);
	show_warmups(p, gp_section_child(domain, "warmup"), s, out);
}

/* Those of the top level. */
static void
show_top_parts(const struct gp_globals *g, struct shown *s, struct gp_buf *out)
{
	const struct gp_section *top = &gp_sections[0];

	show_limits("top.", gp_section_child(top, "limit"), &g->limits, s, out);
	for (size_t i = 0; i < g->providers.n; i++) {
		s->target[GP_IN_PROVIDER] = &g->providers.v[i];
		s->origins[GP_IN_PROVIDER] = g->providers.v[i].origins;
		show_part("", gp_section_child(top, "provider"),
		    g->providers.v[i].name, s, out);
	}
	for (size_t i = 0; i < g->overrides.n; i++) {
		s->target[GP_IN_OVERRIDE] = &g->overrides.v[i];
		s->origins[GP_IN_OVERRIDE] = g->overrides.v[i].origins;
		show_part("", gp_section_child(top, "override"),
		    g->overrides.v[i].name, s, out);
	}
}

void
gp_policy_show(const struct gp_policy *p, struct gp_buf *out)
{
	struct shown s = {
		.target = { [GP_IN_GLOBALS] = &p->config->globals,
		    [GP_IN_POLICY] = p },
		.origins = { [GP_IN_GLOBALS] = p->config->origins,
		    [GP_IN_POLICY] = p->origins },
	};

	for (size_t i = 0; i < GP_SECTIONS; i++) {
		const struct gp_section *section = &gp_sections[i];

		if (!section->titled &&
		    (i == 0 || section->parent == &gp_sections[0]))
			show_section(section, section->kind, &s, out);
	}
	show_top_parts(&p->config->globals, &s, out);
	if (p->domain != NULL)
		show_block(p, &s, out);
}

/* -- one value ---------------------------------------------------------- */

struct gp_origin
gp_policy_origin(const struct gp_policy *p, const char *name)
{
	struct gp_str option = gp_str(name);
	struct gp_str head;
	const struct gp_section *section = &gp_sections[0];
	const struct gp_option_group *group = NULL;
	const struct gp_option *o;
	char word[64];

	if (strchr(name, '.') != NULL) {
		head = gp_str_split(&option, '.');
		(void)snprintf(word, sizeof(word), "%.*s", GP_STR_ARG(head));
		section = gp_section_child(section, word);
	}
	o = section == NULL ? NULL
	                    : gp_section_option(section, option.p, &group);
	if (o == NULL)
		return (struct gp_origin){ .file = NULL };
	return group->target == GP_IN_POLICY
	           ? p->origins[gp_option_number(group, o)]
	           : p->config->origins[gp_option_number(group, o)];
}
