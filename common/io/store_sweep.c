/* See store_sweep.h. */
#include "io/store_sweep.h"

#include "base/time.h"
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_FEW  8
#define LOOK_MANY 64
#define LOOKS     4
#define GONE_ONCE 16 /* of LOOK_MANY, when they are still worth something */

#define SOON_MIN_MS 60000
#define SOON_MAX_MS INT64_C(34560000000) /* 400 days */

/* A clock that went back a little may come forward again: what is too old stays
 * for so long, and what lies ahead by more will not be reached. */
#define GRACE_MS 1200000

struct seen {
	int64_t gone_ms; /* INT64_MIN: it is damaged */
	int64_t until_ms;
	int64_t at_ms;
	size_t n;
	char key[GP_STORE_KEY_BYTES];
};

struct look {
	struct gp_lmdb_env *env;
	int64_t now_ms;
	struct seen *seen;
	size_t n;
};

struct gp_str
gp_store_sweep_at(const struct gp_store_sweep *s)
{
	return gp_str_n(s->at, s->n);
}

void
gp_store_sweep_set(struct gp_store_sweep *s, struct gp_str at)
{
	s->n = at.n <= sizeof(s->at) ? at.n : 0;
	if (s->n > 0)
		memcpy(s->at, at.p, s->n);
	s->known = true;
}

/* A key that is too long is not ours; it goes as it is found. */
static void
note(struct look *l, struct gp_str key, struct gp_str value)
{
	struct seen *seen = &l->seen[l->n];
	struct gp_store_value v;

	if (key.n == 0 || key.n > sizeof(seen->key) ||
	    key.p[0] == GP_STORE_KEY_CLOCK)
		return;
	memcpy(seen->key, key.p, key.n);
	seen->n = key.n;
	seen->gone_ms = seen->until_ms = seen->at_ms = INT64_MIN;
	if (gp_store_value_decode(key, value, &v) == GP_OK) {
		seen->gone_ms = v.gone_ms;
		seen->until_ms = v.until_ms;
		seen->at_ms = v.at_ms;
	}
	l->n++;
}

/* The next entries from where the sweep is; behind the last, from the start. */
static void
look_at(struct look *l, struct gp_store_sweep *s, size_t most)
{
	struct gp_str key, value;
	enum gp_rc rc =
	    gp_lmdb_seek(l->env, gp_store_sweep_at(s), &key, &value);

	l->n = 0;
	for (size_t i = 0; rc == GP_OK && i < most; i++) {
		note(l, key, value);
		rc = gp_lmdb_next(l->env, &key, &value);
	}
	gp_store_sweep_set(s, rc == GP_OK ? key : GP_STR(""));
}

static int
compare(const void *left, const void *right)
{
	const struct seen *a = left, *b = right;

	return a->gone_ms < b->gone_ms ? -1 : a->gone_ms > b->gone_ms;
}

/* What lies ahead would be kept for ever. */
static void
bring_back(const struct look *l, const struct seen *seen)
{
	const struct gp_str key = gp_str_n(seen->key, seen->n);
	uint8_t bytes[GP_STORE_VALUE_BYTES];
	struct gp_store_value v;
	struct gp_str value;

	if (gp_lmdb_get(l->env, key, &value) != GP_OK ||
	    gp_store_value_decode(key, value, &v) != GP_OK)
		return;
	gp_store_value_bring_back(&v, l->now_ms);
	/* one that fails makes the transaction fail */
	(void)gp_lmdb_put(l->env, key,
	    gp_str_n((const char *)bytes,
		gp_store_value_encode(key, &v, bytes)));
}

static void
sweep_few(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct seen *seen = &l->seen[i];

		if (seen->until_ms < l->now_ms - GRACE_MS)
			(void)gp_lmdb_del(l->env, gp_str_n(seen->key, seen->n));
		else if (seen->at_ms > l->now_ms + GRACE_MS)
			bring_back(l, seen);
	}
}

/* What is worth nothing at `soon_ms`, but no more than `most` of what still
 * is. */
static size_t
sweep_many(struct look *l, int64_t soon_ms, size_t most)
{
	size_t i = 0;

	qsort(l->seen, l->n, sizeof(l->seen[0]), compare);
	while (i < l->n && l->seen[i].gone_ms <= soon_ms &&
	       (l->seen[i].gone_ms <= l->now_ms || i < most)) {
		(void)gp_lmdb_del(l->env,
		    gp_str_n(l->seen[i].key, l->seen[i].n));
		i++;
	}
	return i;
}

static void
adapt(struct gp_store_sweep *s, bool found)
{
	if (found)
		s->soon_ms -= s->soon_ms / 8;
	else
		s->soon_ms += s->soon_ms / 8;
	if (s->soon_ms < SOON_MIN_MS)
		s->soon_ms = SOON_MIN_MS;
	if (s->soon_ms > SOON_MAX_MS)
		s->soon_ms = SOON_MAX_MS;
}

static void
sweep_for_room(struct gp_store_sweep *s, struct look *l, size_t entries)
{
	const size_t looks = entries / LOOK_MANY + LOOKS;
	size_t gone = 0;

	for (size_t i = 0; i < looks && gone < entries; i++) {
		look_at(l, s, LOOK_MANY);
		gone += sweep_many(l, gp_time_add(l->now_ms, s->soon_ms),
		    entries - gone);
	}
	adapt(s, gone >= entries);
}

static void
sweep_at_any_price(struct gp_store_sweep *s, struct look *l, size_t entries)
{
	const size_t looks = entries / GONE_ONCE + LOOKS;
	size_t gone = 0;

	for (size_t i = 0; i < looks && gone < entries; i++) {
		look_at(l, s, LOOK_MANY);
		gone += sweep_many(l, INT64_MAX, GONE_ONCE);
	}
}

void
gp_store_sweep(struct gp_store_sweep *s, struct gp_lmdb_env *env,
    int64_t now_ms, struct gp_store_need need)
{
	struct look l = { .env = env, .now_ms = now_ms };
	const size_t look = 2 + 2 * need.added;
	struct seen few[LOOK_FEW];

	if (need.entries == 0) {
		l.seen = few;
		look_at(&l, s, look < LOOK_FEW ? look : LOOK_FEW);
		sweep_few(&l);
		return;
	}
	l.seen = gp_xcalloc(LOOK_MANY, sizeof(*l.seen));
	if (need.at_any_price)
		sweep_at_any_price(s, &l, need.entries);
	else
		sweep_for_room(s, &l, need.entries);
	free(l.seen);
}
