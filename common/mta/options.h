/*
 * options - the command line of a daemon; the same words for all of them.
 *
 * Blocking: no.
 * Threads:  main, before others exist.
 */
#ifndef GP_MTA_OPTIONS_H
#define GP_MTA_OPTIONS_H

#include <stdbool.h>

struct gp_options {
	const char *program;     /* "gatepost-spf" */
	const char *config;      /* --config */
	const char *socket;      /* --socket; NULL: as configured */
	const char *state_dir;   /* --state-dir */
	const char *runtime_dir; /* --runtime-dir */
	const char *user;        /* --user NAME[:GROUP]; NULL: stay */
	bool foreground;
	bool check;
	bool verbose;
	char default_runtime_dir[64];
	char program_name[32];
};

/*
 * gp_options_parse - for the daemon `name` ("spf").  Returns -1 to go on, or
 * the exit code: 0 after --help and --version (printed), 64 after a usage
 * error (one line on stderr).
 */
int
gp_options_parse(struct gp_options *o, const char *name, int argc, char **argv);

/* gp_options_socket_path - the path of "unix:PATH", NULL for an inet socket. */
const char *gp_options_socket_path(const char *socket);

#endif
