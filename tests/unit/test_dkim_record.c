/* The published key record: its text forms, and the private key beside it. */
#include "core/dkim_record.h"

#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 6376 appendix C, and RFC 8463 appendix A.2. */
#define RSA_HEAD "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3"
#define RSA_TAIL                                                               \
	"/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od"     \
	"+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBc"     \
	"WToIMmPSPDdQPNUYckcQ2QIDAQAB"
#define RSA     RSA_HEAD RSA_TAIL
#define ED25519 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define OTHER   "22qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

enum { RSA_KEY, ED_KEY };

/* -- compared ------------------------------------------------------------ */

static const struct {
	const char *label;
	int key;
	const char *records[3]; /* NULL ends them */
	const char *word;
	const char *say;
} rows[] = {
	{ "the RSA key", RSA_KEY, { "v=DKIM1; k=rsa; p=" RSA }, "same",
	    "the record fits the key" },
	{ "without k=", RSA_KEY, { "v=DKIM1; p=" RSA }, "same",
	    "the record fits the key" },
	{ "the Ed25519 key", ED_KEY, { "v=DKIM1; k=ed25519; p=" ED25519 },
	    "same", "the record fits the key" },
	{ "blanks in p=", RSA_KEY, { "v=DKIM1; p=" RSA_HEAD " " RSA_TAIL },
	    "same", "the record fits the key" },
	{ "beside another TXT", RSA_KEY, { "v=spf1 -all", "v=DKIM1; p=" RSA },
	    "same", "the record fits the key" },
	{ "h= with sha256", RSA_KEY, { "v=DKIM1; h=sha1:sha256; p=" RSA },
	    "same", "the record fits the key" },
	{ "in test", RSA_KEY, { "v=DKIM1; t=y:s; p=" RSA }, "testing",
	    "the record fits the key, but t=y tells receivers to ignore it" },
	{ "no TXT at all", RSA_KEY, { NULL }, "missing",
	    "there is no key record, the name does not exist" },
	{ "other TXT only", RSA_KEY, { "v=spf1 -all", "hello" }, "missing",
	    "there is no key record, only 2 other TXT" },
	{ "old and new", ED_KEY,
	    { "v=DKIM1; k=ed25519; p=" ED25519, "v=DKIM1; p=" RSA }, "several",
	    "there are several key records, and receivers pick any of them" },
	{ "good and broken", ED_KEY,
	    { "v=DKIM1; k=ed25519; p=" ED25519, "v=DKIM1; p=!" }, "several",
	    "there are several key records, and receivers pick any of them" },
	{ "revoked", RSA_KEY, { "v=DKIM1; p=" }, "revoked",
	    "p= is empty: the key is revoked" },
	{ "first half only", RSA_KEY, { "v=DKIM1; k=rsa; p=" RSA_HEAD },
	    "truncated", "p= is cut short: it has 60 of 216 characters" },
	{ "cut within four characters", RSA_KEY,
	    { "v=DKIM1; k=rsa; p=" RSA_HEAD "/" }, "truncated",
	    "p= is cut short: it has 61 of 216 characters" },
	{ "Ed25519 cut short", ED_KEY, { "v=DKIM1; k=ed25519; p=11qYAYKx" },
	    "truncated", "p= is cut short: it has 8 of 44 characters" },
	{ "second half only", RSA_KEY, { "v=DKIM1; k=rsa; p=" RSA_TAIL },
	    "broken", NULL },
	{ "quotes between the strings", RSA_KEY,
	    { "v=DKIM1; p=" RSA_HEAD "\" \"" RSA_TAIL }, "quoted", NULL },
	{ "quotes around it", RSA_KEY, { "\"v=DKIM1; p=" RSA "\"" }, "quoted",
	    "quotes or backslashes of a zone file became part of the record" },
	{ "semicolons escaped", RSA_KEY, { "v=DKIM1\\; k=rsa\\; p=" RSA },
	    "quoted", NULL },
	{ "quotes around another key", ED_KEY,
	    { "\"v=DKIM1; k=ed25519; p=" OTHER "\"" }, "broken", NULL },
	{ "the other type", RSA_KEY, { "v=DKIM1; k=ed25519; p=" ED25519 },
	    "type", NULL },
	{ "k= forgotten", ED_KEY, { "v=DKIM1; p=" ED25519 }, "type",
	    "k= does not name the type of the key" },
	{ "k= wrong", RSA_KEY, { "v=DKIM1; k=ed25519; p=" RSA }, "type", NULL },
	{ "k= unknown", RSA_KEY, { "v=DKIM1; k=dsa; p=" RSA }, "type", NULL },
	{ "no sha256", RSA_KEY, { "v=DKIM1; h=sha1; p=" RSA }, "hash",
	    "h= does not allow sha256" },
	{ "no mail", RSA_KEY, { "v=DKIM1; s=tlsrpt; p=" RSA }, "service",
	    "s= does not allow email" },
	{ "another key", ED_KEY, { "v=DKIM1; k=ed25519; p=" OTHER }, "other",
	    "the record has another key than the file" },
	{ "a tag twice", RSA_KEY, { "v=DKIM1; p=" RSA "; p=" RSA }, "broken",
	    "the record is broken: a tag is given twice" },
	{ "broken, and another TXT", RSA_KEY,
	    { "v=DKIM1; p=" RSA "; p=" RSA, "v=spf1 -all" }, "broken",
	    "the record is broken: a tag is given twice" },
	{ "v= last", RSA_KEY, { "p=" RSA "; v=DKIM1" }, "broken",
	    "the record is broken: v= is not the first tag" },
};

