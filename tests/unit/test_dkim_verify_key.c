/* What the key record says of a signature; and that one signature never
 * touches another. */
#include "core/dkim_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define NOW   1700000000
#define HASH0 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const uint8_t hash0[GP_DKIM_HASH_BYTES];

struct lab {
	struct gp_arena *arena;
	struct gp_header header;
	struct gp_dkim_checking how;
	struct gp_dkim_checks checks;
};

static struct lab
lab_open(void)
{
	return (struct lab){ .arena = gp_arena_new(),
		.how = { .max_signatures = 8, .min_rsa_bits = 1024 } };
}

static void
lab_close(struct lab *l)
{
	gp_arena_free(l->arena);
}

static void
add(struct lab *l, const char *name, const char *value)
{
	gp_header_add(&l->header, l->arena, gp_str(name), gp_str(value));
}

/* A signature; `more` is "l=5; " ... */
static void
add_sig(struct lab *l, const char *a, const char *more)
{
	add(l, "DKIM-Signature",
	    gp_arena_printf(l->arena,
		" v=1; a=%s; d=example.com; s=s1; h=From; %sbh=" HASH0
		"; b=AAAA",
		a, more));
}

static void
begin(struct lab *l)
{
	add(l, "From", " a@example.com");
	gp_dkim_checks_begin(&l->header, NULL, &l->how, NOW, l->arena,
	    &l->checks);
}

/* -- records ------------------------------------------------------------ */

/* "p=..." of an RSA key with a modulus of so many bits. */
static const char *
rsa(struct gp_arena *arena, unsigned bits)
{
	static const uint8_t e[] = { 1, 0, 1 };
	const size_t n = (bits + 7) / 8;
	uint8_t *modulus = gp_arena_alloc(arena, n);
	const struct gp_dkim_public key = { .type = GP_DKIM_KEY_RSA,
		.bits = bits,
		.n = gp_str_n((const char *)modulus, n),
		.e = gp_str_n((const char *)e, sizeof(e)) };
	struct gp_buf out;
	const char *text;

	memset(modulus, 0x55, n);
	modulus[0] = (uint8_t)(1U << ((bits - 1) % 8));
	gp_buf_init(&out, 8192);
	gp_dkim_key_format(&key, &out);
	text = strstr(gp_buf_cstr(&out), "p=");
	assert_non_null(text);
	text = gp_arena_strdup(arena, text);
	gp_buf_clear(&out);
	return text;
}

/* A record in a shorter way of writing: "@BITS" at the end is such a key,
 * "@ed" an Ed25519 key. */
static const char *
record(struct gp_arena *arena, const char *text)
{
	const char *at = strrchr(text, '@');
	unsigned bits = 0;

	if (at == NULL)
		return text;
	if (strcmp(at, "@ed") == 0)
		return gp_arena_printf(arena, "%.*sp=" HASH0, (int)(at - text),
		    text);
	for (const char *p = at + 1; *p != '\0'; p++)
		bits = bits * 10 + (unsigned)(*p - '0');
	return gp_arena_printf(arena, "%.*s%s", (int)(at - text), text,
	    rsa(arena, bits));
}

static void
feed_records(struct lab *l, struct gp_dkim_check *c, const char *const *records,
    size_t max)
{
	struct gp_dns_rr *rr = gp_arena_alloc(l->arena, max * sizeof(*rr));
	struct gp_dns_answer a = { .rc = GP_OK, .rr = rr };

	for (; a.n < max && records[a.n] != NULL; a.n++)
		rr[a.n].text = gp_str(record(l->arena, records[a.n]));
	gp_dkim_feed_key(c, &a, &l->how, l->arena);
}

static void
check_state(const char *label, const struct gp_dkim_check *c,
    enum gp_dkim_result result, const char *reason)
{
	if (c->result != result || (c->reason == NULL) != (reason == NULL) ||
	    (reason != NULL && strcmp(c->reason, reason) != 0) ||
	    c->decided != (reason != NULL || result == GP_DKIM_PASS))
		fail_msg("row: %s: %s, %s", label,
		    gp_dkim_result_name(c->result),
		    c->reason == NULL ? "no reason" : c->reason);
}

