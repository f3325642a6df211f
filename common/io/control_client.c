/* See control_client.h. */
#include "io/control_client.h"

#include "io/clock.h"
#include "io/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static enum gp_rc
open_socket(const char *path, int *fd, struct gp_err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	*fd = -1;
	if (strlen(path) >= sizeof(sun.sun_path))
		return gp_fail(err, GP_PERM, "%s: the path is too long", path);
	memcpy(sun.sun_path, path, strlen(path));
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return gp_fail(err, GP_TEMP, "no socket: %m");
	if (connect(*fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
		return GP_OK;
	if (errno == EACCES || errno == EPERM)
		return gp_fail(err, GP_PERM, "%s: no access", path);
	return gp_fail(err, GP_TEMP, "%s: %m; is the daemon running?", path);
}

/* A request is short, and its room in a new socket is not taken. */
static bool
send_request(int fd, const char *request)
{
	char line[GP_CONTROL_REQUEST_MAX + 1];
	int n = snprintf(line, sizeof(line), "%s\n", request);

	return n > 0 && (size_t)n < sizeof(line) &&
	       send(fd, line, (size_t)n, MSG_NOSIGNAL) == n;
}

enum gp_rc
gp_control_connect(const char *path, const char *request, int *fd,
    struct gp_err *err)
{
	enum gp_rc rc = open_socket(path, fd, err);

	if (rc == GP_OK && !send_request(*fd, request))
		rc = gp_fail(err, GP_TEMP, "%s: takes no request", path);
	if (rc != GP_OK && *fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
	return rc;
}

/* -- answers --------------------------------------------------------------- */

static enum gp_rc
read_answer(const char *path, struct gp_str whole, struct gp_buf *out,
    struct gp_err *err)
{
	struct gp_str rest = whole;
	struct gp_str first = gp_str_split(&rest, '\n');
	bool ok = gp_str_eq(first, GP_STR("ok"));

	if (!ok && !gp_str_eq(first, GP_STR("error")))
		return gp_fail(err, GP_PERM,
		    "%s: no control socket of gatepost", path);
	gp_buf_add_str(out, rest);
	return ok ? GP_OK : GP_NONE;
}

static void
end(struct gp_control_ask *ask)
{
	(void)close(ask->fd);
	ask->fd = -1;
	gp_buf_clear(&ask->got);
}

static void
fail(struct gp_control_ask *ask)
{
	ask->rc = gp_fail(&ask->err, GP_TEMP, "%s: no answer", ask->path);
	end(ask);
}

static void
begin(struct gp_control_ask *ask, const char *request)
{
	gp_buf_init(&ask->out, GP_CONTROL_ANSWER_MAX + 16);
	gp_buf_init(&ask->got, GP_CONTROL_ANSWER_MAX + 16);
	ask->fd = -1;
	ask->rc = gp_control_connect(ask->path, request, &ask->fd, &ask->err);
}

static void
receive(struct gp_control_ask *ask)
{
	char block[4096];
	ssize_t n = recv(ask->fd, block, sizeof(block), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		gp_buf_add(&ask->got, block, (size_t)n);
	if (n < 0 || ask->got.overflow) {
		fail(ask);
	} else if (n == 0) {
		ask->rc = read_answer(ask->path, gp_buf_str(&ask->got),
		    &ask->out, &ask->err);
		end(ask);
	}
}

/* One look at all that are not done; false: there is none. */
static bool
step(struct gp_control_ask *asks, size_t n, int64_t deadline_us)
{
	struct pollfd p[GP_CONTROL_ASKS_MAX];
	int64_t left_ms = (deadline_us - gp_clock_us()) / GP_US_PER_MS;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		p[i] = (struct pollfd){ .fd = asks[i].fd, .events = POLLIN };
		any = any || asks[i].fd >= 0;
	}
	if (!any)
		return false;
	if (left_ms <= 0 || (poll(p, n, (int)left_ms) < 0 && errno != EINTR)) {
		for (size_t i = 0; i < n; i++)
			if (asks[i].fd >= 0)
				fail(&asks[i]);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (p[i].fd >= 0 && p[i].revents != 0)
			receive(&asks[i]);
	return true;
}

void
gp_control_ask_all(struct gp_control_ask *asks, size_t n, const char *request,
    int64_t timeout_ms)
{
	const int64_t deadline_us =
	    gp_time_add(gp_clock_us(), timeout_ms * GP_US_PER_MS);

	for (size_t i = 0; i < n; i++)
		begin(&asks[i], request);
	while (step(asks, n, deadline_us))
		continue;
}

enum gp_rc
gp_control_ask(const char *path, const char *request, int64_t timeout_ms,
    struct gp_buf *out, struct gp_err *err)
{
	struct gp_control_ask ask = { .path = path };

	gp_control_ask_all(&ask, 1, request, timeout_ms);
	gp_buf_add_str(out, gp_buf_str(&ask.out));
	gp_buf_clear(&ask.out);
	if (err != NULL)
		*err = ask.err;
	return ask.rc;
}
