/* domain_check: which DMARC record applies, and does it say what helps? */
#include "mta/domain_private.h"

#include "core/dmarc_walk.h"
#include "core/domain.h"

#include <stdio.h>
#include <string.h>

#define TOPIC  "dmarc"
#define PREFIX "_dmarc."

struct policy {
	struct gp_domain_job *j;
	const char *name; /* whose record applies */
	bool own;
	struct gp_dmarc_record record;
};

static void
add(struct gp_domain_job *j, enum gp_light light, const char *what)
{
	gp_findings_add(j->out, light, TOPIC, j->block->domain, "%s", what);
	gp_domain_where(j, j->block->origin);
}

static enum gp_rc
ask(struct gp_domain_job *j, const char *domain, struct gp_dns_answer *a)
{
	return gp_dns_query(&j->scope,
	    gp_arena_printf(j->arena, PREFIX "%s", domain), GP_DNS_TXT, a);
}

/* -- there is none -------------------------------------------------------- */

/* A TXT record that somebody meant to be one. */
static struct gp_str
meant(const struct gp_dns_answer *a)
{
	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++) {
		struct gp_str s = gp_str_trim(a->rr[i].text);

		if (s.n > 0 && s.p[0] == '"')
			s = gp_str_n(s.p + 1, s.n - 1);
		if (gp_str_starts_nocase(s, GP_STR("v=DMARC")))
			return a->rr[i].text;
	}
	return gp_str("");
}

static bool
is_record(struct gp_domain_job *j, const char *name)
{
	struct gp_dmarc_record record;
	struct gp_dns_answer a;

	return gp_dns_query(&j->scope, name, GP_DNS_TXT, &a) == GP_OK &&
	       gp_dmarc_walk_record(&a, &record) != GP_NONE;
}

/* Where it may have been put instead. */
static const char *
misplaced(struct gp_domain_job *j)
{
	const char *domain = j->block->domain;
	const char *twice =
	    gp_arena_printf(j->arena, PREFIX "%s.%s", domain, domain);

	if (is_record(j, domain))
		return domain;
	return is_record(j, twice) ? twice : NULL;
}

static void
tell_none(struct gp_domain_job *j, const struct gp_dns_answer *own)
{
	const struct gp_str text = meant(own);
	const char *domain = j->block->domain;
	const char *place;

	if (text.n > 0) {
		add(j, GP_RED,
		    gp_arena_printf(j->arena,
			"what is at " PREFIX "%s is no DMARC record: %s",
			domain, gp_domain_shown(j, text)));
	} else {
		place = misplaced(j);
		add(j, GP_RED,
		    place == NULL ? "there is no DMARC record, here or above"
				  : gp_arena_printf(j->arena,
					"the DMARC record is at %s, where "
					"nobody looks",
					place));
	}
	gp_findings_remedy(j->out,
	    "publish: TXT " PREFIX "%s v=DMARC1; p=none; "
	    "rua=mailto:dmarc-reports@%s",
	    domain, domain);
}

/* -- there is one --------------------------------------------------------- */

/* What holds for the block's own domain. */
static enum gp_dmarc_request
request(const struct policy *p)
{
	const struct gp_dmarc_record *r = &p->record;

	return !p->own && r->sp != GP_DMARC_ABSENT ? r->sp : r->p;
}

static void
tell_broken(const struct policy *p)
{
	const struct gp_dmarc_record *r = &p->record;

	if (r->invalid || r->invalid_np)
		add(p->j, GP_RED,
		    gp_arena_printf(p->j->arena,
			"%s= of the record at " PREFIX "%s is no policy",
			r->invalid ? "p= or sp" : "np", p->name));
	else if (r->p == GP_DMARC_ABSENT)
		add(p->j, GP_RED,
		    gp_arena_printf(p->j->arena,
			"p= is not in the record at " PREFIX "%s: many "
			"receivers ignore it",
			p->name));
	else
		return;
	gp_findings_remedy(p->j->out,
	    "let p= (and sp=, np=) be none, quarantine or reject");
}

/* Our signatures of names below bear the block's name. */
static void
tell_alignment(const struct policy *p)
{
	const struct gp_policy *block = p->j->block;

	if (!p->record.strict_dkim || !block->subdomains || block->n_keys == 0)
		return;
	add(p->j, GP_RED,
	    gp_arena_printf(p->j->arena,
		"adkim=s at " PREFIX "%s: what this block signs for names "
		"below, with d=%s, does not align",
		p->name, block->domain));
	gp_findings_remedy(p->j->out,
	    "take adkim=s out of the record, or give each name below a block "
	    "and a key of its own");
}

static void
tell_below(const struct policy *p)
{
	const struct gp_dmarc_record *r = &p->record;

	if (!p->own || !p->j->block->subdomains || r->sp != GP_DMARC_NONE ||
	    r->p == GP_DMARC_NONE)
		return;
	add(p->j, GP_YELLOW,
	    "sp=none: the names below, which this block is for too, are not "
	    "protected");
	gp_findings_remedy(p->j->out, "take sp=none out of the record");
}

