/* gatepost-dmarc's handlers through the fake MTA: sealed results and a zone
 * in, verdicts and the merged field out. */
#include "io/record_store.h"
#include "mta/dmarc_records.h"
#include "mta/filter.h"
#include "support/fake_mta.h"
#include "support/record_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const char zone[] = "_dmarc.rej.test. TXT \"v=DMARC1; p=reject\"\n"
			   "_dmarc.quar.test. TXT \"v=DMARC1; p=quarantine\"\n"
			   "_dmarc.none.test. TXT \"v=DMARC1; p=none\"\n"
			   "_dmarc.own.test. TXT \"v=DMARC1; p=reject\"\n"
			   "_dmarc.temp.test. * !SERVFAIL\n";

#define ENFORCE                                                                \
	"authserv-id = \"mx.test\"\n"                                          \
	"trust { forwarders = { \"198.51.100.0/24\" } }\n"                     \
	"dmarc { mode = enforce quarantine = hold temperror = tempfail }\n"    \
	"domain \"lenient.test\" { dmarc { mode = monitor } }\n"               \
	"domain \"strict.test\" { dmarc { reject = always } }\n"               \
	"domain \"own.test\" { }\n"                                            \
	"override ended { from = { \"*.rej.test\" } dmarc = none\n"            \
	"  until = \"2020-12-31\" }\n"                                         \
	"override from { from = { \"*.quar.test\" } quarantine = reject\n"     \
	"  until = \"9999-12-31\" }\n"                                         \
	"override clients { clients = { \"203.0.113.0/24\" }\n"                \
	"  from = { \"rej.test\" } reject = never quarantine = tag }\n"        \
	"override header { header = { \"X-Partner\" } dmarc = none }\n"

/* The filters before us: they seal what the test says. */
static const char *sealed_text;

static struct gp_verdict
sealer_on_eom(struct gp_msg *m)
{
	struct gp_authres ar;

	if (gp_authres_parse(gp_str(sealed_text), m->arena, &ar, NULL) == GP_OK)
		gp_msg_add_authres(m, &ar);
	return gp_continue();
}
static const struct gp_milter sealer = { .name = "spf",
	.state_size = 1,
	.on_eom = sealer_on_eom };

struct row {
	const char *label;
	const char *sealed; /* of the filters before; "": none */
	const char *forged; /* a field of ours from outside; NULL: none */
	const char *from;   /* fields, parted by "|" */
	const char *rcpt;   /* NULL: r@x.test */
	const char *client; /* NULL: 192.0.2.1 */
	enum gp_action action;
	const char *xcode;
	const char *authres; /* the whole field; NULL: none */
	bool hold;
};

#define SPF(r, d)  "mx.test; spf=" r " smtp.mailfrom=" d
#define DKIM(r, d) "mx.test; dkim=" r " header.d=" d " header.s=s"

