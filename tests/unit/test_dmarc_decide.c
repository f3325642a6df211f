/* What is done about a DMARC result: every word of the policy. */
#include "core/dmarc_authres.h"
#include "core/dmarc_decide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define NONE GP_DMARC_NONE
#define QUAR GP_DMARC_QUARANTINE
#define REJ  GP_DMARC_REJECT

struct row {
	const char *label;
	struct gp_dmarc_policy policy;
	struct gp_dmarc_signs signs;
	const struct gp_override_policy *override;
	enum gp_dmarc_result result;
	enum gp_dmarc_request asked, effective;
	enum gp_disposition disposition;
	enum gp_dmarc_request applied;
	enum gp_dmarc_reason reason;
};

#define OVERRIDE(...)                                                          \
	.override = &(const struct gp_override_policy)                         \
	{                                                                      \
		.name = "o", .label = "override o", __VA_ARGS__                \
	}
#define FAIL(asked_, effective_)                                               \
	.result = GP_DMARC_R_FAIL, .asked = (asked_), .effective = (effective_)
#define DO(disposition_, applied_, reason_)                                    \
	.disposition = (disposition_), .applied = (applied_),                  \
	.reason = (reason_)

static const struct row rows[] = {
	{ .label = "pass",
	    .result = GP_DMARC_R_PASS,
	    .asked = REJ,
	    .effective = REJ,
	    .policy = { .reject = GP_DMARC_ALWAYS },
	    DO(GP_DO_TAG, NONE, GP_DMARC_AS_ASKED) },
	{ .label = "no record",
	    .result = GP_DMARC_R_NONE,
	    .policy = { .reject = GP_DMARC_ALWAYS },
	    DO(GP_DO_TAG, NONE, GP_DMARC_AS_ASKED) },
	{ .label = "5.4: p=none changes nothing, also for our own domain",
	    FAIL(NONE, NONE),
	    .policy = { .reject = GP_DMARC_ALWAYS, .quarantine = GP_DO_REJECT },
	    .signs = { .own_domain = true },
	    DO(GP_DO_TAG, NONE, GP_DMARC_AS_ASKED) },
	{ .label = "4.7: t=y makes nothing of quarantine",
	    FAIL(QUAR, NONE),
	    .policy = { .quarantine = GP_DO_REJECT },
	    DO(GP_DO_TAG, NONE, GP_DMARC_TEST_MODE) },
	{ .label = "4.7: t=y makes quarantine of reject",
	    FAIL(REJ, QUAR),
	    .policy = { .reject = GP_DMARC_ALWAYS, .quarantine = GP_DO_HOLD },
	    DO(GP_DO_HOLD, QUAR, GP_DMARC_TEST_MODE) },
	{ .label = "quarantine = tag",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_TAG },
	    DO(GP_DO_TAG, QUAR, GP_DMARC_AS_ASKED) },
	{ .label = "quarantine = hold",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_HOLD },
	    DO(GP_DO_HOLD, QUAR, GP_DMARC_AS_ASKED) },
	{ .label = "quarantine = reject",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_REJECT },
	    DO(GP_DO_REJECT, REJ, GP_DMARC_LOCAL_POLICY) },
	{ .label = "reject = never is quarantine",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_NEVER, .quarantine = GP_DO_HOLD },
	    DO(GP_DO_HOLD, QUAR, GP_DMARC_LOCAL_POLICY) },
	{ .label = "reject = never, also for our own domain",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_NEVER },
	    .signs = { .own_domain = true },
	    DO(GP_DO_TAG, QUAR, GP_DMARC_LOCAL_POLICY) },
	{ .label = "reject = always, whatever the signs",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_ALWAYS },
	    .signs = { .list = true,
		.broken_aligned = true,
		.known_client = true },
	    DO(GP_DO_REJECT, REJ, GP_DMARC_AS_ASKED) },
	{ .label = "corroborated: nothing speaks for a detour",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_CORROBORATED },
	    DO(GP_DO_REJECT, REJ, GP_DMARC_AS_ASKED) },
	{ .label = "corroborated: a list",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_CORROBORATED },
	    .signs = { .list = true },
	    DO(GP_DO_TAG, QUAR, GP_DMARC_MAILING_LIST) },
	{ .label = "corroborated: a broken signature",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_CORROBORATED },
	    .signs = { .broken_aligned = true },
	    DO(GP_DO_TAG, QUAR, GP_DMARC_OTHER) },
	{ .label = "corroborated: a client that is known",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_CORROBORATED,
		.quarantine = GP_DO_HOLD },
	    .signs = { .known_client = true },
	    DO(GP_DO_HOLD, QUAR, GP_DMARC_OTHER) },
	{ .label = "corroborated: our own domain, even from a list",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_CORROBORATED },
	    .signs = { .own_domain = true, .list = true },
	    DO(GP_DO_REJECT, REJ, GP_DMARC_AS_ASKED) },
	{ .label = "a listed forwarder, reject = always",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_ALWAYS },
	    .signs = { .forwarder = true },
	    DO(GP_DO_TAG, NONE, GP_DMARC_TRUSTED_FORWARDER) },
	{ .label = "a listed forwarder, quarantine",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_REJECT },
	    .signs = { .forwarder = true },
	    DO(GP_DO_TAG, NONE, GP_DMARC_TRUSTED_FORWARDER) },
	{ .label = "override: never over always",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_ALWAYS, .quarantine = GP_DO_HOLD },
	    OVERRIDE(.reject = GP_OVERRIDE_NEVER,
		.reason = GP_DMARC_MAILING_LIST),
	    DO(GP_DO_HOLD, QUAR, GP_DMARC_MAILING_LIST) },
	{ .label = "override: always over never is what was asked for",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_NEVER },
	    OVERRIDE(.reject = GP_OVERRIDE_ALWAYS,
		.reason = GP_DMARC_LOCAL_POLICY),
	    DO(GP_DO_REJECT, REJ, GP_DMARC_AS_ASKED) },
	{ .label = "override: corroborated over always, a list",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_ALWAYS },
	    .signs = { .list = true },
	    OVERRIDE(.reject = GP_OVERRIDE_CORROBORATED,
		.reason = GP_DMARC_OTHER),
	    DO(GP_DO_TAG, QUAR, GP_DMARC_OTHER) },
	{ .label = "override: corroborated over never, nothing speaks for it",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_NEVER },
	    OVERRIDE(.reject = GP_OVERRIDE_CORROBORATED,
		.reason = GP_DMARC_OTHER),
	    DO(GP_DO_REJECT, REJ, GP_DMARC_AS_ASKED) },
	{ .label = "override: quarantine = tag over reject",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_REJECT },
	    OVERRIDE(.quarantine = GP_OVERRIDE_TAG,
		.reason = GP_DMARC_LOCAL_POLICY),
	    DO(GP_DO_TAG, QUAR, GP_DMARC_AS_ASKED) },
	{ .label = "override: quarantine = hold over tag",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_TAG },
	    OVERRIDE(.quarantine = GP_OVERRIDE_HOLD,
		.reason = GP_DMARC_LOCAL_POLICY),
	    DO(GP_DO_HOLD, QUAR, GP_DMARC_AS_ASKED) },
	{ .label = "override: quarantine = reject over tag",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_TAG },
	    OVERRIDE(.quarantine = GP_OVERRIDE_REJECT,
		.reason = GP_DMARC_OTHER),
	    DO(GP_DO_REJECT, REJ, GP_DMARC_OTHER) },
	{ .label = "override: a word that is unset is the policy's",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_NEVER },
	    OVERRIDE(.quarantine = GP_OVERRIDE_HOLD,
		.reason = GP_DMARC_LOCAL_POLICY),
	    DO(GP_DO_HOLD, QUAR, GP_DMARC_LOCAL_POLICY) },
	{ .label = "override: dmarc = none over its own words and the policy",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_ALWAYS, .quarantine = GP_DO_REJECT },
	    .signs = { .own_domain = true },
	    OVERRIDE(.dmarc = GP_OVERRIDE_NONE, .reject = GP_OVERRIDE_ALWAYS,
		.reason = GP_DMARC_TRUSTED_FORWARDER),
	    DO(GP_DO_TAG, NONE, GP_DMARC_TRUSTED_FORWARDER) },
	{ .label = "override: dmarc = none, quarantine",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_REJECT },
	    OVERRIDE(.dmarc = GP_OVERRIDE_NONE,
		.reason = GP_DMARC_LOCAL_POLICY),
	    DO(GP_DO_TAG, NONE, GP_DMARC_LOCAL_POLICY) },
	{ .label = "override: a listed forwarder is let through still",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_ALWAYS },
	    .signs = { .forwarder = true },
	    OVERRIDE(.reject = GP_OVERRIDE_ALWAYS, .reason = GP_DMARC_OTHER),
	    DO(GP_DO_TAG, NONE, GP_DMARC_OTHER) },
	{ .label = "override: t=y is still a test",
	    FAIL(REJ, QUAR),
	    .policy = { .reject = GP_DMARC_NEVER, .quarantine = GP_DO_HOLD },
	    OVERRIDE(.reject = GP_OVERRIDE_ALWAYS, .reason = GP_DMARC_OTHER),
	    DO(GP_DO_HOLD, QUAR, GP_DMARC_TEST_MODE) },
	{ .label = "override: not where nothing is asked for",
	    FAIL(NONE, NONE),
	    OVERRIDE(.reject = GP_OVERRIDE_ALWAYS,
		.quarantine = GP_OVERRIDE_REJECT, .reason = GP_DMARC_OTHER),
	    DO(GP_DO_TAG, NONE, GP_DMARC_AS_ASKED) },
	{ .label = "override: not of a pass",
	    .result = GP_DMARC_R_PASS,
	    .asked = REJ,
	    .effective = REJ,
	    OVERRIDE(.reject = GP_OVERRIDE_ALWAYS, .reason = GP_DMARC_OTHER),
	    DO(GP_DO_TAG, NONE, GP_DMARC_AS_ASKED) },
	{ .label = "override: not of a temperror",
	    .result = GP_DMARC_R_TEMPERROR,
	    .policy = { .temperror = GP_DO_TEMPFAIL },
	    OVERRIDE(.dmarc = GP_OVERRIDE_NONE, .reason = GP_DMARC_OTHER),
	    DO(GP_DO_TEMPFAIL, NONE, GP_DMARC_AS_ASKED) },
	{ .label = "5.3.6: temperror = tag",
	    .result = GP_DMARC_R_TEMPERROR,
	    .policy = { .temperror = GP_DO_TAG },
	    DO(GP_DO_TAG, NONE, GP_DMARC_AS_ASKED) },
	{ .label = "5.3.6: temperror = tempfail",
	    .result = GP_DMARC_R_TEMPERROR,
	    .policy = { .temperror = GP_DO_TEMPFAIL },
	    DO(GP_DO_TEMPFAIL, NONE, GP_DMARC_AS_ASKED) },
};

