/*
 * store_suite - what every store must do: one suite, run upon each backend.
 *
 *	static struct gp_store_backend
 *	open_mine(void)  // empty, or with nothing that is in the suite's way
 *
 *	int main(void)
 *	{
 *		static const struct store_suite suite = {
 *			.name = "lmdb", .open = open_mine };
 *		return store_suite_run(&suite);
 *	}
 *
 * Keys begin with a word that is new in each test, so that a store with other
 * keys in it will do.  The suite closes what it opens.  With `own_clock` the
 * backend reads its own: tests that step the time are not run upon it, and the
 * others do not depend on it.  The tests' clock goes back, too, by up to a
 * quarter of an hour: what is worth nothing must be kept for so long.
 */
#ifndef TESTS_STORE_SUITE_H
#define TESTS_STORE_SUITE_H

#include "io/store_backend.h"

struct store_suite {
	const char *name; /* before each test's: "mem" */
	struct gp_store_backend (*open)(void);
	bool own_clock;
};

/* store_suite_run - a program's whole main(); as cmocka_run_group_tests. */
int store_suite_run(const struct store_suite *suite);

#endif
