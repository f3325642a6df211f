/* Answers read from DNS messages, good and bad. */
#include "io/dns_parse.h"

#include "support/dns_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NAME     "Example.COM"
#define ANSWER   0x8180 /* QR RD RA */
#define NXDOMAIN 0x8183

/* What each row's message holds beside its question. */
static void
none(struct dns_message *m)
{
	(void)m;
}

static void
address(struct dns_message *m, const char *owner, const char *text,
    uint32_t ttl_s)
{
	struct gp_ip ip;

	if (gp_ip_parse(gp_str(text), &ip) != GP_OK)
		abort();
	dns_message_address(m, owner, ttl_s, &ip);
}

static void
cname(struct dns_message *m, const char *owner, const char *target)
{
	dns_message_target(m, owner, GP_DNS_CNAME, 200, 0, target);
}

static void
raw(struct dns_message *m, unsigned type, const void *data, size_t n)
{
	const size_t mark = dns_message_rr(m, DNS_ANSWER, NAME, type, 300);

	dns_message_put(m, data, n);
	dns_message_rr_end(m, mark);
}

static void
two_a(struct dns_message *m)
{
	address(m, "example.com", "192.0.2.1", 300);
	address(m, NAME, "192.0.2.2", 60);
}

static void
a_of_another(struct dns_message *m)
{
	address(m, "example.net", "192.0.2.1", 300);
	dns_message_soa(m, "com", 900, 70);
}

static void
a_of_class_chaos(struct dns_message *m)
{
	address(m, NAME, "192.0.2.1", 300);
	dns_message_set_u16(m, m->n - 12, 3);
}

static void
a_short(struct dns_message *m)
{
	raw(m, GP_DNS_A, "abc", 3);
}

static void
mapped(struct dns_message *m)
{
	address(m, NAME, "2001:db8::1", 300);
}

static void
aaaa_short(struct dns_message *m)
{
	raw(m, GP_DNS_AAAA, "abcd", 4);
}

static void
txt_in_strings(struct dns_message *m)
{
	raw(m, GP_DNS_TXT, "\3abc\0\2\0d", 8);
}

static void
txt_string_too_long(struct dns_message *m)
{
	raw(m, GP_DNS_TXT, "\4abc", 4);
}

static void
txt_without_string(struct dns_message *m)
{
	raw(m, GP_DNS_TXT, "", 0);
}

static void
txt_of(struct dns_message *m, size_t n)
{
	static char text[2 * GP_DNS_TXT_MAX];

	memset(text, 'x', sizeof(text));
	dns_message_txt(m, NAME, 300, gp_str_n(text, n));
}

static void
txt_largest(struct dns_message *m)
{
	txt_of(m, GP_DNS_TXT_MAX);
}

static void
txt_too_large(struct dns_message *m)
{
	txt_of(m, GP_DNS_TXT_MAX + 1);
}

static void
many_a(struct dns_message *m, int n)
{
	for (int i = 0; i < n; i++)
		address(m, NAME, "192.0.2.1", 300);
}

static void
a_256(struct dns_message *m)
{
	many_a(m, GP_DNS_RRS_MAX);
}

static void
a_257(struct dns_message *m)
{
	many_a(m, GP_DNS_RRS_MAX + 1);
}

static void
a_1000(struct dns_message *m)
{
	many_a(m, 1000);
}

/* Small on the wire, by compression; larger than 64 KiB as text. */
static void
mx_bomb(struct dns_message *m)
{
	static char name[4 * 250 + 4];
	size_t n = 0;

	for (size_t i = 0; i < 248; i++) {
		if (i != 0 && i % 62 == 0)
			name[n++] = '.';
		for (size_t j = 0; j < 4; j++)
			name[n++] = "\\001"[j];
	}
	m->compress = true;
	for (int i = 0; i < 100; i++)
		dns_message_target(m, NAME, GP_DNS_MX, 300, 1, name);
}

static void
mx_escapes(struct dns_message *m)
{
	dns_message_target(m, NAME, GP_DNS_MX, 300, 7,
	    "a\\.b\\\\.c\\000\\032d\\255.\\;x");
}

static void
mx_root(struct dns_message *m)
{
	dns_message_target(m, NAME, GP_DNS_MX, 300, 0, "");
}

