/*
 * Whole messages through the builtin engine, keys from a zone.
 *
 * The first two octets choose; the rest is the message, header fields ending
 * in LF or CRLF, an empty line, the body.  The body comes in pieces of random
 * sizes.  Every signature is decided; what passes also fits by the naive
 * code; the report reads back.  With an odd first octet the message is signed
 * by the naive code before: then this signature must not fail.
 */
#include "base/base64.h"
#include "io/clock.h"
#include "mta/dkim_check.h"
#include "support/dkim_naive.h"
#include "support/dkim_pem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AUTHOR  "a.example"
#define MAX     4
#define TEXT    1048576
#define H_NAMES 12

static const struct signer {
	const char *selector, *algorithm;
	enum dkim_pem pem;
} signers[] = {
	{ "ed", "ed25519-sha256", DKIM_PEM_ED25519 },
	{ "weak", "rsa-sha256", DKIM_PEM_RSA_WEAK },
	{ "rsa", "rsa-sha256", DKIM_PEM_RSA_A },
};

#define SIGNERS (sizeof(signers) / sizeof(signers[0]))

static struct gp_dns *dns;
static struct gp_private_key *keys[SIGNERS];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct gp_buf zone;
	struct gp_err err;

	(void)argc;
	(void)argv;
	gp_buf_init(&zone, 65536);
	for (size_t i = 0; i < SIGNERS; i++) {
		char *record = dkim_pem_record(signers[i].pem);

		keys[i] = dkim_pem_key(signers[i].pem);
		gp_buf_addf(&zone, "%s._domainkey." AUTHOR " TXT \"%s\"\n",
		    signers[i].selector, record);
		free(record);
	}
	gp_buf_adds(&zone,
	    "gone._domainkey." AUTHOR " TXT \"v=DKIM1; p=\"\n"
	    "bad._domainkey." AUTHOR " TXT \"v=DKIM1; p=MIGfMA0G\"\n"
	    "two._domainkey." AUTHOR " TXT \"v=DKIM1; p=\"\n"
	    "two._domainkey." AUTHOR " TXT \"v=DKIM1; p=\"\n"
	    "temp._domainkey." AUTHOR " TXT !SERVFAIL\n");
	if (gp_dns_open_zone(gp_buf_str(&zone), NULL, &dns, &err) != GP_OK)
		abort();
	gp_buf_clear(&zone);
	return 0;
}

/* -- the message ---------------------------------------------------------- */

struct message {
	struct gp_arena *arena;
	struct gp_header header;
	struct gp_str body;
	unsigned seed;
};

/* One logical line, folds in it, without its line end. */
static struct gp_str
next_field(struct gp_str *rest)
{
	struct gp_str line = *rest;

	for (size_t i = 0; i < rest->n; i++) {
		if (rest->p[i] != '\n' ||
		    (i + 1 < rest->n &&
			(rest->p[i + 1] == ' ' || rest->p[i + 1] == '\t')))
			continue;
		line.n = i > 0 && rest->p[i - 1] == '\r' ? i - 1 : i;
		*rest = gp_str_n(rest->p + i + 1, rest->n - i - 1);
		return line;
	}
	rest->n = 0;
	return line;
}

static void
read_message(struct message *m, struct gp_str text)
{
	while (text.n > 0) {
		struct gp_str value = next_field(&text);
		struct gp_str name;

		if (value.n == 0)
			break;
		name = gp_str_trim(gp_str_split(&value, ':'));
		if (value.p == NULL || name.n == 0)
			continue;
		gp_header_add(&m->header, m->arena, name, value);
	}
	m->body = text;
}

/* -- the naive signer ------------------------------------------------------ */

static void
hash_body(struct gp_str value, struct gp_str body,
    uint8_t hash[GP_SHA256_BYTES])
{
	const struct gp_str c = dkim_naive_tag(value, "c");
	const struct gp_str l = dkim_naive_tag(value, "l");
	struct gp_str canon;
	struct gp_buf out;
	uint64_t limit;

	gp_buf_init(&out, TEXT);
	dkim_naive_body(gp_str_ends_nocase(c, GP_STR("/relaxed")), body, &out);
	canon = gp_buf_str(&out);
	if (l.p != NULL) {
		if (gp_parse_u64(l, canon.n, &limit) != GP_OK)
			limit = canon.n;
		canon.n = (size_t)limit;
	}
	gp_sha256(canon, hash);
	gp_buf_clear(&out);
}

