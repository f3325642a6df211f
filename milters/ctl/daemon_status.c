/* gatepost status: one line a daemon. */
#include "ctl/daemon.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define ASK_MS 5000

enum state { RUNNING, DOWN, OFF, SILENT, DENIED };

static enum state
state_of(const struct ctl_fleet *fleet, size_t i)
{
	switch (fleet->asks[i].rc) {
	case GP_OK:
		return RUNNING;
	case GP_TEMP:
		return ctl_fleet_off(fleet, i) ? OFF : DOWN;
	case GP_PERM:
		return DENIED;
	case GP_NONE:
	default:
		return SILENT;
	}
}

static const char *
state_name(enum state state)
{
	static const char *const names[] = { [RUNNING] = "running",
		[DOWN] = "down",
		[OFF] = "off",
		[SILENT] = "odd",
		[DENIED] = "no access" };

	return names[state];
}

static bool
failed_reload(struct gp_str text)
{
	return gp_str_starts_nocase(ctl_value(text, "last_reload"),
	    GP_STR("failed"));
}

/* -- as a table ------------------------------------------------------------ */

/* Seconds as "7s", "12m", "3h", "5d". */
static void
add_age(struct gp_buf *out, struct gp_str seconds)
{
	uint64_t s;

	if (gp_parse_u64(seconds, INT64_MAX, &s) != GP_OK)
		gp_buf_adds(out, "-");
	else if (s < 120)
		gp_buf_addf(out, "%llus", (unsigned long long)s);
	else if (s < UINT64_C(120) * 60)
		gp_buf_addf(out, "%llum", (unsigned long long)(s / 60));
	else if (s < UINT64_C(48) * 3600)
		gp_buf_addf(out, "%lluh", (unsigned long long)(s / 3600));
	else
		gp_buf_addf(out, "%llud", (unsigned long long)(s / 86400));
}

static void
add_cell(struct gp_buf *out, struct gp_str value)
{
	gp_buf_addf(out, "\t%.*s",
	    GP_STR_ARG(value.n > 0 ? value : GP_STR("-")));
}

static void
add_reload(struct gp_buf *out, struct gp_str text)
{
	struct gp_str age = ctl_value(text, "last_reload_age_s");

	if (age.p == NULL) {
		gp_buf_adds(out, "\tnone");
		return;
	}
	gp_buf_addf(out, "\t%s, ", failed_reload(text) ? "FAILED" : "ok");
	add_age(out, age);
}

static void
add_own(struct gp_buf *out, struct gp_str text)
{
	struct gp_str keys = ctl_value(text, "keys_active");
	struct gp_str store = ctl_value(text, "store_state");

	if (keys.p != NULL)
		gp_buf_addf(out, "\tkeys %.*s", GP_STR_ARG(keys));
	else if (store.p != NULL)
		gp_buf_addf(out, "\tstore %.*s", GP_STR_ARG(store));
	else
		gp_buf_adds(out, "\t-");
}

static void
add_row(const struct ctl *ctl, struct gp_buf *out,
    const struct ctl_fleet *fleet, size_t i)
{
	static const char *const cells[] = { "sessions_open", "messages" };
	const struct gp_str text = gp_buf_str(&fleet->asks[i].out);
	const enum state state = state_of(fleet, i);
	const bool good = state == RUNNING && !failed_reload(text);

	gp_buf_addf(out, "%s\t%s\t%s",
	    state == OFF ? "-" : ctl_light(ctl, good ? 0 : 2), fleet->v[i].name,
	    state_name(state));
	if (state != RUNNING) {
		gp_buf_addc(out, '\n');
		return;
	}
	add_cell(out, ctl_value(text, "pid"));
	add_cell(out, ctl_value(text, "version"));
	gp_buf_addc(out, '\t');
	add_age(out, ctl_value(text, "uptime_s"));
	add_cell(out, ctl_value(text, "policy"));
	gp_buf_addc(out, '\t');
	add_age(out, ctl_value(text, "policy_age_s"));
	add_reload(out, text);
	for (size_t c = 0; c < sizeof(cells) / sizeof(cells[0]); c++)
		add_cell(out, ctl_value(text, cells[c]));
	add_own(out, text);
	add_cell(out, ctl_value(text, "socket"));
	gp_buf_addc(out, '\n');
}

/* What is wrong, below the table. */
static void
add_trouble(struct gp_buf *out, const struct ctl_fleet *fleet, size_t i)
{
	struct gp_str text = gp_buf_str(&fleet->asks[i].out);
	const enum state state = state_of(fleet, i);

	if (state == DOWN || state == DENIED)
		gp_buf_addf(out, "%s: %s\n", fleet->v[i].name,
		    fleet->asks[i].err.msg);
	while (text.n > 0) {
		struct gp_str line = gp_str_split(&text, '\n');
		struct gp_str problem = ctl_value(line, "problem");

		if (problem.p != NULL)
			gp_buf_addf(out, "%s: %.*s\n", fleet->v[i].name,
			    GP_STR_ARG(problem));
	}
}

