/*
 * See spf_check.h.
 *
 * libspf2 asks for every name through lookup() below, and there stands the
 * front (spf_front.h).  What remains the library's: the order of mechanisms,
 * include and redirect, what "a", "mx", "ptr", "exists", "ip4" and "ip6" match,
 * macros without transformers that it gets wrong.
 *
 * It passes a client in 127/8 unasked and aborts the process over its own
 * assertions; the front keeps the first away, on_error() turns the second into
 * a temporary error.
 */
#include "mta/spf_front.h"
#include "mta/spf_rewrite.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <spf2/spf.h>
#include <spf2/spf_dns.h>
#include <spf2/spf_dns_rr.h>
#include <spf2/spf_log.h>
#include <stdio.h>
#include <string.h>

/* Names of the last MX or PTR answer: their addresses are asked for next, by
 * the very strings that the library holds. */
struct hosts {
	enum gp_spf_role role;
	size_t n, next;
	const char *name[GP_SPF_MX_MAX];
	const void *at[GP_SPF_MX_MAX];
};

struct check {
	struct gp_spf_front front; /* first: one is found by the other */
	struct hosts hosts;
	SPF_dns_server_t dns;
	SPF_server_t *server;
	SPF_request_t *request;
	SPF_response_t *response;
	SPF_errcode_t rc;
	jmp_buf escape;
};

/* The library's handler of fatal errors gets no argument of ours. */
static _Thread_local struct check *current;

/* -- answering --------------------------------------------------------- */

static SPF_dns_rr_t *
empty(struct check *c, const char *domain, ns_type type, int herrno)
{
	return SPF_dns_rr_new_init(&c->dns, domain, type, 0, herrno);
}

