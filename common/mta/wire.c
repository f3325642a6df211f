/*
 * See wire.h.
 *
 * The packets are those of the milter protocol: four octets of length, one of
 * command, the rest.  Only the first of a connection is looked at when it
 * comes, and of those that go the command.
 */
#include "mta/wire.h"

#include "base/xalloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 5 /* length and command */

/* How libmilter reads the first packet decides. */
enum reading {
	NEW,        /* nothing was read yet */
	HEAD_SEEN,  /* length and command, by one poll and one read */
	READ_AHEAD, /* and then the rest, likewise */
	READ_PLAIN, /* it did otherwise */
};

struct wire {
	enum reading reading;
	bool polled;       /* since the last read */
	bool answered;     /* the first packet, by writev */
	int patience_ms;   /* of the poll that a write did not need */
	int failed;        /* errno: what was held back could not be sent */
	size_t rest;       /* octets of the first packet after its head */
	size_t unsent;     /* octets of a packet that went out in part */
	int in_error;      /* errno: what a look has met */
	unsigned char *in; /* kept: in[in_at] to in[in_n - 1] */
	size_t in_at;
	size_t in_n;
	unsigned char *out; /* held back */
	size_t out_n;
};

#define BELL_BYTES 4096 /* that are taken at a time */

static _Atomic(struct wire *) wires[GP_WIRE_MAX];
static atomic_size_t open_wires;
static atomic_int bell = -1;

static struct wire *
wire_of(int fd)
{
	if (fd < 0 || fd >= GP_WIRE_MAX)
		return NULL;
	return atomic_load_explicit(&wires[fd], memory_order_acquire);
}

/* -- coming and going -------------------------------------------------- */

static void
wire_free(struct wire *w)
{
	if (w == NULL)
		return;
	free(w->in);
	free(w->out);
	free(w);
}

void
gp_wire_accepted(int fd)
{
	struct wire *w;

	if (fd < 0 || fd >= GP_WIRE_MAX)
		return;
	w = gp_xcalloc(1, sizeof(*w));
	w->patience_ms = -1;
	w = atomic_exchange(&wires[fd], w);
	if (w == NULL)
		atomic_fetch_add(&open_wires, 1);
	wire_free(w);
}

size_t
gp_wire_count(void)
{
	return atomic_load(&open_wires);
}

int
gp_wire_close(const struct gp_wire_calls *sys, int fd)
{
	struct wire *w = NULL;
	int rc;

	/* before the number can be another's */
	if (wire_of(fd) != NULL)
		w = atomic_exchange(&wires[fd], NULL);
	rc = sys->close(fd);
	if (w != NULL)
		atomic_fetch_sub(&open_wires, 1);
	wire_free(w);
	return rc;
}

/* -- writing ----------------------------------------------------------- */

