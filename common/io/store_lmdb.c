/*
 * See store_lmdb.h, store_backend.h.
 *
 * A call is one transaction.  What it adds is paid for in the same one: some
 * entries are looked at, in turn, and those that are too old go; when the file
 * is nearly full, those that are worth the least.
 */
#include "io/store_lmdb.h"

#include "base/time.h"
#include "base/xalloc.h"
#include "io/clock.h"
#include "io/lmdb_env.h"
#include "io/log.h"
#include "io/store_clock.h"
#include "io/store_step.h"
#include "io/thread.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_US    (500 * GP_US_PER_MS)
#define MIN_BYTES  GP_STORE_LMDB_MIN_BYTES
#define FULL_TRIES 24
#define FULL_FEW   12  /* of them delete a few, for which there may be room */
#define FULL_GONE  256 /* entries, when there was no room for a try */
#define WALK_ONCE  256 /* meters of one transaction */

struct lmdb {
	struct gp_lmdb_env *env;
	uint8_t boot[GP_STORE_BOOT_BYTES];
	bool failing; /* and the log knows */

	struct gp_store_sweep sweep; /* of who has a transaction */

	pthread_t thread; /* which syncs */
	bool has_thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	bool closing;
	bool written; /* since the last sync; atomic */
};

static void
tell(struct lmdb *l, enum gp_rc rc, const struct gp_err *err)
{
	const bool failing = rc != GP_OK && rc != GP_NONE;

	if (__atomic_exchange_n(&l->failing, failing, __ATOMIC_RELAXED) ==
	    failing)
		return;
	if (failing)
		gp_log(GP_LOG_WARNING, "store: %s", err->msg);
	else
		gp_log(GP_LOG_INFO, "store: the file can be used again");
}

static struct gp_store_now
tell_time(struct lmdb *l, int64_t now_ms)
{
	return gp_store_clock_read(l->env, &l->sweep, l->boot, now_ms);
}

/* -- meters and marks ------------------------------------------------------
 */

struct key {
	char text[GP_STORE_KEY_BYTES];
	size_t n;
};

static struct gp_str
key_of(char kind, struct gp_str name, struct key *to)
{
	assert(name.n > 0 && name.n <= GP_CHARGE_KEY_MAX);
	to->text[0] = kind;
	memcpy(to->text + 1, name.p, name.n);
	to->n = 1 + name.n;
	return gp_str_n(to->text, to->n);
}

static struct gp_str
cell_key(const struct gp_store_cell *cell, struct key *to)
{
	return key_of(cell->kind == GP_STORE_METER ? GP_STORE_KEY_METER
						   : GP_STORE_KEY_MARK,
	    cell->key, to);
}

static void
fetch(struct lmdb *l, struct gp_store_cell *cell)
{
	struct gp_store_value v;
	struct gp_str value;
	struct key key;
	const struct gp_str k = cell_key(cell, &key);

	cell->until_ms = 0;
	cell->meter = (struct gp_meter){ 0 };
	if (gp_lmdb_get(l->env, k, &value) != GP_OK ||
	    gp_store_value_decode(k, value, &v) != GP_OK)
		return;
	cell->meter.level = v.level;
	cell->meter.at_ms = v.at_ms;
	cell->until_ms = v.until_ms;
}

static void
write_cell(struct lmdb *l, const struct gp_store_now *now,
    const struct gp_store_cell *cell)
{
	const struct gp_store_value v = {
		.at_ms = cell->kind == GP_STORE_METER ? cell->meter.at_ms
		                                      : now->file_ms,
		.until_ms = cell->until_ms,
		.level = cell->meter.level,
		.gone_ms = gp_time_min(cell->empty_ms, cell->until_ms),
	};
	uint8_t bytes[GP_STORE_VALUE_FEW];
	struct key key;
	const struct gp_str k = cell_key(cell, &key);

	if (cell->until_ms == 0)
		(void)gp_lmdb_del(l->env, k);
	else
		(void)gp_lmdb_put(l->env, k,
		    gp_str_n((const char *)bytes,
			gp_store_value_encode(k, &v, bytes)));
}

/* -- transactions ----------------------------------------------------------
 */

/* `added` entries may come. */
static void
make_room(struct lmdb *l, const struct gp_store_now *now, size_t added)
{
	const struct gp_lmdb_use use = gp_lmdb_use(l->env);
	struct gp_store_need need = { .added = added };

	if (gp_lmdb_is_over(l->env))
		need.entries = added + 1;
	need.at_any_price = use.bytes > use.room_bytes / 8 * 7;
	gp_store_sweep(&l->sweep, l->env, now->file_ms, need);
}

