/* What is kept of a message: a judged case in, a record out. */
#include "core/record_dmarc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOON INT64_C(1795000000)
#define NONE GP_DMARC_NONE
#define QUAR GP_DMARC_QUARANTINE
#define REJ  GP_DMARC_REJECT

#define SIG(r, d, s)                                                           \
	{                                                                      \
		GP_STR(r), d, GP_STR(s)                                        \
	}

struct row {
	const char *label;
	struct gp_dmarc_outcome outcome;
	struct gp_dmarc_decision done;
	enum gp_action action;
	/* what is expected */
	bool none;
	enum gp_record_result result;
	enum gp_record_disposition disposition;
	enum gp_record_override reason;
	const char *comment;
};

#define OUTCOME(r, asked_, policy_, ...)                                       \
	.outcome = { .result = GP_DMARC_R_##r,                                 \
		.asked = (asked_),                                             \
		.policy = (policy_),                                           \
		.policy_domain = "a.example",                                  \
		.record = { .p = (asked_) },                                   \
		__VA_ARGS__ }
#define DONE(applied_, reason_)                                                \
	.done = { .applied = (applied_),                                       \
		.reason = GP_DMARC_##reason_,                                  \
		.comment = "a comment" }
#define GIVES(r, d, o, c)                                                      \
	.result = GP_RECORD_R_##r, .disposition = GP_RECORD_D_##d,             \
	.reason = GP_RECORD_O_##o, .comment = (c)

static const struct row rows[] = {
	{ .label = "a pass of an enforcing policy",
	    OUTCOME(PASS, REJ, REJ, .spf_aligned = true),
	    DONE(NONE, AS_ASKED),
	    GIVES(PASS, PASS, NONE, "") },
	{ .label = "a pass where t=y takes the force away",
	    OUTCOME(PASS, QUAR, NONE, .dkim_aligned = true),
	    DONE(NONE, AS_ASKED),
	    GIVES(PASS, PASS, NONE, "") },
	{ .label = "a pass of p=none",
	    OUTCOME(PASS, NONE, NONE, .dkim_aligned = true,
		.spf_aligned = true),
	    DONE(NONE, AS_ASKED),
	    GIVES(PASS, NONE, NONE, "") },
	{ .label = "a fail of p=none",
	    OUTCOME(FAIL, NONE, NONE, .reason = "x"),
	    DONE(NONE, AS_ASKED),
	    GIVES(FAIL, NONE, NONE, "") },
	{ .label = "rejected, as asked",
	    OUTCOME(FAIL, REJ, REJ, .reason = "x"),
	    DONE(REJ, AS_ASKED),
	    .action = GP_REJECT,
	    GIVES(FAIL, REJECT, NONE, "") },
	{ .label = "quarantined, as asked",
	    OUTCOME(FAIL, QUAR, QUAR, .reason = "x"),
	    DONE(QUAR, AS_ASKED),
	    GIVES(FAIL, QUARANTINE, NONE, "") },
	{ .label = "quarantined by local policy",
	    OUTCOME(FAIL, REJ, REJ, .reason = "x"),
	    DONE(QUAR, LOCAL_POLICY),
	    GIVES(FAIL, QUARANTINE, LOCAL_POLICY, "a comment") },
	{ .label = "a mailing list",
	    OUTCOME(FAIL, REJ, REJ, .reason = "x"),
	    DONE(QUAR, MAILING_LIST),
	    GIVES(FAIL, QUARANTINE, MAILING_LIST, "a comment") },
	{ .label = "another reason",
	    OUTCOME(FAIL, REJ, REJ, .reason = "x"),
	    DONE(QUAR, OTHER),
	    GIVES(FAIL, QUARANTINE, OTHER, "a comment") },
	{ .label = "a listed forwarder",
	    OUTCOME(FAIL, REJ, REJ, .reason = "x"),
	    DONE(NONE, TRUSTED_FORWARDER),
	    GIVES(FAIL, NONE, TRUSTED_FORWARDER, "a comment") },
	{ .label = "t=y",
	    OUTCOME(FAIL, REJ, QUAR, .reason = "x"),
	    DONE(QUAR, TEST_MODE),
	    GIVES(FAIL, QUARANTINE, POLICY_TEST_MODE, "a comment") },
	{ .label = "temperror, accepted: not what the policy asks for",
	    OUTCOME(TEMPERROR, REJ, REJ, .reason = "no answer"),
	    DONE(NONE, AS_ASKED),
	    GIVES(TEMPERROR, NONE, OTHER, "no answer") },
	{ .label = "temperror of the record itself",
	    .outcome = { .result = GP_DMARC_R_TEMPERROR,
		.reason = "no answer" },
	    DONE(NONE, AS_ASKED),
	    GIVES(TEMPERROR, NONE, OTHER, "no answer") },
	{ .label = "temperror, deferred: it comes again",
	    OUTCOME(TEMPERROR, REJ, REJ, .reason = "no answer"),
	    DONE(NONE, AS_ASKED),
	    .action = GP_TEMPFAIL,
	    .none = true },
	{ .label = "no policy: nobody asked",
	    .outcome = { .result = GP_DMARC_R_NONE, .reason = "x" },
	    DONE(NONE, AS_ASKED),
	    .none = true },
};

