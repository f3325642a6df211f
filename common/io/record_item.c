/* See record_item.h. */
#include "io/record_item.h"

#include <string.h>

void
gp_record_key_set(uint8_t part[8], uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		part[i] = (uint8_t)(value >> (56 - 8 * i));
}

uint64_t
gp_record_key_time(const uint8_t key[GP_RECORD_KEY_BYTES])
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++)
		value = value << 8 | key[i];
	return value;
}

void
gp_record_item_add(struct gp_buf *out, const struct gp_record_item *item)
{
	gp_buf_add(out, item->key, sizeof(item->key));
	gp_buf_add(out, &item->n, sizeof(item->n));
	gp_buf_add(out, item->value, item->n);
}

bool
gp_record_item_next(struct gp_str items, size_t *at, struct gp_record_item *out)
{
	const char *p = items.p + *at;

	if (*at >= items.n)
		return false;
	memcpy(out->key, p, sizeof(out->key));
	memcpy(&out->n, p + sizeof(out->key), sizeof(out->n));
	out->value = p + sizeof(out->key) + sizeof(out->n);
	*at += sizeof(out->key) + sizeof(out->n) + out->n;
	return true;
}
