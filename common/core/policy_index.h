/*
 * policy_index - names to values: filled once, then only read.
 *
 * The names are those of an operator's own file, so a plain hash will do.
 *
 * Purity:   pure.
 * Threads:  reading is reentrant.
 */
#ifndef GP_CORE_POLICY_INDEX_H
#define GP_CORE_POLICY_INDEX_H

#include "base/arena.h"

struct gp_index;

/* gp_index_new - room for `n` names, in `arena`. */
struct gp_index *gp_index_new(struct gp_arena *arena, size_t n);

/* gp_index_put - names and values are borrowed.  Returns NULL, or the value
 * that has this name already and keeps it. */
void *gp_index_put(struct gp_index *index, const char *name, void *value);

/* gp_index_get - NULL when no value has this name. */
void *gp_index_get(const struct gp_index *index, const char *name);

/* gp_fnv - FNV-1a over n bytes, going on from `hash` (begin: GP_FNV). */
#define GP_FNV UINT64_C(14695981039346656037)
uint64_t gp_fnv(uint64_t hash, const void *p, size_t n);

#endif
