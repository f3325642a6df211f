/* Reverse-path and forward-path: the grammar of RFC 5321, or nothing. */
#include "core/addr.h"
#include "core/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A64  "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01"
#define A256 A64 A64 A64 A64

/* a source route of 1,000 octets, ten a hop */
#define HOPS_100                                                               \
	"@a.exampl,@a.exampl,@a.exampl,@a.exampl,@a.exampl,"                   \
	"@a.exampl,@a.exampl,@a.exampl,@a.exampl,@a.exampl,"
#define ROUTE_500  HOPS_100 HOPS_100 HOPS_100 HOPS_100 HOPS_100
#define ROUTE_1000 ROUTE_500 ROUTE_500

struct row {
	const char *label;
	struct gp_str arg;
	const char *domain; /* NULL: null sender, postmaster, or refused */
	struct gp_str local;
	struct gp_str raw; /* p == NULL: not compared */
	bool rcpt;
	bool null;
	bool literal;
	bool refused;
};

static const struct row readable[] = {
	{ .label = "plain",
	    .arg = GP_STR("<joe@example.com>"),
	    .local = GP_STR("joe"),
	    .domain = "example.com",
	    .raw = GP_STR("joe@example.com") },
	{ .label = "without brackets",
	    .arg = GP_STR("joe@example.com"),
	    .local = GP_STR("joe"),
	    .domain = "example.com",
	    .raw = GP_STR("joe@example.com") },
	{ .label = "domain in upper case, local part as it is",
	    .arg = GP_STR("<Joe@EXAMPLE.com>"),
	    .local = GP_STR("Joe"),
	    .domain = "example.com",
	    .raw = GP_STR("Joe@EXAMPLE.com") },
	{ .label = "null sender",
	    .arg = GP_STR("<>"),
	    .null = true,
	    .raw = GP_STR("") },
	{ .label = "null sender of mail that came without SMTP",
	    .arg = { NULL, 0 },
	    .null = true },
	{ .label = "every atext",
	    .arg = GP_STR("<a1!#$%&'*+-/=?^_`{|}~@example.com>"),
	    .local = GP_STR("a1!#$%&'*+-/=?^_`{|}~"),
	    .domain = "example.com" },
	{ .label = "dots between atoms",
	    .arg = GP_STR("<a.b.c@example.com>"),
	    .local = GP_STR("a.b.c"),
	    .domain = "example.com" },
	{ .label = "VERP",
	    .arg = GP_STR("<list+joe=example.org@lists.example.com>"),
	    .local = GP_STR("list+joe=example.org"),
	    .domain = "lists.example.com" },
	{ .label = "quoted",
	    .arg = GP_STR("<\"joe smith\"@example.com>"),
	    .local = GP_STR("joe smith"),
	    .domain = "example.com",
	    .raw = GP_STR("\"joe smith\"@example.com") },
	{ .label = "quoted at sign and bracket",
	    .arg = GP_STR("<\"a@b>c\"@example.com>"),
	    .local = GP_STR("a@b>c"),
	    .domain = "example.com" },
	{ .label = "quoted pairs",
	    .arg = GP_STR("<\"a\\\"b\\\\c\\ d\\e\"@example.com>"),
	    .local = GP_STR("a\"b\\c de"),
	    .domain = "example.com" },
	{ .label = "quoted without need",
	    .arg = GP_STR("<\"joe\"@example.com>"),
	    .local = GP_STR("joe"),
	    .domain = "example.com" },
	{ .label = "quoted nothing",
	    .arg = GP_STR("<\"\"@example.com>"),
	    .local = GP_STR(""),
	    .domain = "example.com" },
	{ .label = "quoted address",
	    .arg = GP_STR("<\"ceo@bank.example\"@evil.example>"),
	    .local = GP_STR("ceo@bank.example"),
	    .domain = "evil.example" },
	{ .label = "source route",
	    .arg = GP_STR("<@a.example,@b.example:joe@example.com>"),
	    .local = GP_STR("joe"),
	    .domain = "example.com",
	    .raw = GP_STR("@a.example,@b.example:joe@example.com") },
	{ .label = "source route of one, without brackets",
	    .arg = GP_STR("@a.example:joe@example.com"),
	    .local = GP_STR("joe"),
	    .domain = "example.com" },
	{ .label = "source route, single quote (attack A07)",
	    .arg = GP_STR("<@bank.example,@any.example:'any@attacker.example>"),
	    .local = GP_STR("'any"),
	    .domain = "attacker.example" },
	{ .label = "unknown subdomain (attack A01)",
	    .arg = GP_STR("<any@notexist.bank.example>"),
	    .local = GP_STR("any"),
	    .domain = "notexist.bank.example" },
	{ .label = "single label domain",
	    .arg = GP_STR("<root@localhost>"),
	    .local = GP_STR("root"),
	    .domain = "localhost" },
	{ .label = "underscore in the domain",
	    .arg = GP_STR("<joe@mail_1.example.com>"),
	    .local = GP_STR("joe"),
	    .domain = "mail_1.example.com" },
	{ .label = "IPv4 literal",
	    .arg = GP_STR("<joe@[192.0.2.1]>"),
	    .local = GP_STR("joe"),
	    .domain = "[192.0.2.1]",
	    .literal = true },
	{ .label = "IPv6 literal, one spelling",
	    .arg = GP_STR("<joe@[ipv6:2001:DB8:0::1]>"),
	    .local = GP_STR("joe"),
	    .domain = "[IPv6:2001:db8::1]",
	    .literal = true },
	{ .label = "IPv6 literal of a mapped address",
	    .arg = GP_STR("<joe@[IPv6:::ffff:192.0.2.1]>"),
	    .local = GP_STR("joe"),
	    .domain = "[192.0.2.1]",
	    .literal = true },
	{ .label = "U-label",
	    .arg = GP_STR("<joe@m\xc3\xbcnchen.example>"),
	    .local = GP_STR("joe"),
	    .domain = "xn--mnchen-3ya.example" },
	{ .label = "UTF-8 local part",
	    .arg = GP_STR("<j\xc3\xb6rg.\xe4\xb8\xad@example.com>"),
	    .local = GP_STR("j\xc3\xb6rg.\xe4\xb8\xad"),
	    .domain = "example.com" },
	{ .label = "UTF-8 in quotes",
	    .arg = GP_STR("<\"j\xc3\xb6 rg\"@example.com>"),
	    .local = GP_STR("j\xc3\xb6 rg"),
	    .domain = "example.com" },
	{ .label = "longest local part",
	    .arg = GP_STR("<" A256 "@example.com>"),
	    .local = GP_STR(A256),
	    .domain = "example.com" },
	{ .label = "longest path",
	    .arg = GP_STR("<" ROUTE_1000 "@abcd.example:jo@x.com>"),
	    .local = GP_STR("jo"),
	    .domain = "x.com" },
	{ .label = "postmaster as recipient",
	    .arg = GP_STR("<Postmaster>"),
	    .rcpt = true,
	    .local = GP_STR("Postmaster") },
	{ .label = "recipient",
	    .arg = GP_STR("<joe@example.com>"),
	    .rcpt = true,
	    .local = GP_STR("joe"),
	    .domain = "example.com" },
};

