/*
 * log - where lines go: syslog (facility mail) or stderr in the foreground.
 *
 * The layer that decides logs, once.  Lines come ready-made (core/logfmt);
 * nothing here waits: a full syslog socket loses the line and counts it.
 *
 * Blocking: no.
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
 * borrowed for good.  `foreground` sends lines to stderr.  Call once, before
 * other threads exist.
 */
void gp_log_open(const char *name, bool foreground, enum gp_log_level least);

/* gp_log - one line, printf form; cut at GP_LOG_LINE_MAX bytes, control
 * characters replaced by '?'. */
void gp_log(enum gp_log_level level, const char *fmt, ...) GP_PRINTF(2, 3);

/* gp_log_lost - lines that could not be written so far. */
uint64_t gp_log_lost(void);

#endif
