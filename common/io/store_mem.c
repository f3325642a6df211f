/*
 * See store_backend.h.
 *
 * One table of meters, marks and notes, under one lock: a call holds it for
 * about a microsecond, and with one lock all or none is plain.  The hash is
 * keyed, since senders choose keys.
 *
 * A heap has every item by the time from which it is worth nothing: a meter
 * when it is empty or too old, the others when they are too old.  What is
 * worth nothing goes in passing; when there is no room, what will be first.
 * Charges put that time off, so the heap is not told: an item that comes to
 * its top too early goes back down.
 */
#include "io/store_backend.h"

#include "base/siphash.h"
#include "base/time.h"
#include "base/xalloc.h"
#include "io/random.h"
#include "io/store_step.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FEW 1024
/* Of an item: what malloc adds, its places in the table and in the heap. */
#define ITEM_EXTRA 48
/* What goes in passing: items looked at for each that is new, and how long
 * they must have been worth nothing: the clock may go back, too. */
#define GONE_AT_ONCE 2
#define GONE_MS      900000

enum item_kind {
	ITEM_METER = GP_STORE_METER,
	ITEM_MARK = GP_STORE_MARK,
	ITEM_NOTE,
};

struct item {
	struct item *next; /* in its bucket */
	int64_t until_ms;
	int64_t gone_ms; /* from then on it is worth nothing */
	struct gp_meter meter;
	uint32_t hash;  /* half of it */
	uint32_t place; /* in the heap */
	uint16_t note;  /* octets */
	uint8_t key;    /* octets */
	uint8_t kind;
	char text[]; /* key, note */
};

struct heaped {
	int64_t gone_ms; /* or earlier */
	struct item *item;
};

struct mem {
	pthread_mutex_t lock;
	uint64_t seed[2];
	struct item **bucket;
	size_t buckets; /* a power of two */
	struct heaped *heap;
	size_t items;
	size_t heap_size;
	size_t bytes;
	size_t max_bytes;
};

static_assert(GP_CHARGE_KEY_MAX <= UINT8_MAX, "the length of a key");
static_assert(GP_STORE_NOTE_MAX <= UINT16_MAX, "the length of a note");

/* -- the heap --------------------------------------------------------------
 */

static void
heap_set(struct mem *m, size_t place, struct heaped h)
{
	m->heap[place] = h;
	h.item->place = (uint32_t)place;
}

