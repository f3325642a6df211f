/*
 * What the policy says about mail that leaves: preflight, limits, warm-up and
 * providers, as values, as text, and what of it is refused.
 */
#include "core/provider.h"
#include "core/warmup.h"
#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct gp_config *
config_of(const char *text)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;

	gp_problems_init(&problems);
	if (gp_policy_parse(gp_str(text), "c", &config, &problems) != GP_OK)
		fail_msg("%s", gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	return config;
}

/* -- defaults ---------------------------------------------------------- */

static void
policy_preflight_is_off_and_mild_by_default(void **state)
{
	static const enum gp_preflight_need needs[] = { GP_NEED_FROM_ONE,
		GP_NEED_ALIGNED_DKIM, GP_NEED_ALIGNED_SPF, GP_NEED_DMARC_RECORD,
		GP_NEED_DATE, GP_NEED_MESSAGE_ID, GP_NEED_SUBJECT };
	struct gp_config *config = config_of("domain a.example { }\n"
					     "domain b.example {\n"
					     "  preflight { }\n"
					     "}\n");
	const struct gp_preflight_policy *p =
	    &gp_policy_for(config, "b.example")->preflight;

	(void)state;
	assert_false(gp_policy_for(config, NULL)->preflight.given);
	assert_false(gp_policy_for(config, "a.example")->preflight.given);
	assert_true(p->given);
	assert_int_equal(p->mode, GP_MONITOR);
	assert_int_equal(p->require.n, COUNT(needs));
	for (size_t i = 0; i < COUNT(needs); i++)
		assert_int_equal(p->require.v[i], needs[i]);
	assert_int_equal(p->egress.n, 0);
	assert_int_equal(p->otherwise, GP_DO_TAG);
	assert_int_equal(p->temperror, GP_DO_TAG);
	gp_config_unref(config);
}

static void
policy_rate_has_a_limit_for_every_login_by_default(void **state)
{
	static const char *const transports[] = { "local", "virtual", "lmtp" };
	struct gp_config *config = config_of("");
	const struct gp_globals *g = gp_config_globals(config);

	(void)state;
	assert_int_equal(g->rate.login.n, 1);
	assert_int_equal(g->rate.login.v[0].n, 1000);
	assert_int_equal(g->rate.login.v[0].period_ms, 3600000);
	assert_int_equal(g->rate.peers, 1);
	assert_int_equal(g->rate.store_timeout_ms, 50);
	assert_int_equal(g->rate.store_bytes, 256 << 20);
	assert_null(g->rate.password_file);
	assert_int_equal(g->rate.internal.n, 0);
	assert_int_equal(g->rate.internal_transports.n, COUNT(transports));
	for (size_t i = 0; i < COUNT(transports); i++)
		assert_string_equal(g->rate.internal_transports.v[i],
		    transports[i]);
	assert_null(g->rate.contact);
	assert_int_equal(g->limits.n, 0);
	assert_int_equal(g->providers.n, 0);
	assert_int_equal(gp_policy_for(config, NULL)->mail_class,
	    GP_CLASS_NORMAL);
	assert_int_equal(gp_policy_for(config, NULL)->n_warmups, 0);
	gp_config_unref(config);
}

static void
policy_limit_of_the_top_level_is_over_all_by_default(void **state)
{
	struct gp_config *config = config_of("limit l { rate = 5/1m }\n"
					     "domain a.example {\n"
					     "  limit l { rate = 5/1m }\n"
					     "}\n");
	const struct gp_limits *limits = &gp_config_globals(config)->limits;
	const struct gp_policy *p = gp_policy_for(config, "a.example");

	(void)state;
	assert_int_equal(limits->n, 1);
	assert_string_equal(limits->v[0].name, "l");
	assert_int_equal(limits->v[0].by.n, 1);
	assert_int_equal(limits->v[0].by.v[0], GP_BY_ALL);
	assert_int_equal(limits->v[0].origin.line, 1);
	assert_int_equal(p->n_limits, 1);
	assert_int_equal(p->limits[0].by.v[0], GP_BY_DOMAIN);
	assert_int_equal(gp_policy_for(config, NULL)->n_limits, 0);
	gp_config_unref(config);
}

/* -- what is written --------------------------------------------------- */

