/* See policy_table.h. */
#include "core/policy_options.h"

#include <assert.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* -- sections ---------------------------------------------------------- */

#define GROUP(name) &gp_option_groups[GP_GROUP_##name]

#define TOP     (&gp_sections[0])
#define PROFILE (&gp_sections[10])
#define DOMAIN  (&gp_sections[17])

#define SENDERS_MEANING   "who may write mail from this domain"
#define DMARC_MEANING     "what results of DMARC mean"
#define PREFLIGHT_MEANING "what mail must have before it leaves"
#define TITLE_FORM        "a name of letters, digits, hyphens and underscores"
#define WARMUP_FORM       "the name of a provider, other or all"

const struct gp_section gp_sections[GP_SECTIONS] = {
	{ "", "", NULL, false, "", { GROUP(TOP) } },
	{ "resolver", "resolver", TOP, false, "how names are looked up",
	    { GROUP(RESOLVER) } },
	{ "trust", "trust", TOP, false, "whose mail is outbound",
	    { GROUP(TRUST) } },
	{ "spf", "spf", TOP, false, "how SPF is checked, what results mean",
	    { GROUP(SPF), GROUP(SPF_CHECKING) } },
	{ "dkim", "dkim", TOP, false, "how DKIM is checked, what results mean",
	    { GROUP(DKIM) } },
	{ "dmarc", "dmarc", TOP, false, "how DMARC is applied",
	    { GROUP(DMARC), GROUP(DMARC_CHECKING) } },
	{ "rate", "rate", TOP, false, "how limits work", { GROUP(RATE) } },
	{ "listen", "listen", TOP, false, "where the daemons listen",
	    { GROUP(LISTEN) } },
	{ "limit", "limit", TOP, true, TITLE_FORM, { GROUP(TOP_LIMIT) } },
	{ "provider", "provider", TOP, true, TITLE_FORM, { GROUP(PROVIDER) } },
	{ "profile", "profile", TOP, true, TITLE_FORM, { GROUP(BLOCK) } },
	{ "profile/spf", "spf", PROFILE, false, "what results of SPF mean",
	    { GROUP(SPF) } },
	{ "profile/dmarc", "dmarc", PROFILE, false, DMARC_MEANING,
	    { GROUP(DMARC) } },
	{ "profile/senders", "senders", PROFILE, false, SENDERS_MEANING,
	    { GROUP(SENDERS) } },
	{ "profile/preflight", "preflight", PROFILE, false, PREFLIGHT_MEANING,
	    { GROUP(PREFLIGHT) } },
	{ "profile/limit", "limit", PROFILE, true, TITLE_FORM,
	    { GROUP(LIMIT) } },
	{ "profile/warmup", "warmup", PROFILE, true, WARMUP_FORM,
	    { GROUP(WARMUP) } },
	{ "domain", "domain", TOP, true, "a domain name",
	    { GROUP(DOMAIN), GROUP(BLOCK) } },
	{ "domain/spf", "spf", DOMAIN, false, "what results of SPF mean",
	    { GROUP(SPF) } },
	{ "domain/dmarc", "dmarc", DOMAIN, false, DMARC_MEANING,
	    { GROUP(DMARC) } },
	{ "domain/senders", "senders", DOMAIN, false, SENDERS_MEANING,
	    { GROUP(SENDERS) } },
	{ "domain/key", "key", DOMAIN, true, "a selector", { GROUP(KEY) } },
	{ "domain/preflight", "preflight", DOMAIN, false, PREFLIGHT_MEANING,
	    { GROUP(PREFLIGHT) } },
	{ "domain/limit", "limit", DOMAIN, true, TITLE_FORM, { GROUP(LIMIT) } },
	{ "domain/warmup", "warmup", DOMAIN, true, WARMUP_FORM,
	    { GROUP(WARMUP) } },
	{ "override", "override", TOP, true, TITLE_FORM, { GROUP(OVERRIDE) } },
};
static_assert(COUNT(gp_sections) == GP_SECTIONS, "count of sections");

const struct gp_section *
gp_section_child(const struct gp_section *parent, const char *kind)
{
	for (size_t i = 1; i < GP_SECTIONS; i++)
		if (gp_sections[i].parent == parent &&
		    strcmp(gp_sections[i].kind, kind) == 0)
			return &gp_sections[i];
	return NULL;
}

const struct gp_option *
gp_section_option(const struct gp_section *section, const char *name,
    const struct gp_option_group **group)
{
	for (size_t g = 0; g < GP_SECTION_GROUPS; g++) {
		*group = section->groups[g];
		for (size_t i = 0; *group != NULL && i < (*group)->n; i++)
			if (strcmp((*group)->options[i].name, name) == 0)
				return &(*group)->options[i];
	}
	return NULL;
}

size_t
gp_option_number(const struct gp_option_group *group,
    const struct gp_option *option)
{
	return group->first + (size_t)(option - group->options);
}

static struct gp_option_info
info_of_option(const struct gp_section *section, const struct gp_option *o)
{
	return (struct gp_option_info){
		.section = section->path,
		.name = o->name,
		.is_list = o->is_list,
		.expected = o->expected,
		.fallback = o->fallback == NULL ? "" : o->fallback,
	};
}

/* `*i` counts down to the entry that is wanted. */
static bool
info_in_section(const struct gp_section *section, size_t *i,
    struct gp_option_info *out)
{
	if (section != TOP && (*i)-- == 0) {
		*out = (struct gp_option_info){ .section = section->path,
			.titled = section->titled,
			.expected = section->expected,
			.fallback = "" };
		return true;
	}
	for (size_t g = 0; g < GP_SECTION_GROUPS; g++) {
		const struct gp_option_group *group = section->groups[g];
		size_t n = group == NULL ? 0 : group->n;

		if (group != NULL && *i < n) {
			*out = info_of_option(section, &group->options[*i]);
			return true;
		}
		*i -= n;
	}
	return false;
}

struct gp_option_info
gp_option_info(size_t i)
{
	struct gp_option_info info = { .section = NULL };

	for (size_t s = 0; s < GP_SECTIONS; s++)
		if (info_in_section(&gp_sections[s], &i, &info))
			break;
	return info;
}
