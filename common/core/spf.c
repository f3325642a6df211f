/*
 * See spf.h.
 *
 * check_host() is recursive and may stop at any query.  Here the recursion is
 * a stack of frames (one more for each include), and what would be the rest
 * of a function after a query is the function in `then`.  Terms are entered
 * again until they have all that they asked for.
 */
#include "core/spf.h"

#include "core/domain.h"
#include "core/spf_names.h"
#include "core/spf_record.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASON_MAX 300

/* One check_host() in progress. */
struct frame {
	const char *domain;
	struct gp_spf_record record;
	bool has_record;
	size_t next;  /* the term at work */
	bool counted; /* it counts among those that query */
	/* the include or redirect that led here; NULL: the first one */
	const struct gp_spf_term *via;
	const char *via_domain;
};

/* The hosts of the "mx" at work. */
struct hosts {
	bool loaded;
	size_t n, next;
	const char *name[GP_SPF_MX_MAX];
};

struct gp_spf_eval {
	struct gp_arena *arena;
	struct gp_spf_query q;
	struct gp_spf_values values;
	bool local_is_utf8; /* RFC 8616: terms with %{s} %{l} never match */

	bool asking;
	struct gp_dns_question question;
	void (*then)(struct gp_spf_eval *, const struct gp_dns_answer *);

	struct frame stack[GP_SPF_DEPTH_MAX];
	size_t depth; /* of the frame at work */
	struct hosts hosts;
	struct gp_spf_names names;
	struct gp_spf_name *judged; /* whose addresses were asked for */

	/* the innermost match, for the reason */
	const struct gp_spf_term *match;
	const char *match_domain;

	bool explaining; /* the result is known, its explanation is not */
	bool ended;
	struct gp_str explain; /* explain-string; p == NULL: not yet known */
	struct gp_spf_uses explain_uses;
	struct gp_spf_outcome outcome;
};

static struct frame *
top(struct gp_spf_eval *e)
{
	return &e->stack[e->depth];
}

static const struct gp_spf_term *
current(struct gp_spf_eval *e)
{
	return &top(e)->record.term[top(e)->next];
}

/* -- how it ends ------------------------------------------------------- */

static void stop(struct gp_spf_eval *e, enum gp_spf_result result,
    const char *fmt, ...) GP_PRINTF(3, 4);

static void
stop(struct gp_spf_eval *e, enum gp_spf_result result, const char *fmt, ...)
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
	top(e)->next++;
	top(e)->counted = false;
	e->hosts = (struct hosts){ 0 };
}

static void
finish_match(struct gp_spf_eval *e, enum gp_spf_result result)
{
	char term[GP_SPF_SHOW], domain[GP_SPF_SHOW];
	char inner[GP_SPF_SHOW], inner_domain[GP_SPF_SHOW];

	(void)gp_spf_show(current(e)->text, term);
	(void)gp_spf_show(gp_str(top(e)->domain), domain);
	if (e->match == current(e)) {
		stop(e, result, "'%s' of %s matched", term, domain);
		return;
	}
	(void)gp_spf_show(e->match->text, inner);
	(void)gp_spf_show(gp_str(e->match_domain), inner_domain);
	stop(e, result, "'%s' of %s matched by '%s' of %s", term, domain, inner,
	    inner_domain);
}

/*
 * The term at work matches.  A pass within an include is a match of the
 * include; anything else there is none (RFC 7208 section 5.2).
 */
static void
matched(struct gp_spf_eval *e)
{
	enum gp_spf_result result = gp_spf_term_result(current(e));

	e->match = current(e);
	e->match_domain = top(e)->domain;
	while (e->depth > 0) {
		e->depth--;
		if (result != GP_SPF_PASS) {
			next_term(e);
			return;
		}
		result = gp_spf_term_result(current(e));
	}
	finish_match(e, result);
	if (result == GP_SPF_FAIL && top(e)->record.exp != NULL) {
		e->explaining = true;
		e->ended = false;
	}
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
	stop(e, GP_SPF_NEUTRAL, "no term of %s matched",
	    gp_spf_show(gp_str(top(e)->domain), domain));
}

/* -- asking ------------------------------------------------------------ */

static void
ask(struct gp_spf_eval *e, const char *name, enum gp_dns_type type,
    void (*then)(struct gp_spf_eval *, const struct gp_dns_answer *))
{
	if (e->outcome.queries >= e->q.max_queries) {
		if (e->explaining)
			e->ended = true;
		else
			stop(e, GP_SPF_PERMERROR, "more than %u DNS queries",
			    e->q.max_queries);
		return;
	}
	e->outcome.queries++;
	(void)snprintf(e->question.name, sizeof(e->question.name), "%s", name);
	e->question.type = type;
	e->then = then;
	e->asking = true;
}

