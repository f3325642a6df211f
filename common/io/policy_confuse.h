/*
 * policy_confuse - libconfuse reads the values.
 *
 * It is handed what the guard (policy_scan) found whole, and nothing else:
 * each top-level statement is written anew from its items, without titles,
 * since libconfuse merges sections of equal title and compares each with all
 * before it.  Its schema is made from the table of options; every value is a
 * text to it, so that 010 stays what it is.
 *
 * Source:   libconfuse 3.3.
 * Threads:  any; its lexer is global, so calls wait for one another.
 */
#ifndef GP_IO_POLICY_CONFUSE_H
#define GP_IO_POLICY_CONFUSE_H

#include "io/policy_scan.h"

/*
 * gp_policy_values - fill `values` (in `arena`) of every setting that is
 * known, whole, of the right shape, and the first of its name in its section.
 * What libconfuse refuses all the same goes into the problems, and its items
 * are marked as broken.
 */
void gp_policy_values(struct gp_scan_item *items, const char *file,
    struct gp_arena *arena, struct gp_problems *problems);

#endif
