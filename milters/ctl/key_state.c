/* gatepost key activate, gatepost key retire: a key's state in the policy. */
#include "ctl/key_ask.h"
#include "ctl/key_edit.h"

#include "io/clock.h"

#include <sysexits.h>

struct turning {
	struct ctl_key_call call;
	struct ctl_key_edit edit;
	size_t n; /* keys that change */
	struct turned {
		const struct gp_key_policy *key;
	} * v;
};

static bool
is_given(const struct turning *t, const char *option)
{
	return ctl_option(t->call.args, option) != NULL;
}

/* -- writing --------------------------------------------------------------- */

static int
edit_key(struct turning *t, const struct gp_key_policy *key,
    enum gp_key_state state)
{
	const char *today = ctl_key_date(gp_clock_wall_s(), t->call.arena);
	int code = ctl_key_edit_set(&t->edit, key->selector, "state",
	    ctl_key_state(state));

	if (code == 0)
		code = ctl_key_edit_set(&t->edit, key->selector,
		    "activate-after", NULL);
	if (code == 0)
		code = ctl_key_edit_set(&t->edit, key->selector, "retired-on",
		    state != GP_KEY_RETIRED
			? NULL
			: gp_arena_printf(t->call.arena, "\"%s\"", today));
	return code;
}

static void
print_json(const struct turning *t, enum gp_key_state state)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_string(&j, "domain", t->call.domain);
	gp_json_bool(&j, "dry_run", is_given(t, "--dry-run"));
	gp_json_string(&j, "state", ctl_key_state(state));
	gp_json_array(&j, "selectors");
	for (size_t i = 0; i < t->n; i++)
		gp_json_string(&j, NULL, t->v[i].key->selector);
	gp_json_end(&j);
	gp_json_string(&j, "policy_file", t->edit.file);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

static void
print_text(const struct turning *t, enum gp_key_state state)
{
	const char *would = is_given(t, "--dry-run") ? "would be " : "";

	for (size_t i = 0; i < t->n; i++) {
		const struct gp_key_policy *key = t->v[i].key;

		(void)printf("%schanged: %s:%u: key \"%s\" is %s, was %s\n",
		    would, key->origin.file, key->origin.line, key->selector,
		    ctl_key_state(state), ctl_key_state(key->state));
	}
	if (!is_given(t, "--dry-run"))
		(void)printf("the old text is in %s~\n", t->edit.file);
}

/* The policy with all changes, or as it was. */
static int
turn(struct turning *t, enum gp_key_state state)
{
	int code = ctl_key_edit_begin(&t->edit, &t->call, NULL);

	for (size_t i = 0; i < t->n && code == 0; i++)
		code = edit_key(t, t->v[i].key, state);
	if (code == 0)
		code = ctl_key_edit_check(&t->edit);
	if (code == 0 && !is_given(t, "--dry-run"))
		code = ctl_key_edit_write(&t->edit);
	if (code != 0)
		return code;
	if (t->call.ctl->json)
		print_json(t, state);
	else
		print_text(t, state);
	return 0;
}

/* Beside one JSON object there is no other answer. */
static int
reload_quietly(const struct turning *t)
{
	struct gp_buf answer;
	struct gp_err err;
	enum gp_rc rc;

	gp_buf_init(&answer, SIZE_MAX);
	rc = ctl_request(t->call.ctl, "dkim", "reload", &answer, &err);
	if (rc == GP_NONE)
		(void)ctl_fail(0, "gatepost-dkim refuses the policy");
	else if (rc != GP_OK)
		(void)ctl_fail(0, "%s", err.msg);
	gp_buf_clear(&answer);
	return ctl_key_code(rc);
}

static int
reload(const struct turning *t)
{
	if (is_given(t, "--dry-run"))
		return 0;
	if (is_given(t, "--reload"))
		return t->call.ctl->json
		           ? reload_quietly(t)
		           : ctl_ask(t->call.ctl, "dkim", "reload");
	if (!t->call.ctl->json)
		(void)puts("next: gatepost reload");
	return 0;
}

/* -- activate -------------------------------------------------------------- */

/* The staged ones, and any other that is named. */
static int
choose_staged(struct turning *t)
{
	const struct gp_policy *block = t->call.block;

	t->v = gp_arena_alloc(t->call.arena, block->n_keys * sizeof(*t->v));
	for (size_t i = 0; i < block->n_keys; i++) {
		const struct gp_key_policy *key = &block->keys[i];

		if (!ctl_key_wanted(&t->call, key) ||
		    key->state == GP_KEY_ACTIVE)
			continue;
		if (key->state == GP_KEY_RETIRED && !is_given(t, "--force"))
			return ctl_fail(1,
			    "%s:%u: key \"%s\" is retired;"
			    " --force makes it sign again",
			    key->origin.file, key->origin.line, key->selector);
		t->v[t->n++].key = key;
	}
	return 0;
}

