/*
 * taglist - "tag=value; tag=value", the form of signatures and key records.
 *
 * Strict: one malformed or doubled tag, and the whole list is no list.  Names
 * are case-sensitive; values may hold UTF-8 (RFC 8616) and folding white space.
 *
 * Source:   RFC 6376 section 3.2; RFC 8616 section 5.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_TAGLIST_H
#define GP_CORE_TAGLIST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Tags of one list that we read; RFC 6376 defines 15 for a signature. */
#define GP_TAGS_MAX 32

struct gp_tag {
	struct gp_str name;
	struct gp_str value; /* as it stands, without FWS at its ends; may be
	                      * empty */
};

struct gp_taglist {
	size_t n;
	struct gp_tag v[GP_TAGS_MAX]; /* in order; they borrow from the text */
};

/*
 * gp_taglist_parse - the whole of `text`.  FWS is SP and HTAB, and a line end
 * (CRLF, or LF alone as a milter sees it) that white space follows; it may
 * also stand behind the ";" that ends the list, where the grammar has none.
 * GP_OK: *out is complete.  GP_PERM: no tag list, a tag twice, or more than
 * GP_TAGS_MAX; err says which, and out has the tags before that place, so
 * that a report can still name a domain.
 */
GP_MUST_USE enum gp_rc gp_taglist_parse(struct gp_str text,
    struct gp_taglist *out, struct gp_err *err);

/* gp_taglist_get - the value of that tag; NULL when it is not there. */
const struct gp_str *
gp_taglist_get(const struct gp_taglist *l, const char *name);

/* gp_tag_compact - a copy of the value without its white space, which does not
 * count in base64 and quoted-printable (RFC 6376 2.10, 2.11). */
struct gp_str gp_tag_compact(struct gp_str value, struct gp_arena *arena);

#endif