static const struct gp_ip client = { GP_IP_V4, { 192, 0, 2, 1 } };
static const struct gp_dmarc_inputs no_inputs = { .spf_seen = false };

/* `out` is good until the next one. */
static enum gp_rc
record_of(const struct gp_record_source *from, struct gp_arena *arena,
    struct gp_record *out)
{
	uint8_t bytes[GP_RECORD_BYTES_MAX];
	enum gp_rc rc = gp_record_of_dmarc(from, arena, out);
	size_t n;

	if (rc == GP_OK)
		assert_int_equal(gp_record_encode(out, bytes, &n, NULL), GP_OK);
	return rc;
}

static void
same(struct gp_str a, const char *b)
{
	if (!gp_str_eq(a, gp_str(b)))
		fail_msg("\"%.*s\" is not \"%s\"", GP_STR_ARG(a), b);
}

static void
record_dmarc_table(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const struct gp_verdict v = { .action = row->action };
		const struct gp_dmarc_case c = { .author = "a.example",
			.outcome = &row->outcome };
		const struct gp_record_source from = { .time_s = NOON,
			.client = &client,
			.inputs = &no_inputs,
			.c = &c,
			.done = &row->done,
			.verdict = &v };
		struct gp_record r;

		print_message("# %s\n", row->label);
		assert_int_equal(record_of(&from, arena, &r),
		    row->none ? GP_NONE : GP_OK);
		if (row->none)
			continue;
		assert_int_equal(r.time_s, NOON);
		same(r.header_from, "a.example");
		same(r.policy_published.domain,
		    row->outcome.policy_domain == NULL ? "" : "a.example");
		assert_int_equal(r.policy_evaluated.result, row->result);
		assert_int_equal(r.policy_evaluated.disposition,
		    row->disposition);
		assert_int_equal(r.policy_evaluated.reason, row->reason);
		assert_int_equal(r.policy_evaluated.spf,
		    row->outcome.spf_aligned);
		assert_int_equal(r.policy_evaluated.dkim,
		    row->outcome.dkim_aligned);
		same(r.policy_evaluated.comment, row->comment);
	}
	gp_arena_free(arena);
}

/* -- the members ------------------------------------------------------- */

struct parts {
	struct gp_dmarc_outcome outcome;
	struct gp_dmarc_inputs inputs;
	struct gp_dmarc_decision done;
	struct gp_dmarc_case c;
	struct gp_verdict verdict;
	struct gp_record_source from;
	struct gp_arena *arena;
};

static struct parts p;

