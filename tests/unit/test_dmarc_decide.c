/* What is done about a DMARC result: every word of the policy. */
#include "core/dmarc_authres.h"
#include "core/dmarc_decide.h"
#include "io/policy_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define NONE GP_DMARC_NONE
#define QUAR GP_DMARC_QUARANTINE
#define REJ  GP_DMARC_REJECT

struct row {
	const char *label;
	struct gp_dmarc_policy policy;
	struct gp_dmarc_signs signs;
	const struct gp_override_policy *override;
	const char *unheard;
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
	{ .label = "a filter is missing, reject = always",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_ALWAYS, .quarantine = GP_DO_REJECT },
	    .unheard = "no results of x",
	    DO(GP_DO_TAG, NONE, GP_DMARC_LOCAL_POLICY) },
	{ .label = "a filter is missing, our own domain",
	    FAIL(REJ, REJ),
	    .policy = { .reject = GP_DMARC_CORROBORATED },
	    .signs = { .own_domain = true },
	    .unheard = "no results of x",
	    DO(GP_DO_TAG, NONE, GP_DMARC_LOCAL_POLICY) },
	{ .label = "a filter is missing, quarantine = hold",
	    FAIL(QUAR, QUAR),
	    .policy = { .quarantine = GP_DO_HOLD },
	    .unheard = "no results of x",
	    DO(GP_DO_TAG, NONE, GP_DMARC_LOCAL_POLICY) },
	{ .label = "a filter is missing, and nothing is asked for",
	    FAIL(NONE, NONE),
	    .unheard = "no results of x",
	    DO(GP_DO_TAG, NONE, GP_DMARC_AS_ASKED) },
	{ .label = "a filter is missing, and DNS as well",
	    .result = GP_DMARC_R_TEMPERROR,
	    .policy = { .temperror = GP_DO_TEMPFAIL },
	    .unheard = "no results of x",
	    DO(GP_DO_TEMPFAIL, NONE, GP_DMARC_AS_ASKED) },
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
			.override = r->override,
			.unheard = r->unheard };
		struct gp_dmarc_decision d;

		print_message("# %s\n", r->label);
		d = gp_dmarc_decide(&r->policy, &c);
		assert_int_equal(d.disposition, r->disposition);
		assert_int_equal(d.applied, r->applied);
		assert_int_equal(d.reason, r->reason);
		assert_non_null(d.comment);
		assert_int_equal(d.comment == r->unheard,
		    r->unheard != NULL && r->result == GP_DMARC_R_FAIL &&
			r->effective != NONE);
		assert_int_equal(strcmp(d.comment, "override o") == 0,
		    r->override != NULL && r->result == GP_DMARC_R_FAIL &&
			r->effective != NONE);
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
			.override = r->override,
			.unheard = r->unheard };
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

/* -- several recipients ------------------------------------------------- */

static void
dmarc_most_lenient_table(void **state)
{
	enum { MON, TAG, HOLD, SPLIT, REJECT };
	static const struct gp_dmarc_policy of[] = {
		[MON] = { .mode = GP_MONITOR, .reject = GP_DMARC_ALWAYS },
		[TAG] = { .mode = GP_ENFORCE },
		[HOLD] = { .mode = GP_ENFORCE, .quarantine = GP_DO_HOLD },
		[SPLIT] = { .mode = GP_ENFORCE, .quarantine = GP_DO_REJECT },
		[REJECT] = { .mode = GP_ENFORCE, .reject = GP_DMARC_ALWAYS },
	};
	static const struct {
		const char *label;
		size_t n;
		unsigned char v[3];
		unsigned char want; /* whose decision it is */
		enum gp_action action;
	} lenient[] = {
		{ "one", 1, { REJECT }, REJECT, GP_REJECT },
		{ "hold before reject", 2, { REJECT, HOLD }, HOLD,
		    GP_CONTINUE },
		{ "whatever the order", 2, { HOLD, REJECT }, HOLD,
		    GP_CONTINUE },
		{ "tag before hold", 3, { REJECT, HOLD, TAG }, TAG,
		    GP_CONTINUE },
		{ "who only watches does nothing", 3, { REJECT, MON, HOLD },
		    MON, GP_CONTINUE },
		{ "of equals the first", 2, { TAG, MON }, TAG, GP_CONTINUE },
		{ "of equals the first, too", 2, { MON, TAG }, MON,
		    GP_CONTINUE },
		{ "all refuse", 2, { SPLIT, REJECT }, SPLIT, GP_REJECT },
	};
	const struct gp_dmarc_outcome o = { .result = GP_DMARC_R_FAIL,
		.reason = "x",
		.policy_domain = "a.example",
		.asked = REJ,
		.policy = REJ };
	const struct gp_dmarc_case c = { .author = "a.example", .outcome = &o };
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(lenient) / sizeof(lenient[0]); i++) {
		struct gp_dmarc_policies all = { .n = lenient[i].n };
		struct gp_dmarc_decision d, want;
		struct gp_verdict v;

		print_message("# %s\n", lenient[i].label);
		for (size_t j = 0; j < all.n; j++)
			all.v[j] = &of[lenient[i].v[j]];
		want = gp_dmarc_decide(&of[lenient[i].want], &c);
		v = gp_dmarc_most_lenient(&all, &c, arena, &d);
		assert_int_equal(v.action, lenient[i].action);
		assert_int_equal(v.monitored, lenient[i].want == MON);
		assert_int_equal(d.disposition, want.disposition);
		if (lenient[i].want == MON) {
			want.applied = NONE;
			want.reason = GP_DMARC_LOCAL_POLICY;
		}
		assert_int_equal(d.applied, want.applied);
		assert_int_equal(d.reason, want.reason);
	}
	gp_arena_free(arena);
}

