/* The session state machine, with a milter that only watches. */
#include "support/fake_mta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the watching milter saw of one message. */
struct seen {
	unsigned mail, rcpt, headers, eoh, body_bytes, eom;
};

static struct seen last;

static struct seen *
seen(struct gp_msg *m)
{
	return m->state;
}

static void
watch_mail(struct gp_msg *m)
{
	seen(m)->mail++;
}

static struct gp_verdict
watch_rcpt(struct gp_msg *m, const struct gp_addr *rcpt)
{
	seen(m)->rcpt++;
	if (rcpt->domain != NULL && strcmp(rcpt->domain, "refuse.test") == 0)
		return gp_reject("5.7.1", "not to this one", "test");
	return gp_continue();
}

static void
watch_header(struct gp_msg *m, struct gp_str name, struct gp_str value)
{
	(void)name;
	(void)value;
	seen(m)->headers++;
}

static void
watch_eoh(struct gp_msg *m)
{
	seen(m)->eoh++;
}

static void
watch_body(struct gp_msg *m, struct gp_str chunk)
{
	seen(m)->body_bytes += (unsigned)chunk.n;
}

static void
add_result(struct gp_msg *m, const char *method, const char *result)
{
	struct gp_authres_result r = { .method = gp_str(method),
		.result = gp_str(result) };
	struct gp_authres ar = { .n = 1, .result = &r };

	gp_msg_add_authres(m, &ar);
}

/* One field of the first result of each sealed one. */
static void
merge_results(struct gp_msg *m)
{
	struct gp_authres_result r[4];
	struct gp_authres ar = { .result = r };
	size_t n;
	const struct gp_authres *sealed = gp_msg_take_authres(m, &n);

	for (size_t i = 0; i < n && i < 4; i++)
		r[ar.n++] = sealed[i].result[0];
	gp_msg_add_last_authres(m, &ar);
}

static struct gp_verdict
watch_eom(struct gp_msg *m)
{
	seen(m)->eom++;
	last = *seen(m);
	if (strcmp(m->login, "merger") != 0)
		gp_msg_drop_forged_authres(m);
	if (m->sender.is_null)
		gp_msg_hold(m, "a null sender");
	if (strcmp(m->login, "sealer") == 0)
		add_result(m, "spf", "pass");
	if (strcmp(m->login, "merger") == 0)
		merge_results(m);
	if (strcmp(m->login, "editor") == 0) {
		gp_msg_insert_field(m, "X-First", "1");
		gp_msg_delete_field(m, "X-Old", 2);
		gp_msg_insert_field(m, "X-Second", "2");
		gp_msg_delete_field(m, "X-Old", 7);
		gp_msg_insert_field(m, "X-Third", "3");
	}
	return gp_continue();
}

static const struct gp_milter watcher = {
	.name = "spf",
	.state_size = sizeof(struct seen),
	.on_mail = watch_mail,
	.on_rcpt = watch_rcpt,
	.on_header = watch_header,
	.on_eoh = watch_eoh,
	.on_body = watch_body,
	.on_eom = watch_eom,
};

static void
note_rcpt(struct gp_msg *m, const struct gp_addr *rcpt)
{
	seen(m)->rcpt += rcpt->domain == NULL ? 100 : 1;
}

static struct gp_verdict
remember(struct gp_msg *m)
{
	last = *seen(m);
	return gp_continue();
}

static const struct gp_milter listener = {
	.name = "spf",
	.state_size = sizeof(struct seen),
	.on_rcpt_noted = note_rcpt,
	.on_eom = remember,
};

static const char policy[] = "authserv-id = \"mx.test\"\n"
			     "own-ids = { \"old.test\" }\n";

static int
setup(void **state)
{
	struct fake_mta *f = calloc(1, sizeof(*f));

	fake_mta_open(f, &watcher, policy, "");
	fake_connect(f, "192.0.2.1");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	fake_mta_close(*state);
	free(*state);
	return 0;
}