static void
hash_header(const struct gp_header *h, const struct gp_field *self,
    uint8_t hash[GP_SHA256_BYTES])
{
	const struct gp_str c = dkim_naive_tag(self->value, "c");
	struct gp_buf out;

	gp_buf_init(&out, TEXT);
	dkim_naive_header(gp_str_starts_nocase(c, GP_STR("relaxed")), h, self,
	    &out);
	gp_sha256(gp_buf_str(&out), hash);
	gp_buf_clear(&out);
}

static bool
nameable(struct gp_str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!gp_is_print(name.p[i]) || name.p[i] == ' ' ||
		    name.p[i] == ';')
			return false;
	return !gp_str_eq_nocase(name, GP_STR(GP_DKIM_SIGNATURE));
}

/* Put a signature on top of the message, what it covers by `choice`. */
static void
sign(struct message *m, const struct signer *s, unsigned choice)
{
	static const char *const canons[] = { "relaxed/relaxed",
		"relaxed/simple", "simple/relaxed", "simple/simple" };
	struct gp_header signed_header = { .n = 0 };
	uint8_t hash[GP_SHA256_BYTES], signature[GP_SIGNATURE_BYTES];
	struct gp_buf value;
	size_t n;

	gp_buf_init(&value, 65536);
	gp_buf_addf(&value, " v=1; a=%s; c=%s;\n\td=" AUTHOR "; s=%s; h=From",
	    s->algorithm, canons[choice & 3], s->selector);
	for (size_t i = 0; i < m->header.n && i < H_NAMES; i++)
		if ((choice >> (3 + i % 5) & 1) != 0 &&
		    nameable(m->header.v[i].name))
			gp_buf_addf(&value, ":%.*s",
			    GP_STR_ARG(m->header.v[i].name));
	if ((choice & 4) != 0)
		gp_buf_addf(&value, "; l=%zu", m->body.n / 2);
	hash_body(gp_buf_str(&value), m->body, hash);
	gp_buf_adds(&value, "; bh=");
	gp_base64_encode(hash, sizeof(hash), &value);
	gp_buf_adds(&value, "; b= ");
	gp_header_add(&signed_header, m->arena, GP_STR(GP_DKIM_SIGNATURE),
	    gp_buf_str(&value));
	for (size_t i = 0; i < m->header.n; i++)
		gp_header_add(&signed_header, m->arena, m->header.v[i].name,
		    m->header.v[i].value);
	hash_header(&signed_header, &signed_header.v[0], hash);
	if (gp_private_key_sign(keys[s - signers], hash, signature, &n) !=
	    GP_OK)
		abort();
	gp_base64_encode(signature, n, &value);
	signed_header.v[0].value = gp_arena_dup(m->arena, gp_buf_str(&value));
	signed_header.over |= m->header.over;
	m->header = signed_header;
	gp_buf_clear(&value);
}

/* -- what must hold -------------------------------------------------------- */

static struct gp_public_key *
key_by_name(const char *selector)
{
	struct gp_public_key *key;

	for (size_t i = 0; i < SIGNERS; i++)
		if (strcmp(signers[i].selector, selector) == 0) {
			if (gp_public_key_new(gp_private_key_public(keys[i]),
				&key, NULL) != GP_OK)
				abort();
			return key;
		}
	return NULL;
}

/* What has passed must fit by the naive code too. */
static void
check_pass(const struct message *m, const struct gp_dkim_check *c)
{
	const struct gp_str value = c->field->value;
	uint8_t hash[GP_SHA256_BYTES], wanted[GP_SHA256_BYTES];
	struct gp_public_key *key = key_by_name(c->sig.selector);
	struct gp_buf bh;
	size_t n;

	assert(key != NULL && strcmp(c->sig.domain, AUTHOR) == 0);
	assert(gp_header_count(&m->header, GP_STR("From")) == 1);
	gp_buf_init(&bh, TEXT);
	for (struct gp_str s = dkim_naive_tag(value, "bh"); s.n > 0;
	     s = gp_str_n(s.p + 1, s.n - 1))
		if (!gp_is_space(s.p[0]))
			gp_buf_addc(&bh, s.p[0]);
	assert(gp_base64_decode(gp_buf_str(&bh), wanted, sizeof(wanted), &n) ==
		   GP_OK &&
	       n == sizeof(wanted));
	gp_buf_clear(&bh);
	hash_body(value, m->body, hash);
	assert(memcmp(hash, wanted, sizeof(hash)) == 0);
	hash_header(&m->header, c->field, hash);
	assert(gp_public_key_verify(key, hash, c->sig.signature,
	    c->sig.signature_n));
	gp_public_key_unref(key);
}

