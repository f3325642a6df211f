/* See explain.h. */
#include "mta/explain.h"

#include "io/control.h"
#include "io/random.h"
#include "mta/dkim_keys.h"
#include "mta/filter.h"
#include "mta/rate_gate.h"
#include "mta/service.h"

#include <stdio.h>
#include <string.h>

/* Of the records of an answer, so much is shown. */
#define RECORDS_SHOWN 400
/* As an MTA sends it. */
#define CHUNK 65535
/* The queue id: seals are bound to it. */
#define QUEUE_ID "EXPLAIN"

/* -- look-ups ----------------------------------------------------------- */

static void
add_record(struct gp_buf *out, enum gp_dns_type type,
    const struct gp_dns_rr *rr)
{
	char ip[GP_IP_TEXT];

	switch (type) {
	case GP_DNS_A:
	case GP_DNS_AAAA:
		gp_buf_adds(out, gp_ip_format(&rr->ip, ip));
		break;
	case GP_DNS_MX:
		gp_buf_addf(out, "%u ", rr->preference);
		gp_buf_add_str(out, rr->text);
		break;
	case GP_DNS_TXT:
		gp_buf_addc(out, '"');
		gp_buf_add_str(out,
		    rr->text.n > RECORDS_SHOWN / 2
			? gp_str_n(rr->text.p, RECORDS_SHOWN / 2)
			: rr->text);
		gp_buf_adds(out,
		    rr->text.n > RECORDS_SHOWN / 2 ? "...\"" : "\"");
		break;
	case GP_DNS_NS:
	case GP_DNS_PTR:
	case GP_DNS_CNAME:
	default:
		gp_buf_add_str(out, rr->text);
		break;
	}
}

static const char *
records_text(struct gp_arena *arena, enum gp_dns_type type,
    const struct gp_dns_answer *a)
{
	struct gp_buf text;
	const char *out;

	if (a->rc == GP_TEMP)
		return a->why == NULL ? "" : gp_arena_strdup(arena, a->why);
	gp_buf_init(&text, RECORDS_SHOWN);
	for (size_t i = 0; i < a->n && !text.overflow; i++) {
		if (i > 0)
			gp_buf_adds(&text, ", ");
		add_record(&text, type, &a->rr[i]);
	}
	out = gp_arena_printf(arena, "%s%s", gp_buf_cstr(&text),
	    text.overflow ? " ..." : "");
	gp_buf_clear(&text);
	return out;
}

static void
note_lookup(void *arg, const char *name, enum gp_dns_type type,
    const struct gp_dns_answer *a, enum gp_dns_from from)
{
	struct gp_explain *x = arg;
	struct gp_explain_filter *f = &x->filters[x->turn];
	struct gp_explain_lookup *one = gp_arena_alloc(x->arena, sizeof(*one));

	*one = (struct gp_explain_lookup){
		.name = gp_arena_strdup(x->arena, name),
		.type = type,
		.rc = a->rc,
		.nxdomain = a->nxdomain,
		.ttl_s = a->ttl_s,
		.from = from,
		.text = records_text(x->arena, type, a),
	};
	*f->last = one;
	f->last = &one->next;
}

/* -- opening ------------------------------------------------------------ */

/* Keys that can not be read are told; an engine that is not there would keep
 * the daemon from starting. */
static enum gp_rc
open_dkim(struct gp_explain *x, struct gp_problems *problems)
{
	struct gp_explain_filter *f = &x->filters[GP_EXPLAIN_DKIM];
	struct gp_dkim_keys *keys = gp_dkim_keys_try(x->config, &x->keys);

	f->env.own = keys;
	if (gp_config_globals(x->config)->dkim.engine == GP_BUILTIN ||
	    gp_dkim_keys_opendkim(keys) != NULL)
		return GP_OK;
	gp_buf_add_str(&problems->text, gp_buf_str(&x->keys.text));
	return GP_PERM;
}

