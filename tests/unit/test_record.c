/* What goes in comes out, and nothing else comes out. */
#include "core/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define N(table) (sizeof(table) / sizeof((table)[0]))

static const struct gp_record full = {
	.time_s = INT64_C(1795000000),
	.source_ip = { .family = GP_IP_V6, .b = { 0x20, 1, 0xd, 0xb8, 9 } },
	.header_from = GP_STR("news.example.com"),
	.envelope_from = GP_STR("bounce.example.net"),
	.policy_published = {
		.domain = GP_STR("example.com"),
		.discovery_method = GP_RECORD_TREEWALK,
		.p = GP_RECORD_P_REJECT,
		.sp = GP_RECORD_P_QUARANTINE,
		.np = GP_RECORD_P_NONE,
		.adkim = GP_RECORD_STRICT,
		.aspf = GP_RECORD_RELAXED,
		.testing = true,
	},
	.policy_evaluated = {
		.result = GP_RECORD_R_FAIL,
		.disposition = GP_RECORD_D_QUARANTINE,
		.dkim = true,
		.spf = false,
		.reason = GP_RECORD_O_POLICY_TEST_MODE,
		.comment = GP_STR("t=y, \xc3\xa9\xc3\xa8"),
	},
	.spf = {
		.scope = GP_RECORD_MFROM,
		.result = GP_SPF_SOFTFAIL,
		.domain = GP_STR("bounce.example.net"),
	},
	.n_dkim = 2,
	.dkim = {
		{ GP_DKIM_PASS, GP_STR("news.example.com"), GP_STR("n2026a") },
		{ GP_DKIM_PERMERROR, GP_STR("list.example"), GP_STR("a.b") },
	},
};

/* What a message without anything leaves. */
static const struct gp_record least = {
	.header_from = GP_STR("a"),
};

static char long_name[GP_DOMAIN_MAX + 2];
static char long_comment[GP_RECORD_COMMENT_MAX + 2];

static int
make_texts(void **state)
{
	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	memset(long_comment, 'c', sizeof(long_comment) - 1);
	return 0;
}

static struct gp_record
largest(void)
{
	const struct gp_str name = gp_str_n(long_name, GP_DOMAIN_MAX);
	struct gp_record r = full;

	r.time_s = INT64_MAX;
	r.header_from = r.envelope_from = name;
	r.policy_published.domain = r.spf.domain = name;
	r.policy_evaluated.comment =
	    gp_str_n(long_comment, GP_RECORD_COMMENT_MAX);
	r.n_dkim = GP_RECORD_DKIM_MAX;
	for (unsigned i = 0; i < r.n_dkim; i++) {
		r.dkim[i].result = GP_DKIM_POLICY;
		r.dkim[i].domain = r.dkim[i].selector = name;
	}
	return r;
}

static void
assert_str(struct gp_str a, struct gp_str b)
{
	assert_int_equal(a.n, b.n);
	if (a.n != 0)
		assert_memory_equal(a.p, b.p, a.n);
}

static void
assert_same(const struct gp_record *a, const struct gp_record *b)
{
	assert_int_equal(a->time_s, b->time_s);
	assert_true(a->source_ip.family == b->source_ip.family);
	assert_memory_equal(a->source_ip.b, b->source_ip.b, 16);
	assert_str(a->header_from, b->header_from);
	assert_str(a->envelope_from, b->envelope_from);
	assert_str(a->policy_published.domain, b->policy_published.domain);
	assert_int_equal(a->policy_published.discovery_method,
	    b->policy_published.discovery_method);
	assert_int_equal(a->policy_published.p, b->policy_published.p);
	assert_int_equal(a->policy_published.sp, b->policy_published.sp);
	assert_int_equal(a->policy_published.np, b->policy_published.np);
	assert_int_equal(a->policy_published.adkim, b->policy_published.adkim);
	assert_int_equal(a->policy_published.aspf, b->policy_published.aspf);
	assert_int_equal(a->policy_published.testing,
	    b->policy_published.testing);
	assert_int_equal(a->policy_evaluated.result,
	    b->policy_evaluated.result);
	assert_int_equal(a->policy_evaluated.disposition,
	    b->policy_evaluated.disposition);
	assert_int_equal(a->policy_evaluated.dkim, b->policy_evaluated.dkim);
	assert_int_equal(a->policy_evaluated.spf, b->policy_evaluated.spf);
	assert_int_equal(a->policy_evaluated.reason,
	    b->policy_evaluated.reason);
	assert_str(a->policy_evaluated.comment, b->policy_evaluated.comment);
	assert_int_equal(a->spf.scope, b->spf.scope);
	assert_int_equal(a->spf.result, b->spf.result);
	assert_str(a->spf.domain, b->spf.domain);
	assert_int_equal(a->n_dkim, b->n_dkim);
	for (unsigned i = 0; i < a->n_dkim; i++) {
		assert_int_equal(a->dkim[i].result, b->dkim[i].result);
		assert_str(a->dkim[i].domain, b->dkim[i].domain);
		assert_str(a->dkim[i].selector, b->dkim[i].selector);
	}
}