static const struct row rows[] = {
	{ "aligned SPF", SPF("pass", "rej.test"), NULL, "From: a@rej.test",
	    NULL, NULL, GP_CONTINUE, NULL,
	    "mx.test; spf=pass smtp.mailfrom=rej.test; dmarc=pass"
	    " header.from=rej.test policy.dmarc=reject",
	    false },
	{ "aligned DKIM", DKIM("pass", "m.rej.test"), NULL, "From: a@rej.test",
	    NULL, NULL, GP_CONTINUE, NULL,
	    "mx.test; dkim=pass header.d=m.rej.test header.s=s;"
	    " dmarc=pass header.from=rej.test policy.dmarc=reject",
	    false },
	{ "a fail of p=reject, nothing speaks for a detour",
	    SPF("pass", "evil.test"), NULL, "From: a@rej.test", NULL, NULL,
	    GP_REJECT, "5.7.1", NULL, false },
	{ "a forged field has no influence", "",
	    "mx.test; spf=pass"
	    " smtp.mailfrom=rej.test; dkim=pass header.d=rej.test;"
	    " dmarc=pass header.from=rej.test",
	    "From: a@rej.test", NULL, NULL, GP_REJECT, "5.7.1", NULL, false },
	{ "the same where nothing is asked for", "",
	    "mx.test; spf=pass"
	    " smtp.mailfrom=none.test",
	    "From: a@none.test", NULL, NULL, GP_CONTINUE, NULL,
	    "mx.test; dmarc=fail reason=\"no identifier is authenticated\""
	    " header.from=none.test policy.dmarc=none",
	    false },
	{ "a list: as quarantine, held", SPF("pass", "list.test"), NULL,
	    "From: a@rej.test|List-Id: <l.list.test>", NULL, NULL, GP_CONTINUE,
	    NULL,
	    "mx.test; spf=pass smtp.mailfrom=list.test; dmarc=fail"
	    " reason=\"no authenticated identifier is aligned\""
	    " header.from=rej.test policy.dmarc=reject",
	    true },
	{ "a list, and a recipient who says always", SPF("pass", "list.test"),
	    NULL, "From: a@rej.test|List-Id: <l.list.test>", "<r@strict.test>",
	    NULL, GP_REJECT, "5.7.1", NULL, false },
	{ "our own domain from a list", SPF("pass", "list.test"), NULL,
	    "From: a@own.test|List-Id: <l.list.test>", NULL, NULL, GP_REJECT,
	    "5.7.1", NULL, false },
	{ "a recipient who only watches", "", NULL, "From: a@rej.test",
	    "<r@lenient.test>", NULL, GP_CONTINUE, NULL,
	    "mx.test; dmarc=fail reason=\"no identifier is authenticated\""
	    " header.from=rej.test policy.dmarc=reject",
	    false },
	{ "a listed forwarder", SPF("fail", "rej.test"), NULL,
	    "From: a@rej.test", NULL, "198.51.100.7", GP_CONTINUE, NULL,
	    "mx.test; spf=fail smtp.mailfrom=rej.test; dmarc=fail"
	    " reason=\"no identifier is authenticated\""
	    " header.from=rej.test policy.dmarc=reject",
	    false },
	{ "an override that has ended", "", NULL, "From: a@m.rej.test", NULL,
	    NULL, GP_REJECT, "5.7.1", NULL, false },
	{ "an override by the author", "", NULL, "From: a@m.quar.test", NULL,
	    NULL, GP_REJECT, "5.7.1", NULL, false },
	{ "not for the name itself: held", "", NULL, "From: a@quar.test", NULL,
	    NULL, GP_CONTINUE, NULL, "mx.test; dmarc=fail", true },
	{ "an override by the client, over always", "", NULL,
	    "From: a@rej.test", "<r@strict.test>", "203.0.113.9", GP_CONTINUE,
	    NULL,
	    "mx.test; dmarc=fail reason=\"no identifier is authenticated\""
	    " header.from=rej.test policy.dmarc=reject",
	    false },
	{ "not for another author", "", NULL, "From: a@own.test", NULL,
	    "203.0.113.9", GP_REJECT, "5.7.1", NULL, false },
	{ "an override by the header, dmarc = none", "", NULL,
	    "From: a@own.test|x-partner: 1", "<r@strict.test>", NULL,
	    GP_CONTINUE, NULL, "mx.test; dmarc=fail", false },
	{ "an override does not help two authors", "", NULL,
	    "From: a@rej.test|From: b@x.test|X-Partner: 1", NULL, NULL,
	    GP_REJECT, "5.7.1", NULL, false },
	{ "nor a temperror", "", NULL, "From: a@temp.test|X-Partner: 1", NULL,
	    NULL, GP_TEMPFAIL, "4.7.1", NULL, false },
	{ "quarantine is held", "", NULL, "From: a@quar.test", NULL, NULL,
	    GP_CONTINUE, NULL,
	    "mx.test; dmarc=fail reason=\"no identifier is authenticated\""
	    " header.from=quar.test policy.dmarc=quarantine",
	    true },
	{ "temperror", SPF("pass", "temp.test"), NULL, "From: a@temp.test",
	    NULL, NULL, GP_TEMPFAIL, "4.7.1", NULL, false },
	{ "no record", SPF("pass", "x.test"), NULL, "From: a@x.test", NULL,
	    NULL, GP_CONTINUE, NULL,
	    "mx.test; spf=pass smtp.mailfrom=x.test; dmarc=none"
	    " reason=\"no record was found\" header.from=x.test",
	    false },
	{ "two From fields", SPF("pass", "rej.test"), NULL,
	    "From: a@rej.test|From: b@x.test", NULL, NULL, GP_REJECT, "5.7.1",
	    NULL, false },
	{ "no From field", SPF("pass", "rej.test"), NULL, "To: a@rej.test",
	    NULL, NULL, GP_REJECT, "5.7.1", NULL, false },
	{ "no From field, watched", "", NULL, "To: a@rej.test",
	    "<r@lenient.test>", NULL, GP_CONTINUE, NULL,
	    "mx.test; dmarc=permerror reason=\"", false },
};

