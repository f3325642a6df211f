/*
 * See dmarc.h.
 *
 * The order of work: the author's record; whether an identifier is the author
 * himself; where alignment is relaxed, the author's organizational domain and
 * that of each identifier below it; whether the author exists, where the
 * policy depends on that.
 */
#include "core/dmarc.h"

#include "core/domain.h"

#include <stdio.h>
#include <string.h>

/* Labels that are left when the walk leaps (RFC 9989 4.10, step 4). */
#define LEAP_LABELS 7

/* A record and where it was. */
struct found {
	const char *name;
	struct gp_dmarc_record record;
};

/* One walk: what is asked next, and what was found so far. */
struct walk {
	const char *start;
	const char *target; /* NULL: the walk is over */
	size_t n;
	struct found found[GP_DMARC_WALK_MAX];
};

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
	struct walk author;
	struct walk other;
	size_t n_identifiers, at;
	struct identifier *identifiers;
	const struct found *policy; /* the record that applies */
	bool exists;                /* the author's name is known to exist */
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

/* -- walks ------------------------------------------------------------------
 */

static void
walk_begin(struct walk *w, const char *start)
{
	w->start = w->target = start;
	w->n = 0;
}

/* RFC 9989 4.10, steps 3, 4 and 7. */
static const char *
next_target(const char *target)
{
	unsigned labels = gp_domain_labels(target);

	if (labels <= LEAP_LABELS)
		return gp_domain_parent(target);
	for (; labels > LEAP_LABELS; labels--)
		target = gp_domain_parent(target);
	return target;
}

/* The one record of the answer; GP_NONE also when there are several. */
static enum gp_rc
one_record(const struct gp_dns_answer *a, struct gp_dmarc_record *out,
    bool *several)
{
	struct gp_dmarc_record record;
	size_t n = 0;

	if (a->rc == GP_OK)
		for (size_t i = 0; i < a->n; i++)
			if (gp_dmarc_record_parse(a->rr[i].text, &record) ==
				GP_OK &&
			    n++ == 0)
				*out = record;
	*several = n > 1;
	return n == 1 ? GP_OK : GP_NONE;
}

static void
walk_feed(struct walk *w, const struct gp_dns_answer *a)
{
	struct found *f = &w->found[w->n];
	bool several;

	if (one_record(a, &f->record, &several) == GP_OK) {
		f->name = w->target;
		w->n++;
		if (f->record.psd != GP_DMARC_PSD_U) {
			w->target = NULL;
			return;
		}
	}
	w->target = next_target(w->target);
}

/* The name that is one label longer than `parent` on the way to `name`. */
static const char *
one_below(const char *name, const char *parent)
{
	const char *below = name;
	const char *up;

	while (
	    (up = gp_domain_parent(below)) != NULL && strcmp(up, parent) != 0)
		below = up;
	return below;
}

/* RFC 9989 4.10.2: from the longest to the shortest. */
static const char *
walk_organization(const struct walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct found *f = &w->found[i];

		if (f->record.psd == GP_DMARC_PSD_N)
			return f->name;
		if (f->record.psd == GP_DMARC_PSD_Y &&
		    strcmp(f->name, w->start) != 0)
			return one_below(w->start, f->name);
	}
	return w->n > 0 ? w->found[w->n - 1].name : w->start;
}

static const struct found *
find_record(const struct walk *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->found[i].name, name) == 0)
			return &w->found[i];
	return NULL;
}

/* -- identifiers -------------------------------------------------------------
 */

/* Is one of them the other, or below it? */
static bool
is_related(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || gp_domain_is_below(a, b) ||
	       gp_domain_is_below(b, a);
}

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

/* Is it worth a walk?  Not where alignment is strict, and not where the names
 * have not even the last label in common. */
static bool
may_align(const struct gp_dmarc_eval *e, const struct identifier *id)
{
	const struct gp_dmarc_record *r = &e->policy->record;
	const char *top = strrchr(e->q.author, '.');
	const char *other = strrchr(id->domain, '.');

	if (strcmp(id->domain, e->q.author) == 0 ||
	    !((id->spf && !r->strict_spf) || (id->dkim && !r->strict_dkim)))
		return false;
	if (e->out.org_domain != NULL)
		return strcmp(id->domain, e->out.org_domain) == 0 ||
		       gp_domain_is_below(id->domain, e->out.org_domain);
	return strcmp(top == NULL ? e->q.author : top + 1,
		   other == NULL ? id->domain : other + 1) == 0;
}

static bool
any_may_align(const struct gp_dmarc_eval *e)
{
	for (size_t i = 0; i < e->n_identifiers; i++)
		if (may_align(e, &e->identifiers[i]))
			return true;
	return false;
}

/* -- the outcome
 * --------------------------------------------------------------- */

static void
finish(struct gp_dmarc_eval *e, enum gp_dmarc_result result, const char *reason)
{
	e->out.result = result;
	e->out.reason = result == GP_DMARC_R_PASS ? NULL : reason;
	e->stage = DONE;
}

