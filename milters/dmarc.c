/*
 * gatepost-dmarc - evaluate DMARC from the sealed results of our own filters,
 * act on it, and write the one Authentication-Results field.
 *
 *   RCPT         remember whose policies hold
 *   header, EOH  keep the fields; start asking for the author's record
 *   EOM          take the sealed results, evaluate, decide, report
 *
 * What a result is, is in core/dmarc; what it means, in core/dmarc_decide.
 * There is no state but struct message; mta/dmarc_check has what outlives it.
 */
#include "core/dmarc_authres.h"
#include "core/dmarc_input.h"
#include "core/mailbox.h"
#include "io/clock.h"
#include "mta/dmarc_check.h"
#include "mta/milter.h"

#include <stdio.h>
#include <string.h>

/* Different policies of recipients that are told apart; the rest shares the
 * global one. */
#define POLICIES_MAX 64

struct message {
	struct gp_header header;
	struct gp_author author;
	const char *trouble; /* why there is no Author Domain */
	enum gp_rc authored;
	bool found; /* the three above are set */
	struct gp_dns_held *held;
	size_t n_policies;
	const struct gp_dmarc_policy *policies[POLICIES_MAX];
	bool evaluated; /* what follows is set */
	struct gp_dmarc_inputs inputs;
	struct gp_dmarc_outcome outcome;
	struct gp_dmarc_case c;
	struct gp_dmarc_decision decision;
};

static const struct gp_globals *
globals(const struct gp_msg *m)
{
	return gp_config_globals(m->session->env->config);
}

/* -- envelope and header -----------------------------------------------------
 */

static void
add_policy(struct message *dmarc, const struct gp_dmarc_policy *policy)
{
	for (size_t i = 0; i < dmarc->n_policies; i++)
		if (dmarc->policies[i] == policy)
			return;
	dmarc->policies[dmarc->n_policies++] = policy;
}

static struct gp_verdict
dmarc_on_rcpt(struct gp_msg *m, const struct gp_addr *rcpt)
{
	const struct gp_config *config = m->session->env->config;
	struct message *dmarc = m->state;
	const char *domain = rcpt->domain;

	if (dmarc->n_policies >= POLICIES_MAX - 1)
		domain = NULL;
	add_policy(dmarc, &gp_policy_for(config, domain)->dmarc);
	return gp_continue();
}

static void
dmarc_on_header(struct gp_msg *m, struct gp_str name, struct gp_str value)
{
	struct message *dmarc = m->state;

	if (m->direction == GP_INBOUND)
		gp_header_add(&dmarc->header, m->arena, name, value);
}

static void
find_author(struct gp_msg *m, struct message *dmarc)
{
	struct gp_err err = { .msg = "" };

	dmarc->found = true;
	dmarc->authored =
	    gp_author_find(&dmarc->header, m->arena, &dmarc->author, &err);
	if (dmarc->authored != GP_OK)
		dmarc->trouble = gp_arena_strdup(m->arena, err.msg);
}

static void
free_held(void *held)
{
	gp_dns_held_free(*(struct gp_dns_held **)held);
}

static void
dmarc_on_eoh(struct gp_msg *m)
{
	struct message *dmarc = m->state;
	char name[GP_DOMAIN_TEXT + 8];

	if (m->direction == GP_OUTBOUND)
		return;
	find_author(m, dmarc);
	if (dmarc->authored != GP_OK)
		return;
	(void)snprintf(name, sizeof(name), "_dmarc.%s", dmarc->author.domain);
	gp_msg_deadline(m, globals(m)->dmarc.timeout_ms);
	gp_dns_prefetch(&m->dns, name, GP_DNS_TXT, &dmarc->held);
	gp_arena_on_clear(m->arena, free_held, &dmarc->held);
}

/* -- what else is known
 * --------------------------------------------------------- */

static bool
is_forwarder(const struct gp_prefixes *list, const struct gp_ip *client)
{
	for (size_t i = 0; i < list->n; i++)
		if (gp_prefix_has(&list->v[i], client))
			return true;
	return false;
}

/* A signature of the author's own tree that did not pass. */
static bool
has_broken(const struct gp_dmarc_inputs *in, const char *author)
{
	for (size_t i = 0; i < in->n_signatures; i++) {
		const struct gp_dmarc_signature *s = &in->signatures[i];

		if (s->domain != NULL &&
		    gp_str_eq_nocase(s->result, GP_STR("fail")) &&
		    (strcmp(s->domain, author) == 0 ||
			gp_domain_is_below(s->domain, author) ||
			gp_domain_is_below(author, s->domain)))
			return true;
	}
	return false;
}

static struct gp_dmarc_signs
signs_of(const struct gp_msg *m, const struct message *dmarc)
{
	const struct gp_dmarc_tables *own = m->session->env->own;
	const struct gp_ip *client = &m->session->connect.client;
	const struct gp_config *config = m->session->env->config;
	const char *author = dmarc->author.domain;
	const char *domain = dmarc->outcome.policy_domain;

	return (struct gp_dmarc_signs){
		.own_domain = gp_policy_for(config, author)->domain != NULL,
		.list =
		    gp_header_count(&dmarc->header, GP_STR("List-Id")) +
			gp_header_count(&dmarc->header, GP_STR("List-Post")) >
		    0,
		.broken_aligned = has_broken(&dmarc->inputs, author),
		.forwarder =
		    is_forwarder(&globals(m)->trust.forwarders, client),
		.known_client =
		    domain != NULL && gp_dmarc_known_has(own->known, client,
					  domain, gp_clock_wall_s()),
	};
}

