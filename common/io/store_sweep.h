/*
 * store_sweep - who leaves the file, a few entries at a time.
 * Internal to io/store_lmdb.
 *
 * There is no index by age, since keeping one would cost each charge as much
 * as the charge itself.  The sweep goes round through all keys, some further
 * with each transaction that writes.
 *
 * Threads:  as a transaction of io/lmdb_env, inside of which it is used.
 */
#ifndef GP_IO_STORE_SWEEP_H
#define GP_IO_STORE_SWEEP_H

#include "io/lmdb_env.h"
#include "io/store_value.h"

/* Zero begins at the first key. */
struct gp_store_sweep {
	char at[GP_STORE_KEY_BYTES]; /* the next one, or what stood behind it */
	size_t n;
	bool known;      /* it has begun */
	int64_t soon_ms; /* what is worth nothing by then may go */
};

/* gp_store_sweep_at, gp_store_sweep_set - how far it is, to be kept. */
struct gp_str gp_store_sweep_at(const struct gp_store_sweep *s);
void gp_store_sweep_set(struct gp_store_sweep *s, struct gp_str at);

struct gp_store_need {
	size_t added;      /* entries that may come */
	size_t entries;    /* so many should go; 0: none needs to */
	bool at_any_price; /* also what will be of use for long */
};

/*
 * gp_store_sweep - delete what is too old or damaged of the next few entries:
 * two, and two for each that may come, so that it is faster than what comes.
 * When some should go: of more entries what is worth nothing any more, or will
 * be soon; how soon grows while too little is found.
 */
void gp_store_sweep(struct gp_store_sweep *s, struct gp_lmdb_env *env,
    int64_t now_ms, struct gp_store_need need);

#endif
