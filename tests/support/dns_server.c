/* See dns_server.h. */
#include "support/dns_server.h"

#include "core/dnsmsg.h"
#include "io/clock.h"
#include "support/dns_message.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LATE_MAX  256
#define PORTS_MAX 64
#define QUERY_MAX 1024

struct late {
	struct sockaddr_in to;
	int64_t due_us; /* 0: free */
	size_t n;
	uint8_t b[QUERY_MAX];
};

struct dns_server {
	pthread_t thread;
	int udp;
	int tcp;
	int stop;
	unsigned port;
	atomic_int mode;
	atomic_uint asked;
	atomic_uint asked_tcp;
	atomic_uint asked_root;
	pthread_mutex_t lock; /* of the ports */
	unsigned ports[PORTS_MAX];
	unsigned n_ports;
	struct late late[LATE_MAX];
	struct {
		char name[64];
		unsigned n;
	} drops[16];
	struct dns_message reply;
};

/* What was asked. */
struct question {
	unsigned id;
	char name[600];  /* presentation form */
	char first[160]; /* its first label */
	unsigned type;
	bool edns;
	bool tcp;
};

/* One label in presentation form; the end of what is used of q->name. */
static size_t
label_read(const uint8_t *b, size_t n, struct question *q, size_t used)
{
	if (used != 0)
		q->name[used++] = '.';
	for (size_t i = 0; i < n; i++) {
		if (b[i] == '\\')
			q->name[used++] = '\\';
		q->name[used++] = (char)b[i];
	}
	return used;
}

static bool
question_read(const uint8_t *b, size_t n, struct question *q)
{
	size_t at = 12, used = 0;

	memset(q, 0, sizeof(*q));
	if (n < 17)
		return false;
	q->id = (unsigned)(b[0] << 8 | b[1]);
	q->edns = b[11] != 0;
	while (at < n && b[at] != 0 && at + 1U + b[at] < n &&
	       used + 2 * (size_t)b[at] + 2 < sizeof(q->name)) {
		used = label_read(b + at + 1, b[at], q, used);
		at += 1U + b[at];
	}
	if (at + 5 > n)
		return false;
	q->type = (unsigned)(b[at + 1] << 8 | b[at + 2]);
	(void)snprintf(q->first, sizeof(q->first), "%.*s",
	    (int)strcspn(q->name, "."), q->name);
	return true;
}

/* -- answers ------------------------------------------------------------- */

static void
reply_start(struct dns_message *m, const struct question *q, unsigned flags)
{
	dns_message_start(m, true, 0x8180 | flags, q->name, q->type);
	dns_message_set_u16(m, 0, q->id);
}

static void
reply_records(struct dns_message *m, const struct question *q, uint32_t ttl_s)
{
	const struct gp_ip v4 = { GP_IP_V4, { 192, 0, 2, 1 } };
	const struct gp_ip v6 = { GP_IP_V6, { 0x20, 1, 0xd, 0xb8 } };

	switch ((enum gp_dns_type)q->type) {
	case GP_DNS_A:
		dns_message_address(m, q->name, ttl_s, &v4);
		break;
	case GP_DNS_AAAA:
		dns_message_address(m, q->name, ttl_s, &v6);
		break;
	case GP_DNS_TXT:
		dns_message_txt(m, q->name, ttl_s, GP_STR("text"));
		break;
	case GP_DNS_MX:
	case GP_DNS_NS:
	case GP_DNS_PTR:
	case GP_DNS_CNAME:
		dns_message_target(m, q->name, (enum gp_dns_type)q->type, ttl_s,
		    10, "mail.test");
		break;
	}
}

static void
reply_texts(struct dns_message *m, const struct question *q, int records,
    size_t each)
{
	static const char text[8000] = { 'x' };

	for (int i = 0; i < records; i++)
		dns_message_txt(m, q->name, 300, gp_str_n(text, each));
}

