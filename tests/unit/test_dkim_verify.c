/* Which signatures are checked, and what each step says of them. */
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
static const uint8_t hash1[GP_DKIM_HASH_BYTES] = { 1 };

/* Tags of one signature; NULL: what a good one has. */
struct sig {
	const char *a, *d, *s, *h, *b;
	const char *more; /* "l=5; " ... */
};

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

static const char *
or_else(const char *s, const char *other)
{
	return s == NULL ? other : s;
}

static void
add_sig(struct lab *l, struct sig s)
{
	add(l, "DKIM-Signature",
	    gp_arena_printf(l->arena,
		" v=1; a=%s; d=%s; s=%s; h=%s; %sbh=" HASH0 "; b=%s",
		or_else(s.a, "rsa-sha256"), or_else(s.d, "example.com"),
		or_else(s.s, "s1"), or_else(s.h, "From:Subject"),
		or_else(s.more, ""), or_else(s.b, "AAAA")));
}

static void
begin(struct lab *l, const char *author)
{
	gp_dkim_checks_begin(&l->header, author, &l->how, NOW, l->arena,
	    &l->checks);
}

static void
check_state(const char *label, const struct gp_dkim_check *c,
    enum gp_dkim_result result, const char *reason)
{
	if (c->result != result || (c->reason == NULL) != (reason == NULL) ||
	    (reason != NULL && strcmp(c->reason, reason) != 0))
		fail_msg("row: %s: %s, %s", label,
		    gp_dkim_result_name(c->result),
		    or_else(c->reason, "no reason"));
	if (c->decided != (reason != NULL || result == GP_DKIM_PASS))
		fail_msg("row: %s: decided is %d", label, c->decided);
}

/* -- what the header alone decides ------------------------------------- */