/* -- end of message
 * ---------------------------------------------------------------- */

static void
evaluate(struct gp_msg *m, struct message *dmarc)
{
	const struct gp_dmarc_tables *own = m->session->env->own;
	const struct gp_dmarc_checker with = { .arena = m->arena,
		.how = &globals(m)->dmarc,
		.metrics = m->session->app->metrics,
		.psl = own->psl };
	struct gp_dmarc_case *c = &dmarc->c;

	dmarc->evaluated = true;
	c->no_from = dmarc->authored == GP_NONE;
	c->trouble = dmarc->trouble;
	if (dmarc->authored != GP_OK) {
		gp_metrics_add(m->session->app->metrics, GP_M_DMARC_RESULTS,
		    GP_DMARC_R_PERMERROR, 1);
		return;
	}
	c->author = dmarc->author.domain;
	dmarc->outcome =
	    gp_dmarc_check(&with, &m->dns, c->author, &dmarc->inputs);
	c->outcome = &dmarc->outcome;
	c->signs = signs_of(m, dmarc);
	c->override = gp_dmarc_override_find(globals(m),
	    &(struct gp_dmarc_overridable){ .author = c->author,
		.client = &m->session->connect.client,
		.header = &dmarc->header },
	    gp_clock_wall_s());
	if (dmarc->outcome.result == GP_DMARC_R_PASS)
		gp_dmarc_known_add(own->known, &m->session->connect.client,
		    dmarc->outcome.policy_domain, gp_clock_wall_s());
}

static unsigned
weight(const struct gp_verdict *v)
{
	return v->monitored ? 0 : gp_disposition_severity(v->disposition);
}

/* One message, one fate: the most lenient recipient decides. */
static struct gp_verdict
decide(struct gp_msg *m, struct message *dmarc)
{
	struct gp_verdict best = gp_continue();

	if (dmarc->n_policies == 0)
		add_policy(dmarc,
		    &gp_policy_for(m->session->env->config, NULL)->dmarc);
	for (size_t i = 0; i < dmarc->n_policies; i++) {
		const struct gp_dmarc_policy *p = dmarc->policies[i];
		struct gp_dmarc_decision d = gp_dmarc_decide(p, &dmarc->c);
		struct gp_verdict v =
		    gp_dmarc_verdict(p, &d, &dmarc->c, m->arena);

		if (i > 0 && weight(&v) >= weight(&best))
			continue;
		best = v;
		dmarc->decision = d;
	}
	return best;
}

static void
count_unsealed(const struct gp_msg *m, const struct gp_dmarc_inputs *in)
{
	if (!in->spf_seen)
		gp_metrics_add(m->session->app->metrics, GP_M_DMARC_UNSEALED, 0,
		    1);
	if (!in->dkim_seen)
		gp_metrics_add(m->session->app->metrics, GP_M_DMARC_UNSEALED, 1,
		    1);
}

static struct gp_verdict
dmarc_on_eom(struct gp_msg *m)
{
	struct message *dmarc = m->state;
	const struct gp_authres *sealed;
	struct gp_authres ar;
	struct gp_verdict v;
	size_t n;

	sealed = gp_msg_take_authres(m, &n);
	if (m->direction == GP_OUTBOUND)
		return gp_continue();
	if (!dmarc->found)
		find_author(m, dmarc); /* an MTA may leave EOH out */
	gp_dmarc_inputs_read(sealed, n, m->sender.is_null, m->arena,
	    &dmarc->inputs);
	count_unsealed(m, &dmarc->inputs);
	gp_msg_deadline(m, globals(m)->dmarc.timeout_ms);
	m->dns.held = dmarc->held;
	evaluate(m, dmarc);
	v = decide(m, dmarc);
	gp_dmarc_authres(sealed, n, &dmarc->c, m->arena, &ar);
	gp_msg_add_last_authres(m, &ar);
	if (v.disposition == GP_DO_HOLD && !v.monitored)
		gp_msg_hold(m, "DMARC");
	return v;
}

static void
dmarc_describe(const struct gp_msg *m, struct gp_logline *line)
{
	const struct message *dmarc = m->state;

	if (!dmarc->evaluated)
		return;
	gp_dmarc_describe(&dmarc->c, &dmarc->decision, line);
	if (!dmarc->inputs.spf_seen)
		gp_logline_adds(line, "no-results-of", "spf");
	if (!dmarc->inputs.dkim_seen)
		gp_logline_adds(line, "no-results-of", "dkim");
}

/* -- what outlives a message --------------------------------------------------
 */

static enum gp_rc
dmarc_open(const struct gp_config *config, const void *old,
    struct gp_metrics *metrics, void **out, struct gp_problems *problems)
{
	struct gp_dmarc_tables *tables;
	enum gp_rc rc = gp_dmarc_tables_open(config, old, &tables, problems);

	(void)metrics;
	*out = tables;
	return rc;
}

static void
dmarc_close(void *own)
{
	gp_dmarc_tables_close(own);
}

static const struct gp_milter dmarc_milter = {
	.name = "dmarc",
	.state_size = sizeof(struct message),
	.on_rcpt = dmarc_on_rcpt,
	.on_header = dmarc_on_header,
	.on_eoh = dmarc_on_eoh,
	.on_eom = dmarc_on_eom,
	.describe = dmarc_describe,
	.open = dmarc_open,
	.close = dmarc_close,
};

int
main(int argc, char **argv)
{
	return gp_milter_main(&dmarc_milter, argc, argv);
}
