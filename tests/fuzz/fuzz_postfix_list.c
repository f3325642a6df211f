/* Lists of milters of any octets, and the state file: what comes off again is
 * what was there. */
#include "core/postfix_list.h"
#include "core/postfix_master.h"
#include "core/postfix_state.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OURS "gatepost_inbound_milters"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool what)
{
	if (!what)
		abort();
}

static bool
is_reference(struct gp_str e)
{
	return gp_str_eq(e, GP_STR("$" OURS)) ||
	       gp_str_eq(e, GP_STR("${" OURS "}")) ||
	       gp_str_eq(e, GP_STR("$(" OURS ")"));
}

/* The same elements in the same order, but for references to ours. */
static void
same_others(struct gp_str a, struct gp_str b)
{
	struct gp_str x, y;
	enum gp_rc ra, rb;

	for (;;) {
		do
			ra = gp_postfix_list_next(&a, &x);
		while (ra == GP_OK && is_reference(x));
		rb = gp_postfix_list_next(&b, &y);
		must(ra == rb);
		if (ra == GP_PERM)
			must(gp_str_eq(a, b));
		if (ra != GP_OK)
			return;
		must(gp_str_eq(x, y) && !is_reference(y));
	}
}

static void
try_list(struct gp_str value)
{
	struct gp_buf added, removed, packed;

	gp_buf_init(&added, SIZE_MAX);
	gp_buf_init(&removed, SIZE_MAX);
	gp_buf_init(&packed, SIZE_MAX);
	gp_postfix_list_add(&added, OURS, value);
	must(gp_postfix_list_has(gp_buf_str(&added), OURS));
	must(gp_postfix_refers(gp_buf_str(&added), OURS));
	gp_postfix_list_remove(&removed, OURS, gp_buf_str(&added));
	must(!gp_postfix_list_has(gp_buf_str(&removed), OURS));
	same_others(gp_str_trim(value), gp_buf_str(&removed));
	if (gp_postfix_list_has(value, OURS))
		must(gp_postfix_refers(value, OURS));
	if (gp_postfix_list_pack(&packed, value, NULL) == GP_OK)
		for (size_t i = 0; i < packed.n; i++)
			must(!gp_is_space(packed.p[i]));
	must(gp_postfix_list_check(value, NULL) ==
		 gp_postfix_list_check(gp_buf_str(&packed), NULL) ||
	     packed.n == 0);
	gp_buf_clear(&added);
	gp_buf_clear(&removed);
	gp_buf_clear(&packed);
}

/* What was read is written, and read again, the same. */
static void
try_state(struct gp_str text, struct gp_arena *arena)
{
	struct gp_postfix_state s, again;
	struct gp_buf one, two;

	if (gp_postfix_state_parse(text, arena, &s, NULL) != GP_OK)
		return;
	gp_buf_init(&one, SIZE_MAX);
	gp_buf_init(&two, SIZE_MAX);
	gp_postfix_state_format(&s, &one);
	must(gp_postfix_state_parse(gp_buf_str(&one), arena, &again, NULL) ==
	     GP_OK);
	must(again.items.n == s.items.n);
	gp_postfix_state_format(&again, &two);
	must(gp_str_eq(gp_buf_str(&one), gp_buf_str(&two)));
	gp_buf_clear(&one);
	gp_buf_clear(&two);
}

/* A line of it is a service or an override, if anything. */
static void
try_services(struct gp_str text, struct gp_arena *arena)
{
	struct gp_postfix_services all;

	gp_postfix_services_read(arena, text, text, &all);
	must(all.n <= GP_POSTFIX_SERVICES_MAX);
	for (size_t i = 0; i < all.n; i++) {
		must(strchr(all.v[i].name, '/') != NULL);
		must(all.v[i].command[0] != '\0');
		(void)gp_postfix_use(&all.v[i]);
	}
	(void)gp_postfix_chrooted(&all, "");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str text = gp_str_n((const char *)data, size);
	struct gp_arena *arena;

	if (size > 4096)
		return -1;
	arena = gp_arena_new();
	if (memchr(data, '\0', size) == NULL)
		try_list(text);
	try_state(text, arena);
	try_services(text, arena);
	gp_arena_free(arena);
	return 0;
}
