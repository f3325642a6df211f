/* See explain_text.h: what is done with our own mail. */
#include "mta/explain_text.h"

#include "core/preflight.h"
#include "core/rate_reply.h"
#include "mta/dkim_signer.h"
#include "mta/filter.h"
#include "mta/preflight_check.h"
#include "mta/rate_gate.h"

/* -- signing ------------------------------------------------------------ */

static const char *
state_name(enum gp_key_state state)
{
	static const char *const names[] = {
		[GP_KEY_STAGED] = "staged",
		[GP_KEY_ACTIVE] = "active",
		[GP_KEY_RETIRED] = "retired",
	};

	return names[state];
}

static void
key_line(const struct gp_explain_writer *w, const struct gp_dkim_key *key)
{
	const struct gp_key_policy *p = key->policy;
	const char *unread = gp_explain_unread(w->x, p);

	gp_explain_line(w, "key", "%s, %s, %s%s%s%s", p->selector,
	    state_name(p->state), key->signs ? "signs" : "does not sign",
	    key->signs ? "" : ": ", key->signs ? "" : key->why,
	    gp_explain_place(w, p->origin));
	if (unread == NULL)
		return;
	gp_explain_line(w, "unreadable", "%s", unread);
	gp_explain_line(w, "note",
	    "the daemon signs with it if it can read it; here it counts as not "
	    "there");
}

static void
key_lines(const struct gp_explain_writer *w, const struct gp_dkim_signer *s)
{
	size_t n;
	const struct gp_dkim_key *keys = gp_dkim_signer_keys(s, &n);

	for (size_t i = 0; i < n; i++)
		key_line(w, &keys[i]);
}

static const char *
else_name(enum gp_senders_else otherwise)
{
	static const char *const names[] = {
		[GP_ELSE_UNSIGNED] = "unsigned",
		[GP_ELSE_TEMPFAIL] = "tempfail",
		[GP_ELSE_REJECT] = "reject",
	};

	return names[otherwise];
}

/* Who may, and what becomes of the others. */
static void
senders_lines(const struct gp_explain_writer *w, const struct gp_policy *p)
{
	static const char *const options[] = { "senders.auth",
		"senders.clients", "senders.own-address" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct gp_origin where = gp_policy_origin(p, options[i]);

		if (where.file != NULL)
			gp_explain_line(w, "may send", "by %s%s", options[i],
			    gp_explain_place(w, where));
	}
	gp_explain_line(w, "others", "%s by senders.else%s",
	    else_name(p->senders.otherwise),
	    gp_explain_place(w, gp_policy_origin(p, "senders.else")));
}

static void
fragile_lines(const struct gp_explain_writer *w, unsigned found)
{
	for (unsigned i = 0; i < GP_FRAGILES; i++)
		if ((found & 1U << i) != 0)
			gp_explain_line(w, "fragile", "%s",
			    gp_fragile_text((enum gp_fragile)i));
}

void
gp_explain_signing(const struct gp_explain_writer *w)
{
	const struct gp_msg *m = w->x->filters[GP_EXPLAIN_DKIM].msg;
	const struct gp_dkim_signer *signer = gp_filter_dkim_signer(m);
	const struct gp_dkim_signed *done = gp_filter_dkim_signed(m);
	const struct gp_dkim_plan *plan = gp_dkim_signer_plan(signer);

	if (done->domain != NULL)
		gp_explain_head(w, "dkim", "signed, d=%s s=%s", done->domain,
		    done->selectors);
	else
		gp_explain_head(w, "dkim", "%s: %s",
		    done->kept > 0 ? "signed already" : "not signed",
		    done->why);
	if (plan->author.domain != NULL)
		gp_explain_line(w, "author", "%s", plan->author.domain);
	if (plan->policy != NULL)
		gp_explain_line(w, "block", "%s%s", plan->policy->domain,
		    gp_explain_place(w, plan->policy->origin));
	if (plan->policy != NULL && plan->policy->senders.given && !plan->sign)
		senders_lines(w, plan->policy);
	key_lines(w, signer);
	if (done->kept > 0)
		gp_explain_line(w, "kept", "%zu valid signatures of ours",
		    done->kept);
	if (done->n_remove > 0)
		gp_explain_line(w, "removed",
		    "%zu signatures of ours that do not fit", done->n_remove);
	fragile_lines(w, done->fragile);
	gp_explain_lookups(w, GP_EXPLAIN_DKIM);
}

/* -- preflight ---------------------------------------------------------- */

static void
need_line(const struct gp_explain_writer *w, const struct gp_preflight *p,
    enum gp_preflight_need need)
{
	const char *name = gp_preflight_need_name(need);

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].need != need)
			continue;
		gp_explain_line(w,
		    p->v[i].state == GP_PREFLIGHT_MISSING ? "missing" : "open",
		    "%s: %s", name, p->v[i].why);
		return;
	}
	gp_explain_line(w, "met", "%s", name);
}

