/* See import.h: opendmarc.conf(5) of opendmarc 1.4. */
#include "core/domain.h"
#include "core/import_parts.h"

#include <string.h>

static const struct gp_import_rule rules[] = {
#define RULE(name, what, text)                                                 \
	{                                                                      \
		name, GP_IMPORT_##what, text, NULL                             \
	}
	RULE("AuthservID", MAPPED, NULL),
	RULE("AuthservIDWithJobID", IGNORED,
	    "the authserv-id is a name alone (RFC 8601)"),
	RULE("AutoRestart", IGNORED, "systemd restarts the daemons"),
	RULE("AutoRestartCount", IGNORED, "systemd restarts the daemons"),
	RULE("AutoRestartRate", IGNORED, "systemd restarts the daemons"),
	RULE("Background", IGNORED, "systemd runs the daemons"),
	RULE("BaseDirectory", MAPPED, NULL),
	RULE("ChangeRootDirectory", IGNORED, "systemd confines the daemons"),
	{ "CopyFailuresTo", GP_IMPORT_DECIDE, "mail is copied to nobody",
	    "dmarc { quarantine = hold } holds it" },
	{ "DomainWhitelist", GP_IMPORT_DECIDE, "ARC is not read",
	    "override \"NAME\" { clients = { ADDRESSES } reject = never } for "
	    "each forwarder, or trust { forwarders = { ADDRESSES } }" },
	{ "DomainWhitelistFile", GP_IMPORT_DECIDE, "ARC is not read",
	    "override \"NAME\" { clients = { ADDRESSES } reject = never } for "
	    "each forwarder, or trust { forwarders = { ADDRESSES } }" },
	RULE("DomainWhitelistSize", IGNORED, "see DomainWhitelist"),
	RULE("DNSTimeout", IGNORED,
	    "see resolver.timeout (one try) and dmarc.timeout (all records)"),
	RULE("EnableCoredumps", IGNORED, "systemd decides"),
	{ "FailureReports", GP_IMPORT_DECIDE, "no failure reports are sent",
	    "nothing: they show a stranger the mail of your users" },
	RULE("FailureReportsBcc", IGNORED, "no failure reports are sent"),
	RULE("FailureReportsOnNone", IGNORED, "no failure reports are sent"),
	RULE("FailureReportsSentBy", IGNORED, "no failure reports are sent"),
	RULE("HistoryFile", SAME,
	    "dmarc.records = yes: records are kept in the state directory"),
	RULE("HoldQuarantinedMessages", MAPPED, NULL),
	RULE("IgnoreAuthenticatedClients", MAPPED, NULL),
	RULE("IgnoreHosts", MAPPED, NULL),
	RULE("IgnoreMailFrom", MAPPED, NULL),
	RULE("IgnoreMailTo", IGNORED, "a record has no recipient"),
	RULE("MilterDebug", IGNORED, "for developers"),
	RULE("PidFile", IGNORED, "systemd keeps the process"),
	RULE("PublicSuffixList", MAPPED, NULL),
	RULE("RecordAllMessages", IGNORED, "each judged message has a record"),
	RULE("RejectFailures", MAPPED, NULL),
	RULE("RejectMultiValueFrom", MAPPED, NULL),
	RULE("RejectString", IGNORED, "the reply says what failed and why"),
	RULE("ReportCommand", IGNORED, "no failure reports are sent"),
	RULE("RequiredHeaders", MAPPED, NULL),
	RULE("Socket", MAPPED, NULL),
	RULE("SoftwareHeader", IGNORED, "no such field is added"),
	RULE("SPFIgnoreResults", IGNORED,
	    "only results of gatepost-spf count, by their seal"),
	RULE("SPFSelfValidate", IGNORED, "gatepost-spf checks SPF"),
	RULE("Syslog", SAME, "the log goes to syslog, facility mail"),
	RULE("SyslogFacility", IGNORED, "the facility is mail"),
	RULE("TrustedAuthservIDs", MAPPED, NULL),
	RULE("UMask", IGNORED, "the socket's rights are those of the unit"),
	RULE("UserID", IGNORED, "the daemon has a user of its own"),
	{ .name = NULL },
#undef RULE
};

static const struct gp_import_word *
word(const struct gp_import_mapper *m, const char *name)
{
	return gp_import_word(&m->words, name);
}

