/* Replies of an SMTP server, whole, in pieces, and wrong. */
#include "core/smtp_reply.h"

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
smtp_reply_is_cut_off_whole(void **state)
{
	static const struct {
		const char *in;
		enum gp_rc rc;
		unsigned code;
		const char *rest;
	} rows[] = {
		{ "220 mx ESMTP\r\n", GP_OK, 220, "" },
		{ "220 mx\r\n250 next\r\n", GP_OK, 220, "250 next\r\n" },
		{ "220\r\n", GP_OK, 220, "" },
		{ "220 mx\n", GP_OK, 220, "" },
		{ "250-mx\r\n250-SIZE\r\n250 DSN\r\n354 x", GP_OK, 250,
		    "354 x" },
		{ "250-mx\r\n250-SIZE\r\n", GP_NONE, 0, NULL },
		{ "250 m", GP_NONE, 0, NULL },
		{ "", GP_NONE, 0, NULL },
		{ "250-mx\r\n550 no\r\n", GP_PERM, 0, NULL },
		{ "199 x\r\n", GP_PERM, 0, NULL },
		{ "600 x\r\n", GP_PERM, 0, NULL },
		{ "25 x\r\n", GP_PERM, 0, NULL },
		{ "2500 x\r\n", GP_PERM, 0, NULL },
		{ "\r\n", GP_PERM, 0, NULL },
		{ "HTTP/1.1 200 OK\r\n", GP_PERM, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_str in = gp_str(rows[i].in);
		struct gp_smtp_reply r;

		if (gp_smtp_reply_take(&in, &r, NULL) != rows[i].rc)
			fail_msg("row %zu", i);
		if (rows[i].rc == GP_OK) {
			assert_int_equal(r.code, rows[i].code);
			assert_true(gp_str_eq(in, gp_str(rows[i].rest)));
		} else {
			assert_true(gp_str_eq(in, gp_str(rows[i].in)));
		}
	}
}

static void
smtp_reply_is_bounded(void **state)
{
	char line[GP_SMTP_LINE_MAX + 4];
	char lines[(GP_SMTP_LINES_MAX + 2) * 6];
	struct gp_smtp_reply r;
	struct gp_str in;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "220 ", 4);
	in = gp_str_n(line, GP_SMTP_LINE_MAX);
	assert_int_equal(gp_smtp_reply_take(&in, &r, NULL), GP_NONE);
	in = gp_str_n(line, GP_SMTP_LINE_MAX + 1);
	assert_int_equal(gp_smtp_reply_take(&in, &r, NULL), GP_PERM);
	line[GP_SMTP_LINE_MAX] = '\n';
	in = gp_str_n(line, GP_SMTP_LINE_MAX + 1);
	assert_int_equal(gp_smtp_reply_take(&in, &r, NULL), GP_OK);
	for (size_t i = 0; i < sizeof(lines); i += 6)
		memcpy(lines + i, "250-\r\n", 6);
	in = gp_str_n(lines, sizeof(lines) - 12);
	assert_int_equal(gp_smtp_reply_take(&in, &r, NULL), GP_NONE);
	in = gp_str_n(lines, sizeof(lines));
	assert_int_equal(gp_smtp_reply_take(&in, &r, NULL), GP_PERM);
}

static void
smtp_reply_offers_what_stands_in_a_line(void **state)
{
	static const struct {
		const char *in;
		bool offers;
	} rows[] = {
		{ "250-mx\r\n250-SIZE 10\r\n250 STARTTLS\r\n", true },
		{ "250-mx\r\n250-starttls\r\n250 DSN\r\n", true },
		{ "250-mx\r\n250-STARTTLS now\r\n250 DSN\r\n", true },
		{ "250-STARTTLS\r\n250 DSN\r\n", false },
		{ "250 STARTTLS\r\n", false },
		{ "250-mx\r\n250 STARTTLSX\r\n", false },
		{ "250-mx\r\n250 XSTARTTLS\r\n", false },
		{ "250-mx\r\n250\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_str in = gp_str(rows[i].in);
		struct gp_smtp_reply r;

		assert_int_equal(gp_smtp_reply_take(&in, &r, NULL), GP_OK);
		if (gp_smtp_reply_offers(&r, GP_STR("STARTTLS")) !=
		    rows[i].offers)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smtp_reply_is_cut_off_whole),
		cmocka_unit_test(smtp_reply_is_bounded),
		cmocka_unit_test(smtp_reply_offers_what_stands_in_a_line),
	};

	return cmocka_run_group_tests_name("smtp_reply", tests, NULL, NULL);
}