static const char everything[] =
    "rate { login-limit = { 30/1m, 200/1d } peers = 2 store-timeout = 1s\n"
    "  store-bytes = 1g password-file = \"/etc/pw\" internal = In.example\n"
    "  internal-transports = { dovecot } contact = \"call 1-800\" }\n"
    "store = \"redis+unix:///run/redis.sock\"\n"
    "limit \"host\" { count = bytes by = { client, rcpt-domain }\n"
    "  rate = { 10m/1m } over = log }\n"
    "limit \"all\" { rate = 9/1s mode = monitor }\n"
    "provider \"Google\" { mx = { .google.com } domains = { gmail.com }\n"
    "  transports = { google } }\n"
    "provider gmx { mx = gmx.net }\n"
    "profile p {\n"
    "  class = bulk\n"
    "  preflight { mode = enforce egress = { 192.0.2.1 } else = reject }\n"
    "  warmup google { first-day = 100 grow = 1.4 plateau = 5k hours = 8 }\n"
    "  warmup all { }\n"
    "}\n"
    "domain a.example {\n"
    "  profile = p\n"
    "  preflight { require = { date } else = tempfail temperror = tempfail }\n"
    "  limit u { count = unique-recipients rate = { 9/1m } burst = 20 }\n"
    "  warmup GOOGLE { over = log mode = monitor grow = 2 }\n"
    "  warmup other { }\n"
    "}\n";

static void
policy_rate_values_are_typed(void **state)
{
	struct gp_config *config = config_of(everything);
	const struct gp_globals *g = gp_config_globals(config);

	(void)state;
	assert_int_equal(g->rate.login.n, 2);
	assert_int_equal(g->rate.login.v[1].n, 200);
	assert_int_equal(g->rate.login.v[1].period_ms, 86400000);
	assert_int_equal(g->rate.peers, 2);
	assert_int_equal(g->rate.store_timeout_ms, 1000);
	assert_int_equal(g->rate.store_bytes, 1 << 30);
	assert_string_equal(g->rate.password_file, "/etc/pw");
	assert_string_equal(g->rate.internal.v[0], "in.example");
	assert_string_equal(g->rate.internal_transports.v[0], "dovecot");
	assert_string_equal(g->rate.contact, "call 1-800");
	assert_string_equal(g->store, "redis+unix:///run/redis.sock");
	assert_int_equal(g->limits.n, 2);
	assert_string_equal(g->limits.v[0].name, "host");
	assert_int_equal(g->limits.v[0].count, GP_COUNT_BYTES);
	assert_int_equal(g->limits.v[0].by.n, 2);
	assert_int_equal(g->limits.v[0].by.v[0], GP_BY_CLIENT);
	assert_int_equal(g->limits.v[0].by.v[1], GP_BY_RCPT_DOMAIN);
	assert_int_equal(g->limits.v[0].rate.v[0].n, 10 << 20);
	assert_int_equal(g->limits.v[0].over, GP_OVER_LOG);
	assert_int_equal(g->limits.v[1].mode, GP_MONITOR);
	gp_config_unref(config);
}

static void
policy_providers_are_kept_in_order(void **state)
{
	struct gp_config *config = config_of(everything);
	const struct gp_providers *p = &gp_config_globals(config)->providers;

	(void)state;
	assert_int_equal(p->n, 2);
	assert_string_equal(p->v[0].name, "google");
	assert_int_equal(p->v[0].origin.line, 8);
	assert_int_equal(p->v[0].domains.n, 1);
	assert_string_equal(p->v[0].domains.v[0], "gmail.com");
	assert_string_equal(p->v[0].mx.v[0], "google.com");
	assert_string_equal(p->v[0].transports.v[0], "google");
	assert_string_equal(p->v[1].name, "gmx");
	assert_int_equal(p->v[1].domains.n, 0);
	gp_config_unref(config);
}

static void
policy_outbound_values_of_a_domain_are_typed(void **state)
{
	struct gp_config *config = config_of(everything);
	const struct gp_policy *p = gp_policy_for(config, "a.example");
	const struct gp_preflight_policy *preflight = &p->preflight;

	(void)state;
	assert_int_equal(p->mail_class, GP_CLASS_BULK);
	assert_true(preflight->given);
	assert_int_equal(preflight->mode, GP_ENFORCE);
	assert_int_equal(preflight->require.n, 1);
	assert_int_equal(preflight->require.v[0], GP_NEED_DATE);
	assert_int_equal(preflight->egress.n, 1);
	assert_int_equal(preflight->egress.v[0].bits, 32);
	assert_int_equal(preflight->otherwise, GP_DO_TEMPFAIL);
	assert_int_equal(preflight->temperror, GP_DO_TEMPFAIL);
	assert_int_equal(p->n_limits, 1);
	assert_int_equal(p->limits[0].count, GP_COUNT_UNIQUE_RECIPIENTS);
	assert_int_equal(p->limits[0].burst, 20);
	gp_config_unref(config);
}

