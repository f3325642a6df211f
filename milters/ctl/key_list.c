/* gatepost key list, gatepost key dns: what there is, and what to publish. */
#include "ctl/key_ask.h"

#include "core/policy_form.h"
#include "io/clock.h"

#include <string.h>

#define FINGERPRINT 8 /* octets that are shown of it */
#define TTL_S       3600
#define TTL_MAX     604800

/* -- a row ----------------------------------------------------------------- */

struct row {
	const struct gp_policy *block;
	const struct gp_key_policy *key;
	const struct gp_dkim_public *public; /* NULL: retired or not readable */
	const char *fingerprint;             /* likewise */
	const char *problem;                 /* of the file; NULL: none */
	const char *note;                    /* when it signs, or signed */
	const struct gp_dkim_published *published; /* NULL: not asked */
};

static const char *
fingerprint_of(const struct gp_dkim_public *key, struct gp_arena *arena)
{
	uint8_t hash[GP_SHA256_BYTES];
	char *out = gp_arena_alloc(arena, 2 * (size_t)FINGERPRINT + 1);

	gp_sha256(ctl_key_record(key, arena), hash);
	for (size_t i = 0; i < FINGERPRINT; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
	return out;
}

static const char *
note_of_staged(const struct gp_key_policy *key, struct gp_arena *arena)
{
	if (key->activate_after_s == 0)
		return "waits for `gatepost key activate`";
	return gp_arena_printf(arena, "signs from %s on%s",
	    ctl_key_date(key->activate_after_s, arena),
	    key->require_dns ? ", once DNS has it" : "");
}

const char *
ctl_key_keep(const struct gp_policy *block, const struct gp_key_policy *key,
    struct gp_arena *arena)
{
	int64_t until_s;

	if (key->retired_on_s == 0)
		return "retired, its record may be deleted when the mail that"
		       " it signed has arrived";
	until_s = gp_dkim_record_keep_until_s(key->retired_on_s,
	    block->signing.expire_ms);
	return gp_arena_printf(arena,
	    gp_clock_wall_s() < until_s ? "keep the record until %s"
					: "record may be deleted since %s",
	    ctl_key_date(until_s, arena));
}

static const char *
note_of(const struct gp_policy *block, const struct gp_key_policy *key,
    struct gp_arena *arena)
{
	switch (key->state) {
	case GP_KEY_STAGED:
		return note_of_staged(key, arena);
	case GP_KEY_RETIRED:
		return ctl_key_keep(block, key, arena);
	case GP_KEY_ACTIVE:
		break;
	}
	return "signs";
}

/* An active key whose algorithm is switched off in the block. */
static bool
is_left_out(const struct row *r)
{
	const struct gp_signing_algorithms *on = &r->block->signing.algorithms;
	const enum gp_signing_algorithm own = r->public->type == GP_DKIM_KEY_RSA
	                                          ? GP_SIGN_RSA_SHA256
	                                          : GP_SIGN_ED25519_SHA256;

	for (size_t i = 0; i < on->n; i++)
		if (on->v[i] == own)
			return false;
	return true;
}

static void
read_row(struct ctl_key_call *call, struct row *r)
{
	const struct gp_private_key *key;
	struct gp_err err;

	r->note = note_of(r->block, r->key, call->arena);
	if (r->key->state == GP_KEY_RETIRED)
		return;
	if (ctl_key_load(call, r->key, &key, &err) != GP_OK) {
		r->problem = gp_arena_strdup(call->arena, err.msg);
		return;
	}
	r->public = gp_private_key_public(key);
	r->fingerprint = fingerprint_of(r->public, call->arena);
	if (is_left_out(r))
		r->note = "does not sign, `algorithms` leaves it out";
}

/* -- list ------------------------------------------------------------------ */

static void
say_row(const struct row *r, struct gp_arena *arena, struct gp_buf *out)
{
	gp_buf_addf(out, "%s\t%s\t%s\t%s\t%s\t%s:%u\t%s", r->block->domain,
	    r->key->selector,
	    r->public == NULL ? "-"
	    : r->public->type == GP_DKIM_KEY_RSA
		? gp_arena_printf(arena, "rsa%u", r->public->bits)
		: "ed25519",
	    ctl_key_state(r->key->state),
	    r->fingerprint == NULL ? "-" : r->fingerprint, r->key->origin.file,
	    r->key->origin.line, r->note);
	if (r->published != NULL) {
		gp_buf_adds(out, "; DNS: ");
		gp_dkim_published_say(r->published, out);
	}
	gp_buf_addc(out, '\n');
}

static void
json_row(const struct row *r, struct gp_json *j)
{
	gp_json_object(j, NULL);
	gp_json_string(j, "domain", r->block->domain);
	gp_json_string(j, "selector", r->key->selector);
	gp_json_string(j, "state", ctl_key_state(r->key->state));
	gp_json_string(j, "algorithm",
	    r->public == NULL ? NULL : ctl_key_algorithm(r->public));
	gp_json_int(j, "bits", r->public == NULL ? 0 : r->public->bits);
	gp_json_string(j, "fingerprint", r->fingerprint);
	gp_json_string(j, "key_file", r->key->file);
	gp_json_string(j, "problem", r->problem);
	gp_json_string(j, "note", r->note);
	gp_json_string(j, "file", r->key->origin.file);
	gp_json_int(j, "line", r->key->origin.line);
	if (r->published != NULL)
		gp_json_string(j, "published",
		    gp_dkim_published_word(r->published->verdict));
	gp_json_end(j);
}

struct rows {
	size_t n;
	struct row *v;
};

static struct rows
rows_of(struct ctl_key_call *call)
{
	size_t n_blocks, n = 0;
	const struct gp_policy *blocks =
	    gp_config_domains(call->config, &n_blocks);
	struct rows rows = { .n = 0 };

	for (size_t b = 0; b < n_blocks; b++)
		n += blocks[b].n_keys;
	rows.v = gp_arena_alloc(call->arena, n * sizeof(*rows.v));
	for (size_t b = 0; b < n_blocks; b++) {
		if (call->block != NULL && call->block != &blocks[b])
			continue;
		for (size_t k = 0; k < blocks[b].n_keys; k++) {
			struct row *r = &rows.v[rows.n++];

			r->block = &blocks[b];
			r->key = &blocks[b].keys[k];
			read_row(call, r);
		}
	}
	return rows;
}

static void
print_rows(struct ctl_key_call *call, const struct rows *rows)
{
	struct gp_buf out;

	gp_buf_init(&out, SIZE_MAX);
	gp_buf_adds(&out,
	    "DOMAIN\tSELECTOR\tTYPE\tSTATE\tFINGERPRINT\tWHERE\tNOTE\n");
	for (size_t i = 0; i < rows->n; i++)
		say_row(&rows->v[i], call->arena, &out);
	if (rows->n > 0)
		ctl_print_table(gp_buf_str(&out));
	gp_buf_clear(&out);
	for (size_t i = 0; i < rows->n; i++)
		if (rows->v[i].problem != NULL)
			(void)ctl_fail(0, "%s:%u: key \"%s\": %s",
			    rows->v[i].key->origin.file,
			    rows->v[i].key->origin.line,
			    rows->v[i].key->selector, rows->v[i].problem);
}

static void
print_rows_json(const struct rows *rows)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_array(&j, "keys");
	for (size_t i = 0; i < rows->n; i++)
		json_row(&rows->v[i], &j);
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

/* What the resolver says; a retired key has no file to compare with. */
static int
ask_rows(struct ctl_key_call *call, struct rows *rows)
{
	struct gp_dns *dns;
	int code = ctl_key_resolver(call, &dns);

	for (size_t i = 0; i < rows->n && code == 0; i++) {
		struct row *r = &rows->v[i];
		struct gp_dkim_published *p =
		    gp_arena_alloc(call->arena, sizeof(*p));

		if (r->public == NULL)
			continue;
		ctl_key_ask(call, dns, r->block->domain, r->key, r->public, p);
		r->published = p;
	}
	return code;
}

static int
list(struct ctl_key_call *call)
{
	struct rows rows;
	int code = 0;

	if (call->args->n > 0 && call->block == NULL)
		return ctl_key_choose(call);
	rows = rows_of(call);
	if (ctl_option(call->args, "--dns") != NULL ||
	    ctl_option(call->args, "--zone") != NULL)
		code = ask_rows(call, &rows);
	if (code != 0)
		return code;
	if (call->ctl->json)
		print_rows_json(&rows);
	else
		print_rows(call, &rows);
	for (size_t i = 0; i < rows.n; i++)
		if (rows.v[i].problem != NULL)
			code = 1;
	return code;
}

int
ctl_key_list(const struct ctl *ctl, const struct ctl_args *args)
{
	struct ctl_key_call call;
	int code = ctl_key_begin(&call, ctl, args);

	if (code == 0)
		code = list(&call);
	ctl_key_end(&call);
	return code;
}

/* -- dns ------------------------------------------------------------------- */

enum form { ZONE, STRING, NSUPDATE };

struct showing {
	struct ctl_key_call call;
	enum form form;
	uint64_t ttl_s;
	const char *server; /* "ADDRESS PORT"; NULL: none */
};

static int
read_form(struct showing *s)
{
	static const char *const names[] = { "zone", "string", "nsupdate" };
	const char *word = ctl_option(s->call.args, "--format");

	if (word == NULL)
		return 0;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(word, names[i]) != 0)
			continue;
		s->form = (enum form)i;
		return 0;
	}
	return ctl_usage("--format: %s: expected zone, string or nsupdate",
	    word);
}

