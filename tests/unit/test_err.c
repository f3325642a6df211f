/* Outcomes and the sentence that goes with the bad ones. */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

static void
err_fail_writes_the_sentence_and_returns_the_code(void **state)
{
	struct gp_err err;

	(void)state;
	assert_int_equal(gp_fail(&err, GP_TEMP, "%s:%d: %s", "a.conf", 7, "x"),
	    GP_TEMP);
	assert_string_equal(err.msg, "a.conf:7: x");
	assert_int_equal(gp_fail(&err, GP_PERM, "shorter"), GP_PERM);
	assert_string_equal(err.msg, "shorter");
}

static void
err_fail_without_err_only_returns_the_code(void **state)
{
	(void)state;
	assert_int_equal(gp_fail(NULL, GP_PERM, "%s", "x"), GP_PERM);
	assert_int_equal(gp_fail(NULL, GP_NONE, "%s", "x"), GP_NONE);
}

static void
err_fail_cuts_a_long_sentence_inside_its_room(void **state)
{
	struct {
		struct gp_err err;
		char behind;
	} room = { .behind = 'x' };
	char big[2 * GP_ERR_MAX];

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(gp_fail(&room.err, GP_PERM, "%s", big), GP_PERM);
	assert_int_equal(strlen(room.err.msg), GP_ERR_MAX - 1);
	assert_int_equal(room.behind, 'x');
}

static void
err_every_code_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(gp_rc_name(GP_OK), "ok");
	assert_string_equal(gp_rc_name(GP_NONE), "none");
	assert_string_equal(gp_rc_name(GP_TEMP), "temporary");
	assert_string_equal(gp_rc_name(GP_PERM), "permanent");
}

static void
err_errno_is_temporary_or_to_be_mended(void **state)
{
	static const int passing[] = { EINTR, EAGAIN, EIO, ENOSPC, EDQUOT,
		ENFILE, EMFILE, ENOMEM, ESTALE };
	static const int lasting[] = { 0, ENOENT, EACCES, EPERM, EISDIR,
		ENOTDIR, ELOOP, EROFS, ENAMETOOLONG, EINVAL };

	(void)state;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		assert_int_equal(gp_rc_of_errno(passing[i]), GP_TEMP);
	for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		assert_int_equal(gp_rc_of_errno(lasting[i]), GP_PERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    err_fail_writes_the_sentence_and_returns_the_code),
		cmocka_unit_test(err_fail_without_err_only_returns_the_code),
		cmocka_unit_test(err_fail_cuts_a_long_sentence_inside_its_room),
		cmocka_unit_test(err_every_code_has_its_name),
		cmocka_unit_test(err_errno_is_temporary_or_to_be_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