/* A tag that is absent falls back: np, sp, p, none. */
static enum gp_dmarc_request
request_of(const struct gp_dmarc_eval *e, bool exists)
{
	const struct gp_dmarc_record *r = &e->policy->record;
	enum gp_dmarc_request asked = GP_DMARC_ABSENT;

	if (r->invalid)
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
	const bool pass = e->out.spf_aligned || e->out.dkim_aligned;

	if (!pass && e->trouble != NULL) {
		finish(e, GP_DMARC_R_TEMPERROR, e->trouble);
		return;
	}
	e->out.asked = request_of(e, e->exists);
	e->out.policy = tested(&e->policy->record, e->out.asked);
	finish(e, pass ? GP_DMARC_R_PASS : GP_DMARC_R_FAIL,
	    e->n_identifiers == 0 ? "no identifier is authenticated"
				  : "no authenticated identifier is aligned");
}

/* np= is only for names that do not exist: is that worth a question? */
static void
begin_existence(struct gp_dmarc_eval *e)
{
	const bool pass = e->out.spf_aligned || e->out.dkim_aligned;

	if (!e->exists && (pass || e->trouble == NULL) &&
	    request_of(e, false) != request_of(e, true)) {
		e->stage = EXISTENCE;
		return;
	}
	conclude(e);
}

/* -- the steps
 * -------------------------------------------------------------------- */

static bool
is_over(const struct gp_dmarc_eval *e)
{
	return e->out.spf_aligned || e->out.dkim_aligned;
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
		walk_begin(&e->other, e->identifiers[e->at].domain);
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
		e->out.org_domain = walk_organization(&e->author);
		e->stage = ALIGN;
		align_next(e);
	}
}

/* The record that applies is known: may it be used? */
static void
use_record(struct gp_dmarc_eval *e, const struct found *f)
{
	e->policy = f;
	e->out.policy_domain = f->name;
	e->out.record = f->record;
	if (f->record.invalid && !f->record.has_rua) {
		finish(e, GP_DMARC_R_NONE, "the record has no valid policy");
		return;
	}
	begin_alignment(e);
}

/* The author's walk is over. */
static void
end_walk(struct gp_dmarc_eval *e)
{
	const struct found *f;

	e->out.org_domain = walk_organization(&e->author);
	if (e->policy != NULL) {
		e->stage = ALIGN;
		align_next(e);
		return;
	}
	f = find_record(&e->author, e->out.org_domain);
	/* no record of the organizational domain: that of the PSD */
	if (f == NULL && e->author.n > 0)
		f = &e->author.found[e->author.n - 1];
	if (f == NULL)
		finish(e, GP_DMARC_R_NONE, "no record was found");
	else
		use_record(e, f);
}

static void
feed_author(struct gp_dmarc_eval *e, const struct gp_dns_answer *a)
{
	struct gp_dmarc_record record;
	bool several;

	e->exists = a->rc == GP_OK || (a->rc == GP_NONE && !a->nxdomain);
	if (one_record(a, &record, &several) == GP_NONE && several &&
	    e->q.discovery == GP_DMARC_PSL) {
		finish(e, GP_DMARC_R_NONE, "there are several records");
		return;
	}
	walk_feed(&e->author, a);
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
	struct found *f = &e->author.found[0];
	bool several;

	f->name = e->author.target;
	if (one_record(a, &f->record, &several) == GP_OK)
		use_record(e, f);
	else
		finish(e, GP_DMARC_R_NONE,
		    several ? "there are several records"
			    : "no record was found");
}

static void
feed_other(struct gp_dmarc_eval *e, const struct gp_dns_answer *a)
{
	walk_feed(&e->other, a);
	if (e->other.target != NULL)
		return;
	if (strcmp(walk_organization(&e->other), e->out.org_domain) == 0)
		align(e, &e->identifiers[e->at]);
	e->at++;
	align_next(e);
}

/* -- events
 * ------------------------------------------------------------------------ */

struct gp_dmarc_eval *
gp_dmarc_eval_new(struct gp_arena *arena, const struct gp_dmarc_query *q)
{
	struct gp_dmarc_eval *e = gp_arena_alloc(arena, sizeof(*e));

	e->q = *q;
	e->arena = arena;
	e->identifiers = gp_arena_alloc(arena,
	    GP_DMARC_IDENTIFIERS_MAX * sizeof(*e->identifiers));
	if (q->spf != NULL)
		add_identifier(e, q->spf, true);
	for (size_t i = 0; i < q->n_dkim; i++)
		if (is_related(q->dkim[i], q->author))
			add_identifier(e, q->dkim[i], false);
	for (size_t i = 0; i < q->n_dkim; i++)
		if (!is_related(q->dkim[i], q->author))
			add_identifier(e, q->dkim[i], false);
	walk_begin(&e->author, q->author);
	return e;
}

static const char *
target_of(const struct gp_dmarc_eval *e)
{
	return e->stage == ALIGNWALK ? e->other.target : e->author.target;
}

bool
gp_dmarc_next(struct gp_dmarc_eval *e, struct gp_dns_question *out)
{
	int n;

	if (e->stage == DONE)
		return false;
	if (e->stage == EXISTENCE) {
		out->type = GP_DNS_A;
		(void)snprintf(out->name, sizeof(out->name), "%s", e->q.author);
	} else {
		out->type = GP_DNS_TXT;
		n = snprintf(out->name, sizeof(out->name), "_dmarc.%s",
		    target_of(e));
		/* a name that is too long has no record; "" is never asked */
		if (n < 0 || (size_t)n >= sizeof(out->name))
			out->name[0] = '\0';
	}
	e->out.queries++;
	return true;
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
		walk_feed(&e->author, a);
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