static void
heap_up(struct mem *m, size_t place, struct heaped h)
{
	while (place > 0 && m->heap[(place - 1) / 2].gone_ms > h.gone_ms) {
		heap_set(m, place, m->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_set(m, place, h);
}

static void
heap_down(struct mem *m, size_t place, struct heaped h)
{
	size_t child;

	while ((child = 2 * place + 1) < m->items) {
		if (child + 1 < m->items &&
		    m->heap[child + 1].gone_ms < m->heap[child].gone_ms)
			child++;
		if (m->heap[child].gone_ms >= h.gone_ms)
			break;
		heap_set(m, place, m->heap[child]);
		place = child;
	}
	heap_set(m, place, h);
}

static void
heap_add(struct mem *m, struct item *item)
{
	if (m->items == m->heap_size) {
		m->heap_size = m->heap_size == 0 ? 64 : 2 * m->heap_size;
		m->heap = gp_xrealloc(m->heap, m->heap_size, sizeof(*m->heap));
	}
	m->items++;
	heap_up(m, m->items - 1, (struct heaped){ item->gone_ms, item });
}

static void
heap_remove(struct mem *m, size_t place)
{
	const struct heaped last = m->heap[--m->items];

	if (place == m->items)
		return;
	if (place > 0 && last.gone_ms < m->heap[(place - 1) / 2].gone_ms)
		heap_up(m, place, last);
	else
		heap_down(m, place, last);
}

/* heap_top_is_true - is the first item worth nothing first?  If the top was too
 * early, it has gone down. */
static bool
heap_top_is_true(struct mem *m)
{
	struct heaped top = m->heap[0];

	if (top.gone_ms >= top.item->gone_ms)
		return true;
	top.gone_ms = top.item->gone_ms;
	heap_down(m, 0, top);
	return false;
}

/* -- the table -------------------------------------------------------------
 */

static uint32_t
hash_of(const struct mem *m, enum item_kind kind, struct gp_str key)
{
	const uint64_t seed[2] = { m->seed[0], m->seed[1] ^ kind };

	return (uint32_t)gp_siphash(seed, key.p, key.n);
}

static bool
is_it(const struct item *item, enum item_kind kind, struct gp_str key)
{
	return item->kind == kind && item->key == key.n &&
	       memcmp(item->text, key.p, key.n) == 0;
}

static struct item *
find(const struct mem *m, enum item_kind kind, struct gp_str key)
{
	const uint32_t hash = hash_of(m, kind, key);
	struct item *item = m->bucket[hash & (m->buckets - 1)];

	while (item != NULL && (item->hash != hash || !is_it(item, kind, key)))
		item = item->next;
	return item;
}

static size_t
item_bytes(const struct item *item)
{
	return sizeof(*item) + item->key + item->note + ITEM_EXTRA;
}

static void
forget(struct mem *m, size_t place)
{
	struct item *item = m->heap[place].item;
	struct item **link = &m->bucket[item->hash & (m->buckets - 1)];

	while (*link != item)
		link = &(*link)->next;
	*link = item->next;
	heap_remove(m, place);
	m->bytes -= item_bytes(item);
	free(item);
}

static void
grow(struct mem *m)
{
	const size_t buckets = 2 * m->buckets;
	struct item **bucket = gp_xcalloc(buckets, sizeof(struct item *));

	for (size_t i = 0; i < m->items; i++) {
		struct item *item = m->heap[i].item;
		struct item **first = &bucket[item->hash & (buckets - 1)];

		item->next = *first;
		*first = item;
	}
	free(m->bucket);
	m->bucket = bucket;
	m->buckets = buckets;
}

/* Room for one more. */
static void
make_room(struct mem *m, int64_t now_ms, size_t bytes)
{
	const int64_t gone_ms = gp_time_sub(now_ms, GONE_MS);

	for (int i = 0;
	     i < GONE_AT_ONCE && m->items > 0 && m->heap[0].gone_ms <= gone_ms;
	     i++)
		if (heap_top_is_true(m))
			forget(m, 0);
	while (m->items > 0 && m->bytes + bytes > m->max_bytes)
		if (heap_top_is_true(m))
			forget(m, 0);
}

static struct item *
add(struct mem *m, int64_t now_ms, const struct item *model, struct gp_str key,
    struct gp_str note)
{
	struct item *item = gp_xcalloc(1, sizeof(*item) + key.n + note.n);
	struct item **first;

	*item = *model;
	item->hash = hash_of(m, (enum item_kind)model->kind, key);
	item->key = (uint8_t)key.n;
	item->note = (uint16_t)note.n;
	memcpy(item->text, key.p, key.n);
	if (note.n > 0)
		memcpy(item->text + key.n, note.p, note.n);
	make_room(m, now_ms, item_bytes(item));
	if (m->items >= m->buckets)
		grow(m);
	first = &m->bucket[item->hash & (m->buckets - 1)];
	item->next = *first;
	*first = item;
	heap_add(m, item);
	m->bytes += item_bytes(item);
	return item;
}

/* -- meters and marks ------------------------------------------------------
 */

static void
fetch(const struct mem *m, struct gp_store_cell *cell)
{
	const struct item *item =
	    find(m, (enum item_kind)cell->kind, cell->key);

	if (item == NULL)
		return;
	cell->meter = item->meter;
	cell->until_ms = item->until_ms;
}

static void
write_cell(struct mem *m, int64_t now_ms, const struct gp_store_cell *cell)
{
	struct item *item = find(m, (enum item_kind)cell->kind, cell->key);
	const int64_t gone_ms =
	    cell->kind == GP_STORE_METER
		? gp_time_min(cell->until_ms, cell->empty_ms)
		: cell->until_ms;

	if (cell->until_ms == 0) {
		if (item != NULL)
			forget(m, item->place);
		return;
	}
	if (item == NULL)
		item = add(m, now_ms,
		    &(struct item){ .kind = (uint8_t)cell->kind,
			.gone_ms = gone_ms },
		    cell->key, (struct gp_str){ 0 });
	item->meter = cell->meter;
	item->until_ms = cell->until_ms;
	item->gone_ms = gone_ms;
	if (gone_ms < m->heap[item->place].gone_ms)
		heap_up(m, item->place, (struct heaped){ gone_ms, item });
}

static enum gp_rc
mem_apply(void *self, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	struct mem *m = self;
	struct gp_store_cells cells;
	enum gp_rc rc;

	gp_store_cells_init(&cells, charges, n);
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < cells.n; i++)
		fetch(m, &cells.cell[i]);
	rc = gp_store_step(&cells, how, now_ms, charges, out);
	for (size_t i = 0; i < cells.n; i++)
		if (cells.cell[i].dirty)
			write_cell(m, now_ms, &cells.cell[i]);
	pthread_mutex_unlock(&m->lock);
	gp_store_cells_clear(&cells);
	return rc;
}

/* -- notes -----------------------------------------------------------------
 */

static enum gp_rc
mem_put(void *self, int64_t now_ms, struct gp_str key, struct gp_str value,
    int64_t keep_ms)
{
	struct mem *m = self;
	const int64_t until_ms = gp_time_add(now_ms, keep_ms);
	struct item *old;

	pthread_mutex_lock(&m->lock);
	old = find(m, ITEM_NOTE, key);
	if (old != NULL)
		forget(m, old->place);
	(void)add(m, now_ms,
	    &(struct item){ .kind = ITEM_NOTE,
		.until_ms = until_ms,
		.gone_ms = until_ms },
	    key, value);
	pthread_mutex_unlock(&m->lock);
	return GP_OK;
}

static enum gp_rc
mem_get(void *self, int64_t now_ms, struct gp_str key, struct gp_arena *arena,
    struct gp_str *value)
{
	struct mem *m = self;
	const struct item *item;
	bool there;

	pthread_mutex_lock(&m->lock);
	item = find(m, ITEM_NOTE, key);
	there = item != NULL && item->until_ms > now_ms;
	if (there)
		*value = gp_arena_dup(arena,
		    gp_str_n(item->text + item->key, item->note));
	pthread_mutex_unlock(&m->lock);
	return there ? GP_OK : GP_NONE;
}

/* -- for the operator ------------------------------------------------------
 */

/* A meter, copied: the walk calls out, and must not hold the lock then. */
struct seen {
	struct gp_meter meter;
	size_t key;
	char text[GP_CHARGE_KEY_MAX];
};

static bool
walks_to(const struct item *item, int64_t now_ms, struct gp_str prefix)
{
	return item->kind == ITEM_METER && item->until_ms > now_ms &&
	       item->key >= prefix.n &&
	       (prefix.n == 0 || memcmp(item->text, prefix.p, prefix.n) == 0);
}

static struct seen *
copy_meters(struct mem *m, int64_t now_ms, struct gp_str prefix, size_t *n)
{
	const size_t most = *n;
	struct seen *seen = NULL;
	size_t room = 0;

	*n = 0;
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->items && *n < most; i++) {
		const struct item *item = m->heap[i].item;

		if (!walks_to(item, now_ms, prefix))
			continue;
		if (*n == room) {
			room = room == 0 ? 64 : 2 * room;
			seen = gp_xrealloc(seen, room, sizeof(*seen));
		}
		seen[*n].meter = item->meter;
		seen[*n].key = item->key;
		memcpy(seen[*n].text, item->text, item->key);
		(*n)++;
	}
	pthread_mutex_unlock(&m->lock);
	return seen;
}

