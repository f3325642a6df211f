/* See policy_confuse.h. */
#include "io/policy_confuse.h"

#include <confuse.h>
#include <pthread.h>

/* The lexer, its buffers and its value are global to the process. */
static pthread_mutex_t lexer = PTHREAD_MUTEX_INITIALIZER;

/* A top-level statement needs little; a file is bounded anyway. */
#define STATEMENT_MAX ((size_t)8 << 20)

struct confuse {
	struct gp_arena *arena; /* of the values */
	cfg_opt_t *schema[GP_SECTIONS];
};

/* -- the schema -------------------------------------------------------- */

static size_t
count_entries(size_t section)
{
	size_t n = 1;

	for (size_t g = 0; g < GP_SECTION_GROUPS; g++)
		if (gp_sections[section].groups[g] != NULL)
			n += gp_sections[section].groups[g]->n;
	for (size_t i = 1; i < GP_SECTIONS; i++)
		if (gp_sections[i].parent == &gp_sections[section])
			n++;
	return n;
}

static cfg_opt_t *
add_options(const struct gp_option_group *group, cfg_opt_t *out)
{
	for (size_t i = 0; group != NULL && i < group->n; i++) {
		const struct gp_option *o = &group->options[i];
		cfg_opt_t scalar = CFG_STR(o->name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(o->name, NULL, CFGF_NODEFAULT);

		*out++ = o->is_list ? list : scalar;
	}
	return out;
}

/* Children stand behind their parents in the table. */
static void
make_schema(struct confuse *c, struct gp_arena *arena)
{
	for (size_t s = GP_SECTIONS; s-- > 0;) {
		cfg_opt_t end = CFG_END();
		cfg_opt_t *o =
		    gp_arena_alloc(arena, count_entries(s) * sizeof(*o));

		c->schema[s] = o;
		for (size_t g = 0; g < GP_SECTION_GROUPS; g++)
			o = add_options(gp_sections[s].groups[g], o);
		for (size_t i = s + 1; i < GP_SECTIONS; i++) {
			cfg_opt_t section = CFG_SEC(gp_sections[i].kind,
			    c->schema[i], CFGF_MULTI);

			if (gp_sections[i].parent == &gp_sections[s])
				*o++ = section;
		}
		*o = end;
	}
}

/* -- what libconfuse gets to read -------------------------------------- */

static bool
is_wanted(const struct gp_scan_item *item)
{
	switch (item->kind) {
	case GP_SCAN_OPEN:
		return item->section != NULL;
	case GP_SCAN_CLOSE:
		return item->parent->section != NULL;
	case GP_SCAN_SETTING:
		break;
	}
	return item->option != NULL && !item->broken && !item->again &&
	       (item->option->is_list || !item->is_list);
}

static void
write_setting(const struct gp_scan_item *item, struct gp_buf *out)
{
	gp_buf_addf(out, "%s = %s", item->name, item->is_list ? "{ " : "");
	for (const struct gp_scan_value *v = item->raw; v != NULL;
	     v = v->next) {
		gp_buf_add_str(out, v->raw);
		gp_buf_adds(out, v->next != NULL ? ", " : "");
	}
	gp_buf_adds(out, item->is_list ? " }\n" : "\n");
}

static void
write_item(const struct gp_scan_item *item, struct gp_buf *out)
{
	if (!is_wanted(item))
		return;
	if (item->kind == GP_SCAN_SETTING)
		write_setting(item, out);
	else if (item->kind == GP_SCAN_OPEN)
		gp_buf_addf(out, "%s {\n", item->name);
	else
		gp_buf_adds(out, "}\n");
}

/* -- what it has read -------------------------------------------------- */

/* The items' own copies: libconfuse frees its values. */
static bool
take_values(const struct confuse *c, cfg_t *section, struct gp_scan_item *item)
{
	cfg_opt_t *opt = cfg_getopt(section, item->name);
	const char **v;

	if (cfg_opt_size(opt) != item->n_raw)
		return false;
	v = gp_arena_alloc(c->arena, item->n_raw * sizeof(*v));
	for (unsigned i = 0; i < item->n_raw; i++)
		v[i] = gp_arena_strdup(c->arena, cfg_opt_getnstr(opt, i));
	item->values = (struct gp_strings){ .n = item->n_raw, .v = v };
	return true;
}

/* Sections are found by their number among those of their kind. */
static bool
take_statement(const struct confuse *c, cfg_t *root, struct gp_scan_item *from,
    const struct gp_scan_item *to)
{
	unsigned counts[GP_SECTIONS] = { 0 };
	cfg_t *stack[4] = { root };
	size_t depth = 0;

	for (struct gp_scan_item *i = from; i != to; i = i->next) {
		if (!is_wanted(i))
			continue;
		if (i->kind == GP_SCAN_CLOSE) {
			depth--;
		} else if (i->kind == GP_SCAN_SETTING) {
			if (!take_values(c, stack[depth], i))
				return false;
		} else {
			unsigned *n = &counts[i->section - gp_sections];
			cfg_t *section =
			    cfg_getnsec(stack[depth], i->name, (*n)++);

			if (section == NULL)
				return false;
			stack[++depth] = section;
		}
	}
	return true;
}

/* Nothing may reach stderr; what is refused is said by the caller. */
static void
be_silent(cfg_t *cfg, const char *fmt, va_list ap)
{
	(void)cfg;
	(void)fmt;
	(void)ap;
}

static bool
read_statement(const struct confuse *c, struct gp_scan_item *from,
    const struct gp_scan_item *to, struct gp_buf *text)
{
	cfg_opt_t only[] = { CFG_SEC(from->name, NULL, CFGF_MULTI), CFG_END() };
	cfg_opt_t *schema = c->schema[0];
	bool good;
	cfg_t *cfg;

	if (from->kind == GP_SCAN_OPEN) {
		only[0].subopts = c->schema[from->section - gp_sections];
		schema = only;
	}
	gp_buf_reset(text);
	for (const struct gp_scan_item *i = from; i != to; i = i->next)
		write_item(i, text);
	cfg = cfg_init(schema, CFGF_NONE);
	if (cfg == NULL)
		return false;
	(void)cfg_set_error_function(cfg, be_silent);
	good = !text->overflow &&
	       cfg_parse_buf(cfg, gp_buf_cstr(text)) == CFG_SUCCESS &&
	       take_statement(c, cfg, from, to);
	(void)cfg_free(cfg);
	return good;
}

/* Behind the top-level statement that begins with `item`. */
static struct gp_scan_item *
end_of_statement(struct gp_scan_item *item)
{
	const struct gp_scan_item *open = item;

	if (item->kind == GP_SCAN_SETTING)
		return item->next;
	while (item->kind != GP_SCAN_CLOSE || item->parent != open)
		item = item->next;
	return item->next;
}

static void
refuse(struct gp_scan_item *from, const struct gp_scan_item *to,
    const char *file, struct gp_problems *problems)
{
	gp_problems_add(problems,
	    (struct gp_origin){ .file = file, .line = from->line },
	    "%.64s: expected a statement that libconfuse can read", from->name);
	for (struct gp_scan_item *i = from; i != to; i = i->next)
		i->broken = true;
}

void
gp_policy_values(struct gp_scan_item *items, const char *file,
    struct gp_arena *arena, struct gp_problems *problems)
{
	struct gp_arena *scratch = gp_arena_new();
	struct confuse c = { .arena = arena };
	struct gp_scan_item *item = items;
	struct gp_buf text;

	gp_buf_init(&text, STATEMENT_MAX);
	make_schema(&c, scratch);
	(void)pthread_mutex_lock(&lexer);
	while (item != NULL) {
		struct gp_scan_item *to = end_of_statement(item);

		if (is_wanted(item) && !read_statement(&c, item, to, &text))
			refuse(item, to, file, problems);
		item = to;
	}
	(void)pthread_mutex_unlock(&lexer);
	gp_buf_clear(&text);
	gp_arena_free(scratch);
}
