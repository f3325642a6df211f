/* See import.h: opendkim.conf(5) of opendkim 2.11. */
#include "core/import_parts.h"
#include "core/policy_form.h"

#include <stdio.h>
#include <string.h>

#define KEY_BITS_MAX   4096
#define SIGNATURES_MAX 32

/* -- who is ours ---------------------------------------------------------- */

static void
clients(struct gp_import_mapper *m)
{
	const struct gp_import_word *internal =
	    gp_import_word(&m->words, "InternalHosts");
	const struct gp_import_word *peers =
	    gp_import_word(&m->words, "PeerList");
	struct gp_import_hosts hosts = { .n = 0 };
	struct gp_import_set list;
	const char *text;
	size_t n = 0;

	if (internal == NULL) {
		gp_import_same(m->im, "InternalHosts",
		    (struct gp_origin){ .file = NULL },
		    "not set: 127.0.0.1; here 127.0.0.0/8 and ::1");
	} else if (gp_import_set_read(m->im, internal, &list) == GP_OK) {
		gp_import_hosts_add(m->im, internal->name, &list, &hosts);
	}
	if (peers != NULL && gp_import_set_read(m->im, peers, &list) == GP_OK) {
		gp_import_hosts_add(m->im, peers->name, &list, &hosts);
		gp_import_decide(m->im, GP_YELLOW, peers->name, peers->from,
		    "opendkim leaves mail from these alone; here their mail "
		    "From: a domain of ours is signed, and none is judged");
		gp_findings_remedy(&m->im->report,
		    "take those out of trust.clients that send mail of others");
	}
	if (hosts.n == 0)
		return;
	text = gp_import_hosts_text(m->im, &hosts, &n);
	if (text != NULL)
		gp_import_put(m, "trust", "clients",
		    internal != NULL ? internal : peers, text);
	else
		gp_import_decide(m->im, GP_RED, "InternalHosts",
		    (internal != NULL ? internal : peers)->from,
		    "more than %d prefixes", GP_IMPORT_HOSTS_MAX);
}

static void
external(struct gp_import_mapper *m)
{
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "ExternalIgnoreList");
	const struct gp_import_word *internal =
	    gp_import_word(&m->words, "InternalHosts");

	if (w == NULL)
		return;
	if (internal != NULL && strcmp(internal->value, w->value) == 0) {
		gp_import_ignored(m->im, w->name, w->from,
		    "it only kept opendkim from logging; the same hosts are "
		    "in InternalHosts");
		return;
	}
	gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
	    "it only kept opendkim from logging: mail of these hosts is not "
	    "signed, with opendkim and here");
	gp_findings_remedy(&m->im->report,
	    "trust { clients = { ... } } for those whose mail is to be signed");
}

/* Names of listeners, as a list. */
static void
add_listeners(struct gp_import_mapper *m, struct gp_str names,
    struct gp_buf *out)
{
	while (names.n > 0) {
		struct gp_str name = gp_str_trim(gp_str_split(&names, '|'));
		const char *text;

		if (name.n == 0)
			continue;
		text = gp_arena_strndup(m->im->arena, name.p, name.n);
		if (gp_form_name(name)) {
			gp_buf_addf(out, "%s%s", out->n == 0 ? "" : ", ",
			    gp_import_quote(m->im, text));
			continue;
		}
		gp_import_decide(m->im, GP_YELLOW, "MacroList",
		    (struct gp_origin){ .file = NULL },
		    "%s: no name that a listener can have here", text);
		gp_findings_remedy(&m->im->report,
		    "trust { listeners = { ... } }");
	}
}

/* What opendkim never finds, though it is often written so. */
static void
add_meant(struct gp_import_mapper *m, const struct gp_import_row *row,
    struct gp_str values, struct gp_buf *listeners)
{
	add_listeners(m, values, listeners);
	gp_import_decide(m->im, GP_YELLOW, "MacroList", row->from,
	    "%s: opendkim has no macro of this name, so it signs nothing for "
	    "it; here mail of these listeners is ours",
	    row->key);
	gp_findings_remedy(&m->im->report,
	    "take them out of trust.listeners, unless it was meant so");
}

static void
add_macro(struct gp_import_mapper *m, const struct gp_import_row *row,
    struct gp_buf *listeners)
{
	struct gp_str values = gp_str(row->key);
	struct gp_str macro = gp_str_split(&values, '|');
	bool braces = gp_str_eq(macro, GP_STR("{daemon_name}"));
	bool named = braces || gp_str_eq(macro, GP_STR("daemon_name"));

