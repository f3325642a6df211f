/*
 * The kind of a key, and a value without its sum.  As it stands it is no value;
 * with the sum that belongs to it, what is read is written to the same octets;
 * and one bit of them changed, or under another key, it is no value.
 */
#include "io/store_value.h"

#include <assert.h>
#include <string.h>

#define SUM_AT  1
#define BODY_AT 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gp_str
span(const uint8_t *p, size_t n)
{
	return gp_str_n((const char *)p, n);
}

static void
check_value(struct gp_str key, const struct gp_store_value *v, uint8_t *bytes,
    size_t n)
{
	uint8_t again[GP_STORE_VALUE_BYTES];
	const size_t bit = (n * 2654435761U + bytes[n - 1]) % (8 * n);
	struct gp_store_value none;
	struct gp_str other = key;

	assert(v->level >= 0 && v->level <= GP_METER_LEVEL_MAX);
	assert(v->note.n <= GP_STORE_NOTE_MAX);
	assert(gp_store_value_encode(key, v, again) == n);
	assert(memcmp(again, bytes, n) == 0);
	other.n--;
	assert(gp_store_value_decode(other, span(bytes, n), &none) == GP_NONE);
	bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	assert(gp_store_value_decode(key, span(bytes, n), &none) == GP_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char kinds[] = { GP_STORE_KEY_METER, GP_STORE_KEY_MARK,
		GP_STORE_KEY_NOTE, 'x' };
	char text[] = "?login:alice@example.com/3600";
	uint8_t bytes[GP_STORE_VALUE_BYTES + 8];
	const struct gp_str key = gp_str_n(text, sizeof(text) - 1);
	struct gp_store_value v;
	uint32_t sum;
	size_t n;

	if (size < 2 || size - 1 + SUM_AT > sizeof(bytes))
		return 0;
	text[0] = kinds[data[0] % sizeof(kinds)];
	n = size - 1;
	memcpy(bytes, data + 1, n);
	assert(gp_store_value_decode(key, span(bytes, n), &v) == GP_NONE ||
	       n > BODY_AT);
	if (n < BODY_AT)
		return 0;
	sum = gp_store_sum(key, bytes + BODY_AT, n - BODY_AT);
	memcpy(bytes + SUM_AT, &sum, sizeof(sum));
	if (gp_store_value_decode(key, span(bytes, n), &v) == GP_OK)
		check_value(key, &v, bytes, n);
	return 0;
}
