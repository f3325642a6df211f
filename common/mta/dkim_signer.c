/* See dkim_signer.h. */
#include "mta/dkim_signer.h"

#include "core/sendmail.h"
#include "io/clock.h"

#include <string.h>

/* A header as it is hashed.  Canonicalisation makes nothing longer but line
 * ends, and between two of those there is at least a blank; Sendmail puts
 * blanks behind commas, quotes around names, and folds. */
#define INPUT_MAX ((size_t)4 * GP_FIELDS_BYTES)

/* The body, hashed in one canonicalisation. */
struct hashed_body {
	bool wanted;
	struct gp_dkim_body body;
	struct gp_sha256 *sha256;
	uint8_t hash[GP_SHA256_BYTES];
};

/* A signature of ours that the message came with. */
struct arrived {
	const struct gp_field *field;
	unsigned index; /* among the DKIM-Signature fields */
	bool readable;
	struct gp_dkim_sig sig;
	size_t key; /* which of ours */
};

struct gp_dkim_signer {
	struct gp_dkim_signing with;
	const struct gp_header *header; /* as it leaves */
	struct gp_dkim_plan plan;
	size_t n_keys;
	const struct gp_dkim_key *keys;
	size_t n_arrived;
	struct arrived *arrived;
	struct hashed_body bodies[2]; /* by enum gp_dkim_canon */
	struct gp_fragile_scan fragile;
	struct gp_dkim_signed out;
};

/* -- the end of the header ------------------------------------------------ */

static enum gp_dkim_canon
header_canon(enum gp_canons c)
{
	return c == GP_SIMPLE_SIMPLE || c == GP_SIMPLE_RELAXED
	           ? GP_DKIM_SIMPLE
	           : GP_DKIM_RELAXED;
}

static enum gp_dkim_canon
body_canon(enum gp_canons c)
{
	return c == GP_SIMPLE_SIMPLE || c == GP_RELAXED_SIMPLE
	           ? GP_DKIM_SIMPLE
	           : GP_DKIM_RELAXED;
}

static void
emit(void *arg, const char *p, size_t n)
{
	gp_sha256_add(arg, p, n);
}

static void
free_sha256(void *arg)
{
	gp_sha256_free(arg);
}

static void
want_body(struct gp_dkim_signer *s, enum gp_dkim_canon canon)
{
	struct hashed_body *b = &s->bodies[canon];

	if (b->wanted)
		return;
	b->wanted = true;
	b->sha256 = gp_sha256_new();
	gp_arena_on_clear(s->with.arena, free_sha256, b->sha256);
	gp_dkim_body_init(&b->body, canon, GP_DKIM_NO_LIMIT, emit, b->sha256);
}

/* Which of our keys is it from?  n_keys: none that we can check with. */
static size_t
key_of(const struct gp_dkim_signer *s, const struct gp_dkim_sig *sig)
{
	size_t i;

	if (sig->domain == NULL || sig->selector == NULL ||
	    strcmp(sig->domain, s->plan.policy->domain) != 0)
		return s->n_keys;
	for (i = 0; i < s->n_keys; i++)
		if (s->keys[i].key != NULL &&
		    strcmp(s->keys[i].policy->selector, sig->selector) == 0)
			break;
	return i;
}

static void
find_ours(struct gp_dkim_signer *s)
{
	const struct gp_str name = GP_STR(GP_DKIM_SIGNATURE);
	const struct gp_header *h = s->header;

	s->arrived = gp_arena_alloc(s->with.arena,
	    GP_DKIM_FIELDS_MAX * sizeof(*s->arrived));
	for (size_t i = 0; i < h->n; i++) {
		struct arrived *a = &s->arrived[s->n_arrived];
		unsigned index;

		if (!gp_str_eq_nocase(h->v[i].name, name))
			continue;
		index = gp_header_index(h, i);
		if (index > GP_DKIM_FIELDS_MAX)
			return;
		a->readable = gp_dkim_sig_parse(h->v[i].value, s->with.arena,
				  &a->sig, NULL) == GP_OK;
		a->key = key_of(s, &a->sig);
		if (a->key == s->n_keys)
			continue;
		a->field = &h->v[i];
		a->index = index;
		if (a->readable)
			want_body(s, a->sig.body_canon);
		s->n_arrived++;
	}
}

