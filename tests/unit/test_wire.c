/*
 * What stands between libmilter and the MTA, with system calls that are
 * played: each step says what libmilter asks, what it must get, and which
 * system calls that may have cost.
 */
#include "mta/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -- the system, played ------------------------------------------------ */

#define FDS 8 /* descriptors 0 to 7 */

static struct {
	struct {
		char in[65536]; /* has arrived: in[at] to in[n - 1] */
		size_t at;
		size_t n;
		bool end;
		int in_error; /* once */
		char out[300000];
		size_t out_n;
		size_t room;      /* until a write would block */
		size_t room_next; /* what a poll for it finds */
		int out_error;
	} at[FDS];
	int interrupts; /* the next call fails with EINTR */
	char calls[512];
} sys;

static void
called(const char *what)
{
	size_t n = strlen(sys.calls);

	(void)snprintf(sys.calls + n, sizeof(sys.calls) - n, "%s%s",
	    n == 0 ? "" : " ", what);
}

static bool
interrupted(void)
{
	if (sys.interrupts == 0)
		return false;
	sys.interrupts--;
	errno = EINTR;
	return true;
}

/* A blocking read that finds nothing would wait for ever. */
static ssize_t
take(int fd, const struct iovec *to, int n, bool may_block)
{
	size_t sum = 0;

	if (interrupted())
		return -1;
	if (sys.at[fd].in_error != 0) {
		errno = sys.at[fd].in_error;
		sys.at[fd].in_error = 0;
		return -1;
	}
	if (sys.at[fd].at == sys.at[fd].n && !sys.at[fd].end) {
		if (may_block)
			fail_msg("a read of %d would block", fd);
		errno = EAGAIN;
		return -1;
	}
	for (int i = 0; i < n; i++) {
		size_t left = sys.at[fd].n - sys.at[fd].at;
		size_t now = to[i].iov_len < left ? to[i].iov_len : left;

		memcpy(to[i].iov_base, sys.at[fd].in + sys.at[fd].at, now);
		sys.at[fd].at += now;
		sum += now;
	}
	return (ssize_t)sum;
}

static ssize_t
play_read(int fd, void *to, size_t n)
{
	struct iovec one = { .iov_base = to, .iov_len = n };

	called("read");
	return take(fd, &one, 1, true);
}

static ssize_t
play_readv(int fd, const struct iovec *to, int n)
{
	called("readv");
	return take(fd, to, n, true);
}

static ssize_t
play_recv(int fd, void *to, size_t n, int flags)
{
	struct iovec one = { .iov_base = to, .iov_len = n };

	called("recv");
	assert_int_equal(flags, MSG_DONTWAIT);
	return take(fd, &one, 1, false);
}

static ssize_t
give(int fd, const struct iovec *from, size_t n)
{
	size_t sum = 0;

	if (interrupted())
		return -1;
	if (sys.at[fd].out_error != 0) {
		errno = sys.at[fd].out_error;
		return -1;
	}
	if (sys.at[fd].room == 0) {
		errno = EAGAIN;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		size_t now = from[i].iov_len < sys.at[fd].room
		                 ? from[i].iov_len
		                 : sys.at[fd].room;

		memcpy(sys.at[fd].out + sys.at[fd].out_n, from[i].iov_base,
		    now);
		sys.at[fd].out_n += now;
		sys.at[fd].room -= now;
		sum += now;
	}
	return (ssize_t)sum;
}

static ssize_t
play_writev(int fd, const struct iovec *from, int n)
{
	called("writev");
	return give(fd, from, (size_t)n);
}

static ssize_t
play_sendmsg(int fd, const struct msghdr *m, int flags)
{
	called("sendmsg");
	assert_int_equal(flags, MSG_DONTWAIT | MSG_NOSIGNAL);
	return give(fd, m->msg_iov, m->msg_iovlen);
}

static short
state_of(int fd)
{
	short is = 0;

	if (sys.at[fd].room == 0) {
		sys.at[fd].room = sys.at[fd].room_next;
		sys.at[fd].room_next = 0;
	}
	if (sys.at[fd].at < sys.at[fd].n || sys.at[fd].end ||
	    sys.at[fd].in_error != 0)
		is |= POLLIN;
	if (sys.at[fd].end)
		is |= POLLHUP;
	if (sys.at[fd].room > 0)
		is |= POLLOUT;
	return is;
}

