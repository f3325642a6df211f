/*
 * dkim_canon - header fields and body in the form that is signed.
 *
 * Bodies come in chunks of any size and go on in runs as long as possible:
 * what canonicalisation leaves alone is handed on where it stands, found by
 * searching, not by looking at each octet.  Nothing of a body is kept but a
 * count of the empty lines that may yet turn out to be trailing ones.
 *
 * A line ends in CRLF; CR and LF alone are octets like any other.
 *
 * Source:   RFC 6376 sections 3.4 and 3.7.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_DKIM_CANON_H
#define GP_CORE_DKIM_CANON_H

#include "base/buf.h"
#include "core/header.h"

enum gp_dkim_canon { GP_DKIM_SIMPLE, GP_DKIM_RELAXED };

/* -- header ------------------------------------------------------------ */

/* gp_dkim_canon_field - append the field and its CRLF.  A fold is read and
 * written as CRLF before white space, also where the milter had LF. */
void gp_dkim_canon_field(enum gp_dkim_canon canon, const struct gp_field *f,
    struct gp_buf *out);

/*
 * gp_dkim_canon_signature - append a DKIM-Signature field with the value of
 * its b= tag deleted, with all white space around that value, and without a
 * CRLF at its end (RFC 6376 3.7).
 */
void gp_dkim_canon_signature(enum gp_dkim_canon canon, const struct gp_field *f,
    struct gp_buf *out);

/*
 * gp_dkim_header_input - append all that the header hash covers: the fields
 * that `names` choose, from the last one of a name upwards, a name that no
 * field is left for being passed over (RFC 6376 5.4.2); then the signature
 * field itself.  `self` is that field; when it stands in `h` it is never
 * chosen.
 */
void gp_dkim_header_input(enum gp_dkim_canon canon, const struct gp_header *h,
    const struct gp_str *names, size_t n_names, const struct gp_field *self,
    struct gp_buf *out);

/* -- body -------------------------------------------------------------- */

typedef void (*gp_dkim_emit_fn)(void *arg, const char *p, size_t n);

/* No bound on what is emitted. */
#define GP_DKIM_NO_LIMIT UINT64_MAX

/* What is copied together before it is handed on, octets. */
#define GP_DKIM_STAGE 1024

struct gp_dkim_body {
	enum gp_dkim_canon canon;
	gp_dkim_emit_fn emit;
	void *arg;
	uint64_t limit; /* octets emitted at most (l=) */
	uint64_t total; /* canonical octets so far, emitted or not; after the
	                 * end: of the whole body */

	/* private: what may turn out to be nothing, in this order */
	uint64_t line_ends; /* CRLF that may be the last of the body */
	bool blank;         /* then white space that may end its line */
	bool cr;            /* then CR, the last octet */

	/* private: short pieces that are handed on together */
	size_t staged;
	char stage[GP_DKIM_STAGE];
};

void gp_dkim_body_init(struct gp_dkim_body *b, enum gp_dkim_canon canon,
    uint64_t limit, gp_dkim_emit_fn emit, void *arg);
void gp_dkim_body_add(struct gp_dkim_body *b, struct gp_str chunk);

/* gp_dkim_body_end - hand on what was held back; a last line without CRLF
 * gets one, an empty body becomes CRLF (simple) or stays empty (relaxed). */
void gp_dkim_body_end(struct gp_dkim_body *b);

#endif
