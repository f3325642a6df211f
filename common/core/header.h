/*
 * header - the header fields of a message, in order, as the MTA showed them.
 *
 * Kept by the filters that need more than one field at a time: a signature
 * covers a choice of them, an author is found in all From fields at once.
 *
 * Source:   RFC 5322 section 2.2.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_HEADER_H
#define GP_CORE_HEADER_H

#include "base/arena.h"
#include "base/str.h"
#include "core/limits.h"

struct gp_field {
	struct gp_str name;  /* without the colon */
	struct gp_str value; /* all that follows the colon: with its leading
	                      * blank, folds as "\n" or "\r\n" before white
	                      * space, no line end behind it */
	bool unsettled;      /* the MTA will change it, and how is not known */
};

/* Zero is the empty header. */
struct gp_header {
	struct gp_field *v;
	size_t n, cap;
	size_t bytes; /* of all names and values */
	bool over;    /* GP_FIELDS_MAX or GP_FIELDS_BYTES was passed: fields
	               * are missing, so nothing that depends on all of them
	               * may be concluded */
};

/* gp_header_add - a copy of the field, behind the others, in `arena` (always
 * the same one).  Behind a field that did not fit none is kept. */
void gp_header_add(struct gp_header *h, struct gp_arena *arena,
    struct gp_str name, struct gp_str value);

/* gp_header_count - how many fields have that name, any case. */
size_t gp_header_count(const struct gp_header *h, struct gp_str name);

/* gp_header_index - the number of field `at` among those of its name, from 1,
 * as the MTA counts them. */
unsigned gp_header_index(const struct gp_header *h, size_t at);

#endif
