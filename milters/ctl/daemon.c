/* gatepost status, stats, tail, reload: the running daemons. */
#include "ctl/daemon.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define NAME_MS   5000
#define RELOAD_MS 60000

/* -- which of them ------------------------------------------------------ */

struct gp_str
ctl_value(struct gp_str text, const char *key)
{
	const size_t n = strlen(key);

	while (text.n > 0) {
		struct gp_str line = gp_str_split(&text, '\n');

		if (line.n > n && memcmp(line.p, key, n) == 0 &&
		    line.p[n] == ' ')
			return gp_str_n(line.p + n + 1, line.n - n - 1);
	}
	return gp_str_n(NULL, 0);
}

static void
add(const struct ctl *ctl, struct ctl_fleet *fleet, const char *name)
{
	struct ctl_member *m = &fleet->v[fleet->n];

	for (size_t i = 0; i < fleet->n; i++)
		if (strcmp(fleet->v[i].name, name) == 0)
			return;
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	gp_fleet_path(ctl->runtime_dir, name, GP_FLEET_CONTROL, m->path);
	m->enabled = gp_fleet_enabled(ctl->runtime_dir, name);
	fleet->n++;
}

static bool
is_daemon(const char *word)
{
	for (size_t i = 0; i < GP_FLEET; i++)
		if (strcmp(word, gp_fleet[i]) == 0)
			return true;
	return false;
}

/* The one behind --control says itself which one it is. */
static void
add_control(const struct ctl *ctl, struct ctl_fleet *fleet, const char *name)
{
	struct ctl_member *m = &fleet->v[0];
	struct gp_control_ask ask = { .path = ctl->control };
	struct gp_str said;

	(void)snprintf(m->path, sizeof(m->path), "%s", ctl->control);
	(void)snprintf(m->name, sizeof(m->name), "%s",
	    name == NULL ? "daemon" : name);
	m->enabled = true;
	fleet->n = 1;
	fleet->named = true;
	if (name != NULL)
		return;
	gp_control_ask_all(&ask, 1, "status", NAME_MS);
	said = ctl_value(gp_buf_str(&ask.out), "daemon");
	for (size_t i = 0; i < GP_FLEET; i++)
		if (gp_str_eq(said, gp_str(gp_fleet[i])))
			(void)snprintf(m->name, sizeof(m->name), "%s",
			    gp_fleet[i]);
	gp_buf_clear(&ask.out);
}

int
ctl_fleet_choose(const struct ctl *ctl, const struct ctl_args *args,
    struct ctl_fleet *fleet)
{
	*fleet = (struct ctl_fleet){ .named = args->n > 0 };
	for (size_t i = 0; i < args->n; i++)
		if (!is_daemon(args->v[i]))
			return ctl_usage("%s: expected spf, dkim, dmarc or "
					 "rate",
			    args->v[i]);
	if (ctl->control != NULL && args->n > 1)
		return ctl_usage("--control: it is the socket of one daemon");
	if (ctl->control != NULL) {
		add_control(ctl, fleet, args->n > 0 ? args->v[0] : NULL);
		return 0;
	}
	for (size_t i = 0; i < args->n; i++)
		add(ctl, fleet, args->v[i]);
	for (size_t i = 0; i < GP_FLEET && args->n == 0; i++)
		add(ctl, fleet, gp_fleet[i]);
	return 0;
}

void
ctl_fleet_ask(struct ctl_fleet *fleet, const char *request, int64_t timeout_ms)
{
	for (size_t i = 0; i < fleet->n; i++)
		fleet->asks[i] =
		    (struct gp_control_ask){ .path = fleet->v[i].path };
	gp_control_ask_all(fleet->asks, fleet->n, request, timeout_ms);
}

void
ctl_fleet_clear(struct ctl_fleet *fleet)
{
	for (size_t i = 0; i < fleet->n; i++)
		gp_buf_clear(&fleet->asks[i].out);
}

bool
ctl_fleet_off(const struct ctl_fleet *fleet, size_t i)
{
	return fleet->asks[i].rc == GP_TEMP && !fleet->v[i].enabled &&
	       !fleet->named;
}

/* -- reload --------------------------------------------------------------- */

static const char *
outcome(const struct ctl_fleet *fleet, size_t i)
{
	static const char *const names[] = {
		[GP_OK] = "reloaded",
		[GP_NONE] = "refused",
		[GP_TEMP] = "down",
		[GP_PERM] = "no access",
	};

	return ctl_fleet_off(fleet, i) ? "off" : names[fleet->asks[i].rc];
}

