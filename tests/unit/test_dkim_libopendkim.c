/*
 * libopendkim behind the front: what it never gets to read, and what becomes
 * of its answers.
 *
 * Spies stand in front of the library's functions (the linker lets a program
 * put its own before a library's): they keep what it is given, and can put
 * other words into its mouth.
 */
#include "base/base64.h"
#include "base/buf.h"
#include "core/domain.h"
#include "io/crypto.h"
#include "mta/dkim_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <opendkim/dkim.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8463 appendix A: "RFC 8032 test 1" and a key of 1024 bits. */
#define ED25519_RECORD                                                         \
	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RSA_RECORD                                                             \
	"v=DKIM1; k=rsa; p="                                                   \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6"     \
	"Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/"     \
	"e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G"     \
	"+2kryOTIKT+l/K4w3QIDAQAB"

#define ED25519_FIELD                                                          \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"          \
	" d=football.example.com; i=@football.example.com;\n"                  \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"                \
	" subject : date : message-id : from : subject : date;\n"              \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"                  \
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"        \
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
#define RSA_FIELD                                                              \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n"              \
	" d=football.example.com; i=@football.example.com;\n"                  \
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"          \
	" date : message-id : from : subject : date;\n"                        \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"                  \
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n"        \
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n"        \
	" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n"
#define REST                                                                   \
	"From: Joe SixPack <joe@football.example.com>\n"                       \
	"To: Suzie Q <suzie@shopping.example.net>\n"                           \
	"Subject: Is dinner ready?\n"                                          \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"                        \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
#define ED25519_PRIVATE                                                        \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"   \
	"-----END PRIVATE KEY-----\n"
#define BODY "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"

/* -- the spies --------------------------------------------------------- */

#define PLANTED_NONE (-99)

static struct gp_buf headers; /* every field given, one after another */
static struct gp_buf body;    /* every piece of body given */
static struct gp_buf records; /* every key record given, one a line */
static unsigned flags;        /* of the library */
static bool silent;           /* threads are at work: keep nothing */
static unsigned ignored;      /* signatures that it is told to leave */
static bool lose_one;         /* its list lacks the last signature */
static DKIM_CBSTAT (*lookup)(DKIM *, DKIM_SIGINFO *, unsigned char *, size_t);
static struct {
	int error, bh;
	unsigned flags;
} planted = { .error = PLANTED_NONE };

DKIM_STAT
dkim_header(DKIM *dkim, unsigned char *text, size_t n)
{
	DKIM_STAT (*real)(DKIM *, unsigned char *, size_t);

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_header");
	if (!silent) {
		gp_buf_add(&headers, text, n);
		gp_buf_adds(&headers, "\r\n");
	}
	return real(dkim, text, n);
}

DKIM_STAT
dkim_body(DKIM *dkim, unsigned char *text, size_t n)
{
	DKIM_STAT (*real)(DKIM *, unsigned char *, size_t);

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_body");
	if (!silent)
		gp_buf_add(&body, text, n);
	return real(dkim, text, n);
}

DKIM_STAT
dkim_options(DKIM_LIB *lib, int op, dkim_opts_t opt, void *value, size_t n)
{
	DKIM_STAT (*real)(DKIM_LIB *, int, dkim_opts_t, void *, size_t);

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_options");
	if (op == DKIM_OP_SETOPT && opt == DKIM_OPTS_FLAGS)
		memcpy(&flags, value, sizeof(flags));
	return real(lib, op, opt, value, n);
}

static DKIM_CBSTAT
spy_lookup(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *buf, size_t n)
{
	const DKIM_CBSTAT rc = lookup(dkim, sig, buf, n);

	if (rc == DKIM_CBSTAT_CONTINUE && !silent)
		gp_buf_addf(&records, "%s\n", (const char *)buf);
	return rc;
}

DKIM_STAT
dkim_set_key_lookup(DKIM_LIB *lib,
    DKIM_CBSTAT (*fn)(DKIM *, DKIM_SIGINFO *, unsigned char *, size_t))
{
	DKIM_STAT(*real)
	(DKIM_LIB *,
	    DKIM_CBSTAT(*)(DKIM *, DKIM_SIGINFO *, unsigned char *, size_t));

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_set_key_lookup");
	lookup = fn;
	return real(lib, spy_lookup);
}

int
dkim_sig_geterror(DKIM_SIGINFO *sig)
{
	int (*real)(DKIM_SIGINFO *);

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_sig_geterror");
	return planted.error != PLANTED_NONE ? planted.error : real(sig);
}

unsigned
dkim_sig_getflags(DKIM_SIGINFO *sig)
{
	unsigned (*real)(DKIM_SIGINFO *);

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_sig_getflags");
	return planted.error != PLANTED_NONE ? planted.flags : real(sig);
}

int
dkim_sig_getbh(DKIM_SIGINFO *sig)
{
	int (*real)(DKIM_SIGINFO *);

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_sig_getbh");
	return planted.error != PLANTED_NONE ? planted.bh : real(sig);
}

