/*
 * postfix_items - settings of main.cf and master.cf, with what each is to
 * become.
 *
 * Purity:   pure.
 * Threads:  one list, one thread at a time.
 */
#ifndef GP_CORE_POSTFIX_ITEMS_H
#define GP_CORE_POSTFIX_ITEMS_H

#include "base/arena.h"

/* One parameter, of main.cf or of a service. */
struct gp_postfix_item {
	const char *service; /* "submission/inet"; NULL: main.cf */
	const char *name;
	const char *before; /* NULL: it is not set */
	const char *after;  /* NULL: it is to be not set */
	const char *old;    /* before gatepost came; NULL: it was not set */
};

struct gp_postfix_items {
	struct gp_arena *arena;
	size_t n, cap;
	struct gp_postfix_item *v;
};

void
gp_postfix_items_init(struct gp_postfix_items *items, struct gp_arena *arena);

/* gp_postfix_items_add - a copy of the item; its texts are borrowed. */
void gp_postfix_items_add(struct gp_postfix_items *items,
    const struct gp_postfix_item *item);

/* gp_postfix_items_find - or NULL. */
struct gp_postfix_item *
gp_postfix_items_find(const struct gp_postfix_items *items, const char *service,
    const char *name);

/* gp_postfix_items_read - what postconf -n prints, as `before` of main.cf. */
void gp_postfix_items_read(struct gp_postfix_items *items, struct gp_str text);

/* gp_postfix_item_changes - is `after` another than `before`? */
bool gp_postfix_item_changes(const struct gp_postfix_item *item);
bool gp_postfix_items_change(const struct gp_postfix_items *items);

#endif
