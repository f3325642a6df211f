/* See import.h. */
#include "core/import_parts.h"
#include "core/policy_config.h"

#include <string.h>

/* Where an option outside of all sections stands. */
static const struct gp_origin *
origin_of(const struct gp_config *config, const struct gp_import_value *v)
{
	const struct gp_option_group *group;
	const struct gp_option *o;

	if (*v->section != '\0' || v->name == NULL)
		return NULL;
	o = gp_section_option(&gp_sections[0], v->name, &group);
	return o == NULL || group->target != GP_IN_GLOBALS
	           ? NULL
	           : &config->origins[gp_option_number(group, o)];
}

/* The block that is there, when v stands in one of the same name. */
static const struct gp_origin *
block_of(const struct gp_config *config, const struct gp_import_value *v)
{
	struct gp_str name = gp_str(v->section);
	const struct gp_policy *block;
	size_t n = gp_str_find(name, '"');
	char domain[GP_DOMAIN_TEXT];

	if (!gp_str_starts_nocase(name, GP_STR("domain \"")) ||
	    name.n - n < 2 || name.n - n - 2 >= sizeof(domain))
		return NULL;
	(void)memcpy(domain, name.p + n + 1, name.n - n - 2);
	domain[name.n - n - 2] = '\0';
	block = gp_policy_for(config, domain);
	return block->domain != NULL && strcmp(block->domain, domain) == 0
	           ? &block->origin
	           : NULL;
}

/* The file below the policy's directory, wherever that was read. */
static const char *
short_name(const char *file)
{
	const char *part = strstr(file, "/policy.d/");
	const char *last = strrchr(file, '/');

	if (part != NULL)
		return part + 1;
	return last == NULL ? file : last + 1;
}

static void
say(struct gp_import *im, const struct gp_import_value *v,
    const struct gp_origin *there)
{
	bool block = v->section[0] == 'd' && strchr(v->section, '"') != NULL;

	if (block) {
		gp_import_decide(im, GP_YELLOW, v->subject, v->from,
		    "%s: a block of this name is there already, at %s:%u",
		    v->section, short_name(there->file), there->line);
		gp_findings_remedy(&im->report,
		    "take it away and import again, or add to it what "
		    "gatepost import --dry-run shows without it");
		return;
	}
	gp_import_decide(im, GP_YELLOW, v->subject, v->from,
	    "%s%s%s stands at %s:%u already", v->section,
	    *v->section == '\0' ? "" : ".", v->name, short_name(there->file),
	    there->line);
	gp_findings_remedy(&im->report, "%s = %s there, when you want it so",
	    v->name, v->text);
}

static void
drop_keys(struct gp_import *im, const char *section)
{
	struct gp_import_key **key = &im->keys;

	while (*key != NULL) {
		const char *own = gp_arena_printf(im->arena, "domain %s",
		    gp_import_quote(im, (*key)->domain));

		if (strcmp(own, section) == 0)
			*key = (*key)->next;
		else
			key = &(*key)->next;
	}
	im->keys_end = key;
}

void
gp_import_reconcile(struct gp_import *im, const struct gp_config *config)
{
	struct gp_import_value **v = &im->values;
	const char *said = "";

	while (*v != NULL) {
		const struct gp_origin *block = block_of(config, *v);
		const struct gp_origin *there =
		    block != NULL ? block : origin_of(config, *v);

		if (there == NULL || there->file == NULL) {
			v = &(*v)->next;
			continue;
		}
		if (block == NULL || strcmp(said, (*v)->section) != 0)
			say(im, *v, there);
		if (block != NULL && strcmp(said, (*v)->section) != 0) {
			said = (*v)->section;
			drop_keys(im, said);
		}
		*v = (*v)->next;
	}
	im->values_end = v;
}

void
gp_import_section_taken(struct gp_import *im, const char *section,
    const char *where)
{
	struct gp_import_value **v = &im->values;

	while (*v != NULL) {
		if (strcmp((*v)->section, section) != 0) {
			v = &(*v)->next;
			continue;
		}
		gp_import_decide(im, GP_YELLOW, (*v)->subject, (*v)->from,
		    "%s.%s: a section can stand in one file only, and %s is "
		    "in %s",
		    section, (*v)->name, section, short_name(where));
		gp_findings_remedy(&im->report,
		    "write there, in %s { }: %s = %s", section, (*v)->name,
		    (*v)->text);
		*v = (*v)->next;
	}
	im->values_end = v;
}