/* True when the first label is one of "NAME", "NAME-anything". */
static bool
is(const struct question *q, const char *name)
{
	const size_t n = strlen(name);

	return strncmp(q->first, name, n) == 0 &&
	       (q->first[n] == '\0' || q->first[n] == '-');
}

static void
reply_none(struct dns_message *m, const struct question *q)
{
	const bool zero = is(q, "nx0") || is(q, "nodata0");

	reply_start(m, q, q->first[1] == 'x' ? 3 : 0);
	if (!is(q, "nxbare"))
		dns_message_soa(m, "test", 300, zero ? 0 : 30);
}

static void
reply_truncated(struct dns_message *m, const struct question *q)
{
	if (q->tcp && is(q, "notcp")) {
		m->n = 0;
	} else if (!q->tcp || is(q, "trunc2")) {
		reply_start(m, q, 0x0200);
	} else {
		reply_start(m, q, 0);
		if (is(q, "big"))
			reply_texts(m, q, 1, 8000);
		else if (is(q, "huge"))
			reply_texts(m, q, 12, 5000);
		else
			reply_records(m, q, 300);
	}
}

static void
reply_alias(struct dns_message *m, const struct question *q)
{
	const char *target = is(q, "alias")  ? "target.test"
	                     : is(q, "loop") ? "loop2.test"
	                                     : "loop.test";

	reply_start(m, q, 0);
	dns_message_target(m, q->name, GP_DNS_CNAME, 300, 0, target);
}

/* What has the wrong name or type or id; a resolver must not see it. */
static void
reply_forged(struct dns_message *m, const struct question *q)
{
	struct question other = *q;

	if (is(q, "wrongid"))
		other.id ^= 1;
	else if (is(q, "wrongname"))
		other.name[0] = 'W' + 1;
	else
		other.type = GP_DNS_PTR;
	reply_start(m, &other, 0);
	reply_records(m, &other, 300);
}

static void
reply_broken(struct dns_message *m, const struct question *q)
{
	reply_start(m, q, 0);
	reply_records(m, q, 300);
	if (is(q, "short"))
		m->n -= 3;
	else
		memset(m->b + 2, 0xff, m->n - 2);
}

static bool
is_any(const struct question *q, const char *const names[])
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (is(q, names[i]))
			return true;
	return false;
}

static void
reply_by_name(struct dns_message *m, const struct question *q)
{
	static const char *const none[] = { "nx", "nodata", "nx0", "nodata0",
		"nxbare", NULL };
	static const char *const tcp[] = { "trunc", "trunc2", "notcp", "big",
		"huge", NULL };
	static const char *const alias[] = { "alias", "loop", "loop2", NULL };
	static const char *const forged[] = { "wrongid", "wrongname",
		"wrongtype", NULL };
	static const char *const broken[] = { "garbage", "short", NULL };

	if (is(q, "silent"))
		m->n = 0;
	else if (is(q, "servfail"))
		reply_start(m, q, 2);
	else if (is(q, "refused"))
		reply_start(m, q, 5);
	else if (is(q, "formerr"))
		reply_start(m, q, 1);
	else if (is_any(q, none))
		reply_none(m, q);
	else if (is_any(q, tcp))
		reply_truncated(m, q);
	else if (is_any(q, alias))
		reply_alias(m, q);
	else if (is_any(q, forged))
		reply_forged(m, q);
	else if (is_any(q, broken))
		reply_broken(m, q);
	else {
		reply_start(m, q, 0);
		reply_records(m, q, is(q, "ttl0") ? 0 : 300);
	}
}

/* Is this one of the first N times that dropN-* is asked? */
static bool
dropped(struct dns_server *s, const struct question *q)
{
	const size_t places = sizeof(s->drops) / sizeof(s->drops[0]);

	if (strncmp(q->first, "drop", 4) != 0)
		return false;
	for (size_t i = 0; i < places; i++) {
		if (s->drops[i].name[0] == '\0')
			(void)snprintf(s->drops[i].name,
			    sizeof(s->drops[i].name), "%.63s", q->first);
		if (strncmp(s->drops[i].name, q->first, 63) == 0)
			return s->drops[i].n++ <
			       strtoul(q->first + 4, NULL, 10);
	}
	return false;
}

