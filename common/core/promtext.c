/* See promtext.h. */
#include "core/promtext.h"

#include <string.h>

struct gp_prom_family {
	struct gp_str name;
	struct gp_str help, type; /* their lines; empty: not yet */
	struct series {
		struct gp_str line;
		struct series *next;
	} * first, **last;
};

static const struct gp_str HELP = { "# HELP ", 7 };
static const struct gp_str TYPE = { "# TYPE ", 7 };

void
gp_promtext_init(struct gp_promtext *t, struct gp_arena *arena)
{
	*t = (struct gp_promtext){ .arena = arena };
	t->families =
	    gp_arena_alloc(arena, GP_PROM_FAMILIES_MAX * sizeof(*t->families));
}

static bool
begins_with(struct gp_str s, struct gp_str with)
{
	return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static size_t
name_length(struct gp_str s)
{
	size_t n = 0;

	while (n < s.n && (gp_is_alnum(s.p[n]) || s.p[n] == '_'))
		n++;
	return n;
}

static bool
all_print(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]))
			return false;
	return true;
}

/* -- one text of several --------------------------------------------------- */

/* NULL: there are too many. */
static struct gp_prom_family *
family_of(struct gp_promtext *t, struct gp_str name)
{
	struct gp_prom_family *f;

	for (size_t i = 0; i < t->n; i++)
		if (gp_str_eq(t->families[i].name, name))
			return &t->families[i];
	if (t->n == GP_PROM_FAMILIES_MAX || name.n == 0)
		return NULL;
	f = &t->families[t->n++];
	*f = (struct gp_prom_family){ .name = gp_arena_dup(t->arena, name) };
	f->last = &f->first;
	return f;
}

static struct gp_prom_family *
head(struct gp_promtext *t, struct gp_str line)
{
	struct gp_str behind = gp_str_n(line.p + HELP.n, line.n - HELP.n);
	struct gp_prom_family *f =
	    family_of(t, gp_str_n(behind.p, name_length(behind)));
	struct gp_str *part;

	if (f == NULL)
		return NULL;
	part = begins_with(line, HELP) ? &f->help : &f->type;
	if (part->n == 0)
		*part = gp_arena_dup(t->arena, line);
	return f;
}

/* A histogram's series have its name with something behind. */
static bool
belongs(const struct gp_prom_family *f, struct gp_str line)
{
	static const char *const more[] = { "", "_bucket", "_sum", "_count" };
	struct gp_str name = gp_str_n(line.p, name_length(line));
	struct gp_str behind;

	if (!begins_with(name, f->name))
		return false;
	behind = gp_str_n(name.p + f->name.n, name.n - f->name.n);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (gp_str_eq(behind, gp_str(more[i])))
			return f->help.n > 0 && f->type.n > 0;
	return false;
}

static void
add_series(struct gp_promtext *t, struct gp_prom_family *f, struct gp_str line)
{
	struct series *s = gp_arena_alloc(t->arena, sizeof(*s));

	*s = (struct series){ .line = gp_arena_dup(t->arena, line) };
	*f->last = s;
	f->last = &s->next;
}

void
gp_promtext_add(struct gp_promtext *t, struct gp_str text)
{
	struct gp_prom_family *f = NULL;

	while (text.n > 0) {
		struct gp_str line = gp_str_split(&text, '\n');

		if (!all_print(line))
			continue;
		if (begins_with(line, HELP) || begins_with(line, TYPE))
			f = head(t, line);
		else if (f != NULL && belongs(f, line))
			add_series(t, f, line);
	}
}

void
gp_promtext_format(const struct gp_promtext *t, struct gp_buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct gp_prom_family *f = &t->families[i];

		if (f->first == NULL)
			continue;
		gp_buf_addf(out, "%.*s\n%.*s\n", GP_STR_ARG(f->help),
		    GP_STR_ARG(f->type));
		for (const struct series *s = f->first; s != NULL; s = s->next)
			gp_buf_addf(out, "%.*s\n", GP_STR_ARG(s->line));
	}
}

/* -- series, one by one ---------------------------------------------------- */

/* The end of the labels, which begin behind "{"; s.n: there is none. */
static size_t
labels_end(struct gp_str s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.n && (quoted || s.p[i] != '}'); i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == '\\' && quoted)
			i++;
	}
	return i < s.n ? i : s.n;
}

static bool
read_sample(struct gp_str line, struct gp_prom_sample *out)
{
	const size_t n = name_length(line);
	struct gp_str rest = gp_str_n(line.p + n, line.n - n);
	size_t end;

	*out = (struct gp_prom_sample){ .name = gp_str_n(line.p, n) };
	if (n == 0)
		return false;
	if (rest.n > 0 && rest.p[0] == '{') {
		rest = gp_str_n(rest.p + 1, rest.n - 1);
		end = labels_end(rest);
		if (end == rest.n)
			return false;
		out->labels = gp_str_n(rest.p, end);
		rest = gp_str_n(rest.p + end + 1, rest.n - end - 1);
	}
	out->value = gp_str_trim(rest);
	return rest.n > 0 && rest.p[0] == ' ' && out->value.n > 0;
}

bool
gp_prom_next(struct gp_str *rest, struct gp_prom_sample *out)
{
	while (rest->n > 0)
		if (read_sample(gp_str_split(rest, '\n'), out))
			return true;
	return false;
}

bool
gp_prom_label(struct gp_str *labels, struct gp_str *name, struct gp_str *value)
{
	const size_t n = name_length(*labels);
	struct gp_str s;
	size_t end = 2;

	if (n == 0)
		return false;
	s = gp_str_n(labels->p + n, labels->n - n);
	if (s.n < 3 || s.p[0] != '=' || s.p[1] != '"')
		return false;
	while (end < s.n && s.p[end] != '"')
		end += s.p[end] == '\\' ? 2 : 1;
	if (end >= s.n)
		return false;
	*name = gp_str_n(labels->p, n);
	*value = gp_str_n(s.p + 2, end - 2);
	s = gp_str_n(s.p + end + 1, s.n - end - 1);
	if (s.n > 0 && s.p[0] == ',')
		s = gp_str_n(s.p + 1, s.n - 1);
	*labels = s;
	return true;
}
