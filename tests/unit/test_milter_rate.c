/* gatepost-rate's handlers through the fake MTA: what passes, what is refused
 * and in which words, and what is given back. */
#include "core/rate.h"
#include "io/clock.h"
#include "mta/filter.h"
#include "support/fake_mta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MTA      "198.51.100.1" /* has a queue, no login */
#define STRANGER "203.0.113.9"

static const char base[] = "store = mem\n"
			   "trust { clients = { \"198.51.100.0/24\" } }\n";

static struct fake_mta
open_mta(const char *policy)
{
	static char text[8192];
	struct fake_mta f;

	(void)snprintf(text, sizeof(text), "%s%s", base, policy);
	fake_mta_open(&f, &gp_filter_rate, text, "");
	return f;
}

static const char *const from_news[] = { "From: <a@news.test>", NULL };

/* One message with a login. */
static struct gp_verdict
send_as(struct fake_mta *f, const char *login, const char *from,
    const char *rcpt)
{
	const struct fake_letter letter = { .from = from,
		.rcpt = rcpt,
		.login = login,
		.fields = from_news,
		.body = "x\n",
		.queue_id = "Q1" };

	return fake_send(f, &letter);
}

static void
check_count(struct fake_mta *f, enum gp_metric id, unsigned label, int want)
{
	assert_int_equal(gp_metrics_get(f->app.metrics, id, label), want);
}

/* -- applications ------------------------------------------------------ */

static void
limit_of_twenty_lets_twenty_pass(void **state)
{
	struct fake_mta f =
	    open_mta("domain news.test { limit l { count = messages by = auth "
		     "rate = 20/1h } }\n");
	struct gp_verdict v;

	(void)state;
	fake_connect(&f, STRANGER);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(
		    send_as(&f, "app", "<a@news.test>", "<u@x.test>").action,
		    GP_CONTINUE);
	v = send_as(&f, "app", "<a@news.test>", "<u@x.test>");
	assert_int_equal(v.action, GP_TEMPFAIL);
	assert_int_equal(v.code, 451);
	assert_string_equal(v.xcode, "4.7.1");
	assert_string_equal(v.why, "limit.l");
	assert_non_null(strstr(v.text, "message rate exceeded (20/1h, limit l)"
				       "; retry after 20"));
	/* another login has a meter of its own */
	assert_int_equal(send_as(&f, "other", "<a@news.test>", "<u@x.test>")
			     .action,
	    GP_CONTINUE);
	check_count(&f, GP_M_RATE_MESSAGES, 0, 21);
	check_count(&f, GP_M_RATE_MESSAGES, 1, 1);
	check_count(&f, GP_M_RATE_OVER, GP_RATE_MESSAGES, 1);
	fake_mta_close(&f);
}

static void
promise_of_a_refusal_is_not_too_early(void **state)
{
	struct fake_mta f =
	    open_mta("domain news.test { limit l { count = messages by = auth "
		     "rate = 1/1h } }\n");
	struct gp_verdict v;
	struct tm promised = { 0 };
	int64_t sent_ms;
	const char *text;

	(void)state;
	fake_connect(&f, STRANGER);
	sent_ms = gp_clock_wall_ms();
	(void)send_as(&f, "app", "<a@news.test>", "<u@x.test>");
	v = send_as(&f, "app", "<a@news.test>", "<u@x.test>");
	text = strstr(v.text, "retry after ");
	assert_non_null(text);
	assert_non_null(
	    strptime(text + strlen("retry after "), "%FT%TZ", &promised));
	assert_true((int64_t)timegm(&promised) * 1000 >=
		    sent_ms + INT64_C(3600) * 1000);
	fake_mta_close(&f);
}

static void
login_is_stopped_without_a_word_in_the_policy(void **state)
{
	struct fake_mta f = open_mta("rate { login-limit = 5/1h }\n");

	(void)state;
	fake_connect(&f, STRANGER);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(send_as(&f, "Mallory+x", "<a@any.test>",
				     "<u@x.test>")
				     .action,
		    GP_CONTINUE);
	assert_int_equal(send_as(&f, "mallory", "<b@any.test>", "<u@x.test>")
			     .action,
	    GP_TEMPFAIL);
	assert_int_equal(send_as(&f, "alice", "<b@any.test>", "<u@x.test>")
			     .action,
	    GP_CONTINUE);
	fake_mta_close(&f);
}