static void
session_whole_message_reaches_every_handler(void **state)
{
	struct fake_mta *f = *state;
	struct gp_session *s = f->session;

	gp_session_helo(s, "client.test");
	gp_session_mail(s, "<a@b.test>", NULL, false);
	assert_int_equal(gp_session_rcpt(s, "<x@y.test>").action, GP_CONTINUE);
	assert_int_equal(gp_session_rcpt(s, "<x@refuse.test>").action,
	    GP_REJECT);
	assert_int_equal(s->msg->recipients, 1);
	gp_session_header(s, "Subject", " hello");
	gp_session_header(s, "From", " a@b.test");
	gp_session_eoh(s);
	gp_session_body(s, "12345", 5);
	gp_session_body(s, "678", 3);
	assert_int_equal(gp_session_eom(s).action, GP_CONTINUE);
	assert_int_equal(last.mail, 1);
	assert_int_equal(last.rcpt, 2);
	assert_int_equal(last.headers, 2);
	assert_int_equal(last.eoh, 1);
	assert_int_equal(last.body_bytes, 8);
	assert_int_equal(last.eom, 1);
}

static void
session_second_message_starts_with_a_clean_state(void **state)
{
	struct fake_mta *f = *state;
	static const char *const fields[] = {
		"Authentication-Results: mx.test; spf=pass", NULL
	};

	fake_message(f, "<a@b.test>", "<x@y.test>", fields, "Q1");
	assert_int_equal(fake_count(f, GP_EFFECT_DELETE), 1);
	fake_message(f, "<a@b.test>", "<x@y.test>", NULL, "Q2");
	assert_int_equal(last.rcpt, 1);
	assert_int_equal(fake_count(f, GP_EFFECT_DELETE), 0);
	assert_string_equal(f->session->msg->queue_id, "Q2");
}

static void
session_abort_forgets_the_message(void **state)
{
	struct fake_mta *f = *state;
	struct gp_session *s = f->session;

	gp_session_mail(s, "<a@b.test>", NULL, false);
	gp_session_rcpt(s, "<x@y.test>");
	gp_session_abort(s);
	assert_null(s->msg);
	gp_session_mail(s, "<c@d.test>", NULL, false);
	gp_session_rcpt(s, "<x@y.test>");
	assert_int_equal(gp_session_eom(s).action, GP_CONTINUE);
	assert_int_equal(last.rcpt, 1);
	assert_string_equal(s->msg->sender.domain, "d.test");
}

static void
session_mail_in_a_message_forgets_the_first(void **state)
{
	struct fake_mta *f = *state;
	struct gp_session *s = f->session;

	gp_session_mail(s, "<a@b.test>", NULL, false);
	gp_session_rcpt(s, "<x@y.test>");
	gp_session_mail(s, "<c@d.test>", NULL, false);
	gp_session_rcpt(s, "<x@y.test>");
	assert_int_equal(gp_session_eom(s).action, GP_CONTINUE);
	assert_int_equal(last.mail, 1);
	assert_int_equal(last.rcpt, 1);
}

/* Each row ends in a state in which RCPT must be a tempfail, for good. */
enum event { E_HELO, E_MAIL, E_RCPT, E_HEADER, E_EOH, E_BODY, E_EOM, E_END };

static void
send_event(struct gp_session *s, enum event e)
{
	switch (e) {
	case E_HELO:
		gp_session_helo(s, "client.test");
		break;
	case E_MAIL:
		gp_session_mail(s, "<a@b.test>", NULL, false);
		break;
	case E_RCPT:
		(void)gp_session_rcpt(s, "<x@y.test>");
		break;
	case E_HEADER:
		gp_session_header(s, "Subject", " x");
		break;
	case E_EOH:
		gp_session_eoh(s);
		break;
	case E_BODY:
		gp_session_body(s, "x", 1);
		break;
	case E_EOM:
		(void)gp_session_eom(s);
		break;
	case E_END:
		break;
	}
}

static void
session_events_out_of_order_break_it_with_a_tempfail(void **state)
{
	static const struct {
		const char *label;
		enum event events[6];
	} rows[] = {
		{ "rcpt before mail", { E_RCPT, E_END } },
		{ "header before mail", { E_HEADER, E_END } },
		{ "end of header before mail", { E_EOH, E_END } },
		{ "body before mail", { E_BODY, E_END } },
		{ "end of message before mail", { E_EOM, E_END } },
		{ "header after body",
		    { E_MAIL, E_RCPT, E_BODY, E_HEADER, E_END } },
		{ "rcpt after header", { E_MAIL, E_HEADER, E_RCPT, E_END } },
		{ "two ends of header", { E_MAIL, E_EOH, E_EOH, E_END } },
		{ "two ends of message",
		    { E_MAIL, E_RCPT, E_EOM, E_EOM, E_END } },
		{ "helo within the header",
		    { E_MAIL, E_HEADER, E_HELO, E_END } },
	};
	struct fake_mta *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_verdict v;

		fake_connect(f, "192.0.2.1");
		for (size_t k = 0; k < 6 && rows[i].events[k] != E_END; k++)
			send_event(f->session, rows[i].events[k]);
		send_event(f->session, E_MAIL);
		v = gp_session_rcpt(f->session, "<x@y.test>");
		if (v.action != GP_TEMPFAIL)
			print_error("row: %s\n", rows[i].label);
		assert_int_equal(v.action, GP_TEMPFAIL);
		assert_string_equal(v.why, "protocol-error");
		v = gp_session_eom(f->session);
		assert_int_equal(v.action, GP_TEMPFAIL);
	}
}

