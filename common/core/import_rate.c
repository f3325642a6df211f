/* See import.h: policyd-rate-limit.yaml(5) of policyd-rate-limit 1.0. */
#include "core/import_parts.h"

#include <string.h>

#define LIMITS_MAX   GP_LIMIT_RATES_MAX
#define COUNT_MAX    UINT64_C(1000000000000)
#define SECONDS_MAX  (UINT64_C(31) * 86400)
#define LOGIN_LIMIT  "imported-login"
#define SENDER_LIMIT "imported-sender"
#define CLIENT_LIMIT "imported-client"

/* Settings that mean nothing here, and why. */
static const struct {
	const char *name, *why;
} ignored[] = {
	{ "debug", "each decision is logged" },
	{ "user", "the daemon has a user of its own" },
	{ "group", "the daemon has a user of its own" },
	{ "pidfile", "systemd keeps the process" },
	{ "mysql_config", "counters are kept as `store` says" },
	{ "sqlite_config", "counters are kept as `store` says" },
	{ "pgsql_config", "counters are kept as `store` says" },
	{ "backend", "counters are kept as `store` says" },
	{ "socket_permission", "the socket's rights are those of the unit" },
	{ "report_from", "no reports are sent" },
	{ "report_to", "no reports are sent" },
	{ "report_subject", "no reports are sent" },
	{ "report_limits", "no reports are sent" },
	{ "report_only_if_needed", "no reports are sent" },
	{ "smtp_server", "no reports are sent" },
	{ "smtp_starttls", "no reports are sent" },
	{ "smtp_credentials", "no reports are sent" },
	{ "delay_to_close", "the MTA keeps the connection" },
	{ "config_file", "the policy is gatepost.conf" },
};

/* Those that functions below look at. */
static const char *const known[] = { "SOCKET", "limits", "limits_by_id",
	"limit_by_sasl", "limit_by_sender", "limit_by_ip", "limited_networks",
	"success_action", "fail_action", "db_error_action", "report" };

struct rates {
	struct gp_import *im;
	const char *path;
	const struct gp_import_node *root;
	const char *list; /* { "10/1m" }; NULL: no limit */
	const struct gp_import_node *limits;
	const char *over;
};

static struct gp_origin
place(const struct rates *r, const struct gp_import_node *node)
{
	return (struct gp_origin){ .file = r->path,
		.line = node == NULL ? 0 : node->line };
}

/* The value of a key of a mapping; the last one of two, as Python has it. */
static const struct gp_import_node *
value_of(const struct gp_import_node *map, const char *name)
{
	const struct gp_import_node *found = NULL;

	for (const struct gp_import_node *k = map->first;
	     k != NULL && k->next != NULL; k = k->next->next)
		if (k->shape == GP_IMPORT_SCALAR && strcmp(k->text, name) == 0)
			found = k->next;
	return found;
}

/* YAML 1.1 has many words for it. */
static bool
truth(const struct gp_import_node *node, bool unset)
{
	static const char *const words[] = { "true", "yes", "on" };

	if (node == NULL || node->shape != GP_IMPORT_SCALAR || node->quoted)
		return unset;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (gp_str_eq_nocase(gp_str(node->text), gp_str(words[i])))
			return true;
	return false;
}

/* -- rates --------------------------------------------------------------- */

