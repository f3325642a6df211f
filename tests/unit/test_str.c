/* Spans, classes of characters, numbers with units. */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define EMPTY                                                                  \
	{                                                                      \
		NULL, 0                                                        \
	}

static const struct gp_str empty = EMPTY;

static void
str_of_null_is_empty(void **state)
{
	(void)state;
	assert_int_equal(gp_str(NULL).n, 0);
	assert_int_equal(gp_str("").n, 0);
	assert_int_equal(gp_str("abc").n, 3);
	assert_int_equal(GP_STR("a\0b").n, 3);
}

static void
str_equality_looks_at_length_and_bytes(void **state)
{
	(void)state;
	assert_true(gp_str_eq(empty, GP_STR("")));
	assert_true(gp_str_eq(GP_STR("a\0b"), GP_STR("a\0b")));
	assert_false(gp_str_eq(GP_STR("a\0b"), GP_STR("a\0c")));
	assert_false(gp_str_eq(GP_STR("a"), GP_STR("ab")));
	assert_false(gp_str_eq(GP_STR("a"), GP_STR("A")));
	assert_true(gp_str_eq_nocase(GP_STR("aZ-9["), GP_STR("Az-9[")));
	/* neighbours of the letters, and bytes that a locale would fold */
	assert_false(gp_str_eq_nocase(GP_STR("["), GP_STR("{")));
	assert_false(gp_str_eq_nocase(GP_STR("@"), GP_STR("`")));
	assert_false(gp_str_eq_nocase(GP_STR("\xe4"), GP_STR("\xc4")));
	assert_false(gp_str_eq_nocase(GP_STR("a"), GP_STR("ab")));
	assert_false(gp_str_eq_nocase(GP_STR("ab"), GP_STR("a")));
}

static void
str_starts_and_ends_know_their_bounds(void **state)
{
	(void)state;
	assert_true(gp_str_starts_nocase(GP_STR("V=spf1"), GP_STR("v=SPF")));
	assert_true(gp_str_starts_nocase(GP_STR("a"), empty));
	assert_true(gp_str_starts_nocase(empty, empty));
	assert_false(gp_str_starts_nocase(GP_STR("v="), GP_STR("v=s")));
	assert_false(gp_str_starts_nocase(empty, GP_STR("a")));
	assert_true(
	    gp_str_ends_nocase(GP_STR("a.Example"), GP_STR(".eXample")));
	assert_true(gp_str_ends_nocase(GP_STR("a"), empty));
	assert_true(gp_str_ends_nocase(empty, empty));
	assert_false(gp_str_ends_nocase(GP_STR("xample"), GP_STR("example")));
	assert_false(gp_str_ends_nocase(GP_STR("ab"), GP_STR("aa")));
}

static void
str_find_gives_the_length_when_there_is_none(void **state)
{
	(void)state;
	assert_int_equal(gp_str_find(GP_STR("abca"), 'a'), 0);
	assert_int_equal(gp_str_find(GP_STR("abca"), 'c'), 2);
	assert_int_equal(gp_str_find(GP_STR("abca"), 'x'), 4);
	assert_int_equal(gp_str_find(GP_STR("ab\0c"), '\0'), 2);
	assert_int_equal(gp_str_find(GP_STR("ab"), '\0'), 2);
	assert_int_equal(gp_str_find(GP_STR("a\xff"), '\xff'), 1);
	assert_int_equal(gp_str_find(empty, 'a'), 0);
}

static void
str_trim_takes_the_four_blanks_only(void **state)
{
	(void)state;
	assert_true(
	    gp_str_eq(gp_str_trim(GP_STR(" \t\r\na b\n\r\t ")), GP_STR("a b")));
	assert_int_equal(gp_str_trim(GP_STR(" \r\n\t")).n, 0);
	assert_int_equal(gp_str_trim(empty).n, 0);
	assert_int_equal(gp_str_trim(GP_STR("\va\f")).n, 3);
}

