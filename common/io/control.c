/* See control.h. */
#include "io/control.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/daemon.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_US                                                            \
	(5 * GP_US_PER_S)     /* for a request; for taking an answer           \
	                       */
#define LINGER_US GP_US_PER_S /* for the client's own close */
#define PAUSE_US  GP_US_PER_S /* between accepts that fail */

#define STREAM_MAX 16384 /* octets of lines that wait for one client */

enum stage { READING, WRITING, LINGERING, STREAMING };

struct client {
	int fd; /* -1: no client */
	enum stage stage;
	int64_t deadline_us;
	char in[GP_CONTROL_REQUEST_MAX + 1];
	size_t n;
	struct gp_buf answer;
	size_t sent;
	struct gp_tail *tail; /* streaming: it is joined, ... */
	struct gp_tail_reader reader;
	bool more; /* ... has more lines, as far as is known, ... */
	bool deaf; /* ... and the client will say nothing more */
};

struct gp_control {
	gp_control_fn fn;
	void *arg;
	struct gp_tail *tail; /* NULL: there is none */
	char *path;
	mode_t mode;
	dev_t dev; /* of our socket at `path` */
	ino_t ino;
	int listener;
	int wake; /* readable: the end */
	int64_t pause_until_us;
	pthread_t thread;
	struct client clients[GP_CONTROL_CLIENTS];
};

enum gp_rc
gp_control_request(struct gp_str received, bool ended, struct gp_str *out,
    struct gp_err *err)
{
	size_t end = gp_str_find(received, '\n');

	if (end >= GP_CONTROL_REQUEST_MAX)
		return gp_fail(err, GP_PERM, "a request has at most %d bytes",
		    GP_CONTROL_REQUEST_MAX);
	if (end == received.n && !ended)
		return GP_NONE;
	*out = gp_str_trim(gp_str_n(received.p, end));
	for (size_t i = 0; i < out->n; i++)
		if (!gp_is_print(out->p[i]))
			return gp_fail(err, GP_PERM,
			    "a request is one line of printable text");
	if (out->n == 0)
		return gp_fail(err, GP_PERM,
		    "the request is empty; try \"ping\" or \"status\"");
	return GP_OK;
}

/* -- one client ------------------------------------------------------------ */

static void
drop(struct client *cl)
{
	if (cl->tail != NULL)
		gp_tail_leave(cl->tail, &cl->reader);
	cl->tail = NULL;
	(void)close(cl->fd);
	cl->fd = -1;
	gp_buf_clear(&cl->answer);
}

static void
enter(struct client *cl, enum stage stage, int64_t patience_us)
{
	cl->stage = stage;
	cl->deadline_us = gp_time_add(gp_clock_us(), patience_us);
}

static void
write_answer(struct client *cl)
{
	while (cl->sent < cl->answer.n) {
		ssize_t n = send(cl->fd, cl->answer.p + cl->sent,
		    cl->answer.n - cl->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			drop(cl);
			return;
		}
		cl->sent += (size_t)n;
	}
	/* closing with unread input would take the answer from the client */
	(void)shutdown(cl->fd, SHUT_WR);
	enter(cl, LINGERING, LINGER_US);
}

/* "ok" or "error", the text, a newline where the text lacks one. */
static void
answer(struct client *cl, bool ok, const struct gp_buf *text)
{
	struct gp_str s = gp_buf_str(text);

	gp_buf_adds(&cl->answer, ok ? "ok\n" : "error\n");
	gp_buf_add_str(&cl->answer, s);
	if (s.n > 0 && s.p[s.n - 1] != '\n')
		gp_buf_addc(&cl->answer, '\n');
	enter(cl, WRITING, PATIENCE_US);
	write_answer(cl);
}

/* -- streams --------------------------------------------------------------- */

static size_t
count_streams(const struct gp_control *c)
{
	size_t n = 0;

	for (size_t i = 0; i < GP_CONTROL_CLIENTS; i++)
		n += c->clients[i].fd >= 0 && c->clients[i].stage == STREAMING;
	return n;
}

/* It has no deadline: that nothing is to say, or that the other side does not
 * read, is no fault here. */
static bool
begin_stream(struct gp_control *c, struct client *cl, bool ended,
    struct gp_buf *why)
{
	if (count_streams(c) >= GP_CONTROL_TAILS) {
		gp_buf_addf(why, "%d clients listen already", GP_CONTROL_TAILS);
		return false;
	}
	cl->tail = c->tail;
	gp_tail_join(c->tail, &cl->reader);
	gp_buf_adds(&cl->answer, "ok\n");
	cl->stage = STREAMING;
	cl->deadline_us = GP_NEVER_US;
	cl->more = true;
	cl->deaf = ended;
	return true;
}

/* The client may have closed its side for writing, and still read. */
static void
hear_stream(struct client *cl)
{
	char waste[4096];
	ssize_t n = recv(cl->fd, waste, sizeof(waste), MSG_DONTWAIT);

	if (n == 0)
		cl->deaf = true;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		drop(cl);
}