static void
mx_and_bytes(struct dns_message *m)
{
	raw(m, GP_DNS_MX, "\0\12\1a\0x", 6);
}

static void
mx_without_name(struct dns_message *m)
{
	raw(m, GP_DNS_MX, "\0\12", 2);
}

static void
ptr(struct dns_message *m)
{
	dns_message_target(m, NAME, GP_DNS_PTR, 300, 0, "mail.example.com");
}

static void
ptr_forward(struct dns_message *m)
{
	raw(m, GP_DNS_PTR, "\xc0\xff", 2);
	raw(m, GP_DNS_PTR, "\1a\0", 3);
}

static void
ptr_to_itself(struct dns_message *m)
{
	const size_t mark = dns_message_rr(m, DNS_ANSWER, NAME, GP_DNS_PTR, 1);

	dns_message_u16(m, 0xc000 | (unsigned)mark);
	dns_message_rr_end(m, mark);
}

static void
ptr_to_header(struct dns_message *m)
{
	raw(m, GP_DNS_PTR, "\xc0\x0b", 2);
}

static void
ptr_label_type(struct dns_message *m)
{
	raw(m, GP_DNS_PTR,
	    "\x41"
	    "a\0",
	    3);
}

static void
ptr_beyond(struct dns_message *m)
{
	const size_t mark = dns_message_rr(m, DNS_ANSWER, NAME, GP_DNS_PTR, 1);

	dns_message_put(m, "\77abc", 4);
	dns_message_rr_end(m, mark);
}

static void
chain(struct dns_message *m)
{
	/* as some servers do: the end before the links */
	address(m, "c.test", "192.0.2.9", 100);
	cname(m, "B.test", "c.TEST");
	cname(m, NAME, "b.test");
}

static void
chain_leaves(struct dns_message *m)
{
	cname(m, NAME, "b.test");
	cname(m, "b.test", "Far.test");
	dns_message_soa(m, "example.com", 900, 70);
}

static void
chain_ends_without(struct dns_message *m)
{
	cname(m, NAME, "b.test");
	dns_message_soa(m, "TEST", 900, 70);
}

static void
chain_of(struct dns_message *m, unsigned links)
{
	static const char *const names[] = { NAME, "a.t", "b.t", "c.t", "d.t",
		"e.t", "f.t", "g.t", "h.t", "i.t" };

	for (unsigned i = 0; i < links; i++)
		cname(m, names[i], names[i + 1]);
	address(m, names[links], "192.0.2.9", 300);
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
	cname(m, NAME, "b.test");
	cname(m, "b.test", NAME);
}

static void
chain_to_dot(struct dns_message *m)
{
	cname(m, NAME, "a\\.b.test");
}

