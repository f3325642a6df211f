/* Whether a message is signed, as whom, and over which fields. */
#include "core/dkim_sign.h"
#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const char policy_text[] =
    "domain \"example.com\" { key \"a\" { file = \"a.pem\" } }\n"
    "domain \"open.example\" { subdomains = yes"
    "  key \"a\" { file = \"a.pem\" } }\n"
    "domain \"news.example.com\" {\n"
    "  key \"n\" { file = \"n.pem\" }\n"
    "  senders { auth = { \"app\" } clients = { \"10.0.0.1\" }"
    "    else = reject } }\n"
    "domain \"later.example.com\" {\n"
    "  key \"n\" { file = \"n.pem\" }\n"
    "  senders { auth = { \"app\" } else = tempfail } }\n"
    "domain \"quiet.example.com\" {\n"
    "  key \"n\" { file = \"n.pem\" }\n"
    "  senders { auth = { \"app\" } else = unsigned } }\n"
    "domain \"nokey.example.com\" { }\n"
    "domain \"strict.example.com\" { on-fragile = reject\n"
    "  key \"n\" { file = \"n.pem\" } }\n";

struct bench {
	struct gp_config *config;
	struct gp_arena *arena;
	struct gp_header header;
	struct gp_dkim_plan plan;
};

static void
open_bench(struct bench *b, const char *text)
{
	struct gp_problems problems;

	memset(b, 0, sizeof(*b));
	gp_problems_init(&problems);
	if (gp_policy_parse(gp_str(text), "test", &b->config, &problems) !=
	    GP_OK)
		fail_msg("%s", gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	b->arena = gp_arena_new();
}

static void
close_bench(struct bench *b)
{
	gp_arena_free(b->arena);
	gp_config_unref(b->config);
}

/* "Name:value" lines */
static void
add_fields(struct bench *b, const char *fields)
{
	struct gp_str rest = gp_str(fields);

	memset(&b->header, 0, sizeof(b->header));
	while (rest.n > 0) {
		struct gp_str value = gp_str_split(&rest, '\n');
		struct gp_str name = gp_str_split(&value, ':');

		gp_header_add(&b->header, b->arena, name, value);
	}
}

static void
make_plan(struct bench *b, const char *fields, const char *login,
    const char *client, bool bounce)
{
	struct gp_dkim_outbound m = { .header = &b->header,
		.sender = { .login = login, .bounce = bounce } };

	assert_int_equal(gp_ip_parse(gp_str(client), &m.sender.client), GP_OK);
	add_fields(b, fields);
	gp_dkim_plan(b->config, &m, b->arena, &b->plan);
}

/* -- the plan ------------------------------------------------------------ */

struct plan_row {
	const char *label, *fields, *login, *client;
	bool bounce;
	const char *signs_as; /* NULL: unsigned */
	const char *why;      /* part of it */
	enum gp_action action;
	const char *xcode;
};

static const struct plan_row plan_rows[] = {
	{ .label = "the From: domain has a block",
	    .fields = "From: a@example.com",
	    .signs_as = "example.com",
	    .why = "block example.com" },
	{ .label = "any case, a U-label is an A-label",
	    .fields = "FROM: A <a@EXAMPLE.com>",
	    .signs_as = "example.com",
	    .why = "block" },
	{ .label = "a sub-domain is never signed as its parent",
	    .fields = "From: a@sub.example.com",
	    .why = "no block" },
	{ .label = "unless the parent's block says so",
	    .fields = "From: a@x.y.open.example",
	    .signs_as = "open.example",
	    .why = "block open.example" },
	{ .label = "a name that only ends alike",
	    .fields = "From: a@notexample.com",
	    .why = "no block" },
	{ .label = "Sender does not matter",
	    .fields = "Sender: a@example.com\nFrom: b@foreign.example",
	    .why = "no block" },
	{ .label = "no From", .fields = "To: b@example.com", .why = "From" },
	{ .label = "two From fields",
	    .fields = "From: a@example.com\nFrom: b@example.com",
	    .why = "From" },
	{ .label = "two domains",
	    .fields = "From: a@example.com, b@open.example",
	    .why = "domain" },
	{ .label = "two authors of one domain",
	    .fields = "From: a@example.com, b@example.com",
	    .signs_as = "example.com",
	    .why = "block" },
	{ .label = "unreadable",
	    .fields = "From: a@example.com b@example.com",
	    .why = "" },
	{ .label = "a block without keys",
	    .fields = "From: a@nokey.example.com",
	    .why = "no key" },
	{ .label = "a listed login",
	    .fields = "From: a@news.example.com",
	    .login = "app",
	    .signs_as = "news.example.com",
	    .why = "block" },
	{ .label = "a listed client",
	    .fields = "From: a@news.example.com",
	    .client = "10.0.0.1",
	    .signs_as = "news.example.com",
	    .why = "block" },
	{ .label = "another login is rejected",
	    .fields = "From: a@news.example.com",
	    .login = "joe",
	    .why = "login",
	    .action = GP_REJECT,
	    .xcode = "5.7.1" },
	{ .label = "or put off",
	    .fields = "From: a@later.example.com",
	    .login = "joe",
	    .why = "login",
	    .action = GP_TEMPFAIL,
	    .xcode = "4.7.1" },
	{ .label = "or goes unsigned",
	    .fields = "From: a@quiet.example.com",
	    .login = "joe",
	    .why = "login" },
	{ .label = "a second From is no way around it",
	    .fields = "From: a@example.com\nFrom: ceo@news.example.com",
	    .login = "joe",
	    .why = "login",
	    .action = GP_REJECT,
	    .xcode = "5.7.1" },
	{ .label = "nor is a second author, and the harder word counts",
	    .fields = "From: a@later.example.com, b@news.example.com,"
		      " c@quiet.example.com",
	    .login = "joe",
	    .why = "login",
	    .action = GP_REJECT,
	    .xcode = "5.7.1" },
	{ .label = "a bounce is never refused",
	    .fields = "From: MAILER-DAEMON@news.example.com",
	    .bounce = true,
	    .why = "listed" },
	{ .label = "a bounce is signed by the From: domain",
	    .fields = "From: MAILER-DAEMON@example.com",
	    .bounce = true,
	    .signs_as = "example.com",
	    .why = "block" },
};

static void
dkim_sign_plan_follows_the_from_domain(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, policy_text);
	for (size_t i = 0; i < sizeof(plan_rows) / sizeof(plan_rows[0]); i++) {
		const struct plan_row *r = &plan_rows[i];
		const struct gp_dkim_plan *p = &b.plan;

		print_message("# %s\n", r->label);
		make_plan(&b, r->fields, r->login,
		    r->client == NULL ? "203.0.113.9" : r->client, r->bounce);
		assert_int_equal(p->sign, r->signs_as != NULL);
		if (r->signs_as != NULL)
			assert_string_equal(p->policy->domain, r->signs_as);
		assert_non_null(strstr(p->why, r->why));
		assert_int_equal(p->verdict.action, r->action);
		if (r->xcode != NULL)
			assert_string_equal(p->verdict.xcode, r->xcode);
	}
	close_bench(&b);
}

