/*
 * policy_guess - which known word was meant by an unknown one.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_GUESS_H
#define GP_CORE_POLICY_GUESS_H

#include "base/buf.h"

/* The nearest candidate so far; begin with only `word` set. */
struct gp_guess {
	struct gp_str word;
	const char *best; /* NULL: none is near enough */
	unsigned distance;
};

/* gp_guess_try - is `candidate` nearer?  Near enough are two edits, or a
 * third of the word where that is more, but never all of a word. */
void gp_guess_try(struct gp_guess *guess, const char *candidate);

/* gp_guess_text - "; did you mean "best"?" in `out`, or "". */
#define GP_GUESS_TEXT 96
const char *
gp_guess_text(const struct gp_guess *guess, char out[GP_GUESS_TEXT]);

#endif
