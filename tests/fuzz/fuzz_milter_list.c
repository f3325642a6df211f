/*
 * milter_list: the elements of a list are those of the list that is written
 * from them, and sorting keeps each of them.
 */
#include "core/milter_list.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
	do {                                                                   \
		if (!(what)) {                                                 \
			(void)fprintf(stderr, "broken: %s\n", #what);          \
			abort();                                               \
		}                                                              \
	} while (0)

/* Ranks that turn the order of the elements around. */
static void
turn(const struct gp_milter_list *list, int *rank)
{
	for (size_t i = 0; i < list->n; i++)
		rank[i] = (int)(list->n - 1 - i);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	/* postconf prints text: no NUL */
	struct gp_str text =
	    gp_str_n((const char *)data, strnlen((const char *)data, size));
	struct gp_milter_list list, again;
	int rank[GP_MILTER_LIST_MAX];
	const char *sorted;

	gp_milter_list_read(arena, text, &list);
	REQUIRE(list.n <= GP_MILTER_LIST_MAX);
	for (size_t i = 0; i < list.n; i++)
		REQUIRE(list.v[i].raw[0] != '\0');
	turn(&list, rank);
	sorted = gp_milter_list_sorted(arena, &list, rank);
	/* only a brace without its partner takes in what stands beside it */
	if (list.n > 0 && strpbrk(sorted, "{}()") == NULL) {
		gp_milter_list_read(arena, gp_str(sorted), &again);
		REQUIRE(again.n == list.n);
		for (size_t i = 0; i < list.n; i++)
			REQUIRE(strcmp(again.v[i].raw,
				    list.v[list.n - 1 - i].raw) == 0);
	}
	gp_arena_free(arena);
	return 0;
}
