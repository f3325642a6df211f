/* See door.h. */
#include "mta/door.h"

#include "base/xalloc.h"
#include "core/limits.h"
#include "core/milter_refuse.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/thread.h"
#include "mta/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define PLACES      64 /* connections that are being told at once */
#define PATIENCE_US (2 * GP_US_PER_S)  /* for an MTA that says nothing */
#define LINGER_US   (GP_US_PER_S / 5)  /* for its own close */
#define QUIET_US    (60 * GP_US_PER_S) /* between two lines of the log */

/* A connection that is told that there is no room. */
struct guest {
	int fd; /* -1: no guest */
	bool on_spare;
	bool offered;
	bool said;
	int64_t deadline_us;
	char in[GP_MILTER_REFUSE_BYTES];
	size_t n;
};

struct door {
	struct gp_metrics *metrics;
	struct gp_crew *crew;
	void *(*_Atomic worker)(void *); /* libmilter's */
	size_t sessions;                 /* as many there may be */
	int wake;                        /* eventfd: a guest has come */
	pthread_mutex_t lock;            /* guards what follows */
	pthread_cond_t changed;
	int spare; /* a descriptor to accept with when there is no other */
	struct guest guests[PLACES];
	size_t places;                 /* of these, that are used */
	uint64_t unsaid[GP_DOOR_WHYS]; /* since the last line */
	int64_t said_us;               /* when that was; 0: never */
};

/* The C library's functions have no place for a pointer of ours. */
static struct door *door;

/* -- how many ---------------------------------------------------------- */

size_t
gp_door_sessions(size_t descriptors)
{
	size_t kept = descriptors / 2;

	if (kept > GP_DESCRIPTORS_KEPT)
		kept = GP_DESCRIPTORS_KEPT;
	descriptors -= kept;
	return descriptors < GP_SESSIONS_MAX ? descriptors : GP_SESSIONS_MAX;
}

static size_t
descriptors_allowed(void)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > GP_WIRE_MAX ? GP_WIRE_MAX
	                                    : (size_t)limit.rlim_cur;
}

/* -- the log ----------------------------------------------------------- */

static const char *const reasons[GP_DOOR_WHYS] = {
	[GP_DOOR_SESSIONS] = "as many sessions are open as may be",
	[GP_DOOR_DESCRIPTORS] = "no descriptor is free (LimitNOFILE=)",
	[GP_DOOR_THREADS] = "no thread is free (TasksMax=)",
};

/* With the lock held: say what has not been said, at most once a minute. */
static void
report(struct door *d)
{
	const int64_t now = gp_clock_us();

	if (d->said_us != 0 && now - d->said_us < QUIET_US)
		return;
	for (unsigned i = 0; i < GP_DOOR_WHYS; i++) {
		if (d->unsaid[i] == 0)
			continue;
		gp_log(GP_LOG_WARNING,
		    "no room: %llu connections were answered 421; %s; "
		    "%zu sessions are open, %zu may be",
		    (unsigned long long)d->unsaid[i], reasons[i],
		    gp_wire_count(), d->sessions);
		d->unsaid[i] = 0;
		d->said_us = now;
		return;
	}
}

static bool
has_unsaid(const struct door *d)
{
	for (unsigned i = 0; i < GP_DOOR_WHYS; i++)
		if (d->unsaid[i] != 0)
			return true;
	return false;
}

/* -- guests: the door's own thread ------------------------------------- */

static void
open_spare(struct door *d)
{
	if (d->spare < 0)
		d->spare = fcntl(d->wake, F_DUPFD_CLOEXEC, 0);
}

static bool
is_spare_used(const struct door *d)
{
	for (size_t i = 0; i < PLACES; i++)
		if (d->guests[i].fd >= 0 && d->guests[i].on_spare)
			return true;
	return false;
}

/* The spare takes the guest's place in one step: the listener might let in the
 * next one as a session between a close and an open. */
static void
send_off(struct door *d, struct guest *g)
{
	if (g->on_spare && dup3(d->wake, g->fd, O_CLOEXEC) >= 0)
		d->spare = g->fd;
	else
		(void)close(g->fd);
	g->fd = -1;
	(void)pthread_cond_signal(&d->changed);
}

