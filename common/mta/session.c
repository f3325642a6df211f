/* See session.h. */
#include "mta/session_private.h"

#include "base/xalloc.h"
#include "io/clock.h"
#include "io/log.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = { "start", "idle", "message",
	"headers", "body", "done", "broken" };

struct gp_session *
gp_session_new(const struct gp_app *app, const struct gp_env *env)
{
	struct gp_session *s = gp_xcalloc(1, sizeof(*s));

	s->app = app;
	s->env = env;
	s->arena = gp_arena_new();
	s->helo = "";
	s->authserv_id = app->host;
	s->priv = gp_xcalloc(1, sizeof(*s->priv));
	s->priv->msg_arena = gp_arena_new();
	gp_metrics_add(app->metrics, GP_M_SESSIONS, 0, 1);
	gp_metrics_add(app->metrics, GP_M_SESSIONS_OPEN, 0, 1);
	return s;
}

/* Forget the message and all that was learned about it. */
static void
forget(struct gp_session *s)
{
	struct gp_session_private *p = s->priv;

	s->msg = NULL;
	free(p->claims);
	free(p->effects);
	*p = (struct gp_session_private){ .state = p->state,
		.msg_arena = p->msg_arena,
		.helo = p->helo };
	gp_arena_clear(p->msg_arena);
}

void
gp_session_free(struct gp_session *s)
{
	if (s == NULL)
		return;
	forget(s);
	gp_metrics_add(s->app->metrics, GP_M_SESSIONS_OPEN, 0, -1);
	gp_arena_free(s->priv->msg_arena);
	gp_arena_free(s->arena);
	free(s->priv->helo);
	free(s->priv);
	free(s);
}

void
gp_session_break(struct gp_session *s, const char *what)
{
	char ip[GP_IP_TEXT];

	if (s->priv->state == BROKEN)
		return;
	gp_log(GP_LOG_WARNING, "NOQUEUE: client=%s error=\"%s in state %s\"",
	    gp_ip_format(&s->connect.client, ip), what,
	    state_names[s->priv->state]);
	gp_metrics_add(s->app->metrics, GP_M_PROTOCOL_ERRORS, 0, 1);
	s->priv->state = BROKEN;
	forget(s);
}

/* The event may come in the states of the mask (1 << STATE), else break. */
static bool
expect(struct gp_session *s, unsigned states, const char *event)
{
	if ((states & (1U << s->priv->state)) != 0)
		return true;
	gp_session_break(s, event);
	return false;
}

/* Text from the MTA: bounded, and without control characters. */
static bool
acceptable(struct gp_session *s, const char *text, size_t max,
    const char *event)
{
	size_t n = 0;

	for (; n <= max && text[n] != '\0'; n++) {
		if ((unsigned char)text[n] < 0x20 || text[n] == 0x7f) {
			gp_session_break(s, event);
			return false;
		}
	}
	if (n <= max)
		return true;
	gp_session_break(s, event);
	return false;
}

static const char *
copy_or_null(struct gp_arena *a, const char *text, size_t max)
{
	return text == NULL ? NULL
	                    : gp_arena_strndup(a, text, strnlen(text, max));
}

void
gp_session_connect(struct gp_session *s, const struct gp_connect *c)
{
	const struct gp_globals *g = gp_config_globals(s->env->config);
	char id[GP_DOMAIN_TEXT];

	if (!expect(s, 1U << START, "connect"))
		return;
	s->connect = *c;
	s->connect.client_name =
	    copy_or_null(s->arena, c->client_name, GP_DOMAIN_MAX);
	s->connect.daemon_name =
	    copy_or_null(s->arena, c->daemon_name, GP_DOMAIN_MAX);
	s->connect.mta_name =
	    copy_or_null(s->arena, c->mta_name, GP_DOMAIN_MAX);
	if (g->authserv_id != NULL)
		s->authserv_id = g->authserv_id;
	else if (s->connect.mta_name != NULL &&
		 gp_domain_normalize(gp_str(s->connect.mta_name), id, NULL) ==
		     GP_OK)
		s->authserv_id = gp_arena_strdup(s->arena, id);
	s->priv->state = IDLE;
}

