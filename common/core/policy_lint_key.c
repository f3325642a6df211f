/* policy_lint: keys and signatures. */
#include "core/policy_lint_part.h"

#include "core/policy_form.h"

#include <stdio.h>
#include <string.h>

#define TOPIC "key"

/* RFC 8301 3.2: 2048 wanted; verifiers need not take more than 4096. */
#define RSA_BITS_WANTED 2048
#define RSA_BITS_SURE   4096

/* A signature must outlast the queue by so much, and not by more than this. */
#define MARGIN_MS        GP_DAY_MS
#define EXPIRE_LONG_MS   (60 * GP_DAY_MS)
#define QUEUE_DEFAULT_MS (5 * GP_DAY_MS)

/* A block with its keys. */
struct keyring {
	const struct gp_lint *l;
	const struct gp_policy *block;
	const struct gp_dkim_public *const *keys; /* NULL: none is known */
};

static void
add(const struct keyring *r, enum gp_light light, const struct gp_origin *at,
    const char *what)
{
	gp_findings_add(r->l->out, light, TOPIC, r->block->domain, "%s", what);
	gp_lint_where(r->l, *at);
}

static const struct gp_dkim_public *
public_of(const struct keyring *r, size_t i)
{
	return r->keys == NULL ? NULL : r->keys[i];
}

/* GP_SIGN_ANY: not known. */
static enum gp_signing_algorithm
algorithm_of(const struct keyring *r, size_t i)
{
	const struct gp_dkim_public *p = public_of(r, i);

	if (p == NULL)
		return r->block->keys[i].algorithm;
	return p->type == GP_DKIM_KEY_RSA ? GP_SIGN_RSA_SHA256
	                                  : GP_SIGN_ED25519_SHA256;
}

static bool
is_on(const struct gp_policy *block, enum gp_signing_algorithm a)
{
	const struct gp_signing_algorithms *on = &block->signing.algorithms;

	for (size_t i = 0; i < on->n; i++)
		if (on->v[i] == a)
			return true;
	return a == GP_SIGN_ANY;
}

static bool
is_due(const struct keyring *r, const struct gp_key_policy *k)
{
	return k->state == GP_KEY_STAGED && k->activate_after_s != 0 &&
	       k->activate_after_s <= r->l->with->now_s;
}

/* A key that was staged and whose day has come may sign: what DNS has is not
 * known here. */
static bool
may_sign(const struct keyring *r, size_t i)
{
	const struct gp_key_policy *k = &r->block->keys[i];

	return (k->state == GP_KEY_ACTIVE || is_due(r, k)) &&
	       is_on(r->block, algorithm_of(r, i));
}

/* -- does anything sign? -------------------------------------------------- */

static const struct gp_key_policy *
first_in(const struct keyring *r, enum gp_key_state state)
{
	for (size_t i = 0; i < r->block->n_keys; i++)
		if (r->block->keys[i].state == state)
			return &r->block->keys[i];
	return NULL;
}

static void
tell_unsigned(const struct keyring *r)
{
	const struct gp_key_policy *staged = first_in(r, GP_KEY_STAGED);
	const struct gp_key_policy *active = first_in(r, GP_KEY_ACTIVE);
	char date[GP_LINT_DATE];

	if (active != NULL) {
		add(r, GP_RED, &active->origin,
		    "no key signs: `algorithms` has switched that of each off");
		gp_findings_remedy(r->l->out,
		    "algorithms = { \"rsa-sha256\", \"ed25519-sha256\" }");
	} else if (staged == NULL) {
		add(r, GP_RED, &r->block->keys[0].origin,
		    "every key is retired: mail leaves unsigned");
		gp_findings_remedy(r->l->out, "gatepost key new %s",
		    r->block->domain);
	} else if (staged->activate_after_s != 0) {
		gp_findings_add(r->l->out, GP_YELLOW, TOPIC, r->block->domain,
		    "mail leaves unsigned until key \"%s\" becomes active, "
		    "after %s",
		    staged->selector,
		    gp_lint_date(staged->activate_after_s, date));
		gp_lint_where(r->l, staged->origin);
		gp_findings_remedy(r->l->out,
		    "once it is published: gatepost key activate %s %s",
		    r->block->domain, staged->selector);
	} else {
		add(r, GP_RED, &staged->origin,
		    "no key signs: what is not retired is staged");
		gp_findings_remedy(r->l->out,
		    "once it is published: gatepost key activate %s %s",
		    r->block->domain, staged->selector);
	}
}

/* Verifiers that do not know Ed25519 see no signature. */
static void
tell_algorithms(const struct keyring *r, bool any_rsa, bool any_unknown,
    size_t ed25519)
{
	if (any_rsa || any_unknown)
		return;
	add(r, GP_RED, &r->block->keys[ed25519].origin,
	    "signs with Ed25519 alone: most receivers do not know it, and see "
	    "no signature");
	gp_findings_remedy(r->l->out, "gatepost key new %s --algorithm rsa2048",
	    r->block->domain);
}

static void
lint_signing(const struct keyring *r)
{
	bool rsa = false;
	bool unknown = false;
	size_t ed25519 = r->block->n_keys;

	for (size_t i = 0; i < r->block->n_keys; i++) {
		enum gp_signing_algorithm a = algorithm_of(r, i);

		if (!may_sign(r, i))
			continue;
		rsa = rsa || a == GP_SIGN_RSA_SHA256;
		unknown = unknown || a == GP_SIGN_ANY;
		if (a == GP_SIGN_ED25519_SHA256)
			ed25519 = i;
	}
	if (!rsa && !unknown && ed25519 == r->block->n_keys)
		tell_unsigned(r);
	else
		tell_algorithms(r, rsa, unknown, ed25519);
}

