/* The DMARC Policy Record: a row for each sentence of RFC 9989 4.7 and 4.8. */
#include "core/dmarc_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *section, *label;
	struct gp_str text;
	enum gp_rc rc;
	struct gp_dmarc_record want; /* with GP_OK */
};

/* clang-format off */
#define S(lit)  { lit, sizeof(lit) - 1 }
#define V       "v=DMARC1; "
#define RUA(lit) .rua = S(lit), .has_rua = true
#define NO      GP_DMARC_NONE
#define QU      GP_DMARC_QUARANTINE
#define RE      GP_DMARC_REJECT
#define BARE    { .p = GP_DMARC_ABSENT }
#define MAILTO  "mailto:a@b.example"
/* clang-format on */

static const struct row version_rows[] = {
	{ "4.7 v", "it is first", S("v=DMARC1; p=none"), GP_OK, { .p = NO } },
	{ "4.7 v", "alone", S("v=DMARC1"), GP_OK, BARE },
	{ "4.7 v", "alone, with a separator", S("v=DMARC1;"), GP_OK, BARE },
	{ "4.7 v", "not the first", S("p=none; v=DMARC1"), GP_NONE, BARE },
	{ "4.7 v", "absent", S("p=none"), GP_NONE, BARE },
	{ "4.7 v", "the value in lower case", S("v=dmarc1; p=none"), GP_NONE,
	    BARE },
	{ "4.7 v", "another version", S("v=DMARC2; p=none"), GP_NONE, BARE },
	{ "4.7 v", "a longer value", S("v=DMARC10; p=none"), GP_NONE, BARE },
	{ "4.7 v", "a shorter value", S("v=DMARC; p=none"), GP_NONE, BARE },
	{ "4.7 v", "no value", S("v=; p=none"), GP_NONE, BARE },
	{ "4.7 v", "a blank in place of the semicolon", S("v=DMARC1 p=none"),
	    GP_NONE, BARE },
	{ "4.7 v", "a comma in its place", S("v=DMARC1, p=none"), GP_NONE,
	    BARE },
	{ "4.8 dmarc-version", "blanks around the equals sign",
	    S("v \t= \t DMARC1 \t;p=none"), GP_OK, { .p = NO } },
	{ "4.8 dmarc-version", "the name is in any case", S("V=DMARC1; p=none"),
	    GP_OK, { .p = NO } },
	{ "4.8 dmarc-record", "a blank before it", S(" v=DMARC1; p=none"),
	    GP_NONE, BARE },
	{ "4.8 dmarc-record", "a semicolon before it", S("; v=DMARC1; p=none"),
	    GP_NONE, BARE },
	{ "4.8 dmarc-record", "quotes around it", S("\"v=DMARC1; p=none\""),
	    GP_NONE, BARE },
	{ "4.8 dmarc-record", "a NUL in the value", S("v=DMARC1\0; p=none"),
	    GP_NONE, BARE },
	{ "4.8 dmarc-record", "a line end in it", S("v=DMARC1\r\n; p=none"),
	    GP_NONE, BARE },
	{ "4.8 dmarc-record", "a byte order mark",
	    S("\xef\xbb\xbfv=DMARC1; p=none"), GP_NONE, BARE },
	{ "4.8 dmarc-record", "nothing", S(""), GP_NONE, BARE },
	{ "4.8 dmarc-record", "one letter", S("v"), GP_NONE, BARE },
	{ "4.8 dmarc-record", "an SPF record", S("v=spf1 -all"), GP_NONE,
	    BARE },
	{ "4.7 v", "a second one is ignored", S(V "v=DMARC2; p=none"), GP_OK,
	    { .p = NO } },
};

