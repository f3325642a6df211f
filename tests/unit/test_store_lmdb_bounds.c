/* A full file, a full disk, a damaged file: charges go on, and nobody dies. */
#include "io/store_lmdb.h"

#include "io/clock.h"
#include "support/store_lmdb_lab.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define START_MS INT64_C(100000000)
#define ROOM     (16 * LAB_MEBIBYTE)
#define SLOW     200
#define CHANGES  150

static struct store_lmdb_lab lab;

static int
set_up(void **state)
{
	(void)state;
	store_lmdb_lab_open(&lab);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	store_lmdb_lab_close(&lab);
	return 0;
}

static int
start_empty(void **state)
{
	(void)state;
	store_lmdb_lab_empty(&lab);
	return 0;
}

static struct gp_store_backend
open_store(void)
{
	return store_lmdb_lab_store(&lab, ROOM);
}

static size_t
file_bytes(void)
{
	struct stat st;

	assert_int_equal(stat(lab.data, &st), 0);
	return (size_t)st.st_size;
}

/* Its line "keys N". */
static uint64_t
keys(struct gp_store_backend s)
{
	struct gp_buf text;
	uint64_t n;
	struct gp_str rest;

	gp_buf_init(&text, 1000);
	s.ops->describe(s.self, &text);
	rest = gp_buf_str(&text);
	assert_true(gp_str_starts_nocase(rest, GP_STR("keys ")));
	rest = gp_str_split(&rest, '\n');
	rest = gp_str_n(rest.p + 5, rest.n - 5);
	assert_int_equal(gp_parse_u64(rest, UINT64_MAX, &n), GP_OK);
	gp_buf_clear(&text);
	return n;
}

/* Eight new meters, with a mark each, that are empty after three seconds. */
static enum gp_rc
charge_new(struct gp_store_backend s, int64_t now_ms, unsigned number)
{
	static const char tail[] =
	    "-of-a-login-of-some-length@example.com/3600";
	char names[8][80], marks[8][80];
	struct gp_charge c[8];

	for (unsigned i = 0; i < 8; i++) {
		const unsigned mixed = (number * 8 + i) * 2654435761U;

		(void)snprintf(names[i], sizeof(names[i]), "%u%s", mixed, tail);
		(void)snprintf(marks[i], sizeof(marks[i]), "%u%s", mixed, tail);
		c[i] = store_lmdb_lab_counter(names[i]);
		c[i].rule.rate = 0.3;
		c[i].mark = gp_str(marks[i]);
		c[i].mark_ms = 60000;
	}
	return store_lmdb_lab_charge(s, now_ms, c, 8);
}

static void
charge_slow(struct gp_store_backend s)
{
	for (unsigned i = 0; i < SLOW; i++) {
		char name[32];
		struct gp_charge c;

		(void)snprintf(name, sizeof(name), "slow-%u", i);
		c = store_lmdb_lab_counter(name);
		assert_int_equal(store_lmdb_lab_charge(s, START_MS, &c, 1),
		    GP_OK);
	}
}

static unsigned
slow_ones(struct gp_store_backend s, int64_t now_ms)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SLOW; i++) {
		char name[32];
		struct gp_charge c;

		(void)snprintf(name, sizeof(name), "slow-%u", i);
		c = store_lmdb_lab_counter(name);
		n += store_lmdb_lab_level(s, now_ms, &c) > 0;
	}
	return n;
}

/* 192,000 entries where about 100,000 fit. */
static void
store_lmdb_that_is_full_loses_what_is_worth_least(void **state)
{
	struct gp_store_backend s = open_store();
	int64_t now = START_MS;

	(void)state;
	charge_slow(s);
	for (unsigned i = 0; i < 12000; i++)
		if (charge_new(s, now += 5, i) != GP_OK)
			fail_msg("call %u was not made", i);
	assert_true(file_bytes() <= (size_t)ROOM);
	assert_true(keys(s) > 50000);
	assert_int_equal(slow_ones(s, now), SLOW);
	s.ops->close(s.self);
	assert_int_equal(store_lmdb_lab_files(&lab, "corrupt"), 0);
}

