/*
 * dns_line - a line to one DNS server, by c-ares.  Internal to io/dns.
 *
 * c-ares makes the message with its id, sends it, and matches what comes back
 * to what was asked (id, question, address).  Everything else is ours: which
 * server, how often, how long, TCP when the answer was cut off, and what the
 * answer means.
 *
 * The library keeps one source port while it has questions under way, so a
 * line takes a new channel, and with it a new port, every few questions: who
 * would forge an answer has to guess it anew.
 *
 * Blocking: no.
 * Threads:  one line, one thread at a time.
 */
#ifndef GP_IO_DNS_LINE_H
#define GP_IO_DNS_LINE_H

#include "base/err.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text of a server, "192.0.2.1:53" or "[2001:db8::1]:53", with the NUL. */
#define GP_DNS_SERVER_TEXT 72
#define GP_DNS_SERVERS_MAX 8

enum gp_dns_line_event {
	GP_DNS_LINE_ANSWER,      /* a message from the server */
	GP_DNS_LINE_SILENCE,     /* none in time */
	GP_DNS_LINE_UNREACHABLE, /* the network says that nobody is there */
	GP_DNS_LINE_NO_NAME,     /* a name that DNS must not see (RFC 7686) */
	GP_DNS_LINE_CLOSED,      /* the line was freed */
};

/*
 * What is told of each question, once; maybe before gp_dns_line_ask() returns,
 * and for the last ones within gp_dns_line_free().  `msg` is for an answer
 * and is borrowed.  The function must not free the line.
 */
struct gp_dns_line_owner {
	void (*told)(struct gp_dns_line_owner *owner, void *question,
	    enum gp_dns_line_event event, const uint8_t *msg, size_t n);
};

struct gp_dns_line;

/* gp_dns_line_setup - before the first line; GP_TEMP: the library can not.
 * Pair it with gp_dns_line_cleanup.  Any thread. */
GP_MUST_USE enum gp_rc gp_dns_line_setup(struct gp_err *err);
void gp_dns_line_cleanup(void);

/*
 * gp_dns_line_system - the servers of the system's configuration, at most
 * GP_DNS_SERVERS_MAX.  GP_PERM: there are none.
 */
GP_MUST_USE enum gp_rc
gp_dns_line_system(char servers[GP_DNS_SERVERS_MAX][GP_DNS_SERVER_TEXT],
    size_t *n, struct gp_err *err);

/* gp_dns_line_new - `server` is borrowed; a question is silent after
 * `timeout_ms`.  GP_PERM: the library refuses the server. */
GP_MUST_USE enum gp_rc gp_dns_line_new(const char *server, int timeout_ms,
    struct gp_dns_line_owner *owner, struct gp_dns_line **out,
    struct gp_err *err);
void gp_dns_line_free(struct gp_dns_line *l); /* NULL is allowed */

/* gp_dns_line_ask - `name` as in a gp_dns_question, "" for the root; `type`
 * as on the wire; `question` comes back in told(). */
void gp_dns_line_ask(struct gp_dns_line *l, const char *name, int type,
    void *question);

/* gp_dns_line_poll - what to wait for: fills at most `max` places of `fds`,
 * returns how many there are. */
size_t
gp_dns_line_poll(const struct gp_dns_line *l, struct pollfd *fds, size_t max);

/* gp_dns_line_run - read, write and let questions time out.  `fds` are the n
 * places that gp_dns_line_poll() filled, with what poll() said. */
void gp_dns_line_run(struct gp_dns_line *l, const struct pollfd *fds, size_t n);

/* gp_dns_line_busy - is any question under way? */
bool gp_dns_line_busy(const struct gp_dns_line *l);

#endif
