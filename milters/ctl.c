/*
 * gatepost - the operator's tool.
 *
 * Its answers come from the code of the daemons; each subcommand is a file in
 * milters/ctl.
 */
#include "ctl/ctl.h"

#include "io/control_client.h"
#include "io/policy_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define ANSWER_MS 10000

static const struct command {
	const char *name;
	int (*run)(const struct ctl *ctl, int argc, char **argv);
	const char *help;
} commands[] = {
	{ "rate", ctl_rate,
	    "  rate why REFERENCE      the refusal with this reference\n"
	    "  rate meters [PREFIX]    meters and their levels\n"
	    "  rate store              where they are, and its state\n"
	    "  rate warmup plan DOMAIN [--volume N [--mix P=PERCENT,...]]\n"
	    "                          the caps of the days to come\n" },
};

static void
help(FILE *out)
{
	(void)fprintf(out, "usage: gatepost [--config FILE] [--runtime-dir DIR]"
			   " [--control SOCKET] COMMAND\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		(void)fputs(commands[i].help, out);
	(void)fputs("\n  --config FILE       "
		    "/etc/gatepost/gatepost.conf\n"
		    "  --runtime-dir DIR   /run/gatepost\n"
		    "  --control SOCKET    the daemon's control.sock\n"
		    "  --version, --help\n",
	    out);
}

int
ctl_usage(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("gatepost: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputs("; see gatepost --help\n", stderr);
	return EX_USAGE;
}

static void
say_lines(struct gp_str text)
{
	while (text.n > 0) {
		struct gp_str line = gp_str_split(&text, '\n');

		if (line.n > 0)
			(void)fprintf(stderr, "gatepost: %.*s\n",
			    GP_STR_ARG(line));
	}
}

int
ctl_load(const struct ctl *ctl, struct gp_config **out)
{
	struct gp_problems problems;
	enum gp_rc rc;

	gp_problems_init(&problems);
	rc = gp_policy_load(ctl->config, out, &problems);
	say_lines(gp_buf_str(&problems.text));
	gp_problems_clear(&problems);
	return rc == GP_OK ? 0 : EX_CONFIG;
}

int
ctl_ask(const struct ctl *ctl, const char *daemon, const char *request)
{
	static const int codes[] = {
		[GP_OK] = 0,
		[GP_NONE] = 1,
		[GP_TEMP] = EX_TEMPFAIL,
		[GP_PERM] = EX_NOPERM,
	};
	char path[512];
	struct gp_buf answer;
	struct gp_err err;
	enum gp_rc rc;

	(void)snprintf(path, sizeof(path), "%s/%s/control.sock",
	    ctl->runtime_dir, daemon);
	gp_buf_init(&answer, SIZE_MAX);
	rc = gp_control_ask(ctl->control != NULL ? ctl->control : path, request,
	    ANSWER_MS, &answer, &err);
	if (rc == GP_OK)
		(void)fputs(gp_buf_cstr(&answer), stdout);
	else if (rc == GP_NONE)
		say_lines(gp_buf_str(&answer));
	else
		(void)fprintf(stderr, "gatepost: %s\n", err.msg);
	gp_buf_clear(&answer);
	return codes[rc];
}

/* The word behind `option`, or NULL with a complaint. */
static const char *
value_of(int argc, char **argv, int *i)
{
	if (*i + 1 < argc)
		return argv[++*i];
	(void)ctl_usage("%s: a value is missing", argv[*i]);
	return NULL;
}

/* Options before the command; -1: go on with argv[*i]. */
static int
read_options(struct ctl *ctl, int argc, char **argv, int *i)
{
	const struct {
		const char *name;
		const char **value;
	} options[] = { { "--config", &ctl->config },
		{ "--runtime-dir", &ctl->runtime_dir },
		{ "--control", &ctl->control } };

	for (; *i < argc && argv[*i][0] == '-'; (*i)++) {
		const char **value = NULL;

		if (strcmp(argv[*i], "--help") == 0) {
			help(stdout);
			return 0;
		}
		if (strcmp(argv[*i], "--version") == 0) {
			(void)puts("gatepost " GP_VERSION);
			return 0;
		}
		for (size_t o = 0; o < sizeof(options) / sizeof(options[0]);
		     o++)
			if (strcmp(argv[*i], options[o].name) == 0)
				value = options[o].value;
		if (value == NULL)
			return ctl_usage("%s: no such option", argv[*i]);
		*value = value_of(argc, argv, i);
		if (*value == NULL)
			return EX_USAGE;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .config = "/etc/gatepost/gatepost.conf",
		.runtime_dir = "/run/gatepost" };
	int i = 1;
	int code = read_options(&ctl, argc, argv, &i);

	if (code >= 0)
		return code;
	if (i == argc)
		return ctl_usage("expected a command");
	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++)
		if (strcmp(argv[i], commands[c].name) == 0)
			return commands[c].run(&ctl, argc - i - 1,
			    argv + i + 1);
	return ctl_usage("%s: no such command", argv[i]);
}