static void
check_report(const struct message *m, const struct gp_dkim_checks *cs)
{
	struct gp_authres ar = { .id = GP_STR("mx.example") }, back;
	struct gp_buf out;

	gp_dkim_authres(cs, m->arena, &ar);
	gp_buf_init(&out, TEXT);
	gp_authres_format(&ar, &out);
	assert(!out.overflow);
	assert(
	    gp_authres_parse(gp_buf_str(&out), m->arena, &back, NULL) == GP_OK);
	assert(back.n == (cs->n == 0 ? 1 : cs->n));
	for (size_t i = 0; i < back.n; i++) {
		const char *name = gp_dkim_result_name(
		    cs->n == 0 ? GP_DKIM_NONE : cs->v[i].result);

		assert(gp_str_eq(back.result[i].method, GP_STR("dkim")));
		assert(gp_str_eq(back.result[i].result, gp_str(name)));
		assert(gp_str_eq(back.result[i].reason, ar.result[i].reason));
		assert(back.result[i].n == ar.result[i].n);
	}
	gp_buf_clear(&out);
}

static void
check_all(const struct message *m, const struct gp_dkim_checks *cs)
{
	const struct gp_dkim_check *which;
	const size_t fields =
	    gp_header_count(&m->header, GP_STR(GP_DKIM_SIGNATURE));

	assert(cs->n <= MAX && cs->n + cs->ignored == fields);
	for (size_t i = 0; i < cs->n; i++) {
		const struct gp_dkim_check *c = &cs->v[i];

		assert(c->decided && c->result != GP_DKIM_NONE);
		assert((c->reason == NULL) == (c->result == GP_DKIM_PASS));
		assert(c->reason == NULL || gp_str_is_text(gp_str(c->reason)));
		assert(i == 0 || c->field > c[-1].field);
		if (c->result == GP_DKIM_PASS)
			check_pass(m, c);
	}
	assert((gp_dkim_overall(cs, &which) == GP_DKIM_NONE) == (cs->n == 0));
	check_report(m, cs);
}

/* The signature on top is good: no more than the message may be wrong. */
static void
check_signed(const struct message *m, const struct gp_dkim_checks *cs)
{
	const struct gp_dkim_check *c = &cs->v[0];

	assert(cs->n > 0 && c->field == &m->header.v[0]);
	assert(c->result == GP_DKIM_PASS || c->result == GP_DKIM_POLICY ||
	       c->result == GP_DKIM_PERMERROR);
	if (c->result == GP_DKIM_POLICY)
		assert(strstr(c->reason, "not signed") != NULL ||
		       c->sig.has_length);
	if (c->result == GP_DKIM_PERMERROR)
		assert(m->header.over ||
		       gp_header_count(&m->header, GP_STR("From")) != 1 ||
		       (c->sig.has_length && c->sig.length > 0));
}

static const struct gp_dkim_checks *
run(struct message *m, struct gp_dns_scope *scope,
    const struct gp_dkim_checker *checker)
{
	struct gp_dkim_run *r =
	    gp_dkim_check_begin(checker, &m->header, AUTHOR);
	struct gp_str rest = m->body;

	if ((m->seed & 1) != 0)
		gp_dkim_check_prefetch(r, scope);
	while (rest.n > 0) {
		size_t n;

		m->seed = m->seed * 1103515245U + 12345U;
		n = (m->seed >> 16) % ((m->seed >> 8 & 1) != 0 ? 5 : 400);
		n = n > rest.n ? rest.n : n;
		gp_dkim_check_body(r, gp_str_n(rest.p, n));
		rest = gp_str_n(rest.p + n, rest.n - n);
	}
	return gp_dkim_check_end(r, scope);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gp_dkim_checking how = { .max_signatures = MAX,
		.min_rsa_bits = 1024 };
	struct message m;
	struct gp_dns_scope scope;
	struct gp_dkim_checker checker;
	const struct gp_dkim_checks *cs;

	if (size < 2)
		return 0;
	m = (struct message){ .arena = gp_arena_new(),
		.seed = data[0] * 256U + data[1] };
	read_message(&m, gp_str_n((const char *)data + 2, size - 2));
	if ((data[0] & 1) != 0)
		sign(&m, &signers[data[0] / 2 % SIGNERS], data[1]);
	scope = (struct gp_dns_scope){ .dns = dns,
		.arena = gp_arena_new(),
		.deadline_us = gp_clock_us() + 5 * GP_US_PER_S,
		.budget = MAX };
	checker = (struct gp_dkim_checker){ .arena = m.arena,
		.how = &how,
		.keys = gp_key_cache_new(2, NULL) };
	cs = run(&m, &scope, &checker);
	/* all that outlives the check is the message's */
	gp_arena_free(scope.arena);
	check_all(&m, cs);
	if ((data[0] & 1) != 0)
		check_signed(&m, cs);
	gp_key_cache_unref(checker.keys);
	gp_arena_free(m.arena);
	return 0;
}
