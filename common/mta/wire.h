/*
 * wire - the connections to the MTA, with fewer system calls.
 *
 * libmilter asks poll() and read() twice for each packet, first its length and
 * then the rest, and poll() and writev() for each change of a message; a
 * message is 20 such packets, and these calls cost more than judging it.
 * What is here stands in for the C library's functions (stand_in.c) and keeps
 * what libmilter sees as it was:
 *
 *   - a read takes more than was asked for; the rest is kept for the next
 *     ones, and poll() says that the connection is readable meanwhile;
 *   - a poll() that only looks takes what is there;
 *   - changes of a message are held back until the answer that must follow
 *     them, and leave with it;
 *   - a poll() before a write is made only when the write would block.
 *
 * Nothing of this is done on a connection before its first packet has shown
 * that all of its octets are polled for and read in these ways, and its answer
 * that it is written so: a libmilter that uses other calls is left alone.
 *
 * Ownership: what is kept or held is freed when it has been served or sent,
 *            and by gp_wire_close().
 * Blocking:  as the calls they stand for.
 * Threads:   a connection belongs to one thread at a time, and passes from one
 *            to the next under a lock (libmilter's task manager); different
 *            connections are independent.
 */
#ifndef GP_MTA_WIRE_H
#define GP_MTA_WIRE_H

#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Descriptors from here on are left alone. */
#define GP_WIRE_MAX 65536

/* So much is read beyond what was asked for. */
#define GP_WIRE_AHEAD_BYTES 16384

/* So much is held back; what does not fit is sent at once. */
#define GP_WIRE_HELD_BYTES 65536

/* The system calls that they make. */
struct gp_wire_calls {
	ssize_t (*read)(int fd, void *to, size_t n);
	ssize_t (*readv)(int fd, const struct iovec *to, int n);
	ssize_t (*recv)(int fd, void *to, size_t n, int flags);
	ssize_t (*writev)(int fd, const struct iovec *from, int n);
	ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
	int (*poll)(struct pollfd *set, nfds_t n, int timeout_ms);
	int (*close)(int fd);
};

/* gp_wire_accepted - `fd` is a stream socket that was accepted just now, by
 * who will use it with the calls below only. */
void gp_wire_accepted(int fd);

/* gp_wire_count - how many are accepted and not yet closed. */
size_t gp_wire_count(void);

/* gp_wire_bell - `fd` is the pipe by which libmilter's threads wake one of
 * them, an octet each time; what the octets are it does not look at.  A read of
 * one takes all that are there: they would be taken one a turn, and when so
 * many threads work that the pipe fills, they wait for its reader, who waits
 * for them. */
void gp_wire_bell(int fd);

/* These return what read(2), writev(2), poll(2) and close(2) do, and set
 * errno.  A descriptor that is not gp_wire_accepted() is passed on. */
ssize_t
gp_wire_read(const struct gp_wire_calls *sys, int fd, void *to, size_t n);
ssize_t gp_wire_writev(const struct gp_wire_calls *sys, int fd,
    const struct iovec *from, int n);
int gp_wire_poll(const struct gp_wire_calls *sys, struct pollfd *set, nfds_t n,
    int timeout_ms);
int gp_wire_close(const struct gp_wire_calls *sys, int fd);

#endif
