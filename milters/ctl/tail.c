/*
 * gatepost tail: the verdicts of the daemons as they come.
 *
 * A daemon that goes away is waited for: it is asked again after a fifth of a
 * second, then less often, at least every five seconds.
 */
#include "ctl/tail.h"

#include "ctl/daemon.h"
#include "io/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define BACKOFF_LEAST_US (200 * GP_US_PER_MS)
#define BACKOFF_MOST_US  (5 * GP_US_PER_S)
#define IN_MAX           16384

struct source {
	const struct ctl_member *member;
	int fd; /* -1: not connected */
	bool heard_ok;
	bool was_there; /* its end is worth a word */
	int64_t retry_us;
	int64_t backoff_us;
	size_t n;
	char in[IN_MAX];
};

struct tail {
	struct ctl_tail_how how;
	uint64_t count; /* lines that are still wanted */
	bool counts;
	int64_t deadline_us;
	size_t n;
	struct source v[GP_FLEET];
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* -- connections -------------------------------------------------------------
 */

static void
later(struct source *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	s->n = 0;
	s->heard_ok = false;
	s->retry_us = gp_time_add(gp_clock_us(), s->backoff_us);
	s->backoff_us = gp_time_min(2 * s->backoff_us, BACKOFF_MOST_US);
}

static enum gp_rc
try_connect(struct source *s, struct gp_err *err)
{
	enum gp_rc rc =
	    gp_control_connect(s->member->path, "tail", &s->fd, err);

	if (rc != GP_OK)
		later(s);
	return rc;
}

static void
lost_source(struct source *s)
{
	if (s->was_there)
		(void)ctl_fail(0, "%s: it has gone; waiting for it",
		    s->member->name);
	s->was_there = false;
	later(s);
}

/* At the beginning one at least must be there. */
static int
connect_first(struct tail *t, bool named)
{
	struct gp_err err;
	size_t there = 0;
	int code = EX_TEMPFAIL;

	for (size_t i = 0; i < t->n; i++) {
		struct source *s = &t->v[i];
		enum gp_rc rc = try_connect(s, &err);

		there += rc == GP_OK;
		if (rc == GP_PERM)
			code = EX_NOPERM;
		if (rc != GP_OK && (s->member->enabled || named))
			(void)ctl_fail(0, "%s: %s", s->member->name, err.msg);
	}
	return there > 0 ? 0 : ctl_fail(code, "no daemon to listen to");
}

/* -- lines -------------------------------------------------------------------
 */

/* The first line says whether it goes on; false: it does not. */
static bool
hear_first(struct source *s, struct gp_str line)
{
	s->heard_ok = gp_str_eq(line, GP_STR("ok"));
	if (!s->heard_ok)
		return false;
	if (s->backoff_us > BACKOFF_LEAST_US)
		(void)ctl_fail(0, "%s: it is back", s->member->name);
	s->backoff_us = BACKOFF_LEAST_US;
	s->was_there = true;
	return true;
}

static void
hear_line(struct tail *t, struct source *s, struct gp_str line)
{
	if (t->counts && t->count == 0)
		return;
	if (ctl_tail_line(&t->how, s->member->name, line) && t->counts)
		t->count--;
}

/* Whole lines of what was received; the rest of the last one stays. */
static void
take_lines(struct tail *t, struct source *s)
{
	struct gp_str rest = gp_str_n(s->in, s->n);

	while (gp_str_find(rest, '\n') < rest.n) {
		struct gp_str line = gp_str_split(&rest, '\n');

		if (s->heard_ok) {
			hear_line(t, s, line);
		} else if (!hear_first(s, line)) {
			line = gp_str_split(&rest, '\n');
			(void)ctl_fail(0, "%s: %.*s", s->member->name,
			    GP_STR_ARG(line));
			later(s);
			return;
		}
	}
	memmove(s->in, rest.p == NULL ? s->in : rest.p, rest.n);
	s->n = rest.n;
	if (s->n == sizeof(s->in))
		lost_source(s); /* no daemon of ours */
}

static void
hear(struct tail *t, struct source *s)
{
	ssize_t n = recv(s->fd, s->in + s->n, sizeof(s->in) - s->n, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lost_source(s);
		return;
	}
	s->n += (size_t)n;
	take_lines(t, s);
}

/* -- the loop -----------------------------------------------------------------
 */

static int64_t
next_us(const struct tail *t)
{
	int64_t next = t->deadline_us;

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].fd < 0)
			next = gp_time_min(next, t->v[i].retry_us);
	return next;
}

