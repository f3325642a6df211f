/* See rate_warm.h. */
#include "mta/rate_warm.h"

#include <string.h>

/* A state outlives the longest pause that counts. */
#define KEEP_MS (INT64_C(60) * 86400 * 1000)

static double
used_on(struct gp_store *store, const struct gp_rate_warm *warm, int64_t day,
    struct gp_arena *arena)
{
	struct gp_charge c = gp_rate_day_charge(warm->block, warm->provider,
	    day, warm->cap, arena);
	struct gp_charged was;

	switch (gp_store_peek(store, &c, 1, &was)) {
	case GP_OK: /* the level with one recipient more */
		return was.level - c.cost;
	case GP_NONE:
		return was.level;
	case GP_TEMP:
	case GP_PERM:
		break;
	}
	return 0;
}

/* The state of today, which is written when it is new. */
static struct gp_warmup_state
advance(struct gp_store *store, struct gp_rate_warm *warm,
    const struct gp_warmup_state *old, struct gp_arena *arena)
{
	struct gp_warmup_state state;
	char text[GP_WARMUP_TEXT];

	if (old == NULL) {
		state = gp_warmup_begin(warm->day);
	} else {
		warm->cap = gp_warmup_cap(old, &warm->rule);
		state = gp_warmup_next(old, &warm->rule,
		    used_on(store, warm, old->day, arena), warm->day);
	}
	gp_warmup_format(&state, text);
	gp_store_put(store,
	    gp_rate_warmup_key(warm->block, warm->provider, arena),
	    gp_str(text), KEEP_MS);
	return state;
}

struct gp_rate_warm
gp_rate_warm_find(struct gp_store *store, const struct gp_policy *block,
    const struct gp_warmup_policy *warmup, const char *provider, int64_t today,
    struct gp_arena *arena)
{
	struct gp_rate_warm warm = { .warmup = warmup,
		.block = block->domain,
		.provider = provider,
		.rule = gp_warmup_rule_of(warmup, provider),
		.day = today };
	struct gp_warmup_state state = gp_warmup_begin(today);
	struct gp_str text;
	enum gp_rc rc = gp_store_get(store,
	    gp_rate_warmup_key(warm.block, provider, arena), arena, &text);

	if (rc == GP_OK && gp_warmup_parse(text, &state) != GP_OK)
		rc = GP_NONE;
	if (rc == GP_NONE)
		state = advance(store, &warm, NULL, arena);
	else if (rc == GP_OK && state.day < today)
		state = advance(store, &warm, &state, arena);
	warm.cap = gp_warmup_cap(&state, &warm.rule);
	return warm;
}
