/*
 * steps - nanoseconds of a piece of code, for the benches without a milter.
 *
 * Every step runs in batches long enough to be measured; what is printed is
 * the median and the lowest of the batches, in CPU time of this process.
 *
 * Threads:  one.
 */
#ifndef GP_BENCH_STEPS_H
#define GP_BENCH_STEPS_H

#include "base/arena.h"

struct ml_step {
	const char *name;
	void (*run)(void *world, const char *argument);
	const char *argument;
	size_t bytes; /* not 0: megabytes a second are printed, too */
};

/* ml_step_measure - `arena` is empty before each run. */
void ml_step_measure(const struct ml_step *step, void *world,
    struct gp_arena *arena);

#endif
