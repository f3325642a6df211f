/* See policy_draft.h: what options must say together. */
#include "core/policy_draft.h"
#include "core/policy_form.h"
#include "core/policy_guess.h"
#include "core/redis_url.h"
#include "core/warmup.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A limit on bytes below it stops every message. */
#define BYTES_MIN 1024

/* Where the option was written, else where the part begins. */
static struct gp_origin
origin_of(const struct gp_part *part, const char *name)
{
	const struct gp_option_group *group;
	const struct gp_option *o =
	    gp_section_option(part->section, name, &group);
	struct gp_origin origin = part->at[gp_option_number(group, o)];

	return origin.file == NULL ? part->origin : origin;
}

/* What is written and yet not there is empty, or a problem already. */
static bool
is_missing(const struct gp_merge *m, const struct gp_part *part,
    const char *const names[3], bool given)
{
	return !given && (m->ctx.problems->count == 0 ||
			     !gp_part_is_written(part, names, 3));
}

/* -- rates ------------------------------------------------------------- */

struct rates {
	const struct gp_merge *m;
	const struct gp_rates *all;
	const char *label; /* "limit.rate" */
	struct gp_origin origin;
};

static void
refuse_rate(const struct rates *r, const struct gp_rate *rate, const char *why,
    const struct gp_rate *other)
{
	struct gp_buf one;
	struct gp_buf two;

	gp_buf_init(&one, 64);
	gp_buf_init(&two, 64);
	gp_form_write_rate(rate, &one);
	if (other != NULL)
		gp_form_write_rate(other, &two);
	gp_problems_add(r->m->ctx.problems, r->origin, "%s: %s: expected %s%s",
	    gp_buf_cstr(&one), r->label, why, gp_buf_cstr(&two));
	gp_buf_clear(&one);
	gp_buf_clear(&two);
}

/* Two rates: each must be reached by something that the other lets pass. */
static bool
check_pair(const struct rates *r, const struct gp_rate *a,
    const struct gp_rate *b)
{
	const struct gp_rate *brief = a->period_ms < b->period_ms ? a : b;
	const struct gp_rate *lasting = brief == a ? b : a;

	if (a->period_ms == b->period_ms)
		refuse_rate(r, b, "one rate for each time, there is also ", a);
	else if (brief->n >= lasting->n)
		refuse_rate(r, brief,
		    "a smaller number, it is never reached beside ", lasting);
	else
		return true;
	return false;
}

/* False: something is wrong with them, and said. */
static bool
check_rates(const struct rates *r)
{
	const struct gp_rate *v = r->all->v;

	for (size_t i = 0; i < r->all->n; i++)
		if (v[i].n == 0)
			return false; /* could not be read */
	for (size_t i = 0; i < r->all->n; i++)
		for (size_t j = 0; j < i; j++)
			if (!check_pair(r, &v[j], &v[i]))
				return false;
	return true;
}

/* -- limits ------------------------------------------------------------ */