static void
policy_warmups_of_domain_and_profile_are_merged_by_name(void **state)
{
	struct gp_config *config = config_of(everything);
	const struct gp_policy *p = gp_policy_for(config, "a.example");
	const struct gp_warmup_policy *w = p->warmups;

	(void)state;
	assert_int_equal(p->n_warmups, 3);
	assert_string_equal(w[0].name, "google");
	assert_int_equal(w[0].first_day, 100);
	assert_int_equal(w[0].grow, 2000);
	assert_int_equal(w[0].plateau, 5120);
	assert_int_equal(w[0].hours, 8);
	assert_int_equal(w[0].over, GP_OVER_LOG);
	assert_int_equal(w[0].mode, GP_MONITOR);
	assert_string_equal(w[1].name, "other");
	assert_int_equal(w[1].first_day, 0);
	assert_int_equal(w[1].grow, 0);
	assert_int_equal(w[1].plateau, 0);
	assert_int_equal(w[1].hours, 12);
	assert_int_equal(w[1].over, GP_OVER_DEFER);
	assert_int_equal(w[1].mode, GP_ENFORCE);
	assert_string_equal(w[2].name, "all");
	gp_config_unref(config);
}

/* -- showing ----------------------------------------------------------- */

/* The line stands in what is shown of a.example. */
static void
check_shown(const struct gp_buf *all, const char *line)
{
	struct gp_str rest = gp_buf_str(all);

	while (rest.p != NULL)
		if (gp_str_eq(gp_str_split(&rest, '\n'), gp_str(line)))
			return;
	fail_msg("%s is not in\n%s", line, gp_buf_cstr(all));
}

static void
policy_show_has_what_is_said_of_mail_that_leaves(void **state)
{
	static const char *const lines[] = {
		"rate.login-limit = { \"30/1m\", \"200/1d\" }  # c:1",
		"rate.password-file = \"/etc/pw\"  # c:2",
		"top.limit.host.rate = { \"10m/1m\" }  # c:6",
		"top.limit.all.by = { all }  # built-in",
		"provider.google.mx = { \"google.com\" }  # c:8",
		"class = bulk  # c:12",
		"preflight.mode = enforce  # c:13",
		"preflight.require = { date }  # c:19",
		"preflight.egress = { \"192.0.2.1\" }  # c:13",
		"limit.u.burst = 20  # c:20",
		"warmup.google.first-day = 100  # c:14",
		"warmup.google.grow = 2  # c:21",
		"warmup.all.hours = 12  # built-in",
	};
	struct gp_config *config = config_of(everything);
	struct gp_buf all;

	(void)state;
	gp_buf_init(&all, 65536);
	gp_policy_show(gp_policy_for(config, "a.example"), &all);
	for (size_t i = 0; i < COUNT(lines); i++)
		check_shown(&all, lines[i]);
	gp_buf_reset(&all);
	gp_policy_show(gp_policy_for(config, NULL), &all);
	assert_null(strstr(gp_buf_cstr(&all), "preflight"));
	assert_null(strstr(gp_buf_cstr(&all), "warmup"));
	gp_buf_clear(&all);
	gp_config_unref(config);
}

static void
policy_show_has_no_password(void **state)
{
	struct gp_config *config =
	    config_of("store = \"redis://u:geheim%20x@r.example:1/2\"");
	struct gp_buf all;

	(void)state;
	assert_string_equal(gp_config_globals(config)->store,
	    "redis://u:geheim%20x@r.example:1/2");
	gp_buf_init(&all, 65536);
	gp_policy_show(gp_policy_for(config, NULL), &all);
	check_shown(&all, "store = \"redis://u:***@r.example:1/2\"  # c:1");
	assert_null(strstr(gp_buf_cstr(&all), "geheim"));
	gp_buf_clear(&all);
	gp_config_unref(config);
}

/* -- problems ---------------------------------------------------------- */

#define FOUR  "192.0.2.1, 192.0.2.1, 192.0.2.1, 192.0.2.1, "
#define EIGHT FOUR FOUR
#define RATES                                                                  \
	"rates NUMBER/TIME, at most 8, with a number from 1 to 1000000000000"  \
	" and a time from 1s to 31d"
#define KEYS                                                                   \
	"at least one of auth, sender, domain, client, rcpt-domain, provider," \
	" or all alone"

