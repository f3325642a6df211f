/*
 * Any history of a meter whose rule is in range: levels are numbers in range,
 * what is promised of waiting holds, and nothing is given but by time.
 */
#include "core/meter.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t n;
};

static uint64_t
take(struct input *in, size_t n)
{
	uint64_t v = 0;

	for (; n > 0; n--) {
		v = v << 8 | (in->n > 0 ? *in->p : 0);
		in->p += in->n > 0;
		in->n -= in->n > 0;
	}
	return v;
}

/* Any double, moved into the range. */
static double
take_double(struct input *in, double least, double most)
{
	uint64_t bits = take(in, 8);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return !(v >= least) ? least : v > most ? most : v;
}

/* At the time that is promised it fits, unless there is none. */
static void
check_wait(struct gp_meter m, const struct gp_meter_rule *r, double q)
{
	const int64_t wait_ms = gp_meter_wait_ms(&m, r, q);

	assert(wait_ms >= 0);
	assert((wait_ms == 0) == gp_meter_admits(&m, r, q));
	assert(gp_meter_rest_ms(&m, r) >= 0);
	if (wait_ms == GP_METER_NEVER || m.at_ms > INT64_MAX - wait_ms)
		return;
	gp_meter_drain(&m, r, m.at_ms + wait_ms);
	assert(gp_meter_admits(&m, r, q));
}

static void
step(struct input *in, struct gp_meter *m, const struct gp_meter_rule *r)
{
	const uint64_t how = take(in, 1);
	const double q = take_double(in, 0x1p-1074, 0x1.fffffffffffffp1023);
	const struct gp_meter before = *m;
	const int64_t now_ms = (int64_t)take(in, 8);

	switch (how % 4) {
	case 0:
		gp_meter_drain(m, r, now_ms);
		assert(m->at_ms == now_ms && m->level <= before.level);
		assert(now_ms > before.at_ms || m->level == before.level);
		break;
	case 1:
		if (!gp_meter_admits(m, r, q))
			break;
		gp_meter_commit(m, q);
		assert(m->level >= before.level);
		assert(m->level <= r->capacity || before.level <= 0);
		break;
	case 2:
		gp_meter_refund(m, q);
		assert(m->level <= before.level);
		break;
	default:
		gp_meter_debit(m, r, q);
		assert(m->level >= before.level);
		assert(m->level == before.level ||
		       m->level <= r->capacity + 600 * (r->rate * r->factor));
		break;
	}
	assert(m->level >= 0 && m->level <= GP_METER_LEVEL_MAX);
	check_wait(*m, r, q);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	const struct gp_meter_rule r = {
		.capacity = take_double(&in, 1, GP_METER_LEVEL_MAX),
		.rate = take_double(&in, 0, GP_METER_LEVEL_MAX),
		.factor = take_double(&in, 0x1p-1074, 1),
		.share = take_double(&in, 0x1p-1074, 1),
	};
	struct gp_meter m = { 0, 0 };

	while (in.n > 0)
		step(&in, &m, &r);
	return 0;
}
