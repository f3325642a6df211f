/*
 * gatepost-exporter - the daemons' metrics by HTTP, for Prometheus.
 *
 * A process of its own, so that no daemon that judges mail listens on TCP.
 */
#include "io/daemon.h"
#include "io/fleet.h"
#include "io/fleet_metrics.h"
#include "io/http_metrics.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct options {
	const char *listen;
	const char *runtime_dir;
};

static int
usage(const char *word, const char *why)
{
	(void)fprintf(stderr,
	    "gatepost-exporter: %s: %s; see gatepost-exporter --help\n", word,
	    why);
	return EX_USAGE;
}

static int
help(void)
{
	(void)puts(
	    "usage: gatepost-exporter [OPTION...]\n\n"
	    "  --listen ADDRESS:PORT  127.0.0.1:19547\n"
	    "  --runtime-dir DIR      " GP_FLEET_RUNTIME_DIR "\n"
	    "  --foreground           as it always does: for uniformity\n"
	    "  --version              print the version\n"
	    "  --help                 print this");
	return 0;
}

/* -1: go on; else the exit code. */
static int
parse(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		const char **value = strcmp(word, "--listen") == 0 ? &o->listen
		                     : strcmp(word, "--runtime-dir") == 0
		                         ? &o->runtime_dir
		                         : NULL;

		if (strcmp(word, "--help") == 0)
			return help();
		if (strcmp(word, "--version") == 0)
			return puts("gatepost-exporter " GP_VERSION) < 0
			           ? EX_IOERR
			           : 0;
		if (strcmp(word, "--foreground") == 0)
			continue;
		if (value == NULL)
			return usage(word, "no such option");
		if (i + 1 == argc)
			return usage(word, "a value is missing");
		*value = argv[++i];
	}
	return -1;
}

static void
page(void *arg, struct gp_buf *out)
{
	const struct options *o = arg;

	gp_fleet_metrics(o->runtime_dir, out);
}

static void
wait_for_end(void)
{
	sigset_t set;
	int sig;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	do
		sig = sigwaitinfo(&set, NULL);
	while (sig != SIGTERM && sig != SIGINT);
}

int
main(int argc, char **argv)
{
	struct options o = { .listen = "127.0.0.1:19547",
		.runtime_dir = GP_FLEET_RUNTIME_DIR };
	struct gp_http_address at;
	struct gp_http *http;
	struct gp_err err;
	char ip[GP_IP_TEXT];
	int code = parse(&o, argc, argv);

	if (code >= 0)
		return code;
	if (gp_http_address_parse(gp_str(o.listen), &at, &err) != GP_OK)
		return usage("--listen", err.msg);
	gp_daemon_block_signals();
	if (gp_http_open(&at, page, &o, &http, &err) != GP_OK) {
		(void)fprintf(stderr, "gatepost-exporter: %s: %s\n", o.listen,
		    err.msg);
		return EX_UNAVAILABLE;
	}
	(void)fprintf(stderr,
	    at.ip.family == GP_IP_V4 ? "gatepost-exporter: ready on %s:%u\n"
				     : "gatepost-exporter: ready on [%s]:%u\n",
	    gp_ip_format(&at.ip, ip), (unsigned)gp_http_port(http));
	gp_daemon_notify("READY=1\nSTATUS=answers scrapes");
	wait_for_end();
	gp_daemon_notify("STOPPING=1");
	gp_http_close(http);
	return 0;
}
