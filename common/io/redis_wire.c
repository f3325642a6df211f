/* See redis_wire.h. */
#include "io/redis_wire.h"

#include "base/xalloc.h"
#include "io/clock.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 16384

struct gp_redis_wire {
	int fd;
	redisReader *reader;
	struct gp_arena *arena; /* of the reply that is being read */
};

/* -- commands -------------------------------------------------------------- */

void
gp_redis_command(struct gp_buf *out, size_t words)
{
	gp_buf_addf(out, "*%zu\r\n", words);
}

void
gp_redis_word(struct gp_buf *out, struct gp_str word)
{
	gp_buf_addf(out, "$%zu\r\n", word.n);
	gp_buf_add_str(out, word);
	gp_buf_add(out, "\r\n", 2);
}

/* -- replies: what hiredis calls for each part ----------------------------- */

static void *
add_reply(const redisReadTask *task, enum gp_redis_kind kind)
{
	const struct gp_redis_wire *w = task->privdata;
	struct gp_redis_reply *r = gp_arena_alloc(w->arena, sizeof(*r));

	r->kind = kind;
	if (task->parent != NULL) {
		const struct gp_redis_reply *whole = task->parent->obj;

		whole->items[task->idx] = r;
	}
	return r;
}

static void *
add_string(const redisReadTask *task, char *text, size_t n)
{
	const struct gp_redis_wire *w = task->privdata;
	struct gp_redis_reply *r = add_reply(task,
	    task->type == REDIS_REPLY_ERROR ? GP_REDIS_ERROR : GP_REDIS_TEXT);

	r->text = gp_str_n(gp_arena_strndup(w->arena, text, n), n);
	return r;
}

/* What hiredis counts items in; Debian 12 has 0.14. */
#if HIREDIS_MAJOR >= 1
typedef size_t item_count;
#else
typedef int item_count;
#endif

static void *
add_array(const redisReadTask *task, item_count n)
{
	const struct gp_redis_wire *w = task->privdata;
	struct gp_redis_reply *r;

	if ((size_t)n > GP_REDIS_ARRAY_MAX)
		return NULL; /* the reader then fails */
	r = add_reply(task, GP_REDIS_ARRAY);
	r->n = (size_t)n;
	r->items = gp_arena_alloc(w->arena,
	    (r->n + 1) * sizeof(struct gp_redis_reply *));
	return r;
}

static void *
add_integer(const redisReadTask *task, long long value)
{
	struct gp_redis_reply *r = add_reply(task, GP_REDIS_INTEGER);

	r->integer = value;
	return r;
}

static void *
add_nil(const redisReadTask *task)
{
	return add_reply(task, GP_REDIS_NIL);
}

static void
leave_to_arena(void *reply)
{
	(void)reply;
}

static redisReplyObjectFunctions functions = {
	.createString = add_string,
	.createArray = add_array,
	.createInteger = add_integer,
	.createNil = add_nil,
	.freeObject = leave_to_arena,
};

/* -- the socket ------------------------------------------------------------ */

static enum gp_rc
fail_errno(struct gp_err *err, const char *what, int error)
{
	char text[128];

	return gp_fail(err, GP_TEMP, "%s: %s", what,
	    strerror_r(error, text, sizeof(text)));
}

static enum gp_rc
wait_for(int fd, short events, int64_t deadline_us, struct gp_err *err)
{
	for (;;) {
		struct pollfd poller = { .fd = fd, .events = events };
		const int64_t left_us = deadline_us - gp_clock_us();
		const struct timespec left = {
			.tv_sec = (time_t)(left_us / GP_US_PER_S),
			.tv_nsec = (long)(left_us % GP_US_PER_S * 1000),
		};
		int ready;

		if (left_us <= 0)
			return gp_fail(err, GP_TEMP, "no answer in time");
		ready = ppoll(&poller, 1, &left, NULL);
		if (ready > 0)
			return GP_OK;
		if (ready < 0 && errno != EINTR)
			return fail_errno(err, "can not wait", errno);
	}
}

static enum gp_rc
connect_to(int fd, const struct gp_redis_address *to, int64_t deadline_us,
    struct gp_err *err)
{
	int error = 0;
	socklen_t n = sizeof(error);
	enum gp_rc rc;

