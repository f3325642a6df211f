/*
 * http_metrics - a page of metrics by HTTP, and nothing else.
 *
 * GET /metrics asks for the page, GET /healthz answers "ok"; another path is
 * 404, another method 405.  A few connections at a time, each for a few
 * seconds, so that a client that does not speak or read harms nobody.
 *
 * Source:   RFC 9110; Prometheus text exposition format 0.0.4.
 * Blocking: no; threads of its own.
 * Threads:  the callback runs in several at once.
 */
#ifndef GP_IO_HTTP_METRICS_H
#define GP_IO_HTTP_METRICS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/ip.h"

#define GP_HTTP_CLIENTS   32
#define GP_HTTP_PER_IP    16
#define GP_HTTP_TIMEOUT_S 10

struct gp_http;

/* The page, appended to `out`. */
typedef void (*gp_http_fn)(void *arg, struct gp_buf *out);

/* "127.0.0.1:19547" or "[::1]:19547". */
struct gp_http_address {
	struct gp_ip ip;
	uint16_t port; /* 0: any that is free */
};

/* gp_http_address_parse - GP_PERM: not of the form; err says so. */
GP_MUST_USE enum gp_rc gp_http_address_parse(struct gp_str s,
    struct gp_http_address *out, struct gp_err *err);

/* gp_http_open - listen; `arg` is borrowed until gp_http_close.  GP_TEMP: the
 * address is in use or not ours, or there are no means. */
GP_MUST_USE enum gp_rc gp_http_open(const struct gp_http_address *at,
    gp_http_fn page, void *arg, struct gp_http **out, struct gp_err *err);
void gp_http_close(struct gp_http *h); /* NULL is allowed */

uint16_t gp_http_port(const struct gp_http *h);

#endif
