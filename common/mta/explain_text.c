/* See explain_text.h; the envelope, what is verified, and the answer. */
#include "mta/explain_text.h"

#include "core/dkim_verify.h"
#include "core/spf_policy.h"
#include "mta/dmarc_inbound.h"
#include "mta/filter.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 2048

/* -- lines -------------------------------------------------------------- */

static void
add_printable(struct gp_buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (gp_is_print(*s))
			gp_buf_addc(out, *s);
		else
			gp_buf_addf(out, "\\x%02X", (unsigned char)*s);
	}
	gp_buf_addc(out, '\n');
}

void
gp_explain_head(const struct gp_explain_writer *w, const char *name,
    const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gp_buf_addf(w->out, "%s%-12s ", w->out->n == 0 ? "" : "\n", name);
	add_printable(w->out, text);
}

void
gp_explain_line(const struct gp_explain_writer *w, const char *label,
    const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gp_buf_addf(w->out, "  %-10s ", label);
	add_printable(w->out, text);
}

const char *
gp_explain_place(const struct gp_explain_writer *w, struct gp_origin where)
{
	if (where.file == NULL)
		return " (built-in)";
	return gp_arena_printf(w->x->arena, " (%s:%u)", where.file, where.line);
}

static void
lookup_line(const struct gp_explain_writer *w,
    const struct gp_explain_lookup *l)
{
	const char *name = l->name;
	const char *type = gp_dns_type_name(l->type);

	if (l->rc == GP_OK)
		gp_explain_line(w, "look-up", "%s %s: %s (ttl %u, %s)", type,
		    name, l->text, (unsigned)l->ttl_s,
		    gp_explain_from(l->from));
	else
		gp_explain_line(w, "look-up", "%s %s: %s (%s)", type, name,
		    l->rc == GP_TEMP ? l->text
		    : l->nxdomain    ? "no such name"
				     : "no such record",
		    gp_explain_from(l->from));
}

void
gp_explain_lookups(const struct gp_explain_writer *w, unsigned filter)
{
	for (const struct gp_explain_lookup *l = w->x->filters[filter].lookups;
	     l != NULL; l = l->next)
		lookup_line(w, l);
}

bool
gp_explain_ran(const struct gp_explain_writer *w, unsigned filter)
{
	const struct gp_explain *x = w->x;
	const struct gp_explain_filter *f = &x->filters[filter];
	const char *name = f->app.milter->name;

	if (f->msg == NULL) {
		gp_explain_head(w, name,
		    "could not follow: the envelope or a header field is past "
		    "what it reads");
		return false;
	}
	if (f->ended)
		return true;
	if (f->passes)
		gp_explain_head(w, name, "not asked: it had nothing to say");
	else if (x->accepted == 0)
		gp_explain_head(w, name,
		    "not asked: no recipient was left, so the MTA sends no "
		    "message");
	else
		gp_explain_head(w, name,
		    "not asked: a filter before it has ended the message");
	return false;
}

/* -- the envelope ------------------------------------------------------- */

static void
envelope(const struct gp_explain_writer *w)
{
	const struct gp_explain_mail *mail = w->x->mail;
	char ip[GP_IP_TEXT];

	gp_explain_head(w, "message", "from %s", mail->mail_from);
	for (size_t i = 0; i < mail->n_rcpts; i++)
		gp_explain_line(w, "to", "%s", mail->rcpts[i]);
	if (mail->connect.local)
		gp_explain_line(w, "client", "none, as by sendmail(1)");
	else
		gp_explain_line(w, "client", "%s, HELO %s",
		    gp_ip_format(&mail->connect.client, ip),
		    mail->helo[0] == '\0' ? "(none)" : mail->helo);
	if (mail->login != NULL)
		gp_explain_line(w, "login", "%s", mail->login);
	if (mail->connect.daemon_name != NULL)
		gp_explain_line(w, "listener", "%s", mail->connect.daemon_name);
	for (size_t i = 0; i < mail->assumed.n; i++)
		gp_explain_line(w, "assumed", "%s", mail->assumed.v[i]);
}

