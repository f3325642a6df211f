/*
 * See store_backend.h, and redis_script.h for what happens in the server.
 *
 * GP_TEMP says that no answer came, not that nothing was made: a command that
 * was sent may have been carried out after we gave up.  The front then charges
 * its local meters, too, so such a message is counted twice: too much by what
 * is in flight, never too little.
 */
#include "io/store_redis.h"

#include "base/time.h"
#include "io/clock.h"
#include "io/redis_call.h"
#include "io/redis_script.h"
#include "io/secret_file.h"

#include <stdlib.h>
#include <string.h>

/* A walk looks at so many keys of the server at once, and ends after so long
 * at the latest: other keys may be there, too. */
#define SCAN_KEYS   1000
#define WALK_US     (10 * GP_US_PER_S)
#define PATTERN_MAX (2 * GP_CHARGE_KEY_MAX + 32)

/* -- charges --------------------------------------------------------------- */

static const char *
operation_of(enum gp_store_how how)
{
	static const char *const names[] = {
		[GP_STORE_CHARGE] = "charge",
		[GP_STORE_PEEK] = "peek",
		[GP_STORE_REFUND] = "refund",
		[GP_STORE_DEBIT] = "debit",
	};

	return names[how];
}

/* Only what was made is given back. */
static bool
counts(enum gp_store_how how, const struct gp_charged *out, size_t i)
{
	return how != GP_STORE_REFUND || (out[i].fits && !out[i].free);
}

static void
add_charge(struct gp_redis_call *c, const struct gp_charge *charge)
{
	gp_redis_call_double(c, charge->rule.capacity);
	gp_redis_call_double(c, charge->rule.rate);
	gp_redis_call_double(c, charge->rule.factor);
	gp_redis_call_double(c, charge->rule.share);
	gp_redis_call_double(c, charge->cost);
	gp_redis_call_integer(c, (charge->watch ? GP_REDIS_WATCH : 0) |
				     (charge->mark.n > 0 ? GP_REDIS_MARK : 0));
	gp_redis_call_keep(c, charge->keep_ms);
	gp_redis_call_keep(c, charge->mark_ms);
	gp_redis_call_double(c, charge->least);
}

/* The charges that count, in the order that the script expects. */
static void
add_charges(struct gp_redis_call *c, enum gp_store_how how,
    const struct gp_charge *charges, size_t n, const struct gp_charged *out)
{
	for (size_t i = 0; i < n; i++)
		if (counts(how, out, i))
			add_charge(c, &charges[i]);
}

static void
add_keys(struct gp_redis_call *c, enum gp_store_how how,
    const struct gp_charge *charges, size_t n, const struct gp_charged *out)
{
	for (size_t i = 0; i < n; i++)
		if (counts(how, out, i))
			gp_redis_call_key(c, GP_REDIS_METERS, charges[i].key);
	for (size_t i = 0; i < n; i++)
		if (counts(how, out, i) && charges[i].mark.n > 0)
			gp_redis_call_key(c, GP_REDIS_MARKS, charges[i].mark);
}

static bool
read_level(const struct gp_redis_reply *r, double *out)
{
	char *behind;

	if (r->kind != GP_REDIS_TEXT || r->text.n == 0)
		return false;
	*out = strtod(r->text.p, &behind);
	return behind == r->text.p + r->text.n && *out >= 0 &&
	       *out <= GP_METER_LEVEL_MAX;
}

static bool
read_charged(struct gp_redis_reply *const *items,
    const struct gp_charge *charge, struct gp_charged *out)
{
	struct gp_meter m = { 0 };

	if (items[0]->kind != GP_REDIS_INTEGER ||
	    !read_level(items[1], &m.level))
		return false;
	*out = (struct gp_charged){
		.fits = (items[0]->integer & GP_REDIS_FITS) != 0,
		.free = (items[0]->integer & GP_REDIS_FREE) != 0,
		.level = m.level,
	};
	/* what does not fit changed nothing: the wait is from this level */
	if (!out->fits)
		out->wait_ms =
		    gp_meter_wait_ms(&m, &charge->rule, charge->cost);
	return true;
}