/* What receivers will see, as far as it is known. */
static const struct gp_header *
as_it_leaves(const struct gp_dkim_outbound *m, struct gp_arena *arena)
{
	struct gp_header *sent;

	if (!m->sendmail)
		return m->header;
	sent = gp_arena_alloc(arena, sizeof(*sent));
	gp_sendmail_header(m->header, arena, sent);
	return sent;
}

struct gp_dkim_signer *
gp_dkim_signer_begin(const struct gp_dkim_signing *with,
    const struct gp_dkim_outbound *m)
{
	struct gp_dkim_signer *s = gp_arena_alloc(with->arena, sizeof(*s));

	s->with = *with;
	s->header = as_it_leaves(m, with->arena);
	gp_dkim_plan(with->config, m, with->arena, &s->plan);
	if (!s->plan.sign)
		return s;
	s->keys = gp_dkim_keys_of(with->keys, s->plan.policy, with->arena,
	    &s->n_keys);
	if (gp_header_count(s->header, GP_STR(GP_DKIM_SIGNATURE)) > 0)
		find_ours(s);
	want_body(s, body_canon(s->plan.policy->signing.canon));
	for (size_t i = 0; i < s->header->n; i++)
		gp_fragile_field(&s->fragile, &s->header->v[i]);
	return s;
}

void
gp_dkim_signer_body(struct gp_dkim_signer *s, struct gp_str chunk)
{
	if (!s->plan.sign)
		return;
	gp_fragile_body(&s->fragile, chunk);
	for (size_t i = 0; i < 2; i++)
		if (s->bodies[i].wanted)
			gp_dkim_body_add(&s->bodies[i].body, chunk);
}

/* -- the end of the message ----------------------------------------------- */

static void
end_bodies(struct gp_dkim_signer *s)
{
	for (size_t i = 0; i < 2; i++) {
		struct hashed_body *b = &s->bodies[i];

		if (!b->wanted)
			continue;
		gp_dkim_body_end(&b->body);
		gp_sha256_end(b->sha256, b->hash);
	}
}

static void
hash_header(const struct gp_dkim_signer *s, enum gp_dkim_canon canon,
    const struct gp_str *names, size_t n, const struct gp_field *self,
    uint8_t hash[GP_SHA256_BYTES])
{
	struct gp_buf input;

	gp_buf_init(&input, INPUT_MAX);
	gp_dkim_header_input(canon, s->header, names, n, self, &input);
	gp_sha256(gp_buf_str(&input), hash);
	gp_buf_clear(&input);
}

/* Does a signature that came with the message still fit it?  One with l= was
 * not made by us. */
static bool
still_valid(const struct gp_dkim_signer *s, const struct arrived *a,
    int64_t now_s)
{
	const struct gp_dkim_sig *sig = &a->sig;
	const struct gp_dkim_key *ours = &s->keys[a->key];
	uint8_t hash[GP_SHA256_BYTES];
	struct gp_public_key *key;
	bool good;

	if (!a->readable || sig->has_length ||
	    sig->algorithm != ours->algorithm ||
	    (sig->has_expiry && sig->expiry_s <= now_s) ||
	    memcmp(sig->body_hash, s->bodies[sig->body_canon].hash,
		sizeof(sig->body_hash)) != 0)
		return false;
	hash_header(s, sig->header_canon, sig->headers, sig->n_headers,
	    a->field, hash);
	if (gp_key_cache_get(gp_dkim_keys_cache(s->with.keys),
		gp_private_key_public(ours->key), &key, NULL) != GP_OK)
		return false;
	good =
	    gp_public_key_verify(key, hash, sig->signature, sig->signature_n);
	gp_public_key_unref(key);
	return good;
}