static size_t
encode(const struct gp_record *r, uint8_t out[GP_RECORD_BYTES_MAX])
{
	struct gp_err err = { "" };
	size_t n;

	if (gp_record_encode(r, out, &n, &err) != GP_OK)
		fail_msg("not encoded: %s", err.msg);
	assert_true(n > 0 && n <= GP_RECORD_BYTES_MAX);
	return n;
}

static enum gp_rc
decode(const uint8_t *bytes, size_t n, struct gp_record *out)
{
	return gp_record_decode(gp_str_n((const char *)bytes, n), out);
}

static void
round_trip(const struct gp_record *r)
{
	uint8_t bytes[GP_RECORD_BYTES_MAX], again[GP_RECORD_BYTES_MAX];
	const size_t n = encode(r, bytes);
	struct gp_record back;

	assert_int_equal(decode(bytes, n, &back), GP_OK);
	assert_same(r, &back);
	assert_int_equal(encode(&back, again), n);
	assert_memory_equal(bytes, again, n);
}

static void
record_every_member_comes_back(void **state)
{
	const struct gp_record big = largest();
	struct gp_record v4 = full;

	(void)state;
	v4.source_ip = (struct gp_ip){ GP_IP_V4, { 192, 0, 2, 255 } };
	round_trip(&full);
	round_trip(&v4);
	round_trip(&least);
	round_trip(&big);
}

/* Each enumeration through all its values. */
static void
record_every_word_comes_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GP_DKIM_RESULTS * 8; i++) {
		struct gp_record r = full;

		r.dkim[1].result = (enum gp_dkim_result)(i % GP_DKIM_RESULTS);
		r.spf.result = (enum gp_spf_result)(i % GP_SPF_RESULTS);
		r.spf.scope = i % 2 ? GP_RECORD_HELO : GP_RECORD_MFROM;
		r.policy_published.discovery_method =
		    i % 3 ? GP_RECORD_PSL : GP_RECORD_TREEWALK;
		r.policy_published.p = (enum gp_record_policy)(i % 4);
		r.policy_published.sp = (enum gp_record_policy)(i / 2 % 4);
		r.policy_published.np = (enum gp_record_policy)(i / 3 % 4);
		r.policy_published.adkim = (enum gp_record_alignment)(i % 2);
		r.policy_published.aspf = (enum gp_record_alignment)(i / 2 % 2);
		r.policy_published.testing = i % 2 == 0;
		r.policy_evaluated.result = (enum gp_record_result)(i % 5);
		r.policy_evaluated.disposition =
		    (enum gp_record_disposition)(i / 3 % 4);
		r.policy_evaluated.dkim = i / 4 % 2 == 0;
		r.policy_evaluated.spf = i / 8 % 2 == 0;
		r.policy_evaluated.reason = (enum gp_record_override)(i % 6);
		round_trip(&r);
	}
}

/* The stored form is a promise to the next version of the program. */
static void
record_bytes_stay_as_they_are(void **state)
{
	static const uint8_t body[] = {
		0, 0, 0, 0, 0, 0, 1, 2,   /* time */
		4, 192, 0, 2, 1,          /* address */
		1, 3, 2, 1, 1, 0, 1,      /* policy_published */
		2, 2, 1, 0, 4,            /* policy_evaluated */
		1, 'a', 0, 1, 'b', 0,     /* strings */
		1, 5, 1, 'c',             /* spf */
		1, 1, 1, 'd', 2, 's', '1' /* dkim */
	};
	struct gp_record r = full;
	uint8_t bytes[GP_RECORD_BYTES_MAX];
	size_t n;

	(void)state;
	r.time_s = 258;
	r.source_ip = (struct gp_ip){ GP_IP_V4, { 192, 0, 2, 1 } };
	r.header_from = GP_STR("a");
	r.envelope_from = GP_STR("");
	r.policy_published.domain = GP_STR("b");
	r.policy_evaluated.comment = GP_STR("");
	r.spf.domain = GP_STR("c");
	r.n_dkim = 1;
	r.dkim[0].domain = GP_STR("d");
	r.dkim[0].selector = GP_STR("s1");
	n = encode(&r, bytes);
	assert_int_equal(n, 9 + sizeof(body));
	assert_int_equal(bytes[0], 2);
	assert_memory_equal(bytes + 9, body, sizeof(body));
}

static void
record_damaged_is_absent(void **state)
{
	uint8_t bytes[GP_RECORD_BYTES_MAX + 1];
	const size_t n = encode(&full, bytes);
	struct gp_record back;

	(void)state;
	for (size_t bit = 0; bit < n * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (decode(bytes, n, &back) != GP_NONE)
			fail_msg("bit %zu makes no difference", bit);
		assert_true(back.header_from.n == 0 && back.n_dkim == 0);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < n; cut++)
		if (decode(bytes, cut, &back) != GP_NONE)
			fail_msg("%zu of %zu octets are a record", cut, n);
	bytes[n] = 0;
	assert_int_equal(decode(bytes, n + 1, &back), GP_NONE);
	assert_int_equal(gp_record_decode(gp_str(NULL), &back), GP_NONE);
	assert_int_equal(decode(bytes, n, &back), GP_OK);
}

