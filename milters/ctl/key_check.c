/* gatepost key check: what every name server of the zone has. */
#include "ctl/key_ask.h"

#include "base/time.h"
#include "core/finding.h"
#include "io/clock.h"

#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS      3600000
#define WAIT_MAX_MS  (INT64_C(7) * 86400000)
#define PAUSE_MIN_MS 5000
#define PAUSE_MAX_MS 60000

/* A key that is looked for. */
struct wanted {
	const struct gp_key_policy *key;
	const struct gp_dkim_public *public;
	struct ctl_key_servers servers;
};

struct checking {
	struct ctl_key_call call;
	size_t n;
	struct wanted *v;
	bool wait;
	int64_t deadline_us; /* of the waiting */
};

/* -- asking ---------------------------------------------------------------- */

static int
collect(struct checking *c)
{
	const struct gp_policy *block = c->call.block;
	int code = 0;

	c->v = gp_arena_alloc(c->call.arena, block->n_keys * sizeof(*c->v));
	for (size_t i = 0; i < block->n_keys && code == 0; i++) {
		struct wanted *w = &c->v[c->n];

		if (!ctl_key_wanted(&c->call, &block->keys[i]))
			continue;
		w->key = &block->keys[i];
		code = ctl_key_public(&c->call, w->key, &w->public);
		if (code == 0)
			code = ctl_key_servers(&c->call, w->key, &w->servers);
		c->n++;
	}
	return code;
}

/* Those that are everywhere are not asked for again. */
static bool
ask(struct checking *c)
{
	bool all = true;

	for (size_t i = 0; i < c->n; i++) {
		struct wanted *w = &c->v[i];

		if (!ctl_key_everywhere(&w->servers))
			ctl_key_ask_all(&c->call, w->public, &w->servers);
		all = all && ctl_key_everywhere(&w->servers);
	}
	return all;
}

/* -- waiting --------------------------------------------------------------- */

static void
count(const struct checking *c, size_t *have, size_t *all)
{
	*have = *all = 0;
	for (size_t i = 0; i < c->n; i++)
		for (size_t s = 0; s < c->v[i].servers.n; s++) {
			const struct ctl_key_server *server =
			    &c->v[i].servers.v[s];

			*all += server->counts;
			*have += server->counts &&
			         gp_dkim_published_works(&server->published);
		}
}

static void
show_progress(const struct checking *c, int64_t pause_ms)
{
	size_t have, all;

	if (isatty(STDERR_FILENO) != 1)
		return;
	count(c, &have, &all);
	(void)fprintf(stderr,
	    "\r\033[K%zu of %zu answers are right, next try"
	    " in %lld s",
	    have, all, (long long)(pause_ms / 1000));
	(void)fflush(stderr);
}

static void
end_progress(void)
{
	if (isatty(STDERR_FILENO) == 1)
		(void)fputs("\r\033[K", stderr);
}

static void
pause_for(int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&left, NULL);
}

/* False: time is over. */
static bool
ask_until(struct checking *c)
{
	int64_t pause_ms = PAUSE_MIN_MS;

	while (!ask(c)) {
		int64_t left_ms =
		    gp_time_sub(c->deadline_us, gp_clock_us()) / GP_US_PER_MS;

		if (left_ms <= 0)
			return false;
		show_progress(c, gp_time_min(pause_ms, left_ms));
		pause_for(gp_time_min(pause_ms, left_ms));
		end_progress();
		pause_ms = gp_time_min(2 * pause_ms, PAUSE_MAX_MS);
	}
	return true;
}

/* -- the answer ------------------------------------------------------------ */

static enum gp_light
light_of(const struct ctl_key_server *s)
{
	if (s->published.verdict == GP_DKIM_PUBLISHED_SAME)
		return GP_GREEN;
	return !s->counts || s->published.verdict == GP_DKIM_PUBLISHED_TESTING
	           ? GP_YELLOW
	           : GP_RED;
}

void
ctl_key_print_servers(const struct ctl *ctl, const char *selector,
    const struct ctl_key_servers *s)
{
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	for (size_t i = 0; i < s->n; i++) {
		const struct ctl_key_server *one = &s->v[i];

		gp_buf_addf(&out, "%s\t%s\t%s%s%s\t",
		    ctl_light(ctl, light_of(one)), selector, one->name,
		    one->name[0] == '\0' ? "" : " ", one->address);
		gp_dkim_published_say(&one->published, &out);
		gp_buf_adds(&out,
		    one->counts ? "\n" : "; its other address answers\n");
	}
	ctl_print_table(gp_buf_str(&out));
	gp_buf_clear(&out);
}