void
gp_session_helo(struct gp_session *s, const char *helo)
{
	if (!expect(s, 1U << IDLE | 1U << DONE | 1U << MESSAGE, "helo") ||
	    !acceptable(s, helo, GP_HELO_MAX, "bad HELO argument"))
		return;
	free(s->priv->helo);
	s->priv->helo = gp_xstrdup(helo);
	s->helo = s->priv->helo;
}

/* In or out, once for the message. */
static void
set_direction(struct gp_msg *m, const char *auth_login, bool verified_cert)
{
	const struct gp_session *s = m->session;
	const struct gp_direction_facts facts = { .client = s->connect.client,
		.local = s->connect.local,
		.daemon_name = s->connect.daemon_name,
		.auth_login = auth_login,
		.verified_cert = verified_cert };

	m->direction =
	    gp_direction_decide(&gp_config_globals(s->env->config)->trust,
		&facts, &m->direction_why);
	gp_metrics_add(s->app->metrics, GP_M_MESSAGES,
	    m->direction == GP_OUTBOUND, 1);
}

/* Answers are large and soon done with: they are not held while the message
 * is, which may be long. */
static void
begin_lookups(struct gp_msg *m)
{
	m->dns.arena = gp_arena_new();
}

static void
end_lookups(struct gp_msg *m)
{
	gp_arena_free(m->dns.arena);
	m->dns.arena = NULL;
	m->dns.memo = NULL;
}

/* Who gets the mail is what the MTA makes of an address that we can not read;
 * out->raw stays what was said. */
static bool
read_path(struct gp_str raw, bool is_rcpt, const char *reading,
    struct gp_arena *arena, struct gp_addr *out)
{
	struct gp_addr other;

	if (gp_addr_parse(raw, is_rcpt, arena, out, NULL) == GP_OK)
		return true;
	if (reading == NULL ||
	    gp_addr_parse(gp_str(reading), false, arena, &other, NULL) !=
		GP_OK ||
	    other.domain == NULL)
		return false;
	other.raw = out->raw;
	*out = other;
	return true;
}

void
gp_session_mail(struct gp_session *s, const char *arg, const char *auth_login,
    bool verified_cert)
{
	const unsigned states = ~(1U << START | 1U << BROKEN);
	const struct gp_milter *milter = s->app->milter;
	const struct gp_globals *g = gp_config_globals(s->env->config);
	const char *reading = s->priv->reading;
	struct gp_msg *m = &s->priv->msg;

	if (!expect(s, states, "MAIL") ||
	    !acceptable(s, arg, GP_PATH_MAX, "bad MAIL argument"))
		return;
	forget(s);
	m->session = s;
	m->arena = s->priv->msg_arena;
	m->state = gp_arena_alloc(m->arena, milter->state_size);
	m->queue_id = "";
	m->sender_readable =
	    read_path(gp_str(arg), false, reading, m->arena, &m->sender);
	m->dns = (struct gp_dns_scope){ .dns = s->env->dns,
		.deadline_us = gp_clock_us(),
		.budget = g->resolver.max_queries };
	set_direction(m, auth_login, verified_cert);
	m->login = auth_login == NULL
	               ? ""
	               : copy_or_null(m->arena, auth_login, GP_PATH_MAX);
	s->msg = m;
	s->priv->state = MESSAGE;
	if (milter->on_mail != NULL) {
		begin_lookups(m);
		milter->on_mail(m);
		end_lookups(m);
	}
}

/* -- the log: one line for each decision ------------------------------- */