static const struct row tag_rows[] = {
	{ "4.7 adkim", "default r", S(V "p=none"), GP_OK, { .p = NO } },
	{ "4.7 adkim", "r", S(V "adkim=r"), GP_OK, BARE },
	{ "4.7 adkim", "s", S(V "adkim=s"), GP_OK, { .strict_dkim = true } },
	{ "4.7 aspf", "r", S(V "aspf=r"), GP_OK, BARE },
	{ "4.7 aspf", "s", S(V "aspf=s"), GP_OK, { .strict_spf = true } },
	{ "4.7 fo", "says nothing of the policy", S(V "p=none; fo=0:d"), GP_OK,
	    { .p = NO } },
	{ "4.7 np", "none", S(V "np=none"), GP_OK, { .np = NO } },
	{ "4.7 np", "quarantine", S(V "np=quarantine"), GP_OK, { .np = QU } },
	{ "4.7 np", "reject", S(V "np=reject"), GP_OK, { .np = RE } },
	{ "4.7 p", "none", S(V "p=none"), GP_OK, { .p = NO } },
	{ "4.7 p", "quarantine", S(V "p=quarantine"), GP_OK, { .p = QU } },
	{ "4.7 p", "reject", S(V "p=reject"), GP_OK, { .p = RE } },
	{ "4.7 p", "need not be the second", S(V "aspf=s; p=reject"), GP_OK,
	    { .p = RE, .strict_spf = true } },
	{ "4.7 psd", "y", S(V "psd=y"), GP_OK, { .psd = GP_DMARC_PSD_Y } },
	{ "4.7 psd", "n", S(V "psd=n"), GP_OK, { .psd = GP_DMARC_PSD_N } },
	{ "4.7 psd", "u", S(V "psd=u"), GP_OK, BARE },
	{ "4.7 rua", "one", S(V "rua=" MAILTO), GP_OK, { RUA(MAILTO) } },
	{ "4.7 ruf", "is none of ours", S(V "p=none; ruf=" MAILTO), GP_OK,
	    { .p = NO } },
	{ "4.7 sp", "none", S(V "sp=none"), GP_OK, { .sp = NO } },
	{ "4.7 sp", "quarantine", S(V "sp=quarantine"), GP_OK, { .sp = QU } },
	{ "4.7 sp", "reject", S(V "sp=reject"), GP_OK, { .sp = RE } },
	{ "4.7 t", "y", S(V "t=y"), GP_OK, { .testing = true } },
	{ "4.7 t", "n", S(V "t=n"), GP_OK, BARE },
	{ "4.7", "unknown tags are ignored",
	    S(V "x=y; sample=1; p=reject; pp=none; adki=s"), GP_OK,
	    { .p = RE } },
	{ "C.5.2", "pct, rf and ri are unknown",
	    S(V "p=reject; pct=x; rf=; ri=-1"), GP_OK, { .p = RE } },
	{ "4.7", "every tag at once",
	    S(V "p=reject; sp=quarantine; np=none; adkim=s; aspf=s; t=y; "
		"psd=n; fo=1; ruf=mailto:c@d.example; rua=" MAILTO ";"),
	    GP_OK,
	    { .p = RE,
		.sp = QU,
		.np = NO,
		.strict_dkim = true,
		.strict_spf = true,
		.testing = true,
		.psd = GP_DMARC_PSD_N,
		RUA(MAILTO) } },
};