static int
play_poll(struct pollfd *set, nfds_t n, int timeout_ms)
{
	char name[32];
	int ready = 0;

	(void)snprintf(name, sizeof(name), "poll(%d)", timeout_ms);
	called(name);
	if (interrupted())
		return -1;
	for (nfds_t i = 0; i < n; i++) {
		set[i].revents =
		    (short)(state_of(set[i].fd) & (set[i].events | POLLHUP));
		ready += set[i].revents != 0;
	}
	return ready;
}

static int
play_close(int fd)
{
	called("close");
	memset(&sys.at[fd], 0, sizeof(sys.at[fd]));
	return 0;
}

static const struct gp_wire_calls played = { .read = play_read,
	.readv = play_readv,
	.recv = play_recv,
	.writev = play_writev,
	.sendmsg = play_sendmsg,
	.poll = play_poll,
	.close = play_close };

/* -- what libmilter does ----------------------------------------------- */

static void
arrive(int fd, const char *p, size_t n)
{
	assert_true(sys.at[fd].n + n <= sizeof(sys.at[fd].in));
	memcpy(sys.at[fd].in + sys.at[fd].n, p, n);
	sys.at[fd].n += n;
}

static int
poll_for(int fd, short events, int timeout_ms, short *revents)
{
	struct pollfd set = { .fd = fd, .events = events, .revents = -1 };
	int ready = gp_wire_poll(&played, &set, 1, timeout_ms);

	*revents = ready < 0 ? 0 : set.revents;
	return ready;
}

/* A packet as libmilter writes it: length and command, then the rest. */
static ssize_t
write_packet(int fd, const char *packet, size_t n)
{
	/* writev's type; nothing is written there */
	union {
		const char *from;
		char *to;
	} p = { .from = packet };
	struct iovec v[2] = { { .iov_base = p.to, .iov_len = n < 5 ? n : 5 },
		{ .iov_base = p.to + 5, .iov_len = n < 5 ? 0 : n - 5 } };

	return gp_wire_writev(&played, fd, v, n > 5 ? 2 : 1);
}

#define NEGOTIATION "\0\0\0\15O\0\0\0\6\0\0\1\377\0\37\377\377"
#define ANSWER      "\0\0\0\15O\0\0\0\6\0\0\0\61\0\0\0\0"
#define N(text)     (text), sizeof(text) - 1
#define T(t)        .text = (t), .n = sizeof(t) - 1
#define O(t)        .out = (t), .out_n = sizeof(t) - 1

/* The first packet of a connection, and its answer. */
static void
negotiate(int fd)
{
	char head[5];
	char rest[12];
	short is;

	arrive(fd, N(NEGOTIATION));
	assert_int_equal(poll_for(fd, POLLIN, 0, &is), 1);
	assert_int_equal(gp_wire_read(&played, fd, head, 5), 5);
	assert_int_equal(poll_for(fd, POLLIN, 7210000, &is), 1);
	assert_int_equal(gp_wire_read(&played, fd, rest, 12), 12);
	assert_string_equal(sys.calls, "poll(0) read poll(7210000) read");
	assert_int_equal(write_packet(fd, N(ANSWER)), sizeof(ANSWER) - 1);
	assert_int_equal(sys.at[fd].out_n, sizeof(ANSWER) - 1);
	sys.at[fd].out_n = 0;
	sys.calls[0] = '\0';
}

static int
open_all(void **state)
{
	(void)state;
	memset(&sys, 0, sizeof(sys));
	for (int fd = 0; fd < FDS; fd++)
		sys.at[fd].room = sizeof(sys.at[fd].out);
	return 0;
}

static int
close_all(void **state)
{
	(void)state;
	for (int fd = 0; fd < FDS; fd++)
		(void)gp_wire_close(&played, fd);
	return 0;
}

/* -- rows -------------------------------------------------------------- */

enum act { END, ARRIVE, CLOSED, BROKEN, INTERRUPT, ROOM, POLL, READ, WRITE };

/* One thing that happens; of a call, what it returns and what it costs. */
struct step {
	enum act act;
	const char *text; /* arrives, is to be read, is written */
	size_t n;         /* of it; READ: asked for when more */
	size_t next;      /* ROOM: after a poll */
	int value;        /* POLL: time-out; BROKEN: errno */
	short events;
	short revents;
	int want; /* READ, WRITE: 0 is all of n */
	int error;
	const char *out; /* WRITE: what has left by then, since the last */
	size_t out_n;
	const char *calls; /* NULL: none */
};