static void
direction(const struct gp_explain_writer *w)
{
	const struct gp_msg *m = w->x->filters[0].msg;
	struct gp_origin where;
	const char *option = gp_explain_trust(w->x, &where);
	const char *place = gp_explain_place(w, where);

	if (m == NULL)
		gp_explain_head(w, "direction",
		    "not told: the envelope can not be read");
	else if (m->direction == GP_INBOUND)
		gp_explain_head(w, "direction",
		    "in: neither a login, nor in %s%s", option, place);
	else if (option == NULL)
		gp_explain_head(w, "direction",
		    "out: it did not come by SMTP (%s)", m->direction_why);
	else
		gp_explain_head(w, "direction", "out: %s, by %s%s",
		    m->direction_why, option, place);
}

/* -- SPF ---------------------------------------------------------------- */

/* What a verdict comes to, and by which word of the policy. */
static void
verdict_line(const struct gp_explain_writer *w, const char *label,
    const struct gp_verdict *v, const char *domain)
{
	gp_explain_line(w, label, "%s by %s%s%s",
	    gp_disposition_name(gp_explain_done(v)), v->why,
	    gp_explain_place(w, gp_explain_rule(w->x, v->why, domain)),
	    v->monitored ? ", which mode = monitor does not carry out" : "");
}

static void
spf_recipients(const struct gp_explain_writer *w)
{
	const struct gp_explain *x = w->x;

	for (size_t i = 0; i < x->mail->n_rcpts; i++) {
		const struct gp_verdict *v = &x->rcpts[i].by[GP_EXPLAIN_SPF];

		if (v->why == NULL)
			continue;
		gp_explain_line(w, "recipient", "%s", x->rcpts[i].address);
		verdict_line(w, "  does", v, gp_explain_domain(x, i));
	}
}

static void
spf_section(const struct gp_explain_writer *w)
{
	const struct gp_explain *x = w->x;
	const struct gp_msg *m = x->filters[GP_EXPLAIN_SPF].msg;
	const struct gp_spf_message *spf = m == NULL ? NULL : m->state;

	if (spf == NULL) {
		(void)gp_explain_ran(w, GP_EXPLAIN_SPF);
		return;
	}
	if (m->direction == GP_OUTBOUND) {
		gp_explain_head(w, "spf", "not checked: the mail is ours");
		return;
	}
	gp_explain_head(w, "spf", "%s",
	    gp_spf_result_name(spf->mail_from.result));
	gp_explain_line(w, "identity", "%s, domain %s",
	    spf->by_helo ? "HELO (MAIL FROM is null)" : "MAIL FROM",
	    spf->mail_from.domain == NULL ? "(none)" : spf->mail_from.domain);
	gp_explain_line(w, "why", "%s", spf->mail_from.reason);
	if (spf->helo.result != GP_SPF_SKIPPED)
		gp_explain_line(w, "HELO", "%s, domain %s: %s",
		    gp_spf_result_name(spf->helo.result), spf->helo.domain,
		    spf->helo.reason);
	gp_explain_lookups(w, GP_EXPLAIN_SPF);
	spf_recipients(w);
}

/* -- DKIM, verified ----------------------------------------------------- */

static void
signature_line(const struct gp_explain_writer *w, const struct gp_dkim_check *c)
{
	gp_explain_line(w, "signature", "%s: d=%s s=%s a=%.*s%s%s",
	    gp_dkim_result_name(c->result),
	    c->sig.domain == NULL ? "?" : c->sig.domain,
	    c->sig.selector == NULL ? "?" : c->sig.selector,
	    GP_STR_ARG(c->sig.a), c->reason == NULL ? "" : ": ",
	    c->reason == NULL ? "" : c->reason);
}

