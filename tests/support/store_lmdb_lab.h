/* A folder for a store in an LMDB file, and what is in it. */
#ifndef GP_SUPPORT_STORE_LMDB_LAB_H
#define GP_SUPPORT_STORE_LMDB_LAB_H

#include "io/store_lmdb.h"

#define LAB_DAY_MS   INT64_C(86400000)
#define LAB_MEBIBYTE INT64_C(1048576)

struct store_lmdb_lab {
	char dir[64]; /* of the store: below a temporary one */
	char data[80];
};

/* Before any test, after the last, and between two of them. */
void store_lmdb_lab_open(struct store_lmdb_lab *lab);
void store_lmdb_lab_close(struct store_lmdb_lab *lab);
void store_lmdb_lab_empty(const struct store_lmdb_lab *lab);

/* The files alone; false: there is no folder. */
bool store_lmdb_lab_empty_files(const struct store_lmdb_lab *lab);

/* Files in the folder whose name has `part` in it. */
unsigned
store_lmdb_lab_files(const struct store_lmdb_lab *lab, const char *part);

/* A store of `max_bytes`. */
struct gp_store_backend
store_lmdb_lab_store(const struct store_lmdb_lab *lab, int64_t max_bytes);

/* One token at a counter without an end, kept a month; `key` is borrowed. */
struct gp_charge store_lmdb_lab_counter(const char *key);

/* At most eight. */
enum gp_rc store_lmdb_lab_charge(struct gp_store_backend b, int64_t now_ms,
    const struct gp_charge *c, size_t n);

/* What the meter of a charge holds. */
double store_lmdb_lab_level(struct gp_store_backend b, int64_t now_ms,
    const struct gp_charge *c);

#endif
