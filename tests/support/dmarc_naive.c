/* See dmarc_naive.h. */
#include "support/dmarc_naive.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* -- names ------------------------------------------------------------- */

#define LABELS 128

/* cut[k]: the name that is left with k labels; returns how many it has. */
static size_t
cut_labels(const char *name, const char *cut[LABELS])
{
	size_t n = 1;

	for (const char *p = name; *p != '\0'; p++)
		n += *p == '.';
	for (size_t k = n; k > 0; k--) {
		cut[k] = name;
		name += strcspn(name, ".") + 1;
	}
	return n;
}

/* Is it the other one, or somewhere below it? */
static bool
is_within(const char *name, const char *above)
{
	const char *cut[LABELS];
	size_t n = cut_labels(name, cut);

	for (size_t k = 1; k <= n; k++)
		if (strcmp(cut[k], above) == 0)
			return true;
	return false;
}

/* -- the walk: RFC 9989 4.10 ------------------------------------------- */

struct steps {
	const char *name[8];
	const struct dmarc_entry *record[8]; /* NULL: none, or several */
	size_t n;
	bool temp;
};

/* Steps 2 and 6; NULL also where the question is too long to be asked. */
static const struct dmarc_entry *
record_at(const struct dmarc_case *c, const char *name, bool *temp)
{
	const struct dmarc_entry *record = NULL;
	size_t records = 0;

	if (strlen("_dmarc.") + strlen(name) > 253)
		return NULL;
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->entry[i].name, name) != 0)
			continue;
		record = &c->entry[i];
		records++;
		*temp |= record->temp;
	}
	return records == 1 ? record : NULL;
}

static struct steps
walk(const struct dmarc_case *c, const char *start)
{
	struct steps s = { .n = 0 };
	const char *cut[LABELS];
	size_t x = cut_labels(start, cut);

	while (x > 0) {
		const struct dmarc_entry *r = record_at(c, cut[x], &s.temp);

		s.name[s.n] = cut[x];
		s.record[s.n++] = r;
		if (s.temp || (r != NULL && r->psd != 'u'))
			break;
		x = x < 8 ? x - 1 : 7;
	}
	return s;
}

/* RFC 9989 4.10.2, its three rules one after the other. */
static const char *
organization(const struct steps *s, const char *start)
{
	const char *cut[LABELS], *above[LABELS];
	const char *fewest = start;
	size_t n = cut_labels(start, cut);

	for (size_t i = 0; i < s->n; i++)
		if (s->record[i] != NULL && s->record[i]->psd == 'n')
			return s->name[i];
	for (size_t i = 1; i < s->n; i++)
		if (s->record[i] != NULL && s->record[i]->psd == 'y')
			return cut[cut_labels(s->name[i], above) + 1];
	assert(n > 0);
	for (size_t i = 0; i < s->n; i++)
		if (s->record[i] != NULL)
			fewest = s->name[i];
	return fewest;
}

/* RFC 9989 4.10.1: the author, his Organizational Domain, his PSD. */
static const struct dmarc_entry *
discover(const struct dmarc_case *c, bool *temp)
{
	const struct dmarc_entry *record = record_at(c, c->author, temp);
	const char *org;
	struct steps s;

	if (record != NULL || *temp)
		return record;
	s = walk(c, c->author);
	*temp = s.temp;
	org = organization(&s, c->author);
	for (size_t i = 0; i < s.n; i++)
		if (s.record[i] != NULL && strcmp(s.name[i], org) == 0)
			return s.record[i];
	for (size_t i = 0; i < s.n; i++)
		if (s.record[i] != NULL && s.record[i]->psd == 'y')
			return s.record[i];
	return NULL;
}

/* -- alignment: RFC 9989 4.4 ------------------------------------------- */

enum answer { NO, YES, UNKNOWN };

