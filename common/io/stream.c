/* See stream.h. */
#include "io/stream.h"

#include "io/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PIECE_MAX 16384
#define HOST_MAX  256

/* Milliseconds for poll(); 0 when the time is over. */
static int
time_left(const struct gp_stream *s)
{
	int64_t left = gp_time_sub(s->deadline_us, gp_clock_us());

	if (left <= 0)
		return 0;
	left = left / GP_US_PER_MS + 1;
	return left > 60000 ? 60000 : (int)left;
}

/* False: not in time. */
static bool
wait_for(const struct gp_stream *s, short events)
{
	struct pollfd p = { .fd = s->fd, .events = events };
	int left = time_left(s);
	int n = 0;

	while (left > 0 && n <= 0) {
		n = poll(&p, 1, left);
		left = time_left(s);
	}
	return n > 0;
}

/* -- opening ------------------------------------------------------------ */

static enum gp_rc
refused(const char *socket, int error, struct gp_err *err)
{
	if (error == ENOENT || error == ECONNREFUSED)
		return gp_fail(err, GP_NONE, "%s: nobody listens there (%s)",
		    socket, strerrordesc_np(error));
	if (error == EACCES || error == EPERM)
		return gp_fail(err, GP_PERM, "%s: no access", socket);
	return gp_fail(err, GP_TEMP, "%s: %s", socket, strerrordesc_np(error));
}

static enum gp_rc
connect_to(struct gp_stream *s, const char *socket_name,
    const struct sockaddr *to, socklen_t size, struct gp_err *err)
{
	socklen_t n = sizeof(int);
	int error = 0;

	s->fd = socket(to->sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return gp_fail(err, GP_TEMP, "%s: no socket: %m", socket_name);
	if (connect(s->fd, to, size) == 0)
		return GP_OK;
	if (errno != EINPROGRESS)
		return refused(socket_name, errno, err);
	if (!wait_for(s, POLLOUT))
		return gp_fail(err, GP_TEMP, "%s: no connection in time",
		    socket_name);
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
		error = errno;
	return error == 0 ? GP_OK : refused(socket_name, error, err);
}

static enum gp_rc
open_unix(struct gp_stream *s, const char *socket, const char *path,
    struct gp_err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (*path == '\0' || strlen(path) >= sizeof(to.sun_path))
		return gp_fail(err, GP_PERM,
		    "%s: expected a path of 1 to %zu octets", socket,
		    sizeof(to.sun_path) - 1);
	(void)memcpy(to.sun_path, path, strlen(path));
	return connect_to(s, socket, (const struct sockaddr *)&to, sizeof(to),
	    err);
}

/* `place` is "PORT@HOST". */
static enum gp_rc
open_inet(struct gp_stream *s, const char *socket, const char *place,
    struct gp_err *err)
{
	struct addrinfo how = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	size_t n = strcspn(place, "@");
	struct addrinfo *found = NULL;
	uint64_t port;
	char text[8];
	enum gp_rc rc;
	int error;

	if (place[n] == '\0' || place[n + 1] == '\0' ||
	    strlen(place) > HOST_MAX ||
	    gp_parse_u64(gp_str_n(place, n), 65535, &port) != GP_OK ||
	    port == 0)
		return gp_fail(err, GP_PERM, "%s: expected PORT@HOST", socket);
	(void)snprintf(text, sizeof(text), "%u", (unsigned)port & 0xffff);
	error = getaddrinfo(place + n + 1, text, &how, &found);
	if (error != 0)
		return gp_fail(err, error == EAI_AGAIN ? GP_TEMP : GP_PERM,
		    "%s: %s", socket, gai_strerror(error));
	rc = connect_to(s, socket, found->ai_addr, found->ai_addrlen, err);
	freeaddrinfo(found);
	return rc;
}

enum gp_rc
gp_stream_open(const char *socket, int64_t timeout_ms, struct gp_stream *out,
    struct gp_err *err)
{
	size_t n = strcspn(socket, ":");
	struct gp_str kind = gp_str_n(socket, n);
	enum gp_rc rc = GP_PERM;

	*out = (struct gp_stream){ .fd = -1,
		.deadline_us =
		    gp_time_add(gp_clock_us(), timeout_ms * GP_US_PER_MS) };
	if (socket[n] == '\0')
		return gp_fail(err, GP_PERM,
		    "%s: expected unix:PATH or inet:PORT@HOST", socket);
	if (gp_str_eq_nocase(kind, GP_STR("unix")) ||
	    gp_str_eq_nocase(kind, GP_STR("local")))
		rc = open_unix(out, socket, socket + n + 1, err);
	else if (gp_str_eq_nocase(kind, GP_STR("inet")) ||
		 gp_str_eq_nocase(kind, GP_STR("inet6")))
		rc = open_inet(out, socket, socket + n + 1, err);
	else
		rc = gp_fail(err, GP_PERM,
		    "%s: expected unix:PATH or inet:PORT@HOST", socket);
	if (rc != GP_OK)
		gp_stream_close(out);
	return rc;
}

void
gp_stream_close(struct gp_stream *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

/* -- using it ----------------------------------------------------------- */

enum gp_rc
gp_stream_send(struct gp_stream *s, struct gp_str what, struct gp_err *err)
{
	while (what.n > 0) {
		ssize_t n;

		if (!wait_for(s, POLLOUT))
			return gp_fail(err, GP_TEMP, "it takes nothing");
		n = send(s->fd, what.p, what.n, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return gp_fail(err, GP_TEMP, "it has gone: %m");
		if (n > 0)
			what = gp_str_n(what.p + n, what.n - (size_t)n);
	}
	return GP_OK;
}

enum gp_rc
gp_stream_receive(struct gp_stream *s, struct gp_buf *in, struct gp_err *err)
{
	char piece[PIECE_MAX];
	size_t room = in->max - in->n;

	if (room == 0)
		return gp_fail(err, GP_PERM, "it says too much");
	for (;;) {
		ssize_t n;

		if (!wait_for(s, POLLIN))
			return gp_fail(err, GP_TEMP, "no answer in time");
		n = recv(s->fd, piece,
		    room < sizeof(piece) ? room : sizeof(piece), 0);
		if (n == 0)
			return gp_fail(err, GP_NONE, "it has closed");
		if (n > 0) {
			gp_buf_add(in, piece, (size_t)n);
			return GP_OK;
		}
		if (errno != EAGAIN && errno != EINTR)
			return gp_fail(err, GP_TEMP, "it has gone: %m");
	}
}