static void *
open_rate(struct gp_explain *x)
{
	return gp_rate_open_upon(x->config, gp_explain_store_new(x->daemon));
}

enum gp_rc
gp_explain_open(struct gp_explain *x, const struct gp_config *config,
    struct gp_dns *dns, struct gp_explain_daemon *daemon,
    struct gp_problems *problems)
{
	static const struct gp_milter *const milters[GP_EXPLAIN_FILTERS] = {
		[GP_EXPLAIN_SPF] = &gp_filter_spf,
		[GP_EXPLAIN_DKIM] = &gp_filter_dkim,
		[GP_EXPLAIN_DMARC] = &gp_filter_dmarc,
		[GP_EXPLAIN_RATE] = &gp_filter_rate,
	};
	const struct gp_opening with = { .config = config };
	struct gp_seal_key seal = { .bytes = { 0 } };

	*x = (struct gp_explain){ .config = config,
		.arena = gp_arena_new(),
		.daemon = daemon,
		.refused_by = -1 };
	gp_problems_init(&x->keys);
	if (gp_random_bytes(seal.bytes, sizeof(seal.bytes)) != GP_OK) {
		gp_problems_add(problems, (struct gp_origin){ .file = NULL },
		    "no random octets for a seal");
		return GP_PERM;
	}
	for (size_t i = 0; i < GP_EXPLAIN_FILTERS; i++) {
		struct gp_explain_filter *f = &x->filters[i];

		f->app.milter = milters[i];
		f->app.seal = seal;
		gp_service_host(f->app.host);
		f->env.config = config;
		f->env.dns = dns;
		f->last = &f->lookups;
	}
	gp_dns_observe(dns, note_lookup, x);
	x->filters[GP_EXPLAIN_RATE].env.own = open_rate(x);
	if (open_dkim(x, problems) != GP_OK)
		return GP_PERM;
	return gp_filter_dmarc.open(&with,
	    &x->filters[GP_EXPLAIN_DMARC].env.own, problems);
}

void
gp_explain_close(struct gp_explain *x)
{
	for (size_t i = 0; i < GP_EXPLAIN_FILTERS; i++) {
		const struct gp_explain_filter *f = &x->filters[i];

		gp_session_free(f->session);
		if (f->app.milter != NULL && f->app.milter->close != NULL)
			f->app.milter->close(f->env.own);
	}
	if (x->filters[0].env.dns != NULL)
		gp_dns_observe(x->filters[0].env.dns, NULL, NULL);
	gp_problems_clear(&x->keys);
	gp_arena_free(x->arena);
}

/* -- the envelope ------------------------------------------------------- */

static void
begin(struct gp_explain *x)
{
	const struct gp_explain_mail *mail = x->mail;

	for (x->turn = 0; x->turn < GP_EXPLAIN_FILTERS; x->turn++) {
		struct gp_explain_filter *f = &x->filters[x->turn];

		f->session = gp_session_new(&f->app, &f->env);
		gp_session_connect(f->session, &mail->connect);
		gp_session_helo(f->session, mail->helo);
		gp_session_mail(f->session, mail->mail_from, mail->login,
		    false);
		f->msg = f->session->msg;
	}
}

/* From filter to filter, until one refuses it. */
static void
show_rcpt(struct gp_explain *x, struct gp_explain_rcpt *rcpt)
{
	rcpt->refused_by = -1;
	for (x->turn = 0; x->turn < GP_EXPLAIN_FILTERS; x->turn++) {
		struct gp_explain_filter *f = &x->filters[x->turn];
		struct gp_verdict *v = &rcpt->by[x->turn];

		if (f->passes)
			continue;
		*v = gp_session_rcpt(f->session, rcpt->address);
		f->passes = v->action == GP_ACCEPT;
		if (v->action == GP_CONTINUE || v->action == GP_ACCEPT)
			continue;
		rcpt->refused_by = (int)x->turn;
		return;
	}
	x->accepted++;
}

