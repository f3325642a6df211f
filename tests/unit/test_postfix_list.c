/* Lists of milters as administrators write them. */
#include "core/postfix_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OURS        "gatepost_inbound_milters"
#define TOKEN       "$" OURS

struct split_row {
	const char *value;
	const char *want; /* elements with a "|" behind each; "!" at the end: a
	                   * brace without partner */
};

static const struct split_row splits[] = {
	{ "", "" },
	{ " ,, \t\n", "" },
	{ "inet:localhost:8891", "inet:localhost:8891|" },
	{ "a, b c,d", "a|b|c|d|" },
	{ "a,\n    b", "a|b|" },
	{ ",a,", "a|" },
	{ "{ inet:a:1, default_action=accept }, unix:/b",
	    "{ inet:a:1, default_action=accept }|unix:/b|" },
	{ "{a}{b} c", "{a}{b}|c|" },
	{ "{ a {timeout = 5s}, x } b", "{ a {timeout = 5s}, x }|b|" },
	{ "$x, ${y}, $(z)", "$x|${y}|$(z)|" },
	{ "${x ? {a, b} : {c}} d", "${x ? {a, b} : {c}}|d|" },
	{ "a { b", "a|!" },
	{ "a } b", "a|!" },
	{ "a) b", "!" },
	{ "{ a } }", "{ a }|!" },
};

static void
list_table_gives_each_element_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(splits); i++) {
		struct gp_str rest = gp_str(splits[i].value), element;
		struct gp_buf got;
		enum gp_rc rc;

		gp_buf_init(&got, SIZE_MAX);
		while ((rc = gp_postfix_list_next(&rest, &element)) == GP_OK) {
			gp_buf_add_str(&got, element);
			gp_buf_addc(&got, '|');
		}
		if (rc == GP_PERM)
			gp_buf_addc(&got, '!');
		assert_int_equal(gp_postfix_list_check(gp_str(splits[i].value),
				     NULL),
		    rc == GP_PERM ? GP_PERM : GP_OK);
		assert_string_equal(gp_buf_cstr(&got), splits[i].want);
		gp_buf_clear(&got);
	}
}

struct edit_row {
	const char *value;
	bool has, refers;
	const char *removed;
};

static const struct edit_row edits[] = {
	{ "", false, false, "" },
	{ "inet:a:1", false, false, "inet:a:1" },
	{ TOKEN, true, true, "" },
	{ "${" OURS "}", true, true, "" },
	{ "$(" OURS ")", true, true, "" },
	{ TOKEN ", inet:a:1", true, true, "inet:a:1" },
	{ TOKEN " inet:a:1", true, true, "inet:a:1" },
	{ "inet:a:1, " TOKEN, true, true, "inet:a:1" },
	{ "inet:a:1,  " TOKEN ",unix:/b", true, true, "inet:a:1,unix:/b" },
	{ TOKEN "," TOKEN ", x", true, true, "x" },
	{ "a   b,c , " TOKEN, true, true, "a   b,c" },
	{ "{ inet:a:1, default_action=accept }, " TOKEN, true, true,
	    "{ inet:a:1, default_action=accept }" },
	{ TOKEN "x, y", false, false, TOKEN "x, y" },
	{ TOKEN "_2", false, false, TOKEN "_2" },
	{ "$$" OURS, false, true, "$$" OURS },
	{ "x" TOKEN, false, true, "x" TOKEN },
	{ OURS, false, false, OURS },
	{ "${a ? {" TOKEN "}}", false, true, "${a ? {" TOKEN "}}" },
	{ "${" OURS "?{x}}", false, true, "${" OURS "?{x}}" },
	{ "{ " TOKEN " }", false, true, "{ " TOKEN " }" },
	{ TOKEN ", { x", true, true, "{ x" },
	{ "a, " TOKEN ", { x, y", true, true, "a, { x, y" },
};

static void
list_table_finds_and_removes_our_reference_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(edits); i++) {
		const struct gp_str value = gp_str(edits[i].value);
		struct gp_buf b;

		gp_buf_init(&b, SIZE_MAX);
		gp_postfix_list_remove(&b, OURS, value);
		if (gp_postfix_list_has(value, OURS) != edits[i].has ||
		    gp_postfix_refers(value, OURS) != edits[i].refers)
			fail_msg("%s", edits[i].value);
		assert_string_equal(gp_buf_cstr(&b), edits[i].removed);
		gp_buf_clear(&b);
	}
}

static void
list_added_reference_is_first_and_comes_off_again(void **state)
{
	static const char *const values[] = { "", "inet:a:1", "a   b,\tc",
		"{ inet:a:1, default_action=accept }, $x", "${y ? {a}} b" };

	(void)state;
	for (size_t i = 0; i < ROWS(values); i++) {
		struct gp_buf with, without;

		gp_buf_init(&with, SIZE_MAX);
		gp_buf_init(&without, SIZE_MAX);
		gp_postfix_list_add(&with, OURS, gp_str(values[i]));
		assert_true(
		    gp_str_starts_nocase(gp_buf_str(&with), GP_STR(TOKEN)));
		gp_postfix_list_remove(&without, OURS, gp_buf_str(&with));
		assert_string_equal(gp_buf_cstr(&without), values[i]);
		gp_buf_clear(&with);
		gp_buf_clear(&without);
	}
}

struct pack_row {
	const char *value, *want; /* NULL: refused */
};

static const struct pack_row packs[] = {
	{ "", "" },
	{ "a", "a" },
	{ " a, b  c ", "a,b,c" },
	{ "a , b", "a,b" },
	{ "{ unix:/a, default_action=accept } b",
	    "{unix:/a,default_action=accept},b" },
	{ "$x, ${y} $(z)", "$x,${y},$(z)" },
	{ "${x?{a}:{b}},c", "${x?{a}:{b}},c" },
	{ "${x ? {a} : {b}}", NULL },
	{ "{ a, { b c } }", "{a,{b,c}}" },
};

static void
list_packed_has_no_blanks_and_the_same_elements(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(packs); i++) {
		struct gp_buf b;
		struct gp_err err;

		gp_buf_init(&b, SIZE_MAX);
		if (packs[i].want == NULL) {
			assert_int_equal(gp_postfix_list_pack(&b,
					     gp_str(packs[i].value), &err),
			    GP_PERM);
		} else {
			assert_int_equal(gp_postfix_list_pack(&b,
					     gp_str(packs[i].value), &err),
			    GP_OK);
			assert_string_equal(gp_buf_cstr(&b), packs[i].want);
		}
		gp_buf_clear(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_table_gives_each_element_once),
		cmocka_unit_test(
		    list_table_finds_and_removes_our_reference_only),
		cmocka_unit_test(
		    list_added_reference_is_first_and_comes_off_again),
		cmocka_unit_test(
		    list_packed_has_no_blanks_and_the_same_elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