void
dkim_sig_ignore(DKIM_SIGINFO *sig)
{
	void (*real)(DKIM_SIGINFO *);

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_sig_ignore");
	ignored++;
	real(sig);
}

DKIM_STAT
dkim_getsiglist(DKIM *dkim, DKIM_SIGINFO ***list, int *n)
{
	DKIM_STAT (*real)(DKIM *, DKIM_SIGINFO ***, int *);
	DKIM_STAT rc;

	*(void **)&real = dlsym(RTLD_NEXT, "dkim_getsiglist");
	rc = real(dkim, list, n);
	*n -= lose_one;
	return rc;
}

/* It writes behind its buffer. */
DKIM_STAT
dkim_ohdrs(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char **fields, int *n)
{
	(void)dkim;
	(void)sig;
	(void)fields;
	(void)n;
	abort();
}

/* -- one message ------------------------------------------------------- */

struct key {
	const char *name, *record;
};
static const struct key football[] = {
	{ "brisbane._domainkey.football.example.com", ED25519_RECORD },
	{ "test._domainkey.football.example.com", RSA_RECORD },
	{ "brisbane._domainkey.xn--bcher-kva.example", ED25519_RECORD },
	{ NULL, NULL },
};

struct lab {
	struct gp_arena *arena;
	struct gp_dkim_checking how;
	const struct key *keys;
	const char *author;
	size_t chunk; /* octets of a piece of the body; 0: all of it */
	struct gp_opendkim *o;
	struct gp_header header;
	struct gp_dkim_checks checks;
};

static void
lab_open(struct lab *l)
{
	*l = (struct lab){ .arena = gp_arena_new(),
		.how = { .engine = GP_SECOND,
		    .max_signatures = 8,
		    .min_rsa_bits = 1024 },
		.keys = football,
		.author = "football.example.com" };
	gp_buf_init(&headers, 1 << 22);
	gp_buf_init(&body, 1 << 22);
	gp_buf_init(&records, 1 << 16);
	assert_int_equal(gp_opendkim_open(&l->how, &l->o, NULL), GP_OK);
}

static void
lab_close(struct lab *l)
{
	gp_arena_free(l->arena);
	gp_opendkim_close(l->o);
	gp_buf_clear(&headers);
	gp_buf_clear(&body);
	gp_buf_clear(&records);
}

/* Fields as the milter shows them: "Name: value", folds with LF. */
static void
read_header(struct lab *l, struct gp_str text)
{
	while (text.n > 0) {
		size_t end = 0, colon = gp_str_find(text, ':');

		do
			end += gp_str_find(gp_str_n(text.p + end, text.n - end),
				   '\n') +
			       1;
		while (end < text.n &&
		       (text.p[end] == ' ' || text.p[end] == '\t'));
		gp_header_add(&l->header, l->arena, gp_str_n(text.p, colon),
		    gp_str_n(text.p + colon + 1, end - colon - 2));
		text = gp_str_n(text.p + end, text.n - end);
	}
}

static void
feed_keys(struct lab *l)
{
	for (size_t i = 0; i < l->checks.n; i++) {
		struct gp_dkim_check *c = &l->checks.v[i];
		struct gp_dns_answer a = { .rc = GP_NONE };
		struct gp_dns_question q;
		struct gp_dns_rr rr = { .preference = 0 };

		if (c->decided || gp_dkim_question(c, &q) != GP_OK)
			continue;
		for (const struct key *k = l->keys; k->name != NULL; k++) {
			if (strcmp(k->name, q.name) != 0)
				continue;
			a.rc = k->record == NULL ? GP_TEMP : GP_OK;
			a.n = 1;
			rr.text = gp_str(k->record);
			a.rr = &rr;
		}
		gp_dkim_feed_key(c, &a, &l->how, l->arena);
	}
}

static void
feed_body(struct gp_opendkim_run *r, struct gp_str text, size_t chunk)
{
	while (text.n > 0) {
		const size_t n = chunk == 0 || chunk > text.n ? text.n : chunk;

		gp_opendkim_body(r, gp_str_n(text.p, n));
		text = gp_str_n(text.p + n, text.n - n);
	}
}

static struct gp_opendkim_run *
begin(struct lab *l, const char *fields)
{
	gp_arena_clear(l->arena);
	l->header = (struct gp_header){ .n = 0 };
	gp_buf_reset(&headers);
	gp_buf_reset(&body);
	gp_buf_reset(&records);
	read_header(l, gp_str(fields));
	gp_dkim_checks_begin(&l->header, l->author, &l->how,
	    INT64_C(1795000000), l->arena, &l->checks);
	return gp_opendkim_begin(l->o, &l->header, &l->checks, l->arena);
}

static void
check(struct lab *l, const char *fields, const char *text)
{
	struct gp_opendkim_run *r = begin(l, fields);

	if (r != NULL)
		feed_body(r, gp_str(text), l->chunk);
	feed_keys(l);
	gp_opendkim_end(r, &l->checks, &l->how);
	for (size_t i = 0; i < l->checks.n; i++)
		assert_true(l->checks.v[i].decided);
}

