/* domain_check: does the SPF record let our addresses pass, and only them? */
#include "mta/domain_private.h"

#include "core/domain.h"
#include "core/spf_record.h"
#include "mta/spf_check.h"

#include <string.h>

#define TOPIC "spf"

/* Look-ups of ten from which on a further include is a risk. */
#define TERMS_NEAR 9

/* Void look-ups are the business of a real client; the stranger whom the record
 * is tried with finds as many as he likes. */
#define STRANGER_VOIDS 10

struct record {
	struct gp_domain_job *j;
	size_t n;           /* records that claim to be one for SPF */
	struct gp_str text; /* of the first */
	struct gp_spf_record terms;
};

static void
add(struct gp_domain_job *j, enum gp_light light, const char *what)
{
	gp_findings_add(j->out, light, TOPIC, j->block->domain, "%s", what);
	gp_domain_where(j, j->block->origin);
}

static struct gp_spf_outcome
evaluate(struct gp_domain_job *j, const struct gp_ip *client, unsigned voids)
{
	const char *domain = j->block->domain;
	const struct gp_spf_query q = { .client = *client,
		.local = GP_STR("postmaster"),
		.domain = domain,
		.helo = domain,
		.receiver = domain,
		.now_s = j->with->now_s,
		.max_terms = GP_SPF_TERMS_MAX,
		.max_voids = voids,
		.max_queries = GP_SPF_QUERIES_MAX };
	struct gp_spf_outcome out;

	gp_spf_builtin(&q, &j->scope, &out);
	return out;
}

/* -- records in words ----------------------------------------------------- */

static void
add_address(struct gp_buf *out, const struct gp_domain_egress *e)
{
	gp_buf_addf(out, " %s:%s", e->ip.family == GP_IP_V4 ? "ip4" : "ip6",
	    e->text);
}

/* "publish: TXT D v=spf1 ip4:... ~all", or the present record with these in
 * front, where nothing can match before them. */
