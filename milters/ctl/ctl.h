/*
 * ctl - what the subcommands of `gatepost` have in common.
 *
 * A subcommand gets the words behind its name and returns an exit code of
 * sysexits.h; 1 is a negative answer.  Answers go to stdout, all else to
 * stderr as "gatepost: ...".
 */
#ifndef GP_CTL_CTL_H
#define GP_CTL_CTL_H

#include "core/policy.h"

struct ctl {
	const char *config;      /* --config */
	const char *runtime_dir; /* --runtime-dir: each daemon has a folder in
	                          * it, ... */
	const char *control;     /* --control: ... unless this is its socket */
};

/* ctl_usage - say what was expected; returns 64. */
int ctl_usage(const char *fmt, ...) GP_PRINTF(1, 2);

/* ctl_load - the policy, for one reader; every problem is printed.  Returns 0,
 * or 78. */
int ctl_load(const struct ctl *ctl, struct gp_config **out);

/* ctl_ask - ask the daemon and print its answer.  Returns 0, 1, 75 or 77. */
int ctl_ask(const struct ctl *ctl, const char *daemon, const char *request);

int ctl_rate(const struct ctl *ctl, int argc, char **argv);

#endif