struct row {
	const char *label;
	bool fresh; /* nothing is negotiated yet */
	struct step steps[12];
};

#define PACKET "\0\0\0\4Habc"
#define IN     .act = POLL, .events = POLLIN | POLLPRI
#define OUT    .act = POLL, .events = POLLOUT

static const struct row reading[] = {
	{ .label = "a packet is taken by the look for it",
	    .steps = { { .act = ARRIVE, T(PACKET) },
		{ IN, .want = 1, .revents = POLLIN, .calls = "recv" },
		{ IN, .value = 9, .want = 1, .revents = POLLIN },
		{ .act = READ, T("\0\0\0\4H") },
		{ IN, .value = 9, .want = 1, .revents = POLLIN },
		{ .act = READ, T("abc") },
		{ IN, .want = 0, .calls = "recv" } } },
	{ .label = "two packets at once cost one call",
	    .steps = { { .act = ARRIVE, T(PACKET PACKET) },
		{ IN, .want = 1, .revents = POLLIN, .calls = "recv" },
		{ .act = READ, T("\0\0\0\4H") }, { .act = READ, T("abc") },
		{ IN, .want = 1, .revents = POLLIN },
		{ .act = READ, T("\0\0\0\4H") }, { .act = READ, T("abc") } } },
	{ .label = "a read without a look before it takes more than asked",
	    .steps = { { .act = ARRIVE, T(PACKET) },
		{ IN, .value = 9, .want = 1, .revents = POLLIN,
		    .calls = "poll(9)" },
		{ .act = READ, T("\0\0\0\4H"), .calls = "readv" },
		{ IN, .value = 9, .want = 1, .revents = POLLIN },
		{ .act = READ, T("abc") } } },
	{ .label = "the end of a packet is still to come",
	    .steps = { { .act = ARRIVE, T("\0\0\0\4Ha") },
		{ IN, .want = 1, .revents = POLLIN, .calls = "recv" },
		{ .act = READ, T("\0\0\0\4H") },
		{ .act = READ, .text = "a", .n = 3, .want = 1 },
		{ IN, .value = 9, .want = 0, .calls = "poll(9)" },
		{ .act = ARRIVE, T("bc" PACKET) },
		{ IN, .value = 9, .want = 1, .revents = POLLIN,
		    .calls = "poll(9)" },
		{ .act = READ, T("bc"), .calls = "readv" },
		{ .act = READ, T("\0\0\0\4H") }, { .act = READ, T("abc") } } },
	{ .label = "one octet at a time",
	    .steps = { { .act = ARRIVE, T("\0") },
		{ IN, .want = 1, .revents = POLLIN, .calls = "recv" },
		{ .act = READ, .text = "\0", .n = 5, .want = 1 },
		{ IN, .value = 9, .want = 0, .calls = "poll(9)" },
		{ .act = ARRIVE, T("\0") },
		{ .act = READ,
		    .text = "\0",
		    .n = 4,
		    .want = 1,
		    .calls = "readv" },
		{ .act = ARRIVE, T("\0") },
		{ .act = READ,
		    .text = "\0",
		    .n = 3,
		    .want = 1,
		    .calls = "readv" } } },
	{ .label = "the connection ends between packets",
	    .steps = { { .act = CLOSED },
		{ IN, .want = 1, .revents = POLLIN | POLLHUP,
		    .calls = "recv poll(0)" },
		{ .act = READ,
		    .text = "",
		    .n = 5,
		    .want = -2,
		    .calls = "readv" } } },
	{ .label = "what came before the end is served first",
	    .steps = { { .act = ARRIVE, T(PACKET) }, { .act = CLOSED },
		{ IN, .want = 1, .revents = POLLIN, .calls = "recv" },
		{ .act = READ, T("\0\0\0\4H") }, { .act = READ, T("abc") },
		{ IN, .want = 1, .revents = POLLIN | POLLHUP,
		    .calls = "recv poll(0)" } } },
	{ .label = "the connection is reset",
	    .steps = { { .act = BROKEN, .value = ECONNRESET },
		{ .act = READ,
		    .text = "",
		    .n = 5,
		    .want = -1,
		    .error = ECONNRESET,
		    .calls = "readv" } } },
	{ .label = "a look does not swallow what has gone wrong",
	    .steps = { { .act = BROKEN, .value = ETIMEDOUT },
		{ IN, .want = 1, .revents = POLLIN, .calls = "recv" },
		{ IN, .value = 9, .want = 1, .revents = POLLIN },
		{ .act = READ,
		    .text = "",
		    .n = 5,
		    .want = -1,
		    .error = ETIMEDOUT } } },
	{ .label = "interrupted",
	    .steps = { { .act = ARRIVE, T(PACKET) }, { .act = INTERRUPT },
		{ IN, .value = 9, .want = -1, .error = EINTR,
		    .calls = "poll(9)" },
		{ .act = INTERRUPT },
		{ .act = READ,
		    .text = "",
		    .n = 5,
		    .want = -1,
		    .error = EINTR,
		    .calls = "readv" },
		{ .act = READ, T("\0\0\0\4H"), .calls = "readv" } } },
	{ .label = "asked for nothing",
	    .steps = { { .act = ARRIVE, T(PACKET) },
		{ .act = READ, .text = "", .n = 0, .calls = "read" },
		{ .act = READ, T("\0\0\0\4H"), .calls = "readv" } } },
	{ .label = "what is kept does not make it writable",
	    .steps = { { .act = ARRIVE, T(PACKET) },
		{ IN, .want = 1, .revents = POLLIN, .calls = "recv" },
		{ .act = ROOM, .n = 0 },
		{ .act = POLL,
		    .events = POLLIN | POLLOUT,
		    .value = 9,
		    .want = 1,
		    .revents = POLLIN,
		    .calls = "poll(0)" } } },
};

