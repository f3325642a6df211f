/* See arena.h. */
#include "base/arena.h"

#include "base/xalloc.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks double from the first to the last size: a held connection that says
 * little costs little, and a message soon gets all it needs at once. */
#define BLOCK_FIRST 512
#define BLOCK_LAST  4096

struct block {
	struct block *next;
	size_t used;
	size_t size;
	alignas(max_align_t) unsigned char data[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *);
	void *arg;
};

struct gp_arena {
	struct block *blocks; /* newest first */
	struct cleanup *cleanups;
	size_t bytes;
};

static struct block *
block_new(size_t size)
{
	struct block *b;

	if (size > SIZE_MAX - sizeof(*b))
		abort();
	b = gp_xcalloc(1, sizeof(*b) + size);
	b->size = size;
	return b;
}

struct gp_arena *
gp_arena_new(void)
{
	return gp_xcalloc(1, sizeof(struct gp_arena));
}

static void
run_cleanups(struct gp_arena *a)
{
	struct cleanup *c;

	while ((c = a->cleanups) != NULL) {
		a->cleanups = c->next;
		c->fn(c->arg);
	}
}

void
gp_arena_clear(struct gp_arena *a)
{
	struct block *keep = NULL;

	run_cleanups(a);
	while (a->blocks != NULL) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		if (keep == NULL && b->size <= BLOCK_LAST)
			keep = b; /* the newest is the largest of these */
		else
			free(b);
	}
	if (keep != NULL) {
		memset(keep->data, 0, keep->used);
		keep->used = 0;
		keep->next = NULL;
	}
	a->blocks = keep;
	a->bytes = 0;
}

void
gp_arena_free(struct gp_arena *a)
{
	if (a == NULL)
		return;
	gp_arena_clear(a);
	free(a->blocks);
	free(a);
}

/* What the next ordinary block has; blocks of an odd size do not count. */
static size_t
next_size(const struct gp_arena *a)
{
	if (a->blocks == NULL)
		return BLOCK_FIRST;
	return a->blocks->size >= BLOCK_LAST / 2 ? BLOCK_LAST
	                                         : a->blocks->size * 2;
}

/* A large request gets a block of its own, behind the current one, so that
 * what is left of the current one stays in use. */
static struct block *
block_for(struct gp_arena *a, size_t n)
{
	struct block *b = a->blocks;
	size_t size = next_size(a);

	if (b != NULL && n <= b->size - b->used)
		return b;
	if (b != NULL && n > size / 2) {
		struct block *own = block_new(n);

		own->next = b->next;
		b->next = own;
		return own;
	}
	b = block_new(n > size ? n : size);
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

void *
gp_arena_alloc(struct gp_arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	struct block *b;
	void *p;

	if (n > SIZE_MAX - align)
		abort();
	n = (n + align - 1) / align * align;
	b = block_for(a, n);
	p = b->data + b->used;
	b->used += n;
	a->bytes += n;
	return p;
}

char *
gp_arena_strndup(struct gp_arena *a, const char *s, size_t n)
{
	char *copy = gp_arena_alloc(a, n + 1);

	if (n != 0)
		memcpy(copy, s, n);
	return copy;
}

char *
gp_arena_strdup(struct gp_arena *a, const char *s)
{
	return gp_arena_strndup(a, s, strlen(s));
}

struct gp_str
gp_arena_dup(struct gp_arena *a, struct gp_str s)
{
	return gp_str_n(gp_arena_strndup(a, s.p, s.n), s.n);
}

char *
gp_arena_printf(struct gp_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	text = gp_arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}

void
gp_arena_on_clear(struct gp_arena *a, void (*fn)(void *), void *arg)
{
	struct cleanup *c = gp_arena_alloc(a, sizeof(*c));

	c->fn = fn;
	c->arg = arg;
	c->next = a->cleanups;
	a->cleanups = c;
}

size_t
gp_arena_bytes(const struct gp_arena *a)
{
	return a->bytes;
}