static void
application_hears_one_answer_at_the_end(void **state)
{
	struct fake_mta f = open_mta(
	    "domain news.test { limit l { by = auth rate = 2/1h } }\n");
	struct gp_session *s;
	struct gp_verdict v;

	(void)state;
	fake_connect(&f, STRANGER);
	s = f.session;
	assert_int_equal(send_as(&f, "app", "<a@news.test>", "<u@x.test>")
			     .action,
	    GP_CONTINUE);
	gp_session_mail(s, "<a@news.test>", "app", false);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(gp_session_rcpt(s, "<u@x.test>").action,
		    GP_CONTINUE);
	gp_session_header(s, "From", " <a@news.test>");
	gp_session_eoh(s);
	v = gp_session_eom(s);
	assert_int_equal(v.action, GP_TEMPFAIL);
	assert_int_equal(v.code, 451);
	/* and nothing of it was charged: one more fits */
	assert_int_equal(send_as(&f, "app", "<a@news.test>", "<u@x.test>")
			     .action,
	    GP_CONTINUE);
	fake_mta_close(&f);
}

/* -- other MTAs -------------------------------------------------------- */

static void
mta_hears_of_each_recipient(void **state)
{
	struct fake_mta f =
	    open_mta("domain news.test { limit l { rate = 3/1h } }\n");
	struct gp_session *s;
	struct gp_verdict v;

	(void)state;
	fake_connect(&f, MTA);
	s = f.session;
	gp_session_mail(s, "<a@news.test>", NULL, false);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(gp_session_rcpt(s, "<u@x.test>").action,
		    GP_CONTINUE);
	v = gp_session_rcpt(s, "<u@x.test>");
	assert_int_equal(v.action, GP_TEMPFAIL);
	assert_int_equal(v.code, 450);
	assert_int_equal(gp_session_rcpt(s, "<postmaster@x.test>").action,
	    GP_CONTINUE);
	gp_session_header(s, "From", " <a@news.test>");
	assert_int_equal(gp_session_eom(s).action, GP_CONTINUE);
	fake_mta_close(&f);
}

static void
message_counts_once_for_all_its_recipients(void **state)
{
	struct fake_mta f = open_mta(
	    "domain news.test { limit l { count = messages by = domain "
	    "rate = 1/1h } }\n");
	struct gp_session *s;

	(void)state;
	fake_connect(&f, MTA);
	s = f.session;
	gp_session_mail(s, "<a@news.test>", NULL, false);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(gp_session_rcpt(s, "<u@x.test>").action,
		    GP_CONTINUE);
	assert_int_equal(gp_session_eom(s).action, GP_CONTINUE);
	gp_session_mail(s, "<a@news.test>", NULL, false);
	assert_int_equal(gp_session_rcpt(s, "<u@x.test>").action, GP_TEMPFAIL);
	fake_mta_close(&f);
}

static void
author_in_another_block_is_limited_by_it(void **state)
{
	struct fake_mta f =
	    open_mta("domain news.test { limit l { rate = 1/1h } }\n"
		     "domain bounce.test { limit l { rate = 10/1h } }\n");

	(void)state;
	fake_connect(&f, MTA);
	assert_int_equal(send_as(&f, NULL, "<a@bounce.test>", "<u@x.test>")
			     .action,
	    GP_CONTINUE);
	assert_int_equal(
	    send_as(&f, NULL, "<a@bounce.test>", "<u@x.test>").code, 451);
	fake_mta_close(&f);
}

static void
size_is_limited_at_the_end(void **state)
{
	struct fake_mta f = open_mta(
	    "domain news.test { limit l { count = bytes rate = 1k/1h } }\n");
	char body[1001];
	/* "From: <a@news.test>" and its CRLF are 21 octets */
	const struct fake_letter letter = { .from = "<a@news.test>",
		.rcpt = "<u@x.test>",
		.fields = from_news,
		.body = body };

	(void)state;
	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	fake_connect(&f, MTA);
	assert_int_equal(fake_send(&f, &letter).action, GP_CONTINUE);
	body[3] = '\0';
	assert_int_equal(fake_send(&f, &letter).code, 451);
	body[2] = '\0';
	assert_int_equal(fake_send(&f, &letter).code, 451);
	fake_mta_close(&f);
}

/* -- what is given back ------------------------------------------------ */

enum ending { ABORT, NEXT_MAIL, CLOSE, REFUSED };

