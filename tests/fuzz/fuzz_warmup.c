/* One state has one text, and what is read has days that go on. */
#include "core/warmup.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const struct gp_warmup_state *s, struct gp_str text)
{
	char again[GP_WARMUP_TEXT];

	gp_warmup_format(s, again);
	assert(gp_str_eq(gp_str(again), text));
}

/* From a quiet, a half-used and a full day on. */
static void
check_days(const struct gp_warmup_state *s, const struct gp_warmup_rule *r)
{
	static const double used[] = { 0, .5, 1 };
	const int64_t cap = gp_warmup_cap(s, r);
	struct gp_warmup_state before = *s;

	assert(cap >= 1 && cap <= r->plateau);
	for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
		struct gp_warmup_state next =
		    gp_warmup_next(s, r, used[i] * (double)cap, s->day + 1);
		char text[GP_WARMUP_TEXT];

		assert(next.day == s->day + 1 && next.n >= 1);
		assert(i == 0 || next.n >= before.n);
		if (next.day > 100000000 || next.n == 1)
			continue;
		assert(next.last_send > 0 && next.last_send <= s->day);
		gp_warmup_format(&next, text);
		assert(gp_warmup_parse(gp_str(text), &before) == GP_OK);
		assert(memcmp(&before, &next, sizeof(next)) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gp_warmup_rule rules[] = {
		{ 200, 1400, 20000, 12 },
		{ 1, 1001, 1000000000000, 24 },
		{ 1000000000, 4000, 1000000000000, 1 },
		{ 1, 1001, 1, 1 },
	};
	struct gp_str text = gp_str_n((const char *)data, size);
	struct gp_warmup_state s;

	if (gp_warmup_parse(text, &s) != GP_OK) {
		assert(s.n == 0 && s.day == 0 && s.last_send == 0);
		return 0;
	}
	assert(s.n >= 1 && s.last_send <= s.day && s.last_send >= 0);
	check_text(&s, text);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (s.day > 0)
			check_days(&s, &rules[i]);
	return 0;
}
