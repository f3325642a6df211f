/* Tag lists: the grammar of RFC 6376 section 3.2, row by row. */
#include "core/taglist.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NO_NAME "a tag has no name"
#define NO_SIGN "a tag name without '=' behind it"
#define CONTROL "a control character in a tag value"
#define NO_UTF8 "a tag value that is no UTF-8"
#define TWICE   "a tag is given twice"
#define NO_TAGS "no tags"

/* `tags`: what was read, each as "name=value;".  `clause`: NULL when the list
 * is one. */
struct row {
	const char *label;
	struct gp_str in;
	const char *tags, *clause;
};

/* tag-list = tag-spec *( ";" tag-spec ) [ ";" ] */
static const struct row lists[] = {
	{ "one tag", GP_STR("v=1"), "v=1;", NULL },
	{ "two tags", GP_STR("v=1;a=x"), "v=1;a=x;", NULL },
	{ "one semicolon may end the list", GP_STR("v=1;a=x;"), "v=1;a=x;",
	    NULL },
	{ "white space behind it", GP_STR("v=1;\r\n\t "), "v=1;", NULL },
	{ "line end alone behind it", GP_STR("v=1;\r\n"), "v=1;", NO_NAME },
	{ "two semicolons at the end", GP_STR("v=1;;"), "v=1;", NO_NAME },
	{ "two with a space between", GP_STR("v=1; ;"), "v=1;", NO_NAME },
	{ "two inside", GP_STR("v=1;;a=x"), "v=1;", NO_NAME },
	{ "semicolon first", GP_STR(";v=1"), "", NO_NAME },
	{ "semicolon alone", GP_STR(";"), "", NO_NAME },
	{ "nothing", GP_STR(""), "", NO_TAGS },
	{ "white space alone", GP_STR(" \t\r\n "), "", NO_TAGS },
	{ "line end alone", GP_STR("\r\n"), "", NO_NAME },
	/* "Tags with duplicate names MUST NOT occur" */
	{ "tag twice", GP_STR("v=1; a=x; v=1"), "v=1;a=x;", TWICE },
	{ "tag twice, the same value", GP_STR("a=x;a=x"), "a=x;", TWICE },
	{ "unknown tag twice", GP_STR("v=1; zz=x; zz=y; d=e"), "v=1;zz=x;",
	    TWICE },
	/* "Tags MUST be interpreted in a case-sensitive manner" */
	{ "names differ by case", GP_STR("a=1; A=2"), "a=1;A=2;", NULL },
	/* "the order is not important" but is kept */
	{ "any order", GP_STR("z=1; a=2; m=3"), "z=1;a=2;m=3;", NULL },
};

/* tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS],
 * tag-name = ALPHA *ALNUMPUNC */
static const struct row names[] = {
	{ "letters, digits, underscores", GP_STR("aZ_09=x"), "aZ_09=x;", NULL },
	{ "digit first", GP_STR("1a=x"), "", NO_NAME },
	{ "underscore first", GP_STR("_a=x"), "", NO_NAME },
	{ "hyphen inside", GP_STR("a-b=x"), "", NO_SIGN },
	{ "dot inside", GP_STR("a.b=x"), "", NO_SIGN },
	{ "no name", GP_STR("=x"), "", NO_NAME },
	{ "no sign", GP_STR("v=1; abc"), "v=1;", NO_SIGN },
	{ "no sign before the semicolon", GP_STR("abc; v=1"), "", NO_SIGN },
	{ "letter at the end", GP_STR("v=1; a"), "v=1;", NO_SIGN },
	{ "word behind the name", GP_STR("a b=x"), "", NO_SIGN },
	{ "UTF-8 in a name", GP_STR("\xc3\xa4=x"), "", NO_NAME },
	{ "UTF-8 behind a name", GP_STR("a\xc3\xa4=x"), "", NO_SIGN },
	{ "NUL before a name", GP_STR("\0v=1"), "", NO_NAME },
	{ "NUL in a name", GP_STR("v\0=1"), "", NO_SIGN },
	{ "white space around all", GP_STR(" \tv \t=\t 1 \t; a = x "),
	    "v=1;a=x;", NULL },
	{ "folds around all",
	    GP_STR("\r\n v\r\n =\r\n\t1\r\n ;\r\n a\n =\n x\n "), "v=1;a=x;",
	    NULL },
	{ "two folds in a row", GP_STR("v=\r\n \r\n 1"), "v=1;", NULL },
	{ "line end without white space", GP_STR("v=1;\r\na=x"), "v=1;",
	    NO_NAME },
	{ "LF without white space", GP_STR("v=1;\na=x"), "v=1;", NO_NAME },
	{ "CR without LF", GP_STR("v=1;\r a=x"), "v=1;", NO_NAME },
	{ "CR twice", GP_STR("v=1;\r\r\n a=x"), "v=1;", NO_NAME },
	{ "vertical tab", GP_STR("v=1;\va=x"), "v=1;", NO_NAME },
	{ "no-break space",
	    GP_STR("v=1;\xc2\xa0"
		   "a=x"),
	    "v=1;", NO_NAME },
};

