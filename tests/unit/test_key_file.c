/* Private keys in real files: whom they may belong to, who may read them, and
 * what the operator is told. */
#include "io/key_file.h"

#include "support/key_samples.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY      65534
#define SYSTEM_USER 999  /* the last one that Debian reserves */
#define PERSON      1000 /* the first one that may be somebody's login */

static char dir[] = "/tmp/gatepost-test.XXXXXX";
static char key_path[sizeof(dir) + 16];

/* The directory is one that others may enter. */
static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0)
		return -1;
	(void)snprintf(key_path, sizeof(key_path), "%s/n.pem", dir);
	return 0;
}

static int
remove_key(void **state)
{
	(void)state;
	if (unlink(key_path) == 0 || errno == ENOENT)
		return 0;
	return rmdir(key_path);
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static const char *
sample(const char *label)
{
	for (size_t i = 0; i < KEY_SAMPLES; i++)
		if (strcmp(key_samples[i].label, label) == 0)
			return key_samples[i].text;
	fail_msg("no sample %s", label);
	return "";
}

static void
write_file(const void *text, size_t n, mode_t mode)
{
	int fd = open(key_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void
write_key(mode_t mode)
{
	const char *text = sample("Ed25519");

	write_file(text, strlen(text), mode);
}

static void
is_read(const char *path)
{
	struct gp_private_key *k = NULL;
	struct gp_err err = { "" };

	if (gp_key_file_load(path, &k, &err) != GP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(gp_private_key_public(k)->type, GP_DKIM_KEY_ED25519);
	gp_private_key_unref(k);
}

/* "%s" in `says` is the path, as often as it is there. */
static void
is_refused(const char *path, const char *says)
{
	struct gp_private_key *k = NULL;
	struct gp_err err = { "" };
	struct gp_buf right;
	const enum gp_rc rc = gp_key_file_load(path, &k, &err);

	gp_buf_init(&right, GP_ERR_MAX);
	for (; *says != '\0'; says++) {
		if (says[0] == '%' && says[1] == 's') {
			gp_buf_adds(&right, path);
			says++;
		} else {
			gp_buf_addc(&right, *says);
		}
	}
	assert_string_equal(err.msg, gp_buf_cstr(&right));
	assert_int_equal(rc, GP_PERM);
	gp_buf_clear(&right);
}

static bool
needs_root(void)
{
	if (geteuid() == 0)
		return true;
	print_message("# SKIP needs root\n");
	skip();
	return false;
}

static void
key_file_of_owner_and_group_is_read(void **state)
{
	static const mode_t modes[] = { 0400, 0440, 0600, 0640, 0700, 0750 };

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_key(modes[i]);
		is_read(key_path);
		assert_int_equal(unlink(key_path), 0);
	}
}

static void
key_file_open_to_others_is_refused_with_the_chmod(void **state)
{
	static const struct {
		mode_t mode;
		const char *says;
	} rows[] = {
		{ 0644, "%s: mode 0644 lets everybody read it: chmod 0640 %s" },
		{ 0604, "%s: mode 0604 lets everybody read it: chmod 0640 %s" },
		{ 0666, "%s: mode 0666 lets everybody read it: chmod 0640 %s" },
		{ 0642,
		    "%s: mode 0642 lets everybody write to it: chmod 0640 %s" },
		{ 0641, "%s: mode 0641 lets everybody run it: chmod 0640 %s" },
		{ 0660,
		    "%s: mode 0660 lets its group write to it: chmod 0640 %s" },
		{ 0620,
		    "%s: mode 0620 lets its group write to it: chmod 0640 %s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_key(rows[i].mode);
		is_refused(key_path, rows[i].says);
	}
	assert_int_equal(chmod(key_path, 0640), 0); /* as told */
	is_read(key_path);
}

static void
key_file_of_another_kind_is_refused(void **state)
{
	char path[sizeof(key_path) + 16];

	(void)state;
	is_refused(key_path, "%s: there is no such file");
	assert_int_equal(mkdir(key_path, 0700), 0);
	is_refused(key_path, "%s: is a directory, not a file");
	(void)snprintf(path, sizeof(path), "%s/", key_path);
	is_refused(path, "%s: is a directory, not a file");
	assert_int_equal(rmdir(key_path), 0);
	assert_int_equal(mkfifo(key_path, 0600), 0);
	is_refused(key_path, "%s: is not a regular file");
	assert_int_equal(unlink(key_path), 0);
	is_refused("/dev/null", "%s: is not a regular file");
	is_refused("", "%s: there is no such file");
	(void)snprintf(path, sizeof(path), "%s/no/n.pem", dir);
	is_refused(path, "%s: there is no such file");
	write_key(0600);
	(void)snprintf(path, sizeof(path), "%s/n.pem", key_path);
	is_refused(path, "%s: can not be read: Not a directory");
}

static void
key_file_socket_is_refused(void **state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", key_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	is_refused(key_path, "%s: is not a regular file");
	assert_int_equal(close(fd), 0);
}

static void
key_file_behind_a_link_is_read(void **state)
{
	char path[sizeof(key_path) + 16];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink("n.pem", path), 0);
	is_refused(path, "%s: there is no such file");
	write_key(0640);
	is_read(path);
	assert_int_equal(chmod(key_path, 0644), 0);
	is_refused(path, "%s: mode 0644 lets everybody read it: chmod 0640 %s");
	assert_int_equal(unlink(path), 0);
}

static void
key_file_created_is_read_and_never_again_created(void **state)
{
	struct gp_err err;
	struct stat one, two;

	(void)state;
	(void)unlink(key_path);
	assert_int_equal(gp_key_file_create(key_path, GP_DKIM_KEY_ED25519, 0,
			     GP_KEEP_GROUP, &err),
	    GP_OK);
	is_read(key_path);
	assert_int_equal(stat(key_path, &one), 0);
	assert_int_equal(one.st_mode & 07777, 0600);
	assert_int_equal(gp_key_file_create(key_path, GP_DKIM_KEY_ED25519, 0,
			     GP_KEEP_GROUP, &err),
	    GP_NONE);
	assert_int_equal(stat(key_path, &two), 0);
	assert_int_equal(one.st_ino, two.st_ino);
	assert_int_equal(unlink(key_path), 0);
	assert_int_equal(gp_key_file_create(key_path, GP_DKIM_KEY_ED25519, 0,
			     getegid(), &err),
	    GP_OK);
	is_read(key_path);
	assert_int_equal(stat(key_path, &two), 0);
	assert_int_equal(two.st_mode & 07777, 0640);
	assert_int_equal(two.st_gid, getegid());
	assert_int_equal(unlink(key_path), 0);
}

static void
key_file_in_the_current_directory_is_read(void **state)
{
	char before[PATH_MAX];

	(void)state;
	write_key(0640);
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(dir), 0);
	is_read("n.pem");
	is_read("./n.pem");
	assert_int_equal(chdir(before), 0);
}

static void
key_file_in_a_directory_for_everybody_is_refused(void **state)
{
	char says[3 * sizeof(key_path) + 128];

	(void)state;
	write_key(0640);
	(void)snprintf(says, sizeof(says),
	    "%s: mode 0777 of its directory lets everybody replace it: "
	    "chmod o-w %s",
	    "%s", dir);
	assert_int_equal(chmod(dir, 0777), 0);
	is_refused(key_path, says);
	assert_int_equal(chmod(dir, 01777), 0); /* as /tmp is */
	is_read(key_path);
	assert_int_equal(chmod(dir, 0775), 0);
	is_read(key_path);
	assert_int_equal(chmod(dir, 0755), 0);
}

static void
key_file_empty_or_huge_or_wrong_is_refused(void **state)
{
	char *text = calloc(1, GP_KEY_FILE_MAX + 1);
	const char *key = sample("Ed25519");

	(void)state;
	assert_non_null(text);
	memset(text, '\n', GP_KEY_FILE_MAX + 1);
	memcpy(text, key, strlen(key));
	write_file("", 0, 0600);
	is_refused(key_path, "%s: is empty");
	write_file(text, GP_KEY_FILE_MAX, 0600);
	is_read(key_path);
	write_file(text, GP_KEY_FILE_MAX + 1, 0600);
	is_refused(key_path, "%s: has 65537 bytes, too many for a key (65536)");
	free(text);
	text = NULL;
	write_file("password\n", 9, 0600);
	is_refused(key_path, "%s: it holds no private key in PEM");
}

static void
key_file_path_too_long_is_refused(void **state)
{
	char path[PATH_MAX + 32];
	struct gp_private_key *k = NULL;
	struct gp_err err = { "" };

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 3] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(gp_key_file_load(path, &k, &err), GP_PERM);
	path[sizeof(path) - 3] = 'x';
	assert_int_equal(gp_key_file_load(path, &k, &err), GP_PERM);
}

/* -- with root's rights ---------------------------------------------------- */

static void
key_file_of_a_system_user_is_read_by_root(void **state)
{
	(void)state;
	if (!needs_root())
		return;
	write_key(0640);
	assert_int_equal(chown(key_path, SYSTEM_USER, 0), 0);
	is_read(key_path);
}

static void
key_file_of_a_person_is_refused_with_the_chown(void **state)
{
	char says[2 * sizeof(key_path) + 128];

	(void)state;
	if (!needs_root())
		return;
	write_key(0640);
	/* an id without a name, so that the sentence is the same anywhere */
	assert_int_equal(chown(key_path, 4000000, 0), 0);
	(void)snprintf(says, sizeof(says),
	    "%s: belongs to user 4000000, who can change it: chown root %s",
	    "%s", "%s");
	is_refused(key_path, says);
	assert_int_equal(chown(key_path, PERSON, 0), 0);
	assert_int_equal(gp_key_file_load(key_path,
			     &(struct gp_private_key *){ NULL }, NULL),
	    GP_PERM);
}

/* What a child without root's rights sees; "" when it has the key. */
static void
as_nobody(const char *path, char says[GP_ERR_MAX])
{
	int out[2];
	int status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct gp_private_key *k = NULL;
		struct gp_err err = { "" };

		if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
			_exit(1);
		if (gp_key_file_load(path, &k, &err) == GP_OK)
			gp_private_key_unref(k);
		_exit(write(out[1], err.msg, sizeof(err.msg)) !=
		      (ssize_t)sizeof(err.msg));
	}
	assert_int_equal(close(out[1]), 0);
	n = read(out[0], says, GP_ERR_MAX);
	assert_int_equal(close(out[0]), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(n, GP_ERR_MAX);
}

static void
says_as_nobody(const char *path, const char *words)
{
	char says[GP_ERR_MAX];

	as_nobody(path, says);
	if (words[0] == '\0' ? says[0] != '\0' : strstr(says, words) == NULL)
		fail_msg("%s: not \"%s\" but \"%s\"", path, words, says);
}

static void
key_file_unreadable_names_user_and_chgrp(void **state)
{
	char words[2 * sizeof(key_path) + 128];

	(void)state;
	if (!needs_root())
		return;
	write_key(0600);
	says_as_nobody(key_path, ": user nobody may not read it: chgrp nogroup "
				 "/tmp/gatepost-test.");
	(void)snprintf(words, sizeof(words), "%s && chmod 0640 %s", key_path,
	    key_path);
	says_as_nobody(key_path, words);
	/* as told */
	assert_int_equal(chown(key_path, 0, NOBODY), 0);
	assert_int_equal(chmod(key_path, 0640), 0);
	says_as_nobody(key_path, "");
	/* its own file */
	assert_int_equal(chown(key_path, NOBODY, NOBODY), 0);
	says_as_nobody(key_path, "");
	/* not root: a system user is a stranger */
	assert_int_equal(chown(key_path, SYSTEM_USER, NOBODY), 0);
	says_as_nobody(key_path, ", who can change it: chown root ");
}

static void
key_file_in_a_closed_directory_names_it(void **state)
{
	char words[3 * sizeof(key_path) + 128];
	char path[sizeof(key_path) + 16];

	(void)state;
	if (!needs_root())
		return;
	write_key(0640);
	assert_int_equal(chown(key_path, 0, NOBODY), 0);
	assert_int_equal(chmod(dir, 0700), 0);
	(void)snprintf(words, sizeof(words),
	    ": user nobody may not enter %s: chgrp nogroup %s && chmod g+x %s",
	    dir, dir, dir);
	says_as_nobody(key_path, words);
	(void)snprintf(path, sizeof(path), "%s/deep/er/n.pem", dir);
	says_as_nobody(path, words);
	/* as told */
	assert_int_equal(chown(dir, 0, NOBODY), 0);
	assert_int_equal(chmod(dir, 0710), 0);
	says_as_nobody(key_path, "");
	assert_int_equal(chown(dir, 0, 0), 0);
	assert_int_equal(chmod(dir, 0755), 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, remove_key)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_file_of_owner_and_group_is_read),
		TEST(key_file_open_to_others_is_refused_with_the_chmod),
		TEST(key_file_of_another_kind_is_refused),
		TEST(key_file_socket_is_refused),
		TEST(key_file_behind_a_link_is_read),
		TEST(key_file_created_is_read_and_never_again_created),
		TEST(key_file_in_the_current_directory_is_read),
		TEST(key_file_in_a_directory_for_everybody_is_refused),
		TEST(key_file_empty_or_huge_or_wrong_is_refused),
		TEST(key_file_path_too_long_is_refused),
		TEST(key_file_of_a_system_user_is_read_by_root),
		TEST(key_file_of_a_person_is_refused_with_the_chown),
		TEST(key_file_unreadable_names_user_and_chgrp),
		TEST(key_file_in_a_closed_directory_names_it),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
