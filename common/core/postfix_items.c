/* See postfix_items.h. */
#include "core/postfix_items.h"

#include <string.h>

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void
gp_postfix_items_init(struct gp_postfix_items *items, struct gp_arena *arena)
{
	*items = (struct gp_postfix_items){ .arena = arena };
}

void
gp_postfix_items_add(struct gp_postfix_items *items,
    const struct gp_postfix_item *item)
{
	if (items->n == items->cap) {
		size_t cap = items->cap == 0 ? 32 : items->cap * 2;
		struct gp_postfix_item *v =
		    gp_arena_alloc(items->arena, cap * sizeof(*v));

		if (items->n > 0)
			memcpy(v, items->v, items->n * sizeof(*v));
		items->v = v;
		items->cap = cap;
	}
	items->v[items->n++] = *item;
}

struct gp_postfix_item *
gp_postfix_items_find(const struct gp_postfix_items *items, const char *service,
    const char *name)
{
	for (size_t i = 0; i < items->n; i++)
		if (same(items->v[i].service, service) &&
		    strcmp(items->v[i].name, name) == 0)
			return &items->v[i];
	return NULL;
}

void
gp_postfix_items_read(struct gp_postfix_items *items, struct gp_str text)
{
	while (text.p != NULL) {
		struct gp_str line = gp_str_split(&text, '\n');
		const size_t n = gp_str_find(line, '=');
		struct gp_str name = gp_str_trim(gp_str_n(line.p, n)), value;

		if (n == line.n || name.n == 0)
			continue;
		value = gp_str_trim(gp_str_n(line.p + n + 1, line.n - n - 1));
		gp_postfix_items_add(items,
		    &(struct gp_postfix_item){
			.name = gp_arena_strndup(items->arena, name.p, name.n),
			.before =
			    gp_arena_strndup(items->arena, value.p, value.n),
		    });
	}
}

bool
gp_postfix_item_changes(const struct gp_postfix_item *item)
{
	return !same(item->before, item->after);
}

bool
gp_postfix_items_change(const struct gp_postfix_items *items)
{
	for (size_t i = 0; i < items->n; i++)
		if (gp_postfix_item_changes(&items->v[i]))
			return true;
	return false;
}
