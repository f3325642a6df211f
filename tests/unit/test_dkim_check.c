/* Signatures of whole messages, by each engine, with keys from a zone. */
#include "mta/dkim_check.h"

#include "base/base64.h"
#include "io/clock.h"
#include "support/dkim_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define BODY "Hello  world \r\n\r\nSecond line\t\r\n\r\n\r\n"

static const enum gp_engine engines[] = { GP_BUILTIN, GP_SECOND, GP_COMPARE };
static const char *const engine_names[] = { [GP_BUILTIN] = "builtin",
	[GP_SECOND] = "libopendkim",
	[GP_COMPARE] = "compare" };

struct lab {
	struct gp_dns *dns;
	struct gp_metrics *metrics;
	struct gp_dns_scope scope;
	struct gp_arena *arena;
	struct gp_header header;
	struct gp_dkim_checking how;
	struct gp_dkim_checker checker;
	const struct gp_dkim_checks *checks;
};

/* -- the world ----------------------------------------------------------- */

static void
zone_key(struct gp_buf *text, const char *name, enum dkim_pem key,
    const char *tags)
{
	char *record = dkim_pem_record(key);

	assert_memory_equal(record, "v=DKIM1; ", 9);
	gp_buf_addf(text, "%s TXT \"v=DKIM1; %s\" \"%s\"\n", name, tags,
	    record + 9);
	free(record);
}

/* Decoded once for all tests. */
static struct gp_private_key *keys[DKIM_PEM_ED25519 + 1];
static struct gp_buf zone;

static int
open_world(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(keys); i++)
		keys[i] = dkim_pem_key((enum dkim_pem)i);
	gp_buf_init(&zone, 16384);
	zone_key(&zone, "rsa._domainkey.a.example", DKIM_PEM_RSA_A, "");
	zone_key(&zone, "rsb._domainkey.a.example", DKIM_PEM_RSA_B, "");
	zone_key(&zone, "weak._domainkey.a.example", DKIM_PEM_RSA_WEAK, "");
	zone_key(&zone, "ed._domainkey.a.example", DKIM_PEM_ED25519, "");
	zone_key(&zone, "test._domainkey.a.example", DKIM_PEM_RSA_A, "t=y; ");
	zone_key(&zone, "other._domainkey.a.example", DKIM_PEM_RSA_B, "");
	gp_buf_adds(&zone, "gone._domainkey.a.example TXT \"v=DKIM1; p=\"\n"
			   "bad._domainkey.a.example TXT \"v=DKIM1; p=??\"\n"
			   "temp._domainkey.a.example TXT !SERVFAIL\n"
			   "slow._domainkey.a.example TXT !TIMEOUT\n");
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(keys); i++)
		gp_private_key_unref(keys[i]);
	gp_buf_clear(&zone);
	return 0;
}

static void
lab_open(struct lab *l, enum gp_engine engine)
{
	struct gp_err err;

	*l = (struct lab){ .arena = gp_arena_new() };
	l->metrics = gp_metrics_new("dkim");
	if (gp_dns_open_zone(gp_buf_str(&zone), l->metrics, &l->dns, &err) !=
	    GP_OK)
		fail_msg("%s", err.msg);
	l->scope = (struct gp_dns_scope){ .dns = l->dns,
		.arena = gp_arena_new(),
		.deadline_us = gp_clock_us() + 20 * GP_US_PER_S,
		.budget = GP_DNS_MESSAGE_QUERIES };
	l->how = (struct gp_dkim_checking){ .engine = engine,
		.max_signatures = 8,
		.min_rsa_bits = 1024 };
	l->checker = (struct gp_dkim_checker){ .arena = l->arena,
		.how = &l->how,
		.metrics = l->metrics,
		.keys = gp_key_cache_new(64, NULL) };
	if (engine != GP_BUILTIN &&
	    gp_opendkim_open(&l->how, &l->checker.opendkim, &err) != GP_OK)
		fail_msg("%s", err.msg);
}

/* What the DNS told is gone as soon as the check has ended. */
static void
forget_answers(struct lab *l)
{
	gp_arena_free(l->scope.arena);
	l->scope.arena = NULL;
}

static void
lab_close(struct lab *l)
{
	gp_arena_free(l->arena);
	gp_arena_free(l->scope.arena);
	gp_opendkim_close(l->checker.opendkim);
	gp_key_cache_unref(l->checker.keys);
	gp_dns_close(l->dns);
	gp_metrics_free(l->metrics);
}

