/*
 * The crude reader against the strict one, which it must never fall behind,
 * and against what it can not possibly mean: a field without comments that
 * does not even have the letters of the id in this order.
 */
#include "core/authres.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const ids[] = { "mx.example.com", "a.b", "x",
	"mx.xn--mnchen-3ya.example" };

static bool
strict_says_ours(struct gp_str field, const char *id)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_authres ar;
	bool ours = false;

	if (gp_authres_parse(field, arena, &ar, NULL) == GP_OK) {
		if (ar.id.n != 0 && ar.id.p[ar.id.n - 1] == '.')
			ar.id.n--;
		ours = gp_str_eq_nocase(ar.id, gp_str(id));
	}
	gp_arena_free(arena);
	return ours;
}

/* Are the letters of the id anywhere, whatever stands between them? */
static bool
letters_are_there(struct gp_str field, const char *id)
{
	char *letters = malloc(field.n + 1);
	size_t n = 0;
	bool found;

	assert(letters != NULL);
	for (size_t i = 0; i < field.n; i++) {
		char c = field.p[i];

		if ((unsigned char)c > 0x7f || c == '(') {
			free(letters);
			return true; /* not to be said this simply */
		}
		if (gp_is_alnum(c) || c == '.' || c == '-' || c == '_')
			letters[n++] = gp_lower(c);
	}
	found = memmem(letters, n, id, strlen(id)) != NULL;
	free(letters);
	return found;
}

/* The same field behind or before something that means nothing. */
static bool
claims_with(const char *before, struct gp_str field, const char *behind,
    const char *id)
{
	struct gp_buf text;
	bool claimed;

	gp_buf_init(&text, field.n + 16);
	gp_buf_adds(&text, before);
	gp_buf_add_str(&text, field);
	gp_buf_adds(&text, behind);
	claimed = gp_authres_claims(gp_buf_str(&text), id);
	gp_buf_clear(&text);
	return claimed;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str field = gp_str_n((const char *)data, size);

	const char *id = ids[size % (sizeof(ids) / sizeof(ids[0]))];
	bool claimed = gp_authres_claims(field, id);

	assert(claimed || !strict_says_ours(field, id));
	assert(!claimed || letters_are_there(field, id));
	assert(claims_with(" ;\t", field, "", id) == claimed);
	assert(!claimed || claims_with("", field, ";", id));
	return 0;
}
