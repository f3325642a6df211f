/*
 * gp_rate_peek_read and _understand: what is read is in the ranges that a store
 * relies on, and reads as the same again when it is written.
 */
#include "core/rate_peek.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_request(struct gp_str text)
{
	const size_t word = strlen(GP_RATE_PEEK " ");
	struct gp_charge c, again;
	struct gp_buf b;

	if (gp_rate_peek_read(text, &c) != GP_OK)
		return;
	assert(gp_rate_peek_key(c.key));
	assert(c.mark.n == 0 || gp_rate_peek_key(c.mark));
	assert(c.cost > 0 && c.cost <= GP_METER_LEVEL_MAX);
	assert(c.rule.capacity >= 1 && c.rule.capacity <= GP_METER_LEVEL_MAX);
	assert(c.rule.rate >= 0 && c.rule.rate <= GP_METER_LEVEL_MAX);
	assert(c.rule.share > 0 && c.rule.share <= 1 && c.rule.factor == 1);
	gp_buf_init(&b, 4096);
	gp_rate_peek_write(&c, &b);
	assert(gp_rate_peek_read(gp_str_n(b.p + word, b.n - word), &again) ==
	       GP_OK);
	assert(gp_str_eq(again.key, c.key) && gp_str_eq(again.mark, c.mark));
	assert(again.cost == c.cost && again.rule.capacity == c.rule.capacity);
	assert(
	    again.rule.rate == c.rule.rate && again.rule.share == c.rule.share);
	gp_buf_clear(&b);
}

static void
check_answer(struct gp_str text)
{
	struct gp_charged made, again;
	struct gp_buf b;

	if (gp_rate_peek_understand(text, &made) != GP_OK)
		return;
	assert(made.level >= 0 && made.wait_ms >= 0);
	gp_buf_init(&b, 4096);
	gp_rate_peek_answer(&made, &b);
	assert(gp_rate_peek_understand(gp_buf_str(&b), &again) == GP_OK);
	assert(again.fits == made.fits && again.free == made.free);
	assert(again.level == made.level && again.wait_ms == made.wait_ms);
	gp_buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size > 0 ? size : 1);

	assert(text != NULL);
	memcpy(text, data, size);
	check_request(gp_str_n(text, size));
	check_answer(gp_str_n(text, size));
	free(text);
	return 0;
}
