/* gatepost key: signing keys, from the first to the retired one. */
#include "ctl/key.h"

#include "core/domain.h"
#include "core/policy_form.h"
#include "ctl/dns.h"
#include "io/key_file.h"

#include <string.h>
#include <sysexits.h>

#define SELECTORS_MAX 16 /* that one call may name */

static const struct ctl_option new_options[] = {
	{ "--selector", "SELECTOR",
	    "name of the key; default: gp, the date, and r or e" },
	{ "--algorithm", "WHICH",
	    "rsa2048, rsa3072, rsa4096, ed25519 or both (default)" },
	{ "--group", "GROUP", "that may read the key; _gatepost-dkim" },
	{ "--hold", NULL, "it does not sign before `gatepost key activate`" },
	{ "--dry-run", NULL, "only print what would be done" },
	{ .name = NULL },
};

static const struct ctl_option list_options[] = {
	{ "--dns", NULL, "ask DNS for the records, too" },
	CTL_DNS_OPTIONS,
	{ .name = NULL },
};

static const struct ctl_option dns_options[] = {
	{ "--format", "FORM", "zone (default), string or nsupdate" },
	{ "--ttl", "SECONDS", "3600" },
	{ "--server", "ADDRESS[:PORT]",
	    "the server line of the nsupdate script" },
	{ .name = NULL },
};

static const struct ctl_option check_options[] = {
	{ "--wait", NULL, "ask again until every server has the record" },
	{ "--timeout", "TIME", "how long to wait; 1h" },
	{ "--servers", "ADDRESS[:PORT],...",
	    "ask these instead of the zone's own" },
	CTL_DNS_OPTIONS,
	{ .name = NULL },
};

static const struct ctl_option activate_options[] = {
	{ "--force", NULL, "whatever DNS says" },
	{ "--reload", NULL, "and make gatepost-dkim read it" },
	{ "--dry-run", NULL, "only print what would be done" },
	{ "--servers", "ADDRESS[:PORT],...",
	    "ask these instead of the zone's own" },
	CTL_DNS_OPTIONS,
	{ .name = NULL },
};

static const struct ctl_option retire_options[] = {
	{ "--force", NULL, "the last key that signs, too" },
	{ "--reload", NULL, "and make gatepost-dkim read it" },
	{ "--dry-run", NULL, "only print what would be done" },
	{ .name = NULL },
};

const struct ctl_command ctl_key_commands[] = {
	{ "key new", "DOMAIN", 1, 1, "make a signing key, and its record",
	    new_options, ctl_key_new },
	{ "key list", "[DOMAIN]", 0, 1, "all keys of the policy", list_options,
	    ctl_key_list },
	{ "key dns", "DOMAIN [SELECTOR...]", 1, SELECTORS_MAX,
	    "the records to publish", dns_options, ctl_key_dns },
	{ "key check", "DOMAIN [SELECTOR...]", 1, SELECTORS_MAX,
	    "has every name server the record?", check_options, ctl_key_check },
	{ "key activate", "DOMAIN [SELECTOR...]", 1, SELECTORS_MAX,
	    "sign with a staged key that is published", activate_options,
	    ctl_key_activate },
	{ "key retire", "DOMAIN SELECTOR", 2, 2, "sign with this key no longer",
	    retire_options, ctl_key_retire },
	{ .words = NULL },
};

/* -- one call -------------------------------------------------------------- */

static const struct gp_policy *
block_of(const struct gp_config *config, const char *domain)
{
	size_t n;
	const struct gp_policy *v = gp_config_domains(config, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].domain, domain) == 0)
			return &v[i];
	return NULL;
}

int
ctl_key_begin(struct ctl_key_call *call, const struct ctl *ctl,
    const struct ctl_args *args)
{
	int code = 0;

	*call = (struct ctl_key_call){ .ctl = ctl,
		.args = args,
		.arena = gp_arena_new() };
	if (args->n > 0)
		code = ctl_domain(args->v[0], call->domain);
	if (code == 0)
		code = ctl_load(ctl, &call->config);
	if (code == 0)
		call->block = block_of(call->config, call->domain);
	return code;
}

void
ctl_key_end(struct ctl_key_call *call)
{
	gp_arena_free(call->arena);
	gp_config_unref(call->config);
}

int
ctl_key_code(enum gp_rc rc)
{
	static const int codes[] = { [GP_OK] = 0,
		[GP_NONE] = 1,
		[GP_TEMP] = EX_TEMPFAIL,
		[GP_PERM] = EX_NOPERM };

	return codes[rc];
}

