/* One message through the four filters, with a policy and a zone as texts: who
 * is asked, in what order, and what is told of it. */
#include "core/json.h"
#include "io/log.h"
#include "io/policy_file.h"
#include "mta/explain_facts.h"
#include "mta/filter.h"
#include "mta/rate_gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char policy[] =
    "authserv-id = mx.test\n"
    "trust { clients = { 198.51.100.0/24 } listeners = { MSA } }\n"
    "spf { mode = enforce fail = tag }\n"
    "dmarc { mode = enforce }\n"
    "domain strict.test { spf { fail = reject } }\n"
    "domain watch.test { spf { mode = monitor fail = reject }\n"
    "  dmarc { mode = monitor } }\n"
    "domain ours.test {\n"
    "  key s1 { file = /nowhere/s1.pem }\n"
    "  senders { auth = { app } else = reject }\n"
    "  limit few { by = { auth } rate = { 2/1h } }\n"
    "  preflight { mode = monitor require = { date, subject } else = reject }\n"
    "}\n";

static const char zone[] = "bank.test TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
			   "_dmarc.bank.test TXT \"v=DMARC1; p=reject\"\n"
			   "down.test * !SERVFAIL\n";

#define GOOD "192.0.2.1"
#define BAD  "203.0.113.9"

struct letter {
	const char *label;
	const char *text;
	const char *from, *client, *login, *listener; /* NULL: none */
	const char *rcpts[3];
	/* what is expected: "accept", "hold", or who refuses, and where */
	const char *want;
};

/* All of one explanation. */
struct run {
	struct gp_arena *arena;
	struct gp_config *config;
	struct gp_dns *dns;
	struct gp_message message;
	struct gp_explain_daemon daemon;
	struct gp_explain_mail mail;
	struct gp_explain x;
};

static void
run_open(struct run *r, const struct letter *l)
{
	struct gp_problems problems;
	struct gp_err err;

	*r = (struct run){ .arena = gp_arena_new() };
	gp_problems_init(&problems);
	assert_int_equal(gp_policy_parse(gp_str(policy), "test.conf",
			     &r->config, &problems),
	    GP_OK);
	assert_int_equal(gp_dns_open_zone(gp_str(zone), NULL, &r->dns, &err),
	    GP_OK);
	assert_int_equal(gp_message_parse(gp_str(l->text), r->arena,
			     &r->message, &err),
	    GP_OK);
	assert_int_equal(gp_explain_open(&r->x, r->config, r->dns, &r->daemon,
			     &problems),
	    GP_OK);
	r->mail = (struct gp_explain_mail){ .helo = "c.test",
		.mail_from = l->from,
		.login = l->login,
		.rcpts = l->rcpts,
		.message = &r->message,
		.connect = { .daemon_name = l->listener,
		    .local = l->client == NULL } };
	while (r->mail.n_rcpts < COUNT(l->rcpts) &&
	       l->rcpts[r->mail.n_rcpts] != NULL)
		r->mail.n_rcpts++;
	if (l->client != NULL)
		assert_int_equal(gp_ip_parse(gp_str(l->client),
				     &r->mail.connect.client),
		    GP_OK);
	gp_problems_clear(&problems);
	gp_explain_run(&r->x, &r->mail);
}

static void
run_close(struct run *r)
{
	gp_explain_close(&r->x);
	gp_dns_close(r->dns);
	gp_config_unref(r->config);
	gp_arena_free(r->arena);
}

static const char *
outcome(struct run *r)
{
	const struct gp_explain_reply reply = gp_explain_reply(&r->x);

	if (reply.filter != NULL)
		return gp_arena_printf(r->arena, "%s %s %d", reply.filter,
		    reply.stage, reply.verdict->code);
	return r->x.held != NULL ? "hold" : "accept";
}

