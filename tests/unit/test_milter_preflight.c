/* gatepost-dmarc and our own mail, through the fake MTA: what may leave. */
#include "core/header.h"
#include "mta/filter.h"
#include "support/fake_mta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define LEAVING                                                                \
	"trust { clients = { \"192.0.2.0/24\", \"127.0.0.1\", \"::1\" } }\n"   \
	"domain \"own.test\" { key \"s1\" { file = \"a.pem\" }\n"              \
	"  preflight { mode = %s require = { \"date\", \"aligned-spf\" }\n"    \
	"    egress = { \"203.0.113.1\" } else = %s temperror = tempfail } "   \
	"}\n"

static const char leaving_zone[] =
    "_dmarc.own.test. TXT \"v=DMARC1; p=reject\"\n"
    "own.test. TXT \"v=spf1 ip4:203.0.113.1 -all\"\n";

struct leaving_row {
	const char *label, *mode, *otherwise;
	const char *client; /* "": not by SMTP */
	const char *sender;
	const char *const *fields;
	const char *zone; /* NULL: leaving_zone */
	enum gp_action action;
	const char *xcode;
	bool monitored;
};

static const char *const dated[] = { "From: a@own.test", "Date: x", NULL };
static const char *const undated[] = { "From: a@own.test", NULL };
static const char *const strange[] = { "From: a@x.test", NULL };

static const struct leaving_row leaving[] = {
	{ "all is there", "enforce", "reject", "192.0.2.1", "<a@own.test>",
	    dated, NULL, GP_CONTINUE, NULL, false },
	{ "no Date: reject", "enforce", "reject", "192.0.2.1", "<a@own.test>",
	    undated, NULL, GP_REJECT, "5.7.1", false },
	{ "no Date: tempfail", "enforce", "tempfail", "192.0.2.1",
	    "<a@own.test>", undated, NULL, GP_TEMPFAIL, "4.7.1", false },
	{ "no Date: warn", "enforce", "warn", "192.0.2.1", "<a@own.test>",
	    undated, NULL, GP_CONTINUE, NULL, false },
	{ "no Date: watched", "monitor", "reject", "192.0.2.1", "<a@own.test>",
	    undated, NULL, GP_CONTINUE, NULL, true },
	{ "local mail", "enforce", "reject", "", "<a@own.test>", undated, NULL,
	    GP_REJECT, "5.7.1", false },
	{ "a bounce of the MTA", "enforce", "reject", "", "<>", undated, NULL,
	    GP_CONTINUE, NULL, false },
	{ "a bounce of sendmail(1), by SMTP", "enforce", "reject", "127.0.0.1",
	    "<>", undated, NULL, GP_CONTINUE, NULL, false },
	{ "another one", "enforce", "reject", "::1", "<>", undated, NULL,
	    GP_CONTINUE, NULL, false },
	{ "other mail of it", "enforce", "reject", "::1", "<a@own.test>",
	    undated, NULL, GP_REJECT, "5.7.1", false },
	{ "a null sender of a client", "enforce", "reject", "192.0.2.1", "<>",
	    undated, NULL, GP_REJECT, "5.7.1", false },
	{ "DNS does not tell", "enforce", "reject", "192.0.2.1", "<a@own.test>",
	    dated, "own.test. * !SERVFAIL\n", GP_TEMPFAIL, "4.7.1", false },
	{ "mail of another domain", "enforce", "reject", "192.0.2.1",
	    "<a@own.test>", strange, NULL, GP_CONTINUE, NULL, false },
	{ "inbound is not looked at", "enforce", "reject", "198.51.100.1",
	    "<a@own.test>", dated, "own.test. * !SERVFAIL\n", GP_CONTINUE, NULL,
	    false },
};

static void
milter_preflight_looks_at_our_mail_before_it_leaves(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(leaving) / sizeof(leaving[0]); i++) {
		const struct leaving_row *r = &leaving[i];
		char policy[1024];
		struct gp_verdict v;
		struct fake_mta f;

		print_message("# %s\n", r->label);
		(void)snprintf(policy, sizeof(policy), LEAVING, r->mode,
		    r->otherwise);
		fake_mta_open(&f, &gp_filter_dmarc, policy,
		    r->zone == NULL ? leaving_zone : r->zone);
		fake_connect(&f, r->client);
		v = fake_message(&f, r->sender, "<r@x.test>", r->fields, "Q");
		assert_int_equal(v.action, r->action);
		assert_int_equal(v.monitored, r->monitored);
		if (r->xcode != NULL) {
			assert_string_equal(v.xcode, r->xcode);
			assert_non_null(strstr(v.text, "preflight"));
		}
		fake_mta_close(&f);
	}
}

/* Without a section nothing of our mail is even kept. */
static void
milter_preflight_costs_nothing_without_a_section(void **state)
{
	const struct gp_header *kept; /* what the filter's state begins with */
	struct fake_mta f;

	(void)state;
	fake_mta_open(&f, &gp_filter_dmarc,
	    "trust { clients = { \"192.0.2.0/24\" } }\n"
	    "domain \"own.test\" { key \"s1\" { file = \"a.pem\" } }\n",
	    "");
	fake_connect(&f, "192.0.2.1");
	(void)fake_message(&f, "<a@own.test>", "<r@x.test>", undated, "Q");
	kept = f.session->msg->state;
	assert_int_equal(kept->n, 0);
	for (unsigned label = 0; label < 3; label++)
		assert_int_equal(gp_metrics_get(f.app.metrics, GP_M_PREFLIGHT,
				     label),
		    0);
	fake_mta_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    milter_preflight_looks_at_our_mail_before_it_leaves),
		cmocka_unit_test(
		    milter_preflight_costs_nothing_without_a_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
