/*
 * seal - what makes an Authentication-Results field believable to our own
 * next milter and to nobody else.
 *
 * A sealed field carries the property policy.gatepost-seal on its last
 * result: base64url of a MAC, truncated to 128 bits, over the authserv-id,
 * the facts of this very message, the results and the minute.  An outsider
 * can not make one, and one of another message does not fit.
 * The MAC itself is handed in, so that this module stays pure.
 *
 * Source:   RFC 2104, RFC 4648 section 5.
 * Purity:   pure.
 * Threads:  reentrant.
 */
#ifndef GP_CORE_SEAL_H
#define GP_CORE_SEAL_H

#include "base/ip.h"
#include "core/authres.h"

#define GP_SEAL_PTYPE     "policy"
#define GP_SEAL_PROPERTY  "gatepost-seal"
#define GP_SEAL_MAC_BYTES 32 /* HMAC-SHA256 */

/* The facts of a message that the seal binds. */
struct gp_seal_facts {
	struct gp_str queue_id; /* empty when the MTA gave none */
	struct gp_ip client;
	struct gp_str mail_from; /* reverse-path as received, no brackets */
	int64_t minute;          /* wall clock, minutes since 1970 */
};

/* What is covered, each part behind its length in four octets, so that no two
 * different lists of parts give the same input: the word "gatepost-seal-1",
 * authserv-id, queue id, client (family and 16 octets), reverse-path,
 * gp_authres_canonical() of the results, and the minute (eight octets). */

/* Keyed MAC over data; `arg` is the caller's. */
typedef void (*gp_seal_mac_fn)(const void *arg, struct gp_str data,
    uint8_t mac[GP_SEAL_MAC_BYTES]);

/*
 * gp_seal_add - append the seal property to the last result of `ar`; memory
 * from `arena`.  `ar` must have a result, and the last one fewer than
 * GP_AUTHRES_PROPS_MAX properties; else it stays unsealed, which every
 * reader treats as forged.
 */
void gp_seal_add(struct gp_authres *ar, const struct gp_seal_facts *facts,
    gp_seal_mac_fn mac, const void *arg, struct gp_arena *arena);

/*
 * gp_seal_check - is `ar` sealed for these facts, by this key, within the
 * last GP_SEAL_AGE_MIN minutes (or one minute ahead)?  On success the seal
 * property is taken out of `ar`; on failure `ar` is as it was.  Anything but
 * exactly one seal property, the last of the last result, is false.  The
 * comparison takes constant time.
 */
bool gp_seal_check(struct gp_authres *ar, const struct gp_seal_facts *facts,
    gp_seal_mac_fn mac, const void *arg);

#endif
