/* gatepost check: is the policy right, can the daemons open it, and does DNS
 * have what it needs? */
#include "ctl/ctl.h"

#include "core/policy_lint.h"
#include "ctl/dns.h"
#include "ctl/policy.h"
#include "io/clock.h"
#include "io/key_file.h"
#include "io/log.h"
#include "mta/domain_check.h"
#include "mta/filter.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* All that is asked about one domain. */
#define DOMAIN_MS 30000

static const struct ctl_option check_options[] = {
	{ "--dns", NULL, "also ask DNS, for each domain block" },
	{ "--egress", "ADDRESS",
	    "with --dns: mail leaves from here, too; may be repeated" },
	{ "--blocklist", "ZONE",
	    "with --dns: look for the addresses there; may be repeated" },
	CTL_DNS_OPTIONS,
	{ .name = NULL },
};

struct check {
	const struct ctl *ctl;
	const struct ctl_args *args;
	struct gp_arena *arena;
	struct gp_config *config;
	const struct gp_policy *blocks;
	size_t n_blocks, n_keys;
	struct gp_findings findings;
	bool denied; /* there is a key that this user may not read */
};

/* -- as the daemons open it ----------------------------------------------- */

static bool
is_about(const struct gp_key_policy *key, const struct gp_origin *where,
    struct gp_str what)
{
	struct gp_str title;

	/* key "SELECTOR": ...; several keys may stand in one line */
	(void)gp_str_split(&what, '"');
	title = gp_str_split(&what, '"');
	return key->origin.line == where->line &&
	       strcmp(key->origin.file, where->file) == 0 &&
	       gp_str_eq(title, gp_str(key->selector));
}

static const struct gp_key_policy *
key_of(const struct check *c, const struct gp_origin *where, struct gp_str what)
{
	for (size_t b = 0; b < c->n_blocks; b++)
		for (size_t k = 0; k < c->blocks[b].n_keys; k++)
			if (is_about(&c->blocks[b].keys[k], where, what))
				return &c->blocks[b].keys[k];
	return NULL;
}

static void
add_problem(struct check *c, const char *daemon, struct gp_str line,
    const struct gp_problem_place *place)
{
	const struct gp_key_policy *key = NULL;
	struct gp_origin where = { .file = NULL };

	if (place->path_n > 0) {
		where.file = gp_arena_strndup(c->arena, line.p, place->path_n);
		where.line = place->line;
		/* what remains begins with ":LINE: " */
		line = gp_str_n(line.p + place->path_n, line.n - place->path_n);
		(void)gp_str_split(&line, ' ');
		key = key_of(c, &where, line);
	}
	if (key != NULL && gp_key_file_denied(key->file)) {
		c->denied = true;
		gp_findings_add(&c->findings, GP_YELLOW, daemon, key->selector,
		    "this user may not read %s: the key is not looked at",
		    key->file);
		gp_findings_remedy(&c->findings,
		    "run this as root or as the user of gatepost-dkim");
	} else {
		gp_findings_add(&c->findings, GP_RED, daemon,
		    key == NULL ? "" : key->selector,
		    "gatepost-%s does not start with it: %.*s", daemon,
		    GP_STR_ARG(line));
	}
	c->findings.v[c->findings.n - 1].where = where;
}

static void
add_problems(struct check *c, const char *daemon,
    const struct gp_problems *problems)
{
	const struct gp_str all = gp_buf_str(&problems->text);

	for (size_t i = 0; i < problems->count && i < GP_CONFIG_PROBLEMS_MAX;
	     i++) {
		const size_t at = problems->places[i].at;
		struct gp_str rest = gp_str_n(all.p + at, all.n - at);

		add_problem(c, daemon, gp_str_split(&rest, '\n'),
		    &problems->places[i]);
	}
}

static void
open_as_daemons(struct check *c)
{
	static const struct gp_milter *const filters[] = { &gp_filter_spf,
		&gp_filter_dkim, &gp_filter_dmarc, &gp_filter_rate };
	const struct gp_opening with = { .config = c->config };

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		struct gp_problems problems;
		void *own = NULL;

		if (filters[i]->open == NULL)
			continue;
		gp_problems_init(&problems);
		if (filters[i]->open(&with, &own, &problems) == GP_OK &&
		    filters[i]->close != NULL)
			filters[i]->close(own);
		add_problems(c, filters[i]->name, &problems);
		gp_problems_clear(&problems);
	}
}

/* -- lint ----------------------------------------------------------------- */

static void
unref_key(void *key)
{
	gp_private_key_unref(key);
}

/* What can not be read was told above. */
static const struct gp_dkim_public *
public_key(struct check *c, const struct gp_key_policy *k)
{
	struct gp_private_key *key;
	struct gp_err err;

	if (k->state == GP_KEY_RETIRED ||
	    gp_key_file_load(k->file, &key, &err) != GP_OK)
		return NULL;
	gp_arena_on_clear(c->arena, unref_key, key);
	return gp_private_key_public(key);
}

