/*
 * logfmt - one decision as one line of key=value.
 *
 *     QUEUEID: spf=fail client=192.0.2.1 from="a b@example.com" action=reject
 *
 * Values from outside are escaped: printable US-ASCII without blanks, quotes,
 * backslashes and "=" stands as it is; anything else, the empty value too, is
 * put in double quotes with \" \\ and \xHH.  An escaped value has at most
 * GP_LOG_VALUE_MAX bytes; one that was cut to that stands in quotes with
 * "..." behind them, so that no value can look as if it had been cut.
 * The line never passes GP_LOG_LINE_MAX bytes: fields that do not fit are
 * left out whole, and the line then ends in " ...".
 *
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_LOGFMT_H
#define GP_CORE_LOGFMT_H

#include "base/str.h"
#include "core/limits.h"

/* Longest escaped value in a line, in bytes. */
#define GP_LOG_VALUE_MAX 128

struct gp_logline {
	char text[GP_LOG_LINE_MAX + 1]; /* NUL-terminated, no newline */
	size_t n;
	bool cut; /* a field was left out */
};

/* gp_logline_start - "ID:"; an empty or odd id is escaped too, and an empty
 * one stands as "NOQUEUE". */
void gp_logline_start(struct gp_logline *l, struct gp_str queue_id);

/* Append " key=value"; `key` is ours and trusted. */
void gp_logline_add(struct gp_logline *l, const char *key, struct gp_str value);
void gp_logline_adds(struct gp_logline *l, const char *key, const char *value);
void gp_logline_addu(struct gp_logline *l, const char *key, uint64_t value);

/*
 * gp_log_escape - the escaped form of a value alone, NUL-terminated and cut
 * to `size` bytes with its NUL, for words inside other sentences.  Below 6
 * bytes a value that must be quoted becomes "".  Returns `out`.
 */
const char *gp_log_escape(struct gp_str value, char *out, size_t size);

#endif
