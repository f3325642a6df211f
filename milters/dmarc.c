/*
 * gatepost-dmarc - evaluate DMARC from the sealed results of our own filters,
 * act on it, and write the one Authentication-Results field.
 *
 *   RCPT         remember whose policies hold
 *   header, EOH  keep the fields; start asking for the author's record
 *   EOM          take the sealed results, evaluate, decide, report, and keep
 *                a record; outbound: is it fit to leave?
 *
 * What a result is, is in core/dmarc; what it means, in core/dmarc_decide.
 * There is no state but struct message; mta/dmarc_check has what outlives it.
 */
#include "base/time.h"
#include "core/dmarc_authres.h"
#include "core/dmarc_signs.h"
#include "core/mailbox.h"
#include "io/clock.h"
#include "mta/dmarc_check.h"
#include "mta/milter.h"
#include "mta/preflight_check.h"

#include <stdio.h>
#include <string.h>

/* At the end of the process: within what is left of its 6 s. */
#define STOP_US (800 * GP_US_PER_MS)

struct message {
	struct gp_header header;
	struct gp_author author;
	const char *trouble; /* why there is no Author Domain */
	enum gp_rc authored;
	bool found; /* the three above are set */
	struct gp_dns_held *held;
	struct gp_dmarc_policies policies;
	bool evaluated; /* what follows is set */
	struct gp_dmarc_inputs inputs;
	struct gp_dmarc_outcome outcome;
	struct gp_dmarc_case c;
	struct gp_dmarc_decision decision;
	struct gp_preflight_result preflight; /* outbound */
};

static const struct gp_globals *
globals(const struct gp_msg *m)
{
	return gp_config_globals(m->session->env->config);
}

/* Is any of our mail looked at before it leaves? */
static bool
wants_preflight(const struct gp_msg *m)
{
	return ((const struct gp_dmarc_tables *)m->session->env->own)
	    ->preflight;
}

/* -- envelope and header -----------------------------------------------------
 */

static void
dmarc_on_rcpt(struct gp_msg *m, const struct gp_addr *rcpt)
{
	struct message *dmarc = m->state;

	gp_dmarc_policies_add(&dmarc->policies, m->session->env->config,
	    rcpt->domain);
}

