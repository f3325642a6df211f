/*
 * The life of a milter daemon; see milter.h.
 *
 * The main thread takes all signals and libmilter runs in another one: a
 * signal that is sent to the process goes to its main thread where that does
 * not block it, so libmilter's own signal thread, which stops without waiting
 * for callbacks and takes SIGHUP for a stop, never gets one.
 */
#include "mta/milter.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/daemon.h"
#include "io/log.h"
#include "mta/door.h"
#include "mta/glue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

/* From SIGTERM: callbacks may finish, then their look-ups are cut short,
 * then the process ends whatever they do.  Together under 6 s. */
#define FINISH_MS    2000
#define CUT_SHORT_MS 3000
/* A reply is written after its callback has returned; so much later it is. */
#define QUIET_MS 100

/* What systemctl status shows is so old at most. */
#define PULSE_MS 30000

/* Also called by the signal handler: only what is allowed there. */
static void
wake(atomic_bool *what)
{
	const uint64_t one = 1;
	ssize_t n;

	atomic_store(what, true);
	n = write(gp_glue()->wake_fd, &one, sizeof(one));
	(void)n; /* EAGAIN: it is awake already */
}

static void
on_signal(int sig)
{
	int saved = errno;

	if (sig == SIGTERM || sig == SIGINT)
		wake(&gp_glue()->stop_wanted);
	else
		wake(&gp_glue()->reload_wanted);
	errno = saved;
}

static void *
run_libmilter(void *arg)
{
	bool well = gp_glue_run();

	(void)arg;
	/* what it says of an end that it was told to make is noise */
	if (!well && !atomic_load(&gp_glue()->stop_wanted))
		atomic_store(&gp_glue()->failed, true);
	atomic_store(&gp_glue()->ended, true);
	wake(&gp_glue()->stop_wanted);
	return NULL;
}

/* libmilter looks whether to stop every five seconds, or at a connection. */
static void
wake_listener(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (path == NULL || strlen(path) >= sizeof(sun.sun_path) ||
	    atomic_load(&gp_glue()->ended))
		return;
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)connect(fd, (const struct sockaddr *)&sun, sizeof(sun));
	(void)close(fd);
}

static void *
run_stop(void *arg)
{
	(void)arg;
	gp_glue_stop();
	return NULL;
}

/* Wait until no callback has run for QUIET_MS; false: not within `ms`. */
static bool
wait_quiet(const char *path, int64_t ms)
{
	const int64_t end = gp_time_add(gp_clock_us(), ms * GP_US_PER_MS);
	int64_t busy_at = gp_clock_us();

	for (;;) {
		int64_t now = gp_clock_us();

		if (atomic_load(&gp_glue()->busy) != 0)
			busy_at = now;
		else if (now - busy_at >= QUIET_MS * GP_US_PER_MS)
			return true;
		if (now >= end)
			return false;
		wake_listener(path);
		(void)poll(NULL, 0, 5);
	}
}

static void
stop(struct gp_service *service)
{
	const char *path = gp_options_socket_path(gp_service_socket(service));
	pthread_t stopper;

	gp_service_stopping(service);
	if (pthread_create(&stopper, NULL, run_stop, NULL) == 0)
		(void)pthread_detach(stopper);
	if (!wait_quiet(path, FINISH_MS)) {
		gp_service_cancel(service);
		if (!wait_quiet(path, CUT_SHORT_MS))
			gp_log(GP_LOG_WARNING,
			    "stopping with %d callbacks unfinished",
			    atomic_load(&gp_glue()->busy));
	}
	gp_service_stop(service);
	if (path != NULL)
		(void)unlink(path);
}

/* From here on this thread, and only this one, gets the signals. */
static void
take_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	struct sigaction action = { .sa_handler = on_signal,
		.sa_flags = SA_RESTART };
	sigset_t set;

	(void)sigemptyset(&action.sa_mask);
	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)sigaction(signals[i], &action, NULL);
		(void)sigaddset(&set, signals[i]);
	}
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Serve until SIGTERM or SIGINT; SIGUSR1 and SIGHUP reload. */
static void
serve(struct gp_service *service)
{
	struct pollfd wait = { .fd = gp_glue()->wake_fd, .events = POLLIN };

	while (!atomic_load(&gp_glue()->stop_wanted)) {
		uint64_t count;
		ssize_t n;

		if (poll(&wait, 1, PULSE_MS) == 0)
			gp_service_pulse(service);
		n = read(gp_glue()->wake_fd, &count, sizeof(count));
		(void)n; /* EAGAIN: a signal only interrupted the wait */
		if (atomic_exchange(&gp_glue()->reload_wanted, false)) {
			struct gp_buf said;

			gp_buf_init(&said, 65536);
			(void)gp_service_reload(service, &said);
			gp_buf_clear(&said);
		}
	}
}

static int
open_door(struct gp_service *service, const struct gp_options *o)
{
	struct gp_err err;

	if (gp_door_open(gp_service_app(service)->metrics, &err) == GP_OK)
		return 0;
	(void)fprintf(stderr, "%s: %s\n", o->program, err.msg);
	return EX_OSERR;
}

int
gp_milter_main(const struct gp_milter *milter, int argc, char **argv)
{
	struct gp_options options;
	struct gp_glue *g;
	pthread_t thread;
	int code;

	code = gp_options_parse(&options, milter->name, argc, argv);
	if (code >= 0)
		return code;
	if (options.check)
		return gp_service_check(milter, &options);
	g = gp_xcalloc(1, sizeof(*g));
	g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->wake_fd < 0)
		return EX_OSERR;
	code = gp_service_start(milter, &options, &g->service);
	if (code != 0) {
		(void)close(g->wake_fd);
		free(g);
		return code;
	}
	code = open_door(g->service, &options);
	if (code == 0)
		code = gp_glue_open(g, &options);
	if (code == 0 &&
	    pthread_create(&thread, NULL, run_libmilter, NULL) != 0)
		code = EX_OSERR;
	if (code != 0) {
		gp_service_stop(g->service);
		return code;
	}
	(void)pthread_detach(thread);
	take_signals();
	gp_service_ready(g->service);
	serve(g->service);
	stop(g->service);
	/* sessions may still hold what they share: no destructors run */
	_exit(atomic_load(&g->failed) ? EX_SOFTWARE : EX_OK);
}