static void
expect(const struct lab *l, size_t i, enum gp_dkim_result result,
    const char *reason)
{
	const struct gp_dkim_check *c = &l->checks.v[i];

	assert_true(i < l->checks.n);
	if (c->result != result)
		print_message("# %s: %s\n", gp_dkim_result_name(c->result),
		    c->reason == NULL ? "" : c->reason);
	assert_int_equal(c->result, result);
	if (reason == NULL)
		assert_null(c->reason);
	else
		assert_string_equal(c->reason, reason);
}

/* -- signing for the library ------------------------------------------- */

struct draft {
	const char *h;  /* h=, in the order of signing */
	const char *in; /* put in front of v=1 */
	enum gp_dkim_canon header_canon, body_canon;
	uint64_t length; /* l=; GP_DKIM_NO_LIMIT: none */
	bool folded;     /* a fold after each tag of h= */
};

static void
emit(void *arg, const char *p, size_t n)
{
	gp_sha256_add(arg, p, n);
}

static void
hash_body(enum gp_dkim_canon canon, uint64_t limit, struct gp_str text,
    struct gp_buf *out)
{
	struct gp_sha256 *sha256 = gp_sha256_new();
	uint8_t hash[GP_SHA256_BYTES];
	struct gp_dkim_body b;

	gp_dkim_body_init(&b, canon, limit, emit, sha256);
	gp_dkim_body_add(&b, text);
	gp_dkim_body_end(&b);
	gp_sha256_end(sha256, hash);
	gp_sha256_free(sha256);
	gp_base64_encode(hash, sizeof(hash), out);
}

/* A field of football.example.com with the key of RFC 8032 test 1. */
static const char *
sign(struct gp_arena *arena, const struct draft *d, const char *fields,
    struct gp_str text)
{
	static const char *const canons[] = { "simple", "relaxed" };
	struct lab l = { .arena = arena };
	struct gp_private_key *key;
	uint8_t hash[GP_SHA256_BYTES], b[GP_SIGNATURE_BYTES];
	struct gp_field self = { .name = GP_STR(GP_DKIM_SIGNATURE) };
	struct gp_str names[16], rest = gp_str(d->h);
	struct gp_buf value, input;
	size_t n_names = 0, n;
	const char *field;

	gp_buf_init(&value, 1 << 20);
	gp_buf_init(&input, 1 << 20);
	read_header(&l, gp_str(fields));
	gp_buf_addf(&value,
	    " %sv=1; a=ed25519-sha256; c=%s/%s;\n\td=football.example.com;"
	    " s=brisbane;%sh=%s; ",
	    d->in == NULL ? "" : d->in, canons[d->header_canon],
	    canons[d->body_canon], d->folded ? "\n \t" : " ", d->h);
	if (d->length != GP_DKIM_NO_LIMIT)
		gp_buf_addf(&value, "l=%llu; ", (unsigned long long)d->length);
	gp_buf_adds(&value, "bh=");
	hash_body(d->body_canon, d->length, text, &value);
	gp_buf_adds(&value, "; b=");
	self.value = gp_buf_str(&value);
	while (rest.p != NULL)
		names[n_names++] = gp_str_trim(gp_str_split(&rest, ':'));
	gp_dkim_header_input(d->header_canon, &l.header, names, n_names, &self,
	    &input);
	gp_sha256(gp_buf_str(&input), hash);
	assert_int_equal(gp_private_key_parse(GP_STR(ED25519_PRIVATE), &key,
			     NULL),
	    GP_OK);
	assert_int_equal(gp_private_key_sign(key, hash, b, &n), GP_OK);
	gp_private_key_unref(key);
	gp_base64_encode(b, n, &value);
	field = gp_arena_printf(arena, GP_DKIM_SIGNATURE ":%s\n%s",
	    gp_buf_cstr(&value), fields);
	gp_buf_clear(&value);
	gp_buf_clear(&input);
	return field;
}

static const struct draft plain = { .h = "from:to:subject",
	.header_canon = GP_DKIM_RELAXED,
	.body_canon = GP_DKIM_RELAXED,
	.length = GP_DKIM_NO_LIMIT };

/* -- what it says ------------------------------------------------------ */

static void
libopendkim_example_of_rfc8463_passes_twice(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l);
	check(&l, ED25519_FIELD RSA_FIELD REST, BODY);
	assert_int_equal(l.checks.n, 2);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	expect(&l, 1, GP_DKIM_PASS, NULL);
	lab_close(&l);
}

static void
libopendkim_changed_message_fails(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l);
	check(&l, ED25519_FIELD RSA_FIELD REST, "Hi!\r\n");
	expect(&l, 0, GP_DKIM_FAIL, "body hash did not verify");
	expect(&l, 1, GP_DKIM_FAIL, "body hash did not verify");
	check(&l, ED25519_FIELD RSA_FIELD "Subject: Else\n" REST, BODY);
	expect(&l, 0, GP_DKIM_FAIL, "signature did not verify");
	expect(&l, 1, GP_DKIM_FAIL, "signature did not verify");
	lab_close(&l);
}