/* An answer that an earlier one gave, too: all read the same files. */
static bool
is_repeated(const struct ctl_fleet *fleet, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (fleet->asks[k].rc == fleet->asks[i].rc &&
		    gp_str_eq(gp_buf_str(&fleet->asks[k].out),
			gp_buf_str(&fleet->asks[i].out)))
			return true;
	return false;
}

static void
complain(const struct ctl_fleet *fleet, size_t i)
{
	struct gp_str text = gp_buf_str(&fleet->asks[i].out);

	while (text.n > 0 && !is_repeated(fleet, i)) {
		struct gp_str line = gp_str_split(&text, '\n');

		if (line.n > 0)
			(void)ctl_fail(0, "%.*s", GP_STR_ARG(line));
	}
	(void)ctl_fail(0, "%s: refused; the old policy stays in force",
	    fleet->v[i].name);
}

static void
say_outcome(const struct ctl_fleet *fleet, size_t i)
{
	const struct gp_control_ask *ask = &fleet->asks[i];
	struct gp_buf text;

	if (ctl_fleet_off(fleet, i))
		return;
	if (ask->rc == GP_NONE) {
		complain(fleet, i);
		return;
	}
	if (ask->rc != GP_OK) {
		(void)ctl_fail(0, "%s: %s", fleet->v[i].name, ask->err.msg);
		return;
	}
	gp_buf_init(&text, SIZE_MAX);
	gp_buf_addf(&text, "%s: the policy is in force\n", fleet->v[i].name);
	gp_buf_add_str(&text, gp_buf_str(&ask->out));
	ctl_print_text(gp_buf_str(&text));
	gp_buf_clear(&text);
}

static void
json_outcomes(const struct ctl_fleet *fleet)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_array(&j, "daemons");
	for (size_t i = 0; i < fleet->n; i++) {
		struct gp_str text = gp_buf_str(&fleet->asks[i].out);

		gp_json_object(&j, NULL);
		gp_json_string(&j, "daemon", fleet->v[i].name);
		gp_json_string(&j, "outcome", outcome(fleet, i));
		gp_json_array(&j, "lines");
		while (text.n > 0)
			gp_json_str(&j, NULL, gp_str_split(&text, '\n'));
		gp_json_end(&j);
		gp_json_end(&j);
	}
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

/* A refusal says more than a daemon that is down. */
static int
reload_code(const struct ctl_fleet *fleet)
{
	size_t refused = 0;
	size_t denied = 0;
	size_t down = 0;
	size_t off = 0;

	for (size_t i = 0; i < fleet->n; i++) {
		const enum gp_rc rc = fleet->asks[i].rc;

		refused += rc == GP_NONE;
		denied += rc == GP_PERM;
		off += ctl_fleet_off(fleet, i);
		down += rc == GP_TEMP && !ctl_fleet_off(fleet, i);
	}
	if (refused > 0)
		return 1;
	if (denied > 0)
		return EX_NOPERM;
	if (off == fleet->n)
		return ctl_fail(EX_TEMPFAIL, "no daemon runs");
	return down > 0 ? EX_TEMPFAIL : 0;
}

static int
reload(const struct ctl *ctl, const struct ctl_args *args)
{
	struct ctl_fleet fleet;
	int code = ctl_fleet_choose(ctl, args, &fleet);

	if (code != 0)
		return code;
	ctl_fleet_ask(&fleet, "reload", RELOAD_MS);
	if (ctl->json)
		json_outcomes(&fleet);
	for (size_t i = 0; i < fleet.n && !ctl->json; i++)
		say_outcome(&fleet, i);
	code = reload_code(&fleet);
	ctl_fleet_clear(&fleet);
	return code;
}

/* -- table ---------------------------------------------------------------- */

static const struct ctl_option stats_options[] = {
	{ "--prometheus", NULL, "the text that Prometheus reads" },
	{ .name = NULL },
};

static const struct ctl_option tail_options[] = {
	{ "--queue-id", "ID", "only lines of this message" },
	{ "--count", "N", "end after so many lines" },
	{ "--timeout", "SECONDS", "end after so long" },
	{ "--json-lines", NULL, "one JSON object a line" },
	{ .name = NULL },
};

const struct ctl_command ctl_daemon_commands[] = {
	{ "status", "[DAEMON...]", 0, GP_FLEET,
	    "which daemons run, with which policy", NULL, ctl_status },
	{ "stats", "[DAEMON...]", 0, GP_FLEET, "what they have counted",
	    stats_options, ctl_stats },
	{ "tail", "[DAEMON...]", 0, GP_FLEET, "their verdicts, as they come",
	    tail_options, ctl_tail },
	{ "reload", "[DAEMON...]", 0, GP_FLEET, "put the policy file in force",
	    NULL, reload },
	{ .words = NULL },
};