/* nsupdate wants a blank where others have a colon. */
static int
read_server(struct showing *s)
{
	const char *word = ctl_option(s->call.args, "--server");
	struct gp_str host;
	const char *colon;

	if (word == NULL)
		return 0;
	if (!gp_form_server(gp_str(word)))
		return ctl_usage("--server: %s: expected ADDRESS, ADDRESS:PORT"
				 " or [IPv6]:PORT",
		    word);
	colon = strrchr(word, ':');
	if (word[0] == '[') {
		host = gp_str_n(word + 1, strcspn(word, "]") - 1);
		s->server = gp_arena_printf(s->call.arena, "%.*s %s",
		    GP_STR_ARG(host), colon + 1);
	} else if (colon != NULL && strchr(word, ':') == colon) {
		host = gp_str_n(word, (size_t)(colon - word));
		s->server = gp_arena_printf(s->call.arena, "%.*s %s",
		    GP_STR_ARG(host), colon + 1);
	} else {
		s->server = word;
	}
	return 0;
}

static int
read_ttl(struct showing *s)
{
	const char *word = ctl_option(s->call.args, "--ttl");

	s->ttl_s = TTL_S;
	if (word == NULL ||
	    gp_parse_u64(gp_str(word), TTL_MAX, &s->ttl_s) == GP_OK)
		return 0;
	return ctl_usage("--ttl: %s: expected seconds, %d at most", word,
	    TTL_MAX);
}

