/* See policy.h and policy_draft.h. */
#include "core/domain.h"
#include "core/policy_draft.h"
#include "core/policy_form.h"
#include "core/policy_guess.h"

#include <string.h>

#define TOP (&gp_sections[0])

/* What a block became. */
struct node {
	const struct gp_section *section; /* NULL: unknown, all in it skipped */
	struct gp_draft *draft;
	struct gp_part *part; /* NULL: none is open */
	bool again;           /* a second one: its values go nowhere */
};

struct builder {
	const struct gp_config_source *source;
	struct gp_config *config;
	struct gp_arena *scratch; /* what the snapshot does not need */
	struct gp_value_context ctx;
	struct node top_node;
	struct node *nodes; /* one for each block */
	struct gp_draft top;
	struct gp_draft *drafts;
	struct gp_draft **drafts_end;
	size_t n_drafts;
	struct gp_index *domains;
	struct gp_index *profiles;
	const char *last_file; /* of the source, and our copy of it */
	const char *last_copy;
};

/* The origin with a file name that lives as long as the snapshot. */
static struct gp_origin
keep(struct builder *b, struct gp_origin origin)
{
	if (origin.file != b->last_file) {
		b->last_file = origin.file;
		b->last_copy = gp_arena_strdup(b->config->arena, origin.file);
	}
	return (struct gp_origin){ .file = b->last_copy, .line = origin.line };
}

static const struct node *
node_of(const struct builder *b, size_t block)
{
	return block == GP_NO_BLOCK ? &b->top_node : &b->nodes[block];
}

/* -- names that are not known ------------------------------------------ */

static void
guess_names(const struct gp_section *section, struct gp_guess *guess)
{
	for (size_t g = 0; g < GP_SECTION_GROUPS; g++) {
		const struct gp_option_group *group = section->groups[g];

		for (size_t i = 0; group != NULL && i < group->n; i++)
			gp_guess_try(guess, group->options[i].name);
	}
	for (size_t i = 1; i < GP_SECTIONS; i++)
		if (gp_sections[i].parent == section)
			gp_guess_try(guess, gp_sections[i].kind);
}

static void
unknown(struct builder *b, const struct gp_section *section, const char *name,
    struct gp_origin where)
{
	struct gp_guess guess = { .word = gp_str(name) };
	char hint[GP_GUESS_TEXT];

	guess_names(section, &guess);
	gp_problems_add(b->ctx.problems, where,
	    "%.*s: expected an option or a section%s%s%s", gp_form_shown(name),
	    name, section == TOP ? "" : " of ", section->kind,
	    gp_guess_text(&guess, hint));
}

/* -- blocks ------------------------------------------------------------ */

static void
twice(struct builder *b, const struct gp_block *block, const char *name,
    struct gp_origin first)
{
	gp_problems_add(b->ctx.problems, block->origin,
	    "%s%s%.*s%s: expected once only; the first is at %s:%u",
	    block->kind, name == NULL ? "" : " \"",
	    name == NULL ? 0 : gp_form_shown(name), name == NULL ? "" : name,
	    name == NULL ? "" : "\"", first.file, first.line);
}

/* Names of providers are written in lower case; others are as written. */
static const char *
in_lower_case(struct builder *b, const struct gp_section *section,
    const char *title)
{
	char *copy = gp_arena_strdup(b->config->arena, title);

	if (strcmp(section->kind, "provider") == 0 ||
	    strcmp(section->kind, "warmup") == 0)
		for (char *c = copy; *c != '\0'; c++)
			*c = gp_lower(*c);
	return copy;
}

/* The title in its one spelling, in the snapshot's arena; NULL and a problem
 * when it is none. */
static const char *
title_of(struct builder *b, const struct gp_section *section,
    const struct gp_block *block)
{
	struct gp_err err = { .msg = "" };
	char domain[GP_DOMAIN_TEXT];
	const char *title = block->title;
	bool by_domain = strcmp(section->kind, "domain") == 0 ||
	                 strcmp(section->kind, "key") == 0;

	if (block->broken)
		return NULL;
	if (title == NULL) {
		gp_problems_add(b->ctx.problems, block->origin,
		    "%s: expected `%s \"TITLE\" {`, the title is %s",
		    block->kind, block->kind, section->expected);
		return NULL;
	}
	if (by_domain &&
	    gp_domain_normalize(gp_str(title), domain, &err) == GP_OK)
		return gp_arena_strdup(b->config->arena, domain);
	if (!by_domain && gp_form_title(gp_str(title)))
		return in_lower_case(b, section, title);
	gp_problems_add(b->ctx.problems, block->origin,
	    "\"%.*s\": %s: expected %s%s%s%s", gp_form_shown(title), title,
	    block->kind, section->expected, err.msg[0] == '\0' ? "" : " (",
	    err.msg, err.msg[0] == '\0' ? "" : ")");
	return NULL;
}

