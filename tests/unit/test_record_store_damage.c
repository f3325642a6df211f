/* Whatever becomes of the file, the process lives and new records are kept. */
#include "io/lmdb_check.h"
#include "io/record_store.h"

#include "io/clock.h"
#include "io/record_item.h"
#include "support/record_lab.h"

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

#define NOON    INT64_C(1795000000)
#define EVER_S  INT64_MAX
#define PAGE    4096
#define CHANGES 300

static struct record_lab lab;

/* A file with branches, leaves, overflow pages and a long free list. */
static char *whole;
static size_t whole_bytes;

static char *
read_file(size_t *n)
{
	int fd = open(lab.data, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *bytes;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*n = (size_t)st.st_size;
	bytes = malloc(*n + 1);
	assert_non_null(bytes);
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

static void
append_large(struct gp_record_store *s)
{
	char name[GP_DOMAIN_MAX];
	struct gp_record r = {
		.time_s = NOON + 1999,
		.header_from = GP_STR("1999.example"),
		.n_dkim = GP_RECORD_DKIM_MAX,
	};

	memset(name, 'n', sizeof(name));
	for (unsigned i = 0; i < r.n_dkim; i++)
		r.dkim[i].domain = r.dkim[i].selector =
		    gp_str_n(name, sizeof(name));
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(gp_record_store_append(s, &r), GP_OK);
}

static int
set_up(void **state)
{
	struct gp_record_store *s;

	(void)state;
	record_lab_open(&lab);
	s = record_lab_store(&lab, 4194304);
	record_lab_fill(s, NOON, 0, 2000);
	append_large(s);
	record_lab_flush(s);
	assert_int_equal(gp_record_store_age(s, NOON + LAB_YEAR_S + 1000),
	    GP_OK);
	gp_record_store_close(s);
	whole = read_file(&whole_bytes);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(whole);
	record_lab_close(&lab);
	return 0;
}

static int
start_whole(void **state)
{
	(void)state;
	record_lab_empty(&lab);
	assert_int_equal(mkdir(lab.dir, 0700), 0);
	write_file(whole, whole_bytes);
	return 0;
}

/* -- stderr, where log lines go ------------------------------------------- */

static int
capture(FILE **file)
{
	int saved = dup(STDERR_FILENO);

	*file = tmpfile();
	assert_true(saved >= 0 && *file != NULL);
	assert_true(dup2(fileno(*file), STDERR_FILENO) >= 0);
	return saved;
}

static size_t
captured(FILE *file, int saved, char *text, size_t size)
{
	size_t n;

	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	assert_int_equal(close(saved), 0);
	rewind(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	assert_int_equal(fclose(file), 0);
	return n;
}

static void
touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

/* Does it take records and give them back?  Returns how many there are. */
static unsigned
use(int64_t max_bytes, uint64_t *damaged)
{
	struct gp_record_store *s = record_lab_store(&lab, max_bytes);
	struct record_tally before = { 0 }, after = { 0 };

	record_lab_tally(s, 0, EVER_S, &before);
	record_lab_fill(s, NOON + 3000, 3000, 300);
	record_lab_tally(s, NOON + 3000, EVER_S, &after);
	assert_int_equal(after.n, 300);
	assert_int_equal(gp_record_store_age(s, EVER_S), GP_OK);
	record_lab_tally(s, 0, EVER_S, &after);
	assert_int_equal(after.n, 0);
	gp_record_store_close(s);
	*damaged = before.damaged;
	return before.n;
}

static void
record_store_damage_of_none_is_found_in_a_whole_file(void **state)
{
	uint64_t damaged;

	(void)state;
	assert_int_equal(gp_lmdb_check(lab.data, GP_RECORD_KEY_BYTES, NULL),
	    GP_OK);
	assert_int_equal(use(4194304, &damaged), 1020);
	assert_int_equal(damaged, 0);
	assert_int_equal(record_lab_files(&lab, "corrupt"), 0);
}

struct damage {
	const char *label;
	const char *start; /* of the file; NULL: of the whole one */
	size_t bytes;      /* of it; 0: none */
};

static const struct damage damages[] = {
	{ "text", "this is not a data base\n", 24 },
	{ "half a page", NULL, 2048 },
	{ "one meta page", NULL, PAGE },
	{ "meta pages alone", NULL, 2 * PAGE },
	{ "cut in a page", NULL, 20 * PAGE + 100 },
	{ "cut at a page", NULL, 30 * PAGE },
};

static void
record_store_damage_of_the_file_sets_it_aside(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const struct damage *d = &damages[i];
		char text[1024];
		uint64_t damaged;
		FILE *file;
		int saved;
		unsigned n;

		(void)start_whole(NULL);
		write_file(d->start != NULL ? d->start : whole, d->bytes);
		saved = capture(&file);
		n = use(4194304, &damaged);
		(void)captured(file, saved, text, sizeof(text));
		if (n != 0 || record_lab_files(&lab, "data.mdb.corrupt-") != 1)
			fail_msg("%s: not set aside, %u records", d->label, n);
		if (strstr(text, "set aside as") == NULL ||
		    strchr(text, '\n') != strrchr(text, '\n'))
			fail_msg("%s: the log says \"%s\"", d->label, text);
	}
}

/* Of many the last three stay, and nothing else goes. */
static void
record_store_damage_keeps_three_files(void **state)
{
	static const char *const others[] = { "data.mdb.corrupt-",
		"data.mdb.corrupt-1x", "data.mdb.corrupt-1.gz",
		"other.corrupt-1" };
	struct stat st;
	char path[160], text[1024];
	uint64_t damaged;
	FILE *file;
	int saved;

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		(void)snprintf(path, sizeof(path), "%s.corrupt-%u", lab.data,
		    998 + i);
		touch(path);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", lab.dir, others[i]);
		touch(path);
	}
	write_file(damages[0].start, damages[0].bytes);
	saved = capture(&file);
	assert_int_equal(use(4194304, &damaged), 0);
	(void)captured(file, saved, text, sizeof(text));
	assert_int_equal(record_lab_files(&lab, "corrupt-"), 3 + 4);
	for (unsigned i = 0; i < 9; i++) {
		(void)snprintf(path, sizeof(path), "%s.corrupt-%u", lab.data,
		    998 + i);
		assert_int_equal(stat(path, &st) == 0, i >= 7);
	}
}

static void
record_store_damage_of_an_empty_file_is_none(void **state)
{
	uint64_t damaged;

	(void)state;
	write_file("", 0);
	assert_int_equal(use(4194304, &damaged), 0);
	assert_int_equal(record_lab_files(&lab, "corrupt"), 0);
}

/* An octet of the text of one record. */
static void
record_store_damage_of_a_value_skips_it_alone(void **state)
{
	static const char text[] = "1500.example";
	char *bytes = malloc(whole_bytes);
	char *at;
	uint64_t damaged;

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, whole, whole_bytes);
	while (
	    (at = memmem(bytes, whole_bytes, text, sizeof(text) - 1)) != NULL)
		*at = '2';
	write_file(bytes, whole_bytes);
	free(bytes);
	assert_int_equal(use(4194304, &damaged), 1019);
	assert_int_equal(damaged, 1);
	assert_int_equal(record_lab_files(&lab, "corrupt"), 0);
}