static void
session_hostile_arguments_break_it(void **state)
{
	static char longer[GP_PATH_MAX + 2];
	static const struct {
		const char *label, *helo, *mail, *rcpt;
	} rows[] = {
		{ "over-long helo", longer, "<a@b.test>", "<x@y.test>" },
		{ "over-long mail", "h.test", longer, "<x@y.test>" },
		{ "over-long rcpt", "h.test", "<a@b.test>", longer },
		{ "control in helo", "h\x01.test", "<a@b.test>", "<x@y.test>" },
		{ "line end in mail", "h.test", "<a@b.test>\r\nX: y",
		    "<x@y.test>" },
		{ "escape in rcpt", "h.test", "<a@b.test>",
		    "<\x1b[2J@y.test>" },
		{ "delete in mail", "h.test", "<a\x7f@b.test>", "<x@y.test>" },
	};
	struct fake_mta *f = *state;

	memset(longer, 'a', sizeof(longer) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_verdict v;

		fake_connect(f, "192.0.2.1");
		gp_session_helo(f->session, rows[i].helo);
		gp_session_mail(f->session, rows[i].mail, NULL, false);
		v = gp_session_rcpt(f->session, rows[i].rcpt);
		if (v.action != GP_TEMPFAIL)
			print_error("row: %s\n", rows[i].label);
		assert_int_equal(v.action, GP_TEMPFAIL);
		gp_session_mail(f->session, "<a@b.test>", NULL, false);
		v = gp_session_rcpt(f->session, "<x@y.test>");
		assert_int_equal(v.action, GP_TEMPFAIL);
	}
	assert_int_equal(gp_metrics_get(f->app.metrics, GP_M_PROTOCOL_ERRORS,
			     0),
	    sizeof(rows) / sizeof(rows[0]));
}

/* Also beyond the bound, where there is no answer that could refuse. */
static void
session_noted_recipients_are_never_refused(void **state)
{
	struct fake_mta *f = calloc(1, sizeof(*f));

	(void)state;
	fake_mta_open(f, &listener, policy, "");
	fake_connect(f, "192.0.2.1");
	gp_session_mail(f->session, "<a@b.test>", NULL, false);
	for (unsigned i = 0; i < GP_RCPTS_MAX - 1; i++)
		assert_int_equal(gp_session_rcpt(f->session, "<x@refuse.test>")
				     .action,
		    GP_CONTINUE);
	assert_int_equal(gp_session_rcpt(f->session, "no address").action,
	    GP_CONTINUE);
	assert_int_equal(gp_session_rcpt(f->session, "<x@y.test>").action,
	    GP_CONTINUE);
	assert_int_equal(gp_session_eom(f->session).action, GP_CONTINUE);
	assert_int_equal(last.rcpt, GP_RCPTS_MAX - 1 + 2 * 100);
	fake_mta_close(f);
	free(f);
}

static void
session_bounce_is_of_our_own_mta(void **state)
{
	static const struct {
		const char *ip, *sender, *login;
		bool bounce;
	} rows[] = {
		{ "", "<>", NULL, true },
		{ "", "", NULL, true },
		{ "127.0.0.1", "<>", NULL, true },
		{ "::1", "<>", NULL, true },
		{ "", "<a@b.test>", NULL, false },
		{ "127.0.0.1", "<a@b.test>", NULL, false },
		{ "127.0.0.1", "<>", "app", false },
		{ "192.0.2.1", "<>", NULL, false },
	};
	struct fake_mta *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_connect(f, rows[i].ip);
		gp_session_mail(f->session, rows[i].sender, rows[i].login,
		    false);
		if (gp_msg_is_bounce(f->session->msg) != rows[i].bounce)
			fail_msg("%s %s", rows[i].ip, rows[i].sender);
	}
}

