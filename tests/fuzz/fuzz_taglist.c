/* A tag list that is accepted, written plainly, is read as the same tags; a
 * second reader that knows nothing of folding agrees on what is accepted. */
#include "core/taglist.h"

#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
within(struct gp_str part, struct gp_str text)
{
	return part.p >= text.p && part.p + part.n <= text.p + text.n;
}

static bool
is_tag_name(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_alnum(s.p[i]) && s.p[i] != '_')
			return false;
	return s.n > 0 && gp_is_alpha(s.p[0]);
}

/* Visible octets, and white space between them of whole folds. */
static bool
is_tag_value(struct gp_str s)
{
	if (s.n > 0 && (gp_is_space(s.p[0]) || gp_is_space(s.p[s.n - 1])))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (s.p[i] == '\r' && s.p[i + 1] != '\n')
			return false;
		if (s.p[i] == '\n' && !is_blank(s.p[i + 1]))
			return false;
		if (!gp_is_space(s.p[i]) && (c < 0x21 || c == 0x7f || c == ';'))
			return false;
	}
	return gp_str_is_utf8(s);
}

/* What holds of the tags, whether there are more behind them or not. */
static void
check_tags(const struct gp_taglist *l, struct gp_str text)
{
	assert(l->n <= GP_TAGS_MAX);
	for (size_t i = 0; i < l->n; i++) {
		const struct gp_tag *t = &l->v[i];

		assert(within(t->name, text) && is_tag_name(t->name));
		assert(within(t->value, text) && is_tag_value(t->value));
		for (size_t j = 0; j < i; j++)
			assert(!gp_str_eq(t->name, l->v[j].name));
	}
}

/* The list cut at its semicolons, each piece at its first "=": as long as no
 * name is doubled or missing, both readers find the same. */
static void
check_by_cutting(const struct gp_taglist *l, struct gp_str text)
{
	struct gp_str rest = text;
	size_t n = 0;

	while (rest.p != NULL) {
		struct gp_str value = gp_str_split(&rest, ';');
		struct gp_str name;

		if (rest.p == NULL && gp_str_trim(value).n == 0)
			break;
		name = gp_str_split(&value, '=');
		assert(n < l->n && value.p != NULL);
		assert(gp_str_eq(l->v[n].name, gp_str_trim(name)));
		assert(gp_str_eq(l->v[n].value, gp_str_trim(value)));
		n++;
	}
	assert(n == l->n);
}

static void
check_joined(const struct gp_taglist *l, size_t size)
{
	struct gp_taglist again;
	struct gp_buf text;

	gp_buf_init(&text, size + 1);
	for (size_t i = 0; i < l->n; i++) {
		gp_buf_add_str(&text, l->v[i].name);
		gp_buf_addc(&text, '=');
		gp_buf_add_str(&text, l->v[i].value);
		gp_buf_addc(&text, ';');
	}
	assert(!text.overflow);
	assert(gp_taglist_parse(gp_buf_str(&text), &again, NULL) == GP_OK);
	assert(again.n == l->n);
	for (size_t i = 0; i < l->n; i++) {
		assert(gp_str_eq(again.v[i].name, l->v[i].name));
		assert(gp_str_eq(again.v[i].value, l->v[i].value));
	}
	gp_buf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_err err = { "" };
	struct gp_taglist l;
	struct gp_str text;
	char *exact;

	/* of just its size, so that an octet too far is seen */
	exact = malloc(size + 1);
	assert(exact != NULL);
	memcpy(exact + 1, data, size);
	text = gp_str_n(exact + 1, size);
	if (gp_taglist_parse(text, &l, &err) == GP_OK) {
		assert(l.n > 0 && err.msg[0] == '\0');
		check_by_cutting(&l, text);
		check_joined(&l, size);
	} else {
		assert(err.msg[0] != '\0');
		if (l.n > 0)
			check_joined(&l, size);
	}
	check_tags(&l, text);
	for (size_t i = 0; i < l.n; i++)
		assert(gp_str_find(gp_tag_compact(l.v[i].value, arena), ' ') ==
		       gp_tag_compact(l.v[i].value, arena).n);
	free(exact);
	gp_arena_free(arena);
	return 0;
}
