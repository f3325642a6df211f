/*
 * drive_spf - the SPF evaluator on a pipe, for spf_suite.py and spf_pyspf.py.
 *
 * One check is one line of fields with tabs between; %XX stands for a byte:
 *     check IP LOCAL DOMAIN HELO RECEIVER NOW
 * Every question comes back as a line, and is answered by one:
 *     ? TYPE NAME
 *     ok VALUE...   (MX: "10 name")     none     nxdomain     temp WHY
 * The last line is the outcome; "-" stands for no explanation:
 *     = RESULT QUERIES TERMS VOIDS REASON EXPLANATION
 */
#include "core/spf.h"
#include "support/line_pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
fill(struct gp_dns_rr *rr, enum gp_dns_type type, struct gp_str value)
{
	uint64_t preference = 0;

	if (type == GP_DNS_A || type == GP_DNS_AAAA) {
		if (gp_ip_parse(value, &rr->ip) != GP_OK)
			line_die("no address");
		return;
	}
	if (type == GP_DNS_MX && gp_parse_u64(gp_str_split(&value, ' '), 65535,
				     &preference) != GP_OK)
		line_die("no preference");
	rr->preference = (uint16_t)preference;
	rr->text = value;
}

static struct gp_dns_answer
to_answer(const struct line *l, enum gp_dns_type type, struct gp_arena *arena)
{
	struct gp_dns_answer a = { .rc = GP_NONE };
	struct gp_dns_rr *rr;

	if (gp_str_eq(l->f[0], GP_STR("nxdomain"))) {
		a.nxdomain = true;
	} else if (gp_str_eq(l->f[0], GP_STR("temp"))) {
		a.rc = GP_TEMP;
		a.why = l->n > 1 ? l->f[1].p : NULL;
	} else if (gp_str_eq(l->f[0], GP_STR("ok"))) {
		a.rc = GP_OK;
		a.n = l->n - 1;
		rr = gp_arena_alloc(arena, l->n * sizeof(*rr));
		for (size_t i = 0; i < a.n; i++)
			fill(&rr[i], type, l->f[i + 1]);
		a.rr = rr;
	} else if (!gp_str_eq(l->f[0], GP_STR("none"))) {
		line_die("unknown answer");
	}
	return a;
}

static void
report(const struct gp_spf_outcome *o)
{
	(void)printf("=\t%s\t%u\t%u\t%u", gp_spf_result_name(o->result),
	    o->queries, o->terms, o->voids);
	line_print_field(gp_str(o->reason));
	line_print_field(gp_str(o->explanation != NULL ? o->explanation : "-"));
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void
check(const struct line *l, struct gp_arena *arena)
{
	struct gp_spf_query q = { .max_terms = GP_SPF_TERMS_MAX,
		.max_voids = GP_SPF_VOIDS_MAX,
		.max_queries = GP_SPF_QUERIES_MAX };
	struct gp_dns_question question;
	struct gp_spf_eval *e;
	struct line answer;
	uint64_t now;

	if (l->n != 7 || !gp_str_eq(l->f[0], GP_STR("check")) ||
	    gp_ip_parse(l->f[1], &q.client) != GP_OK ||
	    gp_parse_u64(l->f[6], INT64_MAX, &now) != GP_OK)
		line_die("bad check");
	q.local = l->f[2];
	q.domain = l->f[3].p;
	q.helo = l->f[4].p;
	q.receiver = l->f[5].p;
	q.now_s = (int64_t)now;
	e = gp_spf_eval_new(arena, &q);
	while (gp_spf_next(e, &question)) {
		struct gp_dns_answer a;

		(void)printf("?\t%s", gp_dns_type_name(question.type));
		line_print_field(gp_str(question.name));
		(void)putchar('\n');
		(void)fflush(stdout);
		if (!line_read(arena, &answer))
			line_die("no answer");
		a = to_answer(&answer, question.type, arena);
		gp_spf_feed(e, &a);
	}
	report(gp_spf_outcome(e));
}

int
main(void)
{
	struct gp_arena *arena = gp_arena_new();
	struct line l;

	while (line_read(arena, &l)) {
		check(&l, arena);
		gp_arena_clear(arena);
	}
	gp_arena_free(arena);
	return 0;
}
