/* See rate_gate.h: opening, closing, and what the operator asks. */
#include "mta/rate_own.h"

#include "base/xalloc.h"
#include "core/rate_peek.h"
#include "core/rate_reply.h"
#include "io/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define METERS_SHOWN 1000

/* -- with the policy ------------------------------------------------------ */

static bool
is_redis(const char *where)
{
	return strncasecmp(where, "redis", 5) == 0;
}

/* Two that are not redis and of one kind are the same place. */
static bool
goes_on(const struct gp_rate_own *old, const char *where)
{
	return old != NULL && strcmp(old->where, where) == 0;
}

/* All of the options that say where and how, as one text. */
static char *
place_of(const struct gp_globals *g, const char *where)
{
	const struct gp_rate_policy *how = &g->rate;
	struct gp_buf place;
	char *text;

	if (!is_redis(where))
		return gp_xstrdup(where);
	gp_buf_init(&place, SIZE_MAX);
	gp_buf_addf(&place, "%s %s %lld %u", where,
	    how->password_file == NULL ? "" : how->password_file,
	    (long long)how->store_timeout_ms, how->peers);
	text = gp_xstrdup(gp_buf_cstr(&place));
	gp_buf_clear(&place);
	return text;
}

static enum gp_rc
open_store(const struct gp_opening *with, const char *where,
    struct gp_store **out, struct gp_err *err)
{
	const struct gp_rate_policy *how =
	    &gp_config_globals(with->config)->rate;
	char directory[512];
	const struct gp_store_options options = { .where = where,
		.directory = directory,
		.max_bytes = how->store_bytes,
		.timeout_ms = how->store_timeout_ms,
		.peers = how->peers,
		.password_file = how->password_file,
		.metrics = with->metrics };

	(void)snprintf(directory, sizeof(directory), "%s/rate",
	    with->state_dir == NULL ? "" : with->state_dir);
	return gp_store_open(&options, out, err);
}

static bool
any_wants_provider(const struct gp_config *config)
{
	size_t n;
	const struct gp_policy *blocks = gp_config_domains(config, &n);

	if (gp_rate_wants_provider(gp_policy_for(config, NULL)))
		return true;
	for (size_t i = 0; i < n; i++)
		if (gp_rate_wants_provider(&blocks[i]))
			return true;
	return false;
}

struct gp_rate_own *
gp_rate_open_upon(const struct gp_config *config, struct gp_store *store)
{
	struct gp_rate_own *own = gp_xcalloc(1, sizeof(*own));

	own->where = gp_xstrdup("");
	own->store = store;
	own->providers = gp_provider_cache_new();
	own->wants_provider = any_wants_provider(config);
	return own;
}

enum gp_rc
gp_rate_open(const struct gp_opening *with, struct gp_rate_own **out,
    struct gp_problems *problems)
{
	const struct gp_globals *g = gp_config_globals(with->config);
	const struct gp_rate_own *old = with->old;
	struct gp_rate_own *own = gp_xcalloc(1, sizeof(*own));
	const char *where = g->store;
	struct gp_err err;
	enum gp_rc rc;

	*out = NULL;
	if (with->state_dir == NULL && !is_redis(where))
		where = "mem"; /* no folder to keep anything in */
	own->where = place_of(g, where);
	if (goes_on(old, own->where)) {
		own->store = gp_store_ref(old->store);
	} else {
		rc = open_store(with, where, &own->store, &err);
		if (rc != GP_OK) {
			gp_problems_add(problems,
			    (struct gp_origin){ .file = NULL }, "store: %s",
			    err.msg);
			gp_rate_close(own);
			return rc;
		}
	}
	own->providers = old != NULL ? gp_provider_cache_ref(old->providers)
	                             : gp_provider_cache_new();
	own->wants_provider = any_wants_provider(with->config);
	*out = own;
	return GP_OK;
}

void
gp_rate_close(struct gp_rate_own *own)
{
	if (own == NULL)
		return;
	gp_store_unref(own->store);
	gp_provider_cache_unref(own->providers);
	free(own->where);
	free(own);
}

void
gp_rate_stop(struct gp_rate_own *own)
{
	gp_store_sync(own->store);
}

/* -- the operator's questions --------------------------------------------- */

struct gp_str
gp_rate_refusal_key(struct gp_str ref, struct gp_arena *arena)
{
	char *key = gp_arena_printf(arena, "r/%.*s", GP_STR_ARG(ref));

	for (char *p = key + 2; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return gp_str(key);
}

static bool
say_why(struct gp_rate_own *own, struct gp_str ref, struct gp_buf *out)
{
	struct gp_arena *arena;
	struct gp_str note;
	enum gp_rc rc;

	if (!gp_rate_ref_valid(ref)) {
		gp_buf_adds(out, "expected a reference, the ten letters and "
				 "digits in brackets at the end of a reply\n");
		return false;
	}
	arena = gp_arena_new();
	rc = gp_store_get(own->store, gp_rate_refusal_key(ref, arena), arena,
	    &note);
	if (rc == GP_OK)
		gp_buf_add_str(out, note);
	else if (rc == GP_NONE)
		gp_buf_adds(out, "no refusal with that reference is kept\n");
	else
		gp_buf_adds(out, "the store does not answer\n");
	gp_arena_free(arena);
	return rc == GP_OK;
}

static bool
show_meter(void *arg, struct gp_str key, const struct gp_meter *m,
    int64_t now_ms)
{
	struct gp_buf *out = arg;

	gp_buf_addf(out, "%.*s level %.1f age_s %lld\n", GP_STR_ARG(key),
	    m->level, (long long)((now_ms - m->at_ms) / 1000));
	return true;
}

bool
gp_rate_request(struct gp_rate_own *own, struct gp_str request,
    struct gp_buf *out)
{
	struct gp_str rest = request;
	struct gp_str word = gp_str_split(&rest, ' ');

	rest = gp_str_trim(rest);
	if (gp_str_eq(word, GP_STR("why")))
		return say_why(own, rest, out);
	if (gp_str_eq(word, GP_STR(GP_RATE_PEEK)))
		return gp_rate_request_peek(own, rest, out);
	if (gp_str_eq(word, GP_STR(GP_RATE_PEEK_NOTE)))
		return gp_rate_request_note(own, rest, out);
	if (gp_str_eq(word, GP_STR("reset")))
		return gp_rate_request_reset(own, rest, out);
	if (gp_str_eq(word, GP_STR("store"))) {
		gp_store_describe(own->store, out);
		return true;
	}
	if (gp_str_eq(word, GP_STR("meters"))) {
		if (gp_store_walk(own->store, rest, METERS_SHOWN, show_meter,
			out) == GP_OK)
			return true;
		gp_buf_adds(out, "the store does not answer\n");
		return false;
	}
	gp_buf_adds(out, "unknown request; known: ping status stats reload "
			 "why store meters reset peek peek-note\n");
	return false;
}
