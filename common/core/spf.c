/* See spf.h and spf_eval.h. */
#include "core/spf.h"

#include "core/domain.h"
#include "core/spf_eval.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASON_MAX 300

/* -- how it ends ------------------------------------------------------- */

void
gp_spf_stop(struct gp_spf_eval *e, enum gp_spf_result result, const char *fmt,
    ...)
{
	char reason[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	e->outcome.result = result;
	e->outcome.reason = gp_arena_strdup(e->arena, reason);
	e->asking = false;
	e->ended = true;
}

static void
next_term(struct gp_spf_eval *e)
{
	gp_spf_top(e)->next++;
	gp_spf_top(e)->counted = false;
	e->hosts = (struct gp_spf_hosts){ 0 };
}

static void
finish_match(struct gp_spf_eval *e, enum gp_spf_result result)
{
	char term[GP_SPF_SHOW], domain[GP_SPF_SHOW];
	char inner[GP_SPF_SHOW], inner_domain[GP_SPF_SHOW];

	(void)gp_spf_show(gp_spf_current(e)->text, term);
	(void)gp_spf_show(gp_str(gp_spf_top(e)->domain), domain);
	if (e->match == gp_spf_current(e)) {
		gp_spf_stop(e, result, "'%s' of %s matched", term, domain);
		return;
	}
	(void)gp_spf_show(e->match->text, inner);
	(void)gp_spf_show(gp_str(e->match_domain), inner_domain);
	gp_spf_stop(e, result, "'%s' of %s matched by '%s' of %s", term, domain,
	    inner, inner_domain);
}

/*
 * The term at work matches.  A pass within an include is a match of the
 * include; anything else there is none (RFC 7208 section 5.2).
 */
static void
matched(struct gp_spf_eval *e)
{
	enum gp_spf_result result = gp_spf_term_result(gp_spf_current(e));

	e->match = gp_spf_current(e);
	e->match_domain = gp_spf_top(e)->domain;
	while (e->depth > 0) {
		e->depth--;
		if (result != GP_SPF_PASS) {
			next_term(e);
			return;
		}
		result = gp_spf_term_result(gp_spf_current(e));
	}
	finish_match(e, result);
	if (result == GP_SPF_FAIL && gp_spf_top(e)->record.exp != NULL) {
		e->explaining = true;
		e->ended = false;
	}
}

void
gp_spf_settle(struct gp_spf_eval *e, bool match)
{
	if (match)
		matched(e);
	else
		next_term(e);
}

static void
unmatched(struct gp_spf_eval *e)
{
	char domain[GP_SPF_SHOW];

	if (e->depth > 0) {
		e->depth--;
		next_term(e);
		return;
	}
	gp_spf_stop(e, GP_SPF_NEUTRAL, "no term of %s matched",
	    gp_spf_show(gp_str(gp_spf_top(e)->domain), domain));
}

/* -- asking ------------------------------------------------------------ */

void
gp_spf_ask(struct gp_spf_eval *e, const char *name, enum gp_dns_type type,
    gp_spf_then *then)
{
	if (e->outcome.queries >= e->q.max_queries) {
		if (e->explaining)
			e->ended = true;
		else
			gp_spf_stop(e, GP_SPF_PERMERROR,
			    "more than %u DNS queries", e->q.max_queries);
		return;
	}
	e->outcome.queries++;
	(void)snprintf(e->question.name, sizeof(e->question.name), "%s", name);
	e->question.type = type;
	e->then = then;
	e->asking = true;
}

bool
gp_spf_temporary(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	char name[GP_SPF_SHOW];

	if (a->rc == GP_OK || a->rc == GP_NONE)
		return false;
	gp_spf_stop(e, GP_SPF_TEMPERROR, "%s of %s: %s",
	    gp_dns_type_name(e->question.type),
	    gp_spf_show(gp_str(e->question.name), name),
	    a->why != NULL ? a->why : "no answer");
	return true;
}

bool
gp_spf_too_void(struct gp_spf_eval *e, enum gp_rc rc)
{
	if (rc != GP_NONE)
		return false;
	e->outcome.voids++;
	if (e->outcome.voids <= e->q.max_voids)
		return false;
	gp_spf_stop(e, GP_SPF_PERMERROR, "more than %u look-ups without result",
	    e->q.max_voids);
	return true;
}

/* -- records ----------------------------------------------------------- */

/* The one record for SPF; NULL when the check ended over it. */
static const struct gp_dns_rr *
select_record(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	const struct gp_dns_rr *found = NULL;
	char domain[GP_SPF_SHOW], term[GP_SPF_SHOW];
	const struct gp_spf_frame *f = gp_spf_top(e);

	(void)gp_spf_show(gp_str(f->domain), domain);
	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++) {
		if (!gp_spf_record_claims(a->rr[i].text))
			continue;
		if (found != NULL) {
			gp_spf_stop(e, GP_SPF_PERMERROR,
			    "%s has more than one SPF record", domain);
			return NULL;
		}
		found = &a->rr[i];
	}
	if (found == NULL && f->via == NULL)
		gp_spf_stop(e, GP_SPF_NONE, "%s has no SPF record", domain);
	else if (found == NULL)
		gp_spf_stop(e, GP_SPF_PERMERROR,
		    "'%s' of %s: there is no SPF record",
		    gp_spf_show(f->via->text, term),
		    gp_spf_show(gp_str(f->via_domain), domain));
	return found;
}

