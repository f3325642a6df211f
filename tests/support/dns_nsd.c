/* See dns_nsd.h. */
#include "support/dns_nsd.h"

#include "base/buf.h"
#include "io/clock.h"
#include "support/dns_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_US (10 * GP_US_PER_S)

static const char program[] = "/usr/sbin/nsd";
static const char *const files[] = { "nsd.conf", "zone", "log", "zone.list",
	"xfrd", "pid" };

static void
path_of(const struct dns_nsd *nsd, const char *file, char out[128])
{
	(void)snprintf(out, 128, "%s/%s", nsd->folder, file);
}

static void
write_file(const struct dns_nsd *nsd, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	path_of(nsd, name, path);
	file = fopen(path, "we");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

/* Free for UDP a moment ago; the start is tried again if it no longer is. */
static unsigned
free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		abort();
	(void)close(fd);
	return ntohs(at.sin_port);
}

static void
write_config(const struct dns_nsd *nsd, const char *name)
{
	struct gp_buf text;

	gp_buf_init(&text, 4096);
	gp_buf_addf(&text,
	    "server:\n"
	    "  ip-address: 127.0.0.1@%u\n"
	    "  server-count: 1\n"
	    "  username: \"\"\n"
	    "  database: \"\"\n"
	    "  zonesdir: \"%s\"\n"
	    "  pidfile: \"%s/pid\"\n"
	    "  xfrdfile: \"%s/xfrd\"\n"
	    "  zonelistfile: \"%s/zone.list\"\n"
	    "  logfile: \"%s/log\"\n"
	    "remote-control:\n"
	    "  control-enable: no\n"
	    "zone:\n"
	    "  name: \"%s\"\n"
	    "  zonefile: \"zone\"\n",
	    nsd->port, nsd->folder, nsd->folder, nsd->folder, nsd->folder,
	    nsd->folder, name);
	write_file(nsd, "nsd.conf", gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

static bool
spawn(struct dns_nsd *nsd)
{
	static char *const no_environment[] = { NULL };
	char command[] = "nsd", foreground[] = "-d", option[] = "-c";
	char config[128];
	char *argv[] = { command, foreground, option, config, NULL };

	path_of(nsd, "nsd.conf", config);
	return posix_spawn(&nsd->pid, program, NULL, NULL, argv,
		   no_environment) == 0;
}

/* Sends a question for the zone; true when something came back. */
static bool
answers(const struct dns_nsd *nsd, const char *name)
{
	static struct dns_message m;
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)nsd->port) };
	const struct timeval wait = { .tv_usec = 50000 };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t b[512];
	bool answered;

	if (fd < 0)
		abort();
	dns_message_start(&m, false, 0, name, 6);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	answered = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
	           send(fd, m.b, m.n, 0) == (ssize_t)m.n &&
	           recv(fd, b, sizeof(b), 0) > 0;
	(void)close(fd);
	return answered;
}

/* 0: it answers; -1: it has ended, or does not answer in time. */
static int
wait_ready(const struct dns_nsd *nsd, const char *name)
{
	const int64_t until = gp_clock_us() + START_US;

	while (gp_clock_us() < until) {
		if (answers(nsd, name))
			return 0;
		if (waitpid(nsd->pid, NULL, WNOHANG) == nsd->pid)
			return -1;
	}
	(void)kill(nsd->pid, SIGTERM);
	(void)waitpid(nsd->pid, NULL, 0);
	return -1;
}

static void
show_log(const struct dns_nsd *nsd)
{
	char path[128], line[512];
	FILE *file;

	path_of(nsd, "log", path);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		(void)fprintf(stderr, "# %s", line);
	if (file != NULL)
		(void)fclose(file);
}

static void
remove_folder(const struct dns_nsd *nsd)
{
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path_of(nsd, files[i], path);
		(void)unlink(path);
	}
	(void)rmdir(nsd->folder);
}

int
dns_nsd_start(struct dns_nsd *nsd, const char *name, const char *text)
{
	int rc = -1;

	if (access(program, X_OK) != 0)
		return 1;
	(void)snprintf(nsd->folder, sizeof(nsd->folder),
	    "/tmp/gatepost-nsd-XXXXXX");
	if (mkdtemp(nsd->folder) == NULL)
		abort();
	write_file(nsd, "zone", text);
	for (int tries = 0; tries < 3 && rc != 0; tries++) {
		nsd->port = free_port();
		write_config(nsd, name);
		if (spawn(nsd))
			rc = wait_ready(nsd, name);
	}
	if (rc != 0) {
		show_log(nsd);
		remove_folder(nsd);
	}
	return rc;
}

void
dns_nsd_stop(struct dns_nsd *nsd)
{
	(void)kill(nsd->pid, SIGTERM);
	while (waitpid(nsd->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	remove_folder(nsd);
}
