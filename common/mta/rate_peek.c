/* The two questions of core/rate_peek, answered by the store; see rate_own.h.
 */
#include "core/rate_peek.h"

#include "mta/rate_own.h"

bool
gp_rate_request_peek(struct gp_rate_own *own, struct gp_str words,
    struct gp_buf *out)
{
	struct gp_charged made = { .fits = false };
	struct gp_charge charge;

	if (gp_rate_peek_read(words, &charge) != GP_OK) {
		gp_buf_adds(out, "expected KEY COST CAPACITY RATE SHARE "
				 "[MARK]\n");
		return false;
	}
	if (gp_store_peek(own->store, &charge, 1, &made) == GP_TEMP) {
		gp_buf_adds(out, "the store does not answer\n");
		return false;
	}
	gp_rate_peek_answer(&made, out);
	return true;
}

bool
gp_rate_request_note(struct gp_rate_own *own, struct gp_str key,
    struct gp_buf *out)
{
	struct gp_arena *arena;
	struct gp_str note;
	enum gp_rc rc;

	if (!gp_rate_peek_key(key)) {
		gp_buf_adds(out, "expected the key of a note\n");
		return false;
	}
	arena = gp_arena_new();
	rc = gp_store_get(own->store, key, arena, &note);
	if (rc == GP_OK)
		gp_buf_add_str(out, note);
	else if (rc == GP_TEMP)
		gp_buf_adds(out, "the store does not answer\n");
	gp_arena_free(arena);
	return rc == GP_OK || rc == GP_NONE;
}
