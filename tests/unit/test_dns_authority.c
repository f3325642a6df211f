/* The name servers of the zone in which a name lies. */
#include "io/dns_authority.h"

#include "io/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char zone[] = "shop.example NS ns1.shop.example\n"
			   "shop.example NS ns2.other.example\n"
			   "ns1.shop.example A 192.0.2.1\n"
			   "ns1.shop.example AAAA 2001:db8::1\n"
			   "ns2.other.example A 192.0.2.2\n"
			   "s._domainkey.shop.example TXT \"v=DKIM1; p=\"\n"
			   /* a zone below it */
			   "news.shop.example NS ns3.shop.example\n"
			   "ns3.shop.example A 192.0.2.3\n"
			   "ns3.shop.example A 192.0.2.4\n"
			   /* an alias into another zone */
			   "a._domainkey.shop.example CNAME b.hop.example\n"
			   "b.hop.example CNAME s.provider.example\n"
			   "provider.example NS ns.provider.example\n"
			   "ns.provider.example A 192.0.2.5\n"
			   /* the same address twice */
			   "twice.example NS x.twice.example\n"
			   "twice.example NS y.twice.example\n"
			   "x.twice.example A 192.0.2.6\n"
			   "y.twice.example A 192.0.2.6\n"
			   /* servers without an address */
			   "bare.example NS ns.bare.example\n"
			   /* nobody tells */
			   "dead.example NS !SERVFAIL\n"
			   "cdead.example CNAME !SERVFAIL\n"
			   "loop1.example CNAME loop2.example\n"
			   "loop2.example CNAME loop1.example\n";

static const struct {
	const char *name;
	enum gp_rc rc;
	const char *record, *zone; /* with GP_OK */
	const char *servers;       /* "HOST=ADDRESS ..." */
	const char *why;           /* else */
} rows[] = {
	{ "s._domainkey.shop.example", GP_OK, "s._domainkey.shop.example",
	    "shop.example",
	    "ns1.shop.example=192.0.2.1:53 "
	    "ns1.shop.example=[2001:db8::1]:53 "
	    "ns2.other.example=192.0.2.2:53 ",
	    NULL },
	{ "not.there.shop.example", GP_OK, "not.there.shop.example",
	    "shop.example",
	    "ns1.shop.example=192.0.2.1:53 "
	    "ns1.shop.example=[2001:db8::1]:53 "
	    "ns2.other.example=192.0.2.2:53 ",
	    NULL },
	{ "s._domainkey.news.shop.example", GP_OK,
	    "s._domainkey.news.shop.example", "news.shop.example",
	    "ns3.shop.example=192.0.2.3:53 ns3.shop.example=192.0.2.4:53 ",
	    NULL },
	{ "a._domainkey.shop.example", GP_OK, "s.provider.example",
	    "provider.example", "ns.provider.example=192.0.2.5:53 ", NULL },
	{ "s.twice.example", GP_OK, "s.twice.example", "twice.example",
	    "x.twice.example=192.0.2.6:53 ", NULL },
	{ "s.bare.example", GP_NONE, NULL, NULL, NULL,
	    "the name servers of bare.example have no address" },
	{ "s.nowhere.example", GP_NONE, NULL, NULL, NULL,
	    "no zone above it has name servers" },
	{ "s.dead.example", GP_TEMP, NULL, NULL, NULL,
	    "NS of dead.example: SERVFAIL" },
	{ "cdead.example", GP_TEMP, NULL, NULL, NULL, "CNAME: SERVFAIL" },
	{ "loop1.example", GP_NONE, NULL, NULL, NULL, "more than 8 aliases" },
};

static void
check(struct gp_dns *dns, size_t i)
{
	struct gp_dns_scope scope = { .dns = dns,
		.arena = gp_arena_new(),
		.deadline_us = gp_clock_us() + 10000000,
		.budget = 100 };
	struct gp_dns_authorities list;
	struct gp_err err = { "" };
	struct gp_buf out;
	enum gp_rc rc =
	    gp_dns_authorities_find(&scope, rows[i].name, &list, &err);

	gp_buf_init(&out, SIZE_MAX);
	if (rc != rows[i].rc)
		fail_msg("%s: %s %s", rows[i].name, gp_rc_name(rc), err.msg);
	if (rc == GP_OK) {
		assert_string_equal(list.name, rows[i].record);
		assert_string_equal(list.zone, rows[i].zone);
		for (size_t s = 0; s < list.n; s++)
			gp_buf_addf(&out, "%s=%s ", list.v[s].host,
			    list.v[s].address);
		assert_string_equal(gp_buf_cstr(&out), rows[i].servers);
	} else if (strstr(err.msg, rows[i].why) == NULL) {
		fail_msg("%s: %s", rows[i].name, err.msg);
	}
	gp_buf_clear(&out);
	gp_arena_free(scope.arena);
}

static void
dns_authority_is_found_by_name(void **state)
{
	struct gp_dns *dns;
	struct gp_err err;

	(void)state;
	if (gp_dns_open_zone(GP_STR(zone), NULL, &dns, &err) != GP_OK)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(dns, i);
	gp_dns_close(dns);
}

/* Nobody listens there: each has its answer, and within its time. */
static void
dns_authority_that_is_not_there_answers_temporary(void **state)
{
	static const char *const servers[] = { "127.0.0.1:1", "[::1]:1",
		"no address" };
	struct gp_dns_answer answers[3];
	struct gp_arena *arena = gp_arena_new();
	int64_t begun_us = gp_clock_us();

	(void)state;
	gp_dns_ask_each(servers, 3, "s.example", 500, arena, answers);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(answers[i].rc, GP_TEMP);
		assert_non_null(answers[i].why);
	}
	assert_true(gp_clock_us() - begun_us < 10000000);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dns_authority_is_found_by_name),
		cmocka_unit_test(
		    dns_authority_that_is_not_there_answers_temporary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