static void
dkim_sign_oversized_header_is_unsigned(void **state)
{
	struct gp_dkim_outbound m = { .sender = { .login = "x" } };
	struct bench b;

	(void)state;
	open_bench(&b, policy_text);
	add_fields(&b, "From: a@example.com");
	b.header.over = true;
	m.header = &b.header;
	gp_dkim_plan(b.config, &m, b.arena, &b.plan);
	assert_false(b.plan.sign);
	assert_non_null(strstr(b.plan.why, "too large"));
	close_bench(&b);
}

static void
dkim_sign_fragile_is_refused_only_where_asked(void **state)
{
	struct bench b;

	(void)state;
	open_bench(&b, policy_text);
	make_plan(&b, "From: a@strict.example.com", NULL, "10.0.0.9", false);
	gp_dkim_plan_fragile(&b.plan, 0, b.arena);
	assert_true(b.plan.sign);
	gp_dkim_plan_fragile(&b.plan,
	    1U << GP_FRAGILE_REQUOTE | 1U << GP_FRAGILE_BARE_CR, b.arena);
	assert_false(b.plan.sign);
	assert_int_equal(b.plan.verdict.action, GP_REJECT);
	assert_string_equal(b.plan.verdict.xcode, "5.6.0");
	assert_non_null(
	    strstr(b.plan.verdict.text, gp_fragile_text(GP_FRAGILE_BARE_CR)));
	make_plan(&b, "From: a@example.com", NULL, "10.0.0.9", false);
	gp_dkim_plan_fragile(&b.plan, 1U << GP_FRAGILE_LONG_LINE, b.arena);
	assert_true(b.plan.sign);
	make_plan(&b, "From: a@strict.example.com", NULL, "10.0.0.9", true);
	gp_dkim_plan_fragile(&b.plan, 1U << GP_FRAGILE_LONG_LINE, b.arena);
	assert_true(b.plan.sign); /* a bounce */
	close_bench(&b);
}

