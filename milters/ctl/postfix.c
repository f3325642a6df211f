/* gatepost postfix, gatepost sendmail: our lines in the MTA's configuration. */
#include "ctl/postfix.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* -- one instance -------------------------------------------------------- */

static int
open_code(enum gp_rc rc)
{
	if (rc == GP_NONE)
		return EX_UNAVAILABLE;
	return rc == GP_TEMP ? EX_TEMPFAIL : EX_CONFIG;
}

int
ctl_postfix_open(struct ctl_postfix *x, const struct ctl *ctl,
    const struct ctl_args *args, const char *dir)
{
	struct gp_err err;
	enum gp_rc rc;

	*x = (struct ctl_postfix){ .ctl = ctl, .args = args, .asked = dir };
	x->memory.lock = -1;
	x->arena = gp_arena_new();
	gp_buf_init(&x->notes, SIZE_MAX);
	x->plan.notes = &x->notes;
	rc = gp_postfix_open(x->arena, dir, &x->p, &err);
	if (rc == GP_OK)
		rc = gp_postfix_settings(&x->p, &x->main, &err);
	if (rc != GP_OK)
		return ctl_fail(open_code(rc), "%s", err.msg);
	rc = gp_postfix_recall(x->arena, ctl->state_dir, x->p.config_dir,
	    &x->memory, &err);
	/* who may not read it can change nothing, but may look */
	if (rc != GP_OK && geteuid() == 0)
		return ctl_fail(rc == GP_TEMP ? EX_TEMPFAIL : EX_NOPERM, "%s",
		    err.msg);
	return 0;
}

void
ctl_postfix_close(struct ctl_postfix *x)
{
	gp_postfix_memory_close(&x->memory);
	gp_buf_clear(&x->notes);
	gp_arena_free(x->arena);
}

struct gp_postfix_now
ctl_postfix_now(const struct ctl_postfix *x)
{
	return (struct gp_postfix_now){ .main = &x->main,
		.services = &x->p.services,
		.wrote = &x->memory.state.items };
}

const char *
ctl_postfix_instances(const struct ctl_postfix *x)
{
	struct gp_strings all;
	const char *list = "";

	if (x->asked != NULL ||
	    gp_postfix_instances(x->arena, &all, NULL) != GP_OK)
		return "";
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(all.v[i], x->p.config_dir) != 0)
			list = gp_arena_printf(x->arena, "%s%s%s", list,
			    *list == '\0' ? "" : ", ", all.v[i]);
	return list;
}

static int
each_of_all(bool on, int (*one)(void *context, const char *dir), void *context)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_strings all;
	struct gp_err err;
	int code = 0;

	if (gp_postfix_instances(arena, &all, &err) != GP_OK)
		code = ctl_fail(EX_UNAVAILABLE, "%s", err.msg);
	for (size_t i = 0; (code == 0 || on) && i < all.n; i++) {
		const int c = one(context, all.v[i]);

		code = code == 0 ? c : code;
	}
	gp_arena_free(arena);
	return code;
}

int
ctl_postfix_each(const struct ctl_args *args, bool on,
    int (*one)(void *context, const char *dir), void *context)
{
	const char *dir = ctl_option(args, "--config-dir");

	if (ctl_option(args, "--all") == NULL)
		return one(context, dir);
	if (dir != NULL)
		return ctl_usage("--all and --config-dir: expected one");
	return each_of_all(on, one, context);
}

int
ctl_postfix_code(enum gp_rc rc)
{
	static const int codes[] = {
		[GP_OK] = 0,
		[GP_NONE] = EX_UNAVAILABLE,
		[GP_TEMP] = EX_TEMPFAIL,
		[GP_PERM] = EX_CONFIG,
	};

	return codes[rc];
}

enum gp_rc
ctl_postfix_reload(const struct ctl_postfix *x, struct gp_err *err)
{
	static const char *const status[] = { "status", NULL };
	static const char *const reload[] = { "reload", NULL };

	if (gp_postfix_call(&x->p, "postfix", status, NULL, NULL) != GP_OK)
		return GP_NONE;
	return gp_postfix_call(&x->p, "postfix", reload, NULL, err);
}

int
ctl_postfix_print_plan(const struct ctl_postfix *x,
    const struct gp_postfix_draft *d)
{
	struct gp_buf text;
	struct gp_err err;
	int code = 0;

	gp_buf_init(&text, SIZE_MAX);
	if (gp_postfix_draft_diff(d, &text, &err) != GP_OK)
		code = ctl_fail(EX_UNAVAILABLE, "%s", err.msg);
	ctl_print_text(gp_buf_str(&text));
	gp_buf_clear(&text);
	ctl_print_text(gp_buf_str(&x->notes));
	return code;
}

/* -- the wish -------------------------------------------------------------- */

