/*
 * dns_parse - the answer that is in a DNS message.  Internal to io/dns.
 *
 * Strict: what does not add up is GP_TEMP "malformed", so that a broken server
 * or a forger can delay mail but not decide about it.  A chain of CNAMEs is
 * followed as far as the message goes.
 *
 * Source:   RFC 1035 section 4, RFC 2181 sections 5.2 and 8, RFC 2308, RFC
 *           3597 section 4, RFC 6891 section 6.1.3.
 * Purity:   pure; allocates in the arena.
 * Threads:  reentrant.
 */
#ifndef GP_IO_DNS_PARSE_H
#define GP_IO_DNS_PARSE_H

#include "base/arena.h"
#include "core/dnsmsg.h"

/*
 * gp_dns_parse - read the n bytes of `msg` as the answer to `q`.
 *
 * `*out` is always set; its records live in the arena.  GP_TEMP says that
 * this server has no answer (why: "SERVFAIL", "malformed", "truncated",
 * "referral", "too large" ...) and that another one may.  `*alias` is set,
 * and GP_OK without records returned, when the message ends with a CNAME and
 * does not say what is at its target; then the target must be asked for.
 */
void gp_dns_parse(const uint8_t *msg, size_t n, const struct gp_dns_question *q,
    struct gp_arena *arena, struct gp_dns_answer *out, const char **alias);

#endif
