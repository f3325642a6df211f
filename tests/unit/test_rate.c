/* Which meters a message is charged at, and what the refused one hears. */
#include "core/rate.h"
#include "core/rate_reply.h"
#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct gp_config *
config_of(const char *text)
{
	struct gp_config *config = NULL;
	struct gp_problems problems;

	gp_problems_init(&problems);
	if (gp_policy_parse(gp_str(text), "c", &config, &problems) != GP_OK)
		print_error("%s", gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	assert_non_null(config);
	return config;
}

/* -- charges ------------------------------------------------------------ */

#define ALICE      "alice", "alice@news.test", "news.test"
#define TO_AB      "a@x.test", "b@y.test"
#define GOOGLE_TWO "a@g.test", "b@g.test", "c@x.test"

struct row {
	const char *label;
	const char *policy;
	const char *login, *sender, *domain; /* of the mail */
	const char *client;
	const char *rcpts[4]; /* those in g.test are google's */
	int64_t bytes;
	const char *want; /* KEY COST of CAPACITY, RATE/s[ share][ watch] */
};

static const struct row rows[] = {
	{ .label = "recipients of the domain, two windows",
	    .policy = "rate { login-limit = { } }\n"
		      "domain news.test { limit l { rate = { 100/1m, 1000/1h }"
		      " } }\n",
	    ALICE,
	    .rcpts = { TO_AB },
	    .want = "m/news.test/l/60/domain=news.test 2 of 100, 1.66667/s\n"
		    "m/news.test/l/3600/domain=news.test 2 of 1000, "
		    "0.277778/s\n" },
	{ .label = "burst is for the shortest window",
	    .policy = "rate { login-limit = { } }\n"
		      "domain news.test { limit l { rate = { 1000/1h, 100/1m }"
		      " burst = 10 } }\n",
	    ALICE,
	    .rcpts = { TO_AB },
	    .want = "m/news.test/l/3600/domain=news.test 2 of 1000, "
		    "0.277778/s\n"
		    "m/news.test/l/60/domain=news.test 2 of 10, 1.66667/s\n" },
	{ .label = "messages and bytes count once",
	    .policy =
		"rate { login-limit = { } }\n"
		"domain news.test {\n"
		"limit m { count = messages by = auth rate = 60/5m }\n"
		"limit b { count = bytes by = { auth, domain } rate = 1m/1h }"
		"}\n",
	    ALICE,
	    .rcpts = { TO_AB },
	    .bytes = 4000,
	    .want = "m/news.test/m/300/auth=alice 1 of 60, 0.2/s\n"
		    "m/news.test/b/3600/auth=alice,domain=news.test 4000 of "
		    "1048576, 291.271/s\n" },
	{ .label = "each receiver has its meter, each unknown one too",
	    .policy = "rate { login-limit = { } }\n"
		      "provider google { domains = g.test }\n"
		      "domain news.test { limit p { by = provider rate = "
		      "600/1m } limit m { count = messages by = rcpt-domain "
		      "rate = 60/1m } }\n",
	    ALICE,
	    .rcpts = { GOOGLE_TWO },
	    .want = "m/news.test/p/60/provider=google 2 of 600, 10/s\n"
		    "m/news.test/p/60/provider=other,rcpt-domain=x.test 1 of "
		    "600, 10/s\n"
		    "m/news.test/m/60/rcpt-domain=g.test 1 of 60, 1/s\n"
		    "m/news.test/m/60/rcpt-domain=x.test 1 of 60, 1/s\n" },
	{ .label = "a recipient that came is free",
	    .policy = "rate { login-limit = { } }\n"
		      "domain news.test { limit u { count = unique-recipients "
		      "by = auth rate = 400/1d } }\n",
	    ALICE,
	    .rcpts = { "A@x.test", "a@x.test" },
	    .want = "m/news.test/u/86400/auth=alice 1 of 400, 0.00462963/s "
		    "mark u/news.test/u/86400/auth=alice/"
		    "MARK\n"
		    "m/news.test/u/86400/auth=alice 1 of 400, 0.00462963/s "
		    "mark u/news.test/u/86400/auth=alice/"
		    "MARK\n" },
	{ .label = "without a login no limit of logins",
	    .policy = "domain news.test { limit l { by = auth rate = 60/5m } "
		      "limit c { by = client rate = 60/5m } }\n",
	    "",
	    "bob@news.test",
	    "news.test",
	    .client = "2001:db8:1:2:3:4:5:6",
	    .rcpts = { TO_AB },
	    .want =
		"m/news.test/c/300/client=2001:db8:1:2:: 2 of 60, 0.2/s\n" },
	{ .label = "every login has the built-in limit",
	    .policy = "",
	    "Mallory",
	    "x@elsewhere.test",
	    "elsewhere.test",
	    .rcpts = { TO_AB },
	    .want = "m/*/login-limit/3600/auth=Mallory 2 of 1000, "
		    "0.277778/s\n" },
	{ .label = "over all blocks, bulk mail leaves room",
	    .policy = "rate { login-limit = { } }\n"
		      "limit relay { by = all rate = 600/1m }\n"
		      "limit each { by = sender rate = 60/1m }\n"
		      "domain news.test { class = bulk }\n",
	    ALICE,
	    .rcpts = { TO_AB },
	    .want = "m/*/relay/60/all 2 of 600, 10/s share 0.8\n"
		    "m/*/each/60/sender=alice@news.test 2 of 60, 1/s\n" },
	{ .label = "transactional mail has all of it",
	    .policy = "rate { login-limit = { } }\n"
		      "limit relay { by = all rate = 600/1m }\n"
		      "domain news.test { class = transactional }\n",
	    ALICE,
	    .rcpts = { TO_AB },
	    .want = "m/*/relay/60/all 2 of 600, 10/s\n" },
	{ .label = "monitor and log bind nobody",
	    .policy =
		"rate { login-limit = { } }\n"
		"domain news.test { limit a { rate = 1/1m mode = monitor }\n"
		"limit b { rate = 1/1m over = log } }\n",
	    ALICE,
	    .rcpts = { TO_AB },
	    .want = "m/news.test/a/60/domain=news.test 2 of 1, 0.0166667/s "
		    "watch\n"
		    "m/news.test/b/60/domain=news.test 2 of 1, 0.0166667/s "
		    "watch\n" },
	{ .label = "what a sender writes is escaped in the name",
	    .policy = "rate { login-limit = { } }\n"
		      "domain news.test { limit s { by = { sender, auth } rate "
		      "= 60/1m } }\n",
	    "a/b,c=d e\xff",
	    "x y@news.test",
	    "news.test",
	    .rcpts = { TO_AB },
	    .want = "m/news.test/s/60/sender=x%20y@news.test,auth=a%2Fb%2Cc%3D"
		    "d%20e%FF 2 of 60, 1/s\n" },
	{ .label = "nobody to send to costs nothing",
	    .policy = "limit relay { by = all rate = 600/1m }\n",
	    ALICE,
	    .want = "" },
};

static void
write_charge(const struct gp_charge *c, struct gp_buf *out)
{
	gp_buf_addf(out, "%.*s %.0f of %.0f, %.6g/s", GP_STR_ARG(c->key),
	    c->cost, c->rule.capacity, c->rule.rate);
	if (c->rule.share < 1)
		gp_buf_addf(out, " share %.1f", c->rule.share);
	if (c->watch)
		gp_buf_adds(out, " watch");
	if (c->mark.n > 32)
		gp_buf_addf(out, " mark %.*sMARK", (int)c->mark.n - 32,
		    c->mark.p);
	gp_buf_addc(out, '\n');
}

static size_t
read_rcpts(const struct row *row, struct gp_arena *arena,
    struct gp_rate_rcpt out[4])
{
	size_t n = 0;

	for (; n < COUNT(row->rcpts) && row->rcpts[n] != NULL; n++) {
		struct gp_str rest = gp_str(row->rcpts[n]);

		out[n].local = gp_str_split(&rest, '@');
		out[n].domain = gp_arena_strndup(arena, rest.p, rest.n);
		out[n].provider =
		    strcmp(out[n].domain, "g.test") == 0 ? "google" : "other";
	}
	return n;
}

static void
plan_row(const struct row *row, const struct gp_config *config,
    struct gp_arena *arena, struct gp_rate_plan *plan)
{
	struct gp_rate_rcpt rcpts[4] = { { .domain = NULL } };
	const struct gp_policy *block = gp_policy_for(config, row->domain);
	struct gp_rate_mail mail = { .config = config,
		.sender = { row->login, row->sender, row->domain,
		    { GP_IP_UNKNOWN } },
		.n = read_rcpts(row, arena, rcpts),
		.rcpts = rcpts,
		.counts = { true, true, true, true },
		.bytes = row->bytes };

	if (row->client != NULL)
		assert_int_equal(gp_ip_parse(gp_str(row->client),
				     &mail.sender.client),
		    GP_OK);
	if (block->domain != NULL)
		gp_rate_add_block(plan, &mail, block, arena);
	gp_rate_add_all(plan, &mail, block, arena);
}

static void
charges_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_config *config = config_of(rows[i].policy);
		struct gp_arena *arena = gp_arena_new();
		struct gp_rate_plan plan = { .n = 0 };
		struct gp_buf got;

		gp_buf_init(&got, 65536);
		plan_row(&rows[i], config, arena, &plan);
		for (size_t c = 0; c < plan.n; c++)
			write_charge(&plan.charges[c], &got);
		if (strcmp(gp_buf_cstr(&got), rows[i].want) != 0)
			print_error("row \"%s\":\n", rows[i].label);
		assert_string_equal(gp_buf_cstr(&got), rows[i].want);
		gp_buf_clear(&got);
		gp_arena_free(arena);
		gp_config_unref(config);
	}
}

