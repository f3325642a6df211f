/* See options.h. */
#include "mta/options.h"

#include "base/str.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void
help(const char *program)
{
	(void)printf(
	    "usage: %s [options]\n"
	    "  --config FILE        policy file (FILE's policy.d/*.conf too)\n"
	    "  --socket SOCKET      unix:PATH or inet:PORT@HOST, over the"
	    " configured one\n"
	    "  --foreground         stay in the foreground, log to stderr\n"
	    "  --state-dir DIR      seal key and state (/var/lib/gatepost)\n"
	    "  --runtime-dir DIR    pid and control socket (/run/gatepost/..)\n"
	    "  --user NAME[:GROUP]  become this user after the start as root\n"
	    "  --check              read the policy, say all that is wrong,"
	    " exit 0 or 78\n"
	    "  --verbose            log more\n"
	    "  --version            print the version\n"
	    "  --help               this text\n",
	    program);
}

static int
usage_error(const struct gp_options *o, const char *what)
{
	(void)fprintf(stderr, "%s: %s; try %s --help\n", o->program, what,
	    o->program);
	return EX_USAGE;
}

const char *
gp_options_socket_path(const char *socket)
{
	static const char *const prefixes[] = { "unix:", "local:" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(socket, prefixes[i], n) == 0 && socket[n] != '\0')
			return socket + n;
	}
	return NULL;
}

bool
gp_options_socket_valid(const char *socket)
{
	struct gp_str rest = gp_str(socket);
	struct gp_str family = gp_str_split(&rest, ':');
	struct gp_str port;
	uint64_t number;

	if (gp_options_socket_path(socket) != NULL)
		return true;
	if (!gp_str_eq(family, GP_STR("inet")) &&
	    !gp_str_eq(family, GP_STR("inet6")))
		return false;
	port = gp_str_split(&rest, '@');
	return rest.n > 0 && gp_parse_u64(port, 65535, &number) == GP_OK &&
	       number > 0;
}

int
gp_options_parse(struct gp_options *o, const char *name, int argc, char **argv)
{
	enum {
		CONFIG,
		SOCKET,
		FOREGROUND,
		STATE,
		RUNTIME,
		USER,
		CHECK,
		VERBOSE,
		VERSION,
		HELP
	};
	static const struct option longs[] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "socket", required_argument, NULL, SOCKET },
		{ "foreground", no_argument, NULL, FOREGROUND },
		{ "state-dir", required_argument, NULL, STATE },
		{ "runtime-dir", required_argument, NULL, RUNTIME },
		{ "user", required_argument, NULL, USER },
		{ "check", no_argument, NULL, CHECK },
		{ "verbose", no_argument, NULL, VERBOSE },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct gp_options){ .config = "/etc/gatepost/gatepost.conf",
		.state_dir = "/var/lib/gatepost" };
	(void)snprintf(o->program_name, sizeof(o->program_name), "gatepost-%s",
	    name);
	(void)snprintf(o->default_runtime_dir, sizeof(o->default_runtime_dir),
	    "/run/gatepost/%s", name);
	o->program = o->program_name;
	o->runtime_dir = o->default_runtime_dir;
	opterr = 0;
	/* getopt keeps its place in statics; only main() calls this, once */
	while ((c = getopt_long(/* NOLINT(concurrency-mt-unsafe) */
		    argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case CONFIG:
			o->config = optarg;
			break;
		case SOCKET:
			o->socket = optarg;
			break;
		case FOREGROUND:
			o->foreground = true;
			break;
		case STATE:
			o->state_dir = optarg;
			break;
		case RUNTIME:
			o->runtime_dir = optarg;
			break;
		case USER:
			o->user = optarg;
			break;
		case CHECK:
			o->check = true;
			break;
		case VERBOSE:
			o->verbose = true;
			break;
		case VERSION:
			(void)printf("%s %s\n", o->program, GP_VERSION);
			return EX_OK;
		case HELP:
			help(o->program);
			return EX_OK;
		default:
			return usage_error(o,
			    "unknown option or missing value");
		}
	}
	if (optind != argc)
		return usage_error(o, "unexpected argument");
	if (o->socket != NULL && !gp_options_socket_valid(o->socket))
		return usage_error(o,
		    "--socket wants unix:PATH or inet:PORT@HOST");
	return -1;
}