static void
libopendkim_one_bad_signature_touches_no_other(void **state)
{
	static const struct key keys[] = {
		{ "brisbane._domainkey.football.example.com", ED25519_RECORD },
		{ "test._domainkey.football.example.com", NULL },
		{ NULL, NULL },
	};
	static const char wrong[] =
	    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;"
	    " d=football.example.com; s=brisbane; h=from;"
	    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA\n";
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	l.keys = keys;
	ignored = 0;
	check(&l,
	    gp_arena_printf(arena, "%s%s%s%s%s", "DKIM-Signature: bad\n", wrong,
		RSA_FIELD, "DKIM-Signature: v=1; v=1\n", ED25519_FIELD REST),
	    BODY);
	assert_int_equal(l.checks.n, 5);
	assert_int_equal(l.checks.v[0].result, GP_DKIM_PERMERROR);
	expect(&l, 1, GP_DKIM_FAIL, "signature did not verify");
	assert_int_equal(l.checks.v[2].result, GP_DKIM_TEMPERROR);
	assert_int_equal(l.checks.v[3].result, GP_DKIM_PERMERROR);
	expect(&l, 4, GP_DKIM_PASS, NULL);
	assert_int_equal(ignored, 1); /* the one without a key */
	gp_arena_free(arena);
	lab_close(&l);
}

/* Signatures are told apart by their order, so not one may be missing. */
static void
libopendkim_list_of_another_length_is_permerror(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l);
	lose_one = true;
	check(&l, ED25519_FIELD RSA_FIELD REST, BODY);
	lose_one = false;
	expect(&l, 0, GP_DKIM_PERMERROR, "libopendkim does not list it");
	expect(&l, 1, GP_DKIM_PERMERROR, "libopendkim does not list it");
	lab_close(&l);
}

/* Error and flags as the library could have them, and what we say. */
static void
libopendkim_every_answer_becomes_its_result(void **state)
{
	static const struct {
		const char *label;
		int error, bh;
		unsigned flags;
		enum gp_dkim_result result;
		const char *reason;
	} rows[] = {
		{ "passed", DKIM_SIGERROR_OK, DKIM_SIGBH_MATCH,
		    DKIM_SIGFLAG_PASSED | DKIM_SIGFLAG_PROCESSED, GP_DKIM_PASS,
		    NULL },
		{ "no error, not passed", DKIM_SIGERROR_OK, DKIM_SIGBH_MATCH,
		    DKIM_SIGFLAG_PROCESSED, GP_DKIM_TEMPERROR,
		    "libopendkim came to no result" },
		{ "no error, body not looked at", DKIM_SIGERROR_OK,
		    DKIM_SIGBH_UNTESTED, DKIM_SIGFLAG_PASSED, GP_DKIM_TEMPERROR,
		    "libopendkim came to no result" },
		{ "no error, other body", DKIM_SIGERROR_OK, DKIM_SIGBH_MISMATCH,
		    DKIM_SIGFLAG_PASSED, GP_DKIM_TEMPERROR,
		    "libopendkim came to no result" },
		{ "unknown", DKIM_SIGERROR_UNKNOWN, DKIM_SIGBH_MATCH, 0,
		    GP_DKIM_TEMPERROR, "libopendkim came to no result" },
		{ "signature", DKIM_SIGERROR_BADSIG, DKIM_SIGBH_MATCH, 0,
		    GP_DKIM_FAIL, "signature did not verify" },
		{ "body", DKIM_SIGERROR_BADSIG, DKIM_SIGBH_MISMATCH,
		    DKIM_SIGFLAG_PASSED, GP_DKIM_FAIL,
		    "body hash did not verify" },
		{ "small key", DKIM_SIGERROR_KEYTOOSMALL, DKIM_SIGBH_MATCH, 0,
		    GP_DKIM_POLICY, "RSA key is too small" },
		{ "key not there now", DKIM_SIGERROR_KEYFAIL, DKIM_SIGBH_MATCH,
		    0, GP_DKIM_TEMPERROR, "key not available" },
		{ "no key", DKIM_SIGERROR_NOKEY, DKIM_SIGBH_MATCH, 0,
		    GP_DKIM_PERMERROR, "libopendkim: key not found in DNS" },
		{ "revoked", DKIM_SIGERROR_KEYREVOKED, DKIM_SIGBH_MATCH, 0,
		    GP_DKIM_PERMERROR, "libopendkim: key revoked" },
		{ "expired", DKIM_SIGERROR_EXPIRED, DKIM_SIGBH_MATCH, 0,
		    GP_DKIM_PERMERROR, "libopendkim: signature expired" },
		{ "passed, then an error", DKIM_SIGERROR_SUBDOMAIN,
		    DKIM_SIGBH_MATCH, DKIM_SIGFLAG_PASSED, GP_DKIM_PERMERROR,
		    "libopendkim: unauthorized subdomain" },
		{ "l=", DKIM_SIGERROR_TOOLARGE_L, DKIM_SIGBH_MATCH, 0,
		    GP_DKIM_PERMERROR,
		    "libopendkim: length tag value exceeds body size" },
		{ "an error without a name", 4711, DKIM_SIGBH_MATCH, 0,
		    GP_DKIM_PERMERROR, "libopendkim: error" },
	};
	struct lab l;

	(void)state;
	lab_open(&l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].label);
		planted.error = rows[i].error;
		planted.flags = rows[i].flags;
		planted.bh = rows[i].bh;
		check(&l, ED25519_FIELD REST, BODY);
		expect(&l, 0, rows[i].result, rows[i].reason);
	}
	planted.error = PLANTED_NONE;
	lab_close(&l);
}

