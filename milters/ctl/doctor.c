/* gatepost doctor: does all of it work, from the socket to the published key?
 */
#include "ctl/doctor.h"

#include "io/policy_file.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* -- progress ----------------------------------------------------------- */

void
ctl_doctor_progress(const char *what)
{
	if (isatty(STDERR_FILENO) != 1)
		return;
	(void)fprintf(stderr, "\r\033[K%s%s", what == NULL ? "" : what,
	    what == NULL ? "" : " ...");
	(void)fflush(stderr);
}

/* -- the policy --------------------------------------------------------- */

static void
find_problems(struct doctor *d, struct gp_str lines)
{
	while (lines.n > 0) {
		struct gp_str line = gp_str_split(&lines, '\n');

		if (line.n == 0)
			continue;
		gp_findings_add(d->findings, GP_RED, "policy", "", "%.*s",
		    GP_STR_ARG(line));
		gp_findings_remedy(d->findings, "mend it, then gatepost check");
	}
}

static void
load(struct doctor *d)
{
	struct gp_problems problems;

	gp_problems_init(&problems);
	if (gp_policy_load(d->ctl->config, &d->config, &problems) != GP_OK)
		find_problems(d, gp_buf_str(&problems.text));
	gp_problems_clear(&problems);
}

/* -- topics ------------------------------------------------------------- */

static const struct topic {
	const char *name;
	bool by_policy; /* it can not be looked at without one */
	void (*examine)(struct doctor *d);
} topics[] = {
	{ "daemons", false, ctl_doctor_daemons },
	{ "chain", true, ctl_doctor_chain },
};
#define TOPICS (sizeof(topics) / sizeof(topics[0]))

static bool
is_topic(const char *name)
{
	for (size_t i = 0; i < TOPICS; i++)
		if (strcmp(topics[i].name, name) == 0)
			return true;
	return false;
}

static bool
is_chosen(const struct ctl_args *args, const char *topic)
{
	const char *only;
	size_t i = 0;

	if (ctl_option(args, "--only") == NULL)
		return true;
	while ((only = ctl_next_option(args, "--only", &i)) != NULL)
		if (strcmp(only, topic) == 0)
			return true;
	return false;
}

static int
check_topics(const struct ctl_args *args)
{
	struct gp_buf list;
	const char *only;
	size_t i = 0;
	int code = 0;

	gp_buf_init(&list, SIZE_MAX);
	for (size_t t = 0; t < TOPICS; t++)
		gp_buf_addf(&list, "%s%s", t == 0 ? "" : ", ", topics[t].name);
	while (
	    code == 0 && (only = ctl_next_option(args, "--only", &i)) != NULL)
		if (!is_topic(only))
			code = ctl_usage("--only: %s: expected %s", only,
			    gp_buf_cstr(&list));
	gp_buf_clear(&list);
	return code;
}

static void
examine(struct doctor *d)
{
	ctl_doctor_ask(d);
	for (size_t i = 0; i < TOPICS; i++) {
		if (!is_chosen(d->args, topics[i].name) ||
		    (topics[i].by_policy && d->config == NULL))
			continue;
		ctl_doctor_progress(topics[i].name);
		topics[i].examine(d);
	}
	ctl_doctor_progress(NULL);
}

/* Without those that are green. */
static void
drop_green(struct gp_findings *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].light != GP_GREEN)
			f->v[n++] = f->v[i];
	f->n = n;
}

static int
doctor(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_arena *arena;
	struct gp_findings findings;
	struct doctor d = { .ctl = ctl, .args = args, .findings = &findings };
	int code = check_topics(args);

	if (code == 0 && ctl->control != NULL)
		code = ctl_usage("doctor: --control is of one daemon alone; "
				 "expected --runtime-dir");
	if (code != 0)
		return code;
	arena = gp_arena_new();
	gp_findings_init(&findings, arena);
	d.arena = arena;
	load(&d);
	examine(&d);
	if (ctl_option(args, "--quiet") != NULL)
		drop_green(&findings);
	code = ctl_print_findings(ctl, &findings);
	gp_config_unref(d.config);
	gp_arena_free(arena);
	return code;
}

/* -- table -------------------------------------------------------------- */

static const struct ctl_option doctor_options[] = {
	{ "--only", "TOPIC", "look at this alone; may be repeated" },
	{ "--quiet", NULL, "show what is not green" },
	{ .name = NULL },
};

const struct ctl_command ctl_doctor_commands[] = {
	{ "doctor", "", 0, 0, "does all of it work, and what mends it",
	    doctor_options, doctor },
	{ .words = NULL },
};
