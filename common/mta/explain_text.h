/*
 * explain_text - the lines of an explanation; private to its two files.
 *
 *   "section      what came of it"
 *   "  label       what there is to know"
 *
 * Purity:   reads what gp_explain_run left behind.
 */
#ifndef GP_MTA_EXPLAIN_TEXT_H
#define GP_MTA_EXPLAIN_TEXT_H

#include "mta/explain_facts.h"

struct gp_explain_writer {
	const struct gp_explain *x;
	struct gp_buf *out;
};

/* gp_explain_head, gp_explain_line - one line of each kind; at most 2 kB of
 * it.  What is not printable stands as \xHH, so that each call is one line. */
void gp_explain_head(const struct gp_explain_writer *w, const char *name,
    const char *fmt, ...) GP_PRINTF(3, 4);
void gp_explain_line(const struct gp_explain_writer *w, const char *label,
    const char *fmt, ...) GP_PRINTF(3, 4);

/* gp_explain_place - " (FILE:LINE)", " (built-in)"; in the arena. */
const char *
gp_explain_place(const struct gp_explain_writer *w, struct gp_origin where);

void gp_explain_lookups(const struct gp_explain_writer *w, unsigned filter);

/* gp_explain_ran - true; or one line that says why this filter was not asked
 * about the message. */
bool gp_explain_ran(const struct gp_explain_writer *w, unsigned filter);

/* The sections of signing, preflight and limits. */
void gp_explain_signing(const struct gp_explain_writer *w);
void gp_explain_preflight(const struct gp_explain_writer *w);
void gp_explain_limits(const struct gp_explain_writer *w);

#endif