#define NO(what, text)                                                         \
	{                                                                      \
		.label = (what), .arg = GP_STR(text), .refused = true          \
	}
#define NO_RCPT(what, text)                                                    \
	{                                                                      \
		.label = (what), .arg = GP_STR(text), .refused = true,         \
		.rcpt = true                                                   \
	}

static const struct row refused[] = {
	NO("open parenthesis (attack A02)", "<(any@bank.example>"),
	NO("parenthesis in the domain (attack A05)",
	    "<any@bank.example(a.attacker.example>"),
	NO("two at signs (attack A06)",
	    "<any@bank.example'@any.attacker.example>"),
	NO("comment behind", "<joe@example.com (x)>"),
	NO("no domain", "<joe>"),
	NO("no domain behind the at sign", "<joe@>"),
	NO("no local part", "<@example.com>"),
	NO("at sign alone", "<@>"),
	NO("postmaster as sender", "<postmaster>"),
	NO("space", "< >"),
	NO("space before", "< joe@example.com>"),
	NO("space behind", "<joe@example.com >"),
	NO("space before the bracket", " <joe@example.com>"),
	NO("space behind the bracket", "<joe@example.com> "),
	NO("parameter behind", "<joe@example.com> SIZE=1"),
	NO("two paths", "<joe@example.com>,<eve@evil.example>"),
	NO("bracket inside", "<joe@example.com>x@evil.example>"),
	NO("two brackets", "<<joe@example.com>>"),
	NO("no closing bracket", "<joe@example.com"),
	NO("no opening bracket", "joe@example.com>"),
	NO("bracket alone", "<"),
	NO("closing bracket alone", ">"),
	NO("display name", "Joe <joe@example.com>"),
	NO("list", "joe@example.com,eve@evil.example"),
	NO("leading dot", "<.joe@example.com>"),
	NO("trailing dot", "<joe.@example.com>"),
	NO("two dots", "<joe..smith@example.com>"),
	NO("space in an atom", "<joe smith@example.com>"),
	NO("colon in an atom", "<a:b@example.com>"),
	NO("backslash outside quotes", "<joe\\@x@example.com>"),
	NO("quotes inside an atom", "<joe\"x\"@example.com>"),
	NO("atom behind quotes", "<\"joe\"x@example.com>"),
	NO("quotes in a dot-string", "<\"joe\".smith@example.com>"),
	NO("quotes never closed", "<\"joe@example.com>"),
	NO("backslash at the end", "<\"joe\\"),
	NO("backslash before UTF-8", "<\"joe\\\xc3\xb6\"@example.com>"),
	NO("quotes alone", "<\"joe\">"),
	NO("quotes before the bracket closes", "<\"joe\\\"@example.com>"),
	NO("domain with a final dot", "<joe@example.com.>"),
	NO("domain with an empty label", "<joe@example..com>"),
	NO("domain with a leading hyphen", "<joe@-example.com>"),
	NO("quoted domain", "<joe@\"example.com\">"),
	NO("source route without an address", "<@a.example:>"),
	NO("source route without a colon", "<@a.example,@b.example>"),
	NO("source route without a comma",
	    "<@a.example@b.example:j@c.example>"),
	NO("source route without an at sign", "<@a.example,b.example:j@c.d>"),
	NO("source route with an empty hop", "<@a.example,:j@c.example>"),
	NO("source route with a final dot", "<@a.example.:j@c.example>"),
	NO("source route with a bad domain", "<@a(b,@c.example:j@d.example>"),
	NO("source route with a literal", "<@[192.0.2.1]:j@d.example>"),
	NO("two source routes", "<@a.example:@b.example:j@d.example>"),
	NO("source route of postmaster", "<@a.example:postmaster>"),
	NO("literal without end", "<joe@[192.0.2.1>"),
	NO("literal never begun", "<joe@192.0.2.1]>"),
	NO("literal with a tail", "<joe@[192.0.2.1].example>"),
	NO("literal with leading zeros", "<joe@[192.0.2.010]>"),
	NO("literal out of range", "<joe@[192.0.2.256]>"),
	NO("literal of three parts", "<joe@[192.0.2]>"),
	NO("literal with a space", "<joe@[ 192.0.2.1]>"),
	NO("empty literal", "<joe@[]>"),
	NO("literal bracket alone", "<joe@[>"),
	NO("IPv6 without its tag", "<joe@[2001:db8::1]>"),
	NO("IPv4 behind the tag", "<joe@[IPv6:192.0.2.1]>"),
	NO("IPv6 with a zone", "<joe@[IPv6:fe80::1%eth0]>"),
	NO("IPv6 tag alone", "<joe@[IPv6:]>"),
	NO("unknown tag", "<joe@[x400:c=de]>"),
	NO("NUL", "<joe\0@example.com>"),
	NO("NUL in the domain", "<joe@example.com\0.evil.example>"),
	NO("NUL in quotes", "<\"j\0oe\"@example.com>"),
	NO("CR LF in quotes", "<\"j\r\noe\"@example.com>"),
	NO("escaped LF in quotes", "<\"j\\\noe\"@example.com>"),
	NO("HTAB in quotes", "<\"j\toe\"@example.com>"),
	NO("DEL", "<joe\x7f@example.com>"),
	NO("C1 control in UTF-8", "<joe\xc2\x85@example.com>"),
	NO("invalid UTF-8", "<j\xf6rg@example.com>"),
	NO("overlong UTF-8 at sign", "<joe\xc1\x80"
				     "example.com>"),
	NO("full-width at sign", "<joe\xef\xbc\xa0"
				 "example.com>"),
	NO("local part too long", "<" A256 "x@example.com>"),
	NO("local part too long in quotes", "<\"" A256 "x\"@example.com>"),
	NO("path too long", "<" ROUTE_1000 "@abcd.example:joe@x.com>"),
	NO_RCPT("null recipient", "<>"),
	NO_RCPT("empty recipient", ""),
	NO_RCPT("recipient without domain", "<joe>"),
	NO_RCPT("postmaster, nearly", "<postmasters>"),
	NO_RCPT("postmaster in quotes", "<\"postmaster\">"),
};

