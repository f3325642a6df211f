/* gatepost rate warmup: what it has come to, of each provider. */
#include "ctl/rate.h"

#include "core/domain.h"
#include "core/provider.h"
#include "core/rate.h"
#include "core/rate_peek.h"
#include "io/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

/* One provider. */
struct warm {
	const char *provider;
	struct gp_warmup_rule rule;
	bool begun;
	struct gp_warmup_state state; /* of today */
	int64_t cap;
	double used;        /* today */
	unsigned days_left; /* to the plateau, at least; 0: it is there */
};

struct asked {
	const struct ctl *ctl;
	const struct gp_policy *block;
	int64_t today;
	struct gp_arena *arena;
};

/* -- what the daemon's store has ------------------------------------------- */

/* GP_NONE: there is no state yet. */
static enum gp_rc
read_state(const struct asked *a, struct warm *w, int *code)
{
	struct gp_buf request;
	struct gp_buf answer;
	enum gp_rc rc = GP_NONE;
	struct gp_str key =
	    gp_rate_warmup_key(a->block->domain, w->provider, a->arena);

	gp_buf_init(&request, SIZE_MAX);
	gp_buf_init(&answer, SIZE_MAX);
	gp_buf_addf(&request, GP_RATE_PEEK_NOTE " %.*s", GP_STR_ARG(key));
	*code = ctl_rate_ask(a->ctl, gp_buf_cstr(&request), &answer);
	if (*code == 0)
		rc = gp_warmup_parse(gp_str_trim(gp_buf_str(&answer)),
		    &w->state);
	gp_buf_clear(&request);
	gp_buf_clear(&answer);
	return rc;
}

/* The counter of that day; 0 where there is none. */
static double
read_used(const struct asked *a, const struct warm *w, int64_t day, int *code)
{
	const struct gp_charge c = gp_rate_day_charge(a->block->domain,
	    w->provider, day, w->cap < 1 ? 1 : w->cap, a->arena);
	struct gp_charged was = { .level = 0 };
	struct gp_buf request;
	struct gp_buf answer;

	gp_buf_init(&request, SIZE_MAX);
	gp_buf_init(&answer, SIZE_MAX);
	gp_rate_peek_write(&c, &request);
	*code = ctl_rate_ask(a->ctl, gp_buf_cstr(&request), &answer);
	if (*code == 0 &&
	    gp_rate_peek_understand(gp_buf_str(&answer), &was) != GP_OK)
		was.level = 0;
	gp_buf_clear(&request);
	gp_buf_clear(&answer);
	/* the answer is upon the charge that was asked about */
	return was.fits && !was.free && was.level >= c.cost ? was.level - c.cost
	                                                    : was.level;
}

static unsigned
days_left(const struct warm *w)
{
	struct gp_warmup_state s = w->state;
	const unsigned whole = gp_warmup_forecast(&w->rule, w->rule.plateau);
	unsigned left = 0;

	for (; left < whole && gp_warmup_cap(&s, &w->rule) < w->rule.plateau;
	     left++)
		s.n += 1;
	return left;
}

/* Today's state comes with today's first message; it is the same here. */
static int
find(const struct asked *a, struct warm *w)
{
	int code;

	w->begun = read_state(a, w, &code) == GP_OK;
	if (code != 0)
		return code;
	if (!w->begun) {
		w->state = gp_warmup_begin(a->today);
	} else if (w->state.day < a->today) {
		w->cap = gp_warmup_cap(&w->state, &w->rule);
		w->state = gp_warmup_next(&w->state, &w->rule,
		    read_used(a, w, w->state.day, &code), a->today);
	}
	w->cap = gp_warmup_cap(&w->state, &w->rule);
	if (code == 0)
		w->used = read_used(a, w, a->today, &code);
	w->days_left = days_left(w);
	return code;
}

/* -- output ------------------------------------------------------------------
 */

static const char *
date_of(const struct asked *a, unsigned days, char out[16])
{
	time_t when = (time_t)((a->today + days) * DAY_S);
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&when, &tm) != NULL)
		(void)strftime(out, 16, "%F", &tm);
	return out;
}

