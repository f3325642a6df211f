/* Topic "chain": a message from nobody through the filters that run, in the
 * order of the manual, each one seeing what those before it made of the
 * header. */
#include "ctl/doctor.h"

#include "core/domain.h"
#include "core/probe.h"
#include "io/clock.h"
#include "io/milter_client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOPIC      "chain"
#define TIMEOUT_MS 25000
#define SLOW_US    (2 * GP_US_PER_S)

struct chain {
	struct doctor *d;
	struct gp_milter_mail mail;
	struct gp_header header;
	bool ran[CTL_DAEMONS]; /* it took part, to the end */
	int64_t took_us;
};

enum { SPF, DKIM, DMARC, RATE };

/* -- the message -------------------------------------------------------- */

/* The name that the MTA would tell them. */
static const char *
own_name(struct doctor *d)
{
	char host[GP_DOMAIN_TEXT] = "", name[GP_DOMAIN_TEXT];

	(void)gethostname(host, sizeof(host) - 1);
	if (gp_domain_normalize(gp_str(host), name, NULL) != GP_OK)
		return "localhost";
	return gp_arena_strdup(d->arena, name);
}

static bool
write_probe(struct chain *c)
{
	struct doctor *d = c->d;
	const struct gp_globals *g = gp_config_globals(d->config);
	const char *name = own_name(d);

	c->mail = (struct gp_milter_mail){ .client_name = "unknown",
		.helo = "example.invalid",
		.mta_name = name,
		.daemon_name = "gatepost-doctor",
		.queue_id = "gatepost-doctor",
		.sender = GP_PROBE_SENDER,
		.rcpt = GP_PROBE_RCPT,
		.body = GP_STR("A probe.\r\n") };
	gp_probe_header(&c->header, d->arena,
	    g->authserv_id == NULL ? name : g->authserv_id, &g->own_ids);
	if (gp_probe_client(&g->trust, &c->mail.client) == GP_OK)
		return true;
	gp_findings_add(d->findings, GP_YELLOW, TOPIC, "",
	    "no probe: trust has all the documentation addresses");
	gp_findings_remedy(d->findings,
	    "take 192.0.2.0/24 out of trust.clients and trust.forwarders");
	return false;
}

/* -- one filter --------------------------------------------------------- */

static void
find_failure(struct chain *c, const struct doctor_daemon *daemon, enum gp_rc rc,
    const struct gp_err *err)
{
	struct doctor *d = c->d;

	gp_findings_add(d->findings, GP_RED, TOPIC, daemon->name, "%s",
	    err->msg);
	if (rc == GP_PERM && geteuid() != 0)
		gp_findings_remedy(d->findings, "sudo gatepost doctor");
	else
		gp_findings_remedy(d->findings,
		    "systemctl restart gatepost-%s\n"
		    "journalctl -u gatepost-%s -n 20",
		    daemon->name, daemon->name);
}

/* A probe may be refused by a policy that is strict with mail from nobody. */
static void
find_refusal(struct chain *c, const struct doctor_daemon *daemon,
    const struct gp_milter_outcome *o)
{
	const char *text = *o->rcpt_text != '\0' ? o->rcpt_text : o->text;

	gp_findings_add(c->d->findings, GP_YELLOW, TOPIC, daemon->name,
	    "the policy refuses mail from nobody%s%s",
	    *text == '\0' ? "" : ": ", text);
	gp_findings_remedy(c->d->findings,
	    "if that is not wanted: %s { none = tag } in %s", daemon->name,
	    c->d->ctl->config);
}

static bool
play(struct chain *c, size_t i)
{
	struct doctor *d = c->d;
	const struct doctor_daemon *daemon = &d->daemons[i];
	const struct gp_milter_call call = { .socket = daemon->socket,
		.timeout_ms = TIMEOUT_MS,
		.arena = d->arena };
	struct gp_milter_outcome o;
	struct gp_err err = { .msg = "" };
	enum gp_rc rc;

	ctl_doctor_progress(daemon->name);
	rc = gp_milter_say(&call, &c->mail, &c->header, &o, &err);
	if (rc != GP_OK) {
		find_failure(c, daemon, rc, &err);
		return false;
	}
	c->took_us += o.took_us;
	if (o.took_us > SLOW_US) {
		gp_findings_add(d->findings, GP_YELLOW, TOPIC, daemon->name,
		    "it took %lld ms for one message",
		    (long long)(o.took_us / GP_US_PER_MS));
		gp_findings_remedy(d->findings, "gatepost doctor --only "
						"resolver");
	}
	if (o.to_rcpt != GP_MILTER_CONTINUE ||
	    (o.answer != GP_MILTER_CONTINUE && o.answer != GP_MILTER_ACCEPT))
		find_refusal(c, daemon, &o);
	c->ran[i] = o.answer == GP_MILTER_CONTINUE;
	return true;
}

/* -- what came back ----------------------------------------------------- */