/* Wait for lines, a retry, the end or a signal. */
static void
wait_for(const struct tail *t, struct pollfd p[GP_FLEET])
{
	int64_t left = gp_time_sub(next_us(t), gp_clock_us());
	const struct timespec ts = {
		.tv_sec = left <= 0 ? 0 : (time_t)(left / GP_US_PER_S),
		.tv_nsec = left <= 0 ? 0 : (long)(left % GP_US_PER_S * 1000),
	};
	const bool forever = next_us(t) == GP_NEVER_US;
	sigset_t none;

	(void)sigemptyset(&none);
	for (size_t i = 0; i < t->n; i++)
		p[i] = (struct pollfd){ .fd = t->v[i].fd, .events = POLLIN };
	if (ppoll(p, t->n, forever ? NULL : &ts, &none) < 0)
		for (size_t i = 0; i < t->n; i++)
			p[i].revents = 0;
}

static bool
is_done(const struct tail *t)
{
	return interrupted != 0 || (t->counts && t->count == 0) ||
	       gp_clock_us() >= t->deadline_us || ferror(stdout) != 0;
}

static void
listen_to_all(struct tail *t)
{
	struct pollfd p[GP_FLEET];

	while (!is_done(t)) {
		wait_for(t, p);
		for (size_t i = 0; i < t->n; i++) {
			struct source *s = &t->v[i];

			if (s->fd >= 0 && p[i].revents != 0)
				hear(t, s);
			else if (s->fd < 0 && gp_clock_us() >= s->retry_us)
				(void)try_connect(s, NULL);
		}
		/* who pipes it wants to see it now */
		(void)fflush(stdout);
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].fd >= 0)
			(void)close(t->v[i].fd);
}

/* They are let in by ppoll alone, so that none comes between a look at the
 * flag and the wait. */
static void
take_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t set;

	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
}

static int
read_options(struct tail *t, const struct ctl_args *args)
{
	const char *count = ctl_option(args, "--count");
	const char *timeout = ctl_option(args, "--timeout");
	uint64_t seconds = 0;

	t->how.json = ctl_option(args, "--json-lines") != NULL;
	t->how.queue_id = ctl_option(args, "--queue-id");
	t->counts = count != NULL;
	t->deadline_us = GP_NEVER_US;
	if (count != NULL && (gp_parse_u64(gp_str(count), UINT64_C(1000000000),
				  &t->count) != GP_OK ||
				 t->count == 0))
		return ctl_usage("--count: expected a number from 1 to "
				 "1000000000");
	if (timeout == NULL)
		return 0;
	if (gp_parse_u64(gp_str(timeout), 31536000, &seconds) != GP_OK ||
	    seconds == 0)
		return ctl_usage("--timeout: expected seconds, from 1 to "
				 "31536000");
	t->deadline_us =
	    gp_time_add(gp_clock_us(), (int64_t)seconds * GP_US_PER_S);
	return 0;
}

int
ctl_tail(const struct ctl *ctl, const struct ctl_args *args)
{
	static struct tail t;
	struct ctl_fleet fleet;
	int code = read_options(&t, args);

	if (code == 0)
		code = ctl_fleet_choose(ctl, args, &fleet);
	if (code != 0)
		return code;
	t.how.json = t.how.json || ctl->json;
	t.n = fleet.n;
	for (size_t i = 0; i < t.n; i++) {
		t.v[i].member = &fleet.v[i];
		t.v[i].fd = -1;
		t.v[i].backoff_us = BACKOFF_LEAST_US;
	}
	take_signals();
	code = connect_first(&t, fleet.named);
	if (code == 0)
		listen_to_all(&t);
	return code == 0 && t.counts && t.count > 0 && interrupted == 0 ? 1
	                                                                : code;
}
