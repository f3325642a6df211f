/* gatepost-dmarc's handlers through the fake MTA: sealed results and a zone
 * in, verdicts and the merged field out. */
int dmarc_main(int argc, char **argv);
#define main dmarc_main
#include "../../milters/dmarc.c"
#undef main

#include "support/fake_mta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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
		fake_mta_open(&f, &dmarc_milter, ENFORCE, zone);
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
	fake_mta_open(&f, &dmarc_milter, ENFORCE, zone);
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
	fake_mta_open(&f, &dmarc_milter, ENFORCE, zone);
	play(&f, &refused, &v);
	assert_non_null(strstr(v.text, "override from"));
	fake_mta_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(milter_dmarc_table),
		cmocka_unit_test(milter_dmarc_remembers_who_sent_aligned_mail),
		cmocka_unit_test(milter_dmarc_names_the_override),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