static int
set_up(void **state)
{
	(void)state;
	p = (struct parts){
		.outcome = { .result = GP_DMARC_R_FAIL,
		    .reason = "x",
		    .policy_domain = "a.example",
		    .org_domain = "a.example" },
		.done = { .applied = NONE, .comment = "" },
		.c = { .author = "m.a.example", .outcome = &p.outcome },
		.from = { .time_s = 1,
		    .client = &client,
		    .inputs = &p.inputs,
		    .c = &p.c,
		    .done = &p.done,
		    .verdict = &p.verdict },
		.arena = gp_arena_new(),
	};
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	gp_arena_free(p.arena);
	return 0;
}

static struct gp_record
kept(void)
{
	struct gp_record r;

	assert_int_equal(record_of(&p.from, p.arena, &r), GP_OK);
	return r;
}

static void
record_dmarc_without_an_author_is_none(void **state)
{
	struct gp_record r;

	(void)state;
	p.c.author = NULL;
	p.c.outcome = NULL;
	assert_int_equal(record_of(&p.from, p.arena, &r), GP_NONE);
}

static void
record_dmarc_tells_the_policy_as_published(void **state)
{
	struct gp_record r;

	(void)state;
	p.outcome.record = (struct gp_dmarc_record){ .p = QUAR,
		.sp = NONE,
		.np = REJ,
		.strict_spf = true,
		.testing = true };
	r = kept();
	assert_int_equal(r.policy_published.p, GP_RECORD_P_QUARANTINE);
	assert_int_equal(r.policy_published.sp, GP_RECORD_P_NONE);
	assert_int_equal(r.policy_published.np, GP_RECORD_P_REJECT);
	assert_int_equal(r.policy_published.aspf, GP_RECORD_STRICT);
	assert_int_equal(r.policy_published.adkim, GP_RECORD_RELAXED);
	assert_true(r.policy_published.testing);
	assert_int_equal(r.policy_published.discovery_method,
	    GP_RECORD_TREEWALK);
	p.outcome.record = (struct gp_dmarc_record){ .strict_dkim = true };
	p.from.discovery = GP_DMARC_PSL;
	r = kept();
	assert_int_equal(r.policy_published.p, GP_RECORD_P_ABSENT);
	assert_int_equal(r.policy_published.adkim, GP_RECORD_STRICT);
	assert_false(r.policy_published.testing);
	assert_int_equal(r.policy_published.discovery_method, GP_RECORD_PSL);
	p.from.discovery = GP_DMARC_BOTH;
	assert_int_equal(kept().policy_published.discovery_method,
	    GP_RECORD_TREEWALK);
}

static void
record_dmarc_tells_the_envelope_and_spf(void **state)
{
	struct gp_record r;

	(void)state;
	p.from.mail_from = "b.example";
	p.inputs.spf_seen = true;
	p.inputs.spf_result = GP_STR("softfail");
	p.inputs.spf_domain = "b.example";
	r = kept();
	assert_memory_equal(&r.source_ip, &client, sizeof(client));
	same(r.envelope_from, "b.example");
	assert_int_equal(r.spf.scope, GP_RECORD_MFROM);
	assert_int_equal(r.spf.result, GP_SPF_SOFTFAIL);
	same(r.spf.domain, "b.example");
	p.from.null_sender = true;
	p.from.mail_from = NULL;
	p.inputs.spf_domain = "helo.example";
	r = kept();
	same(r.envelope_from, "");
	assert_int_equal(r.spf.scope, GP_RECORD_HELO);
	same(r.spf.domain, "helo.example");
	/* a reverse-path that can not be read */
	p.from.null_sender = false;
	p.inputs.spf_result = GP_STR("none");
	p.inputs.spf_domain = NULL;
	r = kept();
	assert_int_equal(r.spf.result, GP_SPF_NONE);
	same(r.spf.domain, "");
	p.inputs.spf_seen = false;
	p.inputs.spf_result = GP_STR("");
	assert_int_equal(kept().spf.scope, GP_RECORD_NO_SPF);
	p.inputs.spf_result = GP_STR("maybe");
	assert_int_equal(kept().spf.scope, GP_RECORD_NO_SPF);
}