/* A key that says another second than its value does. */
static void
record_store_damage_of_a_key_skips_its_value(void **state)
{
	char *bytes = malloc(whole_bytes);
	char *at;
	uint8_t second[8];
	uint64_t damaged;

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, whole, whole_bytes);
	gp_record_key_set(second, (uint64_t)NOON + 1500);
	at = bytes;
	while ((at = memmem(at, whole_bytes - (size_t)(at - bytes), second,
		    sizeof(second))) != NULL) {
		/* in the value there follows the address */
		if (memcmp(at + 8, "\4\300\0\2\1", 5) != 0)
			at[7]--;
		at++;
	}
	write_file(bytes, whole_bytes);
	free(bytes);
	assert_int_equal(use(4194304, &damaged), 1019);
	assert_int_equal(damaged, 1);
}

/* Two children of a branch become one: deleting would free it twice. */
static void
record_store_damage_of_a_page_in_two_places_is_found(void **state)
{
	char *bytes = malloc(whole_bytes);
	struct gp_err err = { "" };

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, whole, whole_bytes);
	for (size_t page = 2; page < whole_bytes / PAGE; page++) {
		char *p = bytes + page * PAGE;
		uint16_t flags, first, second;

		memcpy(&flags, p + 10, sizeof(flags));
		memcpy(&first, p + 16, sizeof(first));
		memcpy(&second, p + 18, sizeof(second));
		if (flags == 1) /* a branch */
			memcpy(p + first, p + second, 4);
	}
	write_file(bytes, whole_bytes);
	free(bytes);
	assert_int_equal(gp_lmdb_check(lab.data, GP_RECORD_KEY_BYTES, &err),
	    GP_PERM);
	assert_non_null(strstr(err.msg, "two places"));
}

