/* Whom SPF is asked about, what a result leads to, what is reported. */
#include "core/spf_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -- identities -------------------------------------------------------- */

static void
identity_helo_table_is_judged(void **state)
{
	static const struct {
		const char *helo, *domain;
		bool askable;
	} rows[] = {
		{ "mail.example.com", "mail.example.com", true },
		{ "Mail.EXAMPLE.com.", "mail.example.com", true },
		{ "b\xc3\xbc"
		  "cher.example",
		    "xn--bcher-kva.example", true },
		{ "localhost", "localhost", false },
		{ "[192.0.2.1]", "[192.0.2.1]", false },
		{ "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]", false },
		{ "JUMPIN' JUPITER", NULL, false },
		{ "a..b", NULL, false },
		{ "", NULL, false },
		{ NULL, NULL, false },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_spf_identity id =
		    gp_spf_identity_helo(rows[i].helo, arena);
		const char *domain = rows[i].domain;

		if (id.askable != rows[i].askable ||
		    (id.domain == NULL) != (domain == NULL) ||
		    (domain != NULL && strcmp(id.domain, domain) != 0) ||
		    (id.reason == NULL) != id.askable ||
		    !gp_str_eq(id.local, GP_STR("postmaster")))
			fail_msg("row: %s",
			    rows[i].helo == NULL ? "NULL" : rows[i].helo);
	}
	gp_arena_free(arena);
}

static void
identity_mail_from_table_is_judged(void **state)
{
	static const struct {
		const char *label;
		struct gp_addr path;
		bool unreadable;
		const char *local, *domain;
		bool askable;
	} rows[] = {
		{ .label = "address",
		    .path = { .local = GP_STR("joe"), .domain = "example.com" },
		    .local = "joe",
		    .domain = "example.com",
		    .askable = true },
		{ .label = "no local part",
		    .path = { .domain = "example.com" },
		    .local = "postmaster",
		    .domain = "example.com",
		    .askable = true },
		{ .label = "null path is postmaster at HELO",
		    .path = { .is_null = true },
		    .local = "postmaster",
		    .domain = "helo.example",
		    .askable = true },
		{ .label = "unreadable is never HELO",
		    .path = { .raw = GP_STR("<joe@") },
		    .unreadable = true,
		    .local = "postmaster" },
		{ .label = "address literal",
		    .path = { .is_literal = true,
			.local = GP_STR("joe"),
			.domain = "[192.0.2.1]" },
		    .local = "postmaster" },
		{ .label = "one label",
		    .path = { .local = GP_STR("root"), .domain = "localhost" },
		    .local = "postmaster",
		    .domain = "localhost" },
		{ .label = "no domain",
		    .path = { .local = GP_STR("postmaster") },
		    .local = "postmaster" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_spf_identity id =
		    gp_spf_identity_mail_from(&rows[i].path,
			!rows[i].unreadable, "helo.example", arena);
		const char *domain = rows[i].domain;

		if (id.askable != rows[i].askable ||
		    (id.domain == NULL) != (domain == NULL) ||
		    (domain != NULL && strcmp(id.domain, domain) != 0) ||
		    (id.reason == NULL) != id.askable ||
		    !gp_str_eq(id.local, gp_str(rows[i].local)))
			fail_msg("row: %s", rows[i].label);
	}
	gp_arena_free(arena);
}

/* -- decisions --------------------------------------------------------- */

/* Everything refused, each by its own action. */
static struct gp_spf_policy
strict(enum gp_mode mode)
{
	return (struct gp_spf_policy){ .mode = mode,
		.on = { [GP_SPF_NONE] = GP_DO_TAG,
		    [GP_SPF_NEUTRAL] = GP_DO_HOLD,
		    [GP_SPF_PASS] = GP_DO_TAG,
		    [GP_SPF_FAIL] = GP_DO_REJECT,
		    [GP_SPF_SOFTFAIL] = GP_DO_REJECT,
		    [GP_SPF_TEMPERROR] = GP_DO_TEMPFAIL,
		    [GP_SPF_PERMERROR] = GP_DO_REJECT },
		.helo_fail = GP_DO_TAG };
}

static struct gp_spf_message
message(enum gp_spf_result result)
{
	struct gp_spf_message m = { .mail_from = { .result = result,
					.domain = "example.com",
					.reason = "because" } };

	m.client = gp_ip_from_bytes((const uint8_t[]){ 192, 0, 2, 1 }, 4);
	return m;
}

static void
decide_each_result_gets_its_reply(void **state)
{
	static const struct {
		enum gp_spf_result result;
		enum gp_action action;
		int code;
		const char *xcode, *text, *why;
	} rows[] = {
		{ GP_SPF_SKIPPED, GP_CONTINUE, 0, NULL, NULL, "spf.skipped" },
		{ GP_SPF_NONE, GP_CONTINUE, 0, NULL, NULL, "spf.none" },
		{ GP_SPF_PASS, GP_CONTINUE, 0, NULL, NULL, "spf.pass" },
		{ GP_SPF_NEUTRAL, GP_CONTINUE, 0, NULL, NULL, "spf.neutral" },
		{ GP_SPF_FAIL, GP_REJECT, 550, "5.7.23",
		    "SPF check of example.com failed: 192.0.2.1 is not allowed "
		    "to send mail for it",
		    "spf.fail" },
		{ GP_SPF_SOFTFAIL, GP_REJECT, 550, "5.7.23",
		    "SPF check of example.com: 192.0.2.1 is probably not "
		    "allowed to send mail for it",
		    "spf.softfail" },
		{ GP_SPF_TEMPERROR, GP_TEMPFAIL, 451, "4.4.3",
		    "SPF check of example.com not possible now: because",
		    "spf.temperror" },
		{ GP_SPF_PERMERROR, GP_REJECT, 550, "5.7.24",
		    "SPF record of example.com can not be used: because",
		    "spf.permerror" },
	};
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_policy policy = strict(GP_ENFORCE);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_spf_message m = message(rows[i].result);
		struct gp_verdict v = gp_spf_decide(&policy, &m, arena);

		assert_int_equal(v.action, rows[i].action);
		assert_int_equal(v.code, rows[i].code);
		assert_string_equal(v.why, rows[i].why);
		assert_false(v.monitored);
		assert_int_equal(v.disposition,
		    rows[i].result == GP_SPF_SKIPPED
			? GP_DO_TAG
			: policy.on[rows[i].result]);
		if (v.action == GP_CONTINUE)
			continue;
		assert_string_equal(v.xcode, rows[i].xcode);
		assert_string_equal(v.text, rows[i].text);
	}
	gp_arena_free(arena);
}