static void
feed_key_each_record_is_judged(void **state)
{
	static const struct {
		const char *label, *a, *more, *record;
		enum gp_dkim_result result;
		const char *reason; /* NULL: the key is good */
	} rows[] = {
		{ "plain", "rsa-sha256", "", "v=DKIM1; @2048", GP_DKIM_NONE,
		    NULL },
		{ "without v= (RFC 6376 3.6.1)", "rsa-sha256", "", "@2048",
		    GP_DKIM_NONE, NULL },
		{ "ed25519 (RFC 8463)", "ed25519-sha256", "",
		    "v=DKIM1; k=ed25519; @ed", GP_DKIM_NONE, NULL },
		{ "revoked: empty p=", "rsa-sha256", "",
		    "v=DKIM1; p=", GP_DKIM_PERMERROR, "key is revoked" },
		{ "k=rsa for ed25519", "ed25519-sha256", "", "v=DKIM1; @2048",
		    GP_DKIM_PERMERROR, "key is not of type ed25519" },
		{ "k=ed25519 for rsa", "rsa-sha256", "",
		    "v=DKIM1; k=ed25519; @ed", GP_DKIM_PERMERROR,
		    "key is not of type rsa" },
		{ "h=sha1", "rsa-sha256", "", "v=DKIM1; h=sha1; @2048",
		    GP_DKIM_PERMERROR, "key is not for sha256" },
		{ "h= has sha256", "rsa-sha256", "",
		    "v=DKIM1; h=sha1:sha256; @2048", GP_DKIM_NONE, NULL },
		{ "s=tlsrpt only", "rsa-sha256", "", "v=DKIM1; s=tlsrpt; @2048",
		    GP_DKIM_PERMERROR, "key is not for email" },
		{ "s= has email", "rsa-sha256", "",
		    "v=DKIM1; s=tlsrpt:email; @2048", GP_DKIM_NONE, NULL },
		{ "s=*", "rsa-sha256", "", "v=DKIM1; s=*; @2048", GP_DKIM_NONE,
		    NULL },
		{ "t=s, i= below d=", "rsa-sha256", "i=@sub.example.com; ",
		    "v=DKIM1; t=s; @2048", GP_DKIM_PERMERROR,
		    "key is not for i= below d=" },
		{ "t=s, i= is d=", "rsa-sha256", "i=x@Example.com; ",
		    "v=DKIM1; t=s; @2048", GP_DKIM_NONE, NULL },
		{ "t=s, no i=", "rsa-sha256", "", "v=DKIM1; t=s; @2048",
		    GP_DKIM_NONE, NULL },
		{ "no t=s, i= below d=", "rsa-sha256", "i=@sub.example.com; ",
		    "v=DKIM1; @2048", GP_DKIM_NONE, NULL },
		{ "1024 bits", "rsa-sha256", "", "v=DKIM1; @1024", GP_DKIM_NONE,
		    NULL },
		{ "1023 bits (RFC 8301 3.2)", "rsa-sha256", "",
		    "v=DKIM1; @1023", GP_DKIM_POLICY, "RSA key of 1023 bits" },
		{ "512 bits", "rsa-sha256", "", "v=DKIM1; @512", GP_DKIM_POLICY,
		    "RSA key of 512 bits" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lab l = lab_open();

		add_sig(&l, rows[i].a, rows[i].more);
		begin(&l);
		check_state(rows[i].label, &l.checks.v[0], GP_DKIM_NONE, NULL);
		feed_records(&l, &l.checks.v[0], &rows[i].record, 1);
		check_state(rows[i].label, &l.checks.v[0], rows[i].result,
		    rows[i].reason);
		assert_false(l.checks.v[0].testing);
		lab_close(&l);
	}
}

static void
feed_key_exactly_one_key_record_is_wanted(void **state)
{
	static const struct {
		const char *label, *records[4];
		enum gp_dkim_result result;
		const char *reason;
	} rows[] = {
		{ "one", { "@2048" }, GP_DKIM_NONE, NULL },
		{ "others are passed over",
		    { "v=spf1 -all", "v=DKIM1; @2048", "hello world" },
		    GP_DKIM_NONE, NULL },
		{ "two keys", { "@2048", "@1024" }, GP_DKIM_PERMERROR,
		    "several key records" },
		{ "the same twice", { "@2048", "@2048" }, GP_DKIM_PERMERROR,
		    "several key records" },
		{ "one and a broken one", { "@2048", "v=DKIM1; p=?" },
		    GP_DKIM_PERMERROR, "several key records" },
		{ "a broken one and one", { "v=DKIM1; p=?", "@2048" },
		    GP_DKIM_PERMERROR, "several key records" },
		{ "none of them", { "v=spf1 -all", "hello world" },
		    GP_DKIM_PERMERROR, "no key record for signature" },
		{ "another version", { "v=DKIM2; p=abcd" }, GP_DKIM_PERMERROR,
		    "no key record for signature" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lab l = lab_open();

		add_sig(&l, "rsa-sha256", "");
		begin(&l);
		feed_records(&l, &l.checks.v[0], rows[i].records, 4);
		check_state(rows[i].label, &l.checks.v[0], rows[i].result,
		    rows[i].reason);
		lab_close(&l);
	}
}

static void
feed_key_a_broken_record_is_permerror_in_its_own_words(void **state)
{
	static const char *const records[] = { "v=DKIM1; p=?", "v=DKIM1; k=rsa",
		"p=AAAA; v=DKIM1", "v=DKIM1; k=dsa; p=AAAA",
		"v=DKIM1; k=rsa; k=rsa; p=AAAA", "v=DKIM1; p=AAAA",
		"v=DKIM1; k=ed25519; p=AAAA" };

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++) {
		const char *other = "v=spf1 -all";
		const char *both[] = { records[i], other };
		struct lab l = lab_open();
		const struct gp_dkim_check *c;

		add_sig(&l, "rsa-sha256", "");
		begin(&l);
		feed_records(&l, &l.checks.v[0], both, 2);
		c = &l.checks.v[0];
		if (!c->decided || c->result != GP_DKIM_PERMERROR ||
		    c->reason[0] == '\0' || strstr(c->reason, "no key") != NULL)
			fail_msg("row: %s: %s", records[i], c->reason);
		lab_close(&l);
	}
}

static void
feed_key_absent_and_temporary_are_told_apart(void **state)
{
	static const struct {
		struct gp_dns_answer a;
		enum gp_dkim_result result;
		const char *reason;
	} rows[] = {
		{ { .rc = GP_NONE, .nxdomain = true }, GP_DKIM_PERMERROR,
		    "no key for signature" },
		{ { .rc = GP_NONE }, GP_DKIM_PERMERROR,
		    "no key for signature" },
		{ { .rc = GP_TEMP, .why = "timeout" }, GP_DKIM_TEMPERROR,
		    "key not available: timeout" },
		{ { .rc = GP_TEMP, .why = "SERVFAIL" }, GP_DKIM_TEMPERROR,
		    "key not available: SERVFAIL" },
		{ { .rc = GP_TEMP }, GP_DKIM_TEMPERROR,
		    "key not available: no answer" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lab l = lab_open();

		add_sig(&l, "rsa-sha256", "");
		begin(&l);
		gp_dkim_feed_key(&l.checks.v[0], &rows[i].a, &l.how, l.arena);
		check_state(rows[i].reason, &l.checks.v[0], rows[i].result,
		    rows[i].reason);
		lab_close(&l);
	}
}

static void
feed_key_keeps_what_was_learnt(void **state)
{
	struct lab l = lab_open();
	const char *records[] = { "v=DKIM1; t=y; @1536", "v=DKIM1; t=y:s; @512",
		"v=DKIM1; t=y; p=" };
	const struct gp_dkim_check *c = NULL;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add_sig(&l, "rsa-sha256", "");
	begin(&l);
	c = l.checks.v;
	for (size_t i = 0; i < 3; i++)
		feed_records(&l, &l.checks.v[i], &records[i], 1);
	check_state("good", &c[0], GP_DKIM_NONE, NULL);
	assert_int_equal(c[0].bits, 1536);
	assert_int_equal(c[0].record.key.n.n, 192);
	assert_int_equal(c[1].bits, 512);
	assert_int_equal(c[2].bits, 0);
	/* also of keys that are not good enough (RFC 6376 3.6.1) */
	assert_true(c[0].testing && c[1].testing && c[2].testing);
	lab_close(&l);
}

static void
feed_key_minimum_is_the_operators(void **state)
{
	const char *const records[] = { "@2047", "@2048" };
	struct lab l = lab_open();

	(void)state;
	l.how.min_rsa_bits = 2048;
	add_sig(&l, "rsa-sha256", "");
	add_sig(&l, "rsa-sha256", "");
	add_sig(&l, "ed25519-sha256", "");
	begin(&l);
	for (size_t i = 0; i < 2; i++)
		feed_records(&l, &l.checks.v[i], &records[i], 1);
	feed_records(&l, &l.checks.v[2],
	    (const char *const[]){ "k=ed25519; @ed" }, 1);
	check_state("2047", &l.checks.v[0], GP_DKIM_POLICY,
	    "RSA key of 2047 bits");
	check_state("2048", &l.checks.v[1], GP_DKIM_NONE, NULL);
	check_state("ed25519", &l.checks.v[2], GP_DKIM_NONE, NULL);
	lab_close(&l);
}

/* -- one never touches another ------------------------------------------- */

/* What is wrong with the one. */
struct fault {
	const char *label, *a, *more;
	const char *record; /* NULL: the key is not available */
	bool bad_hash, bad_signature;
	enum gp_dkim_result result;
};

static void
run_one(struct lab *l, struct gp_dkim_check *c, const struct fault *f)
{
	const struct gp_dns_answer timeout = { .rc = GP_TEMP,
		.why = "timeout" };
	const uint8_t other[GP_DKIM_HASH_BYTES] = { 1 };

	if (f->record == NULL)
		gp_dkim_feed_key(c, &timeout, &l->how, l->arena);
	else
		feed_records(l, c, &f->record, 1);
	gp_dkim_feed_body(c, 10, f->bad_hash ? other : hash0, &l->how);
	gp_dkim_feed_signature(c, !f->bad_signature);
}

static void
one_fault_at(const struct fault *f, size_t position)
{
	static const struct fault good = { .a = "rsa-sha256",
		.more = "",
		.record = "@2048" };
	const struct gp_dkim_check *which;
	struct lab l = lab_open();

	for (size_t i = 0; i < 3; i++)
		add_sig(&l, i == position ? f->a : good.a,
		    i == position ? f->more : good.more);
	begin(&l);
	assert_int_equal(l.checks.n, 3);
	for (size_t i = 0; i < 3; i++)
		run_one(&l, &l.checks.v[i], i == position ? f : &good);
	for (size_t i = 0; i < 3; i++)
		if (l.checks.v[i].result !=
		    (i == position ? f->result : GP_DKIM_PASS))
			fail_msg("row: %s at %zu: number %zu is %s", f->label,
			    position, i,
			    gp_dkim_result_name(l.checks.v[i].result));
	assert_int_equal(gp_dkim_overall(&l.checks, &which), GP_DKIM_PASS);
	assert_ptr_equal(which, &l.checks.v[position == 0 ? 1 : 0]);
	lab_close(&l);
}

static void
one_bad_signature_never_touches_another(void **state)
{
	static const struct fault faults[] = {
		{ "malformed", "rsa-sha256", "t=; ", "@2048", false, false,
		    GP_DKIM_PERMERROR },
		{ "expired", "rsa-sha256", "x=1; ", "@2048", false, false,
		    GP_DKIM_PERMERROR },
		{ "key times out", "rsa-sha256", "", NULL, false, false,
		    GP_DKIM_TEMPERROR },
		{ "key is revoked", "rsa-sha256", "", "v=DKIM1; p=", false,
		    false, GP_DKIM_PERMERROR },
		{ "key is broken", "rsa-sha256", "", "v=DKIM1; p=?", false,
		    false, GP_DKIM_PERMERROR },
		{ "key is small", "rsa-sha256", "", "@512", false, false,
		    GP_DKIM_POLICY },
		{ "key is of another type", "ed25519-sha256", "", "@2048",
		    false, false, GP_DKIM_PERMERROR },
		{ "l= too long", "rsa-sha256", "l=11; ", "@2048", false, false,
		    GP_DKIM_PERMERROR },
		{ "l= too short", "rsa-sha256", "l=9; ", "@2048", false, false,
		    GP_DKIM_POLICY },
		{ "another body", "rsa-sha256", "", "@2048", true, false,
		    GP_DKIM_FAIL },
		{ "another header", "rsa-sha256", "", "@2048", false, true,
		    GP_DKIM_FAIL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++)
		for (size_t position = 0; position < 3; position++)
			one_fault_at(&faults[i], position);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feed_key_each_record_is_judged),
		cmocka_unit_test(feed_key_exactly_one_key_record_is_wanted),
		cmocka_unit_test(
		    feed_key_a_broken_record_is_permerror_in_its_own_words),
		cmocka_unit_test(feed_key_absent_and_temporary_are_told_apart),
		cmocka_unit_test(feed_key_keeps_what_was_learnt),
		cmocka_unit_test(feed_key_minimum_is_the_operators),
		cmocka_unit_test(one_bad_signature_never_touches_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
