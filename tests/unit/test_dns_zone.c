/* The zone text, and the resolver that answers from it. */
#include "io/clock.h"
#include "io/dns.h"
#include "io/dns_zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char zone_text[] =
    "; a comment, and an empty line\n"
    "\n"
    "Example.COM.      TXT   \"v=spf1 mx \" \"-all\" ; joined\r\n"
    "example.com       TXT   unquoted\n"
    "example.com   17  MX    10 mail.example.com\n"
    "example.com   99  MX    20 mail2.example.com. # a final dot\n"
    "mail.example.com  A     192.0.2.25\n"
    "mail.example.com  AAAA  2001:db8::25\n"
    "bytes.example.com TXT   \"a\\\"b\\\\c\\000\\255;\"\n"
    "null.example.com  MX    0 .\n"
    "25.2.0.192.in-addr.arpa PTR mail.example.com\n"
    "example.com NS ns1.example.com.\n"
    "www.example.com   5 CNAME mail.example.com\n"
    "out.example.com   CNAME nowhere.test\n"
    "loop1.example.com CNAME loop2.example.com\n"
    "loop2.example.com CNAME loop1.example.com\n"
    "*.wild.example.com A    192.0.2.80\n"
    "a.wild.example.com TXT  mine\n"
    "deep.ent.example.com A  192.0.2.1\n"
    "zero.example.com  0 TXT nothing\n"
    "sf.example.com    *     !SERVFAIL\n"
    "ref.example.com   A     !REFUSED\n"
    "ref.example.com   A     192.0.2.9\n"
    "ref.example.com   TXT   fine\n"
    "nx.example.com    TXT   !nxdomain\n"
    "nx.example.com    TXT   hidden\n"
    "*.bad.example.com *     !SERVFAIL\n"
    "to-sf.example.com CNAME sf.example.com\n"
    "slow.example.com  TXT   !DELAY 30ms\n"
    "slow.example.com  TXT   late\n"
    "dead.example.com  *     !TIMEOUT\n"
    "sp\\032ace.example.com A 192.0.2.33\n";

struct fixture {
	struct gp_dns *dns;
	struct gp_arena *arena;
	struct gp_dns_scope scope;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct gp_err err;

	if (f == NULL)
		return -1;
	if (gp_dns_open_zone(GP_STR(zone_text), NULL, &f->dns, &err) != GP_OK)
		fail_msg("%s", err.msg);
	f->arena = gp_arena_new();
	f->scope = (struct gp_dns_scope){ .dns = f->dns,
		.arena = f->arena,
		.deadline_us = gp_clock_us() + 5 * GP_US_PER_S,
		.budget = 100 };
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	gp_dns_close(f->dns);
	gp_arena_free(f->arena);
	free(f);
	return 0;
}

