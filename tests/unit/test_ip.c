/* Addresses and prefixes; texts of RFC 5952 sections 2, 4 and 5. */
#include "base/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct text_row {
	const char *in;
	const char *out; /* NULL: refused */
};

static const struct text_row texts[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	/* RFC 5952 section 1 and 2: eleven spellings of one address */
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:db8::1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:0db8::1:0:0:1", "2001:db8::1:0:0:1" },
	{ "2001:db8:0:0:1::1", "2001:db8::1:0:0:1" },
	{ "2001:db8:0000:0:1::1", "2001:db8::1:0:0:1" },
	{ "2001:DB8:0:0:1::1", "2001:db8::1:0:0:1" },
	/* 4.1 leading zeros, 4.2.1 as short as possible */
	{ "2001:0db8::0001", "2001:db8::1" },
	{ "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
	/* 4.2.2 not for one group alone, 4.2.3 the longest run, the first */
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	/* 4.3 lower case */
	{ "2001:DB8::ABCD:EF", "2001:db8::abcd:ef" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "fe80::", "fe80::" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
	/* a mapped address is the one it carries */
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "::FFFF:c000:0201", "192.0.2.1" },
	{ "0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1" },

	{ "", NULL },
	{ " 192.0.2.1", NULL },
	{ "192.0.2.1 ", NULL },
	{ "192.0.2", NULL },
	{ "192.0.2.1.1", NULL },
	{ "192.0.2.256", NULL },
	{ "192.0.2.01", NULL },
	{ "192.0.2.010", NULL },
	{ "192.0.2.0x1", NULL },
	{ "3221225985", NULL },
	{ "192.0.2.", NULL },
	{ ".192.0.2.1", NULL },
	{ "192..2.1", NULL },
	{ "192.0.2.-1", NULL },
	{ "192.0.2.+1", NULL },
	{ "192.0.2.1/32", NULL },
	{ ":", NULL },
	{ ":::", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "1::2::3", NULL },
	{ "12345::", NULL },
	{ "g::", NULL },
	{ "1:2:3:4:5:6:7:192.0.2.1", NULL },
	{ "::192.0.2.01", NULL },
	{ "fe80::1%eth0", NULL },
	{ "[::1]", NULL },
	{ "1:", NULL },
	{ ":1", NULL },
	{ "0000000000000000000000000000000000000000000000000000000000000000",
	    NULL },
};

static void
ip_text_table_has_one_spelling_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct gp_str in = gp_str(texts[i].in);
		char *block = malloc(in.n == 0 ? 1 : in.n);
		char text[GP_IP_TEXT];
		struct gp_ip ip;
		enum gp_rc rc;

		assert_non_null(block);
		memcpy(block, in.p, in.n);
		rc = gp_ip_parse(gp_str_n(block, in.n), &ip);
		free(block);
		if (rc != (texts[i].out == NULL ? GP_PERM : GP_OK))
			fail_msg("%s: %s", texts[i].in, gp_rc_name(rc));
		if (rc == GP_OK)
			assert_string_equal(gp_ip_format(&ip, text),
			    texts[i].out);
	}
}

static void
ip_text_with_nul_is_refused(void **state)
{
	struct gp_ip ip;

	(void)state;
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1\0"), &ip), GP_PERM);
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1\0x"), &ip), GP_PERM);
	assert_int_equal(gp_ip_parse(GP_STR("::1\0"), &ip), GP_PERM);
	assert_int_equal(gp_ip_parse(gp_str_n(NULL, 0), &ip), GP_PERM);
}

static void
ip_from_bytes_unmaps_and_knows_two_sizes(void **state)
{
	const uint8_t mapped[16] = { [10] = 0xff,
		[11] = 0xff,
		[12] = 192,
		[13] = 0,
		[14] = 2,
		[15] = 1 };
	const uint8_t nearly[16] = { [9] = 1, [10] = 0xff, [11] = 0xff };
	struct gp_ip v4 = gp_ip_from_bytes(mapped + 12, 4);
	struct gp_ip from6 = gp_ip_from_bytes(mapped, 16);
	struct gp_ip unknown = gp_ip_from_bytes(mapped, 5);
	char text[GP_IP_TEXT];

	(void)state;
	assert_int_equal(v4.family, GP_IP_V4);
	assert_true(gp_ip_eq(&v4, &from6));
	assert_int_equal(gp_ip_from_bytes(nearly, 16).family, GP_IP_V6);
	assert_int_equal(unknown.family, GP_IP_UNKNOWN);
	assert_int_equal(gp_ip_from_bytes(mapped, 0).family, GP_IP_UNKNOWN);
	assert_string_equal(gp_ip_format(&unknown, text), "unknown");
}

