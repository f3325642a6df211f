/*
 * time - microseconds, and arithmetic that saturates instead of wrapping.
 *
 * No clock is read here; io/clock.h does that.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_BASE_TIME_H
#define GP_BASE_TIME_H

#include <stdint.h>

#define GP_US_PER_MS INT64_C(1000)
#define GP_US_PER_S  INT64_C(1000000)

/* A deadline that never comes. */
#define GP_NEVER_US INT64_MAX

static inline int64_t
gp_time_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

static inline int64_t
gp_time_sub(int64_t a, int64_t b)
{
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return b < 0 ? INT64_MAX : INT64_MIN;
	return difference;
}

static inline int64_t
gp_time_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#endif
