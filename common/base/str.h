/*
 * str - spans of bytes, and the strict readers of numbers with units.
 *
 * A span borrows: it never owns what it points at and need not end in NUL.
 * Letters are compared in ASCII only, whatever the locale says.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_BASE_STR_H
#define GP_BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gp_str {
	const char *p; /* may be NULL when n is 0 */
	size_t n;      /* bytes */
};

/* A span over a string literal, and how to print one: "%.*s". */
#define GP_STR(lit)   ((struct gp_str){ .p = (lit), .n = sizeof(lit) - 1 })
#define GP_STR_ARG(s) (int)(s).n, (s).n == 0 ? "" : (s).p

/* gp_str - the bytes of a C string; NULL gives the empty span. */
struct gp_str gp_str(const char *s);

/* gp_str_n - n bytes at p. */
struct gp_str gp_str_n(const char *p, size_t n);

bool gp_str_eq(struct gp_str a, struct gp_str b);
bool gp_str_eq_nocase(struct gp_str a, struct gp_str b);
bool gp_str_starts_nocase(struct gp_str s, struct gp_str prefix);
bool gp_str_ends_nocase(struct gp_str s, struct gp_str suffix);

/* gp_str_find - offset of the first `c` in s, or s.n when there is none. */
size_t gp_str_find(struct gp_str s, char c);

/* gp_str_trim - without leading and trailing SP, HTAB, CR and LF. */
struct gp_str gp_str_trim(struct gp_str s);

/*
 * gp_str_split - cut `*rest` at the first `sep`: returns what stands before
 * it and leaves what stands after it in `*rest` (the empty span with p == NULL
 * after the last piece, which ends a loop `while (rest.p != NULL)`).
 */
struct gp_str gp_str_split(struct gp_str *rest, char sep);

/* ASCII classes and case; the argument is any byte.  In the header because
 * parsers ask them several times for each octet. */
static inline bool
gp_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
gp_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
gp_is_alnum(char c)
{
	return gp_is_alpha(c) || gp_is_digit(c);
}

/* SP HTAB CR LF */
static inline bool
gp_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* 0x20 to 0x7e */
static inline bool
gp_is_print(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

static inline char
gp_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* gp_str_is_utf8 - well-formed UTF-8 (RFC 3629): no overlong form, no
 * surrogate, nothing above U+10FFFF.  The empty span is. */
bool gp_str_is_utf8(struct gp_str s);

/* gp_str_is_text - UTF-8 without control characters: no C0 (so no CR, LF,
 * HTAB or NUL), no DEL, no C1. */
bool gp_str_is_text(struct gp_str s);

/* gp_hex_value - 0 to 15, or -1 when `c` is no hexadecimal digit. */
int gp_hex_value(char c);

/*
 * gp_parse_u64 - decimal digits only, no sign, no blanks, no octal.
 * GP_PERM when empty, not all digits, or above `max`.
 */
GP_MUST_USE enum gp_rc
gp_parse_u64(struct gp_str s, uint64_t max, uint64_t *out);

/*
 * gp_parse_duration_ms - "250ms", "15s", "5m", "4h", "7d"; a bare number is
 * refused except 0.  GP_PERM when malformed or above INT64_MAX ms.
 */
GP_MUST_USE enum gp_rc gp_parse_duration_ms(struct gp_str s, int64_t *out);

/*
 * gp_parse_size - "512", "64k", "10m", "1g" (powers of 1024), in bytes.
 * GP_PERM when malformed or above INT64_MAX.
 */
GP_MUST_USE enum gp_rc gp_parse_size(struct gp_str s, int64_t *out);

/*
 * gp_edit_distance - Levenshtein distance of two words, ASCII case ignored,
 * for "did you mean"; both are cut at 32 bytes.
 */
unsigned gp_edit_distance(struct gp_str a, struct gp_str b);

#endif
