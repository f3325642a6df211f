/*
 * mail - the messages that are sent, and the header as the filters of a
 * chain leave it for one another.
 *
 * Threads:  a set of messages may be read by any number of threads; a header
 *           belongs to one.
 */
#ifndef GP_BENCH_MAIL_H
#define GP_BENCH_MAIL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct ml_field {
	const char *name;
	const char *value; /* all behind the colon; folded with "\n" */
};

struct ml_mail {
	const char *origin; /* file name, or what it was generated as */
	const char *from;   /* address in the From field; "" if none */
	size_t n;
	struct ml_field *field;
	struct gp_str body; /* lines end in CRLF */
	size_t size;        /* bytes of the whole message */
};

struct ml_mails {
	struct gp_arena *arena;
	struct ml_mail *v;
	size_t n, cap;
};

void ml_mails_init(struct ml_mails *m);
void ml_mails_clear(struct ml_mails *m);

/* ml_mails_load - a file, or all *.eml of a directory in order of name.
 * GP_PERM: unreadable, or no message; err says which. */
GP_MUST_USE enum gp_rc
ml_mails_load(struct ml_mails *m, const char *path, struct gp_err *err);

/* ml_mails_generate - `count` text messages with a dozen header fields and
 * bodies of `min` to `max` bytes; always the same ones. */
void
ml_mails_generate(struct ml_mails *m, size_t count, size_t min, size_t max);

/* The header of one message on its way through a chain. */
struct ml_header {
	struct gp_arena *arena; /* of the strings that filters bring */
	struct ml_field *v;
	size_t n, cap;
};

void ml_header_init(struct ml_header *h);
void ml_header_clear(struct ml_header *h);
void ml_header_start(struct ml_header *h, const struct ml_mail *mail);

/* ml_header_insert - before the field at `at`, or at the end. */
void ml_header_insert(struct ml_header *h, size_t at, const char *name,
    const char *value);

/* ml_header_change - the `index`th field of that name, from 1 (0 counts as
 * 1); an empty value deletes it, and one that is not there is appended. */
void ml_header_change(struct ml_header *h, size_t index, const char *name,
    const char *value);

#endif
