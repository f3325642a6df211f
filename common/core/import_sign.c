/*
 * See import_parts.h.
 *
 * The tables of opendkim ask for an address; a policy asks for a domain.  All
 * domains that the tables tell apart are classes: a name of its own, or all
 * names below one that have no own.  For each class it is worked out what
 * opendkim signs, blocks are made of that, and then for each class once more
 * what these blocks sign.  Where the two are not equal there is a decision.
 */
#include "core/domain.h"
#include "core/import_tables.h"

#include <stdio.h>
#include <string.h>

/* -- rows --------------------------------------------------------------- */

static const char *
normal(struct gp_import_tables *t, struct gp_str name)
{
	char domain[GP_DOMAIN_TEXT];

	if (gp_domain_normalize(name, domain, NULL) != GP_OK)
		return NULL;
	return gp_arena_strdup(t->im->arena, domain);
}

static void
cannot(struct gp_import_tables *t, const struct gp_import_row *in,
    const char *why)
{
	gp_import_decide(t->im, GP_YELLOW, "SigningTable", in->from, "%s: %s",
	    in->key, why);
	gp_findings_remedy(&t->im->report,
	    "write a domain block for each name that it is meant for; mail of "
	    "others is not signed");
}

/* The part behind the @, of either kind of table. */
static bool
read_domain(struct gp_import_tables *t, struct gp_str name,
    struct gp_import_table_row *row)
{
	size_t cut = 0;

	if (gp_str_eq_nocase(name, GP_STR("*"))) {
		row->reach = GP_IMPORT_EVERY;
		return true;
	}
	row->reach = GP_IMPORT_EXACT;
	if (t->patterns && name.n > 2 && name.p[0] == '*' && name.p[1] == '.')
		cut = 2;
	else if (!t->patterns && name.n > 1 && name.p[0] == '.')
		cut = 1;
	if (cut > 0)
		row->reach = GP_IMPORT_BELOW;
	row->domain = normal(t, gp_str_n(name.p + cut, name.n - cut));
	return row->domain != NULL;
}

static void
push_row(struct gp_import_tables *t, const struct gp_import_table_row *row)
{
	t->rows[t->n_rows++] = *row;
}

/* "*example.com": the name, all below it, and others that end like it. */
static bool
read_tail(struct gp_import_tables *t, const struct gp_import_row *in,
    struct gp_str name, struct gp_import_table_row *row)
{
	row->domain = normal(t, gp_str_n(name.p + 1, name.n - 1));
	if (row->domain == NULL)
		return false;
	row->reach = GP_IMPORT_EXACT;
	push_row(t, row);
	row->reach = GP_IMPORT_BELOW;
	push_row(t, row);
	gp_import_decide(t->im, GP_YELLOW, "SigningTable", in->from,
	    "%s: matches other domains that end like it, too, such as not%s",
	    in->key, row->domain);
	gp_findings_remedy(&t->im->report,
	    "nothing, unless you send for such a domain: %s and the names "
	    "below it are signed",
	    row->domain);
	return true;
}

static void
read_pattern(struct gp_import_tables *t, const struct gp_import_row *in,
    struct gp_import_table_row *row)
{
	struct gp_str name = gp_str(in->key);
	size_t at = gp_str_find(name, '@');
	struct gp_str user = gp_str_n(name.p, at);

	if (at == name.n && (name.p[0] != '*')) {
		gp_import_ignored(t->im, "SigningTable", in->from,
		    "%s: in a refile the whole address is compared, so this "
		    "matches none",
		    in->key);
		return;
	}
	if (at < name.n)
		name = gp_str_n(name.p + at + 1, name.n - at - 1);
	else
		user = GP_STR("*");
	if (!gp_str_eq(user, GP_STR("*"))) {
		row->user = gp_arena_strndup(t->im->arena, user.p, user.n);
		if (strchr(row->user, '*') != NULL) {
			cannot(t, in,
			    "a pattern of users; blocks are for "
			    "domains");
			return;
		}
	}
	if (read_domain(t, name, row))
		push_row(t, row);
	else if (name.n < 2 || name.p[0] != '*' || row->user != NULL ||
		 !read_tail(t, in, name, row))
		cannot(t, in, "a pattern that blocks can not say");
}

static void
read_name(struct gp_import_tables *t, const struct gp_import_row *in,
    struct gp_import_table_row *row)
{
	struct gp_str name = gp_str(in->key);
	size_t at = gp_str_find(name, '@');