static void
tell_hints(const struct policy *p)
{
	const struct gp_dmarc_record *r = &p->record;
	struct gp_domain_job *j = p->j;

	if (request(p) == GP_DMARC_NONE || r->testing) {
		add(j, GP_YELLOW,
		    gp_arena_printf(j->arena,
			"the record at " PREFIX "%s only watches: %s", p->name,
			r->testing                           ? "t=y"
			: p->own || r->sp == GP_DMARC_ABSENT ? "p=none"
							     : "sp=none"));
		gp_findings_remedy(j->out,
		    "when its reports show no mail of yours that fails: "
		    "p=quarantine, later p=reject");
	}
	if (!r->has_rua) {
		add(j, GP_YELLOW,
		    gp_arena_printf(j->arena,
			"the record at " PREFIX "%s asks for no reports%s",
			p->name,
			r->rua.n > 0 ? ": rua= has no address that can be used"
				     : ""));
		gp_findings_remedy(j->out,
		    "rua=mailto:dmarc-reports@%s in the record", p->name);
	}
}

/* -- where reports go ----------------------------------------------------- */

/* The domain of the next URI of rua=; false: there is none. */
static bool
next_receiver(struct gp_str *list, char out[GP_DOMAIN_TEXT])
{
	while (list->p != NULL) {
		struct gp_str uri = gp_str_trim(gp_str_split(list, ','));
		struct gp_str address = gp_str_split(&uri, '!');

		if (!gp_str_starts_nocase(address, GP_STR("mailto:")))
			continue;
		(void)gp_str_split(&address, '@');
		if (gp_domain_normalize(address, out, NULL) == GP_OK)
			return true;
	}
	return false;
}

/* Of one house: then no consent is asked for. */
static bool
is_related(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || gp_domain_is_below(a, b) ||
	       gp_domain_is_below(b, a);
}

static bool
consents(struct gp_domain_job *j, const char *name)
{
	struct gp_dns_answer a;

	if (gp_dns_query(&j->scope, name, GP_DNS_TXT, &a) == GP_TEMP)
		return true;
	for (size_t i = 0; a.rc == GP_OK && i < a.n; i++)
		if (gp_str_starts_nocase(a.rr[i].text, GP_STR("v=DMARC1")))
			return true;
	return false;
}

/* RFC 9990 4: who is to get reports about others says so himself. */
static void
tell_receivers(const struct policy *p)
{
	struct gp_domain_job *j = p->j;
	struct gp_str list = p->record.rua;
	char receiver[GP_DOMAIN_TEXT];

	while (list.n > 0 && next_receiver(&list, receiver)) {
		const char *name = gp_arena_printf(j->arena,
		    "%s._report._dmarc.%s", p->name, receiver);

		if (is_related(receiver, p->name) || consents(j, name))
			continue;
		add(j, GP_YELLOW,
		    gp_arena_printf(j->arena,
			"no reports go to %s, which does not say that it "
			"takes those about %s",
			receiver, p->name));
		gp_findings_remedy(j->out, "have %s publish: TXT %s v=DMARC1",
		    receiver, name);
	}
}

static void
judge(const struct policy *p)
{
	struct gp_domain_job *j = p->j;
	const size_t before = j->out->n;

	tell_broken(p);
	tell_alignment(p);
	if (j->out->n == before) {
		add(j, GP_GREEN,
		    gp_arena_printf(j->arena,
			"the record at " PREFIX "%s applies: %s", p->name,
			gp_dmarc_request_name(request(p))));
		tell_below(p);
		tell_hints(p);
		tell_receivers(p);
	}
}

/* -- discovery ------------------------------------------------------------ */

/* RFC 9989 4.10: false: said. */
static bool
walk(struct gp_domain_job *j, const struct gp_dns_answer *own, struct policy *p)
{
	struct gp_dmarc_walk w;
	const struct gp_dmarc_found *found;
	struct gp_dns_answer a = *own;

	gp_dmarc_walk_begin(&w, j->block->domain);
	gp_dmarc_walk_feed(&w, &a);
	while (w.target != NULL) {
		const char *name = w.target;

		if (ask(j, name, &a) != GP_OK && a.rc != GP_NONE) {
			gp_domain_untold(j, TOPIC, j->block->domain, &a,
			    gp_arena_printf(j->arena, PREFIX "%s", name));
			gp_domain_where(j, j->block->origin);
			return false;
		}
		gp_dmarc_walk_feed(&w, &a);
	}
	found = gp_dmarc_walk_policy(&w);
	if (found == NULL) {
		tell_none(j, own);
		return false;
	}
	p->name = found->name;
	p->record = found->record;
	return true;
}

void
gp_domain_check_dmarc(struct gp_domain_job *j)
{
	struct policy p = { .j = j, .name = j->block->domain };
	struct gp_dns_answer own;

	if (ask(j, j->block->domain, &own) != GP_OK && own.rc != GP_NONE) {
		gp_domain_untold(j, TOPIC, j->block->domain, &own,
		    gp_arena_printf(j->arena, PREFIX "%s", j->block->domain));
		gp_domain_where(j, j->block->origin);
		return;
	}
	switch (gp_dmarc_walk_record(&own, &p.record)) {
	case GP_OK:
		p.own = true;
		judge(&p);
		break;
	case GP_NONE:
		if (walk(j, &own, &p))
			judge(&p);
		break;
	case GP_TEMP:
	case GP_PERM:
		add(j, GP_RED,
		    gp_arena_printf(j->arena,
			"there are several DMARC records at " PREFIX
			"%s: none of them counts",
			j->block->domain));
		gp_findings_remedy(j->out, "leave one TXT record there");
		break;
	}
}
