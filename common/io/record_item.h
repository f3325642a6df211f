/*
 * record_item - keys and values in memory, on their way to a file or from it.
 * Internal to io/record_store.
 *
 * Purity:   pure.
 */
#ifndef GP_IO_RECORD_ITEM_H
#define GP_IO_RECORD_ITEM_H

#include "base/buf.h"

/* Time, process, number, of eight octets each: big-endian, so that they sort
 * by time, and those of one process as they came. */
#define GP_RECORD_KEY_BYTES 24

struct gp_record_item {
	uint8_t key[GP_RECORD_KEY_BYTES];
	uint32_t n; /* octets of the value */
	const char *value;
};

/* What an item takes besides its value. */
#define GP_RECORD_ITEM_HEAD (GP_RECORD_KEY_BYTES + sizeof(uint32_t))

/* gp_record_item_add - append it to `out`. */
void gp_record_item_add(struct gp_buf *out, const struct gp_record_item *item);

/* gp_record_item_next - the item at `*at` of what was so appended; `*at` moves
 * behind it.  The value is borrowed.  False at the end. */
bool gp_record_item_next(struct gp_str items, size_t *at,
    struct gp_record_item *out);

/* gp_record_key_set - eight octets of a key. */
void gp_record_key_set(uint8_t part[8], uint64_t value);

/* gp_record_key_time - its first eight. */
uint64_t gp_record_key_time(const uint8_t key[GP_RECORD_KEY_BYTES]);

#endif
