/* One outbound message from its header to its signatures, and each of them
 * verified by the other half of the suite. */
#include "base/time.h"
#include "core/taglist.h"
#include "io/policy_file.h"
#include "mta/dkim_signer.h"
#include "support/dkim_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const files[] = { "a.pem", "b.pem", "ed.pem" };

struct lab {
	char dir[64];
	struct gp_config *config;
	struct gp_dkim_keys *keys;
	struct gp_dns *dns;
	struct gp_metrics *metrics;
	struct gp_arena *arena; /* of the message */
	struct gp_header header;
	const struct gp_dkim_signed *done;
	bool sendmail;
};

/* "SELECTOR._domainkey.example.com. TXT ..." in strings of 200 octets. */
static void
add_record(struct gp_buf *zone, const char *selector, enum dkim_pem which)
{
	char *record = dkim_pem_record(which);

	gp_buf_addf(zone, "%s._domainkey.example.com. TXT", selector);
	for (size_t i = 0, n = strlen(record); i < n; i += 200)
		gp_buf_addf(zone, " \"%.200s\"", record + i);
	gp_buf_addc(zone, '\n');
	free(record);
}

static int
setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct gp_buf zone;

	(void)snprintf(l->dir, sizeof(l->dir), "/tmp/gatepost-sign-XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	dkim_pem_write(l->dir, "a.pem", DKIM_PEM_RSA_A);
	dkim_pem_write(l->dir, "b.pem", DKIM_PEM_RSA_B);
	dkim_pem_write(l->dir, "ed.pem", DKIM_PEM_ED25519);
	gp_buf_init(&zone, 65536);
	add_record(&zone, "a", DKIM_PEM_RSA_A);
	add_record(&zone, "b", DKIM_PEM_RSA_B);
	add_record(&zone, "ed", DKIM_PEM_ED25519);
	assert_int_equal(gp_dns_open_zone(gp_buf_str(&zone), NULL, &l->dns,
			     NULL),
	    GP_OK);
	gp_buf_clear(&zone);
	l->arena = gp_arena_new();
	l->metrics = gp_metrics_new("dkim");
	*state = l;
	return 0;
}

static void
forget_policy(struct lab *l)
{
	gp_arena_clear(l->arena); /* it has the cache's references */
	gp_dkim_keys_close(l->keys);
	gp_config_unref(l->config);
	l->keys = NULL;
	l->config = NULL;
}

static int
teardown(void **state)
{
	struct lab *l = *state;
	char path[128];

	forget_policy(l);
	gp_dns_close(l->dns);
	gp_arena_free(l->arena);
	gp_metrics_free(l->metrics);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", l->dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(l->dir);
	free(l);
	return 0;
}

/* The options of the block; in them "@" stands for the folder. */
static void
use_policy(struct lab *l, const char *options)
{
	struct gp_problems problems;
	struct gp_buf text;

	forget_policy(l);
	gp_problems_init(&problems);
	gp_buf_init(&text, 65536);
	gp_buf_adds(&text, "domain \"example.com\" {\n");
	for (; *options != '\0'; options++) {
		if (*options == '@')
			gp_buf_adds(&text, l->dir);
		else
			gp_buf_addc(&text, *options);
	}
	gp_buf_adds(&text, "\n}\n");
	if (gp_policy_parse(gp_buf_str(&text), "p.conf", &l->config,
		&problems) != GP_OK ||
	    gp_dkim_keys_open(l->config, NULL, l->metrics, &l->keys,
		&problems) != GP_OK)
		fail_msg("%s", gp_buf_cstr(&problems.text));
	gp_buf_clear(&text);
	gp_problems_clear(&problems);
}

/* -- a message --------------------------------------------------------- */

/* "Name: value" lines, folds as they stand. */
static void
read_header(struct lab *l, const char *text)
{
	memset(&l->header, 0, sizeof(l->header));
	while (*text != '\0') {
		const char *colon = strchr(text, ':');
		const char *end = colon;

		do
			end = strchr(end + 1, '\n');
		while (end[1] == ' ' || end[1] == '\t');
		gp_header_add(&l->header, l->arena,
		    gp_str_n(text, (size_t)(colon - text)),
		    gp_str_n(colon + 1, (size_t)(end - colon - 1)));
		text = end + 1;
	}
}

