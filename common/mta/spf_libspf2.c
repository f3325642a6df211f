/*
 * See spf_check.h.
 *
 * libspf2 asks for every name through lookup() below.  That is the front: it
 * reads each record before the library does and hands over a rewritten one
 * (spf_rewrite.h), counts terms, void look-ups and questions over the whole
 * check, and keeps the time.  When it has decided, the library gets no more
 * answers and its result does not count.
 *
 * What the library can not be trusted with (a client in 127/8, which it
 * passes unasked; names that are not plain ASCII; a record longer than it can
 * hold) is judged by the builtin engine instead.
 */
#include "core/domain.h"
#include "core/spf_record.h"
#include "io/clock.h"
#include "mta/spf_check.h"
#include "mta/spf_rewrite.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <spf2/spf.h>
#include <spf2/spf_dns.h>
#include <spf2/spf_dns_rr.h>
#include <spf2/spf_log.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REASON_MAX 300

/* exp= of a record that was handed over, by the name it was asked under. */
struct explained {
	struct explained *next;
	const char *domain;
	struct gp_str exp;
};

/* Names of the last MX or PTR answer: their addresses are asked for next, by
 * the very strings that the library holds. */
struct hosts {
	enum gp_dns_type of;
	size_t n, next;
	const char *name[GP_SPF_MX_MAX];
	const void *at[GP_SPF_MX_MAX];
};

/* Why an address is asked for. */
enum role { TERM, MAIL_HOST, CLIENT_NAME };

struct front {
	const struct gp_spf_query *q;
	struct gp_dns_scope *scope;
	struct gp_ip client; /* never a mapped one */
	struct gp_spf_outcome out;
	bool decided;        /* by us: out.result and out.reason stand */
	const char *why;     /* the builtin engine must judge; NULL: no */
	bool has_first;      /* the first record was asked for */
	bool validating;     /* the library looks for %{p} */
	unsigned aside;      /* questions asked for it */
	const char *trouble; /* the last look-up that failed */
	struct hosts hosts;
	struct explained *explained;

	SPF_dns_server_t dns;
	SPF_server_t *server;
	SPF_request_t *request;
	SPF_response_t *response;
	SPF_errcode_t rc;
	jmp_buf escape;
};

/* The library's handler of fatal errors gets no argument of ours. */
static _Thread_local struct front *current;

/* -- deciding ---------------------------------------------------------- */

static const char *
vsay(struct front *f, const char *fmt, va_list ap) GP_PRINTF(2, 0);
static const char *say(struct front *f, const char *fmt, ...) GP_PRINTF(2, 3);
static void decide(struct front *f, enum gp_spf_result result, const char *fmt,
    ...) GP_PRINTF(3, 4);