static struct gp_dkim_public
key_of(int which, struct gp_arena *arena)
{
	struct gp_dkim_key_record record;

	assert_int_equal(
	    gp_dkim_key_parse(which == RSA_KEY
				  ? GP_STR("v=DKIM1; k=rsa; p=" RSA)
				  : GP_STR("v=DKIM1; k=ed25519; p=" ED25519),
		arena, &record, NULL),
	    GP_OK);
	return record.key;
}

static void
dkim_record_compared_has_the_verdict(void **state)
{
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct gp_dkim_public ours = key_of(rows[i].key, arena);
		struct gp_dns_rr rr[3] = { 0 };
		struct gp_dns_answer answer = { .rc = GP_OK, .rr = rr };
		struct gp_dkim_published p;
		struct gp_buf say;

		while (rows[i].records[answer.n] != NULL) {
			rr[answer.n].text = gp_str(rows[i].records[answer.n]);
			answer.n++;
		}
		if (answer.n == 0) {
			answer.rc = GP_NONE;
			answer.nxdomain = true;
		}
		gp_buf_init(&say, SIZE_MAX);
		gp_dkim_record_compare(&ours, &answer, &p);
		gp_dkim_published_say(&p, &say);
		if (strcmp(gp_dkim_published_word(p.verdict), rows[i].word) !=
			0 ||
		    (rows[i].say != NULL &&
			strcmp(rows[i].say, gp_buf_cstr(&say)) != 0))
			fail_msg("%s: %s: %s", rows[i].label,
			    gp_dkim_published_word(p.verdict),
			    gp_buf_cstr(&say));
		assert_int_equal(gp_dkim_published_works(&p),
		    strcmp(rows[i].word, "same") == 0 ||
			strcmp(rows[i].word, "testing") == 0);
		gp_buf_clear(&say);
	}
	gp_arena_free(arena);
}

static void
dkim_record_without_answer_is_unknown(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	const struct gp_dkim_public ours = key_of(ED_KEY, arena);
	const struct gp_dns_answer answer = { .rc = GP_TEMP,
		.why = "SERVFAIL" };
	struct gp_dkim_published p;
	struct gp_buf say;

	(void)state;
	gp_buf_init(&say, SIZE_MAX);
	gp_dkim_record_compare(&ours, &answer, &p);
	gp_dkim_published_say(&p, &say);
	assert_int_equal(p.verdict, GP_DKIM_PUBLISHED_UNKNOWN);
	assert_false(gp_dkim_published_works(&p));
	assert_string_equal(gp_buf_cstr(&say), "DNS did not tell: SERVFAIL");
	gp_buf_clear(&say);
	gp_arena_free(arena);
}

/* -- written down -------------------------------------------------------- */

