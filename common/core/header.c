/* See header.h. */
#include "core/header.h"

#include <string.h>

/* Most messages have fewer fields than that. */
#define FIRST_CAP 32

static void
grow(struct gp_header *h, struct gp_arena *arena)
{
	size_t cap = h->cap == 0 ? FIRST_CAP : h->cap * 2;
	struct gp_field *v = gp_arena_alloc(arena, cap * sizeof(*v));

	if (h->n > 0)
		memcpy(v, h->v, h->n * sizeof(*v));
	h->v = v;
	h->cap = cap;
}

void
gp_header_add(struct gp_header *h, struct gp_arena *arena, struct gp_str name,
    struct gp_str value)
{
	/* nothing behind a missing field either: its number would be wrong */
	if (h->over || h->n == GP_FIELDS_MAX ||
	    name.n > GP_FIELDS_BYTES - h->bytes ||
	    value.n > GP_FIELDS_BYTES - h->bytes - name.n) {
		h->over = true;
		return;
	}
	if (h->n == h->cap)
		grow(h, arena);
	h->v[h->n].name = gp_arena_dup(arena, name);
	h->v[h->n].value = gp_arena_dup(arena, value);
	h->n++;
	h->bytes += name.n + value.n;
}

size_t
gp_header_count(const struct gp_header *h, struct gp_str name)
{
	size_t count = 0;

	for (size_t i = 0; i < h->n; i++)
		count += gp_str_eq_nocase(h->v[i].name, name);
	return count;
}

unsigned
gp_header_index(const struct gp_header *h, size_t at)
{
	unsigned index = 1;

	for (size_t i = 0; i < at; i++)
		index += gp_str_eq_nocase(h->v[i].name, h->v[at].name);
	return index;
}