static void
record_dmarc_of_many_signatures_takes_the_best(void **state)
{
	static struct gp_dmarc_signature some[] = {
		SIG("fail", "m.a.example", "f"),
		SIG("pass", "x.example", "other"),
		SIG("pass", "b.a.example", "below"),
		SIG("pass", NULL, "nobody"),
		SIG("temperror", "a.example", "t"),
		SIG("pass", "m.a.example", "same"),
		SIG("pass", "a.example", "org"),
		SIG("maybe", "m.a.example", "m"),
		SIG("pass", "aa.example", "no"),
	};
	static const char *const want[] = { "same", "below", "org", "other",
		"no", "f", "t" };
	struct gp_record r;

	(void)state;
	p.inputs.signatures = some;
	p.inputs.n_signatures = sizeof(some) / sizeof(some[0]);
	r = kept();
	assert_int_equal(r.n_dkim, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < r.n_dkim; i++)
		same(r.dkim[i].selector, want[i]);
	assert_int_equal(r.dkim[0].result, GP_DKIM_PASS);
	assert_int_equal(r.dkim[6].result, GP_DKIM_TEMPERROR);
	/* without an organizational domain nothing is related */
	p.outcome.org_domain = NULL;
	r = kept();
	same(r.dkim[0].selector, "same");
	same(r.dkim[1].selector, "other");
}

static void
record_dmarc_of_too_many_signatures_leaves_the_worst(void **state)
{
	struct gp_dmarc_signature many[GP_DMARC_SIGNATURES_MAX];
	struct gp_record r;

	(void)state;
	for (size_t i = 0; i < GP_DMARC_SIGNATURES_MAX; i++)
		many[i] =
		    (struct gp_dmarc_signature)SIG("fail", "m.a.example", "f");
	many[31] = (struct gp_dmarc_signature)SIG("pass", "a.example", "p");
	p.inputs.signatures = many;
	p.inputs.n_signatures = GP_DMARC_SIGNATURES_MAX;
	r = kept();
	assert_int_equal(r.n_dkim, GP_RECORD_DKIM_MAX);
	same(r.dkim[0].selector, "p");
	same(r.dkim[7].selector, "f");
}

/* What a record can not hold is left out, and the rest is kept. */
static void
record_dmarc_of_odd_strings_is_a_record(void **state)
{
	static char comment[GP_RECORD_COMMENT_MAX + 8], wide[300];
	struct gp_dmarc_signature odd[] = {
		SIG("pass", "a.example", "b\303\274cher"),
		SIG("pass", "a.example", "a b"),
		SIG("pass", "a.example", "\377"),
		SIG("pass", "a.example", ""),
	};
	struct gp_record r;

	(void)state;
	p.inputs.signatures = odd;
	p.inputs.n_signatures = 4;
	memset(wide, 'w', sizeof(wide) - 1);
	odd[3].selector = gp_str(wide);
	memset(comment, 'c', sizeof(comment) - 1);
	memcpy(comment + GP_RECORD_COMMENT_MAX - 2, "\342\202\254", 3);
	p.done.reason = GP_DMARC_OTHER;
	p.done.comment = comment;
	p.from.mail_from = "[IPv6:2001:db8::1]";
	r = kept();
	same(r.envelope_from, "[IPv6:2001:db8::1]");
	same(r.dkim[0].selector, "xn--bcher-kva");
	for (size_t i = 1; i < 4; i++)
		same(r.dkim[i].selector, "");
	/* not half of the last character */
	assert_int_equal(r.policy_evaluated.comment.n,
	    GP_RECORD_COMMENT_MAX - 2);
	p.done.comment = "two\nlines";
	same(kept().policy_evaluated.comment, "");
	p.done.comment = NULL;
	same(kept().policy_evaluated.comment, "");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_dmarc_table),
		TEST(record_dmarc_without_an_author_is_none),
		TEST(record_dmarc_tells_the_policy_as_published),
		TEST(record_dmarc_tells_the_envelope_and_spf),
		TEST(record_dmarc_of_many_signatures_takes_the_best),
		TEST(record_dmarc_of_too_many_signatures_leaves_the_worst),
		TEST(record_dmarc_of_odd_strings_is_a_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
