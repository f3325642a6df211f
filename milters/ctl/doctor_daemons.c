/* Topic "daemons": do they run, and by the policy that is on disk? */
#include "ctl/doctor.h"

#include "io/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOPIC        "daemons"
#define SYSTEMCTL_MS 5000

const char *
ctl_doctor_status(const struct doctor *d, const struct doctor_daemon *daemon,
    const char *key)
{
	struct gp_str rest = gp_str(daemon->status);

	while (rest.n > 0) {
		struct gp_str value = gp_str_split(&rest, '\n');
		struct gp_str word = gp_str_split(&value, ' ');

		if (value.p != NULL && gp_str_eq(word, gp_str(key)))
			return gp_arena_strndup(d->arena, value.p, value.n);
	}
	return NULL;
}

static void
ask(struct doctor *d, struct doctor_daemon *daemon)
{
	struct gp_err err = { .msg = "it says \"error\"" };
	struct gp_buf answer;

	gp_buf_init(&answer, SIZE_MAX);
	daemon->rc = ctl_request(d->ctl, daemon->name, "status", &answer, &err);
	if (daemon->rc == GP_OK)
		daemon->status =
		    gp_arena_strdup(d->arena, gp_buf_cstr(&answer));
	else
		daemon->why = gp_arena_strdup(d->arena, err.msg);
	gp_buf_clear(&answer);
	daemon->socket = ctl_doctor_status(d, daemon, "socket");
	if (daemon->socket == NULL && d->config != NULL)
		daemon->socket = gp_config_listen(d->config, daemon->name);
}

void
ctl_doctor_ask(struct doctor *d)
{
	for (size_t i = 0; i < CTL_DAEMONS; i++) {
		d->daemons[i] =
		    (struct doctor_daemon){ .name = ctl_daemons[i] };
		ask(d, &d->daemons[i]);
	}
}

/* -- one that does not answer ------------------------------------------- */

static bool
has_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* A service that systemd shall start; its folder goes with it. */
static bool
is_enabled(const struct doctor *d, const struct doctor_daemon *daemon)
{
	const char *const argv[] = { "systemctl", "--quiet", "is-enabled",
		gp_arena_printf(d->arena, "gatepost-%s.service", daemon->name),
		NULL };
	const struct gp_run what = { .argv = argv, .timeout_ms = SYSTEMCTL_MS };
	struct gp_run_result r;
	bool enabled;

	if (!has_systemd())
		return false;
	enabled = gp_run(&what, &r, NULL) == GP_OK && r.code == 0;
	gp_run_clear(&r);
	return enabled;
}

static bool
is_asked(const struct doctor *d, const struct doctor_daemon *daemon)
{
	for (size_t i = 0; i < d->n_lists; i++)
		for (size_t k = 0; k < d->lists[i].list.n; k++)
			if (d->lists[i].rank[k] == daemon - d->daemons)
				return true;
	return false;
}

/* Was it started here, will it be, does the MTA ask it; or is none of them
 * running at all? */
static bool
is_wanted(const struct doctor *d, const struct doctor_daemon *daemon)
{
	const char *folder = gp_arena_printf(d->arena, "%s/%s",
	    d->ctl->runtime_dir, daemon->name);
	bool others = false;

	for (size_t i = 0; i < CTL_DAEMONS; i++)
		others |= d->daemons[i].status != NULL;
	return !others || access(folder, F_OK) == 0 || is_asked(d, daemon) ||
	       is_enabled(d, daemon);
}

static void
say_start(struct doctor *d, const struct doctor_daemon *daemon)
{
	if (has_systemd())
		gp_findings_remedy(d->findings,
		    "systemctl enable --now gatepost-%s\n"
		    "journalctl -u gatepost-%s -n 20",
		    daemon->name, daemon->name);
	else
		gp_findings_remedy(d->findings,
		    "gatepost-%s --check --config %s, then start it",
		    daemon->name, d->ctl->config);
}

static void
find_silent(struct doctor *d, const struct doctor_daemon *daemon)
{
	if (daemon->rc == GP_PERM) {
		gp_findings_add(d->findings, GP_RED, TOPIC, daemon->name, "%s",
		    daemon->why);
		gp_findings_remedy(d->findings, "sudo gatepost doctor");
		return;
	}
	if (is_wanted(d, daemon))
		gp_findings_add(d->findings, GP_RED, TOPIC, daemon->name, "%s",
		    daemon->why);
	else
		gp_findings_add(d->findings, GP_YELLOW, TOPIC, daemon->name,
		    "it does not run, and nothing asks for it");
	say_start(d, daemon);
}

/* -- one that does ------------------------------------------------------ */

static void
find_version(struct doctor *d, const struct doctor_daemon *daemon)
{
	const char *program = ctl_doctor_status(d, daemon, "program");
	const char *want = gp_arena_printf(d->arena, "gatepost-%s %s",
	    daemon->name, GP_VERSION);

	if (program != NULL && strcmp(program, want) == 0)
		return;
	gp_findings_add(d->findings, GP_YELLOW, TOPIC, daemon->name,
	    "what runs is \"%s\", this tool is of version %s",
	    program == NULL ? "?" : program, GP_VERSION);
	gp_findings_remedy(d->findings, "systemctl restart gatepost-%s",
	    daemon->name);
}

/* Two names for one file? */
static bool
is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 ||
	       (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
		   x.st_ino == y.st_ino);
}

static void
find_policy(struct doctor *d, const struct doctor_daemon *daemon)
{
	const char *config = ctl_doctor_status(d, daemon, "config");
	const char *policy = ctl_doctor_status(d, daemon, "policy");
	char id[24];

	if (config != NULL && !is_same_file(config, d->ctl->config)) {
		gp_findings_add(d->findings, GP_YELLOW, TOPIC, daemon->name,
		    "it reads another policy, %s", config);
		gp_findings_remedy(d->findings, "gatepost --config %s doctor",
		    config);
		return;
	}
	if (d->config == NULL || policy == NULL)
		return;
	(void)snprintf(id, sizeof(id), "%016" PRIx64, gp_config_id(d->config));
	if (strcmp(policy, id) == 0)
		return;
	gp_findings_add(d->findings, GP_RED, TOPIC, daemon->name,
	    "policy %s is in force, the files have %s", policy, id);
	gp_findings_remedy(d->findings, "gatepost reload %s", daemon->name);
}

static void
find_reload(struct doctor *d, const struct doctor_daemon *daemon)
{
	const char *outcome = ctl_doctor_status(d, daemon, "last_reload");

	if (outcome == NULL || strcmp(outcome, "ok") == 0)
		return;
	gp_findings_add(d->findings, GP_RED, TOPIC, daemon->name,
	    "the last reload failed: an old policy is in force");
	gp_findings_remedy(d->findings,
	    "gatepost check, then gatepost reload %s", daemon->name);
}

static void
find_answering(struct doctor *d, const struct doctor_daemon *daemon)
{
	const size_t before = d->findings->n;

	find_version(d, daemon);
	find_reload(d, daemon);
	if (d->findings->n == before)
		find_policy(d, daemon);
	if (d->findings->n == before)
		gp_findings_add(d->findings, GP_GREEN, TOPIC, daemon->name,
		    "runs by the policy on disk, version %s", GP_VERSION);
}

void
ctl_doctor_daemons(struct doctor *d)
{
	for (size_t i = 0; i < CTL_DAEMONS; i++)
		if (d->daemons[i].status == NULL)
			find_silent(d, &d->daemons[i]);
		else
			find_answering(d, &d->daemons[i]);
}
