/*
 * stats - exact statistics of latencies, in integers.
 *
 * Every sample is kept, in tenths of a microsecond, and a percentile is the
 * sample of that rank: no buckets, no interpolation, no floating point.
 *
 * Threads:  one set of samples, one thread.
 */
#ifndef GP_BENCH_STATS_H
#define GP_BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Samples past this number are counted, but not kept (256 MiB). */
#define ML_SAMPLES_MAX ((size_t)1 << 26)

struct ml_samples {
	uint32_t *tenths_us; /* saturates at 429 s */
	size_t n, cap;
	uint64_t lost;
};

void ml_samples_add(struct ml_samples *s, int64_t ns);
void ml_samples_merge(struct ml_samples *into, const struct ml_samples *from);
void ml_samples_sort(struct ml_samples *s);
void ml_samples_clear(struct ml_samples *s);

/*
 * ml_samples_rank - of sorted samples the smallest that `per_mille` of 1000
 * samples do not exceed (nearest rank): 500 the median, 999 the p99.9, 1000
 * the maximum.  0 when there are none.
 */
uint32_t ml_samples_rank(const struct ml_samples *s, unsigned per_mille);

/* ml_samples_above - how many are longer than `ms`. */
uint64_t ml_samples_above(const struct ml_samples *s, uint32_t ms);

/* ml_ratio - a * scale / b to the nearest, 0 for b == 0; saturates. */
int64_t ml_ratio(int64_t a, int64_t scale, int64_t b);

#endif
