/* See record_env.h. */
#include "io/record_env.h"

#include "base/xalloc.h"
#include "core/record.h"
#include "io/lmdb_env.h"
#include "io/record_item.h"

#include <stdlib.h>
#include <string.h>

/* One transaction writes this part of the file at most, and deletes so many
 * records. */
#define CHUNK_PART 32
#define CHUNK_MAX  ((size_t)512 * 1024)
#define CHUNK_GONE 4096
#define FULL_GONE  128 /* when there was no room for the first try */
#define FULL_TRIES 8

struct gp_record_env {
	struct gp_lmdb_env *lmdb;
	_Atomic size_t chunk;
};

static size_t
chunk_of(size_t max_bytes)
{
	return max_bytes / CHUNK_PART < CHUNK_MAX ? max_bytes / CHUNK_PART
	                                          : CHUNK_MAX;
}

/* -- deleting ------------------------------------------------------------- */

struct prune {
	int64_t before_s;
	unsigned at_least; /* whatever they are */
	unsigned gone;     /* result; CHUNK_GONE: there may be more */
};

static bool
is_older(const uint8_t *key, int64_t before_s)
{
	return before_s > 0 && gp_record_key_time(key) < (uint64_t)before_s;
}

static struct gp_str
key_str(const uint8_t key[GP_RECORD_KEY_BYTES])
{
	return gp_str_n((const char *)key, GP_RECORD_KEY_BYTES);
}

static bool
copy_key(struct gp_record_env *e, struct gp_str key,
    uint8_t to[GP_RECORD_KEY_BYTES])
{
	if (key.n != GP_RECORD_KEY_BYTES) {
		gp_lmdb_damaged(e->lmdb);
		return false;
	}
	memcpy(to, key.p, GP_RECORD_KEY_BYTES);
	return true;
}

/* Inside of a transaction, which remembers what fails. */
static void
prune(struct gp_record_env *e, struct prune *p)
{
	uint8_t first[GP_RECORD_KEY_BYTES];
	struct gp_str key, value;

	for (p->gone = 0; p->gone < CHUNK_GONE; p->gone++) {
		if (gp_lmdb_seek(e->lmdb, GP_STR(""), &key, &value) != GP_OK ||
		    !copy_key(e, key, first))
			return;
		if (p->gone >= p->at_least && !is_older(first, p->before_s) &&
		    !gp_lmdb_is_over(e->lmdb))
			return;
		if (gp_lmdb_del(e->lmdb, key_str(first)) != GP_OK)
			return;
	}
}

/* GP_NONE is as GP_TEMP here: there was no room for the deletion itself. */
enum gp_rc
gp_record_env_prune(struct gp_record_env *e, int64_t before_s, bool *more,
    struct gp_err *err)
{
	struct prune p = { .before_s = before_s };
	enum gp_rc rc = gp_lmdb_begin(e->lmdb, GP_LMDB_WRITE, err);

	*more = false;
	if (rc != GP_OK)
		return rc;
	gp_lmdb_check_readers(e->lmdb);
	prune(e, &p);
	rc = gp_lmdb_end(e->lmdb, err);
	*more = rc == GP_OK && p.gone == CHUNK_GONE;
	return rc == GP_NONE ? GP_TEMP : rc;
}

/* -- writing -------------------------------------------------------------- */

static enum gp_rc
put_chunk(struct gp_record_env *e, struct gp_str items, size_t *at,
    unsigned make_room, struct gp_err *err)
{
	struct prune room = { .at_least = make_room };
	struct gp_record_item item;
	size_t end = *at;
	enum gp_rc rc = gp_lmdb_begin(e->lmdb, GP_LMDB_WRITE, err);

	if (rc != GP_OK)
		return rc;
	prune(e, &room);
	while (make_room == 0 && rc == GP_OK && end - *at < e->chunk &&
	       gp_record_item_next(items, &end, &item))
		rc = gp_lmdb_append(e->lmdb, key_str(item.key),
		    gp_str_n(item.value, item.n));
	rc = gp_lmdb_end(e->lmdb, err);
	if (rc == GP_OK)
		*at = end;
	return rc;
}

enum gp_rc
gp_record_env_put(struct gp_record_env *e, struct gp_str items, size_t *at,
    struct gp_err *err)
{
	enum gp_rc rc = put_chunk(e, items, at, 0, err);

	for (unsigned i = 0; rc == GP_NONE && i < FULL_TRIES; i++) {
		/* what it frees can be used two transactions later */
		rc = put_chunk(e, items, at, FULL_GONE, err);
		if (rc == GP_OK)
			rc = put_chunk(e, items, at, 0, err);
	}
	return rc == GP_NONE ? GP_TEMP : rc;
}

/* -- reading -------------------------------------------------------------- */

static void
copy_items(struct gp_record_env *e, struct gp_str from, uint64_t to_s,
    struct gp_buf *out)
{
	struct gp_str key, value;
	enum gp_rc rc = gp_lmdb_seek(e->lmdb, from, &key, &value);

	while (rc == GP_OK) {
		struct gp_record_item item = { .value = value.p };

		if (!copy_key(e, key, item.key))
			return;
		if (value.n <= GP_RECORD_BYTES_MAX)
			item.n = (uint32_t)value.n;
		if (gp_record_key_time(item.key) >= to_s ||
		    out->n + GP_RECORD_ITEM_HEAD + item.n > out->max)
			return;
		gp_record_item_add(out, &item);
		rc = gp_lmdb_next(e->lmdb, &key, &value);
	}
}

enum gp_rc
gp_record_env_read(struct gp_record_env *e, struct gp_str from, uint64_t to_s,
    struct gp_buf *out, struct gp_err *err)
{
	if (gp_lmdb_begin(e->lmdb, GP_LMDB_READ, err) != GP_OK)
		return GP_TEMP;
	copy_items(e, from, to_s, out);
	if (gp_lmdb_end(e->lmdb, err) != GP_OK)
		return GP_TEMP;
	return out->n == 0 ? GP_NONE : GP_OK;
}

/* -- opening -------------------------------------------------------------- */

enum gp_rc
gp_record_env_open(const char *dir, size_t max_bytes,
    struct gp_record_env **out, struct gp_err *err)
{
	const struct gp_lmdb_options options = {
		.what = "records",
		.key_bytes = GP_RECORD_KEY_BYTES,
		.max_bytes = max_bytes,
		.lock_us = GP_RECORD_LOCK_US,
	};
	struct gp_lmdb_env *lmdb;
	enum gp_rc rc = gp_lmdb_open(dir, &options, &lmdb, err);

	*out = NULL;
	if (rc != GP_OK)
		return rc;
	*out = gp_xcalloc(1, sizeof(**out));
	(*out)->lmdb = lmdb;
	(*out)->chunk = chunk_of(max_bytes);
	return GP_OK;
}

void
gp_record_env_resize(struct gp_record_env *e, size_t max_bytes)
{
	e->chunk = chunk_of(max_bytes);
	gp_lmdb_resize(e->lmdb, max_bytes);
}

void
gp_record_env_close(struct gp_record_env *e)
{
	if (e == NULL)
		return;
	gp_lmdb_close(e->lmdb);
	free(e);
}