static void
libopendkim_key_under_the_bound_is_policy(void **state)
{
	struct gp_opendkim_run *r;
	struct lab l;

	(void)state;
	lab_open(&l);
	gp_opendkim_close(l.o);
	l.how.min_rsa_bits = 2048;
	assert_int_equal(gp_opendkim_open(&l.how, &l.o, NULL), GP_OK);
	r = begin(&l, RSA_FIELD ED25519_FIELD REST);
	feed_body(r, GP_STR(BODY), 0);
	l.how.min_rsa_bits = 1024; /* as if the front had not looked */
	feed_keys(&l);
	gp_opendkim_end(r, &l.checks, &l.how);
	expect(&l, 0, GP_DKIM_POLICY, "RSA key is too small");
	expect(&l, 1, GP_DKIM_PASS, NULL);
	lab_close(&l);
}

/* -- l= ---------------------------------------------------------------- */

static void
libopendkim_length_is_judged_by_the_front(void **state)
{
	static const char text[] = "one \t two\r\n\r\n";
	static const struct {
		const char *label;
		enum gp_dkim_canon canon;
		uint64_t length;
		const char *tail; /* added after signing */
		enum gp_body_length rule;
		enum gp_dkim_result result;
		const char *reason;
	} rows[] = {
		{ "all of it", GP_DKIM_RELAXED, 9, "", GP_BODY_LENGTH_POLICY,
		    GP_DKIM_PASS, NULL },
		{ "all of it, simple", GP_DKIM_SIMPLE, 11, "\r\n",
		    GP_BODY_LENGTH_POLICY, GP_DKIM_PASS, NULL },
		{ "more was added", GP_DKIM_RELAXED, 9, "tail\r\n",
		    GP_BODY_LENGTH_POLICY, GP_DKIM_POLICY,
		    "l= leaves body text unsigned" },
		{ "more was added, simple", GP_DKIM_SIMPLE, 11, "tail\r\n",
		    GP_BODY_LENGTH_POLICY, GP_DKIM_POLICY,
		    "l= leaves body text unsigned" },
		{ "more may be added", GP_DKIM_RELAXED, 9, "tail\r\n",
		    GP_BODY_LENGTH_PASS, GP_DKIM_PASS, NULL },
		{ "none of it", GP_DKIM_RELAXED, 0, "", GP_BODY_LENGTH_POLICY,
		    GP_DKIM_POLICY, "l= leaves body text unsigned" },
		{ "more than there is", GP_DKIM_RELAXED, 10, "",
		    GP_BODY_LENGTH_POLICY, GP_DKIM_PERMERROR,
		    "libopendkim: length tag value exceeds body size" },
		{ "more than a long", GP_DKIM_RELAXED,
		    UINT64_C(9223372036854775809), "", GP_BODY_LENGTH_POLICY,
		    GP_DKIM_PERMERROR, "l= is beyond the body" },
	};
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct draft d = plain;

		print_message("# %s\n", rows[i].label);
		d.body_canon = rows[i].canon;
		d.length = rows[i].length;
		l.how.body_length = rows[i].rule;
		check(&l, sign(arena, &d, REST, GP_STR(text)),
		    gp_arena_printf(arena, "%s%s", text, rows[i].tail));
		expect(&l, 0, rows[i].result, rows[i].reason);
	}
	gp_arena_free(arena);
	lab_close(&l);
}

/* -- bodies ------------------------------------------------------------ */

static void
libopendkim_body_verifies_in_any_pieces(void **state)
{
	static const char *const bodies[] = { "", "\r\n", "\r\n\r\n", "a",
		"a\r\n", "a\r\n\r\n\r\n", " \t\r\n", "a \t b\r\n \r\n",
		"a\r\n\r\nb", "\r\na", "a \r\n \r\n" };
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct draft d = plain;

		for (unsigned canon = 0; canon < 2; canon++) {
			const char *fields;

			d.body_canon = (enum gp_dkim_canon)canon;
			fields = sign(arena, &d, REST, gp_str(bodies[i]));
			for (l.chunk = 0; l.chunk < 4; l.chunk++) {
				check(&l, fields, bodies[i]);
				if (l.checks.v[0].result != GP_DKIM_PASS)
					print_message("# %zu %u %zu\n", i,
					    canon, l.chunk);
				expect(&l, 0, GP_DKIM_PASS, NULL);
			}
		}
	}
	gp_arena_free(arena);
	lab_close(&l);
}

