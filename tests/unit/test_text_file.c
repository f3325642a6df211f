/* Whole files: what is left of them when something goes wrong. */
#include "io/text_file.h"

#include <dirent.h>
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

struct place {
	char dir[64];
	char file[80];
	struct gp_arena *arena;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/gatepost-text.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->file, sizeof(p->file), "%s/a.conf", p->dir);
	p->arena = gp_arena_new();
	*state = p;
	return 0;
}

/* How many files there are; with `remove` none afterwards. */
static unsigned
count(const struct place *p, bool remove)
{
	struct dirent **v = NULL;
	int n = scandir(p->dir, &v, NULL, NULL);
	unsigned files = 0;

	assert_true(n >= 2);
	for (int i = 0; i < n; i++) {
		const char *name = v[i]->d_name;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			files++;
			if (remove)
				(void)unlink(gp_arena_printf(p->arena, "%s/%s",
				    p->dir, name));
		}
		free(v[i]);
	}
	free(v);
	return files;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	(void)count(p, true);
	(void)rmdir(p->dir);
	gp_arena_free(p->arena);
	free(p);
	return 0;
}

static void
expect_text(const struct place *p, const char *path, const char *want)
{
	struct gp_str text;
	struct gp_err err;

	if (gp_text_file_read(path, 100, p->arena, &text, &err) != GP_OK)
		fail_msg("%s", err.msg);
	assert_string_equal(gp_arena_strndup(p->arena, text.p, text.n), want);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
text_file_created_has_its_mode(void **state)
{
	const struct place *p = *state;
	struct gp_err err;

	(void)umask(0077);
	assert_int_equal(gp_text_file_create(p->file, GP_STR("one\n"), 0644,
			     GP_KEEP_GROUP, &err),
	    GP_OK);
	(void)umask(0022);
	expect_text(p, p->file, "one\n");
	assert_int_equal(mode_of(p->file), 0644);
	assert_int_equal(count(p, false), 1);
}

static void
text_file_that_is_there_is_not_created(void **state)
{
	const struct place *p = *state;
	struct gp_err err;

	assert_int_equal(gp_text_file_create(p->file, GP_STR("one\n"), 0600,
			     GP_KEEP_GROUP, &err),
	    GP_OK);
	assert_int_equal(gp_text_file_create(p->file, GP_STR("two\n"), 0600,
			     GP_KEEP_GROUP, &err),
	    GP_NONE);
	assert_non_null(strstr(err.msg, "a.conf: exists already"));
	expect_text(p, p->file, "one\n");
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(symlink("nowhere", p->file), 0);
	assert_int_equal(gp_text_file_create(p->file, GP_STR("two\n"), 0600,
			     GP_KEEP_GROUP, &err),
	    GP_NONE);
	assert_int_equal(count(p, false), 1);
}

static void
text_file_without_a_folder_is_not_created(void **state)
{
	const struct place *p = *state;
	struct gp_err err;

	assert_int_equal(gp_text_file_create(gp_arena_printf(p->arena,
						 "%s/no/a", p->dir),
			     GP_STR("one\n"), 0600, GP_KEEP_GROUP, &err),
	    GP_PERM);
	assert_non_null(strstr(err.msg, "/no/: can not write there: "));
	assert_int_equal(count(p, false), 0);
}

static void
text_file_replaced_keeps_mode_and_old_text(void **state)
{
	const struct place *p = *state;
	struct gp_err err;

	assert_int_equal(gp_text_file_create(p->file, GP_STR("one\n"), 0640,
			     GP_KEEP_GROUP, &err),
	    GP_OK);
	for (unsigned i = 0; i < 2; i++) {
		struct gp_str was = i == 0 ? GP_STR("one\n") : GP_STR("two\n");
		struct gp_str now =
		    i == 0 ? GP_STR("two\n") : GP_STR("three\n");

		assert_int_equal(gp_text_file_replace(p->file, was, now, &err),
		    GP_OK);
	}
	expect_text(p, p->file, "three\n");
	expect_text(p, gp_arena_printf(p->arena, "%s~", p->file), "two\n");
	assert_int_equal(mode_of(p->file), 0640);
	assert_int_equal(mode_of(gp_arena_printf(p->arena, "%s~", p->file)),
	    0640);
	assert_int_equal(count(p, false), 2);
}

static void
text_file_that_has_changed_is_not_replaced(void **state)
{
	static const char *const others[] = { "", "on", "one\n ", "One\n" };
	const struct place *p = *state;
	struct gp_err err;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		(void)unlink(p->file);
		assert_int_equal(gp_text_file_create(p->file, gp_str(others[i]),
				     0600, GP_KEEP_GROUP, &err),
		    GP_OK);
		assert_int_equal(gp_text_file_replace(p->file, GP_STR("one\n"),
				     GP_STR("two\n"), &err),
		    GP_NONE);
		assert_non_null(strstr(err.msg, "changed by somebody else"));
		expect_text(p, p->file, others[i]);
		assert_int_equal(count(p, false), 2); /* it and its backup */
	}
}

