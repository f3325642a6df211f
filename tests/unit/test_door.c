/* How many sessions a limit of descriptors allows; test_bounds.py has the
 * door of a real daemon. */
#include "core/limits.h"
#include "mta/door.h"
#include "mta/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Of the units. */
#define LIMIT_NOFILE 65536
#define TASKS_MAX    4096

static void
door_sessions_leave_room_for_the_rest(void **state)
{
	static const struct {
		size_t descriptors, sessions;
	} rows[] = {
		{ 0, 0 },
		{ 1, 1 },
		{ 64, 32 },
		{ 256, 128 },
		{ 1024, 1024 - GP_DESCRIPTORS_KEPT },
		{ 4096, 4096 - GP_DESCRIPTORS_KEPT },
		{ LIMIT_NOFILE, GP_SESSIONS_MAX },
		{ GP_SESSIONS_MAX + GP_DESCRIPTORS_KEPT, GP_SESSIONS_MAX },
		{ GP_SESSIONS_MAX + GP_DESCRIPTORS_KEPT - 1,
		    GP_SESSIONS_MAX - 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(gp_door_sessions(rows[i].descriptors),
		    rows[i].sessions);
}

static void
door_bounds_fit_the_units(void **state)
{
	(void)state;
	assert_true(GP_SESSIONS_MAX + GP_DESCRIPTORS_KEPT <= LIMIT_NOFILE);
	/* each session is known to the wire */
	assert_true(GP_SESSIONS_MAX + GP_DESCRIPTORS_KEPT <= GP_WIRE_MAX);
	/* and some for what is not of the crew */
	assert_true(GP_THREADS_MAX + 64 <= TASKS_MAX);
	assert_true(GP_THREADS_KEPT >= 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(door_sessions_leave_room_for_the_rest),
		cmocka_unit_test(door_bounds_fit_the_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