static void
refuse_burst(const struct gp_merge *m, const struct gp_part *part,
    const char *why, int64_t number)
{
	struct gp_buf text;

	gp_buf_init(&text, 200);
	gp_form_write_amount(part->limit.burst, &text);
	gp_buf_addf(&text, ": limit.burst: expected %s", why);
	gp_form_write_amount(number, &text);
	gp_problems_add(m->ctx.problems, origin_of(part, "burst"), "%s",
	    gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

/* It is that of the rate with the shortest time: the others must let it pass,
 * too. */
static void
check_burst(const struct gp_merge *m, const struct gp_part *part)
{
	const struct gp_limit_policy *limit = &part->limit;
	const struct gp_rate *v = limit->rate.v;
	size_t brief = 0;

	for (size_t i = 1; i < limit->rate.n; i++)
		if (v[i].period_ms < v[brief].period_ms)
			brief = i;
	for (size_t i = 0; i < limit->rate.n; i++) {
		if (i == brief || limit->burst <= v[i].n)
			continue;
		refuse_burst(m, part, "at most the number of a longer rate, ",
		    v[i].n);
		return;
	}
	if (limit->count == GP_COUNT_BYTES && limit->burst > 0 &&
	    limit->burst < BYTES_MIN)
		refuse_burst(m, part,
		    "at least what a message has, it counts bytes: ",
		    BYTES_MIN);
}

static void
check_amounts(const struct gp_merge *m, const struct gp_part *part)
{
	const struct gp_limit_policy *limit = &part->limit;
	struct rates rates = { .m = m,
		.all = &limit->rate,
		.label = "limit.rate",
		.origin = origin_of(part, "rate") };

	if (!check_rates(&rates))
		return;
	for (size_t i = 0; i < limit->rate.n; i++) {
		if (limit->count != GP_COUNT_BYTES ||
		    limit->rate.v[i].n >= BYTES_MIN)
			continue;
		refuse_rate(&rates, &limit->rate.v[i],
		    "at least 1k, it counts bytes and no message is smaller",
		    NULL);
		return;
	}
	check_burst(m, part);
}

static void
check_limit(const struct gp_merge *m, const struct gp_part *part)
{
	const struct gp_limit_keys *by = &part->limit.by;

	check_amounts(m, part);
	for (size_t i = 0; by->n > 1 && i < by->n; i++)
		if (by->v[i] == GP_BY_ALL)
			gp_problems_add(m->ctx.problems, origin_of(part, "by"),
			    "\"all\": limit.by: expected no other word beside"
			    " it");
}

/* -- warm-ups and providers -------------------------------------------- */

static bool
is_reserved(const char *name)
{
	return strcmp(name, "other") == 0 || strcmp(name, "all") == 0;
}

static void
no_provider(const struct gp_merge *m, const struct gp_part *part)
{
	struct gp_guess guess = { .word = gp_str(part->name) };
	char hint[GP_GUESS_TEXT];

	/* each guess looks at all providers; what is not shown needs none */
	if (m->ctx.problems->count < GP_CONFIG_PROBLEMS_MAX) {
		gp_guess_try(&guess, "other");
		gp_guess_try(&guess, "all");
		for (const struct gp_part *p = m->top->parts; p != NULL;
		     p = p->next)
			if (gp_part_group(p)->target == GP_IN_PROVIDER)
				gp_guess_try(&guess, p->name);
	}
	gp_problems_add(m->ctx.problems, part->origin,
	    "\"%s\": warmup: expected %s%s", part->name,
	    part->section->expected, gp_guess_text(&guess, hint));
}

/* Where the cap ends that begins at first-day; 0: with "all" each has its own.
 */
static int64_t
plateau_of(const struct gp_part *part)
{
	struct gp_warmup_policy built_in = { .plateau = 0 };

	if (part->warmup.plateau > 0)
		return part->warmup.plateau;
	if (strcmp(part->name, "all") == 0)
		return 0;
	return gp_warmup_rule_of(&built_in, part->name).plateau;
}

static void
check_warmup(const struct gp_merge *m, const struct gp_part *part)
{
	static const char *const first[] = { "first-day" };
	struct gp_origin origin = origin_of(part,
	    gp_part_is_written(part, first, 1) ? "first-day" : "plateau");
	int64_t plateau = plateau_of(part);

	if (!is_reserved(part->name) &&
	    gp_index_get(m->providers, part->name) == NULL)
		no_provider(m, part);
	if (plateau > 0 && part->warmup.first_day > plateau)
		gp_problems_add(m->ctx.problems, origin,
		    "%lld: warmup.first-day: expected at most the plateau,"
		    " %lld%s",
		    (long long)part->warmup.first_day, (long long)plateau,
		    part->warmup.plateau > 0 ? ""
					     : ", or another `plateau = ...`");
}

static void
check_provider(const struct gp_merge *m, const struct gp_part *part)
{
	static const char *const which[] = { "domains", "mx", "transports" };
	const struct gp_provider_policy *p = &part->provider;

	if (is_reserved(part->name))
		gp_problems_add(m->ctx.problems, part->origin,
		    "\"%s\": provider: expected another name, this one has a"
		    " meaning of its own",
		    part->name);
	if (is_missing(m, part, which,
		p->domains.n > 0 || p->mx.n > 0 || p->transports.n > 0))
		gp_problems_add(m->ctx.problems, part->origin,
		    "provider \"%s\": expected at least one of domains, mx,"
		    " transports",
		    part->name);
}

/* -- keys and overrides ------------------------------------------------ */

/* What the options of a key say together, and its name in DNS. */
static void
check_key(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_part *part)
{
	static const char between[] = "._domainkey.";
	size_t n = strlen(part->name) + strlen(between);

	if (part->key.activate_after_s != 0 && part->key.state != GP_KEY_STAGED)
		gp_problems_add(m->ctx.problems, part->origin,
		    "key \"%s\": expected `state = staged` beside"
		    " activate-after",
		    part->name);
	if (part->key.retired_on_s != 0 && part->key.state != GP_KEY_RETIRED)
		gp_problems_add(m->ctx.problems, part->origin,
		    "key \"%s\": expected `state = retired` beside retired-on",
		    part->name);
	if (d->name != NULL && n + strlen(d->name) > GP_DOMAIN_MAX)
		gp_problems_add(m->ctx.problems, part->origin,
		    "\"%.*s\": key: expected a selector with which"
		    " SELECTOR%sDOMAIN has at most %d octets",
		    gp_form_shown(part->name), part->name, between,
		    GP_DOMAIN_MAX);
}

static void
check_override(const struct gp_merge *m, const struct gp_part *part)
{
	static const char *const which[] = { "from", "clients", "header" };
	static const char *const does[] = { "reject", "quarantine", "dmarc" };
	const struct gp_override_policy *o = &part->override;

	if (is_missing(m, part, which,
		o->from.n > 0 || o->clients.n > 0 || o->header.n > 0))
		gp_problems_add(m->ctx.problems, part->origin,
		    "override \"%s\": expected at least one of from, clients,"
		    " header",
		    part->name);
	if (is_missing(m, part, does,
		o->reject != GP_OVERRIDE_REJECT_UNSET ||
		    o->quarantine != GP_OVERRIDE_QUARANTINE_UNSET ||
		    o->dmarc != GP_OVERRIDE_DMARC_UNSET))
		gp_problems_add(m->ctx.problems, part->origin,
		    "override \"%s\": expected at least one of reject,"
		    " quarantine, dmarc",
		    part->name);
}

/* -- parts ------------------------------------------------------------- */

/* Options that are there, whoever wrote them. */
static void
check_together(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_part *part)
{
	enum gp_target target = gp_part_group(part)->target;

	if (target == GP_IN_KEY)
		check_key(m, d, part);
	else if (target == GP_IN_LIMIT)
		check_limit(m, part);
	else if (target == GP_IN_WARMUP)
		check_warmup(m, part);
	else if (target == GP_IN_PROVIDER)
		check_provider(m, part);
	else
		check_override(m, part);
}

static void
check_part(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_part *part)
{
	const struct gp_option_group *group = gp_part_group(part);

	for (size_t i = 0; i < group->n; i++)
		if (group->options[i].required && part->at[i].file == NULL)
			gp_problems_add(m->ctx.problems, part->origin,
			    "%s \"%s\": expected `%s = ...` in it, %s",
			    part->section->kind, part->name,
			    group->options[i].name, group->options[i].expected);
	check_together(m, d, part);
}

void
gp_check_parts(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_draft *profile)
{
	struct gp_part *theirs = profile == NULL ? NULL : profile->parts;

	for (const struct gp_part *part = d->parts; part != NULL;
	     part = part->next)
		if (gp_part_find(theirs, part->section->kind, part->name) ==
		    NULL)
			check_part(m, d, part);
}

/* What the profile has wrong alone is said there. */
void
gp_check_merged(const struct gp_merge *m, const struct gp_draft *d,
    const struct gp_part *part, const struct gp_part *merged)
{
	static const char *const limit[] = { "count", "by", "rate", "burst" };
	static const char *const warmup[] = { "first-day", "plateau" };
	bool is_limit = gp_part_group(part)->target == GP_IN_LIMIT;

	if (is_limit ? gp_part_is_written(part, limit, COUNT(limit))
		     : gp_part_is_written(part, warmup, COUNT(warmup)))
		check_together(m, d, merged);
}

/* -- globals ----------------------------------------------------------- */

static struct gp_origin
origin_of_global(const struct gp_merge *m, const char *section,
    const char *name)
{
	const struct gp_section *s = &gp_sections[0];
	const struct gp_option_group *group;
	const struct gp_option *o;

	if (section[0] != '\0')
		s = gp_section_child(s, section);
	o = gp_section_option(s, name, &group);
	return m->config->origins[gp_option_number(group, o)];
}

/* One password, and in one place. */
static void
check_password(const struct gp_merge *m)
{
	const struct gp_globals *g = &m->config->globals;
	struct gp_redis_url url;

	if (g->store == NULL ||
	    gp_redis_url_parse(gp_str(g->store), &url, NULL) != GP_OK)
		return; /* in the problems already, or no Redis */
	if (url.password[0] != '\0' && g->rate.password_file != NULL)
		gp_problems_add(m->ctx.problems,
		    origin_of_global(m, "rate", "password-file"),
		    "password-file: expected none, the URL of store has a"
		    " password");
	else if (url.user[0] != '\0' && url.password[0] == '\0' &&
		 g->rate.password_file == NULL)
		gp_problems_add(m->ctx.problems,
		    origin_of_global(m, "", "store"),
		    "store: expected a password beside the user, USER:PASSWORD"
		    " or rate.password-file");
}

void
gp_check_globals(const struct gp_merge *m)
{
	struct rates login = { .m = m,
		.all = &m->config->globals.rate.login,
		.label = "rate.login-limit",
		.origin = origin_of_global(m, "rate", "login-limit") };

	(void)check_rates(&login);
	check_password(m);
}
