/* An explanation as JSON; the keys are part of the interface. */
#include "mta/explain_facts.h"

#include "core/dkim_verify.h"
#include "core/json.h"
#include "core/preflight.h"
#include "core/rate_reply.h"
#include "core/spf_policy.h"
#include "mta/dkim_signer.h"
#include "mta/dmarc_inbound.h"
#include "mta/filter.h"
#include "mta/preflight_check.h"
#include "mta/rate_gate.h"

static const struct gp_origin unwritten = { .file = NULL };

/* What all of it is written with. */
struct writer {
	const struct gp_explain *x;
	struct gp_json *j;
};

/* -- parts -------------------------------------------------------------- */

static void
place(const struct writer *w, struct gp_origin where)
{
	gp_json_string(w->j, "file", where.file);
	if (where.file == NULL)
		gp_json_null(w->j, "line");
	else
		gp_json_int(w->j, "line", where.line);
}

/* Rule, what it says, and whether mode = monitor keeps it from that. */
static void
verdict(const struct writer *w, const struct gp_verdict *v, const char *domain)
{
	gp_json_string(w->j, "does", gp_disposition_name(gp_explain_done(v)));
	gp_json_string(w->j, "rule", v->why);
	gp_json_bool(w->j, "monitored", v->monitored);
	place(w, gp_explain_rule(w->x, v->why, domain));
}