static void
str_split_gives_each_piece_once(void **state)
{
	struct gp_str rest = GP_STR("a,,b,");
	const char *const want[] = { "a", "", "b", "" };
	size_t n = 0;

	(void)state;
	while (rest.p != NULL) {
		struct gp_str piece = gp_str_split(&rest, ',');

		assert_true(n < ROWS(want));
		assert_true(gp_str_eq(piece, gp_str(want[n++])));
	}
	assert_int_equal(n, ROWS(want));
	rest = GP_STR("abc");
	assert_true(gp_str_eq(gp_str_split(&rest, ','), GP_STR("abc")));
	assert_null(rest.p);
	rest = GP_STR("");
	assert_int_equal(gp_str_split(&rest, ',').n, 0);
	assert_null(rest.p);
}

static void
str_classes_are_those_of_ascii_for_every_byte(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool upper = i >= 65 && i <= 90;
		bool lower = i >= 97 && i <= 122;
		bool digit = i >= 48 && i <= 57;

		assert_int_equal(gp_is_alpha(c), upper || lower);
		assert_int_equal(gp_is_digit(c), digit);
		assert_int_equal(gp_is_alnum(c), upper || lower || digit);
		assert_int_equal(gp_is_space(c),
		    i == 32 || i == 9 || i == 13 || i == 10);
		assert_int_equal(gp_is_print(c), i >= 32 && i <= 126);
		assert_int_equal(gp_lower(c), upper ? (char)(i + 32) : c);
		assert_int_equal(gp_hex_value(c), digit                 ? i - 48
						  : i >= 65 && i <= 70  ? i - 55
						  : i >= 97 && i <= 102 ? i - 87
									: -1);
	}
}

struct utf8_row {
	const char *label;
	struct gp_str in;
	bool good;
	bool text;
};

static const struct utf8_row utf8[] = {
	{ "empty", EMPTY, true, true },
	{ "ASCII", GP_STR("a ~"), true, true },
	{ "NUL", GP_STR("a\0b"), true, false },
	{ "HTAB", GP_STR("\t"), true, false },
	{ "unit separator", GP_STR("\x1f"), true, false },
	{ "DEL", GP_STR("\x7f"), true, false },
	{ "U+0080", GP_STR("\xc2\x80"), true, false },
	{ "U+009F", GP_STR("a\xc2\x9f"), true, false },
	{ "U+00A0", GP_STR("\xc2\xa0"), true, true },
	{ "U+07FF", GP_STR("\xdf\xbf"), true, true },
	{ "U+0800", GP_STR("\xe0\xa0\x80"), true, true },
	{ "U+D7FF", GP_STR("\xed\x9f\xbf"), true, true },
	{ "U+E000", GP_STR("\xee\x80\x80"), true, true },
	{ "U+FFFF", GP_STR("\xef\xbf\xbf"), true, true },
	{ "U+10000", GP_STR("\xf0\x90\x80\x80"), true, true },
	{ "U+10FFFF", GP_STR("\xf4\x8f\xbf\xbf"), true, true },
	{ "mixed",
	    GP_STR("\xc3\xbc"
		   "a\xe4\xb8\xad\xf0\x9f\x92\xa9"),
	    true, true },
	{ "continuation alone", GP_STR("\x80"), false, false },
	{ "last continuation alone", GP_STR("\xbf"), false, false },
	{ "overlong of two", GP_STR("\xc0\x80"), false, false },
	{ "overlong of two, last", GP_STR("\xc1\xbf"), false, false },
	{ "overlong of three", GP_STR("\xe0\x9f\xbf"), false, false },
	{ "overlong of four", GP_STR("\xf0\x8f\xbf\xbf"), false, false },
	{ "first surrogate", GP_STR("\xed\xa0\x80"), false, false },
	{ "last surrogate", GP_STR("\xed\xbf\xbf"), false, false },
	{ "U+110000", GP_STR("\xf4\x90\x80\x80"), false, false },
	{ "five octets", GP_STR("\xf8\x88\x80\x80\x80"), false, false },
	{ "0xf5", GP_STR("\xf5\x80\x80\x80"), false, false },
	{ "0xff", GP_STR("\xff"), false, false },
	{ "cut after one of two", GP_STR("a\xc3"), false, false },
	{ "cut after two of three", GP_STR("\xe4\xb8"), false, false },
	{ "cut after three of four", GP_STR("\xf0\x9f\x92"), false, false },
	{ "letter for a continuation",
	    GP_STR("\xc3"
		   "a"),
	    false, false },
	{ "letter for the third",
	    GP_STR("\xe4\xb8"
		   "a"),
	    false, false },
	{ "head for the fourth", GP_STR("\xf0\x9f\x92\xf0"), false, false },
	{ "C1 head at the end", GP_STR("\xc2"), false, false },
};

