/* gatepost rate warmup plan: the caps of the days to come. */
#include "ctl/rate.h"

#include "core/domain.h"
#include "core/warmup.h"

#include <stdio.h>
#include <string.h>

/* Days of the table; then comes the day of the plateau. */
static const unsigned days[] = { 1, 2, 3, 4, 5, 7, 10, 14, 21, 28 };

struct share {
	struct gp_str provider;
	uint64_t percent;
};

struct plan {
	const struct gp_policy *block;
	uint64_t volume; /* recipients a day; 0: not asked for */
	struct gp_str mix;
};

static int64_t
cap_of(const struct gp_warmup_rule *rule, unsigned day)
{
	const struct gp_warmup_state s = { .n = day };

	return gp_warmup_cap(&s, rule);
}

static void
print_provider(const struct gp_policy *block, const char *provider)
{
	static const struct gp_warmup_policy table = { .name = "all",
		.hours = 12 };
	const struct gp_warmup_policy *w = gp_warmup_find(block, provider);
	struct gp_warmup_rule rule =
	    gp_warmup_rule_of(w == NULL ? &table : w, provider);

	(void)printf("%-16s", provider);
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		(void)printf(" %6lld", (long long)cap_of(&rule, days[i]));
	(void)printf(" %8lld %4u%s\n", (long long)rule.plateau,
	    gp_warmup_forecast(&rule, rule.plateau),
	    w == NULL ? "  (not warmed up)" : "");
}

static void
print_table(const struct gp_policy *block)
{
	const struct gp_providers *all =
	    &gp_config_globals(block->config)->providers;

	(void)printf("%s: recipients a day, by day of sending\n%-16s",
	    block->domain, "provider");
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		(void)printf(" %5s%u", days[i] < 10 ? " " : "", days[i]);
	(void)printf("  plateau  day\n");
	for (size_t i = 0; i < all->n; i++)
		print_provider(block, all->v[i].name);
	print_provider(block, "other");
}

/* The next "P=PERCENT" of the mix; false: there is none, or not of that form
 * (`*code` is set then). */
static bool
next_share(struct gp_str *rest, struct share *out, int *code)
{
	struct gp_str value;

	if (rest->p == NULL)
		return false;
	value = gp_str_split(rest, ',');
	out->provider = gp_str_split(&value, '=');
	if (out->provider.n > 0 &&
	    gp_parse_u64(value, 100, &out->percent) == GP_OK)
		return true;
	*code = ctl_usage("--mix: expected PROVIDER=PERCENT,...");
	return false;
}

static bool
is_provider(const struct gp_policy *block, struct gp_str name)
{
	const struct gp_providers *all =
	    &gp_config_globals(block->config)->providers;

	for (size_t i = 0; i < all->n; i++)
		if (gp_str_eq(name, gp_str(all->v[i].name)))
			return true;
	return gp_str_eq(name, GP_STR("other"));
}

static int
check_mix(const struct plan *plan)
{
	struct gp_str rest = plan->mix;
	struct share share = { .percent = 0 };
	uint64_t sum = 0;
	int code = 0;

	while (code == 0 && next_share(&rest, &share, &code)) {
		sum += share.percent;
		if (!is_provider(plan->block, share.provider))
			code = ctl_usage("--mix: %.*s: no such provider",
			    GP_STR_ARG(share.provider));
	}
	if (code == 0 && sum > 100)
		code = ctl_usage("--mix: expected 100 percent at most");
	return code;
}

static unsigned
print_share(const struct plan *plan, const struct share *share)
{
	static const struct gp_warmup_policy table = { .name = "all" };
	char name[GP_DOMAIN_TEXT];
	const struct gp_warmup_policy *w;
	struct gp_warmup_rule rule;
	int64_t want = (int64_t)(plan->volume * share->percent / 100);
	unsigned day;

	(void)snprintf(name, sizeof(name), "%.*s", GP_STR_ARG(share->provider));
	w = gp_warmup_find(plan->block, name);
	rule = gp_warmup_rule_of(w == NULL ? &table : w, name);
	day = gp_warmup_forecast(&rule, want);
	if (day == 0)
		(void)printf("%-16s %lld a day: never, the plateau is %lld\n",
		    name, (long long)want, (long long)rule.plateau);
	else
		(void)printf("%-16s %lld a day: from day %u on\n", name,
		    (long long)want, day);
	return day;
}

static int
print_volume(const struct plan *plan)
{
	struct gp_str rest =
	    plan->mix.p == NULL ? GP_STR("other=100") : plan->mix;
	struct share share = { .percent = 0 };
	unsigned last = 0;
	bool never = false;
	int code = 0;

	while (next_share(&rest, &share, &code)) {
		unsigned day = print_share(plan, &share);

		never = never || day == 0;
		last = day > last ? day : last;
	}
	if (never)
		(void)printf("the whole list never fits into one day\n");
	else
		(void)printf("the whole list fits from day %u on\n", last);
	return never ? 1 : 0;
}

static int
read_plan(struct plan *plan, const struct ctl_args *args)
{
	const char *volume = ctl_option(args, "--volume");
	const char *mix = ctl_option(args, "--mix");

	if (volume != NULL &&
	    (gp_parse_u64(gp_str(volume), UINT64_C(1000000000),
		 &plan->volume) != GP_OK ||
		plan->volume == 0))
		return ctl_usage("--volume: expected a number from 1 to "
				 "1000000000");
	if (mix != NULL)
		plan->mix = gp_str(mix);
	return mix == NULL || volume != NULL
	           ? 0
	           : ctl_usage("--mix: expected --volume beside it");
}

int
ctl_rate_plan(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_config *config = NULL;
	struct plan plan = { .volume = 0 };
	char domain[GP_DOMAIN_TEXT];
	int code = read_plan(&plan, args);

	if (code == 0)
		code = ctl_domain(args->v[0], domain);
	if (code == 0)
		code = ctl_load(ctl, &config);
	if (code != 0)
		return code;
	plan.block = gp_policy_for(config, domain);
	if (plan.block->domain == NULL) {
		code = ctl_fail(1, "%s: no domain block is for it", domain);
	} else {
		code = check_mix(&plan);
		if (code == 0)
			print_table(plan.block);
		if (code == 0 && plan.volume > 0)
			code = print_volume(&plan);
	}
	gp_config_unref(config);
	return code;
}