static void
chain_to_root(struct dns_message *m)
{
	cname(m, NAME, "");
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
ttl_huge(struct dns_message *m)
{
	address(m, NAME, "192.0.2.1", 0x7fffffff);
}

static void
ttl_negative(struct dns_message *m)
{
	address(m, NAME, "192.0.2.1", 0x80000000);
}

static void
badvers(struct dns_message *m)
{
	dns_message_rr_end(m,
	    dns_message_rr(m, DNS_ADDITIONAL, "", 41, 0x01000000));
}

static void
cut(struct dns_message *m)
{
	address(m, NAME, "192.0.2.1", 300);
	m->n--;
}

static void
counted_more(struct dns_message *m)
{
	address(m, NAME, "192.0.2.1", 300);
	dns_message_set_u16(m, 6, 2);
}

static void
additional_missing(struct dns_message *m)
{
	address(m, NAME, "192.0.2.1", 300);
	dns_message_set_u16(m, 10, 1);
}

static void
no_question(struct dns_message *m)
{
	dns_message_set_u16(m, 4, 0);
}

static void
two_questions(struct dns_message *m)
{
	dns_message_set_u16(m, 4, 2);
}

static void
question_of_another(struct dns_message *m)
{
	m->b[13] = 'x';
}

static void
question_of_type(struct dns_message *m)
{
	dns_message_set_u16(m, m->n - 4, 99);
}

static void
question_of_class(struct dns_message *m)
{
	dns_message_set_u16(m, m->n - 2, 3);
}

static void
header_cut(struct dns_message *m)
{
	m->n = 11;
}

static void
nothing(struct dns_message *m)
{
	m->n = 0;
}

static void
trailing_bytes(struct dns_message *m)
{
	address(m, NAME, "192.0.2.1", 300);
	dns_message_put(m, "junk", 4);
}

struct row {
	const char *label;
	void (*fill)(struct dns_message *m);
	unsigned flags;
	enum gp_dns_type type;
	enum gp_rc rc;
	bool nxdomain;
	uint32_t ttl_s;
	size_t n;
	const char *text; /* of the first record; NULL: not compared */
	const char *why;
	const char *alias;
};

#define OK(l, f, t, count, s, ttl)                                             \
	{                                                                      \
		.label = (l), .fill = (f), .flags = ANSWER, .type = (t),       \
		.rc = GP_OK, .n = (count), .text = (s), .ttl_s = (ttl)         \
	}
#define NONE(l, f, fl, nx, ttl)                                                \
	{                                                                      \
		.label = (l), .fill = (f), .flags = (fl), .type = GP_DNS_A,    \
		.rc = GP_NONE, .nxdomain = (nx), .ttl_s = (ttl)                \
	}
#define TEMP(l, f, fl, t, w)                                                   \
	{                                                                      \
		.label = (l), .fill = (f), .flags = (fl), .type = (t),         \
		.rc = GP_TEMP, .why = (w)                                      \
	}
#define MALFORMED(l, f, t) TEMP(l, f, ANSWER, t, "malformed")

static const struct row rows[] = {
	OK("two addresses", two_a, GP_DNS_A, 2, "192.0.2.1", 60),
	OK("AAAA", mapped, GP_DNS_AAAA, 1, "2001:db8::1", 300),
	OK("strings joined", txt_in_strings, GP_DNS_TXT, 1, NULL, 300),
	OK("largest TXT", txt_largest, GP_DNS_TXT, 1, NULL, 300),
	OK("256 records", a_256, GP_DNS_A, 256, "192.0.2.1", 300),
	OK("MX name with escapes", mx_escapes, GP_DNS_MX, 1,
	    "a\\.b\\\\.c\\000\\032d\\255.;x", 300),
	OK("MX of the root", mx_root, GP_DNS_MX, 1, "", 300),
	OK("PTR", ptr, GP_DNS_PTR, 1, "mail.example.com", 300),
	OK("chain", chain, GP_DNS_A, 1, "192.0.2.9", 100),
	OK("chain of 8", chain_of_8, GP_DNS_A, 1, "192.0.2.9", 200),
	OK("CNAME itself", chain_leaves, GP_DNS_CNAME, 1, "b.test", 200),
	OK("TTL capped", ttl_huge, GP_DNS_A, 1, NULL, GP_DNS_TTL_MAX_S),
	OK("TTL with the high bit", ttl_negative, GP_DNS_A, 1, NULL, 0),
	OK("bytes behind", trailing_bytes, GP_DNS_A, 1, NULL, 300),

	NONE("NODATA", soa, ANSWER, false, 70),
	NONE("NODATA, TTL of the SOA", soa_ttl_lower, ANSWER, false, 40),
	NONE("NODATA without SOA", none, ANSWER, false, 0),
	NONE("NODATA, SOA of another", soa_of_another, ANSWER, false, 0),
	NONE("NODATA, NS and SOA", ns_and_soa, ANSWER, false, 70),
	NONE("NODATA, NS, authoritative", ns, 0x8400, false, 0),
	NONE("NXDOMAIN", soa, NXDOMAIN, true, 70),
	NONE("NXDOMAIN without SOA", none, NXDOMAIN, true, 0),
	NONE("NXDOMAIN at the end of a chain", chain_ends_without, NXDOMAIN,
	    true, 70),
	NONE("NODATA at the end of a chain", chain_ends_without, ANSWER, false,
	    70),
	NONE("record of another name", a_of_another, ANSWER, false, 70),
	NONE("record of another class", a_of_class_chaos, ANSWER, false, 0),

	{ .label = "chain leaves",
	    .fill = chain_leaves,
	    .flags = ANSWER,
	    .type = GP_DNS_A,
	    .rc = GP_OK,
	    .ttl_s = 200,
	    .alias = "Far.test" },

	TEMP("FORMERR", none, 0x8181, GP_DNS_A, "FORMERR"),
	TEMP("SERVFAIL", none, 0x8182, GP_DNS_A, "SERVFAIL"),
	TEMP("NOTIMP", none, 0x8184, GP_DNS_A, "NOTIMP"),
	TEMP("REFUSED", none, 0x8185, GP_DNS_A, "REFUSED"),
	TEMP("RCODE 9", none, 0x8189, GP_DNS_A, "unknown RCODE"),
	TEMP("BADVERS", badvers, ANSWER, GP_DNS_A, "BADVERS"),
	TEMP("TC", two_a, 0x8380, GP_DNS_A, "truncated"),
	TEMP("referral", ns, 0x8000, GP_DNS_A, "referral"),
	TEMP("chain of 9", chain_of_9, ANSWER, GP_DNS_A,
	    "CNAME chain too long"),
	TEMP("loop", chain_loop, ANSWER, GP_DNS_A, "CNAME chain too long"),
	TEMP("257 records", a_257, ANSWER, GP_DNS_A, "too large"),
	TEMP("1000 records", a_1000, ANSWER, GP_DNS_A, "too large"),
	TEMP("TXT too large", txt_too_large, ANSWER, GP_DNS_TXT, "too large"),
	TEMP("names too large", mx_bomb, ANSWER, GP_DNS_MX, "too large"),

	MALFORMED("A of 3 bytes", a_short, GP_DNS_A),
	MALFORMED("AAAA of 4 bytes", aaaa_short, GP_DNS_AAAA),
	MALFORMED("string too long", txt_string_too_long, GP_DNS_TXT),
	MALFORMED("TXT without string", txt_without_string, GP_DNS_TXT),
	MALFORMED("MX with bytes behind", mx_and_bytes, GP_DNS_MX),
	MALFORMED("MX without name", mx_without_name, GP_DNS_MX),
	MALFORMED("pointer forward", ptr_forward, GP_DNS_PTR),
	MALFORMED("pointer to itself", ptr_to_itself, GP_DNS_PTR),
	MALFORMED("pointer into the header", ptr_to_header, GP_DNS_PTR),
	MALFORMED("label type 01", ptr_label_type, GP_DNS_PTR),
	MALFORMED("label beyond the message", ptr_beyond, GP_DNS_PTR),
	MALFORMED("chain to a dot in a label", chain_to_dot, GP_DNS_A),
	MALFORMED("chain to the root", chain_to_root, GP_DNS_A),
	MALFORMED("SOA short", soa_short, GP_DNS_A),
	MALFORMED("cut", cut, GP_DNS_A),
	MALFORMED("counted one more", counted_more, GP_DNS_A),
	MALFORMED("additional missing", additional_missing, GP_DNS_A),
	MALFORMED("no question", no_question, GP_DNS_A),
	MALFORMED("two questions", two_questions, GP_DNS_A),
	MALFORMED("another name", question_of_another, GP_DNS_A),
	MALFORMED("another type", question_of_type, GP_DNS_A),
	MALFORMED("another class", question_of_class, GP_DNS_A),
	MALFORMED("header cut", header_cut, GP_DNS_A),
	MALFORMED("nothing", nothing, GP_DNS_A),
	TEMP("no response", none, 0x0100, GP_DNS_A, "malformed"),
	TEMP("another opcode", none, 0xa000, GP_DNS_A, "malformed"),
	TEMP("NXDOMAIN with records", two_a, NXDOMAIN, GP_DNS_A, "malformed"),
};

static void
check_row(const struct row *row, const struct dns_message *m)
{
	const struct gp_dns_question q = { "example.com", row->type };
	struct gp_arena *arena = gp_arena_new();
	uint8_t *exact = malloc(m->n);
	struct gp_dns_answer a;
	char text[GP_IP_TEXT];
	const char *alias;

	assert_non_null(exact);
	memcpy(exact, m->b, m->n);
	gp_dns_parse(exact, m->n, &q, arena, &a, &alias);
	free(exact);
	assert_int_equal(a.rc, row->rc);
	assert_int_equal(a.nxdomain, row->nxdomain);
	assert_int_equal(a.ttl_s, row->ttl_s);
	assert_int_equal(a.n, row->n);
	assert_string_equal(a.why == NULL ? "" : a.why,
	    row->why == NULL ? "" : row->why);
	assert_string_equal(alias == NULL ? "" : alias,
	    row->alias == NULL ? "" : row->alias);
	if (row->text != NULL)
		assert_string_equal(a.rr[0].ip.family == GP_IP_UNKNOWN
					? a.rr[0].text.p
					: gp_ip_format(&a.rr[0].ip, text),
		    row->text);
	gp_arena_free(arena);
}

static void
dns_parse_every_kind_of_message_is_read_or_refused(void **state)
{
	static struct dns_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int compress = 0; compress < 2; compress++) {
			print_message("# %s%s\n", rows[i].label,
			    compress ? ", compressed" : "");
			dns_message_start(&m, compress != 0, rows[i].flags,
			    NAME, rows[i].type);
			rows[i].fill(&m);
			assert_false(m.overflow);
			check_row(&rows[i], &m);
		}
	}
}