static void
add_row(const struct asked *a, const struct warm *w, struct gp_buf *out)
{
	char date[16];

	gp_buf_addf(out, "%s\t", w->provider);
	if (w->begun)
		gp_buf_addf(out, "%.1f", w->state.n);
	else
		gp_buf_adds(out, "not begun");
	gp_buf_addf(out, "\t%lld\t%.0f\t%lld\t", (long long)w->cap, w->used,
	    (long long)w->rule.plateau);
	if (w->days_left == 0)
		gp_buf_adds(out, "reached\n");
	else
		gp_buf_addf(out, "%s at the earliest\n",
		    date_of(a, w->days_left, date));
}

static void
add_json(const struct asked *a, const struct warm *w, struct gp_json *j)
{
	struct gp_buf day;
	char date[16];

	gp_buf_init(&day, SIZE_MAX);
	gp_buf_addf(&day, "%.6f", w->state.n);
	gp_json_object(j, NULL);
	gp_json_string(j, "provider", w->provider);
	gp_json_bool(j, "begun", w->begun);
	gp_json_str(j, "day", gp_buf_str(&day));
	gp_json_int(j, "cap", w->cap);
	gp_json_int(j, "used", (int64_t)w->used);
	gp_json_int(j, "plateau", w->rule.plateau);
	gp_json_int(j, "days_to_plateau", w->days_left);
	gp_json_string(j, "plateau_on", date_of(a, w->days_left, date));
	gp_json_end(j);
	gp_buf_clear(&day);
}

static void
print_all(const struct asked *a, const struct warm *v, size_t n)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	if (a->ctl->json) {
		j = ctl_json_begin(&out);
		gp_json_string(&j, "domain", a->block->domain);
		gp_json_array(&j, "providers");
		for (size_t i = 0; i < n; i++)
			add_json(a, &v[i], &j);
		gp_json_end(&j);
		ctl_json_end(&j);
	} else {
		gp_buf_adds(&out, "PROVIDER\tDAY\tCAP\tUSED\tPLATEAU\tON\n");
		for (size_t i = 0; i < n; i++)
			add_row(a, &v[i], &out);
		ctl_print_table(gp_buf_str(&out));
	}
	gp_buf_clear(&out);
}

/* -- the command
 * --------------------------------------------------------------- */

/* The providers that this block is warmed up to. */
static struct warm *
list(const struct asked *a, size_t *n)
{
	const struct gp_providers *all =
	    &gp_config_globals(a->block->config)->providers;
	struct warm *v = gp_arena_alloc(a->arena, (all->n + 1) * sizeof(*v));

	*n = 0;
	for (size_t i = 0; i <= all->n; i++) {
		const char *name =
		    i < all->n ? all->v[i].name : GP_PROVIDER_OTHER;
		const struct gp_warmup_policy *w =
		    gp_warmup_find(a->block, name);

		if (w == NULL)
			continue;
		v[*n].provider = name;
		v[(*n)++].rule = gp_warmup_rule_of(w, name);
	}
	return v;
}

static int
show(const struct asked *a, const char *domain)
{
	struct warm *v;
	size_t n;
	int code = 0;

	if (a->block->domain == NULL)
		return ctl_fail(1, "%s: no domain block is for it", domain);
	v = list(a, &n);
	if (n == 0)
		return ctl_fail(1, "%s: its block has no warmup",
		    a->block->domain);
	for (size_t i = 0; i < n && code == 0; i++)
		code = find(a, &v[i]);
	if (code == 0)
		print_all(a, v, n);
	return code;
}

int
ctl_rate_warmup(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_config *config = NULL;
	struct asked a = { .ctl = ctl };
	char domain[GP_DOMAIN_TEXT];
	int64_t ends_s;
	int code = ctl_domain(args->v[0], domain);

	if (code == 0)
		code = ctl_load(ctl, &config);
	if (code != 0)
		return code;
	a.block = gp_policy_for(config, domain);
	a.today = gp_clock_day(gp_clock_wall_s(), &ends_s);
	a.arena = gp_arena_new();
	code = show(&a, domain);
	gp_arena_free(a.arena);
	gp_config_unref(config);
	return code;
}