static const struct row syntax_rows[] = {
	{ "4.8 dmarc-sep", "no blanks at all", S("v=DMARC1;p=reject;aspf=s"),
	    GP_OK, { .p = RE, .strict_spf = true } },
	{ "4.8 dmarc-sep", "blanks and tabs around it",
	    S("v=DMARC1 \t; \tp=reject\t ;aspf=s \t"), GP_OK,
	    { .p = RE, .strict_spf = true } },
	{ "4.8 equals", "blanks and tabs around it", S(V "p \t=\t reject"),
	    GP_OK, { .p = RE } },
	{ "4.8", "values in any case", S(V "p=ReJect; aspf=S; t=Y; psd=N"),
	    GP_OK,
	    { .p = RE,
		.strict_spf = true,
		.testing = true,
		.psd = GP_DMARC_PSD_N } },
	{ "4.8", "names in any case", S(V "P=reject; ADKIM=s"), GP_OK,
	    { .p = RE, .strict_dkim = true } },
	{ "4.8", "a piece without an equals sign is ignored",
	    S(V "p; reject; sp=none"), GP_OK, { .sp = NO } },
	{ "4.8", "empty pieces are", S(V ";; ; p=reject;;"), GP_OK,
	    { .p = RE } },
	{ "4.8", "a name that is no word is",
	    S(V "=reject; p p=none; p\0=none; p.=none; sp=none"), GP_OK,
	    { .sp = NO } },
	{ "4.8", "broken values fall back to defaults",
	    S(V "p=none; adkim=strict; aspf=; t=yes; psd=1"), GP_OK,
	    { .p = NO } },
	{ "4.8", "of equal tags the second is the error",
	    S(V "p=none; p=reject; adkim=s; adkim=r; psd=y; psd=n"), GP_OK,
	    { .p = NO, .strict_dkim = true, .psd = GP_DMARC_PSD_Y } },
	{ "4.8", "also where the first is broken",
	    S(V "p=none; aspf=x; aspf=s; t=; t=y"), GP_OK, { .p = NO } },
	{ "4.8", "a blank within a word", S(V "p=re ject"), GP_OK,
	    { .invalid = true } },
	{ "4.8 dmarc-value", "8-bit octets in a value that matters",
	    S(V "adkim=s\xc3\xa9; p=none"), GP_OK, { .p = NO } },
	{ "4.8 dmarc-value", "NUL behind one that matters",
	    S(V "aspf=s\0; p=none"), GP_OK, { .p = NO } },
	{ "4.8", "a line end is no blank", S(V "aspf=s\r\n; p=none"), GP_OK,
	    { .p = NO } },
	{ "4.10.1", "p no policy", S(V "p=kill"), GP_OK, { .invalid = true } },
	{ "4.10.1", "p empty", S(V "p="), GP_OK, { .invalid = true } },
	{ "4.10.1", "p with 8-bit octets", S(V "p=reject\x80"), GP_OK,
	    { .invalid = true } },
	{ "4.10.1", "p with NUL", S(V "p=reject\0"), GP_OK,
	    { .invalid = true } },
	{ "4.10.1", "p with something behind it", S(V "p=reject pct=10"), GP_OK,
	    { .invalid = true } },
	{ "4.10.1", "sp no policy", S(V "p=reject; sp=x"), GP_OK,
	    { .p = RE, .invalid = true } },
	{ "4.10.1", "sp with 8-bit octets", S(V "p=reject; sp=\xff"), GP_OK,
	    { .p = RE, .invalid = true } },
	{ "4.10.1", "np no policy", S(V "p=reject; np=x"), GP_OK,
	    { .p = RE, .invalid_np = true } },
	{ "4.10.1", "np with NUL", S(V "p=reject; np=none\0"), GP_OK,
	    { .p = RE, .invalid_np = true } },
	{ "4.10.1", "both, and the first p= counts",
	    S(V "p=x; p=reject; sp=none; np="), GP_OK,
	    { .sp = NO, .invalid = true, .invalid_np = true } },
};

#define LIST "mailto:a@b.example \t,\t mailto:c@d.example"
#define URI(section, label, uri, valid)                                        \
	{                                                                      \
		section, label, S(V "rua=" uri), GP_OK,                        \
		{                                                              \
			.rua = S(uri), .has_rua = (valid)                      \
		}                                                              \
	}

static const struct row uri_rows[] = {
	URI("4.6", "several", LIST, true),
	URI("4.6", "without blanks", MAILTO ",https://r.example/x", true),
	URI("4.10.1", "one of several is valid", "nobody,,x y,mailto:a@b",
	    true),
	URI("4.10.1", "none of several is", "nobody,,mailto:,@", false),
	URI("4.7 rua", "any URI", "https://r.example:8443/a/b?c=d&e#f", true),
	URI("4.7 rua", "a scheme in any case", "MailTo:a@b.example", true),
	URI("4.7 rua", "an unknown scheme", "x-own+1.a-b:c", true),
	URI("3986 2.1", "encoded comma and mark", "mailto:a%2Cb%21@c", true),
	URI("3986 2.1", "a bad encoding", "mailto:a%2xb@c", false),
	URI("3986 2.1", "one that is cut", "mailto:a@b%2", false),
	URI("3986 2", "a blank", "mailto:a b@c.example", false),
	URI("3986 2", "angle brackets", "<mailto:a@b.example>", false),
	URI("3986 2", "a quote", "mailto:\"a\"@b.example", false),
	URI("3986 2", "a backslash", "file:a\\b", false),
	URI("3986 3.1", "no scheme", "a@b.example", false),
	URI("3986 3.1", "an empty one", ":a@b.example", false),
	URI("3986 3.1", "one that begins with a digit", "1a:b", false),
	URI("3986 3.1", "one with an underscore", "a_b:c", false),
	URI("3986 3.1", "a scheme alone", "https:", false),
	URI("6068 2", "a mailto without an address", "mailto:a", false),
	URI("6068 2", "without a local part", "mailto:@b.example", false),
	URI("6068 2", "without a domain", "mailto:a@", false),
	URI("4.8 obs-dmarc-uri", "a size", MAILTO "!10m", true),
	URI("4.8 obs-dmarc-uri", "a size in octets", MAILTO "!1024", true),
	URI("4.8 obs-dmarc-uri", "any case", MAILTO "!1K", true),
	URI("4.8 obs-dmarc-uri", "no digits", MAILTO "!m", false),
	URI("4.8 obs-dmarc-uri", "nothing", MAILTO "!", false),
	URI("4.8 obs-dmarc-uri", "no size", MAILTO "!10x", false),
	URI("4.8 obs-dmarc-uri", "two sizes", MAILTO "!1!2", false),
	URI("4.8 dmarc-urilist", "only commas", ",,,", false),
	{ "4.8", "empty", S(V "rua="), GP_OK, BARE },
	{ "4.8 dmarc-value", "8-bit octets: as if it were not there",
	    S(V "rua=mailto:\xc3\xa9@b.example," MAILTO), GP_OK, BARE },
	{ "4.8 dmarc-value", "NUL as well", S(V "rua=" MAILTO "\0"), GP_OK,
	    BARE },
	{ "4.8", "an equals sign in it", S(V "rua=mailto:a=b@c.example"), GP_OK,
	    { RUA("mailto:a=b@c.example") } },
	{ "4.8", "of two the first counts", S(V "rua=" MAILTO "; rua=x:y"),
	    GP_OK, { RUA(MAILTO) } },
};

