/* See log.h.  syslog(3) itself is not used: its socket blocks when full. */
#include "io/log.h"

#include "base/str.h"
#include "core/limits.h"
#include "io/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define RETRY_US GP_US_PER_S

/* A line with what stands before it: priority, time, name, pid. */
#define PACKET_MAX (GP_LOG_LINE_MAX + 128)

static struct {
	pthread_mutex_t lock; /* of what follows, down to retry_us */
	int fd;               /* -1: not connected */
	int64_t retry_us;     /* no attempt to connect before this */
	uint64_t reported;    /* lost lines that were reported */
	_Atomic uint64_t lost;
	/* set by gp_log_open, then only read */
	const char *path;
	const char *name;
	bool to_stderr;
	enum gp_log_level least;
} sink = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.fd = -1,
	.path = "/dev/log",
	.name = "",
	.to_stderr = true,
	.least = GP_LOG_INFO,
};

static int
priority(enum gp_log_level level)
{
	static const int priorities[] = { [GP_LOG_ERROR] = LOG_ERR,
		[GP_LOG_WARNING] = LOG_WARNING,
		[GP_LOG_INFO] = LOG_INFO,
		[GP_LOG_DEBUG] = LOG_DEBUG };

	return LOG_MAIL | priorities[level];
}

/* systemd.exec(5): JOURNAL_STREAM is device and inode of stdout or stderr. */
static bool
stderr_is_journal(void)
{
	/* no other threads yet */
	const char *stream =
	    getenv("JOURNAL_STREAM"); /* NOLINT(concurrency-mt-unsafe) */
	struct stat st;
	char own[48];

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void
gp_log_set_socket(const char *path)
{
	sink.path = path;
}

void
gp_log_open(const char *name, bool foreground, enum gp_log_level least)
{
	sink.name = name;
	sink.to_stderr = foreground && !stderr_is_journal();
	sink.least = least;
}

static void
disconnect(void)
{
	if (sink.fd >= 0)
		(void)close(sink.fd);
	sink.fd = -1;
}

/* After a failure no attempt for a second; a datagram socket connects without
 * waiting. */
static bool
connected(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (sink.fd >= 0)
		return true;
	if (gp_clock_us() < sink.retry_us)
		return false;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", sink.path);
	sink.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sink.fd >= 0 &&
	    connect(sink.fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		disconnect();
	if (sink.fd < 0)
		sink.retry_us = gp_time_add(gp_clock_us(), RETRY_US);
	return sink.fd >= 0;
}

/* False: the line is lost.  A daemon behind the socket that was restarted
 * shows as an error of the old connection, so there is a second attempt. */
static bool
send_packet(const char *packet, size_t n)
{
	for (int attempt = 0; attempt < 2 && connected(); attempt++) {
		if (send(sink.fd, packet, n, MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
			return false;
		disconnect();
	}
	return false;
}

static bool
send_line(int prio, const char *line)
{
	char packet[PACKET_MAX];
	char when[32] = "";
	time_t now = (time_t)gp_clock_wall_s();
	struct tm tm;
	int n;

	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%b %e %T", &tm);
	n = snprintf(packet, sizeof(packet), "<%d>%s %s[%ld]: %s", prio, when,
	    sink.name, (long)getpid(), line);
	if (n >= (int)sizeof(packet))
		n = (int)sizeof(packet) - 1;
	return n > 0 && send_packet(packet, (size_t)n);
}

static void
report_lost(void)
{
	uint64_t lost = atomic_load(&sink.lost);
	char line[80];

	if (lost == sink.reported)
		return;
	(void)snprintf(line, sizeof(line), "log lines lost: %llu",
	    (unsigned long long)(lost - sink.reported));
	if (send_line(priority(GP_LOG_WARNING), line))
		sink.reported = lost;
}

static void
to_syslog(enum gp_log_level level, const char *line)
{
	(void)pthread_mutex_lock(&sink.lock);
	if (send_line(priority(level), line))
		report_lost();
	else
		(void)atomic_fetch_add(&sink.lost, 1);
	(void)pthread_mutex_unlock(&sink.lock);
}

/* One write a line keeps the lines of several threads and processes apart. */
static void
to_stderr(const char *line)
{
	char text[PACKET_MAX];
	int n = snprintf(text, sizeof(text), "%s%s%s\n", sink.name,
	    sink.name[0] == '\0' ? "" : ": ", line);
	const char *p = text;
	size_t left = n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1;

	while (left > 0) {
		ssize_t done = write(STDERR_FILENO, p, left);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			(void)atomic_fetch_add(&sink.lost, 1);
			return;
		}
		p += done;
		left -= (size_t)done;
	}
}

void
gp_log(enum gp_log_level level, const char *fmt, ...)
{
	char line[GP_LOG_LINE_MAX + 1];
	va_list ap;
	int n;

	if (level > sink.least)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (n > GP_LOG_LINE_MAX)
		memset(line + GP_LOG_LINE_MAX - 3, '.', 3);
	for (char *c = line; *c != '\0'; c++)
		if (!gp_is_print(*c))
			*c = '?';
	if (sink.to_stderr)
		to_stderr(line);
	else
		to_syslog(level, line);
}

uint64_t
gp_log_lost(void)
{
	return atomic_load(&sink.lost);
}