/* Is white space at the end of a last line that has no CRLF at the end of a
 * line?  The builtin engine and dkimpy say no, the library and Mail::DKIM say
 * yes.  No MTA hands over such a body. */
static void
libopendkim_white_space_behind_the_last_crlf_differs(void **state)
{
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	check(&l, sign(arena, &plain, REST, GP_STR("a\r\n b \t")),
	    "a\r\n b \t");
	expect(&l, 0, GP_DKIM_FAIL, "body hash did not verify");
	gp_arena_free(arena);
	lab_close(&l);
}

static void
libopendkim_bare_cr_or_lf_is_not_for_it(void **state)
{
	static const char *const bodies[] = { "a\nb\r\n", "a\rb\r\n", "\n",
		"\r", "a\r\n\r", "a\r\r\n", "a\r\n\n", "\na\r\n", "a\n\r\n" };
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const char *fields =
		    sign(arena, &plain, REST, gp_str(bodies[i]));

		for (l.chunk = 0; l.chunk < 3; l.chunk++) {
			check(&l, fields, bodies[i]);
			if (l.checks.v[0].result != GP_DKIM_PERMERROR)
				print_message("# %zu %zu\n", i, l.chunk);
			expect(&l, 0, GP_DKIM_PERMERROR,
			    "CR or LF alone in the body: not for libopendkim");
		}
	}
	gp_arena_free(arena);
	lab_close(&l);
}

/* -- headers ----------------------------------------------------------- */

static void
libopendkim_header_verifies_in_both_canons(void **state)
{
	static const char fields[] = "From:Joe <joe@football.example.com>\n"
				     "To: a@example.com,\n\t b@example.com\n"
				     "SUBJECT :  a  \xc3\xa4 \xff\n"
				     "  \t more \t \n";
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	for (unsigned canon = 0; canon < 2; canon++) {
		struct draft d = plain;

		d.header_canon = (enum gp_dkim_canon)canon;
		d.folded = true;
		d.h = "from:to:to:X-None:from";
		check(&l, sign(arena, &d, fields, GP_STR("a\r\n")), "a\r\n");
		expect(&l, 0, GP_DKIM_PASS, NULL);
	}
	gp_arena_free(arena);
	lab_close(&l);
}

/* The library is given CRLF, whatever the milter has. */
static void
libopendkim_folds_are_given_as_crlf(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l);
	check(&l, ED25519_FIELD "X-A: 1\r\n 2\nX-B: 1\n\t2\n" REST, BODY);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	assert_non_null(strstr(headers.p, "X-A: 1\r\n 2\r\nX-B: 1\r\n\t2\r\n"));
	assert_null(strstr(headers.p, "\r\r"));
	lab_close(&l);
}

/* -- what the library never sees ---------------------------------------- */

static void
libopendkim_runs_without_fixcrlf(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l);
	assert_int_equal(flags,
	    DKIM_LIBFLAGS_BADSIGHANDLES | DKIM_LIBFLAGS_DELAYSIGPROC);
	lab_close(&l);
}

/* One field that no h= can name: the library's list of fields has as many
 * places as there are fields, and it writes one more when each is signed and
 * a further name follows. */
static void
libopendkim_has_a_field_that_is_never_signed(void **state)
{
	struct draft d = plain;
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	d.h = "from:to:subject:date:message-id:x:y";
	check(&l, sign(arena, &d, REST, GP_STR("")), "");
	expect(&l, 0, GP_DKIM_PASS, NULL);
	assert_non_null(strstr(headers.p, "no name: none\r\n"));
	gp_arena_free(arena);
	lab_close(&l);
}

static void
libopendkim_sees_key_records_of_ours_only(void **state)
{
	static const struct key keys[] = {
		{ "brisbane._domainkey.football.example.com",
		    " v=DKIM1 ;n=\"a\"; k=ed25519;t=s; "
		    "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapi MlrwIaaPcHURo=;" },
		{ NULL, NULL },
	};
	struct lab l;

	(void)state;
	lab_open(&l);
	l.keys = keys;
	check(&l, ED25519_FIELD REST, BODY);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	assert_string_equal(gp_buf_cstr(&records), ED25519_RECORD "\n");
	lab_close(&l);
}

static void
libopendkim_key_beyond_its_buffer_is_not_for_it(void **state)
{
	static const char n[GP_DKIM_RSA_BITS_MAX / 8] = { '\x80' };
	struct gp_opendkim_run *r;
	struct lab l;

	(void)state;
	lab_open(&l);
	r = begin(&l, RSA_FIELD ED25519_FIELD REST);
	feed_body(r, GP_STR(BODY), 0);
	feed_keys(&l);
	l.checks.v[0].record.key.n = gp_str_n(n, sizeof(n));
	l.checks.v[0].record.key.bits = GP_DKIM_RSA_BITS_MAX;
	gp_opendkim_end(r, &l.checks, &l.how);
	expect(&l, 0, GP_DKIM_PERMERROR, "the key is too long for libopendkim");
	expect(&l, 1, GP_DKIM_PASS, NULL);
	lab_close(&l);
}