/* The text ends where its memory does, so that the sanitizer sees every octet
 * that is read behind it. */
static enum gp_rc
parse_copy(struct gp_str text, struct gp_dmarc_record *out, char **copy)
{
	*copy = malloc(text.n == 0 ? 1 : text.n);
	assert_non_null(*copy);
	memcpy(*copy, text.p, text.n);
	return gp_dmarc_record_parse(gp_str_n(*copy, text.n), out);
}

static void
assert_same(const struct gp_dmarc_record *got,
    const struct gp_dmarc_record *want)
{
	assert_string_equal(gp_dmarc_request_name(got->p),
	    gp_dmarc_request_name(want->p));
	assert_string_equal(gp_dmarc_request_name(got->sp),
	    gp_dmarc_request_name(want->sp));
	assert_string_equal(gp_dmarc_request_name(got->np),
	    gp_dmarc_request_name(want->np));
	assert_int_equal(got->invalid, want->invalid);
	assert_int_equal(got->invalid_np, want->invalid_np);
	assert_int_equal(got->strict_dkim, want->strict_dkim);
	assert_int_equal(got->strict_spf, want->strict_spf);
	assert_int_equal(got->testing, want->testing);
	assert_int_equal(got->psd, want->psd);
	assert_int_equal(got->has_rua, want->has_rua);
	assert_int_equal(got->rua.n, want->rua.n);
	assert_true(gp_str_eq(got->rua, want->rua));
}

static void
check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct gp_dmarc_record got;
		char *copy;

		print_message("# %s: %s\n", rows[i].section, rows[i].label);
		assert_int_equal(parse_copy(rows[i].text, &got, &copy),
		    rows[i].rc);
		if (rows[i].rc == GP_OK)
			assert_same(&got, &rows[i].want);
		free(copy);
	}
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void
dmarc_record_version_makes_the_record(void **state)
{
	(void)state;
	CHECK(version_rows);
}

static void
dmarc_record_tags_mean_what_the_rfc_says(void **state)
{
	(void)state;
	CHECK(tag_rows);
}

static void
dmarc_record_syntax_errors_fall_back(void **state)
{
	(void)state;
	CHECK(syntax_rows);
}

static void
dmarc_record_uris_are_those_of_rfc_3986(void **state)
{
	(void)state;
	CHECK(uri_rows);
}

/* -- hostile --------------------------------------------------------------- */

static void
put(char *at, struct gp_str text)
{
	memcpy(at, text.p, text.n);
}

/* "v=DMARC1;", then `fill`, then ";p=reject": n octets. */
static enum gp_rc
parse_long(size_t n, char fill, struct gp_dmarc_record *out)
{
	const struct gp_str tail = GP_STR(";p=reject");
	char *text = malloc(n);
	enum gp_rc rc;

	assert_non_null(text);
	memset(text, fill, n);
	put(text, GP_STR("v=DMARC1;"));
	put(text + n - tail.n, tail);
	rc = gp_dmarc_record_parse(gp_str_n(text, n), out);
	free(text);
	return rc;
}