const char *
ctl_key_directory(const struct ctl_key_call *call)
{
	const char *config = call->ctl->config;
	const char *slash = strrchr(config, '/');

	return slash == NULL ? ""
	                     : gp_arena_strndup(call->arena, config,
				   (size_t)(slash + 1 - config));
}

/* -- which keys ------------------------------------------------------------ */

static bool
is_selector(const char *word, const struct gp_key_policy *key)
{
	char normal[GP_DOMAIN_TEXT];

	return gp_domain_normalize(gp_str(word), normal, NULL) == GP_OK &&
	       strcmp(normal, key->selector) == 0;
}

bool
ctl_key_wanted(const struct ctl_key_call *call, const struct gp_key_policy *key)
{
	if (call->args->n < 2)
		return key->state != GP_KEY_RETIRED;
	for (size_t i = 1; i < call->args->n; i++)
		if (is_selector(call->args->v[i], key))
			return true;
	return false;
}

int
ctl_key_choose(const struct ctl_key_call *call)
{
	const struct gp_policy *block = call->block;
	bool any = false;

	if (block == NULL)
		return ctl_fail(1, "%s: the policy has no block for it",
		    call->domain);
	for (size_t i = 1; i < call->args->n; i++) {
		size_t k = 0;

		while (k < block->n_keys &&
		       !is_selector(call->args->v[i], &block->keys[k]))
			k++;
		if (k == block->n_keys)
			return ctl_fail(1,
			    "%s:%u: domain \"%s\" has no key"
			    " \"%s\"",
			    block->origin.file, block->origin.line,
			    block->domain, call->args->v[i]);
	}
	for (size_t k = 0; k < block->n_keys; k++)
		any = any || ctl_key_wanted(call, &block->keys[k]);
	if (any)
		return 0;
	return ctl_fail(1, "%s:%u: domain \"%s\" has no key in use",
	    block->origin.file, block->origin.line, block->domain);
}

/* -- one key --------------------------------------------------------------- */

static void
unref(void *key)
{
	gp_private_key_unref(key);
}

/* To let everybody read it who runs the tool would be bad advice. */
enum gp_rc
ctl_key_load(struct ctl_key_call *call, const struct gp_key_policy *key,
    const struct gp_private_key **out, struct gp_err *err)
{
	struct gp_private_key *k = NULL;
	enum gp_rc rc = gp_key_file_load(key->file, &k, err);

	if (rc == GP_OK)
		gp_arena_on_clear(call->arena, unref, k);
	else if (gp_key_file_denied(key->file))
		rc = gp_fail(err, rc,
		    "%s: this user may not read it: run it as root", key->file);
	*out = k;
	return rc;
}

int
ctl_key_public(struct ctl_key_call *call, const struct gp_key_policy *key,
    const struct gp_dkim_public **out)
{
	const struct gp_private_key *k;
	struct gp_err err;
	enum gp_rc rc = ctl_key_load(call, key, &k, &err);
	int code = rc == GP_TEMP ? EX_TEMPFAIL : 1;

	*out = NULL;
	if (rc == GP_OK) {
		*out = gp_private_key_public(k);
		return 0;
	}
	if (gp_key_file_denied(key->file))
		code = EX_NOPERM;
	return ctl_fail(code, "%s:%u: key \"%s\": %s", key->origin.file,
	    key->origin.line, key->selector, err.msg);
}

const char *
ctl_key_state(enum gp_key_state state)
{
	static const char *const names[] = { [GP_KEY_STAGED] = "staged",
		[GP_KEY_ACTIVE] = "active",
		[GP_KEY_RETIRED] = "retired" };

	return names[state];
}

const char *
ctl_key_algorithm(const struct gp_dkim_public *key)
{
	return key->type == GP_DKIM_KEY_RSA ? "RSA" : "Ed25519";
}

const char *
ctl_key_date(int64_t s, struct gp_arena *arena)
{
	struct gp_buf out;
	const char *date;

	if (s == 0)
		return "";
	gp_buf_init(&out, SIZE_MAX);
	gp_form_write_date(s, &out);
	date = gp_arena_strndup(arena, out.p + 1, out.n - 2);
	gp_buf_clear(&out);
	return date;
}

struct gp_str
ctl_key_record(const struct gp_dkim_public *key, struct gp_arena *arena)
{
	struct gp_str text;
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	gp_dkim_key_format(key, &out);
	text = gp_arena_dup(arena, gp_buf_str(&out));
	gp_buf_clear(&out);
	return text;
}
