/* gatepost-dkim's handlers through the fake MTA: what one session signs, the
 * next one verifies. */
#include "core/dkim_sig.h"
#include "mta/filter.h"
#include "support/dkim_pem.h"
#include "support/fake_mta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLICY_MAX 4096
#define FIELDS_MAX 24

static const char *const key_files[] = { "a.pem", "b.pem", "ed.pem" };

struct lab {
	struct fake_mta mta;
	char dir[64];
	char policy[POLICY_MAX];
	char zone[8192];
	/* the last message as it goes on */
	char *fields[FIELDS_MAX + 1];
};

/* DIR stands for the folder of the keys. */
static const char policy_text[] =
    "authserv-id = \"mx.test\"\n"
    "trust { clients = { \"198.51.100.0/24\" } }\n"
    "dkim { fail = reject none = tag temperror = tempfail %s }\n"
    "domain \"shop.test\" { key \"a\" { file = \"%s/a.pem\" }\n"
    "  key \"e\" { file = \"%s/ed.pem\" } }\n"
    "domain \"b.test\" { key \"b\" { file = \"%s/b.pem\" }\n"
    "  senders { auth = { \"app\" } else = reject } on-fragile = reject }\n";

static void
write_texts(struct lab *l, const char *dkim_options)
{
	char *a = dkim_pem_record(DKIM_PEM_RSA_A);
	char *b = dkim_pem_record(DKIM_PEM_RSA_B);
	char *e = dkim_pem_record(DKIM_PEM_ED25519);

	(void)snprintf(l->policy, sizeof(l->policy), policy_text, dkim_options,
	    l->dir, l->dir, l->dir);
	(void)snprintf(l->zone, sizeof(l->zone),
	    "a._domainkey.shop.test. TXT \"%.200s\" \"%s\"\n"
	    "e._domainkey.shop.test. TXT \"%s\"\n"
	    "b._domainkey.b.test. TXT \"%.200s\" \"%s\"\n"
	    "down._domainkey.shop.test. * !SERVFAIL\n",
	    a, a + 200, e, b, b + 200);
	free(a);
	free(b);
	free(e);
}

static int
setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	(void)snprintf(l->dir, sizeof(l->dir), "/tmp/gatepost-dkim-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	dkim_pem_write(l->dir, key_files[0], DKIM_PEM_RSA_A);
	dkim_pem_write(l->dir, key_files[1], DKIM_PEM_RSA_B);
	dkim_pem_write(l->dir, key_files[2], DKIM_PEM_ED25519);
	write_texts(l, "");
	fake_mta_open(&l->mta, &gp_filter_dkim, l->policy, l->zone);
	*state = l;
	return 0;
}

static void
forget_fields(struct lab *l)
{
	for (size_t i = 0; i < FIELDS_MAX; i++) {
		free(l->fields[i]);
		l->fields[i] = NULL;
	}
}

static int
teardown(void **state)
{
	struct lab *l = *state;
	char path[128];

	fake_mta_close(&l->mta);
	for (size_t i = 0; i < sizeof(key_files) / sizeof(key_files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", l->dir,
		    key_files[i]);
		(void)unlink(path);
	}
	(void)rmdir(l->dir);
	forget_fields(l);
	free(l);
	return 0;
}

static const char *const letter[] = { "From: <news@shop.test>",
	"To: <u@x.test>", "Subject: hello", NULL };

static struct gp_verdict
send(struct lab *l, const char *const *fields, const char *login,
    const char *body)
{
	fake_connect(&l->mta, "192.0.2.1");
	gp_session_helo(l->mta.session, "client.test");
	return fake_send(&l->mta,
	    &(const struct fake_letter){ .from = "<bounce@shop.test>",
		.rcpt = "<u@x.test>",
		.login = login,
		.fields = fields,
		.body = body,
		.queue_id = "Q1" });
}

static size_t
signatures(const struct lab *l)
{
	size_t n = 0;

	while (fake_inserted(&l->mta, GP_DKIM_SIGNATURE, n) != NULL)
		n++;
	return n;
}

/* Keep the message as it goes on: new signatures on top of its fields. */
static const char *const *
onward(struct lab *l, const char *const *fields)
{
	const size_t n = signatures(l);
	size_t at = 0;
	struct gp_buf text;

	forget_fields(l);
	for (size_t i = n; i > 0; i--) {
		gp_buf_init(&text, 65536);
		gp_buf_addf(&text, "DKIM-Signature: %s",
		    fake_inserted(&l->mta, GP_DKIM_SIGNATURE, i - 1));
		l->fields[at++] = strdup(gp_buf_cstr(&text));
		gp_buf_clear(&text);
	}
	for (size_t i = 0; fields[i] != NULL; i++) {
		assert_true(at < FIELDS_MAX);
		l->fields[at++] = strdup(fields[i]);
	}
	return (const char *const *)l->fields;
}

