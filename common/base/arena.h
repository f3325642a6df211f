/*
 * arena - memory that lives as long as one connection or one message.
 *
 * Everything taken from an arena goes at once when it is cleared; nothing is
 * freed singly.  Handles of foreign libraries are registered with
 * gp_arena_on_clear() and closed, last registered first, before the memory.
 *
 * Purity:   pure (allocates; out of memory aborts).
 * Threads:  one arena, one thread at a time.
 */
#ifndef GP_BASE_ARENA_H
#define GP_BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

struct gp_arena;

/* gp_arena_new - an empty arena; gp_arena_free it.  Never NULL. */
struct gp_arena *gp_arena_new(void);
void gp_arena_free(struct gp_arena *a); /* NULL is allowed */

/* gp_arena_clear - run the clean-ups, give all memory back but one block. */
void gp_arena_clear(struct gp_arena *a);

/* gp_arena_alloc - n zeroed bytes, aligned for any object; never NULL. */
void *gp_arena_alloc(struct gp_arena *a, size_t n)
    __attribute__((alloc_size(2), returns_nonnull));

/* Copies in the arena; the text forms are NUL-terminated. */
char *gp_arena_strdup(struct gp_arena *a, const char *s)
    __attribute__((returns_nonnull));
char *gp_arena_strndup(struct gp_arena *a, const char *s, size_t n)
    __attribute__((returns_nonnull));
struct gp_str gp_arena_dup(struct gp_arena *a, struct gp_str s);
char *gp_arena_printf(struct gp_arena *a, const char *fmt, ...) GP_PRINTF(2, 3)
    __attribute__((returns_nonnull));

/* gp_arena_on_clear - call fn(arg) when the arena is cleared or freed. */
void gp_arena_on_clear(struct gp_arena *a, void (*fn)(void *), void *arg);

/* gp_arena_bytes - bytes handed out since the last clear. */
size_t gp_arena_bytes(const struct gp_arena *a);

#endif
