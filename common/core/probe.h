/*
 * probe - a message that shows whether our filters work together: what is sent
 * through them, and what the header that comes back tells.
 *
 * It comes from nobody (example.invalid), from a documentation address, and
 * bears a forged Authentication-Results field for each name that is ours.
 *
 * Source:   RFC 8601 section 5; RFC 2606 and RFC 6761 (invalid); RFC 5737 and
 *           RFC 3849 (addresses).
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_PROBE_H
#define GP_CORE_PROBE_H

#include "core/authres.h"
#include "core/header.h"
#include "core/policy.h"

#define GP_PROBE_SENDER "<gatepost-doctor@example.invalid>"
#define GP_PROBE_RCPT   "<gatepost-doctor@example.invalid>"

/* gp_probe_client - a documentation address that the policy takes for a
 * stranger's: neither trusted nor a forwarder.  GP_NONE: it trusts them all. */
GP_MUST_USE enum gp_rc
gp_probe_client(const struct gp_trust_policy *trust, struct gp_ip *out);

/* gp_probe_header - the fields of the probe, from `arena`.  `id` is our
 * authserv-id, `own` are further ones; one more field, under a stranger's id,
 * must stay. */
void gp_probe_header(struct gp_header *out, struct gp_arena *arena,
    const char *id, const struct gp_strings *own);

/* What came back. */
struct gp_probe_found {
	size_t forged;                  /* forged fields that are still there */
	size_t strangers;               /* fields of strangers: 1 */
	size_t ours;                    /* fields that our filters added */
	bool sealed;                    /* one of them still bears a seal */
	const char *spf, *dkim, *dmarc; /* results; NULL: none was reported */
};

/* gp_probe_read - texts from `arena`. */
void gp_probe_read(const struct gp_header *h, struct gp_arena *arena,
    const char *id, struct gp_probe_found *out);

#endif
