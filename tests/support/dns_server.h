/*
 * dns_server - a small DNS server on loopback that misbehaves on demand.
 *
 * One thread, UDP and TCP on one port.  The first label of the name says what
 * comes back, so that a test needs no table:
 *
 *   nx, nodata     with an SOA of minimum 30; nx0, nodata0: minimum 0;
 *                  nxbare: without SOA
 *   servfail, refused, formerr
 *   silent         nothing
 *   garbage        bytes that are no message
 *   short          a message that ends too early
 *   wrongid, wrongname, wrongtype      what a forger would send, then silence
 *   trunc          TC over UDP, the answer over TCP
 *   trunc2         TC over TCP too
 *   notcp          TC over UDP, the TCP connection is closed without answer
 *   big            a TXT record of 8000 bytes (TC over UDP)
 *   huge           60,000 bytes of TXT records, over TCP
 *   alias          a CNAME to target.test and no more
 *   loop           a CNAME to loop2, whose CNAME leads back
 *   ttl0           as others, with TTL 0
 *   slowN-*        after N ms, N at most 5000
 *   dropN-*        answers the N+1st time it is asked
 *   others         A 192.0.2.1, TXT "text", MX 10 mail.test ..., TTL 300
 */
#ifndef TESTS_DNS_SERVER_H
#define TESTS_DNS_SERVER_H

#include <stdbool.h>

struct dns_server;

enum dns_server_mode {
	DNS_SERVER_NORMAL,
	DNS_SERVER_SILENT,   /* answers nothing at all */
	DNS_SERVER_SERVFAIL, /* to everything */
	DNS_SERVER_REFUSED,
	DNS_SERVER_EDNS_FORMERR, /* FORMERR to what has EDNS */
};

/* dns_server_start - on a free port of 127.0.0.1, or on `port`; NULL when
 * it is taken. */
struct dns_server *dns_server_start(unsigned port);
void dns_server_stop(struct dns_server *s);

unsigned dns_server_port(const struct dns_server *s);
void dns_server_mode(struct dns_server *s, enum dns_server_mode mode);

/* Messages that arrived since the start: all, over TCP, for the root. */
unsigned dns_server_asked(const struct dns_server *s);
unsigned dns_server_asked_tcp(const struct dns_server *s);
unsigned dns_server_asked_root(const struct dns_server *s);

/* Different source ports of the UDP messages, counted up to 64. */
unsigned dns_server_ports(struct dns_server *s);

#endif