static void
open_draft(struct builder *b, const struct gp_block *block, struct node *node)
{
	struct gp_draft *d = gp_arena_alloc(b->scratch, sizeof(*d));
	struct gp_index *index =
	    strcmp(block->kind, "domain") == 0 ? b->domains : b->profiles;
	const struct gp_draft *first;

	d->section = node->section;
	d->origin = keep(b, block->origin);
	d->parts_end = &d->parts;
	d->name = title_of(b, node->section, block);
	first = d->name == NULL ? NULL : gp_index_put(index, d->name, d);
	if (first != NULL) {
		twice(b, block, d->name, first->origin);
		d->name = NULL;
	}
	*b->drafts_end = d;
	b->drafts_end = &d->next;
	b->n_drafts++;
	node->draft = d;
	node->part = NULL;
}

static void
init_part(struct builder *b, struct gp_part *part)
{
	const struct gp_option_group *group = part->section->groups[0];

	part->at =
	    gp_arena_alloc(b->config->arena, group->n * sizeof(*part->at));
	for (size_t i = 0; i < group->n; i++)
		gp_value_default(&group->options[i], &b->ctx,
		    gp_part_target(part));
}

static size_t
parts_max(enum gp_target target)
{
	if (target == GP_IN_OVERRIDE)
		return GP_OVERRIDES_MAX;
	if (target == GP_IN_PROVIDER)
		return GP_PROVIDERS_MAX;
	return GP_PARTS_MAX;
}

static void
open_part(struct builder *b, const struct gp_block *block, struct node *node)
{
	struct gp_draft *d = node->draft;
	struct gp_part *part = gp_arena_alloc(b->scratch, sizeof(*part));
	enum gp_target target = node->section->groups[0]->target;
	size_t *n = &d->n_parts[target];
	size_t most = parts_max(target);

	part->section = node->section;
	part->origin = keep(b, block->origin);
	part->name = title_of(b, node->section, block);
	init_part(b, part);
	node->part = part;
	if (part->name == NULL)
		return;
	for (struct gp_part *p = d->parts; p != NULL; p = p->next) {
		if (p->section == part->section &&
		    strcmp(p->name, part->name) == 0) {
			twice(b, block, part->name, p->origin);
			return;
		}
	}
	if ((*n)++ == most)
		gp_problems_add(b->ctx.problems, block->origin,
		    "%s: expected at most %zu%s", block->kind, most,
		    d == &b->top ? "" : " in one block");
	if (*n > most)
		return;
	*d->parts_end = part;
	d->parts_end = &part->next;
}

static void
open_plain(struct builder *b, const struct gp_block *block, struct node *node)
{
	size_t i = (size_t)(node->section - gp_sections);
	struct gp_origin *opened = &node->draft->opened[i];

	if (block->title != NULL)
		gp_problems_add(b->ctx.problems, block->origin,
		    "\"%.*s\": %s: expected `%s {`, there is no title",
		    gp_form_shown(block->title), block->title, block->kind,
		    block->kind);
	node->again = opened->file != NULL;
	if (node->again)
		twice(b, block, NULL, *opened);
	else
		*opened = keep(b, block->origin);
}

static void
open_block(struct builder *b, size_t i)
{
	const struct gp_block *block = &b->source->blocks[i];
	const struct node *parent = node_of(b, block->parent);
	const struct gp_option_group *group;
	struct node *node = &b->nodes[i];

	*node = *parent;
	node->section = NULL;
	if (parent->section == NULL)
		return;
	node->section = gp_section_child(parent->section, block->kind);
	if (node->section == NULL &&
	    gp_section_option(parent->section, block->kind, &group) != NULL)
		gp_problems_add(b->ctx.problems, block->origin,
		    "%s: expected `%s = VALUE`, it is an option", block->kind,
		    block->kind);
	else if (node->section == NULL)
		unknown(b, parent->section, block->kind, block->origin);
	else if (!node->section->titled)
		open_plain(b, block, node);
	else if (node->section->groups[0]->target == GP_IN_POLICY)
		open_draft(b, block, node);
	else
		open_part(b, block, node);
}

/* -- settings ---------------------------------------------------------- */

/* Where the values of a group in this block are kept, and their origins. */
static void *
target_of(struct builder *b, const struct node *node, enum gp_target target,
    struct gp_origin **at)
{
	if (target == GP_IN_GLOBALS) {
		*at = b->config->origins;
		return &b->config->globals;
	}
	if (target == GP_IN_POLICY) {
		*at = node->draft->at;
		return &node->draft->values;
	}
	*at = node->part->at;
	return gp_part_target(node->part);
}

/* A value in a section that is there a second time is only checked. */
static void
check_only(struct builder *b, const struct gp_option *o, const char *kind,
    const struct gp_setting *s)
{
	union {
		struct gp_globals globals;
		struct gp_policy policy;
	} nowhere;

	(void)gp_value_read(o, kind, s, &b->ctx, &nowhere);
}

static bool
is_shaped(struct builder *b, const struct gp_option *o,
    const struct gp_setting *s)
{
	if (s->broken)
		return false;
	if (s->is_list && !o->is_list)
		gp_problems_add(b->ctx.problems, s->origin,
		    "%s: expected one value without braces, %s", s->name,
		    o->expected);
	else if (s->values.n == 0 && !s->is_list)
		gp_problems_add(b->ctx.problems, s->origin,
		    "%s: expected a value, %s", s->name, o->expected);
	else
		return true;
	return false;
}

