/*
 * dns_breaker - do the servers answer at all?  Internal to io/dns.
 *
 * Counts questions that no server answered, with not one answer of any kind
 * in between.  GP_DNS_BREAKER_SILENT of them within GP_DNS_BREAKER_WINDOW_US
 * are a suspicion, no proof: all may have been for one dead zone.  The proof
 * is a probe for the root that stays without answer too; the caller makes it.
 *
 * Purity:   pure; the caller passes the time.
 * Threads:  one.
 */
#ifndef GP_IO_DNS_BREAKER_H
#define GP_IO_DNS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define GP_DNS_BREAKER_SILENT    20
#define GP_DNS_BREAKER_WINDOW_US INT64_C(10000000)

struct gp_dns_breaker {
	int64_t silent_us[GP_DNS_BREAKER_SILENT]; /* a ring */
	unsigned n;                               /* since the last answer */
	bool open;
};

/* gp_dns_breaker_silent - a question went without answer. */
void gp_dns_breaker_silent(struct gp_dns_breaker *b, int64_t now_us);

/* gp_dns_breaker_suspects - enough of them, lately? */
bool gp_dns_breaker_suspects(const struct gp_dns_breaker *b, int64_t now_us);

/* gp_dns_breaker_proven - the probes were silent too: true when this opens
 * the circuit, that is, when it suspects and was closed. */
bool gp_dns_breaker_proven(struct gp_dns_breaker *b, int64_t now_us);

/* gp_dns_breaker_answered - an answer of any kind has come: true when this
 * closes the circuit. */
bool gp_dns_breaker_answered(struct gp_dns_breaker *b);

#endif