static enum gp_rc
read_answer(struct gp_redis_call *c, const struct gp_redis_reply *r,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	if (r->kind != GP_REDIS_ARRAY || r->n != 1 + 2 * n ||
	    r->items[0]->kind != GP_REDIS_INTEGER)
		return gp_redis_call_odd(c);
	for (size_t i = 0; i < n; i++)
		if (!read_charged(&r->items[1 + 2 * i], &charges[i], &out[i]))
			return gp_redis_call_odd(c);
	return r->items[0]->integer == 1 ? GP_OK : GP_NONE;
}

static enum gp_rc
redis_apply(void *self, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	const bool tells = how == GP_STORE_CHARGE || how == GP_STORE_PEEK;
	const struct gp_redis_reply *r = NULL;
	size_t used = 0, marks = 0;
	struct gp_redis_call c;
	enum gp_rc rc;

	for (size_t i = 0; i < n; i++)
		if (counts(how, out, i)) {
			used++;
			marks += charges[i].mark.n > 0;
		}
	if (used == 0)
		return GP_OK;
	gp_redis_call_start(&c, self);
	rc = gp_redis_call_script(&c, used + marks, 1 + used * GP_REDIS_FIELDS);
	if (rc == GP_OK) {
		add_keys(&c, how, charges, n, out);
		gp_redis_call_operation(&c, operation_of(how), now_ms);
		gp_redis_call_integer(&c, (int64_t)used);
		add_charges(&c, how, charges, n, out);
		rc = gp_redis_call_ask(&c, &r);
	}
	if (rc == GP_OK && tells)
		rc = read_answer(&c, r, charges, n, out);
	return gp_redis_call_end(&c, rc);
}

/* -- small texts ----------------------------------------------------------- */

static enum gp_rc
redis_put(void *self, int64_t now_ms, struct gp_str key, struct gp_str value,
    int64_t keep_ms)
{
	const struct gp_redis_reply *r;
	struct gp_redis_call c;
	enum gp_rc rc;

	gp_redis_call_start(&c, self);
	rc = gp_redis_call_script(&c, 1, 2);
	if (rc == GP_OK) {
		gp_redis_call_key(&c, GP_REDIS_NOTES, key);
		gp_redis_call_operation(&c, "put", now_ms);
		gp_redis_call_keep(&c, keep_ms);
		gp_redis_call_text(&c, value);
		rc = gp_redis_call_ask(&c, &r);
	}
	return gp_redis_call_end(&c, rc);
}

static enum gp_rc
read_note(struct gp_redis_call *c, const struct gp_redis_reply *r,
    struct gp_arena *arena, struct gp_str *value)
{
	if (r->kind == GP_REDIS_NIL)
		return GP_NONE;
	if (r->kind != GP_REDIS_TEXT)
		return gp_redis_call_odd(c);
	if (r->text.n > GP_STORE_NOTE_MAX)
		return GP_NONE; /* none of ours, so it is damaged */
	*value = gp_arena_dup(arena, r->text);
	return GP_OK;
}

static enum gp_rc
redis_get(void *self, int64_t now_ms, struct gp_str key, struct gp_arena *arena,
    struct gp_str *value)
{
	const struct gp_redis_reply *r = NULL;
	struct gp_redis_call c;
	enum gp_rc rc;

	gp_redis_call_start(&c, self);
	rc = gp_redis_call_script(&c, 1, 0);
	if (rc == GP_OK) {
		gp_redis_call_key(&c, GP_REDIS_NOTES, key);
		gp_redis_call_operation(&c, "get", now_ms);
		rc = gp_redis_call_ask(&c, &r);
	}
	if (rc == GP_OK)
		rc = read_note(&c, r, arena, value);
	return gp_redis_call_end(&c, rc);
}

