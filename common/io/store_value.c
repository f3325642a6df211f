/* See store_value.h. */
#include "io/store_value.h"

#include "base/siphash.h"
#include "base/time.h"

#include <assert.h>
#include <string.h>

/* Version, sum, at, until; of a meter also its level and when it is empty. */
#define VERSION    1
#define SUM_AT     1
#define BODY_AT    5
#define HEAD_BYTES 21

struct meter_body {
	double level;
	int64_t gone_ms;
};

static_assert(GP_STORE_VALUE_BYTES - GP_STORE_NOTE_MAX >= HEAD_BYTES,
    "the longest note fits");
static_assert(GP_STORE_VALUE_FEW == HEAD_BYTES + sizeof(struct meter_body),
    "a meter fits");

/* The seed is no secret: it tells octets of ours from others by accident. */
uint32_t
gp_store_sum(struct gp_str key, const void *p, size_t n)
{
	const uint64_t seed[2] = { UINT64_C(0x73746f7265203120) ^ key.n,
		UINT64_C(0x67617465706f7374) };
	char both[GP_STORE_KEY_BYTES + GP_STORE_VALUE_FEW];
	uint64_t digest;

	if (n > GP_STORE_VALUE_FEW) {
		digest = gp_siphash(seed, p, n);
		p = &digest;
		n = sizeof(digest);
	}
	assert(key.n + n <= sizeof(both));
	memcpy(both, key.p, key.n);
	memcpy(both + key.n, p, n);
	return (uint32_t)gp_siphash(seed, both, key.n + n);
}

size_t
gp_store_value_encode(struct gp_str key, const struct gp_store_value *v,
    uint8_t *out)
{
	const struct meter_body meter = { v->level, v->gone_ms };
	size_t n = HEAD_BYTES;
	uint32_t sum;

	out[0] = VERSION;
	memcpy(out + BODY_AT, &v->at_ms, sizeof(v->at_ms));
	memcpy(out + BODY_AT + 8, &v->until_ms, sizeof(v->until_ms));
	if (key.p[0] == GP_STORE_KEY_METER) {
		memcpy(out + n, &meter, sizeof(meter));
		n += sizeof(meter);
	}
	if (key.p[0] == GP_STORE_KEY_NOTE && v->note.n > 0) {
		memcpy(out + n, v->note.p, v->note.n);
		n += v->note.n;
	}
	sum = gp_store_sum(key, out + BODY_AT, n - BODY_AT);
	memcpy(out + SUM_AT, &sum, sizeof(sum));
	return n;
}

static bool
is_whole(struct gp_str key, struct gp_str value)
{
	uint32_t sum;

	if (key.n < 2 || key.n > GP_STORE_KEY_BYTES || value.n < HEAD_BYTES ||
	    value.n > GP_STORE_VALUE_BYTES || value.p[0] != VERSION)
		return false;
	memcpy(&sum, value.p + SUM_AT, sizeof(sum));
	return sum == gp_store_sum(key, value.p + BODY_AT, value.n - BODY_AT);
}

static bool
read_rest(char kind, struct gp_str rest, struct gp_store_value *v)
{
	struct meter_body meter = { 0 };

	v->level = 0;
	v->gone_ms = v->until_ms;
	v->note = (struct gp_str){ 0 };
	if (kind == GP_STORE_KEY_MARK)
		return rest.n == 0;
	if (kind == GP_STORE_KEY_NOTE) {
		v->note = rest;
		return rest.n <= GP_STORE_NOTE_MAX;
	}
	if (kind != GP_STORE_KEY_METER || rest.n != sizeof(meter))
		return false;
	memcpy(&meter, rest.p, sizeof(meter));
	v->level = meter.level;
	v->gone_ms = meter.gone_ms;
	return meter.level >= 0 && meter.level <= GP_METER_LEVEL_MAX;
}

enum gp_rc
gp_store_value_decode(struct gp_str key, struct gp_str value,
    struct gp_store_value *out)
{
	if (!is_whole(key, value))
		return GP_NONE;
	memcpy(&out->at_ms, value.p + BODY_AT, sizeof(out->at_ms));
	memcpy(&out->until_ms, value.p + BODY_AT + 8, sizeof(out->until_ms));
	if (!read_rest(key.p[0],
		gp_str_n(value.p + HEAD_BYTES, value.n - HEAD_BYTES), out))
		return GP_NONE;
	return GP_OK;
}

void
gp_store_value_bring_back(struct gp_store_value *v, int64_t now_ms)
{
	const int64_t by_ms = gp_time_sub(v->at_ms, now_ms);

	v->at_ms = now_ms;
	v->until_ms = gp_time_sub(v->until_ms, by_ms);
	v->gone_ms = gp_time_sub(v->gone_ms, by_ms);
}