static size_t
count_of(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

static void
dkim_signed_by_one_session_passes_in_the_next(void **state)
{
	struct lab *l = *state;
	const char *authres;

	assert_int_equal(send(l, letter, "app", "Hello.\r\n").action,
	    GP_CONTINUE);
	assert_int_equal(signatures(l), 2);
	assert_null(fake_inserted(&l->mta, GP_AUTHRES_NAME, 0));
	assert_int_equal(send(l, onward(l, letter), NULL, "Hello.\r\n").action,
	    GP_CONTINUE);
	authres = fake_authres(&l->mta);
	assert_int_equal(count_of(authres, "dkim=pass"), 2);
	assert_non_null(strstr(authres, "header.d=shop.test header.s=a"));
	assert_non_null(strstr(authres, "header.a=ed25519-sha256"));
	assert_non_null(strstr(authres, "policy.gatepost-seal="));
}

static void
dkim_inserted_value_begins_without_a_blank(void **state)
{
	struct lab *l = *state;

	send(l, letter, "app", "Hello.\r\n");
	assert_int_equal(strncmp(fake_inserted(&l->mta, GP_DKIM_SIGNATURE, 0),
			     "v=1;", 4),
	    0);
}

/* -- who is signed, what passes ------------------------------------------ */

struct row {
	const char *label;
	const char *fields[6];
	const char *login, *client, *body;
	enum gp_action action;
	const char *xcode; /* with a refusal */
	size_t signatures;
	const char *authres; /* in what is inserted; "": nothing is */
};

static const struct row rows[] = {
	{ .label = "a login",
	    .fields = { "From: <n@shop.test>" },
	    .login = "app",
	    .signatures = 2 },
	{ .label = "a trusted client",
	    .fields = { "From: <n@shop.test>" },
	    .client = "198.51.100.1",
	    .signatures = 2 },
	{ .label = "mail that came by sendmail(1)",
	    .fields = { "From: <n@shop.test>" },
	    .client = "",
	    .signatures = 2 },
	{ .label = "a stranger with our From",
	    .fields = { "From: <n@shop.test>" },
	    .authres = "mx.test; dkim=none" },
	{ .label = "no block",
	    .fields = { "From: <n@other.test>" },
	    .login = "app" },
	{ .label = "a sub-domain is not the parent",
	    .fields = { "From: <n@sub.shop.test>" },
	    .login = "app" },
	{ .label = "a listed login",
	    .fields = { "From: <n@b.test>" },
	    .login = "app",
	    .signatures = 1 },
	{ .label = "another login",
	    .fields = { "From: <n@b.test>" },
	    .login = "mallory",
	    .action = GP_REJECT,
	    .xcode = "5.7.1" },
	{ .label = "another login behind a second From",
	    .fields = { "From: <n@other.test>", "From: <n@b.test>" },
	    .login = "mallory",
	    .action = GP_REJECT,
	    .xcode = "5.7.1" },
	{ .label = "fragile mail where it is refused",
	    .fields = { "From: <n@b.test>", "To: J. Public <j@x.test>" },
	    .login = "app",
	    .action = GP_REJECT,
	    .xcode = "5.6.0" },
	{ .label = "no From", .fields = { "To: <u@x.test>" }, .login = "app" },
	{ .label = "no header at all", .login = "app" },
	{ .label = "a malformed signature",
	    .fields = { "DKIM-Signature: nonsense", "From: <n@shop.test>" },
	    .authres = "dkim=permerror" },
	{ .label = "a key that DNS does not give",
	    .fields = { "DKIM-Signature: v=1; a=rsa-sha256; d=shop.test; "
			"s=down; h=from; "
			"bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; "
			"b=AAAA",
		"From: <n@shop.test>" },
	    .action = GP_TEMPFAIL,
	    .xcode = "4.7.5" },
	{ .label = "a signature that does not match",
	    .fields = { "DKIM-Signature: v=1; a=rsa-sha256; d=shop.test; s=a; "
			"h=from; "
			"bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; "
			"b=AAAA",
		"From: <n@shop.test>" },
	    .action = GP_REJECT,
	    .xcode = "5.7.20" },
};

static bool
as_promised(struct lab *l, const struct row *row)
{
	const char *fields[7] = { NULL };
	const char *wanted = row->authres == NULL ? "" : row->authres;
	struct gp_verdict v;
	const char *authres;
	bool ok;

	memcpy(fields, row->fields, sizeof(row->fields));
	fake_connect(&l->mta, row->client == NULL ? "192.0.2.1" : row->client);
	gp_session_helo(l->mta.session, "client.test");
	v = fake_send(&l->mta,
	    &(const struct fake_letter){ .from = "<x@y.test>",
		.rcpt = "<u@x.test>",
		.login = row->login,
		.fields = fields,
		.body = row->body == NULL ? "Hello.\r\n" : row->body,
		.chunk = 3,
		.queue_id = "Q" });
	authres = fake_inserted(&l->mta, GP_AUTHRES_NAME, 0);
	ok = v.action == row->action &&
	     (row->xcode == NULL || strcmp(v.xcode, row->xcode) == 0) &&
	     signatures(l) == row->signatures &&
	     (*wanted == '\0') == (authres == NULL) &&
	     strstr(fake_authres(&l->mta), wanted) != NULL;
	if (!ok)
		print_error("row: %s: %s %s %zu \"%s\"\n", row->label,
		    gp_action_name(v.action), v.xcode == NULL ? "" : v.xcode,
		    signatures(l), fake_authres(&l->mta));
	return ok;
}

static void
dkim_every_row_as_promised(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(as_promised(*state, &rows[i]));
}

static void
dkim_monitor_refuses_nothing_and_counts(void **state)
{
	struct lab *l = *state;

	write_texts(l, "mode = monitor");
	assert_true(fake_reload(&l->mta, l->policy, l->zone));
	send(l, letter, "app", "Hello.\r\n");
	assert_int_equal(send(l, onward(l, letter), NULL, "Hallo.\r\n").action,
	    GP_CONTINUE);
	assert_int_equal(count_of(fake_authres(&l->mta), "dkim=fail"), 2);
	assert_int_equal(gp_metrics_get(l->mta.app.metrics, GP_M_WOULD,
			     GP_DO_REJECT),
	    1);
}

static void
dkim_own_signatures_are_kept_or_replaced(void **state)
{
	struct lab *l = *state;
	const char *const *fields;

	send(l, letter, "app", "Hello.\r\n");
	fields = onward(l, letter);
	send(l, fields, "app", "Hello.\r\n");
	assert_int_equal(signatures(l), 0);
	assert_int_equal(fake_count(&l->mta, GP_EFFECT_DELETE), 0);
	send(l, fields, "app", "Hallo.\r\n");
	assert_int_equal(signatures(l), 2);
	assert_int_equal(fake_count(&l->mta, GP_EFFECT_DELETE), 2);
}

static void
dkim_forged_results_go_in_both_directions(void **state)
{
	static const char *const fields[] = {
		"Authentication-Results: mx.test; dkim=pass",
		"Authentication-Results: other.test; dkim=pass",
		"From: <news@shop.test>", NULL
	};
	struct lab *l = *state;

	send(l, fields, "app", "Hello.\r\n");
	assert_int_equal(fake_count(&l->mta, GP_EFFECT_DELETE), 1);
	assert_int_equal(signatures(l), 2);
	send(l, fields, NULL, "Hello.\r\n");
	assert_int_equal(fake_count(&l->mta, GP_EFFECT_DELETE), 1);
	assert_non_null(strstr(fake_authres(&l->mta), "dkim=none"));
}

static void
dkim_aborted_message_leaves_nothing(void **state)
{
	struct lab *l = *state;
	struct gp_session *s;

	fake_connect(&l->mta, "192.0.2.1");
	s = l->mta.session;
	gp_session_mail(s, "<x@y.test>", "app", false);
	(void)gp_session_rcpt(s, "<u@x.test>");
	gp_session_header(s, "From", " <news@shop.test>");
	gp_session_eoh(s);
	gp_session_body(s, "Hello", 5);
	gp_session_abort(s);
	assert_int_equal(fake_message(&l->mta, "<x@y.test>", "<u@x.test>",
			     letter, "Q2")
			     .action,
	    GP_CONTINUE);
	assert_int_equal(signatures(l), 0);
	assert_non_null(strstr(fake_authres(&l->mta), "dkim=none"));
}

/* An MTA may leave the end of the header out. */
static void
dkim_without_end_of_header_signs_and_verifies(void **state)
{
	struct lab *l = *state;
	struct gp_session *s;

	for (unsigned body = 0; body < 2; body++) {
		fake_connect(&l->mta, "198.51.100.1");
		s = l->mta.session;
		gp_session_mail(s, "<x@y.test>", NULL, false);
		(void)gp_session_rcpt(s, "<u@x.test>");
		gp_session_header(s, "From", " <news@shop.test>");
		if (body == 1)
			gp_session_body(s, "Hello.\r\n", 8);
		assert_int_equal(gp_session_eom(s).action, GP_CONTINUE);
		assert_int_equal(signatures(l), 2);
	}
}

static void
dkim_reload_without_a_key_keeps_the_old_policy(void **state)
{
	struct lab *l = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", l->dir, key_files[0]);
	assert_int_equal(unlink(path), 0);
	assert_false(fake_reload(&l->mta, l->policy, l->zone));
	assert_int_equal(send(l, letter, "app", "Hello.\r\n").action,
	    GP_CONTINUE);
	assert_int_equal(signatures(l), 2);
}

int
main(void)
{
#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_LAB(dkim_signed_by_one_session_passes_in_the_next),
		IN_LAB(dkim_inserted_value_begins_without_a_blank),
		IN_LAB(dkim_every_row_as_promised),
		IN_LAB(dkim_monitor_refuses_nothing_and_counts),
		IN_LAB(dkim_own_signatures_are_kept_or_replaced),
		IN_LAB(dkim_forged_results_go_in_both_directions),
		IN_LAB(dkim_aborted_message_leaves_nothing),
		IN_LAB(dkim_without_end_of_header_signs_and_verifies),
		IN_LAB(dkim_reload_without_a_key_keeps_the_old_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