/* -- what no record is ---------------------------------------------------- */

struct broken {
	const char *member;
	void (*breaks)(struct gp_record *);
};

#define BREAKS(name, statement)                                                \
	static void name(struct gp_record *r)                                  \
	{                                                                      \
		statement;                                                     \
	}

BREAKS(no_from, r->header_from = GP_STR(""))
BREAKS(blank_in_from, r->header_from = GP_STR("a b"))
BREAKS(nul_in_from, r->header_from = GP_STR("a\0b"))
BREAKS(long_from, r->header_from = gp_str_n(long_name, GP_DOMAIN_MAX + 1))
BREAKS(line_in_envelope, r->envelope_from = GP_STR("a\r\nb"))
BREAKS(eight_bit_policy, r->policy_published.domain = GP_STR("\xc3\xa9"))
BREAKS(early, r->time_s = -1)
BREAKS(odd_family, r->source_ip.family = (enum gp_ip_family)5)
BREAKS(odd_method,
    r->policy_published.discovery_method = (enum gp_record_discovery)2)
BREAKS(odd_p, r->policy_published.p = (enum gp_record_policy)4)
BREAKS(odd_sp, r->policy_published.sp = (enum gp_record_policy)4)
BREAKS(odd_np, r->policy_published.np = (enum gp_record_policy)4)
BREAKS(odd_adkim, r->policy_published.adkim = (enum gp_record_alignment)2)
BREAKS(odd_aspf, r->policy_published.aspf = (enum gp_record_alignment)2)
BREAKS(odd_result, r->policy_evaluated.result = (enum gp_record_result)5)
BREAKS(odd_disposition,
    r->policy_evaluated.disposition = (enum gp_record_disposition)4)
BREAKS(odd_reason, r->policy_evaluated.reason = (enum gp_record_override)6)
BREAKS(line_in_comment, r->policy_evaluated.comment = GP_STR("a\nb"))
BREAKS(latin_comment, r->policy_evaluated.comment = GP_STR("\xe9"))
BREAKS(long_comment_of, r->policy_evaluated.comment = gp_str_n(long_comment,
			    GP_RECORD_COMMENT_MAX + 1))
BREAKS(odd_scope, r->spf.scope = (enum gp_record_scope)3)
BREAKS(odd_spf, r->spf.result = GP_SPF_RESULTS)
BREAKS(long_spf, r->spf.domain = gp_str_n(long_name, GP_DOMAIN_MAX + 1))
BREAKS(spf_not_asked, r->spf.scope = GP_RECORD_NO_SPF)
BREAKS(nine_dkim, r->n_dkim = GP_RECORD_DKIM_MAX + 1)
BREAKS(odd_dkim, r->dkim[1].result = GP_DKIM_RESULTS)
BREAKS(blank_in_dkim, r->dkim[1].domain = GP_STR("a b"))
BREAKS(long_selector,
    r->dkim[1].selector = gp_str_n(long_name, GP_DOMAIN_MAX + 1))

static const struct broken broken[] = {
	{ "header_from", no_from },
	{ "header_from", blank_in_from },
	{ "header_from", nul_in_from },
	{ "header_from", long_from },
	{ "envelope_from", line_in_envelope },
	{ "policy_published", eight_bit_policy },
	{ "time", early },
	{ "source_ip", odd_family },
	{ "policy_published", odd_method },
	{ "policy_published", odd_p },
	{ "policy_published", odd_sp },
	{ "policy_published", odd_np },
	{ "policy_published", odd_adkim },
	{ "policy_published", odd_aspf },
	{ "policy_evaluated", odd_result },
	{ "policy_evaluated", odd_disposition },
	{ "policy_evaluated", odd_reason },
	{ "policy_evaluated", line_in_comment },
	{ "policy_evaluated", latin_comment },
	{ "policy_evaluated", long_comment_of },
	{ "spf", odd_scope },
	{ "spf", odd_spf },
	{ "spf", long_spf },
	{ "spf", spf_not_asked },
	{ "dkim", nine_dkim },
	{ "dkim", odd_dkim },
	{ "dkim", blank_in_dkim },
	{ "dkim", long_selector },
};

static void
record_outside_of_its_bounds_is_not_encoded(void **state)
{
	uint8_t bytes[GP_RECORD_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < N(broken); i++) {
		struct gp_record r = full;
		struct gp_err err = { "" };
		size_t n = 1;

		broken[i].breaks(&r);
		if (gp_record_encode(&r, bytes, &n, &err) != GP_PERM || n != 0)
			fail_msg("row %zu (%s) is encoded", i,
			    broken[i].member);
		if (strstr(err.msg, broken[i].member) == NULL)
			fail_msg("row %zu: \"%s\"", i, err.msg);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_every_member_comes_back),
		cmocka_unit_test(record_every_word_comes_back),
		cmocka_unit_test(record_bytes_stay_as_they_are),
		cmocka_unit_test(record_damaged_is_absent),
		cmocka_unit_test(record_outside_of_its_bounds_is_not_encoded),
	};

	return cmocka_run_group_tests(tests, make_texts, NULL);
}