static void
got_record(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	const struct gp_dns_rr *rr;
	char domain[GP_SPF_SHOW];
	struct gp_spf_frame *f = gp_spf_top(e);
	struct gp_err err;

	if (gp_spf_temporary(e, a) ||
	    (f->via != NULL && gp_spf_too_void(e, a->rc)))
		return;
	rr = select_record(e, a);
	if (rr == NULL)
		return;
	if (gp_spf_record_parse(gp_arena_dup(e->arena, rr->text), e->arena,
		&f->record, &err) != GP_OK) {
		gp_spf_stop(e, GP_SPF_PERMERROR, "%s: %s",
		    gp_spf_show(gp_str(f->domain), domain), err.msg);
		return;
	}
	f->has_record = true;
}

/* check_host() answers "none" for such a name without a query, which within
 * a record is an error of the record (RFC 7208 sections 4.3, 5.2 and 6.1). */
static bool
is_multi_label(const char *domain)
{
	return domain[0] != '[' && strchr(domain, '.') != NULL;
}

/* Start check_host() of a target in `f`, led there by `t` of `from`. */
static void
enter(struct gp_spf_eval *e, struct gp_spf_frame *f,
    const struct gp_spf_term *t, const char *from)
{
	char target[GP_DOMAIN_TEXT], text[GP_SPF_SHOW], domain[GP_SPF_SHOW];

	if (!gp_spf_term_target(e, t, target) || !is_multi_label(target)) {
		gp_spf_stop(e, GP_SPF_PERMERROR, "'%s' of %s names no domain",
		    gp_spf_show(t->text, text),
		    gp_spf_show(gp_str(from), domain));
		return;
	}
	*f = (struct gp_spf_frame){ .domain = gp_arena_strdup(e->arena, target),
		.via = t,
		.via_domain = from };
	e->depth = (size_t)(f - e->stack);
}

static void
check_include(struct gp_spf_eval *e, const struct gp_spf_term *t)
{
	if (e->depth + 1 == GP_SPF_DEPTH_MAX)
		gp_spf_stop(e, GP_SPF_PERMERROR,
		    "includes are nested too deeply");
	else
		enter(e, &e->stack[e->depth + 1], t, gp_spf_top(e)->domain);
}

/* True when the limit of RFC 7208 section 4.6.4 is passed. */
static bool
too_many_terms(struct gp_spf_eval *e, const struct gp_spf_term *t)
{
	if (gp_spf_top(e)->counted || !gp_spf_term_queries(t->kind))
		return false;
	gp_spf_top(e)->counted = true;
	e->outcome.terms++;
	if (e->outcome.terms <= e->q.max_terms)
		return false;
	gp_spf_stop(e, GP_SPF_PERMERROR,
	    "more than %u terms that query the DNS", e->q.max_terms);
	return true;
}

static void
check_term(struct gp_spf_eval *e, const struct gp_spf_term *t)
{
	if ((t->uses.local && e->local_is_utf8) ||
	    t->kind >= GP_SPF_TERM_REDIRECT) {
		next_term(e);
		return;
	}
	if (too_many_terms(e, t) || !gp_spf_values_ready(e, &t->uses))
		return;
	switch (t->kind) {
	case GP_SPF_TERM_ALL:
		matched(e);
		break;
	case GP_SPF_TERM_IP4:
		gp_spf_settle(e, gp_ip_in(&e->q.client, &t->net, t->bits4));
		break;
	case GP_SPF_TERM_IP6:
		gp_spf_settle(e, gp_ip_in(&e->q.client, &t->net, t->bits6));
		break;
	case GP_SPF_TERM_INCLUDE:
		check_include(e, t);
		break;
	case GP_SPF_TERM_A:
	case GP_SPF_TERM_MX:
	case GP_SPF_TERM_PTR:
	case GP_SPF_TERM_EXISTS:
	case GP_SPF_TERM_REDIRECT:
	case GP_SPF_TERM_EXP:
	case GP_SPF_TERM_UNKNOWN:
		gp_spf_check_target(e, t);
		break;
	}
}

