/* See dmarc_zone.h. */
#include "support/dmarc_zone.h"

#include "core/domain.h"

#include <assert.h>
#include <string.h>

#define RECORDS 8
#define SIGNERS 16

static bool
names_it(struct gp_str line_name, const char *name, bool *exists)
{
	const size_t n = strlen(name);

	if (gp_str_eq(line_name, gp_str(name)))
		return *exists = true;
	if (line_name.n > n && line_name.p[line_name.n - n - 1] == '.' &&
	    gp_str_ends_nocase(line_name, gp_str(name)))
		*exists = true;
	return false;
}

static void
answer(struct dmarc_zone *z, const struct gp_dns_question *q,
    struct gp_dns_answer *out, struct gp_dns_rr *rr)
{
	struct gp_str rest = gp_str(z->text);
	bool exists = false;

	z->asked++;
	*out = (struct gp_dns_answer){ .rc = GP_NONE, .rr = rr };
	while (rest.n > 0) {
		struct gp_str text = gp_str_split(&rest, '\n');
		struct gp_str name = gp_str_split(&text, ' ');
		bool temp = gp_str_eq(text, GP_STR("!temp"));

		if (!names_it(name, q->name, &exists) ||
		    gp_str_eq(text, GP_STR(".")))
			continue;
		if (temp || gp_str_eq(text, GP_STR("!perm"))) {
			*out = (struct gp_dns_answer){ .rc = temp ? GP_TEMP
				                                  : GP_PERM,
				.why = temp ? "timeout" : NULL };
			return;
		}
		if (q->type != GP_DNS_TXT || out->n == RECORDS)
			continue;
		rr[out->n++].text = text;
		out->rc = GP_OK;
	}
	out->nxdomain = !exists;
}

static const char *
suffix(const void *arg, const char *domain)
{
	static const char *const list[] = { "com", "example", "bank", "co.uk" };

	(void)arg;
	for (const char *d = domain; d != NULL; d = gp_domain_parent(d))
		for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
			if (gp_domain_parent(d) != NULL &&
			    strcmp(gp_domain_parent(d), list[i]) == 0)
				return d;
	return NULL;
}

const struct gp_dmarc_outcome *
dmarc_zone_evaluate(struct gp_arena *arena, struct dmarc_zone *z)
{
	const char *dkim[SIGNERS];
	struct gp_dmarc_query q = { .author = z->author,
		.spf = z->spf,
		.dkim = dkim,
		.discovery = z->how,
		.suffix = suffix,
		.every = z->every };
	struct gp_str rest = gp_str(z->dkim);
	struct gp_dns_question question;
	struct gp_dmarc_eval *e;

	while (rest.n > 0 && q.n_dkim < SIGNERS) {
		struct gp_str d = gp_str_split(&rest, ' ');

		dkim[q.n_dkim++] = gp_arena_strndup(arena, d.p, d.n);
	}
	e = gp_dmarc_eval_new(arena, &q);
	while (gp_dmarc_next(e, &question)) {
		struct gp_dns_answer a;
		struct gp_dns_rr rr[RECORDS];

		assert(z->asked < 200);
		answer(z, &question, &a, rr);
		gp_dmarc_feed(e, &a);
	}
	assert(gp_dmarc_outcome(e)->queries == z->asked);
	return gp_dmarc_outcome(e);
}
