/*
 * authres_word - the words of an Authentication-Results field: what the
 * reader takes and what the writer may write bare.  For authres_*.c only.
 *
 * Source:   RFC 8601 section 2.2, RFC 2045 section 5.1, RFC 5321 4.1.2.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_AUTHRES_WORD_H
#define GP_CORE_AUTHRES_WORD_H

#include "base/str.h"

/* gp_word_is_token_char - may stand in a token (RFC 2045; any octet of UTF-8
 * that is not ASCII too, RFC 6532). */
bool gp_word_is_token_char(char c);

/* gp_word_is_atext - may stand in an atom (RFC 5322 3.2.3, RFC 6532). */
bool gp_word_is_atext(char c);

/* gp_word_is_keyword - letters, digits and hyphens, no hyphen at the end. */
bool gp_word_is_keyword(struct gp_str s);

/* gp_word_is_dot_string - atoms with single dots between them. */
bool gp_word_is_dot_string(struct gp_str s);

/* gp_word_is_domain_name - two labels or more, no final dot (RFC 6376 3.5,
 * with the letters that domain.h allows). */
bool gp_word_is_domain_name(struct gp_str s);

/* gp_word_is_plain - a token of letters, digits and ". _ + -" alone: needs no
 * quotes before any reader. */
bool gp_word_is_plain(struct gp_str s);

/* gp_word_is_plain_address - "@domain" or "local@domain" of such words; may
 * stand bare as a pvalue, not as another value. */
bool gp_word_is_plain_address(struct gp_str s);

#endif