static void
seal(const struct row *r, char *out, size_t size)
{
	static const char *const no_fields[] = { NULL };
	struct fake_mta f;

	out[0] = '\0';
	sealed_text = r->sealed;
	fake_mta_open(&f, &sealer, "authserv-id = \"mx.test\"\n", "");
	fake_connect(&f, r->client == NULL ? "192.0.2.1" : r->client);
	fake_message(&f, "<s@x.test>", "<r@x.test>", no_fields, "Q");
	if (*r->sealed != '\0')
		(void)snprintf(out, size, "Authentication-Results: %s",
		    fake_authres(&f));
	fake_mta_close(&f);
}

static void
play(struct fake_mta *f, const struct row *r, struct gp_verdict *v)
{
	const char *fields[8] = { NULL };
	char texts[6][512];
	struct gp_str rest = gp_str(r->from);
	size_t n = 0;

	seal(r, texts[n], sizeof(texts[n]));
	if (texts[n][0] != '\0')
		n++;
	if (r->forged != NULL)
		(void)snprintf(texts[n++], sizeof(texts[0]),
		    "Authentication-Results: %s", r->forged);
	while (rest.n > 0) {
		struct gp_str field = gp_str_split(&rest, '|');

		(void)snprintf(texts[n++], sizeof(texts[0]), "%.*s",
		    GP_STR_ARG(field));
	}
	for (size_t i = 0; i < n; i++)
		fields[i] = texts[i];
	fake_connect(f, r->client == NULL ? "192.0.2.1" : r->client);
	*v = fake_message(f, "<s@x.test>",
	    r->rcpt == NULL ? "<r@x.test>" : r->rcpt, fields, "Q");
}

static void
milter_dmarc_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct gp_verdict v;
		struct fake_mta f;

		print_message("# %s\n", r->label);
		fake_mta_open(&f, &gp_filter_dmarc, ENFORCE, zone);
		play(&f, r, &v);
		assert_int_equal(v.action, r->action);
		if (r->xcode != NULL) {
			assert_string_equal(v.xcode, r->xcode);
			assert_non_null(strstr(v.text, "DMARC"));
		}
		if (r->authres == NULL)
			assert_string_equal(fake_authres(&f), "");
		else if (strncmp(fake_authres(&f), r->authres,
			     strlen(r->authres)) != 0)
			fail_msg("%s", fake_authres(&f));
		assert_int_equal(fake_count(&f, GP_EFFECT_HOLD), r->hold);
		if (r->action == GP_CONTINUE)
			assert_int_equal(fake_count(&f, GP_EFFECT_DELETE),
			    (*r->sealed != '\0') + (r->forged != NULL));
		fake_mta_close(&f);
	}
}

/* A client that has sent aligned mail of the domain is believed to be on the
 * way of honest mail. */
static void
milter_dmarc_remembers_who_sent_aligned_mail(void **state)
{
	const struct row good = { .sealed = SPF("pass", "rej.test"),
		.from = "From: a@rej.test" };
	const struct row bad = { .sealed = "", .from = "From: a@rej.test" };
	struct gp_verdict v;
	struct fake_mta f;

	(void)state;
	fake_mta_open(&f, &gp_filter_dmarc, ENFORCE, zone);
	play(&f, &bad, &v);
	assert_int_equal(v.action, GP_REJECT);
	play(&f, &good, &v);
	assert_int_equal(v.action, GP_CONTINUE);
	play(&f, &bad, &v);
	assert_int_equal(v.action, GP_CONTINUE);
	assert_int_equal(fake_count(&f, GP_EFFECT_HOLD), 1);
	fake_mta_close(&f);
}

