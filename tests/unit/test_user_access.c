/* user_access: whose process, and what he may read; most of it needs root. */
#include "io/user_access.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

enum { STRANGER = 54321, GROUP = 54322, NEVER = 1 << 22 };

static char folder[] = "/tmp/gp-access-XXXXXX";
static char inner[64], file[80];

static int
group_setup(void **state)
{
	int fd;

	(void)state;
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
		return -1;
	snprintf(inner, sizeof(inner), "%s/in", folder);
	snprintf(file, sizeof(file), "%s/file", inner);
	if (mkdir(inner, 0755) != 0)
		return -1;
	fd = open(file, O_CREAT | O_WRONLY, 0644);
	return fd < 0 ? -1 : close(fd);
}

static int
group_teardown(void **state)
{
	(void)state;
	(void)unlink(file);
	(void)rmdir(inner);
	return rmdir(folder);
}

static void
user_access_own_process_is_ours(void **state)
{
	struct gp_user user;
	gid_t groups[GP_USER_GROUPS_MAX];
	int n = getgroups(GP_USER_GROUPS_MAX, groups);

	(void)state;
	assert_int_equal(gp_user_of(getpid(), &user, NULL), GP_OK);
	assert_int_equal(user.uid, geteuid());
	assert_int_equal(user.gid, getegid());
	assert_int_equal(user.n, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(user.groups[i], groups[i]);
	assert_int_equal(gp_user_can_read(&user, file, NULL), GP_OK);
}

static void
user_access_no_process_is_none(void **state)
{
	struct gp_user user;
	struct gp_err err = { .msg = "" };

	(void)state;
	assert_int_equal(gp_user_of(NEVER + 1, &user, &err), GP_NONE);
	assert_string_not_equal(err.msg, "");
}

static void
user_access_group_without_a_name_is_a_number(void **state)
{
	const struct gp_user user = { .gid = GROUP }, root = { .gid = 0 };
	char text[64];

	(void)state;
	assert_string_equal(gp_user_group(&user, text, sizeof(text)), "54322");
	assert_string_equal(gp_user_group(&root, text, sizeof(text)), "root");
}

static void
user_access_no_file_is_none(void **state)
{
	struct gp_user user;
	struct gp_err err = { .msg = "" };

	(void)state;
	assert_int_equal(gp_user_of(getpid(), &user, NULL), GP_OK);
	assert_int_equal(gp_user_can_read(&user, "/nowhere/at/all", &err),
	    GP_NONE);
	assert_non_null(strstr(err.msg, "/nowhere/at/all"));
}

static void
user_access_strangers_are_stopped_where_it_is_closed(void **state)
{
	static const struct {
		mode_t folder, file;
		gid_t group; /* of the stranger, besides his own */
		enum gp_rc rc;
		const char *why;
	} rows[] = {
		{ 0755, 0644, 0, GP_OK, "" },
		{ 0755, 0640, 0, GP_PERM, "file: user 54321 may not read it" },
		{ 0755, 0640, GROUP, GP_OK, "" },
		{ 0755, 0600, GROUP, GP_PERM, "may not read it" },
		{ 0700, 0644, 0, GP_PERM, "user 54321 may not enter" },
		{ 0710, 0644, GROUP, GP_OK, "" },
	};

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct gp_user user = { .uid = STRANGER,
			.gid = STRANGER,
			.n = rows[i].group != 0,
			.groups = { rows[i].group } };
		struct gp_err err = { .msg = "" };

		assert_int_equal(chown(inner, 0, GROUP), 0);
		assert_int_equal(chown(file, 0, GROUP), 0);
		assert_int_equal(chmod(inner, rows[i].folder), 0);
		assert_int_equal(chmod(file, rows[i].file), 0);
		if (gp_user_can_read(&user, file, &err) != rows[i].rc ||
		    strstr(err.msg, rows[i].why) == NULL)
			fail_msg("row %zu: %s", i, err.msg);
	}
	assert_int_equal(geteuid(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_access_own_process_is_ours),
		cmocka_unit_test(user_access_no_process_is_none),
		cmocka_unit_test(user_access_group_without_a_name_is_a_number),
		cmocka_unit_test(user_access_no_file_is_none),
		cmocka_unit_test(
		    user_access_strangers_are_stopped_where_it_is_closed),
	};

	return cmocka_run_group_tests_name("user_access", tests, group_setup,
	    group_teardown);
}