static const struct {
	const char *label;
	struct gp_str text;
	const char *want;
} rows[] = {
	{ .label = "limit without a rate",
	    .text = GP_STR("domain a.example { limit l { count = messages } }"),
	    .want =
		"c:1: limit \"l\": expected `rate = ...` in it, " RATES "\n" },
	{ .label = "limit without a rate in a profile",
	    .text = GP_STR("profile p { limit l { } }"),
	    .want =
		"c:1: limit \"l\": expected `rate = ...` in it, " RATES "\n" },
	{ .label = "limit completed by its profile",
	    .text = GP_STR(
		"profile p { limit l { rate = 1/1s } }\ndomain a.example { "
		"profile = p limit l { count = messages } }"),
	    .want = "" },
	{ .label = "rate of nothing",
	    .text =
		GP_STR("domain a.example { limit l { rate = { \"0/1m\" } } }"),
	    .want = "c:1: \"0/1m\": limit.rate: expected " RATES "\n" },
	{ .label = "rate without a time",
	    .text = GP_STR("domain a.example { limit l { rate = { \"5\" } } }"),
	    .want = "c:1: \"5\": limit.rate: expected " RATES "\n" },
	{ .label = "rate in a time of nothing",
	    .text =
		GP_STR("domain a.example { limit l { rate = { \"5/0\" } } }"),
	    .want = "c:1: \"5/0\": limit.rate: expected " RATES "\n" },
	{ .label = "rate that is too slow",
	    .text =
		GP_STR("domain a.example { limit l { rate = { \"5/32d\" } } }"),
	    .want = "c:1: \"5/32d\": limit.rate: expected " RATES "\n" },
	{ .label = "two rates wrong",
	    .text = GP_STR("domain a.example { limit l { rate = { \"5\", "
			   "\"5/1m\", \"x/1m\" } } }"),
	    .want = "c:1: \"5\": limit.rate: expected " RATES
		    "\nc:1: \"x/1m\": limit.rate: expected " RATES "\n" },
	{ .label = "no rates",
	    .text = GP_STR("domain a.example { limit l { rate = { } } }"),
	    .want = "c:1: \"{ }\": limit.rate: expected " RATES "\n" },
	{ .label = "limit by nothing",
	    .text =
		GP_STR("domain a.example { limit l { by = { } rate = 1/1s } }"),
	    .want = "c:1: \"{ }\": limit.by: expected " KEYS "\n" },
	{ .label = "limit by something unknown",
	    .text = GP_STR("domain a.example { limit l { by = { \"domain\", "
			   "\"atuh\" } rate = 1/1s } }"),
	    .want = "c:1: \"atuh\": limit.by: expected " KEYS
		    "; did you mean \"auth\"?\n" },
	{ .label = "limit that counts something unknown",
	    .text = GP_STR(
		"domain a.example { limit l { count = mesages rate = 1/1s } }"),
	    .want =
		"c:1: \"mesages\": limit.count: expected recipients, messages, "
		"bytes or unique-recipients; did you mean \"messages\"?\n" },
	{ .label = "limit that does something unknown",
	    .text = GP_STR(
		"domain a.example { limit l { over = hold rate = 1/1s } }"),
	    .want = "c:1: \"hold\": limit.over: expected defer, tempfail (the "
		    "same), reject or log\n" },
	{ .label = "limit of the top level without a rate",
	    .text = GP_STR("limit l { }"),
	    .want =
		"c:1: limit \"l\": expected `rate = ...` in it, " RATES "\n" },
	{ .label = "limit of the top level twice",
	    .text = GP_STR("limit l { rate = 1/1s }\nlimit l { rate = 1/1s }"),
	    .want = "c:2: limit \"l\": expected once only; the first is at "
		    "c:1\n" },
	{ .label = "limit by all and something",
	    .text = GP_STR("limit l { by = { auth, all }\nrate = 1/1s }"),
	    .want = "c:1: \"all\": limit.by: expected no other word beside "
		    "it\n" },
	{ .label = "limit by the same twice",
	    .text = GP_STR("limit l { by = { auth, client, auth }\n"
			   "rate = 1/1s }"),
	    .want = "c:1: \"auth\": limit.by: expected each word once\n" },
	{ .label = "the same rate twice",
	    .text = GP_STR("limit l {\nrate = { 5/1m, 9/1h, 5/60s } }"),
	    .want = "c:2: \"5/1m\": limit.rate: expected one rate for each "
		    "time, there is also \"5/1m\"\n" },
	{ .label = "two rates for the same time",
	    .text = GP_STR("limit l {\nrate = { 5/1m, 9/60s } }"),
	    .want = "c:2: \"9/1m\": limit.rate: expected one rate for each "
		    "time, there is also \"5/1m\"\n" },
	{ .label = "rate that is never reached",
	    .text = GP_STR("limit l {\nrate = { 100/1m, 50/1h } }"),
	    .want = "c:2: \"100/1m\": limit.rate: expected a smaller number, "
		    "it is never reached beside \"50/1h\"\n" },
	{ .label = "rate that is never reached, the longer one first",
	    .text = GP_STR("limit l {\nrate = { 50/1h, 50/1m } }"),
	    .want = "c:2: \"50/1m\": limit.rate: expected a smaller number, "
		    "it is never reached beside \"50/1h\"\n" },
	{ .label = "rates that make sense together",
	    .text = GP_STR("limit l {\n"
			   "rate = { 49/1m, 50/1h, 9k/31d } burst = 50 }"),
	    .want = "" },
	{ .label = "burst above a longer rate",
	    .text = GP_STR("limit l {\nrate = { 10/1s, 100/1h }\n"
			   "burst = 101 }"),
	    .want = "c:3: 101: limit.burst: expected at most the number of a "
		    "longer rate, 100\n" },
	{ .label = "burst above the only rate is fine",
	    .text = GP_STR("limit l { rate = 10/1s burst = 20 }"),
	    .want = "" },
	{ .label = "bytes that no message has",
	    .text = GP_STR("limit l { count = bytes\nrate = 1023/1h }"),
	    .want = "c:2: \"1023/1h\": limit.rate: expected at least 1k, it "
		    "counts bytes and no message is smaller\n" },
	{ .label = "burst of bytes that no message has",
	    .text = GP_STR("limit l { count = bytes\nrate = 1k/1h\n"
			   "burst = 1023 }"),
	    .want = "c:3: 1023: limit.burst: expected at least what a message "
		    "has, it counts bytes: 1k\n" },
	{ .label = "what domain and profile say together",
	    .text = GP_STR("profile p { limit l { rate = { 9/1s, 99/1h } } }\n"
			   "domain a.example { profile = p\n"
			   "limit l { burst = 100 } }"),
	    .want = "c:3: 100: limit.burst: expected at most the number of a "
		    "longer rate, 99\n" },
	{ .label = "what the profile has wrong is said there only",
	    .text = GP_STR("profile p { limit l { rate = { 9/1s, 9/1h } } }\n"
			   "domain a.example { profile = p\n"
			   "limit l { over = log } }"),
	    .want = "c:1: \"9/1s\": limit.rate: expected a smaller number, it "
		    "is never reached beside \"9/1h\"\n" },
	{ .label = "login limit that is never reached",
	    .text = GP_STR("rate {\nlogin-limit = { 1000/1h, 999/1d } }"),
	    .want = "c:2: \"1000/1h\": rate.login-limit: expected a smaller "
		    "number, it is never reached beside \"999/1d\"\n" },
	{ .label = "egress of a network",
	    .text = GP_STR("profile p { preflight {\n"
			   "egress = { 192.0.2.1, 192.0.2.0/24 } } }"),
	    .want =
		"c:2: \"192.0.2.0/24\": preflight.egress: expected at most 32 "
		"single IP addresses, not networks\n" },
	{ .label = "egress of 32",
	    .text = GP_STR("profile p { preflight {\n"
			   "egress = { " EIGHT EIGHT EIGHT EIGHT "} } }"),
	    .want = "" },
	{ .label = "egress of 33",
	    .text =
		GP_STR("profile p { preflight {\n"
		       "egress = { " EIGHT EIGHT EIGHT EIGHT "192.0.2.1 } } }"),
	    .want = "c:2: \"{ ... }\": preflight.egress: expected at most 32 "
		    "single IP addresses, not networks\n" },
	{ .label = "requirement nearly written",
	    .text = GP_STR("profile p { preflight {\n"
			   "require = { aligned-dkin } } }"),
	    .want = "c:2: \"aligned-dkin\": preflight.require: expected words "
		    "of from-one, aligned-dkim, aligned-spf, dmarc-record, "
		    "date, message-id, subject, list-unsubscribe-oneclick; "
		    "did you mean \"aligned-dkim\"?\n" },
	{ .label = "preflight outside of a domain",
	    .text = GP_STR("preflight { }"),
	    .want = "c:1: preflight: expected an option or a section\n" },
	{ .label = "class nearly written",
	    .text = GP_STR("domain a.example { class = bluk }"),
	    .want = "c:1: \"bluk\": domain.class: expected normal, "
		    "transactional or "
		    "bulk; did you mean \"bulk\"?\n" },
	{ .label = "warm-up for a provider of no block",
	    .text = GP_STR("domain a.example { warmup gogle { } }\n"
			   "provider google { mx = google.com }"),
	    .want = "c:1: \"gogle\": warmup: expected the name of a provider, "
		    "other or all; did you mean \"google\"?\n" },
	{ .label = "warm-up without any provider block",
	    .text = GP_STR("profile p { warmup google { } warmup other { }\n"
			   "warmup all { } }"),
	    .want = "c:1: \"google\": warmup: expected the name of a provider, "
		    "other or all\n" },
	{ .label = "warm-up that begins above its end",
	    .text = GP_STR("domain a.example { warmup all { plateau = 99\n"
			   "first-day = 100 } }"),
	    .want = "c:2: 100: warmup.first-day: expected at most the plateau, "
		    "99\n" },
	{ .label = "warm-up that begins above the end of its profile",
	    .text = GP_STR("profile p { warmup all { plateau = 99 } }\n"
			   "domain a.example { profile = p\n"
			   "warmup all { first-day = 100 } }"),
	    .want = "c:3: 100: warmup.first-day: expected at most the plateau, "
		    "99\n" },
	{ .label = "warm-up that begins above the end that is known",
	    .text = GP_STR("domain a.example {\nwarmup other { first-day = "
			   "2001 }\nwarmup all { first-day = 2001 } }"),
	    .want = "c:2: 2001: warmup.first-day: expected at most the "
		    "plateau, 2000, or another `plateau = ...`\n" },
	{ .label = "warm-up that begins at its end is fine",
	    .text = GP_STR("domain a.example { warmup other { first-day = 2000 "
			   "} }"),
	    .want = "" },
	{ .label = "warm-up that refuses",
	    .text = GP_STR("domain a.example { warmup all { over = reject } }"),
	    .want = "c:1: \"reject\": warmup.over: expected defer, tempfail "
		    "(the same) or log\n" },
	{ .label = "warm-up twice, in another case",
	    .text = GP_STR("domain a.example { warmup all { }\n"
			   "warmup ALL { } }"),
	    .want = "c:2: warmup \"all\": expected once only; the first is at "
		    "c:1\n" },
	{ .label = "provider that has nobody",
	    .text = GP_STR("provider p { mx = { } }\n"
			   "provider q { }"),
	    .want = "c:1: provider \"p\": expected at least one of domains, "
		    "mx, transports\n"
		    "c:2: provider \"q\": expected at least one of domains, "
		    "mx, transports\n" },
	{ .label = "provider that is no name",
	    .text = GP_STR("provider other { mx = a.example }\n"
			   "provider All { mx = a.example }"),
	    .want = "c:1: \"other\": provider: expected another name, this "
		    "one has a meaning of its own\n"
		    "c:2: \"all\": provider: expected another name, this "
		    "one has a meaning of its own\n" },
	{ .label = "provider twice, in another case",
	    .text = GP_STR("provider p { mx = a.example }\n"
			   "provider P { mx = b.example }"),
	    .want = "c:2: provider \"p\": expected once only; the first is at "
		    "c:1\n" },
	{ .label = "two passwords",
	    .text = GP_STR("store = \"redis://:geheim@r.example\"\n"
			   "rate { password-file = f }"),
	    .want = "c:2: password-file: expected none, the URL of store has "
		    "a password\n" },
	{ .label = "user and a password of a file",
	    .text = GP_STR("store = \"redis://u@r.example\"\n"
			   "rate { password-file = f }"),
	    .want = "" },
	{ .label = "user without a password",
	    .text = GP_STR("store = \"redis://u@r.example\""),
	    .want = "c:1: store: expected a password beside the user, "
		    "USER:PASSWORD or rate.password-file\n" },
	{ .label = "password of a wrong URL",
	    .text = GP_STR("store = \"redis://u:geheim@r..example\""),
	    .want = "c:1: \"redis:...\": store: expected mem, lmdb, or the "
		    "URL of a Redis server (the URL of the Redis: the host is "
		    "no name and no address)\n" },
	{ .label = "password with a colon",
	    .text = GP_STR("store = \"redis://u:ge:heim@r.example\""),
	    .want = "c:1: \"redis:...\": store: expected mem, lmdb, or the "
		    "URL of a Redis server (the URL of the Redis: a colon in "
		    "the password is written %3A)\n" },
	{ .label = "store of a word",
	    .text = GP_STR("store = lmbd"),
	    .want = "c:1: \"lmbd\": store: expected mem, lmdb, or the URL of "
		    "a Redis server; did you mean \"lmdb\"?\n" },
	{ .label = "password of a URL without quotes",
	    .text = GP_STR("store = redis://u:geheim@r.example"),
	    .want = "c:1: redis:...: expected quotes, there is // or /* in "
		    "it\n" },
	{ .label = "password of a URL that does not end",
	    .text = GP_STR("store = \"redis://u:geheim@r.example"),
	    .want = "c:1: \"redis:...: expected a closing quote on the same "
		    "line\n" },
};