static void
name_that_is_too_long_ends_in_a_hash(void **state)
{
	struct gp_config *config =
	    config_of("rate { login-limit = { } }\n"
		      "limit s { by = sender rate = 60/1m }\n");
	struct gp_arena *arena = gp_arena_new();
	struct gp_rate_plan plan = { .n = 0 };
	char first[600];
	struct row row = { .login = "",
		.sender = first,
		.rcpts = { "a@x.test" } };

	(void)state;
	memset(first, 'a', sizeof(first) - 1);
	first[sizeof(first) - 1] = '\0';
	plan_row(&row, config, arena, &plan);
	first[sizeof(first) - 2] = 'b';
	plan_row(&row, config, arena, &plan);
	assert_int_equal(plan.n, 2);
	assert_int_equal(plan.charges[0].key.n, GP_CHARGE_KEY_MAX);
	assert_int_equal(plan.charges[1].key.n, GP_CHARGE_KEY_MAX);
	assert_false(gp_str_eq(plan.charges[0].key, plan.charges[1].key));
	gp_arena_free(arena);
	gp_config_unref(config);
}

/* -- who is exempt --------------------------------------------------------- */

static void
exempt_table(void **state)
{
	static const struct {
		const char *rcpt, *transport;
		bool exempt;
	} table[] = {
		{ "<a@x.test>", NULL, false },
		{ "<a@x.test>", "smtp", false },
		{ "<a@x.test>", "local", true },
		{ "<a@x.test>", "lmtp", true },
		{ "<Postmaster@x.test>", "smtp", true },
		{ "<abuse@x.test>", "smtp", true },
		{ "<postmaster>", "smtp", true },
		{ "<abuser@x.test>", "smtp", false },
		{ "<a@office.test>", "smtp", true },
		{ "<a@b.office.test>", "smtp", false },
		{ "<a@b.lan.test>", "smtp", true },
		{ "<a@lan.test>", "smtp", false },
	};
	struct gp_config *config = config_of(
	    "rate { internal = { \"office.test\", \"*.lan.test\" } }\n");
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct gp_addr rcpt;

		assert_int_equal(gp_addr_parse(gp_str(table[i].rcpt), true,
				     arena, &rcpt, NULL),
		    GP_OK);
		if (gp_rate_exempt(&gp_config_globals(config)->rate, &rcpt,
			table[i].transport) != table[i].exempt)
			fail_msg("%s by %s", table[i].rcpt, table[i].transport);
	}
	gp_arena_free(arena);
	gp_config_unref(config);
}