/* -- walks ----------------------------------------------------------------- */

struct walk {
	struct gp_redis_call call;
	char pattern[PATTERN_MAX];
	char cursor[24];        /* of SCAN; "0" at the end */
	struct gp_arena *arena; /* of the keys of one step */
	struct gp_str *keys;
	size_t n;
	size_t left; /* to be shown at most */
	bool ended;  /* by who asked */
};

/* The prefix, where each octet stands for itself. */
static void
set_pattern(struct walk *w, struct gp_str prefix)
{
	size_t n = strlen(GP_REDIS_METERS);

	memcpy(w->pattern, GP_REDIS_METERS, n);
	for (size_t i = 0; i < prefix.n && i < GP_CHARGE_KEY_MAX; i++) {
		if (!gp_is_alnum(prefix.p[i]))
			w->pattern[n++] = '\\';
		w->pattern[n++] = prefix.p[i];
	}
	w->pattern[n++] = '*';
	w->pattern[n] = '\0';
}

/* The cursor, and the names behind the prefix of ours. */
static enum gp_rc
read_scan(struct walk *w, const struct gp_redis_reply *r)
{
	const size_t skip = strlen(GP_REDIS_METERS);
	const struct gp_redis_reply *list;

	if (r->kind != GP_REDIS_ARRAY || r->n != 2 ||
	    r->items[0]->kind != GP_REDIS_TEXT || r->items[0]->text.n == 0 ||
	    r->items[0]->text.n >= sizeof(w->cursor) ||
	    r->items[1]->kind != GP_REDIS_ARRAY)
		return gp_redis_call_odd(&w->call);
	memcpy(w->cursor, r->items[0]->text.p, r->items[0]->text.n + 1);
	list = r->items[1];
	w->keys = gp_arena_alloc(w->arena, (list->n + 1) * sizeof(*w->keys));
	for (size_t i = 0; i < list->n; i++) {
		const struct gp_str key = list->items[i]->text;

		if (key.n > skip && key.n - skip <= GP_CHARGE_KEY_MAX)
			w->keys[w->n++] = gp_arena_dup(w->arena,
			    gp_str_n(key.p + skip, key.n - skip));
	}
	return GP_OK;
}

static enum gp_rc
scan(struct walk *w)
{
	const struct gp_redis_reply *r;
	enum gp_rc rc;

	gp_arena_clear(w->arena);
	w->n = 0;
	gp_redis_call_again(&w->call);
	gp_redis_command(&w->call.request, 6);
	gp_redis_call_text(&w->call, GP_STR("SCAN"));
	gp_redis_call_text(&w->call, gp_str(w->cursor));
	gp_redis_call_text(&w->call, GP_STR("MATCH"));
	gp_redis_call_text(&w->call, gp_str(w->pattern));
	gp_redis_call_text(&w->call, GP_STR("COUNT"));
	gp_redis_call_integer(&w->call, SCAN_KEYS);
	rc = gp_redis_call_ask(&w->call, &r);
	return rc == GP_OK ? read_scan(w, r) : rc;
}

/* GP_NONE: it is gone, or damaged. */
static enum gp_rc
read_meter(struct gp_redis_reply *const *items, struct gp_meter *m)
{
	char *behind;

	if (!read_level(items[0], &m->level) || items[1]->kind != GP_REDIS_TEXT)
		return GP_NONE;
	m->at_ms = strtoll(items[1]->text.p, &behind, 10);
	return GP_OK;
}

static enum gp_rc
show(struct walk *w, const struct gp_redis_reply *r, gp_store_fn fn, void *arg)
{
	struct gp_meter m;
	int64_t now_ms;

	if (r->kind != GP_REDIS_ARRAY || r->n != 1 + 2 * w->n ||
	    r->items[0]->kind != GP_REDIS_TEXT)
		return gp_redis_call_odd(&w->call);
	now_ms = strtoll(r->items[0]->text.p, NULL, 10);
	for (size_t i = 0; i < w->n && w->left > 0 && !w->ended; i++) {
		if (read_meter(&r->items[1 + 2 * i], &m) != GP_OK)
			continue;
		w->left--;
		w->ended = !fn(arg, w->keys[i], &m, now_ms);
	}
	return GP_OK;
}

