/* See import_parts.h. */
#include "core/domain.h"
#include "core/import_parts.h"

#include <string.h>

static const struct gp_import_rule *
rule_of(const struct gp_import_rule *rules, const char *name)
{
	for (; rules->name != NULL; rules++)
		if (gp_str_eq_nocase(gp_str(rules->name), gp_str(name)))
			return rules;
	return NULL;
}

static bool
is_off(const char *value)
{
	return strchr("fFnN0", *value) != NULL;
}

static void
follow(struct gp_import_mapper *m, const struct gp_import_rule *rules,
    const struct gp_import_word *w)
{
	const struct gp_import_rule *rule = rule_of(rules, w->name);

	if (gp_import_word(&m->words, w->name) != w) {
		gp_import_ignored(m->im, w->name, w->from,
		    "a later line says it again, and holds");
	} else if (rule == NULL) {
		gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
		    "not known to %s", m->im->program);
		gp_findings_remedy(&m->im->report,
		    "see %s.conf(5) of the version that runs", m->im->program);
	} else if (rule->what == GP_IMPORT_IGNORED) {
		gp_import_ignored(m->im, w->name, w->from, "%s", rule->text);
	} else if (rule->what == GP_IMPORT_SAME ||
		   (rule->what == GP_IMPORT_DECIDE && is_off(w->value))) {
		gp_import_same(m->im, w->name, w->from, "%s", rule->text);
	} else if (rule->what == GP_IMPORT_DECIDE) {
		gp_import_decide(m->im, GP_YELLOW, w->name, w->from, "%s",
		    rule->text);
		gp_findings_remedy(&m->im->report, "%s", rule->remedy);
	}
}

void
gp_import_follow(struct gp_import_mapper *m, const struct gp_import_rule *rules)
{
	for (size_t i = 0; i < m->words.n; i++)
		follow(m, rules, &m->words.v[i]);
}

void
gp_import_put(struct gp_import_mapper *m, const char *section, const char *name,
    const struct gp_import_word *w, const char *text)
{
	const struct gp_import_value v = { .section = section,
		.name = name,
		.text = text,
		.subject = w->name,
		.from = w->from };

	gp_import_set(m->im, &v);
}

void
gp_import_authserv_id(struct gp_import_mapper *m)
{
	const struct gp_import_word *w =
	    gp_import_word(&m->words, "AuthservID");
	char domain[GP_DOMAIN_TEXT];

	if (w == NULL)
		return;
	if (strcmp(w->value, "HOSTNAME") == 0) {
		gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
		    "HOSTNAME: here it is the MTA's own name");
		gp_findings_remedy(&m->im->report,
		    "authserv-id = \"NAME\" where the two are not equal");
	} else if (gp_domain_normalize(gp_str(w->value), domain, NULL) ==
		   GP_OK) {
		gp_import_put(m, "", "authserv-id", w,
		    gp_import_quote(m->im, domain));
	} else {
		gp_import_decide(m->im, GP_YELLOW, w->name, w->from,
		    "%s: here it is a domain name", w->value);
		gp_findings_remedy(&m->im->report,
		    "authserv-id = \"mx.example.com\", own-ids = { %s }",
		    gp_import_quote(m->im, w->value));
	}
}
