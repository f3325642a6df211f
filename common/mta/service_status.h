/*
 * service_status - what a daemon says of itself: the answer to "status".
 *
 * Lines "KEY VALUE", in any order; the value is the rest of the line.  Keys
 * stay what they are, further ones may come; "problem" may come several times.
 * "last_reload_age_s" is absent before the first reload.
 * And what systemctl status shows, in one line.
 *
 * Blocking: no; a clock is read.
 * Threads:  any.
 */
#ifndef GP_MTA_SERVICE_STATUS_H
#define GP_MTA_SERVICE_STATUS_H

#include "base/buf.h"
#include "io/metrics.h"

struct gp_status {
	const char *program; /* "gatepost-spf" */
	const char *name;    /* "spf" */
	const char *socket, *config;
	const char *seal_key; /* path of the one in force */
	uint64_t policy;      /* its id */
	const struct gp_metrics *metrics;
	int64_t started_us;
	size_t domains;        /* blocks of it */
	int64_t policy_us;     /* since when it is in force */
	int64_t policy_wall_s; /* the same, seconds since 1970 */
	int64_t reload_us;     /* the last one; 0: there was none */
	const char *problems;  /* of that, a line each; NULL: it was good */
};

/* gp_status_format - the answer. */
void gp_status_format(const struct gp_status *s, struct gp_buf *out);

/* gp_status_line - for systemctl status: one line of printable US-ASCII. */
void gp_status_line(const struct gp_status *s, struct gp_buf *out);

#endif
