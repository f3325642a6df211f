/*
 * policy_form - the forms that values of the policy file have.
 *
 * gp_form_X answers whether a text has the form X, or reads it;
 * gp_form_write_X appends what reads as the same again.  What is a text in a
 * file is written with its quotes.
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_POLICY_FORM_H
#define GP_CORE_POLICY_FORM_H

#include "core/policy.h"

/* Printable US-ASCII, at most `max` bytes; may be empty. */
bool gp_form_line(struct gp_str s, size_t max);

/* 1 to 255 bytes of UTF-8 without controls and blanks. */
bool gp_form_name(struct gp_str s);

/* The name of a header field (RFC 5322 3.6.8) of at most 77 bytes. */
bool gp_form_field(struct gp_str s);

/* "default", or the name of a header field (RFC 5322 3.6.8) of at most 77
 * bytes that a signature may cover: no trace field, Return-Path, Bcc, result
 * or signature, which change on the way or are not for every reader. */
bool gp_form_field_name(struct gp_str s);

/* 1 to 64 letters, digits, hyphens and underscores. */
bool gp_form_title(struct gp_str s);

/* "unix:PATH" (at most 107 bytes of path), "inet:PORT@HOST" or
 * "inet6:PORT@HOST"; HOST is an address or a domain name. */
bool gp_form_socket(struct gp_str s);

/* "ADDRESS", "IPv4:PORT" or "[IPv6]:PORT". */
bool gp_form_server(struct gp_str s);

/* "mem", "lmdb" or a URL that core/redis_url reads. */
bool gp_form_store(struct gp_str s, struct gp_err *err);

/* "YYYY-MM-DD" of 1970 or later: its first second, in seconds since 1970. */
GP_MUST_USE enum gp_rc gp_form_date(struct gp_str s, int64_t *out);

/* "1", "1.4", "1.375", to 1000.999: thousandths. */
GP_MUST_USE enum gp_rc gp_form_factor(struct gp_str s, unsigned *out);

/* "NUMBER/TIME"; the number as gp_parse_size has it. */
GP_MUST_USE enum gp_rc gp_form_rate(struct gp_str s, struct gp_rate *out);

/* "LOGIN=LOCAL@DOMAIN"; the domain is normalised. */
GP_MUST_USE enum gp_rc gp_form_alias(struct gp_str s, struct gp_arena *arena,
    struct gp_alias *out, struct gp_err *err);

/* In double quotes; quotes and backslashes stand behind a backslash. */
void gp_form_write_text(const char *s, struct gp_buf *out);
void gp_form_write_duration(int64_t ms, struct gp_buf *out);
void gp_form_write_size(int64_t bytes, struct gp_buf *out);
void gp_form_write_amount(int64_t n, struct gp_buf *out);
void gp_form_write_date(int64_t s, struct gp_buf *out); /* 0: "" */
void gp_form_write_factor(unsigned thousandths, struct gp_buf *out);
void gp_form_write_rate(const struct gp_rate *r, struct gp_buf *out);
void gp_form_write_store(const char *s, struct gp_buf *out); /* without the
                                                              * password */
void gp_form_write_alias(const struct gp_alias *a, struct gp_buf *out);

/* gp_form_shown - how many bytes of `s` a message shows: all, or the first 64
 * without cutting a character of UTF-8. */
int gp_form_shown(const char *s);

#endif