#define LETTER   "From: a@bank.test\nTo: b@rcpt.test\n\nHello\n"
#define OUR_OWN  "From: a@ours.test\nTo: b@rcpt.test\nDate: x\n\nHello\n"
#define DATED    "From: a@ours.test\nDate: Sat, 21 Nov 2026 12:00:00 +0000\n\n"
#define FORGED   "Authentication-Results: mx.test; spf=pass\n" LETTER
#define TWO_FROM "From: a@other.test\n" LETTER

static const struct letter letters[] = {
	{ "good", LETTER, "<a@bank.test>", GOOD, .rcpts = { "<b@rcpt.test>" },
	    .want = "accept" },
	{ "spoofed", LETTER, "<a@bank.test>", BAD, .rcpts = { "<b@rcpt.test>" },
	    .want = "dmarc end-of-message 550" },
	{ "refused at RCPT", LETTER, "<a@bank.test>", BAD,
	    .rcpts = { "<b@strict.test>" }, .want = "spf rcpt 550" },
	{ "one of two is left", TWO_FROM, "<a@bank.test>", BAD,
	    .rcpts = { "<b@strict.test>", "<c@rcpt.test>" },
	    .want = "dmarc end-of-message 550" },
	{ "watched only", LETTER, "<a@bank.test>", BAD,
	    .rcpts = { "<b@watch.test>" }, .want = "accept" },
	{ "by a login", OUR_OWN, "<a@ours.test>", BAD, "app",
	    .rcpts = { "<b@rcpt.test>" }, .want = "accept" },
	{ "over its limit", OUR_OWN, "<a@ours.test>", BAD, "app",
	    .rcpts = { "<b@rcpt.test>", "<c@rcpt.test>" }, .want = "accept" },
	{ "by one who may not", OUR_OWN, "<a@ours.test>", BAD, "eve",
	    .rcpts = { "<b@rcpt.test>" }, .want = "dkim end-of-message 550" },
	{ "of this host", LETTER, "<a@bank.test>", NULL,
	    .rcpts = { "<b@rcpt.test>" }, .want = "accept" },
	{ "by a listener", LETTER, "<a@bank.test>", BAD, .listener = "MSA",
	    .rcpts = { "<b@rcpt.test>" }, .want = "accept" },
	{ "MAIL that breaks the session", LETTER, "<a\001@bank.test>", BAD,
	    .rcpts = { "<b@rcpt.test>" }, .want = "spf rcpt 451" },
};

/* What is printed and written of it is whole, whatever came of it. */
static void
check_shown(struct run *r)
{
	struct gp_buf text, json;
	struct gp_json j;

	gp_buf_init(&text, SIZE_MAX);
	gp_explain_text(&r->x, &text);
	assert_non_null(strstr(gp_buf_cstr(&text), "\nreply "));
	for (size_t i = 0; i < text.n; i++)
		assert_true(gp_is_print(text.p[i]) || text.p[i] == '\n');
	gp_buf_init(&json, SIZE_MAX);
	gp_json_init(&j, &json);
	gp_json_object(&j, NULL);
	gp_explain_json(&r->x, &j);
	assert_int_equal(j.depth, 1);
	gp_json_end(&j);
	gp_buf_clear(&text);
	gp_buf_clear(&json);
}

static void
explain_outcome_is_that_of_the_chain(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(letters); i++) {
		struct run r;

		run_open(&r, &letters[i]);
		if (strcmp(outcome(&r), letters[i].want) != 0)
			fail_msg("%s: %s", letters[i].label, outcome(&r));
		assert_int_equal(gp_explain_passes(&r.x),
		    strcmp(letters[i].want, "accept") == 0);
		check_shown(&r);
		run_close(&r);
	}
}

static const struct letter *
letter_of(const char *label)
{
	for (size_t i = 0; i < COUNT(letters); i++)
		if (strcmp(letters[i].label, label) == 0)
			return &letters[i];
	return NULL;
}

