/* gatepost import: the policy of another filter as one of ours. */
#include "ctl/import.h"

#include "io/yaml.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* -- reading ----------------------------------------------------------------
 */

static int
code_of(enum gp_rc rc)
{
	static const int codes[] = {
		[GP_OK] = 0,
		[GP_NONE] = EX_NOINPUT,
		[GP_TEMP] = EX_TEMPFAIL,
		[GP_PERM] = EX_DATAERR,
	};

	return codes[rc];
}

static enum gp_rc
map_rates(struct import *job, struct gp_err *err)
{
	struct gp_import_node *root;
	struct gp_err why = { .msg = "" };
	struct gp_str text;
	enum gp_rc rc = gp_import_read(&job->source, job->conf,
	    GP_IMPORT_FILE_MAX, &text, &why);

	if (rc != GP_OK)
		return gp_fail(err, rc, "%s: %s", job->conf, why.msg);
	rc = gp_yaml_read(text, job->arena, &root, &why);
	if (rc == GP_OK)
		return gp_import_rate(&job->im, job->conf, root, err);
	return gp_fail(err, GP_PERM, "%s:%s", job->conf,
	    rc == GP_NONE ? " empty" : why.msg);
}

static enum gp_rc
map(struct import *job, struct gp_err *err)
{
	if (strcmp(job->im.program, "policyd-rate-limit") == 0)
		return map_rates(job, err);
	ctl_import_beside(job);
	if (strcmp(job->im.program, "opendkim") == 0)
		return gp_import_opendkim(&job->im, job->conf, job->overrides,
		    err);
	return gp_import_opendmarc(&job->im, job->conf, job->overrides, err);
}

/* -- the policy that is there, and as it would be ----------------------------
 */

static int
load(const struct import *job, const char *text, struct gp_config **out)
{
	struct gp_problems problems;
	struct gp_str lines;
	enum gp_rc rc;

	gp_problems_init(&problems);
	rc = gp_import_load(&job->place, text, out, &problems);
	lines = gp_buf_str(&problems.text);
	while (lines.n > 0) {
		struct gp_str line = gp_str_split(&lines, '\n');

		(void)ctl_fail(0, "%.*s", GP_STR_ARG(line));
	}
	gp_problems_clear(&problems);
	return rc == GP_OK ? 0 : EX_CONFIG;
}

/* Whether it was written, or would be. */
static void
say_written(struct import *job, bool written)
{
	const char *how = written ? "written" : "would be written (--dry-run)";

	gp_findings_add(&job->report, GP_GREEN, "file",
	    gp_arena_printf(job->arena, "%s/policy.d/%s", job->place.dir,
		job->place.name),
	    "%s", how);
	for (const struct gp_import_key *k = job->im.keys; k != NULL;
	     k = k->next)
		gp_findings_add(&job->report, GP_GREEN, "file",
		    gp_arena_printf(job->arena, "%s/%s", job->place.dir,
			k->file),
		    "%s", how)
		    ->where = k->from;
}

static int
put(struct import *job, struct gp_str text)
{
	struct gp_err err;
	enum gp_rc rc;

	if (gp_import_may_put(&job->place, job->im.keys, &err) != GP_OK)
		return ctl_fail(EX_CANTCREAT, "%s", err.msg);
	rc = gp_import_put_files(&job->place, job->im.keys, text, &err);
	if (rc == GP_OK)
		return 0;
	return ctl_fail(rc == GP_TEMP ? EX_TEMPFAIL : EX_NOPERM, "%s", err.msg);
}

/* As a terminal shows it: tabs are no text for ctl_print_text. */
static void
show_file(struct gp_str text)
{
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\t')
			gp_buf_adds(&out, "    ");
		else
			gp_buf_addc(&out, text.p[i]);
	}
	ctl_print_text(gp_buf_str(&out));
	gp_buf_clear(&out);
}

static int
show(struct import *job, const char *text, bool dry)
{
	int code = ctl_print_findings(job->ctl, &job->report);

	if (job->ctl->json)
		return code;
	if (dry) {
		(void)printf("\n%s/policy.d/%s:\n\n", job->place.dir,
		    job->place.name);
		show_file(gp_str(text));
	}
	ctl_import_next(job);
	return code;
}

/* -- one call
 * ------------------------------------------------------------------ */

static int
finish(struct import *job, const char *text)
{
	bool dry = ctl_option(job->args, "--dry-run") != NULL;
	struct gp_config *config = NULL;
	int code = load(job, text, &config);

	if (code == 0 && !dry)
		code = put(job, gp_str(text));
	if (code == 0) {
		gp_import_report(&job->im, &job->report);
		if (ctl_option(job->args, "--dns") != NULL)
			ctl_import_dns(job, config);
		say_written(job, !dry);
		code = show(job, text, dry);
	}
	gp_config_unref(config);
	return code;
}