#define CHANGE "\0\0\0\5habcd"
#define HOLD   "\0\0\0\4qspf"
#define GO_ON  "\0\0\0\1c"
#define REPLY  "\0\0\0\6y550 x"

static const struct row writing[] = {
	{ .label = "an answer needs no look before it",
	    .steps = { { OUT, .value = 9, .want = 1, .revents = POLLOUT },
		{ .act = WRITE, T(GO_ON), O(GO_ON), .calls = "sendmsg" } } },
	{ .label = "changes leave with the answer",
	    .steps = { { .act = WRITE, T(CHANGE) }, { .act = WRITE, T(HOLD) },
		{ OUT, .value = 9, .want = 1, .revents = POLLOUT },
		{ .act = WRITE,
		    T(GO_ON),
		    O(CHANGE HOLD GO_ON),
		    .calls = "sendmsg" } } },
	{ .label = "and with any other packet that is none",
	    .steps = { { .act = WRITE, T(CHANGE) },
		{ .act = WRITE,
		    T("\0\0\0\1p"),
		    O(CHANGE "\0\0\0\1p"),
		    .calls = "sendmsg" },
		{ .act = WRITE, T(CHANGE) },
		{ .act = WRITE,
		    T(REPLY),
		    O(CHANGE REPLY),
		    .calls = "sendmsg" } } },
	{ .label = "what is no whole packet is not held back",
	    .steps = { { .act = WRITE,
			   T("\0\0\0\4qab"),
			   O("\0\0\0\4qab"),
			   .calls = "sendmsg" },
		{ .act = WRITE,
		    T("\0\0\0\1q+"),
		    O("\0\0\0\1q+"),
		    .calls = "sendmsg" },
		{ .act = WRITE,
		    T("\0\0\0\0"),
		    O("\0\0\0\0"),
		    .calls = "sendmsg" } } },
	{ .label = "no room: it waits as long as libmilter would have",
	    .steps = { { .act = ROOM, .next = 100 },
		{ OUT, .value = 77, .want = 1, .revents = POLLOUT },
		{ .act = WRITE,
		    T(REPLY),
		    O(REPLY),
		    .calls = "sendmsg poll(77) sendmsg" } } },
	{ .label = "no room in that time",
	    .steps = { { .act = ROOM },
		{ OUT, .value = 77, .want = 1, .revents = POLLOUT },
		{ .act = WRITE,
		    T(REPLY),
		    .want = -1,
		    .error = ETIMEDOUT,
		    .calls = "sendmsg poll(77)" } } },
	{ .label = "room for a part; the rest is libmilter's to bring",
	    .steps = { { .act = ROOM, .n = 7, .next = 100 },
		{ .act = WRITE,
		    T(REPLY),
		    .want = 7,
		    O("\0\0\0\6y55"),
		    .calls = "sendmsg" },
		{ .act = WRITE,
		    T("0 x"),
		    O("0 x"),
		    .calls = "sendmsg poll(-1) sendmsg" } } },
	{ .label = "a rest that looks like a change is a rest",
	    .steps = { { .act = ROOM, .n = 6, .next = 100 },
		{ .act = WRITE,
		    T("\0\0\0\6yq\0\0\0\1q"),
		    .want = 6,
		    O("\0\0\0\6yq"),
		    .calls = "sendmsg" },
		{ .act = WRITE,
		    T("\0\0\0\1q"),
		    O("\0\0\0\1q"),
		    .calls = "sendmsg poll(-1) sendmsg" },
		{ .act = WRITE, T(CHANGE) } } },
	{ .label = "room for a part of what was held",
	    .steps = { { .act = WRITE, T(CHANGE) },
		{ .act = ROOM, .n = 3, .next = 100 },
		{ .act = WRITE,
		    T(GO_ON),
		    O(CHANGE GO_ON),
		    .calls = "sendmsg sendmsg poll(-1) sendmsg" } } },
	{ .label = "room for what was held and nothing more",
	    .steps = { { .act = WRITE, T(CHANGE) },
		{ .act = ROOM, .n = 9, .next = 100 },
		{ .act = WRITE,
		    T(GO_ON),
		    O(CHANGE GO_ON),
		    .calls = "sendmsg sendmsg poll(-1) sendmsg" } } },
	{ .label = "interrupted; what was held still is",
	    .steps = { { .act = WRITE, T(CHANGE) }, { .act = INTERRUPT },
		{ .act = WRITE,
		    T(GO_ON),
		    .want = -1,
		    .error = EINTR,
		    .calls = "sendmsg" },
		{ .act = WRITE,
		    T(GO_ON),
		    O(CHANGE GO_ON),
		    .calls = "sendmsg" } } },
	{ .label = "the answer does not come: what is held goes before a read",
	    .steps = { { .act = WRITE, T(CHANGE) }, { .act = INTERRUPT },
		{ IN, .value = 9, .want = 0,
		    .calls = "sendmsg sendmsg poll(9)" },
		{ .act = WRITE,
		    T(GO_ON),
		    O(CHANGE GO_ON),
		    .calls = "sendmsg" } } },
	{ .label = "what was held can not go: nothing goes any more",
	    .steps = { { .act = WRITE, T(CHANGE) }, { .act = ROOM },
		{ IN, .value = 9, .want = 0,
		    .calls = "sendmsg poll(-1) poll(9)" },
		{ .act = ROOM, .n = 100 },
		{ .act = WRITE, T(GO_ON), .want = -1, .error = ETIMEDOUT } } },
	{ .label = "nothing to write",
	    .steps = { { .act = WRITE,
		.text = "",
		.n = 0,
		.calls = "writev" } } },
};

