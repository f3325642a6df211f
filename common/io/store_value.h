/*
 * store_value - meters, marks and notes as octets in a file.
 * Internal to io/store_lmdb.
 *
 * A key is an octet that says what the value is, and the key of the caller; so
 * there are three name spaces.  A value has a version and a checksum over key
 * and contents: what was not written as it is, where it is, is as if absent.
 *
 * Times are milliseconds of the file's own clock (io/store_time).
 *
 * Purity:   pure; octets are in the machine's own order.
 * Threads:  reentrant.
 */
#ifndef GP_IO_STORE_VALUE_H
#define GP_IO_STORE_VALUE_H

#include "io/store.h"

/* First octets of keys. */
#define GP_STORE_KEY_CLOCK 'c' /* io/store_time; and nothing behind it */
#define GP_STORE_KEY_METER 'm'
#define GP_STORE_KEY_MARK  'k'
#define GP_STORE_KEY_NOTE  'n'

#define GP_STORE_KEY_BYTES   (1 + GP_CHARGE_KEY_MAX)
#define GP_STORE_VALUE_BYTES (21 + GP_STORE_NOTE_MAX)
#define GP_STORE_VALUE_FEW   37 /* of a meter or a mark */

struct gp_store_value {
	int64_t at_ms;    /* last use; of a meter, the time of its level */
	int64_t until_ms; /* kept until then */
	double level;     /* of a meter, 0 to GP_METER_LEVEL_MAX */
	int64_t gone_ms;  /* worth nothing then: it will be empty, or too old */
	struct gp_str note;
};

/* gp_store_value_encode - into `out`, where there is room for its kind; returns
 * how many octets. */
size_t gp_store_value_encode(struct gp_str key, const struct gp_store_value *v,
    uint8_t *out);

/* gp_store_value_decode - `note` is borrowed.  GP_NONE: no value of this key.
 */
GP_MUST_USE enum gp_rc gp_store_value_decode(struct gp_str key,
    struct gp_str value, struct gp_store_value *out);

/* gp_store_value_bring_back - all of its times, so that it was used now. */
void gp_store_value_bring_back(struct gp_store_value *v, int64_t now_ms);

/* gp_store_sum - the checksum, for whatever else is in the file. */
uint32_t gp_store_sum(struct gp_str key, const void *p, size_t n);

#endif