/* Send what the client takes now, of one portion of lines at most. */
static void
feed_stream(struct client *cl)
{
	ssize_t n;

	if (cl->sent == cl->answer.n) {
		gp_buf_reset(&cl->answer);
		cl->sent = 0;
		gp_tail_read(cl->tail, &cl->reader, &cl->answer, STREAM_MAX);
	}
	cl->more = cl->answer.n > 0;
	if (!cl->more)
		return;
	n = send(cl->fd, cl->answer.p + cl->sent, cl->answer.n - cl->sent,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0)
		cl->sent += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		drop(cl);
}

static void
step_stream(struct client *cl, short revents)
{
	if ((revents & (POLLHUP | POLLERR)) != 0) {
		drop(cl);
		return;
	}
	if ((revents & POLLIN) != 0)
		hear_stream(cl);
	if (cl->fd >= 0)
		feed_stream(cl);
}

/* -- one request ----------------------------------------------------------- */

static void
serve_request(struct gp_control *c, struct client *cl, struct gp_str request,
    bool ended, struct gp_buf *text)
{
	bool ok;

	if (c->tail != NULL && gp_str_eq(request, GP_STR("tail"))) {
		if (!begin_stream(c, cl, ended, text))
			answer(cl, false, text);
		return;
	}
	ok = c->fn(c->arg, request, text);
	if (text->overflow) {
		ok = false;
		gp_buf_reset(text);
		gp_buf_adds(text, "the answer is too long");
	}
	answer(cl, ok, text);
}

static void
serve(struct gp_control *c, struct client *cl, bool ended)
{
	struct gp_str request = gp_str_n(NULL, 0);
	struct gp_buf text;
	struct gp_err err;

	gp_buf_init(&text, GP_CONTROL_ANSWER_MAX);
	switch (gp_control_request(gp_str_n(cl->in, cl->n), ended, &request,
	    &err)) {
	case GP_OK:
		serve_request(c, cl, request, ended, &text);
		break;
	case GP_NONE:
		break;
	case GP_TEMP:
	case GP_PERM:
	default:
		gp_buf_adds(&text, err.msg);
		answer(cl, false, &text);
		break;
	}
	gp_buf_clear(&text);
}

static void
read_request(struct gp_control *c, struct client *cl)
{
	ssize_t n =
	    recv(cl->fd, cl->in + cl->n, sizeof(cl->in) - cl->n, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && cl->n == 0)) {
		drop(cl);
		return;
	}
	cl->n += (size_t)n;
	serve(c, cl, n == 0);
}

/* Throw away what still comes; the deadline ends a client that goes on. */
static void
linger(struct client *cl)
{
	char waste[4096];
	ssize_t n = recv(cl->fd, waste, sizeof(waste), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		drop(cl);
}

static void
step_client(struct gp_control *c, struct client *cl, short revents)
{
	if (cl->stage == STREAMING) {
		step_stream(cl, revents);
		return;
	}
	if (revents == 0) {
		if (gp_clock_us() >= cl->deadline_us)
			drop(cl);
		return;
	}
	switch (cl->stage) {
	case READING:
		read_request(c, cl);
		break;
	case WRITING:
		write_answer(cl);
		break;
	case LINGERING:
	case STREAMING:
	default:
		linger(cl);
		break;
	}
	if (cl->fd >= 0 && gp_clock_us() >= cl->deadline_us)
		drop(cl);
}

/* -- the thread ------------------------------------------------------------ */

static struct client *
free_place(struct gp_control *c)
{
	for (size_t i = 0; i < GP_CONTROL_CLIENTS; i++)
		if (c->clients[i].fd < 0)
			return &c->clients[i];
	return NULL;
}

static void
welcome(struct gp_control *c)
{
	struct client *cl = free_place(c);
	int fd;

	if (cl == NULL)
		return;
	fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* no descriptor: the listener stays readable, so look away */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			c->pause_until_us =
			    gp_time_add(gp_clock_us(), PAUSE_US);
		return;
	}
	cl->fd = fd;
	cl->n = 0;
	cl->sent = 0;
	cl->tail = NULL;
	gp_buf_init(&cl->answer, GP_CONTROL_ANSWER_MAX + 64);
	enter(cl, READING, PATIENCE_US);
}

