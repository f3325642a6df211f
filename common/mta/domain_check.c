/* See domain_check.h. */
#include "mta/domain_private.h"

#include "core/dkim_record.h"
#include "core/policy_where.h"
#include "io/clock.h"

#include <stdio.h>
#include <string.h>

/* Questions for one domain: the time bounds them, not their number. */
#define BUDGET 4096

/* Octets of a record that are shown. */
#define SHOWN_MAX 200

/* -- what the parts share ------------------------------------------------- */

bool
gp_domain_told(const struct gp_domain_job *j, const char *topic,
    const char *subject)
{
	for (size_t i = 0; i < j->out->n; i++)
		if (strcmp(j->out->v[i].topic, topic) == 0 &&
		    strcmp(j->out->v[i].subject, subject) == 0)
			return true;
	return false;
}

void
gp_domain_untold(struct gp_domain_job *j, const char *topic,
    const char *subject, const struct gp_dns_answer *a, const char *name)
{
	gp_findings_add(j->out, GP_YELLOW, topic, subject,
	    "could not be asked now: %s: %s", name,
	    a->why == NULL ? "no answer" : a->why);
	gp_findings_remedy(j->out, "try again later");
}

void
gp_domain_prefetch(struct gp_domain_job *j, const char *name,
    enum gp_dns_type type)
{
	gp_dns_prefetch(&j->scope, name, type, &j->scope.held);
}

void
gp_domain_where(struct gp_domain_job *j, struct gp_origin where)
{
	j->out->v[j->out->n - 1].where = where;
}

const char *
gp_domain_shown(struct gp_domain_job *j, struct gp_str record)
{
	const size_t n = record.n < SHOWN_MAX ? record.n : SHOWN_MAX;
	char *out = gp_arena_strndup(j->arena, n == 0 ? "" : record.p, n);

	for (size_t i = 0; i < n; i++)
		if (!gp_is_print(out[i]))
			out[i] = '?';
	return n == record.n ? out : gp_arena_printf(j->arena, "%s...", out);
}

/* -- the addresses -------------------------------------------------------- */

/* RFC 1918, 6598, 3927, 4193, 4291: what no receiver sees. */
static bool
is_private(const struct gp_ip *ip)
{
	static const char *const nets[] = { "0.0.0.0/8", "10.0.0.0/8",
		"100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
		"172.16.0.0/12", "192.168.0.0/16", "::/128", "::1/128",
		"fc00::/7", "fe80::/10" };
	struct gp_prefix net;

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if (gp_prefix_parse(gp_str(nets[i]), &net, NULL) == GP_OK &&
		    gp_prefix_has(&net, ip))
			return true;
	return false;
}

static bool
is_known(const struct gp_domain_job *j, const struct gp_ip *ip)
{
	for (size_t i = 0; i < j->n_egress; i++)
		if (gp_ip_eq(&j->egress[i].ip, ip))
			return true;
	return false;
}

static void
tell_private(struct gp_domain_job *j, const char *text, struct gp_origin where)
{
	j->told_private = true;
	if (gp_domain_told(j, "name", text))
		return;
	gp_findings_add(j->out, GP_GREEN, "name", text,
	    "is a private address, which no receiver sees: not looked at");
	gp_domain_where(j, where);
}

static void
add_egress(struct gp_domain_job *j, const struct gp_prefixes *all,
    struct gp_origin where)
{
	for (size_t i = 0; i < all->n; i++) {
		struct gp_domain_egress *e = &j->egress[j->n_egress];

		e->ip = all->v[i].ip;
		e->where = where;
		(void)gp_ip_format(&e->ip, e->text);
		if (is_private(&e->ip))
			tell_private(j, e->text, where);
		else if (!is_known(j, &e->ip))
			j->n_egress++;
	}
}

static void
find_egress(struct gp_domain_job *j)
{
	const struct gp_prefixes *own = &j->block->preflight.egress;
	const struct gp_prefixes *more = &j->with->egress;

	/* the last place is for one that is not taken */
	j->egress = gp_arena_alloc(j->arena,
	    (own->n + more->n + 1) * sizeof(*j->egress));
	add_egress(j, own,
	    gp_policy_where(j->block, "domain/preflight", "egress"));
	add_egress(j, more, (struct gp_origin){ .file = NULL });
}

/* What is asked in any case goes out at once, and is waited for together. */
static void
prefetch(struct gp_domain_job *j)
{
	const struct gp_policy *b = j->block;
	char name[GP_DKIM_RECORD_NAME];
	char arpa[GP_IP_ARPA];

	for (size_t i = 0; i < b->n_keys; i++)
		if (b->keys[i].state != GP_KEY_RETIRED)
			gp_domain_prefetch(j,
			    gp_dkim_record_name(b->keys[i].selector, b->domain,
				name),
			    GP_DNS_TXT);
	gp_domain_prefetch(j, b->domain, GP_DNS_TXT);
	gp_domain_prefetch(j, gp_arena_printf(j->arena, "_dmarc.%s", b->domain),
	    GP_DNS_TXT);
	for (size_t i = 0; i < j->n_egress; i++)
		if (!gp_domain_told(j, "name", j->egress[i].text))
			gp_domain_prefetch(j,
			    gp_ip_arpa(&j->egress[i].ip, arpa), GP_DNS_PTR);
}

void
gp_domain_check(const struct gp_domain_checking *with,
    const struct gp_policy *block, struct gp_findings *out)
{
	struct gp_domain_job j = { .with = with,
		.block = block,
		.out = out,
		.arena = gp_arena_new() };

	j.scope = (struct gp_dns_scope){ .dns = with->dns,
		.arena = j.arena,
		.deadline_us =
		    gp_time_add(gp_clock_us(), with->timeout_ms * GP_US_PER_MS),
		.budget = BUDGET };
	find_egress(&j);
	prefetch(&j);
	gp_domain_prefetch_blocklists(&j);
	gp_domain_check_dkim(&j);
	gp_domain_check_spf(&j);
	gp_domain_check_dmarc(&j);
	gp_domain_check_names(&j);
	gp_domain_check_blocklists(&j);
	gp_dns_held_free(j.scope.held);
	gp_arena_free(j.arena);
}
