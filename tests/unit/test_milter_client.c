/* milter_client: a filter that is played by a script, also a hostile one. */
#include "io/milter_client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

enum { SHORT_MS = 300, LONG_MS = 20000, SEEN_MAX = 256 };

/* What the filter says to each command; the last row is for all others. */
struct line {
	char command; /* 0: any */
	const char *p;
	size_t n; /* 0: it says nothing */
};
#define SAY(c, s)                                                              \
	{                                                                      \
		c, s, sizeof(s) - 1                                            \
	}
#define PACKET_C "\0\0\0\1c"

struct filter {
	const struct line *script;
	bool hang_up; /* after the first answer */
	int listener;
	pthread_t thread;
	char path[64], spec[80];
	char seen[SEEN_MAX]; /* its commands */
	size_t n;
};

static char folder[] = "/tmp/gp-milter-client-XXXXXX";

/* -- the filter --------------------------------------------------------- */

static bool
read_all(int fd, void *p, size_t n)
{
	return recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

static void
answer(const struct filter *f, int fd, char command)
{
	const struct line *l = f->script;

	while (l->command != 0 && l->command != command)
		l++;
	for (size_t sent = 0; sent < l->n;) {
		ssize_t n = send(fd, l->p + sent, l->n - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

static void *
serve(void *arg)
{
	struct filter *f = arg;
	int fd = accept(f->listener, NULL, NULL);
	uint8_t head[5];
	char waste[4096];

	while (read_all(fd, head, sizeof(head))) {
		size_t n = (size_t)head[2] << 8 | head[3];

		assert_in_range(n, 1, sizeof(waste));
		if (n > 1 && !read_all(fd, waste, n - 1))
			break;
		if (f->n < SEEN_MAX - 1)
			f->seen[f->n++] = (char)head[4];
		if (head[4] == 'Q')
			break;
		answer(f, fd, (char)head[4]);
		if (f->hang_up)
			break;
	}
	(void)close(fd);
	return NULL;
}

static void
start(struct filter *f, const struct line *script)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	f->script = script;
	snprintf(f->path, sizeof(f->path), "%s/sock", folder);
	snprintf(f->spec, sizeof(f->spec), "unix:%s", f->path);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", f->path);
	(void)unlink(f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof(at)),
	    0);
	assert_int_equal(listen(f->listener, 1), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void
stop(struct filter *f)
{
	(void)pthread_join(f->thread, NULL);
	(void)close(f->listener);
	(void)unlink(f->path);
}

/* -- the client --------------------------------------------------------- */

struct outcome {
	enum gp_rc rc;
	struct gp_milter_outcome o;
	struct gp_header h;
	struct gp_err err;
	struct gp_arena *arena;
};

static void
say(struct outcome *out, const char *socket, int64_t timeout_ms)
{
	struct gp_milter_mail mail = { .client_name = "unknown",
		.helo = "client.example",
		.mta_name = "mx.example",
		.daemon_name = "test",
		.queue_id = "4Q",
		.sender = "<a@b.example>",
		.rcpt = "<c@d.example>",
		.body = GP_STR("Hello.\r\n") };
	const struct gp_milter_call call = { .socket = socket,
		.timeout_ms = timeout_ms,
		.arena = out->arena = gp_arena_new() };

	assert_int_equal(gp_ip_parse(GP_STR("192.0.2.1"), &mail.client), GP_OK);
	out->h = (struct gp_header){ .n = 0 };
	out->err.msg[0] = '\0';
	gp_header_add(&out->h, out->arena, GP_STR("From"),
	    GP_STR(" a@b.example"));
	gp_header_add(&out->h, out->arena, GP_STR("To"),
	    GP_STR(" c@d.example"));
	out->rc = gp_milter_say(&call, &mail, &out->h, &out->o, &out->err);
}

static void
play(struct filter *f, struct outcome *out, const struct line *script,
    int64_t timeout_ms)
{
	start(f, script);
	say(out, f->spec, timeout_ms);
	stop(f);
}

/* -- well-behaved filters ----------------------------------------------- */

static void
milter_client_order_of_events_is_the_mtas(void **state)
{
	static const struct line script[] = {
		SAY('O', "\0\0\0\15O\0\0\0\6\0\0\1\xff\0\x10\4\0"),
		SAY('D', ""),
		SAY('E', "\0\0\0\1p"
			 "\0\0\0\12i\0\0\0\0X\0 1\0"
			 "\0\0\0\5qbad\0"
			 "\0\0\0\15m\0\0\0\1From\0 x\0" PACKET_C),
		SAY(0, PACKET_C),
	};
	struct filter f = { .n = 0 };
	struct outcome out;

	(void)state;
	play(&f, &out, script, LONG_MS);
	assert_string_equal(out.err.msg, "");
	assert_int_equal(out.rc, GP_OK);
	assert_string_equal(f.seen, "ODCHDMDRDTLLDNBDEQ");
	assert_int_equal(out.o.answer, GP_MILTER_CONTINUE);
	assert_int_equal(out.o.edits, 2);
	assert_string_equal(out.o.held, "bad");
	assert_int_equal(out.h.n, 3);
	assert_true(gp_str_eq(out.h.v[0].name, GP_STR("X")));
	assert_true(gp_str_eq(out.h.v[1].value, GP_STR(" x")));
	gp_arena_free(out.arena);
}

static void
milter_client_sends_only_what_is_wanted(void **state)
{
	/* NO: connect helo mail rcpt data body eoh; NR: header */
	static const struct line script[] = {
		SAY('O', "\0\0\0\15O\0\0\0\6\0\0\0\1\0\0\2\xdf"),
		SAY('E', PACKET_C),
		SAY(0, ""),
	};
	struct filter f = { .n = 0 };
	struct outcome out;

	(void)state;
	play(&f, &out, script, LONG_MS);
	assert_int_equal(out.rc, GP_OK);
	assert_string_equal(f.seen, "OLLDEQ");
	gp_arena_free(out.arena);
}

static void
milter_client_refused_recipient_does_not_end_it(void **state)
{
	static const struct line script[] = {
		SAY('O', "\0\0\0\15O\0\0\0\6\0\0\0\1\0\x10\0\0"),
		SAY('D', ""),
		SAY('R', "\0\0\0\16y550 5.7.1 no\0"),
		SAY(0, PACKET_C),
	};
	struct filter f = { .n = 0 };
	struct outcome out;

	(void)state;
	play(&f, &out, script, LONG_MS);
	assert_string_equal(out.err.msg, "");
	assert_int_equal(out.rc, GP_OK);
	assert_int_equal(out.o.to_rcpt, GP_MILTER_REPLY);
	assert_string_equal(out.o.rcpt_text, "550 5.7.1 no");
	assert_int_equal(out.o.answer, GP_MILTER_CONTINUE);
	assert_int_equal(out.o.event, GP_MILTER_EOM);
	gp_arena_free(out.arena);
}

static void
milter_client_other_refusals_end_it(void **state)
{
	static const struct {
		struct line line;
		enum gp_milter_answer answer;
		const char *seen;
	} rows[] = {
		{ SAY('C', "\0\0\0\1r"), GP_MILTER_REJECT, "ODCQ" },
		{ SAY('H', "\0\0\0\1t"), GP_MILTER_TEMPFAIL, "ODCHQ" },
		{ SAY('M', "\0\0\0\1a"), GP_MILTER_ACCEPT, "ODCHDMQ" },
		{ SAY('R', "\0\0\0\1a"), GP_MILTER_ACCEPT, "ODCHDMDRQ" },
		{ SAY('T', "\0\0\0\1d"), GP_MILTER_DISCARD, "ODCHDMDRDTQ" },
		{ SAY('L', "\0\0\0\0014"), GP_MILTER_SHUTDOWN, "ODCHDMDRDTLQ" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct line script[] = { rows[i].line,
			SAY('O', "\0\0\0\15O\0\0\0\6\0\0\0\1\0\x10\0\0"),
			SAY('D', ""), SAY(0, PACKET_C) };
		struct filter f = { .n = 0 };
		struct outcome out;

		play(&f, &out, script, LONG_MS);
		assert_int_equal(out.rc, GP_OK);
		assert_int_equal(out.o.answer, rows[i].answer);
		assert_string_equal(f.seen, rows[i].seen);
		gp_arena_free(out.arena);
	}
}

/* -- hostile ones ------------------------------------------------------- */

static void
milter_client_what_is_no_milter_is_refused(void **state)
{
	static const struct {
		struct line line;
		enum gp_rc rc;
		const char *why;
	} rows[] = {
		{ SAY('O', "\0\0\0\0"), GP_PERM, "a packet of 0 octets" },
		{ SAY('O', "220 mx ESMTP\r\n"), GP_PERM, "a packet of" },
		{ SAY('O', PACKET_C), GP_PERM, "no answer to our offer" },
		{ SAY('O', "\0\0\0\15O\0\0\0\6\xff\0\0\1\0\0\0\0"), GP_PERM,
		    "were not offered" },
		{ SAY('M', "\0\0\0\1z"), GP_PERM, "MAIL: an unknown answer" },
		{ SAY('M', "\0\0\0\2cc"), GP_PERM, "MAIL: a broken answer" },
		{ SAY('M', "\0\0\0\6hA\0 b\0"), GP_PERM,
		    "MAIL: an answer that was not agreed on ('h')" },
		{ SAY('E', "\0\0\0\5qbad\0"), GP_PERM,
		    "the end of the message: an answer that was not agreed" },
		{ SAY('M', "\0\0\0\2c"), GP_TEMP, "MAIL: no answer in time" },
		{ SAY('M', ""), GP_TEMP, "MAIL: no answer in time" },
		{ SAY('O', ""), GP_TEMP, "the offer: no answer in time" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct line script[] = { rows[i].line,
			SAY('O', "\0\0\0\15O\0\0\0\6\0\0\0\1\0\x10\0\0"),
			SAY('D', ""), SAY(0, PACKET_C) };
		struct filter f = { .n = 0 };
		struct outcome out;

		play(&f, &out, script,
		    rows[i].rc == GP_TEMP ? SHORT_MS : LONG_MS);
		if (out.rc != rows[i].rc ||
		    strstr(out.err.msg, rows[i].why) == NULL)
			fail_msg("row %zu: %d %s", i, out.rc, out.err.msg);
		gp_arena_free(out.arena);
	}
}

static void
milter_client_hang_up_is_temporary(void **state)
{
	static const struct line script[] = { SAY(0,
	    "\0\0\0\15O\0\0\0\6\0\0\0\1\0\x10\0\0") };
	struct filter f = { .hang_up = true };
	struct outcome out;

	(void)state;
	play(&f, &out, script, LONG_MS);
	assert_int_equal(out.rc, GP_TEMP);
	gp_arena_free(out.arena);
}

/* Edits without end: bounded, and quickly. */
static void
milter_client_endless_edits_are_refused(void **state)
{
	static const char one[] = "\0\0\0\6hA\0 b\0";
	enum { TIMES = 3000, SIZE = sizeof(one) - 1 };
	char *flood = malloc((size_t)TIMES * SIZE);
	const struct line script[] = {
		SAY('O', "\0\0\0\15O\0\0\0\6\0\0\0\1\0\x10\0\0"),
		SAY('D', ""),
		{ 'E', flood, (size_t)TIMES * SIZE },
		SAY(0, PACKET_C),
	};
	struct filter f = { .n = 0 };
	struct outcome out;

	(void)state;
	assert_non_null(flood);
	for (size_t i = 0; i < TIMES; i++)
		memcpy(flood + i * SIZE, one, SIZE);
	play(&f, &out, script, LONG_MS);
	assert_int_equal(out.rc, GP_PERM);
	assert_non_null(strstr(out.err.msg, "too many edits"));
	assert_int_equal(out.h.n, GP_FIELDS_MAX);
	gp_arena_free(out.arena);
	free(flood);
}

static void
milter_client_endless_progress_is_refused(void **state)
{
	static const char one[] = "\0\0\0\1p";
	enum { TIMES = 5000, SIZE = sizeof(one) - 1 };
	char *flood = malloc((size_t)TIMES * SIZE);
	const struct line script[] = {
		SAY('O', "\0\0\0\15O\0\0\0\6\0\0\0\1\0\x10\0\0"),
		SAY('D', ""),
		{ 'E', flood, (size_t)TIMES * SIZE },
		SAY(0, PACKET_C),
	};
	struct filter f = { .n = 0 };
	struct outcome out;

	(void)state;
	assert_non_null(flood);
	for (size_t i = 0; i < TIMES; i++)
		memcpy(flood + i * SIZE, one, SIZE);
	play(&f, &out, script, LONG_MS);
	assert_int_equal(out.rc, GP_PERM);
	assert_non_null(strstr(out.err.msg, "it never ends"));
	gp_arena_free(out.arena);
	free(flood);
}

/* -- no filter ---------------------------------------------------------- */

static void
milter_client_sockets_that_do_not_work_say_why(void **state)
{
	static const struct {
		const char *socket;
		enum gp_rc rc;
		const char *why;
	} rows[] = {
		{ "unix:/nowhere/at/all", GP_NONE, "nobody listens there" },
		{ "inet:1@127.0.0.1", GP_NONE, "nobody listens there" },
		{ "inet:0@127.0.0.1", GP_PERM, "expected PORT@HOST" },
		{ "inet:65536@127.0.0.1", GP_PERM, "expected PORT@HOST" },
		{ "inet:25", GP_PERM, "expected PORT@HOST" },
		{ "inet:25@", GP_PERM, "expected PORT@HOST" },
		{ "unix:", GP_PERM, "expected a path" },
		{ "/run/x.sock", GP_PERM, "expected unix:PATH" },
		{ "tcp:25@127.0.0.1", GP_PERM, "expected unix:PATH" },
	};
	char path[200] = "unix:/";
	struct outcome out;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		say(&out, rows[i].socket, SHORT_MS);
		if (out.rc != rows[i].rc ||
		    strstr(out.err.msg, rows[i].why) == NULL)
			fail_msg("row %zu: %d %s", i, out.rc, out.err.msg);
		gp_arena_free(out.arena);
	}
	memset(path + 6, 'x', 150);
	say(&out, path, SHORT_MS);
	assert_int_equal(out.rc, GP_PERM);
	gp_arena_free(out.arena);
}

static int
group_setup(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(milter_client_order_of_events_is_the_mtas),
		cmocka_unit_test(milter_client_sends_only_what_is_wanted),
		cmocka_unit_test(
		    milter_client_refused_recipient_does_not_end_it),
		cmocka_unit_test(milter_client_other_refusals_end_it),
		cmocka_unit_test(milter_client_what_is_no_milter_is_refused),
		cmocka_unit_test(milter_client_hang_up_is_temporary),
		cmocka_unit_test(milter_client_endless_edits_are_refused),
		cmocka_unit_test(milter_client_endless_progress_is_refused),
		cmocka_unit_test(
		    milter_client_sockets_that_do_not_work_say_why),
	};

	return cmocka_run_group_tests_name("milter_client", tests, group_setup,
	    group_teardown);
}