/* None is worth less than another, and the clock stands still. */
static void
store_lmdb_that_is_full_of_equals_goes_on(void **state)
{
	struct gp_store_backend s = open_store();
	char name[GP_CHARGE_KEY_MAX + 1];
	struct gp_charge c;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < 60000; i++) {
		(void)snprintf(name, sizeof(name), "%0*u",
		    (int)sizeof(name) - 1, i * 2654435761U);
		c = store_lmdb_lab_counter(name);
		if (store_lmdb_lab_charge(s, START_MS, &c, 1) != GP_OK)
			fail_msg("call %u was not made", i);
	}
	assert_true(store_lmdb_lab_level(s, START_MS, &c) == 1);
	assert_true(file_bytes() <= (size_t)ROOM);
	assert_true(keys(s) > 20000);
	s.ops->close(s.self);
}

static void
store_lmdb_forgets_in_passing(void **state)
{
	struct gp_store_backend s = open_store();
	struct gp_charge c = store_lmdb_lab_counter("a");

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(charge_new(s, START_MS, i), GP_OK);
	assert_true(keys(s) >= 8000);
	for (unsigned i = 0; i < 6000; i++)
		assert_int_equal(store_lmdb_lab_charge(s,
				     START_MS + 40 * LAB_DAY_MS, &c, 1),
		    GP_OK);
	assert_true(keys(s) < 10);
	s.ops->close(s.self);
}

/* -- the disk ------------------------------------------------------------- */

