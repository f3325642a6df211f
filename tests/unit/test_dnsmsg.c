/* DNS words and names. */
#include "core/dnsmsg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define L61 "a123456789012345678901234567890123456789012345678901234567890"
#define L63 L61 "12"

static void
dnsmsg_every_type_reads_back_in_any_case(void **state)
{
	static const struct {
		const char *name;
		enum gp_dns_type type;
	} rows[] = {
		{ "A", GP_DNS_A },
		{ "Ns", GP_DNS_NS },
		{ "cname", GP_DNS_CNAME },
		{ "Ptr", GP_DNS_PTR },
		{ "MX", GP_DNS_MX },
		{ "txt", GP_DNS_TXT },
		{ "AAAA", GP_DNS_AAAA },
	};
	enum gp_dns_type type;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(gp_dns_type_parse(gp_str(rows[i].name), &type),
		    GP_OK);
		assert_int_equal(type, rows[i].type);
		assert_true(gp_str_eq_nocase(gp_str(gp_dns_type_name(type)),
		    gp_str(rows[i].name)));
	}
	assert_int_equal(gp_dns_type_parse(GP_STR("SPF"), &type), GP_NONE);
	assert_int_equal(gp_dns_type_parse(GP_STR(""), &type), GP_NONE);
	assert_string_equal(gp_dns_type_name((enum gp_dns_type)99), "?");
}

static void
dnsmsg_name_table_is_judged(void **state)
{
	static const struct {
		const char *label;
		struct gp_str name;
		bool valid;
	} rows[] = {
		{ "plain", GP_STR("example.com"), true },
		{ "one label", GP_STR("localhost"), true },
		{ "underscore", GP_STR("_spf.example.com"), true },
		{ "any byte but dot and NUL", GP_STR("a b\\\"\xff%.com"),
		    true },
		{ "label of 63", GP_STR(L63 ".com"), true },
		{ "label of 64", GP_STR("b" L63 ".com"), false },
		{ "253 bytes", GP_STR(L63 "." L63 "." L63 "." L61), true },
		{ "254 bytes", GP_STR(L63 "." L63 "." L63 "." L61 "1"), false },
		{ "empty", GP_STR(""), false },
		{ "root", GP_STR("."), false },
		{ "final dot", GP_STR("example.com."), false },
		{ "empty label", GP_STR("example..com"), false },
		{ "leading dot", GP_STR(".example.com"), false },
		{ "NUL", GP_STR("exa\0mple.com"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (gp_dns_name_valid(rows[i].name) != rows[i].valid)
			fail_msg("row: %s", rows[i].label);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dnsmsg_every_type_reads_back_in_any_case),
		cmocka_unit_test(dnsmsg_name_table_is_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
