/* gatepost import: what stands beside the configuration, and the keys. */
#include "ctl/import.h"

#include "core/dkim_record.h"
#include "io/clock.h"
#include "io/crypto.h"
#include "io/dns.h"

#include <string.h>

#define KEY_TIMEOUT_US 5000000

/* -- beside the configuration --------------------------------------------- */

static void
read_unit(struct import *job, const char *path)
{
	const char *conf = NULL;
	struct gp_str text;

	if (gp_import_read(&job->source, path, GP_IMPORT_FILE_MAX, &text,
		NULL) == GP_OK &&
	    gp_import_unit(&job->im, path, text, &job->overrides, &conf) &&
	    conf != NULL && ctl_option(job->args, "--conf") == NULL)
		job->conf = conf;
}

void
ctl_import_beside(struct import *job)
{
	const char *program = job->im.program;
	const char *unit = gp_arena_printf(job->arena,
	    "/etc/systemd/system/%s.service", program);
	const char *path =
	    gp_arena_printf(job->arena, "/etc/default/%s", program);
	struct gp_str text;

	if (gp_import_read(&job->source, path, GP_IMPORT_FILE_MAX, &text,
		NULL) == GP_OK)
		gp_import_default(&job->im, path, text);
	read_unit(job, unit);
	for (const char *const *name = gp_import_names(&job->source,
		 gp_arena_printf(job->arena, "%s.d", unit));
	     *name != NULL; name++)
		read_unit(job, *name);
}

/* -- private keys ---------------------------------------------------------- */

static enum gp_rc
read_key(struct import *job, struct gp_import_key *key, struct gp_err *err)
{
	struct gp_private_key *decoded = NULL;
	struct gp_err why = { .msg = "" };
	const char *where = key->path == NULL ? "in the table" : key->path;
	enum gp_rc rc = GP_OK;

	if (key->path != NULL)
		rc = gp_import_read(&job->source, key->path, GP_KEY_FILE_MAX,
		    &key->pem, &why);
	if (rc == GP_OK)
		rc = gp_private_key_parse(key->pem, &decoded, &why);
	gp_private_key_unref(decoded);
	return rc == GP_OK ? GP_OK : gp_fail(err, rc, "%s: %s", where, why.msg);
}

void
ctl_import_keys(struct import *job)
{
	struct gp_import_key **key = &job->im.keys;
	struct gp_err err;

	while (*key != NULL) {
		if (read_key(job, *key, &err) == GP_OK) {
			key = &(*key)->next;
			continue;
		}
		gp_import_drop_key(&job->im, *key, err.msg);
		gp_import_wipe((*key)->pem);
		*key = (*key)->next;
	}
	job->im.keys_end = key;
}

void
ctl_import_wipe(struct import *job)
{
	for (struct gp_import_key *k = job->im.keys; k != NULL; k = k->next)
		gp_import_wipe(k->pem);
}

/* -- what is published ------------------------------------------------------
 */

static void
ask(struct import *job, struct gp_dns *dns, const struct gp_import_key *key,
    const struct gp_private_key *ours)
{
	const char *name = gp_arena_printf(job->arena, "%s._domainkey.%s",
	    key->selector, key->domain);
	struct gp_dns_scope scope = { .dns = dns,
		.arena = job->arena,
		.deadline_us = gp_clock_us() + KEY_TIMEOUT_US,
		.budget = 8 };
	struct gp_dkim_published published;
	struct gp_dns_answer answer;
	struct gp_buf text;
	bool works;

	(void)gp_dns_query(&scope, name, GP_DNS_TXT, &answer);
	gp_dkim_record_compare(gp_private_key_public(ours), &answer,
	    &published);
	works = gp_dkim_published_works(&published);
	gp_buf_init(&text, 1024);
	gp_dkim_published_say(&published, &text);
	gp_findings_add(&job->report, works ? GP_GREEN : GP_YELLOW, "dns", name,
	    "%s", gp_buf_cstr(&text))
	    ->where = key->from;
	if (!works)
		gp_findings_remedy(&job->report,
		    "gatepost key dns shows the record; the other filter signs "
		    "with the same key");
	gp_buf_clear(&text);
}

void
ctl_import_dns(struct import *job, const struct gp_config *config)
{
	struct gp_dns *dns = NULL;
	struct gp_err err;

	if (gp_dns_open(&gp_config_globals(config)->resolver, NULL, &dns,
		&err) != GP_OK) {
		gp_findings_add(&job->report, GP_YELLOW, "dns", "", "%s",
		    err.msg);
		return;
	}
	for (const struct gp_import_key *k = job->im.keys; k != NULL;
	     k = k->next) {
		struct gp_private_key *ours = NULL;

		if (gp_private_key_parse(k->pem, &ours, NULL) == GP_OK)
			ask(job, dns, k, ours);
		gp_private_key_unref(ours);
	}
	gp_dns_close(dns);
}