static void
fill_the_disk(const char *path)
{
	static const char zeros[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	while (fd >= 0 && write(fd, zeros, sizeof(zeros)) > 0)
		continue;
	(void)close(fd);
}

/* In a child, since the worst that could happen is a signal. */
static int
charge_on_a_small_disk(void)
{
	struct gp_store_backend s;
	int64_t now = START_MS;

	if (gp_store_lmdb_open(lab.dir, ROOM, &s, NULL) != GP_OK)
		return 1;
	for (unsigned i = 0; i < 6000; i++)
		if (charge_new(s, now += 5, i) != GP_OK)
			return 2;
	if (keys(s) < 5000)
		return 3;
	s.ops->close(s.self);
	return 0;
}

static int
open_on_a_full_disk(void)
{
	struct gp_store_backend s;
	char filler[96];

	(void)store_lmdb_lab_empty_files(&lab);
	(void)snprintf(filler, sizeof(filler), "%s/filler", lab.dir);
	fill_the_disk(filler);
	if (gp_store_lmdb_open(lab.dir, ROOM, &s, NULL) != GP_TEMP)
		return 4;
	(void)unlink(filler);
	if (gp_store_lmdb_open(lab.dir, ROOM, &s, NULL) != GP_OK ||
	    charge_new(s, START_MS, 1) != GP_OK)
		return 5;
	s.ops->close(s.self);
	return 0;
}

static void
store_lmdb_on_a_full_disk_makes_do(void **state)
{
	int code, status;
	pid_t pid;

	(void)state;
	assert_int_equal(mkdir(lab.dir, 0700), 0);
	if (geteuid() != 0 ||
	    mount("tmpfs", lab.dir, "tmpfs", 0, "size=4m") != 0) {
		print_message("needs leave to mount\n");
		skip();
	}
	pid = fork();
	if (pid == 0) {
		code = charge_on_a_small_disk();
		_exit(code != 0 ? code : open_on_a_full_disk());
	}
	code = waitpid(pid, &status, 0) == pid ? status : -1;
	assert_int_equal(umount(lab.dir), 0);
	if (!WIFEXITED(code) || WEXITSTATUS(code) != 0)
		fail_msg("the child ended with %#x", (unsigned)code);
}

/* -- damage --------------------------------------------------------------- */

static char *
read_file(size_t *n)
{
	int fd = open(lab.data, O_RDONLY | O_CLOEXEC);
	char *bytes;

	*n = file_bytes();
	bytes = malloc(*n);
	assert_true(fd >= 0 && bytes != NULL);
	assert_int_equal(read(fd, bytes, *n), (ssize_t)*n);
	assert_int_equal(close(fd), 0);
	return bytes;
}

static void
write_file(const char *bytes, size_t n)
{
	int fd = open(lab.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	assert_int_equal(close(fd), 0);
}

static char *
make_file(size_t *n)
{
	struct gp_store_backend s = open_store();

	charge_slow(s);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(charge_new(s, START_MS, i), GP_OK);
	assert_int_equal(s.ops->put(s.self, START_MS, GP_STR("note"),
			     GP_STR("text"), LAB_DAY_MS),
	    GP_OK);
	s.ops->close(s.self);
	return read_file(n);
}

static void
store_lmdb_in_a_damaged_file_begins_anew(void **state)
{
	static const char text[] = "this is not a data base\n";
	struct gp_store_backend s;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		s = open_store();
		assert_int_equal(charge_new(s, START_MS, 1), GP_OK);
		s.ops->close(s.self);
		write_file(text, sizeof(text));
		s = open_store();
		assert_int_equal(keys(s), 0);
		assert_int_equal(charge_new(s, START_MS, 1), GP_OK);
		s.ops->close(s.self);
	}
	assert_in_range(store_lmdb_lab_files(&lab, "data.mdb.corrupt-"), 1, 3);
}

/* Octets of values: their meters alone are empty, and may be charged. */
static void
store_lmdb_damaged_value_is_as_if_absent(void **state)
{
	struct gp_charge c = store_lmdb_lab_counter("slow-77");
	struct gp_store_backend s;
	size_t n;
	char *bytes = make_file(&n), *at = bytes;

	(void)state;
	while ((at = memmem(at, n - (size_t)(at - bytes), "mslow-77", 8)) !=
	       NULL) {
		at += 8;
		at[20] = (char)(at[20] ^ 1);
	}
	write_file(bytes, n);
	free(bytes);
	s = open_store();
	assert_int_equal(slow_ones(s, START_MS), SLOW - 1);
	assert_true(store_lmdb_lab_level(s, START_MS, &c) == 0);
	assert_int_equal(store_lmdb_lab_charge(s, START_MS, &c, 1), GP_OK);
	assert_int_equal(slow_ones(s, START_MS), SLOW);
	s.ops->close(s.self);
	assert_int_equal(store_lmdb_lab_files(&lab, "corrupt"), 0);
}

static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static bool
seen(void *arg, struct gp_str key, const struct gp_meter *m, int64_t now_ms)
{
	(void)now_ms;
	assert_true(key.n > 0 && m->level >= 0);
	++*(unsigned *)arg;
	return true;
}

/* One octet, mostly where LMDB has its own: at the start of a page. */
static void
store_lmdb_damage_of_any_octet_kills_nobody(void **state)
{
	uint32_t seed = 20261122;
	unsigned anew = 0;
	size_t n;
	char *bytes = make_file(&n);

	(void)state;
	for (unsigned i = 0; i < CHANGES; i++) {
		const size_t page = next_random(&seed) % (n / 4096);
		const size_t at = next_random(&seed) % (i % 4 == 0 ? 4096 : 48);
		char *octet = bytes + (i % 8 < 6 ? page : page % 2) * 4096 + at;
		const char was = *octet;
		struct gp_store_backend s;
		unsigned meters = 0;

		*octet = (char)(*octet ^ 1 << next_random(&seed) % 8);
		store_lmdb_lab_empty_files(&lab);
		write_file(bytes, n);
		*octet = was;
		s = open_store();
		assert_int_equal(s.ops->walk(s.self, START_MS, GP_STR(""),
				     SIZE_MAX, seen, &meters),
		    GP_OK);
		for (unsigned k = 0; k < 50; k++)
			assert_int_equal(charge_new(s, START_MS, 300 + k),
			    GP_OK);
		s.ops->close(s.self);
		anew += store_lmdb_lab_files(&lab, "corrupt");
	}
	free(bytes);
	assert_in_range(anew, CHANGES / 20, CHANGES / 2);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start_empty)
	const struct CMUnitTest tests[] = {
		TEST(store_lmdb_that_is_full_loses_what_is_worth_least),
		TEST(store_lmdb_that_is_full_of_equals_goes_on),
		TEST(store_lmdb_forgets_in_passing),
		TEST(store_lmdb_on_a_full_disk_makes_do),
		TEST(store_lmdb_in_a_damaged_file_begins_anew),
		TEST(store_lmdb_damaged_value_is_as_if_absent),
		TEST(store_lmdb_damage_of_any_octet_kills_nobody),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
