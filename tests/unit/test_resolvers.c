/* Which name servers a host asks, and whose they are. */
#include "core/resolvers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static void
resolvers_of_a_resolv_conf_are_read(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
		{ "", "" },
		{ "nameserver 192.0.2.1\nnameserver 2001:db8::1\n",
		    "192.0.2.1|2001:db8::1|" },
		{ "# nameserver 192.0.2.1\nsearch example.com\n"
		  "  nameserver\t192.0.2.2  # mine\noptions edns0",
		    "192.0.2.2|" },
		{ "nameserver\nnameservers 192.0.2.1\nnameserver ", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_strings list;
		char text[256] = "";

		gp_resolvers_read(gp_str(rows[i].text), arena, &list);
		for (size_t k = 0; k < list.n; k++) {
			size_t n = strlen(text);

			snprintf(text + n, sizeof(text) - n, "%s|", list.v[k]);
		}
		assert_string_equal(text, rows[i].want);
		gp_arena_free(arena);
	}
}

static void
resolvers_of_a_long_file_are_bounded(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_strings list;
	struct gp_buf text;

	(void)state;
	gp_buf_init(&text, 65536);
	for (size_t i = 0; i < 3 * GP_RESOLVERS_MAX; i++)
		gp_buf_adds(&text, "nameserver 192.0.2.1\n");
	gp_resolvers_read(gp_buf_str(&text), arena, &list);
	assert_int_equal(list.n, GP_RESOLVERS_MAX);
	gp_buf_clear(&text);
	gp_arena_free(arena);
}

static void
resolver_of_everybody_is_known(void **state)
{
	static const struct {
		const char *server;
		const char *owner;
	} rows[] = {
		{ "8.8.8.8", "Google" },
		{ "8.8.8.8:53", "Google" },
		{ "1.1.1.1", "Cloudflare" },
		{ "2606:4700:4700::1111", "Cloudflare" },
		{ "[2606:4700:4700:0:0:0:0:1111]:53", "Cloudflare" },
		{ "9.9.9.9", "Quad9" },
		{ "208.67.222.222", "OpenDNS" },
		{ "8.8.8.9", NULL },
		{ "127.0.0.1:5300", NULL },
		{ "[::1]:53", NULL },
		{ "[8.8.8.8", "Google" },
		{ "", NULL },
		{ "dns.example.com", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *owner = gp_resolver_public(rows[i].server);

		if (rows[i].owner == NULL)
			assert_null(owner);
		else
			assert_string_equal(owner, rows[i].owner);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolvers_of_a_resolv_conf_are_read),
		cmocka_unit_test(resolvers_of_a_long_file_are_bounded),
		cmocka_unit_test(resolver_of_everybody_is_known),
	};

	return cmocka_run_group_tests_name("resolvers", tests, NULL, NULL);
}