/* What a reader of zone files makes of the strings. */
static void
read_strings(const char *p, struct gp_buf *out, size_t *longest)
{
	size_t n = 0;
	bool in = false;

	for (; *p != '\0'; p++) {
		char c = *p;

		if (c == '"') {
			in = !in;
			n = 0;
			continue;
		}
		if (!in) {
			assert_non_null(strchr(" \t\n", c));
			continue;
		}
		assert_true(gp_is_print(c));
		if (c == '\\' && gp_is_digit(p[1])) {
			c = (char)strtol((char[]){ p[1], p[2], p[3], '\0' },
			    NULL, 10);
			p += 3;
		} else if (c == '\\') {
			c = *++p;
		}
		gp_buf_addc(out, c);
		n++;
		*longest = n > *longest ? n : *longest;
	}
	assert_false(in);
}

static void
dkim_record_strings_read_back_the_same(void **state)
{
	static const size_t lengths[] = { 0, 1, 254, 255, 256, 510, 511, 4000 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct gp_buf in, text, out;
		size_t longest = 0;

		gp_buf_init(&in, SIZE_MAX);
		gp_buf_init(&text, SIZE_MAX);
		gp_buf_init(&out, SIZE_MAX);
		for (size_t k = 0; k < lengths[i]; k++)
			gp_buf_addc(&in, (char)(k * 7));
		gp_dkim_record_strings(gp_buf_str(&in), "\n\t", &text);
		read_strings(gp_buf_cstr(&text), &out, &longest);
		assert_true(gp_str_eq(gp_buf_str(&in), gp_buf_str(&out)));
		assert_true(longest <= 255);
		gp_buf_clear(&in);
		gp_buf_clear(&text);
		gp_buf_clear(&out);
	}
}

static void
dkim_record_in_a_zone_file_has_its_name_and_strings(void **state)
{
	struct gp_buf out;
	char name[GP_DKIM_RECORD_NAME];

	(void)state;
	gp_buf_init(&out, SIZE_MAX);
	gp_dkim_record_zone(gp_dkim_record_name("s1", "example.com", name), 600,
	    GP_STR("v=DKIM1; n=say \"so\"; p=AA"), &out);
	assert_string_equal(gp_buf_cstr(&out),
	    "s1._domainkey.example.com. 600 IN TXT (\n"
	    "\t\"v=DKIM1; n=say \\\"so\\\"; p=AA\" )\n");
	gp_buf_clear(&out);
}

static void
dkim_record_for_nsupdate_replaces_the_old_one(void **state)
{
	struct gp_buf out;

	(void)state;
	gp_buf_init(&out, SIZE_MAX);
	gp_dkim_record_nsupdate("s1._domainkey.example.com", 600,
	    GP_STR("v=DKIM1; p=AA"), "192.0.2.53 5353", &out);
	assert_string_equal(gp_buf_cstr(&out),
	    "server 192.0.2.53 5353\n"
	    "update delete s1._domainkey.example.com. TXT\n"
	    "update add s1._domainkey.example.com. 600 TXT "
	    "\"v=DKIM1; p=AA\"\n"
	    "send\n");
	gp_buf_reset(&out);
	gp_dkim_record_nsupdate("s1._domainkey.example.com", 600,
	    GP_STR("v=DKIM1; p=AA"), NULL, &out);
	assert_null(strstr(gp_buf_cstr(&out), "server"));
	gp_buf_clear(&out);
}

static void
dkim_record_of_a_retired_key_is_kept_as_its_signatures_hold(void **state)
{
	static const struct {
		int64_t on_s, expire_ms, until_s;
	} times[] = {
		/* 2026-11-22: a day, 10 days, and a day for the clocks */
		{ 1795305600, INT64_C(864000000), 1795305600 + 12 * 86400 },
		{ 1795305600, INT64_C(3600000), 1795305600 + 2 * 86400 },
		{ 1795305600, 0, 1795305600 + 13 * 86400 },
		{ 1795305600 + 86399, 0, 1795305600 + 13 * 86400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_int_equal(gp_dkim_record_keep_until_s(times[i].on_s,
				     times[i].expire_ms),
		    times[i].until_s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dkim_record_compared_has_the_verdict),
		cmocka_unit_test(dkim_record_without_answer_is_unknown),
		cmocka_unit_test(dkim_record_strings_read_back_the_same),
		cmocka_unit_test(
		    dkim_record_in_a_zone_file_has_its_name_and_strings),
		cmocka_unit_test(dkim_record_for_nsupdate_replaces_the_old_one),
		cmocka_unit_test(
		    dkim_record_of_a_retired_key_is_kept_as_its_signatures_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