static void
reply_make(struct dns_server *s, const struct question *q)
{
	struct dns_message *m = &s->reply;
	const enum dns_server_mode mode =
	    (enum dns_server_mode)atomic_load(&s->mode);

	m->n = 0;
	if (mode == DNS_SERVER_SILENT || dropped(s, q))
		return;
	if (mode == DNS_SERVER_SERVFAIL)
		reply_start(m, q, 2);
	else if (mode == DNS_SERVER_REFUSED)
		reply_start(m, q, 5);
	else if (mode == DNS_SERVER_EDNS_FORMERR && q->edns)
		reply_start(m, q, 1);
	else
		reply_by_name(m, q);
}

/* -- sockets ------------------------------------------------------------- */

static void
note_port(struct dns_server *s, unsigned port)
{
	unsigned i = 0;

	pthread_mutex_lock(&s->lock);
	while (i < s->n_ports && s->ports[i] != port)
		i++;
	if (i == s->n_ports && i < PORTS_MAX)
		s->ports[s->n_ports++] = port;
	pthread_mutex_unlock(&s->lock);
}

static void
note(struct dns_server *s, const struct question *q)
{
	atomic_fetch_add(&s->asked, 1);
	if (q->tcp)
		atomic_fetch_add(&s->asked_tcp, 1);
	if (q->name[0] == '\0')
		atomic_fetch_add(&s->asked_root, 1);
}

static void
late_add(struct dns_server *s, const struct sockaddr_in *to, int64_t delay_us)
{
	for (size_t i = 0; i < LATE_MAX; i++) {
		struct late *l = &s->late[i];

		if (l->due_us != 0 || s->reply.n > sizeof(l->b))
			continue;
		l->to = *to;
		l->due_us = gp_clock_us() + delay_us;
		l->n = s->reply.n;
		memcpy(l->b, s->reply.b, s->reply.n);
		return;
	}
}

/* Sends what is due; returns milliseconds until the next one, or -1. */
static int
late_send(struct dns_server *s)
{
	const int64_t now_us = gp_clock_us();
	int64_t wait_us = -1;

	for (size_t i = 0; i < LATE_MAX; i++) {
		struct late *l = &s->late[i];

		if (l->due_us == 0)
			continue;
		if (l->due_us <= now_us) {
			(void)sendto(s->udp, l->b, l->n, 0,
			    (const struct sockaddr *)&l->to, sizeof(l->to));
			l->due_us = 0;
		} else if (wait_us < 0 || l->due_us - now_us < wait_us) {
			wait_us = l->due_us - now_us;
		}
	}
	return wait_us < 0 ? -1 : (int)(wait_us / 1000 + 1);
}

static void
serve_udp(struct dns_server *s)
{
	uint8_t b[QUERY_MAX] = { 0 };
	struct sockaddr_in from = { .sin_family = AF_INET };
	socklen_t from_n = sizeof(from);
	struct question q;
	const ssize_t n = recvfrom(s->udp, b, sizeof(b), MSG_DONTWAIT,
	    (struct sockaddr *)&from, &from_n);
	int64_t delay_ms = 0;

	if (n <= 0 || !question_read(b, (size_t)n, &q))
		return;
	note(s, &q);
	note_port(s, ntohs(from.sin_port));
	reply_make(s, &q);
	if (s->reply.n == 0)
		return;
	if (strncmp(q.first, "slow", 4) == 0)
		delay_ms = (int64_t)strtoul(q.first + 4, NULL, 10);
	if (delay_ms > 0)
		late_add(s, &from, delay_ms * 1000);
	else
		(void)sendto(s->udp, s->reply.b, s->reply.n, 0,
		    (const struct sockaddr *)&from, from_n);
}

