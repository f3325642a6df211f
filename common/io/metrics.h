/*
 * metrics - counters by a fixed table, and their Prometheus text.
 *
 * Every metric and every label value is known at compile time, so nothing a
 * sender writes can add a time series.  Adding is one relaxed atomic.
 *
 * Source:   Prometheus text exposition format 0.0.4.
 * Blocking: no.
 * Threads:  any.
 */
#ifndef GP_IO_METRICS_H
#define GP_IO_METRICS_H

#include "base/buf.h"

#include <stdint.h>

enum gp_metric {
	/* sessions and messages */
	GP_M_SESSIONS,         /* counter: milter connections */
	GP_M_SESSIONS_OPEN,    /* gauge */
	GP_M_SESSIONS_MAX,     /* gauge: so many there may be */
	GP_M_SESSIONS_REFUSED, /* counter by enum gp_door_why */
	GP_M_MESSAGES,         /* counter by direction: inbound, outbound */
	GP_M_ACTIONS,         /* counter by enum gp_action, commands answered */
	GP_M_WOULD,           /* counter by enum gp_disposition: monitor mode */
	GP_M_HELD,            /* counter: messages quarantined */
	GP_M_FORGED,          /* counter: Authentication-Results removed */
	GP_M_PROTOCOL_ERRORS, /* counter: sessions ended for bad input */
	/* SPF */
	GP_M_SPF_RESULTS,      /* counter by enum gp_spf_result, MAIL FROM */
	GP_M_SPF_HELO_RESULTS, /* the same, HELO identity */
	GP_M_SPF_DIFFERENCES,  /* counter: compare found the engines differ */
	GP_M_SPF_SECONDS,      /* histogram, us observed */
	/* DKIM */
	GP_M_DKIM_RESULTS,     /* counter by enum gp_dkim_result, a signature */
	GP_M_DKIM_DIFFERENCES, /* counter: compare found the engines differ */
	GP_M_DKIM_SECONDS,     /* histogram, us observed: end of message */
	GP_M_DKIM_SIGNING,     /* counter: signed, kept, unsigned, refused */
	GP_M_DKIM_FRAGILE,     /* counter by enum gp_fragile */
	GP_M_DKIM_KEY_CACHE,   /* counter: hit, miss */
	GP_M_DKIM_KEYS,        /* gauge: active, staged, retired, promoted */
	/* DMARC */
	GP_M_DMARC_RESULTS,     /* counter by enum gp_dmarc_result */
	GP_M_DMARC_DIFFERENCES, /* counter: tree walk and list differ */
	GP_M_DMARC_SECONDS,     /* histogram, us observed */
	GP_M_DMARC_UNSEALED,    /* counter: no results of spf, of dkim */
	GP_M_PREFLIGHT,         /* counter: pass, open, fail */
	GP_M_PREFLIGHT_MISSING, /* counter by enum gp_preflight_need */
	GP_M_DMARC_RECORDS,     /* counter: kept, refused, unavailable */
	/* limits */
	GP_M_RATE_MESSAGES, /* counter: outbound admitted, refused, exempt */
	GP_M_RATE_OVER,     /* counter by enum gp_rate_kind: what was over */
	GP_M_RATE_WOULD,    /* the same, where nothing was done about it */
	GP_M_RATE_REFUNDS,  /* counter: reservations given back */
	/* DNS */
	GP_M_DNS_CACHE,       /* counter: hit, miss, shared (in flight) */
	GP_M_DNS_ANSWERS,     /* counter: ok, nodata, nxdomain, temporary */
	GP_M_DNS_SECONDS,     /* histogram, us observed: queries on the wire */
	GP_M_DNS_CIRCUIT,     /* gauge: 1 while open */
	GP_M_DNS_CACHE_BYTES, /* gauge */
	/* the store of the limits */
	GP_M_STORE_CALLS,   /* counter: admitted, refused, temporary */
	GP_M_STORE_SECONDS, /* histogram, us observed */
	GP_M_STORE_STATE,   /* gauge: up, local */
	/* the process */
	GP_M_RELOADS,     /* counter: ok, failed */
	GP_M_RELOAD_GOOD, /* gauge: 1 unless the last one failed */
	GP_M_RELOAD_TIME, /* gauge: seconds since 1970, of the policy in force
	                   */
	GP_M_STARTED,     /* gauge: seconds since 1970 */
	GP_M_LOG_LOST,    /* counter */
	GP_METRICS        /* how many */
};

struct gp_metrics;

/* gp_metrics_new - `daemon` ("spf") is a label on every line. */
struct gp_metrics *gp_metrics_new(const char *daemon);
void gp_metrics_free(struct gp_metrics *m);

/*
 * gp_metrics_add - counter or gauge `id`, label value number `label` (0 when
 * it has none), plus `value`.  An out-of-range label is ignored.  `m` may be
 * NULL (tests).
 */
void gp_metrics_add(struct gp_metrics *m, enum gp_metric id, unsigned label,
    int64_t value);
void gp_metrics_set(struct gp_metrics *m, enum gp_metric id, unsigned label,
    int64_t value); /* gauge */

/* gp_metrics_observe - one observation of `us` microseconds. */
void gp_metrics_observe(struct gp_metrics *m, enum gp_metric id, int64_t us);

int64_t
gp_metrics_get(const struct gp_metrics *m, enum gp_metric id, unsigned label);

/* gp_metrics_format - append all of them as Prometheus text. */
void gp_metrics_format(const struct gp_metrics *m, struct gp_buf *out);

#endif