static void
policy_problems_of_mail_that_leaves_are_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_config *config = NULL;
		struct gp_problems problems;
		enum gp_rc rc;

		gp_problems_init(&problems);
		rc = gp_policy_parse(rows[i].text, "c", &config, &problems);
		if (strcmp(gp_buf_cstr(&problems.text), rows[i].want) != 0)
			fail_msg("%s: got\n%s\nwanted\n%s", rows[i].label,
			    gp_buf_cstr(&problems.text), rows[i].want);
		assert_int_equal(rc == GP_OK, rows[i].want[0] == '\0');
		assert_int_equal(config != NULL, rc == GP_OK);
		gp_config_unref(config);
		gp_problems_clear(&problems);
	}
}

/* -- bounds ------------------------------------------------------------ */

/* `n` blocks "KIND pI { BODY }" in `around`; the count of problems. */
static unsigned
problems_of_many(const char *around, const char *kind, const char *body,
    unsigned n)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_buf text;
	enum gp_rc rc;
	unsigned count;

	gp_problems_init(&problems);
	gp_buf_init(&text, GP_CONFIG_FILE_MAX);
	gp_buf_adds(&text, around);
	for (unsigned i = 0; i < n; i++)
		gp_buf_addf(&text, "%s p%u { %s }\n", kind, i, body);
	gp_buf_adds(&text, around[0] == '\0' ? "" : "}");
	rc = gp_policy_parse(gp_buf_str(&text), "c", &config, &problems);
	count = problems.count;
	assert_int_equal(rc == GP_OK, count == 0);
	gp_config_unref(config);
	gp_buf_clear(&text);
	gp_problems_clear(&problems);
	return count;
}

