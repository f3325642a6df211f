/*
 * See dmarc.h.
 *
 * The order of work: the author's record; whether an identifier is the author
 * himself; where alignment is relaxed, the author's organizational domain and
 * that of each identifier below it; whether the author exists, where the
 * policy depends on that.
 */
#include "core/dmarc.h"

#include "core/dmarc_walk.h"
#include "core/domain.h"

#include <stdio.h>
#include <string.h>

struct identifier {
	const char *domain;
	bool spf, dkim;
};

enum stage {
	AUTHOR,    /* the record of the author himself */
	WALK,      /* from the author upwards */
	SUFFIX,    /* PSL: the record of the organizational domain */
	ALIGN,     /* whose walk is next? */
	ALIGNWALK, /* the walk of one identifier */
	EXISTENCE, /* does the author's name exist? */
	DONE,
};

struct gp_dmarc_eval {
	struct gp_dmarc_query q;
	struct gp_arena *arena;
	struct gp_dmarc_outcome out;
	enum stage stage;
	struct gp_dmarc_walk author;
	struct gp_dmarc_walk other;
	size_t n_identifiers, at;
	struct identifier *identifiers;
	const struct gp_dmarc_found *policy; /* the record that applies */
	bool exists;         /* the author's name is known to exist */
	const char *trouble; /* DNS did not answer, and so something is open */
};

const char *
gp_dmarc_result_name(enum gp_dmarc_result r)
{
	static const char *const names[GP_DMARC_RESULTS] = {
		[GP_DMARC_R_NONE] = "none",
		[GP_DMARC_R_PASS] = "pass",
		[GP_DMARC_R_FAIL] = "fail",
		[GP_DMARC_R_TEMPERROR] = "temperror",
		[GP_DMARC_R_PERMERROR] = "permerror",
	};

	return (unsigned)r < GP_DMARC_RESULTS ? names[r] : "unknown";
}

/* -- identifiers -------------------------------------------------------- */

static void
add_identifier(struct gp_dmarc_eval *e, const char *domain, bool spf)
{
	struct identifier *id = NULL;

	for (size_t i = 0; i < e->n_identifiers; i++)
		if (strcmp(e->identifiers[i].domain, domain) == 0)
			id = &e->identifiers[i];
	if (id == NULL && e->n_identifiers == GP_DMARC_IDENTIFIERS_MAX)
		return;
	if (id == NULL)
		id = &e->identifiers[e->n_identifiers++];
	id->domain = domain;
	id->spf |= spf;
	id->dkim |= !spf;
}

/* Are both `name` or below it? */
static bool
is_common(const char *name, const char *a, const char *b)
{
	return (strcmp(a, name) == 0 || gp_domain_is_below(a, name)) &&
	       (strcmp(b, name) == 0 || gp_domain_is_below(b, name));
}

/* Those that have most labels in common with the author come first, so that
 * no number of foreign signatures crowds out the aligned one; without a
 * common label there is no common Organizational Domain. */
static void
add_identifiers(struct gp_dmarc_eval *e)
{
	const struct gp_dmarc_query *q = &e->q;

	if (q->spf != NULL)
		add_identifier(e, q->spf, true);
	for (const char *name = q->author; name != NULL;
	     name = gp_domain_parent(name))
		for (size_t i = 0; i < q->n_dkim; i++)
			if (is_common(name, q->author, q->dkim[i]))
				add_identifier(e, q->dkim[i], false);
}

static void
align(struct gp_dmarc_eval *e, const struct identifier *id)
{
	const struct gp_dmarc_record *r = &e->policy->record;
	bool same = strcmp(id->domain, e->q.author) == 0;

	if (id->spf && (same || !r->strict_spf))
		e->out.spf_aligned = true;
	if (id->dkim && (same || !r->strict_dkim))
		e->out.dkim_aligned = true;
	if (e->out.spf_aligned || e->out.dkim_aligned)
		if (e->out.aligned == NULL)
			e->out.aligned = id->domain;
}

/* An identical name needs no walk (RFC 9989 4.10.2, note). */
static void
align_same(struct gp_dmarc_eval *e)
{
	for (size_t i = 0; i < e->n_identifiers; i++)
		if (strcmp(e->identifiers[i].domain, e->q.author) == 0)
			align(e, &e->identifiers[i]);
}

