/* See facts.h. */
#include "facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const default_macros[ML_STAGES] = {
	[ML_AT_CONNECT] = "j {daemon_name} {daemon_addr} v _",
	[ML_AT_HELO] = "{tls_version} {cipher} {cipher_bits} {cert_subject} "
		       "{cert_issuer}",
	[ML_AT_MAIL] = "i {auth_type} {auth_authen} {auth_author} {mail_addr} "
		       "{mail_host} {mail_mailer}",
	[ML_AT_RCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
	[ML_AT_DATA] = "i",
	[ML_AT_EOM] = "i",
	[ML_AT_EOH] = "i",
};

const char *
ml_default_macros(enum ml_stage stage)
{
	return default_macros[stage];
}

void
ml_facts_start(struct ml_facts *f, const struct ml_options *o,
    const struct ml_mails *mails, uint64_t number, unsigned session)
{
	f->o = o;
	f->mail = &mails->v[number % mails->n];
	f->numbers.message = number;
	f->numbers.session = session;
	f->numbers.recipient = 0;
	f->has_queue_id = false;
	f->rcpt[0] = '\0';
	if (o->queue_id == NULL)
		(void)snprintf(f->queue_id, sizeof f->queue_id, "4%010" PRIX64,
		    number);
	else
		ml_expand(o->queue_id, &f->numbers, f->queue_id);
	(void)gp_ip_format(&o->client, f->ip);
	(void)snprintf(f->client, sizeof f->client, "%.200s [%s]",
	    o->client_name, f->ip);
	if (o->from_header)
		(void)snprintf(f->from, sizeof f->from, "%s", f->mail->from);
	else
		ml_expand(o->from, &f->numbers, f->from);
	ml_expand(o->helo, &f->numbers, f->helo);
	ml_expand(o->login == NULL ? "" : o->login, &f->numbers, f->login);
}

void
ml_facts_rcpt(struct ml_facts *f, unsigned i)
{
	f->numbers.recipient = i;
	ml_expand(f->o->rcpt, &f->numbers, f->rcpt);
}

static const char *
domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL ? "" : at + 1;
}

static const char *
given(const char *text)
{
	return *text == '\0' ? NULL : text;
}

/* A macro without braces, or NULL. */
static const char *
short_macro(const struct ml_facts *f, struct gp_str name)
{
	if (gp_str_eq(name, GP_STR("i")))
		return f->has_queue_id ? f->queue_id : NULL;
	if (gp_str_eq(name, GP_STR("j")))
		return f->o->mta;
	if (gp_str_eq(name, GP_STR("v")))
		return "Postfix 3.7.11";
	if (gp_str_eq(name, GP_STR("_")))
		return f->client;
	return NULL;
}

const char *
ml_macro(const struct ml_facts *f, struct gp_str name)
{
	if (name.n == 1)
		return short_macro(f, name);
	if (gp_str_eq(name, GP_STR("{daemon_name}")))
		return f->o->listener;
	if (gp_str_eq(name, GP_STR("{daemon_addr}")))
		return "127.0.0.1";
	if (gp_str_eq(name, GP_STR("{client_addr}")))
		return f->ip;
	if (gp_str_eq(name, GP_STR("{client_name}")) ||
	    gp_str_eq(name, GP_STR("{client_ptr}")))
		return f->o->client_name;
	if (gp_str_eq(name, GP_STR("{client_port}")))
		return "40000";
	if (gp_str_eq(name, GP_STR("{auth_type}")))
		return *f->login == '\0' ? NULL : "PLAIN";
	if (gp_str_eq(name, GP_STR("{auth_authen}")))
		return given(f->login);
	if (gp_str_eq(name, GP_STR("{mail_addr}")))
		return given(f->from);
	if (gp_str_eq(name, GP_STR("{mail_host}")))
		return domain_of(f->from);
	if (gp_str_eq(name, GP_STR("{rcpt_addr}")))
		return given(f->rcpt);
	if (gp_str_eq(name, GP_STR("{rcpt_host}")))
		return domain_of(f->rcpt);
	if (gp_str_eq(name, GP_STR("{mail_mailer}")) ||
	    gp_str_eq(name, GP_STR("{rcpt_mailer}")))
		return "smtp";
	return NULL;
}