/* tag-value = [ tval *( 1*(WSP / FWS) tval ) ], VALCHAR = %x21-3A / %x3C-7E;
 * RFC 8616 section 4: and UTF-8 */
static const struct row values[] = {
	{ "empty", GP_STR("p="), "p=;", NULL },
	{ "empty in the list", GP_STR("p=;k=rsa"), "p=;k=rsa;", NULL },
	{ "white space only", GP_STR("p= \r\n ;k=rsa"), "p=;k=rsa;", NULL },
	{ "equal signs", GP_STR("b=AA=="), "b=AA==;", NULL },
	{ "equal sign alone", GP_STR("b=="), "b==;", NULL },
	{ "every visible ASCII but the semicolon",
	    GP_STR("x=!\"#$%&'()*+,-./0123456789:<=>?@AZ[\\]^_`az{|}~"),
	    "x=!\"#$%&'()*+,-./0123456789:<=>?@AZ[\\]^_`az{|}~;", NULL },
	/* "WSP is allowed and significant inside a tag-value" */
	{ "white space inside stays", GP_STR("n= a  b\tc\r\n d "),
	    "n=a  b\tc\r\n d;", NULL },
	{ "fold of LF inside", GP_STR("b=AA\n\tBB"), "b=AA\n\tBB;", NULL },
	{ "UTF-8",
	    GP_STR("d=b\xc3\xbc"
		   "cher.example"),
	    "d=b\xc3\xbc"
	    "cher.example;",
	    NULL },
	{ "UTF-8 of four octets", GP_STR("x=\xf0\x9f\x93\xa7"),
	    "x=\xf0\x9f\x93\xa7;", NULL },
	{ "Latin-1",
	    GP_STR("v=1; d=b\xfc"
		   "cher.example"),
	    "v=1;", NO_UTF8 },
	{ "overlong UTF-8", GP_STR("x=\xc0\xaf"), "", NO_UTF8 },
	{ "surrogate", GP_STR("x=\xed\xa0\x80"), "", NO_UTF8 },
	{ "UTF-8 cut short", GP_STR("x=\xc3"), "", NO_UTF8 },
	{ "UTF-8 cut by the semicolon", GP_STR("x=\xc3;y=1"), "", NO_UTF8 },
	{ "UTF-8 cut by white space", GP_STR("x=\xc3 \xa4"), "", NO_UTF8 },
	{ "NUL", GP_STR("v=1; d=a\0b"), "v=1;", CONTROL },
	{ "NUL at the end", GP_STR("v=1\0"), "", CONTROL },
	{ "control character", GP_STR("v=1\x01"), "", CONTROL },
	{ "DEL", GP_STR("v=1\x7f"), "", CONTROL },
	{ "CR alone", GP_STR("v=1\r2"), "", CONTROL },
	{ "CR before white space", GP_STR("v=1\r 2"), "", CONTROL },
	{ "CR at the end", GP_STR("v=1\r"), "", CONTROL },
	{ "LF before a letter", GP_STR("v=1\n2"), "", CONTROL },
	{ "CRLF before a letter", GP_STR("v=1\r\n2"), "", CONTROL },
	{ "line end at the end", GP_STR("v=1\r\n"), "", CONTROL },
};

static void
write_tags(const struct gp_taglist *l, struct gp_buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		gp_buf_add_str(out, l->v[i].name);
		gp_buf_addc(out, '=');
		gp_buf_add_str(out, l->v[i].value);
		gp_buf_addc(out, ';');
	}
}