static enum gp_rc
walk_step(struct walk *w, int64_t now_ms, gp_store_fn fn, void *arg)
{
	const struct gp_redis_reply *r;
	enum gp_rc rc = scan(w);

	if (rc != GP_OK || w->n == 0)
		return rc;
	gp_redis_call_again(&w->call);
	rc = gp_redis_call_script(&w->call, w->n, 0);
	if (rc != GP_OK)
		return rc;
	for (size_t i = 0; i < w->n; i++)
		gp_redis_call_key(&w->call, GP_REDIS_METERS, w->keys[i]);
	gp_redis_call_operation(&w->call, "list", now_ms);
	rc = gp_redis_call_ask(&w->call, &r);
	return rc == GP_OK ? show(w, r, fn, arg) : rc;
}

static enum gp_rc
redis_walk(void *self, int64_t now_ms, struct gp_str prefix, size_t most,
    gp_store_fn fn, void *arg)
{
	const int64_t until_us = gp_clock_us() + WALK_US;
	struct walk w = { .cursor = "0", .left = most };
	enum gp_rc rc = GP_OK;

	gp_redis_call_start(&w.call, self);
	w.arena = gp_arena_new();
	set_pattern(&w, prefix);
	while (rc == GP_OK && w.left > 0 && !w.ended) {
		rc = walk_step(&w, now_ms, fn, arg);
		if (strcmp(w.cursor, "0") == 0)
			break;
		if (rc == GP_OK && gp_clock_us() > until_us)
			rc = gp_fail(&w.call.err, GP_TEMP,
			    "it has too many keys to list them");
	}
	gp_arena_free(w.arena);
	return gp_redis_call_end(&w.call, rc);
}

/* -- open and close -------------------------------------------------------- */

static void
redis_describe(void *self, struct gp_buf *out)
{
	gp_redis_caller_describe(self, out);
}

static unsigned
redis_restarts(void *self)
{
	return gp_redis_caller_restarts(self);
}

static void
redis_close(void *self)
{
	gp_redis_caller_free(self);
}

void
gp_store_redis_use_callers_clock(const struct gp_store_backend *backend)
{
	gp_redis_caller_use_callers_clock(backend->self);
}

static enum gp_rc
set_password(struct gp_redis_url *url, const char *file, struct gp_err *err)
{
	if (file != NULL)
		return gp_secret_file_read(file, url->password,
		    sizeof(url->password), err);
	if (url->user[0] != '\0' && url->password[0] == '\0')
		return gp_fail(err, GP_PERM,
		    "the URL of the Redis: a user, and no password");
	return GP_OK;
}

enum gp_rc
gp_store_redis_open(const char *url, const char *password_file,
    int64_t timeout_ms, struct gp_store_backend *out, struct gp_err *err)
{
	static const struct gp_store_ops ops = {
		.name = "redis",
		.apply = redis_apply,
		.put = redis_put,
		.get = redis_get,
		.walk = redis_walk,
		.describe = redis_describe,
		.restarts = redis_restarts,
		.close = redis_close,
	};
	struct gp_redis_url parsed;
	enum gp_rc rc = gp_redis_url_parse(gp_str(url), &parsed, err);

	*out = (struct gp_store_backend){ NULL, NULL };
	if (rc == GP_OK)
		rc = set_password(&parsed, password_file, err);
	if (rc == GP_OK) {
		out->ops = &ops;
		out->self = gp_redis_caller_new(&parsed, timeout_ms);
	}
	explicit_bzero(&parsed, sizeof(parsed));
	return rc;
}