static struct gp_origin
place(const struct gp_import_word *w)
{
	struct gp_origin nowhere = { .file = NULL };

	return w == NULL ? nowhere : w->from;
}

/* -- what is done ---------------------------------------------------------- */

static void
failures(struct gp_import_mapper *m)
{
	const struct gp_import_word *w = word(m, "RejectFailures");
	const struct gp_import_word *hold = word(m, "HoldQuarantinedMessages");

	if (gp_import_yes(w)) {
		gp_import_put(m, "dmarc", "mode", w, "enforce");
		gp_import_put(m, "dmarc", "reject", w, "always");
		gp_import_put(m, "dmarc", "temperror", w, "tempfail");
		gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
		    "reject = always is what it means; RFC 9989 forbids to "
		    "refuse mail for p=reject alone, as lists break it");
		gp_findings_remedy(&m->im->report,
		    "dmarc { reject = corroborated } refuses only where "
		    "nothing speaks for a detour of honest mail");
	} else {
		gp_import_same(m->im, "RejectFailures", place(w),
		    "nothing is refused: dmarc.mode = monitor");
	}
	if (hold == NULL)
		return;
	if (gp_import_yes(hold))
		gp_import_put(m, "dmarc", "quarantine", hold, "hold");
	else
		gp_import_same(m->im, hold->name, hold->from,
		    "dmarc.quarantine = tag");
}

static void
from_fields(struct gp_import_mapper *m)
{
	const struct gp_import_word *multi = word(m, "RejectMultiValueFrom");
	const struct gp_import_word *required = word(m, "RequiredHeaders");
	struct gp_origin file = { .file = NULL };

	if (gp_import_yes(multi)) {
		gp_import_same(m->im, multi->name, multi->from,
		    "dmarc.multi-from = reject");
	} else if (multi != NULL) {
		gp_import_put(m, "dmarc", "multi-from", multi, "tag");
	} else {
		gp_import_decide(m->im, GP_YELLOW, "RejectMultiValueFrom", file,
		    "not set: opendmarc lets mail with several From: domains "
		    "pass, here dmarc.multi-from = reject");
		gp_findings_remedy(&m->im->report,
		    "dmarc { multi-from = tag } to let it pass");
	}
	if (gp_import_yes(required)) {
		gp_import_same(m->im, required->name, required->from,
		    "dmarc.no-from = reject; other fields are not counted");
		return;
	}
	if (required != NULL) {
		gp_import_put(m, "dmarc", "no-from", required, "tag");
		return;
	}
	gp_import_decide(m->im, GP_YELLOW, "RequiredHeaders", file,
	    "not set: opendmarc lets mail without From: pass, here "
	    "dmarc.no-from = reject");
	gp_findings_remedy(&m->im->report,
	    "dmarc { no-from = tag } to let it pass");
}

/* -- who is left alone ------------------------------------------------------
 */

static void
put_override(struct gp_import_mapper *m, const char *name, const char *option,
    const struct gp_import_word *w, const char *list)
{
	const char *section =
	    gp_arena_printf(m->im->arena, "override \"%s\"", name);

	gp_import_put(m, section, option, w, list);
	gp_import_put(m, section, "dmarc", w, "none");
	gp_import_put(m, section, "reason", w, "local_policy");
}

static void
hosts(struct gp_import_mapper *m)
{
	const struct gp_import_word *w = word(m, "IgnoreHosts");
	struct gp_import_word file;
	struct gp_import_hosts list = { .n = 0 };
	struct gp_import_set set;
	const char *text;
	size_t n = 0;

	if (w == NULL) {
		gp_import_same(m->im, "IgnoreHosts",
		    (struct gp_origin){ .file = NULL },
		    "not set: 127.0.0.1, which trust.clients has");
		return;
	}
	file = *w;
	file.value = gp_arena_printf(m->im->arena, "file:%s", w->value);
	if (gp_import_set_read(m->im, &file, &set) != GP_OK)
		return;
	gp_import_hosts_add(m->im, w->name, &set, &list);
	if (list.n == 0)
		return;
	text = gp_import_hosts_text(m->im, &list, &n);
	if (text == NULL)
		gp_import_decide(m->im, GP_RED, w->name, w->from,
		    "more than %d prefixes", GP_IMPORT_HOSTS_MAX);
	else if (n > 0)
		put_override(m, "imported-ignore-hosts", "clients", w, text);
}

