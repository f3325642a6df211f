/* The mount unit of a Postfix instance: its name is systemd's, its text keeps
 * to what a unit can say. */
#include "core/postfix_mount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* as systemd-escape --path --suffix=mount says of both together */
static void
mount_name_is_systemd_s(void **state)
{
	static const struct {
		const char *queue, *run, *want;
	} rows[] = {
		{ "/var/spool/postfix", "/run/gatepost",
		    "var-spool-postfix-run-gatepost.mount" },
		{ "/var/spool/postfix-out", "/run/gatepost",
		    "var-spool-postfix\\x2dout-run-gatepost.mount" },
		{ "//srv///mx_1.b:c/", "/run/gatepost/",
		    "srv-mx_1.b:c-run-gatepost.mount" },
		{ "/.q", "/.r+@", "\\x2eq-.r\\x2b\\x40.mount" },
		{ "/q\xc3\xa9 ~", "/r", "q\\xc3\\xa9\\x20\\x7e-r.mount" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct gp_buf b;

		gp_buf_init(&b, SIZE_MAX);
		gp_postfix_mount_name(rows[i].queue, rows[i].run, &b);
		assert_string_equal(gp_buf_cstr(&b), rows[i].want);
		gp_buf_clear(&b);
	}
}

static void
mount_text_has_both_folders_and_the_mark(void **state)
{
	struct gp_buf b;
	struct gp_err err;

	(void)state;
	gp_buf_init(&b, SIZE_MAX);
	assert_int_equal(gp_postfix_mount_text("/var/spool/postfix-out",
			     "/run/gatepost", &b, &err),
	    GP_OK);
	assert_ptr_equal(strstr(gp_buf_cstr(&b), GP_POSTFIX_MOUNT_MARK),
	    gp_buf_cstr(&b));
	assert_non_null(strstr(gp_buf_cstr(&b),
	    "\nWhat=/run/gatepost\n"
	    "Where=/var/spool/postfix-out/run/gatepost\n"));
	assert_non_null(strstr(gp_buf_cstr(&b), "\nDefaultDependencies=no\n"));
	gp_buf_clear(&b);
}

static void
mount_text_refuses_what_means_something_else_in_a_unit(void **state)
{
	static const char *const bad[] = { "/a%b", "/a b", "/a\nWhat=/etc",
		"/a\"", "/a\\", "/a'", "/a$b", "/a;", "relative", "" };

	(void)state;
	for (size_t i = 0; i < 2 * ROWS(bad); i++) {
		const char *dir = bad[i / 2];
		struct gp_buf b;
		struct gp_err err;

		gp_buf_init(&b, SIZE_MAX);
		assert_int_equal(gp_postfix_mount_text(i % 2 ? dir : "/q",
				     i % 2 ? "/r" : dir, &b, &err),
		    GP_PERM);
		assert_int_equal(b.n, 0);
		assert_non_null(strstr(err.msg, "no mount unit"));
		gp_buf_clear(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mount_name_is_systemd_s),
		cmocka_unit_test(mount_text_has_both_folders_and_the_mark),
		cmocka_unit_test(
		    mount_text_refuses_what_means_something_else_in_a_unit),
	};

	return cmocka_run_group_tests_name("postfix_mount", tests, NULL, NULL);
}