static const struct row learning[] = {
	{ .label = "read without a poll",
	    .fresh = true,
	    .steps = { { .act = ARRIVE, T(NEGOTIATION PACKET) },
		{ .act = READ, T("\0\0\0\15O"), .calls = "read" },
		{ IN, .value = 9, .want = 1, .revents = POLLIN,
		    .calls = "poll(9)" },
		{ .act = READ,
		    T("\0\0\0\6\0\0\1\377\0\37\377\377"),
		    .calls = "read" },
		{ IN, .want = 1, .revents = POLLIN, .calls = "poll(0)" },
		{ .act = READ, T("\0\0\0\4H"), .calls = "read" } } },
	{ .label = "the rest read in another way",
	    .fresh = true,
	    .steps = { { .act = ARRIVE, T("\0\0\0\15O\0\0\0\4H") },
		{ IN, .want = 1, .revents = POLLIN, .calls = "poll(0)" },
		{ .act = READ, T("\0\0\0\15O"), .calls = "read" },
		{ IN, .want = 1, .revents = POLLIN, .calls = "poll(0)" },
		{ .act = READ, T("\0\0\0\4H"), .calls = "read" },
		{ IN, .want = 0, .calls = "poll(0)" } } },
	{ .label = "another head",
	    .fresh = true,
	    .steps = { { .act = ARRIVE, T(NEGOTIATION PACKET) },
		{ IN, .want = 1, .revents = POLLIN, .calls = "poll(0)" },
		{ .act = READ, T("\0\0\0\15"), .calls = "read" },
		{ IN, .want = 1, .revents = POLLIN, .calls = "poll(0)" },
		{ .act = READ,
		    T("O\0\0\0\6\0\0\1\377\0\37\377\377"),
		    .calls = "read" },
		{ IN, .want = 1, .revents = POLLIN, .calls = "poll(0)" } } },
	{ .label = "the head in pieces",
	    .fresh = true,
	    .steps = { { .act = ARRIVE, T("\0\0") },
		{ IN, .want = 1, .revents = POLLIN, .calls = "poll(0)" },
		{ .act = READ,
		    .text = "\0\0",
		    .n = 5,
		    .want = 2,
		    .calls = "read" },
		{ .act = ARRIVE, T("\0\15O") },
		{ IN, .want = 1, .revents = POLLIN, .calls = "poll(0)" },
		{ .act = READ, T("\0\15O"), .calls = "read" } } },
	{ .label = "changes before the negotiation is answered go at once",
	    .fresh = true,
	    .steps = { { OUT, .value = 9, .want = 1, .revents = POLLOUT,
			   .calls = "poll(9)" },
		{ .act = WRITE, T(CHANGE), O(CHANGE), .calls = "writev" },
		{ .act = ROOM, .n = 4 },
		{ .act = WRITE,
		    T(ANSWER),
		    .want = 4,
		    O("\0\0\0\15"),
		    .calls = "writev" },
		{ .act = ROOM, .n = 100 },
		{ .act = WRITE, T(CHANGE), O(CHANGE), .calls = "writev" } } },
	{ .label = "changes after it do not",
	    .fresh = true,
	    .steps = { { .act = WRITE,
			   T(ANSWER),
			   O(ANSWER),
			   .calls = "writev" },
		{ .act = WRITE, T(CHANGE) } } },
};