/* The reply says which override it was. */
static void
milter_dmarc_names_the_override(void **state)
{
	const struct row refused = { .sealed = "",
		.from = "From: a@m.quar.test" };
	struct gp_verdict v;
	struct fake_mta f;

	(void)state;
	fake_mta_open(&f, &gp_filter_dmarc, ENFORCE, zone);
	play(&f, &refused, &v);
	assert_non_null(strstr(v.text, "override from"));
	fake_mta_close(&f);
}

/* -- records ----------------------------------------------------------- */

struct kept_row {
	const char *label;
	struct row mail;
	bool none; /* no record; else, what is in it: */
	const char *header_from, *policy_domain;
	enum gp_record_result result;
	enum gp_record_disposition disposition;
	enum gp_record_override reason;
	bool spf, dkim; /* aligned */
	enum gp_spf_result spf_result;
	const char *signer; /* of the first signature; "": none */
};

#define BOTH(r, d, r2, d2)                                                     \
	"mx.test; spf=" r " smtp.mailfrom=" d "; dkim=" r2 " header.d=" d2     \
	" header.s=s"
#define MAIL(sealed_, from_, rcpt_)                                            \
	.mail = { .sealed = (sealed_),                                         \
		.from = "From: a@" from_,                                      \
		.rcpt = (rcpt_) }
#define JUDGED(r, d, o)                                                        \
	.result = GP_RECORD_R_##r, .disposition = GP_RECORD_D_##d,             \
	.reason = GP_RECORD_O_##o