/* No mechanism matched: "redirect" goes on with another record. */
static void
end_of_record(struct gp_spf_eval *e)
{
	struct gp_spf_frame *f = gp_spf_top(e);
	const struct gp_spf_term *t = f->record.redirect;

	if (t == NULL || (t->uses.local && e->local_is_utf8))
		unmatched(e);
	else if (!too_many_terms(e, t) && gp_spf_values_ready(e, &t->uses))
		enter(e, f, t, f->domain);
}

/* -- the machine ------------------------------------------------------- */

static void
advance(struct gp_spf_eval *e)
{
	struct gp_spf_frame *f = gp_spf_top(e);

	if (e->explaining)
		gp_spf_explain(e);
	else if (!f->has_record)
		gp_spf_ask(e, f->domain, GP_DNS_TXT, got_record);
	else if (f->next < f->record.n)
		check_term(e, gp_spf_current(e));
	else
		end_of_record(e);
}

bool
gp_spf_next(struct gp_spf_eval *e, struct gp_dns_question *question)
{
	while (!e->ended && !e->asking)
		advance(e);
	if (e->ended)
		return false;
	*question = e->question;
	return true;
}

void
gp_spf_feed(struct gp_spf_eval *e, const struct gp_dns_answer *answer)
{
	if (!e->asking)
		return;
	e->asking = false;
	e->then(e, answer);
}

void
gp_spf_abandon(struct gp_spf_eval *e)
{
	if (!e->ended && !e->explaining)
		gp_spf_stop(e, GP_SPF_TEMPERROR, "the check took too long");
	e->asking = false;
	e->ended = true;
}

const struct gp_spf_outcome *
gp_spf_outcome(const struct gp_spf_eval *e)
{
	return &e->outcome;
}

/* -- the beginning ----------------------------------------------------- */

/* The A-label form of a name in UTF-8; any other stays as it is. */
static const char *
to_a_labels(struct gp_spf_eval *e, const char *name)
{
	char out[GP_DOMAIN_TEXT];

	if (gp_spf_is_ascii(gp_str(name)) ||
	    gp_domain_normalize(gp_str(name), out, NULL) != GP_OK)
		return name;
	return gp_arena_strdup(e->arena, out);
}

static const char *
initial_domain(struct gp_spf_eval *e)
{
	struct gp_str name = gp_str(to_a_labels(e, e->q.domain));

	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (!gp_dns_name_valid(name) || !gp_spf_is_ascii(name))
		return NULL;
	return gp_arena_strndup(e->arena, name.p, name.n);
}

struct gp_spf_eval *
gp_spf_eval_new(struct gp_arena *arena, const struct gp_spf_query *q)
{
	struct gp_spf_eval *e = gp_arena_alloc(arena, sizeof(*e));
	const char *domain;
	char text[GP_SPF_SHOW];

	e->arena = arena;
	e->q = *q;
	e->outcome.reason = "not yet known";
	domain = initial_domain(e);
	if (domain == NULL || !is_multi_label(domain)) {
		gp_spf_stop(e, GP_SPF_NONE, "'%s' is no domain name to look up",
		    gp_spf_show(gp_str(q->domain), text));
		return e;
	}
	if (q->client.family == GP_IP_UNKNOWN) {
		gp_spf_stop(e, GP_SPF_NONE,
		    "the client's address is not known");
		return e;
	}
	e->local_is_utf8 = !gp_spf_is_ascii(q->local);
	e->values = (struct gp_spf_values){ .client = q->client,
		.local = q->local.n > 0 ? q->local : GP_STR("postmaster"),
		.sender_domain = domain,
		.helo = q->helo != NULL ? to_a_labels(e, q->helo) : "unknown",
		.receiver = q->receiver != NULL ? q->receiver : "unknown",
		.validated = "unknown",
		.now_s = q->now_s };
	e->stack[0].domain = domain;
	return e;
}
