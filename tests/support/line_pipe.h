/*
 * line_pipe - the lines that test scripts and the C drivers exchange: fields
 * with tabs between, in which %XX stands for a byte.
 */
#ifndef GP_TESTS_LINE_PIPE_H
#define GP_TESTS_LINE_PIPE_H

#include "base/arena.h"

#define LINE_FIELDS 300

/* The fields of one line, decoded. */
struct line {
	size_t n;
	struct gp_str f[LINE_FIELDS];
};

/* Ends the program, which the script sees as a failure. */
void line_die(const char *why);

/* Read and cut a line of standard input; what it decodes to lives in `arena`,
 * each field with a NUL behind it.  False at the end. */
bool line_read(struct gp_arena *arena, struct line *l);

/* A tab and the field, encoded, on standard output. */
void line_print_field(struct gp_str s);

#endif
