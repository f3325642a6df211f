/* Who could take this field for one of ours?  Better too many than too few,
 * but never the fields of an honest other host. */
#include "core/authres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define ID   "mx.example.com"
#define TAIL "; spf=pass smtp.mailfrom=bank.example"

static const struct gp_str ours[] = {
	/* what RFC 8601 allows */
	GP_STR(ID TAIL),
	GP_STR(" " ID " 1" TAIL),
	GP_STR("\r\n\t" ID "\r\n\t" TAIL),
	GP_STR("MX.Example.COM" TAIL),
	GP_STR("\"" ID "\"" TAIL),
	GP_STR("\"mx\\.ex\\ample.com\"" TAIL),
	GP_STR("(c) " ID "(c)" TAIL),
	GP_STR("(a(b)c)(\\))" ID TAIL),
	GP_STR("(;)" ID TAIL),
	GP_STR("(\")" ID TAIL),
	GP_STR(ID "; none"),
	GP_STR(ID " 2" TAIL),
	/* what somebody's reader may forgive */
	GP_STR(ID),
	GP_STR(ID "."),
	GP_STR(ID ".." TAIL),
	GP_STR("." ID TAIL),
	GP_STR(ID " spf=pass"),
	GP_STR(ID "\0" TAIL),
	GP_STR("\0" ID TAIL),
	GP_STR("\x01" ID TAIL),
	GP_STR("\xff" ID "\xff" TAIL),
	GP_STR("\xc2\xa0" ID TAIL),
	GP_STR("\xef\xbb\xbf" ID TAIL),
	GP_STR(";" ID TAIL),
	GP_STR(" ;; , " ID TAIL),
	GP_STR("(c);" ID TAIL),
	GP_STR("\"\";" ID TAIL),
	GP_STR("-;_;.;" ID TAIL),
	GP_STR("," ID TAIL),
	GP_STR("=" ID TAIL),
	GP_STR("@" ID TAIL),
	GP_STR(": " ID TAIL),
	GP_STR("<" ID ">" TAIL),
	GP_STR("[" ID "]" TAIL),
	GP_STR("'" ID "'" TAIL),
	GP_STR(ID "/host" TAIL),
	GP_STR(ID ":25" TAIL),
	GP_STR(ID "=pass" TAIL),
	GP_STR("evil.net " ID TAIL),
	GP_STR(ID " evil.net" TAIL),
	GP_STR(ID " .evil.net" TAIL),
	GP_STR("evil. " ID TAIL),
	GP_STR("not" ID " " ID TAIL),
	GP_STR("evil.net, " ID TAIL),
	GP_STR("mx. example .com" TAIL),
	GP_STR("mx.\r\n\texample.com" TAIL),
	GP_STR("mx.(c)example.com" TAIL),
	GP_STR("mx.(a(b)c;)example.com" TAIL),
	GP_STR("mx.\"example\".com" TAIL),
	GP_STR("mx.exam\\ple.com" TAIL),
	GP_STR("mx.exam\0ple.com" TAIL),
	/* comments and quotes that never end, or end too often */
	GP_STR("(" ID TAIL),
	GP_STR("(c " ID TAIL),
	GP_STR("((c) " ID TAIL),
	GP_STR(")" ID TAIL),
	GP_STR("(c)) " ID TAIL),
	GP_STR("\"" ID TAIL),
	GP_STR(ID "\"" TAIL),
	GP_STR("\"" ID ";x\"" TAIL),
	GP_STR("\"x;\" " ID TAIL),
	GP_STR("\"x\\\";\" " ID TAIL),
	GP_STR(ID " (c" TAIL),
	GP_STR("\\" ID TAIL),
	GP_STR("\"\\\"" ID TAIL),
	/* only for those who nest no comments */
	GP_STR("(a(;) " ID TAIL),
	/* only for those who know no backslash */
	GP_STR("(a;\\) " ID TAIL),
	GP_STR("\"a;\\\" " ID TAIL),
	/* only for those who heed quotes inside comments */
	GP_STR("(a\")\";\"b;\"c) " ID TAIL),
	/* only for those who heed no quotes */
	GP_STR("\"(\" a; ) " ID TAIL),
};

static const struct gp_str others[] = {
	GP_STR(""),
	GP_STR(";"),
	GP_STR("evil.net" TAIL),
	GP_STR("not" ID TAIL),
	GP_STR("not-" ID TAIL),
	GP_STR("not_" ID TAIL),
	GP_STR("not." ID TAIL),
	GP_STR("not.." ID TAIL),
	GP_STR("1" ID TAIL),
	GP_STR(ID "a" TAIL),
	GP_STR(ID "-a" TAIL),
	GP_STR(ID "_" TAIL),
	GP_STR(ID ".evil.net" TAIL),
	GP_STR(ID "..evil.net" TAIL),
	GP_STR("\"" ID ".evil.net\"" TAIL),
	GP_STR("mx-example-com" TAIL),
	GP_STR("mx,example,com" TAIL),
	GP_STR("mxexample.com" TAIL),
	GP_STR("example.com" TAIL),
	GP_STR("mx.example.org" TAIL),
	/* named later in the field */
	GP_STR("evil.net; spf=pass smtp.helo=" ID),
	GP_STR("evil.net 1; " ID "; spf=pass"),
	GP_STR("evil.net; spf=pass (" ID ": fine) smtp.helo=" ID),
	GP_STR("evil.net; spf=pass smtp.helo=\"" ID "\""),
	GP_STR("\"evil.net\" (c) ; spf=pass smtp.helo=" ID),
	GP_STR("evil.net (c); x=y (" ID ")"),
	GP_STR("\"a;b\\\"c\"; x=y z.z=" ID),
	/* a field without an id, as some hosts write it */
	GP_STR("spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=" ID),
	GP_STR("spf=pass smtp.mailfrom=\"" ID "\"; dkim=none"),
	GP_STR("spf=pass smtp.mailfrom=joe@" ID "; dkim=none"),
	GP_STR("dkim=pass header.i=@" ID " (c) header.d=" ID "; x=y"),
};

