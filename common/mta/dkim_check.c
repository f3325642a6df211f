/* See dkim_check.h. */
#include "mta/dkim_check.h"

#include "core/logfmt.h"
#include "io/clock.h"
#include "io/crypto.h"
#include "io/log.h"

#include <string.h>

/* All kept fields once, each fold and each end one octet longer, and the
 * signature again. */
#define INPUT_MAX (2 * GP_FIELDS_BYTES + 8 * GP_FIELDS_MAX + 2 * GP_FIELD_MAX)

/* One way of hashing the body; signatures that want the same share it. */
struct body {
	struct gp_dkim_body canon;
	struct gp_sha256 *sha;
	uint8_t hash[GP_SHA256_BYTES];
};

struct gp_dkim_run {
	struct gp_dkim_checker with;
	const struct gp_header *header;
	enum gp_engine engine;
	struct gp_dkim_checks checks;
	struct gp_dns_question *questions; /* of each check; "": none */
	struct gp_dns_held *held;          /* the keys, on their way */
	struct body **of;                  /* of each check; NULL: not hashed */
	struct body *bodies;
	size_t n_bodies;

	/* the second engine */
	struct gp_opendkim_run *opendkim;
	struct gp_dkim_checks second; /* with compare */
};

/* -- at the end of the header ------------------------------------------- */

static void
hash_more(void *sha, const char *p, size_t n)
{
	gp_sha256_add(sha, p, n);
}

static void
free_sha(void *sha)
{
	gp_sha256_free(sha);
}

static void
free_held(void *run)
{
	struct gp_dkim_run *r = run;

	gp_dns_held_free(r->held);
}

static struct body *
body_for(struct gp_dkim_run *r, const struct gp_dkim_sig *sig)
{
	const uint64_t limit = sig->has_length ? sig->length : GP_DKIM_NO_LIMIT;
	struct body *b;

	for (size_t i = 0; i < r->n_bodies; i++)
		if (r->bodies[i].canon.canon == sig->body_canon &&
		    r->bodies[i].canon.limit == limit)
			return &r->bodies[i];
	b = &r->bodies[r->n_bodies++];
	b->sha = gp_sha256_new();
	gp_arena_on_clear(r->with.arena, free_sha, b->sha);
	gp_dkim_body_init(&b->canon, sig->body_canon, limit, hash_more, b->sha);
	return b;
}

static void
begin_second(struct gp_dkim_run *r)
{
	r->opendkim = gp_opendkim_begin(r->with.opendkim, r->header, &r->checks,
	    r->with.arena);
	r->second = r->checks;
	if (r->engine == GP_COMPARE)
		r->second.v = gp_arena_alloc(r->with.arena,
		    r->checks.n * sizeof(*r->checks.v));
}

struct gp_dkim_run *
gp_dkim_check_begin(const struct gp_dkim_checker *c,
    const struct gp_header *header, const char *author)
{
	struct gp_dkim_run *r = gp_arena_alloc(c->arena, sizeof(*r));
	size_t n;

	r->with = *c;
	r->header = header;
	r->engine = c->opendkim == NULL ? GP_BUILTIN : c->how->engine;
	gp_dkim_checks_begin(header, author, c->how, gp_clock_wall_s(),
	    c->arena, &r->checks);
	n = r->checks.n;
	if (n == 0)
		return r;
	gp_arena_on_clear(c->arena, free_held, r);
	r->questions = gp_arena_alloc(c->arena, n * sizeof(*r->questions));
	r->bodies = gp_arena_alloc(c->arena, n * sizeof(*r->bodies));
	r->of = gp_arena_alloc(c->arena, n * sizeof(struct body *));
	for (size_t i = 0; i < n; i++) {
		struct gp_dkim_check *check = &r->checks.v[i];

		if (!check->decided &&
		    gp_dkim_question(check, &r->questions[i]) == GP_OK &&
		    r->engine != GP_SECOND)
			r->of[i] = body_for(r, &check->sig);
	}
	if (r->engine != GP_BUILTIN)
		begin_second(r);
	return r;
}

/* -- keys ---------------------------------------------------------------- */

/* Has no check before this one the same question? */
static bool
asks_first(const struct gp_dkim_run *r, size_t which)
{
	for (size_t i = 0; i < which; i++)
		if (strcmp(r->questions[i].name, r->questions[which].name) == 0)
			return false;
	return r->questions[which].name[0] != '\0';
}

void
gp_dkim_check_prefetch(struct gp_dkim_run *r, struct gp_dns_scope *scope)
{
	for (size_t i = 0; i < r->checks.n; i++)
		if (asks_first(r, i))
			gp_dns_prefetch(scope, r->questions[i].name,
			    r->questions[i].type, &r->held);
}

/* All are under way before the first is waited for: keys that never come take
 * the time of one, and none of it from the others. */
static void
feed_keys(struct gp_dkim_run *r, struct gp_dns_scope *scope)
{
	gp_dkim_check_prefetch(r, scope);
	scope->held = r->held;
	for (size_t i = 0; i < r->checks.n; i++) {
		const struct gp_dns_question *q = &r->questions[i];
		struct gp_dns_answer answer;

		if (!asks_first(r, i))
			continue;
		gp_dns_query(scope, q->name, q->type, &answer);
		for (size_t j = i; j < r->checks.n; j++)
			if (strcmp(r->questions[j].name, q->name) == 0)
				gp_dkim_feed_key(&r->checks.v[j], &answer,
				    r->with.how, r->with.arena);
	}
}

