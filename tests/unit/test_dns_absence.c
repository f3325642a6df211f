/* Absence, aliases and failure read from DNS messages. */
#include "io/dns_parse.h"
#include "support/dns_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* -- what each row's message holds beside its question ------------------- */

static void
cname(struct dns_message *m, const char *owner, const char *target)
{
	dns_message_target(m, owner, GP_DNS_CNAME, 200, 0, target);
}

static void
a_of_another(struct dns_message *m)
{
	dns_row_address(m, "example.net", "192.0.2.1", 300);
	dns_message_soa(m, "com", 900, 70);
}

static void
a_of_class_chaos(struct dns_message *m)
{
	dns_row_address(m, DNS_ROW_NAME, "192.0.2.1", 300);
	dns_message_set_u16(m, m->n - 12, 3);
}

static void
chain(struct dns_message *m)
{
	/* as some servers do: the end before the links */
	dns_row_address(m, "c.test", "192.0.2.9", 100);
	cname(m, "B.test", "c.TEST");
	cname(m, DNS_ROW_NAME, "b.test");
}

static void
chain_leaves(struct dns_message *m)
{
	cname(m, DNS_ROW_NAME, "b.test");
	cname(m, "b.test", "Far.test");
	dns_message_soa(m, "example.com", 900, 70);
}

static void
chain_ends_without(struct dns_message *m)
{
	cname(m, DNS_ROW_NAME, "b.test");
	dns_message_soa(m, "TEST", 900, 70);
}

static void
chain_of(struct dns_message *m, unsigned links)
{
	static const char *const names[] = { DNS_ROW_NAME, "a.t", "b.t", "c.t",
		"d.t", "e.t", "f.t", "g.t", "h.t", "i.t" };

	for (unsigned i = 0; i < links; i++)
		cname(m, names[i], names[i + 1]);
	dns_row_address(m, names[links], "192.0.2.9", 300);
}

static void
chain_of_8(struct dns_message *m)
{
	chain_of(m, 8);
}

static void
chain_of_9(struct dns_message *m)
{
	chain_of(m, 9);
}

static void
chain_loop(struct dns_message *m)
{
	cname(m, DNS_ROW_NAME, "b.test");
	cname(m, "b.test", DNS_ROW_NAME);
}

static void
chain_to_dot(struct dns_message *m)
{
	cname(m, DNS_ROW_NAME, "a\\.b.test");
}

static void
chain_to_root(struct dns_message *m)
{
	cname(m, DNS_ROW_NAME, "");
}

static void
soa(struct dns_message *m)
{
	dns_message_soa(m, "com", 900, 70);
}

static void
soa_ttl_lower(struct dns_message *m)
{
	dns_message_soa(m, "", 40, 70);
}

static void
soa_of_another(struct dns_message *m)
{
	dns_message_soa(m, "ample.com", 900, 70);
}

static void
soa_short(struct dns_message *m)
{
	const size_t mark = dns_message_rr(m, DNS_AUTHORITY, "com", 6, 900);

	dns_message_name(m, "");
	dns_message_name(m, "");
	for (int i = 0; i < 4; i++)
		dns_message_u32(m, 3600);
	dns_message_rr_end(m, mark);
}

static void
ns(struct dns_message *m)
{
	const size_t mark = dns_message_rr(m, DNS_AUTHORITY, "com", 2, 300);

	dns_message_name(m, "ns.com");
	dns_message_rr_end(m, mark);
}

static void
ns_and_soa(struct dns_message *m)
{
	ns(m);
	soa(m);
}

static void
badvers(struct dns_message *m)
{
	dns_message_rr_end(m,
	    dns_message_rr(m, DNS_ADDITIONAL, "", 41, 0x01000000));
}