static enum answer
aligned(const struct dmarc_case *c, const char *identifier, bool strict)
{
	struct steps author, other;
	const char *org;

	if (strcmp(identifier, c->author) == 0)
		return YES;
	if (strict)
		return NO;
	author = walk(c, c->author);
	/* whatever DNS says: the two have at least the last label of one
	 * Organizational Domain in common, and it is above both */
	org = author.temp ? c->author + strlen(c->author)
	                  : organization(&author, c->author);
	while (author.temp && org > c->author && org[-1] != '.')
		org--;
	if (!is_within(identifier, org))
		return NO;
	other = walk(c, identifier);
	if (author.temp || other.temp)
		return UNKNOWN;
	return strcmp(organization(&other, identifier), org) == 0 ? YES : NO;
}

static enum answer
dkim_aligned(const struct dmarc_case *c, bool strict)
{
	enum answer best = NO;

	for (size_t i = 0; i < c->n_dkim; i++) {
		enum answer a = aligned(c, c->dkim[i], strict);

		if (a == YES)
			return YES;
		if (a == UNKNOWN)
			best = UNKNOWN;
	}
	return best;
}

/* -- policy: RFC 9989 4.7 and 4.10.1 ----------------------------------- */

/* Does a record say that the author's name is there (RFC 8020)? */
static bool
is_seen(const struct dmarc_case *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_within(c->entry[i].name, name))
			return true;
	return false;
}

static enum dmarc_word
subdomain_policy(const struct dmarc_entry *r, bool exists)
{
	if (!exists && r->np != DMARC_WORD_ABSENT)
		return r->np;
	if (r->sp != DMARC_WORD_ABSENT)
		return r->sp;
	return r->p != DMARC_WORD_ABSENT ? r->p : DMARC_WORD_NONE;
}

static enum dmarc_word
effective(const struct dmarc_entry *r, enum dmarc_word word)
{
	if (word == DMARC_WORD_ABSENT || word == DMARC_WORD_NONE)
		return DMARC_WORD_NONE;
	if (!r->test)
		return word;
	return word == DMARC_WORD_REJECT ? DMARC_WORD_QUARANTINE
	                                 : DMARC_WORD_NONE;
}

static bool
is_broken(const struct dmarc_entry *r)
{
	return r->p == DMARC_WORD_BROKEN || r->sp == DMARC_WORD_BROKEN ||
	       r->np == DMARC_WORD_BROKEN;
}

static void
apply_policy(const struct dmarc_case *c, const struct dmarc_entry *r,
    struct dmarc_verdict *v)
{
	const bool seen = is_seen(c, c->author);
	const enum dmarc_word there = subdomain_policy(r, true);
	const enum dmarc_word not_there = subdomain_policy(r, false);

	if (is_broken(r)) {
		v->policy = DMARC_WORD_NONE;
	} else if (strcmp(r->name, c->author) == 0) {
		v->policy = effective(r, r->p);
	} else if (!seen && c->author_temp) {
		v->policy = effective(r, there);
		if (v->result == GP_DMARC_R_FAIL && there != not_there)
			v->result = GP_DMARC_R_TEMPERROR;
	} else {
		v->policy =
		    effective(r, seen || c->author_exists ? there : not_there);
	}
}

struct dmarc_verdict
dmarc_naive(const struct dmarc_case *c)
{
	struct dmarc_verdict v = { .result = GP_DMARC_R_NONE };
	enum answer spf = NO, dkim;
	bool temp = false;
	const struct dmarc_entry *r = discover(c, &temp);

	if (temp)
		v.result = GP_DMARC_R_TEMPERROR;
	if (temp || r == NULL || (is_broken(r) && !r->rua))
		return v;
	if (c->has_spf)
		spf = aligned(c, c->spf, r->aspf_s);
	dkim = dkim_aligned(c, r->adkim_s);
	v.spf_aligned = spf == YES;
	v.dkim_aligned = dkim == YES;
	if (spf == YES || dkim == YES)
		v.result = GP_DMARC_R_PASS;
	else if (spf == UNKNOWN || dkim == UNKNOWN)
		v.result = GP_DMARC_R_TEMPERROR;
	else
		v.result = GP_DMARC_R_FAIL;
	apply_policy(c, r, &v);
	return v;
}
