/* See fake_mta.h. */
#include "support/fake_mta.h"

#include "io/policy_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
die(const char *what, const char *why)
{
	(void)fprintf(stderr, "fake_mta: %s: %s\n", what, why);
	abort();
}

/* One policy as the daemon opens it; false: the problems are printed. */
static bool
open_env(struct fake_mta *f, const char *policy, const char *zone,
    const void *old, struct gp_env *env, struct gp_config **config)
{
	const struct gp_milter *milter = f->app.milter;
	struct gp_opening with = { .old = old,
		.metrics = f->app.metrics,
		.state_dir = f->state_dir };
	struct gp_problems problems;
	struct gp_err err;
	bool good;

	gp_problems_init(&problems);
	good = gp_policy_parse(gp_str(policy), "test.conf", config,
		   &problems) == GP_OK;
	with.config = *config;
	if (good && milter->open != NULL &&
	    milter->open(&with, &env->own, &problems) != GP_OK) {
		gp_config_unref(*config);
		good = false;
	}
	if (!good)
		(void)fprintf(stderr, "fake_mta: %s",
		    gp_buf_cstr(&problems.text));
	gp_problems_clear(&problems);
	if (!good)
		return false;
	env->config = *config;
	if (gp_dns_open_zone(gp_str(zone), f->app.metrics, &env->dns, &err) !=
	    GP_OK)
		die("zone", err.msg);
	return true;
}

static void
close_env(struct fake_mta *f)
{
	if (f->app.milter->close != NULL)
		f->app.milter->close(f->env.own);
	gp_dns_close(f->env.dns);
	gp_config_unref(f->config);
}

void
fake_mta_open(struct fake_mta *f, const struct gp_milter *milter,
    const char *policy, const char *zone)
{
	fake_mta_open_in(f, milter, policy, zone, NULL);
}

void
fake_mta_open_in(struct fake_mta *f, const struct gp_milter *milter,
    const char *policy, const char *zone, const char *state_dir)
{
	*f = (struct fake_mta){ .app.milter = milter, .state_dir = state_dir };
	(void)snprintf(f->app.host, sizeof(f->app.host), "mx.test");
	memset(f->app.seal.bytes, 7, sizeof(f->app.seal.bytes));
	f->app.metrics = gp_metrics_new(milter->name);
	if (!open_env(f, policy, zone, NULL, &f->env, &f->config))
		die("policy", "refused");
}

bool
fake_reload(struct fake_mta *f, const char *policy, const char *zone)
{
	struct gp_env env = { .own = NULL };
	struct gp_config *config;

	if (!open_env(f, policy, zone, f->env.own, &env, &config))
		return false;
	gp_session_free(f->session);
	f->session = NULL;
	close_env(f);
	f->env = env;
	f->config = config;
	return true;
}

void
fake_mta_close(struct fake_mta *f)
{
	gp_session_free(f->session);
	close_env(f);
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

static void
show_field(struct gp_session *s, const char *field)
{
	struct gp_str rest = gp_str(field);
	struct gp_str name = gp_str_split(&rest, ':');
	char text[64];

	(void)snprintf(text, sizeof(text), "%.*s", GP_STR_ARG(name));
	gp_session_header(s, text, rest.p);
}

static void
show_body(struct gp_session *s, const char *body, size_t chunk)
{
	size_t left = strlen(body);
	size_t n;

	for (; left > 0; left -= n, body += n) {
		n = chunk == 0 || chunk > left ? left : chunk;
		gp_session_body(s, body, n);
	}
}

struct gp_verdict
fake_send(struct fake_mta *f, const struct fake_letter *letter)
{
	struct gp_session *s = f->session;
	struct gp_verdict v;

	gp_session_mail(s, letter->from, letter->login, false);
	v = gp_session_rcpt(s, letter->rcpt);
	if (v.action != GP_CONTINUE)
		return v;
	for (size_t i = 0; letter->fields != NULL && letter->fields[i] != NULL;
	     i++)
		show_field(s, letter->fields[i]);
	gp_session_eoh(s);
	if (letter->body != NULL)
		show_body(s, letter->body, letter->chunk);
	gp_session_queue_id(s, letter->queue_id);
	return gp_session_eom(s);
}

struct gp_verdict
fake_message(struct fake_mta *f, const char *mail_from, const char *rcpt,
    const char *const *fields, const char *queue_id)
{
	return fake_send(f, &(const struct fake_letter){ .from = mail_from,
				.rcpt = rcpt,
				.fields = fields,
				.queue_id = queue_id });
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

const char *
fake_inserted(const struct fake_mta *f, const char *name, size_t n)
{
	size_t effects;
	const struct gp_effect *e = gp_session_effects(f->session, &effects);

	for (size_t i = 0; i < effects; i++)
		if (e[i].kind == GP_EFFECT_INSERT &&
		    strcasecmp(e[i].name, name) == 0 && n-- == 0)
			return e[i].value;
	return NULL;
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