	if (named && values.n > 0) {
		add_meant(m, row, values, listeners);
	} else if (named && row->value != NULL && braces) {
		add_meant(m, row, gp_str(row->value), listeners);
	} else if (named && row->value != NULL) {
		add_listeners(m, gp_str(row->value), listeners);
	} else {
		gp_import_decide(m->im, GP_YELLOW, "MacroList", row->from,
		    "%s: only daemon_name with values says here that mail is "
		    "ours",
		    row->key);
		gp_findings_remedy(&m->im->report,
		    "trust { clients = { ... } listeners = { ... } } for such "
		    "mail");
	}
}

static void
listeners(struct gp_import_mapper *m)
{
	const struct gp_import_word *macros =
	    gp_import_word(&m->words, "MacroList");
	const struct gp_import_word *mta = gp_import_word(&m->words, "MTA");
	struct gp_import_set list;
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	if (macros != NULL && gp_import_set_read(m->im, macros, &list) == GP_OK)
		for (size_t i = 0; i < list.n; i++)
			add_macro(m, &list.v[i], &out);
	if (mta != NULL && gp_import_set_read(m->im, mta, &list) == GP_OK)
		for (size_t i = 0; i < list.n; i++)
			add_listeners(m, gp_str(list.v[i].key), &out);
	if (macros != NULL && mta != NULL) {
		gp_import_decide(m->im, GP_YELLOW, "MTA", mta->from,
		    "%s: beside a MacroList opendkim does not sign for it; "
		    "here mail of these listeners is ours",
		    mta->value);
		gp_findings_remedy(&m->im->report,
		    "take them out of trust.listeners, unless it was meant so");
	}
	if (out.n > 0)
		gp_import_put(m, "trust", "listeners",
		    macros != NULL ? macros : mta,
		    gp_arena_printf(m->im->arena, "{ %s }", gp_buf_cstr(&out)));
	else
		gp_import_same(m->im, "MacroList",
		    (struct gp_origin){ .file = NULL },
		    "no listener is named; here mail of one that is called "
		    "ORIGINATING is ours");
	gp_buf_clear(&out);
}

/* -- how is verified ------------------------------------------------------- */

static const char *
action(const char *value)
{
	static const struct {
		const char *name, *is;
	} actions[] = { { "accept", "tag" }, { "a", "tag" },
		{ "reject", "reject" }, { "r", "reject" },
		{ "tempfail", "tempfail" }, { "t", "tempfail" } };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (gp_str_eq_nocase(gp_str(value), gp_str(actions[i].name)))
			return actions[i].is;
	return NULL;
}

static void
on(struct gp_import_mapper *m, const char *name, const char *option,
    const char *usually)
{
	struct gp_import_word w = { .name = name, .value = usually };
	const struct gp_import_word *own = gp_import_word(&m->words, name);
	const struct gp_import_word *all =
	    gp_import_word(&m->words, "On-Default");
	const char *is;

	if (own != NULL)
		w = *own;
	else if (all != NULL)
		w = *all;
	is = action(w.value);
	if (is == NULL) {
		gp_import_decide(m->im, GP_YELLOW, w.name, w.from,
		    "%s: a signature alone neither holds nor drops mail",
		    w.value);
		gp_findings_remedy(&m->im->report,
		    "dkim { %s = reject }, or leave it to DMARC", option);
	} else if (strcmp(is, "tag") == 0) {
		if (own != NULL)
			gp_import_same(m->im, w.name, w.from, "dkim.%s = tag",
			    option);
	} else {
		gp_import_put(m, "dkim", option, &w, is);
	}
}

static void
number(struct gp_import_mapper *m, const char *name, const char *option,
    uint64_t least, uint64_t most)
{
	const struct gp_import_word *w = gp_import_word(&m->words, name);
	uint64_t n;

	if (w == NULL)
		return;
	if (gp_parse_u64(gp_str(w->value), most, &n) == GP_OK && n >= least) {
		gp_import_put(m, "dkim", option, w, w->value);
		return;
	}
	gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
	    "%s: dkim.%s can be %llu to %llu", w->value, option,
	    (unsigned long long)least, (unsigned long long)most);
	gp_findings_remedy(&m->im->report, "dkim { %s = ... }", option);
}