void
gp_explain_preflight(const struct gp_explain_writer *w)
{
	const struct gp_explain *x = w->x;
	const struct gp_msg *m = x->filters[GP_EXPLAIN_DMARC].msg;
	const struct gp_preflight_result *r = gp_filter_dmarc_preflight(m);
	const struct gp_policy *policy = gp_explain_sending(x);
	const struct gp_preflight_needs *needs = &policy->preflight.require;

	if (r == NULL) {
		gp_explain_head(w, "preflight",
		    "nothing is required of this mail");
		return;
	}
	gp_explain_head(w, "preflight", "%s",
	    r->found.missing > 0 ? "fail"
				 : (r->found.open > 0 ? "open" : "pass"));
	gp_explain_line(w, "required", "by %s%s", policy->domain,
	    gp_explain_place(w, gp_policy_origin(policy, "preflight.require")));
	for (size_t i = 0; i < needs->n; i++)
		need_line(w, &r->found, needs->v[i]);
	gp_explain_lookups(w, GP_EXPLAIN_DMARC);
	if (r->found.n > 0)
		gp_explain_line(w, "does", "%s%s%s",
		    gp_disposition_name(gp_explain_done(&r->verdict)),
		    gp_explain_place(w,
			gp_policy_origin(policy, r->found.missing > 0
						     ? "preflight.else"
						     : "preflight.temperror")),
		    r->verdict.monitored
			? ", which mode = monitor does not carry out"
			: "");
}

/* -- limits ------------------------------------------------------------- */

static const char *
outcome_of(const struct gp_explain_writer *w, const struct gp_charged *made)
{
	if (made->free)
		return "free: the recipient came before";
	if (made->fits)
		return "passes";
	if (made->wait_ms == GP_METER_NEVER)
		return "is over until the day ends";
	return gp_arena_printf(w->x->arena, "is over, fits in %lld s",
	    (long long)((made->wait_ms + 999) / 1000));
}

static void
charge_lines(const struct gp_explain_writer *w,
    const struct gp_explain_charge *c)
{
	const struct gp_rate_item *item = c->item;

	gp_explain_line(w, "limit", "%s%s%s", gp_rate_label(item, w->x->arena),
	    gp_explain_place(w, item->origin),
	    item->monitored || item->over == GP_OVER_LOG ? ", only watched"
							 : "");
	gp_explain_line(w, "  meter", "%.*s", GP_STR_ARG(c->charge->key));
	if (gp_explain_levels(w->x))
		gp_explain_line(w, "  level",
		    "%.1f of %.0f with this message's %.0f: %s", c->made->level,
		    c->charge->rule.capacity, c->charge->cost,
		    outcome_of(w, c->made));
	else
		gp_explain_line(w, "  costs", "%.0f of %.0f", c->charge->cost,
		    c->charge->rule.capacity);
}

static void
limit_lines(const struct gp_explain_writer *w, const struct gp_rate_gate *gate)
{
	const struct gp_explain_charges all = gp_explain_charges(w->x);
	const struct gp_explain_daemon *d = w->x->daemon;
	struct gp_origin rule;
	const char *why = gp_rate_gate_senders(gate, &rule);

	if (why != NULL)
		gp_explain_line(w, "senders", "%s%s", why,
		    gp_explain_place(w, rule));
	if (all.n == 0)
		gp_explain_line(w, "limit", "none applies");
	if (d->failed)
		gp_explain_line(w, "levels", "not known: %s", d->err.msg);
	else if (all.n > 0 && !d->asked)
		gp_explain_line(w, "levels", "not known: nobody was asked");
	if (w->x->other_policy)
		gp_explain_line(w, "note",
		    "gatepost-rate has not read this policy yet: gatepost "
		    "reload");
	for (size_t i = 0; i < all.n; i++)
		charge_lines(w, &all.v[i]);
}

void
gp_explain_limits(const struct gp_explain_writer *w)
{
	const struct gp_explain_filter *f = &w->x->filters[GP_EXPLAIN_RATE];
	const struct gp_rate_gate *gate =
	    f->msg == NULL ? NULL : gp_filter_rate_gate(f->msg);

	if (f->msg != NULL && f->msg->direction == GP_INBOUND) {
		gp_explain_head(w, "limits", "none: the mail is not ours");
		return;
	}
	if (gate == NULL && f->msg != NULL) {
		gp_explain_head(w, "limits",
		    "none: a null sender without a login is exempt");
		return;
	}
	if (gate == NULL || !gp_explain_ran(w, GP_EXPLAIN_RATE)) {
		if (gate != NULL && gp_explain_charges(w->x).n > 0)
			limit_lines(w, gate);
		return;
	}
	gp_explain_head(w, "limits", "%s", gp_action_name(f->verdict.action));
	limit_lines(w, gate);
	gp_explain_lookups(w, GP_EXPLAIN_RATE);
}
