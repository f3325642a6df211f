/* See postfix_state.h. */
#include "core/postfix_state.h"

#include <string.h>

#define FIRST "gatepost-postfix 1"

/* -- to write ----------------------------------------------------------- */

static void
put(struct gp_buf *out, const char *word, const char *value)
{
	if (value != NULL)
		gp_buf_addf(out, "%s %s\n", word, value);
}

void
gp_postfix_state_format(const struct gp_postfix_state *s, struct gp_buf *out)
{
	gp_buf_adds(out, FIRST "\n");
	put(out, "config", s->config_dir);
	put(out, "main-backup", s->main.backup);
	put(out, "main-before", s->main.before);
	put(out, "main-after", s->main.after);
	put(out, "master-backup", s->master.backup);
	put(out, "master-before", s->master.before);
	put(out, "master-after", s->master.after);
	put(out, "member", s->member);
	put(out, "mount", s->mount);
	for (size_t i = 0; i < s->items.n; i++) {
		const struct gp_postfix_item *item = &s->items.v[i];

		if (item->service == NULL)
			put(out, "main", item->name);
		else
			gp_buf_addf(out, "service %s %s\n", item->service,
			    item->name);
		put(out, "wrote", item->after);
		put(out, "old", item->old);
	}
	gp_buf_adds(out, "end\n");
}

/* -- to read ------------------------------------------------------------ */

struct reader {
	struct gp_arena *arena;
	struct gp_postfix_state *out;
	struct gp_postfix_item *item; /* the last one */
	bool ended;
};

/* A word with one value, which comes once. */
static bool
set_once(struct reader *r, const char **place, struct gp_str value)
{
	if (*place != NULL)
		return false;
	*place = gp_arena_strndup(r->arena, value.p, value.n);
	return true;
}

static bool
is_sha256(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (gp_hex_value(s.p[i]) < 0)
			return false;
	return s.n == GP_POSTFIX_SHA256_TEXT - 1;
}

/* Not a path: it is in the same folder. */
static bool
is_name(struct gp_str s)
{
	return s.n > 0 && s.p[0] != '.' && gp_str_find(s, '/') == s.n;
}

static bool
read_header(struct reader *r, struct gp_str word, struct gp_str value)
{
	struct gp_postfix_state *o = r->out;
	const struct {
		const char *word;
		const char **place;
		bool (*check)(struct gp_str);
	} rows[] = {
		{ "config", &o->config_dir, NULL },
		{ "main-backup", &o->main.backup, is_name },
		{ "main-before", &o->main.before, is_sha256 },
		{ "main-after", &o->main.after, is_sha256 },
		{ "master-backup", &o->master.backup, is_name },
		{ "master-before", &o->master.before, is_sha256 },
		{ "master-after", &o->master.after, is_sha256 },
		{ "member", &o->member, is_name },
		{ "mount", &o->mount, is_name },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (gp_str_eq(word, gp_str(rows[i].word)))
			return r->item == NULL &&
			       (rows[i].check == NULL ||
				   rows[i].check(value)) &&
			       set_once(r, rows[i].place, value);
	return false;
}

/* "main NAME" or "service SERVICE NAME" */
static bool
begin_item(struct reader *r, struct gp_str value, bool of_service)
{
	struct gp_postfix_item item = { .name = NULL };
	struct gp_str rest = value;

	if (r->item != NULL && r->item->after == NULL)
		return false;
	if (of_service) {
		struct gp_str service = gp_str_split(&rest, ' ');

		if (service.n == 0)
			return false;
		item.service = gp_arena_strndup(r->arena, service.p, service.n);
	}
	if (rest.n == 0 || gp_str_find(rest, ' ') < rest.n)
		return false;
	item.name = gp_arena_strndup(r->arena, rest.p, rest.n);
	gp_postfix_items_add(&r->out->items, &item);
	r->item = &r->out->items.v[r->out->items.n - 1];
	return true;
}

static bool
read_line(struct reader *r, struct gp_str line)
{
	struct gp_str value = line, word;

	if (gp_str_eq(line, GP_STR("end"))) {
		r->ended = true;
		return r->item == NULL || r->item->after != NULL;
	}
	word = gp_str_split(&value, ' ');
	if (value.p == NULL)
		return false;
	if (gp_str_eq(word, GP_STR("main")))
		return begin_item(r, value, false);
	if (gp_str_eq(word, GP_STR("service")))
		return begin_item(r, value, true);
	if (r->item != NULL && gp_str_eq(word, GP_STR("wrote")))
		return set_once(r, &r->item->after, value);
	if (r->item != NULL && gp_str_eq(word, GP_STR("old")))
		return set_once(r, &r->item->old, value);
	return read_header(r, word, value);
}

enum gp_rc
gp_postfix_state_parse(struct gp_str text, struct gp_arena *arena,
    struct gp_postfix_state *out, struct gp_err *err)
{
	struct reader r = { .arena = arena, .out = out };
	struct gp_str line = gp_str_split(&text, '\n');
	size_t number = 1;

	*out = (struct gp_postfix_state){ .config_dir = NULL };
	gp_postfix_items_init(&out->items, arena);
	if (!gp_str_eq(line, GP_STR(FIRST)))
		return gp_fail(err, GP_PERM, "it does not begin with \"%s\"",
		    FIRST);
	while (text.p != NULL && !r.ended) {
		line = gp_str_split(&text, '\n');
		number++;
		if (memchr(line.p, '\0', line.n) != NULL ||
		    !read_line(&r, line))
			return gp_fail(err, GP_PERM, "line %zu: not expected",
			    number);
	}
	if (!r.ended || text.n > 0 || out->config_dir == NULL)
		return gp_fail(err, GP_PERM, "it is not whole");
	return GP_OK;
}

void
gp_postfix_state_name(const char *config_dir, struct gp_buf *out)
{
	while (*config_dir == '/')
		config_dir++;
	for (; *config_dir != '\0'; config_dir++)
		if (gp_is_alnum(*config_dir) || *config_dir == '-' ||
		    *config_dir == '_')
			gp_buf_addc(out, *config_dir);
		else
			gp_buf_addf(out, "%%%02X",
			    (unsigned)(unsigned char)*config_dir);
	gp_buf_adds(out, ".state");
}