static void
lint(struct check *c)
{
	const struct gp_dkim_public **keys =
	    gp_arena_alloc(c->arena, (c->n_keys + 1) * sizeof(const void *));
	const struct gp_policy_linting with = { .config = c->config,
		.now_s = gp_clock_wall_s(),
		.keys = keys,
		.n_keys = c->n_keys };
	size_t n = 0;

	for (size_t b = 0; b < c->n_blocks; b++)
		for (size_t k = 0; k < c->blocks[b].n_keys; k++)
			keys[n++] = public_key(c, &c->blocks[b].keys[k]);
	gp_policy_lint(&with, &c->findings);
}

/* -- DNS ------------------------------------------------------------------ */

static int
read_egress(const struct check *c, struct gp_prefixes *out)
{
	struct gp_prefix *v =
	    gp_arena_alloc(c->arena, CTL_OPTIONS_MAX * sizeof(*v));
	const char *text;
	size_t at = 0;

	out->v = v;
	while ((text = ctl_next_option(c->args, "--egress", &at)) != NULL) {
		struct gp_prefix *p = &v[out->n++];

		if (gp_ip_parse(gp_str(text), &p->ip) != GP_OK)
			return ctl_usage("--egress: %s: expected an IP address",
			    text);
		p->bits = p->ip.family == GP_IP_V4 ? 32 : 128;
	}
	return 0;
}

static int
read_blocklists(const struct check *c, struct gp_strings *out)
{
	const char **v =
	    gp_arena_alloc(c->arena, CTL_OPTIONS_MAX * sizeof(const char *));
	char zone[GP_DOMAIN_TEXT];
	const char *text;
	size_t at = 0;

	out->v = v;
	while ((text = ctl_next_option(c->args, "--blocklist", &at)) != NULL) {
		int code = ctl_domain(text, zone);

		if (code != 0)
			return code;
		v[out->n++] = gp_arena_strdup(c->arena, zone);
	}
	return 0;
}

static int
check_dns(struct check *c)
{
	struct gp_domain_checking with = { .config = c->config,
		.timeout_ms = DOMAIN_MS,
		.now_s = gp_clock_wall_s() };
	int code = read_egress(c, &with.egress);

	if (code == 0)
		code = read_blocklists(c, &with.blocklists);
	if (code == 0)
		code = ctl_dns_open(c->args, c->config, &with.dns);
	if (code != 0)
		return code;
	for (size_t i = 0; i < c->n_blocks; i++)
		gp_domain_check(&with, &c->blocks[i], &c->findings);
	gp_dns_close(with.dns);
	return 0;
}

/* -- all of it ------------------------------------------------------------ */

/* Each of its own options is about DNS. */
static bool
wants_dns(const struct ctl_args *args)
{
	for (const struct ctl_option *o = check_options; o->name != NULL; o++)
		if (ctl_option(args, o->name) != NULL)
			return true;
	return false;
}

static void
count_all(struct check *c)
{
	c->blocks = gp_config_domains(c->config, &c->n_blocks);
	for (size_t i = 0; i < c->n_blocks; i++)
		c->n_keys += c->blocks[i].n_keys;
}

static int
check_all(struct check *c)
{
	int code = 0;

	count_all(c);
	gp_findings_add(&c->findings, GP_GREEN, "policy", c->ctl->config,
	    "can be read: %zu domain%s, %zu key%s", c->n_blocks,
	    c->n_blocks == 1 ? "" : "s", c->n_keys, c->n_keys == 1 ? "" : "s");
	open_as_daemons(c);
	lint(c);
	if (wants_dns(c->args))
		code = check_dns(c);
	if (code == 0)
		code = ctl_print_findings(c->ctl, &c->findings);
	return code == 0 && c->denied ? EX_NOPERM : code;
}

static int
check(const struct ctl *ctl, const struct ctl_args *args)
{
	struct check c = { .ctl = ctl, .args = args };
	int code = ctl_load(ctl, &c.config);

	if (code != 0)
		return code;
	/* what the daemons log when they open it is a finding here */
	gp_log_open("gatepost", true, GP_LOG_ERROR);
	c.arena = gp_arena_new();
	gp_findings_init(&c.findings, c.arena);
	code = check_all(&c);
	gp_arena_free(c.arena);
	gp_config_unref(c.config);
	return code;
}

/* -- table -------------------------------------------------------------- */

const struct ctl_command ctl_check_commands[] = {
	{ "check", "", 0, 0, "is the policy right, and fit for DNS",
	    check_options, check },
	{ "policy show", "DOMAIN", 1, 1,
	    "every value in force for it, with its place", NULL,
	    ctl_policy_show },
	{ "policy list", "", 0, 0, "the domain blocks and their keys", NULL,
	    ctl_policy_list },
	{ "policy defaults", "", 0, 0, "every option with its default", NULL,
	    ctl_policy_defaults },
	{ .words = NULL },
};
