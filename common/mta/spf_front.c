/* See spf_front.h. */
#include "mta/spf_front.h"

#include "core/domain.h"
#include "core/spf_record.h"
#include "io/clock.h"
#include "mta/spf_rewrite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASON_MAX 300

/* exp= of a record that was handed over, by the name it was asked under. */
struct gp_spf_explained {
	struct gp_spf_explained *next;
	const char *domain;
	struct gp_str exp;
};

/* -- deciding ---------------------------------------------------------- */

void
gp_spf_front_decide(struct gp_spf_front *f, enum gp_spf_result result,
    const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list ap;

	if (f->decided)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	f->out.result = result;
	f->out.reason = gp_arena_strdup(f->scope->arena, reason);
	f->decided = true;
}

/* Leave this check to the builtin engine. */
static void
give_up(struct gp_spf_front *f, const char *why)
{
	f->unfit = gp_arena_strdup(f->scope->arena, why);
	gp_spf_front_decide(f, GP_SPF_NONE, "%s", why);
}

static void
count_term(struct gp_spf_front *f)
{
	if (++f->out.terms > f->q->max_terms)
		gp_spf_front_decide(f, GP_SPF_PERMERROR,
		    "more than %u terms that query the DNS", f->q->max_terms);
}

static void
count_void(struct gp_spf_front *f)
{
	if (++f->out.voids > f->q->max_voids)
		gp_spf_front_decide(f, GP_SPF_PERMERROR,
		    "more than %u look-ups without result", f->q->max_voids);
}

/* -- asking ------------------------------------------------------------ */

static void
ask(struct gp_spf_front *f, const char *name, enum gp_dns_type type,
    struct gp_dns_answer *a)
{
	const unsigned before = f->scope->budget;
	char shown[GP_SPF_SHOW];

	if (f->out.queries >= f->q->max_queries)
		gp_spf_front_decide(f, GP_SPF_PERMERROR,
		    "more than %u DNS queries", f->q->max_queries);
	if (gp_clock_us() >= f->scope->deadline_us)
		gp_spf_front_decide(f, GP_SPF_TEMPERROR,
		    "the check took too long");
	if (f->decided)
		return;
	gp_dns_query(f->scope, name, type, a);
	if (f->scope->budget == before)
		return; /* told before: neither engine pays for it again */
	f->out.queries++;
	if (a->rc != GP_OK && a->rc != GP_NONE)
		f->trouble = gp_arena_printf(f->scope->arena, "%s of %s: %s",
		    gp_dns_type_name(type), gp_spf_show(gp_str(name), shown),
		    a->why != NULL ? a->why : "no answer");
}

/* What the engine gets to see: nothing any more once the check is decided. */
static enum gp_rc
told(const struct gp_spf_front *f, struct gp_dns_answer *a)
{
	if (f->decided)
		*a = (struct gp_dns_answer){ .rc = GP_TEMP };
	return a->rc;
}

/*
 * The name that the engine means: `*any` when GP_SPF_ANY_ADDRESS stands
 * behind it, no final dot, labels from the left dropped until it fits (RFC
 * 7208 section 7.3).  False: there can be no such name.
 */
