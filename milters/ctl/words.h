/*
 * words - the command line of `gatepost`, from the rows of its tables.
 *
 * Options may stand before, between and behind the words, as "--name value" or
 * "--name=value"; "--" ends them.
 */
#ifndef GP_CTL_WORDS_H
#define GP_CTL_WORDS_H

#include "ctl/ctl.h"

/* The first words of a command line, before its command is known. */
struct ctl_words {
	size_t n; /* 3 at most */
	const char *v[3];
	bool help, version;
	const char *odd; /* an option that no command has been found for */
	const char *odd_why;
};

/* ctl_words_take - pass over shared options; stop at one of a command. */
void ctl_words_take(struct ctl_words *words, int argc, char **argv,
    const struct ctl_option *shared);

/* ctl_words_match - is `row` ("key new") what the words begin with? */
bool ctl_words_match(const char *row, const struct ctl_words *words);

/* ctl_words_begin - is `first` the first word of the row, or ""? */
bool ctl_words_begin(const char *row, const char *first);

/* ctl_words_next - what is left of the row behind the words: "" when they name
 * it, NULL when they are others. */
const char *ctl_words_next(const char *row, const struct ctl_words *words);

/* ctl_args_read - all options and words.  Returns 0, or 64. */
int ctl_args_read(struct ctl_args *args, int argc, char **argv,
    const struct ctl_option *shared, const struct ctl_option *own);

/* ctl_args_behind - drop the command's own words; are the others as many as
 * the row wants?  Returns 0, or 64. */
int ctl_args_behind(struct ctl_args *args, const struct ctl_command *c);

#endif
