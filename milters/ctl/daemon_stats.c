/* gatepost stats: what the daemons have counted. */
#include "ctl/daemon.h"

#include "core/promtext.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define ASK_MS 5000

/* One series, without the label that names the daemon. */
struct shown {
	struct gp_str daemon;
	struct gp_prom_sample sample;
	bool is_bucket;
	bool is_zero;
};

static bool
next(struct gp_str *text, struct shown *out)
{
	struct gp_str labels;
	struct gp_str name;
	struct gp_str value;

	if (!gp_prom_next(text, &out->sample))
		return false;
	labels = out->sample.labels;
	out->daemon = gp_str_n(NULL, 0);
	if (gp_prom_label(&labels, &name, &value) &&
	    gp_str_eq(name, GP_STR("daemon"))) {
		out->daemon = value;
		out->sample.labels = labels;
	}
	out->is_bucket =
	    gp_str_ends_nocase(out->sample.name, GP_STR("_bucket"));
	out->is_zero = true;
	for (size_t i = 0; i < out->sample.value.n; i++)
		if (gp_is_digit(out->sample.value.p[i]) &&
		    out->sample.value.p[i] != '0')
			out->is_zero = false;
	return true;
}

/* "gatepost_spf_results_total" as "spf_results". */
static struct gp_str
short_name(struct gp_str name)
{
	static const struct gp_str head = { "gatepost_", 9 };
	static const struct gp_str end = { "_total", 6 };

	if (gp_str_starts_nocase(name, head))
		name = gp_str_n(name.p + head.n, name.n - head.n);
	if (gp_str_ends_nocase(name, end))
		name.n -= end.n;
	return name;
}

/* The values of all labels, without their names and quotes. */
static void
add_words(struct gp_buf *out, struct gp_str labels)
{
	struct gp_str name;
	struct gp_str value;

	while (gp_prom_label(&labels, &name, &value))
		gp_buf_addf(out, " %.*s", GP_STR_ARG(value));
}

static void
print_table(struct gp_str text)
{
	struct gp_buf out;
	struct shown s;

	gp_buf_init(&out, SIZE_MAX);
	while (next(&text, &s)) {
		if (s.is_bucket || s.is_zero)
			continue;
		gp_buf_addf(&out, "%.*s\t%.*s", GP_STR_ARG(s.daemon),
		    GP_STR_ARG(short_name(s.sample.name)));
		add_words(&out, s.sample.labels);
		gp_buf_addf(&out, "\t%.*s\n", GP_STR_ARG(s.sample.value));
	}
	ctl_print_table(gp_buf_str(&out));
	gp_buf_clear(&out);
}

static void
json_labels(struct gp_json *j, struct gp_str labels)
{
	struct gp_str name;
	struct gp_str value;

	gp_json_object(j, "labels");
	while (gp_prom_label(&labels, &name, &value)) {
		char key[64];

		(void)snprintf(key, sizeof(key), "%.*s", GP_STR_ARG(name));
		gp_json_str(j, key, value);
	}
	gp_json_end(j);
}

/* A value is a string: a time in seconds is no integer. */
static void
print_json(struct gp_str text)
{
	struct gp_buf out;
	struct gp_json j;
	struct shown s;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_array(&j, "series");
	while (next(&text, &s)) {
		gp_json_object(&j, NULL);
		gp_json_str(&j, "daemon", s.daemon);
		gp_json_str(&j, "name", s.sample.name);
		json_labels(&j, s.sample.labels);
		gp_json_str(&j, "value", s.sample.value);
		gp_json_end(&j);
	}
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

/* Those that do not answer are named; what the others say is shown. */
static int
complain(const struct ctl_fleet *fleet)
{
	size_t answered = 0;
	int code = 0;

	for (size_t i = 0; i < fleet->n; i++) {
		const enum gp_rc rc = fleet->asks[i].rc;

		answered += rc == GP_OK;
		if (rc == GP_OK || ctl_fleet_off(fleet, i))
			continue;
		code = ctl_fail(rc == GP_PERM ? EX_NOPERM : EX_TEMPFAIL,
		    "%s: %s", fleet->v[i].name, fleet->asks[i].err.msg);
	}
	if (answered == 0 && code == 0)
		code = ctl_fail(EX_TEMPFAIL, "no daemon runs");
	return code;
}

int
ctl_stats(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_promtext merged;
	struct gp_arena *arena;
	struct ctl_fleet fleet;
	struct gp_buf text;
	int code = ctl_fleet_choose(ctl, args, &fleet);

	if (code != 0)
		return code;
	arena = gp_arena_new();
	gp_buf_init(&text, SIZE_MAX);
	gp_promtext_init(&merged, arena);
	ctl_fleet_ask(&fleet, "stats", ASK_MS);
	for (size_t i = 0; i < fleet.n; i++)
		if (fleet.asks[i].rc == GP_OK)
			gp_promtext_add(&merged,
			    gp_buf_str(&fleet.asks[i].out));
	gp_promtext_format(&merged, &text);
	if (ctl_option(args, "--prometheus") != NULL)
		(void)fputs(gp_buf_cstr(&text), stdout);
	else if (ctl->json)
		print_json(gp_buf_str(&text));
	else
		print_table(gp_buf_str(&text));
	code = complain(&fleet);
	ctl_fleet_clear(&fleet);
	gp_buf_clear(&text);
	gp_arena_free(arena);
	return code;
}
