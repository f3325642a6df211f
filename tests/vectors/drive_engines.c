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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 8

struct line {
	size_t n;
	struct gp_str f[FIELDS];
};

static void
die(const char *why)
{
	fprintf(stderr, "drive_engines: %s\n", why);
	exit(70);
}

static struct gp_str
decode(struct gp_str s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			out[n++] = s.p[i];
			continue;
		}
		if (s.n - i < 3 || gp_hex_value(s.p[i + 1]) < 0 ||
		    gp_hex_value(s.p[i + 2]) < 0)
			die("bad escape");
		out[n++] = (char)(gp_hex_value(s.p[i + 1]) * 16 +
				  gp_hex_value(s.p[i + 2]));
		i += 2;
	}
	out[n] = '\0';
	return gp_str_n(out, n);
}

static bool
read_line(struct gp_arena *arena, struct line *l)
{
	static char text[1 << 20];
	struct gp_str rest;

	if (fgets(text, sizeof(text), stdin) == NULL)
		return false;
	rest = gp_str_trim(gp_str(text));
	l->n = 0;
	while (rest.p != NULL) {
		struct gp_str field = gp_str_split(&rest, '\t');

		if (l->n == FIELDS)
			die("too many fields");
		l->f[l->n++] =
		    decode(field, gp_arena_alloc(arena, field.n + 1));
	}
	return true;
}

static void
print_field(const char *s)
{
	putchar('\t');
	for (; *s != '\0'; s++)
		if (gp_is_print(*s) && *s != '%')
			putchar(*s);
		else
			printf("%%%02x", (unsigned)(unsigned char)*s);
}

static void
report(const struct gp_spf_outcome *o)
{
	printf("=\t%s\t%u\t%u\t%u", gp_spf_result_name(o->result), o->queries,
	    o->terms, o->voids);
	print_field(o->reason);
	print_field(o->explanation != NULL ? o->explanation : "-");
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
		die("bad check");
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

	while (read_line(arena, &l)) {
		if (gp_str_eq(l.f[0], GP_STR("zone"))) {
			gp_dns_close(dns);
			if (l.n != 2 ||
			    gp_dns_open_zone(l.f[1], NULL, &dns, &err) != GP_OK)
				die(err.msg);
			puts("ok");
			fflush(stdout);
		} else if (gp_str_eq(l.f[0], GP_STR("check")) && dns != NULL) {
			check(&l, dns);
		} else {
			die("unknown line");
		}
		gp_arena_clear(arena);
	}
	gp_dns_close(dns);
	gp_arena_free(arena);
	return 0;
}