static void
session_mta_reads_what_is_no_address(void **state)
{
	static const struct {
		const char *said, *reading;
		const char *domain; /* NULL: not readable */
	} rows[] = {
		{ "x<a@b.test>", "a@b.test", "b.test" },
		{ "<a@b.test>(c)", "<a@b.test>", "b.test" },
		{ "<b.test!a>", "a@B.test", "b.test" },
		/* what we can read we read */
		{ "<a@b.test>", "a@refuse.test", "b.test" },
		{ "x<a@b.test>", NULL, NULL },
		{ "x<a@b.test>", "", NULL },
		{ "x<a@b.test>", "<>", NULL },
		{ "x<a@b.test>", "a", NULL },
		{ "x<a@b.test>", "grp:a@b.test", NULL },
		{ "x<a@b.test>", "a@b.test\r\n", NULL },
	};
	struct fake_mta *f = *state;
	struct gp_session *s = f->session;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct gp_addr *sender;

		gp_session_reading(s, rows[i].reading);
		gp_session_mail(s, rows[i].said, NULL, false);
		sender = &s->msg->sender;
		assert_int_equal(s->msg->sender_readable,
		    rows[i].domain != NULL);
		assert_false(sender->is_null);
		if (rows[i].domain == NULL)
			assert_null(sender->domain);
		else
			assert_string_equal(sender->domain, rows[i].domain);
		if (*rows[i].said == 'x') /* the log says what was said */
			assert_true(
			    gp_str_eq(sender->raw, gp_str(rows[i].said)));
	}
}

static void
session_reading_is_of_one_recipient(void **state)
{
	struct fake_mta *f = *state;
	struct gp_session *s = f->session;

	gp_session_reading(s, "a@b.test");
	gp_session_mail(s, "x<a@b.test>", NULL, false);
	gp_session_reading(s, "x@refuse.test");
	assert_int_equal(gp_session_rcpt(s, "x<x@refuse.test>").action,
	    GP_REJECT);
	assert_int_equal(gp_session_rcpt(s, "x<x@refuse.test>").action,
	    GP_CONTINUE);
	gp_session_reading(s, "x@refuse.test");
	gp_session_mail(s, "<a@b.test>", NULL, false);
	assert_int_equal(gp_session_rcpt(s, "x<x@refuse.test>").action,
	    GP_CONTINUE);
	fake_mta_close(f);
	fake_mta_open(f, &listener, policy, "");
	fake_connect(f, "192.0.2.1");
	s = f->session;
	gp_session_mail(s, "<a@b.test>", NULL, false);
	gp_session_reading(s, "x@y.test");
	(void)gp_session_rcpt(s, "x<x@y.test>");
	(void)gp_session_rcpt(s, "x<x@y.test>");
	(void)gp_session_eom(s);
	assert_int_equal(last.rcpt, 101);
}

static void
session_over_long_field_breaks_it(void **state)
{
	struct fake_mta *f = *state;
	char *value = calloc(GP_FIELD_MAX + 2, 1);

	memset(value, 'v', GP_FIELD_MAX + 1);
	gp_session_mail(f->session, "<a@b.test>", NULL, false);
	gp_session_rcpt(f->session, "<x@y.test>");
	gp_session_header(f->session, "Subject", value);
	assert_int_equal(gp_session_eom(f->session).action, GP_TEMPFAIL);
	free(value);
}

static void
session_forged_fields_are_deleted_from_the_last_up(void **state)
{
	static const char *const fields[] = {
		"Authentication-Results: mx.test; spf=pass",
		"Subject: x",
		"authentication-results: other.test; spf=pass",
		"AUTHENTICATION-RESULTS: (c) \"MX.TEST\" 1; dkim=pass",
		"Authentication-Results: old.test; spf=pass",
		"Authentication-Results: notmx.test; spf=pass",
		NULL,
	};
	static const unsigned deleted[] = { 4, 3, 1 };
	struct fake_mta *f = *state;
	const struct gp_effect *e;
	size_t n;

	fake_message(f, "<a@b.test>", "<x@y.test>", fields, "Q");
	e = gp_session_effects(f->session, &n);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(e[i].kind, GP_EFFECT_DELETE);
		assert_int_equal(e[i].index, deleted[i]);
	}
	assert_int_equal(gp_metrics_get(f->app.metrics, GP_M_FORGED, 0), 3);
}

