/* See policy_scan.h. */
#include "io/policy_scan.h"

#include "core/policy_form.h"

#include <stdio.h>

struct scan {
	struct gp_tokens t;
	struct gp_arena *arena;
	struct gp_scan_item *first;
	struct gp_scan_item **end;
	struct gp_scan_item *open; /* innermost section; NULL: top level */
	size_t block;              /* number of the next OPEN */
	bool balanced;             /* as many braces close as open */
};

static bool
is_broken(const struct scan *s)
{
	return s->t.now.kind == GP_TOKEN_BROKEN;
}

static struct gp_scan_item *
append(struct scan *s, enum gp_scan_kind kind, unsigned line)
{
	struct gp_scan_item *item = gp_arena_alloc(s->arena, sizeof(*item));

	item->kind = kind;
	item->line = line;
	item->parent = s->open;
	*s->end = item;
	s->end = &item->next;
	return item;
}

static char *
text_of(struct scan *s, struct gp_str raw)
{
	return gp_arena_strndup(s->arena, raw.p, raw.n);
}

/* After an error in the statement that began in `line`: to the next line, to
 * the brace that closes the section, or to the end. */
static void
skip_statement(struct scan *s, unsigned line)
{
	size_t depth = 0;

	while (s->t.now.kind != GP_TOKEN_END &&
	       (depth > 0 || s->t.now.line == line)) {
		if (gp_token_is_mark(&s->t, '}') && depth == 0)
			return;
		if (gp_token_is_mark(&s->t, '{'))
			depth++;
		else if (gp_token_is_mark(&s->t, '}'))
			depth--;
		gp_token_next(&s->t);
	}
}

/* -- sections ---------------------------------------------------------- */

static const struct gp_section *
section_of(const struct gp_scan_item *open)
{
	return open == NULL ? &gp_sections[0] : open->section;
}

static void
close_section(struct scan *s, unsigned line)
{
	(void)append(s, GP_SCAN_CLOSE, line);
	s->open = s->open->parent;
}

/* The sections that are open are not closed before `line`; 0: at all. */
static void
close_all(struct scan *s, unsigned line)
{
	for (; s->open != NULL; close_section(s, line)) {
		const struct gp_scan_item *o = s->open;
		const char *title = o->title == NULL ? "" : o->title;
		const char *quote = o->title == NULL ? "" : "\"";
		char before[32] = "";

		if (line != 0)
			(void)snprintf(before, sizeof(before),
			    " before line %u", line);
		gp_problems_add(s->t.problems,
		    (struct gp_origin){ .file = s->t.file, .line = o->line },
		    "%.*s%s%s%.*s%s {: expected a closing brace }%s",
		    gp_form_shown(o->name), o->name,
		    quote[0] == '\0' ? "" : " ", quote, gp_form_shown(title),
		    title, quote, before);
	}
}

/* The text of a title, without its quotes. */
static const char *
title_of(struct scan *s, const struct gp_token *title, bool *broken)
{
	struct gp_str raw = title->raw;

	*broken = title->kind == GP_TOKEN_BROKEN;
	if (title->kind == GP_TOKEN_STRING)
		raw = gp_str_n(raw.p + 1, raw.n - 2);
	if (!*broken && gp_str_find(raw, '\\') != raw.n) {
		gp_token_problem(&s->t, title, ": expected a title without \\");
		*broken = true;
	}
	return text_of(s, raw);
}

/* What may stand only at the top level shows where a brace is missing, if one
 * is. */
static void
open_section(struct scan *s, const struct gp_token *name,
    const struct gp_token *title)
{
	const char *kind = text_of(s, name->raw);
	const struct gp_section *around = section_of(s->open);
	struct gp_scan_item *item;

	if (!s->balanced && around != NULL &&
	    gp_section_child(around, kind) == NULL &&
	    gp_section_child(&gp_sections[0], kind) != NULL)
		close_all(s, name->line);
	around = section_of(s->open);
	item = append(s, GP_SCAN_OPEN, name->line);
	item->name = kind;
	item->section = around == NULL ? NULL : gp_section_child(around, kind);
	item->block = s->block++;
	if (title != NULL)
		item->title = title_of(s, title, &item->broken);
	s->open = item;
}

/* -- values ------------------------------------------------------------ */