static void
show_text(const struct showing *s, const char *name, struct gp_str record,
    struct gp_buf *out)
{
	switch (s->form) {
	case ZONE:
		gp_dkim_record_zone(name, (unsigned)s->ttl_s, record, out);
		break;
	case STRING:
		gp_buf_addf(out, "%sname:  %s\nvalue: %.*s\n",
		    out->n == 0 ? "" : "\n", name, GP_STR_ARG(record));
		break;
	case NSUPDATE:
		gp_dkim_record_nsupdate(name, (unsigned)s->ttl_s, record,
		    s->server, out);
		break;
	}
}

static void
show_json(const struct gp_key_policy *key, const char *name,
    struct gp_str record, struct gp_json *j)
{
	gp_json_object(j, NULL);
	gp_json_string(j, "selector", key->selector);
	gp_json_string(j, "name", name);
	gp_json_str(j, "value", record);
	gp_json_end(j);
}

static int
show_keys(struct showing *s, struct gp_buf *out, struct gp_json *j)
{
	const struct gp_policy *block = s->call.block;
	char name[GP_DKIM_RECORD_NAME];
	int code = 0;

	for (size_t i = 0; i < block->n_keys; i++) {
		const struct gp_key_policy *key = &block->keys[i];
		const struct gp_dkim_public *public;
		struct gp_str record;
		int one;

		if (!ctl_key_wanted(&s->call, key))
			continue;
		one = ctl_key_public(&s->call, key, &public);
		if (one != 0) {
			code = one;
			continue;
		}
		record = ctl_key_record(public, s->call.arena);
		(void)gp_dkim_record_name(key->selector, block->domain, name);
		if (j != NULL)
			show_json(key, name, record, j);
		else
			show_text(s, name, record, out);
	}
	return code;
}

static int
show(struct showing *s)
{
	struct gp_buf out;
	struct gp_json j;
	int code;

	gp_buf_init(&out, SIZE_MAX);
	if (s->call.ctl->json) {
		j = ctl_json_begin(&out);
		gp_json_string(&j, "domain", s->call.domain);
		gp_json_array(&j, "records");
		code = show_keys(s, &out, &j);
		gp_json_end(&j);
		ctl_json_end(&j);
	} else {
		code = show_keys(s, &out, NULL);
		(void)fputs(gp_buf_cstr(&out), stdout);
	}
	gp_buf_clear(&out);
	return code;
}

int
ctl_key_dns(const struct ctl *ctl, const struct ctl_args *args)
{
	struct showing s = { .form = ZONE };
	int code = ctl_key_begin(&s.call, ctl, args);

	if (code == 0)
		code = read_form(&s);
	if (code == 0)
		code = read_server(&s);
	if (code == 0)
		code = read_ttl(&s);
	if (code == 0)
		code = ctl_key_choose(&s.call);
	if (code == 0)
		code = show(&s);
	ctl_key_end(&s.call);
	return code;
}
