/* What holds for every case of dmarc_naive.h. */
#include "support/dmarc_naive.h"

#include <assert.h>

static bool
stands(const struct dmarc_verdict *v)
{
	return v->result == GP_DMARC_R_PASS || v->result == GP_DMARC_R_FAIL;
}

static void
check_agreement(const struct dmarc_case *c, const struct dmarc_verdict *quick)
{
	const struct dmarc_verdict naive = dmarc_naive(c);
	const struct dmarc_verdict all = dmarc_ask(c, true);

	assert(quick->result == naive.result);
	assert(all.result == naive.result);
	if (stands(&naive)) {
		assert(quick->policy == naive.policy);
		assert(all.policy == naive.policy);
	}
	assert(all.spf_aligned == naive.spf_aligned);
	assert(all.dkim_aligned == naive.dkim_aligned);
	assert(!quick->spf_aligned || naive.spf_aligned);
	assert(!quick->dkim_aligned || naive.dkim_aligned);
}

/* adkim= and aspf= from r to s, for every record there is. */
static void
check_stricter_alignment(const struct dmarc_case *c,
    const struct dmarc_verdict *before)
{
	struct dmarc_case stricter = *c;
	struct dmarc_verdict after;

	for (size_t i = 0; i < c->n; i++)
		stricter.entry[i].adkim_s = stricter.entry[i].aspf_s = true;
	after = dmarc_ask(&stricter, false);
	if (before->result != GP_DMARC_R_PASS)
		assert(after.result != GP_DMARC_R_PASS);
	if (stands(before) && stands(&after))
		assert(after.policy == before->policy);
}

static void
raise_policy(enum dmarc_word *word)
{
	if (*word == DMARC_WORD_NONE || *word == DMARC_WORD_QUARANTINE)
		(*word)++;
}

/* p=, sp= and np= one step up. */
static void
check_stricter_policy(const struct dmarc_case *c,
    const struct dmarc_verdict *before)
{
	struct dmarc_case stricter = *c;
	struct dmarc_verdict after;

	for (size_t i = 0; i < c->n; i++) {
		raise_policy(&stricter.entry[i].p);
		raise_policy(&stricter.entry[i].sp);
		raise_policy(&stricter.entry[i].np);
	}
	after = dmarc_ask(&stricter, false);
	if (stands(before) && stands(&after)) {
		assert(after.result == before->result);
		assert(after.policy >= before->policy);
	}
	if (before->result != GP_DMARC_R_PASS)
		assert(after.result != GP_DMARC_R_PASS);
}

/* What was not answered, answered in one way or the other. */
static void
check_missing(const struct dmarc_case *c, const struct dmarc_verdict *before)
{
	struct dmarc_case answered = *c;
	struct dmarc_case empty = *c;
	struct dmarc_verdict a, b;

	answered.author_temp = empty.author_temp = false;
	empty.author_exists = !c->author_exists;
	empty.n = 0;
	for (size_t i = 0; i < c->n; i++) {
		answered.entry[i].temp = false;
		if (!c->entry[i].temp)
			empty.entry[empty.n++] = c->entry[i];
	}
	a = dmarc_ask(&answered, false);
	assert(a.result != GP_DMARC_R_TEMPERROR);
	if (before->result == GP_DMARC_R_TEMPERROR)
		return;
	assert(a.result == before->result);
	if (!c->author_temp)
		empty.author_exists = c->author_exists;
	b = dmarc_ask(&empty, false);
	assert(b.result == before->result);
	if (before->result == GP_DMARC_R_FAIL)
		assert(a.policy == before->policy);
}

/* Identifiers only help, and without one there is no pass. */
static void
check_identifiers(const struct dmarc_case *c,
    const struct dmarc_verdict *before)
{
	struct dmarc_case fewer = *c;

	fewer.has_spf = false;
	if (before->result != GP_DMARC_R_PASS)
		assert(dmarc_ask(&fewer, false).result != GP_DMARC_R_PASS);
	fewer.n_dkim = 0;
	assert(dmarc_ask(&fewer, false).result != GP_DMARC_R_PASS);
}

void
dmarc_case_check(const struct dmarc_case *c)
{
	const struct dmarc_verdict v = dmarc_ask(c, false);

	check_agreement(c, &v);
	check_stricter_alignment(c, &v);
	check_stricter_policy(c, &v);
	check_missing(c, &v);
	check_identifiers(c, &v);
}
