/* The store that looks and never charges, with a daemon that is played. */
#include "core/rate_peek.h"
#include "mta/explain_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* A daemon with one meter at `level`, which never drains. */
struct played {
	double level;
	bool marked;
	const char *note;   /* NULL: there is none */
	const char *answer; /* NULL: as the store would; else this */
	enum gp_rc rc;
	unsigned asked;
};

static void
answer_peek(const struct played *p, const char *request, struct gp_buf *answer)
{
	const struct gp_str word = GP_STR(GP_RATE_PEEK " ");
	struct gp_charged made = { .level = p->level };
	struct gp_meter m = { .level = p->level };
	struct gp_charge c;

	assert_int_equal(gp_rate_peek_read(gp_str(request + word.n), &c),
	    GP_OK);
	made.free = p->marked && c.mark.n > 0;
	made.fits = made.free || gp_meter_admits(&m, &c.rule, c.cost);
	if (made.fits && !made.free)
		made.level += c.cost;
	if (!made.fits)
		made.wait_ms = gp_meter_wait_ms(&m, &c.rule, c.cost);
	gp_rate_peek_answer(&made, answer);
}

static enum gp_rc
ask(void *arg, const char *request, struct gp_buf *answer, struct gp_err *err)
{
	struct played *p = arg;

	p->asked++;
	if (p->rc == GP_NONE) {
		gp_buf_adds(answer, "unknown request\n");
		return p->rc;
	}
	if (p->rc != GP_OK)
		return gp_fail(err, p->rc, "nobody listens");
	if (p->answer != NULL)
		gp_buf_adds(answer, p->answer);
	else if (strncmp(request, "peek-note ", 10) == 0)
		gp_buf_adds(answer, p->note == NULL ? "" : p->note);
	else
		answer_peek(p, request, answer);
	return GP_OK;
}

static struct gp_charge
charge_of(const char *key, double capacity, double cost)
{
	return (struct gp_charge){ .key = gp_str(key),
		.rule = { .capacity = capacity,
		    .rate = 1,
		    .factor = 1,
		    .share = 1 },
		.cost = cost,
		.keep_ms = 1000 };
}

/* -- with a daemon ------------------------------------------------------ */

static void
explain_store_adds_what_it_charged_itself(void **state)
{
	struct played p = { .level = 3 };
	struct gp_explain_daemon d = { .ask = ask, .arg = &p };
	struct gp_store *s = gp_explain_store_new(&d);
	const struct gp_charge one = charge_of("m", 5, 1);
	struct gp_charged made;

	(void)state;
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
	assert_true(made.fits && made.level == 4);
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
	assert_true(made.fits && made.level == 5);
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_NONE);
	assert_true(!made.fits && made.level == 5);
	assert_true(made.wait_ms >= 1000 && made.wait_ms <= 1001);
	assert_true(d.asked && !d.failed);
	gp_store_unref(s);
}

/* An empty meter takes what is larger than it, once: two at a time are not
 * one large one. */
static void
explain_store_small_limit_takes_one(void **state)
{
	struct played p = { .level = 0 };
	struct gp_explain_daemon d = { .ask = ask, .arg = &p };
	struct gp_store *s = gp_explain_store_new(&d);
	const struct gp_charge one = charge_of("m", 1, 1);
	struct gp_charged made;

	(void)state;
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_NONE);
	gp_store_unref(s);
}

static void
explain_store_refused_call_leaves_nothing(void **state)
{
	struct played p = { .level = 0 };
	struct gp_explain_daemon d = { .ask = ask, .arg = &p };
	struct gp_store *s = gp_explain_store_new(&d);
	const struct gp_charge two[] = { charge_of("a", 5, 4),
		charge_of("b", 1, 1) };
	struct gp_charged made[2];

	(void)state;
	assert_int_equal(gp_store_charge(s, &two[1], 1, made), GP_OK);
	assert_int_equal(gp_store_charge(s, two, 2, made), GP_NONE);
	assert_true(made[0].fits && !made[1].fits);
	assert_int_equal(gp_store_charge(s, &two[0], 1, made), GP_OK);
	assert_true(made[0].level == 4);
	gp_store_unref(s);
}