struct prefix_row {
	const char *in;
	const char *ip; /* NULL: refused */
	unsigned bits;
};

static const struct prefix_row prefixes[] = {
	{ "192.0.2.0/24", "192.0.2.0", 24 },
	{ "192.0.2.1", "192.0.2.1", 32 },
	{ "192.0.2.1/32", "192.0.2.1", 32 },
	{ "0.0.0.0/0", "0.0.0.0", 0 },
	{ "128.0.0.0/1", "128.0.0.0", 1 },
	{ "192.0.2.128/25", "192.0.2.128", 25 },
	{ "2001:db8::/32", "2001:db8::", 32 },
	{ "2001:db8::1", "2001:db8::1", 128 },
	{ "::/0", "::", 0 },
	{ "8000::/1", "8000::", 1 },
	{ "::ffff:192.0.2.0/120", "192.0.2.0", 24 },
	{ "::ffff:0.0.0.0/96", "0.0.0.0", 0 },
	{ "::ffff:192.0.2.1/128", "192.0.2.1", 32 },
	{ "::ffff:192.0.2.1", "192.0.2.1", 32 },

	{ "", NULL, 0 },
	{ "/", NULL, 0 },
	{ "/24", NULL, 0 },
	{ "192.0.2.0/", NULL, 0 },
	{ "192.0.2.0/33", NULL, 0 },
	{ "192.0.2.0/-1", NULL, 0 },
	{ "192.0.2.0/24/24", NULL, 0 },
	{ "192.0.2.0/24 ", NULL, 0 },
	{ "192.0.2.0 /24", NULL, 0 },
	{ "192.0.2.0/255.255.255.0", NULL, 0 },
	{ "192.0.2.1/24", NULL, 0 },
	{ "192.0.2.1/0", NULL, 0 },
	{ "192.0.2.129/25", NULL, 0 },
	{ "192.0.2/24", NULL, 0 },
	{ "2001:db8::/129", NULL, 0 },
	{ "2001:db8::1/32", NULL, 0 },
	{ "::1/0", NULL, 0 },
	{ "::ffff:192.0.2.0/95", NULL, 0 },
	{ "::ffff:192.0.2.0/24", NULL, 0 },
	{ "::ffff:192.0.2.1/120", NULL, 0 },
	{ "::ffff:192.0.2.0/129", NULL, 0 },
};

static void
prefix_table_is_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(prefixes); i++) {
		struct gp_err err = { "" };
		struct gp_prefix p;
		char text[GP_IP_TEXT];
		enum gp_rc rc =
		    gp_prefix_parse(gp_str(prefixes[i].in), &p, &err);

		if (rc != (prefixes[i].ip == NULL ? GP_PERM : GP_OK))
			fail_msg("%s: %s %s", prefixes[i].in, gp_rc_name(rc),
			    err.msg);
		if (rc != GP_OK) {
			assert_string_not_equal(err.msg, "");
			continue;
		}
		assert_string_equal(gp_ip_format(&p.ip, text), prefixes[i].ip);
		assert_int_equal(p.bits, prefixes[i].bits);
	}
}

static void
prefix_error_names_the_network_that_was_meant(void **state)
{
	struct gp_err err = { "" };
	struct gp_prefix p;

	(void)state;
	assert_int_equal(gp_prefix_parse(GP_STR("192.0.2.77/26"), &p, &err),
	    GP_PERM);
	assert_non_null(strstr(err.msg, "192.0.2.64/26"));
	assert_int_equal(gp_prefix_parse(GP_STR("::ffff:192.0.2.0/24"), &p,
			     &err),
	    GP_PERM);
	assert_non_null(strstr(err.msg, "from 96 to 128"));
}

struct in_row {
	const char *prefix;
	const char *ip;
	bool in;
};