static SPF_dns_rr_t *
nothing(struct check *c, const char *domain, ns_type type, enum gp_rc rc)
{
	return empty(c, domain, type, rc == GP_NONE ? NO_DATA : TRY_AGAIN);
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
addresses(struct check *c, const char *domain, ns_type type, bool any,
    const struct gp_dns_answer *a)
{
	const size_t n =
	    type == ns_t_a ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	SPF_dns_rr_t *rr = empty(c, domain, type, NETDB_SUCCESS);

	if (rr != NULL && any) {
		(void)add(rr, c->front.client.b, n);
		return rr;
	}
	for (size_t i = 0; rr != NULL && i < a->n; i++)
		(void)add(rr, a->rr[i].ip.b, n);
	return rr;
}

/* Names of an MX or PTR answer; the mark goes on with them. */
static SPF_dns_rr_t *
names(struct check *c, const char *domain, ns_type type, bool any,
    const struct gp_dns_answer *a)
{
	SPF_dns_rr_t *rr = empty(c, domain, type, NETDB_SUCCESS);
	struct hosts *h = &c->hosts;

	*h = (struct hosts){ .role = type == ns_t_mx ? GP_SPF_FOR_MX
		                                     : GP_SPF_FOR_PTR };
	for (size_t i = 0; rr != NULL && i < a->n && h->n < GP_SPF_MX_MAX;
	     i++) {
		const char *name = a->rr[i].text.p;

		if (!gp_dns_name_valid(a->rr[i].text))
			continue;
		if (any)
			name = gp_arena_printf(c->front.scope->arena, "%s%c",
			    name, GP_SPF_ANY_ADDRESS);
		h->name[h->n] = name;
		h->at[h->n] = add(rr, name, strlen(name));
		h->n++;
	}
	return rr;
}

/* -- one look-up of each kind ------------------------------------------ */

static enum gp_spf_role
role_of(struct hosts *h, const char *domain)
{
	for (size_t i = h->next; i < h->n; i++) {
		if (h->at[i] != domain || strcmp(h->name[i], domain) != 0)
			continue;
		h->next = i + 1;
		return h->role;
	}
	h->n = 0;
	return GP_SPF_FOR_TERM;
}

static SPF_dns_rr_t *
lookup_address(struct check *c, const char *domain, ns_type type)
{
	const enum gp_spf_role role = role_of(&c->hosts, domain);
	struct gp_dns_answer a;
	bool any;

	if (gp_spf_front_address(&c->front, domain, role,
		type == ns_t_a ? GP_DNS_A : GP_DNS_AAAA, &a, &any) != GP_OK)
		return nothing(c, domain, type, a.rc);
	return addresses(c, domain, type, any, &a);
}

static SPF_dns_rr_t *
lookup_names(struct check *c, const char *domain, ns_type type)
{
	struct gp_dns_answer a;
	bool any = false;
	enum gp_rc rc;

	if (type == ns_t_mx)
		rc = gp_spf_front_mx(&c->front, domain, &a, &any);
	else
		rc = gp_spf_front_ptr(&c->front, domain, &a);
	if (rc != GP_OK)
		return nothing(c, domain, type, rc);
	return names(c, domain, type, any, &a);
}

static SPF_dns_rr_t *
lookup_record(struct check *c, const char *domain)
{
	SPF_dns_rr_t *rr;
	const char *text;
	enum gp_rc rc;

	rc = gp_spf_front_record(&c->front, domain, &text);
	if (rc != GP_OK)
		return nothing(c, domain, ns_t_txt, rc);
	rr = empty(c, domain, ns_t_txt, NETDB_SUCCESS);
	if (rr != NULL && add(rr, text, strlen(text)) == NULL)
		rr->herrno = TRY_AGAIN;
	return rr;
}

static SPF_dns_rr_t *
lookup(SPF_dns_server_t *dns, const char *domain, ns_type type, int cache)
{
	struct check *c = dns->hook;

	(void)cache;
	switch ((int)type) {
	case ns_t_a:
	case ns_t_aaaa:
		return lookup_address(c, domain, type);
	case ns_t_mx:
	case ns_t_ptr:
		return lookup_names(c, domain, type);
	case ns_t_txt:
		return lookup_record(c, domain);
	default: /* 99, the type SPF that RFC 7208 section 3.1 gave up */
		return empty(c, domain, type, NO_DATA);
	}
}

static const char *
validated(struct gp_spf_front *f)
{
	struct check *c = (struct check *)f;

	return SPF_request_get_client_dom(c->request);
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
	gp_spf_front_decide(&current->front, GP_SPF_TEMPERROR,
	    "libspf2 gave up: %s", gp_spf_show(gp_str(message), shown));
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
set_client(struct check *c)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (c->front.client.family == GP_IP_V4) {
		memcpy(&v4, c->front.client.b, sizeof(v4));
		(void)SPF_request_set_ipv4(c->request, v4);
	} else {
		memcpy(&v6, c->front.client.b, sizeof(v6));
		(void)SPF_request_set_ipv6(c->request, v6);
	}
}

/*
 * "%{d}" as the default explanation: the library then says in which record it
 * found the result, since no record of ours has an exp= of its own.
 */
static bool
set_up(struct check *c)
{
	const struct gp_spf_query *q = c->front.q;
	SPF_response_t *response = NULL;
	SPF_errcode_t rc;

	c->dns.lookup = lookup;
	c->dns.name = "gatepost";
	c->dns.hook = c;
	c->server = SPF_server_new_dns(&c->dns, 0);
	if (c->server == NULL)
		return false;
	rc = SPF_server_set_explanation(c->server, "%{d}", &response);
	if (response != NULL)
		SPF_response_free(response);
	c->request = SPF_request_new(c->server);
	if (rc != SPF_E_SUCCESS || c->request == NULL ||
	    SPF_server_set_rec_dom(c->server, q->receiver) != SPF_E_SUCCESS ||
	    SPF_request_set_helo_dom(c->request, q->helo) != SPF_E_SUCCESS)
		return false;
	set_client(c);
	return SPF_request_set_env_from(c->request,
		   gp_arena_printf(c->front.scope->arena, "%.*s@%s",
		       GP_STR_ARG(q->local), q->domain)) == SPF_E_SUCCESS;
}

static void
tear_down(struct check *c)
{
	if (c->response != NULL)
		SPF_response_free(c->response);
	if (c->request != NULL)
		SPF_request_free(c->request);
	if (c->server != NULL)
		SPF_server_free(c->server);
}

/* -- what it says ------------------------------------------------------ */

static enum gp_spf_result
result_of(const struct check *c)
{
	const SPF_errcode_t error = SPF_response_errcode(c->response);
	const bool temporary =
	    c->rc == SPF_E_DNS_ERROR || c->rc == SPF_E_NO_MEMORY ||
	    error == SPF_E_DNS_ERROR || error == SPF_E_NO_MEMORY;

	switch (SPF_response_result(c->response)) {
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
take_result(struct check *c)
{
	const enum gp_spf_result result = result_of(c);
	struct gp_spf_front *f = &c->front;
	const char *domain = SPF_response_get_explanation(c->response);

	if (result == GP_SPF_TEMPERROR && f->trouble != NULL)
		gp_spf_front_decide(f, result, "%s", f->trouble);
	else if (result == GP_SPF_TEMPERROR || result == GP_SPF_PERMERROR)
		gp_spf_front_decide(f, result, "libspf2: %s",
		    SPF_strerror(c->rc));
	else
		gp_spf_front_decide(f, result, "libspf2: %s",
		    SPF_strreason(SPF_response_reason(c->response)));
	if (result == GP_SPF_FAIL && domain != NULL)
		gp_spf_front_explain(f, domain);
}

/* -- one check --------------------------------------------------------- */

static void
query(struct check *c)
{
	if (set_up(c))
		c->rc = SPF_request_query_mailfrom(c->request, &c->response);
	if (c->response == NULL)
		gp_spf_front_decide(&c->front, GP_SPF_TEMPERROR,
		    "libspf2 can not be set up");
}

static void
query_guarded(struct check *c)
{
	current = c;
	if (setjmp(c->escape) == 0)
		query(c);
	current = NULL;
}

void
gp_spf_libspf2(const struct gp_spf_query *q, struct gp_dns_scope *scope,
    struct gp_spf_outcome *out)
{
	static pthread_once_t handlers = PTHREAD_ONCE_INIT;
	struct check c = { 0 };

	(void)pthread_once(&handlers, set_handlers);
	gp_spf_front_init(&c.front, q, scope);
	c.front.validated = validated;
	if (c.front.unfit == NULL) {
		query_guarded(&c);
		if (!c.front.decided)
			take_result(&c);
		tear_down(&c);
	}
	gp_spf_front_outcome(&c.front, out);
}