static void
explain_store_watched_charge_refuses_nothing(void **state)
{
	struct played p = { .level = 5 };
	struct gp_explain_daemon d = { .ask = ask, .arg = &p };
	struct gp_store *s = gp_explain_store_new(&d);
	struct gp_charge one = charge_of("m", 5, 1);
	struct gp_charged made;

	(void)state;
	one.watch = true;
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
	assert_false(made.fits);
	gp_store_unref(s);
}

static void
explain_store_marks_make_it_free(void **state)
{
	struct played p = { .level = 1 };
	struct gp_explain_daemon d = { .ask = ask, .arg = &p };
	struct gp_store *s = gp_explain_store_new(&d);
	struct gp_charge one = charge_of("m", 5, 1);
	struct gp_charged made;

	(void)state;
	one.mark = GP_STR("u");
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
	assert_false(made.free);
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
	assert_true(made.free && made.fits && made.level == 2);
	p.marked = true;
	one.mark = GP_STR("v");
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
	assert_true(made.free);
	gp_store_unref(s);
}

static void
explain_store_notes_are_read_and_never_written(void **state)
{
	struct played p = { .note = "w1 1 2 3" };
	struct gp_explain_daemon d = { .ask = ask, .arg = &p };
	struct gp_store *s = gp_explain_store_new(&d);
	struct gp_arena *arena = gp_arena_new();
	struct gp_str note;

	(void)state;
	assert_int_equal(gp_store_get(s, GP_STR("n/a/b"), arena, &note), GP_OK);
	assert_true(gp_str_eq(note, GP_STR("w1 1 2 3")));
	p.note = NULL;
	gp_store_put(s, GP_STR("n/a/b"), GP_STR("x"), 1000);
	assert_int_equal(p.asked, 1);
	assert_int_equal(gp_store_get(s, GP_STR("n/a/b"), arena, &note),
	    GP_NONE);
	gp_arena_free(arena);
	gp_store_unref(s);
}

/* -- without one -------------------------------------------------------- */

static void
explain_store_without_an_answer_is_empty(void **state)
{
	static const struct played all[] = { { .rc = GP_TEMP },
		{ .rc = GP_NONE }, { .answer = "what?" } };
	static const char *const says[] = { "nobody listens",
		"says: unknown request", "none to \"peek\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct played p = all[i];
		struct gp_explain_daemon d = { .ask = ask, .arg = &p };
		struct gp_store *s = gp_explain_store_new(&d);
		const struct gp_charge one = charge_of("m", 5, 1);
		struct gp_charged made;

		assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
		assert_true(made.fits && made.level == 1);
		assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
		assert_true(made.level == 2);
		assert_true(d.failed);
		assert_non_null(strstr(d.err.msg, says[i]));
		assert_int_equal(p.asked, 1); /* once is enough */
		gp_store_unref(s);
	}
}

static void
explain_store_with_nobody_to_ask_is_empty(void **state)
{
	struct gp_explain_daemon d = { .ask = NULL };
	struct gp_store *s = gp_explain_store_new(&d);
	const struct gp_charge one = charge_of("m", 5, 1);
	struct gp_arena *arena = gp_arena_new();
	struct gp_charged made;
	struct gp_str note;

	(void)state;
	assert_int_equal(gp_store_charge(s, &one, 1, &made), GP_OK);
	assert_int_equal(gp_store_get(s, GP_STR("n/a/b"), arena, &note),
	    GP_TEMP);
	assert_true(!d.asked && !d.failed);
	gp_arena_free(arena);
	gp_store_unref(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explain_store_adds_what_it_charged_itself),
		cmocka_unit_test(explain_store_small_limit_takes_one),
		cmocka_unit_test(explain_store_refused_call_leaves_nothing),
		cmocka_unit_test(explain_store_watched_charge_refuses_nothing),
		cmocka_unit_test(explain_store_marks_make_it_free),
		cmocka_unit_test(
		    explain_store_notes_are_read_and_never_written),
		cmocka_unit_test(explain_store_without_an_answer_is_empty),
		cmocka_unit_test(explain_store_with_nobody_to_ask_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