/* Keep what fits, take out what does not; which keys need not sign again. */
static void
sort_arrived(struct gp_dkim_signer *s, bool *have, int64_t now_s)
{
	unsigned *remove =
	    gp_arena_alloc(s->with.arena, s->n_arrived * sizeof(*remove));

	for (size_t i = 0; i < s->n_arrived; i++) {
		const struct arrived *a = &s->arrived[i];

		if (still_valid(s, a, now_s)) {
			have[a->key] = true;
			s->out.kept++;
		} else {
			remove[s->out.n_remove++] = a->index;
		}
	}
	s->out.remove = remove;
}

/* The field's value for one key; NULL when the key can not sign. */
static const char *
sign_with(const struct gp_dkim_signer *s, const struct gp_dkim_key *key,
    struct gp_dkim_draft *d)
{
	uint8_t hash[GP_SHA256_BYTES];
	uint8_t b[GP_SIGNATURE_BYTES];
	const char *value = NULL;
	struct gp_field self;
	struct gp_buf text;
	size_t n;

	d->selector = key->policy->selector;
	d->algorithm = key->algorithm;
	gp_buf_init(&text, INPUT_MAX);
	gp_dkim_sig_format(d, NULL, 0, &text);
	self = (struct gp_field){ .name = GP_STR(GP_DKIM_SIGNATURE),
		.value = gp_buf_str(&text) };
	hash_header(s, d->header_canon, d->headers, d->n_headers, &self, hash);
	gp_buf_reset(&text);
	if (gp_private_key_sign(key->key, hash, b, &n) == GP_OK) {
		gp_dkim_sig_format(d, b, n, &text);
		value = gp_arena_strdup(s->with.arena, gp_buf_cstr(&text));
	}
	gp_buf_clear(&text);
	return value;
}

static void
fill_draft(const struct gp_dkim_signer *s, struct gp_dkim_draft *d,
    int64_t now_s)
{
	const struct gp_policy *p = s->plan.policy;
	const struct gp_signing_policy *how = &p->signing;

	*d = (struct gp_dkim_draft){ .domain = p->domain,
		.header_canon = header_canon(how->canon),
		.body_canon = body_canon(how->canon),
		.time_s = now_s,
		.expiry_s =
		    how->expire_ms == 0 ? 0 : now_s + how->expire_ms / 1000 };
	gp_dkim_choose(how, s->header, s->with.arena, &d->headers,
	    &d->n_headers);
	memcpy(d->body_hash, s->bodies[d->body_canon].hash,
	    sizeof(d->body_hash));
}

/*
 * One signature for each key that signs, RSA last and so on top: some
 * verifiers look at the first one only.  False: a key failed.
 */
static bool
sign(struct gp_dkim_signer *s, const bool *have, int64_t now_s)
{
	static const enum gp_dkim_algorithm order[] = { GP_DKIM_ED25519_SHA256,
		GP_DKIM_RSA_SHA256 };
	struct gp_arena *arena = s->with.arena;
	const char **add = gp_arena_alloc(arena, s->n_keys * sizeof(*add));
	struct gp_dkim_draft draft;

	fill_draft(s, &draft, now_s);
	s->out.add = add;
	for (size_t pass = 0; pass < sizeof(order) / sizeof(order[0]); pass++) {
		for (size_t i = 0; i < s->n_keys; i++) {
			const struct gp_dkim_key *key = &s->keys[i];
			const char *selectors = s->out.selectors;

			if (!key->signs || have[i] ||
			    key->algorithm != order[pass])
				continue;
			add[s->out.n_add] = sign_with(s, key, &draft);
			if (add[s->out.n_add] == NULL)
				return false;
			s->out.n_add++;
			s->out.selectors = gp_arena_printf(arena, "%s%s%s",
			    selectors, selectors[0] == '\0' ? "" : ",",
			    key->policy->selector);
		}
	}
	return true;
}

