/*
 * stand_in - functions of the C library, as libmilter finds them in a daemon.
 *
 * The libraries that a program is linked with call the program's definition of
 * a function when it has one.  So this file is not in libgatepost.a: only the
 * daemons are made with it.
 */
#include "io/clock.h"
#include "mta/door.h"
#include "mta/wire.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LATE_MS (GP_CREW_LATE_US / 1000 + 1)

static struct gp_wire_calls sys;
static struct {
	int (*pipe)(int fds[2]);
	int (*create)(pthread_t *thread, const pthread_attr_t *attr,
	    void *(*run)(void *), void *arg);
	int (*detach)(pthread_t thread);
	int (*init)(pthread_cond_t *cond, const pthread_condattr_t *attr);
	int (*call)(pthread_cond_t *cond);
	int (*wait)(pthread_cond_t *cond, pthread_mutex_t *mutex,
	    const struct timespec *end);
	const void *libmilter; /* where it is loaded */
	/* what its workers wait on, and how many do */
	_Atomic(pthread_cond_t *) cond;
	struct gp_crew_calls calls;
} more;

/* The function that ours has the name of, from the next library in line. */
static void
find(void *function, size_t size, const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	memcpy(function, &p, size);
}

static const void *
library_of(const void *address)
{
	Dl_info info;

	return dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

static void
find_all(void)
{
	find(&sys.read, sizeof(sys.read), "read");
	find(&sys.writev, sizeof(sys.writev), "writev");
	find(&sys.poll, sizeof(sys.poll), "poll");
	find(&sys.close, sizeof(sys.close), "close");
	find(&more.pipe, sizeof(more.pipe), "pipe");
	find(&more.create, sizeof(more.create), "pthread_create");
	find(&more.detach, sizeof(more.detach), "pthread_detach");
	find(&more.init, sizeof(more.init), "pthread_cond_init");
	find(&more.call, sizeof(more.call), "pthread_cond_signal");
	find(&more.wait, sizeof(more.wait), "pthread_cond_timedwait");
	more.libmilter = library_of(dlsym(RTLD_DEFAULT, "smfi_main"));
	sys.readv = readv;
	sys.recv = recv;
	sys.sendmsg = sendmsg;
}

/* Other libraries' constructors may come before any code of ours. */
static const struct gp_wire_calls *
calls(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, find_all);
	return &sys;
}

static bool
is_libmilter(const void *caller)
{
	(void)calls();
	return more.libmilter != NULL && library_of(caller) == more.libmilter;
}

/* The C library's headers have other names for the parameters. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
#pragma GCC visibility push(default)

/*
 * libmilter's signal thread alone calls it.  A signal that is pending when
 * that thread begins to wait would be taken from the main thread; so it never
 * waits for one.
 */
int
/* NOLINTNEXTLINE(readability-non-const-parameter): the C library's type */
sigwait(const sigset_t *set, int *sig)
{
	(void)set;
	(void)sig;
	for (;;)
		(void)pause();
}

int
accept(int fd, struct sockaddr *address, socklen_t *length)
{
	return gp_door_accept(fd, address, length);
}

ssize_t
read(int fd, void *to, size_t n)
{
	return gp_wire_read(calls(), fd, to, n);
}

ssize_t
writev(int fd, const struct iovec *from, int n)
{
	return gp_wire_writev(calls(), fd, from, n);
}

/* Who calls libmilter's workers polls next: it sees to calls that are late. */
int
poll(struct pollfd *set, nfds_t n, int timeout_ms)
{
	int64_t late_us = -1;
	int ready;

	if (timeout_ms != 0 && atomic_load(&more.calls.unheard) != 0)
		late_us = gp_crew_late_us(&more.calls, gp_clock_us());
	if (late_us > 0 && (timeout_ms < 0 || timeout_ms > LATE_MS)) {
		ready = gp_wire_poll(calls(), set, n, LATE_MS);
		if (ready != 0)
			return ready;
		late_us = gp_crew_late_us(&more.calls, gp_clock_us());
		timeout_ms -= timeout_ms < 0 ? 0 : LATE_MS;
	}
	if (late_us == 0)
		gp_door_workers(gp_crew_unheard(&more.calls));
	return gp_wire_poll(calls(), set, n, timeout_ms);
}

int
close(int fd)
{
	return gp_wire_close(calls(), fd);
}

int
pipe(int fds[2])
{
	const bool bell = is_libmilter(__builtin_return_address(0));
	int rc = more.pipe(fds);

	if (rc == 0 && bell)
		gp_wire_bell(fds[0]);
	return rc;
}

/* libmilter does nothing with what it gets in *thread. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *arg)
{
	if (!is_libmilter(__builtin_return_address(0)))
		return more.create(thread, attr, run, arg);
	*thread = pthread_self();
	return gp_door_thread(run, arg);
}

/* libmilter's workers detach themselves, on threads that have been. */
int
pthread_detach(pthread_t thread)
{
	if (gp_crew_member())
		return 0;
	(void)calls();
	return more.detach(thread);
}

int
pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
	if (is_libmilter(__builtin_return_address(0)))
		atomic_store(&more.cond, cond);
	return more.init(cond, attr);
}

/* libmilter holds the mutex meanwhile, here and in the next. */
int
pthread_cond_signal(pthread_cond_t *cond)
{
	(void)calls();
	if (cond == atomic_load(&more.cond))
		gp_crew_call(&more.calls, gp_clock_us);
	return more.call(cond);
}

int
pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *end)
{
	int rc;

	(void)calls();
	if (cond != atomic_load(&more.cond))
		return more.wait(cond, mutex, end);
	gp_crew_wait_begin(&more.calls);
	rc = more.wait(cond, mutex, end);
	gp_crew_wait_end(&more.calls);
	return rc;
}

#pragma GCC visibility pop
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