static void
mode(struct gp_import_mapper *m)
{
	const struct gp_import_word *w = gp_import_word(&m->words, "Mode");

	if (w == NULL)
		return;
	if (strchr(w->value, 's') != NULL && strchr(w->value, 'v') != NULL) {
		gp_import_same(m->im, w->name, w->from, "signs and verifies");
		return;
	}
	gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
	    "%s: gatepost-dkim signs what is ours and verifies the rest",
	    w->value);
	gp_findings_remedy(&m->im->report,
	    "nothing: a result in Authentication-Results refuses no mail");
}

static void
verifying(struct gp_import_mapper *m)
{
	mode(m);
	number(m, "MinimumKeyBits", "min-rsa-bits", 1024, KEY_BITS_MAX);
	number(m, "MaximumSignaturesToVerify", "max-signatures", 1,
	    SIGNATURES_MAX);
	on(m, "On-NoSignature", "none", "accept");
	on(m, "On-BadSignature", "fail", "accept");
	on(m, "On-KeyNotFound", "permerror", "accept");
	on(m, "On-DNSError", "temperror", "tempfail");
}

/* -- names ----------------------------------------------------------------- */

static void
own_ids(struct gp_import_mapper *m)
{
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "RemoveARFrom");
	struct gp_import_set list;
	struct gp_buf out;

	if (w == NULL || gp_import_set_read(m->im, w, &list) != GP_OK)
		return;
	gp_buf_init(&out, SIZE_MAX);
	for (size_t i = 0; i < list.n; i++) {
		const char *key = list.v[i].key;

		if (*key != '.' && gp_form_name(gp_str(key))) {
			gp_buf_addf(&out, "%s%s", out.n == 0 ? "" : ", ",
			    gp_import_quote(m->im, key));
			continue;
		}
		gp_import_decide(m->im, GP_YELLOW, w->name, list.v[i].from,
		    "%s: own-ids has names, no domains of names", key);
		gp_findings_remedy(&m->im->report,
		    "own-ids = { each name below it }");
	}
	if (out.n > 0)
		gp_import_put(m, "", "own-ids", w,
		    gp_arena_printf(m->im->arena, "{ %s }", gp_buf_cstr(&out)));
	gp_buf_clear(&out);
}

static void
servers(struct gp_import_mapper *m)
{
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "Nameservers");
	struct gp_str rest;
	struct gp_buf out;

	if (w == NULL)
		return;
	rest = gp_str(w->value);
	gp_buf_init(&out, SIZE_MAX);
	while (rest.n > 0) {
		struct gp_str one = gp_str_trim(gp_str_split(&rest, ','));

		if (one.n > 0 && gp_form_server(one))
			gp_buf_addf(&out, "%s\"%.*s\"", out.n == 0 ? "" : ", ",
			    GP_STR_ARG(one));
		else
			gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
			    "%.*s: expected an address", GP_STR_ARG(one));
	}
	if (out.n > 0)
		gp_import_put(m, "resolver", "servers", w,
		    gp_arena_printf(m->im->arena, "{ %s }", gp_buf_cstr(&out)));
	gp_buf_clear(&out);
}

enum gp_rc
gp_import_opendkim(struct gp_import *im, const char *path,
    const struct gp_import_override *overrides, struct gp_err *err)
{
	struct gp_import_mapper m = { .im = im };
	enum gp_rc rc = gp_import_words_read(im, path, &m.words, err);
	const struct gp_import_word *base, *socket;

	if (rc != GP_OK)
		return rc;
	gp_import_words_override(im, &m.words, overrides);
	base = gp_import_word(&m.words, "BaseDirectory");
	if (base != NULL) {
		im->base = base->value;
		gp_import_ignored(im, base->name, base->from,
		    "relative paths were read from there");
	}
	gp_import_follow(&m, gp_import_opendkim_rules);
	gp_import_authserv_id(&m);
	own_ids(&m);
	servers(&m);
	clients(&m);
	listeners(&m);
	external(&m);
	verifying(&m);
	gp_import_opendkim_signing(&m);
	socket = gp_import_word(&m.words, "Socket");
	if (socket != NULL) {
		im->socket = socket->value;
		gp_import_ignored(im, "Socket", socket->from,
		    "%s: gatepost-dkim has a socket of its own", socket->value);
	}
	return GP_OK;
}
