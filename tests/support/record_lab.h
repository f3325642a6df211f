/* record_lab - a directory for a record store, records, and what is in it. */
#ifndef GP_SUPPORT_RECORD_LAB_H
#define GP_SUPPORT_RECORD_LAB_H

#include "io/record_store.h"

#include <sys/types.h>

#define LAB_YEAR_S INT64_C(31536000)

struct record_lab {
	char dir[64]; /* of the store: below a temporary one */
	char data[80];
	char locks[80];
};

/* Before any test, after the last, and between two of them. */
void record_lab_open(struct record_lab *lab);
void record_lab_close(struct record_lab *lab);
void record_lab_empty(const struct record_lab *lab);

/* A store of `max_bytes` (0: the least there is) and a year. */
struct gp_record_store *
record_lab_store(const struct record_lab *lab, int64_t max_bytes);

/* "N.example" at `time_s`, appended; what gp_record_store_append says. */
enum gp_rc
record_lab_append(struct gp_record_store *s, int64_t time_s, unsigned n);

/* All of `n` from `first` on, one a second from `time_s`, and written. */
void record_lab_fill(struct gp_record_store *s, int64_t time_s, unsigned first,
    unsigned n);

/* Wait for the disk, which is there. */
void record_lab_flush(struct gp_record_store *s);

struct record_tally {
	unsigned n;
	unsigned lowest, highest; /* numbers of records */
	int64_t last_s;
	bool in_order;
	uint64_t damaged;
	unsigned *seen; /* by number, when not NULL */
	unsigned seen_n;
};

/* Walk [from_s, to_s) and count; `t` holds `seen` on entry. */
void record_lab_tally(struct gp_record_store *s, int64_t from_s, int64_t to_s,
    struct record_tally *t);

/* Files in the directory whose name has `part` in it. */
unsigned record_lab_files(const struct record_lab *lab, const char *part);

#endif