/* Does the mechanism that it stands for allow other names than the author's,
 * and is it not known to be aligned yet?  Only DKIM has several. */
static bool
is_open(const struct gp_dmarc_eval *e, const struct identifier *id)
{
	const struct gp_dmarc_record *r = &e->policy->record;

	return (id->spf && !r->strict_spf) ||
	       (id->dkim && !r->strict_dkim && !e->out.dkim_aligned);
}

/* Is it worth a walk?  Its Organizational Domain is a name above it, so where
 * it is not below the author's, or has not even the last label in common with
 * him, no answer can align it. */
static bool
may_align(const struct gp_dmarc_eval *e, const struct identifier *id)
{
	const char *org = e->out.org_domain;
	const char *top = strrchr(e->q.author, '.');

	if (strcmp(id->domain, e->q.author) == 0 || !is_open(e, id))
		return false;
	if (org == NULL)
		org = top == NULL ? e->q.author : top + 1;
	return strcmp(id->domain, org) == 0 ||
	       gp_domain_is_below(id->domain, org);
}

static bool
any_may_align(const struct gp_dmarc_eval *e)
{
	for (size_t i = 0; i < e->n_identifiers; i++)
		if (may_align(e, &e->identifiers[i]))
			return true;
	return false;
}

/* -- the outcome ---------------------------------------------------------- */

static bool
is_pass(const struct gp_dmarc_eval *e)
{
	return e->out.spf_aligned || e->out.dkim_aligned;
}

static void
finish(struct gp_dmarc_eval *e, enum gp_dmarc_result result, const char *reason)
{
	e->out.result = result;
	e->out.reason = result == GP_DMARC_R_PASS ? NULL : reason;
	e->stage = DONE;
}

/* No valid p=, or an invalid sp= or np= (RFC 9989 4.10.1).  RFC 7489 knows no
 * np= and wants a p= (6.6.3, step 6); an absent one is p=none since (4.7). */
static bool
is_invalid(const struct gp_dmarc_eval *e)
{
	const struct gp_dmarc_record *r = &e->policy->record;

	if (e->q.discovery == GP_DMARC_PSL)
		return r->invalid || r->p == GP_DMARC_ABSENT;
	return r->invalid || r->invalid_np;
}

/* A tag that is absent falls back: np, sp, p, none. */
static enum gp_dmarc_request
request_of(const struct gp_dmarc_eval *e, bool exists)
{
	const struct gp_dmarc_record *r = &e->policy->record;
	enum gp_dmarc_request asked = GP_DMARC_ABSENT;

	if (is_invalid(e))
		return GP_DMARC_NONE; /* RFC 9989 4.10.1; rua= was checked */
	if (strcmp(e->policy->name, e->q.author) != 0) {
		/* RFC 7489 knows no np= */
		if (!exists && e->q.discovery != GP_DMARC_PSL)
			asked = r->np;
		if (asked == GP_DMARC_ABSENT)
			asked = r->sp;
	}
	if (asked == GP_DMARC_ABSENT)
		asked = r->p;
	return asked == GP_DMARC_ABSENT ? GP_DMARC_NONE : asked;
}

/* RFC 9989 4.7, t=: one level down. */
static enum gp_dmarc_request
tested(const struct gp_dmarc_record *r, enum gp_dmarc_request asked)
{
	if (!r->testing || asked == GP_DMARC_NONE)
		return asked;
	return asked == GP_DMARC_REJECT ? GP_DMARC_QUARANTINE : GP_DMARC_NONE;
}

static void
conclude(struct gp_dmarc_eval *e)
{
	if (!is_pass(e) && e->trouble != NULL) {
		finish(e, GP_DMARC_R_TEMPERROR, e->trouble);
		return;
	}
	e->out.asked = request_of(e, e->exists);
	e->out.policy = tested(&e->policy->record, e->out.asked);
	finish(e, is_pass(e) ? GP_DMARC_R_PASS : GP_DMARC_R_FAIL,
	    e->q.spf == NULL && e->q.n_dkim == 0
		? "no identifier is authenticated"
		: "no authenticated identifier is aligned");
}