static const char *
vsay(struct front *f, const char *fmt, va_list ap)
{
	char text[REASON_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	return gp_arena_strdup(f->scope->arena, text);
}

static const char *
say(struct front *f, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = vsay(f, fmt, ap);
	va_end(ap);
	return text;
}

/* The first decision stands. */
static void
decide(struct front *f, enum gp_spf_result result, const char *fmt, ...)
{
	va_list ap;

	if (f->decided)
		return;
	va_start(ap, fmt);
	f->out.result = result;
	f->out.reason = vsay(f, fmt, ap);
	f->decided = true;
	va_end(ap);
}

/* Leave this check to the builtin engine. */
static void
give_up(struct front *f, const char *why)
{
	f->why = why;
	decide(f, GP_SPF_NONE, "%s", why);
}

static void
count_term(struct front *f)
{
	if (++f->out.terms > f->q->max_terms)
		decide(f, GP_SPF_PERMERROR,
		    "more than %u terms that query the DNS", f->q->max_terms);
}

static void
count_void(struct front *f)
{
	if (++f->out.voids > f->q->max_voids)
		decide(f, GP_SPF_PERMERROR,
		    "more than %u look-ups without result", f->q->max_voids);
}

/* -- asking ------------------------------------------------------------ */

static void
ask(struct front *f, const char *name, enum gp_dns_type type,
    struct gp_dns_answer *a)
{
	char shown[GP_SPF_SHOW];

	*a = (struct gp_dns_answer){ .rc = GP_TEMP };
	if (f->out.queries >= f->q->max_queries)
		decide(f, GP_SPF_PERMERROR, "more than %u DNS queries",
		    f->q->max_queries);
	if (gp_clock_us() >= f->scope->deadline_us)
		decide(f, GP_SPF_TEMPERROR, "the check took too long");
	if (f->decided)
		return;
	f->out.queries++;
	f->aside += f->validating;
	gp_dns_query(f->scope, name, type, a);
	if (a->rc != GP_OK && a->rc != GP_NONE)
		f->trouble = say(f, "%s of %s: %s", gp_dns_type_name(type),
		    gp_spf_show(gp_str(name), shown),
		    a->why != NULL ? a->why : "no answer");
}

/*
 * The name that the library means: `*any` when GP_SPF_ANY_ADDRESS stands
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

/* -- answering --------------------------------------------------------- */

static SPF_dns_rr_t *
empty(struct front *f, const char *domain, ns_type type, int herrno)
{
	return SPF_dns_rr_new_init(&f->dns, domain, type, 0, herrno);
}

/* What the library is told when there is nothing to tell. */
static SPF_dns_rr_t *
nothing(struct front *f, const char *domain, ns_type type,
    const struct gp_dns_answer *a)
{
	if (f->decided || (a->rc != GP_OK && a->rc != GP_NONE))
		return empty(f, domain, type, TRY_AGAIN);
	return empty(f, domain, type, a->nxdomain ? HOST_NOT_FOUND : NO_DATA);
}

/* One more record of n bytes and a NUL; NULL when memory ran out. */
static char *
add(SPF_dns_rr_t *rr, const void *p, size_t n)
{
	char *to;

	if (SPF_dns_rr_buf_realloc(rr, rr->num_rr, n + 1) != SPF_E_SUCCESS)
		return NULL;
	to = (char *)rr->rr[rr->num_rr];
	memcpy(to, p, n);
	to[n] = '\0';
	rr->num_rr++;
	return to;
}

static SPF_dns_rr_t *
one_text(struct front *f, const char *domain, struct gp_str text)
{
	SPF_dns_rr_t *rr = empty(f, domain, ns_t_txt, NETDB_SUCCESS);

	if (rr != NULL && add(rr, text.p, text.n) == NULL)
		rr->herrno = TRY_AGAIN;
	return rr;
}

static SPF_dns_rr_t *
addresses(struct front *f, const char *domain, ns_type type, bool any,
    const struct gp_dns_answer *a)
{
	const size_t n =
	    type == ns_t_a ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	SPF_dns_rr_t *rr = empty(f, domain, type, NETDB_SUCCESS);

	if (rr != NULL && any) {
		(void)add(rr, f->client.b, n);
		return rr;
	}
	for (size_t i = 0; rr != NULL && i < a->n; i++)
		(void)add(rr, a->rr[i].ip.b, n);
	return rr;
}

/* Names of an MX or PTR answer; the mark goes on with them. */
static SPF_dns_rr_t *
names(struct front *f, const char *domain, ns_type type, bool any,
    const struct gp_dns_answer *a)
{
	SPF_dns_rr_t *rr = empty(f, domain, type, NETDB_SUCCESS);
	struct hosts *h = &f->hosts;

	for (size_t i = 0; rr != NULL && i < a->n && h->n < GP_SPF_MX_MAX;
	     i++) {
		const char *name = a->rr[i].text.p;

		if (!gp_dns_name_valid(a->rr[i].text))
			continue;
		if (any)
			name = say(f, "%s%c", name, GP_SPF_ANY_ADDRESS);
		h->name[h->n] = name;
		h->at[h->n] = add(rr, name, strlen(name));
		h->n++;
	}
	return rr;
}

/* -- one look-up of each kind ------------------------------------------ */

static enum role
role_of(struct front *f, const char *domain)
{
	struct hosts *h = &f->hosts;

	for (size_t i = h->next; i < h->n; i++) {
		if (h->at[i] != domain || strcmp(h->name[i], domain) != 0)
			continue;
		h->next = i + 1;
		return h->of == GP_DNS_MX ? MAIL_HOST : CLIENT_NAME;
	}
	h->n = 0;
	return TERM;
}

static SPF_dns_rr_t *
lookup_address(struct front *f, const char *domain, ns_type type)
{
	struct gp_dns_answer a = { .rc = GP_NONE, .nxdomain = true };
	const enum role role = role_of(f, domain);
	char name[GP_DOMAIN_TEXT];
	bool any;

	if (role == TERM)
		count_term(f);
	if (read_name(domain, name, &any) && !f->decided) {
		ask(f, name, type == ns_t_a ? GP_DNS_A : GP_DNS_AAAA, &a);
		if (a.rc == GP_NONE && role == TERM)
			count_void(f);
		/* RFC 7208 section 5.5: such a name is skipped */
		if (a.rc == GP_TEMP && role == CLIENT_NAME)
			a.rc = GP_NONE;
	}
	if (a.rc != GP_OK || f->decided)
		return nothing(f, domain, type, &a);
	return addresses(f, domain, type, any, &a);
}

static SPF_dns_rr_t *
lookup_mx(struct front *f, const char *domain)
{
	struct gp_dns_answer a = { .rc = GP_NONE, .nxdomain = true };
	char name[GP_DOMAIN_TEXT], shown[GP_SPF_SHOW];
	bool any;

	f->hosts = (struct hosts){ .of = GP_DNS_MX };
	count_term(f);
	if (read_name(domain, name, &any) && !f->decided) {
		ask(f, name, GP_DNS_MX, &a);
		if (a.rc == GP_NONE)
			count_void(f);
		if (a.rc == GP_OK && a.n > GP_SPF_MX_MAX)
			decide(f, GP_SPF_PERMERROR,
			    "%s has more than %d mail hosts",
			    gp_spf_show(gp_str(name), shown), GP_SPF_MX_MAX);
	}
	if (a.rc != GP_OK || f->decided)
		return nothing(f, domain, ns_t_mx, &a);
	return names(f, domain, ns_t_mx, any, &a);
}

static SPF_dns_rr_t *
lookup_ptr(struct front *f, const char *domain)
{
	struct gp_dns_answer a = { .rc = GP_NONE, .nxdomain = true };

	f->hosts = (struct hosts){ .of = GP_DNS_PTR };
	if (!f->validating)
		count_term(f);
	if (!f->decided) {
		ask(f, domain, GP_DNS_PTR, &a);
		if (a.rc == GP_NONE && !f->validating)
			count_void(f);
		/* RFC 7208 section 5.5: the mechanism fails to match */
		if (a.rc == GP_TEMP)
			a.rc = GP_NONE;
	}
	if (a.rc != GP_OK || f->decided)
		return nothing(f, domain, ns_t_ptr, &a);
	return names(f, domain, ns_t_ptr, false, &a);
}

/* -- records ----------------------------------------------------------- */

/* The one record for SPF; NULL when there is none, or when there are more. */
static const struct gp_dns_rr *
select_record(struct front *f, const char *name, const struct gp_dns_answer *a)
{
	const struct gp_dns_rr *found = NULL;
	char shown[GP_SPF_SHOW];

	for (size_t i = 0; i < a->n; i++) {
		if (!gp_spf_record_claims(a->rr[i].text))
			continue;
		if (found != NULL) {
			decide(f, GP_SPF_PERMERROR,
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
 * The record in words for the library.  %{p} is looked for before, because
 * look-ups for it are no terms, and later could not be told apart.
 */
static const char *
reword(struct front *f, const char *name, const struct gp_spf_record *record)
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
		v.validated = SPF_request_get_client_dom(f->request);
		f->validating = false;
	}
	gp_buf_init(&buf, (size_t)GP_SPF_RECORD_MAX * 2);
	if (gp_spf_rewrite(record, &v, &buf, &err) == GP_OK)
		text = gp_arena_strdup(f->scope->arena, gp_buf_cstr(&buf));
	else
		give_up(f, say(f, "%s", err.msg));
	gp_buf_clear(&buf);
	return text;
}

static void
remember_exp(struct front *f, const char *domain,
    const struct gp_spf_record *record)
{
	struct explained *e;

	if (record->exp == NULL)
		return;
	e = gp_arena_alloc(f->scope->arena, sizeof(*e));
	e->domain = gp_arena_strdup(f->scope->arena, domain);
	e->exp = record->exp->spec;
	e->next = f->explained;
	f->explained = e;
}

static SPF_dns_rr_t *
hand_over(struct front *f, const char *domain, const char *name,
    const struct gp_dns_answer *a)
{
	const struct gp_dns_rr *rr = select_record(f, name, a);
	const struct gp_dns_answer none = { .rc = GP_NONE };
	const char *text = NULL;
	struct gp_spf_record record;
	char shown[GP_SPF_SHOW];
	struct gp_err err;

	if (rr != NULL && gp_spf_record_parse(rr->text, f->scope->arena,
			      &record, &err) != GP_OK)
		decide(f, GP_SPF_PERMERROR, "%s: %s",
		    gp_spf_show(gp_str(name), shown), err.msg);
	if (rr != NULL && !f->decided) {
		remember_exp(f, domain, &record);
		text = reword(f, name, &record);
	}
	if (text == NULL || f->decided)
		return nothing(f, domain, ns_t_txt, &none);
	return one_text(f, domain, gp_str(text));
}

static SPF_dns_rr_t *
lookup_record(struct front *f, const char *domain)
{
	struct gp_dns_answer a = { .rc = GP_NONE, .nxdomain = true };
	char name[GP_DOMAIN_TEXT];
	const bool first = !f->has_first;
	bool any;

	f->has_first = true;
	if (!first)
		count_term(f);
	if (!read_name(domain, name, &any) || strchr(name, '.') == NULL)
		decide(f, GP_SPF_PERMERROR,
		    "an include or redirect names no domain");
	if (!f->decided) {
		ask(f, name, GP_DNS_TXT, &a);
		if (a.rc == GP_NONE && !first)
			count_void(f);
	}
	if (a.rc != GP_OK || f->decided)
		return nothing(f, domain, ns_t_txt, &a);
	return hand_over(f, domain, name, &a);
}

static SPF_dns_rr_t *
lookup(SPF_dns_server_t *dns, const char *domain, ns_type type, int cache)
{
	struct front *f = dns->hook;

	(void)cache;
	if (f->decided)
		return empty(f, domain, type, TRY_AGAIN);
	switch ((int)type) {
	case ns_t_a:
	case ns_t_aaaa:
		return lookup_address(f, domain, type);
	case ns_t_mx:
		return lookup_mx(f, domain);
	case ns_t_ptr:
		return lookup_ptr(f, domain);
	case ns_t_txt:
		return lookup_record(f, domain);
	default: /* 99, the type SPF that RFC 7208 section 3.1 gave up */
		return empty(f, domain, type, NO_DATA);
	}
}

/* -- the library ------------------------------------------------------- */

static void on_error(const char *file, int line, const char *message)
    __attribute__((noreturn));

static void
on_error(const char *file, int line, const char *message)
{
	char shown[GP_SPF_SHOW];

	(void)file;
	(void)line;
	decide(current, GP_SPF_TEMPERROR, "libspf2 gave up: %s",
	    gp_spf_show(gp_str(message), shown));
	longjmp(current->escape, 1);
}

static void
set_handlers(void)
{
	SPF_error_handler = on_error;
	SPF_warning_handler = NULL;
	SPF_info_handler = NULL;
	SPF_debug_handler = NULL;
}

static void
set_client(struct front *f)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (f->client.family == GP_IP_V4) {
		memcpy(&v4, f->client.b, sizeof(v4));
		(void)SPF_request_set_ipv4(f->request, v4);
	} else {
		memcpy(&v6, f->client.b, sizeof(v6));
		(void)SPF_request_set_ipv6(f->request, v6);
	}
}

/*
 * "%{d}" as the default explanation: the library then says in which record it
 * found the result, since no record of ours has an exp= of its own.
 */
static bool
set_up(struct front *f)
{
	const struct gp_spf_query *q = f->q;
	SPF_response_t *response = NULL;
	SPF_errcode_t rc;

	f->dns.lookup = lookup;
	f->dns.name = "gatepost";
	f->dns.hook = f;
	f->server = SPF_server_new_dns(&f->dns, 0);
	if (f->server == NULL)
		return false;
	rc = SPF_server_set_explanation(f->server, "%{d}", &response);
	if (response != NULL)
		SPF_response_free(response);
	f->request = SPF_request_new(f->server);
	if (rc != SPF_E_SUCCESS || f->request == NULL ||
	    SPF_server_set_rec_dom(f->server, q->receiver) != SPF_E_SUCCESS ||
	    SPF_request_set_helo_dom(f->request, q->helo) != SPF_E_SUCCESS)
		return false;
	set_client(f);
	return SPF_request_set_env_from(f->request,
		   gp_arena_printf(f->scope->arena, "%.*s@%s",
		       GP_STR_ARG(q->local), q->domain)) == SPF_E_SUCCESS;
}

static void
tear_down(struct front *f)
{
	if (f->response != NULL)
		SPF_response_free(f->response);
	if (f->request != NULL)
		SPF_request_free(f->request);
	if (f->server != NULL)
		SPF_server_free(f->server);
}

/* -- what it says ------------------------------------------------------ */

static enum gp_spf_result
result_of(const struct front *f)
{
	const SPF_errcode_t error = SPF_response_errcode(f->response);
	const bool temporary =
	    f->rc == SPF_E_DNS_ERROR || f->rc == SPF_E_NO_MEMORY ||
	    error == SPF_E_DNS_ERROR || error == SPF_E_NO_MEMORY;

	switch (SPF_response_result(f->response)) {
	case SPF_RESULT_NEUTRAL:
		return GP_SPF_NEUTRAL;
	case SPF_RESULT_PASS:
		return GP_SPF_PASS;
	case SPF_RESULT_FAIL:
		return GP_SPF_FAIL;
	case SPF_RESULT_SOFTFAIL:
		return GP_SPF_SOFTFAIL;
	case SPF_RESULT_NONE:
		return GP_SPF_NONE;
	case SPF_RESULT_INVALID:
	case SPF_RESULT_TEMPERROR:
	case SPF_RESULT_PERMERROR:
	default:
		/* "temporary" is also what it says when a macro has no value */
		return temporary ? GP_SPF_TEMPERROR : GP_SPF_PERMERROR;
	}
}

static void
take_result(struct front *f)
{
	const enum gp_spf_result result = result_of(f);

	if (result == GP_SPF_TEMPERROR && f->trouble != NULL)
		decide(f, result, "%s", f->trouble);
	else if (result == GP_SPF_TEMPERROR || result == GP_SPF_PERMERROR)
		decide(f, result, "libspf2: %s", SPF_strerror(f->rc));
	else
		decide(f, result, "libspf2: %s",
		    SPF_strreason(SPF_response_reason(f->response)));
}

/* The exp= of the record in which the library found its result. */
static const struct explained *
explanation_of(const struct front *f)
{
	const char *domain = SPF_response_get_explanation(f->response);
	const struct explained *e = f->explained;

	while (e != NULL && (domain == NULL || strcmp(e->domain, domain) != 0))
		e = e->next;
	return e;
}

static void
feed_text(struct gp_spf_eval *eval, const char *text)
{
	const struct gp_dns_rr rr = { .text = gp_str(text) };
	const struct gp_dns_answer a = { .rc = GP_OK, .n = 1, .rr = &rr };

	gp_spf_feed(eval, &a);
}

/*
 * The builtin engine expands the explanation: it is led over a redirect= to a
 * record that fails and has this exp=, and asks for the rest by itself.
 */
static void
explain(struct front *f, const struct explained *e)
{
	struct gp_arena *arena = f->scope->arena;
	struct gp_spf_query q = *f->q;
	struct gp_dns_question question;
	struct gp_spf_eval *eval;
	struct gp_dns_answer a;
	unsigned fed = 0;

	if (strchr(e->domain, '%') != NULL)
		return; /* a macro put it there: not worth quoting */
	q.max_queries = q.max_queries - f->out.queries + 2;
	eval = gp_spf_eval_new(arena, &q);
	while (gp_spf_next(eval, &question)) {
		if (gp_clock_us() >= f->scope->deadline_us) {
			gp_spf_abandon(eval);
			break;
		}
		fed++;
		if (fed == 1 && strcmp(e->domain, q.domain) != 0) {
			feed_text(eval, gp_arena_printf(arena,
					    "v=spf1 redirect=%s", e->domain));
		} else if (question.type == GP_DNS_TXT && fed <= 2 &&
			   gp_str_eq_nocase(gp_str(question.name),
			       gp_str(e->domain))) {
			feed_text(eval,
			    gp_arena_printf(arena, "v=spf1 -all exp=%.*s",
				GP_STR_ARG(e->exp)));
		} else {
			f->out.queries++;
			gp_dns_query(f->scope, question.name, question.type,
			    &a);
			gp_spf_feed(eval, &a);
		}
	}
	f->out.explanation = gp_spf_outcome(eval)->explanation;
}

/* -- one check --------------------------------------------------------- */

static void
query(struct front *f)
{
	if (!set_up(f)) {
		decide(f, GP_SPF_TEMPERROR, "libspf2 can not be set up");
		return;
	}
	f->rc = SPF_request_query_mailfrom(f->request, &f->response);
	if (f->response == NULL)
		decide(f, GP_SPF_TEMPERROR, "libspf2: out of memory");
}

static void
query_guarded(struct front *f)
{
	current = f;
	if (setjmp(f->escape) == 0)
		query(f);
	current = NULL;
}

/* Printable US-ASCII without blanks, of at most `max` bytes. */
static bool
is_plain(struct gp_str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (!gp_is_print(s.p[i]) || s.p[i] == ' ')
			return false;
	return s.n > 0 && s.n <= max;
}

static bool
is_loopback(const struct gp_ip *ip)
{
	static const struct gp_ip loopback = { .family = GP_IP_V6,
		.b = { [15] = 1 } };

	if (ip->family == GP_IP_V4)
		return ip->b[0] == 127;
	return gp_ip_eq(ip, &loopback);
}

/* Why the library must not see the question; NULL: it may. */
static const char *
unfit(const struct front *f)
{
	const struct gp_spf_query *q = f->q;
	char domain[GP_DOMAIN_TEXT];

	if (is_loopback(&f->client))
		return "libspf2 passes a loopback client unasked";
	if (!is_plain(q->local, GP_LOCAL_PART_MAX))
		return "the local part is not for libspf2";
	if (!is_plain(gp_str(q->helo), GP_HELO_MAX))
		return "the HELO name is not for libspf2";
	if (gp_domain_normalize(gp_str(q->domain), domain, NULL) != GP_OK ||
	    strcmp(domain, q->domain) != 0 || gp_domain_labels(domain) < 2)
		return "the domain is not for libspf2";
	return NULL;
}

/* What was asked for %{p} is no part of what the builtin engine asks again. */
static void
leave_to_builtin(const struct front *f, struct gp_spf_outcome *out)
{
	struct gp_spf_query q = *f->q;

	q.max_queries -= f->aside;
	gp_spf_builtin(&q, f->scope, out);
	out->queries += f->aside;
	out->reason = gp_arena_printf(f->scope->arena, "%s (builtin: %s)",
	    out->reason, f->why);
}

void
gp_spf_libspf2(const struct gp_spf_query *q, struct gp_dns_scope *scope,
    struct gp_spf_outcome *out)
{
	static pthread_once_t handlers = PTHREAD_ONCE_INIT;
	struct front f = { .q = q, .scope = scope };
	const struct explained *e = NULL;

	(void)pthread_once(&handlers, set_handlers);
	f.client = q->client.family == GP_IP_V6
	               ? gp_ip_from_bytes(q->client.b, sizeof(q->client.b))
	               : q->client;
	f.why = unfit(&f);
	if (f.why == NULL) {
		query_guarded(&f);
		if (f.response != NULL && !f.decided) {
			take_result(&f);
			if (f.out.result == GP_SPF_FAIL)
				e = explanation_of(&f);
		}
		if (e != NULL && f.out.queries < q->max_queries)
			explain(&f, e);
		tear_down(&f);
	}
	if (f.why != NULL)
		leave_to_builtin(&f, out);
	else
		*out = f.out;
}
