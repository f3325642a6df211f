/*
 * store_suite_lab - what the tests of the suite share; not for others.
 */
#ifndef TESTS_STORE_SUITE_LAB_H
#define TESTS_STORE_SUITE_LAB_H

#include "support/store_suite.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define STORE_HOUR_MS INT64_C(3600000)

/* Of the test that runs. */
struct store_lab {
	const struct store_suite *suite;
	struct gp_store_backend store;
	struct gp_arena *arena;
	char word[32];  /* begins all its keys */
	int64_t now_ms; /* the tests' clock */
	unsigned tests; /* so far */
};

extern struct store_lab store_lab;

/* store_key - printf form, behind the word of the test; in the arena. */
struct gp_str store_key(const char *fmt, ...) GP_PRINTF(1, 2);

/* store_counter - one token at a meter of `capacity` that does not drain. */
struct gp_charge store_counter(const char *key, double capacity);

/* store_apply - now, by the tests' clock. */
enum gp_rc store_apply(enum gp_store_how how, const struct gp_charge *charges,
    size_t n, struct gp_charged *out);

/* store_level - of a meter, by a peek. */
double store_level(const struct gp_charge *charge);

/* cmocka's own compares in single precision. */
#define ASSERT_NEAR(is, want, by) assert_true(fabs((is) - (want)) <= (by))

/* The tests of the other files. */
#define STORE_SUITE_LOAD_TESTS 4
extern const struct CMUnitTest store_suite_load[STORE_SUITE_LOAD_TESTS];
#define STORE_SUITE_NOTE_TESTS 7
extern const struct CMUnitTest store_suite_notes[STORE_SUITE_NOTE_TESTS];
#define STORE_SUITE_TIME_TESTS 7
extern const struct CMUnitTest store_suite_time[STORE_SUITE_TIME_TESTS];

#endif
