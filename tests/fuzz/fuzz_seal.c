/*
 * A field and a position.  No field from outside is sealed; ours is, as it is
 * written; and when one octet of it was changed and the seal still fits, the
 * change did not mean anything.
 */
#include "core/seal.h"
#include "io/seal_key.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gp_seal_key key = { .bytes = { 42 } };

static const struct gp_seal_facts facts = {
	.queue_id = { "4XyZ", 4 },
	.client = { .family = GP_IP_V4, .b = { 192, 0, 2, 1 } },
	.mail_from = { "joe@example.com", 15 },
	.minute = 29600000,
};

static struct gp_str
canonical(const struct gp_authres *ar, struct gp_arena *arena)
{
	struct gp_buf out;
	struct gp_str text;

	gp_buf_init(&out, (size_t)4 * GP_FIELD_MAX);
	gp_authres_canonical(ar, &out);
	text = gp_arena_dup(arena, gp_buf_str(&out));
	gp_buf_clear(&out);
	return text;
}

static bool
read_and_check(struct gp_str text, struct gp_arena *arena,
    struct gp_authres *ar)
{
	size_t props;
	bool good;

	if (gp_authres_parse(text, arena, ar, NULL) != GP_OK || ar->n == 0)
		return false;
	props = ar->result[ar->n - 1].n;
	good = gp_seal_check(ar, &facts, gp_seal_key_mac, &key);
	assert(ar->result[ar->n - 1].n == (good ? props - 1 : props));
	return good;
}

static void
check_own(struct gp_authres *ar, size_t position, struct gp_arena *arena)
{
	struct gp_str before = canonical(ar, arena);
	/* one with a name like it would only make the checks harder to say */
	bool had_one = before.n != 0 &&
	               memmem(before.p, before.n, "gatepost-seal", 13) != NULL;
	struct gp_authres again;
	struct gp_buf text;

	gp_buf_init(&text, GP_FIELD_MAX);
	gp_seal_add(ar, &facts, gp_seal_key_mac, &key, arena);
	gp_authres_format(ar, &text);
	if (text.overflow || had_one ||
	    gp_authres_parse(gp_buf_str(&text), arena, &again, NULL) != GP_OK ||
	    again.n != ar->n ||
	    again.result[ar->n - 1].n != ar->result[ar->n - 1].n) {
		gp_buf_clear(&text);
		return;
	}
	if (memmem(text.p, text.n, "gatepost-seal", 13) != NULL) {
		assert(read_and_check(gp_buf_str(&text), arena, &again));
		assert(gp_str_eq(canonical(&again, arena), before));
		text.p[position % text.n] =
		    (char)(text.p[position % text.n] ^ 1 << position % 7);
		if (read_and_check(gp_buf_str(&text), arena, &again))
			assert(gp_str_eq(canonical(&again, arena), before));
	}
	gp_buf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_authres ar;
	size_t position;

	if (size >= 2) {
		position = (size_t)data[0] << 8 | data[1];
		assert(
		    !read_and_check(gp_str_n((const char *)data + 2, size - 2),
			arena, &ar));
		if (ar.n != 0)
			check_own(&ar, position, arena);
	}
	gp_arena_free(arena);
	return 0;
}
