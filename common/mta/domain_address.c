/* domain_check: the addresses that mail leaves from: their names, and block
 * lists. */
#include "mta/domain_private.h"

#include <stdio.h>
#include <string.h>

/* Names of one address that are looked at (as RFC 7208 4.6.4). */
#define NAMES_MAX GP_SPF_PTR_MAX

/* Octets of "in-addr.arpa" and its dot, which a list's zone stands in for. */
#define IN_ADDR  ".in-addr.arpa"
#define IP6_ARPA ".ip6.arpa"

/* -- names ---------------------------------------------------------------- */

static void
add(struct gp_domain_job *j, const struct gp_domain_egress *e,
    enum gp_light light, const char *topic, const char *what)
{
	gp_findings_add(j->out, light, topic, e->text, "%s", what);
	gp_domain_where(j, e->where);
}

static bool
has_address(const struct gp_dns_answer *a, const struct gp_ip *ip)
{
	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++)
		if (gp_ip_eq(&a->rr[i].ip, ip))
			return true;
	return false;
}

/* Does one of the names have the address?  GP_OK: *name is it; GP_TEMP: that
 * could not be told of *name; GP_NONE. */
static enum gp_rc
confirm(struct gp_domain_job *j, const struct gp_domain_egress *e,
    const struct gp_dns_answer *names, const char **name)
{
	const enum gp_dns_type type =
	    e->ip.family == GP_IP_V4 ? GP_DNS_A : GP_DNS_AAAA;
	enum gp_rc rc = GP_NONE;

	for (size_t i = 0; i < names->n && i < NAMES_MAX; i++) {
		struct gp_dns_answer a;

		(void)gp_dns_query(&j->scope, names->rr[i].text.p, type, &a);
		if (has_address(&a, &e->ip)) {
			*name = names->rr[i].text.p;
			return GP_OK;
		}
		if (a.rc != GP_OK && a.rc != GP_NONE) {
			*name = names->rr[i].text.p;
			rc = GP_TEMP;
		}
	}
	return rc;
}

static void
judge_names(struct gp_domain_job *j, const struct gp_domain_egress *e,
    const struct gp_dns_answer *names)
{
	const char *name = names->rr[0].text.p;

	switch (confirm(j, e, names, &name)) {
	case GP_OK:
		add(j, e, GP_GREEN, "name",
		    gp_arena_printf(j->arena, "is %s, which has this address",
			gp_domain_shown(j, gp_str(name))));
		break;
	case GP_TEMP:
		add(j, e, GP_YELLOW, "name",
		    gp_arena_printf(j->arena,
			"could not be asked now: the address of %s",
			gp_domain_shown(j, gp_str(name))));
		gp_findings_remedy(j->out, "try again later");
		break;
	case GP_NONE:
	case GP_PERM:
		add(j, e, GP_RED, "name",
		    gp_arena_printf(j->arena,
			"its name %s does not have this address",
			gp_domain_shown(j, gp_str(name))));
		gp_findings_remedy(j->out, "publish: %s %s %s",
		    e->ip.family == GP_IP_V4 ? "A" : "AAAA",
		    gp_domain_shown(j, gp_str(name)), e->text);
		break;
	}
}

void
gp_domain_check_names(struct gp_domain_job *j)
{
	for (size_t i = 0; i < j->n_egress; i++) {
		const struct gp_domain_egress *e = &j->egress[i];
		struct gp_dns_answer a;
		char arpa[GP_IP_ARPA];

		if (gp_domain_told(j, "name", e->text))
			continue;
		(void)gp_dns_query(&j->scope, gp_ip_arpa(&e->ip, arpa),
		    GP_DNS_PTR, &a);
		if (a.rc == GP_OK) {
			judge_names(j, e, &a);
		} else if (a.rc == GP_NONE) {
			add(j, e, GP_RED, "name",
			    "has no name: many receivers refuse its mail");
			gp_findings_remedy(j->out,
			    "have whoever gave you the address publish: PTR "
			    "%s NAME.OF.THIS.HOST",
			    arpa);
		} else {
			gp_domain_untold(j, "name", e->text, &a, arpa);
			gp_domain_where(j, e->where);
		}
	}
}

/* -- block lists (RFC 5782) ----------------------------------------------- */