/* np= is only for names that do not exist: is that worth a question? */
static void
begin_existence(struct gp_dmarc_eval *e)
{
	if (!e->exists && (is_pass(e) || e->trouble == NULL) &&
	    request_of(e, false) != request_of(e, true)) {
		e->stage = EXISTENCE;
		return;
	}
	conclude(e);
}

/* -- the steps ------------------------------------------------------------ */

/* Nothing more can come of the identifiers? */
static bool
is_over(const struct gp_dmarc_eval *e)
{
	return is_pass(e) && !e->q.every;
}

static const char *
psl_organization(const struct gp_dmarc_eval *e, const char *domain)
{
	const char *org = e->q.suffix(e->q.suffix_arg, domain);

	return org == NULL ? domain : org;
}

/* With a public suffix list no walk is needed. */
static void
align_by_suffix(struct gp_dmarc_eval *e)
{
	e->out.org_domain = psl_organization(e, e->q.author);
	for (size_t i = 0; i < e->n_identifiers; i++)
		if (may_align(e, &e->identifiers[i]) &&
		    strcmp(psl_organization(e, e->identifiers[i].domain),
			e->out.org_domain) == 0)
			align(e, &e->identifiers[i]);
}

/* Go on to the next identifier that needs a walk. */
static void
align_next(struct gp_dmarc_eval *e)
{
	for (; !is_over(e) && e->at < e->n_identifiers; e->at++) {
		if (!may_align(e, &e->identifiers[e->at]))
			continue;
		gp_dmarc_walk_begin(&e->other, e->identifiers[e->at].domain);
		e->stage = ALIGNWALK;
		return;
	}
	begin_existence(e);
}

static void
begin_alignment(struct gp_dmarc_eval *e)
{
	align_same(e);
	if (is_over(e) || !any_may_align(e)) {
		begin_existence(e);
	} else if (e->q.discovery == GP_DMARC_PSL) {
		align_by_suffix(e);
		begin_existence(e);
	} else if (e->author.target != NULL) {
		e->stage = WALK; /* to his organizational domain */
	} else {
		e->out.org_domain = gp_dmarc_walk_organization(&e->author);
		e->stage = ALIGN;
		align_next(e);
	}
}

/* The record that applies is known: may it be used? */
static void
use_record(struct gp_dmarc_eval *e, const struct gp_dmarc_found *f)
{
	e->policy = f;
	e->out.policy_domain = f->name;
	e->out.record = f->record;
	if (is_invalid(e) && !f->record.has_rua) {
		finish(e, GP_DMARC_R_NONE, "the record has no valid policy");
		return;
	}
	begin_alignment(e);
}

/* The author's walk is over. */
static void
end_walk(struct gp_dmarc_eval *e)
{
	const struct gp_dmarc_found *f;

	e->out.org_domain = gp_dmarc_walk_organization(&e->author);
	if (e->policy != NULL) {
		e->stage = ALIGN;
		align_next(e);
		return;
	}
	f = gp_dmarc_walk_policy(&e->author);
	if (f == NULL)
		finish(e, GP_DMARC_R_NONE, "no record was found");
	else
		use_record(e, f);
}

static void
feed_author(struct gp_dmarc_eval *e, const struct gp_dns_answer *a)
{
	struct gp_dmarc_record record;

	e->exists = a->rc == GP_OK || (a->rc == GP_NONE && !a->nxdomain);
	if (e->q.discovery == GP_DMARC_PSL &&
	    gp_dmarc_walk_record(a, &record) == GP_PERM) {
		finish(e, GP_DMARC_R_NONE, "there are several records");
		return;
	}
	gp_dmarc_walk_feed(&e->author, a);
	if (e->author.n > 0) {
		use_record(e, &e->author.found[0]);
	} else if (e->q.discovery == GP_DMARC_PSL) {
		e->author.target = psl_organization(e, e->q.author);
		e->stage = SUFFIX;
		if (strcmp(e->author.target, e->q.author) == 0)
			finish(e, GP_DMARC_R_NONE, "no record was found");
	} else {
		e->stage = WALK;
		if (e->author.target == NULL)
			end_walk(e);
	}
}