/* -- h= ------------------------------------------------------------------- */

static const char always[] = "From:Subject:To:Cc:Reply-To:"
			     "MIME-Version:Content-Type:"
			     "Content-Transfer-Encoding";

struct choose_row {
	const char *label, *lists, *fields;
	const char *with;    /* parted by ",": "Name=times" that h= must have */
	const char *without; /* names that it must not have */
};

static const struct choose_row choose_rows[] = {
	{ "each always-oversigned name once more than it is there", "",
	    "From: a@example.com\nSubject: s\nTo: b@c.example",
	    "From=2,Subject=2,To=2,Cc=1,Reply-To=1,"
	    "MIME-Version=1,Content-Type=1,Content-Transfer-Encoding=1",
	    "Sender,References,List-Unsubscribe,List-Id,Received" },
	{ "what an MTA adds where it is missing", "",
	    "From: a@example.com\nDate: d", "Date=2", "Message-ID" },
	{ "several instances are all signed", "",
	    "From: a@example.com\nTo: a\nTo: b\nResent-To: x\nResent-To: y",
	    "To=3,Resent-To=2", "Resent-From" },
	{ "one-click fields (RFC 8058) are oversigned when present", "",
	    "From: a@example.com\nList-Unsubscribe: <https://x.example/>\n"
	    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\nList-Id: l",
	    "List-Unsubscribe=2,List-Unsubscribe-Post=2,List-Id=1", "" },
	{ "trace fields and other signatures never", "",
	    "Received: x\nReturn-Path: <a@b>\nDKIM-Signature: v=1\n"
	    "Authentication-Results: x\nBcc: y\nFrom: a@example.com\n"
	    "X-Mailer: z",
	    "From=2",
	    "Received,Return-Path,DKIM-Signature,Authentication-Results,Bcc,"
	    "X-Mailer" },
	{ "further names beside the default",
	    "sign = { \"default\", \"X-Campaign\" }",
	    "From: a@example.com\nX-Campaign: 7\nX-Other: 8",
	    "From=2,Subject=1,X-Campaign=1", "X-Other" },
	{ "a name of one's own, oversigned",
	    "oversign = { \"default\", \"X-Campaign\" }", "From: a@example.com",
	    "From=2,X-Campaign=1", "" },
	{ "own lists replace the default ones",
	    "sign = { \"Date\" } oversign = { \"Subject\" }",
	    "From: a@example.com\nDate: d\nTo: t", "From=1,Date=1,Subject=1",
	    "To,Cc" },
	{ "From is there whatever the lists say", "sign = { } oversign = { }",
	    "From: a@example.com\nDate: d", "From=1", "Date,Subject" },
	{ "a name in two spellings is one",
	    "sign = { \"x-a\", \"X-A\" } oversign = { }",
	    "From: a@example.com\nX-a: 1", "X-A=1", "" },
};

static size_t
times(const struct gp_str *names, size_t n, struct gp_str name)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += gp_str_eq_nocase(names[i], name);
	return found;
}