/* "9.2.0.192.zen.example" */
static const char *
listed_name(struct gp_domain_job *j, const struct gp_domain_egress *e,
    const char *zone)
{
	const size_t tail = e->ip.family == GP_IP_V4 ? sizeof(IN_ADDR) - 1
	                                             : sizeof(IP6_ARPA) - 1;
	char arpa[GP_IP_ARPA];

	(void)gp_ip_arpa(&e->ip, arpa);
	return gp_arena_printf(j->arena, "%.*s.%s", (int)(strlen(arpa) - tail),
	    arpa, zone);
}

static const char *
reason(struct gp_domain_job *j, const char *name)
{
	struct gp_dns_answer a;

	if (gp_dns_query(&j->scope, name, GP_DNS_TXT, &a) != GP_OK || a.n == 0)
		return "";
	return gp_arena_printf(j->arena, ": %s",
	    gp_domain_shown(j, a.rr[0].text));
}

enum listing { LISTED, REFUSED, ODD };

/* The worst of them: 127.0.0.2 and above is an entry, 127.255.255 says that the
 * list does not answer this resolver. */
static enum listing
read_codes(const struct gp_dns_answer *a, const struct gp_ip **code)
{
	enum listing worst = ODD;

	*code = &a->rr[0].ip;
	for (size_t i = 0; i < a->n; i++) {
		const uint8_t *b = a->rr[i].ip.b;
		enum listing one = LISTED;

		if (b[0] != 127 || (b[1] == 0 && b[2] == 0 && b[3] < 2))
			one = ODD;
		else if (b[1] == 255 && b[2] == 255)
			one = REFUSED;
		if (one < worst) {
			worst = one;
			*code = &a->rr[i].ip;
		}
	}
	return worst;
}

static void
judge_answer(struct gp_domain_job *j, const struct gp_domain_egress *e,
    const char *zone, const struct gp_dns_answer *a)
{
	const char *name = listed_name(j, e, zone);
	const struct gp_ip *code;
	char text[GP_IP_TEXT];

	switch (read_codes(a, &code)) {
	case LISTED:
		add(j, e, GP_RED, "blocklist",
		    gp_arena_printf(j->arena, "is listed in %s as %s%s", zone,
			gp_ip_format(code, text), reason(j, name)));
		gp_findings_remedy(j->out,
		    "find out what was sent, stop it, then ask %s to take "
		    "the address out",
		    zone);
		break;
	case REFUSED:
		add(j, e, GP_YELLOW, "blocklist",
		    gp_arena_printf(j->arena,
			"%s does not answer this resolver (%s)%s", zone,
			gp_ip_format(code, text), reason(j, name)));
		gp_findings_remedy(j->out,
		    "ask through a resolver of your own: resolver { servers "
		    "= { \"ADDRESS\" } }");
		break;
	case ODD:
		add(j, e, GP_YELLOW, "blocklist",
		    gp_arena_printf(j->arena,
			"%s answers with %s, which is no code of a block list",
			zone, gp_ip_format(code, text)));
		gp_findings_remedy(j->out, "leave %s out", zone);
		break;
	}
}

static void
check_lists(struct gp_domain_job *j, const struct gp_domain_egress *e)
{
	const struct gp_strings *lists = &j->with->blocklists;
	size_t clean = 0;

	for (size_t i = 0; i < lists->n; i++) {
		const char *name = listed_name(j, e, lists->v[i]);
		struct gp_dns_answer a;

		(void)gp_dns_query(&j->scope, name, GP_DNS_A, &a);
		if (a.rc == GP_NONE) {
			clean++;
		} else if (a.rc == GP_OK) {
			judge_answer(j, e, lists->v[i], &a);
		} else {
			gp_domain_untold(j, "blocklist", e->text, &a,
			    lists->v[i]);
			gp_domain_where(j, e->where);
		}
	}
	if (clean > 0)
		add(j, e, GP_GREEN, "blocklist",
		    gp_arena_printf(j->arena, "is not in %zu of %zu lists",
			clean, lists->n));
}

void
gp_domain_prefetch_blocklists(struct gp_domain_job *j)
{
	const struct gp_strings *lists = &j->with->blocklists;

	for (size_t i = 0; i < j->n_egress; i++)
		for (size_t k = 0; k < lists->n; k++)
			if (!gp_domain_told(j, "blocklist", j->egress[i].text))
				gp_domain_prefetch(j,
				    listed_name(j, &j->egress[i], lists->v[k]),
				    GP_DNS_A);
}

void
gp_domain_check_blocklists(struct gp_domain_job *j)
{
	for (size_t i = 0; i < j->n_egress; i++)
		if (!gp_domain_told(j, "blocklist", j->egress[i].text))
			check_lists(j, &j->egress[i]);
}
