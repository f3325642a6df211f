/*
 * tls_probe - what an SMTP port offers of TLS, and how long its certificate
 * holds.
 *
 * The dialogue is ours; handshake and certificate are left to openssl(1), a
 * process of its own.
 *
 * Source:   RFC 3207, RFC 8314.
 * Blocking: three times the time-out at most.
 * Threads:  any.
 */
#ifndef GP_IO_TLS_PROBE_H
#define GP_IO_TLS_PROBE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct gp_tls_port {
	const char *host; /* a name or an address, without brackets */
	unsigned port;
	bool wrapped; /* TLS from the first octet on (465) */
	int64_t timeout_ms;
};

struct gp_tls_found {
	bool offered;            /* STARTTLS, or wrapped */
	bool shook;              /* the handshake showed a certificate */
	bool dated;              /* and its dates could be read: */
	int64_t from_s, until_s; /* seconds since 1970 */
	struct gp_err why;       /* in place of shook or dated */
};

/*
 * gp_tls_probe - GP_OK: *out is complete.  Else with err:
 * GP_NONE  nobody listens there.
 * GP_TEMP  no connection, or no answer in time, or it answers 4xx.
 * GP_PERM  no SMTP server, or it refuses us.
 */
GP_MUST_USE enum gp_rc gp_tls_probe(const struct gp_tls_port *port,
    struct gp_tls_found *out, struct gp_err *err);

#endif