static void
add(struct lab *l, const char *name, const char *value)
{
	gp_header_add(&l->header, l->arena, gp_str(name), gp_str(value));
}

/* -- a signer ------------------------------------------------------------- */

struct signing {
	const char *selector; /* "rsa": which key, and where it is */
	const char *c;        /* "relaxed/relaxed" ... NULL: that */
	const char *more;     /* "l=5; " ... NULL: nothing */
	uint64_t limit;       /* what l= says; 0: there is none */
	bool wrong;           /* the value of b= is another message's */
};

static enum dkim_pem
key_of(const char *selector)
{
	if (strcmp(selector, "ed") == 0)
		return DKIM_PEM_ED25519;
	if (strcmp(selector, "weak") == 0)
		return DKIM_PEM_RSA_WEAK;
	if (strcmp(selector, "rsb") == 0)
		return DKIM_PEM_RSA_B;
	return DKIM_PEM_RSA_A;
}

static void
hash_more(void *sha, const char *p, size_t n)
{
	gp_sha256_add(sha, p, n);
}

static const char *
base64(struct gp_arena *arena, const uint8_t *p, size_t n)
{
	const char *text;
	struct gp_buf b;

	gp_buf_init(&b, 4096);
	gp_base64_encode(p, n, &b);
	text = gp_arena_strdup(arena, gp_buf_cstr(&b));
	gp_buf_clear(&b);
	return text;
}

static const char *
body_hash(struct gp_arena *arena, enum gp_dkim_canon canon, uint64_t limit,
    const char *body)
{
	struct gp_sha256 *sha = gp_sha256_new();
	uint8_t hash[GP_SHA256_BYTES];
	struct gp_dkim_body b;

	gp_dkim_body_init(&b, canon, limit == 0 ? GP_DKIM_NO_LIMIT : limit,
	    hash_more, sha);
	gp_dkim_body_add(&b, gp_str(body));
	gp_dkim_body_end(&b);
	gp_sha256_end(sha, hash);
	gp_sha256_free(sha);
	return base64(arena, hash, sizeof(hash));
}

static const char *
header_signature(struct lab *l, const struct signing *s,
    enum gp_dkim_canon canon, const char *value)
{
	const struct gp_str names[] = { GP_STR("From"), GP_STR("Subject") };
	const struct gp_field self = { .name = GP_STR(GP_DKIM_SIGNATURE),
		.value = gp_str(value) };
	uint8_t hash[GP_SHA256_BYTES], signature[GP_SIGNATURE_BYTES];
	struct gp_buf input;
	size_t n;

	gp_buf_init(&input, 65536);
	gp_dkim_header_input(canon, &l->header, names, 2, &self, &input);
	if (s->wrong)
		gp_buf_addc(&input, '!');
	gp_sha256(gp_buf_str(&input), hash);
	gp_buf_clear(&input);
	assert_int_equal(gp_private_key_sign(keys[key_of(s->selector)], hash,
			     signature, &n),
	    GP_OK);
	return base64(l->arena, signature, n);
}

/* Add a signature of the fields that are there by now. */
static void
sign(struct lab *l, struct signing s, const char *body)
{
	const char *c = s.c == NULL ? "relaxed/relaxed" : s.c;
	const char *slash = strchr(c, '/');
	enum gp_dkim_canon in_header =
	    c[0] == 's' ? GP_DKIM_SIMPLE : GP_DKIM_RELAXED;
	enum gp_dkim_canon in_body =
	    slash != NULL && slash[1] == 'r' ? GP_DKIM_RELAXED : GP_DKIM_SIMPLE;
	const char *value = gp_arena_printf(l->arena,
	    " v=1; a=%s; c=%s; d=a.example;\n\ts=%s; h=From:Subject; %sbh=%s; "
	    "b=",
	    strcmp(s.selector, "ed") == 0 ? "ed25519-sha256" : "rsa-sha256", c,
	    s.selector, s.more == NULL ? "" : s.more,
	    body_hash(l->arena, in_body, s.limit, body));

	add(l, GP_DKIM_SIGNATURE,
	    gp_arena_printf(l->arena, "%s%s", value,
		header_signature(l, &s, in_header, value)));
}

static void
start(struct lab *l)
{
	add(l, "From", " Joe <joe@a.example>");
	add(l, "Subject", "  a \n folded\tone ");
}