/* GP_NONE: the file is full. */
static enum gp_rc
end_writing(struct lmdb *l, const struct gp_store_now *now, struct gp_err *err)
{
	enum gp_rc rc;

	gp_store_clock_write(l->env, &l->sweep, now);
	rc = gp_lmdb_end(l->env, err);
	if (rc == GP_OK)
		__atomic_store_n(&l->written, true, __ATOMIC_RELAXED);
	return rc;
}

/* What is deleted here can be written over two transactions later. */
static enum gp_rc
evict(struct lmdb *l, int64_t now_ms, size_t n, struct gp_err *err)
{
	enum gp_rc rc = gp_lmdb_begin(l->env, GP_LMDB_WRITE, err);
	struct gp_store_now now;

	if (rc != GP_OK)
		return rc;
	gp_lmdb_check_readers(l->env);
	now = tell_time(l, now_ms);
	gp_store_sweep(&l->sweep, l->env, now.file_ms,
	    (struct gp_store_need){ .entries = n, .at_any_price = true });
	return end_writing(l, &now, err);
}

struct call {
	enum gp_store_how how;
	int64_t now_ms;
	const struct gp_charge *charges;
	struct gp_charged *out;
	struct gp_store_cells *cells;
};

static size_t
absent(const struct gp_store_cells *cells)
{
	size_t n = 0;

	for (size_t i = 0; i < cells->n; i++)
		n += cells->cell[i].until_ms == 0;
	return n;
}

/* `*answer` is the step's, with GP_OK. */
static enum gp_rc
call_once(struct lmdb *l, struct call *c, enum gp_rc *answer,
    struct gp_err *err)
{
	const bool writes = c->how != GP_STORE_PEEK;
	enum gp_rc rc =
	    gp_lmdb_begin(l->env, writes ? GP_LMDB_WRITE : GP_LMDB_READ, err);
	struct gp_store_now now;
	size_t added;

	if (rc != GP_OK)
		return rc;
	now = tell_time(l, c->now_ms);
	for (size_t i = 0; i < c->cells->n; i++)
		fetch(l, &c->cells->cell[i]);
	added = absent(c->cells);
	*answer =
	    gp_store_step(c->cells, c->how, now.file_ms, c->charges, c->out);
	if (!writes || *answer != GP_OK)
		return gp_lmdb_end(l->env, err);
	make_room(l, &now, added);
	for (size_t i = 0; i < c->cells->n; i++)
		if (c->cells->cell[i].dirty)
			write_cell(l, &now, &c->cells->cell[i]);
	return end_writing(l, &now, err);
}

static enum gp_rc
lmdb_apply(void *self, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	struct lmdb *l = self;
	struct gp_store_cells cells;
	struct call c = { how, now_ms, charges, out, &cells };
	enum gp_rc answer = GP_OK, rc = GP_NONE;
	struct gp_err err = { "" };

	gp_store_cells_init(&cells, charges, n);
	for (unsigned i = 0; rc == GP_NONE && i < FULL_TRIES; i++) {
		/* the first try may have made the file grow */
		if (i > 1)
			(void)evict(l, now_ms, i < FULL_FEW ? FULL_GONE : 2 * n,
			    &err);
		rc = call_once(l, &c, &answer, &err);
	}
	gp_store_cells_clear(&cells);
	tell(l, rc, &err);
	return rc == GP_OK ? answer : GP_TEMP;
}

/* -- notes -----------------------------------------------------------------
 */

static enum gp_rc
put_once(struct lmdb *l, int64_t now_ms, struct gp_str key,
    struct gp_store_value *v, int64_t keep_ms, struct gp_err *err)
{
	uint8_t bytes[GP_STORE_VALUE_BYTES];
	enum gp_rc rc = gp_lmdb_begin(l->env, GP_LMDB_WRITE, err);
	struct gp_store_now now;

	if (rc != GP_OK)
		return rc;
	now = tell_time(l, now_ms);
	v->at_ms = now.file_ms;
	v->until_ms = gp_time_add(now.file_ms, keep_ms);
	make_room(l, &now, 1);
	(void)gp_lmdb_put(l->env, key,
	    gp_str_n((const char *)bytes,
		gp_store_value_encode(key, v, bytes)));
	return end_writing(l, &now, err);
}