static void
reserve_all(struct fake_mta *f, enum ending ending)
{
	struct gp_session *s;

	fake_connect(f, MTA);
	s = f->session;
	gp_session_mail(s, "<a@news.test>", NULL, false);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(gp_session_rcpt(s, "<u@x.test>").action,
		    GP_CONTINUE);
	switch (ending) {
	case ABORT:
		gp_session_abort(s);
		break;
	case NEXT_MAIL:
		gp_session_mail(s, "<a@news.test>", NULL, false);
		break;
	case CLOSE:
		fake_connect(f, MTA);
		break;
	case REFUSED: /* by the senders of the author's domain */
		gp_session_header(s, "From", " <a@mine.test>");
		assert_int_equal(gp_session_eom(s).action, GP_REJECT);
		gp_session_abort(s);
		break;
	}
}

static void
reservation_that_is_not_spent_is_given_back(void **state)
{
	static const enum ending endings[] = { ABORT, NEXT_MAIL, CLOSE,
		REFUSED };
	struct fake_mta f =
	    open_mta("domain news.test { limit l { rate = 3/1h } }\n"
		     "domain mine.test { senders { auth = { me } else = reject "
		     "} }\n");
	int refunds = 0;

	(void)state;
	for (unsigned round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]);
		     i++) {
			reserve_all(&f, endings[i]);
			refunds += 3;
			check_count(&f, GP_M_RATE_REFUNDS, 0, refunds);
		}
	fake_mta_close(&f);
}

static void
spent_is_not_given_back(void **state)
{
	struct fake_mta f =
	    open_mta("domain news.test { limit l { rate = 1/1h } }\n");

	(void)state;
	fake_connect(&f, MTA);
	assert_int_equal(send_as(&f, NULL, "<a@news.test>", "<u@x.test>")
			     .action,
	    GP_CONTINUE);
	gp_session_abort(f.session);
	fake_connect(&f, MTA);
	assert_int_equal(send_as(&f, NULL, "<a@news.test>", "<u@x.test>")
			     .action,
	    GP_TEMPFAIL);
	check_count(&f, GP_M_RATE_REFUNDS, 0, 0);
	fake_mta_close(&f);
}

/* -- who is not limited
 * -------------------------------------------------------- */

static void
inbound_and_bounces_are_not_limited(void **state)
{
	struct fake_mta f = open_mta("limit l { by = all rate = 1/1h }\n");

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		fake_connect(&f, STRANGER);
		assert_int_equal(
		    send_as(&f, NULL, "<a@news.test>", "<u@x.test>").action,
		    GP_ACCEPT);
		fake_connect(&f, MTA);
		assert_int_equal(send_as(&f, NULL, "<>", "<u@x.test>").action,
		    GP_ACCEPT);
		fake_connect(&f, "");
		assert_int_equal(send_as(&f, NULL, "<>", "<u@x.test>").action,
		    GP_ACCEPT);
	}
	/* a null sender with a login is no bounce */
	fake_connect(&f, STRANGER);
	assert_int_equal(send_as(&f, "app", "<>", "<u@x.test>").action,
	    GP_CONTINUE);
	assert_int_equal(send_as(&f, "app", "<>", "<u@x.test>").action,
	    GP_TEMPFAIL);
	fake_mta_close(&f);
}

/* -- senders ----------------------------------------------------------- */