/* -- body and signature --------------------------------------------------- */

void
gp_dkim_check_body(struct gp_dkim_run *r, struct gp_str chunk)
{
	for (size_t i = 0; i < r->n_bodies; i++)
		gp_dkim_body_add(&r->bodies[i].canon, chunk);
	if (r->opendkim != NULL)
		gp_opendkim_body(r->opendkim, chunk);
}

static void
feed_bodies(struct gp_dkim_run *r)
{
	for (size_t i = 0; i < r->n_bodies; i++) {
		gp_dkim_body_end(&r->bodies[i].canon);
		gp_sha256_end(r->bodies[i].sha, r->bodies[i].hash);
	}
	for (size_t i = 0; i < r->checks.n; i++)
		if (r->of[i] != NULL)
			gp_dkim_feed_body(&r->checks.v[i],
			    r->of[i]->canon.total, r->of[i]->hash, r->with.how);
}

/* One signature with its own key; `input` is empty. */
static void
verify(struct gp_dkim_run *r, struct gp_dkim_check *c, struct gp_buf *input)
{
	uint8_t hash[GP_SHA256_BYTES];
	struct gp_public_key *key;
	struct gp_err err;

	gp_dkim_header_input(c->sig.header_canon, r->header, c->sig.headers,
	    c->sig.n_headers, c->field, input);
	if (input->overflow) {
		gp_dkim_settle(c, GP_DKIM_PERMERROR, "header is too large");
		return;
	}
	gp_sha256(gp_buf_str(input), hash);
	if (gp_key_cache_get(r->with.keys, &c->record.key, &key, &err) !=
	    GP_OK) {
		gp_dkim_settle(c, GP_DKIM_PERMERROR,
		    gp_arena_strdup(r->with.arena, err.msg));
		return;
	}
	gp_dkim_feed_signature(c, gp_public_key_verify(key, hash,
				      c->sig.signature, c->sig.signature_n));
	gp_public_key_unref(key);
}

static void
verify_all(struct gp_dkim_run *r)
{
	struct gp_buf input;

	gp_buf_init(&input, INPUT_MAX);
	for (size_t i = 0; i < r->checks.n; i++) {
		if (r->checks.v[i].decided)
			continue;
		gp_buf_reset(&input);
		verify(r, &r->checks.v[i], &input);
	}
	gp_buf_clear(&input);
}

/* -- the second opinion --------------------------------------------------- */

static void
log_difference(const struct gp_dkim_check *acted,
    const struct gp_dkim_check *second)
{
	struct gp_logline line;

	gp_logline_start(&line, gp_str(""));
	gp_logline_adds(&line, "dkim-engines", "differ");
	gp_logline_adds(&line, "builtin", gp_dkim_result_name(acted->result));
	gp_logline_adds(&line, "libopendkim",
	    gp_dkim_result_name(second->result));
	gp_logline_adds(&line, "d", acted->sig.domain);
	gp_logline_adds(&line, "s", acted->sig.selector);
	gp_logline_add(&line, "a", acted->sig.a);
	if (acted->reason != NULL)
		gp_logline_adds(&line, "builtin-reason", acted->reason);
	if (second->reason != NULL)
		gp_logline_adds(&line, "libopendkim-reason", second->reason);
	gp_log(GP_LOG_WARNING, "%s", line.text);
}

static void
note_differences(struct gp_dkim_run *r)
{
	for (size_t i = 0; i < r->checks.n; i++) {
		if (r->second.v[i].unjudged ||
		    r->checks.v[i].result == r->second.v[i].result)
			continue;
		gp_metrics_add(r->with.metrics, GP_M_DKIM_DIFFERENCES, 0, 1);
		log_difference(&r->checks.v[i], &r->second.v[i]);
	}
}

/* -- at the end of the message -------------------------------------------- */

static void
judge(struct gp_dkim_run *r)
{
	feed_bodies(r);
	verify_all(r);
}

/*
 * Keys come before bodies: what is said of a signature whose body changed
 * depends on whether its key is being tested.
 */
static void
conclude(struct gp_dkim_run *r, struct gp_dns_scope *scope)
{
	feed_keys(r, scope);
	switch (r->engine) {
	case GP_SECOND:
		gp_opendkim_end(r->opendkim, &r->checks, r->with.how);
		break;
	case GP_COMPARE:
		memcpy(r->second.v, r->checks.v,
		    r->checks.n * sizeof(*r->checks.v));
		judge(r);
		gp_opendkim_end(r->opendkim, &r->second, r->with.how);
		note_differences(r);
		break;
	case GP_BUILTIN:
	default:
		judge(r);
		break;
	}
}

const struct gp_dkim_checks *
gp_dkim_check_end(struct gp_dkim_run *r, struct gp_dns_scope *scope)
{
	const int64_t start_us = gp_clock_us();

	if (r->checks.n == 0) {
		gp_metrics_add(r->with.metrics, GP_M_DKIM_RESULTS, GP_DKIM_NONE,
		    1);
		return &r->checks;
	}
	conclude(r, scope);
	for (size_t i = 0; i < r->checks.n; i++)
		gp_metrics_add(r->with.metrics, GP_M_DKIM_RESULTS,
		    (unsigned)r->checks.v[i].result, 1);
	gp_metrics_observe(r->with.metrics, GP_M_DKIM_SECONDS,
	    gp_clock_us() - start_us);
	return &r->checks;
}