/* The whole check, the body in pieces of `step` octets. */
static void
run(struct lab *l, const char *body, size_t step)
{
	const size_t n = strlen(body);
	struct gp_dkim_run *r =
	    gp_dkim_check_begin(&l->checker, &l->header, "a.example");

	gp_dkim_check_prefetch(r, &l->scope);
	for (size_t i = 0; i < n; i += step)
		gp_dkim_check_body(r,
		    gp_str_n(body + i, n - i < step ? n - i : step));
	l->checks = gp_dkim_check_end(r, &l->scope);
}

static void
expect(const struct lab *l, size_t which, enum gp_dkim_result result,
    const char *reason)
{
	const struct gp_dkim_check *c = &l->checks->v[which];

	assert_true(c->decided);
	if (c->result != result || (c->reason == NULL) != (reason == NULL) ||
	    (reason != NULL && strcmp(c->reason, reason) != 0))
		fail_msg("%s, number %zu: %s, %s", engine_names[l->how.engine],
		    which, gp_dkim_result_name(c->result),
		    c->reason == NULL ? "no reason" : c->reason);
}

static int64_t
differences(const struct lab *l)
{
	return gp_metrics_get(l->metrics, GP_M_DKIM_DIFFERENCES, 0);
}

/* -- what went to stderr, where lines go before gp_log_open --------------- */

struct capture {
	int saved;
	FILE *file;
	char text[4096];
};

static void
capture_start(struct capture *c)
{
	c->file = tmpfile();
	assert_non_null(c->file);
	(void)fflush(stderr);
	c->saved = dup(STDERR_FILENO);
	assert_true(dup2(fileno(c->file), STDERR_FILENO) >= 0);
}

static void
capture_stop(struct capture *c)
{
	size_t n;

	(void)fflush(stderr);
	assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
	(void)close(c->saved);
	rewind(c->file);
	n = fread(c->text, 1, sizeof(c->text) - 1, c->file);
	c->text[n] = '\0';
	(void)fclose(c->file);
}

/* -- every engine --------------------------------------------------------- */

static void
check_every_engine_passes_every_canonicalization(void **state)
{
	static const char *const selectors[] = { "rsa", "rsb", "ed", "weak" };
	static const char *const canons[] = { "simple/simple", "simple/relaxed",
		"relaxed/simple", "relaxed/relaxed", "simple", "relaxed" };
	static const size_t steps[] = { 1, 7, 1000 };

	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(steps); i++) {
			struct lab l;

			lab_open(&l, engines[e]);
			start(&l);
			for (size_t j = 0; j < COUNT(canons); j++)
				sign(&l,
				    (struct signing){ .c = canons[j],
					.selector = selectors[(i + j) % 4] },
				    BODY);
			run(&l, BODY, steps[i]);
			forget_answers(&l);
			assert_int_equal(l.checks->n, COUNT(canons));
			for (size_t j = 0; j < COUNT(canons); j++)
				expect(&l, j, GP_DKIM_PASS, NULL);
			assert_int_equal(differences(&l), 0);
			lab_close(&l);
		}
}

static void
check_every_engine_finds_what_was_changed(void **state)
{
	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++) {
		struct lab l;

		lab_open(&l, engines[e]);
		start(&l);
		sign(&l, (struct signing){ .selector = "rsa" }, BODY);
		sign(&l, (struct signing){ .selector = "rsa" }, "another\r\n");
		sign(&l, (struct signing){ .selector = "rsa", .wrong = true },
		    BODY);
		sign(&l, (struct signing){ .selector = "other" }, BODY);
		run(&l, BODY, 1000);
		forget_answers(&l);
		expect(&l, 0, GP_DKIM_PASS, NULL);
		expect(&l, 1, GP_DKIM_FAIL, "body hash did not verify");
		expect(&l, 2, GP_DKIM_FAIL, "signature did not verify");
		expect(&l, 3, GP_DKIM_FAIL, "signature did not verify");
		assert_int_equal(differences(&l), 0);
		lab_close(&l);
	}
}

static void
check_empty_bodies_have_their_hash(void **state)
{
	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++) {
		struct lab l;

		lab_open(&l, engines[e]);
		start(&l);
		sign(&l, (struct signing){ .selector = "ed" }, "");
		sign(&l, (struct signing){ .selector = "ed", .c = "relaxed" },
		    "");
		run(&l, "", 1);
		expect(&l, 0, GP_DKIM_PASS, NULL);
		expect(&l, 1, GP_DKIM_PASS, NULL);
		assert_int_equal(differences(&l), 0);
		lab_close(&l);
	}
}