static void
lookups(const struct writer *w, unsigned filter)
{
	gp_json_array(w->j, "lookups");
	for (const struct gp_explain_lookup *l = w->x->filters[filter].lookups;
	     l != NULL; l = l->next) {
		gp_json_object(w->j, NULL);
		gp_json_string(w->j, "name", l->name);
		gp_json_string(w->j, "type", gp_dns_type_name(l->type));
		gp_json_string(w->j, "outcome", gp_rc_name(l->rc));
		gp_json_bool(w->j, "nxdomain", l->nxdomain);
		gp_json_string(w->j, "answer", l->text);
		gp_json_int(w->j, "ttl", l->ttl_s);
		gp_json_string(w->j, "from", gp_explain_from(l->from));
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
}

static void
ran(const struct writer *w, unsigned filter)
{
	gp_json_bool(w->j, "ran", w->x->filters[filter].ended);
}

/* -- envelope ----------------------------------------------------------- */

static void
envelope(const struct writer *w)
{
	const struct gp_explain_mail *mail = w->x->mail;
	const struct gp_msg *m = w->x->filters[0].msg;
	struct gp_origin where;
	const char *option = gp_explain_trust(w->x, &where);

	gp_json_object(w->j, "envelope");
	gp_json_string(w->j, "mail_from", mail->mail_from);
	gp_json_string(w->j, "helo", mail->helo);
	gp_json_string(w->j, "login", mail->login);
	gp_json_array(w->j, "assumed");
	for (size_t i = 0; i < mail->assumed.n; i++)
		gp_json_string(w->j, NULL, mail->assumed.v[i]);
	gp_json_end(w->j);
	gp_json_end(w->j);
	gp_json_object(w->j, "direction");
	gp_json_string(w->j, "way",
	    m == NULL                     ? NULL
	    : m->direction == GP_OUTBOUND ? "out"
					  : "in");
	gp_json_string(w->j, "why", m == NULL ? NULL : m->direction_why);
	gp_json_string(w->j, "rule", option);
	place(w, where);
	gp_json_end(w->j);
}

/* -- SPF ---------------------------------------------------------------- */

static void
spf_check(const struct writer *w, const struct gp_spf_check_result *check)
{
	gp_json_string(w->j, "result", gp_spf_result_name(check->result));
	gp_json_string(w->j, "domain", check->domain);
	gp_json_string(w->j, "reason", check->reason);
}

static void
spf_recipients(const struct writer *w)
{
	gp_json_array(w->j, "recipients");
	for (size_t i = 0; i < w->x->mail->n_rcpts; i++) {
		const struct gp_explain_rcpt *r = &w->x->rcpts[i];

		if (r->by[GP_EXPLAIN_SPF].why == NULL)
			continue;
		gp_json_object(w->j, NULL);
		gp_json_string(w->j, "address", r->address);
		verdict(w, &r->by[GP_EXPLAIN_SPF], gp_explain_domain(w->x, i));
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
}

static void
spf(const struct writer *w)
{
	const struct gp_msg *m = w->x->filters[GP_EXPLAIN_SPF].msg;
	const struct gp_spf_message *found = m == NULL ? NULL : m->state;

	gp_json_object(w->j, "spf");
	ran(w, GP_EXPLAIN_SPF);
	if (found != NULL) {
		spf_check(w, &found->mail_from);
		gp_json_string(w->j, "identity",
		    found->by_helo ? "helo" : "mailfrom");
		gp_json_object(w->j, "helo");
		spf_check(w, &found->helo);
		gp_json_end(w->j);
		spf_recipients(w);
	}
	lookups(w, GP_EXPLAIN_SPF);
	gp_json_end(w->j);
}

/* -- DKIM --------------------------------------------------------------- */

static void
verified(const struct writer *w, const struct gp_dkim_checks *checks)
{
	const struct gp_dkim_check *which;

	gp_json_string(w->j, "result",
	    gp_dkim_result_name(gp_dkim_overall(checks, &which)));
	gp_json_array(w->j, "signatures");
	for (size_t i = 0; i < checks->n; i++) {
		const struct gp_dkim_check *c = &checks->v[i];

		gp_json_object(w->j, NULL);
		gp_json_string(w->j, "result", gp_dkim_result_name(c->result));
		gp_json_string(w->j, "domain", c->sig.domain);
		gp_json_string(w->j, "selector", c->sig.selector);
		gp_json_str(w->j, "algorithm", c->sig.a);
		gp_json_string(w->j, "reason", c->reason);
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
	gp_json_int(w->j, "ignored", (int64_t)checks->ignored);
	verdict(w, &w->x->filters[GP_EXPLAIN_DKIM].verdict, NULL);
}

/* Where it stands who may send as this domain. */
static void
senders(const struct writer *w, const struct gp_policy *p)
{
	const bool given = p != NULL && p->senders.given;

	gp_json_object(w->j, "senders");
	gp_json_bool(w->j, "given", given);
	place(w, given ? gp_policy_origin(p, "senders.else") : unwritten);
	gp_json_end(w->j);
}

static void
keys(const struct writer *w, const struct gp_dkim_signer *signer)
{
	size_t n;
	const struct gp_dkim_key *v = gp_dkim_signer_keys(signer, &n);

	gp_json_array(w->j, "keys");
	for (size_t i = 0; i < n; i++) {
		gp_json_object(w->j, NULL);
		gp_json_string(w->j, "selector", v[i].policy->selector);
		gp_json_bool(w->j, "signs", v[i].signs);
		gp_json_string(w->j, "why_not", v[i].why);
		gp_json_string(w->j, "unreadable",
		    gp_explain_unread(w->x, v[i].policy));
		place(w, v[i].policy->origin);
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
}

static void
signing(const struct writer *w, const struct gp_dkim_signer *signer,
    const struct gp_dkim_signed *done)
{
	const struct gp_dkim_plan *plan = gp_dkim_signer_plan(signer);

	gp_json_string(w->j, "result",
	    done->domain != NULL ? "signed"
	    : done->kept > 0     ? "kept"
				 : "unsigned");
	gp_json_string(w->j, "why", done->why);
	gp_json_string(w->j, "author", plan->author.domain);
	gp_json_string(w->j, "domain", done->domain);
	gp_json_string(w->j, "selectors", done->selectors);
	gp_json_int(w->j, "kept", (int64_t)done->kept);
	gp_json_int(w->j, "removed", (int64_t)done->n_remove);
	place(w, done->rule == NULL ? unwritten : *done->rule);
	gp_json_array(w->j, "fragile");
	for (unsigned i = 0; i < GP_FRAGILES; i++)
		if ((done->fragile & 1U << i) != 0)
			gp_json_string(w->j, NULL,
			    gp_fragile_name((enum gp_fragile)i));
	gp_json_end(w->j);
	senders(w, plan->policy);
	keys(w, signer);
}

static void
dkim(const struct writer *w)
{
	const struct gp_explain_filter *f = &w->x->filters[GP_EXPLAIN_DKIM];

	gp_json_object(w->j, "dkim");
	ran(w, GP_EXPLAIN_DKIM);
	if (f->ended && f->msg != NULL && gp_filter_dkim_checks(f->msg) != NULL)
		verified(w, gp_filter_dkim_checks(f->msg));
	else if (f->ended && f->msg != NULL)
		signing(w, gp_filter_dkim_signer(f->msg),
		    gp_filter_dkim_signed(f->msg));
	lookups(w, GP_EXPLAIN_DKIM);
	gp_json_end(w->j);
}

/* -- DMARC -------------------------------------------------------------- */

static void
outcome(const struct writer *w, const struct gp_dmarc_outcome *o)
{
	gp_json_string(w->j, "result", gp_dmarc_result_name(o->result));
	gp_json_string(w->j, "reason", o->reason);
	gp_json_string(w->j, "record_of", o->policy_domain);
	gp_json_string(w->j, "policy", gp_dmarc_request_name(o->policy));
	gp_json_string(w->j, "asked", gp_dmarc_request_name(o->asked));
	gp_json_bool(w->j, "spf_aligned", o->spf_aligned);
	gp_json_bool(w->j, "dkim_aligned", o->dkim_aligned);
	gp_json_string(w->j, "aligned", o->aligned);
}

static void
dmarc_recipients(const struct writer *w, const struct gp_dmarc_case *c)
{
	gp_json_array(w->j, "recipients");
	for (size_t i = 0; i < w->x->mail->n_rcpts; i++) {
		const char *domain = gp_explain_domain(w->x, i);
		const struct gp_dmarc_policy *p =
		    &gp_policy_for(w->x->config, domain)->dmarc;
		struct gp_dmarc_decision d;
		struct gp_verdict v;

		if (w->x->rcpts[i].refused_by >= 0)
			continue;
		d = gp_dmarc_decide(p, c);
		v = gp_dmarc_verdict(p, &d, c, w->x->arena);
		gp_json_object(w->j, NULL);
		gp_json_string(w->j, "address", w->x->rcpts[i].address);
		verdict(w, &v, domain);
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
}

static void
decision(const struct writer *w, const struct gp_dmarc_inbound *in)
{
	const struct gp_override_policy *o = in->c.override;

	gp_json_object(w->j, "decision");
	gp_json_string(w->j, "applied",
	    gp_dmarc_request_name(in->decision.applied));
	gp_json_string(w->j, "reason",
	    gp_dmarc_reason_name(in->decision.reason));
	gp_json_string(w->j, "comment", in->decision.comment);
	gp_json_string(w->j, "override", o == NULL ? NULL : o->name);
	place(w, o == NULL ? unwritten : o->origin);
	gp_json_end(w->j);
}

static void
dmarc(const struct writer *w)
{
	const struct gp_explain_filter *f = &w->x->filters[GP_EXPLAIN_DMARC];
	const struct gp_dmarc_inbound *in =
	    f->msg == NULL ? NULL : gp_filter_dmarc_inbound(f->msg);

	gp_json_object(w->j, "dmarc");
	ran(w, GP_EXPLAIN_DMARC);
	if (in != NULL) {
		gp_json_string(w->j, "author", in->c.author);
		gp_json_string(w->j, "trouble", in->c.trouble);
		if (in->c.outcome != NULL)
			outcome(w, in->c.outcome);
		else
			gp_json_string(w->j, "result", "permerror");
		decision(w, in);
		dmarc_recipients(w, &in->c);
	}
	lookups(w, GP_EXPLAIN_DMARC);
	gp_json_end(w->j);
}

static void
unmet(const struct writer *w, const struct gp_preflight *p)
{
	gp_json_array(w->j, "unmet");
	for (size_t i = 0; p != NULL && i < p->n; i++) {
		gp_json_object(w->j, NULL);
		gp_json_string(w->j, "need",
		    gp_preflight_need_name(p->v[i].need));
		gp_json_string(w->j, "state",
		    p->v[i].state == GP_PREFLIGHT_MISSING ? "missing" : "open");
		gp_json_string(w->j, "why", p->v[i].why);
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
}

static void
preflight(const struct writer *w)
{
	const struct gp_policy *policy = gp_explain_sending(w->x);
	const struct gp_preflight_needs *needs = &policy->preflight.require;
	const struct gp_msg *m = w->x->filters[GP_EXPLAIN_DMARC].msg;
	const struct gp_preflight_result *r =
	    m == NULL ? NULL : gp_filter_dmarc_preflight(m);

	gp_json_object(w->j, "preflight");
	gp_json_bool(w->j, "judged", r != NULL);
	gp_json_array(w->j, "required");
	for (size_t i = 0; r != NULL && i < needs->n; i++)
		gp_json_string(w->j, NULL, gp_preflight_need_name(needs->v[i]));
	gp_json_end(w->j);
	place(w, r == NULL ? unwritten
			   : gp_policy_origin(policy, "preflight.require"));
	unmet(w, r == NULL ? NULL : &r->found);
	if (r != NULL) {
		gp_json_string(w->j, "does",
		    gp_disposition_name(gp_explain_done(&r->verdict)));
		gp_json_bool(w->j, "monitored", r->verdict.monitored);
	}
	gp_json_end(w->j);
}

/* -- limits ------------------------------------------------------------- */

static void
charge(const struct writer *w, const struct gp_explain_charge *c)
{
	const bool known = gp_explain_levels(w->x);

	gp_json_object(w->j, NULL);
	gp_json_string(w->j, "limit", gp_rate_label(c->item, w->x->arena));
	gp_json_str(w->j, "meter", c->charge->key);
	gp_json_int(w->j, "cost", (int64_t)c->charge->cost);
	gp_json_int(w->j, "capacity", (int64_t)c->charge->rule.capacity);
	gp_json_bool(w->j, "watched", c->charge->watch);
	if (known) {
		gp_json_int(w->j, "level", (int64_t)(c->made->level + 0.5));
		gp_json_bool(w->j, "fits", c->made->fits);
		gp_json_bool(w->j, "free", c->made->free);
	}
	if (known && c->made->wait_ms != GP_METER_NEVER)
		gp_json_int(w->j, "wait_ms", c->made->wait_ms);
	else
		gp_json_null(w->j, "wait_ms");
	place(w, c->item->origin);
	gp_json_end(w->j);
}

static void
limits(const struct writer *w)
{
	const struct gp_msg *m = w->x->filters[GP_EXPLAIN_RATE].msg;
	const struct gp_explain_daemon *d = w->x->daemon;
	const struct gp_explain_charges all = gp_explain_charges(w->x);
	const struct gp_rate_gate *gate =
	    m == NULL ? NULL : gp_filter_rate_gate(m);
	struct gp_origin where = { .file = NULL };

	gp_json_object(w->j, "limits");
	ran(w, GP_EXPLAIN_RATE);
	gp_json_bool(w->j, "apply", gate != NULL);
	gp_json_bool(w->j, "levels", gp_explain_levels(w->x));
	gp_json_string(w->j, "trouble", d->failed ? d->err.msg : NULL);
	gp_json_bool(w->j, "other_policy", w->x->other_policy);
	gp_json_object(w->j, "senders");
	gp_json_string(w->j, "why",
	    gate == NULL ? NULL : gp_rate_gate_senders(gate, &where));
	place(w, where);
	gp_json_end(w->j);
	gp_json_array(w->j, "charges");
	for (size_t i = 0; i < all.n; i++)
		charge(w, &all.v[i]);
	gp_json_end(w->j);
	lookups(w, GP_EXPLAIN_RATE);
	gp_json_end(w->j);
}

/* -- the answer --------------------------------------------------------- */

static void
fields(const struct writer *w, const char *key,
    const struct gp_explain_fields *all)
{
	gp_json_array(w->j, key);
	for (size_t i = 0; i < all->n; i++) {
		gp_json_object(w->j, NULL);
		gp_json_str(w->j, "name", all->v[i]->name);
		gp_json_str(w->j, "value", gp_str_trim(all->v[i]->value));
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
}

static void
headers(const struct writer *w)
{
	const struct gp_explain_fields added = gp_explain_added(w->x);
	const struct gp_explain_fields removed = gp_explain_removed(w->x);

	gp_json_object(w->j, "headers");
	fields(w, "added", &added);
	fields(w, "removed", &removed);
	gp_json_end(w->j);
}

/* The three parts of an SMTP reply; null without one. */
static void
smtp_reply(const struct writer *w, const struct gp_verdict *v)
{
	struct gp_buf text;

	if (v == NULL) {
		gp_json_null(w->j, "code");
		gp_json_null(w->j, "xcode");
		gp_json_null(w->j, "text");
		return;
	}
	gp_buf_init(&text, GP_REPLY_TEXT_MAX);
	gp_reply_text(&text, v->text);
	gp_json_int(w->j, "code", v->code);
	gp_json_string(w->j, "xcode", v->xcode);
	gp_json_str(w->j, "text", gp_buf_str(&text));
	gp_buf_clear(&text);
}

static void
recipients(const struct writer *w)
{
	gp_json_array(w->j, "recipients");
	for (size_t i = 0; i < w->x->mail->n_rcpts; i++) {
		const struct gp_explain_rcpt *r = &w->x->rcpts[i];
		const bool refused = r->refused_by >= 0;

		gp_json_object(w->j, NULL);
		gp_json_string(w->j, "address", r->address);
		gp_json_string(w->j, "refused_by",
		    refused ? w->x->filters[r->refused_by].app.milter->name
			    : NULL);
		smtp_reply(w, refused ? &r->by[r->refused_by] : NULL);
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
}

static void
would(const struct writer *w)
{
	const struct gp_verdict *v;
	const char *filter;

	gp_json_array(w->j, "would");
	for (size_t i = 0; (v = gp_explain_would(w->x, i, &filter)) != NULL;
	     i++) {
		gp_json_object(w->j, NULL);
		gp_json_string(w->j, "filter", filter);
		gp_json_string(w->j, "does",
		    gp_disposition_name(v->disposition));
		gp_json_string(w->j, "rule", v->why);
		gp_json_end(w->j);
	}
	gp_json_end(w->j);
}

static void
reply(const struct writer *w)
{
	const struct gp_explain_reply r = gp_explain_reply(w->x);
	const char *action = "accept";

	if (r.filter != NULL)
		action = gp_action_name(r.verdict->action);
	else if (w->x->held != NULL)
		action = "hold";
	gp_json_object(w->j, "reply");
	gp_json_bool(w->j, "accepted", gp_explain_passes(w->x));
	gp_json_string(w->j, "action", action);
	gp_json_string(w->j, "filter", r.filter);
	gp_json_string(w->j, "stage", r.stage);
	smtp_reply(w, r.verdict);
	gp_json_string(w->j, "held_for", w->x->held);
	recipients(w);
	would(w);
	gp_json_end(w->j);
}

void
gp_explain_json(const struct gp_explain *x, struct gp_json *json)
{
	const struct writer w = { .x = x, .j = json };

	envelope(&w);
	spf(&w);
	dkim(&w);
	dmarc(&w);
	preflight(&w);
	limits(&w);
	headers(&w);
	reply(&w);
}