static struct gp_dns_scope
scope_of(struct lab *l, struct gp_arena *arena)
{
	return (struct gp_dns_scope){ .dns = l->dns,
		.arena = arena,
		.deadline_us = GP_NEVER_US,
		.budget = 32 };
}

/* Sign what read_header() has read. */
static void
sign_message(struct lab *l, const char *body)
{
	const struct gp_dkim_signing with = { .arena = l->arena,
		.config = l->config,
		.keys = l->keys,
		.metrics = l->metrics };
	const struct gp_dkim_outbound m = { .header = &l->header,
		.sendmail = l->sendmail,
		.sender = { .login = "app" } };
	struct gp_arena *answers = gp_arena_new();
	struct gp_dns_scope scope = scope_of(l, answers);
	struct gp_dkim_signer *s = gp_dkim_signer_begin(&with, &m);

	for (size_t n = strlen(body), i = 0; i < n; i += 7)
		gp_dkim_signer_body(s,
		    gp_str_n(body + i, n - i < 7 ? n - i : 7));
	l->done = gp_dkim_signer_end(s, &scope);
	gp_arena_free(answers);
}

/* As the MTA does: out with those, and then the new ones on top. */
static void
apply(struct lab *l)
{
	struct gp_header old = l->header;
	unsigned index = 0;

	memset(&l->header, 0, sizeof(l->header));
	for (size_t i = l->done->n_add; i > 0; i--)
		gp_header_add(&l->header, l->arena, GP_STR(GP_DKIM_SIGNATURE),
		    gp_str(l->done->add[i - 1]));
	for (size_t i = 0; i < old.n; i++) {
		bool remove = false;

		if (gp_str_eq_nocase(old.v[i].name, GP_STR(GP_DKIM_SIGNATURE)))
			index++;
		for (size_t r = 0; r < l->done->n_remove; r++)
			remove = remove || (l->done->remove[r] == index &&
					       gp_str_eq_nocase(old.v[i].name,
						   GP_STR(GP_DKIM_SIGNATURE)));
		if (!remove)
			gp_header_add(&l->header, l->arena, old.v[i].name,
			    old.v[i].value);
	}
}

/* "a=pass ed=pass " of the message as it is now. */
static const char *
verify(struct lab *l, const char *body)
{
	const struct gp_dkim_checker with = { .arena = l->arena,
		.how = &gp_config_globals(l->config)->dkim,
		.keys = gp_dkim_keys_cache(l->keys) };
	struct gp_arena *answers = gp_arena_new();
	struct gp_dns_scope scope = scope_of(l, answers);
	const struct gp_dkim_checks *checks;
	const char *text = "";
	struct gp_dkim_run *run;

	run = gp_dkim_check_begin(&with, &l->header, "example.com");
	gp_dkim_check_body(run, gp_str(body));
	checks = gp_dkim_check_end(run, &scope);
	for (size_t i = 0; i < checks->n; i++)
		text = gp_arena_printf(l->arena, "%s%s=%s ", text,
		    checks->v[i].sig.selector == NULL
			? "?"
			: checks->v[i].sig.selector,
		    gp_dkim_result_name(checks->v[i].result));
	gp_arena_free(answers);
	return text;
}

#define HEADER                                                                 \
	"Received: from x\n\tby y\n"                                           \
	"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>\n"                    \
	"To: a@b.example,\n\tc@d.example\n"                                    \
	"Subject:  two  blanks \n"                                             \
	"Date: Tue, 1 Dec 2026 00:00:00 +0000\n"
#define BODY  "Hello  \r\n\r\nworld\t!\r\n\r\n\r\n"
#define KEY_A "key \"a\" { file = \"@/a.pem\" }\n"
#define KEY_B "key \"b\" { file = \"@/b.pem\" }\n"
#define KEY_E "key \"ed\" { file = \"@/ed.pem\" }\n"

/* -- new signatures ---------------------------------------------------- */

struct sign_row {
	const char *label, *policy, *body, *results;
};