static void
decide_other_actions_have_their_codes(void **state)
{
	static const struct {
		enum gp_spf_result result;
		enum gp_disposition disposition;
		const char *xcode;
	} rows[] = {
		{ GP_SPF_FAIL, GP_DO_TEMPFAIL, "4.7.23" },
		{ GP_SPF_SOFTFAIL, GP_DO_TEMPFAIL, "4.7.23" },
		{ GP_SPF_PERMERROR, GP_DO_TEMPFAIL, "4.7.24" },
		{ GP_SPF_TEMPERROR, GP_DO_REJECT, "5.7.24" },
		{ GP_SPF_NONE, GP_DO_REJECT, "5.7.23" },
		{ GP_SPF_NEUTRAL, GP_DO_REJECT, "5.7.23" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_spf_policy policy = strict(GP_ENFORCE);
		struct gp_spf_message m = message(rows[i].result);
		struct gp_verdict v;

		policy.on[rows[i].result] = rows[i].disposition;
		v = gp_spf_decide(&policy, &m, arena);
		assert_string_equal(v.xcode, rows[i].xcode);
		assert_int_equal(v.code,
		    rows[i].disposition == GP_DO_REJECT ? 550 : 451);
		assert_non_null(strstr(v.text, "example.com"));
	}
	gp_arena_free(arena);
}

static void
decide_monitor_only_remembers(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_policy policy = strict(GP_MONITOR);

	(void)state;
	for (unsigned i = GP_SPF_SKIPPED; i < GP_SPF_RESULTS; i++) {
		struct gp_spf_message m = message((enum gp_spf_result)i);
		struct gp_verdict v = gp_spf_decide(&policy, &m, arena);

		assert_int_equal(v.action, GP_CONTINUE);
		assert_int_equal(v.code, 0);
		assert_int_equal(v.monitored, v.disposition != GP_DO_TAG);
		if (i != GP_SPF_SKIPPED)
			assert_int_equal(v.disposition, policy.on[i]);
	}
	gp_arena_free(arena);
}

static void
decide_explanations_are_announced(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_policy policy = strict(GP_ENFORCE);
	struct gp_spf_message m = message(GP_SPF_FAIL);

	(void)state;
	m.explanation = "see https://receiver.example/spf";
	assert_string_equal(gp_spf_decide(&policy, &m, arena).text,
	    "SPF check of example.com failed: "
	    "see https://receiver.example/spf");
	m.explanation = "";
	assert_non_null(
	    strstr(gp_spf_decide(&policy, &m, arena).text, "192.0.2.1"));
	/* the sender's own words go before, and are marked as his */
	m.explanation = "ours";
	m.mail_from.explanation = "250 all is well";
	assert_string_equal(gp_spf_decide(&policy, &m, arena).text,
	    "SPF check of example.com failed: example.com explains: "
	    "250 all is well");
	gp_arena_free(arena);
}

static void
decide_unreadable_path_has_a_text_too(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_policy policy = strict(GP_ENFORCE);
	struct gp_spf_message m = message(GP_SPF_NONE);

	(void)state;
	policy.on[GP_SPF_NONE] = GP_DO_REJECT;
	m.mail_from.domain = NULL;
	assert_string_equal(gp_spf_decide(&policy, &m, arena).text,
	    "SPF check not possible: because");
	gp_arena_free(arena);
}

static void
decide_helo_and_mail_from_the_harder_wins(void **state)
{
	static const struct {
		enum gp_spf_result helo, mail_from;
		bool by_helo;
		enum gp_disposition on_fail, helo_fail, wanted;
		const char *why;
	} rows[] = {
		{ GP_SPF_FAIL, GP_SPF_PASS, false, GP_DO_TAG, GP_DO_REJECT,
		    GP_DO_REJECT, "spf.helo-fail" },
		{ GP_SPF_FAIL, GP_SPF_PASS, false, GP_DO_TAG, GP_DO_TAG,
		    GP_DO_TAG, "spf.pass" },
		{ GP_SPF_SOFTFAIL, GP_SPF_PASS, false, GP_DO_TAG, GP_DO_REJECT,
		    GP_DO_TAG, "spf.pass" },
		{ GP_SPF_SKIPPED, GP_SPF_PASS, false, GP_DO_TAG, GP_DO_REJECT,
		    GP_DO_TAG, "spf.pass" },
		{ GP_SPF_FAIL, GP_SPF_FAIL, false, GP_DO_REJECT, GP_DO_REJECT,
		    GP_DO_REJECT, "spf.fail" },
		{ GP_SPF_FAIL, GP_SPF_FAIL, false, GP_DO_HOLD, GP_DO_TEMPFAIL,
		    GP_DO_TEMPFAIL, "spf.helo-fail" },
		{ GP_SPF_FAIL, GP_SPF_FAIL, false, GP_DO_REJECT, GP_DO_TEMPFAIL,
		    GP_DO_REJECT, "spf.fail" },
		{ GP_SPF_FAIL, GP_SPF_FAIL, false, GP_DO_TAG, GP_DO_HOLD,
		    GP_DO_HOLD, "spf.helo-fail" },
		{ GP_SPF_SKIPPED, GP_SPF_FAIL, true, GP_DO_TAG, GP_DO_REJECT,
		    GP_DO_REJECT, "spf.helo-fail" },
		{ GP_SPF_SKIPPED, GP_SPF_FAIL, true, GP_DO_REJECT, GP_DO_TAG,
		    GP_DO_REJECT, "spf.fail" },
		{ GP_SPF_SKIPPED, GP_SPF_FAIL, false, GP_DO_TAG, GP_DO_REJECT,
		    GP_DO_TAG, "spf.fail" },
	};
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_spf_policy policy = strict(GP_ENFORCE);
		struct gp_spf_message m = message(rows[i].mail_from);
		struct gp_verdict v;

		policy.on[GP_SPF_FAIL] = rows[i].on_fail;
		policy.helo_fail = rows[i].helo_fail;
		m.by_helo = rows[i].by_helo;
		m.helo = m.mail_from;
		m.helo.domain = "helo.example";
		m.helo.result = rows[i].helo;
		v = gp_spf_decide(&policy, &m, arena);
		if (v.disposition != rows[i].wanted ||
		    strcmp(v.why, rows[i].why) != 0)
			fail_msg("row: %zu: %s %s", i,
			    gp_disposition_name(v.disposition), v.why);
	}
	gp_arena_free(arena);
}