static void
log_decision(const struct gp_msg *m, const struct gp_addr *rcpt,
    const struct gp_verdict *v)
{
	const struct gp_session_private *p = m->session->priv;
	struct gp_logline line;
	char ip[GP_IP_TEXT];

	gp_logline_start(&line, gp_str(m->queue_id));
	gp_logline_adds(&line, "client",
	    gp_ip_format(&m->session->connect.client, ip));
	gp_logline_adds(&line, "action",
	    v->action == GP_CONTINUE && p->holding ? "hold"
						   : gp_action_name(v->action));
	gp_logline_adds(&line, "why", v->why);
	if (p->would != GP_DO_TAG)
		gp_logline_adds(&line, "would", gp_disposition_name(p->would));
	if (m->session->app->milter->describe != NULL)
		m->session->app->milter->describe(m, &line);
	if (m->direction == GP_OUTBOUND)
		gp_logline_adds(&line, "outbound", m->direction_why);
	gp_logline_add(&line, "from", m->sender.raw);
	if (rcpt != NULL)
		gp_logline_add(&line, "to", rcpt->raw);
	gp_logline_adds(&line, "helo", m->session->helo);
	gp_log(GP_LOG_INFO, "%s", line.text);
	gp_tail_add(m->session->app->tail, gp_str_n(line.text, line.n));
}

static void
count_action(const struct gp_session *s, const struct gp_verdict *v)
{
	gp_metrics_add(s->app->metrics, GP_M_ACTIONS, v->action, 1);
}

static struct gp_verdict
broken_verdict(const struct gp_session *s)
{
	struct gp_verdict v = gp_tempfail("4.5.2",
	    "the mail filter could not follow this session", "protocol-error");

	count_action(s, &v);
	return v;
}

/* -- envelope ---------------------------------------------------------- */

static void
note_monitored(struct gp_session *s, const struct gp_verdict *v)
{
	if (!v->monitored)
		return;
	gp_metrics_add(s->app->metrics, GP_M_WOULD, v->disposition, 1);
	if (gp_disposition_severity(v->disposition) >
	    gp_disposition_severity(s->priv->would))
		s->priv->would = v->disposition;
}

/* One that can not be read has no domain, so the global policy holds; whether
 * it is an address at all is for the MTA to say.  So has what is over the
 * bound, where nobody can refuse it. */
static void
read_rcpt(struct gp_msg *m, struct gp_addr *rcpt)
{
	const struct gp_str raw = rcpt->raw;

	if (m->recipients < GP_RCPTS_MAX &&
	    read_path(raw, true, m->session->priv->reading, m->arena, rcpt))
		return;
	*rcpt = (struct gp_addr){ .raw = raw };
}

static void
note_rcpt(struct gp_msg *m, struct gp_addr *rcpt)
{
	const struct gp_milter *milter = m->session->app->milter;

	if (milter->on_rcpt_noted == NULL)
		return;
	read_rcpt(m, rcpt);
	milter->on_rcpt_noted(m, rcpt);
}

/* What the MTA said of the recipient that has been. */
static void
forget_hints(struct gp_session *s)
{
	s->msg->transport = NULL;
	s->priv->reading = NULL;
}

struct gp_verdict
gp_session_rcpt(struct gp_session *s, const char *arg)
{
	const struct gp_milter *milter = s->app->milter;
	struct gp_verdict v = gp_continue();
	struct gp_addr rcpt = { .raw = gp_str(arg) };

	if (!expect(s, 1U << MESSAGE, "RCPT") ||
	    !acceptable(s, arg, GP_PATH_MAX, "bad RCPT argument"))
		return broken_verdict(s);
	if (milter->on_rcpt == NULL) {
		note_rcpt(s->msg, &rcpt);
		forget_hints(s);
		s->msg->recipients++;
		return v; /* nobody hears it */
	}
	if (s->msg->recipients >= GP_RCPTS_MAX) {
		v = gp_tempfail("4.5.3", "too many recipients", "limit");
		v.code = 452; /* RFC 5321, section 4.5.3.1.10 */
	}
	read_rcpt(s->msg, &rcpt);
	if (v.action == GP_CONTINUE) {
		begin_lookups(s->msg);
		v = milter->on_rcpt(s->msg, &rcpt);
		end_lookups(s->msg);
	}
	forget_hints(s);
	note_monitored(s, &v);
	count_action(s, &v);
	if (v.action == GP_CONTINUE)
		s->msg->recipients++;
	else
		log_decision(s->msg, &rcpt, &v);
	return v;
}

void
gp_session_reading(struct gp_session *s, const char *address)
{
	s->priv->reading = address;
}

void
gp_session_transport(struct gp_session *s, const char *transport)
{
	if (s->msg != NULL)
		s->msg->transport = transport;
}

