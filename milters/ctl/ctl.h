/*
 * ctl - what the subcommands of `gatepost` have in common.
 *
 * A subcommand is a row of a table: its words, its arguments, its options.
 * From these rows come the reading of the command line, --help and the
 * completion of the shell, so that none of them can lag behind.
 *
 * Answers go to stdout, all else to stderr as "gatepost: ...".  A subcommand
 * returns an exit code of sysexits.h; 1 is a negative answer.
 */
#ifndef GP_CTL_CTL_H
#define GP_CTL_CTL_H

#include "core/json.h"
#include "core/policy.h"

#include <stdio.h>

/* What holds for every subcommand; the options may stand anywhere. */
struct ctl {
	const char *config;      /* --config */
	const char *runtime_dir; /* --runtime-dir: each daemon has a folder in
	                          * it, ... */
	const char *control;     /* --control: ... unless this is its socket;
	                          * NULL: not given */
	const char *state_dir;   /* --state-dir: likewise, a folder each */
	bool json;               /* --json */
	bool colour;             /* --color, NO_COLOR, is it a terminal */
};

struct ctl_option {
	const char *name;  /* "--wait"; NULL ends the table */
	const char *value; /* "SECONDS"; NULL: it stands alone */
	const char *help;  /* one line without a full stop */
};

#define CTL_OPTIONS_MAX 64 /* that one command line may have */

/* The words behind the subcommand. */
struct ctl_args {
	size_t n;
	char **v; /* without options */
	size_t n_options;
	struct ctl_given {
		const struct ctl_option *option;
		const char *value;
	} options[CTL_OPTIONS_MAX];
};

struct ctl_command {
	const char *words; /* "check" or "key new"; NULL ends the table */
	const char *args;  /* "DOMAIN [SELECTOR]"; "" for none */
	size_t min_args, max_args;
	const char *help;                 /* one line without a full stop */
	const struct ctl_option *options; /* of its own; may be NULL */
	int (*run)(const struct ctl *ctl, const struct ctl_args *args);
};

/* One table for each file of milters/ctl. */
extern const struct ctl_command ctl_check_commands[];
extern const struct ctl_command ctl_explain_commands[];
extern const struct ctl_command ctl_doctor_commands[];
extern const struct ctl_command ctl_key_commands[];
extern const struct ctl_command ctl_daemon_commands[];
extern const struct ctl_command ctl_rate_commands[];
extern const struct ctl_command ctl_postfix_commands[];
extern const struct ctl_command ctl_import_commands[];

/* ctl_usage - say what was expected; returns 64. */
int ctl_usage(const char *fmt, ...) GP_PRINTF(1, 2);

/* ctl_fail - say what went wrong; returns `code`. */
int ctl_fail(int code, const char *fmt, ...) GP_PRINTF(2, 3);

/* ctl_say_lines - each line as a complaint. */
void ctl_say_lines(struct gp_str text);

/* ctl_option - the value of the option that was given last ("" of one that
 * stands alone), or NULL. */
const char *ctl_option(const struct ctl_args *args, const char *name);

/* ctl_next_option - for options that may be repeated: the value of the next
 * one from *i on, or NULL; *i begins with 0. */
const char *
ctl_next_option(const struct ctl_args *args, const char *name, size_t *i);

/* ctl_load - the policy, for one reader; every problem is printed.  Returns 0,
 * or 78. */
int ctl_load(const struct ctl *ctl, struct gp_config **out);

/* ctl_domain - a domain that was given as a word, normalised, into
 * out[GP_DOMAIN_TEXT].  Returns 0, or 64 after having said why. */
int ctl_domain(const char *word, char *out);

/* -- the daemons -------------------------------------------------------- */

#define CTL_DAEMONS 4
extern const char *const ctl_daemons[CTL_DAEMONS]; /* "spf", "dkim" ... */

/* ctl_request - ask the daemon; as gp_control_ask. */
GP_MUST_USE enum gp_rc ctl_request(const struct ctl *ctl, const char *daemon,
    const char *request, struct gp_buf *answer, struct gp_err *err);

/* ctl_ask - ask the daemon and print its answer.  Returns 0, 1, 75 or 77. */
int ctl_ask(const struct ctl *ctl, const char *daemon, const char *request);

/* -- output ------------------------------------------------------------- */

/*
 * ctl_print_table - lines of cells that are separated by tabs, printed with
 * aligned columns on a terminal as elsewhere.  What is not printable is shown
 * as \xHH, so that no record and no header can speak to the terminal.
 */
void ctl_print_table(struct gp_str lines);

/* ctl_print_text - a text of several lines with the same care. */
void ctl_print_text(struct gp_str text);

/* ctl_json_begin - the one object of an answer, with "schema": 1 in it;
 * ctl_json_end closes and prints it. */
struct gp_json ctl_json_begin(struct gp_buf *out);
void ctl_json_end(struct gp_json *json);

/* ctl_light - "ok", "warn" or "FAIL", in colour where wanted. */
struct gp_findings;
const char *ctl_light(const struct ctl *ctl, unsigned light);

/*
 * ctl_print_findings - as a table, what is red first within each topic, and
 * the remedy below; or as JSON {"findings": [...], "worst": "red"}.  Returns 1
 * when something is red, else 0.
 */
int
ctl_print_findings(const struct ctl *ctl, const struct gp_findings *findings);

#endif
