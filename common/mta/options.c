/* See options.h. */
#include "mta/options.h"

#include "core/policy_form.h"

#include <getopt.h>
#include <stdio.h>
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
	const struct gp_str prefix = GP_STR("unix:");

	return gp_str_starts_nocase(gp_str(socket), prefix) ? socket + prefix.n
	                                                    : NULL;
}

static void
set_defaults(struct gp_options *o, const char *name)
{
	*o = (struct gp_options){ .config = "/etc/gatepost/gatepost.conf",
		.state_dir = "/var/lib/gatepost" };
	(void)snprintf(o->program_name, sizeof(o->program_name), "gatepost-%s",
	    name);
	(void)snprintf(o->default_runtime_dir, sizeof(o->default_runtime_dir),
	    "/run/gatepost/%s", name);
	o->program = o->program_name;
	o->runtime_dir = o->default_runtime_dir;
}

int
gp_options_parse(struct gp_options *o, const char *name, int argc, char **argv)
{
	enum { CONFIG, SOCKET, STATE, RUNTIME, USER, VALUES };
	enum { FOREGROUND = VALUES, CHECK, VERBOSE, FLAGS, VERSION, HELP };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "socket", required_argument, NULL, SOCKET },
		{ "state-dir", required_argument, NULL, STATE },
		{ "runtime-dir", required_argument, NULL, RUNTIME },
		{ "user", required_argument, NULL, USER },
		{ "foreground", no_argument, NULL, FOREGROUND },
		{ "check", no_argument, NULL, CHECK },
		{ "verbose", no_argument, NULL, VERBOSE },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	const char **const values[] = { &o->config, &o->socket, &o->state_dir,
		&o->runtime_dir, &o->user };
	bool *const flags[] = { &o->foreground, &o->check, &o->verbose };
	int c;

	set_defaults(o, name);
	opterr = 0;
	/* getopt keeps its place in statics; only main() calls this, once */
	while ((c = getopt_long(/* NOLINT(concurrency-mt-unsafe) */
		    argc, argv, "", longs, NULL)) != -1) {
		if (c >= CONFIG && c < VALUES) {
			*values[c] = optarg;
		} else if (c >= FOREGROUND && c < FLAGS) {
			*flags[c - FOREGROUND] = true;
		} else if (c == VERSION) {
			(void)printf("%s %s\n", o->program, GP_VERSION);
			return EX_OK;
		} else if (c == HELP) {
			help(o->program);
			return EX_OK;
		} else {
			return usage_error(o,
			    "unknown option or missing value");
		}
	}
	if (optind != argc)
		return usage_error(o, "unexpected argument");
	if (o->socket != NULL && !gp_form_socket(gp_str(o->socket)))
		return usage_error(o,
		    "--socket wants unix:PATH or inet:PORT@HOST");
	return -1;
}
