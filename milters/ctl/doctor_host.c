/* Topics "clock" and "resolver": what the host does for the filters. */
#include "ctl/doctor.h"

#include "core/resolvers.h"
#include "io/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS          10000
#define SLOW_US         (500 * GP_US_PER_MS)
#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX 65536

/* A name that each resolver can find. */
#define ROOT_SERVER "a.root-servers.net"

/* -- clock -------------------------------------------------------------- */

static bool
is_container(void)
{
	return access("/.dockerenv", F_OK) == 0 ||
	       access("/run/.containerenv", F_OK) == 0 ||
	       access("/run/systemd/container", F_OK) == 0;
}

void
ctl_doctor_clock(struct doctor *d)
{
	struct gp_findings *out = d->findings;
	int64_t error_us = 0;

	if (gp_clock_synced(&error_us) == GP_OK) {
		gp_findings_add(out, GP_GREEN, "clock", "",
		    "is kept right, within %lld ms",
		    (long long)(error_us / GP_US_PER_MS) + 1);
		return;
	}
	gp_findings_add(out, GP_YELLOW, "clock", "",
	    "unknown: the kernel is not told that anybody keeps it right");
	if (is_container())
		gp_findings_remedy(out,
		    "it is the host's: timedatectl set-ntp true, there");
	else
		gp_findings_remedy(out,
		    "apt install systemd-timesyncd, then timedatectl set-ntp "
		    "true");
}

/* -- resolver ----------------------------------------------------------- */

static const struct gp_resolver_policy *
policy_of(const struct doctor *d)
{
	return &gp_config_globals(d->config)->resolver;
}

static void
query(struct doctor *d, const char *name, struct gp_dns_answer *out)
{
	struct gp_dns_scope scope = { .dns = d->dns,
		.arena = d->arena,
		.deadline_us =
		    gp_time_add(gp_clock_us(), ASK_MS * GP_US_PER_MS),
		.budget = 8 };

	(void)gp_dns_query(&scope, name, GP_DNS_A, out);
}

static void
find_answer(struct doctor *d)
{
	const int64_t start_us = gp_clock_us();
	struct gp_dns_answer a;
	int64_t took_us;

	query(d, ROOT_SERVER, &a);
	took_us = gp_clock_us() - start_us;
	if (a.rc == GP_TEMP || a.rc == GP_PERM) {
		gp_findings_add(d->findings, GP_RED, "resolver", "",
		    "no answer: %s", a.why == NULL ? "?" : a.why);
		gp_findings_remedy(d->findings,
		    policy_of(d)->servers.n > 0
			? "mend the name server, or resolver.servers in the "
			  "policy"
			: "mend the name servers in " RESOLV_CONF
			  ", or set resolver.servers in the policy");
		return;
	}
	gp_findings_add(d->findings, took_us > SLOW_US ? GP_YELLOW : GP_GREEN,
	    "resolver", "", "answers in %lld ms",
	    (long long)(took_us / GP_US_PER_MS));
	if (took_us > SLOW_US)
		gp_findings_remedy(d->findings,
		    "a caching resolver on this host: apt install unbound, "
		    "then resolver { servers = { \"127.0.0.1\" } }");
}

static void
read_resolv_conf(struct doctor *d, struct gp_strings *out)
{
	char *text = gp_arena_alloc(d->arena, RESOLV_CONF_MAX);
	FILE *f = fopen(RESOLV_CONF, "rbe");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, RESOLV_CONF_MAX, f);
		(void)fclose(f);
	}
	gp_resolvers_read(gp_str_n(text, n), d->arena, out);
}

static void
find_public(struct doctor *d)
{
	struct gp_strings servers = policy_of(d)->servers;

	if (servers.n == 0)
		read_resolv_conf(d, &servers);
	for (size_t i = 0; i < servers.n; i++) {
		const char *owner = gp_resolver_public(servers.v[i]);

		if (owner == NULL)
			continue;
		gp_findings_add(d->findings, GP_YELLOW, "resolver",
		    servers.v[i],
		    "is the public resolver of %s: DNS block lists refuse it",
		    owner);
		gp_findings_remedy(d->findings,
		    "a resolver of your own: apt install unbound, then "
		    "resolver { servers = { \"127.0.0.1\" } }");
	}
}

/* RFC 5782 section 5: 127.0.0.2 is on every list, for tests.  Lists that
 * refuse a resolver answer with 127.255.255.x. */
static void
find_blocklist(struct doctor *d, const char *zone)
{
	const char *name = gp_arena_printf(d->arena, "2.0.0.127.%s", zone);
	struct gp_dns_answer a;
	char ip[GP_IP_TEXT];

	query(d, name, &a);
	if (a.rc == GP_OK && a.rr[0].ip.b[0] == 127 && a.rr[0].ip.b[1] != 255) {
		gp_findings_add(d->findings, GP_GREEN, "resolver", zone,
		    "answers this resolver");
		return;
	}
	if (a.rc == GP_OK)
		gp_findings_add(d->findings, GP_RED, "resolver", zone,
		    "refuses this resolver: %s", gp_ip_format(&a.rr[0].ip, ip));
	else if (a.rc == GP_NONE)
		gp_findings_add(d->findings, GP_YELLOW, "resolver", zone,
		    "does not list its test address: no block list, or it "
		    "refuses this resolver");
	else
		gp_findings_add(d->findings, GP_YELLOW, "resolver", zone,
		    "no answer: %s", a.why == NULL ? "?" : a.why);
	gp_findings_remedy(d->findings,
	    "a resolver of your own, or an account with the list");
}

void
ctl_doctor_resolver(struct doctor *d)
{
	find_answer(d);
	if (ctl_option(d->args, "--resolver") == NULL)
		find_public(d);
	for (size_t i = 0; i < d->blocklists.n; i++)
		find_blocklist(d, d->blocklists.v[i]);
}