static void
dns_parse_mapped_address_stays_ipv6(void **state)
{
	static const uint8_t bytes[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	static struct dns_message m;
	const struct gp_dns_question q = { "example.com", GP_DNS_AAAA };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dns_answer a;
	const char *alias;

	(void)state;
	dns_message_start(&m, false, ANSWER, NAME, GP_DNS_AAAA);
	raw(&m, GP_DNS_AAAA, bytes, sizeof(bytes));
	gp_dns_parse(m.b, m.n, &q, arena, &a, &alias);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.rr[0].ip.family, GP_IP_V6);
	assert_memory_equal(a.rr[0].ip.b, bytes, sizeof(bytes));
	gp_arena_free(arena);
}

static void
dns_parse_txt_strings_are_joined_bytes(void **state)
{
	static struct dns_message m;
	const struct gp_dns_question q = { "example.com", GP_DNS_TXT };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dns_answer a;
	const char *alias;

	(void)state;
	dns_message_start(&m, false, ANSWER, NAME, GP_DNS_TXT);
	txt_in_strings(&m);
	gp_dns_parse(m.b, m.n, &q, arena, &a, &alias);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.rr[0].text.n, 5);
	assert_memory_equal(a.rr[0].text.p, "abc\0d", 6);
	gp_arena_free(arena);
}