	if (at < name.n) {
		row->user = gp_arena_strndup(t->im->arena, name.p, at);
		name = gp_str_n(name.p + at + 1, name.n - at - 1);
	}
	if (strchr(in->key, '*') != NULL && strcmp(in->key, "*") != 0 &&
	    !gp_str_eq(name, GP_STR("*")))
		gp_import_ignored(t->im, "SigningTable", in->from,
		    "%s: a table without refile: knows no patterns, so this "
		    "matches none",
		    in->key);
	else if (read_domain(t, name, row))
		push_row(t, row);
	else
		cannot(t, in, "no domain name");
}

static void
read_rows(struct gp_import_tables *t)
{
	const struct gp_import_set *set = &t->in->signing;

	/* one pattern may become two rows */
	t->rows =
	    gp_arena_alloc(t->im->arena, (2 * set->n + 1) * sizeof(*t->rows));
	for (size_t i = 0; i < set->n; i++) {
		const struct gp_import_row *in = &set->v[i];
		struct gp_str value =
		    gp_str(in->value == NULL ? "" : in->value);
		struct gp_str key = gp_str_trim(gp_str_split(&value, ':'));
		struct gp_import_table_row row = { .from = in->from };

		row.key = gp_arena_strndup(t->im->arena,
		    key.n == 0 ? "" : key.p, key.n);
		if (key.n == 0)
			cannot(t, in, "names no key");
		else if (t->patterns)
			read_pattern(t, in, &row);
		else
			read_name(t, in, &row);
		if (gp_str_trim(value).n > 0)
			gp_import_ignored(t->im, "SigningTable", in->from,
			    "%s: i=%.*s; signatures have no i= here", in->key,
			    GP_STR_ARG(value));
	}
}

/* -- classes ------------------------------------------------------------ */

const char *
gp_import_class_name(struct gp_import_tables *t,
    const struct gp_import_class *c)
{
	return gp_arena_printf(t->im->arena, "%s%s%s%s",
	    c->user == NULL ? "" : c->user, c->user == NULL ? "" : "@",
	    c->below ? "*." : "",
	    c->domain == NULL ? "(every other domain)" : c->domain);
}

void
gp_import_class_add(struct gp_import_tables *t,
    const struct gp_import_class *class)
{
	const char *name = gp_import_class_name(t, class);

	if (gp_index_get(t->class_index, name) != NULL)
		return;
	t->classes[t->n_classes++] = *class;
	(void)gp_index_put(t->class_index, name, t);
}

void
gp_import_domain_add(struct gp_import_tables *t, const char *domain, bool below,
    struct gp_origin from)
{
	struct gp_import_class class = { .domain = domain, .from = from };

	gp_import_class_add(t, &class);
	if (!below)
		return;
	class.below = true;
	gp_import_class_add(t, &class);
}

static void
make_classes(struct gp_import_tables *t)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct gp_import_table_row *row = &t->rows[i];
		struct gp_import_class own = { .domain = row->domain,
			.below = row->reach == GP_IMPORT_BELOW,
			.user = row->user,
			.from = row->from };

		if (row->domain != NULL)
			gp_import_domain_add(t, row->domain,
			    row->reach == GP_IMPORT_BELOW, row->from);
		if (row->domain == NULL || row->user != NULL)
			gp_import_class_add(t, &own);
	}
}

/* -- what opendkim signs ------------------------------------------------ */

static bool
covers(const struct gp_import_table_row *row, const struct gp_import_class *c)
{
	if (row->user != NULL &&
	    (c->user == NULL ||
		!gp_str_eq_nocase(gp_str(row->user), gp_str(c->user))))
		return false;
	if (row->reach == GP_IMPORT_EVERY)
		return true;
	if (c->domain == NULL)
		return false;
	if (row->reach == GP_IMPORT_EXACT)
		return !c->below && strcmp(row->domain, c->domain) == 0;
	return gp_domain_is_below(c->domain, row->domain) ||
	       (c->below && strcmp(row->domain, c->domain) == 0);
}

/* The order in which opendkim asks; refile: that of the rows. */
static size_t
rank(const struct gp_import_tables *t, size_t i,
    const struct gp_import_class *c)
{
	const struct gp_import_table_row *row = &t->rows[i];
	size_t away = 0;

	if (t->patterns)
		return i;
	if (row->reach == GP_IMPORT_EXACT)
		return row->user != NULL ? 0 : 1;
	if (row->reach == GP_IMPORT_EVERY)
		return row->user != NULL ? 2000 : 3000;
	away = gp_domain_labels(c->domain) - gp_domain_labels(row->domain);
	return (row->user != NULL ? 2 : 1000) + away;
}