/* -- the message -------------------------------------------------------- */

static void
show_message(struct gp_explain *x, struct gp_explain_filter *f)
{
	const struct gp_message *m = &x->after;
	struct gp_str body = m->body;

	gp_session_queue_id(f->session, QUEUE_ID);
	for (size_t i = 0; i < m->n; i++)
		gp_session_header(f->session, m->fields[i].name.p,
		    m->fields[i].value.p);
	gp_session_eoh(f->session);
	while (body.n > 0) {
		const size_t n = body.n < CHUNK ? body.n : CHUNK;

		gp_session_body(f->session, body.p, n);
		body = gp_str_n(body.p + n, body.n - n);
	}
	f->verdict = gp_session_eom(f->session);
	f->effects = gp_session_effects(f->session, &f->n_effects);
	f->msg = f->session->msg;
	f->ended = true;
}

/* What the MTA does with them. */
static void
apply(struct gp_explain *x, const struct gp_explain_filter *f)
{
	for (size_t i = 0; i < f->n_effects; i++) {
		const struct gp_effect *e = &f->effects[i];

		switch (e->kind) {
		case GP_EFFECT_DELETE:
			gp_message_delete(&x->after, gp_str(e->name), e->index);
			break;
		case GP_EFFECT_INSERT:
			gp_message_insert(&x->after, x->arena, gp_str(e->name),
			    gp_str(gp_arena_printf(x->arena, " %s", e->value)));
			break;
		case GP_EFFECT_HOLD:
			x->held = e->name;
			break;
		}
	}
}

static void
copy_header(struct gp_explain *x)
{
	const struct gp_message *m = x->mail->message;

	x->after = *m;
	x->after.fields =
	    gp_arena_alloc(x->arena, (m->n + 1) * sizeof(*m->fields));
	if (m->n > 0)
		memcpy(x->after.fields, m->fields, m->n * sizeof(*m->fields));
}

/* The levels are those of the daemon, and so may the limits be. */
static bool
has_other_policy(struct gp_explain *x)
{
	struct gp_explain_daemon *d = x->daemon;
	struct gp_buf answer;
	char line[64];
	bool same = true;

	if (!d->asked || d->failed)
		return false;
	(void)snprintf(line, sizeof(line), "\npolicy %016llx\n",
	    (unsigned long long)gp_config_id(x->config));
	gp_buf_init(&answer, GP_CONTROL_ANSWER_MAX);
	if (d->ask(d->arg, "status", &answer, &d->err) == GP_OK)
		same = strstr(gp_buf_cstr(&answer), line) != NULL;
	gp_buf_clear(&answer);
	return !same;
}

static void
show_messages(struct gp_explain *x)
{
	for (x->turn = 0; x->turn < GP_EXPLAIN_FILTERS; x->turn++) {
		struct gp_explain_filter *f = &x->filters[x->turn];

		if (f->passes)
			continue;
		show_message(x, f);
		if (f->verdict.action != GP_CONTINUE &&
		    f->verdict.action != GP_ACCEPT) {
			x->refused_by = (int)x->turn;
			return;
		}
		apply(x, f);
	}
}

void
gp_explain_run(struct gp_explain *x, const struct gp_explain_mail *mail)
{
	x->mail = mail;
	copy_header(x);
	begin(x);
	x->rcpts = gp_arena_alloc(x->arena, mail->n_rcpts * sizeof(*x->rcpts));
	for (size_t i = 0; i < mail->n_rcpts; i++) {
		x->rcpts[i].address = mail->rcpts[i];
		show_rcpt(x, &x->rcpts[i]);
	}
	if (x->accepted > 0)
		show_messages(x);
	x->other_policy = has_other_policy(x);
}

bool
gp_explain_passes(const struct gp_explain *x)
{
	return x->accepted > 0 && x->refused_by < 0 && x->held == NULL;
}