/* One question a connection, which is on loopback: no slow reader. */
static void
serve_tcp(struct dns_server *s)
{
	const struct timeval second = { .tv_sec = 1 };
	uint8_t b[QUERY_MAX] = { 0 }, length[2] = { 0 };
	struct question q;
	const int fd = accept(s->tcp, NULL, NULL);
	ssize_t n;

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
	n = recv(fd, length, 2, MSG_WAITALL);
	if (n == 2)
		n = recv(fd, b,
		    (size_t)(length[0] << 8 | length[1]) % QUERY_MAX,
		    MSG_WAITALL);
	if (n > 2 && question_read(b, (size_t)n, &q)) {
		q.tcp = true;
		note(s, &q);
		reply_make(s, &q);
		length[0] = (uint8_t)(s->reply.n >> 8);
		length[1] = (uint8_t)s->reply.n;
		if (s->reply.n != 0 && send(fd, length, 2, MSG_NOSIGNAL) == 2)
			(void)!send(fd, s->reply.b, s->reply.n, MSG_NOSIGNAL);
	}
	(void)close(fd);
}

static void *
serve(void *arg)
{
	struct dns_server *s = arg;
	struct pollfd fds[] = { { .fd = s->stop, .events = POLLIN },
		{ .fd = s->udp, .events = POLLIN },
		{ .fd = s->tcp, .events = POLLIN } };

	while (fds[0].revents == 0) {
		(void)poll(fds, 3, late_send(s));
		if ((fds[1].revents & POLLIN) != 0)
			serve_udp(s);
		if ((fds[2].revents & POLLIN) != 0)
			serve_tcp(s);
	}
	return NULL;
}

/* UDP and TCP on one port; the kernel chooses when it is 0. */
static bool
bind_both(struct dns_server *s, unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	socklen_t n = sizeof(at);
	const int on = 1;

	s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(s->tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->udp, (struct sockaddr *)&at, n) == 0 &&
	    getsockname(s->udp, (struct sockaddr *)&at, &n) == 0 &&
	    bind(s->tcp, (struct sockaddr *)&at, n) == 0 &&
	    listen(s->tcp, 64) == 0) {
		s->port = ntohs(at.sin_port);
		return true;
	}
	(void)close(s->udp);
	(void)close(s->tcp);
	return false;
}

struct dns_server *
dns_server_start(unsigned port)
{
	struct dns_server *s = calloc(1, sizeof(*s));
	bool bound = false;
	sigset_t all, before;

	if (s == NULL)
		abort();
	for (int tries = 0; tries < 20 && !bound; tries++)
		bound = bind_both(s, port);
	if (!bound) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->stop = eventfd(0, EFD_CLOEXEC);
	/* signals are for the code under test */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (s->stop < 0 || pthread_create(&s->thread, NULL, serve, s) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return s;
}

void
dns_server_stop(struct dns_server *s)
{
	const uint64_t one = 1;

	if (write(s->stop, &one, sizeof(one)) != sizeof(one))
		abort();
	pthread_join(s->thread, NULL);
	(void)close(s->udp);
	(void)close(s->tcp);
	(void)close(s->stop);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

unsigned
dns_server_port(const struct dns_server *s)
{
	return s->port;
}

void
dns_server_mode(struct dns_server *s, enum dns_server_mode mode)
{
	atomic_store(&s->mode, (int)mode);
}

unsigned
dns_server_asked(const struct dns_server *s)
{
	return atomic_load(&s->asked);
}

unsigned
dns_server_asked_tcp(const struct dns_server *s)
{
	return atomic_load(&s->asked_tcp);
}

unsigned
dns_server_asked_root(const struct dns_server *s)
{
	return atomic_load(&s->asked_root);
}

unsigned
dns_server_ports(struct dns_server *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->n_ports;
	pthread_mutex_unlock(&s->lock);
	return n;
}