static void
check_choice(const struct choose_row *r, const struct gp_str *names, size_t n)
{
	struct gp_str rest = gp_str(r->with);

	while (rest.p != NULL) {
		struct gp_str item = gp_str_split(&rest, ',');
		struct gp_str name = gp_str_split(&item, '=');

		assert_int_equal(times(names, n, name), item.p[0] - '0');
	}
	rest = gp_str(r->without);
	while (rest.n > 0)
		assert_int_equal(times(names, n, gp_str_split(&rest, ',')), 0);
}

static void
dkim_sign_choose_covers_what_is_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choose_rows) / sizeof(choose_rows[0]);
	     i++) {
		const struct choose_row *r = &choose_rows[i];
		const struct gp_str *names;
		char text[512];
		struct bench b;
		size_t n;

		print_message("# %s\n", r->label);
		(void)snprintf(text, sizeof(text),
		    "domain \"example.com\" { %s }\n", r->lists);
		open_bench(&b, text);
		add_fields(&b, r->fields);
		gp_dkim_choose(&gp_policy_for(b.config, "example.com")->signing,
		    &b.header, b.arena, &names, &n);
		check_choice(r, names, n);
		close_bench(&b);
	}
}

static void
dkim_sign_choose_leaves_unsettled_names_out(void **state)
{
	const struct gp_str *names;
	struct bench b;
	size_t n;

	(void)state;
	open_bench(&b, policy_text);
	add_fields(&b, "From: a@example.com\nTo: x\nTo: y\nCc: z");
	b.header.v[0].unsettled = b.header.v[2].unsettled = true;
	gp_dkim_choose(&gp_policy_for(b.config, "example.com")->signing,
	    &b.header, b.arena, &names, &n);
	assert_int_equal(times(names, n, GP_STR("From")), 2);
	assert_int_equal(times(names, n, GP_STR("To")), 0);
	assert_int_equal(times(names, n, GP_STR("Cc")), 2);
	close_bench(&b);
}

static void
dkim_sign_choose_names_defaults_in_one_order(void **state)
{
	const struct gp_str *names;
	struct gp_buf text;
	struct bench b;
	size_t n;

	(void)state;
	open_bench(&b, policy_text);
	gp_dkim_choose(&gp_policy_for(b.config, "example.com")->signing,
	    &b.header, b.arena, &names, &n);
	gp_buf_init(&text, 4096);
	for (size_t i = 0; i < n; i++)
		gp_buf_addf(&text, "%s%.*s", i == 0 ? "" : ":",
		    GP_STR_ARG(names[i]));
	assert_string_equal(gp_buf_cstr(&text), always);
	gp_buf_clear(&text);
	close_bench(&b);
}

static void
dkim_sign_choose_is_bounded_by_the_header(void **state)
{
	const struct gp_str *names;
	struct bench b;
	size_t n;

	(void)state;
	open_bench(&b, policy_text);
	for (size_t i = 0; i < GP_FIELDS_MAX; i++)
		gp_header_add(&b.header, b.arena, GP_STR("To"),
		    GP_STR(" x@y.example"));
	gp_dkim_choose(&gp_policy_for(b.config, "example.com")->signing,
	    &b.header, b.arena, &names, &n);
	assert_int_equal(times(names, n, GP_STR("To")), GP_FIELDS_MAX + 1);
	assert_true(n <= GP_DKIM_NAMES_MAX);
	close_bench(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dkim_sign_plan_follows_the_from_domain),
		cmocka_unit_test(dkim_sign_oversized_header_is_unsigned),
		cmocka_unit_test(dkim_sign_fragile_is_refused_only_where_asked),
		cmocka_unit_test(dkim_sign_choose_covers_what_is_shown),
		cmocka_unit_test(dkim_sign_choose_leaves_unsettled_names_out),
		cmocka_unit_test(dkim_sign_choose_names_defaults_in_one_order),
		cmocka_unit_test(dkim_sign_choose_is_bounded_by_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