static void
feed_suffix(struct gp_dmarc_eval *e, const struct gp_dns_answer *a)
{
	struct gp_dmarc_found *f = &e->author.found[0];
	enum gp_rc rc = gp_dmarc_walk_record(a, &f->record);

	f->name = e->author.target;
	if (rc == GP_OK)
		use_record(e, f);
	else
		finish(e, GP_DMARC_R_NONE,
		    rc == GP_PERM ? "there are several records"
				  : "no record was found");
}

static void
feed_other(struct gp_dmarc_eval *e, const struct gp_dns_answer *a)
{
	gp_dmarc_walk_feed(&e->other, a);
	if (e->other.target != NULL)
		return;
	if (strcmp(gp_dmarc_walk_organization(&e->other), e->out.org_domain) ==
	    0)
		align(e, &e->identifiers[e->at]);
	e->at++;
	align_next(e);
}

/* -- events --------------------------------------------------------------- */

struct gp_dmarc_eval *
gp_dmarc_eval_new(struct gp_arena *arena, const struct gp_dmarc_query *q)
{
	struct gp_dmarc_eval *e = gp_arena_alloc(arena, sizeof(*e));

	e->q = *q;
	e->arena = arena;
	e->identifiers = gp_arena_alloc(arena,
	    GP_DMARC_IDENTIFIERS_MAX * sizeof(*e->identifiers));
	add_identifiers(e);
	gp_dmarc_walk_begin(&e->author, q->author);
	return e;
}

static const char *
target_of(const struct gp_dmarc_eval *e)
{
	return e->stage == ALIGNWALK ? e->other.target : e->author.target;
}

/* False: no such name can be, "_dmarc." makes it too long. */
static bool
make_question(const struct gp_dmarc_eval *e, struct gp_dns_question *out)
{
	const char *prefix = e->stage == EXISTENCE ? "" : "_dmarc.";
	const char *name = e->stage == EXISTENCE ? e->q.author : target_of(e);
	int n;

	out->type = e->stage == EXISTENCE ? GP_DNS_A : GP_DNS_TXT;
	n = snprintf(out->name, sizeof(out->name), "%s%s", prefix, name);
	return n > 0 && (size_t)n < sizeof(out->name);
}

bool
gp_dmarc_next(struct gp_dmarc_eval *e, struct gp_dns_question *out)
{
	static const struct gp_dns_answer no_such_name = { .rc = GP_NONE,
		.nxdomain = true };

	while (e->stage != DONE) {
		if (make_question(e, out)) {
			e->out.queries++;
			return true;
		}
		gp_dmarc_feed(e, &no_such_name);
	}
	return false;
}

/* No answer: what depends on it stays open. */
static void
feed_trouble(struct gp_dmarc_eval *e, const struct gp_dns_answer *a)
{
	e->trouble = gp_arena_printf(e->arena, "DNS gave no answer: %s",
	    a->why == NULL ? "unknown" : a->why);
	if (e->stage == ALIGNWALK) {
		e->at++;
		align_next(e);
	} else if (e->stage == WALK && is_pass(e)) {
		begin_existence(e);
	} else if (e->stage == EXISTENCE) {
		e->exists = true;
		conclude(e);
	} else {
		finish(e, GP_DMARC_R_TEMPERROR, e->trouble);
	}
}

void
gp_dmarc_feed(struct gp_dmarc_eval *e, const struct gp_dns_answer *a)
{
	if (a->rc == GP_TEMP || a->rc == GP_PERM) {
		feed_trouble(e, a);
		return;
	}
	switch (e->stage) {
	case AUTHOR:
		feed_author(e, a);
		break;
	case WALK:
		gp_dmarc_walk_feed(&e->author, a);
		if (e->author.target == NULL)
			end_walk(e);
		break;
	case SUFFIX:
		feed_suffix(e, a);
		break;
	case ALIGNWALK:
		feed_other(e, a);
		break;
	case EXISTENCE:
		e->exists = !(a->rc == GP_NONE && a->nxdomain);
		conclude(e);
		break;
	case ALIGN:
	case DONE:
		break;
	}
}

const struct gp_dmarc_outcome *
gp_dmarc_outcome(const struct gp_dmarc_eval *e)
{
	return &e->out;
}