static bool
read_name(const char *domain, char out[GP_DOMAIN_TEXT], bool *any)
{
	struct gp_str s = gp_str(domain);
	size_t dot;

	*any = s.n > 0 && s.p[s.n - 1] == GP_SPF_ANY_ADDRESS;
	if (*any)
		s.n--;
	if (s.n > 0 && s.p[s.n - 1] == '.')
		s.n--;
	while (s.n > GP_DOMAIN_MAX) {
		dot = gp_str_find(s, '.');
		if (dot == s.n)
			return false;
		s = gp_str_n(s.p + dot + 1, s.n - dot - 1);
	}
	if (!gp_dns_name_valid(s))
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

/* -- one look-up of each kind ------------------------------------------ */

enum gp_rc
gp_spf_front_address(struct gp_spf_front *f, const char *domain,
    enum gp_spf_role role, enum gp_dns_type type, struct gp_dns_answer *a,
    bool *any)
{
	char name[GP_DOMAIN_TEXT];

	*a = (struct gp_dns_answer){ .rc = GP_NONE, .nxdomain = true };
	if (role == GP_SPF_FOR_TERM)
		count_term(f);
	/* a name that can not be asked for does not exist, and is not void */
	if (!read_name(domain, name, any) || f->decided)
		return told(f, a);
	ask(f, name, type, a);
	if (a->rc == GP_NONE && role == GP_SPF_FOR_TERM)
		count_void(f);
	/* RFC 7208 section 5.5: such a name is skipped */
	if (a->rc == GP_TEMP && role == GP_SPF_FOR_PTR)
		a->rc = GP_NONE;
	return told(f, a);
}

enum gp_rc
gp_spf_front_mx(struct gp_spf_front *f, const char *domain,
    struct gp_dns_answer *a, bool *any)
{
	char name[GP_DOMAIN_TEXT], shown[GP_SPF_SHOW];

	*a = (struct gp_dns_answer){ .rc = GP_NONE, .nxdomain = true };
	count_term(f);
	if (!read_name(domain, name, any) || f->decided)
		return told(f, a);
	ask(f, name, GP_DNS_MX, a);
	if (a->rc == GP_NONE)
		count_void(f);
	if (a->rc == GP_OK && a->n > GP_SPF_MX_MAX)
		gp_spf_front_decide(f, GP_SPF_PERMERROR,
		    "%s has more than %d mail hosts",
		    gp_spf_show(gp_str(name), shown), GP_SPF_MX_MAX);
	return told(f, a);
}

enum gp_rc
gp_spf_front_ptr(struct gp_spf_front *f, const char *domain,
    struct gp_dns_answer *a)
{
	*a = (struct gp_dns_answer){ .rc = GP_NONE, .nxdomain = true };
	if (!f->validating)
		count_term(f);
	if (f->decided)
		return told(f, a);
	ask(f, domain, GP_DNS_PTR, a);
	if (a->rc == GP_NONE && !f->validating)
		count_void(f);
	/* RFC 7208 section 5.5: the mechanism fails to match */
	if (a->rc == GP_TEMP)
		a->rc = GP_NONE;
	return told(f, a);
}

/* -- records ----------------------------------------------------------- */

/* The one record for SPF; NULL when there is none, or when there are more. */
static const struct gp_dns_rr *
select_record(struct gp_spf_front *f, const char *name,
    const struct gp_dns_answer *a)
{
	const struct gp_dns_rr *found = NULL;
	char shown[GP_SPF_SHOW];

	for (size_t i = 0; i < a->n; i++) {
		if (!gp_spf_record_claims(a->rr[i].text))
			continue;
		if (found != NULL) {
			gp_spf_front_decide(f, GP_SPF_PERMERROR,
			    "%s has more than one SPF record",
			    gp_spf_show(gp_str(name), shown));
			return NULL;
		}
		found = &a->rr[i];
	}
	return found;
}

/* Does any term of the record need the client's validated name? */
static bool
uses_p(const struct gp_spf_record *record)
{
	for (size_t i = 0; i < record->n; i++)
		if (record->term[i].kind <= GP_SPF_TERM_REDIRECT &&
		    record->term[i].uses.p)
			return true;
	return false;
}

/*
 * The record in words for the engine.  %{p} is looked for before, because
 * look-ups for it are no terms, and later could not be told apart.
 */
static const char *
reword(struct gp_spf_front *f, const char *name,
    const struct gp_spf_record *record)
{
	struct gp_spf_values v = { .client = f->client,
		.local = f->q->local,
		.sender_domain = f->q->domain,
		.domain = name,
		.helo = f->q->helo,
		.receiver = f->q->receiver,
		.now_s = f->q->now_s };
	const char *text = NULL;
	struct gp_buf buf;
	struct gp_err err;

	if (uses_p(record)) {
		f->validating = true;
		v.validated = f->validated(f);
		f->validating = false;
	}
	gp_buf_init(&buf, (size_t)GP_SPF_RECORD_MAX * 2);
	if (gp_spf_rewrite(record, &v, &buf, &err) == GP_OK)
		text = gp_arena_strdup(f->scope->arena, gp_buf_cstr(&buf));
	else
		give_up(f, err.msg);
	gp_buf_clear(&buf);
	return text;
}

static void
remember_exp(struct gp_spf_front *f, const char *domain,
    const struct gp_spf_record *record)
{
	struct gp_spf_explained *e;

	if (record->exp == NULL)
		return;
	e = gp_arena_alloc(f->scope->arena, sizeof(*e));
	e->domain = gp_arena_strdup(f->scope->arena, domain);
	e->exp = record->exp->spec;
	e->next = f->explained;
	f->explained = e;
}

static const char *
hand_over(struct gp_spf_front *f, const char *domain, const char *name,
    const struct gp_dns_answer *a)
{
	const struct gp_dns_rr *rr = select_record(f, name, a);
	struct gp_spf_record record;
	char shown[GP_SPF_SHOW];
	struct gp_err err;

	if (rr == NULL)
		return NULL;
	if (gp_spf_record_parse(rr->text, f->scope->arena, &record, &err) !=
	    GP_OK) {
		gp_spf_front_decide(f, GP_SPF_PERMERROR, "%s: %s",
		    gp_spf_show(gp_str(name), shown), err.msg);
		return NULL;
	}
	remember_exp(f, domain, &record);
	return reword(f, name, &record);
}

enum gp_rc
gp_spf_front_record(struct gp_spf_front *f, const char *domain,
    const char **text)
{
	struct gp_dns_answer a = { .rc = GP_NONE };
	const bool first = !f->has_first;
	char name[GP_DOMAIN_TEXT];
	bool any;

	*text = NULL;
	f->has_first = true;
	if (!first)
		count_term(f);
	if (!read_name(domain, name, &any) || strchr(name, '.') == NULL)
		gp_spf_front_decide(f, GP_SPF_PERMERROR,
		    "an include or redirect names no domain");
	if (!f->decided) {
		ask(f, name, GP_DNS_TXT, &a);
		if (a.rc == GP_NONE && !first)
			count_void(f);
	}
	if (a.rc == GP_OK && !f->decided)
		*text = hand_over(f, domain, name, &a);
	if (a.rc == GP_OK && *text == NULL)
		a.rc = GP_NONE;
	return told(f, &a);
}

/* -- explanation ------------------------------------------------------- */

static void
feed_text(struct gp_spf_eval *eval, const char *text)
{
	const struct gp_dns_rr rr = { .text = gp_str(text) };
	const struct gp_dns_answer a = { .rc = GP_OK, .n = 1, .rr = &rr };

	gp_spf_feed(eval, &a);
}

/* Answer what the leading questions of explain() ask; false: a real one. */
static bool
feed_made_up(struct gp_spf_front *f, const struct gp_spf_explained *e,
    struct gp_spf_eval *eval, const struct gp_dns_question *question,
    unsigned nth)
{
	struct gp_arena *arena = f->scope->arena;

	if (nth == 1 && strcmp(e->domain, f->q->domain) != 0) {
		feed_text(eval,
		    gp_arena_printf(arena, "v=spf1 redirect=%s", e->domain));
		return true;
	}
	if (nth <= 2 && question->type == GP_DNS_TXT &&
	    gp_str_eq_nocase(gp_str(question->name), gp_str(e->domain))) {
		feed_text(eval, gp_arena_printf(arena, "v=spf1 -all exp=%.*s",
				    GP_STR_ARG(e->exp)));
		return true;
	}
	return false;
}

/*
 * The builtin engine expands the explanation: it is led over a redirect= to a
 * record that fails and has this exp=, and asks for the rest by itself.
 */
static void
explain(struct gp_spf_front *f, const struct gp_spf_explained *e)
{
	struct gp_spf_query q = *f->q;
	struct gp_dns_question question;
	struct gp_spf_eval *eval;
	struct gp_dns_answer a;
	unsigned nth = 0;

	q.max_queries = q.max_queries - f->out.queries + 2;
	eval = gp_spf_eval_new(f->scope->arena, &q);
	while (gp_spf_next(eval, &question)) {
		if (gp_clock_us() >= f->scope->deadline_us) {
			gp_spf_abandon(eval);
			break;
		}
		if (feed_made_up(f, e, eval, &question, ++nth))
			continue;
		f->out.queries++;
		gp_dns_query(f->scope, question.name, question.type, &a);
		gp_spf_feed(eval, &a);
	}
	f->out.explanation = gp_spf_outcome(eval)->explanation;
}

void
gp_spf_front_explain(struct gp_spf_front *f, const char *domain)
{
	const struct gp_spf_explained *e = f->explained;

	while (e != NULL && strcmp(e->domain, domain) != 0)
		e = e->next;
	/* a "%" in the name came from a macro: not worth quoting again */
	if (e != NULL && strchr(e->domain, '%') == NULL &&
	    f->out.queries < f->q->max_queries)
		explain(f, e);
}

/* -- beginning and end ------------------------------------------------- */

/* Printable US-ASCII without blanks, of at most `max` bytes. */
static bool
is_plain(struct gp_str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]) || s.p[i] == ' ')
			return false;
	return s.n > 0 && s.n <= max;
}