/* The same of `n` egress addresses. */
static unsigned
egress_problems(unsigned n)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_buf text;
	enum gp_rc rc;
	unsigned count;

	gp_problems_init(&problems);
	gp_buf_init(&text, 8192);
	gp_buf_adds(&text, "domain a.example { preflight { egress = { ");
	for (unsigned i = 0; i < n; i++)
		gp_buf_addf(&text, "192.0.2.%u, ", i);
	gp_buf_adds(&text, "} } }");
	rc = gp_policy_parse(gp_buf_str(&text), "c", &config, &problems);
	count = problems.count;
	assert_int_equal(rc == GP_OK, count == 0);
	gp_config_unref(config);
	gp_buf_clear(&text);
	gp_problems_clear(&problems);
	return count;
}

static void
policy_blocks_of_one_kind_are_bounded(void **state)
{
	static const char domain[] = "domain a.example {\n";

	(void)state;
	assert_int_equal(problems_of_many("", "limit", "rate = 1/1s", 100), 0);
	assert_int_equal(problems_of_many("", "limit", "rate = 1/1s", 102), 1);
	assert_int_equal(problems_of_many(domain, "limit", "rate = 1/1s", 100),
	    0);
	assert_int_equal(problems_of_many(domain, "limit", "rate = 1/1s", 102),
	    1);
	assert_int_equal(problems_of_many("", "provider", "mx = x", 1000), 0);
	assert_int_equal(problems_of_many("", "provider", "mx = x", 1002), 1);
	assert_int_equal(egress_problems(32), 0);
	assert_int_equal(egress_problems(33), 1);
}