static void
find_forged(struct chain *c, const struct gp_probe_found *f)
{
	struct gp_findings *out = c->d->findings;

	if (f->forged > 0) {
		gp_findings_add(out, GP_RED, TOPIC, "",
		    "%zu forged Authentication-Results under our own name "
		    "got through",
		    f->forged);
		gp_findings_remedy(out,
		    "the same authserv-id and own-ids for all: gatepost "
		    "reload");
	}
	if (f->strangers != 1) {
		gp_findings_add(out, GP_RED, TOPIC, "",
		    "Authentication-Results of a stranger did not stay, or "
		    "%zu came",
		    f->strangers);
		gp_findings_remedy(out,
		    "authserv-id must be a name of this host alone");
	}
}

/* The seal of this filter was not understood. */
static void
find_unsealed(struct chain *c, size_t i)
{
	struct doctor *d = c->d;
	const struct doctor_daemon *from = &d->daemons[i];
	const char *theirs = ctl_doctor_status(d, from, "seal_key");
	const char *ours = ctl_doctor_status(d, &d->daemons[DMARC], "seal_key");

	gp_findings_add(d->findings, GP_RED, TOPIC, from->name,
	    "gatepost-dmarc got no results of gatepost-%s: they do not have "
	    "the same seal key",
	    from->name);
	if (theirs != NULL && ours != NULL && strcmp(theirs, ours) != 0)
		gp_findings_remedy(d->findings,
		    "gatepost-%s has %s, gatepost-dmarc %s: one for both, "
		    "seal-key = \"%s\"",
		    from->name, theirs, ours, ours);
	else
		gp_findings_remedy(d->findings,
		    "systemctl restart gatepost-spf gatepost-dkim "
		    "gatepost-dmarc");
}

static void
find_merged(struct chain *c, const struct gp_probe_found *f)
{
	struct gp_findings *out = c->d->findings;

	if (c->ran[SPF] && f->spf == NULL)
		find_unsealed(c, SPF);
	if (c->ran[DKIM] && f->dkim == NULL)
		find_unsealed(c, DKIM);
	if (f->ours == 1 && f->dmarc != NULL && !f->sealed)
		return;
	gp_findings_add(out, GP_RED, TOPIC, "dmarc",
	    "%zu Authentication-Results of ours in place of one%s%s", f->ours,
	    f->dmarc == NULL ? ", none with dmarc" : "",
	    f->sealed ? ", and a seal is left" : "");
	gp_findings_remedy(out,
	    "systemctl restart gatepost-spf gatepost-dkim gatepost-dmarc");
}

static void
find_apart(struct chain *c, const struct gp_probe_found *f)
{
	if (c->ran[SPF] && f->spf == NULL)
		gp_findings_add(c->d->findings, GP_RED, TOPIC, "spf",
		    "it reported no result");
	if (c->ran[DKIM] && f->dkim == NULL)
		gp_findings_add(c->d->findings, GP_RED, TOPIC, "dkim",
		    "it reported no result");
}

static bool
is_temporary(const char *result)
{
	return result != NULL && strcmp(result, "temperror") == 0;
}

static void
find_results(struct chain *c)
{
	struct doctor *d = c->d;
	struct gp_findings *out = d->findings;
	const struct gp_globals *g = gp_config_globals(d->config);
	const size_t before = out->n;
	struct gp_probe_found f;

	gp_probe_read(&c->header, d->arena,
	    g->authserv_id == NULL ? c->mail.mta_name : g->authserv_id, &f);
	find_forged(c, &f);
	if (c->ran[DMARC])
		find_merged(c, &f);
	else
		find_apart(c, &f);
	if (is_temporary(f.spf) || is_temporary(f.dmarc)) {
		gp_findings_add(out, GP_YELLOW, TOPIC, "",
		    "DNS did not tell: spf=%s dmarc=%s",
		    f.spf == NULL ? "-" : f.spf,
		    f.dmarc == NULL ? "-" : f.dmarc);
		gp_findings_remedy(out, "gatepost doctor --only resolver");
	}
	if (out->n == before)
		gp_findings_add(out, GP_GREEN, TOPIC, "",
		    "forged results go, ours arrive: spf=%s dkim=%s dmarc=%s, "
		    "%lld ms",
		    f.spf == NULL ? "-" : f.spf, f.dkim == NULL ? "-" : f.dkim,
		    f.dmarc == NULL ? "-" : f.dmarc,
		    (long long)(c->took_us / GP_US_PER_MS));
}

void
ctl_doctor_chain(struct doctor *d)
{
	struct chain c = { .d = d };
	size_t played = 0;
	bool whole = true;

	if (!write_probe(&c))
		return;
	for (size_t i = 0; i < CTL_DAEMONS; i++) {
		if (d->daemons[i].status == NULL)
			continue;
		played++;
		whole &= play(&c, i);
	}
	if (played == 0)
		gp_findings_add(d->findings, GP_YELLOW, TOPIC, "",
		    "no probe: no daemon answers");
	else if (whole && (c.ran[SPF] || c.ran[DKIM] || c.ran[DMARC]))
		find_results(&c);
}