static const struct in_row in_rows[] = {
	{ "192.0.2.0/24", "192.0.2.255", true },
	{ "192.0.2.0/24", "192.0.3.0", false },
	{ "192.0.2.0/23", "192.0.3.0", true },
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.0", false },
	{ "0.0.0.0/0", "255.255.255.255", true },
	{ "0.0.0.0/0", "::1", false },
	{ "::/0", "::1", true },
	{ "::/0", "192.0.2.1", false },
	{ "::/0", "::ffff:192.0.2.1", false },
	{ "192.0.2.0/24", "::ffff:192.0.2.1", true },
	{ "::ffff:192.0.2.0/120", "192.0.2.1", true },
	{ "2001:db8::/33", "2001:db8:7fff::", true },
	{ "2001:db8::/33", "2001:db8:8000::", false },
	{ "2001:db8::1", "2001:db8::2", false },
	{ "c000:201::/32", "192.0.2.1", false },
};

static void
prefix_has_compares_bits_inside_one_family(void **state)
{
	const struct gp_ip unknown = { .family = GP_IP_UNKNOWN };
	const struct gp_prefix all = { .ip = { .family = GP_IP_V4 } };

	(void)state;
	for (size_t i = 0; i < ROWS(in_rows); i++) {
		struct gp_prefix p;
		struct gp_ip ip;

		assert_int_equal(gp_prefix_parse(gp_str(in_rows[i].prefix), &p,
				     NULL),
		    GP_OK);
		assert_int_equal(gp_ip_parse(gp_str(in_rows[i].ip), &ip),
		    GP_OK);
		if (gp_prefix_has(&p, &ip) != in_rows[i].in)
			fail_msg("%s in %s", in_rows[i].ip, in_rows[i].prefix);
	}
	assert_false(gp_prefix_has(&all, &unknown));
	assert_false(gp_ip_in(&unknown, &unknown, 0));
}

static void
ip_in_takes_any_number_of_bits(void **state)
{
	struct gp_ip a;
	struct gp_ip b;

	(void)state;
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1"), &a), GP_OK);
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.0"), &b), GP_OK);
	assert_true(gp_ip_in(&a, &b, 31));
	assert_false(gp_ip_in(&a, &b, 32));
	assert_false(gp_ip_in(&a, &b, 128));
	assert_false(gp_ip_in(&a, &b, 4000));
	assert_true(gp_ip_in(&a, &a, 4000));
}

static void
ip_arpa_is_reversed_in_parts(void **state)
{
	char text[GP_IP_ARPA];
	struct gp_ip ip;

	(void)state;
	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.255"), &ip), GP_OK);
	assert_string_equal(gp_ip_arpa(&ip, text), "255.2.0.192.in-addr.arpa");
	assert_int_equal(gp_ip_parse(GP_STR("4321:0:1:2:3:4:567:89ab"), &ip),
	    GP_OK);
	assert_string_equal(gp_ip_arpa(&ip, text), /* RFC 3596 2.5 */
	    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4."
	    "ip6.arpa");
}

static void
ip_loopback_is_a_net_and_one_address(void **state)
{
	static const struct {
		const char *ip;
		bool loopback;
	} rows[] = {
		{ "127.0.0.1", true },
		{ "127.255.255.255", true },
		{ "::1", true },
		{ "::ffff:127.0.0.1", true },
		{ "126.255.255.255", false },
		{ "128.0.0.0", false },
		{ "::", false },
		{ "::2", false },
		{ "7f00::1", false },
	};
	const struct gp_ip unknown = { .family = GP_IP_UNKNOWN };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct gp_ip ip;

		assert_int_equal(gp_ip_parse(gp_str(rows[i].ip), &ip), GP_OK);
		if (gp_ip_is_loopback(&ip) != rows[i].loopback)
			fail_msg("%s", rows[i].ip);
	}
	assert_false(gp_ip_is_loopback(&unknown));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip_text_table_has_one_spelling_each),
		cmocka_unit_test(ip_text_with_nul_is_refused),
		cmocka_unit_test(ip_from_bytes_unmaps_and_knows_two_sizes),
		cmocka_unit_test(prefix_table_is_exact),
		cmocka_unit_test(prefix_error_names_the_network_that_was_meant),
		cmocka_unit_test(prefix_has_compares_bits_inside_one_family),
		cmocka_unit_test(ip_in_takes_any_number_of_bits),
		cmocka_unit_test(ip_arpa_is_reversed_in_parts),
		cmocka_unit_test(ip_loopback_is_a_net_and_one_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