/* A name of many pointers to pointers costs time; so many are no name. */
static void
dns_parse_pointers_to_pointers_are_bounded(void **state)
{
	static struct dns_message m;
	const struct gp_dns_question q = { "example.com", GP_DNS_PTR };
	struct gp_arena *arena = gp_arena_new();
	struct gp_dns_answer a;
	const char *alias;
	size_t mark;

	(void)state;
	for (unsigned links = 100; links <= 200; links += 100) {
		dns_message_start(&m, false, ANSWER, NAME, GP_DNS_PTR);
		mark = dns_message_rr(&m, DNS_ANSWER, "x", 99, 1);
		dns_message_put(&m, "\1a\0", 3);
		dns_message_u16(&m, 0xc000 | (unsigned)mark);
		for (unsigned i = 1; i < links; i++)
			dns_message_u16(&m, 0xc000 | (unsigned)(m.n - 2));
		dns_message_rr_end(&m, mark);
		mark = dns_message_rr(&m, DNS_ANSWER, NAME, GP_DNS_PTR, 1);
		dns_message_u16(&m, 0xc000 | (unsigned)(mark - 12 - 11 - 2));
		dns_message_rr_end(&m, mark);
		gp_dns_parse(m.b, m.n, &q, arena, &a, &alias);
		assert_int_equal(a.rc, links == 100 ? GP_OK : GP_TEMP);
	}
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    dns_parse_every_kind_of_message_is_read_or_refused),
		cmocka_unit_test(dns_parse_mapped_address_stays_ipv6),
		cmocka_unit_test(dns_parse_txt_strings_are_joined_bytes),
		cmocka_unit_test(dns_parse_pointers_to_pointers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