/* Each "%" as the domain; NULL: it would be another one for each mail. */
static const char *
filled(struct gp_import_tables *t, struct gp_str text, const char *domain)
{
	const char *out;
	struct gp_buf buf;

	if (gp_str_find(text, '%') < text.n && domain == NULL)
		return NULL;
	gp_buf_init(&buf, SIZE_MAX);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '%')
			gp_buf_adds(&buf, domain);
		else
			gp_buf_addc(&buf, text.p[i]);
	}
	out = gp_arena_strdup(t->im->arena, gp_buf_cstr(&buf));
	gp_buf_clear(&buf);
	return out;
}

/* "DOMAIN:SELECTOR:KEY" for one From: domain (NULL: not one). */
static bool
read_key(struct gp_import_tables *t, const struct gp_import_row *key,
    const char *domain, struct gp_import_request *out)
{
	struct gp_str value = gp_str(key->value == NULL ? "" : key->value);
	struct gp_str d = gp_str_trim(gp_str_split(&value, ':'));
	struct gp_str s = gp_str_trim(gp_str_split(&value, ':'));

	value = gp_str_trim(value);
	*out = (struct gp_import_request){ .from = key->from };
	if (value.n == 0)
		return false;
	if (gp_str_eq(d, GP_STR("%")))
		out->domain = domain;
	else
		out->domain = normal(t, d);
	out->selector = normal(t, s);
	out->key = value.p[0] == '-' ? value.p : filled(t, value, domain);
	return out->selector != NULL &&
	       (out->domain != NULL || gp_str_eq(d, GP_STR("%")));
}

/* A row that comes to no key; each is told once, "%" for each name. */
static void
say_missing(struct gp_import_tables *t, struct gp_import_table_row *row,
    const char *name, const struct gp_import_row *key)
{
	if (!t->building || (row->said && strcmp(row->key, "%") != 0))
		return;
	row->said = true;
	if (key == NULL)
		gp_import_decide(t->im, GP_RED, "SigningTable", row->from,
		    "%s: not in the KeyTable, so opendkim defers such mail",
		    name);
	else
		gp_import_decide(t->im, GP_RED, "KeyTable", key->from,
		    "%s: expected DOMAIN:SELECTOR:KEY", key->key);
	gp_findings_remedy(&t->im->report, "mend the tables and import again");
}

static void
ask_row(struct gp_import_tables *t, struct gp_import_table_row *row,
    const struct gp_import_class *c, struct gp_import_requests *out)
{
	const char *domain = c->below ? NULL : c->domain;
	const char *name = strcmp(row->key, "%") == 0 ? domain : row->key;
	const struct gp_import_row *key =
	    name == NULL ? NULL : gp_index_get(t->key_index, name);
	struct gp_import_request request = { .from = row->from };

	if (name != NULL &&
	    (key == NULL || !read_key(t, key, domain, &request))) {
		say_missing(t, row, name, key);
		return;
	}
	request.row = row->from;
	if (out->n < GP_IMPORT_SIGNATURES_MAX)
		out->v[out->n++] = request;
}

void
gp_import_ask(struct gp_import_tables *t, const struct gp_import_class *c,
    struct gp_import_requests *out)
{
	size_t after = 0;
	bool first = true;

	out->n = 0;
	for (;;) {
		size_t best = t->n_rows;

		for (size_t i = 0; i < t->n_rows; i++) {
			size_t r;

			if (!covers(&t->rows[i], c))
				continue;
			r = rank(t, i, c);
			if (!first && r <= after)
				continue;
			if (best == t->n_rows || r < rank(t, best, c))
				best = i;
		}
		if (best == t->n_rows)
			return;
		after = rank(t, best, c);
		first = false;
		ask_row(t, &t->rows[best], c, out);
		if (!t->in->multiple)
			return;
	}
}

/* -- all of it ----------------------------------------------------------- */

void
gp_import_sign(struct gp_import *im, const struct gp_import_signing *tables)
{
	struct gp_import_tables t = { .im = im,
		.in = tables,
		.patterns = tables->signing.kind == GP_IMPORT_REFILE };

	/* a pattern is two rows at most, a row three classes; a block is named
	 * by a class or a key, and is two classes at most */
	size_t classes = 6 * tables->signing.n + 1;
	size_t blocks = classes + tables->keys.n;

	t.classes = gp_arena_alloc(im->arena,
	    (classes + 2 * blocks) * sizeof(*t.classes));
	t.class_index = gp_index_new(im->arena, classes + 2 * blocks);
	t.key_index = gp_index_new(im->arena, tables->keys.n);
	t.block_index = gp_index_new(im->arena, blocks);
	for (size_t i = 0; i < tables->keys.n; i++)
		(void)gp_index_put(t.key_index, tables->keys.v[i].key,
		    &tables->keys.v[i]);
	read_rows(&t);
	make_classes(&t);
	gp_import_blocks(&t);
}