static const struct {
	const char *name;
	enum gp_dns_type type;
	enum gp_rc rc;
	bool nxdomain;
	uint32_t ttl_s;
	size_t n;
	const char *text; /* of the first record: text, or address */
	const char *why;
} answers[] = {
	{ "example.com", GP_DNS_TXT, GP_OK, false, 300, 2, "v=spf1 mx -all",
	    NULL },
	{ "EXAMPLE.com", GP_DNS_MX, GP_OK, false, 17, 2, "mail.example.com",
	    NULL },
	{ "mail.example.com", GP_DNS_A, GP_OK, false, 300, 1, "192.0.2.25",
	    NULL },
	{ "mail.example.com", GP_DNS_AAAA, GP_OK, false, 300, 1, "2001:db8::25",
	    NULL },
	{ "mail.example.com", GP_DNS_MX, GP_NONE, false, 60, 0, NULL, NULL },
	{ "null.example.com", GP_DNS_MX, GP_OK, false, 300, 1, "", NULL },
	{ "25.2.0.192.in-addr.arpa", GP_DNS_PTR, GP_OK, false, 300, 1,
	    "mail.example.com", NULL },
	{ "example.com", GP_DNS_NS, GP_OK, false, 300, 1, "ns1.example.com",
	    NULL },
	{ "www.example.com", GP_DNS_NS, GP_NONE, false, 5, 0, NULL, NULL },
	{ "www.example.com", GP_DNS_A, GP_OK, false, 5, 1, "192.0.2.25", NULL },
	{ "www.example.com", GP_DNS_CNAME, GP_OK, false, 5, 1,
	    "mail.example.com", NULL },
	{ "www.example.com", GP_DNS_TXT, GP_NONE, false, 5, 0, NULL, NULL },
	{ "out.example.com", GP_DNS_A, GP_NONE, true, 60, 0, NULL, NULL },
	{ "loop1.example.com", GP_DNS_A, GP_TEMP, false, 0, 0, NULL,
	    "CNAME chain too long" },
	{ "x.wild.example.com", GP_DNS_A, GP_OK, false, 300, 1, "192.0.2.80",
	    NULL },
	{ "y.x.wild.example.com", GP_DNS_A, GP_OK, false, 300, 1, "192.0.2.80",
	    NULL },
	{ "a.wild.example.com", GP_DNS_A, GP_NONE, false, 60, 0, NULL, NULL },
	{ "b.a.wild.example.com", GP_DNS_A, GP_NONE, true, 60, 0, NULL, NULL },
	{ "wild.example.com", GP_DNS_A, GP_NONE, false, 60, 0, NULL, NULL },
	{ "ent.example.com", GP_DNS_A, GP_NONE, false, 60, 0, NULL, NULL },
	{ "com", GP_DNS_A, GP_NONE, false, 60, 0, NULL, NULL },
	{ "absent.example.com", GP_DNS_A, GP_NONE, true, 60, 0, NULL, NULL },
	{ "zero.example.com", GP_DNS_TXT, GP_OK, false, 0, 1, "nothing", NULL },
	{ "sf.example.com", GP_DNS_A, GP_TEMP, false, 0, 0, NULL, "SERVFAIL" },
	{ "to-sf.example.com", GP_DNS_A, GP_TEMP, false, 0, 0, NULL,
	    "SERVFAIL" },
	{ "ref.example.com", GP_DNS_A, GP_TEMP, false, 0, 0, NULL, "REFUSED" },
	{ "ref.example.com", GP_DNS_TXT, GP_OK, false, 300, 1, "fine", NULL },
	{ "nx.example.com", GP_DNS_TXT, GP_NONE, true, 60, 0, NULL, NULL },
	{ "a.bad.example.com", GP_DNS_A, GP_TEMP, false, 0, 0, NULL,
	    "SERVFAIL" },
	{ "bad.example.com", GP_DNS_A, GP_NONE, true, 60, 0, NULL, NULL },
	{ "slow.example.com", GP_DNS_TXT, GP_OK, false, 300, 1, "late", NULL },
	{ "sp ace.example.com", GP_DNS_A, GP_OK, false, 300, 1, "192.0.2.33",
	    NULL },
	{ "double..dot", GP_DNS_A, GP_NONE, true, 0, 0, NULL, NULL },
	{ "final.dot.", GP_DNS_A, GP_NONE, true, 0, 0, NULL, NULL },
	{ "", GP_DNS_A, GP_NONE, true, 0, 0, NULL, NULL },
};

static const char *
first_text(const struct gp_dns_answer *a, char buf[GP_IP_TEXT])
{
	if (a->n == 0)
		return NULL;
	if (a->rr[0].ip.family != GP_IP_UNKNOWN)
		return gp_ip_format(&a->rr[0].ip, buf);
	return a->rr[0].text.p;
}

static void
zone_every_kind_of_name_is_answered(void **state)
{
	struct fixture *f = *state;
	char buf[GP_IP_TEXT];

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct gp_dns_answer a;
		const char *text;

		print_message("# %s %s\n", answers[i].name,
		    gp_dns_type_name(answers[i].type));
		assert_int_equal(gp_dns_query(&f->scope, answers[i].name,
				     answers[i].type, &a),
		    answers[i].rc);
		assert_int_equal(a.rc, answers[i].rc);
		assert_int_equal(a.nxdomain, answers[i].nxdomain);
		assert_int_equal(a.ttl_s, answers[i].ttl_s);
		assert_int_equal(a.n, answers[i].n);
		text = first_text(&a, buf);
		if (answers[i].text == NULL)
			assert_null(text);
		else
			assert_string_equal(text, answers[i].text);
		if (answers[i].why == NULL)
			assert_null(a.why);
		else
			assert_string_equal(a.why, answers[i].why);
	}
}