static const struct dns_row rows[] = {
	DNS_ROW_OK("chain", chain, GP_DNS_A, 1, "192.0.2.9", 100),
	DNS_ROW_OK("chain of 8", chain_of_8, GP_DNS_A, 1, "192.0.2.9", 200),
	DNS_ROW_OK("CNAME itself", chain_leaves, GP_DNS_CNAME, 1, "b.test",
	    200),
	DNS_ROW_NONE("NODATA", soa, DNS_ROW_ANSWER, false, 70),
	DNS_ROW_NONE("NODATA, TTL of the SOA", soa_ttl_lower, DNS_ROW_ANSWER,
	    false, 40),
	DNS_ROW_NONE("NODATA without SOA", dns_row_none, DNS_ROW_ANSWER, false,
	    0),
	DNS_ROW_NONE("NODATA, SOA of another", soa_of_another, DNS_ROW_ANSWER,
	    false, 0),
	DNS_ROW_NONE("NODATA, NS and SOA", ns_and_soa, DNS_ROW_ANSWER, false,
	    70),
	DNS_ROW_NONE("NODATA, NS, authoritative", ns, 0x8400, false, 0),
	DNS_ROW_NONE("NXDOMAIN", soa, DNS_ROW_NXDOMAIN, true, 70),
	DNS_ROW_NONE("NXDOMAIN without SOA", dns_row_none, DNS_ROW_NXDOMAIN,
	    true, 0),
	DNS_ROW_NONE("NXDOMAIN at the end of a chain", chain_ends_without,
	    DNS_ROW_NXDOMAIN, true, 70),
	DNS_ROW_NONE("NODATA at the end of a chain", chain_ends_without,
	    DNS_ROW_ANSWER, false, 70),
	DNS_ROW_NONE("record of another name", a_of_another, DNS_ROW_ANSWER,
	    false, 70),
	DNS_ROW_NONE("record of another class", a_of_class_chaos,
	    DNS_ROW_ANSWER, false, 0),
	{ .label = "chain leaves",
	    .fill = chain_leaves,
	    .flags = DNS_ROW_ANSWER,
	    .type = GP_DNS_A,
	    .rc = GP_OK,
	    .ttl_s = 200,
	    .alias = "Far.test" },
	DNS_ROW_TEMP("FORMERR", dns_row_none, 0x8181, GP_DNS_A, "FORMERR"),
	DNS_ROW_TEMP("SERVFAIL", dns_row_none, 0x8182, GP_DNS_A, "SERVFAIL"),
	DNS_ROW_TEMP("NOTIMP", dns_row_none, 0x8184, GP_DNS_A, "NOTIMP"),
	DNS_ROW_TEMP("REFUSED", dns_row_none, 0x8185, GP_DNS_A, "REFUSED"),
	DNS_ROW_TEMP("RCODE 9", dns_row_none, 0x8189, GP_DNS_A,
	    "unknown RCODE"),
	DNS_ROW_TEMP("BADVERS", badvers, DNS_ROW_ANSWER, GP_DNS_A, "BADVERS"),
	DNS_ROW_TEMP("referral", ns, 0x8000, GP_DNS_A, "referral"),
	DNS_ROW_TEMP("chain of 9", chain_of_9, DNS_ROW_ANSWER, GP_DNS_A,
	    "CNAME chain too long"),
	DNS_ROW_TEMP("loop", chain_loop, DNS_ROW_ANSWER, GP_DNS_A,
	    "CNAME chain too long"),
	DNS_ROW_MALFORMED("chain to a dot in a label", chain_to_dot, GP_DNS_A),
	DNS_ROW_MALFORMED("chain to the root", chain_to_root, GP_DNS_A),
	DNS_ROW_MALFORMED("SOA short", soa_short, GP_DNS_A),
	DNS_ROW_TEMP("no response", dns_row_none, 0x0100, GP_DNS_A,
	    "malformed"),
	DNS_ROW_TEMP("another opcode", dns_row_none, 0xa000, GP_DNS_A,
	    "malformed"),
};

static void
dns_parse_absence_aliases_and_failures_are_told_apart(void **state)
{
	(void)state;
	dns_rows_check(rows, sizeof(rows) / sizeof(rows[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    dns_parse_absence_aliases_and_failures_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
