/*
 * milter_list - the value of smtpd_milters: which sockets, in which order.
 *
 * Source:   postconf(5) smtpd_milters; "$" must be expanded already.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_MILTER_LIST_H
#define GP_CORE_MILTER_LIST_H

#include "base/arena.h"

#define GP_MILTER_LIST_MAX 64 /* what is beyond is left out */

struct gp_milter_place {
	const char *raw;    /* as written: "{ unix:/x, connect_timeout=5s }" */
	const char *socket; /* in our words: "unix:/x", "inet:8891@localhost" */
};

struct gp_milter_list {
	size_t n;
	struct gp_milter_place *v;
};

/* gp_milter_list_read - from `arena`.  An element without a colon, or a brace
 * without its other one, is kept as it was written. */
void gp_milter_list_read(struct gp_arena *arena, struct gp_str text,
    struct gp_milter_list *out);

/*
 * gp_milter_list_sorted - the elements whose rank is 0 or more in the order of
 * their ranks, in the places that they have; others stay.  `rank` has list->n
 * numbers.  The text for postconf -e, from `arena`.
 */
const char *gp_milter_list_sorted(struct gp_arena *arena,
    const struct gp_milter_list *list, const int *rank);

#endif
