/*
 * gatepost - the operator's tool.
 *
 * Its answers come from the code of the daemons; each subcommand is a row of a
 * table in milters/ctl.
 */
#include "ctl/ctl.h"
#include "ctl/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct ctl_command *const tables[] = { ctl_check_commands,
	ctl_explain_commands, ctl_doctor_commands, ctl_key_commands,
	ctl_daemon_commands, ctl_rate_commands, ctl_postfix_commands,
	ctl_import_commands };
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static const struct ctl_option shared_options[] = {
	{ "--config", "FILE", "/etc/gatepost/gatepost.conf" },
	{ "--runtime-dir", "DIR", "/run/gatepost" },
	{ "--state-dir", "DIR", "/var/lib/gatepost" },
	{ "--control", "SOCKET", "the daemon's control.sock" },
	{ "--json", NULL, "one JSON object instead of text" },
	{ "--color", "WHEN", "auto, always or never" },
	{ "--version", NULL, "print the version" },
	{ "--help", NULL, "print this, or the options of a command" },
	{ .name = NULL },
};

/* -- help -------------------------------------------------------------- */

static void
help_options(const struct ctl_option *options)
{
	for (; options != NULL && options->name != NULL; options++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "%s%s%s", options->name,
		    options->value == NULL ? "" : " ",
		    options->value == NULL ? "" : options->value);
		(void)printf("  %-24s %s\n", left, options->help);
	}
}

/* All commands that begin with these words ("" for all). */
static void
help_all(const char *words)
{
	(void)printf("usage: gatepost [OPTION...] COMMAND [ARGUMENT...]\n\n");
	for (size_t t = 0; t < TABLES; t++)
		for (const struct ctl_command *c = tables[t]; c->words != NULL;
		     c++) {
			char left[96];

			if (!ctl_words_begin(c->words, words))
				continue;
			(void)snprintf(left, sizeof(left), "%s%s%s", c->words,
			    c->args[0] == '\0' ? "" : " ", c->args);
			(void)printf("  %-32s %s\n", left, c->help);
		}
	(void)puts("\noptions of every command:");
	help_options(shared_options);
}

static void
help_command(const struct ctl_command *c)
{
	(void)printf("usage: gatepost %s%s%s%s\n\n%s\n\n", c->words,
	    c->options == NULL ? "" : " [OPTION...]",
	    c->args[0] == '\0' ? "" : " ", c->args, c->help);
	help_options(c->options);
	(void)puts("\noptions of every command:");
	help_options(shared_options);
}

/* -- completion -------------------------------------------------------- */

static void
complete_options(const struct ctl_option *options)
{
	for (; options != NULL && options->name != NULL; options++)
		(void)puts(options->name);
}

/* What may come behind these words, a candidate a line, for the shell. */
static int
complete(int argc, char **argv)
{
	struct ctl_words words;

	ctl_words_take(&words, argc, argv, shared_options);
	for (size_t t = 0; t < TABLES; t++)
		for (const struct ctl_command *c = tables[t]; c->words != NULL;
		     c++) {
			const char *next = ctl_words_next(c->words, &words);

			if (next == NULL)
				continue;
			if (*next == '\0')
				complete_options(c->options);
			else
				(void)printf("%.*s\n", (int)strcspn(next, " "),
				    next);
		}
	complete_options(shared_options);
	return 0;
}

/* -- one call ---------------------------------------------------------- */

static bool
wants_colour(const char *when)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	const char *no = getenv("NO_COLOR");

	if (strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	return isatty(STDOUT_FILENO) == 1 && (no == NULL || *no == '\0');
}

static int
read_shared(struct ctl *ctl, const struct ctl_args *args)
{
	const char *when = ctl_option(args, "--color");
	const struct {
		const char *name;
		const char **value;
	} texts[] = { { "--config", &ctl->config },
		{ "--runtime-dir", &ctl->runtime_dir },
		{ "--state-dir", &ctl->state_dir },
		{ "--control", &ctl->control } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *value = ctl_option(args, texts[i].name);

		if (value != NULL)
			*texts[i].value = value;
	}
	when = when == NULL ? "auto" : when;
	if (strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 &&
	    strcmp(when, "never") != 0)
		return ctl_usage("--color: %s: expected auto, always or never",
		    when);
	ctl->json = ctl_option(args, "--json") != NULL;
	ctl->colour = wants_colour(when);
	return 0;
}

/* The row that the words name: the longest that fits. */
static const struct ctl_command *
find(const struct ctl_words *words)
{
	const struct ctl_command *best = NULL;

	for (size_t t = 0; t < TABLES; t++)
		for (const struct ctl_command *c = tables[t]; c->words != NULL;
		     c++)
			if (ctl_words_match(c->words, words) &&
			    (best == NULL ||
				strlen(c->words) > strlen(best->words)))
				best = c;
	return best;
}

/* No command has this name: say which begin with its first word. */
static int
unknown(const struct ctl_words *words)
{
	struct gp_buf list;
	int code;

	gp_buf_init(&list, SIZE_MAX);
	for (size_t t = 0; t < TABLES; t++)
		for (const struct ctl_command *c = tables[t]; c->words != NULL;
		     c++)
			if (ctl_words_begin(c->words, words->v[0]))
				gp_buf_addf(&list, "%s%s",
				    list.n == 0 ? "" : ", ", c->words);
	code = list.n == 0
	           ? ctl_usage("%s: no such command", words->v[0])
	           : ctl_usage("%s%s%s: expected %s", words->v[0],
			 words->n > 1 ? " " : "",
			 words->n > 1 ? words->v[1] : "", gp_buf_cstr(&list));
	gp_buf_clear(&list);
	return code;
}

static int
call(const struct ctl_command *c, int argc, char **argv)
{
	struct ctl ctl = { .config = "/etc/gatepost/gatepost.conf",
		.runtime_dir = "/run/gatepost",
		.state_dir = "/var/lib/gatepost" };
	struct ctl_args args;
	int code = ctl_args_read(&args, argc, argv, shared_options, c->options);

	if (code == 0 && ctl_option(&args, "--help") != NULL) {
		help_command(c);
		return 0;
	}
	if (code == 0)
		code = ctl_args_behind(&args, c);
	if (code == 0)
		code = read_shared(&ctl, &args);
	return code == 0 ? c->run(&ctl, &args) : code;
}

int
main(int argc, char **argv)
{
	struct ctl_words words;
	const struct ctl_command *c;

	if (argc > 1 && strcmp(argv[1], "--complete") == 0)
		return complete(argc - 2, argv + 2);
	ctl_words_take(&words, argc - 1, argv + 1, shared_options);
	c = find(&words);
	if (c != NULL)
		return call(c, argc - 1, argv + 1);
	if (words.version) {
		(void)puts("gatepost " GP_VERSION);
		return 0;
	}
	if (words.help) {
		help_all(words.n > 0 ? words.v[0] : "");
		return 0;
	}
	if (words.odd != NULL)
		return ctl_usage("%s: %s", words.odd, words.odd_why);
	if (words.n == 0)
		return ctl_usage("expected a command");
	return unknown(&words);
}
