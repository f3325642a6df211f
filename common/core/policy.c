/* See policy.h. */
#include "core/policy.h"

#include "core/domain.h"
#include "core/policy_config.h"

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

/* -- one value ---------------------------------------------------------- */

/* The section of this kind: at the top, else in a domain block. */
static const struct gp_section *
section_of(struct gp_str kind)
{
	const struct gp_section *top = &gp_sections[0];
	const struct gp_section *found;
	char word[64];

	(void)snprintf(word, sizeof(word), "%.*s", GP_STR_ARG(kind));
	found = gp_section_child(top, word);
	return found != NULL
	           ? found
	           : gp_section_child(gp_section_child(top, "domain"), word);
}

struct gp_origin
gp_policy_origin(const struct gp_policy *p, const char *name)
{
	const struct gp_section *section = &gp_sections[0];
	const struct gp_option_group *group = NULL;
	struct gp_str option = gp_str(name);
	const struct gp_option *o;

	if (strchr(name, '.') != NULL)
		section = section_of(gp_str_split(&option, '.'));
	o = section == NULL ? NULL
	                    : gp_section_option(section, option.p, &group);
	if (o == NULL ||
	    (group->target != GP_IN_POLICY && group->target != GP_IN_GLOBALS))
		return (struct gp_origin){ .file = NULL };
	return group->target == GP_IN_POLICY
	           ? p->origins[gp_option_number(group, o)]
	           : p->config->origins[gp_option_number(group, o)];
}

/* -- two of them -------------------------------------------------------- */

static bool
same_strings(const struct gp_strings *a, const struct gp_strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

bool
gp_resolver_same(const struct gp_resolver_policy *a,
    const struct gp_resolver_policy *b)
{
	return same_strings(&a->servers, &b->servers) &&
	       a->timeout_ms == b->timeout_ms && a->tries == b->tries &&
	       a->cache_bytes == b->cache_bytes;
}