/* Under mode = monitor nothing is ever applied, and the comment says what
 * would be. */
static void
dmarc_most_lenient_under_monitor_applies_nothing(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		const struct gp_dmarc_outcome o = outcome_of(r);
		const struct gp_dmarc_case c = { .author = "a.example",
			.outcome = &o,
			.signs = r->signs,
			.override = r->override,
			.unheard = r->unheard };
		struct gp_dmarc_policy policy = r->policy;
		const struct gp_dmarc_policies all = { .n = 1,
			.v = { &policy } };
		const struct gp_dmarc_decision d = gp_dmarc_decide(&policy, &c);
		struct gp_dmarc_decision done;

		print_message("# %s\n", r->label);
		policy.mode = GP_MONITOR;
		(void)gp_dmarc_most_lenient(&all, &c, arena, &done);
		assert_int_equal(done.applied, NONE);
		assert_int_equal(done.disposition, d.disposition);
		assert_int_equal(done.reason,
		    d.applied == NONE ? d.reason : GP_DMARC_LOCAL_POLICY);
		assert_non_null(strstr(done.comment, d.comment));
		assert_int_equal(strncmp(done.comment, "mode is monitor", 15) ==
				     0,
		    d.applied != NONE);
		policy.mode = GP_ENFORCE;
		(void)gp_dmarc_most_lenient(&all, &c, arena, &done);
		assert_int_equal(done.applied, d.applied);
		assert_int_equal(done.reason, d.reason);
	}
	gp_arena_free(arena);
}

static void
dmarc_policies_are_told_apart_and_bounded(void **state)
{
	struct gp_dmarc_policies all = { .n = 0 };
	struct gp_config *config = NULL;
	struct gp_problems problems;
	struct gp_buf text;
	char name[32];

	(void)state;
	gp_buf_init(&text, 65536);
	for (int i = 0; i < 100; i++)
		gp_buf_addf(&text, "domain d%d.example { }\n", i);
	gp_problems_init(&problems);
	assert_int_equal(gp_policy_parse(gp_buf_str(&text), "c", &config,
			     &problems),
	    GP_OK);
	gp_dmarc_policies_add(&all, config, NULL);
	gp_dmarc_policies_add(&all, config, "x.example");
	gp_dmarc_policies_add(&all, config, "d0.example");
	gp_dmarc_policies_add(&all, config, "d0.example");
	assert_int_equal(all.n, 2);
	assert_ptr_equal(all.v[0], &gp_policy_for(config, NULL)->dmarc);
	assert_ptr_equal(all.v[1], &gp_policy_for(config, "d0.example")->dmarc);
	all.n = 0;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "d%d.example", i);
		gp_dmarc_policies_add(&all, config, name);
	}
	assert_int_equal(all.n, GP_DMARC_POLICIES_MAX);
	assert_ptr_equal(all.v[all.n - 1], &gp_policy_for(config, NULL)->dmarc);
	gp_config_unref(config);
	gp_problems_clear(&problems);
	gp_buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_decide_table),
		cmocka_unit_test(
		    dmarc_decide_without_an_author_by_its_two_words),
		cmocka_unit_test(dmarc_verdict_only_enforcing_refuses),
		cmocka_unit_test(dmarc_decide_is_monotone),
		cmocka_unit_test(dmarc_describe_names_the_override),
		cmocka_unit_test(dmarc_most_lenient_table),
		cmocka_unit_test(
		    dmarc_most_lenient_under_monitor_applies_nothing),
		cmocka_unit_test(dmarc_policies_are_told_apart_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