static void
session_thousand_forged_fields_are_too_many(void **state)
{
	struct fake_mta *f = *state;

	gp_session_mail(f->session, "<a@b.test>", NULL, false);
	gp_session_rcpt(f->session, "<x@y.test>");
	for (unsigned i = 0; i <= GP_FIELDS_MAX; i++)
		gp_session_header(f->session, "Authentication-Results",
		    " mx.test; none");
	assert_int_equal(gp_session_eom(f->session).action, GP_TEMPFAIL);
}

static void
session_null_sender_hold_is_the_last_effect(void **state)
{
	static const char *const fields[] = {
		"Authentication-Results: mx.test; spf=pass", NULL
	};
	struct fake_mta *f = *state;
	const struct gp_effect *e;
	size_t n;

	fake_message(f, "<>", "<x@y.test>", fields, "Q");
	e = gp_session_effects(f->session, &n);
	assert_int_equal(n, 2);
	assert_int_equal(e[0].kind, GP_EFFECT_DELETE);
	assert_int_equal(e[1].kind, GP_EFFECT_HOLD);
	assert_int_equal(gp_metrics_get(f->app.metrics, GP_M_HELD, 0), 1);
}

static void
session_edits_keep_their_order_behind_deletions(void **state)
{
	static const char *const inserted[] = { "X-First", "X-Second",
		"X-Third" };
	struct fake_mta *f = *state;
	const struct gp_effect *e;
	size_t n;

	gp_session_mail(f->session, "<a@b.test>", "editor", false);
	(void)gp_session_rcpt(f->session, "<x@y.test>");
	(void)gp_session_eom(f->session);
	e = gp_session_effects(f->session, &n);
	assert_int_equal(n, 5);
	assert_int_equal(e[0].kind, GP_EFFECT_DELETE);
	assert_int_equal(e[0].index, 7);
	assert_int_equal(e[1].kind, GP_EFFECT_DELETE);
	assert_int_equal(e[1].index, 2);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(e[2 + i].kind, GP_EFFECT_INSERT);
		assert_string_equal(e[2 + i].name, inserted[i]);
	}
	gp_session_mail(f->session, "<a@b.test>", NULL, false);
	(void)gp_session_eom(f->session);
	(void)gp_session_effects(f->session, &n);
	assert_int_equal(n, 0); /* the next message has no login */
}

/* A whole message of that login with one or two fields. */
static void
play(struct fake_mta *f, const char *login, const char *queue_id,
    const char *const *values)
{
	gp_session_mail(f->session, "<a@b.test>", login, false);
	(void)gp_session_rcpt(f->session, "<x@y.test>");
	for (; *values != NULL; values++)
		gp_session_header(f->session, GP_AUTHRES_NAME, *values);
	gp_session_queue_id(f->session, queue_id);
	(void)gp_session_eom(f->session);
}

static void
session_merger_takes_sealed_results_and_no_others(void **state)
{
	static const char *const none[] = { NULL };
	const char *values[] = { " mx.test; dkim=pass", "",
		" other.test; spf=fail", NULL };
	struct fake_mta *f = *state;
	char sealed[512];

	play(f, "sealer", "Q1", none);
	(void)snprintf(sealed, sizeof(sealed), " %s", fake_authres(f));
	values[1] = sealed;
	play(f, "merger", "Q1", values);
	assert_string_equal(fake_authres(f), "mx.test; spf=pass");
	assert_int_equal(fake_count(f, GP_EFFECT_DELETE), 2);
	assert_int_equal(gp_metrics_get(f->app.metrics, GP_M_FORGED, 0), 1);
	play(f, "merger", "Q2", values); /* of another message */
	assert_string_equal(fake_authres(f), "");
	assert_int_equal(fake_count(f, GP_EFFECT_DELETE), 2);
	assert_int_equal(gp_metrics_get(f->app.metrics, GP_M_FORGED, 0), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(session_whole_message_reaches_every_handler),
		T(session_second_message_starts_with_a_clean_state),
		T(session_abort_forgets_the_message),
		T(session_mail_in_a_message_forgets_the_first),
		T(session_events_out_of_order_break_it_with_a_tempfail),
		T(session_hostile_arguments_break_it),
		T(session_noted_recipients_are_never_refused),
		T(session_bounce_is_of_our_own_mta),
		T(session_mta_reads_what_is_no_address),
		T(session_reading_is_of_one_recipient),
		T(session_over_long_field_breaks_it),
		T(session_forged_fields_are_deleted_from_the_last_up),
		T(session_thousand_forged_fields_are_too_many),
		T(session_null_sender_hold_is_the_last_effect),
		T(session_edits_keep_their_order_behind_deletions),
		T(session_merger_takes_sealed_results_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