static void
check_length_is_ours_to_judge(void **state)
{
	static const struct {
		const char *label, *more;
		uint64_t limit;
		bool wrong;
		enum gp_body_length option;
		enum gp_dkim_result result;
	} rows[] = {
		{ "the body", "l=10; ", 10, false, GP_BODY_LENGTH_POLICY,
		    GP_DKIM_PASS },
		{ "short", "l=7; ", 7, false, GP_BODY_LENGTH_POLICY,
		    GP_DKIM_POLICY },
		{ "short, accepted", "l=7; ", 7, false, GP_BODY_LENGTH_PASS,
		    GP_DKIM_PASS },
		{ "short, forged", "l=7; ", 7, true, GP_BODY_LENGTH_POLICY,
		    GP_DKIM_FAIL },
		{ "short, of another body", "l=7; ", 6, false,
		    GP_BODY_LENGTH_POLICY, GP_DKIM_FAIL },
		{ "beyond", "l=11; ", 10, false, GP_BODY_LENGTH_PASS,
		    GP_DKIM_PERMERROR },
	};

	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			struct lab l;

			lab_open(&l, engines[e]);
			l.how.body_length = rows[i].option;
			start(&l);
			sign(&l,
			    (struct signing){ .selector = "rsa",
				.more = rows[i].more,
				.limit = rows[i].limit,
				.wrong = rows[i].wrong },
			    "12345678\r\n");
			run(&l, "12345678\r\n", 3);
			if (l.checks->v[0].result != rows[i].result)
				fail_msg("row: %s, %s: %s", rows[i].label,
				    engine_names[engines[e]],
				    l.checks->v[0].reason);
			assert_int_equal(differences(&l), 0);
			lab_close(&l);
		}
}

static void
check_each_length_has_its_own_hash(void **state)
{
	static const struct signing rows[] = {
		{ .selector = "rsa", .more = "l=7; ", .limit = 7 },
		{ .selector = "rsa", .more = "l=9; ", .limit = 9 },
		{ .selector = "rsa" },
		{ .selector = "rsa",
		    .c = "relaxed/simple",
		    .more = "l=7; ",
		    .limit = 7 },
	};

	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++) {
		struct lab l;

		lab_open(&l, engines[e]);
		l.how.body_length = GP_BODY_LENGTH_PASS;
		start(&l);
		for (size_t i = 0; i < COUNT(rows); i++)
			sign(&l, rows[i], BODY);
		run(&l, BODY, 4);
		for (size_t i = 0; i < COUNT(rows); i++)
			expect(&l, i, GP_DKIM_PASS, NULL);
		assert_int_equal(differences(&l), 0);
		lab_close(&l);
	}
}

static void
check_small_keys_are_policy_everywhere(void **state)
{
	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++) {
		struct lab l;

		lab_open(&l, engines[e]);
		l.how.min_rsa_bits = 2048;
		start(&l);
		sign(&l, (struct signing){ .selector = "weak" }, BODY);
		sign(&l, (struct signing){ .selector = "rsb" }, BODY);
		run(&l, BODY, 1000);
		expect(&l, 0, GP_DKIM_POLICY, "RSA key of 1024 bits");
		expect(&l, 1, GP_DKIM_PASS, NULL);
		assert_int_equal(l.checks->v[1].bits, 2048);
		lab_close(&l);
	}
}

/* -- one never touches another --------------------------------------------- */

static void
one_fault_at(enum gp_engine engine, const struct signing *fault,
    enum gp_dkim_result result, size_t position)
{
	struct lab l;

	lab_open(&l, engine);
	start(&l);
	for (size_t i = 0; i < 3; i++)
		sign(&l,
		    i == position ? *fault
				  : (struct signing){ .selector = "rsa" },
		    BODY);
	run(&l, BODY, 1000);
	forget_answers(&l);
	for (size_t i = 0; i < 3; i++)
		if (l.checks->v[i].result !=
		    (i == position ? result : GP_DKIM_PASS))
			fail_msg("%s: %s %s at %zu: number %zu is %s (%s)",
			    engine_names[engine], fault->selector,
			    fault->more == NULL ? "" : fault->more, position, i,
			    gp_dkim_result_name(l.checks->v[i].result),
			    l.checks->v[i].reason);
	assert_int_equal(differences(&l), 0);
	lab_close(&l);
}