static struct gp_dmarc_outcome
outcome_of(const struct row *r)
{
	return (struct gp_dmarc_outcome){ .result = r->result,
		.reason = "a reason",
		.policy_domain = "a.example",
		.asked = r->asked,
		.policy = r->effective };
}

static void
dmarc_decide_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		const struct gp_dmarc_outcome o = outcome_of(r);
		const struct gp_dmarc_case c = { .author = "a.example",
			.outcome = &o,
			.signs = r->signs,
			.override = r->override };
		struct gp_dmarc_decision d;

		print_message("# %s\n", r->label);
		d = gp_dmarc_decide(&r->policy, &c);
		assert_int_equal(d.disposition, r->disposition);
		assert_int_equal(d.applied, r->applied);
		assert_int_equal(d.reason, r->reason);
		assert_non_null(d.comment);
		assert_int_equal(strcmp(d.comment, "override o") == 0,
		    r->override != NULL && r->result == GP_DMARC_R_FAIL &&
			r->effective != NONE);
	}
}

/* -- which override ----------------------------------------------------- */

#define NAMES(...)                                                             \
	{                                                                      \
		.n = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
		.v = (const char *const[])                                     \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define NET /* 192.0.2.0/24 */                                                 \
	{                                                                      \
		.n = 1, .v = &net                                              \
	}
#define DAY ((int64_t)20000 * 86400)

static struct gp_prefix net;
static const struct gp_override_policy found[] = {
	{ .name = "ended", .from = NAMES("a.example"), .until_s = DAY - 86400 },
	{ .name = "from",
	    .from = NAMES("a.example", "*.b.example"),
	    .until_s = DAY },
	{ .name = "all three",
	    .from = NAMES("c.example"),
	    .clients = NET,
	    .header = NAMES("X-None", "List-Id") },
	{ .name = "client and header",
	    .clients = NET,
	    .header = NAMES("List-Id") },
	{ .name = "client", .clients = NET },
	{ .name = "header", .header = NAMES("X-Other", "X-Mine") },
	{ .name = "never reached", .from = NAMES("a.example") },
};

static const struct found_row {
	const char *label;
	const char *author;
	const char *client; /* NULL: not known */
	const char *field;
	int64_t now_s;
	const char *want; /* NULL: none */
} found_rows[] = {
	{ "the first of two", "a.example", NULL, "X", DAY, "from" },
	{ "the last second of the day", "a.example", NULL, "X", DAY + 86399,
	    "from" },
	{ "the day after: the next one that matches", "a.example", NULL, "X",
	    DAY + 86400, "never reached" },
	{ "its last second was yesterday", "a.example", NULL, "X", DAY - 1,
	    "ended" },
	{ "a name below", "x.b.example", NULL, "X", DAY, "from" },
	{ "a name far below", "x.y.b.example", NULL, "X", DAY, "from" },
	{ "not the name itself", "b.example", NULL, "X", DAY, NULL },
	{ "not a name that ends alike", "xb.example", NULL, "X", DAY, NULL },
	{ "not below a name without *", "x.a.example", NULL, "X", DAY, NULL },
	{ "all three", "c.example", "192.0.2.9", "list-id", DAY, "all three" },
	{ "all three but the author", "d.example", "192.0.2.9", "List-Id", DAY,
	    "client and header" },
	{ "all three but the header", "c.example", "192.0.2.9", "X", DAY,
	    "client" },
	{ "all three but the client", "c.example", "192.0.3.9", "List-Id", DAY,
	    NULL },
	{ "no known client", "c.example", NULL, "List-Id", DAY, NULL },
	{ "a header alone", "d.example", NULL, "x-mine", DAY, "header" },
	{ "no author", NULL, "192.0.2.9", "X-Mine", DAY, NULL },
};

static void
dmarc_override_find_takes_the_first_that_matches(void **state)
{
	const struct gp_globals globals = {
		.overrides = { sizeof(found) / sizeof(found[0]), found }
	};
	const struct gp_globals nothing = { .authserv_id = NULL };

	(void)state;
	assert_int_equal(gp_prefix_parse(GP_STR("192.0.2.0/24"), &net, NULL),
	    GP_OK);
	for (size_t i = 0; i < sizeof(found_rows) / sizeof(found_rows[0]);
	     i++) {
		const struct found_row *r = &found_rows[i];
		struct gp_field field = { .name = gp_str(r->field) };
		const struct gp_header header = { .v = &field, .n = 1 };
		struct gp_ip client = { .family = GP_IP_UNKNOWN };
		const struct gp_dmarc_overridable what = { .author = r->author,
			.client = &client,
			.header = &header };
		const struct gp_override_policy *o;

		print_message("# %s\n", r->label);
		if (r->client != NULL)
			assert_int_equal(gp_ip_parse(gp_str(r->client),
					     &client),
			    GP_OK);
		o = gp_dmarc_override_find(&globals, &what, r->now_s);
		if (r->want == NULL)
			assert_null(o);
		else if (o == NULL || strcmp(o->name, r->want) != 0)
			fail_msg("%s", o == NULL ? "none" : o->name);
		assert_null(gp_dmarc_override_find(&nothing, &what, DAY));
	}
}

/* -- the reply ----------------------------------------------------------- */

static void
dmarc_decide_without_an_author_by_its_two_words(void **state)
{
	const struct gp_dmarc_policy policy = { .mode = GP_ENFORCE,
		.no_from = GP_DO_TEMPFAIL,
		.multi_from = GP_DO_REJECT };
	struct gp_dmarc_case c = { .trouble = "there are two From fields" };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dmarc_decision d = gp_dmarc_decide(&policy, &c);
	struct gp_verdict v = gp_dmarc_verdict(&policy, &d, &c, arena);

	(void)state;
	assert_int_equal(v.action, GP_REJECT);
	assert_string_equal(v.xcode, "5.7.1");
	assert_string_equal(v.why, "dmarc.multi-from");
	assert_non_null(strstr(v.text, "DMARC"));
	assert_non_null(strstr(v.text, "two From fields"));
	c.no_from = true;
	d = gp_dmarc_decide(&policy, &c);
	v = gp_dmarc_verdict(&policy, &d, &c, arena);
	assert_int_equal(v.action, GP_TEMPFAIL);
	assert_string_equal(v.xcode, "4.7.1");
	assert_string_equal(v.why, "dmarc.no-from");
	gp_arena_free(arena);
}

static void
dmarc_verdict_only_enforcing_refuses(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		const struct gp_dmarc_outcome o = outcome_of(r);
		const struct gp_dmarc_case c = { .author = "a.example",
			.outcome = &o,
			.signs = r->signs,
			.override = r->override };
		struct gp_dmarc_policy policy = r->policy;
		struct gp_dmarc_decision d = gp_dmarc_decide(&policy, &c);
		struct gp_verdict v;

		policy.mode = GP_MONITOR;
		v = gp_dmarc_verdict(&policy, &d, &c, arena);
		assert_int_equal(v.action, GP_CONTINUE);
		assert_int_equal(v.monitored, d.disposition != GP_DO_TAG);
		policy.mode = GP_ENFORCE;
		v = gp_dmarc_verdict(&policy, &d, &c, arena);
		assert_int_equal(v.action,
		    d.disposition == GP_DO_REJECT     ? GP_REJECT
		    : d.disposition == GP_DO_TEMPFAIL ? GP_TEMPFAIL
						      : GP_CONTINUE);
		assert_false(v.monitored);
		assert_int_equal(v.disposition, d.disposition);
		if (v.action != GP_CONTINUE) {
			assert_non_null(strstr(v.text, "DMARC"));
			assert_non_null(strstr(v.text, "a.example"));
			assert_int_equal(strstr(v.text, "override o") != NULL,
			    strcmp(d.comment, "override o") == 0);
			assert_string_equal(v.xcode,
			    v.action == GP_REJECT ? "5.7.1" : "4.7.1");
		}
	}
	gp_arena_free(arena);
}

