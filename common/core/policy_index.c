/* See policy_index.h. */
#include "core/policy_index.h"

#include <assert.h>
#include <string.h>

struct entry {
	const char *name; /* NULL: free */
	void *value;
};

struct gp_index {
	size_t mask; /* number of entries less one, a power of two */
	size_t left; /* names that still fit */
	struct entry *entries;
};

uint64_t
gp_fnv(uint64_t hash, const void *p, size_t n)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

/* Never more than half full, so a free entry ends every search. */
struct gp_index *
gp_index_new(struct gp_arena *arena, size_t n)
{
	struct gp_index *index = gp_arena_alloc(arena, sizeof(*index));
	size_t size = 8;

	while (size / 2 < n)
		size *= 2;
	index->mask = size - 1;
	index->left = n;
	index->entries = gp_arena_alloc(arena, size * sizeof(struct entry));
	return index;
}

static struct entry *
find(const struct gp_index *index, const char *name)
{
	size_t at = (size_t)gp_fnv(GP_FNV, name, strlen(name)) & index->mask;

	while (index->entries[at].name != NULL &&
	       strcmp(index->entries[at].name, name) != 0)
		at = (at + 1) & index->mask;
	return &index->entries[at];
}

void *
gp_index_put(struct gp_index *index, const char *name, void *value)
{
	struct entry *e = find(index, name);

	if (e->name != NULL)
		return e->value;
	assert(index->left > 0);
	index->left--;
	*e = (struct entry){ .name = name, .value = value };
	return NULL;
}

void *
gp_index_get(const struct gp_index *index, const char *name)
{
	return find(index, name)->value;
}