static const struct sign_row sign_rows[] = {
	{ "rsa", KEY_A, BODY, "a=pass " },
	{ "ed25519", KEY_E, BODY, "ed=pass " },
	{ "both, RSA on top", KEY_A KEY_E, BODY, "a=pass ed=pass " },
	{ "both, whatever their order in the file", KEY_E KEY_A, BODY,
	    "a=pass ed=pass " },
	{ "two of a kind", KEY_A KEY_B, BODY, "b=pass a=pass " },
	{ "simple/simple", "canon = simple/simple\n" KEY_A KEY_E, BODY,
	    "a=pass ed=pass " },
	{ "relaxed/simple", "canon = relaxed/simple\n" KEY_A KEY_E, BODY,
	    "a=pass ed=pass " },
	{ "simple/relaxed", "canon = simple/relaxed\n" KEY_A KEY_E, BODY,
	    "a=pass ed=pass " },
	{ "no body", KEY_A KEY_E, "", "a=pass ed=pass " },
	{ "no body, simple", "canon = simple/simple\n" KEY_A, "", "a=pass " },
	{ "no final CRLF", KEY_A, "x", "a=pass " },
	{ "8-bit", KEY_A, "\xc3\xb6 \xff\r\n", "a=pass " },
	{ "no x=", "expire = 0\n" KEY_A, BODY, "a=pass " },
	{ "own lists", "sign = { \"Date\" } oversign = { }\n" KEY_A, BODY,
	    "a=pass " },
};

static void
dkim_signer_signatures_verify(void **state)
{
	struct lab *l = *state;

	for (size_t i = 0; i < sizeof(sign_rows) / sizeof(sign_rows[0]); i++) {
		const struct sign_row *r = &sign_rows[i];

		print_message("# %s\n", r->label);
		use_policy(l, r->policy);
		read_header(l, HEADER);
		sign_message(l, r->body);
		assert_int_equal(l->done->verdict.action, GP_CONTINUE);
		assert_string_equal(l->done->domain, "example.com");
		apply(l);
		assert_string_equal(verify(l, r->body), r->results);
	}
	assert_int_equal(gp_metrics_get(l->metrics, GP_M_DKIM_SIGNING, 0),
	    sizeof(sign_rows) / sizeof(sign_rows[0]));
}

static void
dkim_signer_any_change_breaks_it(void **state)
{
	struct lab *l = *state;

	use_policy(l, KEY_A);
	read_header(l, HEADER);
	sign_message(l, BODY);
	apply(l);
	assert_string_equal(verify(l, BODY "x"), "a=fail ");
	gp_header_add(&l->header, l->arena, GP_STR("Reply-To"),
	    GP_STR(" evil@example.net"));
	assert_string_equal(verify(l, BODY), "a=fail "); /* oversigned */
}

/* A field in the place of another, as the MTA sends it. */
static void
replace(struct lab *l, const char *name, const char *value)
{
	for (size_t i = 0; i < l->header.n; i++)
		if (gp_str_eq_nocase(l->header.v[i].name, gp_str(name)))
			l->header.v[i].value = gp_str(value);
}

static void
dkim_signer_signs_what_sendmail_will_send(void **state)
{
	static const char *const canons[] = { "simple/simple",
		"relaxed/relaxed" };
	struct lab *l = *state;
	char policy[128];

	l->sendmail = true;
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(policy, sizeof(policy), "canon = %s\n" KEY_A,
		    canons[i]);
		use_policy(l, policy);
		read_header(l, "From: J. Doe <joerg@example.com>\n"
			       "To: a@b.example,c@d.example\nCc: ann\n");
		sign_message(l, BODY);
		assert_int_equal(l->done->fragile, 0);
		apply(l);
		assert_string_equal(verify(l, BODY), "a=fail ");
		replace(l, "From", " \"J. Doe\" <joerg@example.com>");
		replace(l, "To", " a@b.example, c@d.example");
		replace(l, "Cc", " ann@mx.example");
		assert_string_equal(verify(l, BODY), "a=pass ");
	}
}

static void
dkim_signer_warns_of_an_unsettled_author(void **state)
{
	struct lab *l = *state;

	l->sendmail = true;
	use_policy(l, KEY_A);
	read_header(l, "From: <@r.example:joerg@example.com>\n");
	sign_message(l, BODY);
	assert_int_equal(l->done->fragile, 1U << GP_FRAGILE_REWRITE);
	apply(l);
	assert_string_equal(verify(l, BODY), "a=pass ");
}