static void
domains(struct gp_import_mapper *m)
{
	const struct gp_import_word *w = word(m, "IgnoreMailFrom");
	struct gp_str rest;
	struct gp_buf out;

	if (w == NULL)
		return;
	rest = gp_str(w->value);
	gp_buf_init(&out, SIZE_MAX);
	while (rest.n > 0) {
		struct gp_str one = gp_str_trim(gp_str_split(&rest, ','));
		char domain[GP_DOMAIN_TEXT];

		if (one.n == 0)
			continue;
		if (gp_domain_normalize(one, domain, NULL) == GP_OK)
			gp_buf_addf(&out, "%s\"%s\"", out.n == 0 ? "" : ", ",
			    domain);
		else
			gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
			    "%.*s: no domain name", GP_STR_ARG(one));
	}
	if (out.n > 0)
		put_override(m, "imported-ignore-mail-from", "from", w,
		    gp_arena_printf(m->im->arena, "{ %s }", gp_buf_cstr(&out)));
	gp_buf_clear(&out);
}

static void
authenticated(struct gp_import_mapper *m)
{
	const struct gp_import_word *w = word(m, "IgnoreAuthenticatedClients");

	if (gp_import_yes(w))
		gp_import_same(m->im, w->name, w->from,
		    "mail of clients that have logged in is ours, and never "
		    "judged");
	else
		gp_import_ignored(m->im, "IgnoreAuthenticatedClients", place(w),
		    "mail of clients that have logged in is ours, and never "
		    "judged");
}

/* -- what is believed, and how records are found ----------------------------
 */

static void
trusted(struct gp_import_mapper *m)
{
	const struct gp_import_word *w = word(m, "TrustedAuthservIDs");
	const struct gp_import_word *own = word(m, "AuthservID");
	struct gp_str rest = gp_str(w == NULL ? "" : w->value);

	if (w == NULL)
		return;
	while (rest.n > 0) {
		struct gp_str one = gp_str_trim(gp_str_split(&rest, ','));

		if (one.n == 0 || gp_str_eq(one, GP_STR("HOSTNAME")) ||
		    (own != NULL && gp_str_eq_nocase(one, gp_str(own->value))))
			continue;
		gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
		    "%.*s: results are believed by their seal, not by the "
		    "name that they bear",
		    GP_STR_ARG(one));
		gp_findings_remedy(&m->im->report,
		    "seal-key = FILE, the same on both hosts, if that host "
		    "runs gatepost, too; else this host checks by itself");
		return;
	}
	gp_import_same(m->im, w->name, w->from,
	    "our own results, which are sealed");
}

static void
discovery(struct gp_import_mapper *m)
{
	const struct gp_import_word *w = word(m, "PublicSuffixList");

	if (w == NULL) {
		gp_import_same(m->im, "PublicSuffixList",
		    (struct gp_origin){ .file = NULL },
		    "not set; dmarc.discovery = treewalk (RFC 9989)");
		return;
	}
	gp_import_put(m, "dmarc", "discovery", w, "both");
	gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
	    "discovery = both acts by the tree walk of RFC 9989, and counts "
	    "where the public suffix list would have it differ");
	gp_findings_remedy(&m->im->report,
	    "dmarc { discovery = psl } to go on as opendmarc did");
}

enum gp_rc
gp_import_opendmarc(struct gp_import *im, const char *path,
    const struct gp_import_override *overrides, struct gp_err *err)
{
	struct gp_import_mapper m = { .im = im };
	enum gp_rc rc = gp_import_words_read(im, path, &m.words, err);
	const struct gp_import_word *w;

	if (rc != GP_OK)
		return rc;
	gp_import_words_override(im, &m.words, overrides);
	w = word(&m, "BaseDirectory");
	if (w != NULL) {
		im->base = w->value;
		gp_import_ignored(im, w->name, w->from,
		    "relative paths were read from there");
	}
	gp_import_follow(&m, rules);
	gp_import_authserv_id(&m);
	failures(&m);
	from_fields(&m);
	discovery(&m);
	hosts(&m);
	domains(&m);
	authenticated(&m);
	trusted(&m);
	w = word(&m, "Socket");
	if (w != NULL) {
		im->socket = w->value;
		gp_import_ignored(im, "Socket", w->from,
		    "%s: gatepost-dmarc has a socket of its own", w->value);
	}
	return GP_OK;
}
