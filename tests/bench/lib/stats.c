/* See stats.h. */
#include "stats.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

static void
reserve(struct ml_samples *s, size_t n)
{
	size_t cap = s->cap == 0 ? 4096 : s->cap;

	while (cap < n)
		cap *= 2;
	if (cap == s->cap)
		return;
	s->tenths_us = gp_xrealloc(s->tenths_us, cap, sizeof *s->tenths_us);
	s->cap = cap;
}

void
ml_samples_add(struct ml_samples *s, int64_t ns)
{
	int64_t tenths = (ns + 50) / 100;

	if (s->n >= ML_SAMPLES_MAX) {
		s->lost++;
		return;
	}
	if (tenths < 0)
		tenths = 0;
	reserve(s, s->n + 1);
	s->tenths_us[s->n++] =
	    tenths > UINT32_MAX ? UINT32_MAX : (uint32_t)tenths;
}

void
ml_samples_merge(struct ml_samples *into, const struct ml_samples *from)
{
	size_t room = ML_SAMPLES_MAX - into->n;
	size_t n = from->n < room ? from->n : room;

	into->lost += from->lost + (from->n - n);
	if (n == 0)
		return;
	reserve(into, into->n + n);
	memcpy(into->tenths_us + into->n, from->tenths_us,
	    n * sizeof(uint32_t));
	into->n += n;
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void
ml_samples_sort(struct ml_samples *s)
{
	if (s->n > 1)
		qsort(s->tenths_us, s->n, sizeof *s->tenths_us, by_value);
}

void
ml_samples_clear(struct ml_samples *s)
{
	free(s->tenths_us);
	memset(s, 0, sizeof *s);
}

uint32_t
ml_samples_rank(const struct ml_samples *s, unsigned per_mille)
{
	size_t rank = (s->n * per_mille + 999) / 1000;

	if (s->n == 0)
		return 0;
	return s->tenths_us[rank == 0 ? 0 : rank - 1];
}

uint64_t
ml_samples_above(const struct ml_samples *s, uint32_t ms)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->tenths_us[i] / 10000 >= ms)
			n++;
	return n;
}

int64_t
ml_ratio(int64_t a, int64_t scale, int64_t b)
{
	int64_t product;

	if (b == 0)
		return 0;
	if (__builtin_mul_overflow(a, scale, &product))
		return a / b > INT64_MAX / scale ? INT64_MAX : a / b * scale;
	return (product + b / 2) / b;
}