static enum gp_dns_type
address_type(const struct gp_spf_eval *e)
{
	return e->q.client.family == GP_IP_V6 ? GP_DNS_AAAA : GP_DNS_A;
}

/* True when the answer is temporary, which ends the check. */
static bool
temporary(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	char name[GP_SPF_SHOW];

	if (a->rc == GP_OK || a->rc == GP_NONE)
		return false;
	stop(e, GP_SPF_TEMPERROR, "%s of %s: %s",
	    gp_dns_type_name(e->question.type),
	    gp_spf_show(gp_str(e->question.name), name),
	    a->why != NULL ? a->why : "no answer");
	return true;
}

/* True when a term's look-up found nothing for the time too many. */
static bool
too_void(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	if (a->rc == GP_OK)
		return false;
	e->outcome.voids++;
	if (e->outcome.voids <= e->q.max_voids)
		return false;
	stop(e, GP_SPF_PERMERROR, "more than %u look-ups without result",
	    e->q.max_voids);
	return true;
}

/* -- macros ------------------------------------------------------------ */

static void
got_names(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	gp_spf_names_load(&e->names, a, e->arena);
}

static void
got_name_address(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	gp_spf_name_judge(e->judged, a, &e->q.client);
}

static void
ask_names(struct gp_spf_eval *e,
    void (*then)(struct gp_spf_eval *, const struct gp_dns_answer *))
{
	char arpa[GP_IP_ARPA];

	ask(e, gp_ip_arpa(&e->q.client, arpa), GP_DNS_PTR, then);
}

static void
ask_name_address(struct gp_spf_eval *e, struct gp_spf_name *name)
{
	e->judged = name;
	ask(e, name->name, address_type(e), got_name_address);
}

/* Have all values that a macro string needs; false: something was asked. */
static bool
values_ready(struct gp_spf_eval *e, const struct gp_spf_uses *uses)
{
	struct gp_spf_name *name;

	e->values.domain = top(e)->domain;
	if (!uses->p)
		return true;
	if (!e->names.loaded) {
		ask_names(e, got_names);
		return false;
	}
	name = gp_spf_names_pick(&e->names, top(e)->domain, true);
	if (name != NULL && name->state == GP_SPF_NAME_UNKNOWN) {
		ask_name_address(e, name);
		return false;
	}
	e->values.validated = name != NULL ? name->name : "unknown";
	return true;
}

/* <target-name>: the expanded domain-spec, else <domain>. */
static bool
target_name(struct gp_spf_eval *e, const struct gp_spf_term *t,
    char out[GP_DOMAIN_TEXT])
{
	if (t->spec.p != NULL)
		return gp_spf_target_name(t->spec, &e->values, out) == GP_OK;
	(void)snprintf(out, GP_DOMAIN_TEXT, "%s", top(e)->domain);
	return true;
}

/* -- mechanisms -------------------------------------------------------- */

static bool
has_client(const struct gp_spf_eval *e, const struct gp_spf_term *t,
    const struct gp_dns_answer *a)
{
	const struct gp_ip *client = &e->q.client;
	unsigned bits = client->family == GP_IP_V6 ? t->bits6 : t->bits4;

	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++)
		if (gp_ip_in(client, &a->rr[i].ip, bits))
			return true;
	return false;
}

static void
matched_if(struct gp_spf_eval *e, bool match)
{
	if (match)
		matched(e);
	else
		next_term(e);
}

static void
got_address(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	if (!temporary(e, a) && !too_void(e, a))
		matched_if(e, has_client(e, current(e), a));
}

static void
got_existence(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	if (!temporary(e, a) && !too_void(e, a))
		matched_if(e, a->rc == GP_OK);
}

static void
got_host_address(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	if (!temporary(e, a) && has_client(e, current(e), a))
		matched(e);
}

static void
got_hosts(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	char domain[GP_SPF_SHOW];

	if (temporary(e, a) || too_void(e, a))
		return;
	e->hosts.loaded = true;
	if (a->rc != GP_OK)
		return;
	if (a->n > GP_SPF_MX_MAX) {
		stop(e, GP_SPF_PERMERROR, "%s has more than %d mail hosts",
		    gp_spf_show(gp_str(e->question.name), domain),
		    GP_SPF_MX_MAX);
		return;
	}
	for (size_t i = 0; i < a->n; i++)
		if (gp_dns_name_valid(a->rr[i].text))
			e->hosts.name[e->hosts.n++] =
			    gp_arena_dup(e->arena, a->rr[i].text).p;
}