static void
apply(struct builder *b, const struct gp_setting *s)
{
	const struct node *node = node_of(b, s->block);
	const struct gp_option_group *group;
	const struct gp_option *o;
	struct gp_origin *at;
	void *target;

	if (node->section == NULL)
		return;
	o = gp_section_option(node->section, s->name, &group);
	if (o == NULL && gp_section_child(node->section, s->name) != NULL)
		gp_problems_add(b->ctx.problems, s->origin,
		    "%s: expected `%s {`, it is a section", s->name, s->name);
	else if (o == NULL)
		unknown(b, node->section, s->name, s->origin);
	if (o == NULL)
		return;
	target = target_of(b, node, group->target, &at);
	at += gp_option_number(group, o);
	if (node->again) {
		if (is_shaped(b, o, s))
			check_only(b, o, node->section->kind, s);
	} else if (at->file != NULL) {
		gp_problems_add(b->ctx.problems, s->origin,
		    "%s: expected once only; the first is at %s:%u", s->name,
		    at->file, at->line);
	} else {
		*at = keep(b, s->origin);
		if (is_shaped(b, o, s))
			(void)gp_value_read(o, node->section->kind, s, &b->ctx,
			    target);
	}
}

/* -- all of it --------------------------------------------------------- */

static uint64_t
add_text(uint64_t hash, const char *text)
{
	return text == NULL ? gp_fnv(hash, "\1", 1)
	                    : gp_fnv(hash, text, strlen(text) + 1);
}

/* Blocks and settings in order; neither origins nor layout count. */
static uint64_t
hash_source(const struct gp_config_source *source)
{
	uint64_t hash = GP_FNV;

	for (size_t i = 0; i < source->n_blocks; i++) {
		const struct gp_block *block = &source->blocks[i];

		hash = gp_fnv(hash, &block->parent, sizeof(block->parent));
		hash = add_text(hash, block->kind);
		hash = add_text(hash, block->title);
	}
	for (size_t i = 0; i < source->n_settings; i++) {
		const struct gp_setting *s = &source->settings[i];

		hash = gp_fnv(hash, &s->block, sizeof(s->block));
		hash = add_text(hash, s->name);
		hash = gp_fnv(hash, &s->values.n, sizeof(s->values.n));
		for (size_t v = 0; v < s->values.n; v++)
			hash = add_text(hash, s->values.v[v]);
	}
	return hash;
}

static void
init_defaults(struct builder *b)
{
	for (size_t i = 0; i < GP_SECTIONS * GP_SECTION_GROUPS; i++) {
		const struct gp_option_group *group =
		    gp_sections[i / GP_SECTION_GROUPS]
			.groups[i % GP_SECTION_GROUPS];
		void *target = NULL;

		if (group != NULL && group->target == GP_IN_GLOBALS)
			target = &b->config->globals;
		else if (group != NULL && group->target == GP_IN_POLICY)
			target = &b->top.values;
		for (size_t o = 0; target != NULL && o < group->n; o++)
			gp_value_default(&group->options[o], &b->ctx, target);
	}
}

static void
init_builder(struct builder *b, const struct gp_config_source *source,
    struct gp_problems *problems)
{
	struct gp_arena *arena = gp_arena_new();

	*b = (struct builder){ .source = source, .scratch = gp_arena_new() };
	b->config = gp_arena_alloc(arena, sizeof(*b->config));
	b->config->arena = arena;
	atomic_init(&b->config->references, 1);
	b->ctx = (struct gp_value_context){ .arena = arena,
		.directory = source->directory,
		.problems = problems };
	b->top.section = TOP;
	b->top.parts_end = &b->top.parts;
	b->top_node = (struct node){ .section = TOP, .draft = &b->top };
	b->nodes =
	    gp_arena_alloc(b->scratch, source->n_blocks * sizeof(*b->nodes));
	b->drafts_end = &b->drafts;
	b->domains = gp_index_new(b->scratch, source->n_blocks);
	b->profiles = gp_index_new(b->scratch, source->n_blocks);
	init_defaults(b);
}

enum gp_rc
gp_config_build(const struct gp_config_source *source, struct gp_config **out,
    struct gp_problems *problems)
{
	unsigned before = problems->count;
	struct gp_merge merge;
	struct builder b;

	*out = NULL;
	init_builder(&b, source, problems);
	for (size_t i = 0; i < source->n_blocks; i++)
		open_block(&b, i);
	for (size_t i = 0; i < source->n_settings; i++)
		apply(&b, &source->settings[i]);
	merge = (struct gp_merge){ .config = b.config,
		.ctx = b.ctx,
		.top = &b.top,
		.drafts = b.drafts,
		.n_drafts = b.n_drafts,
		.profiles = b.profiles };
	gp_drafts_merge(&merge);
	b.config->id = hash_source(source);
	gp_arena_free(b.scratch);
	if (problems->count != before) {
		gp_config_unref(b.config);
		return GP_PERM;
	}
	*out = b.config;
	return GP_OK;
}
