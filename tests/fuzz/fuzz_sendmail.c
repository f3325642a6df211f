/*
 * What Sendmail is said to send it leaves alone when it comes again, and whom
 * it names are the same in it as before.
 *
 * Input: the value of an address field.
 */
#include "core/mailbox.h"
#include "core/sendmail.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 4096

static struct gp_field
sent(struct gp_arena *arena, struct gp_str value)
{
	struct gp_header h = { .n = 0 }, out;

	gp_header_add(&h, arena, GP_STR("To"), value);
	gp_sendmail_header(&h, arena, &out);
	return out.v[0];
}

static void
assert_same_mailboxes(struct gp_arena *arena, struct gp_str a, struct gp_str b)
{
	struct gp_mailboxes before, after;

	if (gp_mailboxes_parse(a, arena, &before, NULL) != GP_OK ||
	    gp_mailboxes_parse(b, arena, &after, NULL) != GP_OK)
		return;
	assert(before.n == after.n);
	for (size_t i = 0; i < before.n; i++) {
		assert(gp_str_eq(before.v[i].local, after.v[i].local));
		assert(strcmp(before.v[i].domain, after.v[i].domain) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct gp_str value = gp_str_n((const char *)data, size);
	struct gp_arena *arena;
	struct gp_field once, twice;

	if (size > INPUT_MAX)
		return 0;
	arena = gp_arena_new();
	once = sent(arena, value);
	if (!once.unsettled) {
		twice = sent(arena, once.value);
		assert(!twice.unsettled);
		assert(gp_str_eq(once.value, twice.value));
		assert_same_mailboxes(arena, value, once.value);
	}
	gp_arena_free(arena);
	return 0;
}