/* Why a library must not see the question; NULL: it may. */
static const char *
unfit(const struct gp_spf_front *f)
{
	const struct gp_spf_query *q = f->q;
	char domain[GP_DOMAIN_TEXT];

	if (gp_ip_is_loopback(&f->client))
		return "a loopback client is not for libspf2";
	if (!is_plain(q->local, GP_LOCAL_PART_MAX))
		return "the local part is not for libspf2";
	if (!is_plain(gp_str(q->helo), GP_HELO_MAX))
		return "the HELO name is not for libspf2";
	if (gp_domain_normalize(gp_str(q->domain), domain, NULL) != GP_OK ||
	    strcmp(domain, q->domain) != 0 || gp_domain_labels(domain) < 2)
		return "the domain is not for libspf2";
	return NULL;
}

void
gp_spf_front_init(struct gp_spf_front *f, const struct gp_spf_query *q,
    struct gp_dns_scope *scope)
{
	*f = (struct gp_spf_front){ .q = q,
		.scope = scope,
		.client = q->client };
	if (q->client.family == GP_IP_V6)
		f->client = gp_ip_from_bytes(q->client.b, sizeof(q->client.b));
	f->unfit = unfit(f);
}

void
gp_spf_front_outcome(const struct gp_spf_front *f, struct gp_spf_outcome *out)
{
	if (f->unfit == NULL) {
		*out = f->out;
		return;
	}
	gp_spf_builtin(f->q, f->scope, out);
	out->reason = gp_arena_printf(f->scope->arena, "%s (builtin: %s)",
	    out->reason, f->unfit);
}