/* -- reports ----------------------------------------------------------- */

static void
check_prop(const struct gp_authres_result *r, const char *property,
    const char *value)
{
	assert_int_equal(r->n, 1);
	assert_true(gp_str_eq(r->prop[0].ptype, GP_STR("smtp")));
	assert_true(gp_str_eq(r->prop[0].property, gp_str(property)));
	assert_true(gp_str_eq(r->prop[0].value, gp_str(value)));
}

static void
authres_reports_what_was_checked(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_message m = { .by_helo = false };
	struct gp_authres ar = { .n = 7 };

	(void)state;
	gp_spf_authres(&m, arena, &ar);
	assert_int_equal(ar.n, 0);

	m = message(GP_SPF_PASS);
	gp_spf_authres(&m, arena, &ar);
	assert_int_equal(ar.n, 1);
	assert_true(gp_str_eq(ar.result[0].method, GP_STR("spf")));
	assert_true(gp_str_eq(ar.result[0].result, GP_STR("pass")));
	assert_int_equal(ar.result[0].reason.n, 0);
	check_prop(&ar.result[0], "mailfrom", "example.com");

	m = message(GP_SPF_FAIL);
	m.helo = m.mail_from;
	m.helo.result = GP_SPF_SOFTFAIL;
	m.helo.domain = "helo.example";
	gp_spf_authres(&m, arena, &ar);
	assert_int_equal(ar.n, 2);
	assert_true(gp_str_eq(ar.result[0].result, GP_STR("fail")));
	assert_true(gp_str_eq(ar.result[0].reason, GP_STR("because")));
	check_prop(&ar.result[0], "mailfrom", "example.com");
	assert_true(gp_str_eq(ar.result[1].result, GP_STR("softfail")));
	check_prop(&ar.result[1], "helo", "helo.example");
	gp_arena_free(arena);
}