static void
dkim_signer_has_no_length_and_no_copied_fields(void **state)
{
	struct gp_taglist tags;
	struct lab *l = *state;

	use_policy(l, "expire = 7d\n" KEY_A);
	read_header(l, HEADER);
	sign_message(l, BODY);
	assert_int_equal(l->done->n_add, 1);
	assert_int_equal(l->done->add[0][0], ' ');
	assert_int_equal(gp_taglist_parse(gp_str(l->done->add[0]), &tags, NULL),
	    GP_OK);
	assert_null(gp_taglist_get(&tags, "l"));
	assert_null(gp_taglist_get(&tags, "z"));
	assert_null(gp_taglist_get(&tags, "i"));
	assert_non_null(gp_taglist_get(&tags, "t"));
	assert_non_null(gp_taglist_get(&tags, "x"));
}

/* -- signatures that are there ----------------------------------------- */

static void
dkim_signer_valid_one_of_ours_is_left_alone(void **state)
{
	struct lab *l = *state;

	use_policy(l, KEY_A);
	read_header(l, HEADER);
	sign_message(l, BODY);
	apply(l);
	sign_message(l, BODY);
	assert_int_equal(l->done->n_add, 0);
	assert_int_equal(l->done->n_remove, 0);
	assert_int_equal(l->done->kept, 1);
	assert_null(l->done->domain);
	assert_int_equal(gp_metrics_get(l->metrics, GP_M_DKIM_SIGNING, 1), 1);
}

static void
dkim_signer_missing_second_one_is_added(void **state)
{
	struct lab *l = *state;
	struct gp_header one;

	use_policy(l, KEY_A KEY_E);
	read_header(l, HEADER);
	sign_message(l, BODY);
	apply(l);
	one = l->header; /* a on top, then ed: leave ed out */
	memset(&l->header, 0, sizeof(l->header));
	for (size_t i = 0; i < one.n; i++)
		if (i != 1)
			gp_header_add(&l->header, l->arena, one.v[i].name,
			    one.v[i].value);
	sign_message(l, BODY);
	assert_string_equal(l->done->selectors, "ed");
	assert_int_equal(l->done->kept, 1);
	apply(l);
	assert_string_equal(verify(l, BODY), "ed=pass a=pass ");
}

static void
dkim_signer_broken_one_of_ours_is_replaced(void **state)
{
	struct lab *l = *state;

	use_policy(l, KEY_A);
	read_header(l,
	    "DKIM-Signature: v=1; d=foreign.example; s=a; b=x\n" HEADER);
	sign_message(l, BODY);
	apply(l);
	sign_message(l, BODY "changed on the way\r\n");
	assert_int_equal(l->done->n_add, 1);
	assert_int_equal(l->done->n_remove, 1);
	assert_int_equal(l->done->remove[0], 1);
	apply(l);
	assert_string_equal(verify(l, BODY "changed on the way\r\n"),
	    "a=pass a=permerror ");
}

struct foreign_row {
	const char *label, *field;
	size_t removed;
};

static const struct foreign_row foreign_rows[] = {
	{ "of another domain", " v=1; a=rsa-sha256; d=foreign.example; s=a",
	    0 },
	{ "of our domain by a selector that is not ours",
	    " v=1; a=rsa-sha256; d=example.com; s=esp", 0 },
	{ "of our domain by a retired selector",
	    " v=1; a=rsa-sha256; d=example.com; s=old", 0 },
	{ "of the parent", " v=1; d=com; s=a", 0 },
	{ "no tag list at all", " rubbish", 0 },
	{ "ours and malformed", " v=1; d=example.com; s=a; b=", 1 },
	{ "ours in other letters and malformed",
	    " v=1; d=EXAMPLE.com; s=A; b=", 1 },
};

