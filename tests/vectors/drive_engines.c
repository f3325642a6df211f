/*
 * drive_engines - both SPF engines on a pipe, for libspf2_suite.py.
 *
 * A line is fields with tabs between; %XX stands for a byte:
 *     zone TEXT                       from now on these names exist
 *     check IP LOCAL DOMAIN HELO      both engines answer, one line each:
 *     = RESULT QUERIES TERMS VOIDS REASON EXPLANATION   ("-": none)
 * "ok" answers a zone.
 */
#include "core/domain.h"
#include "io/clock.h"
#include "mta/spf_check.h"
#include "support/line_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
report(const struct gp_spf_outcome *o)
{
	printf("=\t%s\t%u\t%u\t%u", gp_spf_result_name(o->result), o->queries,
	    o->terms, o->voids);
	line_print_field(gp_str(o->reason));
	line_print_field(gp_str(o->explanation != NULL ? o->explanation : "-"));
	putchar('\n');
	fflush(stdout);
}

/* Each engine has a message of its own. */
static void
run(void (*engine)(const struct gp_spf_query *, struct gp_dns_scope *,
	struct gp_spf_outcome *),
    struct gp_dns *dns, const struct gp_spf_query *q)
{
	struct gp_dns_scope scope = { .dns = dns,
		.arena = gp_arena_new(),
		.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
		.budget = GP_DNS_MESSAGE_QUERIES };
	struct gp_spf_outcome out;

	engine(q, &scope, &out);
	report(&out);
	gp_arena_free(scope.arena);
}

static void
check(const struct line *l, struct gp_dns *dns)
{
	struct gp_spf_query q = { .receiver = "receiver.example",
		.now_s = 1800000000,
		.max_terms = GP_SPF_TERMS_MAX,
		.max_voids = GP_SPF_VOIDS_MAX,
		.max_queries = GP_SPF_QUERIES_MAX };
	char domain[GP_DOMAIN_TEXT];

	if (l->n != 5 || gp_ip_parse(l->f[1], &q.client) != GP_OK)
		line_die("bad check");
	q.local = l->f[2];
	/* as the milter does: one spelling, if it is a domain name at all */
	q.domain = gp_domain_normalize(l->f[3], domain, NULL) == GP_OK
	               ? domain
	               : l->f[3].p;
	q.helo = l->f[4].p;
	run(gp_spf_builtin, dns, &q);
	run(gp_spf_libspf2, dns, &q);
}

int
main(void)
{
	struct gp_arena *arena = gp_arena_new();
	struct gp_dns *dns = NULL;
	struct gp_err err;
	struct line l;

	while (line_read(arena, &l)) {
		if (gp_str_eq(l.f[0], GP_STR("zone"))) {
			gp_dns_close(dns);
			if (l.n != 2 ||
			    gp_dns_open_zone(l.f[1], NULL, &dns, &err) != GP_OK)
				line_die(err.msg);
			puts("ok");
			fflush(stdout);
		} else if (gp_str_eq(l.f[0], GP_STR("check")) && dns != NULL) {
			check(&l, dns);
		} else {
			line_die("unknown line");
		}
		gp_arena_clear(arena);
	}
	gp_dns_close(dns);
	gp_arena_free(arena);
	return 0;
}