static void
authres_null_and_unreadable_paths_are_told_apart(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_spf_message m = message(GP_SPF_PASS);
	struct gp_authres ar;

	(void)state;
	m.by_helo = true;
	gp_spf_authres(&m, arena, &ar);
	assert_int_equal(ar.n, 1);
	check_prop(&ar.result[0], "helo", "example.com");

	m = message(GP_SPF_NONE);
	m.mail_from.domain = NULL;
	m.mail_from.reason = "MAIL FROM is no address";
	gp_spf_authres(&m, arena, &ar);
	assert_int_equal(ar.n, 1);
	assert_true(gp_str_eq(ar.result[0].result, GP_STR("none")));
	assert_true(
	    gp_str_eq(ar.result[0].reason, GP_STR("MAIL FROM is no address")));
	assert_int_equal(ar.result[0].n, 0);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity_helo_table_is_judged),
		cmocka_unit_test(identity_mail_from_table_is_judged),
		cmocka_unit_test(decide_each_result_gets_its_reply),
		cmocka_unit_test(decide_other_actions_have_their_codes),
		cmocka_unit_test(decide_monitor_only_remembers),
		cmocka_unit_test(decide_explanations_are_announced),
		cmocka_unit_test(decide_unreadable_path_has_a_text_too),
		cmocka_unit_test(decide_helo_and_mail_from_the_harder_wins),
		cmocka_unit_test(authres_reports_what_was_checked),
		cmocka_unit_test(
		    authres_null_and_unreadable_paths_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
