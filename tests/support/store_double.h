/*
 * store_double - a store in memory that fails when it is told to, and writes
 * down what it was asked.
 *
 * Threads:  any; the settings by one at a time.
 */
#ifndef TESTS_STORE_DOUBLE_H
#define TESTS_STORE_DOUBLE_H

#include "io/store_backend.h"

enum store_double_mood {
	STORE_ANSWERS,
	STORE_REFUSES, /* GP_TEMP, and nothing is made */
	STORE_HANGS,   /* GP_TEMP, and it is made */
};

struct store_double;

/* store_double_new - `front` gets it; it lives until the front closes it. */
struct store_double *store_double_new(struct gp_store_backend *front);

/* store_double_share - for one more front. */
void store_double_share(struct store_double *d, struct gp_store_backend *front);

/* store_double_mood - of the calls from now on, after `skip` that answer. */
void store_double_mood(struct store_double *d, enum store_double_mood mood,
    unsigned skip);

/* store_double_forget - it was killed, and is started with nothing. */
void store_double_forget(struct store_double *d);

/* store_double_calls - so far, one letter each: charge, peek, refund, debit,
 * note put (n), get, walk; capital where it did not answer. */
const char *store_double_calls(const struct store_double *d);
void store_double_clear_calls(struct store_double *d);

/* store_double_level - of the meter that this would be charged at. */
double store_double_level(struct store_double *d, const struct gp_charge *c);

/* store_double_during - call fn(arg) once, in the next call of that letter,
 * before it is made. */
void store_double_during(struct store_double *d, char letter,
    void (*fn)(void *arg), void *arg);

/* The clock of all; tests set it. */
extern _Atomic int64_t store_double_now_ms;
int64_t store_double_clock_ms(void);

#endif
