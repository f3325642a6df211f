/*
 * See shared_lock.h.
 *
 * Another process has the mutex for some microseconds, so it is tried again
 * rather than waited for: the time-outs of mutexes are either of the wall clock
 * or not known to the thread sanitizer.  A process that charges without a pause
 * would mostly be first; so who has waited for some milliseconds says so in the
 * file, and the others let it go first.
 */
#include "io/shared_lock.h"

#include "base/time.h"
#include "base/xalloc.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE  0660
#define PAGE_BYTES 4096

/* Octets of the file that are locked; a process has its own one behind
 * OPEN_AT. */
#define ENTER_AT 0
#define OPEN_AT  16

#define PAUSE_US (2 * GP_US_PER_MS)
#define RETRY_US 20 /* and what the system adds */

/* Who waited so long asks to go first, for so long; others pause before. */
#define STARVING_US (5 * GP_US_PER_MS)
#define FIRST_US    (20 * GP_US_PER_MS)
#define MANNERS_US  400

struct page {
	pthread_mutex_t mutex;
	int64_t first_until_us; /* atomic; 0: nobody asks */
};

struct gp_shared_lock {
	int fd;
	struct page *page;
};

static void
pause_for(int64_t us)
{
	const struct timespec pause = { .tv_nsec = (long)us * 1000 };

	(void)nanosleep(&pause, NULL);
}

/* -- octets ---------------------------------------------------------------- */

static bool
set_octet(int fd, short type, off_t at, int command)
{
	struct flock octet = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = at,
		.l_len = command == F_OFD_GETLK ? 0 : 1,
	};

	return fcntl(fd, command, &octet) == 0 &&
	       (command != F_OFD_GETLK || octet.l_type == F_UNLCK);
}

static bool
lock_octet(int fd, off_t at, int64_t wait_us)
{
	const int64_t deadline = gp_time_add(gp_clock_us(), wait_us);

	while (!set_octet(fd, F_WRLCK, at, F_OFD_SETLK)) {
		if ((errno != EAGAIN && errno != EACCES && errno != EINTR) ||
		    gp_clock_us() >= deadline)
			return false;
		pause_for(PAUSE_US);
	}
	return true;
}

bool
gp_shared_lock_enter(struct gp_shared_lock *l, int64_t wait_us)
{
	return lock_octet(l->fd, ENTER_AT, wait_us);
}

void
gp_shared_lock_leave(struct gp_shared_lock *l)
{
	(void)set_octet(l->fd, F_UNLCK, ENTER_AT, F_OFD_SETLK);
}

/* -- the mutex ------------------------------------------------------------- */

static int
init_page(struct page *page)
{
	pthread_mutexattr_t attr;
	int error = pthread_mutexattr_init(&attr);

	if (error != 0)
		return error;
	error = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (error == 0)
		error =
		    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (error == 0)
		error = pthread_mutex_init(&page->mutex, &attr);
	(void)pthread_mutexattr_destroy(&attr);
	return error;
}

static bool
try_mutex(struct gp_shared_lock *l)
{
	int error = pthread_mutex_trylock(&l->page->mutex);

	if (error == EOWNERDEAD)
		error = pthread_mutex_consistent(&l->page->mutex);
	return error == 0;
}

static void
ask_to_be_first(struct gp_shared_lock *l, int64_t until_us)
{
	__atomic_store_n(&l->page->first_until_us, until_us, __ATOMIC_RELAXED);
}

static bool
wait_for_mutex(struct gp_shared_lock *l, int64_t wait_us)
{
	const int64_t start = gp_clock_us();
	const int64_t deadline = gp_time_add(start, wait_us);
	bool asked = false, done = false;

	for (int64_t now = start; !done && now < deadline;
	     now = gp_clock_us()) {
		if (now - start > STARVING_US) {
			ask_to_be_first(l, now + FIRST_US);
			asked = true;
		}
		pause_for(RETRY_US);
		done = try_mutex(l);
	}
	if (asked && done)
		ask_to_be_first(l, 0);
	return done;
}

bool
gp_shared_lock_take(struct gp_shared_lock *l, int64_t wait_us)
{
	const int64_t first_until_us =
	    __atomic_load_n(&l->page->first_until_us, __ATOMIC_RELAXED);

	if (first_until_us != 0 && gp_clock_us() < first_until_us)
		pause_for(MANNERS_US);
	return try_mutex(l) || wait_for_mutex(l, wait_us);
}

void
gp_shared_lock_give(struct gp_shared_lock *l)
{
	(void)pthread_mutex_unlock(&l->page->mutex);
}

/* -- opening --------------------------------------------------------------- */

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, int error)
{
	char text[128];

	return gp_fail(err, gp_rc_of_errno(error), "%s: %s", path,
	    strerror_r(error, text, sizeof(text)));
}

/* Written, so that the page is no hole: a full disk would kill. */
static int
fill(int fd)
{
	const char zeros[PAGE_BYTES] = { 0 };
	ssize_t n = pwrite(fd, zeros, sizeof(zeros), 0);

	if (n == (ssize_t)sizeof(zeros))
		return 0;
	return n < 0 ? errno : ENOSPC;
}

static int
map(struct gp_shared_lock *l)
{
	struct stat st;
	void *page;

	if (fstat(l->fd, &st) != 0)
		return errno;
	if (st.st_size < PAGE_BYTES)
		return EIO;
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd,
	    0);

	if (page == MAP_FAILED)
		return errno;
	l->page = page;
	return 0;
}

static enum gp_rc
open_page(struct gp_shared_lock *l, const char *path, struct gp_err *err)
{
	const bool alone = set_octet(l->fd, F_WRLCK, OPEN_AT, F_OFD_GETLK);
	int error;

	if (!lock_octet(l->fd, OPEN_AT + (off_t)getpid(), 0))
		return gp_fail(err, GP_PERM,
		    "%s: is open in this process already", path);
	error = alone ? fill(l->fd) : 0;
	if (error == 0)
		error = map(l);
	if (error == 0 && alone)
		error = init_page(l->page);
	return error == 0 ? GP_OK : fail_errno(err, path, error);
}

enum gp_rc
gp_shared_lock_open(const char *path, int64_t wait_us,
    struct gp_shared_lock **out, struct gp_err *err)
{
	struct gp_shared_lock *l = gp_xcalloc(1, sizeof(*l));
	enum gp_rc rc;

	*out = NULL;
	l->fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (l->fd < 0) {
		rc = fail_errno(err, path, errno);
	} else if (!gp_shared_lock_enter(l, wait_us)) {
		rc = gp_fail(err, GP_TEMP, "%s: another process is opening it",
		    path);
	} else {
		rc = open_page(l, path, err);
		gp_shared_lock_leave(l);
	}
	if (rc == GP_OK)
		*out = l;
	else
		gp_shared_lock_close(l);
	return rc;
}

void
gp_shared_lock_close(struct gp_shared_lock *l)
{
	if (l == NULL)
		return;
	if (l->page != NULL)
		(void)munmap(l->page, PAGE_BYTES);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l);
}
