/*
 * store_step - what a call does to its meters and marks; for the backends
 * that hold them in this process's reach (mem, lmdb), not for the front.
 *
 * The backend lists the cells of a call (each key once, however often it is
 * charged), fills in what it has, lets the step run, and writes those that
 * are dirty: all under its lock or in one transaction.
 *
 *	gp_store_cells_init(&c, charges, n);
 *	for each of c.cell[0 .. c.n): fetch by kind and key; if it is there, set
 *	    meter and until_ms
 *	rc = gp_store_step(&c, how, now_ms, charges, out);
 *	for each dirty cell: write it, or delete it where until_ms is 0
 *	gp_store_cells_clear(&c);
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_IO_STORE_STEP_H
#define GP_IO_STORE_STEP_H

#include "io/store_backend.h"

/* A call whose time is at most so much before that of a meter is late, not a
 * sign that the clock went back. */
#define GP_STORE_LATE_MS 10000

enum gp_store_kind { GP_STORE_METER, GP_STORE_MARK };

struct gp_store_cell {
	enum gp_store_kind kind; /* two kinds, two name spaces */
	struct gp_str key;       /* borrowed from the charges */
	struct gp_meter meter;   /* of a mark: not used */
	int64_t until_ms;        /* forgotten then; 0: it is not there */
	int64_t empty_ms;        /* a dirty meter: when it will be empty, at
	                          * this rate; GP_METER_NEVER */
	bool dirty;
};

#define GP_STORE_CELLS_FEW 16

struct gp_store_cells {
	struct gp_store_cell *cell;
	size_t n;
	struct gp_store_slot { /* the cells of a charge; mark may be NULL */
		struct gp_store_cell *meter, *mark;
	} * slot;
	size_t charges;
	struct gp_store_cell few[2 * GP_STORE_CELLS_FEW];
	struct gp_store_slot few_slots[GP_STORE_CELLS_FEW];
};

/* gp_store_cells_init - each key once; all absent.  Clear it.  Not to be
 * copied. */
void gp_store_cells_init(struct gp_store_cells *c,
    const struct gp_charge *charges, size_t n);
void gp_store_cells_clear(struct gp_store_cells *c);

/* gp_store_step - as `apply` of store_backend.h; never GP_TEMP.  Cells that
 * are too old count as absent; which are dirty is for the caller to see. */
GP_MUST_USE enum gp_rc
gp_store_step(struct gp_store_cells *c, enum gp_store_how how, int64_t now_ms,
    const struct gp_charge *charges, struct gp_charged *out);

#endif
