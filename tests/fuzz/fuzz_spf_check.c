/*
 * check_host() over a world of arbitrary answers.
 *
 * Input: lines.  First the client's address, then the sender; each line more
 * is an answer, and a question always gets the one that its name and type
 * select.  An answer begins with "n" (NXDOMAIN), "d" (no data), "t" (none
 * now), else it is records with "|" between.
 */
#include "core/spf.h"
#include "core/spf_record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 64
#define RRS_MAX   16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	size_t n;
	struct gp_str line[LINES_MAX];
};

static size_t
hash(const struct gp_dns_question *q)
{
	size_t h = (size_t)q->type;

	for (const char *p = q->name; *p != '\0'; p++)
		h = h * 31 + (size_t)(unsigned char)gp_lower(*p);
	return h;
}

static void
fill(struct gp_dns_rr *rr, enum gp_dns_type type, struct gp_str text,
    struct gp_arena *arena)
{
	rr->text = gp_arena_dup(arena, text);
	if (type != GP_DNS_A && type != GP_DNS_AAAA)
		return;
	if (gp_ip_parse(text, &rr->ip) == GP_OK)
		return;
	rr->ip.family = type == GP_DNS_A ? GP_IP_V4 : GP_IP_V6;
	memcpy(rr->ip.b, text.p, text.n < 4 ? text.n : 4);
}

static struct gp_dns_answer
answer(const struct world *w, const struct gp_dns_question *q,
    struct gp_arena *arena)
{
	struct gp_dns_answer a = { .rc = GP_NONE };
	struct gp_dns_rr *rr;
	struct gp_str rest;

	rest = w->n == 0 ? GP_STR("n") : w->line[hash(q) % w->n];
	if (rest.n == 0 || rest.p[0] == 'd')
		return a;
	if (rest.p[0] == 'n') {
		a.nxdomain = true;
		return a;
	}
	if (rest.p[0] == 't') {
		a.rc = GP_TEMP;
		return a;
	}
	rr = gp_arena_alloc(arena, RRS_MAX * sizeof(*rr));
	while (rest.p != NULL && a.n < RRS_MAX)
		fill(&rr[a.n++], q->type, gp_str_split(&rest, '|'), arena);
	a.rr = rr;
	a.rc = GP_OK;
	return a;
}

/* The qualifier of the term that the reason names first. */
static char
qualifier(const char *reason)
{
	assert(reason[0] == '\'' && strstr(reason, "matched") != NULL);
	if (strchr("+-~?", reason[1]) == NULL)
		return '+';
	return reason[1];
}

static void
check_outcome(const struct gp_spf_outcome *o, const struct gp_spf_query *q,
    size_t asked, size_t records)
{
	assert(o->result > GP_SPF_SKIPPED && o->result < GP_SPF_RESULTS);
	assert(o->queries == asked && asked <= q->max_queries);
	assert(o->terms <= q->max_terms + 1 && o->voids <= q->max_voids + 1);
	assert(o->voids <= o->terms);
	if (o->terms > q->max_terms || o->voids > q->max_voids)
		assert(o->result == GP_SPF_PERMERROR);
	assert(strlen(o->reason) < 300);
	for (const char *p = o->reason; *p != '\0'; p++)
		assert(gp_is_print(*p) && *p != '"');
	if (o->result == GP_SPF_PASS)
		assert(records > 0 && qualifier(o->reason) == '+');
	if (o->result == GP_SPF_SOFTFAIL)
		assert(records > 0 && qualifier(o->reason) == '~');
	if (o->result == GP_SPF_FAIL)
		assert(records > 0 && qualifier(o->reason) == '-');
	if (o->explanation == NULL)
		return;
	assert(o->result == GP_SPF_FAIL && o->explanation[0] != '\0');
	assert(strlen(o->explanation) <= GP_SPF_EXPLAIN_MAX);
	assert(gp_spf_is_ascii(gp_str(o->explanation)));
}

static size_t
count_records(const struct gp_dns_answer *a)
{
	size_t n = 0;

	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++)
		n += gp_spf_record_claims(a->rr[i].text);
	return n;
}

/* Ask to the end, or give up after `patience` questions. */
static const struct gp_spf_outcome *
run(const struct world *w, const struct gp_spf_query *q, size_t patience,
    struct gp_arena *arena)
{
	struct gp_spf_eval *e = gp_spf_eval_new(arena, q);
	struct gp_arena *answers = gp_arena_new();
	struct gp_dns_question question;
	size_t asked = 0, records = 0;

	while (gp_spf_next(e, &question)) {
		struct gp_dns_answer a;

		asked++;
		assert(gp_dns_name_valid(gp_str(question.name)));
		if (asked > patience) {
			gp_spf_abandon(e);
			break;
		}
		gp_arena_clear(answers); /* nothing of it may be kept */
		a = answer(w, &question, answers);
		records += question.type == GP_DNS_TXT ? count_records(&a) : 0;
		gp_spf_feed(e, &a);
	}
	assert(!gp_spf_next(e, &question));
	gp_arena_free(answers);
	check_outcome(gp_spf_outcome(e), q, asked, records);
	return gp_spf_outcome(e);
}

static void
check(const struct world *w, struct gp_str ip, struct gp_str sender,
    struct gp_arena *arena)
{
	size_t at = gp_str_find(sender, '@');
	struct gp_spf_query q = { .local = gp_str_n(sender.p, at),
		.helo = "helo.example",
		.receiver = "mx.example",
		.max_terms = GP_SPF_TERMS_MAX,
		.max_voids = GP_SPF_VOIDS_MAX,
		.max_queries = GP_SPF_QUERIES_MAX };
	const struct gp_spf_outcome *o, *again;

	if (gp_ip_parse(ip, &q.client) != GP_OK)
		q.client = (struct gp_ip){ .family = GP_IP_UNKNOWN };
	q.domain = at == sender.n ? ""
	                          : gp_arena_strndup(arena, sender.p + at + 1,
					sender.n - at - 1);
	o = run(w, &q, SIZE_MAX, arena);
	again = run(w, &q, SIZE_MAX, arena);
	assert(o->result == again->result);
	assert(strcmp(o->reason, again->reason) == 0);
	if (o->queries == 0)
		return;
	/* given up with one question open: unknown, or only unexplained */
	again = run(w, &q, o->queries - 1, arena);
	assert(again->result == GP_SPF_TEMPERROR ||
	       (again->result == o->result && o->result == GP_SPF_FAIL));
	assert(again->explanation == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena = gp_arena_new();
	struct world w = { .n = 0 };
	struct gp_str rest =
	    gp_arena_dup(arena, gp_str_n((const char *)data, size));
	struct gp_str ip = gp_str_split(&rest, '\n');
	struct gp_str sender = gp_str_split(&rest, '\n');

	while (rest.p != NULL && w.n < LINES_MAX)
		w.line[w.n++] = gp_str_split(&rest, '\n');
	if (sender.p != NULL && gp_str_find(sender, '\0') == sender.n)
		check(&w, ip, sender, arena);
	gp_arena_free(arena);
	return 0;
}