static void
dmarc_on_header(struct gp_msg *m, struct gp_str name, struct gp_str value)
{
	struct message *dmarc = m->state;

	if (m->direction == GP_INBOUND || wants_preflight(m))
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

/* -- end of message ---------------------------------------------------------
 */

static void
find_signs(struct gp_msg *m, struct message *dmarc)
{
	const struct gp_dmarc_tables *own = m->session->env->own;
	const char *domain = dmarc->outcome.policy_domain;
	const int64_t now_s = gp_clock_wall_s();
	const struct gp_dmarc_mail mail = { .author = dmarc->author.domain,
		.client = &m->session->connect.client,
		.header = &dmarc->header };
	struct gp_dmarc_case *c = &dmarc->c;

	c->signs =
	    gp_dmarc_signs_find(m->session->env->config, &mail, &dmarc->inputs);
	c->signs.known_client =
	    domain != NULL &&
	    gp_dmarc_known_has(own->known, mail.client, domain, now_s);
	c->override = gp_dmarc_override_find(globals(m), &mail, now_s);
}

/* Its MAIL FROM identity (RFC 7208 2.4). */
static const char *
claimed_sender(struct gp_msg *m)
{
	char helo[GP_DOMAIN_TEXT];

	if (!m->sender.is_null)
		return m->sender.domain;
	return gp_domain_normalize(gp_str(m->session->helo), helo, NULL) ==
	               GP_OK
	           ? gp_arena_strdup(m->arena, helo)
	           : NULL;
}

static const char *
find_unheard(struct gp_msg *m, struct message *dmarc,
    const struct gp_dmarc_checker *with)
{
	const struct gp_dmarc_claims claims = { .author = dmarc->author.domain,
		.sender = claimed_sender(m),
		.header = &dmarc->header };

	return gp_dmarc_unheard(with, &m->dns, &claims, &dmarc->inputs);
}

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
	find_signs(m, dmarc);
	if (dmarc->outcome.result == GP_DMARC_R_FAIL)
		c->unheard = find_unheard(m, dmarc, &with);
	if (dmarc->outcome.result == GP_DMARC_R_PASS)
		gp_dmarc_known_add(own->known, &m->session->connect.client,
		    dmarc->outcome.policy_domain, gp_clock_wall_s());
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

/* Would receivers take this message of ours? */
static struct gp_verdict
look_before_leaving(struct gp_msg *m, struct message *dmarc)
{
	const struct gp_session *s = m->session;
	const struct gp_dmarc_tables *own = s->env->own;
	const char *helo = s->connect.mta_name;
	const struct gp_preflight_checker with = { .arena = m->arena,
		.config = s->env->config,
		.metrics = s->app->metrics,
		.psl = own->psl };
	const struct gp_preflight_mail mail = { .header = &dmarc->header,
		.sender = &m->sender,
		.sender_readable = m->sender_readable,
		.helo = helo == NULL ? s->app->host : helo,
		.bounce = s->connect.local && m->sender.is_null };

	if (!wants_preflight(m))
		return gp_continue();
	gp_msg_deadline(m, globals(m)->dmarc.timeout_ms);
	dmarc->preflight = gp_preflight_check(&with, &m->dns, &mail);
	return dmarc->preflight.verdict;
}

static void
keep_record(struct gp_msg *m, const struct message *dmarc,
    const struct gp_verdict *v)
{
	const struct gp_dmarc_tables *own = m->session->env->own;
	const struct gp_dmarc_checking *how = &globals(m)->dmarc;
	const struct gp_record_source source = { .time_s = gp_clock_wall_s(),
		.client = &m->session->connect.client,
		.null_sender = m->sender.is_null,
		.mail_from = m->sender.domain,
		.discovery = how->discovery,
		.inputs = &dmarc->inputs,
		.c = &dmarc->c,
		.done = &dmarc->decision,
		.verdict = v };

	gp_dmarc_records_keep(own->records, how, &source, m->arena);
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
		return look_before_leaving(m, dmarc);
	if (!dmarc->found)
		find_author(m, dmarc); /* an MTA may leave EOH out */
	gp_dmarc_inputs_read(sealed, n, m->sender.is_null, m->arena,
	    &dmarc->inputs);
	count_unsealed(m, &dmarc->inputs);
	gp_msg_deadline(m, globals(m)->dmarc.timeout_ms);
	m->dns.held = dmarc->held;
	evaluate(m, dmarc);
	if (dmarc->policies.n == 0)
		gp_dmarc_policies_add(&dmarc->policies, m->session->env->config,
		    NULL);
	v = gp_dmarc_most_lenient(&dmarc->policies, &dmarc->c, m->arena,
	    &dmarc->decision);
	gp_dmarc_authres(sealed, n, &dmarc->c, m->arena, &ar);
	gp_msg_add_last_authres(m, &ar);
	if (v.disposition == GP_DO_HOLD && !v.monitored)
		gp_msg_hold(m, "DMARC");
	keep_record(m, dmarc, &v);
	return v;
}

static void
dmarc_describe(const struct gp_msg *m, struct gp_logline *line)
{
	const struct message *dmarc = m->state;

	if (dmarc->preflight.judged)
		gp_preflight_describe(&dmarc->preflight.found, line);
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
dmarc_open(const struct gp_opening *with, void **out,
    struct gp_problems *problems)
{
	struct gp_dmarc_tables *tables;
	enum gp_rc rc = gp_dmarc_tables_open(with, &tables, problems);

	*out = tables;
	return rc;
}

static void
dmarc_close(void *own)
{
	gp_dmarc_tables_close(own);
}

static void
dmarc_stop(void *own)
{
	const struct gp_dmarc_tables *tables = own;

	gp_dmarc_records_flush(tables->records,
	    gp_time_add(gp_clock_us(), STOP_US));
}

static const struct gp_milter dmarc_milter = {
	.name = "dmarc",
	.state_size = sizeof(struct message),
	.on_rcpt_noted = dmarc_on_rcpt,
	.on_header = dmarc_on_header,
	.on_eoh = dmarc_on_eoh,
	.on_eom = dmarc_on_eom,
	.describe = dmarc_describe,
	.open = dmarc_open,
	.close = dmarc_close,
	.stop = dmarc_stop,
};

int
main(int argc, char **argv)
{
	return gp_milter_main(&dmarc_milter, argc, argv);
}
