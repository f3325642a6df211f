/* What openssl(1) prints, and what it might. */
#include "core/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END   "-----END CERTIFICATE-----\n"

static void
certificate_first_pem_is_found(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: none */
	} rows[] = {
		{ BEGIN "AA\n" END, BEGIN "AA\n" END },
		{ "CONNECTED\n" BEGIN "AA\n" END BEGIN "BB\n" END "x\n",
		    BEGIN "AA\n" END },
		{ BEGIN "AA\n-----END CERTIFICATE-----",
		    BEGIN "AA\n-----END CERTIFICATE-----" },
		{ BEGIN "AA\n", NULL },
		{ "AA\n" END, NULL },
		{ END BEGIN, NULL },
		{ "x" BEGIN "AA\n" END, NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct gp_str out = { .n = 0 };
		enum gp_rc rc = gp_certificate_pem(gp_str(rows[i].text), &out);

		assert_int_equal(rc, rows[i].want == NULL ? GP_NONE : GP_OK);
		assert_true(gp_str_eq(out, gp_str(rows[i].want)));
	}
}

static void
certificate_dates_are_seconds(void **state)
{
	static const struct {
		const char *text;
		enum gp_rc rc;
		int64_t from, until;
	} rows[] = {
		{ "notBefore=1970-01-01 00:00:00Z\n"
		  "notAfter=2026-11-22 14:53:49Z\n",
		    GP_OK, 0, 1795359229 },
		{ "subject=x\nnotAfter=1970-01-02 00:00:01Z\n"
		  "notBefore=1970-01-01 00:01:00Z",
		    GP_OK, 60, 86401 },
		{ "notAfter=2026-11-22 14:53:49Z\n", GP_PERM, 0, 0 },
		{ "notBefore=2026-11-22 14:53:49Z\n", GP_PERM, 0, 0 },
		{ "notBefore=2026-11-22 14:53:49Z\nnotAfter=\n", GP_PERM, 0,
		    0 },
		{ "notBefore=2026-11-22 14:53:49Z\n"
		  "notAfter=2026-11-22 24:00:00Z\n",
		    GP_PERM, 0, 0 },
		{ "notBefore=2026-11-22 14:53:49Z\n"
		  "notAfter=2026-02-30 14:53:49Z\n",
		    GP_PERM, 0, 0 },
		{ "notBefore=2026-11-22 14:53:49Z\n"
		  "notAfter=2026-11-22 14:53:49\n",
		    GP_PERM, 0, 0 },
		{ "notBefore=2026-11-22 14:53:49Z\n"
		  "notAfter=Nov 22 14:53:49 2026 GMT\n",
		    GP_PERM, 0, 0 },
		{ "notBefore=2026-11-22 14:53:49Z\n"
		  "notAfter=2026-11-22 14:53:49Z\n"
		  "notAfter=2027-11-22 14:53:49Z\n",
		    GP_PERM, 0, 0 },
		{ "", GP_PERM, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t from, until;

		if (gp_certificate_dates(gp_str(rows[i].text), &from, &until) !=
		    rows[i].rc)
			fail_msg("row %zu", i);
		if (rows[i].rc == GP_OK) {
			assert_int_equal(from, rows[i].from);
			assert_int_equal(until, rows[i].until);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificate_first_pem_is_found),
		cmocka_unit_test(certificate_dates_are_seconds),
	};

	return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