static void
dmarc_record_length_is_bounded(void **state)
{
	static const char fills[] = ";= a\t,\0\xff";
	struct gp_dmarc_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(fills); i++) {
		assert_int_equal(parse_long(4096, fills[i], &r), GP_OK);
		assert_int_equal(r.p, GP_DMARC_REJECT);
		assert_int_equal(parse_long(4097, fills[i], &r), GP_NONE);
	}
	assert_int_equal(parse_long(65535, ';', &r), GP_NONE);
}

static const char sample[] = "v=DMARC1; p=reject; sp=none; np=quarantine; "
			     "adkim=s; aspf=s; t=y; psd=n; rua=mailto:a@b!1k";

/* Cut anywhere: no more is known than what stands there. */
static void
dmarc_record_cut_anywhere_is_read_to_its_end(void **state)
{
	struct gp_dmarc_record whole;

	(void)state;
	assert_int_equal(gp_dmarc_record_parse(gp_str(sample), &whole), GP_OK);
	for (size_t n = 0; n < sizeof(sample) - 1; n++) {
		struct gp_dmarc_record r;
		char *copy;
		enum gp_rc rc = parse_copy(gp_str_n(sample, n), &r, &copy);

		assert_int_equal(rc, n < 8 ? GP_NONE : GP_OK);
		if (rc == GP_OK) {
			assert_true(r.p == GP_DMARC_ABSENT || r.p == whole.p);
			assert_true(
			    r.sp == GP_DMARC_ABSENT || r.sp == whole.sp);
			assert_true(r.rua.n <= whole.rua.n);
		}
		free(copy);
	}
}

/* Any octet in any place: the version stands or the record falls, and no octet
 * that is not text comes out. */
static void
dmarc_record_any_octet_anywhere_is_borne(void **state)
{
	(void)state;
	for (size_t at = 0; at < sizeof(sample) - 1; at++)
		for (int octet = 0; octet < 256; octet++) {
			char text[sizeof(sample) - 1];
			struct gp_dmarc_record r;

			memcpy(text, sample, sizeof(text));
			text[at] = (char)octet;
			if (gp_dmarc_record_parse(gp_str_n(text, sizeof(text)),
				&r) != GP_OK) {
				assert_true(at < 9);
				continue;
			}
			assert_true(at >= 8 || text[at] == sample[at] ||
				    (at == 0 && octet == 'V'));
			for (size_t i = 0; i < r.rua.n; i++)
				assert_true(gp_is_print(r.rua.p[i]) ||
					    r.rua.p[i] == '\t');
		}
}

/* After v= the order of tags means nothing. */
static void
dmarc_record_order_of_tags_does_not_matter(void **state)
{
	static const char *const tags[] = { "p=reject", "sp=none", "np=none",
		"adkim=s", "aspf=s", "t=y", "psd=y", "rua=mailto:a@b.example",
		"x=y" };
	const size_t n = sizeof(tags) / sizeof(tags[0]);
	const struct gp_dmarc_record want = { .p = RE,
		.sp = NO,
		.np = NO,
		.strict_dkim = true,
		.strict_spf = true,
		.testing = true,
		.psd = GP_DMARC_PSD_Y,
		RUA(MAILTO) };

	(void)state;
	for (size_t first = 0; first < n; first++)
		for (size_t step = 1; step < n; step++) {
			char text[256] = "v=DMARC1";
			struct gp_dmarc_record got;

			if (step % 3 == 0) /* has a divisor in common with n */
				continue;
			for (size_t i = 0; i < n; i++) {
				size_t at = strlen(text);

				(void)snprintf(text + at, sizeof(text) - at,
				    ";%s", tags[(first + i * step) % n]);
			}
			assert_int_equal(gp_dmarc_record_parse(gp_str(text),
					     &got),
			    GP_OK);
			assert_same(&got, &want);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dmarc_record_version_makes_the_record),
		cmocka_unit_test(dmarc_record_tags_mean_what_the_rfc_says),
		cmocka_unit_test(dmarc_record_syntax_errors_fall_back),
		cmocka_unit_test(dmarc_record_uris_are_those_of_rfc_3986),
		cmocka_unit_test(dmarc_record_length_is_bounded),
		cmocka_unit_test(dmarc_record_cut_anywhere_is_read_to_its_end),
		cmocka_unit_test(dmarc_record_any_octet_anywhere_is_borne),
		cmocka_unit_test(dmarc_record_order_of_tags_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