/* -- anywhere ------------------------------------------------------------- */

static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void
quietly_use(size_t where)
{
	char text[4096];
	uint64_t damaged;
	FILE *file;
	int saved = capture(&file);
	unsigned n = use(4194304, &damaged);

	(void)captured(file, saved, text, sizeof(text));
	if (n + damaged < 1020 && record_lab_files(&lab, "corrupt") == 0)
		fail_msg("damage at %zu: %u records and %llu damaged, "
			 "and the file stays",
		    where, n, (unsigned long long)damaged);
}

static void
record_store_damage_of_each_page_kills_nobody(void **state)
{
	char *bytes = malloc(whole_bytes);

	(void)state;
	assert_non_null(bytes);
	for (size_t page = 0; page < whole_bytes / PAGE; page += 3) {
		(void)start_whole(NULL);
		memcpy(bytes, whole, whole_bytes);
		memset(bytes + page * PAGE, (int)(page % 2 * 0xff), PAGE);
		write_file(bytes, whole_bytes);
		if (gp_lmdb_check(lab.data, GP_RECORD_KEY_BYTES, NULL) ==
		    GP_PERM)
			continue; /* as above */
		quietly_use(page * PAGE);
	}
	free(bytes);
}

/* One octet, mostly where LMDB has its own: at the start of a page. */
static void
record_store_damage_of_any_octet_kills_nobody(void **state)
{
	char *bytes = malloc(whole_bytes);
	uint32_t seed = 20261122;
	unsigned found = 0, used = 0;

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, whole, whole_bytes);
	for (unsigned i = 0; i < CHANGES; i++) {
		size_t page = next_random(&seed) % (whole_bytes / PAGE);
		size_t at = next_random(&seed) % (i % 4 == 0 ? PAGE : 48);
		char *octet = bytes + (i % 8 < 6 ? page : page % 2) * PAGE + at;
		const char was = *octet;

		*octet = (char)(*octet ^ 1 << next_random(&seed) % 8);
		write_file(bytes, whole_bytes);
		if (gp_lmdb_check(lab.data, GP_RECORD_KEY_BYTES, NULL) ==
		    GP_PERM) {
			found++;
		} else {
			used++;
			(void)start_whole(NULL);
			write_file(bytes, whole_bytes);
			quietly_use((size_t)(octet - bytes));
		}
		*octet = was;
	}
	free(bytes);
	assert_true(found > CHANGES / 10 && used > CHANGES / 10);
}

/* -- while it is open ----------------------------------------------------- */

static void
record_store_damage_by_renaming_begins_a_new_file(void **state)
{
	struct gp_record_store *s = record_lab_store(&lab, 4194304);
	struct record_tally t = { 0 };
	char to[96];

	(void)state;
	(void)snprintf(to, sizeof(to), "%s.away", lab.data);
	assert_int_equal(rename(lab.data, to), 0);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 0);
	record_lab_fill(s, NOON, 0, 100);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 100);
	assert_int_equal(unlink(lab.data), 0);
	record_lab_fill(s, NOON, 100, 100);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 100);
	assert_int_equal(t.lowest, 100);
	/* another file in its place, as if from another process */
	assert_int_equal(unlink(lab.data), 0);
	write_file(whole, whole_bytes);
	record_lab_fill(s, NOON + 9000, 9000, 10);
	gp_record_store_close(s);
	s = record_lab_store(&lab, 4194304);
	record_lab_tally(s, 0, EVER_S, &t);
	assert_int_equal(t.n, 1030);
	gp_record_store_close(s);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start_whole)
	const struct CMUnitTest tests[] = {
		TEST(record_store_damage_of_none_is_found_in_a_whole_file),
		TEST(record_store_damage_of_the_file_sets_it_aside),
		TEST(record_store_damage_keeps_three_files),
		TEST(record_store_damage_of_an_empty_file_is_none),
		TEST(record_store_damage_of_a_value_skips_it_alone),
		TEST(record_store_damage_of_a_key_skips_its_value),
		TEST(record_store_damage_of_a_page_in_two_places_is_found),
		TEST(record_store_damage_of_each_page_kills_nobody),
		TEST(record_store_damage_of_any_octet_kills_nobody),
		TEST(record_store_damage_by_renaming_begins_a_new_file),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