static void
check_mx(struct gp_spf_eval *e, const char *target)
{
	struct hosts *hosts = &e->hosts;

	if (!hosts->loaded)
		ask(e, target, GP_DNS_MX, got_hosts);
	else if (hosts->next < hosts->n)
		ask(e, hosts->name[hosts->next++], address_type(e),
		    got_host_address);
	else
		next_term(e);
}

static void
got_ptr(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	if (a->rc == GP_NONE && too_void(e, a))
		return;
	got_names(e, a);
}

static void
check_ptr(struct gp_spf_eval *e, const char *target)
{
	struct gp_spf_name *name;

	if (!e->names.loaded) {
		ask_names(e, got_ptr);
		return;
	}
	name = gp_spf_names_pick(&e->names, target, false);
	if (name != NULL && name->state == GP_SPF_NAME_UNKNOWN)
		ask_name_address(e, name);
	else
		matched_if(e, name != NULL);
}

/* -- records ----------------------------------------------------------- */

/* The one record for SPF; NULL when the check ended over it. */
static const struct gp_dns_rr *
select_record(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	const struct gp_dns_rr *found = NULL;
	char domain[GP_SPF_SHOW], term[GP_SPF_SHOW];
	const struct frame *f = top(e);

	(void)gp_spf_show(gp_str(f->domain), domain);
	for (size_t i = 0; a->rc == GP_OK && i < a->n; i++) {
		if (!gp_spf_record_claims(a->rr[i].text))
			continue;
		if (found != NULL) {
			stop(e, GP_SPF_PERMERROR,
			    "%s has more than one SPF record", domain);
			return NULL;
		}
		found = &a->rr[i];
	}
	if (found == NULL && f->via == NULL)
		stop(e, GP_SPF_NONE, "%s has no SPF record", domain);
	else if (found == NULL)
		stop(e, GP_SPF_PERMERROR, "'%s' of %s: there is no SPF record",
		    gp_spf_show(f->via->text, term),
		    gp_spf_show(gp_str(f->via_domain), domain));
	return found;
}