static enum gp_rc
mem_walk(void *self, int64_t now_ms, struct gp_str prefix, size_t most,
    gp_store_fn fn, void *arg)
{
	struct seen *seen = copy_meters(self, now_ms, prefix, &most);
	size_t i = 0;

	while (i < most && fn(arg, gp_str_n(seen[i].text, seen[i].key),
			       &seen[i].meter, now_ms))
		i++;
	free(seen);
	return GP_OK;
}

static void
mem_describe(void *self, struct gp_buf *out)
{
	struct mem *m = self;

	pthread_mutex_lock(&m->lock);
	gp_buf_addf(out, "keys %zu\nbytes %zu\n", m->items, m->bytes);
	pthread_mutex_unlock(&m->lock);
}

static void
mem_close(void *self)
{
	struct mem *m = self;

	for (size_t i = 0; i < m->items; i++)
		free(m->heap[i].item);
	free(m->heap);
	free(m->bucket);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

struct gp_store_backend
gp_store_mem_open(int64_t max_bytes)
{
	static const struct gp_store_ops ops = {
		.name = "mem",
		.apply = mem_apply,
		.put = mem_put,
		.get = mem_get,
		.walk = mem_walk,
		.describe = mem_describe,
		.close = mem_close,
	};
	struct mem *m = gp_xcalloc(1, sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	/* without it the keys would be those of everybody */
	if (gp_random_bytes((uint8_t *)m->seed, sizeof(m->seed)) != GP_OK)
		abort();
	m->buckets = BUCKETS_FEW;
	m->bucket = gp_xcalloc(m->buckets, sizeof(struct item *));
	m->max_bytes = (size_t)max_bytes;
	return (struct gp_store_backend){ &ops, m };
}
