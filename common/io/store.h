/*
 * store - where the levels of all meters live.
 *
 *   mem    this process alone; gone at its end
 *   lmdb   several processes of one host; survives kill -9 and a restart
 *   redis  several hosts; its clock is everybody's
 *
 * One interface, one conformance suite.  The front (store.c) hides trouble:
 * when the store does not answer, meters in memory take over at capacity and
 * rate divided by `peers`, a breaker asks the store again from time to time,
 * and what was charged meanwhile is debited there when it is back.  The local
 * meters go on from what was last heard of the store, and a store that comes
 * back empty is told of it.  So a charge always has an answer, and nobody sends
 * without a limit.
 *
 * Values are versioned, checked and bounded; a damaged one is as if absent.
 *
 * Blocking: at most timeout_ms for redis, the disk's cache for lmdb.
 * Threads:  any.
 */
#ifndef GP_IO_STORE_H
#define GP_IO_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "core/charge.h"
#include "io/metrics.h"

/* Small texts beside the meters (gp_store_put). */
#define GP_STORE_NOTE_MAX 2048

struct gp_store_options {
	const char *where;     /* "mem", "lmdb", "redis://..." (policy) */
	const char *directory; /* of lmdb; made when its parent exists */
	int64_t max_bytes;     /* mem and lmdb: all of it; then the meters that
	                        * would be empty first go first */
	int64_t timeout_ms;    /* redis: of one call, connecting included */
	unsigned peers;        /* relays that share it, 1 to 1000 */
	const char *password_file;  /* redis; NULL: none but the URL's */
	struct gp_metrics *metrics; /* may be NULL */
};

struct gp_store;

/*
 * gp_store_open - gp_store_unref it.  A redis that does not answer is no
 * error: the front begins with local meters.
 * GP_PERM  `where` is none of the forms, no access, no parent folder.
 * GP_TEMP  disk full, another process in the way.
 */
GP_MUST_USE enum gp_rc gp_store_open(const struct gp_store_options *options,
    struct gp_store **out, struct gp_err *err);
struct gp_store *gp_store_ref(struct gp_store *s);
void gp_store_unref(struct gp_store *s); /* NULL is allowed */

/* gp_store_sync - before the process ends: what is in memory goes to disk. */
void gp_store_sync(struct gp_store *s);

/*
 * gp_store_charge - all or none; n from 1 to GP_CHARGES_MAX; out[n].
 * GP_OK    all that bind fit; all that fit were made.
 * GP_NONE  one that binds did not fit; none was made.
 */
GP_MUST_USE enum gp_rc gp_store_charge(struct gp_store *s,
    const struct gp_charge *charges, size_t n, struct gp_charged *out);

/* gp_store_peek - the same answer, and nothing is made. */
GP_MUST_USE enum gp_rc gp_store_peek(struct gp_store *s,
    const struct gp_charge *charges, size_t n, struct gp_charged *out);

/* gp_store_refund - give back what a call of gp_store_charge with GP_OK made:
 * `made` is what it said.  Marks that it set are taken away. */
void gp_store_refund(struct gp_store *s, const struct gp_charge *charges,
    size_t n, const struct gp_charged *made);

/* -- small texts ------------------------------------------------------- */

/* gp_store_put - under a key as of a charge; at most GP_STORE_NOTE_MAX octets,
 * kept keep_ms.  Lost when the store is away. */
void gp_store_put(struct gp_store *s, struct gp_str key, struct gp_str value,
    int64_t keep_ms);

/* gp_store_get - GP_NONE: there is none.  GP_TEMP: the store is away. */
GP_MUST_USE enum gp_rc gp_store_get(struct gp_store *s, struct gp_str key,
    struct gp_arena *arena, struct gp_str *value);

/* -- for the operator -------------------------------------------------- */

/* Gets a meter's key and its level at its last use; false ends the walk. */
typedef bool (*gp_store_fn)(void *arg, struct gp_str key,
    const struct gp_meter *m, int64_t now_ms);

/* gp_store_walk - meters whose key begins with `prefix`, in any order, at most
 * `most`.  GP_TEMP: the store is away. */
GP_MUST_USE enum gp_rc gp_store_walk(struct gp_store *s, struct gp_str prefix,
    size_t most, gp_store_fn fn, void *arg);

/* gp_store_empty - these meters, 1 to GP_CHARGES_MAX, are as if nobody had used
 * them; what is absent stays absent.  GP_TEMP: the store is away, some or none
 * of it was done. */
GP_MUST_USE enum gp_rc
gp_store_empty(struct gp_store *s, const struct gp_str *keys, size_t n);

/* gp_store_describe - append lines "store KIND", "state up|local for N s",
 * "owed N" (meters charged here that the store does not know of yet), "keys N",
 * "bytes N", as far as they are known. */
void gp_store_describe(struct gp_store *s, struct gp_buf *out);

#endif