static enum gp_rc
lmdb_put(void *self, int64_t now_ms, struct gp_str key, struct gp_str value,
    int64_t keep_ms)
{
	struct lmdb *l = self;
	struct gp_store_value v = { .note = value };
	struct gp_err err = { "" };
	enum gp_rc rc = GP_NONE;
	struct key k;

	assert(value.n <= GP_STORE_NOTE_MAX && keep_ms >= 0);
	for (unsigned i = 0; rc == GP_NONE && i < FULL_TRIES; i++) {
		if (i > 1)
			(void)evict(l, now_ms, FULL_GONE, &err);
		rc = put_once(l, now_ms, key_of(GP_STORE_KEY_NOTE, key, &k), &v,
		    keep_ms, &err);
	}
	tell(l, rc, &err);
	return rc == GP_OK ? GP_OK : GP_TEMP;
}

static enum gp_rc
lmdb_get(void *self, int64_t now_ms, struct gp_str key, struct gp_arena *arena,
    struct gp_str *value)
{
	struct lmdb *l = self;
	struct gp_store_value v;
	struct gp_err err = { "" };
	struct gp_str bytes, k;
	struct key text;
	enum gp_rc answer, rc = gp_lmdb_begin(l->env, GP_LMDB_READ, &err);

	if (rc != GP_OK) {
		tell(l, rc, &err);
		return GP_TEMP;
	}
	k = key_of(GP_STORE_KEY_NOTE, key, &text);
	now_ms = tell_time(l, now_ms).file_ms;
	answer = gp_lmdb_get(l->env, k, &bytes);
	if (answer == GP_OK)
		answer = gp_store_value_decode(k, bytes, &v);
	if (answer == GP_OK && v.until_ms <= now_ms)
		answer = GP_NONE;
	if (answer == GP_OK)
		*value = gp_arena_dup(arena, v.note);
	rc = gp_lmdb_end(l->env, &err);
	tell(l, rc, &err);
	return rc == GP_OK ? answer : GP_TEMP;
}

/* -- for the operator ------------------------------------------------------
 */

/* Copies: the walk calls out, and must have no transaction then. */
struct walk {
	struct gp_str prefix; /* with the kind */
	struct key next;
	struct seen {
		struct key key;
		struct gp_meter meter;
	} seen[WALK_ONCE];
	size_t n;
	bool more;
};

static void
copy_meters(struct lmdb *l, struct walk *w, int64_t now_ms, size_t most)
{
	const struct gp_store_now now = tell_time(l, now_ms);
	struct gp_str key, value;
	enum gp_rc rc = gp_lmdb_seek(l->env, gp_str_n(w->next.text, w->next.n),
	    &key, &value);

	w->n = 0;
	while (rc == GP_OK && key.n >= w->prefix.n &&
	       key.n <= sizeof(w->next.text) &&
	       memcmp(key.p, w->prefix.p, w->prefix.n) == 0) {
		struct seen *seen = &w->seen[w->n];
		struct gp_store_value v;

		w->more = w->n == most;
		memcpy(w->next.text, key.p, key.n);
		w->next.n = key.n;
		if (w->more)
			return;
		if (gp_store_value_decode(key, value, &v) == GP_OK &&
		    v.until_ms > now.file_ms) {
			seen->key = w->next;
			seen->meter.level = v.level;
			seen->meter.at_ms =
			    gp_time_sub(v.at_ms, now.time.shift_ms);
			w->n++;
		}
		rc = gp_lmdb_next(l->env, &key, &value);
	}
	w->more = false;
}

static enum gp_rc
walk_some(struct lmdb *l, struct walk *w, int64_t now_ms, size_t most,
    struct gp_err *err)
{
	enum gp_rc rc = gp_lmdb_begin(l->env, GP_LMDB_READ, err);

	if (rc != GP_OK)
		return rc;
	copy_meters(l, w, now_ms, most < WALK_ONCE ? most : WALK_ONCE);
	return gp_lmdb_end(l->env, err);
}