static void
str_utf8_table_is_rfc3629(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(utf8); i++) {
		char *block = malloc(utf8[i].in.n == 0 ? 1 : utf8[i].in.n);
		struct gp_str in = gp_str_n(block, utf8[i].in.n);

		assert_non_null(block);
		if (in.n != 0)
			memcpy(block, utf8[i].in.p, in.n);
		if (gp_str_is_utf8(in) != utf8[i].good ||
		    gp_str_is_text(in) != utf8[i].text)
			fail_msg("%s", utf8[i].label);
		free(block);
	}
}

struct number_row {
	struct gp_str in;
	uint64_t max;
	bool good;
	uint64_t value;
};

static const struct number_row numbers[] = {
	{ GP_STR("0"), 0, true, 0 },
	{ GP_STR("007"), 7, true, 7 },
	{ GP_STR("255"), 255, true, 255 },
	{ GP_STR("256"), 255, false, 0 },
	{ GP_STR("260"), 255, false, 0 },
	{ GP_STR("1"), 0, false, 0 },
	{ GP_STR("18446744073709551615"), UINT64_MAX, true, UINT64_MAX },
	{ GP_STR("18446744073709551616"), UINT64_MAX, false, 0 },
	{ GP_STR("18446744073709551620"), UINT64_MAX, false, 0 },
	{ GP_STR("99999999999999999999999999"), UINT64_MAX, false, 0 },
	{ EMPTY, 9, false, 0 },
	{ GP_STR("+1"), 9, false, 0 },
	{ GP_STR("-1"), 9, false, 0 },
	{ GP_STR(" 1"), 9, false, 0 },
	{ GP_STR("1 "), 9, false, 0 },
	{ GP_STR("1\0"), 9, false, 0 },
	{ GP_STR("0x1"), 9, false, 0 },
	{ GP_STR("1e3"), 9999, false, 0 },
	{ GP_STR("\xd9\xa1"), 9, false, 0 },
};

static void
str_number_table_reads_digits_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(numbers); i++) {
		uint64_t value = 12345;
		enum gp_rc rc =
		    gp_parse_u64(numbers[i].in, numbers[i].max, &value);

		if (rc != (numbers[i].good ? GP_OK : GP_PERM) ||
		    value != (numbers[i].good ? numbers[i].value : 12345))
			fail_msg("%.*s", GP_STR_ARG(numbers[i].in));
	}
}

struct unit_row {
	const char *in;
	int64_t value; /* -1: refused */
};

