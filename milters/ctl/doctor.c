/* gatepost doctor: does all of it work, from the socket to the published key?
 */
#include "ctl/doctor.h"

#include "ctl/dns.h"
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
		if (geteuid() != 0 && access(d->ctl->config, R_OK) != 0)
			gp_findings_remedy(d->findings, "sudo gatepost doctor");
		else
			gp_findings_remedy(d->findings,
			    "mend it, then gatepost check");
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

/* -- options -------------------------------------------------------- */

static int
read_egress(struct doctor *d)
{
	struct gp_prefix *v =
	    gp_arena_alloc(d->arena, CTL_OPTIONS_MAX * sizeof(*v));
	const char *text;
	size_t i = 0, n = 0;

	while ((text = ctl_next_option(d->args, "--egress", &i)) != NULL) {
		if (gp_ip_parse(gp_str(text), &v[n].ip) != GP_OK)
			return ctl_usage("--egress: %s: expected an address",
			    text);
		v[n].bits = v[n].ip.family == GP_IP_V4 ? 32 : 128;
		n++;
	}
	d->egress = (struct gp_prefixes){ .n = n, .v = v };
	return 0;
}

static int
read_blocklists(struct doctor *d)
{
	const char **v = gp_arena_alloc(d->arena, CTL_OPTIONS_MAX * sizeof(*v));
	char zone[GP_DOMAIN_TEXT];
	const char *text;
	size_t i = 0, n = 0;
	int code = 0;

	while (code == 0 &&
	       (text = ctl_next_option(d->args, "--blocklist", &i)) != NULL) {
		code = ctl_domain(text, zone);
		v[n++] = gp_arena_strdup(d->arena, zone);
	}
	d->blocklists = (struct gp_strings){ .n = n, .v = v };
	return code;
}

/* -- topics ------------------------------------------------------------- */

static const struct topic {
	const char *name;
	bool by_policy; /* it can not be looked at without one */
	bool by_dns;    /* nor without a resolver */
	void (*examine)(struct doctor *d);
} topics[] = {
	{ "daemons", false, false, ctl_doctor_daemons },
	{ "sockets", false, false, ctl_doctor_sockets },
	{ "postfix", false, false, ctl_doctor_postfix },
	{ "chain", true, false, ctl_doctor_chain },
	{ "resolver", true, true, ctl_doctor_resolver },
	{ "domains", true, true, ctl_doctor_domains },
	{ "tls", false, false, ctl_doctor_tls },
	{ "clock", false, false, ctl_doctor_clock },
	{ "files", true, false, ctl_doctor_files },
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
	ctl_doctor_find_mta(d);
	for (size_t i = 0; i < TOPICS; i++) {
		if (!is_chosen(d->args, topics[i].name) ||
		    (topics[i].by_policy && d->config == NULL) ||
		    (topics[i].by_dns && d->dns == NULL))
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
read_options(struct doctor *d)
{
	char name[GP_DOMAIN_TEXT];
	int code = check_topics(d->args);

	if (code == 0 && d->ctl->control != NULL)
		code = ctl_usage("doctor: --control is of one daemon alone, "
				 "expected --runtime-dir");
	for (size_t i = 0; code == 0 && i < d->args->n; i++)
		code = ctl_domain(d->args->v[i], name);
	if (code == 0)
		code = read_egress(d);
	if (code == 0)
		code = read_blocklists(d);
	if (code == 0)
		code = ctl_doctor_read_ports(d);
	return code;
}

/* Without a resolver the rest is looked at all the same. */
static int
open_dns(struct doctor *d)
{
	int code = ctl_dns_open(d->args, d->config, &d->dns);

	if (code != EX_UNAVAILABLE)
		return code;
	gp_findings_add(d->findings, GP_RED, "resolver", "",
	    "there is no name server to ask");
	gp_findings_remedy(d->findings,
	    "resolver { servers = { \"127.0.0.1\" } } in %s", d->ctl->config);
	return 0;
}

static int
doctor(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_findings findings;
	struct doctor d = { .ctl = ctl,
		.args = args,
		.arena = gp_arena_new(),
		.findings = &findings };
	int code;

	gp_findings_init(&findings, d.arena);
	code = read_options(&d);
	if (code == 0)
		load(&d);
	if (code == 0 && d.config != NULL)
		code = open_dns(&d);
	if (code == 0) {
		examine(&d);
		if (ctl_option(args, "--quiet") != NULL)
			drop_green(&findings);
		code = ctl_print_findings(ctl, &findings);
	}
	gp_dns_close(d.dns);
	gp_config_unref(d.config);
	gp_arena_free(d.arena);
	return code;
}

/* -- table -------------------------------------------------------------- */

static const struct ctl_option doctor_options[] = {
	{ "--only", "TOPIC", "look at this alone; may be repeated" },
	{ "--quiet", NULL, "show what is not green" },
	{ "--config-dir", "DIR", "of the Postfix that is asked" },
	{ "--blocklist", "ZONE", "is an egress address on it; repeatable" },
	{ "--egress", "ADDRESS", "mail leaves from here, too; repeatable" },
	{ "--smtp", "HOST:PORT", "look at TLS there; repeatable" },
	CTL_DNS_OPTIONS,
	{ .name = NULL },
};

const struct ctl_command ctl_doctor_commands[] = {
	{ "doctor", "[DOMAIN...]", 0, 100,
	    "does all of it work, and what mends it", doctor_options, doctor },
	{ .words = NULL },
};
