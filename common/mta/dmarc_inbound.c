/* See dmarc_inbound.h. */
#include "mta/dmarc_inbound.h"

#include "core/dmarc_authres.h"
#include "core/dmarc_signs.h"
#include "io/clock.h"

#include <stdio.h>

static const struct gp_globals *
globals(const struct gp_msg *m)
{
	return gp_config_globals(m->session->env->config);
}

static void
find_author(struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_header *header)
{
	struct gp_err err = { .msg = "" };

	in->found = true;
	in->authored = gp_author_find(header, m->arena, &in->author, &err);
	if (in->authored != GP_OK)
		in->trouble = gp_arena_strdup(m->arena, err.msg);
}

static void
free_held(void *held)
{
	gp_dns_held_free(*(struct gp_dns_held **)held);
}

void
gp_dmarc_inbound_eoh(struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_header *header)
{
	char name[GP_DOMAIN_TEXT + 8];

	find_author(in, m, header);
	if (in->authored != GP_OK)
		return;
	(void)snprintf(name, sizeof(name), "_dmarc.%s", in->author.domain);
	gp_msg_deadline(m, globals(m)->dmarc.timeout_ms);
	gp_dns_prefetch(&m->dns, name, GP_DNS_TXT, &in->held);
	gp_arena_on_clear(m->arena, free_held, &in->held);
}

/* -- evaluation -------------------------------------------------------- */

static void
find_signs(struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_header *header)
{
	const struct gp_dmarc_tables *own = m->session->env->own;
	const char *domain = in->outcome.policy_domain;
	const int64_t now_s = gp_clock_wall_s();
	const struct gp_dmarc_mail mail = { .author = in->author.domain,
		.client = &m->session->connect.client,
		.header = header };
	struct gp_dmarc_case *c = &in->c;

	c->signs =
	    gp_dmarc_signs_find(m->session->env->config, &mail, &in->inputs);
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
find_unheard(struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_header *header, const struct gp_dmarc_checker *with)
{
	const struct gp_dmarc_claims claims = { .author = in->author.domain,
		.sender = claimed_sender(m),
		.header = header };

	return gp_dmarc_unheard(with, &m->dns, &claims, &in->inputs);
}

static void
evaluate(struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_header *header)
{
	const struct gp_dmarc_tables *own = m->session->env->own;
	const struct gp_dmarc_checker with = { .arena = m->arena,
		.how = &globals(m)->dmarc,
		.metrics = m->session->app->metrics,
		.psl = own->psl };
	struct gp_dmarc_case *c = &in->c;

	in->evaluated = true;
	c->no_from = in->authored == GP_NONE;
	c->trouble = in->trouble;
	if (in->authored != GP_OK) {
		gp_metrics_add(m->session->app->metrics, GP_M_DMARC_RESULTS,
		    GP_DMARC_R_PERMERROR, 1);
		return;
	}
	c->author = in->author.domain;
	in->outcome = gp_dmarc_check(&with, &m->dns, c->author, &in->inputs);
	c->outcome = &in->outcome;
	find_signs(in, m, header);
	if (in->outcome.result == GP_DMARC_R_FAIL)
		c->unheard = find_unheard(in, m, header, &with);
	if (in->outcome.result == GP_DMARC_R_PASS)
		gp_dmarc_known_add(own->known, &m->session->connect.client,
		    in->outcome.policy_domain, gp_clock_wall_s());
}

static void
count_unsealed(const struct gp_msg *m, const struct gp_dmarc_inputs *inputs)
{
	if (!inputs->spf_seen)
		gp_metrics_add(m->session->app->metrics, GP_M_DMARC_UNSEALED, 0,
		    1);
	if (!inputs->dkim_seen)
		gp_metrics_add(m->session->app->metrics, GP_M_DMARC_UNSEALED, 1,
		    1);
}

static void
keep_record(const struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_verdict *v)
{
	const struct gp_dmarc_tables *own = m->session->env->own;
	const struct gp_dmarc_checking *how = &globals(m)->dmarc;
	const struct gp_record_source source = { .time_s = gp_clock_wall_s(),
		.client = &m->session->connect.client,
		.null_sender = m->sender.is_null,
		.mail_from = m->sender.domain,
		.discovery = how->discovery,
		.inputs = &in->inputs,
		.c = &in->c,
		.done = &in->decision,
		.verdict = v };

	gp_dmarc_records_keep(own->records, how, &source, m->arena);
}

/* -- end of message ---------------------------------------------------- */

struct gp_verdict
gp_dmarc_inbound_end(struct gp_dmarc_inbound *in, struct gp_msg *m,
    const struct gp_header *header, const struct gp_authres *sealed, size_t n)
{
	struct gp_authres ar;
	struct gp_verdict v;

	if (!in->found)
		find_author(in, m, header); /* an MTA may leave EOH out */
	gp_dmarc_inputs_read(sealed, n, m->sender.is_null, m->arena,
	    &in->inputs);
	count_unsealed(m, &in->inputs);
	gp_msg_deadline(m, globals(m)->dmarc.timeout_ms);
	m->dns.held = in->held;
	evaluate(in, m, header);
	if (in->policies.n == 0)
		gp_dmarc_policies_add(&in->policies, m->session->env->config,
		    NULL);
	v = gp_dmarc_most_lenient(&in->policies, &in->c, m->arena,
	    &in->decision);
	gp_dmarc_authres(sealed, n, &in->c, m->arena, &ar);
	gp_msg_add_last_authres(m, &ar);
	if (v.disposition == GP_DO_HOLD && !v.monitored)
		gp_msg_hold(m, "DMARC");
	keep_record(in, m, &v);
	return v;
}

void
gp_dmarc_inbound_describe(const struct gp_dmarc_inbound *in,
    struct gp_logline *line)
{
	if (!in->evaluated)
		return;
	gp_dmarc_describe(&in->c, &in->decision, line);
	if (!in->inputs.spf_seen)
		gp_logline_adds(line, "no-results-of", "spf");
	if (!in->inputs.dkim_seen)
		gp_logline_adds(line, "no-results-of", "dkim");
}