static void
check_row(const struct row *row)
{
	/* of just its size, so that an octet too far is seen */
	char *exact = malloc(row->in.n + 1);
	struct gp_taglist l;
	struct gp_err err = { "" };
	struct gp_buf text;
	enum gp_rc rc;

	assert_non_null(exact);
	memcpy(exact + 1, row->in.p, row->in.n);
	gp_buf_init(&text, 4096);
	rc = gp_taglist_parse(gp_str_n(exact + 1, row->in.n), &l, &err);
	write_tags(&l, &text);
	if ((rc == GP_OK) != (row->clause == NULL) ||
	    strcmp(gp_buf_cstr(&text), row->tags) != 0 ||
	    (rc != GP_OK && strcmp(err.msg, row->clause) != 0))
		fail_msg("row: %s: %d '%s' %s", row->label, rc, err.msg,
		    gp_buf_cstr(&text));
	gp_buf_clear(&text);
	free(exact);
}

static void
taglist_lists_are_whole_or_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		check_row(&lists[i]);
}

static void
taglist_names_and_white_space_are_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_row(&names[i]);
}

static void
taglist_values_hold_what_the_grammar_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		check_row(&values[i]);
}

/* Each octet inside a value, seen from the grammar. */
static void
taglist_each_octet_is_allowed_or_not(void **state)
{
	struct gp_taglist l;

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char text[] = { 'a', '=', 'x', (char)c, 'y' };
		bool space = c == ' ' || c == '\t';
		bool visible = c >= 0x21 && c <= 0x7e && c != ';';
		bool good = gp_taglist_parse(gp_str_n(text, sizeof(text)), &l,
				NULL) == GP_OK;

		if (good != (space || visible))
			fail_msg("octet 0x%02x", c);
	}
}

static void
taglist_number_of_tags_is_bounded(void **state)
{
	struct gp_taglist l;
	struct gp_err err;
	struct gp_buf text;

	(void)state;
	gp_buf_init(&text, 4096);
	for (unsigned i = 0; i < GP_TAGS_MAX; i++)
		gp_buf_addf(&text, "t%u=%u;", i, i);
	assert_int_equal(gp_taglist_parse(gp_buf_str(&text), &l, &err), GP_OK);
	assert_int_equal(l.n, GP_TAGS_MAX);
	gp_buf_adds(&text, "one=more");
	assert_int_equal(gp_taglist_parse(gp_buf_str(&text), &l, &err),
	    GP_PERM);
	assert_string_equal(err.msg, "more than 32 tags");
	assert_int_equal(l.n, GP_TAGS_MAX);
	gp_buf_clear(&text);
}

static void
taglist_get_finds_the_whole_name_only(void **state)
{
	struct gp_taglist l;

	(void)state;
	assert_int_equal(gp_taglist_parse(GP_STR("bh=1; b=2; B=3; empty="), &l,
			     NULL),
	    GP_OK);
	assert_true(gp_str_eq(*gp_taglist_get(&l, "b"), GP_STR("2")));
	assert_true(gp_str_eq(*gp_taglist_get(&l, "bh"), GP_STR("1")));
	assert_true(gp_str_eq(*gp_taglist_get(&l, "B"), GP_STR("3")));
	assert_int_equal(gp_taglist_get(&l, "empty")->n, 0);
	assert_null(gp_taglist_get(&l, "bhh"));
	assert_null(gp_taglist_get(&l, "BH"));
	assert_null(gp_taglist_get(&l, ""));
	/* what a longer list left behind is not there */
	assert_int_equal(gp_taglist_parse(GP_STR("a=1"), &l, NULL), GP_OK);
	assert_null(gp_taglist_get(&l, "b"));
}

static void
taglist_compact_leaves_out_white_space(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	assert_true(
	    gp_str_eq(gp_tag_compact(GP_STR("A A\r\n\tB\n C=\t"), arena),
		GP_STR("AABC=")));
	assert_int_equal(gp_tag_compact(GP_STR(""), arena).n, 0);
	assert_int_equal(gp_tag_compact(gp_str(NULL), arena).n, 0);
	gp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taglist_lists_are_whole_or_none),
		cmocka_unit_test(taglist_names_and_white_space_are_strict),
		cmocka_unit_test(taglist_values_hold_what_the_grammar_says),
		cmocka_unit_test(taglist_each_octet_is_allowed_or_not),
		cmocka_unit_test(taglist_number_of_tags_is_bounded),
		cmocka_unit_test(taglist_get_finds_the_whole_name_only),
		cmocka_unit_test(taglist_compact_leaves_out_white_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
