/* Who receives the mail of a domain, by its transport, its name, its hosts. */
#include "core/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define LIST(...)                                                              \
	{                                                                      \
		.n = COUNT(((const char *const[]){ __VA_ARGS__ })),            \
		.v = (const char *const[])                                     \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}

static const struct gp_provider_policy blocks[] = {
	{ .name = "google",
	    .domains = LIST("gmail.example", "*.gmail.example"),
	    .mx = LIST("google.example", "googlemail.example") },
	{ .name = "ms_365", .mx = LIST("mail.outlook.example") },
	{ .name = "ms", .mx = LIST("outlook.example") },
	{ .name = "slow",
	    .domains = LIST("*.slow.example"),
	    .transports = LIST("slow", "slower") },
	{ .name = "later",
	    .domains = LIST("gmail.example", "a.slow.example", "late.example"),
	    .mx = LIST("google.example", "late.example"),
	    .transports = LIST("slow", "late") },
};
static const struct gp_providers all = { COUNT(blocks), blocks };
static const struct gp_providers none = { 0, NULL };

static const char *
name_of(const struct gp_provider_policy *p)
{
	return p == NULL ? "-" : p->name;
}

static void
provider_of_transport_is_the_first_that_lists_it(void **state)
{
	static const struct {
		const char *transport, *name;
	} rows[] = {
		{ "slow", "slow" },
		{ "slower", "slow" },
		{ "late", "later" },
		{ "smtp", "-" },
		{ "Slow", "-" },
		{ "slowest", "-" },
		{ "slo", "-" },
		{ "", "-" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got =
		    name_of(gp_provider_by_transport(&all, rows[i].transport));

		if (strcmp(got, rows[i].name) != 0)
			fail_msg("%s: %s", rows[i].transport, got);
	}
	assert_null(gp_provider_by_transport(&none, "slow"));
	assert_null(gp_provider_by_transport(&all, NULL));
}

static void
provider_of_domain_is_the_first_that_lists_it(void **state)
{
	static const struct {
		const char *domain, *name;
	} rows[] = {
		{ "gmail.example", "google" },
		{ "a.gmail.example", "google" },
		{ "a.b.gmail.example", "google" },
		{ "evilgmail.example", "-" },
		{ "gmail.example.evil", "-" },
		{ "slow.example", "-" },
		{ "a.slow.example", "slow" },
		{ "late.example", "later" },
		{ "a.late.example", "-" },
		{ "google.example", "-" },
		{ "example", "-" },
		{ "", "-" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got =
		    name_of(gp_provider_by_domain(&all, rows[i].domain));

		if (strcmp(got, rows[i].name) != 0)
			fail_msg("%s: %s", rows[i].domain, got);
	}
	assert_null(gp_provider_by_domain(&none, "gmail.example"));
}

static void
provider_of_hosts_is_that_of_the_first_known_host(void **state)
{
	static const struct {
		const char *label;
		const char *mx[4];
		const char *name;
	} rows[] = {
		{ "below", { "aspmx.l.google.example" }, "google" },
		{ "itself", { "google.example" }, "google" },
		{ "the second name", { "a.googlemail.example" }, "google" },
		{ "no border", { "evilgoogle.example" }, "-" },
		{ "no border, below", { "mx.evilgoogle.example" }, "-" },
		{ "in the middle", { "google.example.evil" }, "-" },
		{ "its parent", { "example" }, "-" },
		{ "the longer name is first", { "a.mail.outlook.example" },
		    "ms_365" },
		{ "the shorter name", { "a.outlook.example" }, "ms" },
		{ "order of hosts, not of blocks",
		    { "mx.late.example", "mx.google.example" }, "later" },
		{ "after one that nobody has",
		    { "mx.other.example", "mx.late.example",
			"mx.google.example" },
		    "later" },
		{ "nobody's", { "mx.other.example", "mx.third.example" }, "-" },
		{ "none", { NULL }, "-" },
		{ "empty", { "" }, "-" },
		{ "not a domain of the list", { "gmail.example" }, "-" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got;
		size_t n = 0;

		while (n < COUNT(rows[i].mx) && rows[i].mx[n] != NULL)
			n++;
		got = name_of(gp_provider_by_mx(&all, rows[i].mx, n));
		if (strcmp(got, rows[i].name) != 0)
			fail_msg("%s: %s", rows[i].label, got);
		assert_null(gp_provider_by_mx(&none, rows[i].mx, n));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    provider_of_transport_is_the_first_that_lists_it),
		cmocka_unit_test(provider_of_domain_is_the_first_that_lists_it),
		cmocka_unit_test(
		    provider_of_hosts_is_that_of_the_first_known_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
