/*
 * certificate - what openssl(1) says of a server's certificate.
 *
 * No ASN.1 from outside is decoded in this process: the program does that, and
 * its words are read here.
 *
 * Source:   openssl-s_client(1), openssl-x509(1) -dateopt iso_8601; RFC 7468.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_CERTIFICATE_H
#define GP_CORE_CERTIFICATE_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* gp_certificate_pem - the first certificate in a text, from BEGIN to END with
 * its line end, within it.  GP_NONE: it has none. */
GP_MUST_USE enum gp_rc
gp_certificate_pem(struct gp_str text, struct gp_str *out);

/* gp_certificate_dates - from the lines "notBefore=" and "notAfter=" of a text:
 * seconds since 1970.  GP_PERM: they are not there once each, or not of the
 * form "2026-11-22 14:53:49Z". */
GP_MUST_USE enum gp_rc
gp_certificate_dates(struct gp_str text, int64_t *from_s, int64_t *until_s);

#endif