/* Answer what has come; what is said fits any socket's buffer. */
static bool
answer(struct guest *g)
{
	enum gp_rc said;
	struct gp_buf out;
	bool sent;
	size_t done;

	gp_buf_init(&out, 256);
	done =
	    gp_milter_refuse(gp_str_n(g->in, g->n), &g->offered, &out, &said);
	g->n -= done;
	memmove(g->in, g->in + done, g->n);
	sent = out.n == 0 || send(g->fd, out.p, out.n,
				 MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)out.n;
	gp_buf_clear(&out);
	if (said == GP_OK) {
		g->said = true;
		g->deadline_us = gp_time_add(gp_clock_us(), LINGER_US);
	}
	return sent && said != GP_PERM && g->n < sizeof(g->in);
}

/* False: it is done with. */
static bool
hear(struct guest *g)
{
	ssize_t n;

	if (g->said) /* whatever comes now is its good-bye */
		return false;
	n = recv(g->fd, g->in + g->n, sizeof(g->in) - g->n, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	g->n += (size_t)n;
	return answer(g);
}

/* With the lock held: when must the thread look again?  -1: not at all. */
static int
time_to_wait(const struct door *d)
{
	int64_t next = GP_NEVER_US;
	int64_t now = gp_clock_us();

	for (size_t i = 0; i < PLACES; i++)
		if (d->guests[i].fd >= 0)
			next = gp_time_min(next, d->guests[i].deadline_us);
	if (d->spare < 0 || !gp_crew_is_whole(d->crew))
		next = gp_time_min(next, now + GP_DOOR_PAUSE_MS * GP_US_PER_MS);
	if (has_unsaid(d))
		next = gp_time_min(next, d->said_us + QUIET_US);
	if (next == GP_NEVER_US)
		return -1;
	return next <= now ? 0 : (int)((next - now) / GP_US_PER_MS) + 1;
}

/* What the thread looks at: whoever is there.  poll() takes no more entries
 * than there may be descriptors. */
struct looked_at {
	struct pollfd p[PLACES + 1];
	struct guest *guests[PLACES + 1]; /* NULL: the wake */
	nfds_t n;
	int wait_ms;
};

static void
list_guests(struct door *d, struct looked_at *l)
{
	l->p[0] = (struct pollfd){ .fd = d->wake, .events = POLLIN };
	l->guests[0] = NULL;
	l->n = 1;
	(void)pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < PLACES; i++) {
		if (d->guests[i].fd < 0)
			continue;
		l->guests[l->n] = &d->guests[i];
		l->p[l->n++] =
		    (struct pollfd){ .fd = d->guests[i].fd, .events = POLLIN };
	}
	l->wait_ms = time_to_wait(d);
	(void)pthread_mutex_unlock(&d->lock);
}

/* With the lock held. */
static void
serve_guests(struct door *d, const struct looked_at *l)
{
	const int64_t now = gp_clock_us();

	for (nfds_t i = 1; i < l->n; i++) {
		struct guest *g = l->guests[i];

		if (l->p[i].revents != 0 ? !hear(g) : now >= g->deadline_us)
			send_off(d, g);
	}
}

static void *
run(void *arg)
{
	struct door *d = arg;
	struct looked_at l;

	for (;;) {
		eventfd_t count;

		list_guests(d, &l);
		if (poll(l.p, l.n, l.wait_ms) < 0) {
			(void)poll(NULL, 0, GP_DOOR_PAUSE_MS);
			continue;
		}
		(void)eventfd_read(d->wake, &count);
		gp_crew_mend(d->crew);
		(void)pthread_mutex_lock(&d->lock);
		serve_guests(d, &l);
		if (!is_spare_used(d))
			open_spare(d);
		report(d);
		(void)pthread_mutex_unlock(&d->lock);
	}
	return NULL;
}

/* -- coming in: libmilter's listener ----------------------------------- */

static struct guest *
free_place(struct door *d)
{
	for (size_t i = 0; i < d->places; i++)
		if (d->guests[i].fd < 0)
			return &d->guests[i];
	return NULL;
}

/* With the lock held: until a place or a descriptor is free, or some time has
 * passed. */
static void
wait_a_moment(struct door *d)
{
	const struct timespec end = gp_timespec_of(
	    gp_time_add(gp_clock_us(), GP_DOOR_PAUSE_MS * GP_US_PER_MS));

	(void)pthread_cond_timedwait(&d->changed, &d->lock, &end);
}

/* With the lock held. */
static void
let_sit(struct door *d, struct guest *g, int fd, enum gp_door_why why)
{
	g->fd = fd;
	g->on_spare = false;
	g->offered = g->said = false;
	g->n = 0;
	g->deadline_us = gp_time_add(gp_clock_us(), PATIENCE_US);
	d->unsaid[why]++;
	gp_metrics_add(d->metrics, GP_M_SESSIONS_REFUSED, why, 1);
	(void)eventfd_write(d->wake, 1);
}

