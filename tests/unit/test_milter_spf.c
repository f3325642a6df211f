/* gatepost-spf's handlers through the fake MTA: policy in, verdicts out. */
#include "mta/filter.h"
#include "support/fake_mta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char zone[] =
    "pass.test. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "fail.test. TXT \"v=spf1 ip4:198.51.100.1 -all exp=why.fail.test\"\n"
    "why.fail.test. TXT \"not from %{i}\"\n"
    "soft.test. TXT \"v=spf1 ~all\"\n"
    "neutral.test. TXT \"v=spf1 ?all\"\n"
    "perm.test. TXT \"v=spf1 foo:bar -all\"\n"
    "temp.test. * !SERVFAIL\n"
    "empty.test. A 192.0.2.9\n"
    "helo.test. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "badhelo.test. TXT \"v=spf1 -all\"\n";

#define ENFORCE                                                                \
	"authserv-id = \"mx.test\"\n"                                          \
	"spf { mode = enforce fail = reject softfail = hold"                   \
	" permerror = reject temperror = tempfail helo-fail = reject }\n"      \
	"domain \"lenient.test\" { spf { mode = monitor } }\n"                 \
	"domain \"tag.test\" { spf { fail = tag softfail = tag } }\n"
#define MONITOR                                                                \
	"authserv-id = \"mx.test\"\n"                                          \
	"spf { mode = monitor fail = reject softfail = hold"                   \
	" permerror = reject temperror = tempfail }\n"

struct row {
	const char *label, *policy, *client, *helo, *from, *rcpt;
	enum gp_action action;
	const char *xcode;   /* with a refusal */
	const char *authres; /* what the field must begin with; "": no field */
	bool hold;
};

static const struct row rows[] = {
	{ "pass", ENFORCE, "192.0.2.1", "h", "<u@pass.test>", "<r@x.test>",
	    GP_CONTINUE, NULL, "mx.test; spf=pass", false },
	{ "fail is rejected", ENFORCE, "192.0.2.1", "h", "<u@fail.test>",
	    "<r@x.test>", GP_REJECT, "5.7.23", "", false },
	{ "fail is tagged for this recipient", ENFORCE, "192.0.2.1", "h",
	    "<u@fail.test>", "<r@tag.test>", GP_CONTINUE, NULL,
	    "mx.test; spf=fail", false },
	{ "fail is only watched for that one", ENFORCE, "192.0.2.1", "h",
	    "<u@fail.test>", "<r@lenient.test>", GP_CONTINUE, NULL,
	    "mx.test; spf=fail", false },
	{ "fail under monitor", MONITOR, "192.0.2.1", "h", "<u@fail.test>",
	    "<r@x.test>", GP_CONTINUE, NULL, "mx.test; spf=fail", false },
	{ "softfail is held", ENFORCE, "192.0.2.1", "h", "<u@soft.test>",
	    "<r@x.test>", GP_CONTINUE, NULL, "mx.test; spf=softfail", true },
	{ "softfail under monitor is not", MONITOR, "192.0.2.1", "h",
	    "<u@soft.test>", "<r@x.test>", GP_CONTINUE, NULL,
	    "mx.test; spf=softfail", false },
	{ "neutral", ENFORCE, "192.0.2.1", "h", "<u@neutral.test>",
	    "<r@x.test>", GP_CONTINUE, NULL, "mx.test; spf=neutral", false },
	{ "permerror", ENFORCE, "192.0.2.1", "h", "<u@perm.test>", "<r@x.test>",
	    GP_REJECT, "5.7.24", "", false },
	{ "temperror", ENFORCE, "192.0.2.1", "h", "<u@temp.test>", "<r@x.test>",
	    GP_TEMPFAIL, "4.4.3", "", false },
	{ "temperror under monitor", MONITOR, "192.0.2.1", "h", "<u@temp.test>",
	    "<r@x.test>", GP_CONTINUE, NULL, "mx.test; spf=temperror", false },
	{ "no record", ENFORCE, "192.0.2.1", "h", "<u@empty.test>",
	    "<r@x.test>", GP_CONTINUE, NULL, "mx.test; spf=none", false },
	{ "no such name", ENFORCE, "192.0.2.1", "h", "<u@gone.test>",
	    "<r@x.test>", GP_CONTINUE, NULL, "mx.test; spf=none", false },
	{ "null sender goes by HELO", ENFORCE, "192.0.2.1", "helo.test", "<>",
	    "<r@x.test>", GP_CONTINUE, NULL, "mx.test; spf=pass", false },
	{ "null sender, HELO fails", ENFORCE, "192.0.2.1", "badhelo.test", "<>",
	    "<r@x.test>", GP_REJECT, "5.7.23", "", false },
	{ "HELO fails beside a pass", ENFORCE, "192.0.2.1", "badhelo.test",
	    "<u@pass.test>", "<r@x.test>", GP_REJECT, "5.7.23", "", false },
	{ "unreadable path is none", ENFORCE, "192.0.2.1", "helo.test",
	    "<u@pass.test(a.b>", "<r@x.test>", GP_CONTINUE, NULL,
	    "mx.test; spf=none", false },
	{ "trusted client is ours", ENFORCE, "127.0.0.1", "h", "<u@fail.test>",
	    "<r@x.test>", GP_CONTINUE, NULL, "", false },
	{ "mail that came by sendmail(1)", ENFORCE, "", "h", "u@fail.test",
	    "r@x.test", GP_CONTINUE, NULL, "", false },
};

