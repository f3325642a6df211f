/* See redis_lab.h. */
#include "support/redis_lab.h"

#include "base/buf.h"
#include "io/clock.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_US (10 * GP_US_PER_S)

static const char program[] = "/usr/bin/redis-server";

bool
redis_lab_is_installed(void)
{
	return access(program, X_OK) == 0;
}

static int
stream_socket(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval wait = { .tv_sec = 5 };

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0)
		abort();
	return fd;
}

/* Free a moment ago; the start is tried again if it no longer is. */
static unsigned
free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	const int fd = stream_socket();

	if (bind(fd, (struct sockaddr *)&at, n) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		abort();
	(void)close(fd);
	return ntohs(at.sin_port);
}

static void
write_config(struct redis_lab *lab)
{
	char path[128];
	FILE *file;

	(void)snprintf(lab->url, sizeof(lab->url), "redis://127.0.0.1:%u/0",
	    lab->port);
	(void)snprintf(lab->socket, sizeof(lab->socket), "%s/socket",
	    lab->folder);
	(void)snprintf(path, sizeof(path), "%s/conf", lab->folder);
	file = fopen(path, "we");
	if (file == NULL ||
	    fprintf(file,
		"bind 127.0.0.1\n"
		"port %u\n"
		"unixsocket %s\n"
		"dir %s\n"
		"logfile %s/log\n"
		"daemonize no\n"
		"save \"\"\n"
		"enable-debug-command local\n"
		"%s\n",
		lab->port, lab->socket, lab->folder, lab->folder,
		lab->options) < 0 ||
	    fclose(file) != 0)
		abort();
}

/* -- commands -------------------------------------------------------------- */

static int
connect_to(const struct redis_lab *lab)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)lab->port) };
	const int fd = stream_socket();

	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

void
redis_lab_say(const struct redis_lab *lab, const char *command, char *out,
    size_t size)
{
	const int fd = connect_to(lab);
	size_t n = 0;
	char c;

	if (fd >= 0 && send(fd, command, strlen(command), MSG_NOSIGNAL) > 0 &&
	    send(fd, "\r\n", 2, MSG_NOSIGNAL) == 2)
		while (n < size - 1 && recv(fd, &c, 1, 0) == 1 && c != '\r')
			out[n++] = c;
	out[n] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

void
redis_lab_tell(const struct redis_lab *lab, const char *command,
    const char *answer)
{
	char got[256];

	redis_lab_say(lab, command, got, sizeof(got));
	if (strcmp(got, answer) == 0)
		return;
	(void)fprintf(stderr, "# redis: \"%s\" gives \"%s\", not \"%s\"\n",
	    command, got, answer);
	abort();
}

/* -- start and end --------------------------------------------------------- */

/* It ends with the test, whatever becomes of that, and holds no pipe open. */
static bool
spawn(struct redis_lab *lab)
{
	static char *const no_environment[] = { NULL };
	char command[] = "redis-server";
	char config[128];
	char *argv[] = { command, config, NULL };
	int null;

	(void)snprintf(config, sizeof(config), "%s/conf", lab->folder);
	lab->pid = fork();
	if (lab->pid != 0)
		return lab->pid > 0;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
	    dup2(null, 2) == 2 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
		(void)execve(program, argv, no_environment);
	_exit(127);
}

/* Does it answer at all, be it with "who are you"? */
static bool
wait_ready(struct redis_lab *lab)
{
	const int64_t until = gp_clock_us() + START_US;
	char answer[64];

	while (gp_clock_us() < until) {
		redis_lab_say(lab, "PING", answer, sizeof(answer));
		if (strcmp(answer, "+PONG") == 0 ||
		    strncmp(answer, "-NOAUTH", 7) == 0)
			return true;
		if (waitpid(lab->pid, NULL, WNOHANG) == lab->pid) {
			lab->pid = 0;
			return false;
		}
		(void)poll(NULL, 0, 10);
	}
	redis_lab_kill(lab);
	return false;
}

static void
show_log(const struct redis_lab *lab)
{
	char path[128], line[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/log", lab->folder);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		(void)fprintf(stderr, "# %s", line);
	if (file != NULL)
		(void)fclose(file);
}

void
redis_lab_open(struct redis_lab *lab, const char *options)
{
	memset(lab, 0, sizeof(*lab));
	(void)snprintf(lab->folder, sizeof(lab->folder),
	    "/tmp/gatepost-redis-XXXXXX");
	(void)snprintf(lab->options, sizeof(lab->options), "%s", options);
	if (mkdtemp(lab->folder) == NULL)
		abort();
	for (int tries = 0; tries < 3; tries++) {
		lab->port = free_port();
		write_config(lab);
		if (spawn(lab) && wait_ready(lab))
			return;
	}
	show_log(lab);
	abort();
}

void
redis_lab_kill(struct redis_lab *lab)
{
	if (lab->pid == 0)
		return;
	(void)kill(lab->pid, SIGKILL);
	while (waitpid(lab->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	lab->pid = 0;
}

void
redis_lab_resume(struct redis_lab *lab)
{
	if (spawn(lab) && wait_ready(lab))
		return;
	show_log(lab);
	abort();
}

/* Its files, and one level of folders (the append-only file's). */
static void
remove_folder(const char *folder, int depth)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[512];

	/* one thread, one directory stream */
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder,
		    entry->d_name);
		if (unlink(path) != 0 && depth > 0)
			remove_folder(path, depth - 1);
	}
	if (dir != NULL)
		(void)closedir(dir);
	(void)rmdir(folder);
}

void
redis_lab_close(struct redis_lab *lab)
{
	redis_lab_kill(lab);
	remove_folder(lab->folder, 1);
}