/* -- the shipped files ------------------------------------------------- */

static bool
has_text(const struct gp_strings *s, const char *text)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i], text) == 0)
			return true;
	return false;
}

static void
policy_shipped_files_have_the_large_providers(void **state)
{
	static const struct {
		const char *name;
		const char *mx;
		int64_t plateau; /* of warm-up */
	} want[] = {
		{ "google", "google.com", 20000 },
		{ "yahoo_aol", "yahoodns.net", 10000 },
		{ "ms_consumer", "olc.protection.outlook.com", 10000 },
		{ "ms_365", "mail.protection.outlook.com", 10000 },
		{ "apple", "icloud.com", 5000 },
		{ "mimecast", "mimecast.com", 2000 },
		{ "mail-com", "mail.com", 2000 },
		{ "comcast", "comcast.net", 5000 },
		{ "charter", "charter.net", 5000 },
		{ "unitedinternet", "gmx.net", 5000 },
		{ "telekom", "t-online.de", 3000 },
		{ "freenet", "freenet.de", 2000 },
		{ "orange", "orange.fr", 3000 },
		{ "laposte", "laposte.net", 3000 },
		{ "free", "free.fr", 3000 },
		{ "sfr", "sfr.fr", 3000 },
	};
	const struct gp_warmup_policy w = { .name = "all" };
	struct gp_config *config = NULL;
	const struct gp_providers *p;
	struct gp_problems problems;

	(void)state;
	gp_problems_init(&problems);
	if (gp_policy_load("packaging/etc/gatepost.conf", &config, &problems) !=
	    GP_OK)
		fail_msg("%s", gp_buf_cstr(&problems.text));
	p = &gp_config_globals(config)->providers;
	assert_int_equal(p->n, COUNT(want));
	/* one that warm-up knows has the name by which it does */
	assert_int_equal(gp_warmup_rule_of(&w, "other").plateau, 2000);
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_int_equal(gp_warmup_rule_of(&w, want[i].name).plateau,
		    want[i].plateau);
		assert_string_equal(p->v[i].name, want[i].name);
		assert_true(has_text(&p->v[i].mx, want[i].mx));
		assert_true(has_text(&p->v[i].transports, want[i].name));
	}
	gp_config_unref(config);
	gp_problems_clear(&problems);
}