static bool
as_promised(const struct row *row)
{
	struct fake_mta f;
	struct gp_verdict v;
	const char *field;
	bool ok;

	fake_mta_open(&f, &gp_filter_spf, row->policy, zone);
	fake_connect(&f, row->client);
	gp_session_helo(f.session, row->helo);
	v = fake_message(&f, row->from, row->rcpt, NULL, "Q");
	field = fake_authres(&f);
	ok = v.action == row->action &&
	     (row->xcode == NULL || strcmp(v.xcode, row->xcode) == 0) &&
	     strncmp(field, row->authres, strlen(row->authres)) == 0 &&
	     (*row->authres != '\0' || *field == '\0') &&
	     (fake_count(&f, GP_EFFECT_HOLD) == 1) == row->hold;
	if (!ok)
		print_error("row: %s: %s %s \"%s\"\n", row->label,
		    gp_action_name(v.action), v.xcode == NULL ? "" : v.xcode,
		    field);
	fake_mta_close(&f);
	return ok;
}

static void
spf_every_row_as_promised(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(as_promised(&rows[i]));
}

static void
spf_unreadable_path_never_shows_the_helo_result(void **state)
{
	struct fake_mta f;

	(void)state;
	fake_mta_open(&f, &gp_filter_spf, MONITOR, zone);
	fake_connect(&f, "192.0.2.1");
	gp_session_helo(f.session, "helo.test");
	fake_message(&f, "<u@pass.test(a.b>", "<r@x.test>", NULL, "Q");
	assert_null(strstr(fake_authres(&f), "pass"));
	assert_null(strstr(fake_authres(&f), "helo"));
	assert_non_null(strstr(fake_authres(&f), "reason="));
	fake_mta_close(&f);
}

static void
spf_mixed_recipients_hold_only_together(void **state)
{
	struct fake_mta f;
	struct gp_session *s;

	(void)state;
	fake_mta_open(&f, &gp_filter_spf, ENFORCE, zone);
	fake_connect(&f, "192.0.2.1");
	s = f.session;
	gp_session_mail(s, "<u@soft.test>", NULL, false);
	assert_int_equal(gp_session_rcpt(s, "<r@x.test>").action, GP_CONTINUE);
	assert_int_equal(gp_session_rcpt(s, "<r@tag.test>").action,
	    GP_CONTINUE);
	assert_int_equal(gp_session_eom(s).action, GP_CONTINUE);
	assert_int_equal(fake_count(&f, GP_EFFECT_HOLD), 0);
	fake_mta_close(&f);
}

static void
spf_monitor_counts_what_it_spared(void **state)
{
	struct fake_mta f;

	(void)state;
	fake_mta_open(&f, &gp_filter_spf, MONITOR, zone);
	fake_connect(&f, "192.0.2.1");
	fake_message(&f, "<u@fail.test>", "<r@x.test>", NULL, "Q");
	fake_message(&f, "<u@temp.test>", "<r@x.test>", NULL, "Q");
	assert_int_equal(gp_metrics_get(f.app.metrics, GP_M_WOULD,
			     GP_DO_REJECT),
	    1);
	assert_int_equal(gp_metrics_get(f.app.metrics, GP_M_WOULD,
			     GP_DO_TEMPFAIL),
	    1);
	fake_mta_close(&f);
}

static void
spf_own_sealed_field_of_this_message_stays(void **state)
{
	struct fake_mta f;
	char field[2048];
	const char *fields[] = { field, NULL };

	(void)state;
	fake_mta_open(&f, &gp_filter_spf, MONITOR, zone);
	fake_connect(&f, "192.0.2.1");
	fake_message(&f, "<u@pass.test>", "<r@x.test>", NULL, "Q1");
	(void)snprintf(field, sizeof(field), "Authentication-Results: %s",
	    fake_authres(&f));
	fake_message(&f, "<u@pass.test>", "<r@x.test>", fields, "Q1");
	assert_int_equal(fake_count(&f, GP_EFFECT_DELETE), 0);
	/* the same field in another message, or from another sender, is not */
	fake_message(&f, "<u@pass.test>", "<r@x.test>", fields, "Q2");
	assert_int_equal(fake_count(&f, GP_EFFECT_DELETE), 1);
	fake_message(&f, "<v@pass.test>", "<r@x.test>", fields, "Q1");
	assert_int_equal(fake_count(&f, GP_EFFECT_DELETE), 1);
	fake_mta_close(&f);
}

static void
spf_authenticated_login_is_not_judged(void **state)
{
	struct fake_mta f;

	(void)state;
	fake_mta_open(&f, &gp_filter_spf, ENFORCE, zone);
	fake_connect(&f, "192.0.2.1");
	gp_session_mail(f.session, "<u@fail.test>", "alice", false);
	assert_int_equal(gp_session_rcpt(f.session, "<r@x.test>").action,
	    GP_CONTINUE);
	gp_session_header(f.session, "Authentication-Results",
	    " mx.test; spf=pass");
	assert_int_equal(gp_session_eom(f.session).action, GP_CONTINUE);
	assert_string_equal(fake_authres(&f), "");
	assert_int_equal(fake_count(&f, GP_EFFECT_DELETE), 1);
	fake_mta_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spf_every_row_as_promised),
		cmocka_unit_test(
		    spf_unreadable_path_never_shows_the_helo_result),
		cmocka_unit_test(spf_mixed_recipients_hold_only_together),
		cmocka_unit_test(spf_monitor_counts_what_it_spared),
		cmocka_unit_test(spf_own_sealed_field_of_this_message_stays),
		cmocka_unit_test(spf_authenticated_login_is_not_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