static void
print_table(const struct ctl *ctl, const struct ctl_fleet *fleet)
{
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	gp_buf_adds(&out, "\tDAEMON\tSTATE\tPID\tVERSION\tUPTIME\tPOLICY\tAGE\t"
			  "RELOAD\tSESSIONS\tMESSAGES\tHAS\tSOCKET\n");
	for (size_t i = 0; i < fleet->n; i++)
		add_row(ctl, &out, fleet, i);
	ctl_print_table(gp_buf_str(&out));
	gp_buf_reset(&out);
	for (size_t i = 0; i < fleet->n; i++)
		add_trouble(&out, fleet, i);
	ctl_print_text(gp_buf_str(&out));
	gp_buf_clear(&out);
}

/* -- as JSON ----------------------------------------------------------------
 */

static bool
is_number(struct gp_str key)
{
	return gp_str_ends_nocase(key, GP_STR("_s")) ||
	       gp_str_starts_nocase(key, GP_STR("keys_")) ||
	       gp_str_eq(key, GP_STR("pid")) ||
	       gp_str_eq(key, GP_STR("sessions_open")) ||
	       gp_str_eq(key, GP_STR("messages"));
}

static void
json_member(struct gp_json *j, struct gp_str key, struct gp_str value)
{
	char name[32];
	uint64_t n;

	(void)snprintf(name, sizeof(name), "%.*s", GP_STR_ARG(key));
	if (is_number(key) && gp_parse_u64(value, INT64_MAX, &n) == GP_OK)
		gp_json_int(j, name, (int64_t)n);
	else
		gp_json_str(j, name, value);
}

static void
json_problems(struct gp_json *j, struct gp_str text)
{
	gp_json_array(j, "problems");
	while (text.n > 0) {
		struct gp_str problem =
		    ctl_value(gp_str_split(&text, '\n'), "problem");

		if (problem.p != NULL)
			gp_json_str(j, NULL, problem);
	}
	gp_json_end(j);
}

static void
json_daemon(struct gp_json *j, const struct ctl_fleet *fleet, size_t i)
{
	const struct gp_str text = gp_buf_str(&fleet->asks[i].out);
	const enum state state = state_of(fleet, i);
	struct gp_str rest = text;

	gp_json_object(j, NULL);
	gp_json_string(j, "daemon", fleet->v[i].name);
	gp_json_string(j, "state", state_name(state));
	gp_json_bool(j, "enabled", fleet->v[i].enabled);
	gp_json_string(j, "error",
	    state == DOWN || state == DENIED ? fleet->asks[i].err.msg : NULL);
	while (state == RUNNING && rest.n > 0) {
		struct gp_str value = gp_str_split(&rest, '\n');
		struct gp_str key = gp_str_split(&value, ' ');

		if (!gp_str_eq(key, GP_STR("problem")) &&
		    !gp_str_eq(key, GP_STR("daemon")))
			json_member(j, key, value);
	}
	if (state == RUNNING)
		json_problems(j, text);
	gp_json_end(j);
}

static void
print_json(const struct ctl_fleet *fleet, int code)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_bool(&j, "ok", code == 0);
	gp_json_array(&j, "daemons");
	for (size_t i = 0; i < fleet->n; i++)
		json_daemon(&j, fleet, i);
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

/* -- the command ------------------------------------------------------------
 */

static int
code_of(const struct ctl_fleet *fleet)
{
	size_t off = 0;
	int code = 0;

	for (size_t i = 0; i < fleet->n; i++) {
		const enum state state = state_of(fleet, i);

		off += state == OFF;
		if (state == DENIED)
			return EX_NOPERM;
		if (state == DOWN || state == SILENT ||
		    failed_reload(gp_buf_str(&fleet->asks[i].out)))
			code = 1;
	}
	return off == fleet->n ? 1 : code;
}

int
ctl_status(const struct ctl *ctl, const struct ctl_args *args)
{
	struct ctl_fleet fleet;
	int code = ctl_fleet_choose(ctl, args, &fleet);

	if (code != 0)
		return code;
	ctl_fleet_ask(&fleet, "status", ASK_MS);
	code = code_of(&fleet);
	if (ctl->json)
		print_json(&fleet, code);
	else
		print_table(ctl, &fleet);
	ctl_fleet_clear(&fleet);
	return code;
}