static void
policy_shipped_providers_are_found_by_their_hosts(void **state)
{
	static const struct {
		const char *mx;
		const char *want; /* NULL: none */
	} hosts[] = {
		{ "gmail-smtp-in.l.google.com", "google" },
		{ "aspmx2.googlemail.com", "google" },
		{ "mta7.am0.yahoodns.net", "yahoo_aol" },
		{ "outlook-com.olc.protection.outlook.com", "ms_consumer" },
		{ "example-com.mail.protection.outlook.com", "ms_365" },
		{ "mx01.mail.icloud.com", "apple" },
		{ "eu-smtp-inbound-1.mimecast.com", "mimecast" },
		{ "mx00.mail.com", "mail-com" },
		{ "mx00.gmx.net", "unitedinternet" },
		{ "mx00.kundenserver.de", "unitedinternet" },
		{ "mx00.t-online.de", "telekom" },
		{ "smtp-in.orange.fr", "orange" },
		{ "mx1.free.fr", "free" },
		{ "gmail.com.example", NULL },
		{ "notgoogle.com", NULL },
	};
	struct gp_config *config = NULL;
	const struct gp_providers *all;
	struct gp_problems problems;

	(void)state;
	gp_problems_init(&problems);
	assert_int_equal(gp_policy_load("packaging/etc/gatepost.conf", &config,
			     &problems),
	    GP_OK);
	all = &gp_config_globals(config)->providers;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		const struct gp_provider_policy *p =
		    gp_provider_by_mx(all, &hosts[i].mx, 1);
		const char *got = p == NULL ? "none" : p->name;
		const char *want =
		    hosts[i].want == NULL ? "none" : hosts[i].want;

		if (strcmp(got, want) != 0)
			fail_msg("%s: %s, wanted %s", hosts[i].mx, got, want);
	}
	gp_config_unref(config);
	gp_problems_clear(&problems);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_preflight_is_off_and_mild_by_default),
		cmocka_unit_test(
		    policy_rate_has_a_limit_for_every_login_by_default),
		cmocka_unit_test(
		    policy_limit_of_the_top_level_is_over_all_by_default),
		cmocka_unit_test(policy_rate_values_are_typed),
		cmocka_unit_test(policy_providers_are_kept_in_order),
		cmocka_unit_test(policy_outbound_values_of_a_domain_are_typed),
		cmocka_unit_test(
		    policy_warmups_of_domain_and_profile_are_merged_by_name),
		cmocka_unit_test(
		    policy_show_has_what_is_said_of_mail_that_leaves),
		cmocka_unit_test(policy_show_has_no_password),
		cmocka_unit_test(policy_problems_of_mail_that_leaves_are_said),
		cmocka_unit_test(policy_blocks_of_one_kind_are_bounded),
		cmocka_unit_test(policy_shipped_files_have_the_large_providers),
		cmocka_unit_test(
		    policy_shipped_providers_are_found_by_their_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