/* What is asked for more strictly is never done more leniently, and a sign of
 * a detour never makes anything harder. */
static void
dmarc_decide_is_monotone(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 1U << 8; bits++) {
		const struct gp_dmarc_policy policy = {
			.reject = (enum gp_dmarc_reject)(bits % 3),
			.quarantine = bits & 4   ? GP_DO_REJECT
			              : bits & 8 ? GP_DO_HOLD
			                         : GP_DO_TAG
		};
		struct gp_dmarc_outcome o = { .result = GP_DMARC_R_FAIL,
			.reason = "x",
			.policy_domain = "a.example" };
		struct gp_dmarc_case c = { .author = "a.example",
			.outcome = &o,
			.signs = { .list = bits & 16,
			    .broken_aligned = bits & 32,
			    .known_client = bits & 64,
			    .forwarder = bits & 128 } };
		unsigned before = 0, plain;

		for (int p = NONE; p <= REJ; p++) {
			struct gp_dmarc_decision d;

			o.policy = o.asked = (enum gp_dmarc_request)p;
			d = gp_dmarc_decide(&policy, &c);
			assert_true(
			    gp_disposition_severity(d.disposition) >= before);
			before = gp_disposition_severity(d.disposition);
		}
		c.signs = (struct gp_dmarc_signs){ .list = false };
		plain = gp_disposition_severity(
		    gp_dmarc_decide(&policy, &c).disposition);
		assert_true(plain >= before);
	}
}