static void
dkim_section(const struct gp_explain_writer *w)
{
	const struct gp_explain_filter *f = &w->x->filters[GP_EXPLAIN_DKIM];
	const struct gp_dkim_checks *checks;
	const struct gp_dkim_check *which;

	if (!gp_explain_ran(w, GP_EXPLAIN_DKIM))
		return;
	if (f->msg->direction == GP_OUTBOUND) {
		gp_explain_signing(w);
		return;
	}
	checks = gp_filter_dkim_checks(f->msg);
	gp_explain_head(w, "dkim", "%s",
	    gp_dkim_result_name(gp_dkim_overall(checks, &which)));
	for (size_t i = 0; i < checks->n; i++)
		signature_line(w, &checks->v[i]);
	if (checks->ignored > 0)
		gp_explain_line(w, "ignored",
		    "%zu signatures beyond dkim.max-signatures%s",
		    checks->ignored,
		    gp_explain_place(w,
			gp_explain_rule(w->x, "dkim.max-signatures", NULL)));
	gp_explain_lookups(w, GP_EXPLAIN_DKIM);
	verdict_line(w, "does", &f->verdict, NULL);
}

/* -- DMARC, evaluated --------------------------------------------------- */

static void
outcome_lines(const struct gp_explain_writer *w,
    const struct gp_dmarc_outcome *o)
{
	if (o->reason != NULL)
		gp_explain_line(w, "why", "%s", o->reason);
	if (o->policy_domain == NULL)
		return;
	gp_explain_line(w, "record", "of %s, policy %s%s%s%s", o->policy_domain,
	    gp_dmarc_request_name(o->policy),
	    o->asked == o->policy ? "" : " (asked for ",
	    o->asked == o->policy ? "" : gp_dmarc_request_name(o->asked),
	    o->asked == o->policy ? "" : ", but t=y)");
	gp_explain_line(w, "alignment", "SPF %s, DKIM %s%s%s",
	    o->spf_aligned ? "aligned" : "not aligned",
	    o->dkim_aligned ? "aligned" : "not aligned",
	    o->aligned == NULL ? "" : ", by ",
	    o->aligned == NULL ? "" : o->aligned);
}

/* Would it matter that the client has sent aligned mail before? */
static bool
by_memory(const struct gp_explain_writer *w, const struct gp_dmarc_inbound *in)
{
	struct gp_dmarc_case c = in->c;
	struct gp_dmarc_decision other;

	if (c.outcome == NULL)
		return false;
	c.signs.known_client = true;
	(void)gp_dmarc_most_lenient(&in->policies, &c, w->x->arena, &other);
	return other.disposition != in->decision.disposition;
}

static void
decision_lines(const struct gp_explain_writer *w,
    const struct gp_dmarc_inbound *in)
{
	const struct gp_dmarc_case *c = &in->c;

	gp_explain_line(w, "decision", "%s", in->decision.comment);
	if (c->override != NULL)
		gp_explain_line(w, "override", "\"%s\"%s", c->override->name,
		    gp_explain_place(w, c->override->origin));
	if (c->signs.forwarder)
		gp_explain_line(w, "forwarder", "the client is in %s%s",
		    "trust.forwarders",
		    gp_explain_place(w,
			gp_explain_rule(w->x, "trust.forwarders", NULL)));
	if (by_memory(w, in))
		gp_explain_line(w, "note",
		    "a daemon that remembers aligned mail of %s from this "
		    "client decides otherwise",
		    c->outcome->policy_domain);
}

/* Each policy of a recipient, as it would decide by itself. */
static void
dmarc_recipients(const struct gp_explain_writer *w,
    const struct gp_dmarc_case *c)
{
	const struct gp_explain *x = w->x;

	for (size_t i = 0; i < x->mail->n_rcpts; i++) {
		const char *domain = gp_explain_domain(x, i);
		const struct gp_dmarc_policy *p =
		    &gp_policy_for(x->config, domain)->dmarc;
		struct gp_dmarc_decision d;
		struct gp_verdict v;

		if (x->rcpts[i].refused_by >= 0)
			continue;
		d = gp_dmarc_decide(p, c);
		v = gp_dmarc_verdict(p, &d, c, x->arena);
		gp_explain_line(w, "recipient", "%s", x->rcpts[i].address);
		verdict_line(w, "  wants", &v, domain);
	}
}