static void
explain_filter_behind_a_refusal_is_not_asked(void **state)
{
	struct run r;

	(void)state;
	run_open(&r, letter_of("by one who may not"));
	assert_true(r.x.filters[GP_EXPLAIN_SPF].ended);
	assert_true(r.x.filters[GP_EXPLAIN_DKIM].ended);
	assert_false(r.x.filters[GP_EXPLAIN_DMARC].ended);
	assert_false(r.x.filters[GP_EXPLAIN_RATE].ended);
	run_close(&r);
	run_open(&r, letter_of("refused at RCPT"));
	assert_null(r.x.rcpts[0].by[GP_EXPLAIN_RATE].why);
	assert_int_equal(r.x.accepted, 0);
	for (size_t i = 0; i < GP_EXPLAIN_FILTERS; i++)
		assert_false(r.x.filters[i].ended);
	run_close(&r);
}

static void
explain_header_goes_from_filter_to_filter(void **state)
{
	const struct letter l = { "", FORGED, "<a@bank.test>", GOOD,
		.rcpts = { "<b@rcpt.test>" } };
	struct gp_explain_fields added, removed;
	struct run r;

	(void)state;
	run_open(&r, &l);
	added = gp_explain_added(&r.x);
	removed = gp_explain_removed(&r.x);
	/* SPF and DKIM sealed theirs, and DMARC made one of them */
	assert_int_equal(added.n, 1);
	assert_int_equal(removed.n, 1);
	assert_true(
	    gp_str_eq(removed.v[0]->value, GP_STR(" mx.test; spf=pass")));
	assert_non_null(strstr(added.v[0]->value.p, "dmarc=pass"));
	assert_non_null(strstr(added.v[0]->value.p, "spf=pass"));
	assert_null(strstr(added.v[0]->value.p, "gatepost-seal"));
	assert_int_equal(r.x.after.n, r.message.n);
	run_close(&r);
}

static void
explain_rule_is_where_it_was_written(void **state)
{
	struct gp_origin where;
	struct run r;

	(void)state;
	run_open(&r, letter_of("refused at RCPT"));
	where = gp_explain_rule(&r.x, "spf.fail", gp_explain_domain(&r.x, 0));
	assert_string_equal(where.file, "test.conf");
	assert_int_equal(where.line, 5);
	assert_int_equal(gp_explain_rule(&r.x, "spf.fail", "x.test").line, 3);
	assert_null(gp_explain_rule(&r.x, "spf.softfail", NULL).file);
	assert_null(gp_explain_rule(&r.x, "spf.nothing", NULL).file);
	assert_int_equal(
	    gp_explain_rule(&r.x, "preflight.else", "ours.test").line, 12);
	assert_int_equal(
	    gp_explain_rule(&r.x, "senders.auth", "ours.test").line, 10);
	assert_null(gp_explain_rule(&r.x, "preflight.else", "x.test").file);
	assert_null(gp_explain_rule(&r.x, "limit.few", NULL).file);
	assert_null(gp_explain_rule(&r.x, "none", NULL).file);
	assert_int_equal(gp_explain_rule(&r.x, "authserv-id", NULL).line, 1);
	assert_string_equal(gp_explain_trust(&r.x, &where), "trust.clients");
	assert_int_equal(where.line, 2);
	run_close(&r);
}

static void
explain_look_ups_are_told_by_filter(void **state)
{
	const struct gp_explain_lookup *l;
	struct run r;

	(void)state;
	run_open(&r, letter_of("good"));
	l = r.x.filters[GP_EXPLAIN_SPF].lookups;
	assert_string_equal(l->name, "bank.test");
	assert_int_equal(l->type, GP_DNS_TXT);
	assert_int_equal(l->rc, GP_OK);
	assert_int_equal(l->from, GP_DNS_SERVER);
	assert_int_equal(l->ttl_s, 300);
	assert_string_equal(l->text, "\"v=spf1 ip4:192.0.2.1 -all\"");
	assert_string_equal(l->next->name, "c.test");
	assert_true(l->next->nxdomain);
	assert_null(l->next->next);
	assert_null(r.x.filters[GP_EXPLAIN_DKIM].lookups);
	l = r.x.filters[GP_EXPLAIN_DMARC].lookups;
	assert_string_equal(l->name, "_dmarc.bank.test");
	assert_null(r.x.filters[GP_EXPLAIN_RATE].lookups);
	run_close(&r);
}

