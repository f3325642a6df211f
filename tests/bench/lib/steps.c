/* See steps.h. */
#include "steps.h"

#include "proc.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_NS INT64_C(20000000)
#define BATCHES  9

/* CPU nanoseconds of n runs. */
static int64_t
batch(const struct ml_step *step, void *world, struct gp_arena *arena,
    int64_t n)
{
	int64_t start = ml_self_cpu_ns();

	for (int64_t i = 0; i < n; i++) {
		gp_arena_clear(arena);
		step->run(world, step->argument);
	}
	return ml_self_cpu_ns() - start;
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void
ml_step_measure(const struct ml_step *step, void *world, struct gp_arena *arena)
{
	int64_t ns[BATCHES], n = 1;

	while (batch(step, world, arena, n) < BATCH_NS)
		n *= 2;
	for (int i = 0; i < BATCHES; i++)
		ns[i] = ml_ratio(batch(step, world, arena, n), 1, n);
	qsort(ns, BATCHES, sizeof ns[0], by_value);
	(void)printf("%-44s %8" PRId64 " ns  (lowest %" PRId64 ")", step->name,
	    ns[BATCHES / 2], ns[0]);
	if (step->bytes > 0)
		(void)printf("  %" PRId64 " MB/s",
		    ml_ratio((int64_t)step->bytes, 1000, ns[BATCHES / 2]));
	(void)putchar('\n');
}
