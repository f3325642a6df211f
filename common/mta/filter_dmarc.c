/*
 * gatepost-dmarc - evaluate DMARC from the sealed results of our own filters,
 * act on it, and write the one Authentication-Results field.
 *
 *   RCPT         remember whose policies hold
 *   header, EOH  keep the fields; start asking for the author's record
 *   EOM          take the sealed results, evaluate, decide, report, and keep
 *                a record; outbound: is it fit to leave?
 *
 * What becomes of mail of others is in mta/dmarc_inbound, of ours in
 * mta/preflight_check.  There is no state but struct message; mta/dmarc_check
 * has what outlives it.
 */
#include "mta/filter.h"

#include "base/time.h"
#include "io/clock.h"
#include "mta/dmarc_inbound.h"
#include "mta/preflight_check.h"

/* At the end of the process: within what is left of its 6 s. */
#define STOP_US (800 * GP_US_PER_MS)

struct message {
	struct gp_header header;
	struct gp_dmarc_inbound inbound;
	struct gp_preflight_result outbound;
};

/* Is any of our mail looked at before it leaves? */
static bool
wants_preflight(const struct gp_msg *m)
{
	return ((const struct gp_dmarc_tables *)m->session->env->own)
	    ->preflight;
}

/* -- envelope and header ----------------------------------------------- */

static void
dmarc_on_rcpt(struct gp_msg *m, const struct gp_addr *rcpt)
{
	struct message *dmarc = m->state;

	gp_dmarc_policies_add(&dmarc->inbound.policies, m->session->env->config,
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
dmarc_on_eoh(struct gp_msg *m)
{
	struct message *dmarc = m->state;

	if (m->direction == GP_INBOUND)
		gp_dmarc_inbound_eoh(&dmarc->inbound, m, &dmarc->header);
}

/* -- end of message ---------------------------------------------------- */

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
		.bounce = gp_msg_is_bounce(m) };

	if (!wants_preflight(m))
		return gp_continue();
	gp_msg_deadline(m, gp_config_globals(s->env->config)->dmarc.timeout_ms);
	dmarc->outbound = gp_preflight_check(&with, &m->dns, &mail);
	return dmarc->outbound.verdict;
}

static struct gp_verdict
dmarc_on_eom(struct gp_msg *m)
{
	struct message *dmarc = m->state;
	size_t n;
	const struct gp_authres *sealed = gp_msg_take_authres(m, &n);

	return m->direction == GP_OUTBOUND
	           ? look_before_leaving(m, dmarc)
	           : gp_dmarc_inbound_end(&dmarc->inbound, m, &dmarc->header,
			 sealed, n);
}

static void
dmarc_describe(const struct gp_msg *m, struct gp_logline *line)
{
	const struct message *dmarc = m->state;

	if (dmarc->outbound.judged)
		gp_preflight_describe(&dmarc->outbound.found, line);
	gp_dmarc_inbound_describe(&dmarc->inbound, line);
}

/* -- what outlives a message ------------------------------------------- */

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

/* -- for `gatepost explain` --------------------------------------------- */

const struct gp_dmarc_inbound *
gp_filter_dmarc_inbound(const struct gp_msg *m)
{
	const struct message *dmarc = m->state;

	return dmarc->inbound.evaluated ? &dmarc->inbound : NULL;
}

const struct gp_preflight_result *
gp_filter_dmarc_preflight(const struct gp_msg *m)
{
	const struct message *dmarc = m->state;

	return dmarc->outbound.judged ? &dmarc->outbound : NULL;
}

const struct gp_milter gp_filter_dmarc = {
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