static bool
claims(struct gp_str value, const char *id)
{
	char *block = malloc(value.n == 0 ? 1 : value.n);
	bool claimed;

	assert_non_null(block);
	if (value.n != 0)
		memcpy(block, value.p, value.n);
	claimed = gp_authres_claims(gp_str_n(block, value.n), id);
	free(block);
	return claimed;
}

static void
claims_every_spelling_of_our_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(ours); i++)
		if (!claims(ours[i], ID))
			fail_msg("not claimed: row %zu: %.*s", i,
			    GP_STR_ARG(ours[i]));
}

static void
claims_no_field_of_another_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(others); i++)
		if (claims(others[i], ID))
			fail_msg("claimed: row %zu: %.*s", i,
			    GP_STR_ARG(others[i]));
}

static void
claims_id_may_itself_be_odd(void **state)
{
	(void)state;
	assert_true(claims(GP_STR("MX.example.com; none"), "Mx.Example.Com."));
	assert_true(claims(GP_STR("a/b; none"), "a/b"));
	assert_true(claims(GP_STR("\"a b\"; none"), "a b"));
	assert_true(claims(GP_STR("localhost; none"), "localhost"));
	assert_false(claims(GP_STR("; none"), ""));
	assert_false(claims(GP_STR("..; none"), ".."));
	assert_false(claims(GP_STR("a; none"), "-"));
}

static void
claims_name_in_u_labels(void **state)
{
	const char *id = "mx.xn--mnchen-3ya.example";

	(void)state;
	assert_true(claims(GP_STR("mx.m\xc3\xbcnchen.example; none"), id));
	assert_true(claims(GP_STR("MX.M\xc3\x9cNCHEN.example. 1; none"), id));
	assert_true(claims(GP_STR("\"mx.mu\xcc\x88nchen.example\"; none"), id));
	assert_true(claims(GP_STR("(c\xc3\xa9)x \xc3\xa9 "
				  "mx.m\xc3\xbcnchen.example; none"),
	    id));
	assert_true(claims(GP_STR("mx.m\xc3\xbcnchen.example; none"),
	    "mx.m\xc3\xbcnchen.example"));
	assert_true(claims(GP_STR("mx.xn--mnchen-3ya.example; none"),
	    "mx.m\xc3\xbcnchen.example"));
	assert_true(
	    claims(GP_STR("\xc3\xa9,mx.m\xc3\xbcnchen.example; none"), id));
	assert_true(claims(GP_STR("mx.exam\xc2\xadple.com; none"), ID));
	assert_true(claims(GP_STR("\xef\xbd\x8d"
				  "x.example.com; none"),
	    ID));
	assert_false(claims(GP_STR("notmx.m\xc3\xbcnchen.example; none"), id));
	assert_false(claims(GP_STR("mx.m\xc3\xb6nchen.example; none"), id));
}

/* CPU seconds of one look at `start`, then `piece` until 128 KiB are full. */
static double
seconds_for(const char *start, const char *piece, const char *end)
{
	struct gp_buf text;
	struct timespec before;
	struct timespec after;

	gp_buf_init(&text, GP_FIELD_MAX);
	gp_buf_adds(&text, start);
	while (text.n + strlen(piece) + strlen(end) <= GP_FIELD_MAX)
		gp_buf_adds(&text, piece);
	gp_buf_adds(&text, end);
	assert_false(text.overflow);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	assert_int_equal(gp_authres_claims(gp_buf_str(&text), ID),
	    end[0] != '\0');
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	gp_buf_clear(&text);
	return (double)(after.tv_sec - before.tv_sec) +
	       1e-9 * (double)(after.tv_nsec - before.tv_nsec);
}

static void
claims_long_hostile_field_takes_linear_time(void **state)
{
	static const char *const pieces[] = { "(", "\"", "\\", ";", ".", " ",
		"m ", "mx.example.co", "a" ID " ", "x=" ID " ", "(\"\\",
		"m\xc3\xbc ", "(\xc3\xbc", ID "." ID "." };

	(void)state;
	for (size_t i = 0; i < ROWS(pieces); i++) {
		double s = seconds_for("x\"(", pieces[i], "");

		/* 16 readings of 128 KiB are some milliseconds; the bound
		 * leaves room for sanitizers, not for a square */
		if (s > 2)
			fail_msg("%s: %f s", pieces[i], s);
	}
}

static void
claims_id_is_found_however_far_back(void **state)
{
	(void)state;
	assert_true(seconds_for("", " ", ID TAIL) < 2);
	assert_true(seconds_for("", "(c)", ID TAIL) < 2);
	assert_true(seconds_for("(", "c;", ")" ID TAIL) < 2);
	assert_true(seconds_for("", ";", ID TAIL) < 2);
	assert_true(seconds_for("", "(", ID TAIL) < 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_every_spelling_of_our_id),
		cmocka_unit_test(claims_no_field_of_another_host),
		cmocka_unit_test(claims_id_may_itself_be_odd),
		cmocka_unit_test(claims_name_in_u_labels),
		cmocka_unit_test(claims_long_hostile_field_takes_linear_time),
		cmocka_unit_test(claims_id_is_found_however_far_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
