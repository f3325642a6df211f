/* The key file: made once, whole or not there, never open to everybody. */
#include "io/seal_key.h"

#include "base/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROCESSES 16

static char dir[] = "/tmp/gatepost-test.XXXXXX";
static char key_path[sizeof(dir) + 16];

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(key_path, sizeof(key_path), "%s/seal.key", dir);
	return 0;
}

/* Removes every file; returns how many there were. */
static unsigned
empty_dir(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
		n++;
	}
	assert_int_equal(closedir(d), 0);
	return n;
}

static int
start_empty(void **state)
{
	(void)state;
	assert_int_equal(chmod(dir, 0700), 0);
	(void)empty_dir();
	return 0;
}

static int
remove_dir(void **state)
{
	(void)start_empty(state);
	return rmdir(dir);
}

static void
write_key(const char *text, mode_t mode)
{
	int fd = open(key_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	size_t n = strlen(text);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void
seal_key_is_made_once_and_read_again(void **state)
{
	struct gp_seal_key first;
	struct gp_seal_key second;
	struct gp_err err = { "" };
	struct stat st;
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(gp_seal_key_load(key_path, &first, &err), GP_OK);
	(void)umask(mask);
	assert_int_equal(stat(key_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_size, 45);
	assert_int_equal(gp_seal_key_load(key_path, &second, NULL), GP_OK);
	assert_memory_equal(first.bytes, second.bytes, sizeof(first.bytes));
	assert_int_equal(empty_dir(), 1);
	assert_int_equal(gp_seal_key_load(key_path, &second, NULL), GP_OK);
	assert_memory_not_equal(first.bytes, second.bytes, sizeof(first.bytes));
}

static void
seal_key_of_known_text_is_known(void **state)
{
	static const char text[] =
	    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	struct gp_seal_key key;
	struct gp_err err = { "" };

	(void)state;
	write_key(text, 0640);
	assert_int_equal(gp_seal_key_load(key_path, &key, &err), GP_OK);
	for (size_t i = 0; i < sizeof(key.bytes); i++)
		assert_int_equal(key.bytes[i], i);
}

/* Child: wait for the starting line, load, tell the key. */
static void
child(int start, int out)
{
	struct gp_seal_key key;
	char go;

	if (read(start, &go, 1) != 0 ||
	    gp_seal_key_load(key_path, &key, NULL) != GP_OK ||
	    write(out, key.bytes, sizeof(key.bytes)) !=
		(ssize_t)sizeof(key.bytes))
		_exit(1);
	_exit(0);
}

static void
seal_key_is_one_for_all_who_start_together(void **state)
{
	struct gp_seal_key keys[PROCESSES];
	pid_t pids[PROCESSES];
	int start[2];
	int out[2];

	(void)state;
	assert_int_equal(pipe(start), 0);
	assert_int_equal(pipe(out), 0);
	for (unsigned i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			(void)close(start[1]);
			child(start[0], out[1]);
		}
	}
	assert_int_equal(close(start[0]), 0);
	assert_int_equal(close(start[1]), 0); /* go */
	for (unsigned i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		assert_int_equal(read(out[0], keys[i].bytes,
				     sizeof(keys[i].bytes)),
		    sizeof(keys[i].bytes));
		assert_memory_equal(keys[i].bytes, keys[0].bytes,
		    sizeof(keys[i].bytes));
	}
	assert_int_equal(close(out[0]), 0);
	assert_int_equal(close(out[1]), 0);
	assert_int_equal(empty_dir(), 1); /* no temporary file stays */
}

static void
seal_key_open_to_others_is_refused_with_the_chmod(void **state)
{
	static const mode_t modes[] = { 0644, 0642, 0641, 0666, 0604 };
	struct gp_arena *arena = gp_arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct gp_seal_key key;
		struct gp_err err = { "" };

		write_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
		    modes[i]);
		assert_int_equal(gp_seal_key_load(key_path, &key, &err),
		    GP_PERM);
		assert_non_null(strstr(err.msg,
		    gp_arena_printf(arena, "chmod 0640 %s", key_path)));
	}
	gp_arena_free(arena);
}

static const char *const damaged[] = {
	"",
	"\n",
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n",
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n",
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= ",
	" AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n",
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n",
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaG-wdHh8=\n",
};

static void
seal_key_damaged_is_refused_with_its_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct gp_seal_key key;
		struct gp_err err = { "" };

		write_key(damaged[i], 0640);
		if (gp_seal_key_load(key_path, &key, &err) != GP_PERM)
			fail_msg("row %zu was read", i);
		assert_non_null(strstr(err.msg, key_path));
		/* no part of a key in a message that will be logged */
		assert_null(strstr(err.msg, "AAEC"));
	}
}

static void
seal_key_that_is_no_regular_file_is_refused(void **state)
{
	struct gp_seal_key key;
	struct gp_err err = { "" };
	char target[sizeof(key_path) + 8];

	(void)state;
	(void)snprintf(target, sizeof(target), "%s.real", key_path);
	assert_int_equal(gp_seal_key_load(target, &key, NULL), GP_OK);
	assert_int_equal(symlink(target, key_path), 0);
	assert_int_equal(gp_seal_key_load(key_path, &key, &err), GP_PERM);
	assert_non_null(strstr(err.msg, "symbolic link"));
	(void)empty_dir();

	/* a dangling link is not followed to make the key either */
	assert_int_equal(symlink(target, key_path), 0);
	assert_int_equal(gp_seal_key_load(key_path, &key, &err), GP_PERM);
	assert_int_equal(access(target, F_OK), -1);
	(void)empty_dir();

	assert_int_equal(mkfifo(key_path, 0640), 0);
	assert_int_equal(gp_seal_key_load(key_path, &key, &err), GP_PERM);
	assert_non_null(strstr(err.msg, "regular file"));
	(void)empty_dir();

	assert_int_equal(mkdir(key_path, 0750), 0);
	assert_int_equal(gp_seal_key_load(key_path, &key, &err), GP_PERM);
	assert_int_equal(rmdir(key_path), 0);
}

static void
seal_key_in_no_directory_is_permanent(void **state)
{
	char path[sizeof(dir) + 32];
	struct gp_seal_key key;
	struct gp_err err = { "" };

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/no/seal.key", dir);
	assert_int_equal(gp_seal_key_load(path, &key, &err), GP_PERM);
	assert_non_null(strstr(err.msg, path));
	assert_non_null(strstr(err.msg, strerror(ENOENT)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(seal_key_is_made_once_and_read_again,
		    start_empty),
		cmocka_unit_test_setup(seal_key_of_known_text_is_known,
		    start_empty),
		cmocka_unit_test_setup(
		    seal_key_is_one_for_all_who_start_together, start_empty),
		cmocka_unit_test_setup(
		    seal_key_open_to_others_is_refused_with_the_chmod,
		    start_empty),
		cmocka_unit_test_setup(
		    seal_key_damaged_is_refused_with_its_path, start_empty),
		cmocka_unit_test_setup(
		    seal_key_that_is_no_regular_file_is_refused, start_empty),
		cmocka_unit_test_setup(seal_key_in_no_directory_is_permanent,
		    start_empty),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
