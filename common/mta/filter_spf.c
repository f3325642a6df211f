/*
 * gatepost-spf - verify the sender's SPF record and act on the result.
 *
 *   MAIL   check MAIL FROM, then HELO (RFC 7208 2.3, 2.4), once a message
 *   RCPT   decide, by the policy of the recipient's domain
 *   EOM    remove forged Authentication-Results, add ours, hold if so decided
 *
 * What a result means is core/spf_policy.c; how DNS is asked is
 * mta/spf_check.c.  There is no state but struct gp_spf_message.
 */
#include "mta/filter.h"

#include "core/spf_policy.h"
#include "mta/spf_check.h"

static void
spf_on_mail(struct gp_msg *m)
{
	const struct gp_spf_checking *how =
	    &gp_config_globals(m->session->env->config)->spf;
	const struct gp_spf_checker checker = { .arena = m->arena,
		.how = how,
		.metrics = m->session->app->metrics,
		.receiver = m->session->app->host };
	struct gp_spf_message *spf = m->state;
	const char *helo = m->session->helo;
	unsigned queries = GP_SPF_QUERIES_MAX;
	struct gp_spf_identity id;

	if (m->direction == GP_OUTBOUND)
		return;
	gp_msg_deadline(m, how->timeout_ms);
	id = gp_spf_identity_mail_from(&m->sender, m->sender_readable, helo,
	    m->arena);
	spf->by_helo = m->sender.is_null;
	spf->client = m->session->connect.client;
	spf->explanation = how->explanation;
	spf->mail_from =
	    gp_spf_check(&checker, &m->dns, &spf->client, helo, &id, &queries);
	if (spf->by_helo || !m->sender_readable || !how->helo)
		return;
	id = gp_spf_identity_helo(helo, m->arena);
	if (id.askable && queries > 0)
		spf->helo = gp_spf_check(&checker, &m->dns, &spf->client, helo,
		    &id, &queries);
}

static struct gp_verdict
spf_on_rcpt(struct gp_msg *m, const struct gp_addr *rcpt)
{
	const struct gp_policy *policy =
	    gp_policy_for(m->session->env->config, rcpt->domain);
	struct gp_spf_message *spf = m->state;
	struct gp_verdict verdict;

	verdict = gp_spf_decide(&policy->spf, spf, m->arena);
	if (verdict.action == GP_CONTINUE) {
		spf->recipients++;
		if (verdict.disposition == GP_DO_HOLD && !verdict.monitored)
			spf->holds++;
	}
	return verdict;
}

static struct gp_verdict
spf_on_eom(struct gp_msg *m)
{
	const struct gp_spf_message *spf = m->state;
	struct gp_authres ar;

	gp_msg_drop_forged_authres(m); /* RFC 8601, section 5 */
	gp_spf_authres(spf, m->arena, &ar);
	gp_msg_add_authres(m, &ar);
	/* one message, one fate: the most lenient recipient decides */
	if (spf->recipients > 0 && spf->holds == spf->recipients)
		gp_msg_hold(m, "SPF");
	return gp_continue();
}

static void
spf_describe(const struct gp_msg *m, struct gp_logline *line)
{
	gp_spf_describe(m->state, line);
}

const struct gp_milter gp_filter_spf = {
	.name = "spf",
	.state_size = sizeof(struct gp_spf_message),
	.on_mail = spf_on_mail,
	.on_rcpt = spf_on_rcpt,
	.on_eom = spf_on_eom,
	.describe = spf_describe,
};
