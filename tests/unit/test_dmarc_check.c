/* DMARC against a zone, both ways of discovery, and who is remembered. */
#include "base/time.h"
#include "mta/dmarc_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define DAY_S (INT64_C(24) * 3600)

static const char zone[] =
    "_dmarc.m.a.example. TXT \"v=DMARC1; p=reject; rua=mailto:x@a.example\"\n"
    "_dmarc.b.example. TXT \"v=DMARC1; p=quarantine\"\n"
    "_dmarc.t.example. * !SERVFAIL\n";

struct check_row {
	const char *label, *author, *dkim;
	enum gp_dmarc_discovery discovery;
	enum gp_dmarc_result result;
	int64_t differences;
};

static const struct check_row rows[] = {
	{ "both agree", "b.example", "b.example", GP_DMARC_BOTH,
	    GP_DMARC_R_PASS, 0 },
	{ "both differ, the walk counts", "m.a.example", "a.example",
	    GP_DMARC_BOTH, GP_DMARC_R_FAIL, 1 },
	{ "the list alone", "m.a.example", "a.example", GP_DMARC_PSL,
	    GP_DMARC_R_PASS, 0 },
	{ "the walk alone", "m.a.example", "a.example", GP_DMARC_TREEWALK,
	    GP_DMARC_R_FAIL, 0 },
	{ "trouble is no difference", "t.example", "t.example", GP_DMARC_BOTH,
	    GP_DMARC_R_TEMPERROR, 0 },
	{ "no record", "c.example", "c.example", GP_DMARC_BOTH, GP_DMARC_R_NONE,
	    0 },
};

static struct gp_dmarc_outcome
check(struct gp_dns *dns, struct gp_psl *psl, const struct check_row *r,
    struct gp_metrics *metrics, struct gp_arena *arena)
{
	const char *dkim[] = { r->dkim };
	const struct gp_dmarc_inputs in = { .dkim_seen = true,
		.n_dkim_pass = 1,
		.dkim_pass = dkim };
	const struct gp_dmarc_checking how = { .discovery = r->discovery };
	const struct gp_dmarc_checker with = { .arena = arena,
		.how = &how,
		.metrics = metrics,
		.psl = psl };
	struct gp_dns_scope scope = { .dns = dns,
		.arena = gp_arena_new(),
		.deadline_us = GP_NEVER_US,
		.budget = 64 };
	struct gp_dmarc_outcome out =
	    gp_dmarc_check(&with, &scope, r->author, &in);

	gp_arena_free(scope.arena); /* the outcome must outlive it */
	return out;
}

static void
dmarc_check_table(void **state)
{
	struct gp_psl *psl;
	struct gp_dns *dns;

	(void)state;
	assert_int_equal(gp_psl_load(NULL, &psl, NULL), GP_OK);
	assert_int_equal(gp_dns_open_zone(gp_str(zone), NULL, &dns, NULL),
	    GP_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct check_row *r = &rows[i];
		struct gp_metrics *metrics = gp_metrics_new("dmarc");
		struct gp_arena *arena = gp_arena_new();
		struct gp_dmarc_outcome out;

		print_message("# %s\n", r->label);
		out = check(dns, psl, r, metrics, arena);
		assert_int_equal(out.result, r->result);
		assert_int_equal(gp_metrics_get(metrics, GP_M_DMARC_DIFFERENCES,
				     0),
		    r->differences);
		assert_int_equal(gp_metrics_get(metrics, GP_M_DMARC_RESULTS,
				     (unsigned)r->result),
		    1);
		if (out.record.has_rua)
			assert_true(gp_str_eq(out.record.rua,
			    GP_STR("mailto:x@a.example")));
		gp_arena_free(arena);
		gp_metrics_free(metrics);
	}
	gp_dns_close(dns);
	gp_psl_free(psl);
}

/* -- who is remembered ------------------------------------------------------
 */

static struct gp_ip
ip(const char *text)
{
	struct gp_ip out;

	assert_int_equal(gp_ip_parse(gp_str(text), &out), GP_OK);
	return out;
}

static void
dmarc_known_by_network_and_domain_for_thirty_days(void **state)
{
	struct gp_dmarc_known *k = gp_dmarc_known_new();
	const struct gp_ip here = ip("192.0.2.1"), same = ip("192.0.2.99"),
			   other = ip("192.0.3.1"), v6 = ip("2001:db8::1"),
			   v6_same = ip("2001:db8::2:0:0:1"),
			   v6_other = ip("2001:db8:0:1::1"), none = { 0 };

	(void)state;
	assert_false(gp_dmarc_known_has(k, &here, "a.example", 1000));
	gp_dmarc_known_add(k, &here, "a.example", 1000);
	gp_dmarc_known_add(k, &v6, "a.example", 1000);
	gp_dmarc_known_add(k, &none, "a.example", 1000);
	assert_true(gp_dmarc_known_has(k, &here, "a.example", 1000));
	assert_true(gp_dmarc_known_has(k, &same, "a.example", 1000));
	assert_false(gp_dmarc_known_has(k, &other, "a.example", 1000));
	assert_false(gp_dmarc_known_has(k, &here, "b.example", 1000));
	assert_true(gp_dmarc_known_has(k, &v6_same, "a.example", 1000));
	assert_false(gp_dmarc_known_has(k, &v6_other, "a.example", 1000));
	assert_false(gp_dmarc_known_has(k, &none, "a.example", 1000));
	assert_true(
	    gp_dmarc_known_has(k, &here, "a.example", 1000 + 30 * DAY_S));
	assert_false(
	    gp_dmarc_known_has(k, &here, "a.example", 1001 + 30 * DAY_S));
	gp_dmarc_known_unref(k);
}

/* The table is full long before; what was seen last stays. */
static void
dmarc_known_is_bounded_and_keeps_the_newest(void **state)
{
	struct gp_dmarc_known *k = gp_dmarc_known_new();
	const struct gp_ip client = ip("192.0.2.1");
	unsigned kept = 0;
	char domain[32];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.example", i);
		gp_dmarc_known_add(k, &client, domain, i);
		assert_true(gp_dmarc_known_has(k, &client, domain, i));
	}
	for (int i = 0; i < 200000; i++) {
		(void)snprintf(domain, sizeof(domain), "d%d.example", i);
		kept += gp_dmarc_known_has(k, &client, domain, 200000);
	}
	assert_true(kept > 60000 && kept <= 65536);
	gp_dmarc_known_unref(gp_dmarc_known_ref(k));
	gp_dmarc_known_unref(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_check_table),
		cmocka_unit_test(
		    dmarc_known_by_network_and_domain_for_thirty_days),
		cmocka_unit_test(dmarc_known_is_bounded_and_keeps_the_newest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
