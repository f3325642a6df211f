/* tail: the ring itself; its stream to clients is in test_control. */
#include "io/tail.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 2048, MOST = 2 * GP_TAIL_LINE_MAX };

static struct gp_tail *
open_tail(void)
{
	struct gp_tail *t = gp_tail_new(SIZE);

	assert_non_null(t);
	return t;
}

/* All lines that are there, without their times, with commas. */
static void
read_all(struct gp_tail *t, struct gp_tail_reader *r, struct gp_buf *out)
{
	struct gp_buf lines;
	struct gp_str rest;
	size_t before;

	gp_buf_init(&lines, SIZE_MAX);
	gp_buf_reset(out);
	do {
		before = lines.n;
		gp_tail_read(t, r, &lines, MOST);
		assert_true(lines.n - before <= MOST);
	} while (lines.n > before);
	rest = gp_buf_str(&lines);
	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');
		struct gp_str text = line;
		struct gp_str time = gp_str_split(&text, ' ');

		assert_true(gp_str_eq(time, GP_STR("lost")) ||
			    gp_str_find(time, '.') == time.n - 4);
		if (gp_str_eq(time, GP_STR("lost")))
			gp_buf_adds(out, "lost ");
		gp_buf_addf(out, "%.*s,", GP_STR_ARG(text));
	}
	gp_buf_clear(&lines);
}

static bool
rings(const struct gp_tail *t)
{
	struct pollfd p = { .fd = gp_tail_bell(t), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
tail_readers_get_what_comes_after_them(void **state)
{
	struct gp_tail *t = open_tail();
	struct gp_tail_reader first;
	struct gp_tail_reader second;
	struct gp_buf got;

	(void)state;
	gp_buf_init(&got, SIZE_MAX);
	gp_tail_add(t, gp_str("nobody"));
	gp_tail_join(t, &first);
	gp_tail_add(t, gp_str("a"));
	gp_tail_join(t, &second);
	gp_tail_add(t, gp_str("b c"));
	read_all(t, &first, &got);
	assert_string_equal(gp_buf_cstr(&got), "a,b c,");
	read_all(t, &second, &got);
	assert_string_equal(gp_buf_cstr(&got), "b c,");
	read_all(t, &first, &got);
	assert_string_equal(gp_buf_cstr(&got), "");
	gp_tail_leave(t, &first);
	gp_tail_leave(t, &second);
	/* and nobody again */
	gp_tail_add(t, gp_str("nobody"));
	gp_tail_join(t, &first);
	read_all(t, &first, &got);
	assert_string_equal(gp_buf_cstr(&got), "");
	gp_tail_leave(t, &first);
	gp_buf_clear(&got);
	gp_tail_free(t);
	gp_tail_free(NULL);
	gp_tail_add(NULL, gp_str("no tail"));
}

/* Lines of all lengths over the ring's end many times: each is whole, or
 * counted. */
static void
tail_overwritten_lines_are_counted(void **state)
{
	struct gp_tail *t = open_tail();
	struct gp_tail_reader r;
	unsigned next = 0;
	unsigned lost = 0;
	struct gp_buf got;

	(void)state;
	gp_buf_init(&got, SIZE_MAX);
	gp_tail_join(t, &r);
	for (unsigned i = 0; i < 3000; i++) {
		char line[400];
		struct gp_str rest;

		(void)snprintf(line, sizeof(line), "%u %0*d", i,
		    (int)(i * 7 % 300) + 1, 0);
		gp_tail_add(t, gp_str(line));
		if (i % 37 != 0)
			continue;
		read_all(t, &r, &got);
		rest = gp_buf_str(&got);
		while (rest.n > 0) {
			struct gp_str one = gp_str_split(&rest, ',');

			if (one.n > 5 && memcmp(one.p, "lost ", 5) == 0) {
				lost += (unsigned)strtoul(one.p + 5, NULL, 10);
				next += (unsigned)strtoul(one.p + 5, NULL, 10);
			} else {
				assert_int_equal(strtoul(one.p, NULL, 10),
				    next);
				next++;
			}
		}
		assert_int_equal(next, i + 1);
	}
	assert_true(lost > 0 && lost < next);
	gp_tail_leave(t, &r);
	gp_buf_clear(&got);
	gp_tail_free(t);
}

static void
tail_line_is_cut_and_printable(void **state)
{
	struct gp_tail *t = open_tail();
	struct gp_tail_reader r;
	struct gp_buf got;
	char line[2000];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[3] = '\n';
	line[4] = '\0';
	line[5] = '\x1b';
	gp_buf_init(&got, SIZE_MAX);
	gp_tail_join(t, &r);
	gp_tail_add(t, gp_str_n(line, 4));
	gp_tail_add(t, gp_str_n(line, sizeof(line)));
	gp_tail_read(t, &r, &got, MOST);
	assert_non_null(strstr(gp_buf_cstr(&got), " xxx?\n"));
	for (size_t i = 0; i < got.n; i++)
		assert_true(got.p[i] == '\n' || gp_is_print(got.p[i]));
	assert_true(got.n <= MOST);
	gp_tail_leave(t, &r);
	gp_buf_clear(&got);
	gp_tail_free(t);
}

static void
tail_bell_rings_once_after_it_was_armed(void **state)
{
	struct gp_tail *t = open_tail();
	struct gp_tail_reader r;

	(void)state;
	gp_tail_join(t, &r);
	gp_tail_add(t, gp_str("not armed"));
	assert_false(rings(t));
	gp_tail_arm(t);
	assert_false(rings(t));
	gp_tail_add(t, gp_str("armed"));
	assert_true(rings(t));
	gp_tail_add(t, gp_str("again"));
	gp_tail_arm(t);
	assert_false(rings(t));
	gp_tail_leave(t, &r);
	gp_tail_add(t, gp_str("nobody"));
	assert_false(rings(t));
	gp_tail_free(t);
}

enum { WRITERS = 4, LINES = 5000 };

static void *
write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		gp_tail_add(arg, gp_str("one line of many"));
	return NULL;
}

/* The reader comes and goes meanwhile: what it reads and what it is told to
 * have lost is all that was written while it was there. */
static void
tail_writers_and_reader_at_once(void **state)
{
	struct gp_tail *t = open_tail();
	pthread_t threads[WRITERS];
	struct gp_tail_reader r;
	struct gp_buf got;
	uint64_t seen = 0;
	uint64_t begin;

	(void)state;
	gp_buf_init(&got, SIZE_MAX);
	gp_tail_join(t, &r);
	begin = r.line;
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines,
				     t),
		    0);
	while (r.line - begin < (uint64_t)WRITERS * LINES) {
		struct gp_str rest;

		gp_buf_reset(&got);
		gp_tail_arm(t);
		gp_tail_read(t, &r, &got, MOST);
		rest = gp_buf_str(&got);
		while (rest.n > 0) {
			struct gp_str line = gp_str_split(&rest, '\n');

			if (line.n > 5 && memcmp(line.p, "lost ", 5) == 0)
				seen += strtoull(line.p + 5, NULL, 10);
			else
				seen++;
		}
	}
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(seen, (uint64_t)WRITERS * LINES);
	gp_tail_leave(t, &r);
	gp_buf_clear(&got);
	gp_tail_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tail_readers_get_what_comes_after_them),
		cmocka_unit_test(tail_overwritten_lines_are_counted),
		cmocka_unit_test(tail_line_is_cut_and_printable),
		cmocka_unit_test(tail_bell_rings_once_after_it_was_armed),
		cmocka_unit_test(tail_writers_and_reader_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