static enum gp_rc
lmdb_walk(void *self, int64_t now_ms, struct gp_str prefix, size_t most,
    gp_store_fn fn, void *arg)
{
	struct lmdb *l = self;
	struct walk *w = gp_xcalloc(1, sizeof(*w));
	struct gp_err err = { "" };
	enum gp_rc rc = GP_OK;
	struct key key;
	bool go = prefix.n <= GP_CHARGE_KEY_MAX;

	key.text[0] = GP_STORE_KEY_METER;
	if (go && prefix.n > 0)
		memcpy(key.text + 1, prefix.p, prefix.n);
	key.n = 1 + prefix.n;
	w->next = key;
	w->prefix = gp_str_n(key.text, key.n);
	while (go && most > 0 && rc == GP_OK) {
		rc = walk_some(l, w, now_ms, most, &err);
		for (size_t i = 0; go && rc == GP_OK && i < w->n; i++)
			go = fn(arg,
			    gp_str_n(w->seen[i].key.text + 1,
				w->seen[i].key.n - 1),
			    &w->seen[i].meter, now_ms);
		most -= w->n;
		go = go && w->more;
	}
	free(w);
	tell(l, rc, &err);
	return rc == GP_OK ? GP_OK : GP_TEMP;
}

static void
lmdb_describe(void *self, struct gp_buf *out)
{
	struct lmdb *l = self;
	struct gp_lmdb_use use;

	if (gp_lmdb_begin(l->env, GP_LMDB_READ, NULL) != GP_OK)
		return;
	use = gp_lmdb_use(l->env);
	if (gp_lmdb_end(l->env, NULL) != GP_OK)
		return;
	gp_buf_addf(out, "keys %llu\nbytes %zu\n", (unsigned long long)use.keys,
	    use.bytes);
}

/* -- the disk --------------------------------------------------------------
 */

static void
lmdb_sync(void *self)
{
	struct lmdb *l = self;
	struct gp_err err = { "" };
	enum gp_rc rc;

	if (!__atomic_exchange_n(&l->written, false, __ATOMIC_RELAXED))
		return;
	rc = gp_lmdb_sync(l->env, &err);
	if (rc != GP_OK && rc != GP_NONE)
		gp_log(GP_LOG_WARNING, "store: %s", err.msg);
}

static void *
run(void *arg)
{
	struct lmdb *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->closing) {
		const struct timespec at =
		    gp_timespec_of(gp_clock_us() + GP_STORE_LMDB_SYNC_US);

		if (pthread_cond_timedwait(&l->wake, &l->lock, &at) == 0)
			continue;
		pthread_mutex_unlock(&l->lock);
		lmdb_sync(l);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* -- the store -------------------------------------------------------------
 */

static void
lmdb_close(void *self)
{
	struct lmdb *l = self;

	pthread_mutex_lock(&l->lock);
	l->closing = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	if (l->has_thread)
		(void)pthread_join(l->thread, NULL);
	gp_lmdb_close(l->env);
	(void)pthread_cond_destroy(&l->wake);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

static const struct gp_store_ops ops = {
	.name = "lmdb",
	.apply = lmdb_apply,
	.put = lmdb_put,
	.get = lmdb_get,
	.walk = lmdb_walk,
	.describe = lmdb_describe,
	.sync = lmdb_sync,
	.close = lmdb_close,
};

enum gp_rc
gp_store_lmdb_open_as(const char *directory, int64_t max_bytes,
    const uint8_t boot[GP_STORE_BOOT_BYTES], struct gp_store_backend *out,
    struct gp_err *err)
{
	struct lmdb *l = gp_xcalloc(1, sizeof(*l));
	const struct gp_lmdb_options options = {
		.what = "store",
		.max_bytes = max_bytes > MIN_BYTES ? (size_t)max_bytes
		                                   : (size_t)MIN_BYTES,
		.lock_us = LOCK_US,
		.mapped = true,
	};
	enum gp_rc rc;

	memcpy(l->boot, boot, sizeof(l->boot));
	(void)pthread_mutex_init(&l->lock, NULL);
	gp_cond_init(&l->wake);
	rc = gp_lmdb_open(directory, &options, &l->env, err);
	if (rc == GP_OK)
		rc = gp_thread_start(&l->thread, run, l, err);
	l->has_thread = rc == GP_OK;
	if (rc == GP_OK)
		*out = (struct gp_store_backend){ &ops, l };
	else
		lmdb_close(l);
	return rc;
}

enum gp_rc
gp_store_lmdb_open(const char *directory, int64_t max_bytes,
    struct gp_store_backend *out, struct gp_err *err)
{
	uint8_t boot[GP_STORE_BOOT_BYTES];

	gp_store_time_boot(boot);
	return gp_store_lmdb_open_as(directory, max_bytes, boot, out, err);
}