static void
explain_watched_verdicts_are_told(void **state)
{
	const struct gp_verdict *v;
	const char *filter;
	struct run r;

	(void)state;
	run_open(&r, letter_of("watched only"));
	v = gp_explain_would(&r.x, 0, &filter);
	assert_string_equal(filter, "spf");
	assert_string_equal(v->why, "spf.fail");
	v = gp_explain_would(&r.x, 1, &filter);
	assert_string_equal(filter, "dmarc");
	assert_int_equal(v->disposition, GP_DO_REJECT);
	assert_null(gp_explain_would(&r.x, 2, &filter));
	run_close(&r);
}

static void
explain_limits_are_told_without_a_daemon(void **state)
{
	struct gp_explain_charges all;
	struct run r;

	(void)state;
	run_open(&r, letter_of("by a login"));
	all = gp_explain_charges(&r.x);
	assert_false(gp_explain_levels(&r.x));
	assert_int_equal(all.n, 2); /* "few", and that of every login */
	assert_true(gp_str_eq(all.v[0].charge->key,
	    GP_STR("m/ours.test/few/3600/auth=app")));
	assert_int_equal(all.v[0].item->origin.line, 11);
	assert_true(all.v[0].made->fits);
	run_close(&r);
	run_open(&r, letter_of("good"));
	assert_int_equal(gp_explain_charges(&r.x).n, 0);
	run_close(&r);
}

static void
explain_preflight_names_what_is_met_and_missing(void **state)
{
	struct gp_buf text;
	struct run r;

	(void)state;
	run_open(&r, letter_of("by a login"));
	gp_buf_init(&text, SIZE_MAX);
	gp_explain_text(&r.x, &text);
	assert_non_null(strstr(gp_buf_cstr(&text),
	    "  required   by ours.test (test.conf:12)\n"
	    "  met        date\n"
	    "  missing    subject: "));
	assert_non_null(strstr(gp_buf_cstr(&text),
	    "  does       reject (test.conf:12), which mode = monitor does "
	    "not carry out\n"));
	gp_buf_clear(&text);
	run_close(&r);
}

static void
explain_unread_key_is_told_and_no_obstacle(void **state)
{
	const struct letter l = { "", DATED, "<a@ours.test>", BAD, "app",
		.rcpts = { "<b@rcpt.test>" } };
	struct run r;

	(void)state;
	run_open(&r, &l);
	assert_int_equal(r.x.keys.count, 1);
	assert_non_null(
	    strstr(gp_buf_cstr(&r.x.keys.text), "test.conf:9: key \"s1\": "));
	assert_string_equal(outcome(&r), "accept");
	run_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explain_outcome_is_that_of_the_chain),
		cmocka_unit_test(explain_filter_behind_a_refusal_is_not_asked),
		cmocka_unit_test(explain_header_goes_from_filter_to_filter),
		cmocka_unit_test(explain_rule_is_where_it_was_written),
		cmocka_unit_test(explain_look_ups_are_told_by_filter),
		cmocka_unit_test(explain_watched_verdicts_are_told),
		cmocka_unit_test(explain_limits_are_told_without_a_daemon),
		cmocka_unit_test(
		    explain_preflight_names_what_is_met_and_missing),
		cmocka_unit_test(explain_unread_key_is_told_and_no_obstacle),
	};

	gp_log_open("test_explain", true, GP_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