static const struct kept_row kept_rows[] = {
	{ .label = "rejected",
	    MAIL(BOTH("fail", "rej.test", "fail", "x.test"), "m.rej.test",
		NULL),
	    .header_from = "m.rej.test",
	    .policy_domain = "rej.test",
	    JUDGED(FAIL, REJECT, NONE),
	    .spf_result = GP_SPF_FAIL,
	    .signer = "x.test" },
	{ .label = "rejected, but for a recipient who only watches",
	    MAIL(BOTH("fail", "rej.test", "none", "x.test"), "rej.test",
		"<r@lenient.test>"),
	    .header_from = "rej.test",
	    .policy_domain = "rej.test",
	    JUDGED(FAIL, NONE, LOCAL_POLICY),
	    .spf_result = GP_SPF_FAIL,
	    .signer = "" },
	{ .label = "held",
	    MAIL(BOTH("none", "x.test", "none", "x.test"), "quar.test", NULL),
	    .header_from = "quar.test",
	    .policy_domain = "quar.test",
	    JUDGED(FAIL, QUARANTINE, NONE),
	    .spf_result = GP_SPF_NONE,
	    .signer = "" },
	{ .label = "a filter is down that might have said pass",
	    MAIL(SPF("none", "x.test"),
		"rej.test|DKIM-Signature: v=1; a=rsa-sha256; d=rej.test; s=s;"
		" h=from; b=AAAA;"
		" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		NULL),
	    .header_from = "rej.test",
	    .policy_domain = "rej.test",
	    JUDGED(FAIL, NONE, LOCAL_POLICY),
	    .spf_result = GP_SPF_NONE,
	    .signer = "" },
	{ .label = "temperror for one who only watches",
	    MAIL(SPF("pass", "temp.test"), "temp.test", "<r@lenient.test>"),
	    .header_from = "temp.test",
	    .policy_domain = "",
	    JUDGED(TEMPERROR, NONE, OTHER),
	    .spf_result = GP_SPF_PASS,
	    .signer = "" },
	{ .label = "temperror, comes again",
	    MAIL(SPF("pass", "temp.test"), "temp.test", NULL),
	    .none = true },
	{ .label = "no policy",
	    MAIL(SPF("pass", "x.test"), "x.test", NULL),
	    .none = true },
	{ .label = "a pass by both",
	    MAIL(BOTH("pass", "rej.test", "pass", "m.rej.test"), "rej.test",
		NULL),
	    .header_from = "rej.test",
	    .policy_domain = "rej.test",
	    JUDGED(PASS, PASS, NONE),
	    .spf = true,
	    .dkim = true,
	    .spf_result = GP_SPF_PASS,
	    .signer = "m.rej.test" },
	{ .label = "no author", MAIL("", "", NULL), .none = true },
};

static void
check_record(const struct kept_row *row, const struct gp_record *r)
{
	struct gp_ip client;

	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1"), &client), GP_OK);
	assert_memory_equal(&r->source_ip, &client, sizeof(client));
	assert_true(gp_str_eq(r->header_from, gp_str(row->header_from)));
	assert_true(
	    gp_str_eq(r->policy_published.domain, gp_str(row->policy_domain)));
	assert_int_equal(r->policy_evaluated.result, row->result);
	assert_int_equal(r->policy_evaluated.disposition, row->disposition);
	assert_int_equal(r->policy_evaluated.reason, row->reason);
	assert_int_equal(r->policy_evaluated.spf, row->spf);
	assert_int_equal(r->policy_evaluated.dkim, row->dkim);
	assert_int_equal(r->policy_evaluated.comment.n > 0,
	    row->reason != GP_RECORD_O_NONE);
	assert_int_equal(r->spf.result, row->spf_result);
	assert_int_equal(r->n_dkim, *row->signer != '\0');
	if (r->n_dkim > 0)
		assert_true(gp_str_eq(r->dkim[0].domain, gp_str(row->signer)));
}

static bool
check_next(void *arg, const struct gp_record *r)
{
	const struct kept_row **row = arg;

	while ((*row)->none)
		++*row;
	print_message("# %s\n", (*row)->label);
	check_record(*row, r);
	++*row;
	return true;
}

static bool
file_has(const char *path, const char *text)
{
	struct gp_buf all;
	char block[4096];
	FILE *file = fopen(path, "r");
	size_t n;
	bool has;

	assert_non_null(file);
	gp_buf_init(&all, 16 << 20);
	while ((n = fread(block, 1, sizeof(block), file)) > 0)
		gp_buf_add(&all, block, n);
	assert_int_equal(fclose(file), 0);
	has = memmem(all.p, all.n, text, strlen(text)) != NULL;
	gp_buf_clear(&all);
	return has;
}

/* What the messages of the table leave is read back when the process is
 * over; nothing of a recipient is in the file. */
static void
milter_dmarc_keeps_a_record_of_each_judged_message(void **state)
{
	const size_t n = sizeof(kept_rows) / sizeof(kept_rows[0]);
	const struct kept_row *row = kept_rows;
	struct record_lab lab;
	struct gp_record_store *s;
	struct fake_mta f;
	char parent[64];

	(void)state;
	record_lab_open(&lab);
	(void)snprintf(parent, sizeof(parent), "%.*s",
	    (int)(strrchr(lab.dir, '/') - lab.dir), lab.dir);
	(void)snprintf(strrchr(lab.dir, '/') + 1, 16, GP_DMARC_RECORDS_DIR);
	fake_mta_open_in(&f, &gp_filter_dmarc, ENFORCE, zone, parent);
	for (size_t i = 0; i < n; i++) {
		struct gp_verdict v;

		play(&f, &kept_rows[i].mail, &v);
	}
	gp_filter_dmarc.stop(f.env.own);
	fake_mta_close(&f);
	s = record_lab_store(&lab, 0);
	assert_int_equal(gp_record_store_walk(s, 0, INT64_MAX, check_next, &row,
			     NULL),
	    GP_OK);
	while (row < kept_rows + n && row->none)
		row++;
	assert_ptr_equal(row, kept_rows + n);
	gp_record_store_close(s);
	(void)snprintf(parent, sizeof(parent), "%.50s/data.mdb", lab.dir);
	assert_true(file_has(parent, "rej.test"));
	assert_false(file_has(parent, "lenient.test"));
	record_lab_close(&lab);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    milter_dmarc_keeps_a_record_of_each_judged_message),
		cmocka_unit_test(milter_dmarc_table),
		cmocka_unit_test(milter_dmarc_remembers_who_sent_aligned_mail),
		cmocka_unit_test(milter_dmarc_names_the_override),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
