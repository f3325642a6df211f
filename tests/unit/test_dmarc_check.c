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
    "_dmarc.t.example. * !SERVFAIL\n"
    "_dmarc.bad.b.example. * !SERVFAIL\n"
    "_dmarc.b.badtop. TXT \"v=DMARC1; p=reject\"\n"
    "_dmarc.badtop. * !SERVFAIL\n"
    "_dmarc.s.example. TXT \"v=DMARC1; p=reject; adkim=s; aspf=s\"\n";

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

/* -- both mechanisms, for a report ------------------------------------- */

struct every_row {
	const char *label, *author, *spf, *dkim;
	bool spf_aligned, dkim_aligned;
	unsigned queries, queries_without; /* with `records`, and without */
};

static const struct every_row every_rows[] = {
	{ "both are the author", "b.example", "b.example", "b.example", true,
	    true, 1, 1 },
	{ "only one is authenticated", "b.example", NULL, "b.example", false,
	    true, 1, 1 },
	{ "the other is of another top", "b.example", "x.test", "b.example",
	    false, true, 1, 1 },
	{ "strict: a subdomain needs no question", "s.example", "m.s.example",
	    "s.example", false, true, 1, 1 },
	{ "the other is a subdomain", "b.example", "m.b.example", "b.example",
	    true, true, 5, 1 },
	{ "the other is a stranger", "b.example", "b.example", "x.example",
	    true, false, 2, 1 },
	{ "no answer for the other: still a pass", "b.example", "bad.b.example",
	    "b.example", false, true, 3, 1 },
	{ "no answer for the author's walk: still a pass", "b.badtop",
	    "m.b.badtop", "b.badtop", false, true, 2, 1 },
};

static void
dmarc_check_for_records_knows_both_and_a_pass_stays(void **state)
{
	struct gp_dns *dns;

	(void)state;
	assert_int_equal(gp_dns_open_zone(gp_str(zone), NULL, &dns, NULL),
	    GP_OK);
	for (size_t i = 0; i < 2 * sizeof(every_rows) / sizeof(every_rows[0]);
	     i++) {
		const struct every_row *r = &every_rows[i / 2];
		const bool records = i % 2 == 0;
		const char *dkim[] = { r->dkim };
		const struct gp_dmarc_inputs in = { .spf_seen = true,
			.dkim_seen = true,
			.spf_pass = r->spf,
			.n_dkim_pass = 1,
			.dkim_pass = dkim };
		const struct gp_dmarc_checking how = { .records = records };
		struct gp_arena *arena = gp_arena_new();
		const struct gp_dmarc_checker with = { .arena = arena,
			.how = &how };
		struct gp_dns_scope scope = { .dns = dns,
			.arena = gp_arena_new(),
			.deadline_us = GP_NEVER_US,
			.budget = 64 };
		struct gp_dmarc_outcome o =
		    gp_dmarc_check(&with, &scope, r->author, &in);

		print_message("# %s\n", r->label);
		assert_int_equal(o.result, GP_DMARC_R_PASS);
		assert_true(o.spf_aligned || o.dkim_aligned);
		assert_int_equal(o.queries,
		    records ? r->queries : r->queries_without);
		if (records) {
			assert_int_equal(o.spf_aligned, r->spf_aligned);
			assert_int_equal(o.dkim_aligned, r->dkim_aligned);
		}
		gp_arena_free(scope.arena);
		gp_arena_free(arena);
	}
	gp_dns_close(dns);
}

/* -- filters that said nothing ----------------------------------------- */

#define SPF  "no results of gatepost-spf"
#define DKIM "no results of gatepost-dkim"
#define BOTH "no results of gatepost-spf and gatepost-dkim"
#define SIGNED(d)                                                              \
	" v=1; a=rsa-sha256; d=" d "; s=s; h=from; b=AAAA;\r\n"                \
	" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

