/*
 * policy_scan - the guard before libconfuse: the text of one file, cut into
 * statements, each with its line.
 *
 * Everything that is wrong with words, quotes, braces and their order is said
 * in one pass: an error is reported, the statement is marked or left out, and
 * the scan goes on.  What libconfuse would read otherwise than it looks
 * (${ENV}, +=, escapes, a text over several lines, a brace that is missing)
 * is an error here.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_IO_POLICY_SCAN_H
#define GP_IO_POLICY_SCAN_H

#include "core/policy_table.h"
#include "core/policy_token.h"

enum gp_scan_kind {
	GP_SCAN_OPEN,    /* NAME { or NAME TITLE { */
	GP_SCAN_CLOSE,   /* } of the section `parent` */
	GP_SCAN_SETTING, /* NAME = VALUE or NAME = { VALUES } */
};

struct gp_scan_value {
	struct gp_str raw; /* a word, or a string with its quotes */
	struct gp_scan_value *next;
};

struct gp_scan_item {
	enum gp_scan_kind kind;
	unsigned line;               /* of the name; of the closing brace */
	struct gp_scan_item *parent; /* OPEN around it; NULL: top level */
	struct gp_scan_item *next;
	const char *name; /* NULL with CLOSE */
	bool broken;      /* title or values are no good, as the problems say */

	/* with OPEN */
	const struct gp_section *section; /* NULL: unknown */
	const char *title;                /* NULL: none */
	size_t block;                     /* its number among all of them */
	uint64_t seen;                    /* options in it so far, a bit each */

	/* with SETTING */
	const struct gp_option *option; /* NULL: unknown */
	bool again;                     /* it stands in the section already */
	bool is_list;                   /* written with braces */
	size_t n_raw;
	struct gp_scan_value *raw;
	struct gp_strings values; /* empty until libconfuse has read them */
};

/*
 * gp_policy_scan - the items in order; every OPEN has its CLOSE, also where
 * the file has none.  They live in `arena` and borrow from `text`.  OPENs are
 * numbered from `block` on.
 */
struct gp_scan_item *gp_policy_scan(struct gp_str text, const char *file,
    size_t block, struct gp_arena *arena, struct gp_problems *problems);

#endif