static void
text_file_behind_a_link_is_replaced(void **state)
{
	const struct place *p = *state;
	const char *link_ = gp_arena_printf(p->arena, "%s/link", p->dir);
	struct gp_err err;

	assert_int_equal(gp_text_file_create(p->file, GP_STR("one\n"), 0600,
			     GP_KEEP_GROUP, &err),
	    GP_OK);
	assert_int_equal(symlink("a.conf", link_), 0);
	assert_int_equal(gp_text_file_replace(link_, GP_STR("one\n"),
			     GP_STR("two\n"), &err),
	    GP_OK);
	expect_text(p, p->file, "two\n");
	assert_int_equal(mode_of(p->file), 0600);
	assert_int_equal(mode_of(link_), 0777);
}

static void
text_file_whose_backup_has_no_place_is_not_replaced(void **state)
{
	const struct place *p = *state;
	const char *backup = gp_arena_printf(p->arena, "%s~", p->file);
	struct gp_err err;

	assert_int_equal(gp_text_file_create(p->file, GP_STR("one\n"), 0600,
			     GP_KEEP_GROUP, &err),
	    GP_OK);
	assert_int_equal(mkdir(backup, 0700), 0);
	assert_int_equal(gp_text_file_replace(p->file, GP_STR("one\n"),
			     GP_STR("two\n"), &err),
	    GP_PERM);
	expect_text(p, p->file, "one\n");
	assert_int_equal(count(p, false), 2);
	assert_int_equal(rmdir(backup), 0);
}

static void
text_file_read_is_bounded_and_regular(void **state)
{
	const struct place *p = *state;
	struct gp_str text;
	struct gp_err err;

	assert_int_equal(gp_text_file_read(p->file, 4, p->arena, &text, &err),
	    GP_NONE);
	assert_int_equal(gp_text_file_create(p->file, GP_STR("one\n"), 0600,
			     GP_KEEP_GROUP, &err),
	    GP_OK);
	assert_int_equal(gp_text_file_read(p->file, 4, p->arena, &text, &err),
	    GP_OK);
	assert_int_equal(gp_text_file_read(p->file, 3, p->arena, &text, &err),
	    GP_PERM);
	assert_int_equal(gp_text_file_read(p->dir, 4, p->arena, &text, &err),
	    GP_PERM);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(mkfifo(p->file, 0600), 0);
	assert_int_equal(gp_text_file_read(p->file, 4, p->arena, &text, &err),
	    GP_PERM);
}

static void
text_file_folder_is_made_or_judged(void **state)
{
	static const struct {
		mode_t mode;
		enum gp_rc rc;
	} modes[] = { { 0700, GP_OK }, { 0775, GP_OK }, { 01777, GP_OK },
		{ 0777, GP_PERM }, { 0702, GP_PERM } };
	const struct place *p = *state;
	const char *folder = gp_arena_printf(p->arena, "%s/keys", p->dir);
	struct gp_err err;

	(void)umask(0077);
	assert_int_equal(gp_text_file_folder(folder, 0750, GP_KEEP_GROUP, &err),
	    GP_OK);
	(void)umask(0022);
	assert_int_equal(mode_of(folder), 0750);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(folder, modes[i].mode), 0);
		assert_int_equal(gp_text_file_folder(folder, 0750,
				     GP_KEEP_GROUP, &err),
		    modes[i].rc);
		assert_int_equal(mode_of(folder), modes[i].mode);
	}
	assert_non_null(strstr(err.msg, "chmod o-w"));
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(gp_text_file_create(folder, GP_STR(""), 0600,
			     GP_KEEP_GROUP, &err),
	    GP_OK);
	assert_int_equal(gp_text_file_folder(folder, 0750, GP_KEEP_GROUP, &err),
	    GP_PERM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_file_created_has_its_mode),
		TEST(text_file_that_is_there_is_not_created),
		TEST(text_file_without_a_folder_is_not_created),
		TEST(text_file_replaced_keeps_mode_and_old_text),
		TEST(text_file_that_has_changed_is_not_replaced),
		TEST(text_file_behind_a_link_is_replaced),
		TEST(text_file_whose_backup_has_no_place_is_not_replaced),
		TEST(text_file_read_is_bounded_and_regular),
		TEST(text_file_folder_is_made_or_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
