/*
 * gatepost-dkim - sign our mail, verify others'.
 *
 *   header, EOH   keep the fields; then, outbound: decide who signs;
 *                 inbound: choose signatures, start asking for their keys
 *   body          hash it as it comes
 *   EOM           outbound: sign; inbound: verify, report, decide.  Either
 *                 way forged Authentication-Results go
 *
 * What is decided is in core/dkim_sign and core/dkim_verify; how it is done in
 * mta/dkim_signer and mta/dkim_check.  There is no state but struct message.
 */
#include "mta/filter.h"

#include "core/dkim_sign.h"
#include "mta/dkim_check.h"
#include "mta/dkim_keys.h"
#include "mta/dkim_signer.h"

struct message {
	struct gp_header header;
	struct gp_dkim_run *check;           /* inbound, from EOH on */
	struct gp_dkim_signer *signer;       /* outbound, from EOH on */
	const struct gp_dkim_checks *checks; /* from EOM on */
	const struct gp_dkim_signed *done;   /* from EOM on */
};

static const struct gp_dkim_checking *
checking(const struct gp_msg *m)
{
	return &gp_config_globals(m->session->env->config)->dkim;
}

static void
dkim_on_header(struct gp_msg *m, struct gp_str name, struct gp_str value)
{
	struct message *dkim = m->state;

	gp_header_add(&dkim->header, m->arena, name, value);
}

static void
begin_signing(struct gp_msg *m, struct message *dkim)
{
	const struct gp_session *s = m->session;
	const struct gp_dkim_signing with = { .arena = m->arena,
		.config = s->env->config,
		.keys = s->env->own,
		.metrics = s->app->metrics };
	const struct gp_dkim_outbound outbound = { .header = &dkim->header,
		.sender = { .login = m->login,
		    .client = s->connect.client,
		    .bounce = gp_msg_is_bounce(m) },
		.sendmail = s->connect.sendmail };

	dkim->signer = gp_dkim_signer_begin(&with, &outbound);
}

static void
begin_check(struct gp_msg *m, struct message *dkim)
{
	const struct gp_session *s = m->session;
	const struct gp_dkim_checker with = { .arena = m->arena,
		.how = checking(m),
		.metrics = s->app->metrics,
		.keys = gp_dkim_keys_cache(s->env->own),
		.opendkim = gp_dkim_keys_opendkim(s->env->own) };
	struct gp_author author;

	if (gp_author_find(&dkim->header, m->arena, &author, NULL) != GP_OK)
		author.domain = NULL;
	dkim->check = gp_dkim_check_begin(&with, &dkim->header, author.domain);
	gp_msg_deadline(m, with.how->timeout_ms);
	gp_dkim_check_prefetch(dkim->check, &m->dns);
}

static void
dkim_on_eoh(struct gp_msg *m)
{
	if (m->direction == GP_OUTBOUND)
		begin_signing(m, m->state);
	else
		begin_check(m, m->state);
}

static void
dkim_on_body(struct gp_msg *m, struct gp_str chunk)
{
	struct message *dkim = m->state;

	if (dkim->check == NULL && dkim->signer == NULL)
		dkim_on_eoh(m); /* an MTA may leave that event out */
	if (dkim->signer != NULL)
		gp_dkim_signer_body(dkim->signer, chunk);
	else
		gp_dkim_check_body(dkim->check, chunk);
}

static struct gp_verdict
finish_signing(struct gp_msg *m, struct message *dkim)
{
	const struct gp_dkim_signed *done;

	done = dkim->done = gp_dkim_signer_end(dkim->signer, &m->dns);
	for (size_t i = 0; i < done->n_remove; i++)
		gp_msg_delete_field(m, GP_DKIM_SIGNATURE, done->remove[i]);
	for (size_t i = 0; i < done->n_add; i++)
		/* the MTA puts the first blank there */
		gp_msg_insert_field(m, GP_DKIM_SIGNATURE, done->add[i] + 1);
	return done->verdict;
}

static struct gp_verdict
finish_check(struct gp_msg *m, struct message *dkim)
{
	struct gp_authres ar;

	dkim->checks = gp_dkim_check_end(dkim->check, &m->dns);
	gp_dkim_authres(dkim->checks, m->arena, &ar);
	gp_msg_add_authres(m, &ar);
	return gp_dkim_decide(dkim->checks, checking(m), m->arena);
}

static struct gp_verdict
dkim_on_eom(struct gp_msg *m)
{
	struct message *dkim = m->state;

	if (dkim->check == NULL && dkim->signer == NULL)
		dkim_on_eoh(m);
	gp_msg_deadline(m, checking(m)->timeout_ms);
	gp_msg_drop_forged_authres(m); /* RFC 8601, section 5 */
	return dkim->signer != NULL ? finish_signing(m, dkim)
	                            : finish_check(m, dkim);
}

static void
dkim_describe(const struct gp_msg *m, struct gp_logline *line)
{
	const struct message *dkim = m->state;

	if (dkim->done != NULL)
		gp_dkim_signed_describe(dkim->done, line);
	else if (dkim->checks != NULL)
		gp_dkim_describe(dkim->checks, line);
}

static enum gp_rc
dkim_open(const struct gp_opening *with, void **out,
    struct gp_problems *problems)
{
	struct gp_dkim_keys *keys;
	enum gp_rc rc = gp_dkim_keys_open(with->config, with->old,
	    with->metrics, &keys, problems);

	*out = keys;
	return rc;
}

static void
dkim_close(void *own)
{
	gp_dkim_keys_close(own);
}

/* -- for `gatepost explain` --------------------------------------------- */

const struct gp_dkim_checks *
gp_filter_dkim_checks(const struct gp_msg *m)
{
	return ((const struct message *)m->state)->checks;
}

const struct gp_dkim_signer *
gp_filter_dkim_signer(const struct gp_msg *m)
{
	return ((const struct message *)m->state)->signer;
}

const struct gp_dkim_signed *
gp_filter_dkim_signed(const struct gp_msg *m)
{
	return ((const struct message *)m->state)->done;
}

const struct gp_milter gp_filter_dkim = {
	.name = "dkim",
	.state_size = sizeof(struct message),
	.on_header = dkim_on_header,
	.on_eoh = dkim_on_eoh,
	.on_body = dkim_on_body,
	.on_eom = dkim_on_eom,
	.describe = dkim_describe,
	.open = dkim_open,
	.close = dkim_close,
};