	if (connect(fd, (const struct sockaddr *)&to->at, to->n) == 0)
		return GP_OK;
	if (errno != EINPROGRESS)
		return fail_errno(err, "can not connect", errno);
	rc = wait_for(fd, POLLOUT, deadline_us, err);
	if (rc == GP_OK &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
		error = errno;
	if (error != 0)
		rc = fail_errno(err, "can not connect", error);
	return rc;
}

enum gp_rc
gp_redis_wire_open(const struct gp_redis_address *to, int64_t deadline_us,
    struct gp_redis_wire **out, struct gp_err *err)
{
	static const int yes = 1;
	const int fd = socket(to->at.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct gp_redis_wire *w;

	*out = NULL;
	if (fd < 0)
		return fail_errno(err, "can not open a socket", errno);
	if (to->at.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes,
		    sizeof(yes));
	if (connect_to(fd, to, deadline_us, err) != GP_OK) {
		(void)close(fd);
		return GP_TEMP;
	}
	w = gp_xcalloc(1, sizeof(*w));
	w->fd = fd;
	w->reader = redisReaderCreateWithFunctions(&functions);
	if (w->reader == NULL)
		gp_out_of_memory();
	w->reader->privdata = w;
	*out = w;
	return GP_OK;
}

void
gp_redis_wire_close(struct gp_redis_wire *w)
{
	redisReaderFree(w->reader);
	(void)close(w->fd);
	free(w);
}

bool
gp_redis_wire_is_quiet(const struct gp_redis_wire *w)
{
	char c;

	return recv(w->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

static enum gp_rc
send_all(const struct gp_redis_wire *w, struct gp_str bytes,
    int64_t deadline_us, struct gp_err *err)
{
	enum gp_rc rc = GP_OK;

	while (rc == GP_OK && bytes.n > 0) {
		const ssize_t n = send(w->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n >= 0)
			bytes = gp_str_n(bytes.p + n, bytes.n - (size_t)n);
		else if (errno == EAGAIN)
			rc = wait_for(w->fd, POLLOUT, deadline_us, err);
		else if (errno != EINTR)
			rc = fail_errno(err, "can not send", errno);
	}
	return rc;
}

/* What has come, to the reader; GP_NONE: nothing has. */
static enum gp_rc
receive(const struct gp_redis_wire *w, size_t *total, struct gp_err *err)
{
	char bytes[READ_BYTES];
	const ssize_t n = recv(w->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && errno == EAGAIN)
		return GP_NONE;
	if (n < 0 && errno == EINTR)
		return GP_OK;
	if (n < 0)
		return fail_errno(err, "can not receive", errno);
	if (n == 0)
		return gp_fail(err, GP_TEMP, "the server hung up");
	*total += (size_t)n;
	if (*total > GP_REDIS_REPLY_MAX)
		return gp_fail(err, GP_TEMP, "a reply without an end");
	if (redisReaderFeed(w->reader, bytes, (size_t)n) != REDIS_OK)
		return gp_fail(err, GP_TEMP, "%s", w->reader->errstr);
	return GP_OK;
}

static enum gp_rc
read_reply(const struct gp_redis_wire *w, int64_t deadline_us, void **reply,
    struct gp_err *err)
{
	enum gp_rc rc = GP_OK;
	size_t total = 0;

	*reply = NULL;
	while (rc == GP_OK && *reply == NULL) {
		rc = receive(w, &total, err);
		if (rc == GP_NONE)
			rc = wait_for(w->fd, POLLIN, deadline_us, err);
		if (rc == GP_OK &&
		    redisReaderGetReply(w->reader, reply) != REDIS_OK)
			rc = gp_fail(err, GP_TEMP, "%s", w->reader->errstr);
	}
	if (rc == GP_OK && w->reader->pos != w->reader->len)
		rc = gp_fail(err, GP_TEMP, "more than one reply");
	return rc;
}

enum gp_rc
gp_redis_wire_ask(struct gp_redis_wire *w, struct gp_str command,
    int64_t deadline_us, struct gp_arena *arena,
    const struct gp_redis_reply **out, struct gp_err *err)
{
	void *reply = NULL;
	enum gp_rc rc;

	*out = NULL;
	w->arena = arena;
	rc = send_all(w, command, deadline_us, err);
	if (rc == GP_OK)
		rc = read_reply(w, deadline_us, &reply, err);
	w->arena = NULL;
	if (rc == GP_OK)
		*out = reply;
	return rc;
}