static void
zone_text_may_hold_any_byte(void **state)
{
	struct fixture *f = *state;
	static const char want[] = "a\"b\\c\0\377;";
	struct gp_dns_answer a;

	assert_int_equal(gp_dns_query(&f->scope, "bytes.example.com",
			     GP_DNS_TXT, &a),
	    GP_OK);
	assert_int_equal(a.rr[0].text.n, sizeof(want) - 1);
	assert_memory_equal(a.rr[0].text.p, want, sizeof(want));
}

static void
zone_timeout_ends_at_the_deadline(void **state)
{
	struct fixture *f = *state;
	const int64_t start = gp_clock_us();
	struct gp_dns_answer a;

	f->scope.deadline_us = start + 50 * GP_US_PER_MS;
	assert_int_equal(gp_dns_query(&f->scope, "dead.example.com", GP_DNS_TXT,
			     &a),
	    GP_TEMP);
	assert_string_equal(a.why, "timeout");
	assert_in_range(gp_clock_us() - start, 50 * GP_US_PER_MS,
	    900 * GP_US_PER_MS);
}

static void
zone_prefetch_is_answered_and_does_not_wait(void **state)
{
	static const char *const names[] = { "example.com", "slow.example.com",
		"dead.example.com", "absent.example.com", "sf.example.com" };
	struct fixture *f = *state;
	const int64_t start = gp_clock_us();
	struct gp_dns_held *held = NULL;
	struct gp_dns_answer a;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		gp_dns_prefetch(&f->scope, names[i], GP_DNS_TXT, &held);
	assert_true(gp_clock_us() - start < 900 * GP_US_PER_MS);
	f->scope.held = held;
	assert_int_equal(gp_dns_query(&f->scope, "example.com", GP_DNS_TXT, &a),
	    GP_OK);
	assert_int_equal(a.n, 2);
	assert_int_equal(gp_dns_query(&f->scope, "slow.example.com", GP_DNS_TXT,
			     &a),
	    GP_OK);
	assert_in_range(gp_clock_us() - start, 30 * GP_US_PER_MS,
	    900 * GP_US_PER_MS);
	/* the dead one is under way when the resolver is closed */
	f->scope.held = NULL;
	gp_dns_held_free(held);
}

static void
zone_timeout_ends_after_a_second(void **state)
{
	struct fixture *f = *state;
	const int64_t start = gp_clock_us();
	struct gp_dns_answer a;

	assert_int_equal(gp_dns_query(&f->scope, "dead.example.com", GP_DNS_TXT,
			     &a),
	    GP_TEMP);
	assert_in_range(gp_clock_us() - start, GP_DNS_ZONE_TIMEOUT_US,
	    4 * GP_US_PER_S);
}