/* It is looked for as long as its signatures hold. */
static void
print_retired(struct checking *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].key->state == GP_KEY_RETIRED)
			(void)printf("key \"%s\" is retired: %s\n",
			    c->v[i].key->selector,
			    ctl_key_keep(c->call.block, c->v[i].key,
				c->call.arena));
}

static void
json_server(const struct ctl_key_server *s, struct gp_json *j)
{
	struct gp_buf say;

	gp_buf_init(&say, SIZE_MAX);
	gp_dkim_published_say(&s->published, &say);
	gp_json_object(j, NULL);
	gp_json_string(j, "name", s->name);
	gp_json_string(j, "address", s->address);
	gp_json_string(j, "published",
	    gp_dkim_published_word(s->published.verdict));
	gp_json_str(j, "what", gp_buf_str(&say));
	gp_json_bool(j, "counts", s->counts);
	gp_json_end(j);
	gp_buf_clear(&say);
}

static void
print_json(struct checking *c)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_string(&j, "domain", c->call.domain);
	gp_json_array(&j, "keys");
	for (size_t i = 0; i < c->n; i++) {
		const struct wanted *w = &c->v[i];

		gp_json_object(&j, NULL);
		gp_json_string(&j, "selector", w->key->selector);
		gp_json_string(&j, "name", w->servers.record);
		gp_json_string(&j, "state", ctl_key_state(w->key->state));
		gp_json_string(&j, "retired",
		    w->key->state == GP_KEY_RETIRED
			? ctl_key_keep(c->call.block, w->key, c->call.arena)
			: NULL);
		gp_json_bool(&j, "published", ctl_key_everywhere(&w->servers));
		gp_json_array(&j, "servers");
		for (size_t s = 0; s < w->servers.n; s++)
			json_server(&w->servers.v[s], &j);
		gp_json_end(&j);
		gp_json_end(&j);
	}
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

/* A definite no weighs more than silence, unless that is waited for. */
static int
code_of(const struct checking *c, bool everywhere)
{
	if (everywhere)
		return 0;
	if (c->wait)
		return EX_TEMPFAIL;
	for (size_t i = 0; i < c->n; i++)
		if (ctl_key_told(&c->v[i].servers) &&
		    !ctl_key_everywhere(&c->v[i].servers))
			return 1;
	return EX_TEMPFAIL;
}

static int
check(struct checking *c)
{
	int code = collect(c);
	bool everywhere;

	if (code != 0)
		return code;
	everywhere = c->wait ? ask_until(c) : ask(c);
	if (c->call.ctl->json)
		print_json(c);
	for (size_t i = 0; i < c->n && !c->call.ctl->json; i++)
		ctl_key_print_servers(c->call.ctl, c->v[i].key->selector,
		    &c->v[i].servers);
	if (!c->call.ctl->json)
		print_retired(c);
	return code_of(c, everywhere);
}

static int
read_waiting(struct checking *c)
{
	const char *word = ctl_option(c->call.args, "--timeout");
	int64_t ms = WAIT_MS;

	c->wait = ctl_option(c->call.args, "--wait") != NULL;
	if (word != NULL && !c->wait)
		return ctl_usage("--timeout: expected --wait beside it");
	if (word != NULL && (gp_parse_duration_ms(gp_str(word), &ms) != GP_OK ||
				ms > WAIT_MAX_MS))
		return ctl_usage("--timeout: %s: expected a time such as 30m,"
				 " 7d at most",
		    word);
	c->deadline_us = gp_time_add(gp_clock_us(), ms * GP_US_PER_MS);
	return 0;
}

int
ctl_key_check(const struct ctl *ctl, const struct ctl_args *args)
{
	struct checking c = { .n = 0 };
	int code = ctl_key_begin(&c.call, ctl, args);

	if (code == 0)
		code = read_waiting(&c);
	if (code == 0)
		code = ctl_key_choose(&c.call);
	if (code == 0)
		code = check(&c);
	ctl_key_end(&c.call);
	return code;
}
