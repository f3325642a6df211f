/*
 * log - where lines go: syslog (facility mail) or stderr in the foreground.
 *
 * The layer that decides logs, once.  Lines come ready-made (core/logfmt);
 * nothing here waits for syslog: a full or missing socket loses the line and
 * counts it, and the next line that gets through says how many were lost.
 * A missing socket is looked for at most once a second.
 *
 * In the foreground of a systemd service, where stderr is the journal, lines
 * go to syslog too: that keeps their facility, and stderr could block.
 *
 * Source:   RFC 3164 section 4.1, in the form that syslog(3) of glibc sends.
 * Blocking: no; but stderr in the foreground is written like any file.
 * Threads:  any, after gp_log_open().
 */
#ifndef GP_IO_LOG_H
#define GP_IO_LOG_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum gp_log_level {
	GP_LOG_ERROR,   /* needs somebody: LOG_ERR */
	GP_LOG_WARNING, /* may need somebody: LOG_WARNING */
	GP_LOG_INFO,    /* decisions, state changes: LOG_INFO */
	GP_LOG_DEBUG,   /* only with --verbose */
};

/*
 * gp_log_open - `name` ("gatepost-spf") stands before each line; it is
 * borrowed for good.  `foreground` sends lines to stderr.  Call before other
 * threads exist; until then lines go to stderr without a name.
 */
void gp_log_open(const char *name, bool foreground, enum gp_log_level least);

/* gp_log - one line, printf form; what passes GP_LOG_LINE_MAX bytes is cut
 * and ends in "...", bytes that are not printable US-ASCII become '?'. */
void gp_log(enum gp_log_level level, const char *fmt, ...) GP_PRINTF(2, 3);

/* gp_log_lost - lines that could not be written so far. */
uint64_t gp_log_lost(void);

/* gp_log_set_socket - for tests: syslog's socket instead of /dev/log; `path`
 * is borrowed.  Call before gp_log_open. */
void gp_log_set_socket(const char *path);

#endif