static void
address_table(void **state)
{
	static const struct {
		const char *mail, *address;
	} table[] = {
		{ "<>", "<>" },
		{ "<Alice@News.Test>", "alice@news.test" },
		{ "<alice+tag@news.test>", "alice@news.test" },
		{ "<+tag@news.test>", "+tag@news.test" },
		{ "<\"a+b c\"@news.test>", "a@news.test" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct gp_addr addr;

		assert_int_equal(gp_addr_parse(gp_str(table[i].mail), false,
				     arena, &addr, NULL),
		    GP_OK);
		assert_string_equal(gp_rate_address(&addr, arena),
		    table[i].address);
	}
	gp_arena_free(arena);
}

/* -- replies ------------------------------------------------------------ */

static const struct gp_rate window = { 60, 300000 };
static const struct gp_warmup_policy warmup = { .name = "google" };

static struct gp_rate_item
item_of(const struct gp_limit_policy *limit)
{
	return (struct gp_rate_item){ .limit = limit,
		.warmup = &warmup,
		.window = &window,
		.cap = 200,
		.provider = "google",
		.block = "news.test",
		.origin = { "gatepost.conf", 7 },
		.over = limit == NULL ? GP_OVER_DEFER : limit->over };
}

static void
reply_table(void **state)
{
	static const struct {
		bool is_limit, at_rcpt;
		enum gp_limit_count count;
		enum gp_limit_over over;
		const char *contact;
		int code;
		const char *xcode, *why, *text;
		const char *provider; /* NULL: google */
	} table[] = {
		{ true, true, GP_COUNT_RECIPIENTS, GP_OVER_DEFER, NULL, 450,
		    "4.7.1", "limit.l",
		    "recipient rate exceeded (60/5m, limit l); retry after "
		    "2026-11-22T12:41:00Z (60 s) [REF]",
		    NULL },
		{ true, false, GP_COUNT_MESSAGES, GP_OVER_DEFER, "help@x.test",
		    451, "4.7.1", "limit.l",
		    "message rate exceeded (60/5m, limit l); retry after "
		    "2026-11-22T12:41:00Z (60 s); contact help@x.test [REF]",
		    NULL },
		{ true, false, GP_COUNT_BYTES, GP_OVER_REJECT, NULL, 550,
		    "5.7.1", "limit.l",
		    "byte rate exceeded (60/5m, limit l) [REF]", NULL },
		{ false, true, 0, GP_OVER_DEFER, NULL, 450, "4.3.2",
		    "warmup.google",
		    "delivery to google is being slowed while news.test warms "
		    "up (200 recipients today); retry after "
		    "2026-11-22T12:41:00Z (60 s) [REF]",
		    NULL },
		{ false, false, 0, GP_OVER_DEFER, NULL, 451, "4.3.2",
		    "warmup.other:x.test",
		    "delivery to x.test is being slowed while news.test warms "
		    "up (200 recipients today); retry after "
		    "2026-11-22T12:41:00Z (60 s) [REF]",
		    "other:x.test" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		const struct gp_limit_policy limit = { .name = "l",
			.count = table[i].count,
			.over = table[i].over };
		struct gp_rate_item item =
		    item_of(table[i].is_limit ? &limit : NULL);
		const struct gp_rate_refusal r = { .item = &item,
			.wait_ms = 59001,
			.now_s = 1795351200,
			.ref = "REF",
			.contact = table[i].contact,
			.at_rcpt = table[i].at_rcpt };
		struct gp_verdict v;

		if (table[i].provider != NULL)
			item.provider = table[i].provider;
		v = gp_rate_verdict(&r, arena);

		assert_string_equal(v.text, table[i].text);
		assert_int_equal(v.code, table[i].code);
		assert_string_equal(v.xcode, table[i].xcode);
		assert_string_equal(v.why, table[i].why);
		assert_int_equal(v.action,
		    v.code == 550 ? GP_REJECT : GP_TEMPFAIL);
	}
	gp_arena_free(arena);
}

static void
note_says_all_and_names_no_recipient(void **state)
{
	const struct gp_limit_policy limit = { .name = "login",
		.count = GP_COUNT_MESSAGES };
	const struct gp_rate_item item = item_of(&limit);
	const struct gp_charge charge = { .key = GP_STR("m/news.test/login"),
		.rule = { 60, 0.2, 1, 1 },
		.cost = 1 };
	const struct gp_charged made = { .level = 60 };
	const struct gp_rate_refusal r = { &item, &charge, &made, 5000,
		1795351200, "REF", NULL, false };
	const struct gp_rate_sender sender = { "al ice", "a@news.test",
		"news.test", { GP_IP_V4, { 192, 0, 2, 1 } } };
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, 4096);
	gp_rate_note(&r, &sender, &out);
	assert_string_equal(gp_buf_cstr(&out),
	    "reference REF\n"
	    "at 2026-11-22T12:40:00Z\n"
	    "limit login of news.test\n"
	    "counts message\n"
	    "rule gatepost.conf:7\n"
	    "meter m/news.test/login\n"
	    "level 60.0 of 60, 0.2 a second, share 100 %\n"
	    "asked_for 1\n"
	    "wait_s 5\n"
	    "retry_after 2026-11-22T12:40:05Z\n"
	    "client 192.0.2.1\n"
	    "login \"al ice\"\n"
	    "sender a@news.test\n");
	gp_buf_clear(&out);
}

static void
worst_is_the_longest_wait_of_those_that_bind(void **state)
{
	struct gp_charge charges[] = { { .watch = true }, { .cost = 1 },
		{ .cost = 1 }, { .cost = 1 } };
	const struct gp_charged made[] = { { .wait_ms = 9000 },
		{ .wait_ms = 10 }, { .wait_ms = 500 }, { .fits = true } };
	const struct gp_rate_plan plan = { .n = 4, .charges = charges };

	(void)state;
	assert_int_equal(gp_rate_worst(&plan, made), 2);
	charges[1].watch = charges[2].watch = true;
	assert_int_equal(gp_rate_worst(&plan, made), 4);
}

static void
reference_has_one_form(void **state)
{
	uint8_t dice[GP_RATE_REF_LEN];
	char ref[GP_RATE_REF_LEN + 1];

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		memset(dice, (int)i, sizeof(dice));
		gp_rate_ref_make(dice, ref);
		assert_true(gp_rate_ref_valid(gp_str(ref)));
	}
	assert_true(gp_rate_ref_valid(GP_STR("abcdefghjk")));
	assert_false(gp_rate_ref_valid(GP_STR("abcdefghj")));
	assert_false(gp_rate_ref_valid(GP_STR("abcdefghi0")));
	assert_false(gp_rate_ref_valid(gp_str_n("abcdefgh\0j", 10)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(charges_table),
		cmocka_unit_test(name_that_is_too_long_ends_in_a_hash),
		cmocka_unit_test(exempt_table),
		cmocka_unit_test(address_table),
		cmocka_unit_test(reply_table),
		cmocka_unit_test(note_says_all_and_names_no_recipient),
		cmocka_unit_test(worst_is_the_longest_wait_of_those_that_bind),
		cmocka_unit_test(reference_has_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