static void
zone_wrong_text_names_the_line(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} bad[] = {
		{ "a.test A 192.0.2.1\nb.test A 1.2.3",
		    "zone line 2: not an address: \"1.2.3\"" },
		{ "a.test A 2001:db8::1", "zone line 1: not IPv4" },
		{ "a.test AAAA 192.0.2.1", "zone line 1: not IPv6" },
		{ "a.test A", "zone line 1: the address is missing" },
		{ "a.test", "zone line 1: the type is missing" },
		{ "a.test 300", "zone line 1: the type is missing" },
		{ "a.test SOA x", "zone line 1: not a type" },
		{ "a.test A 192.0.2.1 more", "zone line 1: unexpected word" },
		{ "a..test A 192.0.2.1", "zone line 1: not a domain name" },
		{ "a.test MX mail.test", "zone line 1: not a preference" },
		{ "a.test MX 10", "zone line 1: the name is missing" },
		{ "a.test MX 65536 b.test", "zone line 1: not a preference" },
		{ "a.test TXT \"open", "zone line 1: no closing quote" },
		{ "a.test TXT a\"b\"", "zone line 1: a quote within a word" },
		{ "a.test TXT \\256", "zone line 1: not an escape" },
		{ "a.test TXT \\1", "zone line 1: not an escape" },
		{ "a.test TXT", "zone line 1: the text is missing" },
		{ "a.test * 192.0.2.1", "zone line 1: a record needs a type" },
		{ "a.test * !BOOM", "zone line 1: not a fault: \"!BOOM\"" },
		{ "a.test * !DELAY", "zone line 1: the delay is missing" },
		{ "a.test * !DELAY 300", "zone line 1: not a delay" },
		{ "a.test * !DELAY 2h", "zone line 1: not a delay" },
		{ "a.test * !SERVFAIL x", "zone line 1: unexpected word" },
		{ "\n\na.test CNAME b.test\nA.test TXT x\n",
		    "zone line 3: a CNAME is alone at its name, but line 4" },
		{ "a.test CNAME b.test\na.test CNAME c.test",
		    "zone line 1: a CNAME is alone at its name, but line 2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct gp_err err = { "" };
		struct gp_dns *dns;

		print_message("# %s\n", bad[i].error);
		assert_int_equal(gp_dns_open_zone(gp_str(bad[i].text), NULL,
				     &dns, &err),
		    GP_PERM);
		assert_null(dns);
		assert_non_null(strstr(err.msg, bad[i].error));
	}
}

static void
zone_empty_text_knows_no_name(void **state)
{
	struct gp_dns_zone *z;
	const struct gp_dns_question q = { "a.test", GP_DNS_A };
	struct gp_dns_zone_reply r;

	(void)state;
	assert_int_equal(gp_dns_zone_parse(GP_STR(""), &z, NULL), GP_OK);
	r = gp_dns_zone_answer(z, &q);
	assert_int_equal(r.answer.rc, GP_NONE);
	assert_true(r.answer.nxdomain);
	assert_false(gp_dns_zone_delays(z));
	gp_dns_zone_free(z);
}

static void
zone_root_wildcard_answers_for_all(void **state)
{
	struct gp_dns_zone *z;
	const struct gp_dns_question q = { "a.test", GP_DNS_TXT };
	struct gp_dns_zone_reply r;

	(void)state;
	assert_int_equal(gp_dns_zone_parse(GP_STR("* TXT all"), &z, NULL),
	    GP_OK);
	r = gp_dns_zone_answer(z, &q);
	assert_int_equal(r.answer.rc, GP_OK);
	gp_dns_zone_free(z);
}

static void
zone_delay_and_fault_add_up(void **state)
{
	struct gp_dns_zone *z;
	const struct gp_dns_question q = { "a.test", GP_DNS_TXT };
	struct gp_dns_zone_reply r;

	(void)state;
	assert_int_equal(gp_dns_zone_parse(GP_STR("a.test * !REFUSED\n"
						  "a.test TXT !DELAY 2s\n"),
			     &z, NULL),
	    GP_OK);
	r = gp_dns_zone_answer(z, &q);
	assert_int_equal(r.answer.rc, GP_TEMP);
	assert_string_equal(r.answer.why, "REFUSED");
	assert_int_equal(r.delay_us, 2 * GP_US_PER_S);
	assert_true(gp_dns_zone_delays(z));
	gp_dns_zone_free(z);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    zone_every_kind_of_name_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(zone_text_may_hold_any_byte,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    zone_timeout_ends_at_the_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    zone_prefetch_is_answered_and_does_not_wait, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    zone_timeout_ends_after_a_second, setup, teardown),
		cmocka_unit_test(zone_wrong_text_names_the_line),
		cmocka_unit_test(zone_empty_text_knows_no_name),
		cmocka_unit_test(zone_root_wildcard_answers_for_all),
		cmocka_unit_test(zone_delay_and_fault_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
