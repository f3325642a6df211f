/*
 * policy_token - the words, strings and marks of a policy file.
 *
 * Blanks and comments (#, //, and C's) are left out.  A token that can not be
 * what it looks like is said in the problems and comes out as BROKEN.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_TOKEN_H
#define GP_CORE_POLICY_TOKEN_H

#include "core/policy.h"

#define GP_TOKEN_MAX 4096 /* bytes of one word or string */

enum gp_token_kind {
	GP_TOKEN_END,
	GP_TOKEN_WORD,   /* letters, digits and . _ - : / @ % */
	GP_TOKEN_STRING, /* on one line, with its quotes */
	GP_TOKEN_MARK,
	GP_TOKEN_BROKEN,
};

struct gp_token {
	enum gp_token_kind kind;
	char mark; /* MARK: { } = , ( ) or + for += */
	struct gp_str raw;
	unsigned line;
};

struct gp_tokens {
	struct gp_str text;
	size_t at;           /* next byte */
	unsigned line;       /* of it */
	struct gp_token now; /* the token that was read last */
	const char *file;
	struct gp_problems *problems;
};

/* gp_tokens_init - begin, and read the first token.  Borrows all it gets. */
void gp_tokens_init(struct gp_tokens *t, struct gp_str text, const char *file,
    struct gp_problems *problems);

void gp_token_next(struct gp_tokens *t);

/* gp_token_rewind - make `token`, which was read before, the present one. */
void gp_token_rewind(struct gp_tokens *t, const struct gp_token *token);

bool gp_token_is_mark(const struct gp_tokens *t, char mark);
bool gp_token_is_text(const struct gp_tokens *t); /* WORD or STRING */

/* gp_token_problem - a problem at this token: "TOKEN: why". */
void gp_token_problem(const struct gp_tokens *t, const struct gp_token *token,
    const char *why);

#endif