/* -- playing a row ----------------------------------------------------- */

static void
play_call(int fd, const struct step *s)
{
	char got[64];
	short is = 0;
	int want = s->want;
	ssize_t n;

	errno = 0;
	if (s->act == POLL) {
		n = poll_for(fd, s->events, s->value, &is);
		assert_int_equal(is, s->revents);
	} else if (s->act == READ) {
		n = gp_wire_read(&played, fd, got, s->n);
		want = want == 0 ? (int)s->n : want == -2 ? 0 : want;
	} else {
		n = write_packet(fd, s->text, s->n);
		want = want == 0 ? (int)s->n : want;
	}
	assert_int_equal(n, want);
	if (n < 0)
		assert_int_equal(errno, s->error);
	if (s->act == READ && n > 0)
		assert_memory_equal(got, s->text, (size_t)n);
	assert_string_equal(sys.calls, s->calls == NULL ? "" : s->calls);
	sys.calls[0] = '\0';
	if (s->act != WRITE)
		return;
	assert_int_equal(sys.at[fd].out_n, s->out_n);
	if (s->out_n > 0)
		assert_memory_equal(sys.at[fd].out, s->out, s->out_n);
	sys.at[fd].out_n = 0;
}

static void
play_step(int fd, const struct step *s)
{
	switch (s->act) {
	case ARRIVE:
		arrive(fd, s->text, s->n);
		break;
	case CLOSED:
		sys.at[fd].end = true;
		break;
	case BROKEN:
		sys.at[fd].in_error = s->value;
		break;
	case INTERRUPT:
		sys.interrupts = 1;
		break;
	case ROOM:
		sys.at[fd].room = s->n;
		sys.at[fd].room_next = s->next;
		break;
	case POLL:
	case READ:
	case WRITE:
		play_call(fd, s);
		break;
	case END:
		break;
	}
}

static void
play_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		(void)open_all(NULL);
		gp_wire_accepted(3);
		if (!r->fresh)
			negotiate(3);
		for (size_t k = 0; k < 12 && r->steps[k].act != END; k++) {
			print_message("# %s, %zu\n", r->label, k + 1);
			play_step(3, &r->steps[k]);
		}
		assert_int_equal(gp_wire_close(&played, 3), 0);
	}
}

static void
wire_read_ahead_serves_what_libmilter_asks_for(void **state)
{
	(void)state;
	play_rows(reading, sizeof(reading) / sizeof(reading[0]));
}

static void
wire_changes_are_held_until_their_answer(void **state)
{
	(void)state;
	play_rows(writing, sizeof(writing) / sizeof(writing[0]));
}

static void
wire_other_ways_of_reading_are_left_alone(void **state)
{
	(void)state;
	play_rows(learning, sizeof(learning) / sizeof(learning[0]));
}