static void
add_value(struct scan *s, struct gp_scan_item *item,
    struct gp_scan_value ***end)
{
	struct gp_scan_value *value = gp_arena_alloc(s->arena, sizeof(*value));

	if (is_broken(s))
		item->broken = true;
	value->raw = s->t.now.raw;
	**end = value;
	*end = &value->next;
	item->n_raw++;
}

static void
misplaced(struct scan *s, struct gp_scan_item *item,
    const struct gp_token *token, const char *why)
{
	if (!item->broken)
		gp_token_problem(&s->t, token, why);
	item->broken = true;
}

/* A list that is being read. */
struct list {
	struct gp_scan_item *item;
	struct gp_scan_value **end;
	bool after_value;
	struct gp_token without; /* first element without a comma before it */
	struct gp_token gap;     /* likewise, and on a new line */
	struct gp_token last;    /* element */
};

static void
list_element(struct scan *s, struct list *l)
{
	const struct gp_token *now = &s->t.now;

	if (l->after_value && l->without.kind == GP_TOKEN_END)
		l->without = *now;
	if (l->after_value && l->gap.kind == GP_TOKEN_END &&
	    now->line > l->last.line)
		l->gap = *now;
	add_value(s, l->item, &l->end);
	l->last = *now;
	l->after_value = true;
}

/* No brace closes it: go on where the next statement seems to begin. */
static void
list_unclosed(struct scan *s, struct list *l)
{
	const struct gp_token *resume = &l->gap;

	gp_problems_add(s->t.problems,
	    (struct gp_origin){ .file = s->t.file, .line = l->item->line },
	    "%.*s = {: expected a closing brace } of the list",
	    gp_form_shown(l->item->name), l->item->name);
	l->item->broken = true;
	if (l->gap.kind == GP_TOKEN_END && s->t.now.kind == GP_TOKEN_MARK)
		resume = &l->last;
	if (resume->kind == GP_TOKEN_WORD)
		gp_token_rewind(&s->t, resume);
	else
		skip_statement(s, s->t.now.line);
}

static void
read_list(struct scan *s, struct gp_scan_item *item)
{
	struct list l = { .item = item, .end = &item->raw };

	item->is_list = true;
	gp_token_next(&s->t);
	for (; !gp_token_is_mark(&s->t, '}'); gp_token_next(&s->t)) {
		if (gp_token_is_mark(&s->t, ',') && !l.after_value)
			misplaced(s, item, &s->t.now,
			    ": expected a value before it");
		if (gp_token_is_mark(&s->t, ',')) {
			l.after_value = false;
		} else if (gp_token_is_text(&s->t) || is_broken(s)) {
			list_element(s, &l);
		} else {
			list_unclosed(s, &l);
			return;
		}
	}
	if (l.without.kind != GP_TOKEN_END)
		misplaced(s, item, &l.without, ": expected a comma before it");
	gp_token_next(&s->t);
}

/* A word after `=` that is the name of the next statement. */
static bool
is_next_name(const struct scan *s, const struct gp_token *value,
    const struct gp_token *name)
{
	return value->kind == GP_TOKEN_WORD &&
	       (gp_token_is_mark(&s->t, '=') || gp_token_is_mark(&s->t, '{') ||
		   (s->t.now.kind == GP_TOKEN_STRING &&
		       value->line > name->line));
}

static struct gp_scan_item *
append_setting(struct scan *s, const struct gp_token *name)
{
	struct gp_scan_item *item = append(s, GP_SCAN_SETTING, name->line);
	const struct gp_section *section = section_of(s->open);
	const struct gp_option_group *group = NULL;
	uint64_t bit;
	size_t place;

	item->name = text_of(s, name->raw);
	if (section != NULL)
		item->option = gp_section_option(section, item->name, &group);
	if (item->option == NULL || group == NULL || s->open == NULL)
		return item;
	place = (size_t)(item->option - group->options);
	if (group != section->groups[0])
		place += section->groups[0]->n;
	bit = UINT64_C(1) << place;
	item->again = (s->open->seen & bit) != 0;
	s->open->seen |= bit;
	return item;
}