static const struct unit_row durations[] = {
	{ "0", 0 },
	{ "0s", 0 },
	{ "250ms", 250 },
	{ "15s", 15000 },
	{ "5m", 300000 },
	{ "4h", 14400000 },
	{ "7d", 604800000 },
	{ "9223372036854775807ms", INT64_MAX },
	{ "9223372036854775808ms", -1 },
	{ "106751991167d", INT64_C(9223372036828800000) },
	{ "106751991168d", -1 },
	{ "", -1 },
	{ "5", -1 },
	{ "s", -1 },
	{ "ms", -1 },
	{ "5S", -1 },
	{ "5 s", -1 },
	{ "5s ", -1 },
	{ "-5s", -1 },
	{ "5sec", -1 },
	{ "1h30m", -1 },
	{ "1.5h", -1 },
	{ "00", -1 },
	{ "5w", -1 },
};

static const struct unit_row sizes[] = {
	{ "0", 0 },
	{ "512", 512 },
	{ "64k", 65536 },
	{ "10m", 10485760 },
	{ "1g", 1073741824 },
	{ "9223372036854775807", INT64_MAX },
	{ "9223372036854775808", -1 },
	{ "8589934591g", INT64_C(9223372035781033984) },
	{ "8589934592g", -1 },
	{ "", -1 },
	{ "k", -1 },
	{ "1K", -1 },
	{ "1kb", -1 },
	{ "1 k", -1 },
	{ "-1", -1 },
	{ "1t", -1 },
};

static void
str_unit_tables_are_exact_to_the_last_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(durations); i++) {
		int64_t v = -1;
		enum gp_rc rc =
		    gp_parse_duration_ms(gp_str(durations[i].in), &v);

		if (v != durations[i].value || (rc == GP_OK) != (v != -1))
			fail_msg("duration %s", durations[i].in);
	}
	for (size_t i = 0; i < ROWS(sizes); i++) {
		int64_t v = -1;
		enum gp_rc rc = gp_parse_size(gp_str(sizes[i].in), &v);

		if (v != sizes[i].value || (rc == GP_OK) != (v != -1))
			fail_msg("size %s", sizes[i].in);
	}
}

static void
str_edit_distance_counts_single_changes(void **state)
{
	char big[100];

	(void)state;
	assert_int_equal(gp_edit_distance(GP_STR("reject"), GP_STR("reject")),
	    0);
	assert_int_equal(gp_edit_distance(GP_STR("Reject"), GP_STR("rEJECT")),
	    0);
	assert_int_equal(gp_edit_distance(GP_STR("rejct"), GP_STR("reject")),
	    1);
	assert_int_equal(gp_edit_distance(GP_STR("rejeect"), GP_STR("reject")),
	    1);
	assert_int_equal(gp_edit_distance(GP_STR("rekect"), GP_STR("reject")),
	    1);
	assert_int_equal(gp_edit_distance(GP_STR("kitten"), GP_STR("sitting")),
	    3);
	assert_int_equal(gp_edit_distance(empty, GP_STR("abc")), 3);
	assert_int_equal(gp_edit_distance(GP_STR("abc"), empty), 3);
	assert_int_equal(gp_edit_distance(empty, empty), 0);
	memset(big, 'a', sizeof(big));
	assert_int_equal(gp_edit_distance(gp_str_n(big, sizeof(big)), empty),
	    32);
	assert_int_equal(gp_edit_distance(gp_str_n(big, sizeof(big)),
			     gp_str_n(big, 33)),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(str_of_null_is_empty),
		cmocka_unit_test(str_equality_looks_at_length_and_bytes),
		cmocka_unit_test(str_starts_and_ends_know_their_bounds),
		cmocka_unit_test(str_find_gives_the_length_when_there_is_none),
		cmocka_unit_test(str_trim_takes_the_four_blanks_only),
		cmocka_unit_test(str_split_gives_each_piece_once),
		cmocka_unit_test(str_classes_are_those_of_ascii_for_every_byte),
		cmocka_unit_test(str_utf8_table_is_rfc3629),
		cmocka_unit_test(
		    str_number_table_reads_digits_and_nothing_else),
		cmocka_unit_test(str_unit_tables_are_exact_to_the_last_number),
		cmocka_unit_test(str_edit_distance_counts_single_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