static void
got_record(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	const struct gp_dns_rr *rr;
	char domain[GP_SPF_SHOW];
	struct frame *f = top(e);
	struct gp_err err;

	if (temporary(e, a) || (f->via != NULL && too_void(e, a)))
		return;
	rr = select_record(e, a);
	if (rr == NULL)
		return;
	if (gp_spf_record_parse(gp_arena_dup(e->arena, rr->text), e->arena,
		&f->record, &err) != GP_OK) {
		stop(e, GP_SPF_PERMERROR, "%s: %s",
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
enter(struct gp_spf_eval *e, struct frame *f, const struct gp_spf_term *t,
    const char *from)
{
	char target[GP_DOMAIN_TEXT], text[GP_SPF_SHOW], domain[GP_SPF_SHOW];

	if (!target_name(e, t, target) || !is_multi_label(target)) {
		stop(e, GP_SPF_PERMERROR, "'%s' of %s names no domain",
		    gp_spf_show(t->text, text),
		    gp_spf_show(gp_str(from), domain));
		return;
	}
	*f = (struct frame){ .domain = gp_arena_strdup(e->arena, target),
		.via = t,
		.via_domain = from };
	e->depth = (size_t)(f - e->stack);
}

static void
check_include(struct gp_spf_eval *e, const struct gp_spf_term *t)
{
	if (e->depth + 1 == GP_SPF_DEPTH_MAX)
		stop(e, GP_SPF_PERMERROR, "includes are nested too deeply");
	else
		enter(e, &e->stack[e->depth + 1], t, top(e)->domain);
}

/* True when the limit of RFC 7208 section 4.6.4 is passed. */
static bool
too_many_terms(struct gp_spf_eval *e, const struct gp_spf_term *t)
{
	if (top(e)->counted || !gp_spf_term_queries(t->kind))
		return false;
	top(e)->counted = true;
	e->outcome.terms++;
	if (e->outcome.terms <= e->q.max_terms)
		return false;
	stop(e, GP_SPF_PERMERROR, "more than %u terms that query the DNS",
	    e->q.max_terms);
	return true;
}

static void
check_target(struct gp_spf_eval *e, const struct gp_spf_term *t)
{
	char target[GP_DOMAIN_TEXT];

	/* a name that can not be asked for does not exist */
	if (!target_name(e, t, target))
		next_term(e);
	else if (t->kind == GP_SPF_TERM_A)
		ask(e, target, address_type(e), got_address);
	else if (t->kind == GP_SPF_TERM_EXISTS)
		ask(e, target, GP_DNS_A, got_existence);
	else if (t->kind == GP_SPF_TERM_MX)
		check_mx(e, target);
	else
		check_ptr(e, target);
}

static void
check_term(struct gp_spf_eval *e, const struct gp_spf_term *t)
{
	if ((t->uses.local && e->local_is_utf8) ||
	    t->kind >= GP_SPF_TERM_REDIRECT) {
		next_term(e);
		return;
	}
	if (too_many_terms(e, t) || !values_ready(e, &t->uses))
		return;
	switch (t->kind) {
	case GP_SPF_TERM_ALL:
		matched(e);
		break;
	case GP_SPF_TERM_IP4:
		matched_if(e, gp_ip_in(&e->q.client, &t->net, t->bits4));
		break;
	case GP_SPF_TERM_IP6:
		matched_if(e, gp_ip_in(&e->q.client, &t->net, t->bits6));
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
		check_target(e, t);
		break;
	}
}

/* No mechanism matched: "redirect" goes on with another record. */
static void
end_of_record(struct gp_spf_eval *e)
{
	struct frame *f = top(e);
	const struct gp_spf_term *t = f->record.redirect;

	if (t == NULL || (t->uses.local && e->local_is_utf8))
		unmatched(e);
	else if (!too_many_terms(e, t) && values_ready(e, &t->uses))
		enter(e, f, t, f->domain);
}

/* -- explanation ------------------------------------------------------- */

static void
got_explanation(struct gp_spf_eval *e, const struct gp_dns_answer *a)
{
	struct gp_str text;

	if (a->rc != GP_OK || a->n != 1 ||
	    a->rr[0].text.n > GP_SPF_RECORD_MAX ||
	    gp_spf_macro_check(a->rr[0].text, GP_SPF_IN_TEXT, &e->explain_uses,
		NULL) != GP_OK) {
		e->ended = true;
		return;
	}
	text = gp_arena_dup(e->arena, a->rr[0].text);
	e->explain = text;
}

static bool
is_ascii(struct gp_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 0x7f)
			return false;
	return true;
}

static void
expand_explanation(struct gp_spf_eval *e)
{
	struct gp_buf buf;
	struct gp_str text;

	gp_buf_init(&buf, (size_t)GP_SPF_RECORD_MAX * 4);
	gp_spf_macro_expand(e->explain, &e->values, &buf);
	text = gp_buf_str(&buf);
	if (text.n > GP_SPF_EXPLAIN_MAX)
		text.n = GP_SPF_EXPLAIN_MAX;
	if (!buf.overflow && text.n > 0 && is_ascii(text))
		e->outcome.explanation = gp_arena_dup(e->arena, text).p;
	gp_buf_clear(&buf);
	e->ended = true;
}

/* Whatever goes wrong here leaves the result as it is, unexplained. */
static void
explain(struct gp_spf_eval *e)
{
	const struct gp_spf_term *exp = top(e)->record.exp;
	char target[GP_DOMAIN_TEXT];

	if (e->explain.p != NULL) {
		if (values_ready(e, &e->explain_uses))
			expand_explanation(e);
		return;
	}
	if (!values_ready(e, &exp->uses))
		return;
	if ((exp->uses.local && e->local_is_utf8) ||
	    !target_name(e, exp, target))
		e->ended = true;
	else
		ask(e, target, GP_DNS_TXT, got_explanation);
}

/* -- the machine ------------------------------------------------------- */

static void
advance(struct gp_spf_eval *e)
{
	struct frame *f = top(e);

	if (e->explaining)
		explain(e);
	else if (!f->has_record)
		ask(e, f->domain, GP_DNS_TXT, got_record);
	else if (f->next < f->record.n)
		check_term(e, current(e));
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
		stop(e, GP_SPF_TEMPERROR, "the check took too long");
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

	if (is_ascii(gp_str(name)) ||
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
	if (!gp_dns_name_valid(name) || !is_ascii(name))
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
		stop(e, GP_SPF_NONE, "'%s' is no domain name to look up",
		    gp_spf_show(gp_str(q->domain), text));
		return e;
	}
	if (q->client.family == GP_IP_UNKNOWN) {
		stop(e, GP_SPF_NONE, "the client's address is not known");
		return e;
	}
	e->local_is_utf8 = !is_ascii(q->local);
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