static void
read_value(struct scan *s, const struct gp_token *name)
{
	struct gp_scan_item *item = append_setting(s, name);
	struct gp_scan_value **end = &item->raw;
	struct gp_token value;

	gp_token_next(&s->t);
	value = s->t.now;
	if (gp_token_is_mark(&s->t, '{')) {
		read_list(s, item);
		return;
	}
	if (gp_token_is_text(&s->t) || is_broken(s)) {
		add_value(s, item, &end);
		gp_token_next(&s->t);
		if (!is_next_name(s, &value, name))
			return;
		gp_token_rewind(&s->t, &value);
	}
	gp_token_problem(&s->t, name, " =: expected a value");
	item->broken = true;
	if (!gp_token_is_text(&s->t))
		skip_statement(s, name->line);
}

/* -- statements -------------------------------------------------------- */

static void
no_statement(struct scan *s, const struct gp_token *name)
{
	unsigned line = s->t.now.line;

	if (gp_token_is_mark(&s->t, '('))
		gp_token_problem(&s->t, name,
		    "(: expected no call; further files are those of policy.d");
	else if (gp_token_is_mark(&s->t, '+'))
		gp_token_problem(&s->t, name,
		    " +=: expected =, lists are not added to");
	else if (!is_broken(s))
		gp_token_problem(&s->t, name,
		    ": expected `= VALUE` or `{` after it");
	if (line == name->line || is_broken(s))
		skip_statement(s, line);
}

/* Where the closing quote is missing, the brace went into the string. */
static bool
holds_brace(const struct gp_token *title)
{
	return title->kind == GP_TOKEN_BROKEN &&
	       gp_str_ends_nocase(gp_str_trim(title->raw), GP_STR("{"));
}

/* NAME and something that may be a title. */
static void
read_titled(struct scan *s, const struct gp_token *name)
{
	struct gp_token title = s->t.now;

	gp_token_next(&s->t);
	if (holds_brace(&title)) {
		open_section(s, name, &title);
	} else if (gp_token_is_mark(&s->t, '{')) {
		open_section(s, name, &title);
		gp_token_next(&s->t);
	} else {
		/* it may be the name that comes next */
		if (title.kind == GP_TOKEN_WORD && title.line > name->line &&
		    !is_broken(s))
			gp_token_rewind(&s->t, &title);
		if (title.kind == GP_TOKEN_BROKEN)
			skip_statement(s, title.line);
		else
			no_statement(s, name);
	}
}

static void
read_named(struct scan *s)
{
	struct gp_token name = s->t.now;

	gp_token_next(&s->t);
	if (gp_token_is_mark(&s->t, '=')) {
		read_value(s, &name);
	} else if (gp_token_is_mark(&s->t, '{')) {
		open_section(s, &name, NULL);
		gp_token_next(&s->t);
	} else if (gp_token_is_text(&s->t) || is_broken(s)) {
		read_titled(s, &name);
	} else {
		no_statement(s, &name);
	}
}

static void
read_statement(struct scan *s)
{
	const struct gp_token now = s->t.now;

	if (now.kind == GP_TOKEN_WORD) {
		read_named(s);
	} else if (gp_token_is_mark(&s->t, '}') && s->open != NULL) {
		close_section(s, now.line);
		gp_token_next(&s->t);
	} else if (gp_token_is_mark(&s->t, '}')) {
		gp_token_problem(&s->t, &now,
		    ": expected no closing brace, no section is open");
		gp_token_next(&s->t);
	} else {
		if (now.kind != GP_TOKEN_BROKEN)
			gp_token_problem(&s->t, &now,
			    ": expected the name of an option or a section");
		skip_statement(s, now.line);
	}
}

/* As many braces close as open. */
static bool
is_balanced(struct gp_str text)
{
	struct gp_problems unheard;
	struct gp_tokens t;
	int64_t depth = 0;

	gp_problems_init(&unheard);
	for (gp_tokens_init(&t, text, "", &unheard); t.now.kind != GP_TOKEN_END;
	     gp_token_next(&t))
		depth += gp_token_is_mark(&t, '{') - gp_token_is_mark(&t, '}');
	gp_problems_clear(&unheard);
	return depth == 0;
}

struct gp_scan_item *
gp_policy_scan(struct gp_str text, const char *file, size_t block,
    struct gp_arena *arena, struct gp_problems *problems)
{
	struct scan s = { .arena = arena, .block = block };

	s.end = &s.first;
	s.balanced = is_balanced(text);
	gp_tokens_init(&s.t, text, file, problems);
	while (s.t.now.kind != GP_TOKEN_END)
		read_statement(&s);
	close_all(&s, 0);
	return s.first;
}
