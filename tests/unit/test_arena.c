/* Memory that goes at once, and clean-ups that go first. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
arena_gives_zeroed_aligned_memory_of_every_size(void **state)
{
	struct gp_arena *a = gp_arena_new();

	(void)state;
	for (size_t n = 0; n < 5000; n += 7) {
		unsigned char *p = gp_arena_alloc(a, n);

		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	assert_true(gp_arena_bytes(a) >= (size_t)5000 * 5000 / 7 / 2);
	gp_arena_free(a);
}

static void
arena_pieces_do_not_touch(void **state)
{
	enum { PIECES = 600 };
	struct gp_arena *a = gp_arena_new();
	unsigned char *p[PIECES];

	(void)state;
	for (size_t i = 0; i < PIECES; i++) {
		/* small ones between some that get a block of their own */
		size_t n = i % 50 == 49 ? 5000 : i % 37 + 1;

		p[i] = gp_arena_alloc(a, n);
		memset(p[i], (int)(i % 251), n);
	}
	for (size_t i = 0; i < PIECES; i++) {
		size_t n = i % 50 == 49 ? 5000 : i % 37 + 1;

		for (size_t j = 0; j < n; j++)
			assert_int_equal(p[i][j], i % 251);
	}
	gp_arena_free(a);
}

static void
arena_is_zeroed_again_after_a_clear(void **state)
{
	struct gp_arena *a = gp_arena_new();

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++) {
			unsigned char *p = gp_arena_alloc(a, 300);

			for (size_t j = 0; j < 300; j++)
				assert_int_equal(p[j], 0);
			memset(p, 0xee, 300);
		}
		assert_true(gp_arena_bytes(a) >= 12000);
		gp_arena_clear(a);
		assert_int_equal(gp_arena_bytes(a), 0);
	}
	gp_arena_free(a);
}

static void
arena_copies_end_in_nul(void **state)
{
	struct gp_arena *a = gp_arena_new();
	char source[] = "hello";
	char *copy = gp_arena_strdup(a, source);
	char *part = gp_arena_strndup(a, source, 2);
	struct gp_str dup = gp_arena_dup(a, GP_STR("a\0b"));
	struct gp_str none = gp_arena_dup(a, gp_str_n(NULL, 0));

	(void)state;
	source[0] = 'j';
	assert_string_equal(copy, "hello");
	assert_string_equal(part, "he");
	assert_true(gp_str_eq(dup, GP_STR("a\0b")));
	assert_int_equal(dup.p[3], '\0');
	assert_int_equal(none.n, 0);
	assert_non_null(none.p);
	assert_string_equal(gp_arena_strndup(a, NULL, 0), "");
	assert_string_equal(gp_arena_printf(a, "%d-%s", 7, "x"), "7-x");
	assert_string_equal(gp_arena_printf(a, "%s", ""), "");
	assert_int_equal(strlen(gp_arena_printf(a, "%9000d", 1)), 9000);
	gp_arena_free(a);
}

struct trace {
	char order[8];
	size_t n;
};

struct note {
	struct trace *trace;
	char name;
};

static void
note_it(void *arg)
{
	struct note *note = arg;

	note->trace->order[note->trace->n++] = note->name;
}

static void
arena_cleanups_run_last_first_and_once(void **state)
{
	struct gp_arena *a = gp_arena_new();
	struct trace trace = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		/* in the arena itself: it must still be there when used */
		struct note *note = gp_arena_alloc(a, sizeof(*note));

		*note = (struct note){ .trace = &trace, .name = "abc"[i] };
		gp_arena_on_clear(a, note_it, note);
	}
	assert_int_equal(trace.n, 0);
	gp_arena_clear(a);
	assert_string_equal(trace.order, "cba");
	gp_arena_clear(a);
	assert_int_equal(trace.n, 3);
	gp_arena_on_clear(a, note_it,
	    &(struct note){ .trace = &trace, .name = 'd' });
	gp_arena_free(a);
	assert_string_equal(trace.order, "cbad");
	gp_arena_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    arena_gives_zeroed_aligned_memory_of_every_size),
		cmocka_unit_test(arena_pieces_do_not_touch),
		cmocka_unit_test(arena_is_zeroed_again_after_a_clear),
		cmocka_unit_test(arena_copies_end_in_nul),
		cmocka_unit_test(arena_cleanups_run_last_first_and_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