static void
check_row(const struct row *row, struct gp_arena *arena)
{
	char *block = malloc(row->arg.n == 0 ? 1 : row->arg.n);
	struct gp_err err = { "" };
	struct gp_addr a;
	enum gp_rc rc;

	assert_non_null(block);
	if (row->arg.n != 0)
		memcpy(block, row->arg.p, row->arg.n);
	rc = gp_addr_parse(gp_str_n(block, row->arg.n), row->rcpt, arena, &a,
	    &err);
	free(block); /* nothing of the result may still point there */
	if (rc != (row->refused ? GP_PERM : GP_OK))
		fail_msg("%s: %s %s", row->label, gp_rc_name(rc), err.msg);
	if (a.is_null != row->null || a.is_literal != row->literal)
		fail_msg("%s: null %d, literal %d", row->label, a.is_null,
		    a.is_literal);
	if (!gp_str_eq(a.local, row->local))
		fail_msg("%s: local part \"%.*s\"", row->label,
		    GP_STR_ARG(a.local));
	if ((a.domain == NULL) != (row->domain == NULL) ||
	    (a.domain != NULL && strcmp(a.domain, row->domain) != 0))
		fail_msg("%s: domain %s", row->label,
		    a.domain == NULL ? "none" : a.domain);
	if (row->raw.p != NULL && !gp_str_eq(a.raw, row->raw))
		fail_msg("%s: raw \"%.*s\"", row->label, GP_STR_ARG(a.raw));
	if (row->refused && err.msg[0] == '\0')
		fail_msg("%s: no reason given", row->label);
	if (!gp_str_is_text(gp_str(err.msg)))
		fail_msg("%s: sender's bytes in the reason", row->label);
}