/* Fields that the library would misread, each on top of a good signature. */
static void
libopendkim_unfit_signature_is_kept_from_it(void **state)
{
#define HEAD "DKIM-Signature: v=1; a=ed25519-sha256; s=brisbane;"
#define TAIL "; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA"
	static const struct {
		const char *label, *head;
		char fill;
		size_t n;
		const char *tail, *reason;
	} rows[] = {
		{ "U-label", HEAD " d=b\xc3\xbc", 'c', 1,
		    "her.example; h=from" TAIL,
		    "libopendkim reads A-labels only" },
		{ "long field", HEAD " d=football.example.com; h=from; z=", 'z',
		    32000, TAIL, "the field is too long for libopendkim" },
		{ "long h=", HEAD " d=football.example.com; h=from:", 'x', 3996,
		    TAIL, "h= is too long for libopendkim" },
		{ "long i=", HEAD " d=football.example.com; h=from; i=", 'i',
		    230, "@football.example.com" TAIL,
		    "i= is too long for libopendkim" },
		{ "over a signature",
		    HEAD " d=football.example.com; h=from:dkim-signaturE", ':',
		    1, "to" TAIL,
		    "libopendkim can not check what covers signatures" },
		{ "a tag like b=", HEAD " d=football.example.com; x", 'b', 1,
		    "=1; h=from" TAIL, "libopendkim does not find b=" },
		{ "white space behind b",
		    HEAD " d=football.example.com; h=from; bh=2jUSOH9NhtVGCQWN"
			 "r9BrIAPreKQjO6Sn7XIkfJVOzv8=; b",
		    ' ', 1, "=AAAA", "libopendkim does not find b=" },
	};
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *fill = gp_arena_alloc(arena, rows[i].n + 1);

		print_message("# %s\n", rows[i].label);
		memset(fill, rows[i].fill, rows[i].n);
		check(&l,
		    gp_arena_printf(arena, "%s%s%s\n%s", rows[i].head, fill,
			rows[i].tail, ED25519_FIELD REST),
		    BODY);
		expect(&l, 0, GP_DKIM_PERMERROR, rows[i].reason);
		expect(&l, 1, GP_DKIM_PASS, NULL);
		assert_null(strstr(headers.p, rows[i].head));
	}
	gp_arena_free(arena);
	lab_close(&l);
}

/* One octet less, and it may see them. */
static void
libopendkim_longest_fields_are_given_to_it(void **state)
{
	static const struct {
		const char *head;
		char fill;
		size_t n;
		const char *tail;
	} rows[] = {
		{ HEAD " d=football.example.com; h=from; z=", 'z', 31850,
		    TAIL },
		{ HEAD " d=football.example.com; h=from:", 'x', 3994, TAIL },
		{ HEAD " d=football.example.com; h=from; i=", 'i', 229,
		    "@football.example.com" TAIL },
	};
	struct gp_arena *arena = gp_arena_new();
	struct lab l;

	(void)state;
	lab_open(&l);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *fill = gp_arena_alloc(arena, rows[i].n + 1);

		memset(fill, rows[i].fill, rows[i].n);
		check(&l,
		    gp_arena_printf(arena, "%s%s%s\n%s", rows[i].head, fill,
			rows[i].tail, ED25519_FIELD REST),
		    BODY);
		expect(&l, 0, GP_DKIM_FAIL, "signature did not verify");
		expect(&l, 1, GP_DKIM_PASS, NULL);
		assert_non_null(strstr(headers.p, rows[i].head));
	}
	gp_arena_free(arena);
	lab_close(&l);
}

/* The front decided on them; also fields that only the library takes for
 * signatures, or for fields at all. */
static void
libopendkim_decided_signatures_are_left_out(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l);
	l.how.max_signatures = 1;
	check(&l,
	    "DKIM-Signature: v=1; d=bank.example'a.evil.example\n"
	    "DKIM-Signature : v=1; d=football.example.com; s=x\n"
	    "X;Y: semicolon\nX\x01Y: control\n: nothing\n" ED25519_FIELD
	    "DKIM-Signature: v=1; a=rsa-sha1; d=other.example\n" REST,
	    BODY);
	assert_int_equal(l.checks.n, 1);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	assert_null(strstr(headers.p, "bank.example"));
	assert_null(strstr(headers.p, "s=x"));
	assert_null(strstr(headers.p, "other.example"));
	assert_null(strstr(headers.p, "semicolon"));
	assert_null(strstr(headers.p, "control"));
	assert_null(strstr(headers.p, "nothing"));
	lab_close(&l);
}

