/* Records read from DNS messages, well-formed and not. */
#include "io/dns_parse.h"
#include "support/dns_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* -- what each row's message holds beside its question ------------------- */

static void
two_a(struct dns_message *m)
{
	dns_row_address(m, "example.com", "192.0.2.1", 300);
	dns_row_address(m, DNS_ROW_NAME, "192.0.2.2", 60);
}

static void
a_short(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_A, "abc", 3);
}

static void
aaaa(struct dns_message *m)
{
	dns_row_address(m, DNS_ROW_NAME, "2001:db8::1", 300);
}

static void
aaaa_short(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_AAAA, "abcd", 4);
}

static void
txt_in_strings(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_TXT, "\3abc\0\2\0d", 8);
}

static void
txt_string_too_long(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_TXT, "\4abc", 4);
}

static void
txt_without_string(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_TXT, "", 0);
}

static void
txt_of(struct dns_message *m, size_t n)
{
	static char text[2 * GP_DNS_TXT_MAX];

	memset(text, 'x', sizeof(text));
	dns_message_txt(m, DNS_ROW_NAME, 300, gp_str_n(text, n));
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
		dns_row_address(m, DNS_ROW_NAME, "192.0.2.1", 300);
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
		dns_message_target(m, DNS_ROW_NAME, GP_DNS_MX, 300, 1, name);
}

static void
mx_escapes(struct dns_message *m)
{
	dns_message_target(m, DNS_ROW_NAME, GP_DNS_MX, 300, 7,
	    "a\\.b\\\\.c\\000\\032d\\255.\\;x");
}

static void
mx_root(struct dns_message *m)
{
	dns_message_target(m, DNS_ROW_NAME, GP_DNS_MX, 300, 0, "");
}

static void
mx_and_bytes(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_MX, "\0\12\1a\0x", 6);
}

static void
mx_without_name(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_MX, "\0\12", 2);
}

static void
ptr(struct dns_message *m)
{
	dns_message_target(m, DNS_ROW_NAME, GP_DNS_PTR, 300, 0,
	    "mail.example.com");
}

/* To a name, but one that stands further on. */
static void
ptr_forward(struct dns_message *m)
{
	const size_t mark =
	    dns_message_rr(m, DNS_ANSWER, DNS_ROW_NAME, GP_DNS_PTR, 1);

	dns_message_u16(m, 0);
	dns_message_rr_end(m, mark);
	dns_row_raw(m, 99, "\1a\0", 3);
	dns_message_set_u16(m, mark, 0xc000 | (unsigned)(m->n - 3));
}

static void
ptr_to_itself(struct dns_message *m)
{
	const size_t mark =
	    dns_message_rr(m, DNS_ANSWER, DNS_ROW_NAME, GP_DNS_PTR, 1);

	dns_message_u16(m, 0xc000 | (unsigned)mark);
	dns_message_rr_end(m, mark);
}

static void
ptr_to_header(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_PTR, "\xc0\x0b", 2);
}

static void
ptr_label_type(struct dns_message *m)
{
	dns_row_raw(m, GP_DNS_PTR,
	    "\x41"
	    "a\0",
	    3);
}

static void
ptr_beyond(struct dns_message *m)
{
	const size_t mark =
	    dns_message_rr(m, DNS_ANSWER, DNS_ROW_NAME, GP_DNS_PTR, 1);

	dns_message_put(m, "\77abc", 4);
	dns_message_rr_end(m, mark);
}

static void
ttl_huge(struct dns_message *m)
{
	dns_row_address(m, DNS_ROW_NAME, "192.0.2.1", 0x7fffffff);
}

static void
ttl_negative(struct dns_message *m)
{
	dns_row_address(m, DNS_ROW_NAME, "192.0.2.1", 0x80000000);
}

static void
cut(struct dns_message *m)
{
	dns_row_address(m, DNS_ROW_NAME, "192.0.2.1", 300);
	m->n--;
}

static void
counted_more(struct dns_message *m)
{
	dns_row_address(m, DNS_ROW_NAME, "192.0.2.1", 300);
	dns_message_set_u16(m, 6, 2);
}

static void
additional_missing(struct dns_message *m)
{
	dns_row_address(m, DNS_ROW_NAME, "192.0.2.1", 300);
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
	dns_row_address(m, DNS_ROW_NAME, "192.0.2.1", 300);
	dns_message_put(m, "junk", 4);
}