/* 0, or why it may not sign yet. */
static int
check_published(struct turning *t, const struct gp_key_policy *key)
{
	const struct gp_dkim_public *public;
	struct ctl_key_servers servers;
	int code = ctl_key_public(&t->call, key, &public);

	if (code != 0 || is_given(t, "--force"))
		return code;
	code = ctl_key_servers(&t->call, key, &servers);
	if (code != 0)
		return code;
	ctl_key_ask_all(&t->call, public, &servers);
	if (ctl_key_everywhere(&servers))
		return 0;
	if (!t->call.ctl->json)
		ctl_key_print_servers(t->call.ctl, key->selector, &servers);
	return ctl_fail(ctl_key_told(&servers) ? 1 : EX_TEMPFAIL,
	    "key \"%s\" is not published everywhere, so it stays %s"
	    " (gatepost key check %s %s --wait)",
	    key->selector, ctl_key_state(key->state), t->call.domain,
	    key->selector);
}

static int
activate(struct turning *t)
{
	int code = ctl_key_choose(&t->call);

	if (code == 0)
		code = choose_staged(t);
	if (code != 0)
		return code;
	if (t->n == 0) {
		if (t->call.ctl->json)
			print_json(t, GP_KEY_ACTIVE);
		else
			(void)puts("nothing to do: no key of these is staged");
		return 0;
	}
	for (size_t i = 0; i < t->n && code == 0; i++)
		code = check_published(t, t->v[i].key);
	if (code == 0)
		code = turn(t, GP_KEY_ACTIVE);
	return code == 0 ? reload(t) : code;
}

int
ctl_key_activate(const struct ctl *ctl, const struct ctl_args *args)
{
	struct turning t = { .n = 0 };
	int code = ctl_key_begin(&t.call, ctl, args);

	if (code == 0)
		code = activate(&t);
	ctl_key_end(&t.call);
	return code;
}

/* -- retire ---------------------------------------------------------------- */

static bool
is_rsa(struct turning *t, const struct gp_key_policy *key)
{
	const struct gp_private_key *k;

	return ctl_key_load(&t->call, key, &k, NULL) == GP_OK &&
	       gp_private_key_public(k)->type == GP_DKIM_KEY_RSA;
}

/* Ed25519 alone is no signature for the many receivers that can not check
 * it. */
static bool
others_sign(struct turning *t, const struct gp_key_policy *key)
{
	const struct gp_policy *block = t->call.block;
	const bool rsa = is_rsa(t, key);

	for (size_t i = 0; i < block->n_keys; i++)
		if (&block->keys[i] != key &&
		    block->keys[i].state == GP_KEY_ACTIVE &&
		    (!rsa || is_rsa(t, &block->keys[i])))
			return true;
	return false;
}

static int
check_last(struct turning *t, const struct gp_key_policy *key)
{
	if (key->state != GP_KEY_ACTIVE || is_given(t, "--force") ||
	    others_sign(t, key))
		return 0;
	return ctl_fail(1,
	    "%s:%u: key \"%s\" is the last active one of %s that every"
	    " receiver can check; activate another one before, or --force",
	    key->origin.file, key->origin.line, key->selector, t->call.domain);
}

/* As the policy will say it. */
static void
print_keep(const struct turning *t, const struct gp_key_policy *key)
{
	struct gp_key_policy retired = *key;

	if (t->call.ctl->json)
		return;
	retired.state = GP_KEY_RETIRED;
	retired.retired_on_s = gp_clock_wall_s();
	(void)printf("%s in DNS: mail that it has signed is still on its way"
		     " and is checked until then (%s)\n",
	    ctl_key_keep(t->call.block, &retired, t->call.arena),
	    t->call.block->signing.expire_ms > 0
		? "expire, x= of its last signature"
		: "5 days in queues and a week, for expire = 0");
}

static int
say_retired(const struct turning *t)
{
	if (t->call.ctl->json)
		print_json(t, GP_KEY_RETIRED);
	else
		(void)puts("nothing to do: it is retired");
	return 0;
}

static int
retire_key(struct turning *t, const struct gp_key_policy *key)
{
	int code = check_last(t, key);

	t->v = gp_arena_alloc(t->call.arena, sizeof(t->v[0]));
	t->v[t->n++].key = key;
	if (code == 0)
		code = turn(t, GP_KEY_RETIRED);
	if (code != 0)
		return code;
	print_keep(t, key);
	return reload(t);
}

static int
retire(struct turning *t)
{
	const struct gp_policy *block = t->call.block;
	int code = ctl_key_choose(&t->call);
	size_t i = 0;

	if (code != 0)
		return code;
	while (!ctl_key_wanted(&t->call, &block->keys[i]))
		i++;
	if (block->keys[i].state == GP_KEY_RETIRED)
		return say_retired(t);
	return retire_key(t, &block->keys[i]);
}

int
ctl_key_retire(const struct ctl *ctl, const struct ctl_args *args)
{
	struct turning t = { .n = 0 };
	int code = ctl_key_begin(&t.call, ctl, args);

	if (code == 0)
		code = retire(&t);
	ctl_key_end(&t.call);
	return code;
}