/* Milliseconds until the next deadline, or -1. */
static int
time_to_wait(const struct gp_control *c)
{
	int64_t now = gp_clock_us();
	int64_t next = GP_NEVER_US;

	if (c->pause_until_us > now)
		next = c->pause_until_us;
	for (size_t i = 0; i < GP_CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			next = gp_time_min(next, c->clients[i].deadline_us);
	if (next == GP_NEVER_US)
		return -1;
	return next <= now ? 0 : (int)((next - now) / GP_US_PER_MS) + 1;
}

enum { WAKE, LISTENER, BELL, FIRST, POLLED = FIRST + GP_CONTROL_CLIENTS };

static short
events_of(const struct client *cl)
{
	switch (cl->stage) {
	case WRITING:
		return POLLOUT;
	case STREAMING:
		return (
		    short)((cl->deaf ? 0 : POLLIN) | (cl->more ? POLLOUT : 0));
	case READING:
	case LINGERING:
	default:
		return POLLIN;
	}
}

static void
list_descriptors(struct gp_control *c, struct pollfd p[POLLED])
{
	bool open = free_place(c) != NULL && c->pause_until_us <= gp_clock_us();

	for (size_t i = 0; i < GP_CONTROL_CLIENTS; i++) {
		const struct client *cl = &c->clients[i];

		p[FIRST + i] =
		    (struct pollfd){ .fd = cl->fd, .events = events_of(cl) };
	}
	p[BELL] =
	    (struct pollfd){ .fd = count_streams(c) > 0 ? gp_tail_bell(c->tail)
		                                        : -1,
		    .events = POLLIN };
	p[WAKE] = (struct pollfd){ .fd = c->wake, .events = POLLIN };
	p[LISTENER] =
	    (struct pollfd){ .fd = open ? c->listener : -1, .events = POLLIN };
}

static void *
run(void *arg)
{
	struct gp_control *c = arg;
	struct pollfd p[POLLED];

	for (;;) {
		list_descriptors(c, p);
		if (poll(p, POLLED, time_to_wait(c)) < 0) {
			/* no memory: look for the end alone for a while */
			(void)poll(p, 1, (int)(PAUSE_US / GP_US_PER_MS));
			continue;
		}
		if (p[WAKE].revents != 0)
			return NULL;
		if (p[BELL].fd >= 0)
			gp_tail_arm(c->tail);
		for (size_t i = 0; i < GP_CONTROL_CLIENTS; i++)
			if (c->clients[i].fd >= 0)
				step_client(c, &c->clients[i],
				    p[FIRST + i].revents);
		if (p[LISTENER].revents != 0)
			welcome(c);
	}
}

/* -- open and close -------------------------------------------------------- */

static enum gp_rc
failed(struct gp_err *err, const char *path, const char *what, int error)
{
	return gp_fail(err, gp_rc_of_errno(error),
	    "control socket \"%s\": %s: %s", path, what,
	    strerrordesc_np(error));
}

/* Bind the listener, so that no moment has a socket of a wider mode: Linux
 * takes it from the mode of the unbound socket, minus the umask.  The mode
 * that is wanted comes then, whatever the umask. */
static enum gp_rc
listen_at(struct gp_control *c, struct gp_err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct stat st;

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", c->path);
	c->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->listener < 0 || c->wake < 0)
		return failed(err, c->path, "no descriptor", errno);
	if (fchmod(c->listener, S_IRUSR | S_IWUSR) != 0 ||
	    bind(c->listener, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
	    chmod(c->path, c->mode) != 0)
		return failed(err, c->path, "can't be made", errno);
	if (lstat(c->path, &st) == 0) {
		c->dev = st.st_dev;
		c->ino = st.st_ino;
	}
	if (listen(c->listener, GP_CONTROL_CLIENTS) != 0)
		return failed(err, c->path, "can't listen", errno);
	return GP_OK;
}

/* All but the thread; safe on a control that was opened half. */
static void
release(struct gp_control *c)
{
	struct stat st;

	for (size_t i = 0; i < GP_CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			drop(&c->clients[i]);
	if (c->ino != 0 && lstat(c->path, &st) == 0 && st.st_dev == c->dev &&
	    st.st_ino == c->ino)
		(void)unlink(c->path);
	if (c->listener >= 0)
		(void)close(c->listener);
	if (c->wake >= 0)
		(void)close(c->wake);
	free(c->path);
	free(c);
}

enum gp_rc
gp_control_open(const struct gp_control_options *options,
    struct gp_control **out, struct gp_err *err)
{
	struct gp_control *c;
	enum gp_rc rc = gp_daemon_clear_socket(options->path, err);
	int error;

	*out = NULL;
	if (rc != GP_OK)
		return rc;
	c = gp_xcalloc(1, sizeof(*c));
	c->fn = options->fn;
	c->arg = options->arg;
	c->tail = options->tail;
	c->path = gp_xstrdup(options->path);
	c->mode = options->mode;
	c->listener = -1;
	c->wake = -1;
	for (size_t i = 0; i < GP_CONTROL_CLIENTS; i++)
		c->clients[i].fd = -1;
	rc = listen_at(c, err);
	if (rc == GP_OK) {
		error = pthread_create(&c->thread, NULL, run, c);
		if (error != 0)
			rc = failed(err, c->path, "no thread", error);
	}
	if (rc == GP_OK)
		*out = c;
	else
		release(c);
	return rc;
}

void
gp_control_close(struct gp_control *c)
{
	if (c == NULL)
		return;
	(void)eventfd_write(c->wake, 1);
	(void)pthread_join(c->thread, NULL);
	release(c);
}