/* -- one key -------------------------------------------------------------- */

static void
lint_bits(const struct keyring *r, size_t i)
{
	const struct gp_dkim_public *p = public_of(r, i);
	const struct gp_key_policy *k = &r->block->keys[i];

	if (p == NULL || p->type != GP_DKIM_KEY_RSA ||
	    (p->bits >= RSA_BITS_WANTED && p->bits <= RSA_BITS_SURE))
		return;
	gp_findings_add(r->l->out, GP_YELLOW, TOPIC, r->block->domain,
	    "key \"%s\" has %u bits: %s", k->selector, p->bits,
	    p->bits < RSA_BITS_WANTED
		? "receivers ask for 2048"
		: "receivers need not take more than 4096");
	gp_lint_where(r->l, k->origin);
	gp_findings_remedy(r->l->out,
	    "gatepost key new %s --algorithm rsa2048, later gatepost key "
	    "retire %s %s",
	    r->block->domain, r->block->domain, k->selector);
}

/* Staged without a day, while others sign. */
static void
lint_staged(const struct keyring *r, size_t i)
{
	const struct gp_key_policy *k = &r->block->keys[i];

	if (k->state != GP_KEY_STAGED || !gp_lint_signs(r->block))
		return;
	if (k->activate_after_s == 0) {
		gp_findings_add(r->l->out, GP_YELLOW, TOPIC, r->block->domain,
		    "key \"%s\" is staged and stays so: no day is set for it",
		    k->selector);
		gp_findings_remedy(r->l->out,
		    "gatepost key activate %s %s, or activate-after = "
		    "\"YYYY-MM-DD\"",
		    r->block->domain, k->selector);
	} else if (!k->require_dns) {
		gp_findings_add(r->l->out, GP_YELLOW, TOPIC, r->block->domain,
		    "key \"%s\" will sign whether its record is published or "
		    "not",
		    k->selector);
		gp_findings_remedy(r->l->out, "require-dns = yes");
	} else {
		return;
	}
	gp_lint_where(r->l, k->origin);
}

/* The key behind it can not be another one. */
static void
lint_same_file(const struct keyring *r, size_t i)
{
	const struct gp_key_policy *k = &r->block->keys[i];

	for (size_t j = 0; j < i; j++) {
		const struct gp_key_policy *other = &r->block->keys[j];

		if (k->state == GP_KEY_RETIRED ||
		    other->state == GP_KEY_RETIRED ||
		    strcmp(k->file, other->file) != 0)
			continue;
		gp_findings_add(r->l->out, GP_YELLOW, TOPIC, r->block->domain,
		    "keys \"%s\" and \"%s\" are the same file", other->selector,
		    k->selector);
		gp_lint_where(r->l, k->origin);
		gp_findings_remedy(r->l->out,
		    "a file of its own for key \"%s\"", k->selector);
		return;
	}
}

/* Of each algorithm one signature is enough. */
static void
lint_doubled(const struct keyring *r, size_t i)
{
	const struct gp_key_policy *k = &r->block->keys[i];

	for (size_t j = 0; j < i; j++) {
		if (k->state != GP_KEY_ACTIVE ||
		    r->block->keys[j].state != GP_KEY_ACTIVE ||
		    algorithm_of(r, i) == GP_SIGN_ANY ||
		    algorithm_of(r, i) != algorithm_of(r, j) || !may_sign(r, i))
			continue;
		gp_findings_add(r->l->out, GP_YELLOW, TOPIC, r->block->domain,
		    "keys \"%s\" and \"%s\" are for the same algorithm, and "
		    "each signs every message",
		    r->block->keys[j].selector, k->selector);
		gp_lint_where(r->l, k->origin);
		gp_findings_remedy(r->l->out, "gatepost key retire %s %s",
		    r->block->domain, r->block->keys[j].selector);
		return;
	}
}

/* -- the block ------------------------------------------------------------ */

static void
lint_expire(const struct keyring *r)
{
	const int64_t queue_ms =
	    r->l->with->queue_ms > 0 ? r->l->with->queue_ms : QUEUE_DEFAULT_MS;
	const int64_t expire_ms = r->block->signing.expire_ms;
	const struct gp_origin at =
	    gp_policy_where(r->block, "domain", "expire");
	struct gp_buf text;

	if (expire_ms == 0 ||
	    (expire_ms >= queue_ms + MARGIN_MS && expire_ms <= EXPIRE_LONG_MS))
		return;
	gp_buf_init(&text, 64);
	if (expire_ms > EXPIRE_LONG_MS) {
		add(r, GP_YELLOW, &at,
		    "expire is longer than mail is on its way: whoever has a "
		    "message can send it again until then");
	} else {
		gp_form_write_duration(queue_ms, &text);
		gp_findings_add(r->l->out, GP_YELLOW, TOPIC, r->block->domain,
		    "expire is too short: mail waits up to %s in a queue, and "
		    "a day later its signature must still be valid",
		    gp_buf_cstr(&text));
		gp_buf_reset(&text);
	}
	gp_form_write_duration(2 * queue_ms, &text);
	gp_lint_where(r->l, at);
	gp_findings_remedy(r->l->out, "expire = %s", gp_buf_cstr(&text));
	gp_buf_clear(&text);
}

void
gp_lint_keys(const struct gp_lint *l, const struct gp_policy *block,
    const struct gp_dkim_public *const *keys)
{
	const struct keyring r = { .l = l, .block = block, .keys = keys };

	if (block->n_keys == 0)
		return;
	lint_signing(&r);
	for (size_t i = 0; i < block->n_keys; i++) {
		lint_bits(&r, i);
		lint_staged(&r, i);
		lint_same_file(&r, i);
		lint_doubled(&r, i);
	}
	lint_expire(&r);
}