static void
dmarc_describe_names_the_override(void **state)
{
	const struct gp_override_policy override = { .label = "override o",
		.dmarc = GP_OVERRIDE_NONE,
		.reason = GP_DMARC_MAILING_LIST };
	const struct gp_dmarc_policy policy = { .mode = GP_ENFORCE };
	const struct gp_dmarc_outcome o = { .result = GP_DMARC_R_FAIL,
		.reason = "a reason",
		.policy_domain = "a.example",
		.asked = REJ,
		.policy = REJ };
	const struct gp_dmarc_case c = { .author = "a.example",
		.outcome = &o,
		.override = &override };
	struct gp_dmarc_decision d = gp_dmarc_decide(&policy, &c);
	struct gp_logline line;

	(void)state;
	gp_logline_start(&line, GP_STR("Q"));
	gp_dmarc_describe(&c, &d, &line);
	assert_non_null(strstr(line.text, " applied=none override=mailing_list"
					  " comment=\"override o\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_decide_table),
		cmocka_unit_test(
		    dmarc_override_find_takes_the_first_that_matches),
		cmocka_unit_test(
		    dmarc_decide_without_an_author_by_its_two_words),
		cmocka_unit_test(dmarc_verdict_only_enforcing_refuses),
		cmocka_unit_test(dmarc_decide_is_monotone),
		cmocka_unit_test(dmarc_describe_names_the_override),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
