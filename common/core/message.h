/*
 * message - a message as a text, in the parts that an MTA hands to a filter.
 *
 * Line ends are CRLF or LF, mixed as they may be; a line "From ..." of a
 * mailbox file before the header is passed over.  As MTAs do, the header ends
 * at the first line that is none of it, whether that is empty or not.
 *
 * Source:   RFC 5322 section 2.1 and 2.2, RFC 4155 (the mailbox line).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_MESSAGE_H
#define GP_CORE_MESSAGE_H

#include "base/buf.h"
#include "core/header.h"

#define GP_MESSAGE_MAX        67108864 /* octets that are read, 64 MiB */
#define GP_MESSAGE_HEADER_MAX 4194304  /* of these, of the header, 4 MiB */
#define GP_MESSAGE_FIELDS_MAX 20000

struct gp_message {
	size_t n;
	struct gp_field *fields; /* values as struct gp_field has them, folds
	                          * as "\n"; each ends in NUL, too */
	struct gp_str body;      /* line ends are CRLF */
};

/*
 * gp_message_parse - memory from `arena`.
 * GP_OK    *out is complete.
 * GP_PERM  no header field at its start, a NUL in the header, over a bound;
 *          err has the line, and no octet of the text.
 */
GP_MUST_USE enum gp_rc gp_message_parse(struct gp_str text,
    struct gp_arena *arena, struct gp_message *out, struct gp_err *err);

/* gp_message_insert - a field in front of all; gp_message_delete - the
 * `index`-th of that name (any case), from 1, if there is one.  What an MTA
 * does for a filter.  Texts are borrowed. */
void gp_message_insert(struct gp_message *m, struct gp_arena *arena,
    struct gp_str name, struct gp_str value);
void
gp_message_delete(struct gp_message *m, struct gp_str name, unsigned index);

/* gp_message_find - the value of the first field of that name, without the
 * blanks around it; p NULL: there is none. */
struct gp_str gp_message_find(const struct gp_message *m, struct gp_str name);

#endif
