/* See control_client.h. */
#include "io/control_client.h"

#include "io/clock.h"
#include "io/control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static enum gp_rc
open_socket(const char *path, int *fd, struct gp_err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

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

/* Wait until the socket is ready for `events`; false: not in time. */
static bool
wait_for(int fd, short events, int64_t deadline_us)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = (deadline_us - gp_clock_us()) / GP_US_PER_MS;

	return left > 0 && poll(&p, 1, (int)left) == 1;
}

static bool
send_all(int fd, struct gp_str s, int64_t deadline_us)
{
	while (s.n > 0) {
		ssize_t n;

		if (!wait_for(fd, POLLOUT, deadline_us))
			return false;
		n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0)
			s = gp_str_n(s.p + n, s.n - (size_t)n);
	}
	return true;
}

static bool
receive_all(int fd, struct gp_buf *out, int64_t deadline_us)
{
	char block[4096];

	for (;;) {
		ssize_t n;

		if (!wait_for(fd, POLLIN, deadline_us))
			return false;
		n = recv(fd, block, sizeof(block), 0);
		if (n == 0)
			return !out->overflow;
		if (n > 0)
			gp_buf_add(out, block, (size_t)n);
		else if (errno != EAGAIN && errno != EINTR)
			return false;
	}
}

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

enum gp_rc
gp_control_ask(const char *path, const char *request, int64_t timeout_ms,
    struct gp_buf *out, struct gp_err *err)
{
	const int64_t deadline_us =
	    gp_time_add(gp_clock_us(), timeout_ms * GP_US_PER_MS);
	struct gp_buf answer;
	int fd = -1;
	enum gp_rc rc = open_socket(path, &fd, err);

	gp_buf_init(&answer, GP_CONTROL_ANSWER_MAX + 16);
	if (rc != GP_OK)
		goto out;
	if (!send_all(fd, gp_str(request), deadline_us) ||
	    !send_all(fd, GP_STR("\n"), deadline_us) ||
	    !receive_all(fd, &answer, deadline_us))
		rc = gp_fail(err, GP_TEMP, "%s: no answer", path);
	else
		rc = read_answer(path, gp_buf_str(&answer), out, err);
out:
	gp_buf_clear(&answer);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}
