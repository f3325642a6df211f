/* smtpd_milters as Postfix has it: elements, sockets, and their order. */
#include "core/milter_list.h"

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
milter_list_elements_are_read(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* "raw=socket|..." */
	} rows[] = {
		{ "", "" },
		{ " ,\t, ", "" },
		{ "unix:/a", "unix:/a=unix:/a|" },
		{ "unix:/a unix:/b,unix:/c", "unix:/a=unix:/a|unix:/b=unix:/b|"
					     "unix:/c=unix:/c|" },
		{ "local:/a", "local:/a=unix:/a|" },
		{ "UNIX:/a", "UNIX:/a=UNIX:/a|" },
		{ "inet:localhost:8891", "inet:localhost:8891="
					 "inet:8891@localhost|" },
		{ "inet:[::1]:8891", "inet:[::1]:8891=inet:8891@::1|" },
		{ "inet:8891", "inet:8891=inet:8891@|" },
		{ "{ unix:/a, connect_timeout=5s, default_action=accept }, "
		  "unix:/b",
		    "{ unix:/a, connect_timeout=5s, default_action=accept }="
		    "unix:/a|unix:/b=unix:/b|" },
		{ "{inet:h:1} {unix:/b}",
		    "{inet:h:1}=inet:1@h|{unix:/b}=unix:/b|" },
		{ "{ unix:/a, x={ b } }", "{ unix:/a, x={ b } }=unix:/a|" },
		{ "{ }", "{ }=|" },
		{ "{ unix:/a", "{ unix:/a={ unix:/a|" },
		{ "unix:/a}", "unix:/a}=unix:/a}|" },
		{ "nothing", "nothing=nothing|" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_milter_list list;
		char text[512] = "";

		gp_milter_list_read(arena, gp_str(rows[i].text), &list);
		for (size_t k = 0; k < list.n; k++) {
			size_t n = strlen(text);

			snprintf(text + n, sizeof(text) - n, "%s=%s|",
			    list.v[k].raw, list.v[k].socket);
		}
		assert_string_equal(text, rows[i].want);
		gp_arena_free(arena);
	}
}

static void
milter_list_of_many_is_bounded(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_milter_list list;
	char text[2 * GP_MILTER_LIST_MAX + 20];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "x,", 2);
	gp_milter_list_read(arena, gp_str_n(text, sizeof(text)), &list);
	assert_int_equal(list.n, GP_MILTER_LIST_MAX);
	gp_arena_free(arena);
}

static void
milter_list_is_sorted_in_its_places(void **state)
{
	static const struct {
		const char *text;
		int rank[5];
		const char *want;
	} rows[] = {
		{ "a b c", { 0, 1, 2 }, "a, b, c" },
		{ "a b c", { 2, 1, 0 }, "c, b, a" },
		{ "x c y a b", { -1, 2, -1, 0, 1 }, "x, a, y, b, c" },
		{ "{ c, o=1 } x a", { 3, -1, 1 }, "a, x, { c, o=1 }" },
		{ "x y", { -1, -1 }, "x, y" },
		{ "a b a", { 0, 1, 0 }, "a, b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_arena *arena = gp_arena_new();
		struct gp_milter_list list;

		gp_milter_list_read(arena, gp_str(rows[i].text), &list);
		assert_string_equal(gp_milter_list_sorted(arena, &list,
					rows[i].rank),
		    rows[i].want);
		gp_arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(milter_list_elements_are_read),
		cmocka_unit_test(milter_list_of_many_is_bounded),
		cmocka_unit_test(milter_list_is_sorted_in_its_places),
	};

	return cmocka_run_group_tests_name("milter_list", tests, NULL, NULL);
}