/* Let one in to be told that there is no room.  -1: it must wait outside. */
static int
receive(struct door *d, int listener, enum gp_door_why why)
{
	struct guest *g;
	int fd = -1;

	(void)pthread_mutex_lock(&d->lock);
	g = free_place(d);
	if (g == NULL) {
		wait_a_moment(d);
		g = free_place(d);
	}
	if (g != NULL)
		fd =
		    accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		let_sit(d, g, fd, why);
	(void)pthread_mutex_unlock(&d->lock);
	return fd;
}

/* The same with the descriptor that is kept for it. */
static int
receive_on_spare(struct door *d, int listener)
{
	struct guest *g;
	int fd = -1;

	(void)pthread_mutex_lock(&d->lock);
	g = free_place(d);
	if (d->spare >= 0 && g != NULL) {
		(void)close(d->spare);
		d->spare = -1;
		fd =
		    accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	if (fd >= 0) {
		let_sit(d, g, fd, GP_DOOR_DESCRIPTORS);
		g->on_spare = true;
	} else {
		wait_a_moment(d);
	}
	(void)pthread_mutex_unlock(&d->lock);
	return fd;
}

static bool
is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* libmilter takes both for what passes, and says nothing of it. */
static int
not_in(int fd)
{
	errno = fd >= 0 ? ECONNABORTED : EAGAIN;
	return -1;
}

int
gp_door_accept(int fd, struct sockaddr *address, socklen_t *length)
{
	struct door *d = door;
	int got;

	if (d != NULL && gp_wire_count() >= d->sessions)
		return not_in(receive(d, fd, GP_DOOR_SESSIONS));
	if (d != NULL && gp_crew_is_short(d->crew))
		return not_in(receive(d, fd, GP_DOOR_THREADS));
	got = accept4(fd, address, length, SOCK_CLOEXEC);
	if (got < 0 && d != NULL && is_shortage(errno))
		return not_in(receive_on_spare(d, fd));
	gp_wire_accepted(got);
	return got;
}

int
gp_door_thread(void *(*run_it)(void *), void *arg)
{
	pthread_t thread;

	if (door == NULL)
		return pthread_create(&thread, NULL, run_it, arg);
	atomic_store(&door->worker, run_it);
	gp_crew_run(door->crew, run_it, arg);
	return 0;
}

void
gp_door_workers(unsigned n)
{
	void *(*worker)(void *) =
	    door == NULL ? NULL : atomic_load(&door->worker);

	for (; worker != NULL && n > 0; n--)
		gp_crew_run(door->crew, worker, NULL);
}

/* -- open -------------------------------------------------------------- */

static void
say_bounds(const struct door *d, size_t descriptors)
{
	gp_metrics_set(d->metrics, GP_M_SESSIONS_MAX, 0, (int64_t)d->sessions);
	if (d->sessions < GP_SESSIONS_MAX)
		gp_log(GP_LOG_WARNING,
		    "%zu sessions at most, not %d: %zu descriptors are allowed "
		    "(LimitNOFILE=, ulimit -n)",
		    d->sessions, GP_SESSIONS_MAX, descriptors);
}

enum gp_rc
gp_door_open(struct gp_metrics *metrics, struct gp_err *err)
{
	static const struct gp_crew_options crew = { .max = GP_THREADS_MAX,
		.reserve = GP_THREADS_KEPT,
		.start = gp_thread_start };
	const size_t descriptors = descriptors_allowed();
	struct door *d = gp_xcalloc(1, sizeof(*d));
	pthread_t thread;

	d->metrics = metrics;
	d->sessions = gp_door_sessions(descriptors);
	d->places = (descriptors - d->sessions) / 4;
	if (d->places > PLACES)
		d->places = PLACES;
	(void)pthread_mutex_init(&d->lock, NULL);
	gp_cond_init(&d->changed);
	for (size_t i = 0; i < PLACES; i++)
		d->guests[i].fd = -1;
	d->spare = -1;
	d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	open_spare(d);
	if (d->spare < 0 || d->wake < 0)
		return gp_fail(err, GP_TEMP, "no descriptor to begin with");
	if (gp_crew_new(&crew, &d->crew, err) != GP_OK ||
	    gp_thread_start(&thread, run, d, err) != GP_OK)
		return GP_TEMP;
	(void)pthread_detach(thread);
	say_bounds(d, descriptors);
	door = d;
	return GP_OK;
}