static void
remedy_addresses(struct gp_domain_job *j, struct gp_str present,
    const bool *wanted)
{
	struct gp_buf text;
	const size_t head = sizeof("v=spf1") - 1;

	gp_buf_init(&text, GP_SPF_RECORD_MAX);
	gp_buf_adds(&text, "v=spf1");
	for (size_t i = 0; i < j->n_egress; i++)
		if (wanted == NULL || wanted[i])
			add_address(&text, &j->egress[i]);
	if (present.n > head)
		gp_buf_add_str(&text,
		    gp_str_n(present.p + head, present.n - head));
	else
		gp_buf_adds(&text, " ~all");
	gp_findings_remedy(j->out, "%s TXT %s %s",
	    present.n > 0 ? "replace the record by:" : "publish:",
	    j->block->domain, gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

/* -- the record by itself ------------------------------------------------- */

static void
tell_none(struct gp_domain_job *j)
{
	add(j, GP_RED,
	    gp_domain_labels(j->block->domain) > 2
		? "there is no SPF record, and that of a domain above does "
		  "not count here"
		: "there is no SPF record");
	if (j->n_egress > 0)
		remedy_addresses(j, gp_str(""), NULL);
	else
		gp_findings_remedy(j->out,
		    "publish: TXT %s v=spf1 ip4:ADDRESS ~all, with each "
		    "address that mail leaves from",
		    j->block->domain);
}

/* False: all is said. */
static bool
read_record(struct record *r)
{
	struct gp_domain_job *j = r->j;
	struct gp_dns_answer a;
	struct gp_err err;

	(void)gp_dns_query(&j->scope, j->block->domain, GP_DNS_TXT, &a);
	if (a.rc != GP_OK && a.rc != GP_NONE) {
		gp_domain_untold(j, TOPIC, j->block->domain, &a, "TXT");
		gp_domain_where(j, j->block->origin);
		return false;
	}
	for (size_t i = 0; a.rc == GP_OK && i < a.n; i++)
		if (gp_spf_record_claims(a.rr[i].text) && r->n++ == 0)
			r->text = a.rr[i].text;
	if (r->n == 0) {
		tell_none(j);
	} else if (r->n > 1) {
		add(j, GP_RED,
		    gp_arena_printf(j->arena,
			"there are %zu SPF records: to receivers that is an "
			"error, and none of them counts",
			r->n));
		gp_findings_remedy(j->out,
		    "merge them into one TXT record at %s", j->block->domain);
	} else if (gp_spf_record_parse(r->text, j->arena, &r->terms, &err) !=
		   GP_OK) {
		add(j, GP_RED,
		    gp_arena_printf(j->arena, "the record is broken: %s: %s",
			err.msg, gp_domain_shown(j, r->text)));
		gp_findings_remedy(j->out, "mend the TXT record at %s",
		    j->block->domain);
	} else {
		return true;
	}
	return false;
}

static void
tell_terms(const struct record *r)
{
	for (size_t i = 0; i < r->terms.n; i++)
		if (r->terms.term[i].kind == GP_SPF_TERM_PTR) {
			add(r->j, GP_YELLOW,
			    "\"ptr\" is in the record: receivers may ignore "
			    "it");
			gp_findings_remedy(r->j->out,
			    "name the addresses instead, as ip4: and ip6:");
			return;
		}
}

/* The record as a stranger meets it; false: nobody can use it. */
static bool
try_stranger(const struct record *r)
{
	/* RFC 7600: an address that nobody has */
	static const uint8_t nobody[4] = { 192, 0, 0, 8 };
	const struct gp_ip client = gp_ip_from_bytes(nobody, sizeof(nobody));
	struct gp_domain_job *j = r->j;
	struct gp_spf_outcome o = evaluate(j, &client, STRANGER_VOIDS);

	if (o.result == GP_SPF_PERMERROR) {
		add(j, GP_RED,
		    gp_arena_printf(j->arena,
			"receivers can not use the record: %s", o.reason));
		gp_findings_remedy(j->out,
		    "mend the TXT record at %s: at most %d terms of include, "
		    "a, mx, exists and redirect in all",
		    j->block->domain, GP_SPF_TERMS_MAX);
		return false;
	}
	if (o.result == GP_SPF_PASS) {
		add(j, GP_RED,
		    gp_arena_printf(j->arena,
			"the record lets everybody pass: %s", o.reason));
		gp_findings_remedy(j->out, "let the record end in ~all or "
					   "-all");
	}
	if (o.result == GP_SPF_NEUTRAL) {
		add(j, GP_YELLOW,
		    "the record says nothing about other addresses");
		gp_findings_remedy(j->out, "let the record end in ~all or "
					   "-all");
	}
	if (o.terms >= TERMS_NEAR) {
		add(j, GP_YELLOW,
		    gp_arena_printf(j->arena,
			"the record takes %u of the %d look-ups that are "
			"allowed",
			o.terms, GP_SPF_TERMS_MAX));
		gp_findings_remedy(j->out,
		    "put ip4: and ip6: in the place of an include");
	}
	return true;
}

/* -- our addresses -------------------------------------------------------- */

/* Appends to the list of those that do not pass. */
static bool
fails(struct gp_domain_job *j, const struct gp_domain_egress *e,
    struct gp_buf *failing)
{
	struct gp_spf_outcome o = evaluate(j, &e->ip, GP_SPF_VOIDS_MAX);

	if (o.result == GP_SPF_PASS) {
		add(j, GP_GREEN,
		    gp_arena_printf(j->arena, "%s passes: %s", e->text,
			o.reason));
		return false;
	}
	if (o.result == GP_SPF_TEMPERROR) {
		add(j, GP_YELLOW,
		    gp_arena_printf(j->arena, "%s could not be checked now: %s",
			e->text, o.reason));
		gp_findings_remedy(j->out, "try again later");
		return false;
	}
	gp_buf_addf(failing, "%s%s %s", failing->n == 0 ? "" : ", ", e->text,
	    gp_spf_result_name(o.result));
	return true;
}

static void
try_egress(const struct record *r)
{
	struct gp_domain_job *j = r->j;
	bool *wanted = gp_arena_alloc(j->arena, j->n_egress * sizeof(*wanted));
	struct gp_buf failing;

	gp_buf_init(&failing, SIZE_MAX);
	for (size_t i = 0; i < j->n_egress; i++)
		wanted[i] = fails(j, &j->egress[i], &failing);
	if (failing.n > 0) {
		add(j, GP_RED,
		    gp_arena_printf(j->arena,
			"mail with this envelope sender does not pass: %s",
			gp_buf_cstr(&failing)));
		remedy_addresses(j, r->text, wanted);
	}
	gp_buf_clear(&failing);
}

/* Once for all domains. */
static void
tell_no_egress(struct gp_domain_job *j)
{
	if (gp_domain_told(j, TOPIC, ""))
		return;
	gp_findings_add(j->out, GP_YELLOW, TOPIC, "",
	    "%s: whether mail passes is not checked",
	    j->told_private
		? "the egress addresses are private, and receivers see others"
		: "no egress address is configured");
	gp_findings_remedy(j->out,
	    "preflight { egress = { \"ADDRESS\" } } in the block of a domain "
	    "or its profile, with the address that receivers see");
}

void
gp_domain_check_spf(struct gp_domain_job *j)
{
	struct record r = { .j = j };

	if (!read_record(&r))
		return;
	tell_terms(&r);
	if (!try_stranger(&r))
		return;
	if (j->n_egress > 0)
		try_egress(&r);
	else
		tell_no_egress(j);
	if (!gp_domain_told(j, TOPIC, j->block->domain)) {
		add(j, GP_GREEN,
		    gp_arena_printf(j->arena, "the record can be used: %s",
			gp_domain_shown(j, r.text)));
	}
}