/* -- what no row can say ----------------------------------------------- */

/* All that arrives is read, once and in its order, however it comes. */
static void
wire_any_pieces_are_read_in_order(void **state)
{
	unsigned dice = 1;
	char got[256];

	(void)state;
	for (int round = 0; round < 200; round++) {
		unsigned char sent = 0;
		unsigned char read = 0;
		short is;

		(void)open_all(NULL);
		gp_wire_accepted(3);
		negotiate(3);
		for (int i = 0; i < 300; i++) {
			dice = dice * 1103515245U + 12345U;
			if ((dice >> 16) % 3 == 0) {
				char some[200];
				size_t n = (dice >> 20) % sizeof(some);

				for (size_t k = 0; k < n; k++)
					some[k] = (char)sent++;
				arrive(3, some, n);
				continue;
			}
			if (poll_for(3, POLLIN, (dice >> 20) % 2 == 0 ? 0 : 9,
				&is) == 0)
				continue;
			ssize_t n = gp_wire_read(&played, 3, got,
			    1 + (dice >> 21) % sizeof(got));

			assert_true(n > 0);
			for (ssize_t k = 0; k < n; k++)
				assert_int_equal((unsigned char)got[k], read++);
		}
		while (poll_for(3, POLLIN, 0, &is) == 1) {
			ssize_t n = gp_wire_read(&played, 3, got, sizeof(got));

			for (ssize_t k = 0; k < n; k++)
				assert_int_equal((unsigned char)got[k], read++);
		}
		assert_int_equal(read, sent);
		(void)gp_wire_close(&played, 3);
	}
}

static void
wire_of_several_the_kept_are_ready_besides(void **state)
{
	struct pollfd set[] = { { .fd = 3, .events = POLLIN },
		{ .fd = 4, .events = POLLIN }, { .fd = 5, .events = POLLIN },
		{ .fd = 6, .events = POLLOUT }, { .fd = 1, .events = POLLIN } };
	short is;

	(void)state;
	for (int fd = 3; fd <= 6; fd++) {
		gp_wire_accepted(fd);
		negotiate(fd);
	}
	arrive(4, N(PACKET));
	assert_int_equal(gp_wire_poll(&played, set, 5, 1000), 2);
	assert_string_equal(sys.calls, "poll(1000)");
	assert_int_equal(set[1].revents, POLLIN);
	assert_int_equal(set[3].revents, POLLOUT);
	/* 4 has something kept now, and 1, which is none of ours, arrives */
	assert_int_equal(poll_for(4, POLLIN, 0, &is), 1);
	arrive(1, N("x"));
	sys.calls[0] = '\0';
	assert_int_equal(gp_wire_poll(&played, set, 5, 1000), 3);
	assert_string_equal(sys.calls, "poll(0)");
	assert_int_equal(set[0].revents, 0);
	assert_int_equal(set[1].revents, POLLIN);
	assert_int_equal(set[2].revents, 0);
	assert_int_equal(set[3].revents, POLLOUT);
	assert_int_equal(set[4].revents, POLLIN);
	/* kept, and more of it has arrived */
	arrive(4, N("y"));
	assert_int_equal(gp_wire_poll(&played, set, 5, 1000), 3);
	sys.interrupts = 1;
	assert_int_equal(gp_wire_poll(&played, set, 5, 1000), -1);
	assert_int_equal(errno, EINTR);
}

static void
wire_counts_what_is_open(void **state)
{
	(void)state;
	assert_int_equal(gp_wire_count(), 0);
	gp_wire_accepted(3);
	gp_wire_accepted(4);
	gp_wire_accepted(GP_WIRE_MAX); /* left alone */
	gp_wire_accepted(-1);
	assert_int_equal(gp_wire_count(), 2);
	gp_wire_accepted(3); /* its close was not seen */
	assert_int_equal(gp_wire_count(), 2);
	assert_int_equal(gp_wire_close(&played, 3), 0);
	assert_int_equal(gp_wire_close(&played, 5), 0); /* none of these */
	assert_int_equal(gp_wire_close(&played, 3), 0);
	assert_int_equal(gp_wire_count(), 1);
}