static const char *
period(struct rates *r, uint64_t s)
{
	static const struct {
		uint64_t s;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t u = 0;

	while (s % units[u].s != 0)
		u++;
	return gp_arena_printf(r->im->arena, "%llu%c",
	    (unsigned long long)(s / units[u].s), units[u].unit);
}

/* "NUMBER/TIME" of [number, seconds]; NULL: it is none. */
static const char *
rate(struct rates *r, const struct gp_import_node *pair)
{
	const struct gp_import_node *n = pair->first;
	uint64_t count, seconds;

	if (pair->shape != GP_IMPORT_LIST || n == NULL || n->next == NULL ||
	    n->next->next != NULL || n->shape != GP_IMPORT_SCALAR ||
	    n->next->shape != GP_IMPORT_SCALAR)
		return NULL;
	if (gp_parse_u64(gp_str(n->text), COUNT_MAX, &count) != GP_OK ||
	    gp_parse_u64(gp_str(n->next->text), SECONDS_MAX, &seconds) !=
		GP_OK ||
	    count == 0 || seconds == 0)
		return NULL;
	return gp_arena_printf(r->im->arena, "%llu/%s",
	    (unsigned long long)count, period(r, seconds));
}

static void
odd_rate(struct rates *r, const struct gp_import_node *node)
{
	gp_import_decide(r->im, GP_YELLOW, "limits", place(r, node),
	    "expected [NUMBER, SECONDS], of at least 1 and at most 31 days");
	gp_findings_remedy(&r->im->report,
	    "rate = { \"NUMBER/TIME\" } in the limit");
}

/* The list as a value of `rate`; NULL when nothing is in it. */
static const char *
rates_of(struct rates *r, const struct gp_import_node *limits)
{
	const char *text = NULL;
	struct gp_buf out;
	size_t n = 0;

	if (limits == NULL || limits->shape != GP_IMPORT_LIST)
		return NULL;
	gp_buf_init(&out, SIZE_MAX);
	for (const struct gp_import_node *p = limits->first; p != NULL;
	     p = p->next) {
		const char *one = n == LIMITS_MAX ? NULL : rate(r, p);

		if (one == NULL) {
			odd_rate(r, p);
			continue;
		}
		gp_buf_addf(&out, "%s\"%s\"", n++ == 0 ? "" : ", ", one);
	}
	if (n > 0)
		text =
		    gp_arena_printf(r->im->arena, "{ %s }", gp_buf_cstr(&out));
	gp_buf_clear(&out);
	return text;
}

/* -- limits --------------------------------------------------------------- */

static void
put(struct rates *r, const char *section, const char *name, const char *text,
    const char *subject)
{
	const struct gp_import_value v = { .section = section,
		.name = name,
		.text = text,
		.subject = subject,
		.from = place(r, value_of(r->root, subject) == NULL
				     ? r->limits
				     : value_of(r->root, subject)) };

	gp_import_set(r->im, &v);
}

static void
put_limit(struct rates *r, const char *name, const char *key,
    const char *subject)
{
	const char *section =
	    gp_arena_printf(r->im->arena, "limit \"%s\"", name);

	put(r, section, "count", "recipients", "limits");
	put(r, section, "by", gp_arena_printf(r->im->arena, "{ \"%s\" }", key),
	    subject);
	put(r, section, "rate", r->list, "limits");
	put(r, section, "over", r->over, "fail_action");
}

static void
networks(struct rates *r)
{
	const struct gp_import_node *list =
	    value_of(r->root, "limited_networks");

	if (list == NULL || list->first == NULL) {
		gp_import_ignored(r->im, "limit_by_ip",
		    place(r, value_of(r->root, "limit_by_ip")),
		    "limited_networks is empty, so no address is limited");
		return;
	}
	put_limit(r, CLIENT_LIMIT, "client", "limit_by_ip");
	gp_import_decide(r->im, GP_YELLOW, "limited_networks", place(r, list),
	    "the limit counts every client whose mail is ours, whatever its "
	    "network, and those that have logged in, too");
	gp_findings_remedy(&r->im->report,
	    "take limit \"" CLIENT_LIMIT "\" out if logins are enough");
}

static void
limits(struct rates *r)
{
	bool login = truth(value_of(r->root, "limit_by_sasl"), true);
	bool sender = truth(value_of(r->root, "limit_by_sender"), false);

	r->limits = value_of(r->root, "limits");
	r->list = rates_of(r, r->limits);
	if (r->list == NULL) {
		gp_import_decide(r->im, GP_YELLOW, "limits",
		    place(r, r->limits), "no limit is in it");
		gp_findings_remedy(&r->im->report,
		    "limit \"NAME\" { by = { \"auth\" } rate = { \"10/1m\" } "
		    "}");
		return;
	}
	/* the built-in limit of every login would come on top */
	put(r, "rate", "login-limit", "{ }", "limits");
	if (login)
		put_limit(r, LOGIN_LIMIT, "auth", "limit_by_sasl");
	if (sender) {
		put_limit(r, SENDER_LIMIT, "sender", "limit_by_sender");
		gp_import_decide(r->im, GP_YELLOW, "limit_by_sender",
		    place(r, value_of(r->root, "limit_by_sender")),
		    "the limit counts each sender, also of clients that have "
		    "logged in");
		gp_findings_remedy(&r->im->report,
		    "take limit \"" SENDER_LIMIT "\" out if logins are enough");
	}
	if (truth(value_of(r->root, "limit_by_ip"), false))
		networks(r);
}

/* Limits of one login or address: there are none of that kind. */
static void
by_id(struct rates *r)
{
	const struct gp_import_node *map = value_of(r->root, "limits_by_id");

	if (map == NULL || map->shape != GP_IMPORT_MAP)
		return;
	for (const struct gp_import_node *k = map->first;
	     k != NULL && k->next != NULL; k = k->next->next) {
		const char *own = rates_of(r, k->next);

		gp_import_decide(r->im, GP_YELLOW, "limits_by_id", place(r, k),
		    "%s has %s of its own; a limit is the same for every "
		    "login",
		    k->shape == GP_IMPORT_SCALAR ? k->text : "(a list)",
		    own == NULL ? "no limit" : own);
		gp_findings_remedy(&r->im->report,
		    "give its domain a block with a limit \"" LOGIN_LIMIT
		    "\", or raise the one for all");
	}
}

/* -- actions --------------------------------------------------------------- */

static bool
begins(const struct gp_import_node *node, const char *word)
{
	return node != NULL && node->shape == GP_IMPORT_SCALAR &&
	       gp_str_starts_nocase(gp_str(node->text), gp_str(word));
}

static void
actions(struct rates *r)
{
	const struct gp_import_node *fail = value_of(r->root, "fail_action");
	const struct gp_import_node *error =
	    value_of(r->root, "db_error_action");
	const struct gp_import_node *good = value_of(r->root, "success_action");

	r->over = "defer";
	if (begins(fail, "reject") || begins(fail, "5"))
		r->over = "reject";
	else if (begins(fail, "dunno") || begins(fail, "warn"))
		r->over = "log";
	else if (fail != NULL && !begins(fail, "defer") && !begins(fail, "4"))
		gp_import_decide(r->im, GP_YELLOW, "fail_action",
		    place(r, fail), "%s: taken as over = defer",
		    fail->shape == GP_IMPORT_SCALAR ? fail->text : "(a list)");
	if (fail != NULL)
		gp_import_ignored(r->im, "fail_action", place(r, fail),
		    "its text: the reply says which limit, and rate.contact "
		    "whom to ask");
	if (error != NULL && !begins(error, "dunno"))
		gp_import_decide(r->im, GP_YELLOW, "db_error_action",
		    place(r, error),
		    "while the store is away, limits are kept by each host");
	if (good != NULL && !begins(good, "dunno"))
		gp_import_decide(r->im, GP_YELLOW, "success_action",
		    place(r, good),
		    "what is within its limits goes on as it came");
	if (truth(value_of(r->root, "report"), false)) {
		gp_import_decide(r->im, GP_YELLOW, "report",
		    place(r, value_of(r->root, "report")),
		    "no reports are sent by mail");
		gp_findings_remedy(&r->im->report,
		    "gatepost rate meters, and the metrics");
	}
}

static bool
is_known(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return false;
}

static void
say_rest(struct rates *r, const struct gp_import_node *key)
{
	if (key->shape != GP_IMPORT_SCALAR || is_known(key->text))
		return;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (strcmp(ignored[i].name, key->text) == 0) {
			gp_import_ignored(r->im, key->text, place(r, key), "%s",
			    ignored[i].why);
			return;
		}
	gp_import_decide(r->im, GP_YELLOW, key->text, place(r, key),
	    "not known to policyd-rate-limit 1.0");
	gp_findings_remedy(&r->im->report, "see policyd-rate-limit.yaml(5)");
}

enum gp_rc
gp_import_rate(struct gp_import *im, const char *path,
    const struct gp_import_node *root, struct gp_err *err)
{
	struct rates r = { .im = im, .path = path, .root = root };
	const struct gp_import_node *socket;

	if (root == NULL || root->shape != GP_IMPORT_MAP)
		return gp_fail(err, GP_PERM, "%s: expected NAME: VALUE lines",
		    path);
	for (const struct gp_import_node *k = root->first;
	     k != NULL && k->next != NULL; k = k->next->next)
		say_rest(&r, k);
	actions(&r);
	limits(&r);
	by_id(&r);
	socket = value_of(root, "SOCKET");
	if (socket != NULL && socket->shape == GP_IMPORT_SCALAR)
		im->socket = socket->text;
	if (socket != NULL)
		gp_import_ignored(im, "SOCKET", place(&r, socket),
		    "gatepost-rate has a socket of its own");
	gp_import_same(im, "smtpd_recipient_restrictions",
	    (struct gp_origin){ .file = NULL },
	    "recipients are counted as they are named; a mail that is then "
	    "refused costs nothing");
	return GP_OK;
}