void
gp_session_queue_id(struct gp_session *s, const char *queue_id)
{
	if (s->msg == NULL || queue_id == NULL || *s->msg->queue_id != '\0')
		return;
	s->msg->queue_id =
	    gp_arena_strndup(s->msg->arena, queue_id, strnlen(queue_id, 64));
}

/* -- header ------------------------------------------------------------ */

void
gp_session_header(struct gp_session *s, const char *name, const char *value)
{
	struct gp_str n = gp_str_trim(gp_str(name));
	struct gp_str v = gp_str(value);

	if (!expect(s, 1U << MESSAGE | 1U << HEADERS, "header"))
		return;
	s->priv->state = HEADERS;
	if (n.n + v.n > GP_FIELD_MAX) {
		gp_session_break(s, "over-long header field");
		return;
	}
	if (gp_str_eq_nocase(n, GP_STR(GP_AUTHRES_NAME)))
		gp_session_see_authres(s, v);
	if (s->msg != NULL && s->app->milter->on_header != NULL)
		s->app->milter->on_header(s->msg, n, v);
}

void
gp_session_eoh(struct gp_session *s)
{
	if (!expect(s, 1U << MESSAGE | 1U << HEADERS, "end of header"))
		return;
	s->priv->state = BODY;
	if (s->app->milter->on_eoh != NULL)
		s->app->milter->on_eoh(s->msg);
}

void
gp_session_body(struct gp_session *s, const void *p, size_t n)
{
	const unsigned states = 1U << MESSAGE | 1U << HEADERS | 1U << BODY;

	if (!expect(s, states, "body"))
		return;
	s->priv->state = BODY;
	if (s->app->milter->on_body != NULL)
		s->app->milter->on_body(s->msg, gp_str_n(p, n));
}

/* -- end of message ---------------------------------------------------- */

/* Deletions first and from the last index up, since each renumbers those
 * behind it; then what goes on top; holding comes last. */
static int
compare_effects(const void *a, const void *b)
{
	const struct gp_effect *x = a;
	const struct gp_effect *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->index != y->index)
		return x->index > y->index ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

struct gp_verdict
gp_session_eom(struct gp_session *s)
{
	const unsigned states = 1U << MESSAGE | 1U << HEADERS | 1U << BODY;
	struct gp_session_private *p = s->priv;
	struct gp_verdict v = gp_continue();

	if (!expect(s, states, "end of message"))
		return broken_verdict(s);
	if (s->app->milter->on_eom != NULL) {
		begin_lookups(s->msg);
		v = s->app->milter->on_eom(s->msg);
		end_lookups(s->msg);
	}
	p->state = DONE;
	note_monitored(s, &v);
	count_action(s, &v);
	if (v.action == GP_CONTINUE && p->n_effects > 1)
		qsort(p->effects, p->n_effects, sizeof(*p->effects),
		    compare_effects);
	else if (v.action != GP_CONTINUE)
		p->n_effects = 0;
	if (p->holding && v.action == GP_CONTINUE)
		gp_metrics_add(s->app->metrics, GP_M_HELD, 0, 1);
	log_decision(s->msg, NULL, &v);
	return v;
}

const struct gp_effect *
gp_session_effects(const struct gp_session *s, size_t *n)
{
	*n = s->priv->state == DONE ? s->priv->n_effects : 0;
	return s->priv->effects;
}

void
gp_session_abort(struct gp_session *s)
{
	if (s->priv->state == START || s->priv->state == BROKEN)
		return;
	s->priv->state = IDLE;
	forget(s);
}

/* -- for handlers ------------------------------------------------------ */

bool
gp_msg_is_bounce(const struct gp_msg *m)
{
	const struct gp_connect *c = &m->session->connect;

	return m->sender.is_null &&
	       (c->local ||
		   (gp_ip_is_loopback(&c->client) && m->login[0] == '\0'));
}

void
gp_msg_deadline(struct gp_msg *m, int64_t ms)
{
	m->dns.deadline_us = gp_time_add(gp_clock_us(), ms * GP_US_PER_MS);
}