static const struct dns_row rows[] = {
	DNS_ROW_OK("two addresses", two_a, GP_DNS_A, 2, "192.0.2.1", 60),
	DNS_ROW_OK("AAAA", aaaa, GP_DNS_AAAA, 1, "2001:db8::1", 300),
	DNS_ROW_OK("strings joined", txt_in_strings, GP_DNS_TXT, 1, NULL, 300),
	DNS_ROW_OK("largest TXT", txt_largest, GP_DNS_TXT, 1, NULL, 300),
	DNS_ROW_OK("256 records", a_256, GP_DNS_A, 256, "192.0.2.1", 300),
	DNS_ROW_OK("MX name with escapes", mx_escapes, GP_DNS_MX, 1,
	    "a\\.b\\\\.c\\000\\032d\\255.;x", 300),
	DNS_ROW_OK("MX of the root", mx_root, GP_DNS_MX, 1, "", 300),
	DNS_ROW_OK("PTR", ptr, GP_DNS_PTR, 1, "mail.example.com", 300),
	DNS_ROW_OK("TTL capped", ttl_huge, GP_DNS_A, 1, NULL, GP_DNS_TTL_MAX_S),
	DNS_ROW_OK("TTL with the high bit", ttl_negative, GP_DNS_A, 1, NULL, 0),
	DNS_ROW_OK("bytes behind", trailing_bytes, GP_DNS_A, 1, NULL, 300),
	DNS_ROW_TEMP("TC", two_a, 0x8380, GP_DNS_A, "truncated"),
	DNS_ROW_TEMP("257 records", a_257, DNS_ROW_ANSWER, GP_DNS_A,
	    "too large"),
	DNS_ROW_TEMP("1000 records", a_1000, DNS_ROW_ANSWER, GP_DNS_A,
	    "too large"),
	DNS_ROW_TEMP("TXT too large", txt_too_large, DNS_ROW_ANSWER, GP_DNS_TXT,
	    "too large"),
	DNS_ROW_TEMP("names too large", mx_bomb, DNS_ROW_ANSWER, GP_DNS_MX,
	    "too large"),
	DNS_ROW_MALFORMED("A of 3 bytes", a_short, GP_DNS_A),
	DNS_ROW_MALFORMED("AAAA of 4 bytes", aaaa_short, GP_DNS_AAAA),
	DNS_ROW_MALFORMED("string too long", txt_string_too_long, GP_DNS_TXT),
	DNS_ROW_MALFORMED("TXT without string", txt_without_string, GP_DNS_TXT),
	DNS_ROW_MALFORMED("MX with bytes behind", mx_and_bytes, GP_DNS_MX),
	DNS_ROW_MALFORMED("MX without name", mx_without_name, GP_DNS_MX),
	DNS_ROW_MALFORMED("pointer forward", ptr_forward, GP_DNS_PTR),
	DNS_ROW_MALFORMED("pointer to itself", ptr_to_itself, GP_DNS_PTR),
	DNS_ROW_MALFORMED("pointer into the header", ptr_to_header, GP_DNS_PTR),
	DNS_ROW_MALFORMED("label type 01", ptr_label_type, GP_DNS_PTR),
	DNS_ROW_MALFORMED("label beyond the message", ptr_beyond, GP_DNS_PTR),
	DNS_ROW_MALFORMED("cut", cut, GP_DNS_A),
	DNS_ROW_MALFORMED("counted one more", counted_more, GP_DNS_A),
	DNS_ROW_MALFORMED("additional missing", additional_missing, GP_DNS_A),
	DNS_ROW_MALFORMED("no question", no_question, GP_DNS_A),
	DNS_ROW_MALFORMED("two questions", two_questions, GP_DNS_A),
	DNS_ROW_MALFORMED("another name", question_of_another, GP_DNS_A),
	DNS_ROW_MALFORMED("another type", question_of_type, GP_DNS_A),
	DNS_ROW_MALFORMED("another class", question_of_class, GP_DNS_A),
	DNS_ROW_MALFORMED("header cut", header_cut, GP_DNS_A),
	DNS_ROW_MALFORMED("nothing", nothing, GP_DNS_A),
	DNS_ROW_TEMP("NXDOMAIN with records", two_a, DNS_ROW_NXDOMAIN, GP_DNS_A,
	    "malformed"),
};

static void
dns_parse_every_kind_of_record_is_read_or_refused(void **state)
{
	(void)state;
	dns_rows_check(rows, sizeof(rows) / sizeof(rows[0]));
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
	dns_message_start(&m, false, DNS_ROW_ANSWER, DNS_ROW_NAME, GP_DNS_AAAA);
	dns_row_raw(&m, GP_DNS_AAAA, bytes, sizeof(bytes));
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
	dns_message_start(&m, false, DNS_ROW_ANSWER, DNS_ROW_NAME, GP_DNS_TXT);
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
		dns_message_start(&m, false, DNS_ROW_ANSWER, DNS_ROW_NAME,
		    GP_DNS_PTR);
		mark = dns_message_rr(&m, DNS_ANSWER, "x", 99, 1);
		dns_message_put(&m, "\1a\0", 3);
		dns_message_u16(&m, 0xc000 | (unsigned)mark);
		for (unsigned i = 1; i < links; i++)
			dns_message_u16(&m, 0xc000 | (unsigned)(m.n - 2));
		dns_message_rr_end(&m, mark);
		mark =
		    dns_message_rr(&m, DNS_ANSWER, DNS_ROW_NAME, GP_DNS_PTR, 1);
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
		    dns_parse_every_kind_of_record_is_read_or_refused),
		cmocka_unit_test(dns_parse_mapped_address_stays_ipv6),
		cmocka_unit_test(dns_parse_txt_strings_are_joined_bytes),
		cmocka_unit_test(dns_parse_pointers_to_pointers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
