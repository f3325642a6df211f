/* See explain_store.h. */
#include "mta/explain_store.h"

#include "base/xalloc.h"
#include "core/rate_peek.h"
#include "io/clock.h"
#include "io/control.h"
#include "io/store_backend.h"

#include <stdlib.h>

/* What this explanation has charged. */
struct charged {
	struct gp_str key;
	struct gp_str mark;
	double cost;
};

struct view {
	struct gp_explain_daemon *daemon;
	struct gp_arena *arena;
	struct charged *v;
	size_t n, cap;
};

/* -- the daemon --------------------------------------------------------- */

/* GP_OK: it answered; GP_TEMP: nobody does. */
static enum gp_rc
ask(struct view *view, const char *request, struct gp_buf *answer)
{
	struct gp_explain_daemon *d = view->daemon;
	struct gp_str said;
	enum gp_rc rc;

	if (d->ask == NULL || d->failed)
		return GP_TEMP;
	d->asked = true;
	rc = d->ask(d->arg, request, answer, &d->err);
	d->failed = rc != GP_OK;
	said = gp_str_trim(gp_buf_str(answer));
	if (rc == GP_NONE)
		(void)gp_fail(&d->err, rc, "gatepost-rate says: %.*s",
		    GP_STR_ARG(said));
	return d->failed ? GP_TEMP : GP_OK;
}

/* What it would say to this charge; without an answer the meter is empty. */
static struct gp_charged
peek(struct view *view, const struct gp_charge *c)
{
	struct gp_charged made = { .fits = true, .level = c->cost };
	struct gp_buf request, answer;

	gp_buf_init(&request, GP_CONTROL_REQUEST_MAX);
	gp_buf_init(&answer, GP_CONTROL_ANSWER_MAX);
	gp_rate_peek_write(c, &request);
	if (ask(view, gp_buf_cstr(&request), &answer) == GP_OK &&
	    gp_rate_peek_understand(gp_buf_str(&answer), &made) != GP_OK) {
		view->daemon->failed = true;
		(void)gp_fail(&view->daemon->err, GP_TEMP,
		    "gatepost-rate gave an answer that is none to \"peek\"");
	}
	gp_buf_clear(&request);
	gp_buf_clear(&answer);
	return made;
}

/* -- charges ------------------------------------------------------------ */

static bool
is_marked(const struct view *view, struct gp_str mark)
{
	for (size_t i = 0; mark.n > 0 && i < view->n; i++)
		if (gp_str_eq(view->v[i].mark, mark))
			return true;
	return false;
}

static void
add(struct view *view, const struct gp_charge *c)
{
	if (view->n == view->cap) {
		view->cap = view->cap * 2 + 16;
		view->v = gp_xrealloc(view->v, view->cap, sizeof(*view->v));
	}
	view->v[view->n++] =
	    (struct charged){ .key = gp_arena_dup(view->arena, c->key),
		    .mark = gp_arena_dup(view->arena, c->mark),
		    .cost = c->cost };
}

/* The meter as it was before this charge, with what was charged here. */
static struct gp_meter
level_of(const struct view *view, const struct gp_charge *c,
    const struct gp_charged *was)
{
	struct gp_meter m = { .level = was->level };

	if (was->fits && !was->free)
		m.level -= c->cost;
	for (size_t i = 0; i < view->n; i++)
		if (gp_str_eq(view->v[i].key, c->key))
			m.level += view->v[i].cost;
	return m;
}

static void
charge_one(struct view *view, const struct gp_charge *c, struct gp_charged *out)
{
	const struct gp_charged was = peek(view, c);
	struct gp_meter m = level_of(view, c, &was);

	*out = (struct gp_charged){ .level = m.level };
	out->free = was.free || is_marked(view, c->mark);
	out->fits = out->free || gp_meter_admits(&m, &c->rule, c->cost);
	if (!out->fits)
		out->wait_ms = gp_meter_wait_ms(&m, &c->rule, c->cost);
	if (!out->fits || out->free)
		return;
	gp_meter_commit(&m, c->cost);
	out->level = m.level;
	add(view, c);
}

static enum gp_rc
view_apply(void *self, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, size_t n, struct gp_charged *out)
{
	struct view *view = self;
	const size_t before = view->n;
	enum gp_rc rc = GP_OK;

	(void)now_ms;
	if (how != GP_STORE_CHARGE && how != GP_STORE_PEEK)
		return GP_OK;
	for (size_t i = 0; i < n; i++) {
		charge_one(view, &charges[i], &out[i]);
		if (!out[i].fits && !charges[i].watch)
			rc = GP_NONE;
	}
	if (rc != GP_OK || how == GP_STORE_PEEK)
		view->n = before;
	return rc;
}

/* -- notes -------------------------------------------------------------- */

static enum gp_rc
view_put(void *self, int64_t now_ms, struct gp_str key, struct gp_str value,
    int64_t keep_ms)
{
	(void)self;
	(void)now_ms;
	(void)key;
	(void)value;
	(void)keep_ms;
	return GP_OK;
}

static enum gp_rc
view_get(void *self, int64_t now_ms, struct gp_str key, struct gp_arena *arena,
    struct gp_str *value)
{
	struct gp_buf request, answer;
	enum gp_rc rc;

	(void)now_ms;
	gp_buf_init(&request, GP_CONTROL_REQUEST_MAX);
	gp_buf_init(&answer, GP_STORE_NOTE_MAX);
	gp_buf_addf(&request, GP_RATE_PEEK_NOTE " %.*s", GP_STR_ARG(key));
	rc = ask(self, gp_buf_cstr(&request), &answer);
	*value = gp_arena_dup(arena, gp_buf_str(&answer));
	gp_buf_clear(&request);
	gp_buf_clear(&answer);
	return rc == GP_OK && value->n == 0 ? GP_NONE : rc;
}

static enum gp_rc
view_walk(void *self, int64_t now_ms, struct gp_str prefix, size_t most,
    gp_store_fn fn, void *arg)
{
	(void)self;
	(void)now_ms;
	(void)prefix;
	(void)most;
	(void)fn;
	(void)arg;
	return GP_OK;
}

static void
view_close(void *self)
{
	struct view *view = self;

	gp_arena_free(view->arena);
	free(view->v);
	free(view);
}

/* Its name says to the front that it is never away: without a daemon there is
 * nothing to fall back upon. */
static const struct gp_store_ops view_ops = {
	.name = "mem",
	.apply = view_apply,
	.put = view_put,
	.get = view_get,
	.walk = view_walk,
	.close = view_close,
};

struct gp_store *
gp_explain_store_new(struct gp_explain_daemon *daemon)
{
	struct view *view = gp_xcalloc(1, sizeof(*view));

	view->daemon = daemon;
	view->arena = gp_arena_new();
	return gp_store_upon((struct gp_store_backend){ .ops = &view_ops,
				 .self = view },
	    1, NULL, gp_clock_boot_ms);
}