static void
wire_takes_all_octets_of_the_bell_at_once(void **state)
{
	char got[2];
	short is;

	(void)state;
	arrive(1, N("ZZZZZ"));
	assert_int_equal(gp_wire_read(&played, 1, got, 1), 1);
	assert_int_equal(poll_for(1, POLLIN, 0, &is), 1); /* not yet a bell */
	gp_wire_bell(1);
	got[0] = ' ';
	assert_int_equal(gp_wire_read(&played, 1, got, 1), 1);
	assert_int_equal(got[0], 'Z');
	assert_int_equal(poll_for(1, POLLIN, 0, &is), 0);
	arrive(1, N("XY")); /* who asks for more gets what he asks for */
	assert_int_equal(gp_wire_read(&played, 1, got, 2), 2);
	gp_wire_bell(-1);
}

static void
wire_strange_descriptors_are_passed_on(void **state)
{
	char got[8];
	short is;

	(void)state;
	gp_wire_accepted(-1);
	gp_wire_accepted(GP_WIRE_MAX);
	arrive(5, N(PACKET));
	assert_int_equal(poll_for(5, POLLIN, 0, &is), 1);
	assert_int_equal(gp_wire_read(&played, 5, got, 5), 5);
	assert_int_equal(write_packet(5, N(CHANGE)), sizeof(CHANGE) - 1);
	assert_int_equal(poll_for(5, POLLOUT, 3, &is), 1);
	assert_int_equal(gp_wire_close(&played, 5), 0);
	assert_string_equal(sys.calls, "poll(0) read writev poll(3) close");
	sys.calls[0] = '\0';
	assert_int_equal(gp_wire_poll(&played, NULL, 0, 5), 0);
	assert_string_equal(sys.calls, "poll(5)");
}

/* With something kept and something held: neither is the next one's. */
static void
wire_a_closed_descriptor_leaves_nothing_behind(void **state)
{
	char got[8];
	short is;

	(void)state;
	for (int how = 0; how < 2; how++) {
		gp_wire_accepted(3);
		negotiate(3);
		arrive(3, N(PACKET PACKET));
		assert_int_equal(poll_for(3, POLLIN, 0, &is), 1);
		assert_int_equal(write_packet(3, N(CHANGE)),
		    sizeof(CHANGE) - 1);
		/* closed by a way that is not ours, too */
		if (how == 0)
			assert_int_equal(gp_wire_close(&played, 3), 0);
		else
			(void)play_close(3);
		assert_int_equal(sys.at[3].out_n, 0);
		(void)open_all(NULL);
		gp_wire_accepted(3);
		assert_int_equal(poll_for(3, POLLIN, 9, &is), 0);
		arrive(3, N("zz"));
		assert_int_equal(gp_wire_read(&played, 3, got, 2), 2);
		assert_memory_equal(got, "zz", 2);
		assert_string_equal(sys.calls, "poll(9) read");
		(void)gp_wire_close(&played, 3);
		(void)open_all(NULL);
	}
}

static void
wire_more_changes_than_are_held_go_at_once(void **state)
{
	char big[5 + 40000] = { 0, 0, (char)(40001 >> 8), (char)(40001 & 0xff),
		'i' };

	(void)state;
	gp_wire_accepted(3);
	negotiate(3);
	assert_int_equal(write_packet(3, big, sizeof(big)), sizeof(big));
	assert_int_equal(sys.at[3].out_n, 0);
	assert_int_equal(write_packet(3, big, sizeof(big)), sizeof(big));
	assert_int_equal(sys.at[3].out_n, 2 * sizeof(big));
	assert_int_equal(write_packet(3, big, sizeof(big)), sizeof(big));
	assert_int_equal(sys.at[3].out_n, 2 * sizeof(big));
	assert_int_equal(write_packet(3, N(GO_ON)), sizeof(GO_ON) - 1);
	assert_int_equal(sys.at[3].out_n, 3 * sizeof(big) + sizeof(GO_ON) - 1);
	assert_string_equal(sys.calls, "sendmsg sendmsg");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wire_read_ahead_serves_what_libmilter_asks_for),
		TEST(wire_changes_are_held_until_their_answer),
		TEST(wire_other_ways_of_reading_are_left_alone),
		TEST(wire_any_pieces_are_read_in_order),
		TEST(wire_of_several_the_kept_are_ready_besides),
		TEST(wire_counts_what_is_open),
		TEST(wire_takes_all_octets_of_the_bell_at_once),
		TEST(wire_strange_descriptors_are_passed_on),
		TEST(wire_a_closed_descriptor_leaves_nothing_behind),
		TEST(wire_more_changes_than_are_held_go_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
