/* The kept header fields: order, numbers, bounds. */
#include "core/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
header_fields_stay_in_order_and_are_copies(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };
	char name[8], value[8];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		snprintf(value, sizeof(value), " v%u", i);
		gp_header_add(&h, arena, gp_str(name), gp_str(value));
	}
	memset(name, 'x', sizeof(name));
	assert_int_equal(h.n, 100);
	assert_int_equal(h.bytes, 2 * 10 + 3 * 90 + 3 * 10 + 4 * 90);
	assert_false(h.over);
	assert_true(gp_str_eq(h.v[0].name, GP_STR("n0")));
	assert_true(gp_str_eq(h.v[99].name, GP_STR("n99")));
	assert_true(gp_str_eq(h.v[99].value, GP_STR(" v99")));
	gp_arena_free(arena);
}

static void
header_names_are_counted_in_any_case(void **state)
{
	static const struct {
		const char *name;
		unsigned index; /* among its own */
	} fields[] = {
		{ "Received", 1 },
		{ "From", 1 },
		{ "RECEIVED", 2 },
		{ "Subject", 1 },
		{ "received", 3 },
		{ "Receive", 1 },
		{ "froM", 2 },
	};
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };

	(void)state;
	assert_int_equal(gp_header_count(&h, GP_STR("From")), 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		gp_header_add(&h, arena, gp_str(fields[i].name), GP_STR(""));
	for (size_t i = 0; i < h.n; i++)
		assert_int_equal(gp_header_index(&h, i), fields[i].index);
	assert_int_equal(gp_header_count(&h, GP_STR("receiveD")), 3);
	assert_int_equal(gp_header_count(&h, GP_STR("from")), 2);
	assert_int_equal(gp_header_count(&h, GP_STR("Fro")), 0);
	gp_arena_free(arena);
}

static void
header_full_of_fields_says_so(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };

	(void)state;
	for (unsigned i = 0; i < GP_FIELDS_MAX; i++)
		gp_header_add(&h, arena, GP_STR("A"), GP_STR(" b"));
	assert_int_equal(h.n, GP_FIELDS_MAX);
	assert_false(h.over);
	gp_header_add(&h, arena, GP_STR("A"), GP_STR(" b"));
	assert_int_equal(h.n, GP_FIELDS_MAX);
	assert_true(h.over);
	gp_arena_free(arena);
}

static void
header_full_of_bytes_says_so(void **state)
{
	static char half[GP_FIELDS_BYTES / 2];
	struct gp_str big = gp_str_n(half, sizeof(half));
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };

	(void)state;
	memset(half, 'x', sizeof(half));
	gp_header_add(&h, arena, GP_STR("A"), gp_str_n(half, big.n - 1));
	gp_header_add(&h, arena, GP_STR("B"), gp_str_n(half, big.n - 1));
	assert_int_equal(h.bytes, GP_FIELDS_BYTES);
	assert_false(h.over);
	gp_header_add(&h, arena, GP_STR(""), GP_STR(""));
	assert_int_equal(h.n, 3);
	assert_false(h.over);
	gp_header_add(&h, arena, GP_STR(""), GP_STR("x"));
	assert_int_equal(h.n, 3);
	assert_true(h.over);
	gp_arena_free(arena);
}

static void
header_name_too_long_says_so(void **state)
{
	static char name[GP_FIELDS_BYTES + 1];
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };

	(void)state;
	memset(name, 'x', sizeof(name));
	gp_header_add(&h, arena, gp_str_n(name, sizeof(name)), GP_STR("x"));
	assert_int_equal(h.n, 0);
	assert_true(h.over);
	gp_arena_free(arena);
}

/* A field that fits behind one that did not would have the wrong number. */
static void
header_keeps_nothing_behind_a_missing_field(void **state)
{
	static char big[GP_FIELDS_BYTES + 1];
	struct gp_arena *arena = gp_arena_new();
	struct gp_header h = { .n = 0 };

	(void)state;
	memset(big, 'x', sizeof(big));
	gp_header_add(&h, arena, GP_STR("A"), GP_STR("1"));
	gp_header_add(&h, arena, GP_STR("A"), gp_str_n(big, sizeof(big)));
	gp_header_add(&h, arena, GP_STR("A"), GP_STR("3"));
	assert_int_equal(h.n, 1);
	assert_true(h.over);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_fields_stay_in_order_and_are_copies),
		cmocka_unit_test(header_names_are_counted_in_any_case),
		cmocka_unit_test(header_full_of_fields_says_so),
		cmocka_unit_test(header_full_of_bytes_says_so),
		cmocka_unit_test(header_name_too_long_says_so),
		cmocka_unit_test(header_keeps_nothing_behind_a_missing_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