struct unheard_row {
	const char *label;
	bool spf_seen, dkim_seen;
	const char *sender;    /* NULL: none */
	const char *signature; /* NULL: none */
	const char *unheard;
};

static const struct unheard_row unheard_rows[] = {
	{ "both spoke", true, true, "b.example", SIGNED("b.example"), NULL },
	{ "no SPF, the sender is the author", false, true, "b.example", NULL,
	    SPF },
	{ "no SPF, the sender is below", false, true, "m.b.example", NULL,
	    SPF },
	{ "no SPF, the sender is another", false, true, "evil.example", NULL,
	    NULL },
	{ "no SPF, no sender", false, true, NULL, SIGNED("b.example"), NULL },
	{ "no SPF, and DNS does not say", false, true, "bad.b.example", NULL,
	    SPF },
	{ "no DKIM, signed by the author", true, false, "b.example",
	    SIGNED("b.example"), DKIM },
	{ "no DKIM, signed below", true, false, NULL, SIGNED("M.B.Example"),
	    DKIM },
	{ "no DKIM, signed by another", true, false, NULL,
	    SIGNED("evil.example"), NULL },
	{ "no DKIM, a signature that is none", true, false, NULL,
	    " d=b.example", NULL },
	{ "no DKIM, not signed", true, false, "b.example", NULL, NULL },
	{ "neither, the sender is the author", false, false, "b.example", NULL,
	    BOTH },
	{ "neither, signed by the author", false, false, NULL,
	    SIGNED("b.example"), BOTH },
	{ "neither, nothing is claimed", false, false, "evil.example",
	    SIGNED("evil.example"), NULL },
};

static void
dmarc_unheard_table(void **state)
{
	const struct gp_dmarc_checking how = { .records = true };
	struct gp_dns *dns;

	(void)state;
	assert_int_equal(gp_dns_open_zone(gp_str(zone), NULL, &dns, NULL),
	    GP_OK);
	for (size_t i = 0; i < sizeof(unheard_rows) / sizeof(unheard_rows[0]);
	     i++) {
		const struct unheard_row *r = &unheard_rows[i];
		const struct gp_dmarc_inputs in = { .spf_seen = r->spf_seen,
			.dkim_seen = r->dkim_seen };
		struct gp_arena *arena = gp_arena_new();
		const struct gp_dmarc_checker with = { .arena = arena,
			.how = &how };
		struct gp_header header = { .n = 0 };
		const struct gp_dmarc_claims claims = { .author = "b.example",
			.sender = r->sender,
			.header = &header };
		struct gp_dns_scope scope = { .dns = dns,
			.arena = gp_arena_new(),
			.deadline_us = GP_NEVER_US,
			.budget = 64 };
		const char *got;

		print_message("# %s\n", r->label);
		gp_header_add(&header, arena, GP_STR("From"),
		    GP_STR(" a@b.example"));
		if (r->signature != NULL)
			gp_header_add(&header, arena, GP_STR("dkim-signature"),
			    gp_str(r->signature));
		got = gp_dmarc_unheard(&with, &scope, &claims, &in);
		if (r->unheard == NULL)
			assert_null(got);
		else
			assert_string_equal(got, r->unheard);
		/* of fields that are missing nothing is known */
		header.over = true;
		got = gp_dmarc_unheard(&with, &scope, &claims, &in);
		assert_int_equal(got != NULL,
		    r->unheard != NULL || !r->dkim_seen);
		gp_arena_free(scope.arena);
		gp_arena_free(arena);
	}
	gp_dns_close(dns);
}

/* -- who is remembered ------------------------------------------------- */

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
		    dmarc_check_for_records_knows_both_and_a_pass_stays),
		cmocka_unit_test(dmarc_unheard_table),
		cmocka_unit_test(
		    dmarc_known_by_network_and_domain_for_thirty_days),
		cmocka_unit_test(dmarc_known_is_bounded_and_keeps_the_newest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
