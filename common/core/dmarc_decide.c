/* See dmarc_decide.h. */
#include "core/dmarc_decide.h"

const char *
gp_dmarc_reason_name(enum gp_dmarc_reason r)
{
	switch (r) {
	case GP_DMARC_LOCAL_POLICY:
		return "local_policy";
	case GP_DMARC_MAILING_LIST:
		return "mailing_list";
	case GP_DMARC_OTHER:
		return "other";
	case GP_DMARC_TEST_MODE:
		return "policy_test_mode";
	case GP_DMARC_TRUSTED_FORWARDER:
		return "trusted_forwarder";
	case GP_DMARC_AS_ASKED:
		break;
	}
	return "";
}

/* -- overrides --------------------------------------------------------- */

/* The recipient's policy with the override's words over its own. */
static struct gp_dmarc_policy
with_override(const struct gp_dmarc_policy *policy,
    const struct gp_override_policy *o)
{
	static const enum gp_dmarc_reject rejects[] = {
		[GP_OVERRIDE_NEVER] = GP_DMARC_NEVER,
		[GP_OVERRIDE_CORROBORATED] = GP_DMARC_CORROBORATED,
		[GP_OVERRIDE_ALWAYS] = GP_DMARC_ALWAYS,
	};
	static const enum gp_disposition quarantines[] = {
		[GP_OVERRIDE_TAG] = GP_DO_TAG,
		[GP_OVERRIDE_HOLD] = GP_DO_HOLD,
		[GP_OVERRIDE_REJECT] = GP_DO_REJECT,
	};
	struct gp_dmarc_policy out = *policy;

	if (o->reject != GP_OVERRIDE_REJECT_UNSET)
		out.reject = rejects[o->reject];
	if (o->quarantine != GP_OVERRIDE_QUARANTINE_UNSET)
		out.quarantine = quarantines[o->quarantine];
	return out;
}

/* -- the decision ------------------------------------------------------ */

static struct gp_dmarc_decision
let_through(enum gp_dmarc_reason reason, const char *comment)
{
	return (struct gp_dmarc_decision){ .disposition = GP_DO_TAG,
		.applied = GP_DMARC_NONE,
		.reason = reason,
		.comment = comment };
}

/* The word of the operator for one kind of trouble. */
static struct gp_dmarc_decision
by_word(enum gp_disposition word, const char *comment)
{
	return (struct gp_dmarc_decision){ .disposition = word,
		.applied =
		    word == GP_DO_REJECT ? GP_DMARC_REJECT : GP_DMARC_NONE,
		.comment = comment };
}

static struct gp_dmarc_decision
quarantine(const struct gp_dmarc_policy *policy, enum gp_dmarc_reason reason,
    const char *comment)
{
	return (struct gp_dmarc_decision){ .disposition = policy->quarantine,
		.applied = policy->quarantine == GP_DO_REJECT
		               ? GP_DMARC_REJECT
		               : GP_DMARC_QUARANTINE,
		.reason = reason,
		.comment = comment };
}

static struct gp_dmarc_decision
reject(const char *comment)
{
	return (struct gp_dmarc_decision){ .disposition = GP_DO_REJECT,
		.applied = GP_DMARC_REJECT,
		.comment = comment };
}

/* What speaks for a detour of honest mail; NULL: nothing does. */
static const char *
detour(const struct gp_dmarc_signs *s, enum gp_dmarc_reason *reason)
{
	*reason = GP_DMARC_MAILING_LIST;
	if (s->list)
		return "it came by a mailing list";
	*reason = GP_DMARC_OTHER;
	if (s->broken_aligned)
		return "it has an aligned signature that was broken on the way";
	if (s->known_client)
		return "this client has sent aligned mail of the domain before";
	return NULL;
}

/* The domain asks for reject. */
static struct gp_dmarc_decision
asked_to_reject(const struct gp_dmarc_policy *policy,
    const struct gp_dmarc_signs *signs)
{
	enum gp_dmarc_reason reason;
	const char *why;

	switch (policy->reject) {
	case GP_DMARC_ALWAYS:
		return reject("its policy is reject");
	case GP_DMARC_CORROBORATED:
		if (signs->own_domain)
			return reject("the domain is one of ours");
		why = detour(signs, &reason);
		if (why == NULL)
			return reject("its policy is reject and nothing speaks"
				      " for a detour");
		return quarantine(policy, reason, why);
	case GP_DMARC_NEVER:
		break;
	}
	return quarantine(policy, GP_DMARC_LOCAL_POLICY,
	    "nothing is rejected for DMARC here");
}

/* The domain asks for something. */
static struct gp_dmarc_decision
asked_for_more(const struct gp_dmarc_policy *policy,
    const struct gp_dmarc_case *c)
{
	const struct gp_dmarc_outcome *o = c->outcome;
	struct gp_dmarc_decision d;

	if (c->signs.forwarder)
		return let_through(GP_DMARC_TRUSTED_FORWARDER,
		    "the client is a listed forwarder");
	if (o->policy == GP_DMARC_REJECT)
		return asked_to_reject(policy, &c->signs);
	d = quarantine(policy, GP_DMARC_AS_ASKED, "its policy is quarantine");
	if (o->asked != o->policy)
		d.reason = GP_DMARC_TEST_MODE;
	else if (d.applied == GP_DMARC_REJECT)
		d.reason = GP_DMARC_LOCAL_POLICY;
	return d;
}

