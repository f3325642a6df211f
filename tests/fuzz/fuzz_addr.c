/*
 * Oracles for a path that was read: no "@" can stand in a domain, so the last
 * one of the raw text must be the one that was split at; the result written
 * in the plainest form reads back as itself; brackets change nothing.
 */
#include "base/buf.h"
#include "core/addr.h"
#include "core/domain.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_domain(const struct gp_addr *a)
{
	char domain[GP_DOMAIN_TEXT];
	size_t at = a->raw.n;

	while (at > 0 && a->raw.p[at - 1] != '@')
		at--;
	assert(at > 0);
	if (a->is_literal) {
		assert(a->raw.p[at] == '[' && a->domain[0] == '[');
		return;
	}
	assert(gp_domain_normalize(gp_str_n(a->raw.p + at, a->raw.n - at),
		   domain, NULL) == GP_OK);
	assert(strcmp(domain, a->domain) == 0);
}

static void
check_rewritten(const struct gp_addr *a, struct gp_arena *arena)
{
	struct gp_addr again;
	struct gp_buf text;

	gp_buf_init(&text, (size_t)2 * GP_PATH_MAX);
	gp_buf_adds(&text, "<\"");
	for (size_t i = 0; i < a->local.n; i++) {
		if (a->local.p[i] == '"' || a->local.p[i] == '\\')
			gp_buf_addc(&text, '\\');
		gp_buf_addc(&text, a->local.p[i]);
	}
	gp_buf_addf(&text, "\"@%s>", a->domain);
	assert(!text.overflow);
	assert(gp_addr_parse(gp_buf_str(&text), false, arena, &again, NULL) ==
	       GP_OK);
	assert(gp_str_eq(again.local, a->local));
	assert(strcmp(again.domain, a->domain) == 0);
	assert(again.is_literal == a->is_literal && !again.is_null);
	gp_buf_clear(&text);
}

static void
check_bare(const struct gp_addr *a, struct gp_arena *arena)
{
	struct gp_addr bare;

	assert(gp_addr_parse(a->raw, false, arena, &bare, NULL) == GP_OK);
	assert(gp_str_eq(bare.local, a->local));
	assert(gp_str_eq(bare.raw, a->raw));
	assert(strcmp(bare.domain, a->domain) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str arg = gp_str_n((const char *)data, size);
	struct gp_arena *arena = gp_arena_new();
	struct gp_addr a;
	struct gp_err err;

	for (int rcpt = 0; rcpt < 2; rcpt++) {
		if (gp_addr_parse(arg, rcpt != 0, arena, &a, &err) != GP_OK) {
			assert(!a.is_null && a.domain == NULL);
			assert(a.raw.n <= GP_PATH_MAX && a.local.n == 0);
			assert(gp_str_is_text(gp_str(err.msg)));
			continue;
		}
		assert(gp_str_is_text(a.local) && gp_str_is_text(a.raw));
		assert(a.local.n <= GP_LOCAL_PART_MAX);
		assert(!(rcpt && a.is_null));
		if (a.domain == NULL) {
			assert(a.is_null || rcpt);
			continue;
		}
		check_domain(&a);
		check_rewritten(&a, arena);
		check_bare(&a, arena);
	}
	gp_arena_free(arena);
	return 0;
}