static size_t
total(const struct iovec *v, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

/* The command of what is one whole packet; 0: it is not. */
static int
command(const struct iovec *v, int n)
{
	const unsigned char *p;
	size_t length;

	if (n < 1 || v[0].iov_len != HEAD_BYTES)
		return 0;
	p = v[0].iov_base;
	length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 |
	         (size_t)p[3];
	return length + 4 == total(v, n) ? p[4] : 0;
}

/* A change of the message: the protocol has none without an answer after it. */
static bool
is_change(int cmd)
{
	return cmd != 0 && strchr("himq", cmd) != NULL;
}

static bool
hold(struct wire *w, const struct iovec *v, int n)
{
	size_t more = total(v, n);

	if (more > GP_WIRE_HELD_BYTES - w->out_n)
		return false;
	w->out = gp_xrealloc(w->out, w->out_n + more, 1);
	for (int i = 0; i < n; i++) {
		memcpy(w->out + w->out_n, v[i].iov_base, v[i].iov_len);
		w->out_n += v[i].iov_len;
	}
	return true;
}

/* So many octets of what was held back are gone. */
static void
held_sent(struct wire *w, size_t n)
{
	w->out_n -= n;
	if (w->out_n > 0) {
		memmove(w->out, w->out + n, w->out_n);
		return;
	}
	free(w->out);
	w->out = NULL;
}

/* Wait as long as the poll would have that was not made. */
static bool
wait_writable(const struct gp_wire_calls *sys, int fd, int patience_ms)
{
	struct pollfd set = { .fd = fd, .events = POLLOUT };
	int n = sys->poll(&set, 1, patience_ms);

	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0;
}

/* One write of what is held and of `v`; how much of both, or -1. */
static ssize_t
send_both(const struct gp_wire_calls *sys, int fd, const struct wire *w,
    const struct iovec *v, int n)
{
	struct iovec both[4];
	struct msghdr message = { .msg_iov = both };
	ssize_t sent;

	if (w->out_n > 0)
		both[message.msg_iovlen++] =
		    (struct iovec){ .iov_base = w->out, .iov_len = w->out_n };
	for (int i = 0; i < n && message.msg_iovlen < 4; i++)
		both[message.msg_iovlen++] = v[i];
	do {
		sent = sys->sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EAGAIN &&
		 wait_writable(sys, fd, w->patience_ms));
	return sent;
}

/* Write until all that is held and something of `v` is gone. */
static ssize_t
send_on(const struct gp_wire_calls *sys, int fd, struct wire *w,
    const struct iovec *v, int n)
{
	for (;;) {
		size_t held = w->out_n;
		ssize_t sent = send_both(sys, fd, w, v, n);

		if (sent < 0)
			return -1;
		if (held > 0)
			held_sent(w, (size_t)sent < held ? (size_t)sent : held);
		if ((size_t)sent > held)
			return sent - (ssize_t)held;
		if (w->out_n == 0 && n == 0)
			return 0;
	}
}

ssize_t
gp_wire_writev(const struct gp_wire_calls *sys, int fd,
    const struct iovec *from, int n)
{
	struct wire *w = wire_of(fd);
	size_t all;
	ssize_t sent;

	if (w != NULL && w->failed != 0) {
		errno = w->failed;
		return -1;
	}
	if (w == NULL || !w->answered || total(from, n) == 0) {
		sent = sys->writev(fd, from, n);
		if (w != NULL && command(from, n) == 'O' &&
		    sent == (ssize_t)total(from, n))
			w->answered = true;
		return sent;
	}
	all = total(from, n);
	if (w->unsent == 0 && is_change(command(from, n)) && hold(w, from, n))
		return (ssize_t)all;
	sent = send_on(sys, fd, w, from, n);
	if (sent >= 0)
		w->unsent = all - (size_t)sent;
	return sent;
}

/* libmilter goes on without the answer that was waited for; it never does. */
static void
let_go(const struct gp_wire_calls *sys, int fd, struct wire *w)
{
	while (w->out_n > 0 && w->failed == 0)
		if (send_on(sys, fd, w, NULL, 0) < 0 && errno != EINTR)
			w->failed = errno;
}

/* -- reading ----------------------------------------------------------- */

static void
keep(struct wire *w, const unsigned char *p, size_t n)
{
	w->in = gp_xrealloc(NULL, n, 1);
	/* cppcheck-suppress uninitvar; readv() and recv() fill it */
	memcpy(w->in, p, n);
	w->in_at = 0;
	w->in_n = n;
}

static bool
has_kept(const struct wire *w)
{
	return w->in != NULL || w->in_error != 0;
}

static ssize_t
serve(struct wire *w, void *to, size_t n)
{
	size_t left = w->in_n - w->in_at;

	if (w->in == NULL) {
		errno = w->in_error;
		w->in_error = 0;
		return -1;
	}
	if (n > left)
		n = left;
	memcpy(to, w->in + w->in_at, n);
	w->in_at += n;
	if (w->in_at == w->in_n) {
		free(w->in);
		w->in = NULL;
	}
	return (ssize_t)n;
}

/* The first packet: read as it is asked for, and see how it is. */
static ssize_t
read_first(const struct gp_wire_calls *sys, int fd, struct wire *w, void *to,
    size_t n)
{
	bool polled = w->polled;
	const unsigned char *p = to;
	ssize_t got;

	w->polled = false;
	got = sys->read(fd, to, n);
	if (!polled || got <= 0 || (size_t)got != n) {
		w->reading = READ_PLAIN;
	} else if (w->reading == NEW) {
		w->reading = n == HEAD_BYTES ? HEAD_SEEN : READ_PLAIN;
		if (n == HEAD_BYTES)
			w->rest = ((size_t)p[0] << 24 | (size_t)p[1] << 16 |
				      (size_t)p[2] << 8 | (size_t)p[3]) -
			          1;
	} else {
		w->reading = n == w->rest ? READ_AHEAD : READ_PLAIN;
	}
	return got;
}

static ssize_t
read_ahead(const struct gp_wire_calls *sys, int fd, struct wire *w, void *to,
    size_t n)
{
	__attribute__((uninitialized)) unsigned char more[GP_WIRE_AHEAD_BYTES];
	const struct iovec both[2] = { { .iov_base = to, .iov_len = n },
		{ .iov_base = more, .iov_len = sizeof(more) } };
	ssize_t got = sys->readv(fd, both, 2);

	if (got <= 0 || (size_t)got <= n)
		return got;
	keep(w, more, (size_t)got - n);
	return (ssize_t)n;
}

void
gp_wire_bell(int fd)
{
	atomic_store(&bell, fd);
}

static ssize_t
read_bell(const struct gp_wire_calls *sys, int fd, void *to)
{
	__attribute__((uninitialized)) char all[BELL_BYTES];
	ssize_t got = sys->read(fd, all, sizeof(all));

	if (got <= 0)
		return got;
	memcpy(to, all, 1);
	return 1;
}

ssize_t
gp_wire_read(const struct gp_wire_calls *sys, int fd, void *to, size_t n)
{
	struct wire *w = wire_of(fd);

	if (w == NULL && n == 1 && fd == atomic_load(&bell))
		return read_bell(sys, fd, to);
	if (w == NULL || n == 0)
		return sys->read(fd, to, n);
	let_go(sys, fd, w);
	switch (w->reading) {
	case NEW:
	case HEAD_SEEN:
		return read_first(sys, fd, w, to, n);
	case READ_AHEAD:
		return has_kept(w) ? serve(w, to, n)
		                   : read_ahead(sys, fd, w, to, n);
	case READ_PLAIN:
		break;
	}
	return sys->read(fd, to, n);
}

/* -- polling ----------------------------------------------------------- */

/* Take what is there, or what has gone wrong.  -1: ask the system, 0 and 1 as
 * poll(). */
static int
look(const struct gp_wire_calls *sys, int fd, struct wire *w)
{
	__attribute__((uninitialized)) unsigned char more[GP_WIRE_AHEAD_BYTES];
	ssize_t got = sys->recv(fd, more, sizeof(more), MSG_DONTWAIT);

	if (got > 0)
		keep(w, more, (size_t)got);
	else if (got == 0 || errno == EINTR)
		return -1;
	else if (errno == EAGAIN)
		return 0;
	else
		w->in_error = errno;
	return 1;
}

/* Of several, those with something kept are ready besides. */
static int
poll_all(const struct gp_wire_calls *sys, struct pollfd *set, nfds_t n,
    int timeout_ms)
{
	bool kept = false;
	int ready;

	for (nfds_t i = 0; i < n; i++) {
		struct wire *w = wire_of(set[i].fd);

		if (w == NULL || (set[i].events & POLLIN) == 0)
			continue;
		w->polled = true;
		let_go(sys, set[i].fd, w);
		kept = kept || has_kept(w);
	}
	ready = sys->poll(set, n, kept ? 0 : timeout_ms);
	for (nfds_t i = 0; kept && ready >= 0 && i < n; i++) {
		const struct wire *w = wire_of(set[i].fd);

		if (w == NULL || (set[i].events & POLLIN) == 0 || !has_kept(w))
			continue;
		ready += set[i].revents == 0 ? 1 : 0;
		set[i].revents |= POLLIN;
	}
	return ready;
}

static int
poll_to_read(const struct gp_wire_calls *sys, struct pollfd *p, struct wire *w,
    int timeout_ms)
{
	int ready = 1;

	w->polled = true;
	let_go(sys, p->fd, w);
	if (!has_kept(w))
		ready = w->reading == READ_AHEAD && timeout_ms == 0
		            ? look(sys, p->fd, w)
		            : -1;
	if (ready < 0)
		return sys->poll(p, 1, timeout_ms);
	p->revents = ready == 0 ? 0 : POLLIN;
	return ready;
}

int
gp_wire_poll(const struct gp_wire_calls *sys, struct pollfd *set, nfds_t n,
    int timeout_ms)
{
	struct wire *w = n == 1 ? wire_of(set[0].fd) : NULL;

	if (w != NULL && set[0].events == POLLOUT && w->answered) {
		w->patience_ms = timeout_ms;
		set[0].revents = POLLOUT;
		return 1;
	}
	if (w != NULL && (set[0].events & (POLLIN | POLLOUT)) == POLLIN)
		return poll_to_read(sys, set, w, timeout_ms);
	return poll_all(sys, set, n, timeout_ms);
}