static void
senders_hold_for_envelope_and_author(void **state)
{
	struct fake_mta f = open_mta(
	    "domain news.test { senders { auth = { app } else = reject } }\n"
	    "domain soft.test { senders { auth = { app } else = tempfail } }\n"
	    "domain open.test { senders { auth = { app } } }\n");
	static const struct {
		const char *login, *client, *from;
		enum gp_action action;
		int code;
	} table[] = {
		{ "app", STRANGER, "<a@news.test>", GP_CONTINUE, 0 },
		{ "bad", STRANGER, "<a@free.test>", GP_REJECT, 550 },
		{ NULL, MTA, "<a@soft.test>", GP_TEMPFAIL, 451 },
		{ "app", STRANGER, "<a@soft.test>", GP_CONTINUE, 0 },
		{ "app", STRANGER, "<a@open.test>", GP_CONTINUE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct gp_verdict v;

		fake_connect(&f, table[i].client);
		v = send_as(&f, table[i].login, table[i].from, "<u@x.test>");
		assert_int_equal(v.action, table[i].action);
		assert_int_equal(v.code, table[i].code);
	}
	check_count(&f, GP_M_RATE_OVER, GP_RATE_SENDERS, 2);
	fake_mta_close(&f);
}

/* -- monitor ----------------------------------------------------------- */

static void
monitor_counts_who_would_have_been_limited(void **state)
{
	struct fake_mta f = open_mta(
	    "domain news.test { limit l { rate = 2/1h mode = monitor } }\n");

	(void)state;
	fake_connect(&f, STRANGER);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(
		    send_as(&f, "app", "<a@news.test>", "<u@x.test>").action,
		    GP_CONTINUE);
	check_count(&f, GP_M_RATE_WOULD, GP_RATE_RECIPIENTS, 3);
	check_count(&f, GP_M_WOULD, GP_DO_TEMPFAIL, 3);
	check_count(&f, GP_M_RATE_OVER, GP_RATE_RECIPIENTS, 0);
	fake_mta_close(&f);
}

/* -- the operator's question
 * ---------------------------------------------------- */

static void
reference_explains_the_refusal(void **state)
{
	struct fake_mta f = open_mta(
	    "domain news.test { limit l { by = auth rate = 1/1h } }\n");
	struct gp_verdict v;
	struct gp_buf out;
	char request[32];
	const char *ref;

	(void)state;
	gp_buf_init(&out, 65536);
	fake_connect(&f, STRANGER);
	(void)send_as(&f, "app", "<a@news.test>", "<u@x.test>");
	v = send_as(&f, "app", "<a@news.test>", "<u@x.test>");
	ref = strrchr(v.text, '[');
	assert_non_null(ref);
	(void)snprintf(request, sizeof(request), "why %.10s", ref + 1);
	assert_true(
	    gp_filter_rate.on_request(f.env.own, gp_str(request), &out));
	assert_non_null(strstr(gp_buf_cstr(&out), "limit l of news.test\n"));
	assert_non_null(strstr(gp_buf_cstr(&out), "rule test.conf:3\n"));
	assert_non_null(strstr(gp_buf_cstr(&out), "login app\n"));
	assert_null(strstr(gp_buf_cstr(&out), "x.test"));
	assert_false(gp_filter_rate.on_request(f.env.own,
	    GP_STR("why AAAAAAAAAA"), &out));
	assert_false(gp_filter_rate.on_request(f.env.own, GP_STR("why"), &out));
	assert_false(gp_filter_rate.on_request(f.env.own, GP_STR("moo"), &out));
	gp_buf_reset(&out);
	assert_true(gp_filter_rate.on_request(f.env.own,
	    GP_STR("meters m/news"), &out));
	assert_non_null(
	    strstr(gp_buf_cstr(&out), "m/news.test/l/3600/auth=app level "));
	gp_buf_clear(&out);
	fake_mta_close(&f);
}

/* -- reload
 * --------------------------------------------------------------------- */

static void
reload_keeps_what_was_counted(void **state)
{
	static const char policy[] =
	    "store = mem\ntrust { clients = { \"198.51.100.0/24\" } }\n"
	    "domain news.test { limit l { rate = %s } }\n";
	struct fake_mta f;
	char text[256];

	(void)state;
	(void)snprintf(text, sizeof(text), policy, "1/1h");
	fake_mta_open(&f, &gp_filter_rate, text, "");
	fake_connect(&f, MTA);
	assert_int_equal(send_as(&f, NULL, "<a@news.test>", "<u@x.test>")
			     .action,
	    GP_CONTINUE);
	assert_true(fake_reload(&f, text, ""));
	fake_connect(&f, MTA);
	assert_int_equal(send_as(&f, NULL, "<a@news.test>", "<u@x.test>")
			     .action,
	    GP_TEMPFAIL);
	(void)snprintf(text, sizeof(text), policy, "2/1h");
	assert_true(fake_reload(&f, text, ""));
	fake_connect(&f, MTA);
	assert_int_equal(send_as(&f, NULL, "<a@news.test>", "<u@x.test>")
			     .action,
	    GP_CONTINUE);
	fake_mta_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_of_twenty_lets_twenty_pass),
		cmocka_unit_test(promise_of_a_refusal_is_not_too_early),
		cmocka_unit_test(login_is_stopped_without_a_word_in_the_policy),
		cmocka_unit_test(application_hears_one_answer_at_the_end),
		cmocka_unit_test(mta_hears_of_each_recipient),
		cmocka_unit_test(message_counts_once_for_all_its_recipients),
		cmocka_unit_test(author_in_another_block_is_limited_by_it),
		cmocka_unit_test(size_is_limited_at_the_end),
		cmocka_unit_test(reservation_that_is_not_spent_is_given_back),
		cmocka_unit_test(spent_is_not_given_back),
		cmocka_unit_test(inbound_and_bounces_are_not_limited),
		cmocka_unit_test(senders_hold_for_envelope_and_author),
		cmocka_unit_test(monitor_counts_who_would_have_been_limited),
		cmocka_unit_test(reference_explains_the_refusal),
		cmocka_unit_test(reload_keeps_what_was_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