static void
libopendkim_field_with_nul_is_left_out(void **state)
{
	struct gp_opendkim_run *r;
	struct lab l;

	(void)state;
	lab_open(&l);
	(void)begin(&l, ED25519_FIELD REST);
	gp_header_add(&l.header, l.arena, GP_STR("X-Nul"), GP_STR(" a\0b"));
	gp_dkim_checks_begin(&l.header, NULL, &l.how, INT64_C(1795000000),
	    l.arena, &l.checks);
	gp_buf_reset(&headers);
	r = gp_opendkim_begin(l.o, &l.header, &l.checks, l.arena);
	feed_body(r, GP_STR(BODY), 0);
	feed_keys(&l);
	gp_opendkim_end(r, &l.checks, &l.how);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	assert_null(strstr(headers.p, "X-Nul"));
	lab_close(&l);
}

/* When nothing is left for it, it is given nothing. */
static void
libopendkim_nothing_open_is_given_nothing(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l);
	check(&l, REST, BODY);
	assert_int_equal(l.checks.n, 0);
	check(&l, "DKIM-Signature: bad\n" REST, BODY);
	assert_int_equal(l.checks.v[0].result, GP_DKIM_PERMERROR);
	assert_int_equal(headers.n + body.n, 0);
	lab_close(&l);
}

static void
libopendkim_no_run_is_permerror(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l);
	(void)begin(&l, ED25519_FIELD "DKIM-Signature: bad\n" REST);
	gp_opendkim_end(NULL, &l.checks, &l.how);
	expect(&l, 0, GP_DKIM_PERMERROR, "libopendkim refuses the header");
	assert_string_not_equal(l.checks.v[1].reason,
	    "libopendkim refuses the header");
	lab_close(&l);
}

/* -- many threads, one library ------------------------------------------ */

#define THREADS  4
#define MESSAGES 50

struct worker {
	pthread_t thread;
	struct lab l;
	unsigned passed;
};

static void *
work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < MESSAGES; i++) {
		struct gp_opendkim_run *r;

		gp_arena_clear(w->l.arena);
		w->l.header = (struct gp_header){ .n = 0 };
		read_header(&w->l, i % 2 == 0
				       ? GP_STR(ED25519_FIELD RSA_FIELD REST)
				       : GP_STR(RSA_FIELD REST));
		gp_dkim_checks_begin(&w->l.header, NULL, &w->l.how,
		    INT64_C(1795000000), w->l.arena, &w->l.checks);
		r = gp_opendkim_begin(w->l.o, &w->l.header, &w->l.checks,
		    w->l.arena);
		feed_body(r, GP_STR(BODY), 7);
		feed_keys(&w->l);
		gp_opendkim_end(r, &w->l.checks, &w->l.how);
		for (size_t k = 0; k < w->l.checks.n; k++)
			w->passed += w->l.checks.v[k].result == GP_DKIM_PASS;
	}
	return NULL;
}

static void
libopendkim_serves_many_threads(void **state)
{
	struct worker w[THREADS];
	struct lab l;

	(void)state;
	lab_open(&l);
	silent = true;
	for (size_t i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .l = l };
		w[i].l.arena = gp_arena_new();
		assert_int_equal(pthread_create(&w[i].thread, NULL, work,
				     &w[i]),
		    0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		assert_int_equal(w[i].passed, MESSAGES * 3 / 2);
		gp_arena_free(w[i].l.arena);
	}
	silent = false;
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libopendkim_example_of_rfc8463_passes_twice),
		cmocka_unit_test(libopendkim_changed_message_fails),
		cmocka_unit_test(
		    libopendkim_one_bad_signature_touches_no_other),
		cmocka_unit_test(
		    libopendkim_list_of_another_length_is_permerror),
		cmocka_unit_test(libopendkim_every_answer_becomes_its_result),
		cmocka_unit_test(libopendkim_key_under_the_bound_is_policy),
		cmocka_unit_test(libopendkim_length_is_judged_by_the_front),
		cmocka_unit_test(libopendkim_body_verifies_in_any_pieces),
		cmocka_unit_test(
		    libopendkim_white_space_behind_the_last_crlf_differs),
		cmocka_unit_test(libopendkim_bare_cr_or_lf_is_not_for_it),
		cmocka_unit_test(libopendkim_header_verifies_in_both_canons),
		cmocka_unit_test(libopendkim_folds_are_given_as_crlf),
		cmocka_unit_test(libopendkim_runs_without_fixcrlf),
		cmocka_unit_test(libopendkim_has_a_field_that_is_never_signed),
		cmocka_unit_test(libopendkim_sees_key_records_of_ours_only),
		cmocka_unit_test(
		    libopendkim_key_beyond_its_buffer_is_not_for_it),
		cmocka_unit_test(libopendkim_unfit_signature_is_kept_from_it),
		cmocka_unit_test(libopendkim_longest_fields_are_given_to_it),
		cmocka_unit_test(libopendkim_decided_signatures_are_left_out),
		cmocka_unit_test(libopendkim_field_with_nul_is_left_out),
		cmocka_unit_test(libopendkim_nothing_open_is_given_nothing),
		cmocka_unit_test(libopendkim_no_run_is_permerror),
		cmocka_unit_test(libopendkim_serves_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