static void
addr_readable_table_is_read_one_way(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		check_row(&readable[i], arena);
	gp_arena_free(arena);
}

static void
addr_refused_table_is_not_guessed_at(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		check_row(&refused[i], arena);
	gp_arena_free(arena);
}

static void
addr_raw_is_kept_when_refused_and_cut_when_long(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_addr a;
	char big[4 * GP_PATH_MAX];

	(void)state;
	assert_int_equal(gp_addr_parse(GP_STR("<(any@bank.example>"), false,
			     arena, &a, NULL),
	    GP_PERM);
	assert_true(gp_str_eq(a.raw, GP_STR("(any@bank.example")));
	assert_int_equal(gp_addr_parse(GP_STR("<joe@x"), false, arena, &a,
			     NULL),
	    GP_PERM);
	assert_true(gp_str_eq(a.raw, GP_STR("<joe@x")));
	memset(big, 'a', sizeof(big));
	assert_int_equal(gp_addr_parse(gp_str_n(big, sizeof(big)), false, arena,
			     &a, NULL),
	    GP_PERM);
	assert_int_equal(a.raw.n, GP_PATH_MAX);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addr_readable_table_is_read_one_way),
		cmocka_unit_test(addr_refused_table_is_not_guessed_at),
		cmocka_unit_test(
		    addr_raw_is_kept_when_refused_and_cut_when_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
