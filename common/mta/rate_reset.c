/* See rate_own.h: meters that the operator empties. */
#include "mta/rate_own.h"

#include "core/logfmt.h"
#include "core/rate_name.h"
#include "core/senders.h"
#include "io/log.h"

#include <string.h>

#define LOOKED_AT 200000 /* meters of the store, at most */
#define EMPTIED   1000

struct search {
	struct gp_str prefix;
	struct gp_str key;  /* the whole of it; empty: any */
	struct gp_str pair; /* "auth=app", one of its keys; empty: any */
	struct gp_arena *arena;
	size_t looked, n;
	struct gp_str *found;
	bool more; /* than EMPTIED */
};

/* Does the last part of a limit's meter, "auth=app,domain=shop.example", have
 * this pair?  Values have no comma and no slash: core/rate_name. */
static bool
has_pair(struct gp_str key, struct gp_str pair)
{
	size_t at = key.n;
	struct gp_str last;

	while (at > 0 && key.p[at - 1] != '/')
		at--;
	last = gp_str_n(key.p + at, key.n - at);
	while (last.p != NULL)
		if (gp_str_eq(gp_str_split(&last, ','), pair))
			return true;
	return false;
}

static bool
look(void *arg, struct gp_str key, const struct gp_meter *m, int64_t now_ms)
{
	struct search *s = arg;

	(void)m;
	(void)now_ms;
	s->looked++;
	if (s->key.n > 0 && !gp_str_eq(key, s->key))
		return true;
	if (s->pair.n > 0 && !has_pair(key, s->pair))
		return true;
	s->more = s->n == EMPTIED;
	if (!s->more)
		s->found[s->n++] = gp_arena_dup(s->arena, key);
	return !s->more;
}

/* "auth=" and the value as core/rate writes it. */
static struct gp_str
pair_of(const char *name, struct gp_str value, struct gp_arena *arena)
{
	struct gp_buf b;
	struct gp_str pair;

	gp_buf_init(&b, SIZE_MAX);
	gp_buf_adds(&b, name);
	gp_rate_name_add(&b, value);
	pair = gp_arena_dup(arena, gp_buf_str(&b));
	gp_buf_clear(&b);
	return pair;
}

/* False: the words are none of these. */
static bool
read_search(struct gp_str how, struct gp_str value, struct search *s)
{
	if (value.n == 0 || value.n > GP_CHARGE_KEY_MAX)
		return false;
	s->prefix = GP_STR("m/");
	if (gp_str_eq(how, GP_STR("login"))) {
		s->pair = pair_of("auth=",
		    gp_str(gp_login_normalize(gp_arena_strndup(s->arena,
						  value.p, value.n),
			s->arena)),
		    s->arena);
	} else if (gp_str_eq(how, GP_STR("domain"))) {
		s->prefix = gp_str(
		    gp_arena_printf(s->arena, "m/%.*s/", GP_STR_ARG(value)));
	} else if (gp_str_eq(how, GP_STR("meter"))) {
		s->prefix = value;
		if (value.p[value.n - 1] == '*')
			s->prefix.n--;
		else
			s->key = value;
		return s->prefix.n > 0;
	} else {
		return false;
	}
	return true;
}

static bool
empty(struct gp_rate_own *own, const struct search *s, struct gp_str words,
    struct gp_buf *out)
{
	char text[GP_LOG_VALUE_MAX];

	if (s->n > 0 && gp_store_empty(own->store, s->found, s->n) != GP_OK) {
		gp_buf_adds(out, "the store does not answer\n");
		return false;
	}
	gp_log(GP_LOG_WARNING, "reset of %s by the operator: meters=%zu",
	    gp_log_escape(words, text, sizeof(text)), s->n);
	return true;
}

static bool
reset(struct gp_rate_own *own, bool now, struct gp_str words, struct search *s,
    struct gp_buf *out)
{
	if (gp_store_walk(own->store, s->prefix, LOOKED_AT, look, s) != GP_OK) {
		gp_buf_adds(out, "the store does not answer\n");
		return false;
	}
	if (s->more || s->looked >= LOOKED_AT) {
		gp_buf_addf(out, "there are more than %d meters: name fewer\n",
		    EMPTIED);
		return false;
	}
	if (now && !empty(own, s, words, out))
		return false;
	for (size_t i = 0; i < s->n; i++)
		gp_buf_addf(out, "%.*s\n", GP_STR_ARG(s->found[i]));
	return true;
}

bool
gp_rate_request_reset(struct gp_rate_own *own, struct gp_str words,
    struct gp_buf *out)
{
	struct search s = { .arena = gp_arena_new() };
	struct gp_str value = words;
	struct gp_str verb = gp_str_split(&value, ' ');
	const struct gp_str what = value;
	struct gp_str how = gp_str_split(&value, ' ');
	const bool now = gp_str_eq(verb, GP_STR("now"));
	bool ok = false;

	s.found = gp_arena_alloc(s.arena, EMPTIED * sizeof(*s.found));
	if ((now || gp_str_eq(verb, GP_STR("show"))) &&
	    read_search(how, gp_str_trim(value), &s))
		ok = reset(own, now, what, &s, out);
	else
		gp_buf_adds(out, "expected now or show, then meter KEY, login "
				 "LOGIN or domain DOMAIN\n");
	gp_arena_free(s.arena);
	return ok;
}