static void
dmarc_section(const struct gp_explain_writer *w)
{
	const struct gp_explain_filter *f = &w->x->filters[GP_EXPLAIN_DMARC];
	const struct gp_dmarc_inbound *in;

	if (!gp_explain_ran(w, GP_EXPLAIN_DMARC))
		return;
	if (f->msg->direction == GP_OUTBOUND) {
		gp_explain_preflight(w);
		return;
	}
	in = gp_filter_dmarc_inbound(f->msg);
	gp_explain_head(w, "dmarc", "%s",
	    in->c.outcome == NULL
		? "permerror"
		: gp_dmarc_result_name(in->c.outcome->result));
	if (in->c.author == NULL)
		gp_explain_line(w, "author", "none: %s", in->c.trouble);
	else
		gp_explain_line(w, "author", "%s", in->c.author);
	if (in->c.outcome != NULL)
		outcome_lines(w, in->c.outcome);
	gp_explain_lookups(w, GP_EXPLAIN_DMARC);
	decision_lines(w, in);
	dmarc_recipients(w, &in->c);
}

/* -- the answer --------------------------------------------------------- */

static void
field_lines(const struct gp_explain_writer *w, const char *label,
    const struct gp_explain_fields *fields)
{
	for (size_t i = 0; i < fields->n; i++) {
		struct gp_str rest = fields->v[i]->value;
		struct gp_str line = gp_str_split(&rest, '\n');

		gp_explain_line(w, label, "%.*s:%.*s",
		    GP_STR_ARG(fields->v[i]->name), GP_STR_ARG(line));
		while (rest.p != NULL) {
			line = gp_str_trim(gp_str_split(&rest, '\n'));
			gp_explain_line(w, "", "    %.*s", GP_STR_ARG(line));
		}
	}
}

static void
header_section(const struct gp_explain_writer *w)
{
	const struct gp_explain_fields added = gp_explain_added(w->x);
	const struct gp_explain_fields removed = gp_explain_removed(w->x);

	gp_explain_head(w, "header", "%zu added, %zu removed%s", added.n,
	    removed.n,
	    w->x->refused_by >= 0 ? ", before the message was refused" : "");
	field_lines(w, "added", &added);
	field_lines(w, "removed", &removed);
}

static void
reply_line(const struct gp_explain_writer *w, const char *label,
    const struct gp_verdict *v)
{
	struct gp_buf text;

	gp_buf_init(&text, GP_REPLY_TEXT_MAX);
	gp_reply_text(&text, v->text);
	gp_explain_line(w, label, "%d %s %s", v->code, v->xcode,
	    gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

static void
refused_recipients(const struct gp_explain_writer *w)
{
	const struct gp_explain *x = w->x;

	for (size_t i = 0; i < x->mail->n_rcpts; i++) {
		const struct gp_explain_rcpt *r = &x->rcpts[i];

		if (r->refused_by < 0)
			continue;
		gp_explain_line(w, "recipient", "%s, by %s", r->address,
		    x->filters[r->refused_by].app.milter->name);
		reply_line(w, "  reply", &r->by[r->refused_by]);
	}
}

static void
reply_section(const struct gp_explain_writer *w)
{
	const struct gp_explain_reply r = gp_explain_reply(w->x);
	const struct gp_verdict *would;
	const char *filter;

	if (r.filter != NULL)
		gp_explain_head(w, "reply", "%s by %s at %s",
		    r.verdict->action == GP_REJECT ? "refused" : "deferred",
		    r.filter, r.stage);
	else
		gp_explain_head(w, "reply", "%s%s",
		    w->x->held == NULL ? "accepted" : "held for ",
		    w->x->held == NULL ? "" : w->x->held);
	refused_recipients(w);
	if (w->x->refused_by >= 0)
		reply_line(w, "reply", r.verdict);
	for (size_t i = 0; (would = gp_explain_would(w->x, i, &filter)) != NULL;
	     i++)
		gp_explain_line(w, "would",
		    "%s by %s of %s, with mode = "
		    "enforce",
		    gp_disposition_name(would->disposition), would->why,
		    filter);
}

void
gp_explain_text(const struct gp_explain *x, struct gp_buf *out)
{
	const struct gp_explain_writer w = { .x = x, .out = out };

	envelope(&w);
	direction(&w);
	spf_section(&w);
	dkim_section(&w);
	dmarc_section(&w);
	gp_explain_limits(&w);
	header_section(&w);
	reply_section(&w);
}