static void
sign_message(struct gp_dkim_signer *s, struct gp_dns_scope *scope)
{
	const struct gp_policy *p = s->plan.policy;
	const int64_t now_s = gp_clock_wall_s();
	bool *have = gp_arena_alloc(s->with.arena, s->n_keys * sizeof(*have));

	gp_dkim_keys_promote(s->with.keys, p, scope, now_s);
	s->keys = gp_dkim_keys_of(s->with.keys, p, s->with.arena, &s->n_keys);
	sort_arrived(s, have, now_s);
	if (!sign(s, have, now_s)) {
		s->out.n_add = s->out.n_remove = 0;
		s->out.why = "a key can not sign now";
		s->out.verdict = gp_tempfail("4.7.0",
		    "mail can not be signed now", "dkim-sign");
	} else if (s->out.n_add > 0) {
		s->out.domain = p->domain;
	} else if (s->out.kept > 0) {
		s->out.why = "signed by us already";
	} else {
		s->out.why = "no key is active";
	}
}

static void
count(const struct gp_dkim_signer *s)
{
	enum { SIGNED, KEPT, UNSIGNED, REFUSED } outcome = UNSIGNED;

	if (s->out.verdict.action != GP_CONTINUE)
		outcome = REFUSED;
	else if (s->out.domain != NULL)
		outcome = SIGNED;
	else if (s->out.kept > 0)
		outcome = KEPT;
	gp_metrics_add(s->with.metrics, GP_M_DKIM_SIGNING, outcome, 1);
	for (unsigned i = 0; i < GP_FRAGILES; i++)
		if ((s->out.fragile & 1U << i) != 0)
			gp_metrics_add(s->with.metrics, GP_M_DKIM_FRAGILE, i,
			    1);
}

const struct gp_dkim_signed *
gp_dkim_signer_end(struct gp_dkim_signer *s, struct gp_dns_scope *scope)
{
	const struct gp_policy *p = s->plan.policy;

	s->out.selectors = "";
	if (s->plan.sign) {
		end_bodies(s);
		gp_fragile_end(&s->fragile);
		if (p->signing.on_fragile != GP_FRAGILE_SIGN)
			s->out.fragile = s->fragile.found;
		gp_dkim_plan_fragile(&s->plan, s->out.fragile, s->with.arena);
	}
	s->out.why = s->plan.why;
	s->out.verdict = s->plan.verdict;
	s->out.rule = p == NULL ? NULL : &p->origin;
	if (s->plan.sign)
		sign_message(s, scope);
	count(s);
	return &s->out;
}

const struct gp_dkim_plan *
gp_dkim_signer_plan(const struct gp_dkim_signer *s)
{
	return &s->plan;
}

const struct gp_dkim_key *
gp_dkim_signer_keys(const struct gp_dkim_signer *s, size_t *n)
{
	*n = s->n_keys;
	return s->keys;
}

void
gp_dkim_signed_describe(const struct gp_dkim_signed *done,
    struct gp_logline *line)
{
	struct gp_buf text;

	gp_logline_adds(line, "dkim",
	    done->domain != NULL ? "signed"
	    : done->kept > 0     ? "kept"
				 : "unsigned");
	if (done->domain != NULL) {
		gp_logline_adds(line, "d", done->domain);
		gp_logline_adds(line, "s", done->selectors);
	}
	gp_logline_adds(line, "by", done->why);
	if (done->rule != NULL) {
		gp_buf_init(&text, GP_LOG_VALUE_MAX);
		gp_buf_addf(&text, "%s:%u", done->rule->file, done->rule->line);
		gp_logline_adds(line, "rule", gp_buf_cstr(&text));
		gp_buf_clear(&text);
	}
	for (unsigned i = 0; i < GP_FRAGILES; i++)
		if ((done->fragile & 1U << i) != 0)
			gp_logline_adds(line, "fragile",
			    gp_fragile_name((enum gp_fragile)i));
}
