/* See fake_mta.h. */
#include "support/fake_mta.h"

#include "io/policy_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
die(const char *what, const char *why)
{
	(void)fprintf(stderr, "fake_mta: %s: %s\n", what, why);
	abort();
}

void
fake_mta_open(struct fake_mta *f, const struct gp_milter *milter,
    const char *policy, const char *zone)
{
	struct gp_problems problems;
	struct gp_err err;

	*f = (struct fake_mta){ .app.milter = milter };
	(void)snprintf(f->app.host, sizeof(f->app.host), "mx.test");
	memset(f->app.seal.bytes, 7, sizeof(f->app.seal.bytes));
	f->app.metrics = gp_metrics_new(milter->name);
	gp_problems_init(&problems);
	if (gp_policy_parse(gp_str(policy), "test.conf", &f->config,
		&problems) != GP_OK)
		die("policy", gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	if (gp_dns_open_zone(gp_str(zone), f->app.metrics, &f->env.dns, &err) !=
	    GP_OK)
		die("zone", err.msg);
	f->env.config = f->config;
}

void
fake_mta_close(struct fake_mta *f)
{
	gp_session_free(f->session);
	gp_dns_close(f->env.dns);
	gp_config_unref(f->config);
	gp_metrics_free(f->app.metrics);
}

void
fake_connect(struct fake_mta *f, const char *ip)
{
	struct gp_connect c = { .client_name = "client.test",
		.mta_name = "mx.test",
		.daemon_name = "smtpd",
		.local = *ip == '\0' };

	gp_session_free(f->session);
	f->session = gp_session_new(&f->app, &f->env);
	if (*ip != '\0' && gp_ip_parse(gp_str(ip), &c.client) != GP_OK)
		die("client", ip);
	gp_session_connect(f->session, &c);
}

struct gp_verdict
fake_message(struct fake_mta *f, const char *mail_from, const char *rcpt,
    const char *const *fields, const char *queue_id)
{
	struct gp_session *s = f->session;
	struct gp_verdict v;

	gp_session_mail(s, mail_from, NULL, false);
	v = gp_session_rcpt(s, rcpt);
	if (v.action != GP_CONTINUE)
		return v;
	for (size_t i = 0; fields != NULL && fields[i] != NULL; i++) {
		struct gp_str rest = gp_str(fields[i]);
		struct gp_str name = gp_str_split(&rest, ':');
		char text[64];

		(void)snprintf(text, sizeof(text), "%.*s", GP_STR_ARG(name));
		gp_session_header(s, text, rest.p);
	}
	gp_session_eoh(s);
	gp_session_queue_id(s, queue_id);
	return gp_session_eom(s);
}

const char *
fake_authres(struct fake_mta *f)
{
	size_t n;
	size_t at = 0;
	const struct gp_effect *e = gp_session_effects(f->session, &n);

	f->authres[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (e[i].kind != GP_EFFECT_INSERT)
			continue;
		for (const char *p = e[i].value;
		     *p != '\0' && at + 1 < sizeof(f->authres); p++)
			if (*p != '\n')
				f->authres[at++] = *p == '\t' ? ' ' : *p;
		f->authres[at] = '\0';
	}
	return f->authres;
}

size_t
fake_count(const struct fake_mta *f, enum gp_effect_kind kind)
{
	size_t n;
	size_t count = 0;
	const struct gp_effect *e = gp_session_effects(f->session, &n);

	for (size_t i = 0; i < n; i++)
		count += e[i].kind == kind;
	return count;
}