static int
read_only(const char *value, struct gp_postfix_wish *wish)
{
	struct gp_str rest = gp_str(value);

	if (value == NULL)
		return 0;
	memset(wish->daemons, 0, sizeof(wish->daemons));
	while (rest.p != NULL) {
		struct gp_str name = gp_str_split(&rest, ',');
		size_t d = 0;

		while (d < GP_POSTFIX_DAEMONS &&
		       !gp_str_eq(name, gp_str(gp_postfix_daemons[d])))
			d++;
		if (d == GP_POSTFIX_DAEMONS)
			return ctl_usage(
			    "--only: %.*s: expected spf, dkim, dmarc, rate",
			    GP_STR_ARG(name));
		wish->daemons[d] = true;
	}
	return 0;
}

static int
read_role(const char *value, struct gp_postfix_wish *wish)
{
	wish->mx = wish->submission = true;
	if (value == NULL || strcmp(value, "both") == 0)
		return 0;
	wish->mx = strcmp(value, "mx") == 0;
	wish->submission = strcmp(value, "submission") == 0;
	if (wish->mx || wish->submission)
		return 0;
	return ctl_usage("--role: %s: expected mx, submission or both", value);
}

/* It stands in main.cf, in a list, with a reference to it. */
static int
check_folder(const char *dir)
{
	if (dir[0] == '/' && dir[strcspn(dir, " \t\r\n,{}()$\"#")] == '\0')
		return 0;
	return ctl_usage("--runtime-dir: %s: expected an absolute path without "
			 "blanks, commas and braces",
	    dir);
}

int
ctl_postfix_wish(const struct ctl *ctl, const struct ctl_args *args,
    struct gp_postfix_wish *wish)
{
	const bool open = ctl_option(args, "--fail-open") != NULL;
	const bool closed = ctl_option(args, "--fail-closed") != NULL;
	bool some = false;
	int code;

	*wish = (struct gp_postfix_wish){
		.daemons = { true, true, true, true },
		.failure = open     ? GP_POSTFIX_OPEN
		           : closed ? GP_POSTFIX_CLOSED
		                    : GP_POSTFIX_BY_TASK,
		.socket_dir = ctl->runtime_dir,
		.force = ctl_option(args, "--force") != NULL,
	};
	if (open && closed)
		return ctl_usage("--fail-open and --fail-closed: expected one");
	code = read_role(ctl_option(args, "--role"), wish);
	if (code == 0)
		code = read_only(ctl_option(args, "--only"), wish);
	if (code == 0)
		code = check_folder(ctl->runtime_dir);
	for (size_t d = 0; d < GP_POSTFIX_DAEMONS; d++)
		some = some || gp_postfix_wish_has(wish, d);
	if (code == 0 && !some)
		code = ctl_usage("--only: nothing of it is for this --role");
	return code;
}

/* -- table ------------------------------------------------------------------
 */

#define ROLE                                                                   \
	{                                                                      \
		"--role", "ROLE", "mx, submission or both (default)"           \
	}
#define ONLY                                                                   \
	{                                                                      \
		"--only", "LIST", "of these: spf,dkim,dmarc,rate"              \
	}
#define OPEN                                                                   \
	{                                                                      \
		"--fail-open", NULL, "without a daemon, mail passes unseen"    \
	}
#define CLOSED                                                                 \
	{                                                                      \
		"--fail-closed", NULL, "without a daemon, mail waits"          \
	}
#define DRY                                                                    \
	{                                                                      \
		"--dry-run", NULL, "show the change, and make none"            \
	}
#define DIR                                                                    \
	{                                                                      \
		"--config-dir", "DIR", "of another Postfix instance"           \
	}
#define ALL                                                                    \
	{                                                                      \
		"--all", NULL, "every Postfix instance of this host"           \
	}
#define FORCE                                                                  \
	{                                                                      \
		"--force", NULL, "also what was changed since by hand"         \
	}

static const struct ctl_option enable_options[] = { ROLE, ONLY, OPEN, CLOSED,
	DRY, DIR, ALL, FORCE, { .name = NULL } };
static const struct ctl_option disable_options[] = { DRY, DIR, ALL, FORCE,
	{ .name = NULL } };
static const struct ctl_option status_options[] = { DIR, ALL,
	{ "-q", NULL, "say nothing, only by the exit code" },
	{ .name = NULL } };
static const struct ctl_option snippet_options[] = { ROLE, ONLY, OPEN, CLOSED,
	{ .name = NULL } };

const struct ctl_command ctl_postfix_commands[] = {
	{ "postfix enable", "", 0, 0, "let Postfix ask gatepost",
	    enable_options, ctl_postfix_enable },
	{ "postfix disable", "", 0, 0, "take that back", disable_options,
	    ctl_postfix_disable },
	{ "postfix status", "", 0, 0, "does Postfix ask gatepost?",
	    status_options, ctl_postfix_status },
	{ "sendmail snippet", "", 0, 0, "lines for sendmail.mc",
	    snippet_options, ctl_sendmail_snippet },
	{ .words = NULL },
};