static void
dkim_signer_foreign_ones_are_never_touched(void **state)
{
	struct lab *l = *state;

	for (size_t i = 0; i < sizeof(foreign_rows) / sizeof(foreign_rows[0]);
	     i++) {
		const struct foreign_row *r = &foreign_rows[i];

		print_message("# %s\n", r->label);
		use_policy(l, KEY_A "key \"old\" { file = \"/gone\""
				    " state = retired }\n");
		read_header(l, HEADER);
		gp_header_add(&l->header, l->arena, GP_STR("dkim-signature"),
		    gp_str(r->field));
		sign_message(l, BODY);
		assert_int_equal(l->done->n_add, 1);
		assert_int_equal(l->done->n_remove, r->removed);
	}
}

/* -- not signed -------------------------------------------------------- */

static void
dkim_signer_refusal_changes_nothing(void **state)
{
	struct lab *l = *state;

	use_policy(l, "senders { auth = { \"other\" } else = reject }\n" KEY_A);
	read_header(l, HEADER);
	sign_message(l, BODY);
	assert_int_equal(l->done->verdict.action, GP_REJECT);
	assert_int_equal(l->done->n_add, 0);
	assert_null(l->done->domain);
	assert_int_equal(gp_metrics_get(l->metrics, GP_M_DKIM_SIGNING, 3), 1);
}

static void
dkim_signer_staged_key_alone_leaves_it_unsigned(void **state)
{
	struct lab *l = *state;

	use_policy(l, "key \"a\" { file = \"@/a.pem\" state = staged }\n");
	read_header(l, HEADER);
	sign_message(l, BODY);
	assert_int_equal(l->done->verdict.action, GP_CONTINUE);
	assert_int_equal(l->done->n_add, 0);
	assert_non_null(strstr(l->done->why, "no key is active"));
	assert_int_equal(gp_metrics_get(l->metrics, GP_M_DKIM_SIGNING, 2), 1);
}

static void
dkim_signer_fragile_mail_is_noted_refused_or_signed(void **state)
{
	static const char *const words[] = { "warn", "reject", "sign" };
	struct lab *l = *state;

	for (size_t i = 0; i < 3; i++) {
		char policy[256];

		(void)snprintf(policy, sizeof(policy), "on-fragile = %s\n%s",
		    words[i], KEY_A);
		use_policy(l, policy);
		read_header(l, HEADER);
		sign_message(l, "bare\rcr\r\n");
		assert_int_equal(l->done->fragile,
		    i == 2 ? 0 : 1U << GP_FRAGILE_BARE_CR);
		assert_int_equal(l->done->n_add, i == 1 ? 0 : 1);
		assert_int_equal(l->done->verdict.action,
		    i == 1 ? GP_REJECT : GP_CONTINUE);
	}
	assert_int_equal(gp_metrics_get(l->metrics, GP_M_DKIM_FRAGILE,
			     GP_FRAGILE_BARE_CR),
	    2);
}

static void
dkim_signer_log_says_why_and_by_which_rule(void **state)
{
	struct gp_logline line;
	struct lab *l = *state;

	use_policy(l, KEY_A KEY_E);
	read_header(l, HEADER);
	sign_message(l, BODY);
	gp_logline_start(&line, GP_STR("Q"));
	gp_dkim_signed_describe(l->done, &line);
	assert_string_equal(line.text,
	    "Q: dkim=signed d=example.com s=ed,a"
	    " by=\"block example.com\" rule=p.conf:1");
	read_header(l, "From: x@other.example\n");
	sign_message(l, BODY);
	gp_logline_start(&line, GP_STR("Q"));
	gp_dkim_signed_describe(l->done, &line);
	assert_string_equal(line.text,
	    "Q: dkim=unsigned by=\"no block for the From: domain\"");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(dkim_signer_signatures_verify),
		T(dkim_signer_any_change_breaks_it),
		T(dkim_signer_signs_what_sendmail_will_send),
		T(dkim_signer_warns_of_an_unsettled_author),
		T(dkim_signer_has_no_length_and_no_copied_fields),
		T(dkim_signer_valid_one_of_ours_is_left_alone),
		T(dkim_signer_missing_second_one_is_added),
		T(dkim_signer_broken_one_of_ours_is_replaced),
		T(dkim_signer_foreign_ones_are_never_touched),
		T(dkim_signer_refusal_changes_nothing),
		T(dkim_signer_staged_key_alone_leaves_it_unsigned),
		T(dkim_signer_fragile_mail_is_noted_refused_or_signed),
		T(dkim_signer_log_says_why_and_by_which_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