static void
begin_each_signature_is_judged_by_itself(void **state)
{
	static const struct {
		const char *label;
		struct sig sig;
		enum gp_dkim_result result;
		const char *reason; /* NULL: not decided yet */
	} rows[] = {
		{ "good", { .a = NULL }, GP_DKIM_NONE, NULL },
		{ "ed25519 (RFC 8463)", { .a = "ed25519-sha256" }, GP_DKIM_NONE,
		    NULL },
		{ "x= passed by the drift (RFC 6376 3.5)",
		    { .more = "x=1699999700; " }, GP_DKIM_NONE, NULL },
		{ "x= passed by more", { .more = "x=1699999699; " },
		    GP_DKIM_PERMERROR, "signature has expired" },
		{ "x= for ever", { .more = "x=99999999999999999999999; " },
		    GP_DKIM_NONE, NULL },
		{ "t= ahead by the drift", { .more = "t=1700000300; " },
		    GP_DKIM_NONE, NULL },
		{ "t= ahead by more", { .more = "t=1700000301; " },
		    GP_DKIM_PERMERROR, "signature is from the future" },
		{ "t= for ever ahead",
		    { .more = "t=99999999999999999999999; " },
		    GP_DKIM_PERMERROR, "signature is from the future" },
		{ "t= of 1970", { .more = "t=0; " }, GP_DKIM_NONE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lab l = lab_open();
		const struct gp_dkim_check *c;

		add_sig(&l, rows[i].sig);
		add(&l, "From", " a@example.com");
		begin(&l, NULL);
		assert_int_equal(l.checks.n, 1);
		c = &l.checks.v[0];
		assert_ptr_equal(c->field, &l.header.v[0]);
		check_state(rows[i].label, c, rows[i].result, rows[i].reason);
		lab_close(&l);
	}
}

static void
begin_malformed_is_permerror_and_still_named(void **state)
{
	static const struct sig rows[] = {
		{ .h = "Subject" }, /* RFC 6376 5.4: From must be there */
		{ .more = "t=1; t=1; " },
		{ .more = "v=2; " },
		{ .more = "t=5; x=4; " },
		{ .more = "q=http; " },
		{ .more = "i=@example.org; " },
		{ .b = "!!!" },
		{ .a = "rsa-md5" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lab l = lab_open();
		const struct gp_dkim_check *c;

		add_sig(&l, rows[i]);
		add(&l, "From", " a@example.com");
		begin(&l, NULL);
		c = &l.checks.v[0];
		assert_int_equal(c->result, GP_DKIM_PERMERROR);
		assert_true(c->decided && c->reason[0] != '\0');
		assert_string_equal(c->sig.domain, "example.com");
		assert_string_equal(c->sig.selector, "s1");
		lab_close(&l);
	}
}

static void
begin_rsa_sha1_is_policy(void **state)
{
	struct lab l = lab_open();

	(void)state;
	add(&l, "DKIM-Signature",
	    " v=1; a=rsa-sha1; d=example.com; s=s1; h=From; "
	    "bh=AAAAAAAAAAAAAAAAAAAAAAAAAAA=; b=AAAA");
	add(&l, "From", " a@example.com");
	begin(&l, NULL);
	check_state("rsa-sha1", &l.checks.v[0], GP_DKIM_POLICY,
	    "rsa-sha1 is not accepted");
	lab_close(&l);
}

static void
begin_broken_message_breaks_every_signature(void **state)
{
	static const struct {
		size_t froms;
		bool over;
		const char *reason;
	} rows[] = {
		{ 0, false, "message has no From field" },
		{ 2, false, "message has several From fields" },
		{ 3, false, "message has several From fields" },
		{ 1, true, "header is too large" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lab l = lab_open();

		add_sig(&l, (struct sig){ .h = "From:From:From:From" });
		add_sig(&l, (struct sig){ .a = "ed25519-sha256" });
		add_sig(&l, (struct sig){ .d = "not a domain" });
		for (size_t j = 0; j < rows[i].froms; j++)
			add(&l, j == 0 ? "From" : "fROM", " a@example.com");
		l.header.over = rows[i].over;
		begin(&l, NULL);
		assert_int_equal(l.checks.n, 3);
		check_state("1", &l.checks.v[0], GP_DKIM_PERMERROR,
		    rows[i].reason);
		check_state("2", &l.checks.v[1], GP_DKIM_PERMERROR,
		    rows[i].reason);
		/* its own fault is told first */
		assert_int_equal(l.checks.v[2].result, GP_DKIM_PERMERROR);
		assert_string_not_equal(l.checks.v[2].reason, rows[i].reason);
		lab_close(&l);
	}
}

/* -- RFC 6376 section 8.15 ---------------------------------------------- */

/* A message with `copies` of the field, one signature that names it `signed_n`
 * times. */
static void
begin_with_copies(struct lab *l, const char *name, unsigned copies,
    unsigned signed_n)
{
	const char *h = "From";

	*l = lab_open();
	for (unsigned i = 0; i < signed_n; i++)
		h = gp_arena_printf(l->arena, "%s:%s", name, h);
	add_sig(l, (struct sig){ .h = h });
	add(l, "From", " a@example.com");
	for (unsigned i = 0; i < copies; i++)
		add(l, name, " text");
	begin(l, NULL);
}

static void
begin_an_unsigned_further_instance_is_policy(void **state)
{
	static const char *const names[] = { "Subject", "Date", "To", "Cc",
		"Reply-To", "Sender", "Message-ID", "MIME-Version",
		"Content-Type", "Content-Transfer-Encoding" };
	static const struct {
		unsigned copies, signed_n;
		bool policy;
	} rows[] = {
		{ 0, 1, false }, { 1, 1, false }, { 2, 1, true },
		{ 2, 2, false }, { 3, 2, true }, { 3, 3, false },
		{ 2, 3, false }, /* and a third prevented */
		{ 2, 0, false }, /* never signed at all */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		for (size_t j = 0; j < COUNT(rows); j++) {
			char reason[100];
			struct lab l;

			(void)snprintf(reason, sizeof(reason),
			    "a further %s field is not signed", names[i]);
			begin_with_copies(&l, names[i], rows[j].copies,
			    rows[j].signed_n);
			check_state(names[i], &l.checks.v[0],
			    rows[j].policy ? GP_DKIM_POLICY : GP_DKIM_NONE,
			    rows[j].policy ? reason : NULL);
			lab_close(&l);
		}
}

static void
begin_further_instances_do_not_depend_on_case(void **state)
{
	struct lab l = lab_open();

	(void)state;
	add_sig(&l, (struct sig){ .h = "from:sUBJECT" });
	add_sig(&l, (struct sig){ .h = "from:subject:SUBJECT" });
	add(&l, "From", " a@example.com");
	add(&l, "Subject", " one");
	add(&l, "SUBJECT", " two");
	begin(&l, NULL);
	check_state("one", &l.checks.v[0], GP_DKIM_POLICY,
	    "a further Subject field is not signed");
	check_state("both", &l.checks.v[1], GP_DKIM_NONE, NULL);
	lab_close(&l);
}

static void
begin_fields_that_may_stand_often_may(void **state)
{
	static const char *const names[] = { "Received", "Comments", "Keywords",
		"X-Any", "List-Id", "DKIM-Signature-Not" };
	struct lab l;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		begin_with_copies(&l, names[i], 2, 1);
		check_state(names[i], &l.checks.v[0], GP_DKIM_NONE, NULL);
		lab_close(&l);
	}
}

/* -- which of them ------------------------------------------------------ */

/* The selectors of what was chosen, as "a b c". */
static const char *
chosen(const struct lab *l)
{
	const char *s = "";

	for (size_t i = 0; i < l->checks.n; i++)
		s = gp_arena_printf(l->arena, "%s%s%s", s, i == 0 ? "" : " ",
		    l->checks.v[i].sig.selector);
	return s;
}

static void
begin_chooses_the_author_first_then_the_top(void **state)
{
	static const struct {
		const char *label;
		const char *d[6]; /* selectors are a, b, c ... */
		unsigned max;
		const char *author, *chosen;
	} rows[] = {
		{ "all of few", { "x.org", "y.org" }, 8, "z.org", "a b" },
		{ "just as many", { "x.org", "y.org" }, 2, "y.org", "a b" },
		{ "no author: the top", { "x.org", "y.org", "z.org" }, 2, NULL,
		    "a b" },
		{ "equal", { "x.org", "y.org", "z.org" }, 1, "z.org", "c" },
		{ "above the author", { "x.org", "y.org", "z.org" }, 1,
		    "news.z.org", "c" },
		{ "below the author", { "x.org", "y.org", "news.z.org" }, 1,
		    "z.org", "c" },
		{ "a sister is not related", { "x.org", "a.z.org", "z.org" }, 1,
		    "b.z.org", "c" },
		{ "a like ending is not related", { "x.org", "notz.org" }, 1,
		    "z.org", "a" },
		{ "order stays", { "x.org", "y.org", "w.org", "z.org" }, 2,
		    "z.org", "a d" },
		{ "several of the author: from the top",
		    { "z.org", "x.org", "z.org", "z.org" }, 2, "z.org", "a c" },
		{ "malformed ones take part", { "x y", "y.org", "z.org" }, 2,
		    "z.org", "a c" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lab l = lab_open();
		size_t n = 0;

		l.how.max_signatures = rows[i].max;
		for (; n < 6 && rows[i].d[n] != NULL; n++) {
			const char s[2] = { (char)('a' + n), '\0' };

			add_sig(&l, (struct sig){ .d = rows[i].d[n], .s = s });
		}
		add(&l, "From", " a@example.com");
		begin(&l, rows[i].author);
		if (strcmp(chosen(&l), rows[i].chosen) != 0 ||
		    l.checks.n + l.checks.ignored != n)
			fail_msg("row: %s: %s, %zu ignored", rows[i].label,
			    chosen(&l), l.checks.ignored);
		lab_close(&l);
	}
}

static void
begin_never_reads_more_than_the_bound(void **state)
{
	struct lab l = lab_open();

	(void)state;
	l.how.max_signatures = 2;
	for (unsigned i = 0; i < GP_DKIM_FIELDS_MAX; i++)
		add_sig(&l, (struct sig){ .d = "x.org" });
	/* the author's own, one field too far down */
	add_sig(&l, (struct sig){ .d = "z.org" });
	add(&l, "From", " a@z.org");
	begin(&l, "z.org");
	assert_int_equal(l.checks.n, 2);
	assert_int_equal(l.checks.ignored, GP_DKIM_FIELDS_MAX - 1);
	assert_string_equal(l.checks.v[0].sig.domain, "x.org");
	assert_string_equal(l.checks.v[1].sig.domain, "x.org");
	lab_close(&l);
}

static void
begin_without_signatures_there_is_nothing(void **state)
{
	struct lab l = lab_open();

	(void)state;
	add(&l, "From", " a@example.com");
	add(&l, "X-DKIM-Signature", " v=1");
	begin(&l, "example.com");
	assert_int_equal(l.checks.n, 0);
	assert_int_equal(l.checks.ignored, 0);
	lab_close(&l);
}

/* -- the question ------------------------------------------------------- */

static void
question_is_the_name_below_domainkey(void **state)
{
	struct gp_dns_question q;
	struct lab l = lab_open();

	(void)state;
	add_sig(&l, (struct sig){ .d = "News.Example.COM", .s = "A.b" });
	add_sig(&l, (struct sig){ .d = "b\xc3\xbc"
				       "cher.example" });
	add(&l, "From", " a@example.com");
	begin(&l, NULL);
	assert_int_equal(gp_dkim_question(&l.checks.v[0], &q), GP_OK);
	assert_string_equal(q.name, "a.b._domainkey.news.example.com");
	assert_int_equal(q.type, GP_DNS_TXT);
	/* RFC 8616 section 4 */
	assert_int_equal(gp_dkim_question(&l.checks.v[1], &q), GP_OK);
	assert_string_equal(q.name, "s1._domainkey.xn--bcher-kva.example");
	lab_close(&l);
}

static void
question_too_long_decides_that_one(void **state)
{
	/* 63 + 1 + 63 + 1 + 63 + 1 + n, before it "s._domainkey." */
	static const char label63[] =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct gp_dns_question q;
	struct lab l = lab_open();

	(void)state;
	for (unsigned extra = 48; extra <= 49; extra++)
		add_sig(&l,
		    (struct sig){ .s = "s",
			.d = gp_arena_printf(l.arena, "%s.%s.%s.%.*s", label63,
			    label63, label63, (int)extra, label63) });
	add(&l, "From", " a@example.com");
	begin(&l, NULL);
	assert_int_equal(gp_dkim_question(&l.checks.v[0], &q), GP_OK);
	assert_int_equal(strlen(q.name), GP_DOMAIN_MAX);
	check_state("fits", &l.checks.v[0], GP_DKIM_NONE, NULL);
	assert_int_equal(gp_dkim_question(&l.checks.v[1], &q), GP_NONE);
	assert_string_equal(q.name, "");
	check_state("one too long", &l.checks.v[1], GP_DKIM_PERMERROR,
	    "name of the key is too long");
	lab_close(&l);
}

/* -- body and signature -------------------------------------------------- */

static void
feed_body_length_and_hash_are_judged(void **state)
{
	static const struct {
		const char *label, *more;
		uint64_t total;
		const uint8_t *hash;
		enum gp_body_length option;
		enum gp_dkim_result result;
		const char *reason;
	} rows[] = {
		{ "hash fits", NULL, 10, hash0, GP_BODY_LENGTH_POLICY,
		    GP_DKIM_PASS, NULL },
		{ "hash differs (RFC 6376 3.9)", NULL, 10, hash1,
		    GP_BODY_LENGTH_POLICY, GP_DKIM_FAIL,
		    "body hash did not verify" },
		{ "l= is the body", "l=10; ", 10, hash0, GP_BODY_LENGTH_POLICY,
		    GP_DKIM_PASS, NULL },
		{ "l= beyond the body (RFC 6376 3.5)", "l=11; ", 10, hash0,
		    GP_BODY_LENGTH_PASS, GP_DKIM_PERMERROR,
		    "l= is beyond the body" },
		{ "l= beyond, hash differs", "l=11; ", 10, hash1,
		    GP_BODY_LENGTH_PASS, GP_DKIM_PERMERROR,
		    "l= is beyond the body" },
		{ "l= short (RFC 6376 8.2)", "l=9; ", 10, hash0,
		    GP_BODY_LENGTH_POLICY, GP_DKIM_POLICY,
		    "l= leaves body text unsigned" },
		{ "l= short, accepted", "l=9; ", 10, hash0, GP_BODY_LENGTH_PASS,
		    GP_DKIM_PASS, NULL },
		{ "l= short, hash differs", "l=9; ", 10, hash1,
		    GP_BODY_LENGTH_POLICY, GP_DKIM_FAIL,
		    "body hash did not verify" },
		{ "l=0", "l=0; ", 10, hash0, GP_BODY_LENGTH_POLICY,
		    GP_DKIM_POLICY, "l= leaves body text unsigned" },
		{ "l=0 of nothing", "l=0; ", 0, hash0, GP_BODY_LENGTH_POLICY,
		    GP_DKIM_PASS, NULL },
		{ "l= huge", "l=99999999999999999999999999; ", 10, hash0,
		    GP_BODY_LENGTH_PASS, GP_DKIM_PERMERROR,
		    "l= is beyond the body" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lab l = lab_open();

		l.how.body_length = rows[i].option;
		add_sig(&l, (struct sig){ .more = rows[i].more });
		add(&l, "From", " a@example.com");
		begin(&l, NULL);
		gp_dkim_feed_body(&l.checks.v[0], rows[i].total, rows[i].hash,
		    &l.how);
		gp_dkim_feed_signature(&l.checks.v[0], true);
		check_state(rows[i].label, &l.checks.v[0], rows[i].result,
		    rows[i].reason);
		lab_close(&l);
	}
}

static void
feed_signature_is_the_last_step(void **state)
{
	struct lab l = lab_open();

	(void)state;
	add_sig(&l, (struct sig){ .a = NULL });
	add_sig(&l, (struct sig){ .a = NULL });
	add_sig(&l, (struct sig){ .more = "l=9; " });
	add(&l, "From", " a@example.com");
	begin(&l, NULL);
	for (size_t i = 0; i < 3; i++)
		gp_dkim_feed_body(&l.checks.v[i], 10, hash0, &l.how);
	for (size_t i = 0; i < 3; i++)
		check_state("fits so far", &l.checks.v[i], GP_DKIM_NONE, NULL);
	gp_dkim_feed_signature(&l.checks.v[0], true);
	gp_dkim_feed_signature(&l.checks.v[1], false);
	gp_dkim_feed_signature(&l.checks.v[2], false);
	check_state("good", &l.checks.v[0], GP_DKIM_PASS, NULL);
	check_state("bad", &l.checks.v[1], GP_DKIM_FAIL,
	    "signature did not verify");
	check_state("l= short too", &l.checks.v[2], GP_DKIM_FAIL,
	    "signature did not verify");
	lab_close(&l);
}

static void
every_step_leaves_alone_what_is_decided(void **state)
{
	const struct gp_dns_answer none = { .rc = GP_NONE };
	struct lab l = lab_open();
	struct gp_dkim_check *c;

	(void)state;
	add_sig(&l, (struct sig){ .more = "l=5; " });
	add(&l, "From", " a@example.com");
	begin(&l, NULL);
	c = &l.checks.v[0];
	gp_dkim_settle(c, GP_DKIM_TEMPERROR, "first");
	gp_dkim_settle(c, GP_DKIM_FAIL, "second");
	gp_dkim_feed_key(c, &none, &l.how, l.arena);
	gp_dkim_feed_body(c, 1, hash1, &l.how);
	gp_dkim_feed_signature(c, true);
	check_state("settled", c, GP_DKIM_TEMPERROR, "first");
	lab_close(&l);
}

static void
settle_a_pass_has_no_reason(void **state)
{
	struct gp_dkim_check c = { .decided = false };

	(void)state;
	gp_dkim_settle(&c, GP_DKIM_PASS, "all is well");
	check_state("pass", &c, GP_DKIM_PASS, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begin_each_signature_is_judged_by_itself),
		cmocka_unit_test(begin_malformed_is_permerror_and_still_named),
		cmocka_unit_test(begin_rsa_sha1_is_policy),
		cmocka_unit_test(begin_broken_message_breaks_every_signature),
		cmocka_unit_test(begin_an_unsigned_further_instance_is_policy),
		cmocka_unit_test(begin_further_instances_do_not_depend_on_case),
		cmocka_unit_test(begin_fields_that_may_stand_often_may),
		cmocka_unit_test(begin_chooses_the_author_first_then_the_top),
		cmocka_unit_test(begin_never_reads_more_than_the_bound),
		cmocka_unit_test(begin_without_signatures_there_is_nothing),
		cmocka_unit_test(question_is_the_name_below_domainkey),
		cmocka_unit_test(question_too_long_decides_that_one),
		cmocka_unit_test(feed_body_length_and_hash_are_judged),
		cmocka_unit_test(feed_signature_is_the_last_step),
		cmocka_unit_test(every_step_leaves_alone_what_is_decided),
		cmocka_unit_test(settle_a_pass_has_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