/* A section without a title stands in one file: where it is there, its values
 * are for the operator to write. */
static void
reconcile(struct import *job, const struct gp_config *there)
{
	static const char *const sections[] = { "resolver", "trust", "dkim",
		"dmarc", "rate" };

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		const char *where =
		    gp_import_section_at(&job->place, sections[i], job->arena);

		if (where != NULL)
			gp_import_section_taken(&job->im, sections[i], where);
	}
	gp_import_reconcile(&job->im, there);
}

static int
import(struct import *job)
{
	struct gp_config *there = NULL;
	struct gp_err err;
	struct gp_buf text;
	enum gp_rc rc = map(job, &err);
	int code;

	if (rc != GP_OK)
		return ctl_fail(code_of(rc), "%s", err.msg);
	ctl_import_keys(job);
	code = load(job, NULL, &there);
	if (code != 0)
		return code;
	reconcile(job, there);
	gp_config_unref(there);
	gp_buf_init(&text, SIZE_MAX);
	gp_import_write(&job->im, &text);
	code = finish(job, gp_buf_cstr(&text));
	gp_buf_clear(&text);
	return code;
}

/* The directory of --config, unless another one is wanted. */
static const char *
output_of(const struct import *job)
{
	const char *dir = ctl_option(job->args, "--output");
	const char *config = job->ctl->config;
	const char *slash = strrchr(config, '/');

	if (dir == NULL)
		dir = ctl_option(job->args, "-o");
	if (dir != NULL)
		return *dir == '\0' ? "." : dir;
	if (slash == NULL)
		return ".";
	return slash == config ? "/"
	                       : gp_arena_strndup(job->arena, config,
				     (size_t)(slash - config));
}

static const char *
root_of(const struct import *job)
{
	const char *root = ctl_option(job->args, "--root");
	size_t n = root == NULL ? 0 : strlen(root);

	while (n > 0 && root[n - 1] == '/')
		n--;
	return gp_arena_strndup(job->arena, n == 0 ? "" : root, n);
}

static int
run(const struct ctl *ctl, const struct ctl_args *args, const char *program,
    const char *conf)
{
	struct import job = { .ctl = ctl, .args = args };
	struct gp_import_files files = { .read = gp_import_read_table,
		.arg = &job.source };
	sigset_t all;
	int code;

	/* before a resolver starts its thread */
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGINT);
	(void)sigdelset(&all, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &all, NULL);
	job.arena = gp_arena_new();
	job.conf = ctl_option(args, "--conf");
	job.conf = job.conf == NULL ? conf : job.conf;
	job.source = (struct gp_import_source){ .root = root_of(&job),
		.im = &job.im,
		.arena = job.arena };
	job.place = (struct gp_import_place){ .dir = output_of(&job),
		.name =
		    gp_arena_printf(job.arena, "50-imported-%s.conf", program),
		.force = ctl_option(args, "--force") != NULL };
	gp_import_init(&job.im, job.arena, &files, program);
	gp_findings_init(&job.report, job.arena);
	code = import(&job);
	ctl_import_wipe(&job);
	gp_arena_free(job.arena);
	return code;
}

static int
opendkim(const struct ctl *ctl, const struct ctl_args *args)
{
	return run(ctl, args, "opendkim", "/etc/opendkim.conf");
}

static int
opendmarc(const struct ctl *ctl, const struct ctl_args *args)
{
	return run(ctl, args, "opendmarc", "/etc/opendmarc.conf");
}

static int
policyd(const struct ctl *ctl, const struct ctl_args *args)
{
	return run(ctl, args, "policyd-rate-limit",
	    "/etc/policyd-rate-limit.yaml");
}

/* -- table --------------------------------------------------------------------
 */

#define COMMON                                                                 \
	{ "--conf", "FILE", "its configuration, if not the usual one" },       \
	    { "--root", "DIR", "put before absolute paths in it" },            \
	    { "--output", "DIR",                                               \
		    "where the policy is, if not /etc/gatepost" },             \
	    { "-o", "DIR", "the same" },                                       \
	    { "--dry-run", NULL,                                               \
		    "write nothing, show what would be written" },             \
	{                                                                      \
		"--force", NULL, "replace what an earlier import wrote"        \
	}

static const struct ctl_option options[] = {
	COMMON,
	{ .name = NULL },
};

static const struct ctl_option dkim_options[] = {
	COMMON,
	{ "--dns", NULL, "compare each key with what is published" },
	{ .name = NULL },
};

const struct ctl_command ctl_import_commands[] = {
	{ "import opendkim", "", 0, 0, "opendkim.conf, its tables and keys",
	    dkim_options, opendkim },
	{ "import opendmarc", "", 0, 0, "opendmarc.conf", options, opendmarc },
	{ "import policyd-rate-limit", "", 0, 0, "policyd-rate-limit.yaml",
	    options, policyd },
	{ .words = NULL },
};