static void
check_one_bad_signature_never_touches_another(void **state)
{
	static const struct {
		struct signing fault;
		enum gp_dkim_result result;
	} rows[] = {
		{ { .selector = "gone" }, GP_DKIM_PERMERROR },
		{ { .selector = "bad" }, GP_DKIM_PERMERROR },
		{ { .selector = "nobody" }, GP_DKIM_PERMERROR },
		{ { .selector = "temp" }, GP_DKIM_TEMPERROR },
		{ { .selector = "rsb", .wrong = true }, GP_DKIM_FAIL },
		{ { .selector = "rsa", .more = "x=1; " }, GP_DKIM_PERMERROR },
		{ { .selector = "rsa", .more = "z; " }, GP_DKIM_PERMERROR },
		{ { .selector = "rsa", .more = "l=9999; " },
		    GP_DKIM_PERMERROR },
		{ { .selector = "rsa", .more = "s=rsa; " }, GP_DKIM_PERMERROR },
	};

	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(rows); i++)
			for (size_t position = 0; position < 3; position++)
				one_fault_at(engines[e], &rows[i].fault,
				    rows[i].result, position);
}

/* -- DNS ------------------------------------------------------------------ */

static void
check_each_key_is_asked_for_once(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, GP_COMPARE);
	start(&l);
	for (unsigned i = 0; i < 2; i++) {
		sign(&l, (struct signing){ .selector = "rsa" }, BODY);
		sign(&l, (struct signing){ .selector = "temp" }, BODY);
	}
	/* neither of these needs its key */
	sign(&l, (struct signing){ .selector = "ed", .more = "x=1; " }, BODY);
	sign(&l, (struct signing){ .selector = "ed", .more = "z; " }, BODY);
	run(&l, BODY, 1000);
	assert_int_equal(l.scope.budget, GP_DNS_MESSAGE_QUERIES - 2);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	expect(&l, 1, GP_DKIM_TEMPERROR, "key not available: SERVFAIL");
	expect(&l, 2, GP_DKIM_PASS, NULL);
	expect(&l, 3, GP_DKIM_TEMPERROR, "key not available: SERVFAIL");
	assert_int_equal(differences(&l), 0);
	lab_close(&l);
}

static void
check_prefetch_asks_what_the_end_needs(void **state)
{
	struct gp_dkim_run *r;
	struct lab l;

	(void)state;
	lab_open(&l, GP_BUILTIN);
	start(&l);
	for (unsigned i = 0; i < 2; i++) {
		sign(&l, (struct signing){ .selector = "rsa" }, BODY);
		sign(&l, (struct signing){ .selector = "rsb" }, BODY);
		sign(&l, (struct signing){ .selector = "ed", .more = "x=1; " },
		    BODY);
	}
	r = gp_dkim_check_begin(&l.checker, &l.header, NULL);
	gp_dkim_check_prefetch(r, &l.scope);
	/* what went to the servers: each name once */
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_DNS_CACHE, 1), 2);
	gp_dkim_check_body(r, gp_str(BODY));
	l.checks = gp_dkim_check_end(r, &l.scope);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_DNS_CACHE, 1), 2);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	expect(&l, 3, GP_DKIM_PASS, NULL);
	expect(&l, 4, GP_DKIM_PASS, NULL);
	lab_close(&l);
}

static void
check_late_and_forbidden_keys_are_temporary(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, GP_COMPARE);
	start(&l);
	sign(&l, (struct signing){ .selector = "slow" }, BODY);
	l.scope.deadline_us = gp_clock_us() + 50 * GP_US_PER_MS;
	run(&l, BODY, 1000);
	expect(&l, 0, GP_DKIM_TEMPERROR, "key not available: timeout");
	assert_int_equal(differences(&l), 0);
	lab_close(&l);

	lab_open(&l, GP_BUILTIN);
	start(&l);
	sign(&l, (struct signing){ .selector = "rsa" }, BODY);
	sign(&l, (struct signing){ .selector = "rsb" }, BODY);
	l.scope.budget = 1;
	run(&l, BODY, 1000);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	assert_int_equal(l.checks->v[1].result, GP_DKIM_TEMPERROR);
	lab_close(&l);
}

static void
check_a_tested_key_is_known_as_such(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, GP_BUILTIN);
	start(&l);
	sign(&l, (struct signing){ .selector = "test" }, "another\r\n");
	run(&l, BODY, 1000);
	expect(&l, 0, GP_DKIM_FAIL, "body hash did not verify");
	assert_true(l.checks->v[0].testing);
	lab_close(&l);
}

/* -- figures, and the second opinion --------------------------------------- */