static struct gp_dmarc_decision
overridden(const struct gp_dmarc_policy *policy, const struct gp_dmarc_case *c)
{
	const struct gp_override_policy *o = c->override;
	const struct gp_dmarc_policy words = with_override(policy, o);
	struct gp_dmarc_decision d;

	if (o->dmarc == GP_OVERRIDE_NONE)
		return let_through(o->reason, o->label);
	d = asked_for_more(&words, c);
	d.comment = o->label;
	if (d.applied != c->outcome->policy)
		d.reason = o->reason;
	return d;
}

static struct gp_dmarc_decision
failed(const struct gp_dmarc_policy *policy, const struct gp_dmarc_case *c)
{
	const struct gp_dmarc_outcome *o = c->outcome;

	if (o->policy == GP_DMARC_NONE)
		return let_through(o->asked == GP_DMARC_NONE
				       ? GP_DMARC_AS_ASKED
				       : GP_DMARC_TEST_MODE,
		    "its policy asks for nothing");
	if (c->unheard != NULL)
		return let_through(GP_DMARC_LOCAL_POLICY, c->unheard);
	return c->override == NULL ? asked_for_more(policy, c)
	                           : overridden(policy, c);
}

struct gp_dmarc_decision
gp_dmarc_decide(const struct gp_dmarc_policy *policy,
    const struct gp_dmarc_case *c)
{
	if (c->author == NULL)
		return by_word(c->no_from ? policy->no_from
					  : policy->multi_from,
		    c->trouble);
	switch (c->outcome->result) {
	case GP_DMARC_R_TEMPERROR:
		return by_word(policy->temperror, c->outcome->reason);
	case GP_DMARC_R_FAIL:
		return failed(policy, c);
	case GP_DMARC_R_NONE:
	case GP_DMARC_R_PASS:
	case GP_DMARC_R_PERMERROR:
	case GP_DMARC_RESULTS:
		break;
	}
	return let_through(GP_DMARC_AS_ASKED, "nothing is to be done");
}

/* -- the reply --------------------------------------------------------- */

static const char *
option_of(const struct gp_dmarc_case *c)
{
	if (c->author == NULL)
		return c->no_from ? "dmarc.no-from" : "dmarc.multi-from";
	if (c->outcome->result == GP_DMARC_R_TEMPERROR)
		return "dmarc.temperror";
	if (c->outcome->result != GP_DMARC_R_FAIL)
		return "none";
	return c->outcome->policy == GP_DMARC_REJECT ? "dmarc.reject"
	                                             : "dmarc.quarantine";
}

static const char *
reply_text(const struct gp_dmarc_decision *d, const struct gp_dmarc_case *c,
    struct gp_arena *arena)
{
	if (c->author == NULL)
		return gp_arena_printf(arena,
		    "the author of this message can not be told (DMARC): %s",
		    d->comment);
	if (c->outcome->result == GP_DMARC_R_TEMPERROR)
		return gp_arena_printf(arena,
		    "DMARC check of %s not possible now: %s", c->author,
		    d->comment);
	return gp_arena_printf(arena,
	    "DMARC check of %s failed: %s; policy %s of %s: %s", c->author,
	    c->outcome->reason, gp_dmarc_request_name(c->outcome->policy),
	    c->outcome->policy_domain, d->comment);
}

struct gp_verdict
gp_dmarc_verdict(const struct gp_dmarc_policy *policy,
    const struct gp_dmarc_decision *d, const struct gp_dmarc_case *c,
    struct gp_arena *arena)
{
	struct gp_verdict v = gp_continue();

	if (policy->mode == GP_ENFORCE && d->disposition == GP_DO_REJECT)
		return gp_reject("5.7.1", reply_text(d, c, arena),
		    option_of(c));
	if (policy->mode == GP_ENFORCE && d->disposition == GP_DO_TEMPFAIL)
		return gp_tempfail("4.7.1", reply_text(d, c, arena),
		    option_of(c));
	v.why = option_of(c);
	v.disposition = d->disposition;
	v.monitored = policy->mode == GP_MONITOR && d->disposition != GP_DO_TAG;
	return v;
}

/* -- several recipients ------------------------------------------------ */

void
gp_dmarc_policies_add(struct gp_dmarc_policies *all,
    const struct gp_config *config, const char *domain)
{
	const struct gp_dmarc_policy *policy;

	if (all->n >= GP_DMARC_POLICIES_MAX - 1)
		domain = NULL;
	policy = &gp_policy_for(config, domain)->dmarc;
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i] == policy)
			return;
	all->v[all->n++] = policy;
}

static unsigned
weight(const struct gp_verdict *v)
{
	return v->monitored ? 0 : gp_disposition_severity(v->disposition);
}

/* What becomes of it under this mode. */
static struct gp_dmarc_decision
carried_out(struct gp_dmarc_decision d, enum gp_mode mode,
    struct gp_arena *arena)
{
	if (mode != GP_MONITOR || d.applied == GP_DMARC_NONE)
		return d;
	d.applied = GP_DMARC_NONE;
	d.reason = GP_DMARC_LOCAL_POLICY;
	d.comment = gp_arena_printf(arena, "mode is monitor; %s", d.comment);
	return d;
}

struct gp_verdict
gp_dmarc_most_lenient(const struct gp_dmarc_policies *all,
    const struct gp_dmarc_case *c, struct gp_arena *arena,
    struct gp_dmarc_decision *out)
{
	struct gp_verdict best = gp_continue();

	for (size_t i = 0; i < all->n; i++) {
		struct gp_dmarc_decision d = gp_dmarc_decide(all->v[i], c);
		struct gp_verdict v = gp_dmarc_verdict(all->v[i], &d, c, arena);

		if (i > 0 && weight(&v) >= weight(&best))
			continue;
		best = v;
		*out = carried_out(d, all->v[i]->mode, arena);
	}
	return best;
}