static void
check_results_are_counted(void **state)
{
	struct lab l;
	struct gp_buf text;

	(void)state;
	lab_open(&l, GP_BUILTIN);
	start(&l);
	run(&l, BODY, 1000);
	assert_int_equal(l.checks->n, 0);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_DKIM_RESULTS,
			     GP_DKIM_NONE),
	    1);
	sign(&l, (struct signing){ .selector = "rsa" }, BODY);
	sign(&l, (struct signing){ .selector = "rsb" }, BODY);
	sign(&l, (struct signing){ .selector = "gone" }, BODY);
	run(&l, BODY, 1000);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_DKIM_RESULTS,
			     GP_DKIM_NONE),
	    1);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_DKIM_RESULTS,
			     GP_DKIM_PASS),
	    2);
	assert_int_equal(gp_metrics_get(l.metrics, GP_M_DKIM_RESULTS,
			     GP_DKIM_PERMERROR),
	    1);
	gp_buf_init(&text, 65536);
	gp_metrics_format(l.metrics, &text);
	assert_non_null(strstr(gp_buf_cstr(&text), "dkim_check_seconds_count{"
						   "daemon=\"dkim\"} 1\n"));
	gp_buf_clear(&text);
	lab_close(&l);
}

/* Of a blank at the end of a body without CRLF only the library thinks that it
 * ends a line. */
static void
check_a_difference_is_counted_and_logged(void **state)
{
	static const char body[] = "no line end ";
	struct capture c;
	struct lab l;

	(void)state;
	lab_open(&l, GP_COMPARE);
	start(&l);
	sign(&l, (struct signing){ .selector = "rsa" }, body);
	capture_start(&c);
	run(&l, body, 1000);
	capture_stop(&c);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	assert_int_equal(differences(&l), 1);
	assert_non_null(strstr(c.text,
	    " dkim-engines=differ builtin=pass libopendkim=fail "
	    "d=a.example s=rsa a=rsa-sha256 libopendkim-reason=\""));
	lab_close(&l);
}

static void
check_what_the_library_is_not_asked_is_no_difference(void **state)
{
	static const char body[] = "bare\nline feed\r\n";
	struct lab l;

	(void)state;
	lab_open(&l, GP_COMPARE);
	start(&l);
	sign(&l, (struct signing){ .selector = "rsa" }, body);
	run(&l, body, 1000);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	assert_int_equal(differences(&l), 0);
	lab_close(&l);
}

static void
check_without_the_library_the_engine_is_builtin(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, GP_BUILTIN);
	l.how.engine = GP_SECOND;
	start(&l);
	sign(&l, (struct signing){ .selector = "rsa" }, BODY);
	run(&l, BODY, 1000);
	expect(&l, 0, GP_DKIM_PASS, NULL);
	lab_close(&l);
}

static void
check_a_message_that_ends_early_leaves_nothing(void **state)
{
	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++) {
		struct gp_dkim_run *r;
		struct lab l;

		lab_open(&l, engines[e]);
		start(&l);
		sign(&l, (struct signing){ .selector = "rsa" }, BODY);
		r = gp_dkim_check_begin(&l.checker, &l.header, NULL);
		gp_dkim_check_prefetch(r, &l.scope);
		gp_dkim_check_body(r, gp_str(BODY));
		lab_close(&l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    check_every_engine_passes_every_canonicalization),
		cmocka_unit_test(check_every_engine_finds_what_was_changed),
		cmocka_unit_test(check_empty_bodies_have_their_hash),
		cmocka_unit_test(check_length_is_ours_to_judge),
		cmocka_unit_test(check_each_length_has_its_own_hash),
		cmocka_unit_test(check_small_keys_are_policy_everywhere),
		cmocka_unit_test(check_one_bad_signature_never_touches_another),
		cmocka_unit_test(check_each_key_is_asked_for_once),
		cmocka_unit_test(check_prefetch_asks_what_the_end_needs),
		cmocka_unit_test(check_late_and_forbidden_keys_are_temporary),
		cmocka_unit_test(check_a_tested_key_is_known_as_such),
		cmocka_unit_test(check_results_are_counted),
		cmocka_unit_test(check_a_difference_is_counted_and_logged),
		cmocka_unit_test(
		    check_what_the_library_is_not_asked_is_no_difference),
		cmocka_unit_test(
		    check_without_the_library_the_engine_is_builtin),
		cmocka_unit_test(
		    check_a_message_that_ends_early_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
